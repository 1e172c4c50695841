"""rtl/complete.v: record, then fence value, then interrupt."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_complete_announces_nothing_early(simulator: str, data_w: int) -> None:
    assert Simulation("complete", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_complete").results
