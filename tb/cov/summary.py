"""What was reached and what was not: the merged data against the declarations, the waivers and the targets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tb.cov.groups import GROUPS
from tb.cov.model import Bin, CovError, Group
from tb.cov.points import KINDS, Code, Place, read
from tb.cov.recorder import FUNCTIONAL
from tb.cov.waivers import Waiver

__all__ = ["CODE", "TARGETS", "Summary", "Tally", "judge", "merge", "tally"]

CODE = "coverage.dat"
"""File of a run in which Verilator counts."""

TARGETS: Mapping[str, float] = {"functional": 100.0, "line": 100.0, "branch": 100.0, "toggle": 95.0}
"""Percent to be reached of what is not excluded or waived. Expressions have none: they are reported."""

_NAMED = 12
"""Misses named for each kind; the rest are counted, and stand in cov.json."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are, need not be reached, and were reached."""

    total: int
    excused: int
    reached: int

    @property
    def percent(self) -> float:
        """Of those that are to be reached; 100 when there is none."""
        due = self.total - self.excused
        return 100.0 * self.reached / due if due else 100.0

    def row(self) -> dict[str, float]:
        """As it stands in cov.json; the percentage is cut, not rounded up to a target."""
        cut = int(self.percent * 100) / 100
        return {"total": self.total, "excused": self.excused, "reached": self.reached, "percent": cut}


def tally(counts: Mapping[Place, int], waived: Mapping[Place, Waiver]) -> Tally:
    """Of some points of code coverage."""
    return Tally(
        len(counts),
        sum(place in waived for place in counts),
        sum(count > 0 for count in counts.values()),
    )


@dataclass(frozen=True)
class Summary:
    """Everything a report shows."""

    groups: Sequence[Group]
    bins: Mapping[str, int]
    code: Code
    waived: Mapping[Place, Waiver]
    runs: int

    @property
    def functional(self) -> Tally:
        """Bins of all groups."""
        return self.of_group(*self.groups)

    def of_group(self, *groups: Group) -> Tally:
        """Bins of some groups."""
        bins = [one for group in groups for one in group.bins()]
        reached = sum(not one.reason and bool(self.bins.get(one.key)) for one in bins)
        return Tally(len(bins), sum(bool(one.reason) for one in bins), reached)

    def of_kind(self, kind: str) -> Tally:
        """Points of a kind of code coverage."""
        return tally(self.code.of(kind), self.waived)

    def missing_bins(self) -> list[Bin]:
        """Bins that can be met and were not."""
        return [one for group in self.groups for one in group.bins() if not one.reason and not self.bins.get(one.key)]

    def missing_points(self, kind: str) -> list[Place]:
        """Points of a kind that were not reached and are not waived."""
        return sorted(
            place for place, count in self.code.of(kind).items() if not count and place not in self.waived
        )  # fmt: skip

    def contradictions(self) -> list[Bin]:
        """Bins that were declared out of reach and were met."""
        return [one for group in self.groups for one in group.bins() if one.reason and self.bins.get(one.key)]

    def to_json(self) -> dict[str, Any]:
        """What cov.json holds: every figure, and every miss by name."""
        files: dict[str, dict[str, dict[Place, int]]] = {}
        for place, count in self.code.counts.items():
            files.setdefault(place.file, {kind: {} for kind in KINDS})[place.kind][place] = count
        return {
            "runs": self.runs,
            "targets": dict(TARGETS),
            "functional": {
                **self.functional.row(),
                "groups": {one.name: self.of_group(one).row() for one in self.groups},
            },
            "code": {kind: self.of_kind(kind).row() for kind in KINDS},
            "files": {
                file: {kind: tally(counts, self.waived).row() for kind, counts in kinds.items()}
                for file, kinds in sorted(files.items())
            },
            "missing": {"functional": [one.key for one in self.missing_bins()]}
            | {kind: [str(place) for place in self.missing_points(kind)] for kind in KINDS},
            "waivers": [
                {"point": str(place), "reason": waiver.reason} for place, waiver in sorted(self.waived.items())
            ],
        }


def merge(folders: Iterable[Path], groups: Sequence[Group] = GROUPS) -> tuple[Counter[str], Code, int]:
    """(bins, code, runs) of every run in some folders, each looked through to its leaves.

    CovError when there is no data, for a file that is broken, and for a bin that no group declares.
    """
    known = {one.key for group in groups for one in group.bins()}
    bins: Counter[str] = Counter()
    code, runs = Code(), set[Path]()
    for folder in folders:
        for path in sorted(folder.rglob(FUNCTIONAL)):
            runs.add(path.parent)
            try:
                counts = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise CovError(f"{path}: no coverage data, or cut short: remove it and run again") from None
            strange = set(counts) - known
            if strange:
                raise CovError(f"{path}: no group declares {min(strange)}: remove the file and run again")
            bins.update(counts)
        for path in sorted(folder.rglob(CODE)):
            runs.add(path.parent)
            code.add(read(path))
    if not code.counts and not bins:
        raise CovError("no coverage data: run without RERUN=0 first")
    return bins, code, len(runs)


def judge(summary: Summary) -> list[str]:
    """What is not good enough, in words."""
    found = [
        f"{one.key} was met and is declared out of reach ({one.reason}): correct tb/cov/groups.py"
        for one in summary.contradictions()
    ]
    for kind, target in TARGETS.items():
        reached = summary.functional if kind == "functional" else summary.of_kind(kind)
        if reached.percent < target:
            misses = [one.key for one in summary.missing_bins()] if kind == "functional" else [
                str(place) for place in summary.missing_points(kind)
            ]  # fmt: skip
            more = f" and {len(misses) - _NAMED} more, see cov.json" if len(misses) > _NAMED else ""
            found.append(
                f"{kind} {reached.row()['percent']:.2f} % of {target:g} %: {'; '.join(misses[:_NAMED])}{more}"
            )
    return found
