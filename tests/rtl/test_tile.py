"""rtl/tile.v and rtl/tile_address.v: the tiling rule of the hardware is that of the model."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_tile_agrees_with_the_model(simulator: str, data_w: int) -> None:
    top = Simulation("tile_row", simulator, {"DATA_W": data_w}, sources=["tests/rtl/tile_row.v"])
    assert top.run("tests.rtl.bench_tile").results
