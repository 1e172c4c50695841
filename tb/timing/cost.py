"""What recording costs: the same work in a model that records and in one that is built without a recorder, by turns.

One has INSIDE=1, as `make timing` builds it, and writes the whole trace, the driver's half too; the other has
RECORDER=0, and the driver's half is off.  What differs between two simulations beside the recorder - what else the
machine does, where in memory they happen to lie - only ever adds.  So each is started several times, by turns, and does
the work several times, and of each slice of it, from one page fault to the next or of 5,000 cycles, the cheapest
counts: some time every slice is left alone.  Under load that takes more turns, so they go on until the cheapest have
settled.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cocotb

from models.events import Fault
from models.memory import HostMemory
from models.steps import Delay, Note, Steps
from tb import sim_top
from tb.bridge import bridge_of
from tb.clocking import PERIOD_NS
from tb.driver_trace import recording
from tb.env import Environment, run_body
from tb.sim_top import system
from tb.speed.bench import Long
from tb.timing.scenarios import Reading

__all__ = ["WORKS", "cheapest", "cost", "recorded", "settled"]

WORKS: dict[str, type[Long] | type[Reading]] = {"transfers": Long, "faults": Reading}
"""Long transfers both ways, and page faults of 4 KiB: few and many events a cycle."""
MODELS = {"on": {"INSIDE": 1}, "off": {"RECORDER": 0}}
"""Parameters of the two models."""

ROUNDS = 6
"""Rounds of the work in one simulation."""
SETTLED = 0.005
"""Share by which something cheaper than the cheapest so far counts as news."""
MOST = 4
"""Times as many turns as asked for, after which it ends in any case."""


def cost(work: str, turns: int, simulator: str = "verilator", under: str = "timing") -> float:
    """Share by which recording slows one kind of WORKS down, in CPU time. SimulationError when it cannot be run.

    turns: how many in a row find nothing cheaper before the last; each starts both models once.
    """
    slices: dict[str, list[float]] = {name: [] for name in MODELS}
    sums: dict[str, list[float]] = {name: [] for name in MODELS}
    while not settled(sums, turns):
        for name, parameters in MODELS.items():
            env = {"COST_WORK": work, "COST_RECORDING": name}
            run_name = f"{under}/cost-{work}-{name}"
            outcome = system(simulator, **parameters).run("tb.timing.cost", env=env, run_name=run_name)
            found = json.loads((outcome.directory / "cost.json").read_text(encoding="utf-8"))
            slices[name] = cheapest([*found, *([slices[name]] if slices[name] else [])])
            sums[name].append(sum(slices[name]))
    return sums["on"][-1] / sums["off"][-1] - 1


def cheapest(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Of each slice of the work the cheapest that was found."""
    return [min(slices) for slices in zip(*rounds, strict=True)]


def settled(sums: Mapping[str, Sequence[float]], turns: int) -> bool:
    """Whether the last `turns` turns found nothing cheaper by SETTLED, or there were MOST times so many."""
    if any(len(one) <= turns for one in sums.values()):
        return False
    cheaper = any(one[-1] < (1 - SETTLED) * one[-1 - turns] for one in sums.values())
    return not cheaper or all(len(one) >= MOST * turns for one in sums.values())


def sliced(steps: Steps[None], marks: list[float]) -> Steps[None]:
    """The steps; `marks` gets the CPU seconds of the process at their begin, at each page fault and at their end."""
    marks.append(time.process_time())
    result: Any = None
    while True:
        try:
            step = steps.send(result)
        except StopIteration:
            marks.append(time.process_time())
            return
        if isinstance(step, Note) and isinstance(step.event, Fault):
            marks.append(time.process_time())
        result = yield step


def ticking(marks: list[float]) -> Steps[None]:
    """Slices of a round of long transfers, which is of more than 131,072 beats; `marks` gets CPU seconds."""
    for _ in range(25):
        yield Delay(5_000 * PERIOD_NS, "slice")
        marks.append(time.process_time())


@cocotb.test()
async def recorded(dut: Any) -> None:
    """The work COST_WORK some ROUNDS; CPU seconds of the slices of each go to cost.json beside the trace."""
    taken: list[list[float]] = []
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    recording.enabled = os.environ["COST_RECORDING"] == "on"

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        work = WORKS[os.environ["COST_WORK"]](host)
        await bridge.run({"open": work.open()})
        for _ in range(ROUNDS):
            marks: list[float] = []
            clock = {"clock": ticking(marks)} if isinstance(work, Long) else {}
            await bridge.run({"round": sliced(work.round(), marks), **clock})
            taken.append([after - before for before, after in pairwise(marks)])
        sim_top.assert_clean(dut)
        (Path(os.environ["TRACE_FILE"]).parent / "cost.json").write_text(json.dumps(taken), encoding="utf-8")

    await run_body(dut, body, limit=1_000_000_000)


def main() -> int:
    """Print what recording each of WORKS costs."""
    for work in WORKS:
        print(f"{work}: {cost(work, 2):+.1%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
