"""Writes the knobs of the Verilog memory: what an active memory agent drives instead of beats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyuvm import uvm_driver

from tb.agents.memory.config import MemoryConfig
from tb.agents.memory.item import TemperItem

__all__ = ["MemoryDriver"]


class MemoryDriver(uvm_driver):  # type: ignore[misc]  # pyuvm carries no types
    """Sets tempers that a sequence asks for, or at once with `apply`.  `entity` is the Verilog memory."""

    entity: Any
    performed: Callable[[MemoryConfig], None]
    """Told of each temper that a sequence has set."""

    def build_phase(self) -> None:
        """Nothing is written yet."""
        self._written: dict[str, int] = {}

    def apply(self, config: MemoryConfig) -> None:
        """Write the knobs that differ from what was written last; they hold for bursts accepted from now on."""
        for name, value in config.knobs():
            if self._written.get(name) != value:
                getattr(self.entity, name).value = value
                self._written[name] = value

    async def run_phase(self) -> None:
        """For ever: next item, apply, done."""
        while True:
            item: TemperItem = await self.seq_item_port.get_next_item()
            self.apply(item.config)
            self.performed(item.config)
            self.seq_item_port.item_done()
