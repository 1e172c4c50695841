"""rtl/read_mover.v with translate, box, realign and tile: host memory arrives in device memory."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_read_mover_fills_device_memory(simulator: str, data_w: int) -> None:
    assert Simulation("read_mover", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_read_mover").results
