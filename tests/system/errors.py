"""Cases of failure: every cause that a record can carry is reached, and the engine works afterwards.

With `halt_on_error` (the bench's default) the queue must stand still until it is resumed; without it the next
descriptor follows.  What a failed descriptor moved before it failed is predicted like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.engine import Queue
from models.execute import ENTRY_SIZE, Outcome
from models.layout import (
    Cause,
    Descriptor,
    Opcode,
    PageTableEntry,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps
from models.surface import Box
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.sequences import boxed
from tests.system.workbench import DESTINATION, LARGE, PAGES, SOURCE, Workbench

__all__ = [
    "aborted",
    "alignment",
    "box_outside",
    "bus_errors",
    "fetch_error",
    "malformed",
    "overlap",
    "read_only",
    "ring_overflow",
    "transfer",
    "translation_faults",
    "unknown_opcodes",
    "walk_errors",
    "without_halt",
]

_BOX = Box(5, 1, 900, 6)
_HALTED = QueueStatus(halted=1).to_int()


def _status(queue: Queue) -> int:
    return queue_address(queue, QueueOffset.STATUS)


def transfer(opcode: Opcode, box: Box = _BOX, **more: int) -> Descriptor:
    target = DESTINATION if opcode == Opcode.READBACK else SOURCE
    place = {"surface": 0, "object": target, "host_offset": 5 * PAGE - 700, "host_stride": 1000}
    return boxed(opcode, box, **{**place, **more})


def fails(bench: Workbench, queue: Queue, bad: Sequence[Descriptor], cause: Cause) -> Steps[list[Record]]:
    """Each descriptor ends with `cause`, halts its queue, and after a resume the engine still works."""
    records: list[Record] = []
    for descriptor in bad:
        yield from bench.rig.post(queue, [descriptor])
        records += yield from bench.rig.collect(queue, 1)
        assert records[-1].cause == cause, f"{descriptor} ended with {records[-1]}, not with {cause.name}"
        yield from _go_on(bench, queue)
    yield from bench.settle()
    return records


def _go_on(bench: Workbench, queue: Queue) -> Steps[None]:
    """The queue is halted: it does not touch a new descriptor until it is resumed."""
    yield from bench.rig.until(_status(queue), _HALTED, _HALTED)
    yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP)])
    yield Delay(1000, "settle")
    assert not bench.rig.take(queue, 1), "a halted queue went on"
    yield from bench.rig.control(queue, resume=True)
    yield from bench.rig.collect(queue, 1)
    yield from bench.good(queue)


def box_outside(bench: Workbench) -> Steps[None]:
    """BOX_OUTSIDE: too far right, too far down, no such surface; destination and source."""
    row, rows = bench.surfaces[0].row_bytes, bench.surfaces[0].height
    bad = [
        transfer(Opcode.WRITEBACK, Box(row - 899, 1, 900, 1)),
        transfer(Opcode.READBACK, Box(0, rows - 1, 5, 2)),
        transfer(Opcode.READBACK, Box((1 << 20) - 1, 0, (1 << 20) - 1, 1)),
        transfer(Opcode.READBACK, Box(0, (1 << 16) - 1, 1, (1 << 16) - 1)),
        transfer(Opcode.READBACK, surface=15),
    ]
    yield from fails(bench, Queue.TRANSFER, bad, Cause.BOX_OUTSIDE)
    draws = [
        boxed(Opcode.FILL, Box(0, 0, bench.surfaces[5].row_bytes + 1, 1), surface=5),
        boxed(Opcode.FILL, Box(0, 0, 1, 1), surface=15),
        boxed(Opcode.COPY, Box(0, 0, 100, 2), surface=5, source_surface=5, source_x=1250, source_y=4),
        boxed(Opcode.COPY, Box(0, 0, 100, 2), surface=5, source_surface=15),
    ]
    yield from fails(bench, Queue.RENDER, draws, Cause.BOX_OUTSIDE)


def unknown_opcodes(bench: Workbench) -> Steps[None]:
    """UNKNOWN_OPCODE: no such operation, or not one of this queue."""
    for queue, opcodes in ((Queue.TRANSFER, (8, 99, 255, Opcode.FILL, Opcode.COPY)),
                           (Queue.RENDER, (8, 200, Opcode.READBACK, Opcode.WRITEBACK))):  # fmt: skip
        yield from fails(bench, queue, [Descriptor(opcode=opcode) for opcode in opcodes], Cause.UNKNOWN_OPCODE)


def malformed(bench: Workbench) -> Steps[None]:
    """MALFORMED: reserved bits, or an index or a queue number out of range."""
    bad = [
        transfer(Opcode.READBACK, surface=16),
        transfer(Opcode.WRITEBACK, object=16),
        transfer(Opcode.WRITEBACK, reserved0=1 << 21),
        transfer(Opcode.WRITEBACK, reserved1=0x80),
        transfer(Opcode.READBACK, reserved2=1),
        transfer(Opcode.READBACK, reserved3=0x8000),
        Descriptor(opcode=Opcode.WAIT, queue=2),
        Descriptor(opcode=Opcode.INVALIDATE, object=0xFF),
    ]
    yield from fails(bench, Queue.TRANSFER, bad, Cause.MALFORMED)
    draw = {"surface": 5, "source_surface": 5}
    draws = [
        boxed(Opcode.COPY, Box(0, 0, 10, 1), **{**draw, "source_surface": 16}),
        boxed(Opcode.FILL, Box(0, 0, 10, 1), surface=0x80),
        boxed(Opcode.COPY, Box(0, 0, 10, 1), **draw, reserved4=1),
        boxed(Opcode.COPY, Box(0, 0, 10, 1), **draw, reserved5=1 << 11),
        boxed(Opcode.FILL, Box(0, 0, 10, 1), surface=5, reserved6=1 << 63),
    ]
    yield from fails(bench, Queue.RENDER, draws, Cause.MALFORMED)


def alignment(bench: Workbench) -> Steps[None]:
    """ALIGNMENT: x, width or source x cut a pixel, or the pixel sizes differ."""
    pixel = bench.surfaces[7].bytes_per_pixel
    draws = [
        boxed(Opcode.FILL, Box(1, 0, pixel, 1), surface=7),
        boxed(Opcode.FILL, Box(pixel, 0, pixel + 1, 1), surface=7),
        boxed(Opcode.COPY, Box(0, 0, pixel, 1), surface=7, source_surface=7, source_x=pixel - 1, source_y=3),
        boxed(Opcode.COPY, Box(0, 0, 2 * pixel, 1), surface=7, source_surface=6),
    ]
    yield from fails(bench, Queue.RENDER, draws, Cause.ALIGNMENT)


def overlap(bench: Workbench) -> Steps[None]:
    """OVERLAP: a COPY onto itself; boxes that only touch are fine."""
    draws = [
        boxed(Opcode.COPY, Box(10, 3, 40, 4), surface=5, source_surface=5, source_x=x, source_y=y)
        for x, y in ((10, 3), (49, 6), (0, 0))
    ]
    yield from fails(bench, Queue.RENDER, draws, Cause.OVERLAP)
    beside = boxed(Opcode.COPY, Box(10, 3, 40, 4), surface=5, source_surface=5, source_x=50, source_y=3)
    below = boxed(Opcode.COPY, Box(10, 3, 40, 4), surface=5, source_surface=5, source_x=10, source_y=7)
    records = yield from bench.batch(Queue.RENDER, [beside, below])
    assert all(record.cause == Cause.NONE for record in records), records


def translation_faults(bench: Workbench) -> Steps[None]:
    """TRANSLATION_FAULT: no object, past its end, past 2^32, a page or a directory entry that is not valid."""
    large = bench.tables[LARGE]
    hole, gap = 3, 5
    yield from _entries(bench, LARGE, {hole: PageTableEntry()})
    directory = large.root + PageTableEntry.SIZE  # of pages 512 to 529
    kept = bench.host.read(directory, PageTableEntry.SIZE)
    yield from bench.change_table(LARGE, directory, PageTableEntry().pack())
    bad = [
        transfer(opcode, _BOX, **where)
        for opcode in (Opcode.READBACK, Opcode.WRITEBACK)
        for where in (
            {"object": 15},
            {"host_offset": PAGES * PAGE - 2500},
            {"host_offset": 0xFFFFFFFF},
            {"object": LARGE, "host_offset": hole * PAGE - 1800},
            {"object": LARGE, "host_offset": 512 * PAGE - gap},
        )
    ]
    yield from fails(bench, Queue.TRANSFER, bad, Cause.TRANSLATION_FAULT)
    yield from bench.change_table(LARGE, directory, kept)


def read_only(bench: Workbench) -> Steps[None]:
    """READ_ONLY: a READBACK stops at the first page that is not writable; a WRITEBACK reads it."""
    page = 5
    entry = bench.tables[DESTINATION].get(page)
    yield from _entries(bench, DESTINATION, {page: PageTableEntry(1, 0, entry.frame)})
    yield from fails(bench, Queue.TRANSFER, [transfer(Opcode.READBACK)], Cause.READ_ONLY)
    yield from bench.batch(Queue.TRANSFER, [transfer(Opcode.WRITEBACK, object=DESTINATION)])
    yield from _entries(bench, DESTINATION, {page: entry})


def _entries(bench: Workbench, target: int, entries: dict[int, PageTableEntry]) -> Steps[None]:
    table = bench.tables[target]
    for page, entry in entries.items():
        yield from bench.change_table(target, table.entry_address(page), entry.pack())


def bus_errors(bench: Workbench) -> Steps[None]:
    """BUS_ERROR: SLVERR and DECERR, on a read and on a write, in the first and in a later burst."""
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        write = opcode == Opcode.READBACK
        for response, offset in ((2, 0), (3, 0), (2, 2000), (3, 3100)):
            start = 5 * PAGE - 700 + offset
            frame = bench.tables[target].get(start // PAGE).frame
            window = ErrorWindow(frame * PAGE + start % PAGE, 1, read=not write, write=write, response=response)
            bench.temper_host(MemoryConfig(error=window))
            yield from bench.rig.post(Queue.TRANSFER, [transfer(opcode)])
            record = (yield from bench.rig.collect(Queue.TRANSFER, 1))[0]
            assert record.cause == Cause.BUS_ERROR, record
            bench.temper_host(MemoryConfig())
            yield from bench.settle()
            yield from _go_on(bench, Queue.TRANSFER)


def walk_errors(bench: Workbench) -> Steps[None]:
    """WALK_ERROR: the bus refuses an entry of a flat table, of a directory, of a table behind one."""
    large = bench.tables[LARGE]
    for target, address in (
        (DESTINATION, bench.tables[DESTINATION].entry_address(5)),
        (LARGE, large.root),
        (LARGE, large.entry_address(5)),
    ):
        yield from bench.invalidate(target)
        bench.temper_host(MemoryConfig(error=ErrorWindow(address, 1, read=True)))
        yield from bench.rig.post(Queue.TRANSFER, [transfer(Opcode.READBACK, object=target, host_offset=5 * PAGE)])
        record = (yield from bench.rig.collect(Queue.TRANSFER, 1))[0]
        assert record.cause == Cause.WALK_ERROR and record.address == address, record
        bench.temper_host(MemoryConfig())
        yield from _go_on(bench, Queue.TRANSFER)


def fetch_error(bench: Workbench) -> Steps[None]:
    """FETCH_ERROR: the bus refuses a descriptor; its record carries the index for a tag, and opcode 0."""
    for queue in Queue:
        ring = bench.rig.rings[queue]
        index, address = ring.written, ring.entry_address(ring.written)
        bench.temper_host(MemoryConfig(error=ErrorWindow(address, ENTRY_SIZE[queue], read=True)))
        bench.rig.put(
            queue,
            Descriptor(opcode=Opcode.NOP),
            shown=Descriptor(tag=index & 0xFFFF),
            outcome=Outcome(Status.ERROR, Cause.FETCH_ERROR, address),
        )
        yield from bench.rig.ring_doorbell(queue)
        record = (yield from bench.rig.collect(queue, 1))[0]
        assert record.cause == Cause.FETCH_ERROR, record
        bench.temper_host(MemoryConfig())
        yield from _go_on(bench, queue)


def ring_overflow(bench: Workbench) -> Steps[None]:
    """RING_OVERFLOW: a doorbell beyond the capacity is refused and counted; its record carries the refused tail."""
    for queue in Queue:
        ring = bench.rig.rings[queue]
        refused = (ring.tail + (1 << ring.log2) + 1) & 0xFFFF
        bench.rig.forecast(
            queue, Descriptor(tag=refused), Outcome(Status.ERROR, Cause.RING_OVERFLOW)
        )
        yield CsrWrite(queue_address(queue, QueueOffset.TAIL), refused)
        record = (yield from bench.rig.collect(queue, 1))[0]
        assert record.cause == Cause.RING_OVERFLOW, record
        assert (yield CsrRead(queue_address(queue, QueueOffset.TAIL))) == ring.tail & 0xFFFF
        assert (yield CsrRead(queue_address(queue, QueueOffset.OVERFLOWS))) == 1
        yield from _go_on(bench, queue)


def aborted(bench: Workbench) -> Steps[None]:
    """ABORTED: an abort drops every descriptor of a halted queue, one record each, and writes no byte more."""
    for queue in Queue:
        if queue is Queue.TRANSFER:
            bad, rest = transfer(Opcode.READBACK, surface=15), transfer(Opcode.READBACK)
        else:
            bad = boxed(Opcode.FILL, Box(0, 0, 1, 1), surface=15)
            rest = boxed(Opcode.FILL, Box(6, 1, 300, 3), surface=5, pattern_low=1)
        yield from bench.rig.post(queue, [bad])
        yield from bench.rig.collect(queue, 1)
        for _ in range(20):
            bench.rig.put(queue, rest, outcome=Outcome(Status.ABORTED, Cause.ABORTED))
        yield from bench.rig.ring_doorbell(queue)
        yield from bench.rig.until(_status(queue), _HALTED, _HALTED)
        yield from bench.rig.control(queue, abort=True)
        records = yield from bench.rig.collect(queue, 20)
        assert all(record.status == Status.ABORTED for record in records), records
        yield from bench.rig.until(_status(queue), 0xFFFFFFFF, 0)
        yield from bench.good(queue)


def without_halt(bench: Workbench) -> Steps[None]:
    """With halt_on_error off the next descriptor follows: good and bad ones in turn, all completed in order."""
    yield from bench.rig.control(Queue.TRANSFER, halt=False)
    yield from bench.rig.control(Queue.RENDER, halt=False)
    causes = yield from bench.batch(
        Queue.TRANSFER,
        [
            transfer(Opcode.READBACK, surface=15),
            transfer(Opcode.WRITEBACK, Box(0, 2, 500, 3), surface=1),
            transfer(Opcode.READBACK, object=15),
            transfer(Opcode.READBACK, Box(7, 0, 500, 3), surface=2),
            Descriptor(opcode=Opcode.WAIT, queue=9),
            Descriptor(opcode=Opcode.FENCE, host_offset=0xFFFF0001),
        ],
    )
    expected = [Cause.BOX_OUTSIDE, Cause.NONE, Cause.TRANSLATION_FAULT, Cause.NONE, Cause.MALFORMED, Cause.NONE]
    assert [record.cause for record in causes] == expected, causes
    yield from bench.batch(Queue.RENDER, [Descriptor(opcode=99), boxed(Opcode.FILL, Box(0, 0, 26, 9), surface=5)])
    yield from bench.rig.control(Queue.TRANSFER)
    yield from bench.rig.control(Queue.RENDER)

