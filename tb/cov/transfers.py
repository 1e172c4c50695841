"""Transfer coverage: from descriptors, records and the trace to the bins of `groups`.

A record is found in the trace again by its queue and tag, which gives the run since the last reset to which its cycles
belong. A WAIT stands from its doorbell, or from the end of what precedes it, to its own end. Bursts, the
temper of host memory and the other queue's descriptors are looked at in those cycles.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.engine import Queue
from models.layout import Cause, Descriptor, Layout, Opcode
from models.memory import PAGE
from models.surface import Surface
from tb.agents.memory.config import MemoryConfig
from tb.cov.groups import COMMAND, DRAWING, REFUSAL, ROWS, TRANSFER
from tb.scoreboard import Settled
from tb.trace import Kind, Trace

__all__ = ["Tempers", "draw_place", "move_place", "sample_records"]

Tempers = Sequence[tuple[int, MemoryConfig]]
"""(cycle from which it held, temper of host memory), ascending."""

_MOVES = (Opcode.READBACK, Opcode.WRITEBACK)
_DRAWS = (Opcode.FILL, Opcode.COPY)
_NO_OPERATION = (Cause.UNKNOWN_OPCODE, Cause.RING_OVERFLOW, Cause.FETCH_ERROR)
_REFUSED = (Cause.BOX_OUTSIDE, Cause.MALFORMED, Cause.ALIGNMENT, Cause.OVERLAP)
_SLOW = 100
"""Cycles of latency from which a memory counts as slow."""


@dataclass(frozen=True, slots=True)
class _Ran:
    """A settled descriptor and its cycles [begin, end] in the trace."""

    settled: Settled
    begin: int
    end: int

    @property
    def descriptor(self) -> Descriptor:
        return self.settled.descriptor


class _Bursts:
    """How many data bursts of one direction are under way."""

    def __init__(self, spans: npt.NDArray[np.uint64]) -> None:
        self._begun = np.sort(spans[:, 0])
        self._ended = np.sort(spans[:, 1])

    def most(self, begin: int, end: int) -> int:
        """The most at once in the cycles [begin, end]; one that ends in a cycle makes room for one that begins then."""
        at = self._begun[np.searchsorted(self._begun, begin) : np.searchsorted(self._begun, end, "right")]
        at = np.append(at, np.uint64(begin))
        under_way = np.searchsorted(self._begun, at, "right") - np.searchsorted(self._ended, at, "right")
        return int(under_way.max())


def sample_records(
    counts: Counter[str],
    events: npt.NDArray[np.void],
    history: Iterable[Settled],
    tempers: Tempers,
    data_width: int,
) -> None:
    """Count what the settled descriptors of one run were.

    events: the run's trace, dtype EVENT, from its first reset on.  data_width: bits of the bus.
    """
    resets = np.flatnonzero(events["kind"] == Kind.RESET)
    runs = [Trace(part, data_width) for part in np.split(events, resets)[1:]]
    places: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    for number, run in enumerate(runs):
        came: Counter[int] = Counter()
        for event in run.of(Kind.RECORD):
            queue = int(event["id"])
            places[queue, int(event["tag"])].append((number, came[queue]))
            came[queue] += (int(event["cause"]) & 0xFF) != Cause.RING_OVERFLOW
    found: dict[int, list[_Ran]] = defaultdict(list)
    for settled in history:
        place = places[settled.queue, settled.record.tag]
        if place:
            number, index = place.popleft()
            zero = int(runs[number].events["cycle"][0])
            end = zero + settled.record.end_cycle
            begin = end - settled.record.elapsed
            if settled.descriptor.opcode == Opcode.WAIT:
                begin = min(begin, _published(runs[number], settled.queue, index))
            found[number].append(_Ran(settled, begin, end))
    for number, ran in found.items():
        _sample_run(counts, runs[number], sorted(ran, key=lambda one: one.end), tempers, data_width // 8)


def _published(run: Trace, queue: Queue, index: int) -> int:
    """The cycle of the doorbell that published the index-th descriptor of a queue; the first cycle if none did."""
    rung = run.of(Kind.DOORBELL)
    rung = rung[rung["id"] == queue]
    enough = np.flatnonzero((rung["value"].astype(np.int64) - index - 1) % (1 << 16) < 1 << 15)
    return int(rung["cycle"][enough[0]] if len(enough) else run.events["cycle"][0])


def _sample_run(counts: Counter[str], run: Trace, ran: list[_Ran], tempers: Tempers, lanes: int) -> None:
    bursts = {write: _Bursts(run.bursts(write)) for write in (False, True)}
    queues = {queue: _in_turn([one for one in ran if one.settled.queue == queue]) for queue in Queue}
    for queue, mine in queues.items():
        others = _Neighbours(queues[Queue(1 - queue)])
        waited = False
        for one in mine:
            opcode = one.descriptor.opcode
            values = {"cause": [Cause(one.settled.record.cause).name], "other queue": others.beside(one, waited)}
            waited |= opcode == Opcode.WAIT and one.descriptor.queue == 1 - queue
            waited &= opcode != Opcode.FENCE
            cause = one.settled.record.cause
            if cause in _NO_OPERATION or (cause == Cause.WATCHDOG and opcode not in _MOVES):
                REFUSAL.sample(counts, {"queue": [queue.name], "cause": values["cause"]})
            elif opcode in _MOVES:
                values |= _move(one, bursts[opcode == Opcode.READBACK], tempers, lanes)
                TRANSFER.sample(counts, {"operation": [Opcode(opcode).name], **values})
            elif opcode in _DRAWS:
                DRAWING.sample(counts, {"operation": [Opcode(opcode).name], **values, **_draw(one, lanes)})
            else:
                COMMAND.sample(counts, {**values, **_command(one, queue)})


def _in_turn(ran: list[_Ran]) -> list[_Ran]:
    """One queue's descriptors, where a WAIT stands no earlier than what precedes it has ended."""
    ends = [0, *(one.end for one in ran)]
    return [
        replace(one, begin=min(max(one.begin, before), one.end)) if one.descriptor.opcode == Opcode.WAIT else one
        for one, before in zip(ran, ends, strict=False)
    ]


class _Neighbours:
    """The other queue's descriptors, for whoever asks what it did meanwhile."""

    def __init__(self, ran: list[_Ran]) -> None:
        self._ran = ran
        self._ends = [one.end for one in ran]

    def beside(self, one: _Ran, waited: bool) -> list[str]:
        """The bins of `other queue` for a descriptor; `waited`: a WAIT for that queue stood before it."""
        mine = one.settled.queue
        found = {"behind"} if waited else set[str]()
        for other in self._ran[int(np.searchsorted(self._ends, one.begin)) :]:
            if other.begin <= one.end:
                waits = other.descriptor.opcode == Opcode.WAIT and other.descriptor.queue == mine
                if waits:
                    found.add("ahead")
                elif other.descriptor.opcode in (*_MOVES, *_DRAWS):
                    found.add("beside")
            elif other.begin > one.end + (1 << 16):
                break
        return sorted(found) or ["alone"]


def _row(width: int) -> str:
    return next(name for name, most in ROWS if width <= most)


def _began(one: _Ran) -> bool:
    """Whether it came as far as its rows: neither refused, nor empty, nor dropped by an abort."""
    record, descriptor = one.settled.record, one.descriptor
    if record.cause in _REFUSED or not descriptor.width or not descriptor.height:
        return False
    return record.cause != Cause.ABORTED or bool(record.address or record.bytes)


def _surface(one: _Ran) -> Surface:
    surface = one.settled.tables.surfaces[one.descriptor.surface]
    assert surface is not None, "a box of a surface that is not valid is refused"
    return surface


def _move(one: _Ran, bursts: _Bursts, tempers: Tempers, lanes: int) -> dict[str, list[str]]:
    """The bins of a READBACK or WRITEBACK beside operation, cause and other queue."""
    if not _began(one):
        return {}
    it = one.descriptor
    values = {name: [value] for name, value in move_place(it, _surface(one), lanes).items()}
    values["stall"] = _stalls(tempers, it.opcode == Opcode.READBACK, one.begin, one.end)
    most = bursts.most(one.begin, one.end)
    if most:
        few = "1" if most == 1 else "2 to 7"
        values["outstanding"] = [few if most < 8 else "8 to 31" if most < 32 else "32 and more"]
    return values


def move_place(it: Descriptor, surface: Surface, lanes: int) -> dict[str, str]:
    """The bins of where a READBACK or WRITEBACK moves bytes: alignment, row, rows, crossing, layout.

    lanes: bytes of the bus.
    """
    host, device = it.host_offset % lanes, it.x % lanes
    if it.height == 1:
        rows = "single"
    else:
        whole = surface.layout is Layout.LINEAR and it.width == surface.row_bytes and it.width % 64 == 0
        rows = "merged" if whole and it.host_stride == it.width else "apart"
    starts = it.host_offset + np.arange(it.height, dtype=np.int64) * it.host_stride
    borders = int(((starts + it.width - 1) // PAGE - starts // PAGE).max())
    return {
        "alignment": _lanes(host, device, "host off", "device off"),
        "row": _row(it.width),
        "rows": rows,
        "crossing": ("none", "one", "several")[min(borders, 2)],
        "layout": surface.layout.name,
    }


def _lanes(first: int, second: int, first_off: str, second_off: str) -> str:
    if not first or not second:
        return first_off if first else second_off if second else "both"
    return "same lane" if first == second else "different lanes"


def _stalls(tempers: Tempers, write: bool, begin: int, end: int) -> list[str]:
    """What stalled the host bus, for a direction, in the cycles [begin, end]."""
    found: set[str] = set()
    for number, (since, temper) in enumerate(tempers):
        until = tempers[number + 1][0] if number + 1 < len(tempers) else end + 1
        if since <= end and until > begin:
            found |= _kinds(temper, write)
    return sorted(found - {"none"}) or ["none"]


def _kinds(temper: MemoryConfig, write: bool) -> set[str]:
    found: set[str] = set()
    for name, stall in (
        ("address", temper.aw if write else temper.ar),
        ("data", temper.w if write else temper.r),
        *([("response", temper.b)] if write else []),
    ):
        if stall.on or stall.random:
            found.add(name)
    if (temper.write_latency if write else temper.read_latency) >= _SLOW:
        found.add("slow")
    if (temper.write_limit if write else temper.read_limit) == 1:
        found.add("single")
    if temper.reorder:
        found.add("mixed")
    return found or {"none"}


def _draw(one: _Ran, lanes: int) -> dict[str, list[str]]:
    """The bins of a FILL or COPY beside operation, cause and other queue."""
    if not _began(one):
        return {}
    source = one.settled.tables.surfaces[one.descriptor.source_surface]
    place = draw_place(one.descriptor, _surface(one), source, lanes)
    return {name: [value] for name, value in place.items()}


def draw_place(it: Descriptor, surface: Surface, source: Surface | None, lanes: int) -> dict[str, str]:
    """The bins of where a FILL or COPY draws: alignment, row, layout, pixel and the layout of the source.

    lanes: bytes of a device word.
    """
    pixel = surface.bytes_per_pixel
    copied = it.source_x % lanes if it.opcode == Opcode.COPY else 0
    values = {
        "alignment": _lanes(copied, it.x % lanes, "source off", "target off"),
        "row": _row(it.width),
        "layout": surface.layout.name,
        "pixel": str(pixel) if pixel in (1, 2, 3, 4, 8, 16) else "5 to 7" if pixel < 8 else "9 to 15",
    }
    if it.opcode == Opcode.COPY:
        assert source is not None, "a COPY from a surface that is not valid is refused"
        values["source"] = f"from {source.layout.name}"
    return values


def _command(one: _Ran, queue: Queue) -> dict[str, list[str]]:
    it = one.descriptor
    values = {
        "operation": [Opcode(it.opcode).name],
        "queue": [queue.name],
        "order": ["ordered" if it.order else "free"],
    }
    if it.opcode == Opcode.WAIT and one.settled.record.cause != Cause.MALFORMED:
        values["fence of"] = ["own queue" if it.queue == queue else "other queue"]
    return values
