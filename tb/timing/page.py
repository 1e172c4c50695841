"""The report: one HTML page that needs nothing else, with the runs' figures and slowest operations in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from models.layout import Opcode
from tb.clocking import PERIOD_NS
from tb.timing.baseline import Change
from tb.timing.contract import Verdict
from tb.timing.figures import QUANTILES, Run
from tb.timing.operations import PARTS, Life, Operation

__all__ = ["rendered"]

_TEMPLATE = Path(__file__).with_name("page.html")
_SLOWEST, _SLOWEST_BY_PART = 20, 3
"""Operations of a kind that are in the page one by one: those with the longest whole, and the longest of each part."""


def rendered(
    runs: Sequence[Run], verdicts: Sequence[Verdict], moved: Sequence[Change] | None, absent: Sequence[str] = ()
) -> str:
    """The page as HTML.

    moved: what differs from an earlier time, None where there is none to compare with.  absent: titles of the runs that
    it had alone.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    shown = {run.name: _shown(run, [one.worst for one in verdicts if one.run is run and one.worst]) for run in runs}
    facts = [_run(run, shown[run.name]) for run in runs]
    data = {"period": PERIOD_NS, "parts": PARTS, "quantiles": QUANTILES, "runs": facts}
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        parts=PARTS,
        runs=runs,
        simulators=sorted({run.simulator for run in runs}),
        verdicts=verdicts,
        broken=sum(one.broken for one in verdicts),
        moved=moved,
        absent=absent,
    )


def _shown(run: Run, wanted: Iterable[Operation]) -> list[Operation]:
    """Operations that the page has one by one, in order."""
    numbers = {one.number for one in wanted}
    for kind in run.facts["kinds"]:
        mine = [one for one in run.operations if one.kind == kind]
        numbers |= {one.number for one in sorted(mine, key=lambda one: (-one.cycles, one.number))[:_SLOWEST]}
        for part in PARTS:
            longest = sorted(mine, key=lambda one: (-one.parts[part], one.number))[:_SLOWEST_BY_PART]
            numbers |= {one.number for one in longest if one.parts[part]}
    return [run.operations[number] for number in sorted(numbers)]


def _run(run: Run, shown: Sequence[Operation]) -> dict[str, Any]:
    alone = {(one.queue, one.lives[0].fetched): one.spans for one in run.operations if not one.task}
    names = ("scenario", "latency", "width", "stall", "begin", "end", "cycles", "utilization", "stalls", "windows")
    return {
        **{name: run.facts[name] for name in names},
        "name": run.name,
        "title": run.title,
        "kinds": {kind: _kind(kind, facts, run) for kind, facts in run.facts["kinds"].items()},
        "operations": [_operation(one, alone) for one in shown],
    }


def _kind(kind: str, facts: Mapping[str, Any], run: Run) -> dict[str, Any]:
    mine = [one for one in run.operations if one.kind == kind]
    return {
        **facts,
        "cycles": sorted(one.cycles for one in mine),
        "mean": {part: round(sum(one.parts[part] for one in mine) / len(mine), 1) for part in PARTS},
    }


_Spans = tuple[tuple[str, int, int], ...]


def _operation(one: Operation, alone: Mapping[tuple[int, int], _Spans]) -> dict[str, Any]:
    names = ("number", "kind", "task", "queue", "tags", "begin", "end", "bytes", "cause", "parts", "spans", "interrupt")
    lives = [_life(life, alone[life.queue, life.fetched]) for life in one.lives]
    return {**{name: getattr(one, name) for name in names}, "lives": lives}


def _life(life: Life, spans: _Spans) -> dict[str, Any]:
    name = Opcode(life.opcode).name if life.opcode in list(Opcode) else f"opcode {life.opcode}"
    names = ("tag", "published", "asked")
    bursts = [
        (one.asked, one.turn, one.first, one.last, one.answered, one.write, one.bytes, one.waited)
        for one in life.bursts
        if None not in (one.first, one.last, one.answered)
    ]
    return {"name": name, **{one: getattr(life, one) for one in names}, "spans": spans, "bursts": bursts}
