"""One simulation of a scenario under one memory, and its figures."""

from __future__ import annotations

from pathlib import Path

from tb.sim_top import system
from tb.simulation import Outcome
from tb.timing.bounds import Memory
from tb.timing.figures import Run, run_of
from tb.trace import Trace

__all__ = ["simulate", "simulated"]


def simulate(scenario: str, simulator: str, memory: Memory, under: str = "timing") -> Outcome:
    """Run a scenario in a directory under `under`, which then holds trace.bin.

    SimulationError when it cannot be built or run, or fails.
    """
    env = {
        "TIMING_SCENARIO": scenario,
        "TIMING_LATENCY": str(memory.latency),
        "TIMING_STALL": str(memory.stall),
    }
    name = f"{under}/{scenario}-{memory.latency}-{memory.width}-{memory.stall}"
    return system(simulator, data_width=memory.width, INSIDE=1).run("tb.timing.bench", env=env, run_name=name)


def simulated(scenario: str, simulator: str, memory: Memory, under: str = "timing") -> tuple[Run, Path]:
    """Run a scenario and read its trace; the figures and the trace's path."""
    path = simulate(scenario, simulator, memory, under).directory / "trace.bin"
    return run_of(scenario, simulator, memory, Trace.load(path, memory.width)), path
