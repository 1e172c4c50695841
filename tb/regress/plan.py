"""The test plan, docs/testplan.yaml: its points, whether what they name exists, and its page, docs/testplan.md.

`python -m tb.regress.plan` writes the page anew (`make generate` calls it); with --check it only says whether the page
is stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import EnumMeta
from pathlib import Path
from typing import Any

import yaml

from models import layout
from tb.toolchain import ROOT

__all__ = ["PAGE_FILE", "PLAN_FILE", "PlanError", "Point", "load", "main", "not_covered", "render", "stale", "unknown"]

PLAN_FILE = Path("docs", "testplan.yaml")
PAGE_FILE = Path("docs", "testplan.md")
"""Both relative to the repository."""

_KEYS = {"id", "intent", "covers", "tests"}
_RULE = re.compile(r"R\d+")
_TEST = re.compile(r"(test_\w+|(bench|test)_\w+\.\w+)")
_STANDARDS = {"AXI4"}
_STRUCTURES = ("Descriptor", "Record", "PageTableEntry")


class PlanError(Exception):
    """The plan cannot be read or does not say what a plan says.  One line: where, what and the cure."""


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to be known, the promises that it covers, and the tests that show it."""

    id: str
    section: str
    intent: str
    covers: tuple[str, ...]
    tests: tuple[str, ...]


def load(root: Path = ROOT) -> list[Point]:
    """Every point of the plan of a tree, in order.  PlanError for a file that is missing, not YAML or not a plan."""
    try:
        content = yaml.safe_load((root / PLAN_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read {PLAN_FILE}: {error.strerror}: restore it from the repository") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{PLAN_FILE}:{mark.line + 1}" if mark is not None else str(PLAN_FILE)
        raise PlanError(f"{where}: not YAML, {getattr(error, 'problem', error)}: correct this line") from None
    points: list[Point] = []
    for section in _list(content, "the plan", "sections"):
        if not isinstance(section, dict) or set(section) != {"section", "points"}:
            raise PlanError(f"{PLAN_FILE}: {_short(section)} is no section: give it `section` and `points`")
        title = section["section"]
        points += [_point(str(title), each) for each in _list(section["points"], f"section {title}", "points")]
    seen: set[str] = set()
    for point in points:
        if point.id in seen:
            raise PlanError(f"{PLAN_FILE}: {point.id} is there twice: give one of them another id")
        seen.add(point.id)
    return points


def _list(value: object, what: str, of: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise PlanError(f"{PLAN_FILE}: {what} has no {of}: give it a list of at least one")
    return value


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 60 else text[:57] + "..."


def _point(section: str, entry: object) -> Point:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        odd = sorted(map(str, _KEYS ^ set(entry))) if isinstance(entry, dict) else ["everything"]
        name = entry.get("id", _short(entry)) if isinstance(entry, dict) else _short(entry)
        raise PlanError(f"{PLAN_FILE}: {name}: {', '.join(odd)} missing or unknown: a point has {', '.join(_KEYS)}")
    name = str(entry["id"])
    if not re.fullmatch(r"[A-Z]+\d+", name):
        raise PlanError(f"{PLAN_FILE}: {name} is no id: use a capital and a number, like H7")
    covers = tuple(map(str, _list(entry["covers"], name, "covers")))
    tests = tuple(map(str, _list(entry["tests"], name, "tests")))
    for test in tests:
        if not _TEST.fullmatch(test):
            raise PlanError(f"{PLAN_FILE}: {name}: {test} is no test: use test_..., or bench_....name for cocotb's")
        if tests.count(test) > 1:
            raise PlanError(f"{PLAN_FILE}: {name} names {test} twice: once is enough")
    return Point(name, section, " ".join(str(entry["intent"]).split()), covers, tests)


def _facts() -> set[str]:
    """What can be covered of rtl/faultline.rdl: blocks, registers, fields, structures, encodings."""
    names: set[str] = set(_STRUCTURES)
    for register in layout.REGISTERS.values():
        bare = re.sub(r"\[\d+\]", "", register.name)
        names |= {bare, bare.split(".")[0], *(f"{bare}.{field.name}" for field in register.fields)}
    for name in layout.__all__:
        value = getattr(layout, name)
        if isinstance(value, EnumMeta) and not name.endswith(("Offset", "Address")):
            names |= {name, *(f"{name}.{member}" for member in value.__members__)}
    return names


def unknown(points: Iterable[Point], root: Path, rules: Collection[str]) -> list[str]:
    """Each promise that is said to be covered and does not exist, as point: promise.

    rules: those that docs/coherence.md states.
    """
    facts = _facts() | set(rules) | _STANDARDS
    return [
        f"{point.id}: covers {promise}, which does not exist"
        for point in points
        for promise in point.covers
        if promise not in facts and not _leads_somewhere(root, promise)
    ]


def _leads_somewhere(root: Path, promise: str) -> bool:
    path, _, anchor = promise.partition("#")
    if _RULE.fullmatch(promise) or not (root / path).is_file():
        return False
    titles = re.findall(r"^#+ (.+)$", (root / path).read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
    return not anchor or anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def not_covered(points: Iterable[Point], rules: Iterable[str]) -> list[str]:
    """The rules among `rules`, and the registers of the .rdl, that no point covers.

    A point that covers a block of registers covers all of them; one that covers a field covers its register.
    """
    covered = {promise for point in points for promise in point.covers}
    registers = dict.fromkeys(re.sub(r"\[\d+\]", "", name) for name in layout.REGISTERS)
    missing = [rule for rule in rules if rule not in covered]
    for name in registers:
        fields = any(promise.startswith(f"{name}.") for promise in covered)
        if not (fields or covered & {name, name.split(".")[0]}):
            missing.append(name)
    return missing


def render(points: Sequence[Point]) -> str:
    """The page: a table a section."""
    lines = [
        "# Test plan",
        "",
        f"<!-- Generated from {PLAN_FILE.as_posix()} by tb/regress/plan.py; do not edit, run `make generate`. -->",
        "",
        "Each point: what is to be known, the promises that it covers (a rule of [coherence.md](coherence.md), a",
        "register or an encoding of [registers.md](registers.md), a file's header), and the tests that show it. A name",
        "with a bench before a dot is a cocotb test that pytest runs in the simulators; the others are pytest's own.",
    ]
    section = ""
    for point in points:
        if point.section != section:
            section = point.section
            lines += ["", f"## {section}", "", "| point | intent | covers | tests |", "| - | - | - | - |"]
        covers = ", ".join(promise if _RULE.fullmatch(promise) else _linked(promise) for promise in point.covers)
        tests = ", ".join(f"`{test}`" for test in point.tests)
        lines.append(f"| {point.id} | {point.intent.replace('|', '&#124;')} | {covers} | {tests} |")
    return "\n".join([*lines, ""])


def _linked(promise: str) -> str:
    """A section of a document as a link, everything else as code."""
    if promise.startswith("docs/") and promise.partition("#")[0].endswith(".md"):
        return f"[{promise.removeprefix('docs/')}]({promise.removeprefix('docs/')})"
    return f"`{promise}`"


def stale(root: Path = ROOT) -> bool:
    """Whether the page of a tree is missing or is not what its plan says."""
    page = root / PAGE_FILE
    return not page.is_file() or page.read_text(encoding="utf-8") != render(load(root))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say whether it is stale; the exit status is 1 when it is, 2 for a bad plan."""
    parser = argparse.ArgumentParser(prog="python -m tb.regress.plan", description="docs/testplan.yaml to a page.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            (ROOT / PAGE_FILE).write_text(render(load()), encoding="utf-8")
        elif stale():
            print(f"{PAGE_FILE} is stale: run `make generate` and commit it", file=sys.stderr)
            return 1
    except PlanError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
