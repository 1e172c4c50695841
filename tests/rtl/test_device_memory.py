"""rtl/device_memory.v: banks, ports, fairness and the end of memory."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_device_memory_keeps_every_byte(simulator: str, data_w: int) -> None:
    simulation = Simulation("device_memory", simulator, {"DATA_W": data_w, "DEVICE_LOG2": 14})
    assert simulation.run("tests.rtl.bench_device_memory").results
