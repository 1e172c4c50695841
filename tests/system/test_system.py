"""The engine as a whole: both simulators at 64 bits (and 512 in `make regress`), and a sample on wider buses.

One process runs a whole bench, because starting one costs more than most cases.  Case and seed of a failure are in the
message; `make sim MODULE=tests.system.bench_... COCOTB_TESTCASE=... COCOTB_RANDOM_SEED=...` runs one again.
"""

from __future__ import annotations

import pytest

from tb.sim_top import system
from tb.simulation import SimulationError, simulators, widths

BENCHES = ("copies", "errors", "queues", "registers", "agents", "end_twins", "unknown")
NOTICED = {
    "foreign_page": "accesses to pages that nobody owns",
    "unwritten_byte": "1 read beats with bytes that nobody wrote",
    "outside_the_window": r"AXI violations \(AXI_.*_WINDOW\)",
    "impatient": r"1 AXI violations \(AXIL_AR_READY_WAIT\)",
    "fickle": r"1 AXI violations \(AXIL_AW_HELD\)",
}
"""What the observers say of each spoiled run of bench_guards."""


@pytest.mark.parametrize("bench", BENCHES)
@pytest.mark.parametrize("data_width", widths())
@pytest.mark.parametrize("simulator", simulators())
def test_engine(simulator: str, data_width: int, bench: str) -> None:
    system(simulator, data_width=data_width).run(f"tests.system.bench_{bench}")


@pytest.mark.parametrize("data_width", [128, 256, 512])
@pytest.mark.parametrize("bench", BENCHES[:3])
def test_engine_on_wider_buses(bench: str, data_width: int) -> None:
    system("verilator", data_width=data_width).run(f"tests.system.bench_{bench}", env={"FAULTLINE_THIN": "4"})


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_engine_on_a_wide_bus_in_icarus(simulator: str) -> None:
    cases = ["boxes", "drawing_beside_dma"]
    system(simulator, data_width=256).run("tests.system.bench_copies", cases, env={"FAULTLINE_THIN": "4"})


@pytest.mark.parametrize("simulator", simulators())
def test_a_run_with_every_guard_on_is_clean(simulator: str) -> None:
    system(simulator).run("tests.system.bench_guards", "left_alone")


@pytest.mark.parametrize("case", NOTICED)
@pytest.mark.parametrize("simulator", simulators())
def test_the_observers_fail_a_run_that_breaks_a_guard(simulator: str, case: str) -> None:
    with pytest.raises(SimulationError, match=NOTICED[case]):
        system(simulator).run("tests.system.bench_guards", case)
