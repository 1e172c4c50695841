"""`python -m tb.compare`: every strategy on every workload; status 1 when a promise or a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from models.optimum import optimum
from models.workload.foresight import foreseen
from models.workload.programs import WORKLOADS
from tb import toolchain
from tb.compare.ask import Asked, AskError, Item, asked
from tb.compare.bars import draw_bytes, draw_time
from tb.compare.page import page
from tb.compare.report import TABLE_WIDTH, sweep_table, swept, table_of, verdict_lines
from tb.compare.rows import Row, bounded
from tb.compare.run import simulate
from tb.compare.targets import Verdict, judged
from tb.disk import unwritable
from tb.photo.report import replace_directory
from tb.photo.run import Progress
from tb.sim_top import system
from tb.simulation import SIM_BUILD, SimulationError

__all__ = ["main"]

RESULTS = SIM_BUILD / "compare"
QUIET_S = 10.0
"""Seconds of wall clock after which a line is printed though the play is still the same."""


def main(arguments: list[str] | None = None) -> int:
    """Compare, print, and leave compare.json, pictures, traces and a page in sim_build/compare; return the status.

    0: every promise kept, no target missed; 1: otherwise, or a failed simulation; 2: bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m tb.compare", description="Coherence strategies on the RTL.")
    for name, words in {
        "workload": "names, name:parameter=value, or files, comma-separated (WORKLOAD); all built-in ones unless told",
        "policy": "strategies, comma-separated (POLICY); all unless told",
        "costs": "name=nanoseconds, comma-separated (COSTS)",
        "sweep": "factors of the host costs, comma-separated (SWEEP)",
        "width": "data width of the bus in bits (WIDTH): 64, 128, 256 or 512",
        "latency": "cycles until host memory answers (LATENCY); 13 unless told",
        "stall": "percent of the cycles in which its data channels stand still (STALL); 0 unless told",
        "seed": "seed of workloads and contents (SEED)",
        "jobs": "simulations at a time (JOBS); one unless told",
    }.items():
        parser.add_argument(f"--{name}", default="", help=words)
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    try:
        wanted = asked(
            workload=options.workload, policy=options.policy, costs=options.costs, sweep=options.sweep,
            width=options.width, seed=options.seed, jobs=options.jobs, simulator=options.sim,
            latency=options.latency, stall=options.stall,
        )  # fmt: skip
        toolchain.executable(options.sim)
        return _compare(wanted, console)
    except AskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make compare again", file=sys.stderr)
        return 130


def _compare(wanted: Asked, console: Console) -> int:
    rows = bounded(_measured(wanted, console), {one.trace.name: optimum(one.trace).bytes for one in wanted.items})
    builtin = {item.trace.name: foreseen(item.trace) for item in wanted.items if item.builtin is not None}
    verdicts = judged(rows, builtin if wanted.default else {}, len(WORKLOADS))
    replace_directory(RESULTS, lambda new: _publish(new, wanted, rows, verdicts))
    for item in wanted.items:
        mine = [row for row in rows if row.workload == item.trace.name and row.scale == 1.0]
        console.print(table_of(f"{item.trace.name}: {item.title}", mine))
    if swept(rows):
        console.print(sweep_table(rows))
    console.print("targets of our strategy", highlight=False)
    for line in verdict_lines(verdicts):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    broken = [row for row in rows if row.violations]
    for row in broken:
        play = f"{row.policy} on {row.workload}, host costs x {row.scale:g},"
        print(f"error: {play} breaks its promise: {row.violations[0]}", file=sys.stderr)
    for one in verdicts:
        if one.met is False:
            print(f"error: {one.target}: {one.detail}", file=sys.stderr)
    cycles = sum(row.cycles for row in rows)
    where = RESULTS.relative_to(toolchain.ROOT)
    console.print(
        f"{len(rows)} plays of {cycles:,} cycles, {sum(row.judged_bytes for row in rows):,} bytes judged; "
        f"{where}/index.html, time.png, bytes.png, compare.json and the traces",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 1 if broken or any(one.met is False for one in verdicts) else 0


def _measured(wanted: Asked, console: Console) -> list[Row]:
    """Play everything, one simulation a workload, several at a time."""
    title = f"{len(wanted.items)} traces by {len(wanted.jobs)} plays, {wanted.simulator}, {wanted.width}-bit bus"
    if not console.is_terminal:
        console.print(title, highlight=False)
        return _pooled(wanted, _printer(console))
    with console.status(title) as status:
        return _pooled(wanted, lambda what, cycle: status.update(f"{title}: {what}: cycle {cycle:,}"))


def _pooled(wanted: Asked, progress: Progress) -> list[Row]:
    """Rows in the order of the workloads. The first failure, or an interruption, ends everything else."""
    system(wanted.simulator, data_width=wanted.width).build()  # once, and where it can be interrupted
    with tempfile.TemporaryDirectory(prefix=".compare-stop.", dir=SIM_BUILD) as folder:
        stop = Path(folder) / "stop"

        def rows_of(item: Item) -> list[Row]:
            return simulate(
                item.trace, wanted.jobs, costs=wanted.costs, simulator=wanted.simulator, width=wanted.width,
                temper=wanted.temper, seed=wanted.seed, progress=progress, stop=stop,
            ).rows  # fmt: skip

        with ThreadPoolExecutor(wanted.processes) as pool:
            futures = [pool.submit(rows_of, item) for item in wanted.items]
            try:
                for ended in wait(futures, return_when=FIRST_EXCEPTION).done:
                    ended.result()
                return [row for future in futures for row in future.result()]
            except BaseException:
                stop.touch()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _printer(console: Console) -> Progress:
    """Print a line when a workload begins and every `QUIET_S` after that, for terminals that cannot redraw."""
    shown: set[str] = set()
    printed = 0.0

    def show(what: str, cycle: int) -> None:
        nonlocal printed
        now, workload = time.monotonic(), what.partition(" on ")[0]
        if workload not in shown or now - printed >= QUIET_S:
            shown.add(workload)
            printed = now
            console.print(f"  {what} (cycle {cycle:,})", highlight=False, markup=False)

    return show


def _publish(new: Path, wanted: Asked, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    titles = {item.trace.name: item.title for item in wanted.items}
    main_rows = [row for row in rows if row.scale == 1.0]
    text = ",\n".join(json.dumps(row.to_json()) for row in rows)
    (new / "compare.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")
    draw_time(main_rows, titles, new / "time.png")
    draw_bytes(main_rows, titles, new / "bytes.png")
    pictures = {"time to solution": new / "time.png", "bytes over the bus": new / "bytes.png"}
    (new / "index.html").write_text(page(rows, titles, verdicts, _facts(wanted), pictures), encoding="utf-8")
    for item in wanted.items:
        if item.trace.name in WORKLOADS:
            (new / f"{item.trace.name}.trace").write_text(item.trace.text(), encoding="utf-8")


def _facts(wanted: Asked) -> dict[str, str]:
    shapes = dict.fromkeys(
        f"{one.trace.width} x {one.trace.height} x {one.trace.bytes_per_pixel} bytes, {one.trace.layout.name}"
        for one in wanted.items
    )
    costs = ", ".join(f"{name.removesuffix('_ns')} {value}" for name, value in asdict(wanted.costs).items())
    return {
        "simulator": wanted.simulator,
        "bus": f"{wanted.width} bits, 250 MHz",
        "host memory": f"{wanted.temper.latency} cycles of latency, data stall {wanted.temper.stall} % of the time",
        "buffer": "; ".join(shapes),
        "seed": str(wanted.seed),
        "host costs, ns": costs,
    }


if __name__ == "__main__":
    sys.exit(main())
