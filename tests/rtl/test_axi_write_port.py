"""rtl/axi_write_port.v: data after addresses, answers, silence and drain."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_axi_write_port_serves_every_requester(simulator: str, data_w: int) -> None:
    assert Simulation("axi_write_port", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_axi_write_port").results
