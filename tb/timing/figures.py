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
from tb.timing.operations import PARTS, Operation, operations_of
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
    usage = trace.usage(begin, end)
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
            "bound": _share(operations, memory),
        },
        "stalls": _stalls(trace, operations, memory),
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


def _share(operations: Iterable[Operation], memory: Memory) -> float:
    """Data beats a cycle of DMA that no engine exceeds here.

    Whatever the host published before earlier descriptors had ended may be under way together, the rest may not.
    """
    moving = [life for one in operations if not one.task for life in one.lives if life.bursts]
    spans: list[list[tuple[bool, int]]] = []
    until = -1
    for life in sorted(moving, key=lambda life: life.published):
        if life.published >= until:
            spans.append([])
        spans[-1] += [(burst.write, burst.beats) for burst in life.bursts]
        until = max(until, life.ended or life.published)
    beats = sum(beats for span in spans for _, beats in span)
    return round(beats / sum(map(memory.data_cycles, spans)), 6) if beats else 0.0


def _stalls(trace: Trace, operations: Iterable[Operation], memory: Memory) -> dict[str, Any]:
    found = {}
    bursts = [burst for one in operations if not one.task for life in one.lives for burst in life.bursts]
    least = {
        Stall.READ_DATA: [memory.stalled(burst.beats) for burst in bursts if not burst.write],
        Stall.W_READY: [memory.stalled(burst.beats) for burst in bursts if burst.write],
    }
    stalls = trace.of(Kind.STALL)
    for cause in Stall:
        mine = stalls[stalls["cause"] == cause]
        if len(mine):
            worst = mine[np.argmax(mine["value"])]
            unavoidable = least.get(cause, [])
            found[cause.name.lower()] = {
                "cycles": int(mine["value"].sum()),
                "spans": len(mine),
                "worst": {
                    "cycles": int(worst["value"]), "queue": int(worst["queue"]), "tag": int(worst["tag"]),
                    "end": int(worst["cycle"]),
                },
                "bound": {"cycles": sum(unavoidable), "worst": memory.stall if any(unavoidable) else 0},
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
