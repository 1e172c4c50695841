"""The bridge, on both simulators."""

from __future__ import annotations

import pytest

from tb.sim_top import system
from tb.simulation import simulators, widths


@pytest.mark.parametrize("data_width", widths())
@pytest.mark.parametrize("simulator", simulators())
def test_bridge_performs_steps(simulator: str, data_width: int) -> None:
    system(simulator, data_width=data_width).run("tests.scenarios.bench_bridge")
