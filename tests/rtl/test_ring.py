"""rtl/ring.v: one queue's descriptors, in both sizes of an entry and with several of them in a word."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize(("data_w", "entry_bytes"), [(64, 32), (512, 32), (512, 64)])
@pytest.mark.parametrize("simulator", simulators())
def test_ring_fetches_what_was_published(simulator: str, data_w: int, entry_bytes: int) -> None:
    simulation = Simulation("ring", simulator, {"DATA_W": data_w, "ENTRY_BYTES": entry_bytes})
    assert simulation.run("tests.rtl.bench_ring").results
