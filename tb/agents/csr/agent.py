"""The CSR agent: monitor always; master, driver and sequencer only when active.

Sequences and the register model go through the sequencer.  The bridge, which performs hundreds of accesses for each
page fault's worth of work, calls `port` and skips the sequencer's hand-shakes; both end at the same master, whose turn
lock orders them, and both are seen by the same monitor.
"""

from __future__ import annotations

from typing import Any

from cocotb.handle import SimHandleBase
from pyuvm import uvm_agent, uvm_component, uvm_sequencer

from tb.agents.csr.config import CsrConfig
from tb.agents.csr.driver import CsrDriver, CsrError, CsrMaster
from tb.agents.csr.item import Response
from tb.agents.csr.monitor import CsrMonitor

__all__ = ["CsrAgent", "CsrPort"]


class CsrPort:
    """Plain register accesses for whoever performs a driver's steps."""

    def __init__(self, master: CsrMaster) -> None:
        self._master = master

    async def write(self, address: int, value: int) -> None:
        """Write 32 bits.  Raises CsrError unless the response is OKAY."""
        response = await self._master.write(address, value)
        if response is not Response.OKAY:
            raise CsrError(f"write {address:#06x} {value:#010x}: {response.name}")

    async def read(self, address: int) -> int:
        """Read 32 bits.  Raises CsrError unless the response is OKAY."""
        value, response = await self._master.read(address)
        if response is not Response.OKAY:
            raise CsrError(f"read {address:#06x}: {response.name}")
        return value


class CsrAgent(uvm_agent):  # type: ignore[misc]  # pyuvm carries no types
    """The registers' bus on pins `s_axil_*` of `entity`, driven by `clock`; a passive agent drives none of them."""

    def __init__(
        self, name: str, parent: uvm_component, entity: SimHandleBase, clock: Any, config: CsrConfig | None = None
    ) -> None:
        super().__init__(name, parent)
        self.config = config or CsrConfig()
        self._entity = entity
        self._clock = clock

    def active(self) -> bool:
        """Whether it drives the bus."""
        return self.config.active

    def build_phase(self) -> None:
        """Build the monitor, and the active half if asked for."""
        super().build_phase()
        self.monitor = CsrMonitor("monitor", self, self._entity, self._clock)
        if self.active():
            self.master = CsrMaster(self._entity, self._clock, self.config.patience)
            self.port = CsrPort(self.master)
            self.sequencer = uvm_sequencer("sequencer", self)
            self.driver = CsrDriver("driver", self)
            self.driver.master = self.master

    def connect_phase(self) -> None:
        """Join driver and sequencer."""
        if self.active():
            self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
