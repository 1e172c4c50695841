"""The one trace: what happened on the engine's pins and in it, by clock cycle, with the driver's own events among it.

`tb/hdl/trace_recorder.sv` writes 32-byte events into TRACE_FILE, the performer of the driver (`tb.bridge`) appends its
steps and events to it (`tb.driver_trace`), stamped with cycles of the same count; here both become one numpy structured
array, ordered by cycle.  Whoever wants to know what happened - scoreboard, report, timing - reads this, and nothing
probes signals a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tb.driver_trace import FACTS_KIND, NOTE_KIND, STEP_KIND, TEXT_KIND, Texts

__all__ = [
    "EVENT",
    "READ_DATA_ID",
    "RING_READS",
    "WRITE_DATA_ID",
    "Kind",
    "Moment",
    "Stall",
    "Trace",
    "Translation",
    "Usage",
    "merge",
]

EVENT = np.dtype(
    [
        ("cycle", "<u8"),
        ("address", "<u8"),
        ("tag", "<u4"),
        ("length", "<u2"),
        ("queue", "u1"),
        ("detail", "u1"),
        ("value", "<u4"),
        ("cause", "<u2"),
        ("kind", "u1"),
        ("id", "u1"),
    ]
)
"""One event; the headers of trace_recorder.sv and driver_trace.py say what each kind puts into the fields."""

READ_DATA_ID = 0
"""AXI ID with which the engine reads host data (WRITEBACK); its other reads are descriptors and tables."""
RING_READS = {1: 0, 2: 1}
"""Queue of each AXI ID that reads descriptors."""
WRITE_DATA_ID = 0
"""AXI ID with which the engine writes host data (READBACK); its other writes are records and fences."""


class Kind(IntEnum):
    """What an event says; trace_recorder.sv, and driver_trace.py from STEP on, tell the fields of each."""

    READ_ADDRESS = 1
    READ_FIRST = 2
    READ_LAST = 3
    WRITE_ADDRESS = 4
    WRITE_FIRST = 5
    WRITE_LAST = 6
    WRITE_RESPONSE = 7
    DOORBELL = 8
    RECORD = 9
    FENCE = 10
    IRQ_RISE = 11
    IRQ_FALL = 12
    RESET = 13
    FETCHED = 14
    START = 15
    ENDED = 16
    WALK = 17
    STALL = 18
    STEP = STEP_KIND
    NOTE = NOTE_KIND
    TEXT = TEXT_KIND
    FACTS = FACTS_KIND


class Stall(IntEnum):
    """Who waits for what, the cause of a STALL; trace_recorder.sv's header has the words."""

    AR_READY = 1
    READ_DATA = 2
    AW_READY = 3
    W_READY = 4
    WRITE_DATA = 5
    RESPONSE = 6
    READ_ROOM = 7
    WRITE_ROOM = 8
    READ_TRANSLATION = 9
    WRITE_TRANSLATION = 10
    FENCE = 11
    ORDER = 12
    UNIT = 13
    RECORD_ROOM = 14
    BANK = 15


class Translation(IntEnum):
    """How a burst came to its address, its events' detail."""

    NONE = 0
    HIT = 1
    WAITED = 2


@dataclass(frozen=True, slots=True)
class Usage:
    """How the host bus was used in the cycles [begin, end).

    read_beats, write_beats: data beats of host data, counted where their burst ended.
    other_beats: beats of descriptors, tables, records and fences.
    dma_cycles: cycles in which at least one burst of host data was under way, from its address to its last answer.
    """

    begin: int
    end: int
    read_beats: int
    write_beats: int
    other_beats: int
    dma_cycles: int
    data_width: int

    @property
    def cycles(self) -> int:
        """Cycles of the interval."""
        return self.end - self.begin

    @property
    def utilization(self) -> float:
        """Data beats of either direction per cycle in which DMA was under way; 2.0 is both directions without a gap."""
        return (self.read_beats + self.write_beats) / self.dma_cycles if self.dma_cycles else 0.0

    @property
    def bytes_per_cycle(self) -> float:
        """Bytes that the host bus could have moved for its data beats, per cycle of the interval."""
        beats = self.read_beats + self.write_beats
        return beats * self.data_width / 8 / self.cycles if self.cycles else 0.0


class Trace:
    """The events of one run in the order in which they happened.

    `events` is the structured array (dtype EVENT), where STEP and NOTE follow what the hardware did in the same cycle;
    `data_width` the bus width in bits; `texts` are the driver's, by number.
    """

    def __init__(
        self, events: npt.NDArray[np.void], data_width: int = 64, texts: Mapping[int, str] | None = None
    ) -> None:
        self.events = events
        self.data_width = data_width
        self.texts = texts or {}

    @classmethod
    def load(cls, path: Path | str, data_width: int = 64) -> Trace:
        """Read a trace file.  OSError when it is missing, ValueError when it is cut short or runs backwards."""
        size = Path(path).stat().st_size
        if size % EVENT.itemsize:
            raise ValueError(f"{path}: {size} bytes are not a whole number of events; the simulation was cut short")
        events = np.fromfile(path, dtype=EVENT)
        kinds = events["kind"]
        driver, texts = kinds >= STEP_KIND, kinds >= TEXT_KIND
        halves = [events] if not driver.any() else [events[~driver], events[driver & ~texts]]
        for half in halves:
            cycles = half["cycle"]
            if (cycles[1:] < cycles[:-1]).any():
                raise ValueError(f"{path}: cycles run backwards")
        if len(halves) == 1:
            return cls(_tagged(events), data_width)
        return cls(_woven(_tagged(halves[0]), halves[1]), data_width, Texts(events[texts]))

    def __len__(self) -> int:
        return len(self.events)

    @property
    def hardware(self) -> npt.NDArray[np.void]:
        """The events of the simulator alone, in order: those of a longer trace of the same run begin with them."""
        return self.events[self.events["kind"] < STEP_KIND]

    def of(self, *kinds: Kind) -> npt.NDArray[np.void]:
        """The events of some kinds, in order."""
        return self.events[np.isin(self.events["kind"], [int(kind) for kind in kinds])]

    def between(self, begin: int, end: int) -> Trace:
        """The events of the cycles [begin, end)."""
        cycles = self.events["cycle"]
        first, last = np.searchsorted(cycles, [begin, end])
        return Trace(self.events[first:last], self.data_width, self.texts)

    def last_run(self) -> Trace:
        """The events since the last reset was released."""
        resets = np.flatnonzero(self.events["kind"] == Kind.RESET)
        return Trace(self.events[resets[-1] if len(resets) else 0 :], self.data_width, self.texts)

    def bursts(self, write: bool) -> npt.NDArray[np.uint64]:
        """(first cycle, last cycle) of every host-data burst of one direction: address accepted to last answer.

        Bursts of one ID are answered in order, so the n-th address belongs to the n-th answer; one that was never
        answered ends at the trace's last cycle.  ValueError where more were answered than asked for.
        """
        begin, end = (Kind.WRITE_ADDRESS, Kind.WRITE_RESPONSE) if write else (Kind.READ_ADDRESS, Kind.READ_LAST)
        of_data = self.events["id"] == (WRITE_DATA_ID if write else READ_DATA_ID)
        started = self.events["cycle"][of_data & (self.events["kind"] == begin)]
        ended = self.events["cycle"][of_data & (self.events["kind"] == end)]
        spans = np.full((len(started), 2), self.events["cycle"][-1] if len(self.events) else 0, np.uint64)
        spans[:, 0] = started
        if len(ended) > len(started):
            raise ValueError(f"{len(ended)} bursts answered, {len(started)} asked for: the trace lacks an event")
        spans[: len(ended), 1] = ended
        return spans

    def usage(self, begin: int, end: int) -> Usage:
        """How the bus was used in the cycles [begin, end)."""
        window = self.between(begin, end).events
        reads, writes = window["kind"] == Kind.READ_LAST, window["kind"] == Kind.WRITE_LAST
        read_data, write_data = reads & (window["id"] == READ_DATA_ID), writes & (window["id"] == WRITE_DATA_ID)

        def beats(which: npt.NDArray[np.bool_]) -> int:
            return int(window["value"][which].sum())

        busy = np.concatenate([self.bursts(write=False), self.bursts(write=True)])
        return Usage(
            begin,
            end,
            beats(read_data),
            beats(write_data),
            beats((reads | writes) & ~read_data & ~write_data),
            _covered(busy.astype(np.int64), begin, end),
            self.data_width,
        )

    def phases(self, starts: Sequence[tuple[str, int]], end: int) -> dict[str, Usage]:
        """Usage of each phase: (name, first cycle) ascending, the last one ending at `end`."""
        edges = [cycle for _, cycle in starts] + [end]
        return {name: self.usage(edges[i], edges[i + 1]) for i, (name, _) in enumerate(starts)}


def _tagged(events: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Hardware events in which what came before the tag that it brought has it, in place; 0 remains where none came.

    A fetch's address and first beat take the tag of its last beat, a doorbell that of the last descriptor it publishes.
    """
    kinds, tags = np.ascontiguousarray(events["kind"]), events["tag"]
    resets = np.flatnonzero(kinds == Kind.RESET)
    reads = np.flatnonzero((kinds <= Kind.READ_LAST) & np.isin(events["id"], list(RING_READS)))
    bells, fetched = (np.flatnonzero(kinds == kind) for kind in (Kind.DOORBELL, Kind.FETCHED))
    for who, queue in RING_READS.items():
        mine = reads[events["id"][reads] == who]
        lasts = mine[kinds[mine] == Kind.READ_LAST]
        keys = _numbered(lasts, resets)
        for kind in (Kind.READ_ADDRESS, Kind.READ_FIRST):
            those = mine[kinds[mine] == kind]
            wanted = _numbered(those, resets)
            places = np.searchsorted(keys, wanted)
            there = np.flatnonzero(places < len(keys))
            there = there[keys[places[there]] == wanted[there]]
            tags[those[there]] = tags[lasts[places[there]]]
        rung, came = (one[events["queue"][one] == queue] for one in (bells, fetched))
        # by place in the ring, then by when: the first of its place that was fetched behind the doorbell, in its run
        before = (events["value"][rung].astype(np.int64) - 1) & 0xFFFF
        keys = events["value"][came].astype(np.int64) << 40 | came
        order = np.argsort(keys)
        places = np.searchsorted(keys[order], before << 40 | rung)
        there = np.flatnonzero(places < len(came))
        found, asked = came[order[places[there]]], rung[there]
        right = (events["value"][found] == before[there]) & (
            np.searchsorted(resets, found) == np.searchsorted(resets, asked)
        )
        tags[asked[right]] = tags[found[right]]
    return events


def _numbered(which: npt.NDArray[np.intp], resets: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """(run, place in it) of ascending places in a trace as one number each."""
    runs = np.searchsorted(resets, which)
    return runs.astype(np.int64) << 40 | (np.arange(len(which)) - np.searchsorted(runs, runs))


def _woven(first: npt.NDArray[np.void], second: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Two arrays that are ordered by cycle as one that is; in one cycle the first comes first."""
    places = np.searchsorted(first["cycle"], second["cycle"], side="right") + np.arange(len(second))
    woven = np.empty(len(first) + len(second), EVENT)
    others = np.ones(len(woven), np.bool_)
    others[places] = False
    woven[places], woven[others] = second, first
    return woven


def _covered(spans: npt.NDArray[np.int64], begin: int, end: int) -> int:
    """Cycles of [begin, end) that lie in at least one of the closed spans (first, last)."""
    spans = np.clip(np.stack([spans[:, 0], spans[:, 1] + 1], axis=1), begin, end)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if not len(spans):
        return 0
    reach = np.maximum.accumulate(spans[:, 1])
    before = np.concatenate([[begin], reach[:-1]])
    return int(np.maximum(spans[:, 1] - np.maximum(spans[:, 0], before), 0).sum())


class _Stamped(Protocol):
    @property
    def cycle(self) -> int: ...


Note = TypeVar("Note", bound=_Stamped)


@dataclass(frozen=True, slots=True)
class Moment(Generic[Note]):
    """One entry of the merged trace: a hardware event or a driver's note, never both."""

    cycle: int
    event: np.void | None
    note: Note | None


def merge(trace: Trace, notes: Iterable[Note]) -> list[Moment[Note]]:
    """Hardware events and a driver's notes in one list by cycle; in one cycle the hardware's come first."""
    moments: list[Moment[Note]] = [Moment(int(event["cycle"]), event, None) for event in trace.hardware]
    moments += [Moment(note.cycle, None, note) for note in notes]
    return sorted(moments, key=lambda moment: moment.cycle)
