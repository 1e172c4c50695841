"""`python -m tb.timing`: scenarios under memories, a table each, timing.json; status 1 on failure, 2 for bad input."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product

from rich.console import Console
from rich.table import Table

from tb import toolchain
from tb.clocking import PERIOD_NS
from tb.simulation import SIM_BUILD, SimulationError
from tb.timing.bounds import Memory
from tb.timing.figures import QUANTILES, Run
from tb.timing.operations import PARTS
from tb.timing.run import simulated
from tb.timing.scenarios import SCENARIOS

__all__ = ["AskError", "asked", "main"]

RESULTS = SIM_BUILD / "timing"
WIDTHS = (64, 128, 256, 512)
LONGEST, WORST_STALL = 10_000, 95
"""Cycles of latency and percent of stalls that make sense."""


class AskError(Exception):
    """What was asked for cannot be done. One line: what, and the cure."""


def asked(scenario: str, latency: str, width: str, stall: str) -> tuple[list[str], list[Memory]]:
    """Read the words of the command line; an empty one means the default. AskError for the first that is wrong."""
    names = [word.strip() for word in scenario.split(",") if word.strip()] or list(SCENARIOS)
    for name in names:
        if name not in SCENARIOS:
            raise AskError(f"unknown SCENARIO={name}: use {', '.join(SCENARIOS)}")
    latencies = _numbers("LATENCY", latency, 13, 1, LONGEST)
    widths = _numbers("WIDTH", width, 64, 64, 512)
    for one in widths:
        if one not in WIDTHS:
            raise AskError(f"unknown WIDTH={one}: use {', '.join(map(str, WIDTHS))}")
    stalls = _numbers("STALL", stall, 0, 0, WORST_STALL)
    return names, [Memory(*values) for values in product(latencies, widths, stalls)]


def _numbers(name: str, text: str, default: int, least: int, most: int) -> list[int]:
    found = []
    for word in (word.strip() for word in text.split(",") if word.strip()):
        if not word.isascii() or not word.isdigit() or len(word) > 9 or not least <= int(word) <= most:
            raise AskError(f"{name}={word} makes no sense: give whole numbers from {least} to {most}")
        found.append(int(word))
    return list(dict.fromkeys(found)) or [default]


def main(arguments: list[str] | None = None) -> int:
    """Time, print, leave timing.json in sim_build/timing; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.timing", description="Where every cycle went.")
    for name in ("scenario", "latency", "width", "stall"):
        parser.add_argument(f"--{name}", default="", help=f"comma-separated ({name.upper()})")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, 130)
    try:
        names, memories = asked(options.scenario, options.latency, options.width, options.stall)
        toolchain.executable(options.sim)
        runs = []
        for name, memory in product(names, memories):
            run, _ = simulated(name, options.sim, memory)
            console.print(_table(run))
            runs.append(run)
        RESULTS.mkdir(parents=True, exist_ok=True)
        facts = {"version": 1, "period_ns": PERIOD_NS, "parts": PARTS, "runs": [run.facts for run in runs]}
        (RESULTS / "timing.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    except AskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        cure = "make sim_build writable, or free space on its disk"
        print(f"error: cannot write {error.filename or SIM_BUILD} ({error.strerror}): {cure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make timing again", file=sys.stderr)
        return 130
    console.print(f"{len(runs)} runs; timing.json in {RESULTS}", soft_wrap=True, highlight=False)
    return 0


def _table(run: Run) -> Table:
    """Operations by kind and part, in cycles; parts that took none are left out."""
    table = Table(title=run.title, title_justify="left")
    for name in ("operation", "part", *QUANTILES, "bound"):
        table.add_column(name, justify="left" if name in ("operation", "part") else "right")
    for kind, facts in run.facts["kinds"].items():
        bound = facts["bound"]
        rows = [("whole", facts["total"], bound["total"])]
        rows += [(part, facts["parts"][part], bound["parts"].get(part, 0)) for part in PARTS]
        for number, (part, values, least) in enumerate(row for row in rows if row[1]["max"]):
            name = f"{kind} ({facts['count']})" if number == 0 else ""
            table.add_row(name, part, *(f"{values[one]:,}" for one in QUANTILES), f"{least:,}")
    return table


if __name__ == "__main__":
    sys.exit(main())
