"""rtl/render.v with sweep, stripe, tile, fifo and realign: FILL and COPY draw what numpy draws."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_render_draws_what_numpy_draws(simulator: str, data_w: int) -> None:
    assert Simulation("render", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_render").results
