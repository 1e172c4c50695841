"""rtl/dispatch.v: each queue's descriptors are judged, started and ended in order."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize(("queue", "entry_bytes"), [(0, 32), (1, 64)])
@pytest.mark.parametrize("simulator", simulators())
def test_dispatch_keeps_the_contract(simulator: str, queue: int, entry_bytes: int) -> None:
    simulation = Simulation("dispatch", simulator, {"QUEUE": queue, "ENTRY_BYTES": entry_bytes})
    assert simulation.run("tests.rtl.bench_dispatch").results
