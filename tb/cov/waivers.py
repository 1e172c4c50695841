"""Waivers: points of code coverage that need not be reached, each with its reason, reviewed as the code is.

A waiver names points by file, kind, the text of their source line and a pattern of what they are. It must name points
that exist and that no run has reached: a waiver that outlived its reason is an error, and so is one without a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tb import toml
from tb.cov.model import CovError
from tb.cov.points import KINDS, Place
from tb.toolchain import ROOT

__all__ = ["WAIVERS", "Waiver", "apply", "waivers_of"]

WAIVERS = Path(__file__).with_name("waivers.toml")
"""The reviewed file."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Points that need not be reached.

    file: relative to the repository.  kind: line, branch, expr or toggle.  line: text that their source line contains;
    any line when empty.  point: pattern that the whole of what they are must match; anything when empty.
    """

    file: str
    kind: str
    line: str
    point: str
    reason: str
    number: int

    def covers(self, place: Place, source: str) -> bool:
        """Whether it names a point; `source` is the point's line of the file."""
        return (
            (place.file, place.kind) == (self.file, self.kind)
            and self.line in source
            and (not self.point or re.fullmatch(self.point, place.text) is not None)
        )


def waivers_of(path: Path = WAIVERS) -> list[Waiver]:
    """The waivers of a file. CovError for one that makes no sense, with its number in the file."""
    try:
        rows = toml.load(path).get("waiver", [])
    except (OSError, ValueError) as error:
        raise CovError(f"{path.name}: {error}") from None
    found = []
    for number, row in enumerate(rows, 1):
        where = f"{path.name}: waiver {number}"
        unknown = set(row) - {"file", "kind", "line", "point", "reason"}
        if unknown or not all(isinstance(value, str) for value in row.values()):
            raise CovError(f"{where}: it has file, kind, line, point and reason, all text: {sorted(unknown)}")
        if not row.get("reason", "").strip():
            raise CovError(f"{where}: no reason: say why the point cannot or need not be reached")
        if row.get("kind") not in KINDS or not (row.get("line") or row.get("point")):
            raise CovError(f"{where}: it needs a kind ({', '.join(KINDS)}), and a line or a point")
        try:
            re.compile(row.get("point", ""))
        except re.error as error:
            raise CovError(f"{where}: point is no pattern: {error}") from None
        found.append(
            Waiver(row.get("file", ""), row["kind"], row.get("line", ""), row.get("point", ""), row["reason"], number)
        )
    return found


def apply(waivers: Sequence[Waiver], counts: Mapping[Place, int], root: Path = ROOT) -> dict[Place, Waiver]:
    """The points that are waived, with their waivers. CovError lists each that fits nothing, or a point reached."""
    files = {place.file for place in counts}
    sources = {file: (root / file).read_text(encoding="utf-8").splitlines() for file in files}
    waived: dict[Place, Waiver] = {}
    complaints: list[str] = []
    for waiver in waivers:
        matches = [
            place
            for place in counts
            if place.file == waiver.file and waiver.covers(place, sources[place.file][place.line - 1])
        ]
        reached = [place for place in matches if counts[place]]
        where = f"waiver {waiver.number} ({waiver.file}, {waiver.kind} {waiver.line or waiver.point})"
        if not matches:
            complaints.append(f"{where} fits no point: remove it")
        elif reached:
            complaints.append(f"{where} fits {len(reached)} points that are reached, first {min(reached)}: narrow it")
        waived |= dict.fromkeys(matches, waiver)
    if complaints:
        raise CovError("; ".join(complaints))
    return waived
