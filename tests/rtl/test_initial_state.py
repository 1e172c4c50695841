"""What registers hold before their reset: at random from the seed in Verilator, X in Icarus; each shows what has none.

The twin's register without a reset must be seen in both ways, and its neighbour with one in neither.
"""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators

WRITTEN = f"{0x12345678:032b}"


def looks(simulator: str, seed: int, *plusargs: str) -> tuple[str, str]:
    """(register with a reset, register without) right after reset, as bits; both must then keep what is written."""
    outcome = Simulation("unreset", simulator, sources=["tests/rtl/unreset.v"]).run(
        "tests.rtl.bench_unreset", seed=seed, plusargs=plusargs, run_name=f"unreset-{seed}"
    )
    first, then = (outcome.directory / "looks.txt").read_text(encoding="utf-8").splitlines()
    assert then.split() == [WRITTEN, WRITTEN]
    clean, stale = first.split()
    return clean, stale


def test_verilator_shows_an_unreset_register_by_its_seeds() -> None:
    seen = {seed: looks("verilator", seed) for seed in (1, 2, 3)}
    assert looks("verilator", 1) == seen[1], "a seed starts with the same bits each time"
    assert looks("verilator", 1, "+verilator+seed+2") == seen[2], "the last seed given is the one that counts"
    assert {clean for clean, _ in seen.values()} == {"0" * 32}
    assert len({stale for _, stale in seen.values()}) == 3, seen


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_icarus_shows_an_unreset_register_as_unknown(simulator: str) -> None:
    for seed in (1, 2):
        assert looks(simulator, seed) == ("0" * 32, "X" * 32)
