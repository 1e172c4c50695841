"""The comparison as one HTML page that needs nothing else: verdicts, pictures, a table a workload, how to read it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from tb.compare.report import COLUMNS, cells, sweep_cell, swept
from tb.compare.rows import BOUND, Row, find
from tb.compare.targets import OURS, Verdict

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto; max-width: 84rem;
  padding: 0 1.2rem }
h1 { font-size: 1.6rem; margin: 0 0 .2rem } h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem }
p.lead { color: #5a6576; margin: .2rem 0 1.2rem; max-width: 60rem }
.verdict { padding: .7rem 1rem; border-radius: .4rem; font-weight: 600; margin: 1rem 0 }
.met { background: #e3f4e6; color: #14532d } .missed { background: #fde4e1; color: #8a1c12 }
.open { background: #eef0f3; color: #4a5463 }
dl { display: grid; grid-template-columns: max-content auto; gap: .15rem 1.2rem; margin: 0 } dt { color: #5a6576 }
dd { margin: 0 } .scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px }
th, td { text-align: left; padding: .28rem .6rem; border-bottom: 1px solid #e2e6eb; white-space: nowrap }
th { font-weight: 600; color: #5a6576; vertical-align: bottom; white-space: pre-line } .n { text-align: right }
td.target { white-space: normal } tr.ours td { font-weight: 600; background: #fdf1f0 }
tr.bound td { color: #5a6576; background: #f7f8fa } tr.first td { border-top: 2px solid #c5ccd6 }
td.bar { min-width: 5.5rem; background: linear-gradient(to right, #d7e3ee var(--part), transparent var(--part)) }
tr.ours td.bar { background: linear-gradient(to right, #f3b9b4 var(--part), #fdf1f0 var(--part)) }
.tag { border-radius: .3rem; padding: .05rem .5rem } .bad { color: #8a1c12; font-weight: 600 }
.coherent { background: #dbe7f1 } .deferred { background: #e8e0f1 } .bracketed { background: #faeccf }
.explicit { background: #e3ecdb }
img { max-width: 100%; height: auto; display: block; margin: .6rem 0 1rem }
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace } .quiet { color: #5a6576 }
nav a { margin-right: 1rem; color: #34506e } details { margin: .6rem 0 } summary { cursor: pointer; color: #34506e }
"""

_LEAD = (
    "Each strategy plays the same trace on the same engine, simulated clock by clock, each on a freshly reset one. "
    "The oracle judges every byte that a program or the display sees. Host work costs time by the cost table; the rest "
    "of the time is the engine's and the bus's own. A strategy of another promise serves programs that help it: they "
    "bracket, name their damage, or use transfer objects; so compare strategies of one colour first."
)


def page(
    rows: Sequence[Row],
    titles: Mapping[str, str],
    verdicts: Sequence[Verdict],
    facts: Mapping[str, str],
    pictures: Mapping[str, Path],
) -> str:
    """The whole page. `titles` are by workload; `pictures` are PNG files by caption, and are put into the page."""
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in titles)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>faultline: strategies compared</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>faultline: coherence strategies compared</h1>",
            f'<p class="lead">{_LEAD}</p>',
            *_verdicts(rows, verdicts),
            "<dl>",
            *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()),
            "</dl>",
            f"<h2>At a glance</h2><nav>{links}</nav>",
            *(_picture(caption, path) for caption, path in pictures.items()),
            *(line for name, title in titles.items() for line in _workload(name, title, rows)),
            *_sweep(rows),
            *_columns(),
            "</body></html>",
            "",
        ]
    )


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _picture(caption: str, path: Path) -> str:
    data = b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'


def _verdicts(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> Iterator[str]:
    broken = [row for row in rows if row.violations]
    judged = sum(row.judged_bytes for row in rows)
    if broken:
        names = ", ".join(dict.fromkeys(f"{row.policy} on {row.workload}" for row in broken))
        yield f'<p class="verdict missed">Promise broken: {escape(names)}.</p>'
    else:
        yield f'<p class="verdict met">Every promise kept: {judged:,} bytes judged, none wrong.</p>'
    yield '<table><tr><th>target of our strategy</th><th></th><th>measured</th></tr>'
    for one in verdicts:
        word, style = {True: ("met", "met"), False: ("missed", "missed"), None: ("open", "open")}[one.met]
        yield (
            f'<tr><td class="target">{escape(one.target)}</td><td><span class="tag {style}">{word}</span></td>'
            f'<td class="target">{escape(one.detail)}</td></tr>'
        )
    yield "</table><br>"


def _workload(name: str, title: str, rows: Sequence[Row]) -> Iterator[str]:
    mine = [row for row in rows if row.workload == name and row.scale == 1.0]
    yield f'<h2 id="{_anchor(name)}">{escape(name)}: {escape(title)}</h2>'
    if mine and mine[0].bound_bytes is not None:
        yield f'<p class="quiet">No driver by pages moves less than {mine[0].bound_bytes:,} bytes here.</p>'
    yield '<div class="scroll"><table><tr>'
    for index, (heading, meaning) in enumerate(COLUMNS):
        yield f'<th{"" if index < 2 else " class=n"} title="{escape(meaning)}">{escape(heading)}</th>'
    yield "</tr>"
    longest = sorted(row.time_ns for row in mine)[-2:][0] if mine else 1
    for row in mine:
        style = "ours" if row.policy == OURS else "bound" if row.policy == BOUND else ""
        yield f'<tr class="{style}">' + "".join(_cells(row, longest)) + "</tr>"
    yield "</table></div>"
    for row in mine:
        for violation in row.violations[:4]:
            yield f'<p class="bad">{escape(row.policy)}: {escape(violation)}</p>'


def _cells(row: Row, longest: int) -> Iterator[str]:
    for index, (cell, (heading, _)) in enumerate(zip(cells(row), COLUMNS, strict=True)):
        if index == 0:
            yield f'<td title="{escape(row.title)}">{escape(cell)}</td>'
        elif index == 1:
            yield f'<td><span class="tag {row.promise}">{escape(cell)}</span></td>'
        elif heading.startswith("time"):
            part = min(100.0, 100 * row.time_ns / max(1, longest))
            yield f'<td class="n bar" style="--part: {part:.1f}%">{escape(cell)}</td>'
        else:
            yield f'<td class="n{" bad" if cell == "VIOLATED" else ""}">{escape(cell)}</td>'


def _sweep(rows: Sequence[Row]) -> Iterator[str]:
    scales = swept(rows)
    if not scales:
        return
    yield "<h2>When the host is faster or slower</h2>"
    yield (
        '<p class="quiet">Time in us with every entry of the cost table multiplied; in brackets, divided by the '
        "clairvoyant strategy's at the same costs.</p>"
    )
    heads = "".join(f"<th class=n>x {scale:g}</th>" for scale in scales)
    yield f'<div class="scroll"><table><tr><th>workload</th><th>strategy</th>{heads}</tr>'
    last = ""
    for workload, policy in dict.fromkeys((row.workload, row.policy) for row in rows if row.scale != 1.0):
        shown = "".join(f"<td class=n>{sweep_cell(find(rows, workload, policy, scale))}</td>" for scale in scales)
        style = "ours" if policy == OURS else "bound" if policy == BOUND else ""
        first = " first" if last and workload != last else ""
        name = escape(workload) if workload != last else ""
        yield f'<tr class="{style}{first}"><td>{name}</td><td>{escape(policy)}</td>{shown}</tr>'
        last = workload
    yield "</table></div>"


def _columns() -> Iterator[str]:
    yield "<h2>How to read the tables</h2><table>"
    for heading, meaning in COLUMNS:
        name = heading.replace("-\n", "").replace("\n", " ")
        yield f'<tr><td><b>{escape(name)}</b></td><td class="target">{escape(meaning)}</td></tr>'
    yield "</table>"
