"""A change of temper as a sequence asks for it, and a burst as the monitor saw it."""

from __future__ import annotations

from dataclasses import dataclass

from pyuvm import uvm_sequence_item

from tb.agents.memory.config import MemoryConfig

__all__ = ["Burst", "TemperItem"]


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst that was answered: its first address and bytes, and the cycles of its address and of its last answer.

    response: that of the write, or of the last beat read.
    """

    write: bool
    id: int
    address: int
    bytes: int
    accepted: int
    answered: int
    response: int


class TemperItem(uvm_sequence_item):  # type: ignore[misc]  # pyuvm carries no types
    """Makes host memory kind or unkind."""

    def __init__(self, config: MemoryConfig, name: str = "temper_item") -> None:
        super().__init__(name)
        self.config = config
