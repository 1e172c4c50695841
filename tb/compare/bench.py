"""cocotb side of `make compare`: plays one workload on every strategy asked for, each on a freshly reset engine.

Runs inside the simulator; `tb.compare.run` starts it and reads what it leaves in COMPARE_WORK: jobs.json and
workload.trace in; progress and found.json out. It ends early where the file COMPARE_STOP appears.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from models.costs import Costs
from models.events import Phase
from models.memory import HostMemory
from models.workload.play import IDLE, PLAY, Played, Player
from models.workload.strategies import make
from models.workload.trace import Think
from models.workload.trace import Trace as Workload
from tb import sim_top
from tb.agents.memory import MemoryConfig, Stall
from tb.bridge import PATIENCE, Stamped, bridge_of
from tb.clocking import PERIOD_NS, cycle_now, cycles_of, sleep
from tb.env import Environment, run_body
from tb.timing.bounds import PERIOD
from tb.trace import Trace

__all__ = ["compare_strategies"]

HEARTBEAT = 100_000
"""Cycles between two signs of life."""
LIMIT = 4_000_000_000
"""Cycles after which a play is given up."""


@cocotb.test()
async def compare_strategies(dut: Any) -> None:
    """Every job of jobs.json: {"policy", "scale", "costs"}; a strategy that breaks its promise is a finding."""
    work = Path(os.environ["COMPARE_WORK"])
    asked = json.loads((work / "jobs.json").read_text(encoding="utf-8"))
    workload = Workload.parse((work / "workload.trace").read_text(encoding="utf-8"), asked["workload"])
    found = []
    for job in asked["jobs"]:
        found.append(await _play(dut, workload, job, asked, work / "progress"))
    (work / "found.json").write_text(json.dumps(found), encoding="utf-8")


async def _play(dut: Any, workload: Workload, job: dict[str, Any], asked: dict[str, Any], file: Path) -> Any:
    """Play once and return the figures, and the driver's events where they are asked for."""
    host = HostMemory(os.environ["HOSTMEM_FILE"], asked["host_bytes"])
    costs = Costs(**job["costs"])
    policy = make(job["policy"], workload, costs)
    player = Player(host, workload, policy, costs=costs, seed=asked["seed"])
    thinks = [cycles_of(action.nanoseconds) for action in workload.actions if isinstance(action, Think)]

    stop = Path(os.environ["COMPARE_STOP"]) if "COMPARE_STOP" in os.environ else None

    def tell() -> None:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{workload.name} on {job['policy']}, host costs x {job['scale']:g}\t{cycle_now()}\n")

    async def beat() -> None:
        while True:
            tell()
            if stop is not None and stop.exists():
                raise RuntimeError("stopped from outside")
            await sleep(HEARTBEAT)

    async def body(env: Environment) -> tuple[Played, list[Stamped]]:
        await sim_top.reset(dut)
        bridge = bridge_of(env, patience=PATIENCE + max(thinks, default=0))
        beating = cocotb.start_soon(beat())
        results = await bridge.run({"player": player.play()})
        beating.cancel()
        await sim_top.flush_trace(dut)
        sim_top.assert_clean(dut)
        return results["player"], bridge.notes

    latency, percent = asked["temper"]["latency"], asked["temper"]["stall"]
    stall = Stall(percent, PERIOD) if percent else Stall()
    memory = MemoryConfig(read_latency=latency, write_latency=latency, r=stall, w=stall)
    played, notes = await run_body(dut, body, memory=memory, limit=LIMIT)
    host.close()
    begin, end = (_cycle_of(notes, name) for name in (PLAY, IDLE))
    usage = Trace.load(os.environ["TRACE_FILE"], asked["width"]).last_run().usage(begin, end)
    figures = {name: getattr(played.figures, name) for name in played.figures.__slots__}
    row = {
        "workload": workload.name,
        "policy": job["policy"],
        "title": policy.name,
        "promise": policy.promise.value,
        "scale": job["scale"],
        **figures,
        "stale_reads": played.stale_reads,
        "stale_bytes": played.stale_bytes,
        "early_reads": played.early_reads,
        "violations": played.violations,
        "judged_bytes": played.judged_bytes,
        "device_cycles": usage.dma_cycles,
        "cycles": end - begin,
        "time_ns": (end - begin) * PERIOD_NS,
    }
    events = [{"cycle": note.cycle - begin, **note.event.to_json()} for note in notes] if asked["events"] else []
    return {"row": row, "events": events}


def _cycle_of(notes: list[Stamped], phase: str) -> int:
    return next(note.cycle for note in notes if isinstance(note.event, Phase) and note.event.name == phase)
