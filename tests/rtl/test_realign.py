"""rtl/realign.v: bytes change lanes, nothing carries over, no cycle is lost."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_realign_moves_runs_between_lanes(simulator: str, data_w: int) -> None:
    assert Simulation("realign", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_realign").results
