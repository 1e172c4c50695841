"""From the driver's stamped events to one row a phase: what each part of the scenario cost.

A reader of the one trace: it counts events and cycles and knows nothing of the simulator that made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from models.events import Fault, FenceSignal, FenceWait, Phase, Readback, Submit, Writeback, Zap, page_count
from tb.bridge import Stamped

__all__ = ["Bus", "Row", "rows_of", "total"]


@dataclass(frozen=True, slots=True)
class Bus:
    """What the bus did in some cycles: cycles with DMA data in flight, and data beats moved, both directions."""

    dma_cycles: int = 0
    beats: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One phase. Pages are of 4 KiB; fence-wait cycles are summed over the waits that ended in the phase."""

    phase: str
    faults: int = 0
    pages_zapped: int = 0
    pages_read_back: int = 0
    bytes_read_back: int = 0
    pages_written_back: int = 0
    bytes_written_back: int = 0
    descriptors: int = 0
    dma_cycles: int = 0
    fence_wait_cycles: int = 0
    beats: int = 0
    cycles: int = 0

    @property
    def bus_utilization(self) -> float:
        """Data beats a cycle: 1.0 is one direction always busy, 2.0 both."""
        return self.beats / self.cycles if self.cycles else 0.0


def spans(notes: Sequence[Stamped], end: int) -> list[tuple[str, int, int]]:
    """Return (phase, first cycle, cycle after the last) in order; what precedes the first phase is "set up"."""
    begins = [(note.event.name, note.cycle) for note in notes if isinstance(note.event, Phase)]
    if not begins or begins[0][1] > 0:
        begins.insert(0, ("set up", 0))
    ends = [*(cycle for _, cycle in begins[1:]), end]
    return [(name, start, stop) for (name, start), stop in zip(begins, ends, strict=True)]


def rows_of(notes: Sequence[Stamped], end: int, buses: Sequence[Bus] | None = None) -> list[Row]:
    """Return a row for each phase of `notes`, which are in the order of time; `end` is the last cycle.

    buses: one a phase (see `spans`), where the bus was recorded.
    """
    phases = spans(notes, end)
    counts = [dict.fromkeys((field.name for field in fields(Row) if field.name != "phase"), 0) for _ in phases]
    waits: list[tuple[int, int, int]] = []
    current = 0
    seen = 0 if phases[0][0] == "set up" else -1
    for note in notes:
        event = note.event
        if isinstance(event, Phase):
            seen += 1
            current = seen
        count = counts[current]
        match event:
            case Fault():
                count["faults"] += 1
            case Zap():
                count["pages_zapped"] += page_count(event.pages)
            case Readback():
                count["pages_read_back"] += page_count(event.pages)
                count["bytes_read_back"] += event.bytes
            case Writeback():
                count["pages_written_back"] += page_count(event.pages)
                count["bytes_written_back"] += event.bytes
            case Submit():
                count["descriptors"] += event.descriptors
            case FenceWait():
                waits.append((event.queue, event.value, note.cycle))
            case FenceSignal():
                reached = [wait for wait in waits if wait[0] == event.queue and _reached(wait[1], event.value)]
                count["fence_wait_cycles"] += sum(note.cycle - since for _, _, since in reached)
                waits = [wait for wait in waits if wait not in reached]
    rows = []
    for index, (name, start, stop) in enumerate(phases):
        bus = buses[index] if buses is not None else Bus()
        counts[index].update(cycles=stop - start, dma_cycles=bus.dma_cycles, beats=bus.beats)
        rows.append(Row(name, **counts[index]))
    return rows


def total(rows: Sequence[Row]) -> Row:
    """Return the sum of rows as one that is called "total"."""
    names = [field.name for field in fields(Row) if field.name != "phase"]
    return Row("total", **{name: sum(getattr(row, name) for row in rows) for name in names})


def _reached(value: int, signalled: int) -> bool:
    """Whether a fence value has been reached; values are 32 bits and wrap."""
    return (signalled - value) % (1 << 32) < 1 << 31
