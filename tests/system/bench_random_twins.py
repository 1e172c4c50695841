"""Twins of the random benches: a plan, a driver or a memory made wrong, and the message names seed and operation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cocotb
import pytest

from models.device import Device
from models.engine import Queue
from models.layout import Opcode
from models.memory import PAGE
from models.policy.page_mkwrite import PageMkwrite
from tb.random_work import Planned, Planner
from tests.system import bench_random, fault_moments
from tests.system.fault_site import SOURCE, FaultSite
from tests.system.random_cases import RandomFailure, Rounds

_OPERATIONS = "400"
"""Enough for any of these to be found; each ends with the first that is."""


async def _fails(dut: Any, test: Any, words: str, spoil: Callable[[pytest.MonkeyPatch], None]) -> None:
    """A test of the random bench must fail with these words, and say where."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTLINE_OPERATIONS", _OPERATIONS)
        spoil(patch)
        with pytest.raises(RandomFailure, match=words) as failure:
            await test.func(dut)
    assert re.match(r"seed \d+, after \d+ operations, in .*: ", str(failure.value)), failure.value


@cocotb.test()
async def a_plan_without_order_fails(dut: Any) -> None:
    """Neither WAIT nor `order` where two operations meet: bytes come out otherwise than in the order of the records."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        def apart(self: Planner, *args: Any) -> bool:
            return False

        patch.setattr(Planner, "_meets", apart)
        patch.setattr(Planner, "_crosses", apart)

    await _fails(dut, bench_random.random_queues, "(host|device) memory 0x", spoil)


@cocotb.test()
async def a_stray_byte_in_a_round_fails(dut: Any) -> None:
    """One bit of a page that the engine only reads, and one of device memory's guard, changed between two rounds."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        finish = Rounds._finish

        def stray(self: Rounds, **more: Any) -> Any:
            yield from finish(self, **more)
            self.site.host.bytes[self.site.traps[0] * PAGE + 5] ^= 4

        patch.setattr(Rounds, "_finish", stray)

    await _fails(dut, bench_random.random_transfers, "host memory 0x[0-9a-f]*005\\+1", spoil)


@cocotb.test()
async def a_lost_operation_fails(dut: Any) -> None:
    """A descriptor that is not what the ledger was told: the record or the bytes differ."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        plan = Planner.plan

        def otherwise(self: Planner, count: int) -> list[Planned]:
            work = plan(self, count)
            ring = Queue.TRANSFER
            at = next((n for n, one in enumerate(work) if one.queue is ring and one.descriptor.width > 1), None)
            if at is not None:
                self.lost = work.pop(at)  # type: ignore[attr-defined]
            return work

        def unpublished(self: Rounds, work: list[Planned]) -> Any:
            queue = Queue.TRANSFER
            self.site.rig.forecast(queue, work[0].descriptor)
            yield from publish(self, work)

        publish = Rounds._publish
        patch.setattr(Planner, "plan", otherwise)
        patch.setattr(Rounds, "_publish", unpublished)

    await _fails(dut, bench_random.random_transfers, "in the record of|no record for", spoil)


@cocotb.test()
async def an_unforeseen_bus_error_fails(dut: Any) -> None:
    """Bus errors that the predictions know nothing of."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        aim = Rounds._aim

        def secretly(self: Rounds) -> None:
            kind = self.site.rig.bus
            aim(self)
            self.site.rig.bus = kind

        patch.setattr(Rounds, "_aim", secretly)

    await _fails(dut, bench_random.error_storm, "BUS_ERROR|memory 0x", spoil)


@cocotb.test()
async def a_byte_torn_by_a_reset_fails(dut: Any) -> None:
    """After a reset a byte of a page that no descriptor named."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        judge = fault_moments.judge

        def torn(site: FaultSite, *args: Any, **more: Any) -> Any:
            site.host.bytes[site.objects[SOURCE].get(3).frame * PAGE + 1] ^= 1
            return (yield from judge(site, *args, **more))

        patch.setattr(fault_moments, "judge", torn)

    await _fails(dut, bench_random.random_reset_and_abort, "neither old nor new", spoil)


@cocotb.test()
async def a_driver_that_zaps_nothing_fails(dut: Any) -> None:
    """Entries of pages that the device writes stay: somebody reads what is no longer true."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(PageMkwrite, "to_zap", lambda self, buffer, writes: [])

    await _fails(dut, bench_random.random_driver, "wrong reads, the first: .*stale read", spoil)


@cocotb.test()
async def an_engine_that_draws_otherwise_fails(dut: Any) -> None:
    """The untimed device fills with another pixel than the engine: device memory, or what was read back, differs."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        perform = Device._run

        def otherwise(self: Device, queue: Queue, state: Any, descriptor: Any) -> None:
            if descriptor.opcode == Opcode.FILL and descriptor.pattern_low:
                object.__setattr__(descriptor, "pattern_low", descriptor.pattern_low ^ 1)
            perform(self, queue, state, descriptor)

        patch.setattr(Device, "_run", otherwise)

    await _fails(dut, bench_random.random_driver_in_turns, "wrong reads|differ", spoil)
