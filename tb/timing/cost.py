"""What recording costs: the same work over and over in one simulation, with the recorder on and off by turns.

Two simulations differ by more than recording costs, through the machine and through how their models are compiled.  So
one process and one model do both, in rounds of on, off, off, on, and the cheapest of each count: everything else on
the machine only ever adds.  Under load that takes more rounds, so they go on until the cheapest have settled.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cocotb

from models.memory import HostMemory
from tb import sim_top
from tb.bridge import bridge_of
from tb.driver_trace import recording
from tb.env import Environment, run_body
from tb.sim_top import system
from tb.speed.bench import Long
from tb.timing.scenarios import Reading

__all__ = ["WORKS", "cost", "recorded", "settled"]

WORKS: dict[str, type[Long] | type[Reading]] = {"transfers": Long, "faults": Reading}
"""Long transfers both ways, and page faults of 4 KiB: few and many events a cycle."""

SETTLED = 0.005
"""Share by which something cheaper than the cheapest so far counts as news."""
MOST = 12
"""Times as many rounds as asked for, after which it ends in any case."""


def cost(work: str, rounds: int, simulator: str = "verilator", under: str = "timing") -> float:
    """Share by which recording slows one kind of WORKS down, in CPU time. SimulationError when it cannot be run.

    rounds: the least, and how many in a row find nothing cheaper before the last.
    """
    env = {"COST_WORK": work, "COST_ROUNDS": str(rounds)}
    outcome = system(simulator, INSIDE=1).run("tb.timing.cost", env=env, run_name=f"{under}/cost-{work}")
    found = json.loads((outcome.directory / "cost.json").read_text(encoding="utf-8"))
    return float(min(found["on"]) / min(found["off"]) - 1)


def settled(taken: Mapping[str, Sequence[float]], rounds: int) -> bool:
    """Whether the last `rounds` rounds each found nothing cheaper by SETTLED, or there were MOST times so many."""
    count = 2 * rounds
    if any(len(one) < 2 * count for one in taken.values()):
        return False
    cheaper = any(min(one[-count:]) < (1 - SETTLED) * min(one[:-count]) for one in taken.values())
    return not cheaper or all(len(one) >= MOST * count for one in taken.values())


@cocotb.test()
async def recorded(dut: Any) -> None:
    """The work COST_WORK on, off, off, on, until settled; CPU seconds of each go to cost.json beside the trace."""
    taken: dict[str, list[float]] = {"on": [], "off": []}
    host = HostMemory(os.environ["HOSTMEM_FILE"])

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        work = WORKS[os.environ["COST_WORK"]](host)
        await bridge.run({"open": work.open()})
        while not settled(taken, int(os.environ["COST_ROUNDS"])):
            for name in ("on", "off", "off", "on"):
                dut.trace_enable.value = recording.enabled = name == "on"
                began = time.process_time()
                await bridge.run({"round": work.round()})
                taken[name].append(time.process_time() - began)
        sim_top.assert_clean(dut)
        (Path(os.environ["TRACE_FILE"]).parent / "cost.json").write_text(json.dumps(taken), encoding="utf-8")

    await run_body(dut, body, limit=1_000_000_000)
