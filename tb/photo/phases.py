"""One row a phase: what each part of the scenario asked for (the driver's events) and what it cost (cycles).

A reader of the one trace: it counts notes and bus events and knows nothing of the simulator that made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from models.client.photo import count_phases
from models.events import FenceSignal, FenceWait, Phase
from models.fence import seqno_passed
from tb.bridge import Stamped
from tb.trace import Trace

__all__ = ["Row", "rows_of", "total"]


@dataclass(frozen=True, slots=True)
class Row:
    """One phase. Pages are of 4 KiB, `beats` those of host data in both directions.

    `fence_wait_cycles` sums the waits, ended in this phase, for work that was under way already, not those for a
    transfer that a fault has just started.
    """

    phase: str
    faults: int = 0
    pages_zapped: int = 0
    readback_pages: int = 0
    readback_bytes: int = 0
    writeback_pages: int = 0
    writeback_bytes: int = 0
    descriptors: int = 0
    dma_cycles: int = 0
    fence_wait_cycles: int = 0
    beats: int = 0
    cycles: int = 0

    @property
    def bus_utilization(self) -> float:
        """Beats a cycle while DMA was under way: 1.0 is one direction without a gap, 2.0 both."""
        return self.beats / self.dma_cycles if self.dma_cycles else 0.0


def rows_of(notes: Sequence[Stamped], trace: Trace, end: int) -> list[Row]:
    """Return a row for each phase, in order; `notes` are in the order of time, `end` is the last cycle.

    Raises ValueError unless the first note begins a phase.
    """
    if not notes or not isinstance(notes[0].event, Phase):
        raise ValueError("the scenario does not begin with a phase")
    starts = [(note.event.name, note.cycle) for note in notes if isinstance(note.event, Phase)]
    usages = trace.phases(starts, end)
    waits = _fence_waits(notes)
    rows = []
    for name, counts in count_phases(note.event for note in notes).items():
        usage = usages[name]
        wanted = {key: value for key, value in asdict(counts).items() if key in _NAMES}
        beats = usage.read_beats + usage.write_beats
        row = Row(name, **wanted, dma_cycles=usage.dma_cycles, beats=beats, cycles=usage.cycles,
                  fence_wait_cycles=waits.get(name, 0))
        rows.append(row)
    return rows


def total(rows: Sequence[Row]) -> Row:
    """Return the sum of rows as one that is called "total"."""
    return Row("total", **{name: sum(getattr(row, name) for row in rows) for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Row) if field.name != "phase")


def _fence_waits(notes: Sequence[Stamped]) -> dict[str, int]:
    """Cycles that waits for work under way took, by the phase in which they ended."""
    cycles: dict[str, int] = {}
    waiting: list[tuple[FenceWait, int]] = []
    phase = ""
    for note in notes:
        match note.event:
            case Phase(name=name):
                phase = name
            case FenceWait() as wait if wait.cause != "readback":
                waiting.append((wait, note.cycle))
            case FenceSignal(queue=queue, value=value):
                ended = [item for item in waiting if item[0].queue == queue and seqno_passed(value, item[0].value)]
                cycles[phase] = cycles.get(phase, 0) + sum(note.cycle - since for _, since in ended)
                waiting = [item for item in waiting if item not in ended]
    return cycles
