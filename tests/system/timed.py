"""Cases that meet the engine in the middle of something: they need time to pass, which the untimed device lacks."""

from __future__ import annotations

from dataclasses import replace

from models.engine import Queue
from models.layout import (
    Address,
    Cause,
    Control,
    CounterOffset,
    Descriptor,
    EngineStatus,
    IrqCoalesce,
    IrqStatus,
    Layout,
    Opcode,
    QueueOffset,
    QueueStatus,
    Status,
    counter_address,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps, WaitIrq
from models.surface import Box, Surface
from tb.agents.memory import MemoryConfig, Stall
from tb.sequences import boxed
from tests.system.copies import random_boxes
from tests.system.errors import transfer
from tests.system.workbench import DESTINATION, PAGES, SOURCE, Workbench

__all__ = [
    "abort_under_way",
    "coalescing_by_count",
    "coalescing_by_time",
    "completion_ring_full",
    "late_read_answer",
    "late_write_answer",
    "many_outstanding",
    "rings_wrap",
    "rows_merge",
    "soft_reset_under_way",
    "wait_between_queues",
]

_CYCLE_NS = 4
_SMALL = Box(5, 1, 900, 1)
_BUSY = EngineStatus(writeback_busy=1).to_int()


def late_read_answer(bench: Workbench) -> Steps[None]:
    """WATCHDOG on a read: its data come after the watchdog has given up, and are dropped; then all works again."""
    work = transfer(Opcode.WRITEBACK, _SMALL)
    yield from bench.batch(Queue.TRANSFER, [work])  # its translation is cached now
    bench.temper_host(MemoryConfig(read_latency=2000))
    data = {bench.tables[SOURCE].get(page).frame for page in range(PAGES)}
    bench.rig.bus = lambda address, length, write: Cause.WATCHDOG if address // PAGE in data else Cause.NONE
    yield from bench.rig.post(Queue.TRANSFER, [work])
    yield from bench.rig.until(Address.STATUS, _BUSY, _BUSY)
    bench.temper_host(MemoryConfig(read_latency=2000, r=Stall(255, 255)))
    yield from _given_up(bench)
    bench.temper_host(MemoryConfig())
    yield Delay(5000 * _CYCLE_NS, "late answers")
    yield from bench.rig.control(Queue.TRANSFER, resume=True)
    yield from bench.good()


def late_write_answer(bench: Workbench) -> Steps[None]:
    """WATCHDOG on a write: its response comes too late; the bytes may arrive, and then all works again."""
    bench.temper_host(MemoryConfig(write_latency=60_000, reorder=True))
    bench.rig.bus = lambda address, length, write: Cause.WATCHDOG if write else Cause.NONE
    yield from bench.rig.post(Queue.TRANSFER, [transfer(Opcode.READBACK, Box(5, 1, 200, 1))])
    pending = EngineStatus(writes_outstanding=1).to_int()
    yield from bench.rig.until(Address.STATUS, EngineStatus(writes_outstanding=0xFF).to_int(), pending)
    yield Delay(500 * _CYCLE_NS, "data")
    bench.temper_host(MemoryConfig(reorder=True))
    yield from _given_up(bench)
    yield Delay(70_000 * _CYCLE_NS, "late answers")
    bench.temper_host(MemoryConfig())
    yield from bench.rig.control(Queue.TRANSFER, resume=True)
    yield from bench.good()


def _given_up(bench: Workbench) -> Steps[None]:
    """The watchdog's interrupt, then the record that carries its cause."""
    yield WaitIrq()
    raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
    assert raised.watchdog, raised
    record = (yield from bench.rig.collect(Queue.TRANSFER, 1))[0]
    assert record.cause == Cause.WATCHDOG and record.bytes == 0, record


def rings_wrap(bench: Workbench) -> Steps[None]:
    """Small rings go round many times, in pieces of every size; both counts pass through every entry."""
    for queue in Queue:
        room = 1 << bench.rig.rings[queue].log2
        for count in [*range(1, room + 1), *range(room, 0, -1)]:
            work = [Descriptor(opcode=Opcode.NOP)] * count
            if queue is Queue.TRANSFER:
                work[-1] = transfer(Opcode.READBACK, replace(_SMALL, width=count * 7))
            yield from bench.rig.post(queue, work)
            yield from bench.rig.collect(queue, count)
        assert (yield CsrRead(queue_address(queue, QueueOffset.HEAD))) == bench.rig.rings[queue].tail & 0xFFFF
    yield from bench.settle()


def rows_merge(bench: Workbench) -> Steps[None]:
    """Rows without a gap on either side travel in bursts as long as the bus allows; with a gap each is its own."""
    surface = Surface(bench.scratch, 64, 64, 1, Layout.LINEAR)
    yield from bench.rig.surface(8, surface)
    limit = min(PAGE, 256 * bench.data_bytes)
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        for stride, bursts in ((64, surface.size // limit), (65, 64)):
            before = yield from _translations()
            box = boxed(opcode, Box(0, 0, 64, 64), surface=8, object=target, host_offset=PAGE, host_stride=stride)
            yield from bench.batch(Queue.TRANSFER, [box])
            crossing = sum((n * 65 % limit) + 64 > limit for n in range(64)) if stride == 65 else 0
            assert (yield from _translations()) - before == bursts + crossing, (opcode, stride)


def many_outstanding(bench: Workbench) -> Steps[None]:
    """Of bursts of 64 bytes at least 64 are outstanding each way, however long the memory takes."""
    bench.temper_host(MemoryConfig(read_latency=6000, write_latency=6000))
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        surface = Surface(bench.scratch, 64, 256, 1, Layout.LINEAR)
        yield from bench.rig.surface(8, surface)
        rows = boxed(opcode, Box(0, 0, 64, 256), surface=8, object=target, host_offset=0, host_stride=80)
        warm = replace(rows, width=1, height=3)
        yield from bench.batch(Queue.TRANSFER, [replace(warm, host_stride=PAGE, host_offset=PAGE)])
        yield from bench.batch(Queue.TRANSFER, [replace(warm, host_stride=PAGE, host_offset=PAGE * 4)])
        yield from bench.rig.post(Queue.TRANSFER, [rows])
        most = 0
        for _ in range(400):
            status = EngineStatus.from_int((yield CsrRead(Address.STATUS)))
            most = max(most, status.writes_outstanding if opcode is Opcode.READBACK else status.reads_outstanding)
            yield Delay(100 * _CYCLE_NS, "look again")
            if most >= 64:
                break
        assert most >= 64, (opcode, most)
        assert (yield from bench.rig.collect(Queue.TRANSFER, 1))[0].status == Status.OK
    yield from bench.settle()


def _translations() -> Steps[int]:
    """How many bursts were translated since the counters began."""
    hits = yield CsrRead(counter_address(CounterOffset.TLB_HITS))
    return hits + (yield CsrRead(counter_address(CounterOffset.TLB_MISSES)))


def completion_ring_full(bench: Workbench) -> Steps[None]:
    """Records wait while the driver has not consumed the old ones; nothing is overwritten, nothing lost."""
    for queue in Queue:
        ring = bench.rig.rings[queue]
        room = 1 << ring.completion_log2
        assert room < 1 << ring.log2, "this case needs a completion ring smaller than its queue"
        before = ring.taken
        yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP, interrupt=1)] * (room + 3))
        at = queue_address(queue, QueueOffset.COMPLETION_TAIL)
        yield from bench.rig.until(at, 0xFFFF, (before + room) & 0xFFFF)
        yield Delay(3000, "settle")
        assert (yield CsrRead(at)) == (before + room) & 0xFFFF, "a record was written over one not consumed"
        assert len(bench.rig.take(queue, room)) == room
        yield from bench.rig.consume(queue)
        for _ in range(3):
            yield from bench.rig.collect(queue, 1)
    yield from bench.settle()


def wait_between_queues(bench: Workbench) -> Steps[None]:
    """A WAIT holds its queue until the other's fence: FILL, then READBACK of what it drew, then COPY behind that."""
    box = Box(6, 2, 600, 9)
    for lap in range(3):
        first, second = 0x100 + 2 * lap, 0x101 + 2 * lap
        yield from bench.rig.post(
            Queue.TRANSFER,
            [
                Descriptor(opcode=Opcode.WAIT, queue=Queue.RENDER, host_offset=first),
                boxed(Opcode.READBACK, box, surface=5, object=DESTINATION, host_offset=333 + lap, host_stride=777),
                Descriptor(opcode=Opcode.FENCE, host_offset=second),
            ],
        )
        waiting = QueueStatus(waiting=1).to_int()
        yield from bench.rig.until(queue_address(Queue.TRANSFER, QueueOffset.STATUS), waiting, waiting)
        assert not bench.rig.take(Queue.TRANSFER, 1), "the WAIT did not hold"
        yield from bench.rig.post(
            Queue.RENDER,
            [
                boxed(Opcode.FILL, box, surface=5, pattern_low=0x5A + lap),
                Descriptor(opcode=Opcode.FENCE, host_offset=first),
                Descriptor(opcode=Opcode.WAIT, queue=Queue.TRANSFER, host_offset=second),
                boxed(Opcode.FILL, box, surface=5, pattern_low=0xA5 + lap),
            ],
        )
        yield from bench.rig.collect(Queue.RENDER, 4)
        yield from bench.rig.collect(Queue.TRANSFER, 3)
        yield from bench.settle()


def coalescing_by_count(bench: Workbench) -> Steps[None]:
    """Of records that ask for interrupts only every fourth raises one."""
    yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=4).to_int())
    for count in (3, 1):
        for _ in range(count):
            bench.rig.put(Queue.TRANSFER, Descriptor(opcode=Opcode.NOP, interrupt=1))
        yield from bench.rig.ring_doorbell(Queue.TRANSFER)
        tail = bench.rig.rings[Queue.TRANSFER].tail & 0xFFFF
        yield from bench.rig.until(queue_address(Queue.TRANSFER, QueueOffset.COMPLETION_TAIL), 0xFFFF, tail)
        yield Delay(1000, "settle")
        raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
        assert raised.transfer_done == (count == 1), f"{raised} after {count} more records"
    yield CsrWrite(Address.IRQ_COALESCE, 0)
    yield from bench.rig.collect(Queue.TRANSFER, 4)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from bench.good()


def coalescing_by_time(bench: Workbench) -> Steps[None]:
    """A single record raises its interrupt after the limit in cycles, not before."""
    limit = 2000
    yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=200, cycles=limit).to_int())
    yield from bench.rig.post(Queue.TRANSFER, [Descriptor(opcode=Opcode.NOP)])
    yield WaitIrq()
    now = yield CsrRead(Address.CYCLE_LO)
    record = (yield from bench.rig.collect(Queue.TRANSFER, 1))[0]
    late = now - record.end_cycle
    assert limit <= late <= limit + 200, f"interrupt {late} cycles after the record's end, limit {limit}"
    yield CsrWrite(Address.IRQ_COALESCE, 0)
    yield from bench.good()


def abort_under_way(bench: Workbench) -> Steps[None]:
    """An abort in the middle of a long queue: every descriptor gets a record, what is cut moves only what it says."""
    bench.temper_host(MemoryConfig(read_latency=300, write_latency=300))
    box = Box(0, 0, 5000, 8)
    ring = bench.rig.rings[Queue.TRANSFER]
    count = (1 << ring.log2) - 2
    for number in range(count):
        bench.rig.put(
            Queue.TRANSFER,
            boxed(
                Opcode.READBACK, box, surface=0, object=DESTINATION, host_offset=number % 2 * 41_000,
                host_stride=5003, interrupt=int(number == count - 1),
            ),
            cut=True,
        )  # fmt: skip
    yield from bench.rig.ring_doorbell(Queue.TRANSFER)
    yield Delay(9000 * _CYCLE_NS, "a while")
    yield from bench.rig.control(Queue.TRANSFER, abort=True)
    records = yield from bench.rig.collect(Queue.TRANSFER, count)
    kinds = [record.status for record in records]
    assert kinds[0] == Status.OK and kinds[-1] == Status.ABORTED, kinds
    assert kinds == sorted(kinds), "something ran after the abort"
    bench.temper_host(MemoryConfig())
    yield from bench.rig.until(queue_address(Queue.TRANSFER, QueueOffset.STATUS), 0xFFFFFFFF, 0)
    yield from bench.good()


def soft_reset_under_way(bench: Workbench) -> Steps[None]:
    """A soft reset under full traffic of both queues: it ends, nothing outside the granted pages changes, all works."""
    for delay in (50, 300, 1000, 4000)[:: max(1, bench.thin // 8)]:
        work = [replace(one, order=0) for one in random_boxes(bench, 24, ordered=False)]
        yield from bench.rig.post(Queue.TRANSFER, work)
        yield from bench.rig.post(
            Queue.RENDER, [boxed(Opcode.FILL, Box(0, 0, 1300, 17), surface=5, pattern_low=delay)] * 4
        )
        yield Delay(delay * _CYCLE_NS, "a while")
        yield from bench.reset_under_way()
        control = Control.from_int((yield CsrRead(Address.CONTROL)))
        assert not control.soft_reset
        yield from bench.good()
        yield from bench.good(Queue.RENDER)
