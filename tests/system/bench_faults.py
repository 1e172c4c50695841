"""The engine is hurt on purpose, thousands of times: it never hangs, tells every fault once, and works afterwards.

FAULTLINE_FAULTS is `sample` (the default) or `full`; `make faults` runs everything in full.  Every byte is compared
after every blow, and at the end of each test every burst of the trace is held against the pages that were granted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import pytest

from models.engine import Queue
from models.execute import ENTRY_SIZE
from models.layout import Cause, Descriptor, Opcode
from models.memory import PAGE, Bytes, HostMemory
from models.steps import Steps
from tb.agents.memory import ErrorWindow, HostImage, MemoryConfig
from tb.bridge import Bridge, bridge_of
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.scoreboard import Ledger
from tb.sim_top import flush_trace, reset
from tb.trace import Kind, Trace
from tests.system import fault_bursts, fault_states, fault_volley
from tests.system import fault_moments as moments
from tests.system.fault_bursts import Burst
from tests.system.fault_grants import Reader, Writer
from tests.system.fault_site import DESTINATION, HOST_SIZE, SOURCE, FaultSite
from tests.system.fault_volley import Volleys
from tests.system.malformed import batch_of, generate, refusals
from tests.system.rtl_bench import on_icarus

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
        events = Trace.load(os.environ["TRACE_FILE"]).events
        found = self.site.grants.offences(events[self.begun :])
        self.begun = len(events)
        return found

    async def bursts(self, steps: Steps[Any], who: Reader | Writer) -> list[Burst]:
        """The bursts of one requester while a generator is performed, in order."""
        path = os.environ["TRACE_FILE"]
        await flush_trace(self.dut)
        before = len(Trace.load(path))
        await self.perform(steps)
        await flush_trace(self.dut)
        events = Trace.load(path).events[before:]
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
    dut: Any, body: Callable[[Ground], Awaitable[None]], *, halt: bool = True, watchdog: int = 0, **layout: int
) -> None:
    """Run `body` on an opened site beside fresh host memory; at the end the grants are checked."""
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
        ground.begun = len(Trace.load(file)) if file.exists() else 0
        await ground.perform(site.open(halt=halt, watchdog=watchdog))
        await body(ground)
        offences = await ground.offences()
        assert not offences, "; ".join(offences)
        env.memory.image = None

    await run_body(dut, in_environment, limit=1 << 34)


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
        assert not halt or volleys.halts > count // 20, f"{volleys.halts} halts"

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
            assert sum(burst.length for burst in bursts) == len(work) * ENTRY_SIZE[queue], bursts
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


@cocotb.test()
async def soft_resets_at_every_moment(dut: Any) -> None:
    """A soft reset in each cycle from doorbell to interrupt and beyond."""

    async def body(ground: Ground) -> None:
        await _resets(ground, moments.soft_reset, ground.site.rig.bring_up, "soft_resets")

    await on_ground(dut, body)


@cocotb.test()
async def hard_resets_at_every_moment(dut: Any) -> None:
    """A hardware reset in each cycle from doorbell to interrupt and beyond."""

    async def body(ground: Ground) -> None:
        await _resets(ground, None, ground.site.set_up, "hard_resets")

    await on_ground(dut, body)


async def _resets(
    ground: Ground,
    blow: Callable[[FaultSite], Steps[None]] | None,
    bring_up: Callable[[], Steps[None]],
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
async def wrong_expectations_fail(dut: Any) -> None:
    """Twin: a rule read wrongly, a record too few and a byte too many are each noticed in a volley."""
    work = batch_of([Descriptor(opcode=Opcode.READBACK, object=DESTINATION, width=9, height=1, host_stride=9)] * 3)
    work["surface"] = [0, 99, 0]

    async def expect(words: str, spoil: Callable[[FaultSite], None], rules: Any = refusals) -> None:
        async def body(ground: Ground) -> None:
            spoil(ground.site)
            await ground.perform(Volleys(ground.site).fire(Queue.TRANSFER, work))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fault_volley, "refusals", rules)
            with pytest.raises(AssertionError, match=words):
                await on_ground(dut, body, halt=False)

    def blind(*args: Any) -> Any:
        cause, moves = refusals(*args)
        return np.where(cause == Cause.MALFORMED, Cause.BOX_OUTSIDE, cause).astype(np.uint8), moves

    def nothing(site: FaultSite) -> None:
        """Leave it as it is."""

    def stray(site: FaultSite) -> None:
        site.host.bytes[site.traps[0] * PAGE + 17] ^= 1

    def lost(site: FaultSite) -> None:
        site.rig.rings[Queue.TRANSFER].taken += 1

    await expect("1 of 3 records .* cause 10, not 4", nothing, blind)
    await expect("host memory 0x.*11\\+1", stray)
    await expect("no last record of a volley in", lost)


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
                    await ground.perform(moments.recover(site, site.set_up if hard else site.rig.bring_up))
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
        await _resets(ground, moments.soft_reset, ground.site.rig.bring_up, "soft_resets", 12, 7)

    await on_ground(dut, body)


async def _must_fail(dut: Any, words: str, shot: Callable[[FaultSite], Steps[Any]]) -> None:
    """A shot on fresh ground must end with an AssertionError that says `words`."""

    async def body(ground: Ground) -> None:
        await ground.perform(shot(ground.site))

    with pytest.raises(AssertionError, match=words):
        await on_ground(dut, body)


@cocotb.test()
async def errors_that_do_not_come_are_missed(dut: Any) -> None:
    """Twin: each kind of shot fails without its error, and one whose error nobody predicted fails too."""
    target = next(fault_bursts.data_targets())
    plain: dict[str, Any] = {"temper": MemoryConfig(), "response": 2}
    aimed = fault_bursts.hit

    def data(site: FaultSite) -> Steps[Any]:
        burst = Burst(site.objects[DESTINATION].get(1).frame * PAGE + 200, 64)
        return fault_bursts.data_error(site, target, burst, **plain, halt=False)

    def walk(site: FaultSite) -> Steps[Any]:
        line = Burst(site.objects[DESTINATION].root, fault_bursts.LINE)
        return fault_bursts.walk_error(site, target, line, **plain, halt=False)

    def fetch(site: FaultSite) -> Steps[Any]:
        return fault_bursts.fetch_error(site, Queue.TRANSFER, 2, **plain, halt=False, together=32)

    def silently(site: FaultSite, temper: MemoryConfig, window: ErrorWindow) -> None:
        aimed(site, temper, window)
        site.rig.bus = MemoryConfig().bus

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fault_bursts, "hit", lambda site, temper, window: None)
        await _must_fail(dut, "an error at .* gave", data)
        await _must_fail(dut, "in the tables of .* gave", walk)
        await _must_fail(dut, "FETCH_ERROR", fetch)
        await _must_fail(dut, "after a lost", lambda site: fault_bursts.record_error(site, Queue.RENDER, 1, **plain))
        await _must_fail(dut, "after a lost", lambda site: fault_bursts.fence_error(site, Queue.TRANSFER, **plain))
        patch.setattr(fault_bursts, "hit", silently)
        await _must_fail(dut, "cause .*BUS_ERROR", data)


@cocotb.test()
async def wrong_moments_are_noticed(dut: Any) -> None:
    """Twin: an abort that is too much, and what a reset must not leave behind."""

    def stretched(site: FaultSite) -> Steps[Any]:
        """Both queues are aborted where only one should be."""
        shot = moments.abort(site, 60, Queue.TRANSFER)
        control = site.rig.control

        def both(queue: Queue, **more: Any) -> Steps[None]:
            for one in Queue:
                yield from control(one, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(site.rig, "control", both)
            yield from shot

    def after(spoil: Callable[[FaultSite], None]) -> Callable[[FaultSite], Steps[Any]]:
        def shot(site: FaultSite) -> Steps[Any]:
            loose = moments.loose_salvo(site)
            yield from moments.publish(site, 400)
            yield from moments.soft_reset(site)
            spoil(site)
            yield from moments.judge(site, loose)

        return shot

    def torn(site: FaultSite) -> None:
        """A byte of the first READBACK, whose record has come."""
        site.host.bytes[site.objects[DESTINATION].get(0).frame * PAGE + PAGE - 197] ^= 1

    def stray(site: FaultSite) -> None:
        site.host.bytes[site.traps[2] * PAGE] ^= 1

    def lying(site: FaultSite) -> None:
        site.host.bytes[site.rig.rings[Queue.TRANSFER].record_address(site.rig.rings[Queue.TRANSFER].taken)] ^= 1

    def orphan(site: FaultSite) -> None:
        ring = site.rig.rings[Queue.RENDER]
        site.host.bytes[ring.record_address(ring.taken) + 7] ^= 0x80

    await _must_fail(dut, "RENDER was not aborted", stretched)
    for spoil, words in ((torn, "neither old nor new"), (stray, "neither old nor new"), (lying, "for Descriptor"),
                         (orphan, "but none before it")):  # fmt: skip
        await _must_fail(dut, words, after(spoil))


@cocotb.test()
async def a_page_not_granted_is_noticed(dut: Any) -> None:
    """Twin: each kind of access is an offence once its page is taken out of the grants."""

    async def body(ground: Ground) -> None:
        site = ground.site
        rig = site.rig
        ring, drawing = rig.rings[Queue.TRANSFER], rig.rings[Queue.RENDER]
        await ground.perform(site.good())
        assert not await ground.offences()
        for who, address, words in (
            (Reader.DATA, site.objects[SOURCE].get(2).frame * PAGE, "read by data"),
            (Reader.TRANSFER_RING, ring.entries, "read by transfer_ring"),
            (Reader.RENDER_RING, drawing.entries, "read by render_ring"),
            (Reader.WALKER, site.objects[SOURCE].root, "read by walker"),
            (Writer.DATA, site.objects[DESTINATION].get(2).frame * PAGE, "write by data"),
            (Writer.RECORDS, ring.records, "write by records"),
        ):
            site.grants.revoke(who, [address // PAGE])
            await ground.perform(rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE)]))
            await ground.perform(site.good())
            found = await ground.offences()
            assert found and all(words in text for text in found[:4]), f"{words}: {found}"
            site.grants.grant(who, [address // PAGE])
        await ground.perform(site.good())  # for the look at the end, which wants something to look at

    await on_ground(dut, body)
