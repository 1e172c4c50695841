"""Rings, fences, interrupts, aborts and resets of the whole engine."""

from __future__ import annotations

import os
from typing import Any

import cocotb

from models.engine import Queue
from models.layout import Descriptor, Opcode, Record
from models.surface import Box
from tb.agents.interrupt import InterruptEdge
from tb.agents.memory import MemoryConfig, Stall
from tb.sequences import boxed
from tb.sim_top import flush_trace
from tb.trace import WRITE_DATA_ID, Kind, Trace
from tests.system import timed
from tests.system.rtl_bench import Stand, score, stand
from tests.system.workbench import DESTINATION


@cocotb.test()
async def rings_wrap(dut: Any) -> None:
    """Small rings, many laps."""
    await score(dut, timed.rings_wrap, ring_log2=3, completion_log2=3)


@cocotb.test()
async def many_outstanding(dut: Any) -> None:
    """Short bursts by the dozen on a slow memory."""
    await score(dut, timed.many_outstanding)


@cocotb.test()
async def rows_merge(dut: Any) -> None:
    """Rows that are contiguous on both sides become long bursts."""
    await score(dut, timed.rows_merge)


@cocotb.test()
async def completion_ring_full(dut: Any) -> None:
    """Records wait for room."""
    await score(dut, timed.completion_ring_full, ring_log2=4, completion_log2=3)


@cocotb.test()
async def wait_between_queues(dut: Any) -> None:
    """WAIT and FENCE."""
    await score(dut, timed.wait_between_queues)


@cocotb.test()
async def coalescing(dut: Any) -> None:
    """Interrupts by count and by time."""
    await score(dut, timed.coalescing_by_count, timed.coalescing_by_time)


@cocotb.test()
async def late_answers(dut: Any) -> None:
    """The watchdog gives up, and the answer comes after all."""
    await score(dut, timed.late_read_answer, timed.late_write_answer, watchdog=20_000)


@cocotb.test()
async def abort_under_way(dut: Any) -> None:
    """An abort in full flight."""
    await score(dut, timed.abort_under_way)


@cocotb.test()
async def soft_reset_under_way(dut: Any) -> None:
    """A soft reset in full flight."""
    await score(dut, timed.soft_reset_under_way)


def _records_after_data(trace: Trace) -> int:
    """No record or fence value may start on the bus while a write of data is unanswered; returns how many did start.

    True only of a queue in which a READBACK and its FENCE are alone.
    """
    unanswered = started = 0
    for event in trace.of(Kind.WRITE_ADDRESS, Kind.WRITE_RESPONSE):
        address = event["kind"] == Kind.WRITE_ADDRESS
        if event["id"] == WRITE_DATA_ID:
            unanswered += 1 if address else -1
        elif address:
            started += 1
            assert unanswered == 0, f"a record in cycle {event['cycle']} before {unanswered} responses of its data"
    return started


@cocotb.test()
async def interrupt_is_last(dut: Any) -> None:
    """When the line rises, data, record and fence value are in host memory, however late and mixed up the answers."""

    async def body(stand: Stand) -> None:
        bench, rises = stand.bench, list[bool]()
        rig, ring = bench.rig, bench.rig.rings[Queue.TRANSFER]
        await stand.perform(bench.open())
        for value, temper in enumerate(
            (
                MemoryConfig(write_latency=400, jitter=300, reorder=True),
                MemoryConfig(write_latency=1, b=Stall(random=250), reorder=True),
                MemoryConfig(write_latency=200, w=Stall(5, 6), jitter=100),
            ),
            start=0x77,
        ):
            bench.temper_host(temper)
            work = [
                boxed(Opcode.READBACK, Box(1, 0, 3000, 4), surface=0, object=DESTINATION, host_stride=3001),
                Descriptor(opcode=Opcode.FENCE, host_offset=value),
            ]
            last = ring.written + len(work) - 1

            def look(edge: InterruptEdge, last: int = last, value: int = value) -> None:
                record = Record.unpack(bench.host.read(ring.record_address(last), Record.SIZE))
                rises.append(record.phase == ring.phase(last) and bench.host.read_u64(ring.fence_at) == value)

            stand.env.interrupt.on_rise = look
            await stand.perform(rig.perform(Queue.TRANSFER, work))
            await stand.perform(bench.settle())
        assert len(rises) == 3 and all(rises), rises
        await flush_trace(dut)
        assert _records_after_data(Trace.load(os.environ["TRACE_FILE"]).last_run()) >= 6
        bench.temper_host(MemoryConfig())

    await stand(dut, body)
