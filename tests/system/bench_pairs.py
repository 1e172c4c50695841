"""Every pair of conditions of a transfer, a drawing and a command, in the few cases that meet them all."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import cocotb

from models.engine import Queue
from models.execute import ENTRY_SIZE, Outcome
from models.layout import Cause, Descriptor, Opcode, Record, Status
from models.steps import Steps
from tb.agents.memory import MemoryConfig, MuteWindow
from tb.cov.groups import COMMAND, DRAWING, TRANSFER
from tb.sim_top import reset
from tests.system import conditions
from tests.system.pairs import Choice, covering
from tests.system.rtl_bench import Stand, stand
from tests.system.workbench import Workbench


@cocotb.test()
async def transfers(dut: Any) -> None:
    """READBACK and WRITEBACK; those that the watchdog ends come last, each followed by a hardware reset."""

    async def body(stand: Stand) -> None:
        bench, rng = stand.bench, random.Random(int(cocotb.RANDOM_SEED))
        cases = covering(TRANSFER, [conditions.transfer_rules], rng)[:: bench.thin]
        assert len(cases) * bench.thin > 60
        await stand.perform(bench.open(halt=False))
        silent = [case for case in cases if case["cause"] == "WATCHDOG"]
        for case in [case for case in cases if case["cause"] != "WATCHDOG"]:
            await stand.perform(conditions.transfer(bench, case, rng))
            await stand.perform(bench.settle())
        for case in silent:
            await _watched(stand, conditions.transfer(bench, case, rng))

    await stand(dut, body, ring_log2=7, completion_log2=7)


async def _watched(stand: Stand, steps: Steps[None]) -> None:
    """Perform a case that ends in silence, from and to a hardware reset: only that makes the engine whole again."""
    bench = stand.bench
    for ring in bench.rig.rings.values():  # else the first lap's phase would be no news
        bench.rig.store(ring.records, bytes(Record.SIZE << ring.completion_log2))
    await reset(stand.env.top)
    await stand.perform(bench.open(halt=False, watchdog=conditions.PATIENCE_CYCLES))
    await stand.perform(steps)
    await stand.perform(bench.settle())
    await reset(stand.env.top)


async def _each(
    dut: Any,
    choose: Callable[[Workbench], list[Choice]],
    perform: Callable[[Workbench, Choice, random.Random], Steps[None]],
) -> None:
    async def body(stand: Stand) -> None:
        bench, rng = stand.bench, random.Random(int(cocotb.RANDOM_SEED))
        await stand.perform(bench.open(halt=False))
        cases = choose(bench)
        assert len(cases) > 15
        for case in cases[:: bench.thin]:
            await stand.perform(perform(bench, case, rng))
            await stand.perform(bench.settle())

    await stand(dut, body)


@cocotb.test()
async def drawings(dut: Any) -> None:
    """FILL and COPY."""

    def choose(bench: Workbench) -> list[Choice]:
        return covering(DRAWING, conditions.drawing_rules(bench.data_bytes), random.Random(int(cocotb.RANDOM_SEED)))

    await _each(dut, choose, conditions.drawing)


@cocotb.test()
async def commands(dut: Any) -> None:
    """NOP, WAIT, FENCE and INVALIDATE."""
    await _each(dut, lambda bench: covering(COMMAND, [], random.Random(int(cocotb.RANDOM_SEED))), conditions.command)


@cocotb.test()
async def unanswered_descriptors(dut: Any) -> None:
    """A descriptor that no memory answers for: WATCHDOG, with the index for a tag."""

    def steps(bench: Workbench, queue: Queue) -> Steps[None]:
        ring = bench.rig.rings[queue]
        address = ring.entry_address(ring.written)
        bench.temper_host(MemoryConfig(mute=MuteWindow(address, ENTRY_SIZE[queue], read=True)))
        bench.rig.put(
            queue,
            Descriptor(opcode=Opcode.NOP),
            shown=Descriptor(tag=ring.written & 0xFFFF),
            outcome=Outcome(Status.ERROR, Cause.WATCHDOG, address),
        )
        yield from bench.rig.ring_doorbell(queue)
        record = (yield from bench.rig.collect(queue, 1))[0]
        assert record.cause == Cause.WATCHDOG, record
        bench.temper_host(MemoryConfig())

    async def body(stand: Stand) -> None:
        for queue in Queue:
            await _watched(stand, steps(stand.bench, queue))

    await stand(dut, body)
