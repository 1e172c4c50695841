"""`python -m tb.mutate`: judge mutants of the engine or of models/, print, write mutate.json; status 1: too few die."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tb.disk import unwritable
from tb.mutate.models import sample
from tb.mutate.mutants import MOST, MutationError, named_blocks
from tb.mutate.netlist import BUILD, modules, netlist_of
from tb.mutate.report import facts_of, merged, models_facts_of, reasons_of, table_of
from tb.mutate.run import Tick, judged, judged_changes, proved
from tb.simulation import SimulationError
from tb.toolchain import ROOT

__all__ = ["main"]

RESULT = BUILD / "mutate.json"
MODELS = "models"
"""The name among BLOCK that stands for the Python models, instead of modules of the engine."""
SIGN_OF_LIFE_S = 20.0
"""Seconds after which progress is printed again where there is no terminal."""


def main(arguments: list[str] | None = None) -> int:
    """Generate, judge, print, write sim_build/mutate/mutate.json; return the exit status.

    0: the floor is reached; 1: too few are killed; 2: bad input, or nothing could be judged.
    """
    parser = argparse.ArgumentParser(prog="python -m tb.mutate", description="Mutants of the engine, judged.")
    parser.add_argument("--seed", default="1", help="which mutants, a number from 1 (SEED)")
    parser.add_argument("--count", default="1000", help="how many (COUNT)")
    parser.add_argument("--block", default="", help="modules, comma-separated, or models (BLOCK); all unless told")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="processes side by side (JOBS)")
    parser.add_argument("--programs", default="", help="programs of the regression, comma-separated; all unless told")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    console = Console()
    console.width = max(console.width, 120)
    began = time.monotonic()
    try:
        seed = _number("SEED", options.seed, 2**31 - 1)
        count = _number("COUNT", options.count, MOST)
        jobs = _number("JOBS", options.jobs, 1024)
        if options.block.strip() == MODELS:
            facts = _models(seed, count, jobs, console)
            report: dict[str, Any] = {MODELS: facts}
        else:
            programs = [name.strip() for name in options.programs.split(",") if name.strip()]
            facts = report = _engine(seed, count, named_blocks(options.block, modules()), jobs, programs, console)
        facts |= {"seed": seed, "seconds": round(time.monotonic() - began, 1)}
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(merged(RESULT, report), indent=2) + "\n", encoding="utf-8")
    except (MutationError, SimulationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {unwritable(error, BUILD, 'use')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted: the same command goes on from what is judged", file=sys.stderr)
        return 130
    _show(console, facts)
    console.print(f"{time.monotonic() - began:.0f} s; {os.path.relpath(RESULT, ROOT)}", highlight=False)
    return 0 if facts["percent"] >= facts.get("floor", 0) else 1


def _engine(
    seed: int, count: int, blocks: list[str], jobs: int, programs: list[str], console: Console
) -> dict[str, Any]:
    reasons = reasons_of()
    with _progress(console) as tick:
        tick(0, count, "making the netlist")
        netlist = netlist_of(seed, count, blocks)
        results = judged(netlist, jobs, tick, programs=programs)
        proofs = proved(netlist, results, jobs, tick)
    return facts_of(netlist.mutants, results, reasons, proofs) | {"blocks": blocks}


def _models(seed: int, count: int, jobs: int, console: Console) -> dict[str, Any]:
    with _progress(console) as tick:
        tick(0, count, "choosing")
        changes = sample(seed, count)
        results = judged_changes(changes, jobs, tick)
    return models_facts_of(changes, results)


def _show(console: Console, facts: dict[str, Any]) -> None:
    if "modules" in facts:
        console.print(table_of(facts))
    for one in facts["survivors"]:
        reason = f" (equivalent: {one['proof']})" if one.get("proof") else ""
        reason = reason or (f" ({one['explained']})" if one.get("explained") else "")
        reason = reason or (f" (out of reach: {one['out of reach']})" if one.get("out of reach") else "")
        code = f": {one['code']}" if one.get("code") else ""
        line = f"survived: {one['id']} {one['source line']}: {one['what']}{code}{reason}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    score = f"{facts['killed']} of {facts['generated']} killed, {facts.get('raw percent', facts['percent'])} %"
    if "floor" not in facts:
        console.print(score, highlight=False)
        return
    score += f", {facts['percent']} % without the {facts['proved equivalent']} that are proved equivalent"
    timing = f"{facts['killed by timing alone']} of them by timing alone"
    below = "" if facts["percent"] >= facts["floor"] else f": below the floor of {facts['floor']:g} %"
    alive = f"{facts['explained']} survivors explained, {facts['unexplained']} not"
    alive += f" ({facts['out of reach']} out of reach)" if facts["out of reach"] else ""
    console.print(f"{score} ({timing}); {alive}{below}", highlight=False)


def _number(name: str, text: str, most: int) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= most:
        raise MutationError(f"{name}={text} is not possible: use 1 to {most}")
    return int(text)


@contextmanager
def _progress(console: Console) -> Iterator[Tick]:
    """A bar on a terminal, a line now and then elsewhere."""
    if console.is_terminal:
        columns = (TextColumn("{task.description:40.40}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task("mutants")
            yield lambda done, of, last: bar.update(task, completed=done, total=of, description=last)
        return
    said = float("-inf")

    def line(done: int, of: int, last: str) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= SIGN_OF_LIFE_S or done == of:
            said = now
            console.print(f"[{done}/{of}] {last}", highlight=False, markup=False)

    yield line


if __name__ == "__main__":
    sys.exit(main())
