"""A rise of the line as the monitor saw it (`InterruptEdge`), and an interrupt to be served (`InterruptItem`)."""

from __future__ import annotations

from dataclasses import dataclass

from pyuvm import uvm_sequence_item

from models.layout import IrqStatus

__all__ = ["InterruptEdge", "InterruptItem"]


@dataclass(frozen=True, slots=True)
class InterruptEdge:
    """The line rose in clock cycle `cycle`."""

    cycle: int


class InterruptItem(uvm_sequence_item):  # type: ignore[misc]  # pyuvm carries no types
    """Asks for one interrupt to be waited for and acknowledged; the driver fills `raised`, the causes that it found."""

    def __init__(self, name: str = "interrupt_item") -> None:
        super().__init__(name)
        self.raised = IrqStatus()
