"""`python -m tb.photo`: the main job's face. Exit status 0 only when all bytes agree."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from tb import toolchain
from tb.disk import unwritable
from tb.photo import picture
from tb.photo.report import TABLE_WIDTH, publish, result_of, side_by_side, table_of
from tb.photo.run import PhotoRun, Progress, simulate
from tb.simulation import SIM_BUILD, SimulationError
from tb.toolchain import WIDTHS

__all__ = ["main"]

RESULTS = SIM_BUILD / "photo"
QUIET_S = 10.0
"""Seconds of wall clock after which a line is printed though the phase is still the same."""


def main(arguments: list[str] | None = None) -> int:
    """Run the photo scenario and leave pictures and figures in sim_build/photo; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.photo", description="The photo scenario on the RTL.")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    parser.add_argument("--image", type=Path, default=None, help="picture (IMAGE); matplotlib's sample unless told")
    parser.add_argument("--width", default="64", help="data width of the bus in bits (WIDTH): 64, 128, 256 or 512")
    options = parser.parse_args(arguments)
    try:
        toolchain.executable(options.sim)
        if options.width not in map(str, WIDTHS):
            raise SimulationError(f"unknown WIDTH={options.width}: use one of {', '.join(map(str, WIDTHS))}")
        path = options.image or picture.default_picture()
        return _photo(path, options.sim, int(options.width))
    except (picture.PictureError, SimulationError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("error: interrupted: sim_build/photo keeps the results before this run, run make again", file=sys.stderr)
        return 130
    return 1


def _photo(path: Path, simulator: str, width: int) -> int:
    pixels = picture.load(path)
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    title = f"{path.name}, {pixels.shape[1]} x {pixels.shape[0]} pixels, {simulator}, {width}-bit bus"
    if console.is_terminal:
        with console.status(title) as status:
            run = simulate(pixels, simulator, width, lambda phase, cycle: status.update(f"{phase}: cycle {cycle:,}"))
    else:
        console.print(title)
        run = simulate(pixels, simulator, width, _printer(console))
    if not run.differences:
        _publish(run, path)
    console.print(table_of(title, run.rows))
    console.print(
        f"{run.cycles:,} cycles in {run.cpu_s:.1f} s of CPU time: {run.cycles_per_cpu_s:,.0f} cycles/s; "
        f"peak memory {run.peak_bytes / 2**20:.0f} MiB"
    )
    if run.differences:
        for difference in run.differences:
            print(f"error: {difference}", file=sys.stderr)
        print(f"error: bytes differ; {RESULTS} keeps the results before this run; log {run.log}", file=sys.stderr)
        return 1
    count = sum(run.compared.values())
    console.print(f"all bytes agree ({count:,} compared); pictures and result.json in {RESULTS}", soft_wrap=True)
    return 0


def _printer(console: Console) -> Progress:
    """Print a line when a phase begins and every `QUIET_S` within it, for terminals that cannot redraw."""
    shown, printed = "", 0.0

    def show(phase: str, cycle: int) -> None:
        nonlocal shown, printed
        now = time.monotonic()
        if phase != shown or now - printed >= QUIET_S:
            shown, printed = phase, now
            console.print(f"  {phase} (cycle {cycle:,})", highlight=False)

    return show


def _publish(run: PhotoRun, path: Path) -> None:
    pictures = {
        "scanout": run.scanout,
        "untranslated": run.untranslated,
        "side_by_side": side_by_side(run.scanout, run.untranslated),
    }
    facts = {
        "picture": path.name,
        "simulator": run.simulator,
        "width": run.width,
        "agree": not run.differences,
        "compared_bytes": run.compared,
        "cycles": run.cycles,
        "cpu_s": round(run.cpu_s, 3),
        "cycles_per_cpu_s": round(run.cycles_per_cpu_s),
        "peak_bytes": run.peak_bytes,
    }
    publish(RESULTS, pictures, {**result_of(run.rows, facts), "events": run.events})


if __name__ == "__main__":
    sys.exit(main())
