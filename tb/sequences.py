"""Sequences for the engine itself, with no driver in between: any descriptor, any ring state, any order.

They yield the same steps as a driver, so the bridge performs them on RTL and `models.perform` on the untimed device.
A `Rig` owns the rings and tables in host memory and tells a ledger what it queues and what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from models.engine import Queue
from models.execute import ENTRY_SIZE, HostObject, Outcome, Tables
from models.layout import (
    OBJECT_COUNT,
    SURFACE_COUNT,
    Address,
    Cause,
    Control,
    Descriptor,
    EngineStatus,
    IrqCoalesce,
    IrqEnable,
    ObjectConfig,
    ObjectOffset,
    Opcode,
    QueueControl,
    QueueOffset,
    QueueSize,
    Record,
    SurfaceExtent,
    SurfaceFormat,
    SurfaceOffset,
    object_address,
    queue_address,
    surface_address,
)
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.steps import CsrRead, CsrWrite, Delay, Steps, WaitIrq
from models.surface import Box, Surface
from tb.scoreboard import Ledger

__all__ = ["Rig", "Ring", "boxed"]

_POLL_NS = 200
"""Host time between two looks at a register."""


def boxed(opcode: Opcode, box: Box, **more: int) -> Descriptor:
    """A descriptor for a box; `more` are further fields by name."""
    return replace(Descriptor(opcode=opcode, x=box.x, y=box.y, width=box.width, height=box.height), **more)


@dataclass
class Ring:
    """One queue: where its rings lie, how many descriptors were published, how many records were taken."""

    queue: Queue
    log2: int
    completion_log2: int
    entries: int
    records: int
    fence_at: int
    written: int = 0
    tail: int = 0
    taken: int = 0
    consumed: int = 0
    history: list[Record] = field(default_factory=list)

    def entry_address(self, count: int) -> int:
        """Bus address of the entry of the count-th descriptor."""
        return self.entries + count % (1 << self.log2) * ENTRY_SIZE[self.queue]

    def record_address(self, count: int) -> int:
        """Bus address of the count-th record."""
        return self.records + count % (1 << self.completion_log2) * Record.SIZE

    def phase(self, count: int) -> int:
        """Phase bit of the count-th record: 1 in the first lap, then flipping."""
        return 1 ^ (count >> self.completion_log2 & 1)


class Rig:
    """The engine's rings and tables on `host`.

    ledger: told of every descriptor and record once it is set.  Page tables and rings are laid out before it is made.
    bus: how an access of the engine ends, as `models.execute` asks for it; set it anew when host memory changes temper.
    """

    def __init__(
        self,
        host: HostMemory,
        *,
        ring_log2: int = 6,
        completion_log2: int = 6,
        bus: Callable[[int, int, bool], Cause],
    ) -> None:
        self.host = host
        self.ledger: Ledger | None = None
        self.bus = bus
        self.rings = {queue: self._ring(queue, ring_log2, completion_log2) for queue in Queue}
        self._surfaces: list[Surface | None] = [None] * SURFACE_COUNT
        self._objects: list[HostObject | None] = [None] * OBJECT_COUNT
        self.tag = 0x1000
        """Tag of the last descriptor; the next has one more."""

    def _ring(self, queue: Queue, log2: int, completion_log2: int) -> Ring:
        def room(size: int, what: str) -> int:
            return self.host.allocate_contiguous(-(-size // PAGE), f"{queue.name.lower()} {what}")

        return Ring(
            queue,
            log2,
            completion_log2,
            room(ENTRY_SIZE[queue] << log2, "ring"),
            room(Record.SIZE << completion_log2, "records"),
            room(8, "fence"),
        )

    @property
    def tables(self) -> Tables:
        """The tables as they were written."""
        return Tables(tuple(self._surfaces), tuple(self._objects))

    # --------------------------------------------------------------------------------------------------- set-up

    def bring_up(self, *, watchdog: int = 0, halt: bool = True, coalesce: IrqCoalesce | None = None) -> Steps[None]:
        """From reset to both queues enabled and every interrupt cause on.  Rings start over."""
        yield CsrWrite(Address.WATCHDOG, watchdog)
        yield CsrWrite(Address.IRQ_STATUS, 0x7F)
        yield CsrWrite(Address.IRQ_ENABLE, IrqEnable(mask=0x7F).to_int())
        yield CsrWrite(Address.IRQ_COALESCE, (coalesce or IrqCoalesce()).to_int())
        for ring in self.rings.values():
            ring.written = ring.tail = ring.taken = ring.consumed = 0
            at = ring.queue
            yield from self._write64(queue_address(at, QueueOffset.RING_BASE_LO), ring.entries)
            yield from self._write64(queue_address(at, QueueOffset.COMPLETION_BASE_LO), ring.records)
            yield from self._write64(queue_address(at, QueueOffset.FENCE_BASE_LO), ring.fence_at)
            size = QueueSize(ring_log2=ring.log2, completion_log2=ring.completion_log2)
            yield CsrWrite(queue_address(at, QueueOffset.SIZE), size.to_int())
            yield CsrWrite(queue_address(at, QueueOffset.COMPLETION_HEAD), 0)
            yield from self.control(at, halt=halt)
        yield CsrWrite(Address.CONTROL, Control(enable=1).to_int())

    def control(
        self, queue: Queue, *, enable: bool = True, halt: bool = True, resume: bool = False, abort: bool = False
    ) -> Steps[None]:
        """Write a queue's control register."""
        value = QueueControl(enable=int(enable), halt_on_error=int(halt), resume=int(resume), abort=int(abort))
        yield CsrWrite(queue_address(queue, QueueOffset.CONTROL), value.to_int())

    def soft_reset(self) -> Steps[int]:
        """Reset the engine under whatever goes on; returns how often CONTROL was polled until it was done.

        Queues are disabled afterwards; `bring_up` starts them again with empty rings.
        """
        yield CsrWrite(Address.CONTROL, Control(enable=1, soft_reset=1).to_int())
        polls = 0
        while Control.from_int((yield CsrRead(Address.CONTROL))).soft_reset:
            polls += 1
            yield Delay(_POLL_NS, "poll")
        outstanding = EngineStatus(writes_outstanding=0xFF).to_int()
        yield from self.until(Address.STATUS, outstanding, 0)  # a record of before may be on its way
        for ring in self.rings.values():
            self._clear(ring)
        return polls

    def _clear(self, ring: Ring) -> None:
        """Zero a completion ring, so that the first lap's phase is news again."""
        self.store(ring.records, bytes(Record.SIZE << ring.completion_log2))

    def surface(self, index: int, surface: Surface | None) -> Steps[None]:
        """Write an entry of the surface table; None makes it invalid."""
        self._surfaces[index] = surface
        if surface is not None:
            extent = SurfaceExtent(width=surface.width, height=surface.height)
            yield CsrWrite(surface_address(index, SurfaceOffset.BASE), surface.base)
            yield CsrWrite(surface_address(index, SurfaceOffset.EXTENT), extent.to_int())
        shape = SurfaceFormat()
        if surface is not None:
            shape = SurfaceFormat(bytes_per_pixel=surface.bytes_per_pixel, layout=surface.layout, valid=1)
        yield CsrWrite(surface_address(index, SurfaceOffset.FORMAT), shape.to_int())

    def object(self, index: int, table: ObjectTable | None) -> Steps[None]:
        """Write an entry of the object table; None makes it invalid.  Old translations stay until INVALIDATE."""
        self._objects[index] = None if table is None else HostObject(table.root, table.pages, table.two_level)
        if table is not None:
            yield from self._write64(object_address(index, ObjectOffset.ROOT_LO), table.root)
        config = ObjectConfig()
        if table is not None:
            config = ObjectConfig(pages=table.pages, two_level=int(table.two_level), valid=1)
        yield CsrWrite(object_address(index, ObjectOffset.CONFIG), config.to_int())

    # --------------------------------------------------------------------------------------------------- queues

    def put(
        self,
        queue: Queue,
        descriptor: Descriptor,
        *,
        shown: Descriptor | None = None,
        outcome: Outcome | None = None,
        cut: bool = False,
    ) -> None:
        """Write a descriptor into the ring, with a tag of its own, without telling the engine.

        shown, outcome, cut: what its record will show and how it will end, where that is not its own doing.
        """
        ring = self.rings[queue]
        self.tag = (self.tag + 1) & 0xFFFFFFFF
        tagged = replace(descriptor, tag=self.tag)
        self.store(ring.entry_address(ring.written), tagged.pack()[: ENTRY_SIZE[queue]])
        ring.written += 1
        self.forecast(queue, shown or tagged, outcome, cut=cut)

    def forecast(
        self, queue: Queue, descriptor: Descriptor, outcome: Outcome | None = None, *, cut: bool = False
    ) -> None:
        """Tell the ledger of a record to come; `put` does so for what it writes."""
        if self.ledger is not None:
            fence_at = self.rings[queue].fence_at
            self.ledger.expect(
                queue, descriptor, self.tables, self.bus, fence_at=fence_at, outcome=outcome, cut=cut
            )  # fmt: skip

    def ring_doorbell(self, queue: Queue) -> Steps[None]:
        """Publish what was put."""
        ring = self.rings[queue]
        ring.tail = ring.written
        yield CsrWrite(queue_address(queue, QueueOffset.TAIL), ring.tail & 0xFFFF)

    def post(self, queue: Queue, descriptors: Iterable[Descriptor], *, interrupt: bool = True) -> Steps[int]:
        """Put descriptors, the last asking for an interrupt, and publish them; returns how many."""
        work = list(descriptors)
        for index, descriptor in enumerate(work):
            last = interrupt and index == len(work) - 1
            self.put(queue, replace(descriptor, interrupt=1) if last else descriptor)
        yield from self.ring_doorbell(queue)
        return len(work)

    def collect(self, queue: Queue, count: int) -> Steps[list[Record]]:
        """Wait for interrupts until `count` more records are there; take and return them."""
        taken: list[Record] = []
        while True:
            taken += self.take(queue, count - len(taken))
            if len(taken) == count:
                break
            yield WaitIrq()
            yield CsrWrite(Address.IRQ_STATUS, (yield CsrRead(Address.IRQ_STATUS)))
        yield from self.consume(queue)
        return taken

    def take(self, queue: Queue, most: int) -> list[Record]:
        """Records that are there already, at most so many; without telling the engine."""
        ring, found = self.rings[queue], list[Record]()
        while len(found) < most:
            at, phase = ring.record_address(ring.taken), ring.phase(ring.taken)
            record = Record.unpack(self.host.read(at, Record.SIZE))
            if record.phase != phase:
                break
            if self.ledger is not None:
                self.ledger.observe(queue, record, at, phase)
            ring.taken += 1
            found.append(record)
        ring.history += found
        return found

    def consume(self, queue: Queue) -> Steps[None]:
        """Tell the engine which records were taken."""
        ring = self.rings[queue]
        if ring.consumed != ring.taken:
            ring.consumed = ring.taken
            yield CsrWrite(queue_address(queue, QueueOffset.COMPLETION_HEAD), ring.taken & 0xFFFF)

    def perform(self, queue: Queue, descriptors: Sequence[Descriptor]) -> Steps[list[Record]]:
        """Post descriptors, at most a ring's worth at a time, and collect their records."""
        records: list[Record] = []
        room = 1 << min(self.rings[queue].log2, self.rings[queue].completion_log2)
        for at in range(0, len(descriptors), room):
            count = yield from self.post(queue, descriptors[at : at + room])
            records += yield from self.collect(queue, count)
        return records

    def until(self, address: int, mask: int, value: int) -> Steps[int]:
        """Poll a register until `mask` of it is `value`; returns what it read."""
        while True:
            got = yield CsrRead(address)
            if got & mask == value:
                return int(got)
            yield Delay(_POLL_NS, "poll")

    def store(self, address: int, data: bytes) -> None:
        """A store by the CPU into host memory; the ledger's image follows."""
        if self.ledger is not None:
            self.ledger.image.store(address, data)
        else:
            self.host.write(address, data)

    @staticmethod
    def _write64(low: int, value: int) -> Steps[None]:
        yield CsrWrite(low, value & 0xFFFFFFFF)
        yield CsrWrite(low + 4, value >> 32)
