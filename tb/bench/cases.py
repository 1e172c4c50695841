"""What is measured, and the best that any engine could do there.

A case is one run of descriptors under one memory: a read accepted in cycle t gives its first beat in cycle t + L, then
a beat a cycle; a write is answered L cycles after its last beat.

Bounds. A bus moves one beat a cycle in each direction. What must cross beside the data caps the data's share:
  - a descriptor is 32 bytes of R for each box, a completion record 32 bytes of W, each in words of its own;
  - a translation is 8 bytes of R for each page that is not in the cache; those of neighbours share a word;
  - a row that is not aligned on the host side touches one word more than it fills.
So the bound of a direction is ideal beats / (beats of its channel), times what the stall pattern leaves. Latency is not
in it: an engine with enough bursts outstanding hides it, but for the fill and drain of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.memory import PAGE

__all__ = ["COLD_GAP", "DIRECTIONS", "LATENCIES", "SIZES", "Case", "all_cases"]

LATENCIES = (3, 13, 50, 100, 200)
"""Cycles of the memory model's L."""
SIZES = (8, 64, 256, 1024, 4096, 65536)
"""Bytes of a scattered descriptor."""
DIRECTIONS = ("readback", "writeback")
_DESCRIPTOR = 32
_RECORD = 32
_VOLUME = 1 << 20
_COUNT = 16384
_TRANSLATION = 8
COLD_GAP = 3
"""Pages from one descriptor of `cold scatter` to the next."""


@dataclass(frozen=True)
class Case:
    """One measurement.

    name: kind of case; direction: readback, writeback or both; size: bytes a row; latency: L in cycles; width: of the
    bus in bits. descriptors: how many; rows: of each box; offset: misalignment in bytes, (host, device);
    stall: (on, period) of the memory's R and W channels; cold: every page is translated for the first time.
    """

    name: str
    direction: str
    size: int
    latency: int
    width: int = 64
    descriptors: int = 1
    rows: int = 1
    offset: tuple[int, int] = (0, 0)
    stall: tuple[int, int] = (0, 0)
    cold: bool = False

    @property
    def word(self) -> int:
        """Bytes of a bus word."""
        return self.width // 8

    @property
    def ideal_beats(self) -> int:
        """Beats that the data of one direction would fill if nothing were wasted."""
        return -(-self.size // self.word) * self.rows * self.descriptors

    @property
    def ceiling(self) -> float:
        """Of the data's words, the share that alignment leaves: S / (S + one word) for unaligned rows."""
        return self.size / (self.size + self.word) if any(self.offset) else 1.0

    @property
    def stride(self) -> int:
        """Bytes from one row of a box to the next: contiguous where the memory stalls, else with a gap behind each."""
        return self.size if self.stall[1] else 2 * self.size

    @property
    def translation_beats(self) -> float:
        """Beats of R that a descriptor's translations need, on average: none for single rows that are not cold."""
        if self.rows > 1:
            return self.rows * self.stride / PAGE * _TRANSLATION / self.word
        if not self.cold:
            return 0.0
        gap = 1 if self.size >= PAGE else COLD_GAP
        return max(1.0, self.size / PAGE) * min(1.0, gap * _TRANSLATION / self.word)

    @property
    def bound(self) -> float:
        """Data beats a cycle that no engine can exceed here; see the module's docstring."""
        data = -(-self.size // self.word) / self.ceiling * self.rows
        pages = self.translation_beats
        if self.direction == "both":  # a channel fetches the descriptors of both, or takes the records of both
            busiest = max(data + 2 * -(-_DESCRIPTOR // self.word) + 2 * pages, data + 2 * -(-_RECORD // self.word))
        elif self.direction == "writeback":
            busiest = data + -(-_DESCRIPTOR // self.word) + pages
        else:
            busiest = max(data + -(-_RECORD // self.word), -(-_DESCRIPTOR // self.word) + pages)
        on, period = self.stall
        return data * self.ceiling / busiest * (1 - on / period if period else 1.0)

    def __str__(self) -> str:
        return f"{self.name} {self.direction} S={self.size} L={self.latency} {self.width} bit"


def all_cases(width: int) -> Iterator[Case]:
    """Every throughput case at one bus width in bits; latency cases are measured apart."""
    for direction in DIRECTIONS:
        for latency in LATENCIES:
            for size in SIZES:
                count = max(1, min(_COUNT, _VOLUME // size))
                yield Case("scattered", direction, size, latency, width, count)
            yield Case("cold pages", direction, PAGE, latency, width, _VOLUME // PAGE, cold=True)
            yield Case("rows", direction, 64, latency, width, rows=_COUNT)
            yield Case("rows", direction, 8, latency, width, rows=2 * _COUNT)
            yield Case("rows", direction, 512, latency, width, rows=_VOLUME // 512)
            for size, rows in ((64, _COUNT), (256, 2048), (1024, 1024)):
                yield Case("unaligned", direction, size, latency, width, rows=rows, offset=(3, 5))
        for on, period in ((8, 32), (64, 256)):
            yield Case(f"stall {on} of {period}", direction, PAGE, 13, width, rows=_VOLUME // PAGE, stall=(on, period))
        yield Case("cold scatter", direction, 64, 13, width, 1024, cold=True)
    for latency in LATENCIES:
        yield Case("both", "both", PAGE, latency, width, _VOLUME // PAGE)
