"""A live run again from its log, for REPLAY= of `make timing` and `make waves`: the same events in the same cycles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tb.live.run import configured, replay
from tb.timing.bounds import Memory
from tb.timing.figures import Run, run_of
from tb.timing.run import Window
from tb.trace import Trace

__all__ = ["replayed", "waved"]

_UNDER = "timing/live"
"""Where it runs, under sim_build/runs/SIM."""


def replayed(log: Path) -> Run:
    """Replay a log with its trace kept, and condense that.

    LogError for what is no log; SimulationError where the device goes another way; ValueError where nothing was done.
    """
    config = configured(log, trace=True)
    outcome, _ = replay(config, _UNDER)
    memory = Memory(width=config.width)
    run = run_of("live", config.simulator, memory, Trace.load(outcome.directory / "trace.bin", config.width))
    return replace(run, log=str(log))


def waved(run: Run, window: Window) -> None:
    """Replay the log of a run to the end of a window, and dump the waves of that. Errors as of `replayed`."""
    replay(configured(Path(run.log), until=window.end), f"{_UNDER}-waves", window)
