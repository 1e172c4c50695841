"""Constrained random: everything at once, on host memory of any temper, from one seed.

FAULTLINE_OPERATIONS says how many operations each test performs.  A failure names seed and operation;
`make sim COCOTB_TESTCASE=... COCOTB_RANDOM_SEED=...` runs it again.  What a run was goes into random.json beside its
log: two runs of a seed must agree on it, on either simulator.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cocotb

from models.engine import Queue
from models.layout import Cause
from tb.agents.memory import MemoryConfig
from tb.clocking import cycle_now
from tests.system import fault_bursts
from tests.system import fault_moments as moments
from tests.system.fault_ground import Ground, on_ground
from tests.system.random_cases import Progress, Rounds, operations, told

_ROUND = 8
"""Operations of a round, with which both rings have room for all that they need beside them."""


def seed_of_memory() -> int:
    """The seed of the memory's own draws: from the run's, and never 0."""
    return (int(cocotb.RANDOM_SEED) * 0x9E3779B97F4A7C15 | 1) & (1 << 64) - 1


def leave(name: str, **facts: Any) -> None:
    """Write what a run was into random.json beside its trace."""
    file = Path(os.environ["TRACE_FILE"]).with_name("random.json")
    so_far = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(so_far | {name: facts}, indent=1), encoding="utf-8")


async def _rounds(
    dut: Any, name: str, body: Callable[[Ground, Rounds, Progress, int], Awaitable[None]]
) -> Progress:
    """Run `body` on fresh ground until all operations are done; it performs so many more at a time."""
    wanted, progress = operations(), Progress()

    async def on(ground: Ground) -> None:
        rounds = Rounds(ground.site, progress, seed=seed_of_memory())
        began = cycle_now()
        await ground.perform(rounds.fences())
        while progress.done < wanted:
            await body(ground, rounds, progress, min(_ROUND, wanted - progress.done))
        progress.doing = "the end of the test"
        facts = {"operations": progress.done, "cycles": cycle_now() - began, "causes": dict(progress.causes)}
        leave(name, **facts, records=rounds.records.hexdigest())
        cocotb.log.info("%s", facts)

    with told(progress):
        await on_ground(dut, on, memory=MemoryConfig(seed=seed_of_memory()))
    return progress


@cocotb.test()
async def random_transfers(dut: Any) -> None:
    """Boxes, strides, alignments, layouts and pixel sizes, both directions beside each other."""

    async def body(ground: Ground, rounds: Rounds, progress: Progress, count: int) -> None:
        await ground.perform(rounds.run(count, queues=(Queue.TRANSFER,)))

    progress = await _rounds(dut, "random_transfers", body)
    assert set(progress.causes) == {Cause.NONE.name}, progress.causes


@cocotb.test()
async def random_queues(dut: Any) -> None:
    """Both queues on the same surfaces, held in order by FENCE and WAIT alone."""

    async def body(ground: Ground, rounds: Rounds, progress: Progress, count: int) -> None:
        await ground.perform(rounds.run(count))

    progress = await _rounds(dut, "random_queues", body)
    assert set(progress.causes) == {Cause.NONE.name}, progress.causes


@cocotb.test()
async def error_storm(dut: Any) -> None:
    """A third of all operations is spoilt, pages are missing, the bus fails, records get lost, queues halt and go on."""

    async def body(ground: Ground, rounds: Rounds, progress: Progress, count: int) -> None:
        site = ground.site
        await ground.perform(rounds.run(count, faults=0.35))
        site.temper_host(MemoryConfig(seed=seed_of_memory()))
        for queue in Queue:
            await ground.perform(site.rig.control(queue))
        if site.random.integers(3) == 0:
            lost, response = int(site.random.integers(6)), int(site.random.integers(2, 4))
            queue, kind = Queue(int(site.random.integers(2))), int(site.random.integers(2))
            progress.doing = f"record {lost} or the fence value of {queue.name} lost"
            shot = {"temper": MemoryConfig(seed=seed_of_memory()), "response": response}
            if kind:
                await ground.perform(fault_bursts.record_error(site, queue, lost, **shot))
            else:
                await ground.perform(fault_bursts.fence_error(site, queue, **shot))
        await ground.perform(site.good())

    progress = await _rounds(dut, "error_storm", body)
    assert len(progress.causes) > 4 and progress.causes[Cause.NONE.name], progress.causes


@cocotb.test()
async def random_reset_and_abort(dut: Any) -> None:
    """Aborts of either queue or both, soft resets and hardware resets at random moments of random work."""
    blows: dict[str, int] = {}

    async def body(ground: Ground, rounds: Rounds, progress: Progress, count: int) -> None:
        site = ground.site
        blow = ("abort", "abort", "soft", "hard")[int(site.random.integers(4))]
        blows[blow] = blows.get(blow, 0) + 1
        if blow == "abort":
            await ground.perform(rounds.aborted(count))
            return
        loose = await ground.perform(rounds.loose(count))
        if blow == "soft":
            await ground.perform(moments.soft_reset(site))
        else:
            await ground.reset()
        await ground.perform(moments.judge(site, loose))
        await ground.perform(moments.recover(site, lambda site: site.set_up() if blow == "hard" else site.rig.bring_up()))

    await _rounds(dut, "random_reset_and_abort", body)
    assert blows, "nothing was hit"
