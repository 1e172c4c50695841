"""What our own strategy is held to, on the built-in workloads with their own parameters at the default host costs.

Each target is met, missed or not measured; those that are not measured say why, and are not taken for met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tb.compare.rows import BOUND, Row, find, median_ratio

__all__ = ["OURS", "RIVAL", "Verdict", "judged"]

OURS, RIVAL = "adaptive", "vmwgfx"
"""The strategy that is judged, and the one that it is held against."""

BYTES_RATIO = 1.25
"""At most so many times the bytes of the bound, on every workload."""
TIME_RATIO = 1.5
"""At most so many times the clairvoyant strategy's time, where the past predicts what is accessed next."""
PREDICTED = 0.5
"""Share of a workload's accesses from which it counts as predicted (`models.workload.foresight`)."""
BEHIND_RATIO = 1.02
"""At most so many times the rival's time, on every workload."""
MEDIAN_RATIO = 0.7
"""At most so many times the rival's time, in the median over all workloads."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: `met` is None where it was not measured; `detail` has the figures."""

    target: str
    met: bool | None
    detail: str


def judged(rows: Sequence[Row], foreseen: Mapping[str, float], all_of: int) -> list[Verdict]:
    """Judge rows against the targets.

    `foreseen` is what share of its accesses the past predicts, by name of the built-in workloads that ran; `all_of` how
    many there are.
    """
    mine = [row for row in rows if row.workload in foreseen and row.scale == 1.0]
    own = [row for row in mine if row.policy == OURS]
    predicted = [row for row in own if foreseen[row.workload] >= PREDICTED]
    others = [
        f"{name} {ratio:.3f} ({100 * foreseen[name]:.0f} % of its accesses)"
        for name, ratio in _times([row for row in own if row not in predicted])
    ]
    beside = f"; not predicted, so not judged: {', '.join(others)}" if others else ""
    time = f"time at most {TIME_RATIO} x {BOUND}'s, where the past predicts"
    return [
        _each(f"bytes at most {BYTES_RATIO} x the bound's", BYTES_RATIO, list(_bytes(own))),
        _each(time, TIME_RATIO, list(_times(predicted)), beside),
        _each(f"never more than 2 % behind {RIVAL}", BEHIND_RATIO, list(_rival(mine, own))),
        _median(mine, len(own), all_of),
    ]


def _bytes(rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
    for row in rows:
        if row.bound_bytes is not None:
            yield row.workload, row.bytes / row.bound_bytes if row.bound_bytes else float(row.bytes > 0) * 1e9


def _times(rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
    for row in rows:
        if row.bound_time_ns is not None:
            yield row.workload, row.time_ns / row.bound_time_ns


def _rival(rows: Sequence[Row], own: Sequence[Row]) -> Iterator[tuple[str, float]]:
    for row in own:
        beside = find(rows, row.workload, RIVAL)
        if beside is not None:
            yield row.workload, row.time_ns / beside.time_ns


def _each(target: str, limit: float, ratios: Sequence[tuple[str, float]], beside: str = "") -> Verdict:
    if not ratios:
        return Verdict(target, None, f"not measured{beside}")
    missed = [f"{name} {ratio:.3f}" for name, ratio in ratios if ratio > limit]
    worst = max(ratios, key=lambda one: one[1])
    detail = f"missed: {', '.join(missed)}" if missed else f"worst {worst[1]:.3f} ({worst[0]})"
    return Verdict(target, not missed, f"{detail}; {len(ratios)} workloads{beside}")


def _median(rows: list[Row], count: int, all_of: int) -> Verdict:
    target = f"median at most {MEDIAN_RATIO} x {RIVAL}'s time"
    ratio = median_ratio(rows, OURS, RIVAL)
    if ratio is None:
        return Verdict(target, None, "not measured")
    if count < all_of:
        return Verdict(target, None, f"not judged: {ratio:.3f} over {count} of {all_of} workloads")
    return Verdict(target, ratio <= MEDIAN_RATIO, f"{ratio:.3f} over {count} workloads")
