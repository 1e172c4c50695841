"""Serves interrupts as a host does: waits for the line, reads the causes, acknowledges what it read.

The line itself is the engine's; what an active interrupt agent drives is the answer to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pyuvm import uvm_driver

from models.layout import Address, IrqStatus
from tb.agents.interrupt.config import Registers

__all__ = ["InterruptDriver"]


class InterruptDriver(uvm_driver):  # type: ignore[misc]  # pyuvm carries no types
    """Takes items from the sequencer; each is one interrupt, served.  Needs `registers` and `wait_high` to run."""

    registers: Registers
    wait_high: Callable[[], Awaitable[None]]

    async def run_phase(self) -> None:
        """For ever: next item, wait for the line, acknowledge, done."""
        while True:
            item = await self.seq_item_port.get_next_item()
            await self.wait_high()
            raised = await self.registers.read(Address.IRQ_STATUS)
            await self.registers.write(Address.IRQ_STATUS, raised)
            item.raised = IrqStatus.from_int(raised)
            self.seq_item_port.item_done()
