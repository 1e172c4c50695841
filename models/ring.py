"""One queue of the engine as the driver sees it: its rings in host memory, its registers, and what is in between.

A `Ring` knows nothing of the other queue, nor of interrupts: whoever drives the engine (`models.faultline_engine`) or
gets it up again (`models.recovery`) decides when to look, and with which lock held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from models.engine import Queue
from models.errors import DeviceError
from models.events import Doorbell, FenceSignal, Interrupt, Submit
from models.execute import ENTRY_SIZE
from models.fence import Fence, seqno_passed
from models.layout import Cause, Descriptor, QueueControl, QueueOffset, QueueSize, Record, Status, queue_address
from models.memory import PAGE, HostMemory
from models.signals import Signals
from models.steps import ENGINE_STRIDE, Acquire, CsrRead, CsrWrite, Note, Release, Steps, WaitIrq

__all__ = ["EngineSlot", "Flying", "Ring"]


@dataclass(frozen=True)
class EngineSlot:
    """What tells several engines of one machine apart: their registers, interrupt lines and locks."""

    number: int = 0

    def write(self, address: int, value: int) -> CsrWrite:
        """Return the step that writes a register of this engine."""
        return CsrWrite(self.number * ENGINE_STRIDE + address, value)

    def read(self, address: int) -> CsrRead:
        """Return the step that reads a register of this engine."""
        return CsrRead(self.number * ENGINE_STRIDE + address)

    def interrupt(self, signals: Signals | None = None) -> WaitIrq:
        """Return the step that waits for this engine's interrupt."""
        return WaitIrq(self.number, signals)

    def lock(self, name: str) -> str:
        """Return the name of a lock as this engine's own."""
        return f"{name}:{self.number}" if self.number else name


@dataclass(frozen=True)
class Flying:
    """A descriptor that was published and whose record was not taken back; `last` is the FENCE of its submission."""

    tag: int
    descriptor: Descriptor
    fence: Fence
    last: bool


@dataclass
class Ring:
    """One queue as the driver sees it: what was published, what has been taken back, what is in between.

    Both rings have `entries`; descriptors lie at `ring`, records at `completions`, the fence value at `fence_at`.
    """

    queue: Queue
    slot: EngineSlot
    host: HostMemory
    entries: int
    ring: int
    completions: int
    fence_at: int
    tail: int = 0
    taken: int = 0
    value: int = 0
    tag: int = 0
    flying: deque[Flying] = field(default_factory=deque)
    dropped: list[Flying] = field(default_factory=list)
    """What an abort dropped or cut short, in order, until the recovery decides about it."""
    ended: list[Fence] = field(default_factory=list)
    """Fences of which all is known, and whose errors are told when those of all others are known too."""
    failed: dict[Fence, DeviceError] = field(default_factory=dict)
    misled: dict[Fence, DeviceError] = field(default_factory=dict)
    """Errors that unfinished submissions of this queue stand behind."""

    @classmethod
    def allocate(cls, queue: Queue, slot: EngineSlot, host: HostMemory, log2: int) -> Ring:
        """Make the rings of a queue, of 2^`log2` entries each, in host memory."""
        entries = 1 << log2

        def pages(size: int) -> int:
            return host.allocate_contiguous(-(-size // PAGE), f"{queue.name.lower()} queue")

        ring, completions = pages(entries * ENTRY_SIZE[queue]), pages(entries * Record.SIZE)
        return cls(queue, slot, host, entries, ring, completions, pages(8))

    # ---------------------------------------------------------------------------------------------- registers

    @property
    def lock(self) -> str:
        """Name of the lock around the queue's two counts in the registers."""
        return self.slot.lock(f"queue:{self.queue.name.lower()}")

    def write(self, register: QueueOffset, value: int) -> CsrWrite:
        """Return the step that writes one of the queue's registers."""
        return self.slot.write(queue_address(self.queue, register), value)

    def read(self, register: QueueOffset) -> CsrRead:
        """Return the step that reads one of the queue's registers."""
        return self.slot.read(queue_address(self.queue, register))

    def control(self, *, resume: bool = False, abort: bool = False) -> CsrWrite:
        """Return the step that enables the queue, and ends a halt or drops what is queued."""
        value = QueueControl(enable=1, halt_on_error=1, resume=int(resume), abort=int(abort))
        return self.write(QueueOffset.CONTROL, value.to_int())

    def set_up(self) -> Steps[None]:
        """Tell the engine where the rings are, and enable the queue."""
        yield from self._write64(QueueOffset.RING_BASE_LO, QueueOffset.RING_BASE_HI, self.ring)
        yield from self._write64(QueueOffset.COMPLETION_BASE_LO, QueueOffset.COMPLETION_BASE_HI, self.completions)
        yield from self._write64(QueueOffset.FENCE_BASE_LO, QueueOffset.FENCE_BASE_HI, self.fence_at)
        log2 = self.entries.bit_length() - 1
        yield self.write(QueueOffset.SIZE, QueueSize(ring_log2=log2, completion_log2=log2).to_int())
        yield self.control()

    def _write64(self, low: QueueOffset, high: QueueOffset, value: int) -> Steps[None]:
        yield self.write(low, value & 0xFFFFFFFF)
        yield self.write(high, value >> 32)

    # ------------------------------------------------------------------------------------------- publishing

    def put(self, descriptor: Descriptor, fence: Fence, last: bool) -> None:
        """Put a descriptor into the ring; the engine does not see it before the doorbell."""
        size = ENTRY_SIZE[self.queue]
        at = self.ring + self.tail % self.entries * size
        self.host.write(at, replace(descriptor, tag=self.tag).pack()[:size])
        self.flying.append(Flying(self.tag, descriptor, fence, last))
        if last:
            fence.tag = self.tag
        self.tag = (self.tag + 1) & 0xFFFFFFFF
        self.tail += 1

    def publish(self, count: int, cause: str) -> Steps[None]:
        """Ring the doorbell for the `count` descriptors put last; with the queue's lock held."""
        last = (self.tag - 1) & 0xFFFFFFFF
        yield Note(Submit(cause=cause, queue=self.queue, descriptors=count, value=self.value, tag=last))
        yield Note(Doorbell(cause=cause, queue=self.queue, tail=self.tail & 0xFFFF, tag=last))
        yield self.write(QueueOffset.TAIL, self.tail & 0xFFFF)

    # ---------------------------------------------------------------------------------------------- records

    def published(self) -> bool:
        """Look into host RAM whether the oldest submission's fence is there; its records then are too, all of them."""
        if not self.flying:
            return False
        return seqno_passed(self.host.read_u64(self.fence_at) & 0xFFFFFFFF, self.flying[0].fence.value)

    def record(self, ahead: int = 0) -> Record | None:
        """Return the record that is next, or so many further, if it is there."""
        number = self.taken + ahead
        at = self.completions + number % self.entries * Record.SIZE
        record = Record.unpack(self.host.read(at, Record.SIZE))
        return record if record.phase == 1 ^ (number // self.entries & 1) else None

    def next(self) -> Record:
        """Return the record that is next. DeviceError if it is not there."""
        record = self.record()
        if record is None:
            raise DeviceError("NONE", state=f"{self.queue.name} queue: record {self.taken} is missing")
        return record

    def fill(self, ahead: int, status: Status, cause: Cause) -> None:
        """Write the record of a flying descriptor that was lost on the bus: the next, or so many further."""
        one, number = self.flying[ahead], self.taken + ahead
        phase = 1 ^ (number // self.entries & 1)
        opcode = one.descriptor.opcode
        record = Record(tag=one.tag, opcode=opcode, queue=self.queue, status=status, cause=cause, phase=phase)
        self.host.write(self.completions + number % self.entries * Record.SIZE, record.pack())

    def book(self, record: Record) -> Flying:
        """Enter the record of the oldest descriptor into the books, and return the descriptor.

        DeviceError if the record is that of a doorbell that was refused, or of another descriptor.
        """
        self.taken += 1
        if record.cause == Cause.RING_OVERFLOW:
            raise self.error(record)
        one = self.flying.popleft()
        # A descriptor that could not be fetched is known by its index, the low half of the tag.
        unread = record.cause in (Cause.FETCH_ERROR, Cause.WATCHDOG) and record.tag == one.tag & 0xFFFF
        if record.tag != one.tag and not unread:
            raise DeviceError("NONE", tag=record.tag, state=f"record out of order, tag {one.tag} was due")
        if record.status == Status.ABORTED:
            self.dropped.append(one)
        elif record.status == Status.ERROR:
            self.failed.setdefault(one.fence, self.error(record))
        return one

    def error(self, record: Record) -> DeviceError:
        """Return the error that a record tells of."""
        cause, state = Cause(record.cause).name, f"{self.queue.name} queue"
        return DeviceError(cause, address=record.address, tag=record.tag, state=state, bytes=record.bytes)

    def finish(self, fence: Fence) -> tuple[Note, Note]:
        """Finish a fence with what is known of it, and return what is to be noted."""
        misled = self.misled.pop(fence, None)
        fence.finish(self.failed.pop(fence, misled))
        cause = fence.error.cause if fence.error else ""
        return (
            Note(Interrupt(cause=cause, queue=self.queue, records=self.taken, value=fence.value, tag=fence.tag)),
            Note(FenceSignal(cause=cause, queue=self.queue, value=fence.value, tag=fence.tag)),
        )

    # ------------------------------------------------------------------------------------------------- room

    def owes(self, answered: int) -> bool:
        """Return whether records up to COMPLETION_TAIL `answered` are still to be taken; others may take them too."""
        return 0 < (answered - self.taken) & 0xFFFF <= self.entries

    def head(self) -> CsrWrite:
        """Return the step that tells the engine what was taken; with the queue's lock held."""
        return self.write(QueueOffset.COMPLETION_HEAD, self.taken & 0xFFFF)

    def give_room(self) -> Steps[None]:
        """Tell the engine what was taken; under the lock, so that an older count never follows a newer one."""
        yield Acquire(self.lock)
        yield self.head()
        yield Release(self.lock)
