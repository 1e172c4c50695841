"""The bridge, on both simulators."""

from __future__ import annotations

import pytest

from tb.sim_top import system
from tb.simulation import simulators


@pytest.mark.parametrize("simulator", simulators())
def test_bridge_performs_steps(simulator: str) -> None:
    system(simulator).run("tests.scenarios.bench_bridge")
