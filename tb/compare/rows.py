"""The figures of one strategy on one workload, and how they travel as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

__all__ = ["BOUND", "Row", "bounded", "find", "median_ratio"]

BOUND = "clairvoyant"
"""The strategy whose time is the bound."""


@dataclass(frozen=True, slots=True)
class Row:
    """One play on the RTL, from the first action until the device is idle.

    Counts are those of `models.workload.tally.Figures` and `models.workload.play.Played`. `device_cycles` are clock
    cycles in which host data was under way by DMA, `time_ns` the time of the whole; `scale` multiplies the table of
    host costs. `bound_bytes` is the least that any driver by pages moves, `bound_time_ns` the clairvoyant strategy's
    time at the same costs; None where it is not known.
    """

    workload: str
    policy: str
    title: str
    promise: str
    scale: float
    faults: int
    zapped: int
    shootdowns: int
    readback_bytes: int
    writeback_bytes: int
    descriptors: int
    waits: int
    interrupts: int
    stale_reads: int
    stale_bytes: int
    early_reads: int
    device_cycles: int
    cycles: int
    time_ns: int
    host_ns: dict[str, int]
    violations: list[str]
    judged_bytes: int
    bound_bytes: int | None = None
    bound_time_ns: int | None = None

    @property
    def bytes(self) -> int:
        """Bytes both ways."""
        return self.readback_bytes + self.writeback_bytes

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self)


def find(rows: Iterable[Row], workload: str, policy: str, scale: float = 1.0) -> Row | None:
    """Return the row of a strategy on a workload at a scale of the host costs, if it was measured."""
    wanted = workload, policy, scale
    return next((row for row in rows if (row.workload, row.policy, row.scale) == wanted), None)


def bounded(rows: list[Row], bytes_of: dict[str, int]) -> list[Row]:
    """Return the rows with their bounds: bytes by workload, time from the clairvoyant strategy's own row."""
    filled = []
    for row in rows:
        bound = find(rows, row.workload, BOUND, row.scale)
        time_ns = None if bound is None else bound.time_ns
        filled.append(replace(row, bound_bytes=bytes_of.get(row.workload), bound_time_ns=time_ns))
    return filled


def median_ratio(rows: list[Row], policy: str, other: str, scale: float = 1.0) -> float | None:
    """Return the median over workloads of one strategy's time to another's; None where either was not measured."""
    ratios = []
    for row in rows:
        beside = find(rows, row.workload, other, scale)
        if row.policy == policy and row.scale == scale and beside is not None:
            ratios.append(row.time_ns / beside.time_ns)
    return median(ratios) if ratios else None
