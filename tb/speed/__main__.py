"""`python -m tb.speed`: cycles a second of CPU time beside the targets; exit status 1 when one is missed."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from tb import toolchain
from tb.disk import unwritable
from tb.photo import picture
from tb.photo.run import simulate
from tb.sim_top import system
from tb.simulation import SIM_BUILD, SimulationError

__all__ = ["main"]

RESULT = SIM_BUILD / "speed" / "speed.json"
MEMORY_LIMIT = 1 << 30
"""Bytes that a simulation may take at its peak."""


@dataclass(frozen=True)
class Figure:
    """One measurement; `cycles_per_cpu_s` against its `target`, both in clock cycles a second of CPU time.

    A target of 0 is none: the figure is told and, but for its memory, held to nothing.
    """

    scenario: str
    simulator: str
    cycles: int
    cpu_s: float
    peak_bytes: int
    target: int

    @property
    def cycles_per_cpu_s(self) -> float:
        """Simulated clock cycles a second of CPU time."""
        return self.cycles / self.cpu_s

    @property
    def reached(self) -> bool:
        """Whether speed and memory are within their targets."""
        return self.cycles_per_cpu_s >= self.target and self.peak_bytes <= MEMORY_LIMIT


DIRECTIONS = {"both": "long transfers", "readback": "long readbacks", "writeback": "long writebacks"}
"""The scenarios of long transfers by the direction that they go."""


def long_transfers(simulator: str, repeats: int, target: int, direction: str = "both") -> Figure:
    """Long transfers, `repeats` times 1 MiB in each direction at once or in one alone, on a 64-bit bus."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    found = RESULT.parent / f".{simulator}.json"
    simulation = system(simulator)
    simulation.build()
    env = {"SPEED_REPEATS": str(repeats), "SPEED_DIRECTION": direction, "SPEED_RESULT": str(found)}
    simulation.run("tb.speed.bench", env=env, run_name=f"speed/{direction}")
    values = json.loads(found.read_text(encoding="utf-8"))
    found.unlink()
    return Figure(DIRECTIONS[direction], simulator, values["cycles"], values["cpu_s"], values["peak_bytes"], target)


def photo(simulator: str, target: int) -> Figure:
    """The photo scenario on the sample photograph, on a 64-bit bus."""
    run = simulate(picture.load(picture.default_picture()), simulator)
    if run.differences:
        raise SimulationError(f"photo on {simulator}: {'; '.join(run.differences)}")
    return Figure("photo", simulator, run.cycles, run.cpu_s, run.peak_bytes, target)


def table_of(figures: list[Figure]) -> Table:
    """The figures as a table for the terminal."""
    how = "compiled by a profile" if system("verilator").trained else "compiled without a profile (PGO=0)"
    table = Table(title=f"simulation speed, 64-bit bus, whole system, Verilator's model {how}", min_width=100)
    table.add_column("scenario")
    table.add_column("simulator")
    for column in ("cycles", "CPU s", "cycles/s", "target", "of target", "peak MiB"):
        table.add_column(column, justify="right")
    for figure in figures:
        table.add_row(
            figure.scenario,
            figure.simulator,
            f"{figure.cycles:,}",
            f"{figure.cpu_s:.1f}",
            f"{figure.cycles_per_cpu_s:,.0f}",
            f"{figure.target:,}" if figure.target else "-",
            f"{figure.cycles_per_cpu_s / figure.target:.2f}" if figure.target else "-",
            f"{figure.peak_bytes / 2**20:.0f}",
        )
    return table


def measure(simulator: str, console: Console) -> list[Figure]:
    """The figures of one simulator, or of both when `simulator` is empty: then a missing Icarus is only told."""
    figures = []
    if simulator in ("", "verilator"):
        figures += [long_transfers("verilator", 16, 1_000_000, direction) for direction in DIRECTIONS]
        figures += [photo("verilator", 500_000)]
    if simulator in ("", "icarus"):
        try:
            toolchain.executable("icarus")
        except SimulationError as error:
            if simulator:
                raise
            console.print(f"Icarus left out: {error}")
        else:
            figures += [long_transfers("icarus", 1, 0, direction) for direction in DIRECTIONS]
            figures += [photo("icarus", 25_000)]
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write sim_build/speed/speed.json; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.speed", description="Cycles a second of CPU time.")
    parser.add_argument("--sim", default="", help="verilator or icarus (SIM); both unless told")
    options = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, 100)
    try:
        if options.sim:
            toolchain.executable(options.sim)
        figures = measure(options.sim, console)
        rows = [{**asdict(figure), "cycles_per_cpu_s": round(figure.cycles_per_cpu_s)} for figure in figures]
        RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make speed again", file=sys.stderr)
        return 130
    console.print(table_of(figures))
    missed = [figure for figure in figures if not figure.reached]
    for figure in missed:
        console.print(f"below target: {figure.scenario} on {figure.simulator}; is the machine busy?")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
