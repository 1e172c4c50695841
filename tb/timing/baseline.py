"""An earlier run beside this one: which cycles moved, and by how much, better or worse.

Cycles are the same in every run of the same hardware and driver, so whatever differs is a change of one of them, and
there is no tolerance.  What is compared is what timing.json says of each kind of operations, of the bus and of stalls,
and a digest of each operation, which sees what no figure does.  The baseline that is checked in is timing.json without
single operations and windows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Any

from tb.timing.figures import QUANTILES, Run

__all__ = ["BASELINE", "VERSION", "BaseError", "Change", "base_of", "baseline", "changes", "condensed", "unmade"]

VERSION = 1
"""Of timing.json and of the baseline."""
BASELINE = Path(__file__).with_name("baseline.json")
_MEMORY = ("scenario", "latency", "width", "stall")
_DIGITS = 8
"""Of one operation's digest."""
_OTHERS = "operations with other cycles"
_LEFT_OUT = ("operations", "windows", "simulator", "begin", "end")


class BaseError(Exception):
    """A file that no run can be compared with. One line: which, why, and the cure."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of a run that is not what it was: None where one of the two has none.

    run: its title.  what: kind of operation, stall or bus.  figure: which of it.  first: number of the first operation
    whose cycles are others, where that is known: `make timing` with OPERATION=number shows it.
    """

    run: str
    what: str
    figure: str
    before: float | None
    after: float | None
    first: int | None = None

    @property
    def told(self) -> str:
        """By how much, in the figure's unit and percent."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        difference = self.after - self.before
        share = f" ({difference / self.before:+.1%})" if self.before else ""
        place = f", first OPERATION={self.first}" if self.first is not None else ""
        return f"{difference:+,.6g}{share}{place}"

    @property
    def worse(self) -> bool | None:
        """Whether it takes longer, or more of the bus is idle; None where neither can be said."""
        if self.before is None or self.after is None or self.figure in ("count", "bytes", _OTHERS):
            return None
        return (self.after < self.before) is (self.figure == "share")


def condensed(run: Run) -> dict[str, Any]:
    """What of a run is compared."""
    return {name: value for name, value in run.facts.items() if name not in _LEFT_OUT}


def baseline(runs: Iterable[Run]) -> str:
    """The baseline as JSON, a kind of operations a line, so that a change is seen where it is."""
    rows = []
    for run in runs:
        facts = condensed(run)
        kinds = ",\n".join(f"  {json.dumps(kind)}: {json.dumps(one)}" for kind, one in facts.pop("kinds").items())
        rows.append(json.dumps(facts)[:-1] + ', "kinds": {\n' + kinds + "}}")
    return f'{{"version": {VERSION}, "runs": [\n' + ",\n".join(rows) + "]}\n"


def base_of(path: Path) -> list[dict[str, Any]]:
    """The runs of a timing.json or a baseline.  BaseError where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaseError(f"BASE={path}: cannot be read ({error.strerror}): name a timing.json") from None
    except (ValueError, RecursionError) as error:
        raise BaseError(f"BASE={path}: no JSON ({error}): name a timing.json") from None
    anew = "make it anew with make timing"
    if not isinstance(found, Mapping) or found.get("version") != VERSION or not isinstance(found.get("runs"), list):
        raise BaseError(f"BASE={path}: no timing.json of version {VERSION}: {anew}")
    for number, run in enumerate(found["runs"]):
        try:
            figures = [*_figures(run), *((("run", name), run[name]) for name in _MEMORY[1:])]
            wrong = next((" ".join(what) for what, value in figures if not _is_number(value)), None)
            wrong = next((f"{kind} digests" for kind in run["kinds"] if not _are_digests(run["kinds"][kind])), wrong)
        except (KeyError, TypeError, AttributeError) as error:
            missing = f" {error}" if isinstance(error, KeyError) else ""
            raise BaseError(f"BASE={path}: run {number} lacks figures{missing}: {anew}") from None
        if wrong is not None or not isinstance(run["scenario"], str):
            raise BaseError(f"BASE={path}: run {number}: {wrong or 'run scenario'} is no figure: {anew}")
    return [dict(run) for run in found["runs"]]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _are_digests(kind: Mapping[str, Any]) -> bool:
    digests = kind["digests"]
    return isinstance(digests, str) and len(digests) == _DIGITS * kind["count"]


def unmade(base: Iterable[Mapping[str, Any]], runs: Iterable[Run]) -> list[str]:
    """Titles of the runs of an earlier time that have none here to be compared with."""
    made = {tuple(run.facts[name] for name in _MEMORY) for run in runs}
    left = [run for run in base if tuple(run[name] for name in _MEMORY) not in made]
    return [" ".join(f"{name.upper()}={run[name]}" for name in _MEMORY) for run in left]


def changes(base: Iterable[Mapping[str, Any]], runs: Iterable[Run]) -> list[Change]:
    """What differs between runs and those of an earlier time under the same scenario and memory."""
    earlier = {tuple(run[name] for name in _MEMORY): run for run in base}
    found = []
    for run in runs:
        before = earlier.get(tuple(run.facts[name] for name in _MEMORY))
        if before is None:
            found.append(Change(run.title, "run", "cycles", None, run.facts["cycles"]))
            continue
        was, now = dict(_figures(before)), dict(_figures(run.facts))
        for what, figure in sorted({*was, *now}, key=lambda key: (key not in now, *key)):
            one = Change(run.title, what, figure, was.get((what, figure)), now.get((what, figure)))
            if one.before != one.after:
                found.append(one)
        found += _others(before, run)
    return found


def _others(before: Mapping[str, Any], run: Run) -> Iterator[Change]:
    """How many operations of a kind are not what they were, each compared with that in its place."""
    for kind, now in run.facts["kinds"].items():
        pair = [before["kinds"].get(kind, now)["digests"], now["digests"]]
        was, has = ([one[at : at + _DIGITS] for at in range(0, len(one), _DIGITS)] for one in pair)
        places = [place for place, (one, other) in enumerate(zip_longest(was, has)) if one != other]
        if places:
            numbers = [one.number for one in run.operations if one.kind == kind]
            first = numbers[places[0]] if places[0] < len(numbers) else None
            yield Change(run.title, kind, _OTHERS, 0, len(places), first)


def _figures(facts: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], float]]:
    """((what, figure), value) of a run, without parts that took no time."""
    yield ("run", "cycles"), facts["cycles"]
    for name in ("share", "read_beats", "write_beats", "dma_cycles"):
        yield ("bus", name), facts["utilization"][name]
    for cause, stall in facts["stalls"].items():
        yield (f"stall {cause}", "cycles"), stall["cycles"]
        yield (f"stall {cause}", "spans"), stall["spans"]
        yield (f"stall {cause}", "longest"), stall["worst"]["cycles"]
    for kind, one in facts["kinds"].items():
        yield (kind, "count"), one["count"]
        yield (kind, "bytes"), one["bytes"]
        for part, cycles in one["sums"].items():
            yield (kind, f"{part} sum"), cycles
        for part, values in (("whole", one["total"]), *one["parts"].items()):
            if values["max"]:
                for name in QUANTILES:
                    yield (kind, f"{part} {name}"), values[name]
