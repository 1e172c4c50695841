"""`python -m tb.timing`: scenarios under memories, a table each, timing.json, timeline and page, judged by a contract.

Status 1 for a failure or a broken budget, 2 for bad input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tb import toolchain
from tb.clocking import PERIOD_NS
from tb.disk import unwritable
from tb.live.log import LogError
from tb.live.replayed import replayed
from tb.simulation import SIM_BUILD, SimulationError
from tb.timing.baseline import BASELINE, VERSION, BaseError, Change, base_of, baseline, changes, unmade
from tb.timing.bounds import LATENCY_RANGE, STALL_RANGE, Memory
from tb.timing.chain import chain_of
from tb.timing.contract import Budget, ContractError, Verdict, contract_of, judged
from tb.timing.figures import QUANTILES, Run
from tb.timing.operations import PARTS
from tb.timing.page import rendered
from tb.timing.run import simulated
from tb.timing.scenarios import SCENARIOS
from tb.timing.timeline import timeline
from tb.toolchain import ROOT, WIDTHS

__all__ = ["CONTRACT", "AskError", "asked", "main"]

CONTRACT = ROOT / "timing.toml"
"""The contract unless another is named."""
RESULTS = SIM_BUILD / "timing"


class AskError(Exception):
    """What was asked for cannot be done. One line: what, and the cure."""


def asked(scenario: str, latency: str, width: str, stall: str) -> tuple[list[str], list[Memory]]:
    """Read the words of the command line; an empty one means the default. AskError for the first that is wrong."""
    names = list(dict.fromkeys(_words("SCENARIO", scenario))) or list(SCENARIOS)
    for name in names:
        if name not in SCENARIOS:
            raise AskError(f"unknown SCENARIO={name}: use {', '.join(SCENARIOS)}")
    latencies = _numbers("LATENCY", latency, Memory().latency, *LATENCY_RANGE)
    widths = _numbers("WIDTH", width, Memory().width, WIDTHS[0], WIDTHS[-1])
    for one in widths:
        if one not in WIDTHS:
            raise AskError(f"unknown WIDTH={one}: use {', '.join(map(str, WIDTHS))}")
    stalls = _numbers("STALL", stall, Memory().stall, *STALL_RANGE)
    return names, [Memory(*values) for values in product(latencies, widths, stalls)]


def _words(name: str, text: str) -> list[str]:
    """What stands between commas; none for an empty text."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(words):
        raise AskError(f"{name}={text} has nothing before, between or behind a comma: leave the comma out")
    return words


def _numbers(name: str, text: str, default: int, least: int, most: int) -> list[int]:
    found = []
    for word in _words(name, text):
        if not word.isascii() or not word.isdigit() or len(word) > 9 or not least <= int(word) <= most:
            raise AskError(f"{name}={word} makes no sense: give whole numbers from {least} to {most}")
        found.append(int(word))
    return list(dict.fromkeys(found)) or [default]


def main(arguments: list[str] | None = None) -> int:
    """Time, print, leave timing.json, trace.perfetto and report.html in sim_build/timing; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.timing", description="Where every cycle went.")
    for name in ("scenario", "latency", "width", "stall"):
        parser.add_argument(f"--{name}", default="", help=f"comma-separated ({name.upper()})")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    parser.add_argument("--replay", default="", help="log of a live run, to be timed in place of scenarios (REPLAY)")
    parser.add_argument("--contract", default="", help="TOML file of budgets (CONTRACT); timing.toml unless told")
    parser.add_argument("--operation", default="", help="number of the operation to show, of one run (OPERATION)")
    parser.add_argument("--base", default="", help="timing.json of an earlier run, to tell what moved (BASE)")
    parser.add_argument("--update", action="store_true", help="make the default runs the baseline (UPDATE=1)")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, 130)
    words = (options.scenario, options.latency, options.width, options.stall)
    try:
        names, memories = asked(*words)
        wanted = list(product(names, memories))
        budgets = contract_of(Path(options.contract) if options.contract else CONTRACT)
        if not any(words):  # nothing was asked for: whatever the contract speaks of as well
            wanted = list(dict.fromkeys([*wanted, *((one.scenario, one.memory) for one in budgets)]))
        if options.replay and any(words):
            raise AskError("REPLAY= names one run: leave SCENARIO, LATENCY, WIDTH and STALL out")
        number = _operation(options.operation, 1 if options.replay else len(wanted))
        if options.update and (any(words) or options.replay or number is not None):
            raise AskError("UPDATE=1 takes the runs that are made when nothing else is asked for: leave the rest out")
        base = base_of(Path(options.base)) if options.base else None
        toolchain.executable(options.sim)
        scenarios = (simulated(name, options.sim, memory)[0] for name, memory in wanted)
        made = (replayed(Path(one)) for one in [options.replay]) if options.replay else scenarios
        runs = _timed(made, console, number)
        if number is not None:
            return 0
        verdicts = judged(budgets, runs)
        moved = None if base is None else changes(base, runs)
        absent = [] if base is None else unmade(base, runs)
        _publish(runs, verdicts, moved, absent)
        broken = [one for one in verdicts if one.broken]
        if options.update and not broken:
            BASELINE.write_text(baseline(runs), encoding="utf-8")
    except (AskError, BaseError, ContractError, LogError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (SimulationError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make timing again", file=sys.stderr)
        return 130
    if moved is not None:
        console.print(_moved(moved, options.base) if moved else f"no cycle moved since {options.base}")
    if absent:
        console.print(f"in {options.base} and not run now, {len(absent)}: {'; '.join(absent)}", soft_wrap=True)
    for one in broken:
        print(f"error: {one.told}", file=sys.stderr)
    if options.update and broken:
        print("error: the baseline is left as it was: keep the budgets first, or change them", file=sys.stderr)
    console.print(_summary(budgets, runs, verdicts), soft_wrap=True, highlight=False)
    return 1 if broken else 0


def _operation(text: str, runs: int) -> int | None:
    """The number of OPERATION, None for an empty word."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise AskError(f"OPERATION={text} makes no sense: give the number that a broken budget or timing.json names")
    if runs != 1:
        raise AskError(f"OPERATION={text}: of which of {runs} runs? give one SCENARIO, LATENCY, WIDTH and STALL")
    return int(text)


def _timed(made: Iterable[Run], console: Console, number: int | None) -> list[Run]:
    """Print one run after the other as they are made; of an operation by number its spans alone."""
    runs = []
    for run in made:
        runs.append(run)
        if number is None:
            console.print(_table(run))
            console.print(_bus(run))
        elif number < len(run.operations):
            console.print(_spans(run, number))
            console.print(_chain(run, number))
        else:
            raise AskError(f"OPERATION={number}: {run.title} has operations 0 to {len(run.operations) - 1}")
    return runs


def _publish(
    runs: Sequence[Run], verdicts: Sequence[Verdict], moved: Sequence[Change] | None, absent: Sequence[str]
) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = {"version": VERSION, "period_ns": PERIOD_NS, "parts": PARTS, "runs": [run.facts for run in runs]}
    (RESULTS / "timing.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    (RESULTS / "trace.perfetto").write_bytes(timeline(runs))
    (RESULTS / "report.html").write_text(rendered(runs, verdicts, moved, absent), encoding="utf-8")


def _summary(budgets: Sequence[Budget], runs: Sequence[Run], verdicts: Sequence[Verdict]) -> str:
    seen = {one.budget.name for one in verdicts}
    broken = {one.budget.name for one in verdicts if one.broken}
    left = len(budgets) - len(seen)
    told = f"{len(runs)} runs; {len(seen)} budgets, {len(broken)} of them broken"
    told += f", {left} not judged: their runs were not asked for" * bool(left)
    return f"{told}; timing.json, report.html and trace.perfetto in {RESULTS}"


def _bus(run: Run) -> Table:
    """Utilization, and who waited for what, in cycles of the run."""
    facts = run.facts
    use, bound = facts["utilization"], facts["utilization"]["bound"]
    table = Table(title=f"bus and stalls in {facts['cycles']:,} cycles", title_justify="left")
    for name in ("what", "cycles", "share", "spans", "longest", "bound"):
        table.add_column(name, justify="left" if name == "what" else "right")
    table.add_row("data beats in DMA", f"{use['dma_cycles']:,}", f"{use['share']:.3f}", "", "", f"{bound:.3f}")
    for cause, one in facts["stalls"].items():
        part = f"{one['cycles'] / facts['cycles']:.3f}"
        longest = _beside(one["worst"]["cycles"], one["bound"]["worst"])
        table.add_row(cause, f"{one['cycles']:,}", part, f"{one['spans']:,}", longest, f"{one['bound']['cycles']:,}")
    return table


def _beside(value: int, bound: int) -> str:
    """A figure beside its bound, where it has one."""
    return f"{value:,} \u2265 {bound:,}" if bound else f"{value:,}"


def _spans(run: Run, number: int) -> Table:
    """One operation from begin to end: which part had it when."""
    one = run.operations[number]
    tags = f"tag {', '.join(map(str, one.tags))} of queue {one.queue}" if one.tags else "no descriptor"
    title = f"{run.title} OPERATION={number}: {one.kind}, {tags}, {one.bytes} bytes {one.cause}".rstrip()
    table = Table(title=title, title_justify="left", min_width=110)
    for name in ("part", "begin", "end", "cycles"):
        table.add_column(name, justify="left" if name == "part" else "right")
    for part, begin, end in one.spans:
        table.add_row(part, f"{begin:,}", f"{end:,}", f"{end - begin:,}")
    table.add_section()
    table.add_row("whole", f"{one.begin:,}", f"{one.end:,}", f"{one.cycles:,}")
    return table


def _chain(run: Run, number: int) -> Table:
    """Every event of an operation, from what began it to who was resumed."""
    table = Table(title="its events", title_justify="left", min_width=110)
    for name in ("cycle", "after", "queue", "tag", "event"):
        table.add_column(name, justify="left" if name == "event" else "right")
    last = begin = run.operations[number].begin
    for link in chain_of(run.trace, run.operations[number]):
        queue, tag = ("" if value < 0 else str(value) for value in (link.queue, link.tag))
        table.add_row(f"{link.cycle - begin:,}", f"{link.cycle - last:,}" * (link.cycle > last), queue, tag, link.what)
        last = link.cycle
    return table


def _moved(found: Sequence[Change], base: str) -> Table:
    """What is not what it was."""
    table = Table(title=f"{len(found)} figures differ from {base}", title_justify="left", min_width=110)
    for name in ("run", "what", "figure", "before", "now", "by"):
        table.add_column(name, justify="left" if name in ("run", "what", "figure") else "right")
    for one in found:
        before, now = ("-" if value is None else f"{value:,.10g}" for value in (one.before, one.after))
        colour = {True: "red", False: "green", None: ""}[one.worse]
        table.add_row(one.run, one.what, one.figure, before, now, one.told, style=colour)
    return table


def _table(run: Run) -> Table:
    """Operations by kind and part, in cycles, and the bound of the same quantile; parts that took none are left out."""
    table = Table(title=run.title, title_justify="left")
    for name in ("operation", "part", *QUANTILES):
        table.add_column(name, justify="left" if name in ("operation", "part") else "right")
    for kind, facts in run.facts["kinds"].items():
        bound = facts["bound"]
        rows = [("whole", facts["total"], bound["total"])]
        rows += [(part, facts["parts"][part], bound["parts"].get(part, {})) for part in PARTS]
        for number, (part, values, least) in enumerate(row for row in rows if row[1]["max"]):
            name = f"{kind} ({facts['count']})" if number == 0 else ""
            table.add_row(name, part, *(_beside(values[one], least.get(one, 0)) for one in QUANTILES))
    return table


if __name__ == "__main__":
    sys.exit(main())
