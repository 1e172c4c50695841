"""Puts a fault site on the RTL, counts the blows for whoever watches, and at the end looks for what was not granted."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cocotb

from models.memory import Bytes, HostMemory
from models.steps import Steps
from tb.agents.memory import HostImage, MemoryConfig
from tb.bridge import Bridge, bridge_of
from tb.env import Agents, Environment, run_body
from tb.scoreboard import Ledger
from tb.sim_top import flush_trace, reset
from tb.trace import Kind, Trace
from tests.system.fault_bursts import Burst
from tests.system.fault_grants import Reader, Writer
from tests.system.fault_site import HOST_SIZE, FaultSite

__all__ = ["Ground", "full", "on_ground", "tell"]

PATIENCE = 100_000
"""Clock cycles without a step after which a case hangs."""


class Ground:
    """A fault site on the RTL, and what is around it."""

    def __init__(self, dut: Any, env: Environment, bridge: Bridge, site: FaultSite) -> None:
        self.dut = dut
        self.env = env
        self.bridge = bridge
        self.site = site
        self.begun = 0

    async def perform(self, steps: Steps[Any]) -> Any:
        """Perform one generator, guarded by the bridge's watchdog."""
        return (await self.bridge.run({"case": steps}))["case"]

    async def reset(self) -> None:
        """Hardware reset."""
        await reset(self.dut)

    async def offences(self) -> list[str]:
        """What the engine touched without a grant since the last look; ValueError where it touched nothing."""
        await flush_trace(self.dut)
        events = Trace.load(os.environ["TRACE_FILE"]).hardware
        found = self.site.grants.offences(events[self.begun :])
        self.begun = len(events)
        return found

    async def bursts(self, steps: Steps[Any], who: Reader | Writer) -> list[Burst]:
        """The bursts of one requester while a generator is performed, in order."""
        path = os.environ["TRACE_FILE"]
        await flush_trace(self.dut)
        before = len(Trace.load(path).hardware)
        await self.perform(steps)
        await flush_trace(self.dut)
        events = Trace.load(path).hardware[before:]
        kind = Kind.WRITE_ADDRESS if isinstance(who, Writer) else Kind.READ_ADDRESS
        asked = events[(events["kind"] == kind) & (events["id"] == who)]
        return [Burst(int(one["address"]), int(one["length"])) for one in asked]


def full() -> bool:
    """Whether everything is wanted, and not only a sample."""
    depth = os.environ.get("FAULTLINE_FAULTS", "sample")
    if depth not in ("sample", "full"):
        raise ValueError(f"FAULTLINE_FAULTS={depth}: use sample or full")
    return depth == "full"


def tell(**counts: int) -> None:
    """Add to the counts of this run, which `make faults` shows while it goes on."""
    path = os.environ.get("FAULTS_RESULT")
    if path:
        file = Path(path)
        so_far = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        so_far |= {name: so_far.get(name, 0) + count for name, count in counts.items()}
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(so_far), encoding="utf-8")
        fresh.replace(file)


async def on_ground(
    dut: Any,
    body: Callable[[Ground], Awaitable[None]],
    *,
    halt: bool = True,
    watchdog: int = 0,
    memory: MemoryConfig | None = None,
    agents: Agents | None = None,
    limit: int = 1 << 34,
    **layout: int,
) -> None:
    """Run `body` on an opened site beside fresh host memory; at the end the grants are checked.

    limit: clock cycles after which all of it is given up.
    memory: its temper from the reset on, which alone decides about the seed of its draws.  agents: which are active.
    """
    seed = int(cocotb.RANDOM_SEED)
    cocotb.log.info("random seed %d", seed)

    async def in_environment(env: Environment) -> None:
        host = HostMemory(os.environ["HOSTMEM_FILE"], HOST_SIZE)
        await reset(dut)

        def begin(image: HostImage, device: Bytes, data_width: int) -> Ledger:
            env.memory.image = image
            return env.scoreboard.open(image, device, data_width)

        site = FaultSite(
            host, seed, configure=env.memory.configure, begin=begin, settle=env.scoreboard.settle, **layout
        )
        ground = Ground(dut, env, bridge_of(env, patience=PATIENCE), site)
        await flush_trace(dut)
        file = Path(os.environ["TRACE_FILE"])
        ground.begun = len(Trace.load(file).hardware) if file.exists() else 0
        await ground.perform(site.open(halt=halt, watchdog=watchdog))
        await body(ground)
        offences = await ground.offences()
        assert not offences, "; ".join(offences)
        env.memory.image = None

    await run_body(dut, in_environment, memory=memory, limit=limit, agents=agents)
