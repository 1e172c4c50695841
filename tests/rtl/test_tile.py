"""rtl/tile.v: the tiling rule of the hardware is that of the model."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("staged", [0, 1])
@pytest.mark.parametrize("simulator", simulators())
def test_tile_agrees_with_the_model(simulator: str, staged: int) -> None:
    assert Simulation("tile", simulator, {"STAGED": staged}).run("tests.rtl.bench_tile").results
