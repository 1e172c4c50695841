"""Our engine behind the port: set-up, submission, completion and interrupts.

The driver knows a fence to be signalled only when its record has been taken from the completion ring, and takes
records no further than the fence somebody waits for. What the driver knows, and so the events it notes, therefore does
not depend on how fast the hardware is.

Below it `models.ring` is one queue alone, and `models.recovery` gets both up again after an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from models.costs import Costs
from models.engine import Command, Copy, Fill, Queue, Transfer
from models.errors import DeviceError, DriverError
from models.events import FenceWait
from models.fence import Fence, wait_for
from models.layout import (
    OBJECT_COUNT,
    REGISTERS,
    SURFACE_COUNT,
    Address,
    Control,
    Descriptor,
    IrqEnable,
    IrqStatus,
    ObjectConfig,
    ObjectOffset,
    Opcode,
    Parameters,
    QueueOffset,
    Record,
    Status,
    SurfaceExtent,
    SurfaceFormat,
    SurfaceOffset,
    object_address,
    surface_address,
)
from models.memory import HostMemory
from models.page_table import ObjectTable
from models.recovery import Recovery
from models.ring import EngineSlot, Ring
from models.signals import Signals
from models.steps import Acquire, Note, Release, Steps, releasing
from models.surface import Surface

__all__ = ["FaultlineEngine"]

_MAGIC = REGISTERS["id"].reset


class FaultlineEngine:
    """Drives the engine of rtl/ (or the Python device, which is the same to it).

    `ring_log2` is that of both rings of both queues; `watchdog` in clock cycles, 0 for never. `slot` tells several
    engines of one machine apart: their registers, interrupt lines and locks.
    """

    def __init__(
        self, host: HostMemory, *, costs: Costs | None = None, ring_log2: int = 8, watchdog: int = 0, slot: int = 0
    ) -> None:
        if not 2 <= ring_log2 <= 15:
            raise DriverError("EINVAL", f"ring of 2^{ring_log2} entries: must be 2^2 to 2^15")
        self.host = host
        self.costs = costs or Costs()
        self.parameters = Parameters()
        self._log2 = ring_log2
        self._watchdog = watchdog
        self._surfaces: list[Surface | None] = [None] * SURFACE_COUNT
        self._objects: list[ObjectTable | None] = [None] * OBJECT_COUNT
        self._slot = EngineSlot(slot)
        self._lock = self._slot.lock("interrupt")
        self._rings: dict[Queue, Ring] = {}
        self._recovery = Recovery(self._rings, self._slot, self.costs)
        self._drops: dict[int, Fence] = {}
        """By host object: the last INVALIDATE of it."""

    @property
    def slot(self) -> int:
        """Which engine of the machine it is: 0, 1, ..."""
        return self._slot.number

    @property
    def device_size(self) -> int:
        """Bytes of device memory; known after `initialise`."""
        return 1 << self.parameters.device_log2

    @property
    def records(self) -> list[Record]:
        """Every completion record in the order in which it was taken, for whoever accounts for cycles."""
        return self._recovery.records

    # ------------------------------------------------------------------------------------------------ set-up

    def initialise(self) -> Steps[None]:
        """Bring the engine from reset to a state in which it accepts submissions.

        DeviceError if there is no faultline engine behind the registers.
        """
        identity = yield self._slot.read(Address.ID)
        if identity != _MAGIC:
            raise DeviceError("NONE", address=Address.ID, state=f"ID reads {identity:#x}, not {_MAGIC:#x}")
        self.parameters = Parameters.from_int((yield self._slot.read(Address.PARAMETERS)))
        yield self._slot.write(Address.WATCHDOG, self._watchdog)
        yield self._slot.write(Address.IRQ_STATUS, 0xFFFFFFFF)
        yield self._slot.write(Address.IRQ_ENABLE, IrqEnable(mask=0x7F).to_int())
        for queue in Queue:
            self._rings[queue] = ring = Ring.allocate(queue, self._slot, self.host, self._log2)
            yield from ring.set_up()
        yield self._slot.write(Address.CONTROL, Control(enable=1).to_int())

    def waiting(self, queue: Queue) -> int:
        """Return how many descriptors of a queue have no record yet that the driver took; it asks nobody."""
        return len(self._rings[queue].flying)

    def bind_surface(self, surface: Surface) -> Steps[int]:
        """Enter a surface in the table. DriverError ENOMEM when all entries are taken."""
        handle = _free_entry(self._surfaces, "surface")
        self._surfaces[handle] = surface
        extent = SurfaceExtent(width=surface.width, height=surface.height)
        shape = SurfaceFormat(bytes_per_pixel=surface.bytes_per_pixel, layout=surface.layout, valid=1)
        yield self._slot.write(surface_address(handle, SurfaceOffset.BASE), surface.base)
        yield self._slot.write(surface_address(handle, SurfaceOffset.EXTENT), extent.to_int())
        yield self._slot.write(surface_address(handle, SurfaceOffset.FORMAT), shape.to_int())
        return handle

    def release_surface(self, handle: int) -> Steps[None]:
        """Take a surface out of the table; no unfinished submission may name it."""
        yield self._slot.write(surface_address(handle, SurfaceOffset.FORMAT), 0)
        # Not before: another thread's surface may be entered there at once.
        self._surfaces[handle] = None

    def bind_object(self, table: ObjectTable) -> Steps[int]:
        """Enter a host object in the table and drop old translations of its number. DriverError ENOMEM when full.

        DeviceError where the device takes no work: it is not entered then.
        """
        handle = _free_entry(self._objects, "host object")
        self._objects[handle] = table
        config = ObjectConfig(pages=table.pages, two_level=int(table.two_level), valid=1)
        yield self._slot.write(object_address(handle, ObjectOffset.ROOT_LO), table.root & 0xFFFFFFFF)
        yield self._slot.write(object_address(handle, ObjectOffset.ROOT_HI), table.root >> 32)
        yield self._slot.write(object_address(handle, ObjectOffset.CONFIG), config.to_int())
        try:
            yield from self.invalidate(handle)
        except DeviceError:
            yield from self.release_object(handle)
            raise
        return handle

    def release_object(self, handle: int) -> Steps[None]:
        """Take a host object out of the table; no unfinished submission may name it."""
        self._drops.pop(handle, None)
        yield self._slot.write(object_address(handle, ObjectOffset.CONFIG), 0)
        self._objects[handle] = None

    def invalidate(self, handle: int) -> Steps[Fence]:
        """Drop the translations of an object whose table has changed, in order with the transfer queue.

        No later transfer goes through them: with an INVALIDATE that fails it fails too, and the next one has it done.
        """
        drop = Descriptor(opcode=Opcode.INVALIDATE, object=handle)
        self._drops[handle] = fence = yield from self._submit(Queue.TRANSFER, [drop], (), "invalidate")
        return fence

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
        stands behind a failed fence is either seen there and aborted, or not queued at all. What it queues again has
        another value: a WAIT is made with the lock held.
        """
        ring = self._rings[queue]
        # Another engine's fence cannot be named in a WAIT: the CPU waits for it.
        yield from wait_for([fence for fence in after if self._foreign(fence)], cause=cause)
        waits = tuple(fence for fence in after if fence.queue != queue and not fence.done)
        work: list[Fence | Descriptor] = [*waits, *body]
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
            for one in part:
                ring.put(_wait(one) if isinstance(one, Fence) else one, fence, False)
            end = Descriptor(opcode=Opcode.FENCE, interrupt=1, host_offset=fence.value)
            ring.put(end, fence, True)
            yield from ring.publish(len(part) + 1, cause)
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
        yield ring.read(QueueOffset.FENCE)
        while not fence.done:
            if ring.queue not in self._recovery.alarm and self._published(ring):
                yield from self._take(ring)
                continue
            status = IrqStatus.from_int((yield self._slot.read(Address.IRQ_STATUS)))
            told = status.transfer_error or status.render_error or status.completion_error
            if not (self._recovery.alarm or told):
                break
            yield from self._interrupt(ring, fence)
        return fence.done

    def _until(self, fence: Fence, signals: Signals | None = None) -> Steps[None]:
        ring = self._rings[Queue(fence.queue)]
        while not fence.done:
            if signals is not None:
                signals.check(f"interrupted while waiting for {fence!r}")
            if ring.queue not in self._recovery.alarm and self._published(ring):
                yield from self._take(ring)
            else:
                yield from self._interrupt(ring, fence, signals)

    def _published(self, ring: Ring) -> bool:
        """Look whether the oldest submission's fence is there.

        Not while both queues are aborted: a FENCE may have been dispatched when what it ends was cut.
        """
        return not self._recovery.restarting and ring.published()

    def _interrupt(self, ring: Ring, fence: Fence, signals: Signals | None = None) -> Steps[None]:
        """Serve one interrupt, and the errors it told of, unless somebody else did meanwhile.

        Only the holder of the lock waits, acknowledges and recovers, and looks again before it does: an interrupt that
        another thread has acknowledged, or whose records it has taken, is never waited for. A signal ends it early.
        """
        if (yield Acquire(self._lock, signals=signals)) is not False:
            yield from releasing(self._serve(ring, fence, signals), self._lock)

    def _serve(self, ring: Ring, fence: Fence, signals: Signals | None) -> Steps[None]:
        if not fence.done and not self._recovery.alarm and not self._published(ring):
            yield from self._recovery.acknowledge(signals)
        for queue in sorted(self._recovery.alarm):
            self._recovery.alarm.discard(queue)
            yield from self._take_error(self._rings[queue])

    def _take(self, ring: Ring) -> Steps[None]:
        """Take the records of the oldest submission, whose fence is published.

        No lock is held, so a record with an error, which an abort can have left there, is an alarm like any other; and
        so is one that did not arrive.
        """
        fence = ring.flying[0].fence
        while not (fence.done or self._recovery.restarting):
            record = ring.record()
            if record is None:
                self._recovery.lossy.add(ring.queue)
            if record is None or record.status == Status.ERROR:
                self._recovery.alarm.add(ring.queue)
                break
            yield from self._settle(ring)
        yield from ring.give_room()

    def _take_error(self, ring: Ring) -> Steps[None]:
        """After an error interrupt: take the answered records up to the first with an error; with the lock held.

        Where some were lost, take all: neither fence value nor interrupt may tell of the others.
        """
        lossy = ring.queue in self._recovery.lossy
        if lossy:
            self._recovery.lossy.discard(ring.queue)
            yield from self._recovery.fill_in(ring)
        answered = yield ring.read(QueueOffset.COMPLETION_TAIL)
        while ring.owes(answered) and ring.record() is not None:
            if (yield from self._settle(ring)) and not lossy:
                break
        yield from ring.give_room()

    def _settle(self, ring: Ring) -> Steps[bool]:
        """Take one record; finish its fence if it ends one; recover and return True if it carries an error.

        Up to the first step nothing else can run, so the books are always in order. Where a record with an error may be
        next, with the lock held.
        """
        record = ring.next()
        one = self._recovery.book(ring, record)
        if record.status == Status.ABORTED:
            return False
        if one.last:
            ring.ended.append(one.fence)
        if record.status == Status.ERROR:
            # Its fence ends with those behind it: nobody sees one without the others.
            yield from self._recovery.recover(ring, record)
        yield from self._recovery.end(ring)
        return record.status == Status.ERROR


def _free_entry(entries: Iterable[object], what: str) -> int:
    for index, entry in enumerate(entries):
        if entry is None:
            return index
    raise DriverError("ENOMEM", f"every {what} of the engine is in use")


def _wait(fence: Fence) -> Descriptor:
    return Descriptor(opcode=Opcode.WAIT, queue=fence.queue, host_offset=fence.value)


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
