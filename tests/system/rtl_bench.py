"""Puts a case on the RTL: a cocotb test makes the environment, the bridge and the workbench, and performs its steps."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import cocotb

from models.memory import Bytes, HostMemory
from models.steps import Steps
from tb.agents.memory import HostImage
from tb.bridge import Bridge, bridge_of
from tb.env import Environment, run_body
from tb.scoreboard import Ledger
from tb.sim_top import reset
from tests.system.workbench import HOST_SIZE, Case, Workbench

__all__ = ["Stand", "on_icarus", "score", "stand"]

PATIENCE = 200_000
"""Clock cycles without a step after which a case hangs."""


@dataclass
class Stand:
    """A workbench on the RTL, and what is around it."""

    env: Environment
    bridge: Bridge
    bench: Workbench

    async def perform(self, steps: Steps[Any]) -> Any:
        """Perform one generator, guarded by the bridge's watchdog."""
        return (await self.bridge.run({"case": steps}))["case"]


def on_icarus() -> bool:
    """Whether this is the slow simulator."""
    return "icarus" in str(cocotb.SIM_NAME).lower()


async def stand(
    dut: Any,
    body: Callable[[Stand], Awaitable[None]],
    *,
    patience: int = PATIENCE,
    host_size: int = HOST_SIZE,
    **layout: int,
) -> None:
    """Reset the engine beside fresh host memory and run `body` on a stand; everything it scored must be right.

    patience: clock cycles without a step after which it hangs.  host_size: bytes of host memory.
    layout: `ring_log2` and `completion_log2` of the workbench's rings.
    """
    seed = int(cocotb.RANDOM_SEED)
    cocotb.log.info("random seed %d", seed)
    thin = (16 if on_icarus() else 1) * int(os.environ.get("FAULTLINE_THIN", "1"))

    async def in_environment(env: Environment) -> None:
        host = HostMemory(os.environ["HOSTMEM_FILE"], host_size)
        await reset(dut)

        def begin(image: HostImage, device: Bytes, data_width: int) -> Ledger:
            env.memory.image = image
            return env.scoreboard.open(image, device, data_width)

        bench = Workbench(
            host,
            seed,
            configure=env.memory.configure,
            begin=begin,
            settle=env.scoreboard.settle,
            thin=thin,
            **layout,
        )
        await body(Stand(env, bridge_of(env, patience=patience), bench))
        env.memory.image = None

    await run_body(dut, in_environment)


async def score(dut: Any, *cases: Case, halt: bool = True, watchdog: int = 0, **layout: int) -> None:
    """Run cases one after another in one environment."""

    async def body(stand: Stand) -> None:
        await stand.perform(stand.bench.open(halt=halt, watchdog=watchdog))
        for case in cases:
            await stand.perform(case(stand.bench))
        await stand.perform(stand.bench.settle())

    await stand(dut, body, **layout)
