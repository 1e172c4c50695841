"""The page: figures, bins with their counts, and the source with what was not reached; one file, light and dark."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import jinja2

from tb.cov.model import Bin, Group
from tb.cov.points import KINDS, Place
from tb.cov.summary import TARGETS, Summary
from tb.toolchain import ROOT

__all__ = ["rendered"]

_TEMPLATE = Path(__file__).with_name("page.html")
_TOGGLES = 6
"""Toggles named for each source line."""


def rendered(summary: Summary, root: Path = ROOT) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    data = summary.to_json()
    return template.render(
        data=data,
        kinds=KINDS,
        targets=TARGETS,
        groups=[_group(group, summary) for group in summary.groups],
        files=[_file(file, summary, root) for file in data["files"]],
    )


def _cell(one: Bin, summary: Summary) -> dict[str, Any]:
    count = summary.bins.get(one.key, 0)
    state = "out" if one.reason else "hit" if count else "miss"
    return {"count": count, "state": state, "title": one.reason or one.key}


def _group(group: Group, summary: Summary) -> dict[str, Any]:
    cells = {frozenset(one.values.items()): _cell(one, summary) for one in group.bins()}
    points = [
        {
            "name": point.name,
            "what": point.what,
            "bins": [(value, cells[frozenset({(point.name, value)})]) for value in point.bins],
        }
        for point in group.points
    ]
    crosses = [
        {
            "name": f"{one.name} x {other.name}",
            "columns": other.bins,
            "rows": [
                (left, [cells[frozenset({(one.name, left), (other.name, right)})] for right in other.bins])
                for left in one.bins
            ],
            "missing": sum(
                cells[frozenset({(one.name, left), (other.name, right)})]["state"] == "miss"
                for left in one.bins
                for right in other.bins
            ),
        }
        for one, other in combinations(group.points, 2)
    ]
    return {"group": group, "tally": summary.of_group(group).row(), "points": points, "crosses": crosses}


def _file(file: str, summary: Summary, root: Path) -> dict[str, Any]:
    """The source of a file, line by line: (number, text, state, count, notes)."""
    notes: dict[int, list[str]] = defaultdict(list)
    toggles: dict[int, list[Place]] = defaultdict(list)
    lines: dict[int, tuple[str, int]] = {}
    missing = 0
    for place, count in sorted((one, count) for one, count in summary.code.counts.items() if one.file == file):
        waiver = summary.waived.get(place)
        if place.kind == "line":
            lines[place.line] = ("waived" if waiver else "hit" if count else "miss", count)
        elif not count and place.kind == "toggle" and waiver is None:
            toggles[place.line].append(place)
        elif not count:
            verdict = f"waived: {waiver.reason}" if waiver else "not reached"
            notes[place.line].append(f"{place.kind} {place.text}: {verdict}")
        missing += not count and waiver is None
    for number, places in toggles.items():
        shown = ", ".join(place.text for place in places[:_TOGGLES])
        more = f" and {len(places) - _TOGGLES} more" if len(places) > _TOGGLES else ""
        notes[number].append(f"toggle {shown}{more}: not reached")
    source = (root / file).read_text(encoding="utf-8").splitlines()
    rows = [
        (number, text, *lines.get(number, ("", 0)), list(dict.fromkeys(notes[number])))
        for number, text in enumerate(source, 1)
    ]
    return {"name": file, "rows": rows, "missing": missing}
