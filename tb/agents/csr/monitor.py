"""Watches the AXI4-Lite pins, drives nothing, and publishes each completed access.

It wakes when a VALID rises, not at every clock, so a quiet bus costs nothing.  Requests and responses are watched apart
and matched in order: a response without a request is an orphan, a request without a response is left over, and both
are errors.  The master is expected to offer address and data together, as a processor's bridge does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import cocotb
from cocotb.handle import SimHandleBase
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb_bus.monitors import BusMonitor
from pyuvm import uvm_analysis_port, uvm_component, uvm_monitor

from tb.agents.csr.item import CsrAccess, Response
from tb.agents.pins import bit, unsigned
from tb.clocking import cycle_now

__all__ = ["CsrMonitor", "CsrWatch"]


class CsrWatch(BusMonitor):  # type: ignore[misc]  # cocotb-bus carries no types
    """One direction of the bus; hands each CsrAccess to `callback` and each violation, in words, to `complain`."""

    _signals = [
        *("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bresp", "bvalid"),
        *("araddr", "arvalid", "rdata", "rresp", "rvalid"),
    ]

    def __init__(
        self,
        entity: SimHandleBase,
        clock: Any,
        *,
        write: bool,
        callback: Callable[[CsrAccess], None],
        complain: Callable[[str], None],
    ) -> None:
        self._write = write
        self._complain = complain
        self._asked: deque[tuple[int, int, int]] = deque()
        super().__init__(entity, "s_axil", clock, callback=callback, case_insensitive=False)
        self._requests = cocotb.start_soon(self._watch_requests())

    @property
    def left_over(self) -> int:
        """Requests that have not been answered."""
        return len(self._asked)

    async def _watch_requests(self) -> None:
        pins = self.bus
        valid, address = (pins.awvalid, pins.awaddr) if self._write else (pins.arvalid, pins.araddr)
        rise, settled = RisingEdge(valid), ReadOnly()
        while True:
            await rise
            await settled
            if not self._write:
                self._asked.append((unsigned(address), 0, 0xF))
            elif bit(pins.wvalid):
                self._asked.append((unsigned(address), unsigned(pins.wdata), unsigned(pins.wstrb)))
            else:
                self._complain(f"write address {unsigned(address):#06x} without data")

    async def _monitor_recv(self) -> None:
        pins = self.bus
        valid, response = (pins.bvalid, pins.bresp) if self._write else (pins.rvalid, pins.rresp)
        rise, settled = RisingEdge(valid), ReadOnly()
        while True:
            await rise
            await settled
            if not self._asked:
                self._complain(f"{'write' if self._write else 'read'} response without a request")
                continue
            address, value, strobe = self._asked.popleft()
            if not self._write:
                value = unsigned(pins.rdata)
            self._recv(CsrAccess(self._write, address, value, strobe, Response(unsigned(response)), cycle_now()))


class CsrMonitor(uvm_monitor):  # type: ignore[misc]  # pyuvm carries no types
    """Publishes every CsrAccess on `port`; an orphan or a leftover is an error and fails the test."""

    def __init__(self, name: str, parent: uvm_component, entity: SimHandleBase, clock: Any) -> None:
        super().__init__(name, parent)
        self._entity = entity
        self._clock = clock
        self.seen = 0

    def build_phase(self) -> None:
        """Make the analysis port and start watching."""
        self.port = uvm_analysis_port("port", self)
        self._watches = [
            CsrWatch(self._entity, self._clock, write=write, callback=self._publish, complain=self.logger.error)
            for write in (False, True)
        ]

    def _publish(self, access: CsrAccess) -> None:
        self.seen += 1
        self.port.write(access)

    def check_phase(self) -> None:
        """Every request must have been answered."""
        left_over = sum(watch.left_over for watch in self._watches)
        if left_over:
            self.logger.error("%d register accesses were never answered", left_over)
