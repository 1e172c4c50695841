"""Operations out of the one trace: what each was, and which part of its time every cycle belongs to.

A descriptor's life is put together from events of its queue in order (fetched, started, ended, recorded) and of its tag
(bursts).  A page fault, writeback or drawing is put together from the driver's events and the descriptors that its
submission published.  Each cycle of an operation belongs to exactly one part: where several are true, the one furthest
along the way of the data wins, and what nothing explains is the host's.  So the parts add up to the whole.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from models.layout import Cause, Opcode
from tb.timing.wanted import Wanted, wanted_of
from tb.trace import READ_DATA_ID, RING_READS, WRITE_DATA_ID, Kind, Stall, Trace, Translation

__all__ = ["KINDS", "PARTS", "Burst", "Life", "Operation", "lives_of", "operations_of"]

PARTS = (
    *("host", "lock_wait", "interrupt", "queue_wait", "descriptor_fetch", "fence_wait", "response", "translation"),
    *("first_data", "transfer"),
)
"""Parts of an operation; of two that are true in one cycle, the later one here has it."""
KINDS = ("page_fault", "readback", "writeback", "render", "control", "descriptor")
"""Kinds of operations; a descriptor by itself is one, whoever published it: `descriptor.readback` and so on."""
_WRITES = (Kind.WRITE_ADDRESS, Kind.WRITE_FIRST, Kind.WRITE_LAST)
_DATA_IDS = dict.fromkeys((Kind.READ_ADDRESS, Kind.READ_FIRST, Kind.READ_LAST), READ_DATA_ID)
_DATA_IDS |= dict.fromkeys(_WRITES, WRITE_DATA_ID)


@dataclass(slots=True)
class Burst:
    """One burst of host data: cycles of its address, first beat, last beat and answer; None for what did not happen.

    turn: from when no earlier data of its direction was in its way.  waited: for its translation; else that was cached.
    bytes: what its address, length and size name.
    """

    asked: int
    write: bool = False
    bytes: int = 0
    beats: int = 0
    waited: bool = False
    turn: int = 0
    first: int | None = None
    last: int | None = None
    answered: int | None = None


@dataclass(slots=True)
class Life:
    """One descriptor: cycles of what became of it, None for what did not happen.

    turn: when the one before it in its queue ended, which its own end has to wait for.  walks: [begin, end) of its
    waits for translations.  held: of those for a fence, or for all before it.
    """

    queue: int
    tag: int
    opcode: int
    published: int
    asked: int
    fetched: int
    started: int | None = None
    turn: int = 0
    unit: bool = False
    ended: int | None = None
    recorded: int | None = None
    fenced: int | None = None
    cause: int = 0
    bytes: int = 0
    bursts: list[Burst] = field(default_factory=list)
    walks: list[tuple[int, int]] = field(default_factory=list)
    held: list[tuple[int, int]] = field(default_factory=list)

    @property
    def data(self) -> list[tuple[int, int, int, int]]:
        """(turn, first, last, answered) of its bursts that came to their end."""
        return [
            (one.turn, one.first, one.last, one.answered)
            for one in self.bursts
            if one.first is not None and one.last is not None and one.answered is not None
        ]

    @property
    def end(self) -> int | None:
        """When the host could see its end."""
        return self.fenced if self.fenced is not None else self.recorded


@dataclass(frozen=True, slots=True)
class Operation:
    """What somebody wanted, in the cycles [begin, end): `parts` has the cycles of each of PARTS, and they add up.

    tags: of its descriptors, all of one queue (-1: it has none). bytes: data moved. cause: of a failure, or why.
    spans: (part, begin, end) one after the other, from begin to end without a gap.
    lives: of its descriptors.  interrupt: cycle in which the line rose for it, None where it did not.
    """

    number: int
    kind: str
    task: str
    queue: int
    tags: tuple[int, ...]
    begin: int
    end: int
    bytes: int
    cause: str
    parts: dict[str, int]
    spans: tuple[tuple[str, int, int], ...]
    lives: tuple[Life, ...] = field(default=(), repr=False)
    interrupt: int | None = None

    @property
    def cycles(self) -> int:
        """Cycles of the whole."""
        return self.end - self.begin

    @property
    def hidden(self) -> int:
        """Cycles that its first burst spent behind earlier data: of the memory's latency, so much need not be seen."""
        first = next((burst for life in self.lives for burst in life.bursts), None)
        return max(0, first.turn - first.asked) if first else 0


def lives_of(trace: Trace) -> list[Life]:
    """Every descriptor that was fetched in the last run of a trace, in the order in which they were.

    ValueError where a descriptor's event is not of the tag that is next: one is missing, or the engine was aborted.
    """
    lives: list[Life] = []
    rung: dict[int, deque[tuple[int, int]]] = defaultdict(deque)
    asked: dict[int, deque[int]] = defaultdict(deque)
    waiting: dict[int, deque[Life]] = defaultdict(deque)
    running: dict[int, deque[Life]] = defaultdict(deque)
    ending: dict[int, deque[Life]] = defaultdict(deque)
    moving: dict[int, Life] = {}
    held: dict[tuple[int, int], list[tuple[int, int]]] = {}
    last: dict[int, Life] = {}
    turn = {0: 0, 1: 0}
    free = {False: 0, True: 0}
    under_way: dict[bool, deque[Burst]] = {False: deque(), True: deque()}
    unanswered: deque[Burst] = deque()
    names = ("cycle", "kind", "id", "queue", "tag", "value", "cause", "length", "detail")
    hardware = trace.last_run().hardware
    columns = (hardware[name].tolist() for name in names)
    for cycle, kind, who, queue, tag, value, cause, length, detail in zip(*columns, strict=True):
        match kind:
            case Kind.DOORBELL:
                rung[queue].append((cycle, value))
            case Kind.READ_ADDRESS if who in RING_READS:
                asked[RING_READS[who]].append(cycle)
            case Kind.FETCHED:
                ask = asked[queue].popleft() if cause != Cause.RING_OVERFLOW and asked[queue] else cycle
                bells = rung[queue]
                while len(bells) > 1 and (bells[0][1] - value - 1) & 0xFFFF >= 0x8000:
                    bells.popleft()
                life = Life(queue, tag, who, min(bells[0][0], ask) if bells else ask, ask, cycle)
                lives.append(life)
                waiting[queue].append(life)
            case Kind.START:
                life = _whose(waiting[queue], "START", cycle, tag)
                life.started, life.unit, life.cause = cycle, value != 2, cause
                running[queue].append(life)
                life.held = held.pop((queue, tag), [])
                if queue == 0 and life.unit:
                    moving[tag] = life
            case Kind.ENDED:
                life = _whose(running[queue], "ENDED", cycle, tag)
                life.ended, life.cause, life.bytes = cycle, cause, value
                life.turn, turn[queue] = turn[queue], cycle
                ending[queue].append(life)
                if moving.get(tag) is life:
                    del moving[tag]
            case Kind.RECORD:
                life = last[queue] = _whose(ending[queue], "RECORD", cycle, tag)
                life.recorded = cycle
            case Kind.FENCE if queue in last:
                last[queue].fenced = cycle
            case Kind.STALL if cause in (Stall.FENCE, Stall.ORDER):
                held.setdefault((queue, tag), []).append((cycle - value, cycle))
            case Kind.WALK if tag in moving:
                moving[tag].walks.append((cycle - value, cycle))
            case Kind.READ_ADDRESS | Kind.WRITE_ADDRESS if who == _DATA_IDS[kind]:
                burst = Burst(cycle, kind in _WRITES, length, value, detail == Translation.WAITED)
                under_way[burst.write].append(burst)
                if burst.write:
                    unanswered.append(burst)
                if tag in moving:
                    moving[tag].bursts.append(burst)
            case Kind.READ_FIRST | Kind.WRITE_FIRST if who == _DATA_IDS[kind] and under_way[kind in _WRITES]:
                burst = under_way[kind in _WRITES][0]
                burst.first, burst.turn = cycle, max(burst.asked, free[burst.write])
            case Kind.READ_LAST | Kind.WRITE_LAST if who == _DATA_IDS[kind] and under_way[kind in _WRITES]:
                burst = under_way[kind in _WRITES].popleft()
                burst.last, free[burst.write] = cycle, cycle + 1
                if not burst.write:
                    burst.answered = cycle
            case Kind.WRITE_RESPONSE if who == WRITE_DATA_ID and unanswered:
                unanswered.popleft().answered = cycle
    return lives


def _whose(lives: deque[Life], what: str, cycle: int, tag: int) -> Life:
    """Take the next life, which the event must be of."""
    if not lives or lives[0].tag != tag:
        expected = f"of tag {lives[0].tag} is" if lives else "is not"
        raise ValueError(
            f"{what} of tag {tag} in cycle {cycle} where one {expected} due: the trace lacks an event, or the engine "
            "was reset or aborted in it, which cannot be timed"
        )
    return lives.popleft()


def operations_of(trace: Trace, lives: Sequence[Life] | None = None) -> list[Operation]:
    """Every operation of the last run that came to its end, by the cycle of its begin; numbered in that order."""
    lives = lives_of(trace) if lives is None else lives
    by_queue = {queue: [life for life in lives if life.queue == queue] for queue in (0, 1)}
    found = [_of_life(life) for life in lives if life.end is not None]
    rises = trace.last_run().of(Kind.IRQ_RISE)["cycle"]
    for wanted in wanted_of(trace):
        sent = [(life, one) for one in wanted.submissions for life in by_queue[one.queue][one.at : one.at + one.count]]
        mine = [life for life, _ in sent]
        resumed = [wanted.resumed(one, life.fenced) for life, one in sent]
        end = wanted.end
        if end is None:  # nobody of the driver waits for it: it is over with its interrupt
            ends = [life.end for life in mine]
            if not ends or None in ends:
                continue
            fenced = max(one for one in ends if one is not None)
            place = int(np.searchsorted(rises, fenced))
            soon = place < len(rises) and int(rises[place]) <= fenced + 2
            end = int(rises[place]) if soon else fenced
            resumed = [end for _ in mine]
        found.append(_painted(wanted, mine, end, resumed))
    found = [replace(one, interrupt=_interrupt(one, rises)) for one in found]
    found.sort(key=lambda one: (one.begin, KINDS.index(one.kind.partition(".")[0]), one.tags))
    return [replace(one, number=number) for number, one in enumerate(found)]


def _interrupt(one: Operation, rises: npt.NDArray[np.uint64]) -> int | None:
    """The first rise of the line that the last end of an operation can have caused, if it came before its own end."""
    ends = [life.end for life in one.lives if life.end is not None]
    place = int(np.searchsorted(rises, max(ends))) if ends else len(rises)
    return int(rises[place]) if place < len(rises) and int(rises[place]) <= one.end + 2 else None


def _of_life(life: Life) -> Operation:
    """A descriptor by itself, from its doorbell to where the host can see its end."""
    name = Opcode(life.opcode).name.lower() if life.opcode in list(Opcode) else f"opcode_{life.opcode}"
    wanted = Wanted(f"descriptor.{name}", "", life.published, cause=_named(life.cause))
    return _painted(wanted, [life], life.end or life.fetched, [None])


def _named(cause: int) -> str:
    return "" if not cause else Cause(cause).name.lower() if cause in list(Cause) else str(cause)


def _painted(wanted: Wanted, lives: Sequence[Life], end: int, resumed: Sequence[int | None]) -> Operation:
    """The operation with a part for each cycle; resumed: when the driver saw the end of each of its lives."""
    begin = min([wanted.begin, *(life.published for life in lives)]) if wanted.task == "" else wanted.begin
    spans: list[tuple[str, int, int]] = [("lock_wait", *span) for span in wanted.locks]
    spans += [("fence_wait", *span) for span in wanted.waits]
    for life, seen in zip(lives, resumed, strict=True):
        spans += _spans(life, seen)
    colours = np.zeros(end - begin, np.uint8)
    for part, first, last in sorted(spans, key=lambda span: PARTS.index(span[0])):
        colours[max(first - begin, 0) : max(last - begin, 0)] = PARTS.index(part)
    counted = np.bincount(colours, minlength=len(PARTS)).tolist()
    failed = next((_named(life.cause) for life in lives if life.cause), "")
    queue = lives[0].queue if lives else -1
    return Operation(
        0, wanted.kind, wanted.task, queue, tuple(life.tag for life in lives), begin, end,
        sum(life.bytes for life in lives), failed or wanted.cause, dict(zip(PARTS, counted, strict=True)),
        _runs(colours, begin), tuple(lives),
    )  # fmt: skip


def _runs(colours: npt.NDArray[np.uint8], begin: int) -> tuple[tuple[str, int, int], ...]:
    """Neighbouring cycles of one part as one span."""
    edges = [0, *(np.flatnonzero(np.diff(colours)) + 1).tolist(), len(colours)]
    return tuple(
        (PARTS[int(colours[first])], begin + first, begin + last)
        for first, last in zip(edges[:-1], edges[1:], strict=True)
        if last > first
    )


def _spans(life: Life, seen: int | None) -> list[tuple[str, int, int]]:
    """(part, begin, end) of one descriptor.

    In its unit it waits in the queue of those before it, for room and for the bus, unless something of its own is under
    way; from the last of that on, and once the one before it has ended, it is owed its end.
    """
    far = life.end or life.ended or life.started or life.fetched
    started = life.started if life.started is not None else far
    drawn = life.ended or far if life.unit and life.queue == 1 else started
    owed = max([drawn, life.turn, *(end for _, end in life.walks), *(last + 1 for _, _, last, _ in life.data)])
    spans = [
        ("queue_wait", life.published, life.asked), ("descriptor_fetch", life.asked, life.fetched),
        ("queue_wait", life.fetched, min(owed, far)), ("response", owed, far), ("transfer", started, drawn),
    ]  # fmt: skip
    if life.fenced is not None and seen is not None:
        spans.append(("interrupt", life.fenced, seen))
    spans += [("fence_wait", *span) for span in life.held]
    spans += [("translation", *span) for span in life.walks]
    for turn, first, last, answered in life.data:
        spans += [("first_data", turn, first), ("transfer", first, last + 1), ("response", last + 1, answered)]
    return spans
