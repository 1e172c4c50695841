"""cocotb side of test_initial_state: leaves what the twin's registers show after reset, and once they are written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb

from tests.rtl.harness import Bench

TOP = "unreset"


@cocotb.test()
async def look_after_reset(dut: Any) -> None:
    """A line for each look: the register that is reset, and the one that is not."""
    bench = Bench(dut)
    await bench.start()
    await bench.edge()
    lines = [f"{dut.clean_o.value} {dut.stale_o.value}"]
    dut.set_i.value, dut.data_i.value = 1, 0x12345678
    await bench.edge()
    await bench.settle()
    lines.append(f"{dut.clean_o.value} {dut.stale_o.value}")
    Path(os.environ["TRACE_FILE"]).with_name("looks.txt").write_text("\n".join(lines), encoding="utf-8")
