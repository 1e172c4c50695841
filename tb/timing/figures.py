"""One run of a scenario in figures: what timing.json holds of it (docs/timing.md has the schema)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from tb.timing.bounds import Memory
from tb.timing.operations import PARTS, Burst, Operation, operations_of
from tb.trace import READ_DATA_ID, WRITE_DATA_ID, Kind, Stall, Trace

__all__ = ["QUANTILES", "Run", "run_of", "spread", "summary"]

QUANTILES = ("min", "median", "p95", "p99", "max")
WINDOWS = 100
"""Parts of equal length into which utilization and stalls are counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario under one memory: its operations, what timing.json says of it, and the trace both come from.

    log: of the live run that it is a replay of, if it is one.
    """

    scenario: str
    simulator: str
    memory: Memory
    operations: tuple[Operation, ...]
    facts: dict[str, Any]
    trace: Trace = field(repr=False, compare=False)
    log: str = ""

    @property
    def name(self) -> str:
        """The run in a word that files and links take."""
        return f"{self.scenario}-{self.memory.latency}-{self.memory.width}-{self.memory.stall}"

    @property
    def title(self) -> str:
        """The run in words that a command line takes."""
        if self.log:
            return f"REPLAY={shlex.quote(self.log)}"
        memory = self.memory
        return f"SCENARIO={self.scenario} LATENCY={memory.latency} WIDTH={memory.width} STALL={memory.stall}"


def summary(values: Iterable[int]) -> dict[str, int]:
    """The quantiles by name; each is a value that occurred: the smallest that so many are not above."""
    ordered = sorted(values)
    places = {"min": 0.0, "median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: ordered[max(0, -int(-share * len(ordered) // 1) - 1)] for name, share in places.items()}


def run_of(scenario: str, simulator: str, memory: Memory, trace: Trace) -> Run:
    """Condense a trace.  ValueError when nothing happened in it."""
    trace = trace.last_run()
    operations = tuple(operations_of(trace))
    if not operations:
        raise ValueError(f"{scenario}: the trace has no operation")
    begin, end = int(trace.events["cycle"][0]), int(trace.events["cycle"][-1]) + 1
    usage, together = trace.usage(begin, end), _together(operations)
    facts = {
        "scenario": scenario,
        "simulator": simulator,
        "latency": memory.latency,
        "width": memory.width,
        "stall": memory.stall,
        "begin": begin,
        "end": end,
        "cycles": end - begin,
        "kinds": {kind: _kind(kind, operations, memory) for kind in sorted({one.kind for one in operations})},
        "utilization": {
            "share": round(usage.utilization, 6),
            "read_beats": usage.read_beats,
            "write_beats": usage.write_beats,
            "dma_cycles": usage.dma_cycles,
            "bound": _share(together, memory),
        },
        "stalls": _stalls(trace, together, memory),
        "windows": _windows(trace, begin, end),
        "operations": [_row(one) for one in operations],
    }
    return Run(scenario, simulator, memory, operations, facts, trace)


def _row(one: Operation) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in ("number", "kind", "task", "queue", "begin", "end", "bytes", "cause")}
    return {**row, "tags": list(one.tags), "cycles": one.cycles, "parts": one.parts}


def _kind(kind: str, operations: Sequence[Operation], memory: Memory) -> dict[str, Any]:
    mine = [one for one in operations if one.kind == kind]
    worst = max(mine, key=lambda one: (one.cycles, -one.number))
    bounds = [memory.parts(kind, one.bytes, one.hidden) for one in mine]
    bounded = [part for part in PARTS if part in set().union(*bounds)]
    return {
        "count": len(mine),
        "bytes": sum(one.bytes for one in mine),
        "sums": {"whole": sum(one.cycles for one in mine), **_sums(mine)},
        "digests": _digests(kind, operations),
        "total": summary(one.cycles for one in mine),
        "parts": {part: summary(one.parts[part] for one in mine) for part in PARTS},
        "bound": {
            "total": summary(memory.total(kind, one.bytes) for one in mine),
            "parts": {part: summary(one.get(part, 0) for one in bounds) for part in bounded},
        },
        "worst": {"number": worst.number, "queue": worst.queue, "tags": list(worst.tags), "cycles": worst.cycles},
    }


def _sums(mine: Sequence[Operation]) -> dict[str, int]:
    """Cycles of each part in all of some operations, without parts that took none."""
    sums = {part: sum(one.parts[part] for one in mine) for part in PARTS}
    return {part: cycles for part, cycles in sums.items() if cycles}


def _digests(kind: str, operations: Iterable[Operation]) -> str:
    """Eight hexadecimal digits an operation of a kind: of each part's begin and end, and how long after the one before.

    Cycles count from its own begin, and the one before it is of any kind, so what moved is told once, where it did.
    """
    found, before = [], 0
    for one in operations:
        if one.kind == kind:
            spans = [(part, begin - one.begin, end - one.begin) for part, begin, end in one.spans]
            found.append(f"{crc32(json.dumps([one.begin - before, spans]).encode()):08x}")
        before = one.begin
    return "".join(found)


def _together(operations: Iterable[Operation]) -> list[list[Burst]]:
    """The bursts of host data by those that may be under way together.

    Those are of whatever the host published before earlier descriptors had ended; the rest has to come after them.
    """
    moving = [life for one in operations if not one.task for life in one.lives if life.bursts]
    found: list[list[Burst]] = []
    until = -1
    for life in sorted(moving, key=lambda life: life.published):
        if life.published >= until:
            found.append([])
        found[-1] += life.bursts
        until = max(until, life.ended or life.published)
    return found


def _share(together: Iterable[Sequence[Burst]], memory: Memory) -> float:
    """Data beats a cycle of DMA that no engine exceeds here: what is not together comes one after the other."""
    spans = [[(burst.write, burst.beats) for burst in bursts] for bursts in together]
    beats = sum(beats for span in spans for _, beats in span)
    return round(beats / sum(map(memory.data_cycles, spans)), 6) if beats else 0.0


def _latencies(trace: Trace, together: Sequence[Sequence[Burst]], memory: Memory) -> dict[Stall, list[int]]:
    """Cycles of the memory's latency that somebody has to see, of each lot of bursts that may be under way together.

    Nothing hides that of the first data read, nor that of the last answer to a write: all other data are over or still
    to come.  Cycles in which something else is on these channels are no stalls: words of descriptors, tables, records
    and fence values, and earlier answers.
    """
    asked = [
        min((one.asked for one in lot if not one.write and one.first is not None), default=None) for lot in together
    ]
    lasts = [max((one.last for one in lot if one.write and one.last is not None), default=None) for lot in together]
    words = [
        *_spans(trace, Kind.WRITE_ADDRESS, Kind.WRITE_LAST, WRITE_DATA_ID),
        *_spans(trace, Kind.WRITE_RESPONSE, Kind.WRITE_RESPONSE),
    ]
    others = {
        Stall.READ_DATA: (asked, _spans(trace, Kind.READ_FIRST, Kind.READ_LAST, READ_DATA_ID)),
        Stall.RESPONSE: (lasts, np.array(words, np.int64).reshape(-1, 2)),
    }
    found = {}
    for cause, (begins, spans) in others.items():
        begun = np.array([one + 1 for one in begins if one is not None], np.int64)
        windows = np.stack([begun, begun + memory.latency - 1], axis=1)
        found[cause] = (memory.latency - 1 - _overlap(windows, spans)).tolist()
    return found


def _spans(trace: Trace, first: Kind, last: Kind, but: int = -1) -> npt.NDArray[np.int64]:
    """[begin, end) from one event of each burst to another, of all IDs but one; bursts of an ID are in order."""
    events = trace.of(first, last)
    found = []
    for who in np.unique(events["id"][events["id"] != but]):
        mine = events[events["id"] == who]
        ends = mine["cycle"][mine["kind"] == last]
        begins = mine["cycle"][mine["kind"] == first][: len(ends)]
        found.append(np.stack([begins, ends[: len(begins)] + 1], axis=1).astype(np.int64))
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _overlap(windows: npt.NDArray[np.int64], spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Cycles of each window [begin, end) that lie in some span."""
    spans = _united(spans)
    spans = np.concatenate([[(-1, -1)], spans[spans[:, 1] > spans[:, 0]]])
    covered = np.cumsum(spans[:, 1] - spans[:, 0])
    places = np.searchsorted(spans[:, 0], windows, side="right") - 1
    before = covered[places] - np.maximum(spans[places, 1] - windows, 0)
    return np.asarray(before[:, 1] - before[:, 0])


def _stalls(trace: Trace, together: Sequence[Sequence[Burst]], memory: Memory) -> dict[str, Any]:
    found = {}
    bursts = [burst for lot in together for burst in lot]
    stalled = {
        Stall.READ_DATA: [memory.stalled(burst.beats) for burst in bursts if not burst.write],
        Stall.W_READY: [memory.stalled(burst.beats) for burst in bursts if burst.write],
    }
    latencies = _latencies(trace, together, memory)
    stalls = trace.of(Kind.STALL)
    for cause in Stall:
        mine = stalls[stalls["cause"] == cause]
        if len(mine):
            worst = mine[np.argmax(mine["value"])]
            still, late = stalled.get(cause, []), latencies.get(cause, [])
            longest = max([0, memory.stall * any(still), (memory.latency - 1) * (memory.latency - 1 in late)])
            found[cause.name.lower()] = {
                "cycles": int(mine["value"].sum()),
                "spans": len(mine),
                "worst": {
                    "cycles": int(worst["value"]), "queue": int(worst["queue"]), "tag": int(worst["tag"]),
                    "end": int(worst["cycle"]),
                },
                "bound": {"cycles": sum(still) + sum(late), "worst": longest},
            }  # fmt: skip
    return found


def spread(spans: npt.NDArray[np.int64], edges: npt.NDArray[np.int64], share: npt.ArrayLike = 1) -> list[int]:
    """Cycles of spans [begin, end), or a share of each, in each window between edges; two in one cycle count twice."""
    long = spans[:, 1] - spans[:, 0]
    until = [round(float((np.clip(edge - spans[:, 0], 0, long) * share).sum())) for edge in edges]
    return [after - before for before, after in zip(until, until[1:], strict=False)]


def _united(spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The cycles of spans [begin, end), each once."""
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    before = np.concatenate([[0], np.maximum.accumulate(spans[:, 1])[:-1]])
    begins = np.minimum(np.maximum(spans[:, 0], before), spans[:, 1])
    return np.stack([begins, spans[:, 1]], axis=1)


def _windows(trace: Trace, begin: int, end: int) -> dict[str, Any]:
    edges = np.unique(np.linspace(begin, end, WINDOWS + 1).astype(np.int64))

    def beats(first: Kind, last: Kind, who: int) -> list[int]:
        """Beats of bursts, evenly from the first of each to its last."""
        ends = trace.of(last)
        ends = ends[ends["id"] == who]
        begins = trace.of(first)
        begins = begins[begins["id"] == who][: len(ends)]
        spans = np.stack([begins["cycle"], ends["cycle"] + 1], axis=1).astype(np.int64)
        return spread(spans, edges, ends["value"] / (spans[:, 1] - spans[:, 0]))

    stalls = trace.of(Kind.STALL)
    ends = stalls["cycle"].astype(np.int64)
    spans = np.stack([ends - stalls["value"].astype(np.int64), ends], axis=1)
    return {
        "edges": [int(edge) for edge in edges],
        "read_beats": beats(Kind.READ_FIRST, Kind.READ_LAST, READ_DATA_ID),
        "write_beats": beats(Kind.WRITE_FIRST, Kind.WRITE_LAST, WRITE_DATA_ID),
        "stalls": {
            cause.name.lower(): spread(_united(spans[stalls["cause"] == cause]), edges)
            for cause in Stall
            if (stalls["cause"] == cause).any()
        },
    }
