"""Runs of `make timing` that several tests look at."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tb.timing.bounds import Memory
from tb.timing.figures import Run
from tb.timing.run import simulated

__all__ = ["UNDER", "timed"]

UNDER = f"timing-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""Where no other process of the session runs anything."""


@cache
def timed(scenario: str, simulator: str, memory: Memory) -> tuple[Run, Path]:
    """Return a scenario's run under a memory and its trace; made once a process."""
    return simulated(scenario, simulator, memory, UNDER)
