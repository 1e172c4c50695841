"""The AXI checker is silent about a good port and notices every rule that is broken."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("simulator", simulators())
def test_the_checker_notices_every_rule_and_nothing_else(simulator: str) -> None:
    outcome = Simulation("axi_checker", simulator, {"DATA_W": 64}).run("tests.rtl.bench_axi_checker")
    assert len(outcome.results) == 2
