"""The regression as one HTML page that needs nothing else: totals, matrix, failures with their command, plan, times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from tb.regress.collect import reproduce
from tb.regress.journal import Result
from tb.regress.summary import PointState, Summary

__all__ = ["page"]

SLOWEST = 20
"""Tests in the table of those that took longest."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem }
.verdict { padding: .6rem 1rem; border-radius: .4rem; font-weight: 600; margin: 1rem 0 }
.passed { background: #e3f4e6; color: #14532d } .failed { background: #fde4e1; color: #8a1c12 }
.skipped { background: #eef0f3; color: #4a5463 } .not-run { background: #fff1d6; color: #7a4a00 }
dl { display: grid; grid-template-columns: max-content auto; gap: .15rem 1rem; margin: 0 } dt { color: #5a6576 }
dd { margin: 0 } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e2e6eb; vertical-align: top }
th { font-weight: 600; color: #5a6576; white-space: nowrap } td.n, th.n { text-align: right; white-space: nowrap }
td.cell, th.seed { text-align: center; white-space: nowrap }
code, pre { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace } code { overflow-wrap: anywhere }
pre { background: #f5f7f9; padding: .6rem .8rem; border-radius: .3rem; margin: .4rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere }
pre.command { background: #1c2430; color: #f0f3f7; user-select: all }
article { border-left: 4px solid #c0392b; padding: .1rem 0 .1rem 1rem; margin: 1rem 0 }
summary { cursor: pointer; color: #34506e } .quiet { color: #5a6576 }
.state { border-radius: .3rem; padding: .05rem .5rem; white-space: nowrap }
"""


def page(summary: Summary) -> str:
    """The whole page."""
    totals = summary.totals
    states = summary.states()
    counted = ", ".join(f"{totals[word]} {word}" for word in ("passed", "failed", "error", "skipped") if totals[word])
    absent = sum(bool(state.absent) for state in states)
    verdict = f"{'Passed' if summary.good else 'Not passed'}: {counted or 'nothing ran'}"
    if summary.whole and absent:
        verdict += f"; {absent} {'point' if absent == 1 else 'points'} of the plan did not run whole"
    facts = {**summary.facts, "attempts lost with a worker": str(summary.lost)}
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>faultline: regression</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>faultline: regression</h1>",
            f'<p class="verdict {"passed" if summary.good else "failed"}">{escape(verdict)}</p>',
            "<dl>",
            *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()),
            "</dl>",
            *_failures(summary.failures),
            *_matrix(summary),
            *_plan(states, whole=summary.whole),
            *_skipped(summary.results),
            *_slowest(summary.results),
            "</body></html>",
            "",
        ]
    )


def _failures(failures: Sequence[Result]) -> Iterable[str]:
    if not failures:
        return
    yield f"<h2>Failures ({len(failures)})</h2>"
    for result in failures:
        yield f"<article><strong><code>{escape(result.node)}</code></strong>, seed {result.seed}"
        yield f"<pre>{escape(result.message or result.outcome)}</pre>"
        yield f'<pre class="command">{escape(reproduce(result.node, result.seed))}</pre>'
        if result.failed:
            names = ", ".join(f"<code>{escape(name)}</code>" for name in result.failed)
            yield f"<p>In the simulation: {names}.</p>"
        where = f" on {result.host}" if result.host else ""
        place = f", in <code>runs/{escape(result.where)}</code>" if result.where else ""
        yield f'<p class="quiet">{result.seconds:.1f} s{escape(where)}{place}; waves with <code>WAVES=1</code>.</p>'
        if result.text:
            yield f"<details><summary>What pytest said</summary><pre>{escape(result.text)}</pre></details>"
        yield "</article>"


def _matrix(summary: Summary) -> Iterable[str]:
    """A row for each simulator and width, a column for each seed."""
    cells = summary.matrix()
    seeds = sorted({seed for _, _, seed in cells})
    yield "<h2>Simulator, width and seed</h2>"
    yield '<p class="quiet">Tests passed of tests run. A test that draws on no seed runs once.</p>'
    heads = "".join(f"<th class=seed>seed {seed}</th>" for seed in seeds)
    yield f"<table><tr><th>simulator</th><th>width</th>{heads}</tr>"
    for simulator, width in sorted({(simulator, width) for simulator, width, _ in cells}):
        row = f"<tr><td>{escape(simulator or 'none of its own')}</td><td>{f'{width} bit' if width else '-'}</td>"
        for seed in seeds:
            row += _cell(cells.get((simulator, width, seed), Counter()))
        yield f"{row}</tr>"
    yield "</table>"


def _cell(counts: Counter[str]) -> str:
    ran = sum(counts.values()) - counts["skipped"]
    if not counts:
        return "<td></td>"
    if not ran:
        return f'<td class="cell skipped">{counts["skipped"]} skipped</td>'
    word = "passed" if counts["passed"] == ran else "failed"
    skipped = f" +{counts['skipped']} skipped" if counts["skipped"] else ""
    return f'<td class="cell {word}">{counts["passed"]} / {ran}{skipped}</td>'


def _plan(states: Sequence[PointState], *, whole: bool) -> Iterable[str]:
    shown = [state for state in states if whole or len(state.absent) < len(state.point.tests)]
    words = Counter(state.word for state in shown)
    yield f"<h2>Test plan ({', '.join(f'{words[word]} {word}' for word in words) or 'no point in this part'})</h2>"
    if not whole:
        yield '<p class="quiet">A part of the tests ran; points of which nothing ran are not shown.</p>'
    yield "<table><tr><th>point</th><th>intent</th><th>covers</th><th>tests</th><th>state</th></tr>"
    for state in shown:
        wrong = [f"failed: {name}" for name in state.failed] + [f"did not run: {name}" for name in state.absent]
        lines = "".join(f"<br><code>{escape(line)}</code>" for line in wrong)
        yield (
            f"<tr><td>{escape(state.point.id)}</td><td>{escape(state.point.intent)}{lines}</td>"
            f"<td>{escape(', '.join(state.point.covers))}</td><td class=n>{len(state.point.tests)}</td>"
            f'<td><span class="state {state.word.replace(" ", "-")}">{state.word}</span></td></tr>'
        )
    yield "</table>"


def _skipped(results: Sequence[Result]) -> Iterable[str]:
    reasons = Counter(result.message for result in results if result.outcome == "skipped")
    if reasons:
        yield "<h2>Skipped</h2><table><tr><th class=n>tests</th><th>reason</th></tr>"
        for reason, count in reasons.most_common():
            yield f"<tr><td class=n>{count}</td><td>{escape(reason)}</td></tr>"
        yield "</table>"


def _slowest(results: Sequence[Result]) -> Iterable[str]:
    yield "<h2>Slowest tests</h2><table><tr><th class=n>seconds</th><th>test</th><th class=n>seed</th></tr>"
    for result in sorted(results, key=lambda result: -result.seconds)[:SLOWEST]:
        yield f"<tr><td class=n>{result.seconds:.1f}</td><td><code>{escape(result.node)}</code></td>"
        yield f"<td class=n>{result.seed}</td></tr>"
    yield "</table>"
