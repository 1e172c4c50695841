"""One simulation of a scenario under one memory, and its figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tb.sim_top import system
from tb.simulation import Outcome
from tb.timing.bounds import Memory
from tb.timing.figures import Run, run_of
from tb.trace import Trace

__all__ = ["Window", "simulate", "simulated"]


@dataclass(frozen=True, slots=True)
class Window:
    """Waves of the cycles [begin, end), into a file: FST from Icarus, VCD from Verilator."""

    file: Path
    begin: int
    end: int


def simulate(
    scenario: str, simulator: str, memory: Memory, under: str = "timing", window: Window | None = None
) -> Outcome:
    """Run a scenario in a directory under `under`, which then holds trace.bin, to the end of a window of waves if any.

    SimulationError when it cannot be built or run, or fails.
    """
    simulation = system(simulator, data_width=memory.width, INSIDE=1)
    env = {
        "TIMING_SCENARIO": scenario,
        "TIMING_LATENCY": str(memory.latency),
        "TIMING_STALL": str(memory.stall),
    }
    name = f"{under}/{scenario}-{memory.latency}-{memory.width}-{memory.stall}"
    if window is None:
        return simulation.run("tb.timing.bench", env=env, run_name=name)
    plusargs = [f"+waves_file={window.file}", f"+waves_begin={window.begin}"]
    env["TIMING_UNTIL"] = str(window.end)
    return replace(simulation, dumps=True).run("tb.timing.bench", env=env, run_name=f"{name}-waves", plusargs=plusargs)


def simulated(scenario: str, simulator: str, memory: Memory, under: str = "timing") -> tuple[Run, Path]:
    """Run a scenario and read its trace; the figures and the trace's path."""
    path = simulate(scenario, simulator, memory, under).directory / "trace.bin"
    return run_of(scenario, simulator, memory, Trace.load(path, memory.width)), path
