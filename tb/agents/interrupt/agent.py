"""The interrupt agent: publishes every rise of the line and offers the level to wait for; active, it serves too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cocotb.handle import SimHandleBase
from cocotb.triggers import RisingEdge
from pyuvm import uvm_agent, uvm_analysis_port, uvm_component, uvm_sequencer

from tb.agents.interrupt.config import InterruptConfig, Registers
from tb.agents.interrupt.driver import InterruptDriver
from tb.agents.interrupt.item import InterruptEdge
from tb.agents.interrupt.monitor import InterruptWatch
from tb.agents.pins import bit

__all__ = ["InterruptAgent"]


class InterruptAgent(uvm_agent):  # type: ignore[misc]  # pyuvm carries no types
    """`port` publishes an InterruptEdge at each rise; `rises` counts them.

    registers: where an active agent acknowledges.
    on_rise: called at each rise, in the same instant, by whoever must look before time goes on.
    """

    def __init__(
        self,
        name: str,
        parent: uvm_component,
        entity: SimHandleBase,
        clock: Any,
        config: InterruptConfig | None = None,
    ) -> None:
        super().__init__(name, parent)
        self.config = config or InterruptConfig()
        self.registers: Registers | None = None
        self._entity = entity
        self._clock = clock
        self.rises = 0
        self.on_rise: Callable[[InterruptEdge], None] | None = None

    def active(self) -> bool:
        """Whether it serves interrupts."""
        return self.config.active

    def connect_phase(self) -> None:
        """Join driver and sequencer."""
        if self.active():
            self.driver.wait_high = self.wait_high
            self.driver.seq_item_port.connect(self.sequencer.seq_item_export)

    def end_of_elaboration_phase(self) -> None:
        """ValueError for an active agent that was not told where to acknowledge."""
        if self.active():
            if self.registers is None:
                raise ValueError(f"{self.get_full_name()} is active but has no registers: make the CSR agent active")
            self.driver.registers = self.registers

    def build_phase(self) -> None:
        """Start watching the line, and build the active half if asked for."""
        super().build_phase()
        self.port = uvm_analysis_port("port", self)
        self._watch = InterruptWatch(
            self._entity, None, self._clock, callback=self._publish, case_insensitive=False
        )
        self._rise = RisingEdge(self._watch.bus.irq)
        if self.active():
            self.sequencer = uvm_sequencer("sequencer", self)
            self.driver = InterruptDriver("driver", self)

    def final_phase(self) -> None:
        """Watch no longer: another environment may follow in the same simulation."""
        self._watch.kill()

    def _publish(self, edge: InterruptEdge) -> None:
        self.rises += 1
        if self.on_rise is not None:
            self.on_rise(edge)
        self.port.write(edge)

    @property
    def high(self) -> bool:
        """The line's level now.  Raises UnknownPin for X."""
        return bit(self._watch.bus.irq)

    async def wait_high(self) -> None:
        """Until the line is high; at once if it is."""
        while not self.high:
            await self._rise
