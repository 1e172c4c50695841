"""rtl/fifo.v: the queue between stages, at its smallest depth, at a usual one, and so large that it is block RAM."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("depth_log2", [1, 3, 9])
@pytest.mark.parametrize("simulator", simulators())
def test_fifo_keeps_order_and_pace(simulator: str, depth_log2: int) -> None:
    simulation = Simulation("fifo", simulator, {"WIDTH": 13, "DEPTH_LOG2": depth_log2})
    assert simulation.run("tests.rtl.bench_fifo").results
