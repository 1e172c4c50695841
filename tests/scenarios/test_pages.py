"""Page states and driver events, on both simulators."""

from __future__ import annotations

import pytest

from tb.sim_top import system
from tb.simulation import simulators


@pytest.mark.parametrize("simulator", simulators())
def test_every_page_state_meets_every_driver_event(simulator: str) -> None:
    system(simulator).run("tests.scenarios.bench_pages")
