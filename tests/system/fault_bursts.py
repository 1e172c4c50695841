"""Bus errors burst by burst: on host data both ways, on page tables, on descriptors, on records and fence values.

Each case is performed once undisturbed, the trace says which bursts it takes, and then it is performed again for each
of them with an error at its place.  Who must end how is the ledger's prediction; what was queued beside the victim, in
both directions, must be as good as ever, and so must the next good transfer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.engine import Queue
from models.execute import ENTRY_SIZE, Outcome
from models.layout import (
    Address,
    Cause,
    Descriptor,
    IrqStatus,
    Opcode,
    PageTableEntry,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE
from models.page_table import ObjectTable
from models.steps import CsrRead, CsrWrite, Steps
from models.surface import Box
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.sequences import boxed
from tests.system.fault_site import DESTINATION, HOLED, LARGE, PAGES, SOURCE, FaultSite

__all__ = [
    "LINE",
    "TEMPERS",
    "Burst",
    "data_error",
    "data_targets",
    "fence_error",
    "fetch_error",
    "fetched",
    "record_error",
    "translates",
    "walk_error",
    "walk_targets",
]

LINE = 64
"""Bytes of a page table that a walk may bring at once: an error there is an error of every entry in them."""

TEMPERS = (
    MemoryConfig(),
    MemoryConfig(read_latency=120, write_latency=90, jitter=60, reorder=True),
    MemoryConfig(read_limit=2, write_limit=1, read_latency=3, write_latency=40),
)
"""Kinds of host memory: as it is by default, slow and out of order, a burst or two at a time."""

_BOXES = (
    (4, Box(3, 0, 690, 8), {"host_offset": PAGE - 300, "host_stride": 720}),  # rows that pages cut in two
    (7, Box(0, 0, 640, 5), {"host_offset": 2 * PAGE - 1000, "host_stride": 640}),  # rows that follow on each other
    (2, Box(8, 0, 64, 7), {"host_offset": 1001, "host_stride": PAGE}),  # a page a row
    (1, Box(0, 2, 699, 3), {"host_offset": 5 * PAGE + 3, "host_stride": 735}),
)


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst as the trace told it: bus address and bytes."""

    address: int
    length: int

    @property
    def middle(self) -> int:
        """An address that belongs to this burst, whatever lies beside it in the words at its ends."""
        return self.address + self.length // 2


def data_targets() -> Iterator[Descriptor]:
    """Boxes of several rows and bursts, both ways."""
    for surface, box, place in _BOXES:
        yield boxed(Opcode.READBACK, box, surface=surface, object=DESTINATION, **place)
        yield boxed(Opcode.WRITEBACK, box, surface=surface, object=SOURCE, **place)


def walk_targets() -> Iterator[Descriptor]:
    """Boxes whose rows lie in many pages: of a flat object, and of a two-level one across tables and lines."""
    for opcode in (Opcode.READBACK, Opcode.WRITEBACK):
        flat = DESTINATION if opcode == Opcode.READBACK else SOURCE
        box = Box(8, 3, 32, 19)
        place = {"surface": 2, "host_stride": PAGE}
        yield boxed(opcode, replace(box, height=PAGES), object=flat, host_offset=40, **place)
        yield boxed(opcode, box, object=LARGE, host_offset=500, **place)
        yield boxed(opcode, replace(box, height=4), object=LARGE, host_offset=526 * PAGE + 96, **place)


def freshen(site: FaultSite, *tables: ObjectTable) -> None:
    """Put noise into the pages of objects, so that whatever moves is seen."""
    for table in tables:
        for page in range(min(table.pages, PAGES)):
            entry = table.get(page)
            if entry.valid:
                noise = site.random.integers(0, 256, PAGE, np.uint8)
                site.rig.store(entry.frame * PAGE, noise.tobytes())


def beside() -> list[Descriptor]:
    """What is queued behind a victim: each way, in surfaces and pages of their own."""
    return [
        boxed(Opcode.WRITEBACK, Box(5, 1, 90, 2), surface=3, object=HOLED, host_offset=PAGE + 9, host_stride=100),
        boxed(Opcode.READBACK, Box(9, 2, 80, 3), surface=0, object=HOLED, host_offset=70, host_stride=95),
    ]


def hit(site: FaultSite, temper: MemoryConfig, window: ErrorWindow) -> None:
    """From now on the bursts in a window fail."""
    site.temper_host(replace(temper, error=window))


def work_off(site: FaultSite, queue: Queue, count: int, halt: bool) -> Steps[list[Record]]:
    """Take the records of what was published; a queue that halts at its error is resumed, once it has."""
    if halt:
        halted = QueueStatus(halted=1).to_int()
        yield from site.until(queue_address(queue, QueueOffset.STATUS), halted, halted, f"halt of {queue.name}")
        yield from site.rig.control(queue, resume=True)
    records = yield from site.records(queue, count)
    site.temper_host(MemoryConfig())
    yield from site.rig.control(queue)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from site.good()
    return records


def data_error(
    site: FaultSite, target: Descriptor, burst: Burst, *, temper: MemoryConfig, response: int, halt: bool
) -> Steps[Record]:
    """The target meets an error at one of its bursts; returns its record."""
    freshen(site, site.objects[target.object], site.objects[HOLED])
    write = target.opcode == Opcode.READBACK
    hit(site, temper, ErrorWindow(burst.middle, 1, read=not write, write=write, response=response))
    yield from site.rig.control(Queue.TRANSFER, halt=halt)
    count = yield from site.rig.post(Queue.TRANSFER, [target, *beside()])
    records = yield from work_off(site, Queue.TRANSFER, count, halt)
    causes = [Cause(record.cause) for record in records]
    assert causes == [Cause.BUS_ERROR, Cause.NONE, Cause.NONE], f"an error at {burst} of {target} gave {causes}"
    return records[0]


def walk_error(
    site: FaultSite, target: Descriptor, burst: Burst, *, temper: MemoryConfig, response: int, halt: bool
) -> Steps[Record]:
    """The target meets an error where its translations are read; returns its record."""
    freshen(site, site.objects[target.object], site.objects[HOLED])
    line = burst.address // LINE * LINE
    hit(site, temper, ErrorWindow(line, LINE, read=True, response=response))
    yield from site.rig.control(Queue.TRANSFER, halt=halt)
    work = [Descriptor(opcode=Opcode.INVALIDATE, object=target.object), replace(target, order=1), *beside()]
    count = yield from site.rig.post(Queue.TRANSFER, work)
    records = yield from work_off(site, Queue.TRANSFER, count, halt)
    causes = [Cause(record.cause) for record in records]
    due = [Cause.NONE, Cause.WALK_ERROR, Cause.NONE, Cause.NONE]
    assert causes == due, f"an error at {burst}, in the tables of {target}, gave {causes}"
    return records[1]


def translates(site: FaultSite, target: Descriptor, line: int) -> bool:
    """Whether one of a target's bytes needs an entry, of a table or directory, in the line at a bus address.

    Lines that are only looked at ahead are none of its business.
    """
    table = site.objects[target.object]
    ends = [target.host_offset + row * target.host_stride for row in range(target.height)]
    pages = {(end + far) // PAGE for end in ends for far in (0, target.width - 1)}
    needed = {table.entry_address(page) for page in pages}
    if table.two_level:
        needed |= {table.root + page // 512 * PageTableEntry.SIZE for page in pages}
    return any(line <= at < line + LINE for at in needed)


def fetched(site: FaultSite, queue: Queue) -> list[Descriptor]:
    """A handful of descriptors, of which any may be lost on its way to the engine."""
    if queue is Queue.TRANSFER:
        return [Descriptor(opcode=Opcode.NOP), *beside(), Descriptor(opcode=Opcode.INVALIDATE), *beside()]
    value = int(site.random.integers(1 << 62))
    fills = [boxed(Opcode.FILL, Box(4 * n, n, 40, 2), surface=2, pattern_low=value + n) for n in range(3)]
    return [*fills, boxed(Opcode.COPY, Box(8, 9, 40, 3), surface=5, source_surface=2, source_y=1), *fills]


def fetch_error(
    site: FaultSite, queue: Queue, lost: int, *, temper: MemoryConfig, response: int, halt: bool, together: int
) -> Steps[None]:
    """The `lost`-th of a few descriptors meets an error; so do those that were to come in the same `together` bytes."""
    freshen(site, site.objects[HOLED])
    ring, size = site.rig.rings[queue], ENTRY_SIZE[queue]
    work = fetched(site, queue)
    place = ring.entry_address(ring.written + lost) // together * together
    hit(site, temper, ErrorWindow(place, together, read=True, response=response))
    gone = 0
    for descriptor in work:
        index, at = ring.written, ring.entry_address(ring.written)
        if place < at + size and at < place + together:
            gone += 1
            nothing = Descriptor(tag=index & 0xFFFF)
            site.rig.put(queue, descriptor, shown=nothing, outcome=Outcome(Status.ERROR, Cause.FETCH_ERROR, at))
        else:
            site.rig.put(queue, descriptor)
    yield from site.rig.control(queue, halt=halt)
    yield from site.rig.ring_doorbell(queue)
    records = yield from _resumed(site, queue, len(work), halt)
    lost_ones = sum(record.cause == Cause.FETCH_ERROR for record in records)
    assert gone and lost_ones == gone, f"{queue.name}: {lost_ones} FETCH_ERROR, not {gone}"


def _resumed(site: FaultSite, queue: Queue, count: int, halt: bool) -> Steps[list[Record]]:
    """As `work_off`, for errors of which several may come one by one."""
    status, last = queue_address(queue, QueueOffset.STATUS), (site.rig.rings[queue].taken + count) & 0xFFFF
    tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
    for _ in range(100 * count if halt else 0):
        if (yield CsrRead(tail)) == last:
            break
        if QueueStatus.from_int((yield CsrRead(status))).halted:
            yield from site.rig.control(queue, resume=True)
    records = yield from site.records(queue, count)
    site.temper_host(MemoryConfig())
    yield from site.rig.control(queue, resume=True)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from site.good()
    return records


# ------------------------------------------------------------------------------------------- records and fence values


def _noted(site: FaultSite, queue: Queue) -> list[Descriptor]:
    """Descriptors of which any may be done and never be heard of."""
    fence = Descriptor(opcode=Opcode.FENCE, host_offset=site.rig.rings[queue].written + 77)
    return [*fetched(site, queue)[:3], fence, *fetched(site, queue)[-2:]]


def record_error(site: FaultSite, queue: Queue, lost: int, *, temper: MemoryConfig, response: int) -> Steps[None]:
    """The `lost`-th record does not arrive: IRQ_STATUS says so, its work is done, and the rings go on.

    On a wide bus another record of the same word is lost with it.
    """
    freshen(site, site.objects[HOLED])
    ring = site.rig.rings[queue]
    work = _noted(site, queue)
    place = ring.record_address(ring.taken + lost)
    hit(site, temper, ErrorWindow(place, Record.SIZE, write=True, response=response))
    yield from site.rig.post(queue, work)
    yield from _untold(site, queue, len(work))
    word = max(Record.SIZE, site.ledger.data_width // 8)
    end_cycle = 0
    for number in range(len(work)):
        at, phase = ring.record_address(ring.taken), ring.phase(ring.taken)
        record = Record.unpack(site.host.read(at, Record.SIZE))
        if at // word == place // word:
            assert record.phase != phase, f"{queue.name}: a record that met an error arrived: {record}"
            # what it would have said, where the ledger may look for it
            one = work[number]
            # who finds records by their phase must mend the slot, or it looks new a lap too early
            site.rig.store(at, Record(phase=phase).pack())
            said = Record(_tag(site, queue), one.opcode, queue=queue, phase=phase, end_cycle=end_cycle)
            record = replace(said, bytes=one.width * one.height)
            at = site.scratch
            site.rig.store(at, record.pack())
        end_cycle = record.end_cycle
        site.ledger.observe(queue, record, at, phase)
        ring.taken += 1
    yield from site.rig.consume(queue)
    yield from site.good()


def fence_error(site: FaultSite, queue: Queue, *, temper: MemoryConfig, response: int) -> Steps[None]:
    """A fence value does not arrive: IRQ_STATUS says so, and all else goes on."""
    ring = site.rig.rings[queue]
    work = _noted(site, queue)
    value = next(one.host_offset for one in work if one.opcode == Opcode.FENCE)
    fence_at, ring.fence_at = ring.fence_at, site.scratch + PAGE // 2  # where the ledger finds it
    site.rig.store(ring.fence_at, value.to_bytes(8, "little"))
    hit(site, temper, ErrorWindow(fence_at, 8, write=True, response=response))
    yield from site.rig.post(queue, work)
    yield from _untold(site, queue, len(work))
    ring.fence_at = fence_at
    yield from site.records(queue, len(work))
    yield from site.good()


def _tag(site: FaultSite, queue: Queue) -> int:
    """The tag of the descriptor whose record is to be taken next, as it lies in the ring."""
    ring = site.rig.rings[queue]
    return site.host.read_u64(ring.entry_address(ring.taken)) >> 32


def _untold(site: FaultSite, queue: Queue, count: int) -> Steps[None]:
    """Until all is written or lost; the loss must raise completion_error, and nothing else than that and the ends."""
    ring = site.rig.rings[queue]
    tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
    yield from site.until(tail, 0xFFFF, (ring.taken + count) & 0xFFFF, f"last record of {queue.name}")
    yield from site.idle(queue)
    raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
    assert raised.completion_error, f"{queue.name}: {raised} after a lost record or fence value"
    assert not (raised.transfer_error or raised.render_error or raised.watchdog or raised.device_range), raised
    site.temper_host(MemoryConfig())
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
