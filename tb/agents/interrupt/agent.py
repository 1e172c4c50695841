"""The interrupt agent: publishes every rise of the line and offers the level to wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cocotb.handle import SimHandleBase
from cocotb.triggers import RisingEdge
from pyuvm import uvm_agent, uvm_analysis_port, uvm_component

from tb.agents.interrupt.monitor import InterruptEdge, InterruptWatch
from tb.agents.pins import bit

__all__ = ["InterruptAgent"]


class InterruptAgent(uvm_agent):  # type: ignore[misc]  # pyuvm carries no types
    """Passive.  `port` publishes an InterruptEdge at each rise; `rises` counts them.

    on_rise: called at each rise, in the same instant, by whoever must look before time goes on.
    """

    def __init__(self, name: str, parent: uvm_component, entity: SimHandleBase, clock: Any) -> None:
        super().__init__(name, parent)
        self._entity = entity
        self._clock = clock
        self.rises = 0
        self.on_rise: Callable[[InterruptEdge], None] | None = None

    def build_phase(self) -> None:
        """Start watching the line."""
        super().build_phase()
        self.port = uvm_analysis_port("port", self)
        self._watch = InterruptWatch(
            self._entity, None, self._clock, callback=self._publish, case_insensitive=False
        )
        self._rise = RisingEdge(self._watch.bus.irq)

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
