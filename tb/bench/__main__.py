"""`python -m tb.bench`: utilization and latency beside bound, peers and floors; status 1 when one is not enough."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tb.bench.cases import DIRECTIONS
from tb.bench.curves import draw
from tb.bench.figures import BenchError, Figure
from tb.bench.floors import floors_of, judged, reviewed_of, update
from tb.bench.page import PAGE_FILE, rewritten
from tb.bench.peers import Peer, peers_of
from tb.bench.report import TABLE_WIDTH, show
from tb.bench.run import measured, printer
from tb.disk import unwritable
from tb.simulation import SIM_BUILD, SimulationError
from tb.toolchain import ROOT

__all__ = ["WIDTHS", "main"]

WIDTHS = (64, 512)
"""Bus widths in bits that have reviewed figures."""
RESULTS = SIM_BUILD / "bench"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, leave bench.json and the curves in sim_build/bench; return the exit status.

    0: good enough; 1: a figure below its floor or worse than reviewed, or a failed simulation; 2: bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m tb.bench", description="Utilization and latency in cycles.")
    parser.add_argument("--width", default="", help="bus width in bits, 64 or 512 (WIDTH); both unless told")
    parser.add_argument("--update", action="store_true", help="make the figures the reviewed ones (UPDATE=1)")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    try:
        widths = _widths(options.width)
        floors, peers = floors_of(), peers_of()
        if not options.update:
            reviewed_of()  # unreadable: say so before measuring
        figures = [figure for width in widths for figure in _measured(width, console)]
        _publish(figures, peers, RESULTS)
        for width in widths:
            show(console, [figure for figure in figures if figure.width == width], peers)
        if options.update:
            update(figures)
            PAGE_FILE.write_text(rewritten(PAGE_FILE, reviewed_of()), encoding="utf-8")
            console.print(f"{len(figures)} figures are now the reviewed ones: see git diff", highlight=False)
        complaints = judged(figures, floors, reviewed_of())
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make bench again", file=sys.stderr)
        return 130
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    count = f"{len(figures)} figures, {len(complaints)} of them not good enough"
    console.print(f"{count}; curves and bench.json in {RESULTS.relative_to(ROOT)}", highlight=False)
    return 1 if complaints else 0


def _widths(given: str) -> tuple[int, ...]:
    if not given:
        return WIDTHS
    if given not in map(str, WIDTHS):
        raise BenchError(f"unknown WIDTH={given}: use one of {', '.join(map(str, WIDTHS))}, or leave it out for both")
    return (int(given),)


def _measured(width: int, console: Console) -> list[Figure]:
    title = f"{width}-bit bus, Verilator"
    if not console.is_terminal:
        console.print(title)
        return measured(width, progress=printer(lambda line: console.print(line, highlight=False, markup=False)))
    with console.status(title) as status:
        return measured(width, progress=lambda done, of, case: status.update(f"{title}: {done} of {of}, {case}"))


def _publish(figures: Sequence[Figure], peers: Sequence[Peer], results: Path) -> None:
    """bench.json with every figure, and a picture a width and direction."""
    results.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(json.dumps(figure.row()) for figure in figures)
    (results / "bench.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")
    for width in dict.fromkeys(figure.width for figure in figures):
        for direction in DIRECTIONS:
            mine = [figure for figure in figures if figure.width == width]
            draw(mine, direction, peers, results / f"{direction}-{width}.png")


if __name__ == "__main__":
    sys.exit(main())
