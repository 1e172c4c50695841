"""One register access: as a sequence asks for it (`CsrItem`) and as the monitor saw it (`CsrAccess`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pyuvm import uvm_sequence_item

__all__ = ["CsrAccess", "CsrItem", "Response"]


class Response(IntEnum):
    """AXI response codes."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


@dataclass(frozen=True, slots=True)
class CsrAccess:
    """A completed access as it stood on the pins.

    value: data written or read, 32 bits; strobe: byte lanes written (15 for a read).
    cycle: clock cycles since simulation start when the response appeared.
    """

    write: bool
    address: int
    value: int
    strobe: int
    response: Response
    cycle: int


class CsrItem(uvm_sequence_item):  # type: ignore[misc]  # pyuvm carries no types
    """An access for the sequencer; the driver fills `value` (of a read) and `response`."""

    def __init__(self, address: int, value: int | None = None, strobe: int = 0xF, name: str = "csr_item") -> None:
        """A write when `value` is given, else a read of the 32-bit register at byte `address`."""
        super().__init__(name)
        self.write = value is not None
        self.address = address
        self.value = value or 0
        self.strobe = strobe
        self.response = Response.OKAY

    def __str__(self) -> str:
        kind = "write" if self.write else "read"
        return f"{kind} {self.address:#06x} {self.value:#010x} {self.response.name}"
