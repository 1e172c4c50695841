"""Blows of the fast regression: a few moments each of what tests/system/bench_faults.py does at every one."""

from __future__ import annotations

from itertools import product

from models.engine import Queue
from models.steps import Steps
from tb.agents.memory import MemoryConfig, Stall
from tests.system import fault_bursts, fault_silence, fault_states
from tests.system import fault_moments as moments
from tests.system.fault_grants import Reader, Writer
from tests.system.fault_ground import Ground
from tests.system.fault_site import FaultSite

__all__ = [
    "aborts",
    "data_errors",
    "fetch_errors",
    "full_rings",
    "hard_resets",
    "record_errors",
    "silences",
    "soft_resets",
    "states",
    "trickling",
]

_MOMENTS = (25, 90, 160, 230, 310, 420)
"""Clock cycles from the doorbells to the blow; the salvo takes about 500."""

_SILENT = (2, 90, 230)


def _softly(site: FaultSite) -> Steps[None]:
    return site.rig.bring_up()


def _hard(site: FaultSite) -> Steps[None]:
    return site.set_up()


def _watched(site: FaultSite) -> Steps[None]:
    return site.set_up(halt=False, watchdog=fault_silence.WATCHDOG)


async def aborts(ground: Ground) -> None:
    """Aborts of either queue and of both."""
    for victims, moment in product(((Queue.TRANSFER,), (Queue.RENDER,), tuple(Queue)), _MOMENTS[::2]):
        await ground.perform(moments.abort(ground.site, moment, *victims))


async def soft_resets(ground: Ground) -> None:
    """Soft resets, beside quick and slow answers."""
    site = ground.site
    slow = MemoryConfig(read_latency=300, write_latency=40, jitter=20, reorder=True)
    for temper, moment in product((MemoryConfig(), slow), _MOMENTS[::2]):
        site.temper_host(temper)
        loose = moments.loose_salvo(site)
        await ground.perform(moments.publish(site, moment))
        await ground.perform(moments.soft_reset(site))
        await ground.perform(moments.judge(site, loose))
        await ground.perform(moments.recover(site, _softly))
    site.temper_host(MemoryConfig())


async def trickling(ground: Ground) -> None:
    """Soft resets while beats come one by one, so that bursts of all requesters are cut in their middle."""
    site = ground.site
    for number in range(12):
        slow = MemoryConfig(
            read_latency=20 + 9 * number,
            write_latency=60,
            jitter=40 * (number % 2),
            reorder=bool(number % 3),
            r=Stall(random=(200, 238)[number % 2]),
            w=Stall(random=150 * (number % 2)),
            b=Stall(random=200),
        )
        site.temper_host(slow)
        loose = moments.loose_salvo(site)
        await ground.perform(moments.publish(site, 90 + 53 * number))
        await ground.perform(moments.soft_reset(site))
        await ground.perform(moments.judge(site, loose))
        await ground.perform(moments.recover(site, _softly))
    site.temper_host(MemoryConfig())


async def hard_resets(ground: Ground) -> None:
    """Hardware resets."""
    site = ground.site
    for moment in _MOMENTS[1::2]:
        loose = moments.loose_salvo(site)
        await ground.perform(moments.publish(site, moment))
        await ground.reset()
        await ground.perform(moments.judge(site, loose))
        await ground.perform(moments.recover(site, _hard))


async def silences(ground: Ground) -> None:
    """From a moment on reads, writes or both are never answered."""
    site = ground.site
    for (reads, writes), moment in product(((True, False), (False, True), (True, True)), _SILENT):
        loose, _ = await ground.perform(fault_silence.silent(site, moment, reads=reads, writes=writes))
        await ground.reset()
        await ground.perform(moments.judge(site, loose, strict=False))
        await ground.perform(moments.recover(site, _watched))


async def states(ground: Ground) -> None:
    """Queues that stand still are aborted, or reset."""
    site = ground.site
    for queue, state in product(Queue, fault_states.STATES):
        await ground.perform(fault_states.drop(site, queue, state))
        await ground.perform(fault_states.held(site, queue, state, told=False))
        await ground.perform(moments.soft_reset(site))
        await ground.perform(site.settle())
        await ground.perform(moments.recover(site, _softly))


async def full_rings(ground: Ground) -> None:
    """Aborts while records wait for room, and of a queue that is aborting."""
    for queue in Queue:
        await ground.perform(fault_states.abort_full_ring(ground.site, queue))
        await ground.perform(fault_states.abort_again(ground.site, queue, 75))


async def record_errors(ground: Ground) -> None:
    """Errors at records and fence values."""
    for queue, index in product(Queue, (0, 3)):
        plain = {"temper": MemoryConfig(), "response": 2 + index % 2}
        await ground.perform(fault_bursts.record_error(ground.site, queue, index, **plain))
        await ground.perform(fault_bursts.fence_error(ground.site, queue, **plain))


async def fetch_errors(ground: Ground) -> None:
    """Errors at descriptors in the middle of a batch."""
    site = ground.site
    for queue, who in ((Queue.TRANSFER, Reader.TRANSFER_RING), (Queue.RENDER, Reader.RENDER_RING)):
        work = fault_bursts.fetched(site, queue)
        bursts = await ground.bursts(site.perform(queue, work), who)
        await ground.perform(site.settle())
        together = max(burst.length for burst in bursts)
        for index in (0, len(work) // 2):
            shot = fault_bursts.fetch_error(
                site, queue, index, temper=MemoryConfig(), response=3, halt=True, together=together
            )  # fmt: skip
            await ground.perform(shot)


async def data_errors(ground: Ground) -> None:
    """Errors at data bursts in the middle of boxes, on a slow memory that answers out of order."""
    site = ground.site
    for number, target in enumerate(list(fault_bursts.data_targets())[:4]):
        who = Writer.DATA if number % 2 == 0 else Reader.DATA
        bursts = await ground.bursts(site.perform(Queue.TRANSFER, [target]), who)
        await ground.perform(site.settle())
        shot = fault_bursts.data_error(
            site, target, bursts[len(bursts) // 2], temper=fault_bursts.TEMPERS[1], response=2, halt=number < 2
        )  # fmt: skip
        await ground.perform(shot)
