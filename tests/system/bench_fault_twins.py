"""Twins of the fault benches: each check is told something wrong, or denied its fault, and must say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cocotb
import numpy as np
import pytest

from models.engine import Queue
from models.layout import Cause, Descriptor, Opcode
from models.memory import PAGE
from models.steps import Steps
from tb.agents.memory import ErrorWindow, MemoryConfig
from tests.system import fault_bursts, fault_volley
from tests.system import fault_moments as moments
from tests.system.fault_bursts import Burst
from tests.system.fault_grants import Reader, Writer
from tests.system.fault_ground import Ground, on_ground
from tests.system.fault_site import DESTINATION, SOURCE, FaultSite
from tests.system.fault_volley import Volleys
from tests.system.malformed import batch_of, refusals


async def _must_fail(dut: Any, words: str, shot: Callable[[FaultSite], Steps[Any]]) -> None:
    """A shot on fresh ground must end with an AssertionError that says `words`."""

    async def body(ground: Ground) -> None:
        await ground.perform(shot(ground.site))

    with pytest.raises(AssertionError, match=words):
        await on_ground(dut, body)


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
