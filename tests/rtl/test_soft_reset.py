"""rtl/soft_reset.v: drain, reset, done."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("simulator", simulators())
def test_soft_reset_drains_before_it_resets(simulator: str) -> None:
    assert Simulation("soft_reset", simulator).run("tests.rtl.bench_soft_reset").results
