"""What no engine can beat under a memory: cycles of a descriptor's parts, and utilization of the bus.

The memory gives a read's first beat `latency` cycles after its address, then a beat a cycle; it answers a write
`latency` cycles after its last beat; R and W stand still for the first `stall` of every 100 cycles, and whoever is
lucky begins right behind them.  A descriptor is 32 bytes (64 of the render queue), a record 32, a fence value one word,
and each tells the engine or the host something only when it is there.  So of a part that must happen, its latency and
its beats remain; of the others nothing.  Drawing writes a word of device memory a cycle, as wide as the bus.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

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

    def stalled(self, beats: int) -> int:
        """Cycles of stalls that so many beats in a row cannot avoid, from the first to the last."""
        return max(beats - 1, 0) // (PERIOD - self.stall) * self.stall

    def total(self, kind: str, size: int) -> int:
        """The least cycles of the whole: of its parts, and the stalls of its data, which fall into any of them."""
        parts = self.parts(kind, size)
        stalled = self.stalled(self.beats(size)) if "transfer" in parts and kind not in _DRAWS else 0
        return sum(parts.values()) + stalled

    def parts(self, kind: str, size: int, hidden: int = 0) -> dict[str, int]:
        """The least cycles of each part of an operation that moves `size` bytes, without those that need not happen.

        kind: as `tb.timing.operations.KINDS`, a descriptor with its opcode.  hidden: cycles of the latency of its data
        that passed behind earlier data.
        """
        record = self.beats(_RECORD) + self.latency
        descriptor = _DESCRIPTOR * (2 if kind in _DRAWS else 1)
        found = {"descriptor_fetch": self.latency + self.beats(descriptor) - 1}
        reads = kind in ("writeback", "descriptor.writeback")
        writes = kind in ("readback", "page_fault", "descriptor.readback")
        if size and reads:
            waits = max(0, self.latency - hidden)
            return found | {"first_data": waits, "transfer": self.beats(size), "response": record}
        if size and writes:
            return found | {"transfer": self.beats(size), "response": self.latency + record}
        if size and kind in _DRAWS:
            return found | {"transfer": self.beats(size), "response": record}
        return (found | {"response": record}) if kind not in ("page_fault",) else {}

    def data_cycles(self, bursts: Iterable[tuple[bool, int]]) -> int:
        """The least cycles in which these bursts of host data (write, beats), asked for together, are under way.

        Each direction moves a beat a cycle but for the stalls that each burst cannot avoid; one latency is not hidden.
        """
        taken = {False: 0, True: 0}
        for write, beats in bursts:
            taken[write] += beats + self.stalled(beats)
        return max(taken.values()) + self.latency if any(taken.values()) else 0
