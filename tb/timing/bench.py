"""cocotb side of `make timing`: performs one scenario under one memory; the trace is what it leaves.

TIMING_SCENARIO, TIMING_LATENCY (cycles) and TIMING_STALL (percent of the cycles of R and W) say what; with TIMING_UNTIL
it ends in that cycle, whatever is under way.
"""

from __future__ import annotations

import os
from typing import Any

import cocotb

from models.memory import HostMemory
from tb import sim_top
from tb.agents.memory import MemoryConfig, Stall
from tb.bridge import bridge_of
from tb.clocking import end_in
from tb.env import Environment, run_body
from tb.timing.bounds import PERIOD
from tb.timing.scenarios import SCENARIOS

__all__ = ["timed"]


@cocotb.test()
async def timed(dut: Any) -> None:
    """Perform the scenario; whatever is wrong fails the test."""
    latency, percent = int(os.environ["TIMING_LATENCY"]), int(os.environ["TIMING_STALL"])
    stall = Stall(percent, PERIOD) if percent else Stall()
    temper = MemoryConfig(read_latency=latency, write_latency=latency, r=stall, w=stall)
    host = HostMemory(os.environ["HOSTMEM_FILE"])

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        if "TIMING_UNTIL" in os.environ:
            cocotb.start_soon(end_in(int(os.environ["TIMING_UNTIL"])))
        opened = await bridge.run({"driver": SCENARIOS[os.environ["TIMING_SCENARIO"]].steps(host)})
        await bridge.run(opened["driver"] or {})
        sim_top.assert_clean(dut)
        await sim_top.flush_trace(dut)

    await run_body(dut, body, memory=temper, limit=1_000_000_000)
