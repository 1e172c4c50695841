"""The end of a test: nothing may be under way in the engine or on the bus, and the interrupt line must be explained.

Looked at are the engine's own words (STATUS, the STATUS of each queue, IRQ_STATUS and IRQ_ENABLE), the memory's count
of bursts that it has not answered, and the interrupt line.  What is under way gets a while to end; what is then left is
told, each in words.
"""

from __future__ import annotations

from typing import Any, Protocol

from models.engine import Queue
from models.layout import Address, EngineStatus, IrqStatus, QueueOffset, QueueStatus, queue_address
from tb.clocking import sleep

__all__ = ["leftovers"]

_LOOKS = 30
_PAUSE = 100
"""Clock cycles between two looks."""


class Registers(Protocol):
    """What is needed of the CSR agent."""

    async def read(self, address: int) -> int: ...


class Line(Protocol):
    """What is needed of the interrupt agent."""

    @property
    def high(self) -> bool: ...


async def leftovers(registers: Registers, line: Line, memory: Any) -> list[str]:
    """What is still under way after at most some thousand cycles, or contradicts itself; empty when all is quiet.

    memory: the Verilog memory, for its counts.
    """
    found: list[str] = []
    for _ in range(_LOOKS):
        found = await _seen(registers, line, memory)
        if not found:
            break
        await sleep(_PAUSE)
    return found


async def _seen(registers: Registers, line: Line, memory: Any) -> list[str]:
    found = [
        f"the memory owes {count} answers to {what}"
        for what, pin in (("reads", memory.reads_pending), ("writes", memory.writes_pending))
        if (count := int(pin.value))
    ]
    status = await registers.read(Address.STATUS)
    if status:
        found.append(f"the engine is busy: {EngineStatus.from_int(status)}")
    for queue in Queue:
        standing = await registers.read(queue_address(queue, QueueOffset.STATUS))
        if standing:
            found.append(f"the {queue.name} queue is not idle: {QueueStatus.from_int(standing)}")
    raised, enabled = await registers.read(Address.IRQ_STATUS), await registers.read(Address.IRQ_ENABLE)
    if line.high != bool(raised & enabled):
        level = "high" if line.high else "low"
        found.append(f"the interrupt line is {level}, with causes {IrqStatus.from_int(raised)} of mask {enabled:#x}")
    return found
