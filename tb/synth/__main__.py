"""`python -m tb.synth`: area and clock of the engine and of each block beside the peers; status 1 for a missed target.

Work goes through a pool: parts are synthesised, then every subject is placed and routed once a seed. What an earlier
run left for the same sources is taken from sim_build/synth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from tb.disk import unwritable
from tb.synth import cache
from tb.synth.catalogue import Subject, chosen, subjects
from tb.synth.errors import SynthesisError
from tb.synth.part import Netlist, netlist_of
from tb.synth.reports import Area, Timing
from tb.synth.route import DEVICE, TARGET_MHZ, Router, fold, layout_of
from tb.synth.shell import Shell
from tb.synth.tables import Measured, details, peers_table, row_of, subjects_table, targets_table
from tb.synth.targets import judged, peers_of, targets_of
from tb.toolchain import ROOT, SimulationError

__all__ = ["main", "measure"]

MOST_SEEDS = 99
SIGN_OF_LIFE_S = 60.0
"""Seconds after which the work under way is named again."""

_T = TypeVar("_T")


def _in_pool(
    pool: ThreadPoolExecutor, work: Iterable[tuple[str, Callable[[], _T]]], console: Console, said: Callable[[_T], str]
) -> dict[str, _T]:
    """Do named pieces of work side by side, a line for each as it ends; the first error ends all."""

    def timed(make: Callable[[], _T]) -> tuple[_T, float]:
        began = time.monotonic()
        return make(), time.monotonic() - began

    waiting = {pool.submit(timed, make): name for name, make in work}
    total, found = len(waiting), dict[str, _T]()
    while waiting:
        ended, _ = wait(waiting, timeout=SIGN_OF_LIFE_S, return_when=FIRST_COMPLETED)
        if not ended:
            now = ", ".join(name for future, name in waiting.items() if future.running())
            console.print(f"  still at it: {now}", highlight=False, markup=False)
        for future in ended:
            name = waiting.pop(future)
            found[name], seconds = future.result()
            line = f"[{len(found)}/{total}] {name}: {said(found[name])}, {seconds:.1f} s"
            console.print(line, highlight=False, markup=False)
    return found


def measure(wanted: Sequence[Subject], seeds: int | None, jobs: int, console: Console) -> list[Measured]:
    """Synthesise, place and route every subject, `jobs` processes at a time.

    seeds: places and routes of each subject; None for as many as each asks for.
    SynthesisError when a figure cannot be had.
    """
    router = Router()
    parts = {part.name: part for subject in wanted for part in subject.parts}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            netlists = _in_pool(
                pool,
                [(name, partial(netlist_of, part)) for name, part in parts.items()],
                console,
                lambda netlist: f"{netlist.area.lut4} LUT4, {netlist.area.ff} FF",
            )
            layouts = _in_pool(
                pool,
                [(each.name, partial(_layout, each, netlists)) for each in wanted],
                console,
                lambda layout: f"shell of {layout[1].flops} FF",
            )
            runs = [(each.name, seed) for each in wanted for seed in range(1, 1 + (seeds or each.seeds))]
            routes = _in_pool(
                pool,
                [(f"{name}, seed {seed}", partial(_route, router, name, layouts[name], seed)) for name, seed in runs],
                console,
                lambda timing: f"{timing.fmax_mhz:.1f} MHz",
            )
        except BaseException:
            router.stop()
            pool.shutdown(cancel_futures=True)
            raise
    found = []
    for each in wanted:
        area = _area(each, netlists)
        shell = layouts[each.name][1]
        mine = {seed: routes[f"{name}, seed {seed}"] for name, seed in runs if name == each.name}
        median = fold(each.name, area, shell, list(mine.values()))
        makers = sorted((maker for part in each.parts for maker in netlists[part.name].makers), key=lambda m: -m[1])
        clocks = {seed: timing.fmax_mhz for seed, timing in mine.items()}
        found.append(Measured(each, area, shell, clocks, median, tuple(makers)))
    return found


def _layout(subject: Subject, netlists: dict[str, Netlist]) -> tuple[Path, Shell, str]:
    return layout_of(subject.name, [netlists[part.name] for part in subject.parts])


def _route(router: Router, name: str, layout: tuple[Path, Shell, str], seed: int) -> Timing:
    return router.route(name, layout[0], layout[2], seed)


def _area(subject: Subject, netlists: dict[str, Netlist]) -> Area:
    first, *others = (netlists[part.name].area for part in subject.parts)
    return sum(others, first)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write sim_build/synth/synth.json; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.synth", description="Area and clock on an ECP5, beside peers.")
    parser.add_argument("--block", default="", help="what is measured, comma-separated (BLOCK); all unless told")
    parser.add_argument("--seeds", default="", help="places and routes of each (SEEDS); up to 5")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="processes side by side (JOBS)")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, 120)
    began = time.monotonic()
    try:
        seeds = _number("SEEDS", options.seeds, MOST_SEEDS) if options.seeds.strip() else None
        jobs = _number("JOBS", options.jobs, 1024)
        known = subjects()
        wanted = chosen(options.block, known)
        targets, peers = targets_of({each.name for each in known}), peers_of()
        rows = [row_of(each) for each in measure(wanted, seeds, jobs, console)]
        verdicts = judged(targets, {row["subject"]: row for row in rows})
        result = cache.BUILD / ("synth.json" if len(wanted) == len(known) else "chosen.json")
        facts = {
            "device": " ".join(DEVICE),
            "target_mhz": TARGET_MHZ,
            "tools": cache.tool_versions(),
            "subjects": rows,
            "peers": [vars(peer) for peer in peers],
            "targets": [{"target": str(target), "got": got, "reached": good} for target, got, good in verdicts],
        }
        cache.BUILD.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except (SynthesisError, SimulationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {unwritable(error, cache.BUILD, 'use')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted: run make synth again, it goes on from what is done", file=sys.stderr)
        return 130
    console.print(subjects_table(rows))
    if options.block.strip():
        for line in (line for row in rows for line in details(row)):
            console.print(line, highlight=False, markup=False)
    if any(row["kind"] != "block" for row in rows):
        console.print(peers_table(rows, peers))
    if verdicts:
        console.print(targets_table(verdicts))
    missed = [f"{target}, got {value:g}" for target, value, good in verdicts if not good]
    for miss in missed:
        console.print(f"missed: {miss}", highlight=False, markup=False)
    console.print(f"{len(rows)} measured in {time.monotonic() - began:.0f} s; {os.path.relpath(result, ROOT)}")
    return 1 if missed else 0


def _number(name: str, text: str, most: int) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= most:
        raise SynthesisError(f"{name}={text} is not possible: use 1 to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
