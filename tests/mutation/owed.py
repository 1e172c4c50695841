"""Cases in which answers are owed to a requester that no longer waits: each one's count of them must be right.

The watchdog gives up on the rings, the walker, the data each way and the records in turn. The answers come after that,
are dropped, and without any reset the same requester works on: one answer too many or too few dropped, or one burst too
many or too few sent without strobes, and its next bytes are wrong. The same for soft resets, several in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from models.engine import Queue
from models.execute import Outcome
from models.layout import (
    Address,
    Cause,
    Control,
    Descriptor,
    EngineStatus,
    IrqStatus,
    Layout,
    Opcode,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, ScanOut, Steps
from models.surface import Box, Surface
from tb.agents.memory import MemoryConfig, Stall
from tb.sequences import boxed
from tests.system.errors import transfer
from tests.system.workbench import DESTINATION, PAGES, SOURCE, Workbench

__all__ = [
    "LONG",
    "WATCHDOG",
    "forgotten",
    "halfway",
    "late_answers",
    "late_data",
    "late_descriptors",
    "late_records",
    "late_translations",
    "long_silence",
    "piled",
    "void_bursts",
]

WATCHDOG = 0x555
"""Cycles without an answer after which the engine gives up."""

LONG = 0x38100
"""The same with bits that only a long silence reaches."""

_CYCLE_NS = 4
_SOON, _LATE = WATCHDOG - 100, 2 * WATCHDOG
_HALTED = QueueStatus(halted=1).to_int()
_NO_OPCODE = 99
_ROWS = 120
_LANDING = 20
"""First page of the destination object in which writes land that a reset has left on their way."""


def _armed(bench: Workbench, work: Sequence[Descriptor], **more: bool) -> Steps[None]:
    """Have work fetched behind a descriptor that halts the queue; `_fire` lets it go, whatever host memory is then."""
    queue = Queue.TRANSFER
    bench.rig.put(queue, Descriptor(opcode=_NO_OPCODE))
    for one in work:
        bench.rig.put(queue, one, **more)
    yield from bench.rig.ring_doorbell(queue)
    yield from bench.rig.collect(queue, 1)
    yield from bench.rig.until(queue_address(queue, QueueOffset.STATUS), _HALTED, _HALTED)
    yield Delay(500 * _CYCLE_NS, "fetched")


def _fire(bench: Workbench) -> Steps[None]:
    yield from bench.rig.control(Queue.TRANSFER, resume=True)


def _given_up(bench: Workbench, queue: Queue, count: int) -> Steps[list[Record]]:
    """The records, of which the last tells of the watchdog; the answers that are owed come meanwhile; then a resume."""
    records = yield from bench.rig.collect(queue, count)
    assert records[-1].cause == Cause.WATCHDOG and records[-1].bytes == 0, records
    bench.temper_host(MemoryConfig())
    yield Delay(_LATE * _CYCLE_NS, "late answers")
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from bench.rig.control(queue, resume=True)
    yield from _works(bench)
    return records


def _works(bench: Workbench) -> Steps[None]:
    """Every requester has work, more than once."""
    yield from bench.invalidate(SOURCE)
    yield from bench.invalidate(DESTINATION)
    for queue in (*Queue, *Queue):
        yield from bench.good(queue)
    yield from bench.settle()


def late_descriptors(bench: Workbench) -> Steps[None]:
    """Descriptors of either queue come too late, one alone and a few together; a little later would have done."""
    for queue in Queue:
        for count in (1, 3):
            bench.temper_host(MemoryConfig(read_latency=_SOON))
            yield from bench.rig.perform(queue, [Descriptor(opcode=Opcode.NOP)])
            bench.temper_host(MemoryConfig(read_latency=_LATE))
            ring = bench.rig.rings[queue]
            for _ in range(count):
                index = ring.written
                lost = Outcome(Status.ERROR, Cause.WATCHDOG, ring.entry_address(index))
                nothing = Descriptor(tag=index & 0xFFFF)
                bench.rig.put(queue, Descriptor(opcode=Opcode.NOP, interrupt=1), shown=nothing, outcome=lost)
            yield from bench.rig.control(queue, halt=False)
            yield from bench.rig.ring_doorbell(queue)
            tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
            yield from bench.rig.until(tail, 0xFFFF, (ring.taken + count) & 0xFFFF)
            yield from bench.rig.control(queue)
            yield from _given_up(bench, queue, count)


def late_translations(bench: Workbench) -> Steps[None]:
    """The walker's reads come too late, for either mover."""
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        yield from bench.invalidate(target)
        work = boxed(opcode, Box(5, 1, 900, 1), object=target, host_offset=9 * PAGE, host_stride=1, interrupt=1)
        root = bench.tables[target].root
        bench.rig.bus = lambda at, size, write, root=root: Cause.WATCHDOG if at // PAGE == root // PAGE else Cause.NONE
        yield from _armed(bench, [work])
        bench.temper_host(MemoryConfig(read_latency=_LATE))
        yield from _fire(bench)
        yield from _given_up(bench, Queue.TRANSFER, 1)


def _data(bench: Workbench, opcode: Opcode, height: int, width: int = 64, offset: int = 0) -> Steps[Descriptor]:
    """Rows of a surface of their own, each one burst, with translations that are cached now."""
    index, target = (8, DESTINATION) if opcode == Opcode.READBACK else (9, SOURCE)
    yield from bench.rig.surface(index, Surface(bench.scratch, width, 256, 1, Layout.LINEAR))
    place = {"surface": index, "object": target, "host_offset": offset, "host_stride": width + 16, "interrupt": 1}
    pages = -(-height * (width + 16) // PAGE)
    warm = {**place, "host_stride": PAGE}
    yield from bench.rig.perform(Queue.TRANSFER, [boxed(opcode, Box(0, 0, 1, pages), **warm)])
    return boxed(opcode, Box(0, 0, width, height), **place)


def _frames(bench: Workbench, target: int) -> Callable[[int, int, bool], Cause]:
    data = {bench.tables[target].get(page).frame for page in range(PAGES)}
    return lambda at, size, write: Cause.WATCHDOG if at // PAGE in data else Cause.NONE


def late_data(bench: Workbench) -> Steps[None]:
    """WRITEBACK's data come in time, and then too late: a burst, and as many beats as there is room for."""
    for height, width in ((1, 64), (7, 712), (2, 2048), (_ROWS, 64)):
        work = yield from _data(bench, Opcode.WRITEBACK, height, width)
        for latency in (_SOON, _LATE):
            bench.rig.bus = _frames(bench, SOURCE) if latency == _LATE else MemoryConfig().bus
            yield from _armed(bench, [work])
            bench.temper_host(MemoryConfig(read_latency=latency))
            yield from _fire(bench)
            if latency == _LATE:
                yield from _given_up(bench, Queue.TRANSFER, 1)
            else:
                yield from bench.rig.collect(Queue.TRANSFER, 1)
                bench.temper_host(MemoryConfig())


def late_answers(bench: Workbench) -> Steps[None]:
    """READBACK's answers come in time, and then too late: one, and as many as may be under way."""
    for height in (1, 13, _ROWS):
        work = yield from _data(bench, Opcode.READBACK, height)
        for latency in (_SOON, _LATE):
            bench.rig.bus = _frames(bench, DESTINATION) if latency == _LATE else MemoryConfig().bus
            yield from _armed(bench, [work])
            bench.temper_host(MemoryConfig(write_latency=latency))
            yield from _fire(bench)
            if latency == _SOON:
                yield from bench.rig.collect(Queue.TRANSFER, 1)
                bench.temper_host(MemoryConfig())
                continue
            yield Delay(_SOON * _CYCLE_NS, "data")
            bench.temper_host(MemoryConfig())
            yield from _given_up(bench, Queue.TRANSFER, 1)


def late_records(bench: Workbench) -> Steps[None]:
    """Answers to records come too late, of one and of several; what they tell of is announced as lost."""
    for queue in Queue:
        for count in (1, 6):
            nops = [Descriptor(opcode=Opcode.NOP)] * count
            bench.temper_host(MemoryConfig(write_latency=_LATE))
            yield from bench.rig.post(queue, nops)
            yield Delay((WATCHDOG + 900) * _CYCLE_NS, "give up")
            raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
            assert raised.watchdog and raised.completion_error, raised
            bench.temper_host(MemoryConfig())
            yield Delay(_LATE * _CYCLE_NS, "late answers")
            assert len(bench.rig.take(queue, count + 1)) == count
            yield from bench.rig.consume(queue)
            yield CsrWrite(Address.IRQ_STATUS, 0x7F)
            yield from _works(bench)


def void_bursts(bench: Workbench) -> Steps[None]:
    """The watchdog gives up while data cannot be sent: they go without strobes then, and later ones with theirs."""
    for height, width in ((3, 64), (9, 64), (_ROWS, 64), (60, 8)):  # the last has the most bursts before their data
        work = yield from _data(bench, Opcode.READBACK, height, width)
        bench.rig.bus = _frames(bench, DESTINATION)
        noise = bench.random.bytes(width)
        at = (height - 1) * (width + 16)
        last = bench.tables[DESTINATION].get(at // PAGE).frame * PAGE + at % PAGE
        bench.rig.store(last, noise)
        yield from _armed(bench, [work])
        bench.temper_host(MemoryConfig(w=Stall(255, 255)))
        yield from _fire(bench)
        yield Delay((WATCHDOG + 900) * _CYCLE_NS, "give up")
        bench.temper_host(MemoryConfig())
        yield from _given_up(bench, Queue.TRANSFER, 1)
        assert bench.host.read(last, width) == noise, "a burst that was given up has been written"


def long_silence(bench: Workbench) -> Steps[None]:
    """All who wait for host memory wait for 2^17 cycles and more, are given up then, and work again.

    Writes first, or the records of reads that are given up would end the silence of writes.
    """
    walk = 1500
    queue, other = Queue
    data = yield from _data(bench, Opcode.WRITEBACK, 2)
    writes = yield from _data(bench, Opcode.READBACK, 2)
    source, destination = _frames(bench, SOURCE), _frames(bench, DESTINATION)
    root = bench.tables[SOURCE].root // PAGE
    bench.rig.bus = lambda at, size, write: destination(at, size, write) if write else source(at, size, write)
    reads = [Descriptor(opcode=Opcode.NOP), replace(data, host_offset=20 * PAGE)]
    yield from _armed(bench, [*reads, writes])
    bench.rig.bus = lambda at, size, write: Cause.WATCHDOG if at // PAGE == root else Cause.NONE
    bench.rig.put(queue, replace(data, host_offset=30 * PAGE))
    yield from bench.rig.ring_doorbell(queue)
    yield Delay(500 * _CYCLE_NS, "fetched")
    bench.temper_host(MemoryConfig(read_latency=walk, b=Stall(255, 255)))
    yield from bench.rig.control(queue, halt=False, resume=True)
    yield Delay((walk + 400) * _CYCLE_NS, "the first walk ends, data and the second are asked for")
    bench.temper_host(MemoryConfig(r=Stall(255, 255), b=Stall(255, 255)))
    ring = bench.rig.rings[other]
    lost = Outcome(Status.ERROR, Cause.WATCHDOG, ring.entry_address(ring.written))
    bench.rig.put(
        other, Descriptor(opcode=Opcode.NOP, interrupt=1), shown=Descriptor(tag=ring.written & 0xFFFF), outcome=lost
    )
    yield from bench.rig.control(other, halt=False)
    yield from bench.rig.ring_doorbell(other)
    yield Delay((LONG - walk - 800) * _CYCLE_NS, "silence")
    raised = yield CsrRead(Address.IRQ_STATUS)
    assert not raised, f"{raised:#x} raised before the watchdog's time"
    yield Delay((walk + 1500) * _CYCLE_NS, "give up")
    raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
    assert raised.watchdog and raised.completion_error, raised
    bench.temper_host(MemoryConfig())
    yield Delay(_LATE * _CYCLE_NS, "late answers")
    assert len(bench.rig.take(queue, 5)) == 4
    yield from bench.rig.consume(queue)
    yield from bench.rig.control(queue)
    yield from bench.rig.control(other)
    yield from _given_up(bench, other, 1)


def halfway(bench: Workbench) -> Steps[None]:
    """Soft resets in the middle of bursts of every requester, of some after the watchdog: nobody waits for the rest.

    A count of what is owed that is wrong by a few leaves its requester waiting, of which the watchdog tells later.
    """
    for lap in range(16):
        yield from bench.invalidate(SOURCE)
        rare = Stall(5 + lap % 3, 6 + lap % 3)
        slow = MemoryConfig(read_latency=25, write_latency=25, reorder=bool(lap % 2), r=rare, w=rare, b=rare)
        bench.temper_host(slow)
        place = {"host_offset": (1 + lap % 5 * 8) * PAGE - 200, "host_stride": 700}
        work = [transfer(opcode, Box(5, 1, 300, 4), **place) for opcode in (Opcode.WRITEBACK, Opcode.READBACK)]
        yield from bench.rig.post(Queue.TRANSFER, [*work, Descriptor(opcode=Opcode.NOP)])
        yield from bench.rig.post(Queue.RENDER, [Descriptor(opcode=Opcode.NOP)] * 4)
        yield Delay((70 + 41 * lap) * _CYCLE_NS, "halfway")
        if lap % 2:
            bench.temper_host(replace(slow, r=Stall(255, 255), b=Stall(255, 255)))
            yield Delay((WATCHDOG + 300) * _CYCLE_NS, "give up")
            bench.temper_host(slow)
            yield Delay(400 * _CYCLE_NS, "some of the late answers")
        yield from bench.reset_under_way()
        bench.temper_host(MemoryConfig())
        yield Delay((WATCHDOG + 300) * _CYCLE_NS, "nobody waits")
        raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
        assert not raised.watchdog, f"{raised}: after a soft reset somebody waits for an answer"
    yield from _works(bench)


def piled(bench: Workbench) -> Steps[None]:
    """Soft resets one after another, each with all reads and writes under way that there may be; then all come.

    No read may reach the device. What was sent to host memory lands where nobody else writes, whenever memory likes.
    """
    ledger = bench.rig.ledger
    assert ledger is not None, "open() first"
    for height, width in ((2, 2048), (64, 64)) * 2:
        reads = yield from _data(bench, Opcode.WRITEBACK, height, width)
        writes = yield from _data(bench, Opcode.READBACK, 64, offset=_LANDING * PAGE)
        ledger.device[: bench.used] = yield ScanOut(0, bench.used)
        yield from _armed(bench, [reads, writes], cut=True)
        bench.temper_host(MemoryConfig(read_latency=16_000, write_latency=16_000, jitter=300, reorder=True))
        yield from _fire(bench)
        yield Delay(1200 * _CYCLE_NS, "under way")
        status = EngineStatus.from_int((yield CsrRead(Address.STATUS)))
        assert status.writes_outstanding >= 64 and (width > 64 or status.reads_outstanding >= 64), status
        assert status.busy and status.readback_busy and status.writeback_busy, status
        bench.temper_host(MemoryConfig())
        yield CsrWrite(Address.CONTROL, Control(enable=1, soft_reset=1).to_int())
        yield from bench.rig.until(Address.CONTROL, Control(soft_reset=1).to_int(), 0)
        for ring in bench.rig.rings.values():
            bench.rig.store(ring.records, bytes(Record.SIZE << ring.completion_log2))
        ledger.forgive([], ledger.device)
        yield from bench.rig.bring_up()
    for _ in range(2):
        yield from bench.good()  # behind all that is owed
    yield Delay(16_000 * _CYCLE_NS, "all has come")
    for page in range(_LANDING, _LANDING + 3):
        frame = bench.tables[DESTINATION].get(page).frame
        ledger.image.expected.reshape(-1, PAGE)[frame] = bench.host.pages[frame]
    yield from _works(bench)


def forgotten(bench: Workbench) -> Steps[None]:
    """Soft resets one after another while the walker waits for an entry, and then both rings for descriptors too.

    What comes later is of another page and another place than what is asked for by then, and nobody may take it.
    """
    ledger = bench.rig.ledger
    assert ledger is not None, "open() first"
    for lap, ahead in enumerate((0, 0, 0, 3, 0, 7)):
        data = replace((yield from _data(bench, Opcode.WRITEBACK, 2)), host_offset=(20 + lap) * PAGE)
        ledger.device[: bench.used] = yield ScanOut(0, bench.used)
        yield from bench.invalidate(SOURCE)
        yield from _armed(bench, [data], cut=True)
        bench.temper_host(MemoryConfig(read_latency=16_000, reorder=True))
        yield from _fire(bench)
        for each in Queue if ahead else ():
            for _ in range(ahead):
                bench.rig.put(each, Descriptor(opcode=Opcode.NOP), cut=True)
            yield from bench.rig.ring_doorbell(each)
        yield Delay(800 * _CYCLE_NS, "under way")
        status = EngineStatus.from_int((yield CsrRead(Address.STATUS)))
        assert status.reads_outstanding >= (3 if ahead else 1), status
        bench.temper_host(MemoryConfig(reorder=True))
        yield CsrWrite(Address.CONTROL, Control(enable=1, soft_reset=1).to_int())
        yield from bench.rig.until(Address.CONTROL, Control(soft_reset=1).to_int(), 0)
        for ring in bench.rig.rings.values():
            bench.rig.store(ring.records, bytes(Record.SIZE << ring.completion_log2))
        ledger.forgive([], ledger.device)
        yield from bench.rig.bring_up()
    for _ in range(2):
        yield from bench.good()  # behind all that is owed
    yield from _works(bench)
