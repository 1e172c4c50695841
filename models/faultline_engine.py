"""Our engine behind the port: rings, registers, records, fences, and getting up again after an error.

The driver knows a fence to be signalled only when its record has been taken from the completion ring, and takes
records no further than the fence somebody waits for. What the driver knows, and so the events it notes, therefore does
not depend on how fast the hardware is.

An error costs those who made it and those who stand behind them, and nobody else: work that the recovery had to abort
is queued again, as a GPU driver replays the innocent after a reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from models.costs import Costs
from models.engine import Command, Copy, Fill, Queue, Transfer
from models.errors import DeviceError, DriverError
from models.events import Doorbell, FenceSignal, FenceWait, Interrupt, Recover, Submit
from models.execute import ENTRY_SIZE
from models.fence import Fence, seqno_passed, wait_for
from models.layout import (
    OBJECT_COUNT,
    REGISTERS,
    SURFACE_COUNT,
    Address,
    Cause,
    Control,
    Descriptor,
    IrqEnable,
    IrqStatus,
    ObjectConfig,
    ObjectOffset,
    Opcode,
    Parameters,
    QueueControl,
    QueueOffset,
    QueueSize,
    QueueStatus,
    Record,
    Status,
    SurfaceExtent,
    SurfaceFormat,
    SurfaceOffset,
    object_address,
    queue_address,
    surface_address,
)
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.signals import Signals
from models.steps import ENGINE_STRIDE, Acquire, CsrRead, CsrWrite, Note, Release, Steps, WaitIrq, releasing
from models.surface import Surface

__all__ = ["FaultlineEngine"]

_MAGIC = REGISTERS["id"].reset


@dataclass(frozen=True)
class _Flying:
    """A descriptor that was published and whose record was not taken back; `last` is the FENCE of its submission."""

    tag: int
    descriptor: Descriptor
    fence: Fence
    last: bool


@dataclass
class _Ring:
    """One queue as the driver sees it: what was published, what has been taken back, what is in between."""

    queue: Queue
    entries: int
    ring: int
    completions: int
    fence_at: int
    suffix: str = ""
    tail: int = 0
    taken: int = 0
    value: int = 0
    tag: int = 0
    flying: deque[_Flying] = field(default_factory=deque)
    dropped: list[_Flying] = field(default_factory=list)
    """What an abort dropped or cut short, in order, until the recovery decides about it."""
    ended: list[Fence] = field(default_factory=list)
    """Fences of which all is known, and whose errors are told when those of all others are known too."""
    failed: dict[Fence, DeviceError] = field(default_factory=dict)
    misled: dict[Fence, DeviceError] = field(default_factory=dict)
    """Errors that unfinished submissions of this queue stand behind."""

    @property
    def lock(self) -> str:
        """Name of the lock around the queue's two counts in the registers."""
        return f"queue:{self.queue.name.lower()}{self.suffix}"

    def owes(self, answered: int) -> bool:
        """Return whether records up to COMPLETION_TAIL `answered` are still to be taken; others may take them too."""
        return 0 < (answered - self.taken) & 0xFFFF <= self.entries


class FaultlineEngine:
    """Drives the engine of rtl/ (or the Python device, which is the same to it).

    `ring_log2` is that of both rings of both queues; `watchdog` in clock cycles, 0 for never. `records` keeps every
    completion record in the order in which it was taken, for whoever accounts for cycles. `slot` tells several engines
    of one machine apart: their registers, interrupt lines and locks.
    """

    def __init__(
        self, host: HostMemory, *, costs: Costs | None = None, ring_log2: int = 8, watchdog: int = 0, slot: int = 0
    ) -> None:
        if not 2 <= ring_log2 <= 15:
            raise DriverError("EINVAL", f"ring of 2^{ring_log2} entries: must be 2^2 to 2^15")
        self.host = host
        self.slot = slot
        self._suffix = f":{slot}" if slot else ""
        self._lock = f"interrupt{self._suffix}"
        self.costs = costs or Costs()
        self.records: list[Record] = []
        self.parameters = Parameters()
        self._log2 = ring_log2
        self._watchdog = watchdog
        self._surfaces: list[Surface | None] = [None] * SURFACE_COUNT
        self._objects: list[ObjectTable | None] = [None] * OBJECT_COUNT
        self._rings: dict[Queue, _Ring] = {}
        self._alarm: set[Queue] = set()
        self._restarting = False
        """Both queues are being aborted: only who does that takes records."""
        self._drops: dict[int, Fence] = {}
        """By host object: the last INVALIDATE of it."""

    @property
    def device_size(self) -> int:
        """Bytes of device memory; known after `initialise`."""
        return 1 << self.parameters.device_log2

    # ------------------------------------------------------------------------------------------------ set-up

    def initialise(self) -> Steps[None]:
        """Bring the engine from reset to a state in which it accepts submissions.

        DeviceError if there is no faultline engine behind the registers.
        """
        identity = yield self._get(Address.ID)
        if identity != _MAGIC:
            raise DeviceError("NONE", address=Address.ID, state=f"ID reads {identity:#x}, not {_MAGIC:#x}")
        self.parameters = Parameters.from_int((yield self._get(Address.PARAMETERS)))
        yield self._set(Address.WATCHDOG, self._watchdog)
        yield self._set(Address.IRQ_STATUS, 0xFFFFFFFF)
        yield self._set(Address.IRQ_ENABLE, IrqEnable(mask=0x7F).to_int())
        for queue in Queue:
            ring = self._allocate(queue)
            self._rings[queue] = ring
            yield from self._write64(queue, QueueOffset.RING_BASE_LO, ring.ring)
            yield from self._write64(queue, QueueOffset.COMPLETION_BASE_LO, ring.completions)
            yield from self._write64(queue, QueueOffset.FENCE_BASE_LO, ring.fence_at)
            size = QueueSize(ring_log2=self._log2, completion_log2=self._log2)
            yield self._set(queue_address(queue, QueueOffset.SIZE), size.to_int())
            yield self._set(queue_address(queue, QueueOffset.CONTROL), _control())
        yield self._set(Address.CONTROL, Control(enable=1).to_int())

    def _allocate(self, queue: Queue) -> _Ring:
        entries = 1 << self._log2

        def pages(size: int) -> int:
            return self.host.allocate_contiguous(-(-size // PAGE), f"{queue.name.lower()} queue")

        ring, completions = pages(entries * ENTRY_SIZE[queue]), pages(entries * Record.SIZE)
        return _Ring(queue, entries, ring, completions, pages(8), self._suffix)

    def waiting(self, queue: Queue) -> int:
        """Return how many descriptors of a queue have no record yet that the driver took; it asks nobody."""
        return len(self._rings[queue].flying)

    def bind_surface(self, surface: Surface) -> Steps[int]:
        """Enter a surface in the table. DriverError ENOMEM when all entries are taken."""
        handle = _free_entry(self._surfaces, "surface")
        self._surfaces[handle] = surface
        extent = SurfaceExtent(width=surface.width, height=surface.height)
        shape = SurfaceFormat(bytes_per_pixel=surface.bytes_per_pixel, layout=surface.layout, valid=1)
        yield self._set(surface_address(handle, SurfaceOffset.BASE), surface.base)
        yield self._set(surface_address(handle, SurfaceOffset.EXTENT), extent.to_int())
        yield self._set(surface_address(handle, SurfaceOffset.FORMAT), shape.to_int())
        return handle

    def release_surface(self, handle: int) -> Steps[None]:
        """Take a surface out of the table; no unfinished submission may name it."""
        yield self._set(surface_address(handle, SurfaceOffset.FORMAT), 0)
        # Not before: another thread's surface may be entered there at once.
        self._surfaces[handle] = None

    def bind_object(self, table: ObjectTable) -> Steps[int]:
        """Enter a host object in the table and drop old translations of its number. DriverError ENOMEM when full."""
        handle = _free_entry(self._objects, "host object")
        self._objects[handle] = table
        config = ObjectConfig(pages=table.pages, two_level=int(table.two_level), valid=1)
        yield self._set(object_address(handle, ObjectOffset.ROOT_LO), table.root & 0xFFFFFFFF)
        yield self._set(object_address(handle, ObjectOffset.ROOT_HI), table.root >> 32)
        yield self._set(object_address(handle, ObjectOffset.CONFIG), config.to_int())
        yield from self.invalidate(handle)
        return handle

    def release_object(self, handle: int) -> Steps[None]:
        """Take a host object out of the table; no unfinished submission may name it."""
        self._drops.pop(handle, None)
        yield self._set(object_address(handle, ObjectOffset.CONFIG), 0)
        self._objects[handle] = None

    def invalidate(self, handle: int) -> Steps[Fence]:
        """Drop the translations of an object whose table has changed, in order with the transfer queue.

        No later transfer goes through them: with an INVALIDATE that fails it fails too, and the next one has it done.
        """
        drop = Descriptor(opcode=Opcode.INVALIDATE, object=handle)
        self._drops[handle] = fence = yield from self._submit(Queue.TRANSFER, [drop], (), "invalidate")
        return fence

    def _set(self, address: int, value: int) -> CsrWrite:
        return CsrWrite(self.slot * ENGINE_STRIDE + address, value)

    def _get(self, address: int) -> CsrRead:
        return CsrRead(self.slot * ENGINE_STRIDE + address)

    # ------------------------------------------------------------------------------------------- submission

    def submit(
        self, queue: Queue, commands: Sequence[Command], after: Sequence[Fence] = (), *, cause: str = ""
    ) -> Steps[Fence]:
        """Queue commands behind the fences `after` and return the fence that ends them; the CPU does not wait."""
        drops: list[Fence] = []
        for handle in dict.fromkeys(command.object for command in commands if isinstance(command, Transfer)):
            if handle in self._drops:
                if self._failure(self._drops[handle]) is not None:
                    yield from self.invalidate(handle)
                drops.append(self._drops[handle])
        body = [_descriptor(command) for command in commands]
        return (yield from self._submit(queue, body, (*after, *drops), cause))

    def _submit(
        self, queue: Queue, body: Sequence[Descriptor], after: Sequence[Fence], cause: str
    ) -> Steps[Fence]:
        """Queue descriptors; the returned fence has failed already if one of `after` has (R23).

        The queue's lock is held from the look at `after` to the doorbell, and a recovery holds it all the time: what
        stands behind a failed fence is either seen there and aborted, or not queued at all.
        """
        ring = self._rings[queue]
        # Another engine's fence cannot be named in a WAIT: the CPU waits for it.
        yield from wait_for([fence for fence in after if self._foreign(fence)], cause=cause)
        waits = tuple(fence for fence in after if fence.queue != queue and not fence.done)
        work = [Descriptor(opcode=Opcode.WAIT, queue=fence.queue, host_offset=fence.value) for fence in waits]
        work += body
        room = ring.entries - 1
        parts = [work[at : at + room] for at in range(0, len(work), room)] or [[]]
        behind = tuple(after)
        for part in parts:
            yield Acquire(ring.lock)
            while ring.entries - len(ring.flying) < len(part) + 1:
                oldest = ring.flying[0].fence
                yield Release(ring.lock)
                yield from self._until(oldest)
                yield Acquire(ring.lock)
            error = next((error for fence in behind if (error := self._failure(fence))), None)
            if error is not None:
                yield Release(ring.lock)
                refused = Fence(queue, ring.value, engine=self)
                refused.finish(error)
                return refused
            fence = Fence(queue, ring.value + 1, behind, self)
            ring.value = fence.value
            for descriptor in part:
                self._put(ring, descriptor, fence, False)
            end = Descriptor(opcode=Opcode.FENCE, interrupt=1, host_offset=fence.value)
            self._put(ring, end, fence, True)
            yield Note(Submit(cause=cause, queue=queue, descriptors=len(part) + 1, value=fence.value))
            yield Note(Doorbell(cause=cause, queue=queue, tail=ring.tail & 0xFFFF))
            yield self._set(queue_address(queue, QueueOffset.TAIL), ring.tail & 0xFFFF)
            yield Release(ring.lock)
            behind = (fence,)
        return fence

    def _foreign(self, fence: Fence) -> bool:
        return fence.engine is not None and fence.engine is not self

    def _failure(self, fence: Fence) -> DeviceError | None:
        if self._foreign(fence):
            return fence.error
        ring = self._rings[Queue(fence.queue)]
        return fence.error or ring.failed.get(fence) or ring.misled.get(fence)

    def _put(self, ring: _Ring, descriptor: Descriptor, fence: Fence, last: bool) -> None:
        size = ENTRY_SIZE[ring.queue]
        at = ring.ring + ring.tail % ring.entries * size
        self.host.write(at, replace(descriptor, tag=ring.tag).pack()[:size])
        ring.flying.append(_Flying(ring.tag, descriptor, fence, last))
        ring.tag = (ring.tag + 1) & 0xFFFFFFFF
        ring.tail += 1

    # ------------------------------------------------------------------------------------------- completion

    def wait(
        self, fence: Fence, *, cause: str = "", process: str = "", buffer: str = "", signals: Signals | None = None
    ) -> Steps[None]:
        """Wait until a fence, of this engine or another, is finished.

        DeviceError if it carries an error. With `signals` the wait is interruptible: DriverError EINTR.
        """
        if self._foreign(fence):
            assert fence.engine is not None
            yield from fence.engine.wait(fence, cause=cause, process=process, buffer=buffer, signals=signals)
            return
        if not fence.done:
            yield Note(FenceWait(cause=cause, process=process, buffer=buffer, queue=fence.queue, value=fence.value))
            yield from self._until(fence, signals)
        if fence.error is not None:
            raise fence.error

    def poll(self, fence: Fence) -> Steps[bool]:
        """Return whether a fence is finished, without waiting for it; an error that has been signalled is served."""
        if self._foreign(fence):
            assert fence.engine is not None
            return (yield from fence.engine.poll(fence))
        ring = self._rings[Queue(fence.queue)]
        yield self._get(queue_address(ring.queue, QueueOffset.FENCE))
        while not fence.done:
            if ring.queue not in self._alarm and self._published(ring):
                yield from self._take(ring)
                continue
            status = IrqStatus.from_int((yield self._get(Address.IRQ_STATUS)))
            if not (self._alarm or status.transfer_error or status.render_error):
                break
            yield from self._interrupt(ring, fence)
        return fence.done

    def _until(self, fence: Fence, signals: Signals | None = None) -> Steps[None]:
        ring = self._rings[Queue(fence.queue)]
        while not fence.done:
            if signals is not None:
                signals.check(f"interrupted while waiting for {fence!r}")
            if ring.queue not in self._alarm and self._published(ring):
                yield from self._take(ring)
            else:
                yield from self._interrupt(ring, fence, signals)

    def _published(self, ring: _Ring) -> bool:
        """Look into host RAM whether the oldest submission's fence is there; its records then are too, all of them.

        Not while both queues are aborted: a FENCE may have been dispatched when what it ends was cut.
        """
        if not ring.flying or self._restarting:
            return False
        value = self.host.read_u64(ring.fence_at) & 0xFFFFFFFF
        return seqno_passed(value, ring.flying[0].fence.value)

    def _interrupt(self, ring: _Ring, fence: Fence, signals: Signals | None = None) -> Steps[None]:
        """Serve one interrupt, and the errors it told of, unless somebody else did meanwhile.

        Only the holder of the lock waits, acknowledges and recovers, and looks again before it does: an interrupt that
        another thread has acknowledged, or whose records it has taken, is never waited for. A signal ends it early.
        """
        if (yield Acquire(self._lock, signals=signals)) is False:
            return
        try:
            if not fence.done and not self._alarm and not self._published(ring):
                yield from self._acknowledge(signals)
            for queue in sorted(self._alarm):
                self._alarm.discard(queue)
                yield from self._take_error(self._rings[queue])
        except DeviceError:
            yield Release(self._lock)
            raise
        yield Release(self._lock)

    def _acknowledge(self, signals: Signals | None = None) -> Steps[None]:
        """Wait for an interrupt and acknowledge it; with the lock held. DeviceError if no queue can be blamed."""
        if (yield WaitIrq(self.slot, signals)) is False:
            return
        yield from self.costs.interrupt()
        raised = yield self._get(Address.IRQ_STATUS)
        yield self._set(Address.IRQ_STATUS, raised)
        status = IrqStatus.from_int(raised)
        if status.transfer_error:
            self._alarm.add(Queue.TRANSFER)
        if status.render_error:
            self._alarm.add(Queue.RENDER)
        if status.completion_error:
            raise DeviceError("BUS_ERROR", state="writing a record or a fence")
        if status.device_range:
            raise DeviceError("NONE", state="a surface reaches past the end of device memory")

    def _give_room(self, ring: _Ring) -> Steps[None]:
        """Tell the engine what was taken; under the lock, so that an older count never follows a newer one."""
        yield Acquire(ring.lock)
        yield self._head(ring)
        yield Release(ring.lock)

    def _head(self, ring: _Ring) -> CsrWrite:
        return self._set(queue_address(ring.queue, QueueOffset.COMPLETION_HEAD), ring.taken & 0xFFFF)

    def _take(self, ring: _Ring) -> Steps[None]:
        """Take the records of the oldest submission, whose fence is published.

        No lock is held, so a record with an error, which an abort can have left there, is an alarm like any other.
        """
        fence = ring.flying[0].fence
        while not (fence.done or self._restarting):
            if self._next(ring).status == Status.ERROR:
                self._alarm.add(ring.queue)
                break
            yield from self._settle(ring)
        yield from self._give_room(ring)

    def _take_error(self, ring: _Ring) -> Steps[None]:
        """After an error interrupt: take the answered records up to the first with an error; with the lock held."""
        answered = yield self._get(queue_address(ring.queue, QueueOffset.COMPLETION_TAIL))
        while ring.owes(answered):
            if (yield from self._settle(ring)):
                break
        yield from self._give_room(ring)

    def _next(self, ring: _Ring) -> Record:
        record = self._record(ring, ring.taken)
        if record is None:
            raise DeviceError("NONE", state=f"{ring.queue.name} queue: record {ring.taken} is missing")
        return record

    def _record(self, ring: _Ring, number: int) -> Record | None:
        """Return a record by its number since the beginning, if it is there."""
        record = Record.unpack(self.host.read(ring.completions + number % ring.entries * Record.SIZE, Record.SIZE))
        return record if record.phase == 1 ^ (number // ring.entries & 1) else None

    def _settle(self, ring: _Ring) -> Steps[bool]:
        """Take one record; finish its fence if it ends one; recover and return True if it carries an error.

        Up to the first step nothing else can run, so the books are always in order. Where a record with an error may be
        next, with the lock held.
        """
        record = self._next(ring)
        one = self._book(ring, record)
        if record.status == Status.ABORTED:
            return False
        if one.last:
            ring.ended.append(one.fence)
        if record.status == Status.ERROR:
            # Its fence ends with those behind it: nobody sees one without the others.
            yield from self._recover(ring, record)
        yield from self._end(ring)
        return record.status == Status.ERROR

    def _book(self, ring: _Ring, record: Record) -> _Flying:
        """Enter the record of the oldest descriptor into the books, and return the descriptor."""
        if ring.flying and ring.flying[0].last:
            self._ask_ahead(ring.flying[0].fence)
        ring.taken += 1
        self.records.append(record)
        if record.cause == Cause.RING_OVERFLOW:
            raise _error(record, ring.queue)
        one = ring.flying.popleft()
        # A descriptor that could not be fetched is known by its index, the low half of the tag.
        unread = record.cause in (Cause.FETCH_ERROR, Cause.WATCHDOG) and record.tag == one.tag & 0xFFFF
        if record.tag != one.tag and not unread:
            raise DeviceError("NONE", tag=record.tag, state=f"record out of order, tag {one.tag} was due")
        if record.status == Status.ABORTED:
            ring.dropped.append(one)
        elif record.status == Status.ERROR:
            ring.failed.setdefault(one.fence, _error(record, ring.queue))
            self._mislead(one.fence, ring.failed[one.fence])
        return one

    def _finish(self, ring: _Ring, fence: Fence) -> tuple[Note, Note]:
        misled = ring.misled.pop(fence, None)
        fence.finish(ring.failed.pop(fence, misled))
        cause = fence.error.cause if fence.error else ""
        return (
            Note(Interrupt(cause=cause, queue=ring.queue, records=ring.taken, value=fence.value)),
            Note(FenceSignal(cause=cause, queue=ring.queue, value=fence.value)),
        )

    # --------------------------------------------------------------------------------------------- recovery

    def _ask_ahead(self, fence: Fence) -> None:
        """Before a fence ends well: has what it stands behind failed, as a record says that nobody has taken yet?

        The other queue's FENCE may be dispatched before an error ahead of it is seen, and ends the WAIT for it then.
        """
        if all(one.done for one in fence.after):
            return
        ahead, found = {fence}, {*fence.after}
        while found - ahead:
            ahead |= found
            found = {one for after in ahead for one in after.after}
        for ring in self._rings.values():
            for index, one in enumerate(ring.flying):
                if one.fence is not fence and one.fence in ahead:
                    record = self._record(ring, ring.taken + index)
                    if record is not None and record.status == Status.ERROR:
                        self._alarm.add(ring.queue)
                        self._mislead(one.fence, _error(record, ring.queue))

    def _mislead(self, culprit: Fence, error: DeviceError) -> None:
        """Enter an error for all that stands behind a fence, on both queues, however far.

        It must not run, or has run on wrong data: a FENCE dispatched before the error has ended the WAITs for it.
        """
        broken, found = {culprit}, True
        while found:
            found = False
            for ring in self._rings.values():
                for one in (*ring.dropped, *ring.flying):
                    if one.fence not in broken and not broken.isdisjoint(one.fence.after):
                        broken.add(one.fence)
                        ring.misled.setdefault(one.fence, error)
                        found = True

    def _recover(self, ring: _Ring, record: Record) -> Steps[None]:
        """A queue halted with an error: let it go on, or abort what must not run on wrong data; with the lock held.

        The submission's fence carries the error. Where nothing stands behind it, the queue resumes with its next
        descriptor. Else both queues are aborted, since a WAIT that was satisfied would let that run; then what stands
        behind an error ends with it, and all else is queued again in its old order, each descriptor that was dropped
        or cut short: a repetition does no harm, for none reads what it writes, and what it reads is held still until
        its fence. The queues' locks keep doorbells away all the time.
        """
        yield _told(record, ring)
        locks = [self._rings[queue].lock for queue in Queue]
        for lock in locks:
            yield Acquire(lock)
        yield from releasing(self._restart(ring), *locks)

    def _restart(self, halted: _Ring) -> Steps[None]:
        rings = [self._rings[queue] for queue in Queue]
        if not any(ring.misled for ring in rings):
            yield self._set(queue_address(halted.queue, QueueOffset.CONTROL), _control(resume=True))
            return
        self._restarting = True
        try:
            for ring in reversed(rings):
                yield self._set(queue_address(ring.queue, QueueOffset.CONTROL), _control(abort=True))
            for ring in rings:
                yield from self._drain(ring)
            # No step in between: nobody sees an upload that failed with drawing behind it that seems to go on.
            yield from [note for ring in rings for note in self._end(ring)]
            yield from self._again(rings)
        finally:
            self._restarting = False

    def _drain(self, ring: _Ring) -> Steps[None]:
        """Take every record of an aborted queue, with its lock held, and wait until it takes descriptors again."""
        status = queue_address(ring.queue, QueueOffset.STATUS)
        while ring.flying:
            answered = yield self._get(queue_address(ring.queue, QueueOffset.COMPLETION_TAIL))
            if ring.flying and not ring.owes(answered):
                # Whoever has taken records, and would tell, waits for the lock.
                yield self._head(ring)
                yield from self._acknowledge()
            while ring.owes(answered) and ring.flying:
                record = self._next(ring)
                one = self._book(ring, record)
                if record.status == Status.ERROR:
                    yield _told(record, ring)
                if one.last and record.status != Status.ABORTED:
                    if any(other.fence is one.fence for other in ring.dropped):
                        # It was dispatched when what it ends was cut.
                        ring.dropped.append(one)
                    else:
                        ring.ended.append(one.fence)
        yield self._head(ring)
        while QueueStatus.from_int((yield self._get(status))).aborting:
            pass

    def _end(self, ring: _Ring) -> list[Note]:
        """Finish the fences of which all is known: what was done, and what was dropped and must not run."""
        for one in ring.dropped:
            behind = ring.misled.get(one.fence)
            if behind is not None:
                state = f"{ring.queue.name} queue, behind {behind.cause} of the {behind.state}"
                ring.failed.setdefault(one.fence, DeviceError("ABORTED", tag=one.tag, state=state))
            if one.last and one.fence in ring.failed:
                ring.ended.append(one.fence)
        ended, ring.ended = ring.ended, []
        return [note for fence in ended for note in self._finish(ring, fence)]

    def _again(self, rings: Sequence[_Ring]) -> Steps[None]:
        """Queue again what an abort dropped and nobody is to blame for, with new fence values; with the locks held.

        Later values of a queue may have been published, so that a WAIT for an old one would end at once.
        """
        values: dict[tuple[int, int], int] = {}
        innocent = {ring.queue: [one for one in ring.dropped if not one.fence.done] for ring in rings}
        for ring in rings:
            ring.dropped = []
            for fence in dict.fromkeys(one.fence for one in innocent[ring.queue]):
                old, fence.value = fence.value, (ring.value + 1) & 0xFFFFFFFF
                values[ring.queue, old] = ring.value = fence.value
        for ring in rings:
            for one in innocent[ring.queue]:
                descriptor = one.descriptor
                if descriptor.opcode in (Opcode.FENCE, Opcode.WAIT):
                    queue = ring.queue if one.last else descriptor.queue
                    value = values.get((queue, descriptor.host_offset), descriptor.host_offset)
                    descriptor = replace(descriptor, host_offset=value)
                self._put(ring, descriptor, one.fence, one.last)
            if innocent[ring.queue]:
                count = len(innocent[ring.queue])
                yield Note(Submit(cause="again", queue=ring.queue, descriptors=count, value=ring.value))
                yield Note(Doorbell(cause="again", queue=ring.queue, tail=ring.tail & 0xFFFF))
                yield self._set(queue_address(ring.queue, QueueOffset.TAIL), ring.tail & 0xFFFF)

    def _write64(self, queue: Queue, low: QueueOffset, value: int) -> Steps[None]:
        yield self._set(queue_address(queue, low), value & 0xFFFFFFFF)
        yield self._set(queue_address(queue, low) + 4, value >> 32)


def _told(record: Record, ring: _Ring) -> Note:
    return Note(Recover(cause=Cause(record.cause).name, queue=ring.queue, address=record.address, tag=record.tag))


def _control(*, resume: bool = False, abort: bool = False) -> int:
    return QueueControl(enable=1, halt_on_error=1, resume=int(resume), abort=int(abort)).to_int()


def _error(record: Record, queue: Queue) -> DeviceError:
    cause = Cause(record.cause).name
    state = f"{queue.name} queue"
    return DeviceError(cause, address=record.address, tag=record.tag, state=state, bytes=record.bytes)


def _free_entry(entries: Iterable[object], what: str) -> int:
    for index, entry in enumerate(entries):
        if entry is None:
            return index
    raise DriverError("ENOMEM", f"every {what} of the engine is in use")


def _descriptor(command: Command) -> Descriptor:
    box = command.box
    place = Descriptor(surface=command.surface, x=box.x, y=box.y, width=box.width, height=box.height)
    if isinstance(command, Transfer):
        return replace(
            place,
            opcode=Opcode.READBACK if command.readback else Opcode.WRITEBACK,
            object=command.object,
            host_offset=command.offset,
            host_stride=command.stride,
        )
    if isinstance(command, Copy):
        return replace(
            place,
            opcode=Opcode.COPY,
            source_surface=command.source_surface,
            source_x=command.source_x,
            source_y=command.source_y,
        )
    assert isinstance(command, Fill)
    pattern = command.pixel.ljust(16, b"\0")
    return replace(
        place,
        opcode=Opcode.FILL,
        pattern_low=int.from_bytes(pattern[:8], "little"),
        pattern_high=int.from_bytes(pattern[8:], "little"),
    )
