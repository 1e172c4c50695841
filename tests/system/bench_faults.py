"""The engine is hurt on purpose, thousands of times: it never hangs, tells every fault once, and works afterwards.

FAULTLINE_FAULTS is `sample` (the default) or `full`; `make faults` runs everything in full.  Every byte is compared
after every blow, and at the end of each test every burst of the trace is held against the pages that were granted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np

from models.engine import Queue
from models.execute import ENTRY_SIZE
from models.layout import Cause, Descriptor, Opcode
from models.steps import Steps
from tb.agents.memory import MemoryConfig
from tb.clocking import cycle_now
from tests.system import fault_bursts, fault_silence, fault_states
from tests.system import fault_moments as moments
from tests.system.fault_bursts import Burst
from tests.system.fault_grants import Reader, Writer
from tests.system.fault_ground import Ground, full, on_ground, tell
from tests.system.fault_site import FaultSite
from tests.system.fault_volley import Volleys
from tests.system.malformed import generate
from tests.system.rtl_bench import on_icarus


async def _volleys(dut: Any, queue: Queue, count: int, *, size: int = 500, halt: bool = False) -> None:
    async def body(ground: Ground) -> None:
        site = ground.site
        volleys = Volleys(site)
        batch, kinds = generate(queue, count, site.surfaces, site.random)
        for at in range(0, count, size):
            part = batch[at : at + size]
            await ground.perform(volleys.fire(queue, part, halt=halt))
            tell(malformed=len(part))
        refused = {cause.name: number for cause, number in volleys.causes.items()}
        cocotb.log.info("%d of %s: %s, %d moved bytes, %d halts", volleys.fired, kinds, refused, volleys.moved,
                        volleys.halts)  # fmt: skip
        assert volleys.fired == count and volleys.moved, "nothing was put to the test"
        errors = volleys.fired - volleys.causes[Cause.NONE]
        assert not halt or count // 20 < volleys.halts <= errors, f"{volleys.halts} halts for {errors} errors"

    await on_ground(dut, body, halt=False, ring_log2=10, completion_log2=10)


def _many(share: int) -> int:
    """Malformed descriptors of a test: so many in full; a twentieth, or on Icarus a hundredth, in a sample."""
    return share if full() else share // (200 if on_icarus() else 20)


@cocotb.test()
async def malformed_transfers(dut: Any) -> None:
    """Malformed descriptors in the transfer queue, more than its counts of 16 bits hold."""
    await _volleys(dut, Queue.TRANSFER, _many(70_000))


@cocotb.test()
async def malformed_drawings(dut: Any) -> None:
    """Malformed descriptors in the render queue."""
    await _volleys(dut, Queue.RENDER, _many(40_000))


@cocotb.test()
async def malformed_with_halts(dut: Any) -> None:
    """Malformed descriptors in queues that halt at each error: resumed, they go on with the next."""
    for queue in Queue:
        await _volleys(dut, queue, max(100, _many(4000)), size=100, halt=True)


def _tempers() -> tuple[MemoryConfig, ...]:
    return fault_bursts.TEMPERS[: 3 if full() else 1]


def _shots(count: int) -> Iterator[tuple[int, MemoryConfig, int, bool]]:
    """(index, temper of host memory, response, halt) of `count` places; a sample takes one response and halt each."""
    number = 0
    for temper in _tempers():
        for index in range(count)[:: 1 if full() or not on_icarus() else 4]:
            both = [(2, True), (3, False)]
            for response, halt in both if full() else both[number % 2 :][:1]:
                yield index, temper, response, halt
            number += 1


@cocotb.test()
async def errors_of_every_data_burst(dut: Any) -> None:
    """SLVERR or DECERR at each burst of boxes of several rows, read and written."""

    async def body(ground: Ground) -> None:
        site = ground.site
        seen = furthest = 0
        for target in fault_bursts.data_targets():
            who = Writer.DATA if target.opcode == Opcode.READBACK else Reader.DATA
            bursts = await ground.bursts(site.perform(Queue.TRANSFER, [target]), who)
            await ground.perform(site.settle())
            reached = []
            for index, temper, response, halt in _shots(len(bursts)):
                shot = fault_bursts.data_error(
                    site, target, bursts[index], temper=temper, response=response, halt=halt
                )  # fmt: skip
                reached.append((await ground.perform(shot)).bytes)
                tell(data_errors=1)
            assert len(bursts) > 1 and reached[0] == 0, f"{len(bursts)} bursts of {target}: {reached}"
            furthest = max(furthest, *reached)
            seen += len(reached)
        assert furthest > 4000, f"the furthest error came after {furthest} bytes"
        cocotb.log.info("%d shots", seen)

    await on_ground(dut, body)


@cocotb.test()
async def errors_of_every_walk(dut: Any) -> None:
    """SLVERR or DECERR at each read of a page table or directory."""

    async def body(ground: Ground) -> None:
        site = ground.site
        seen = 0
        for target in fault_bursts.walk_targets():
            work = [Descriptor(opcode=Opcode.INVALIDATE), replace(target, order=1)]
            bursts = await ground.bursts(site.perform(Queue.TRANSFER, work), Reader.WALKER)
            await ground.perform(site.settle())
            lines = sorted({burst.address // fault_bursts.LINE for burst in bursts})
            used = [line for line in lines if fault_bursts.translates(site, target, line * fault_bursts.LINE)]
            assert used, f"no walk of {target}"
            for index, temper, response, halt in _shots(len(used)):
                burst = Burst(used[index] * fault_bursts.LINE, fault_bursts.LINE)
                shot = fault_bursts.walk_error(site, target, burst, temper=temper, response=response, halt=halt)
                await ground.perform(shot)
                tell(walk_errors=1)
                seen += 1
        cocotb.log.info("%d shots", seen)

    await on_ground(dut, body)


@cocotb.test()
async def errors_of_every_fetch(dut: Any) -> None:
    """SLVERR or DECERR at each descriptor of a batch, wherever in the ring."""

    async def body(ground: Ground) -> None:
        site = ground.site
        seen = 0
        for queue, who in ((Queue.TRANSFER, Reader.TRANSFER_RING), (Queue.RENDER, Reader.RENDER_RING)):
            work = fault_bursts.fetched(site, queue)
            bursts = await ground.bursts(site.perform(queue, work), who)
            await ground.perform(site.settle())
            assert sum(burst.length for burst in bursts) >= len(work) * ENTRY_SIZE[queue], bursts
            together = max(burst.length for burst in bursts)
            for index, temper, response, halt in _shots(len(work)):
                shot = fault_bursts.fetch_error(
                    site, queue, index, temper=temper, response=response, halt=halt, together=together
                )  # fmt: skip
                await ground.perform(shot)
                tell(fetch_errors=1)
                seen += 1
        cocotb.log.info("%d shots", seen)

    await on_ground(dut, body)


@cocotb.test()
async def errors_of_every_record(dut: Any) -> None:
    """SLVERR or DECERR at each record of a batch, and at its fence value."""

    async def body(ground: Ground) -> None:
        site = ground.site
        seen = 0
        for queue in Queue:
            for index, temper, response, _ in _shots(6):
                await ground.perform(
                    fault_bursts.record_error(site, queue, index, temper=temper, response=response)
                )
                await ground.perform(fault_bursts.fence_error(site, queue, temper=temper, response=response))
                tell(record_errors=1, fence_errors=1)
                seen += 2
        cocotb.log.info("%d shots", seen)

    await on_ground(dut, body)


async def _window(ground: Ground) -> int:
    """Clock cycles that the longer of the two salvos takes from first register access to interrupt, and more."""
    longest = 0
    for queue in Queue:
        began = cycle_now()
        await ground.perform(moments.quiet(ground.site, queue))
        longest = max(longest, cycle_now() - began)
    await ground.perform(ground.site.good())
    return longest + longest // 4 + 30  # beside each other they take longer


def _moments(window: int, sample: int, random: np.random.Generator, step: int = 1) -> list[int]:
    """Every `step`-th cycle of a window, or in a sample about `sample` of them; an eighth of those on Icarus."""
    if not full() or on_icarus():
        step = max(1, window // max(3, sample // 8 if on_icarus() else sample))
    return [*range(int(random.integers(min(step, 20))), window - 1, step), window - 1]


@cocotb.test()
async def aborts_at_every_moment(dut: Any) -> None:
    """An abort of either queue, and of both, in each cycle from doorbell to interrupt and beyond."""

    async def body(ground: Ground) -> None:
        site = ground.site
        window = await _window(ground)
        dropped = []
        for victims in ((Queue.TRANSFER,), (Queue.RENDER,), (Queue.TRANSFER, Queue.RENDER)):
            for moment in _moments(window, 40, site.random):
                dropped.append(await ground.perform(moments.abort(site, moment, *victims)))
                tell(aborts=1)
        cocotb.log.info("%d shots in a window of %d cycles dropped %d descriptors", len(dropped), window, sum(dropped))
        assert min(dropped) == 0 < max(dropped), "every abort came too early, or every one too late"

    await on_ground(dut, body)


def _softly(site: FaultSite) -> Steps[None]:
    return site.rig.bring_up()


def _hard(site: FaultSite) -> Steps[None]:
    return site.set_up()


@cocotb.test()
async def soft_resets_at_every_moment(dut: Any) -> None:
    """A soft reset in each cycle from doorbell to interrupt and beyond."""

    async def body(ground: Ground) -> None:
        await _resets(ground, moments.soft_reset, _softly, "soft_resets")

    await on_ground(dut, body)


@cocotb.test()
async def hard_resets_at_every_moment(dut: Any) -> None:
    """A hardware reset in each cycle from doorbell to interrupt and beyond."""

    async def body(ground: Ground) -> None:
        await _resets(ground, None, _hard, "hard_resets")

    await on_ground(dut, body)


async def _resets(
    ground: Ground,
    blow: Callable[[FaultSite], Steps[None]] | None,
    bring_up: Callable[[FaultSite], Steps[None]],
    name: str,
    sample: int = 60,
    step: int = 1,
) -> None:
    """Resets at every `step`-th moment; None for `blow` is the hardware's."""
    site = ground.site
    window = await _window(ground)
    known = []
    for moment in _moments(window, sample, site.random, step):
        loose = moments.loose_salvo(site)
        await ground.perform(moments.publish(site, moment))
        if blow is None:
            await ground.reset()
        else:
            await ground.perform(blow(site))
        known.append(await ground.perform(moments.judge(site, loose)))
        await ground.perform(moments.recover(site, bring_up))
        tell(**{name: 1})
    few, many = min(known), max(known)
    cocotb.log.info("%d shots in a window of %d cycles; %d to %d records came", len(known), window, few, many)
    assert few == 0 and many == sum(map(len, loose.work.values())), "not from the first cycle to the last"


@cocotb.test()
async def aborts_and_resets_in_every_state(dut: Any) -> None:
    """Queues that stand still are aborted, reset softly and reset by hardware; aborts of aborting and full queues."""

    async def body(ground: Ground) -> None:
        site = ground.site
        for queue in Queue:
            for state in fault_states.STATES:
                await ground.perform(fault_states.drop(site, queue, state))
                for hard in (False, True):
                    await ground.perform(fault_states.held(site, queue, state, told=False))
                    if hard:
                        await ground.reset()
                    else:
                        await ground.perform(moments.soft_reset(site))
                    await ground.perform(site.settle())
                    await ground.perform(moments.recover(site, _hard if hard else _softly))
                tell(states=3)
            await ground.perform(fault_states.abort_full_ring(site, queue))
            gaps = range(0, 300, 1 if full() and not on_icarus() else 75)
            for gap in gaps:
                await ground.perform(fault_states.abort_again(site, queue, gap))
            tell(states=1 + len(gaps))

    await on_ground(dut, body, ring_log2=5, completion_log2=4)


@cocotb.test()
async def resets_beside_slow_answers(dut: Any) -> None:
    """Soft resets in a window of late answers: those of before come while the engine works again, and are dropped."""

    async def body(ground: Ground) -> None:
        slow = MemoryConfig(read_latency=300, write_latency=40, jitter=20, reorder=True)
        ground.site.temper_host(slow)
        await _resets(ground, moments.soft_reset, _softly, "soft_resets", 12, 7)

    await on_ground(dut, body)


@cocotb.test()
async def silence_from_every_moment(dut: Any) -> None:
    """From a cycle on reads, writes or both are never answered: the watchdog ends all waits, a reset makes all good."""

    def restart(site: FaultSite) -> Steps[None]:
        return site.set_up(halt=False, watchdog=fault_silence.WATCHDOG)

    async def body(ground: Ground) -> None:
        site = ground.site
        window = await _window(ground)
        gave_up = []
        for reads, writes in ((True, False), (False, True), (True, True)):
            for moment in _moments(window, 12, site.random, 3):
                shot = fault_silence.silent(site, moment, reads=reads, writes=writes)
                loose, count = await ground.perform(shot)
                gave_up.append(count)
                await ground.reset()
                await ground.perform(moments.judge(site, loose, strict=False))
                await ground.perform(moments.recover(site, restart))
                tell(silences=1)
        cocotb.log.info("%d shots in a window of %d cycles; %d gave up", len(gave_up), window, sum(gave_up))
        assert min(gave_up) == 0 < max(gave_up), "every silence came too early, or every one too late"

    await on_ground(dut, body, halt=False, watchdog=fault_silence.WATCHDOG)
