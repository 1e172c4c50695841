"""What no engine can beat under a memory: cycles of a descriptor's parts, and utilization of the bus.

The memory gives a read's first beat `latency` cycles after its address, then a beat a cycle; it answers a write
`latency` cycles after its last beat; R and W stand still for the first `stall` of every 100 cycles, and whoever is
lucky begins right behind them.  A descriptor is 32 bytes (64 of the render queue), a record 32, a fence value one word,
and each tells the engine or the host something only when it is there.  So of a part that must happen, its latency and
its beats remain; of the others nothing.  Drawing writes a word of device memory a cycle, as wide as the bus.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from models.memory import PAGE
from tb.bench.cases import Case

__all__ = ["LATENCY_RANGE", "PERIOD", "STALL_RANGE", "Memory"]

PERIOD = 100
"""Cycles after which the stalls of R and W come again."""
LATENCY_RANGE, STALL_RANGE = (1, 10_000), (0, 95)
"""(least, most) cycles of latency and percent of stalls that can be timed."""
_DESCRIPTOR, _RECORD = 32, 32
_DRAWS = ("render", "descriptor.fill", "descriptor.copy")


@dataclass(frozen=True, slots=True, order=True)
class Memory:
    """latency in cycles, width of the bus in bits, stall in percent of the cycles of R and W."""

    latency: int = 13
    width: int = 64
    stall: int = 0

    def beats(self, size: int) -> int:
        """Beats of so many bytes."""
        return ceil(size * 8 / self.width)

    def stalled(self, size: int) -> int:
        """Stalls that so many bytes cannot avoid, in cycles from their first beat to their last."""
        return max(self.beats(size) - 1, 0) // (PERIOD - self.stall) * self.stall

    def total(self, kind: str, size: int) -> int:
        """The least cycles of the whole: of its parts, and the stalls of its data, which fall into any of them."""
        parts = self.parts(kind, size)
        return sum(parts.values()) + (self.stalled(size) if "transfer" in parts and kind not in _DRAWS else 0)

    def parts(self, kind: str, size: int) -> dict[str, int]:
        """The least cycles of each part of an operation that moves `size` bytes, without those that need not happen.

        kind: as `tb.timing.operations.KINDS`, a descriptor with its opcode.
        """
        record = self.beats(_RECORD) + self.latency
        descriptor = _DESCRIPTOR * (2 if kind in _DRAWS else 1)
        found = {"descriptor_fetch": self.latency + self.beats(descriptor) - 1}
        reads = kind in ("writeback", "descriptor.writeback")
        writes = kind in ("readback", "page_fault", "descriptor.readback")
        if size and reads:
            return found | {"first_data": self.latency, "transfer": self.beats(size), "response": record}
        if size and writes:
            return found | {"transfer": self.beats(size), "response": self.latency + record}
        if size and kind in _DRAWS:
            return found | {"transfer": self.beats(size), "response": record}
        return (found | {"response": record}) if kind not in ("page_fault",) else {}

    def utilization(self, kind: str) -> float | None:
        """Data beats a cycle that no engine exceeds on pages of 4 KiB, by the derivation of tb/bench/cases.py."""
        direction = {"page_readback": "readback", "page_writeback": "writeback"}.get(kind)
        if direction is None:
            return None
        stall = (self.stall, PERIOD) if self.stall else (0, 0)
        return Case("pages", direction, PAGE, self.latency, self.width, stall=stall).bound
