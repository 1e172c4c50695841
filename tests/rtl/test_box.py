"""rtl/box.v with burst: a box becomes rows, a row becomes bursts."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_box_becomes_bursts(simulator: str, data_w: int) -> None:
    assert Simulation("box", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_box").results
