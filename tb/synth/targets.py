"""Figures judged by targets.toml, and the peers' figures from peers.toml to stand beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tb import toml
from tb.synth.errors import SynthesisError

__all__ = ["FIGURES", "Peer", "Target", "judged", "peers_of", "targets_of"]

FIGURES = ("lut4", "ff", "bram", "dpr", "fmax_mhz")
_HERE = Path(__file__).parent
_BOUNDS = ("above", "below")


@dataclass(frozen=True)
class Target:
    """A figure of a subject must lie above, or below, a bound; the bound itself is a miss."""

    subject: str
    figure: str
    above: float | None = None
    below: float | None = None

    def misses(self, value: float) -> bool:
        """Whether `value` does not reach the target."""
        return (self.above is not None and value <= self.above) or (self.below is not None and value >= self.below)

    def __str__(self) -> str:
        side, bound = ("above", self.above) if self.above is not None else ("below", self.below)
        return f"{self.subject} {self.figure} {side} {bound:g}"


@dataclass(frozen=True)
class Peer:
    """Another engine's figures on the same device."""

    name: str
    lut4: int
    ff: int
    fmax_mhz: float
    note: str


def _rows(path: Path, table: str) -> list[dict[str, Any]]:
    try:
        rows = toml.load(path)[table]
    except (OSError, ValueError, KeyError) as error:
        raise SynthesisError(f"{path.name}: no [[{table}]] can be read ({error}): restore it from git") from None
    return list(rows)


def targets_of(known: Collection[str], path: Path = _HERE / "targets.toml") -> list[Target]:
    """The targets; SynthesisError for one that names no subject of `known` or no figure, or has not one bound."""
    found = []
    for row in _rows(path, "target"):
        said = f"{path.name}: target {row}"
        bounds = [name for name in _BOUNDS if isinstance(row.get(name), int | float)]
        if set(row) - {"subject", "figure", *_BOUNDS} or len(bounds) != 1:
            raise SynthesisError(f"{said}: give subject, figure, and a number as either above or below")
        if row.get("subject") not in known:
            raise SynthesisError(f"{said}: subject is one of {', '.join(sorted(known))}")
        if row.get("figure") not in FIGURES:
            raise SynthesisError(f"{said}: figure is one of {', '.join(FIGURES)}")
        found.append(Target(row["subject"], row["figure"], row.get("above"), row.get("below")))
    return found


def peers_of(path: Path = _HERE / "peers.toml") -> list[Peer]:
    """The peers; SynthesisError when one lacks a figure."""
    try:
        return [Peer(**row) for row in _rows(path, "peer")]
    except TypeError as error:
        raise SynthesisError(f"{path.name}: {error}: each peer has name, lut4, ff, fmax_mhz and note") from None


def judged(
    targets: Sequence[Target], figures: Mapping[str, Mapping[str, float | None]]
) -> list[tuple[Target, float, bool]]:
    """Each target whose subject was measured: what it got, and whether that reaches it.

    SynthesisError when the subject was measured without that figure.
    """
    found = []
    for target in targets:
        if target.subject not in figures:
            continue
        value = figures[target.subject].get(target.figure)
        if value is None:
            raise SynthesisError(f"{target.subject}: {target.figure} was not measured, so its target cannot be judged")
        found.append((target, value, not target.misses(value)))
    return found
