"""Watches the interrupt line: one wake-up a rise, none in between."""

from __future__ import annotations

from cocotb.triggers import RisingEdge
from cocotb_bus.monitors import BusMonitor

from tb.agents.interrupt.item import InterruptEdge
from tb.clocking import cycle_now

__all__ = ["InterruptWatch"]


class InterruptWatch(BusMonitor):  # type: ignore[misc]  # cocotb-bus carries no types
    """Calls back with an InterruptEdge at each rise of pin `irq`."""

    _signals = ["irq"]

    async def _monitor_recv(self) -> None:
        rise = RisingEdge(self.bus.irq)
        while True:
            await rise
            self._recv(InterruptEdge(cycle_now()))
