"""The simulated host memory keeps its promises, and the same ones in both simulators."""

from __future__ import annotations

import re

import pytest

from tb.simulation import Simulation, SimulationError, simulators

BENCH = "tests.rtl.bench_host_memory"


@pytest.mark.parametrize("width", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_the_memory_does_what_its_header_says(simulator: str, width: int) -> None:
    outcome = Simulation("axi_memory", simulator, {"DATA_W": width}, native=True).run(BENCH)
    log = outcome.log.read_text(encoding="utf-8")
    assert (
        len(re.findall(r"read of bytes that nobody wrote, [0-9a-f]+ of the word at [0-9a-f]+, in cycle \d+", log)) == 2
    )
    assert (
        len(re.findall(r"(?:read|write) of \d+ beats at [0-9a-f]+ is in a page that nobody owns in cycle \d+", log))
        == 5
    )


@pytest.mark.parametrize("seed", [1, 20])
@pytest.mark.parametrize("simulator", [s for s in simulators() if s.values == ("icarus",)])
def test_both_simulators_serve_a_random_load_in_the_same_cycles(simulator: str, seed: int) -> None:
    digests = {
        Simulation("axi_memory", name, {"DATA_W": 64}, native=True)
        .run(BENCH, "a_random_load_is_served_right_and_leaves_its_trace", seed=seed)
        .directory.joinpath("digest.txt")
        .read_text()
        for name in ("verilator", simulator)
    }
    assert len(digests) == 1


def test_host_memory_that_is_not_there_fails_the_run() -> None:
    with pytest.raises(SimulationError, match="tests failed"):
        Simulation("axi_memory", "verilator", {"DATA_W": 64}, native=True).run(
            BENCH, "bursts_follow_each_other_without_a_gap", env={"HOSTMEM_FILE": "/nowhere/hostmem.bin"}
        )
