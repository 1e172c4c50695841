"""Points, bins, crosses: which conditions are to be met, alone and in pairs, and which cannot be.

A group is a set of points that are sampled together. Its bins are those of each point and those of each pair of points.
What cannot happen is declared beside the points, with the reason; a bin so declared that is seen all the same is an
error of the declaration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product

__all__ = ["CovError", "Bin", "Exclusion", "Group", "Point"]


class CovError(Exception):
    """Coverage data, waivers or declarations that make no sense. One line: what, where, cure."""


@dataclass(frozen=True, slots=True)
class Point:
    """A condition with its bins; `what` says how it is measured."""

    name: str
    bins: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Bins of one point, or of two points together, that cannot be met, and why."""

    where: Mapping[str, Collection[str]]
    reason: str

    def covers(self, values: Mapping[str, str]) -> bool:
        """Whether a bin, given as {point: bin}, lies in it."""
        return all(name in values and values[name] in bins for name, bins in self.where.items())


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin: its group, the {point: bin} that name it, and why it cannot be met ("" when it can)."""

    group: str
    values: Mapping[str, str]
    reason: str = ""

    @property
    def key(self) -> str:
        """Its name in the data of a run."""
        return f"{self.group}: {', '.join(f'{name}={value}' for name, value in self.values.items())}"


@dataclass(frozen=True)
class Group:
    """Points that are sampled together, and what cannot happen among them.

    Raises CovError for two points of one name, a bin named twice, or an exclusion that fits nothing.
    """

    name: str
    what: str
    points: tuple[Point, ...]
    exclusions: tuple[Exclusion, ...] = ()
    _known: dict[str, frozenset[str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for point in self.points:
            if point.name in self._known or len(set(point.bins)) != len(point.bins):
                raise CovError(f"{self.name}: the point {point.name}, or a bin of it, is there twice")
            self._known[point.name] = frozenset(point.bins)
        for exclusion in self.exclusions:
            if not exclusion.reason or not 1 <= len(exclusion.where) <= 2:
                raise CovError(f"{self.name}: an exclusion needs a reason and one or two points: {exclusion.where}")
            for name, bins in exclusion.where.items():
                unknown = set(bins) - self._known.get(name, frozenset())
                if unknown or not bins:
                    raise CovError(f"{self.name}: an exclusion names {name} {sorted(unknown)}, which do not exist")

    def bins(self) -> Iterator[Bin]:
        """Every bin: those of single points, then those of pairs."""
        for point in self.points:
            for value in point.bins:
                yield self._bin({point.name: value})
        for one, other in combinations(self.points, 2):
            for values in product(one.bins, other.bins):
                yield self._bin({one.name: values[0], other.name: values[1]})

    def _bin(self, values: Mapping[str, str]) -> Bin:
        reason = next((one.reason for one in self.exclusions if one.covers(values)), "")
        return Bin(self.name, values, reason)

    def allows(self, values: Mapping[str, str]) -> bool:
        """Whether a choice of one bin for each of some points is free of what cannot be."""
        return not any(one.covers(values) for one in self.exclusions)

    def sample(self, counts: Counter[str], values: Mapping[str, Iterable[str]]) -> None:
        """Count one occurrence: the bins that each point was in. Points that are left out do not apply to it.

        CovError for a bin that was not declared.
        """
        met = [(point.name, tuple(values[point.name])) for point in self.points if point.name in values]
        for name, bins in met:
            if not self._known[name].issuperset(bins):
                raise CovError(f"{self.name}: {name} has no bin {sorted(set(bins) - self._known[name])}: declare it")
            counts.update(f"{self.name}: {name}={value}" for value in bins)
        for (one, left), (other, right) in combinations(met, 2):
            counts.update(f"{self.name}: {one}={a}, {other}={b}" for a, b in product(left, right))
