"""rtl/write_mover.v with translate, box, realign and tile: device memory arrives in host memory."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_write_mover_fills_host_memory(simulator: str, data_w: int) -> None:
    assert Simulation("write_mover", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_write_mover").results
