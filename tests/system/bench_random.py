"""Constrained random: everything at once, on host memory of any temper, from one seed.

FAULTLINE_OPERATIONS says how many operations each test performs.  A failure names seed and operation;
`make sim COCOTB_TESTCASE=... COCOTB_RANDOM_SEED=...` runs it again.  What a run was goes into random.json beside its
log: two runs of a seed must agree on it, on either simulator.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from models.device import BusRange, Device
from models.engine import Queue
from models.layout import Cause, Record
from models.memory import HostMemory
from models.perform import run
from models.policy import Policy
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Steps
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.bridge import Bridge, bridge_of
from tb.chance import temper
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.sim_top import device_bytes, reset
from tests.system import fault_bursts
from tests.system import fault_moments as moments
from tests.system.driver_activity import HOST_SIZE, Town, differences, take_turns
from tests.system.fault_ground import Ground, on_ground
from tests.system.fault_site import FaultSite
from tests.system.random_cases import Progress, Rounds, operations, told

_ROUND = 8
"""Operations of a round, with which both rings have room for all that they need beside them."""


PROCESSES = 3
COMPARED = 256 << 10
"""Bytes of device memory that are compared with the untimed device's: more than all buffers take."""


def digest(records: Sequence[Record]) -> str:
    """Of records with their cycles: two runs that agree on it are the same run."""
    return hashlib.sha256(b"".join(record.pack() for record in records)).hexdigest()


def untimed(record: Record) -> Record:
    """A record without its cycles."""
    return replace(record, elapsed=0, end_cycle=0)


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
    """A third of the operations is spoilt; pages are missing, the bus fails, records are lost, queues halt."""

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
    enough = progress.done >= 48  # of which a third is spoilt, in a dozen ways
    assert not enough or (len(progress.causes) > 3 and progress.causes[Cause.NONE.name]), progress.causes


async def in_town(
    dut: Any, body: Callable[[Town, Bridge], Awaitable[None]], progress: Progress, policy: Policy | None = None
) -> Town:
    """Run `body` with a town, under a policy, on fresh host memory; returns the town."""

    async def on(env: Environment) -> Town:
        host = HostMemory(os.environ["HOSTMEM_FILE"], HOST_SIZE)
        await reset(dut)
        random = np.random.default_rng(int(cocotb.RANDOM_SEED))
        env.memory.configure(temper(random, seed=seed_of_memory()))
        kind = env.memory.config

        def bus(where: BusRange | None) -> None:
            window = ErrorWindow()
            if where is not None:
                size = where.last - where.first
                window = ErrorWindow(where.first, size, read=not where.write, write=where.write)
            env.memory.configure(replace(kind, error=window))

        town = Town(host, int(cocotb.RANDOM_SEED), progress, policy=policy or PageMkwrite(), bus=bus)
        await body(town, bridge_of(env, patience=200_000))
        return town

    town: Town = await run_body(dut, on, memory=MemoryConfig(seed=seed_of_memory()))
    return town


@cocotb.test()
async def random_driver(dut: Any) -> None:
    """Processes map, fault, write, fork, draw and unbind at the same time; every load is judged by the oracles."""
    progress = Progress()
    actions = -(-operations() // PROCESSES)

    async def body(town: Town, bridge: Bridge) -> None:
        began = cycle_now()
        await bridge.run({"open": town.open()})
        dwellers = town.dwellers(PROCESSES)
        await bridge.run({one.name: one.live(actions) for one in dwellers})
        await bridge.run({"close": town.close(dwellers)})
        kinds = Counter(type(note.event).__name__ for note in bridge.notes)
        facts = {"operations": progress.done, "cycles": cycle_now() - began, "events": dict(sorted(kinds.items()))}
        leave("random_driver", **facts, records=digest(town.engine.records))
        cocotb.log.info("%s", facts)

    with told(progress):
        await in_town(dut, body, progress)


@cocotb.test()
async def random_driver_in_turns(dut: Any) -> None:
    """One process acts at a time: bytes, records and events are those of the untimed device."""
    progress = Progress()
    actions = -(-operations() // 2)

    async def body(town: Town, bridge: Bridge) -> None:
        before = await device_bytes(dut, 0, COMPARED)
        began = cycle_now()
        await bridge.run({"turns": take_turns(town, PROCESSES, actions)})
        facts = {"operations": progress.done, "cycles": cycle_now() - began}
        leave("random_driver_in_turns", **facts, records=digest(town.engine.records))
        cocotb.log.info("%s", facts)
        progress.doing = "comparing with the untimed device"
        device = Device(HostMemory(None, HOST_SIZE), data_width=8 << town.engine.parameters.data_log2)
        device.memory[:COMPARED] = before
        again = Town(device.host, town.seed, Progress())
        run(take_turns(again, PROCESSES, actions), device)
        assert [note.event for note in bridge.notes] == device.events, "the driver did something else"
        assert [untimed(one) for one in town.engine.records] == [untimed(one) for one in again.engine.records]
        assert not (places := differences(town.host, again.host)), f"host memory differs at {places[:4]}"
        wrong = np.flatnonzero((await device_bytes(dut, 0, COMPARED)) != device.memory[:COMPARED])
        assert not wrong.size, f"{wrong.size} bytes of device memory differ, the first at {wrong[0]:#x}"

    with told(progress):
        await in_town(dut, body, progress)


def _bring_up(site: FaultSite) -> Steps[None]:
    return site.rig.bring_up()


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
        await ground.perform(moments.recover(site, FaultSite.set_up if blow == "hard" else _bring_up))

    await _rounds(dut, "random_reset_and_abort", body)
    assert blows, "nothing was hit"
