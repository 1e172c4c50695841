"""rtl/axi_read_port.v: many requesters, one bus, and a memory that may be silent."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_axi_read_port_serves_every_requester(simulator: str, data_w: int) -> None:
    assert Simulation("axi_read_port", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_axi_read_port").results
