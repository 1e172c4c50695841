"""rtl/burst.v: the rule of 4 KiB and 256 beats."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_a_burst_is_as_long_as_the_rules_allow(simulator: str, data_w: int) -> None:
    assert Simulation("burst", simulator, {"DATA_W": data_w}).run("tests.rtl.bench_burst").results
