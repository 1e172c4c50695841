"""rtl/csr.v with csr_queue and csr_tables: the register file is the .rdl's."""

from __future__ import annotations

import pytest

from tb.simulation import Simulation, simulators


@pytest.mark.parametrize("data_w", [64, 512])
@pytest.mark.parametrize("simulator", simulators())
def test_csr_is_what_the_rdl_says(simulator: str, data_w: int) -> None:
    parameters = {"DATA_W": data_w, "TLB_ENTRIES": 32, "READS": 6, "WRITES": 5, "DEVICE_LOG2": 20}
    assert Simulation("csr", simulator, parameters).run("tests.rtl.bench_csr").results
