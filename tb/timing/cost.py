"""What recording costs: the same work in a model that records and in one that is built without a recorder, by turns.

One has INSIDE=1, as `make timing` builds it, and writes the whole trace, the driver's half too; the other has
RECORDER=0, and the driver's half is off.  What differs between two simulations beside the recorder - what else the
machine does, where in memory they happen to lie - only ever adds, so each is started many times, by turns, and the
cheapest of its rounds counts.  Under load that takes more turns, so they go on until the cheapest have settled.
"""

from __future__ import annotations

import json
import os
import sys
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
MODELS = {"on": {"INSIDE": 1}, "off": {"RECORDER": 0}}
"""Parameters of the two models."""

ROUNDS = 8
"""Rounds of the work in one simulation."""
SETTLED = 0.005
"""Share by which something cheaper than the cheapest so far counts as news."""
MOST = 8
"""Times as many turns as asked for, after which it ends in any case."""


def cost(work: str, turns: int, simulator: str = "verilator", under: str = "timing") -> float:
    """Share by which recording slows one kind of WORKS down, in CPU time. SimulationError when it cannot be run.

    turns: the least, and how many in a row find nothing cheaper before the last; each starts both models once.
    """
    taken: dict[str, list[float]] = {name: [] for name in MODELS}
    while not settled(taken, turns):
        for name, parameters in MODELS.items():
            env = {"COST_WORK": work, "COST_RECORDING": name}
            run_name = f"{under}/cost-{work}-{name}"
            outcome = system(simulator, **parameters).run("tb.timing.cost", env=env, run_name=run_name)
            taken[name].append(min(json.loads((outcome.directory / "cost.json").read_text(encoding="utf-8"))))
    return min(taken["on"]) / min(taken["off"]) - 1


def settled(taken: Mapping[str, Sequence[float]], turns: int) -> bool:
    """Whether the last `turns` turns found nothing cheaper by SETTLED, or there were MOST times so many."""
    if any(len(one) < 2 * turns for one in taken.values()):
        return False
    cheaper = any(min(one[-turns:]) < (1 - SETTLED) * min(one[:-turns]) for one in taken.values())
    return not cheaper or all(len(one) >= MOST * turns for one in taken.values())


@cocotb.test()
async def recorded(dut: Any) -> None:
    """The work COST_WORK some ROUNDS; CPU seconds of each go to cost.json beside the trace."""
    taken: list[float] = []
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    recording.enabled = os.environ["COST_RECORDING"] == "on"

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        work = WORKS[os.environ["COST_WORK"]](host)
        await bridge.run({"open": work.open()})
        for _ in range(ROUNDS):
            began = time.process_time()
            await bridge.run({"round": work.round()})
            taken.append(time.process_time() - began)
        sim_top.assert_clean(dut)
        (Path(os.environ["TRACE_FILE"]).parent / "cost.json").write_text(json.dumps(taken), encoding="utf-8")

    await run_body(dut, body, limit=1_000_000_000)


def main() -> int:
    """Print what recording each of WORKS costs."""
    for work in WORKS:
        print(f"{work}: {cost(work, 3):+.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
