"""The engine is hurt on purpose, thousands of times: it never hangs, tells every fault once, and works afterwards.

FAULTLINE_FAULTS is `sample` (the default) or `full`; `make faults` runs everything in full.  Every byte is compared
after every blow, and at the end of each test every burst of the trace is held against the pages that were granted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import pytest

from models.engine import Queue
from models.layout import Cause, Descriptor, Opcode
from models.memory import PAGE, Bytes, HostMemory
from models.steps import Steps
from tb.agents.memory import HostImage
from tb.bridge import Bridge, bridge_of
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.scoreboard import Ledger
from tb.sim_top import flush_trace, reset
from tb.trace import Trace
from tests.system import fault_moments as moments
from tests.system import fault_volley
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


async def _window(ground: Ground) -> int:
    """Clock cycles that the longer of the two salvos takes from first register access to interrupt, and more."""
    longest = 0
    for queue in Queue:
        began = cycle_now()
        await ground.perform(moments.quiet(ground.site, queue))
        longest = max(longest, cycle_now() - began)
    await ground.perform(ground.site.good())
    return longest + longest // 4 + 30  # beside each other they take longer


def _moments(window: int, sample: int, random: np.random.Generator) -> list[int]:
    """Every cycle of a window, or a random choice of about `sample`; a fifth of them on Icarus."""
    if full() and not on_icarus():
        return list(range(window))
    step = max(1, window // (sample // 5 if on_icarus() else sample))
    return list(range(int(random.integers(step)), window, step))


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
) -> None:
    """Resets at every moment; None for `blow` is the hardware's."""
    site = ground.site
    window = await _window(ground)
    known = []
    for moment in _moments(window, 60, site.random):
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
