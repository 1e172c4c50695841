"""One run of a scenario in figures: what timing.json holds of it (docs/timing.md has the schema)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
            "bound": memory.utilization(scenario),
        },
        "stalls": _stalls(trace),
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
    size = sorted(one.bytes for one in mine)[(len(mine) - 1) // 2]
    bound = memory.parts(kind, size)
    return {
        "count": len(mine),
        "bytes": sum(one.bytes for one in mine),
        "total": summary(one.cycles for one in mine),
        "parts": {part: summary(one.parts[part] for one in mine) for part in PARTS},
        "bound": {"bytes": size, "total": memory.total(kind, size), "parts": bound},
        "worst": {"number": worst.number, "queue": worst.queue, "tags": list(worst.tags), "cycles": worst.cycles},
    }


def _stalls(trace: Trace) -> dict[str, Any]:
    found = {}
    stalls = trace.of(Kind.STALL)
    for cause in Stall:
        mine = stalls[stalls["cause"] == cause]
        if len(mine):
            worst = mine[np.argmax(mine["value"])]
            found[cause.name.lower()] = {
                "cycles": int(mine["value"].sum()),
                "spans": len(mine),
                "worst": {
                    "cycles": int(worst["value"]), "queue": int(worst["queue"]), "tag": int(worst["tag"]),
                    "end": int(worst["cycle"]),
                },
            }  # fmt: skip
    return found


def spread(spans: npt.NDArray[np.int64], edges: npt.NDArray[np.int64]) -> list[int]:
    """Cycles of spans [begin, end) in each window between edges; two spans in one cycle count twice."""
    if not len(spans):
        return [0] * (len(edges) - 1)
    until = [int(np.clip(edge - spans[:, 0], 0, spans[:, 1] - spans[:, 0]).sum()) for edge in edges]
    return [after - before for before, after in zip(until, until[1:], strict=False)]


def _windows(trace: Trace, begin: int, end: int) -> dict[str, Any]:
    edges = np.unique(np.linspace(begin, end, WINDOWS + 1).astype(np.int64))
    events = trace.events
    cycles = events["cycle"].astype(np.int64)

    def beats(kind: Kind, who: int) -> list[int]:
        """Beats, counted where their burst ended."""
        mine = (events["kind"] == kind) & (events["id"] == who)
        return [int(one) for one in np.histogram(cycles[mine], edges, weights=events["value"][mine])[0]]

    stalls = trace.of(Kind.STALL)
    ends = stalls["cycle"].astype(np.int64)
    spans = np.stack([ends - stalls["value"].astype(np.int64), ends], axis=1)
    return {
        "edges": [int(edge) for edge in edges],
        "read_beats": beats(Kind.READ_LAST, READ_DATA_ID),
        "write_beats": beats(Kind.WRITE_LAST, WRITE_DATA_ID),
        "stalls": {
            cause.name.lower(): spread(spans[stalls["cause"] == cause], edges)
            for cause in Stall
            if (stalls["cause"] == cause).any()
        },
    }
