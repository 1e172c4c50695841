"""What came of it: mutate.json, a table by module, and the survivors, each with its reason where one was reviewed.

A survivor that is proved equivalent is told with its proof and leaves the denominator of the rate that the floor is
for; the raw rate, killed of generated, stands beside it. A reason in equivalent.toml explains why no test can notice a
mutant, or why one could that takes far too long to run. It changes neither rate, and only the first kind explains a
survivor.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from tb import toml
from tb.mutate.models import Change
from tb.mutate.mutants import MODES, Mutant, MutationError
from tb.toolchain import ROOT

__all__ = ["FLOOR_PERCENT", "REASONS", "Reason", "facts_of", "merged", "models_facts_of", "reasons_of", "table_of"]

FLOOR_PERCENT = 95.0
"""Of a hundred mutants of the engine that are not proved equivalent, how many must be killed."""
REASONS = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why mutants of a module that match cannot be noticed.

    what: regular expression that must match a mutant's description as a whole, alone or with its code.
    modes: those concerned, all when empty.
    lines: of rtl/MODULE.v, where the text stands that the reason rests on; a mutant elsewhere is not concerned.
    reachable: a test could notice them, but would have to simulate for far too long.
    """

    module: str
    lines: frozenset[int]
    what: str
    modes: tuple[str, ...]
    reason: str
    reachable: bool = False

    def fits(self, mutant: Mutant) -> bool:
        """Whether this is about `mutant`."""
        about = self.module == mutant.module and mutant.line in self.lines and mutant.mode in (self.modes or MODES)
        told = (mutant.what, f"{mutant.what}: {mutant.code}")
        return about and any(re.fullmatch(self.what, text) for text in told)


def reasons_of(path: Path = REASONS) -> list[Reason]:
    """The reviewed reasons; MutationError for a file that cannot be used."""
    try:
        tables = toml.load(path)
        found = [
            Reason(
                row["module"],
                _lines_of(row["module"], row["source"]),
                row["what"],
                tuple(row.get("modes", ())),
                row["reason"],
                kind == "out_of_reach",
            )
            for kind in ("equivalent", "out_of_reach")
            for row in tables.get(kind, [])
        ]
        for one in found:
            re.compile(one.what)
            if unknown := set(one.modes) - set(MODES):
                raise ValueError(f"no mode called {', '.join(sorted(unknown))}")
            if not one.reason.strip():
                raise ValueError(f"no reason for {one.what} of {one.module}")
    except OSError as error:
        raise MutationError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
        raise MutationError(f"{path.name} is wrong: {error}: see its first lines") from None
    return found


def _lines_of(module: str, sources: Sequence[str]) -> frozenset[int]:
    """The lines of rtl/MODULE.v in which texts stand; ValueError for one that is not there."""
    text = (ROOT / "rtl" / f"{module}.v").read_text(encoding="utf-8")
    found: set[int] = set()
    for source in [sources] if isinstance(sources, str) else sources:
        if not source.strip() or source not in text:
            raise ValueError(f"a reason is stale: {module}.v has no '{source}'")
        for place in re.finditer(re.escape(source), text):
            first = text.count("\n", 0, place.start()) + 1
            found.update(range(first, first + source.count("\n") + 1))
    return frozenset(found)


def facts_of(
    mutants: Sequence[Mutant],
    results: Mapping[int, Mapping[str, Any]],
    reasons: Sequence[Reason],
    proofs: Mapping[int, str],
) -> dict[str, Any]:
    """What mutate.json says of the engine's mutants.

    proofs: of survivors that are proved equivalent, by their number.
    """
    by_module: dict[str, Counter[str]] = {}
    by_check: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    survivors: list[dict[str, Any]] = []
    for mutant in mutants:
        result = results[mutant.id]
        counts = by_module.setdefault(mutant.module, Counter())
        counts["generated"] += 1
        counts[result["verdict"]] += 1
        if result["verdict"] == "survived":
            survivors.append(
                {
                    "id": mutant.id,
                    "module": mutant.module,
                    "source line": mutant.place,
                    "what": mutant.what,
                    "code": mutant.code,
                    "proof": proofs.get(mutant.id),
                    "explained": next((one.reason for one in reasons if one.fits(mutant) and not one.reachable), None),
                    "out of reach": next((one.reason for one in reasons if one.fits(mutant) and one.reachable), None),
                }
            )
        else:
            by_check[result["how"]] += 1
            programs[result["by"].split("/")[0]] += 1
    generated = len(mutants)
    checks = sum(counts["killed"] for counts in by_module.values())
    timing = sum(counts["timing"] for counts in by_module.values())
    equivalent = sum(one["proof"] is not None for one in survivors)
    return {
        "generated": generated,
        "killed": checks + timing,
        "proved equivalent": equivalent,
        "killed by checks": checks,
        "killed by timing alone": timing,
        "raw percent": round(100 * (checks + timing) / generated, 2) if generated else 0.0,
        "percent": round(100 * (checks + timing) / (generated - equivalent), 2) if generated > equivalent else 0.0,
        "floor": FLOOR_PERCENT,
        "explained": sum(one["explained"] is not None for one in survivors),
        "out of reach": sum(one["out of reach"] is not None for one in survivors),
        "unexplained": sum(one["proof"] is None and one["explained"] is None for one in survivors),
        "by check": dict(by_check.most_common()),
        "by program": dict(programs.most_common()),
        "modules": {
            name: {
                "generated": counts["generated"],
                "killed by checks": counts["killed"],
                "killed by timing alone": counts["timing"],
                "survived": counts["survived"],
            }
            for name, counts in sorted(by_module.items())
        },
        "survivors": survivors,
        "cpu_s": round(sum(result["cpu_s"] for result in results.values()), 1),
    }


def models_facts_of(changes: Sequence[Change], results: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """What mutate.json says of the mutants of models/."""
    alive = [change for change in changes if results[change.id]["verdict"] == "survived"]
    files: dict[str, Counter[str]] = {}
    for change in changes:
        files.setdefault(change.file, Counter())[results[change.id]["verdict"]] += 1
    killed = len(changes) - len(alive)
    return {
        "generated": len(changes),
        "killed": killed,
        "percent": round(100 * killed / len(changes), 2) if changes else 0.0,
        "files": {name: dict(counts) for name, counts in sorted(files.items())},
        "survivors": [
            {"id": one.id, "module": one.file, "source line": f"{one.file}:{one.line}", "what": one.what}
            for one in alive
        ],
        "cpu_s": round(sum(result["cpu_s"] for result in results.values()), 1),
    }


def merged(path: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` with what an earlier report says beside them (the models' part, or the engine's)."""
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        earlier = {}
    return {**(earlier if isinstance(earlier, dict) else {}), **facts}


def table_of(facts: Mapping[str, Any]) -> Table:
    """The engine's part by module, for the terminal."""
    table = Table(title="mutants of the engine")
    table.add_column("module")
    columns = ("generated", "killed by checks", "killed by timing alone", "survived")
    for column in columns:
        table.add_column(column, justify="right")
    for name, counts in facts["modules"].items():
        table.add_row(name, *(str(counts[column]) for column in columns))
    table.add_section()
    totals = (facts["generated"], facts["killed by checks"], facts["killed by timing alone"], len(facts["survivors"]))
    table.add_row("all", *map(str, totals))
    return table
