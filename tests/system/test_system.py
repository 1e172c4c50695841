"""The engine as a whole on both simulators, and the same cases on the untimed device."""

from __future__ import annotations

import pytest

from tb.sim_top import system
from tb.simulation import simulators

WIDE = [128, 256, 512]


@pytest.mark.parametrize("bench", ["copies"])
@pytest.mark.parametrize("simulator", simulators())
def test_every_case_holds_at_64_bits(simulator: str, bench: str) -> None:
    system(simulator).run(f"tests.system.bench_{bench}")
