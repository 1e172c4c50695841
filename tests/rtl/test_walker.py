"""rtl/walker.v: translations, their cache, and every way in which one is refused."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_walker_answers_what_the_tables_say(simulator: str, data_w: int) -> None:
    assert Simulation("walker", simulator, {"DATA_W": data_w, "TLB_LOG2": 7}).run("tests.rtl.bench_walker").results
