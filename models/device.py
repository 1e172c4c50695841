"""The untimed Python device: performs a driver's steps without a simulator.

It interprets the same register writes, fetches the same descriptors from host RAM and writes the same records and
fences as the RTL; what a descriptor does is `models.execute`. Time does not exist: work moves on only when somebody
waits for an interrupt or polls a changing register, the transfer queue first, so drawing stays under way until it is
waited for.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.engine import Queue
from models.events import Event
from models.execute import ENTRY_SIZE, HostObject, Outcome, Tables, check, execute
from models.fence import seqno_passed
from models.layout import (
    OBJECT_COUNT,
    REGISTERS,
    SURFACE_COUNT,
    Address,
    Cause,
    Control,
    Descriptor,
    IrqCoalesce,
    IrqStatus,
    Layout,
    ObjectConfig,
    ObjectOffset,
    Opcode,
    PageTableEntry,
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
from models.memory import Bytes, HostMemory
from models.steps import Acquire, CsrRead, CsrWrite, Delay, Note, Release, ScanOut, Step, WaitIrq
from models.surface import Surface

__all__ = ["BusRange", "Device", "Stuck", "execute"]

_MASK16 = 0xFFFF


class Stuck(Exception):
    """Nothing that is under way can end the wait: the driver would hang for ever."""


_TABLES = frozenset(
    [surface_address(index, offset) for index in range(SURFACE_COUNT) for offset in SurfaceOffset]
    + [object_address(index, offset) for index in range(OBJECT_COUNT) for offset in ObjectOffset]
)
"""Addresses of the surface and object tables."""


_coalesce_of = functools.lru_cache(64)(IrqCoalesce.from_int)
_size_of = functools.lru_cache(64)(QueueSize.from_int)


@functools.lru_cache(1024)
def _descriptor_of(data: bytes) -> Descriptor:
    """Decode a ring's entry; one that waits is looked at again and again."""
    return Descriptor.unpack(data.ljust(Descriptor.SIZE, b"\0"))


@dataclass(frozen=True, slots=True)
class BusRange:
    """Host addresses [first, last) whose accesses end with `cause` (BUS_ERROR or WATCHDOG), reads or writes."""

    first: int
    last: int
    write: bool
    cause: Cause = Cause.BUS_ERROR


@dataclass
class _QueueState:
    tail: int = 0
    head: int = 0
    fence: int = 0
    written: int = 0
    overflows: int = 0
    enabled: bool = False
    halted: bool = False
    abort_to: int | None = None
    refused: list[int] = field(default_factory=list)
    asked: int = 0

    @property
    def idle(self) -> bool:
        """True when no descriptor can end, whatever else holds."""
        return self.head == self.tail and not self.refused and self.abort_to is None


class Device:
    """An engine with its device memory of `device_size` bytes beside host RAM.

    `events` collects what the driver noted, `bus_ranges` injects bus errors. `data_width` in bits as the RTL's DATA_W.
    """

    def __init__(self, host: HostMemory, *, device_size: int = 1 << 25, data_width: int = 64) -> None:
        self.host = host
        self.memory: Bytes = np.zeros(device_size, np.uint8)
        self.data_width = data_width
        self.bus_ranges: list[BusRange] = []
        self.events: list[Event] = []
        self.delayed: dict[str, int] = {}
        self.locks: set[str] = set()
        self.cycle = 0
        self._cycle_high = 0
        self._registers = {register.address: register.reset for register in REGISTERS.values()}
        self._fields = {register.address: register.fields for register in REGISTERS.values()}
        parameters = Parameters(
            data_log2=(data_width // 8).bit_length() - 1,
            tlb_log2=7,
            reads=16,
            writes=16,
            device_log2=device_size.bit_length() - 1,
        )
        self._registers[Address.PARAMETERS] = parameters.to_int()
        self._tables: Tables | None = None
        """What the registers say, decoded; dropped when they change."""
        self._queues = {queue: _QueueState() for queue in Queue}
        self._caches: list[dict[int, PageTableEntry]] = [{} for _ in range(OBJECT_COUNT)]

    # ------------------------------------------------------------------------------------------------ steps

    def perform(self, step: Step) -> Any:
        """Perform one step and return what the generator is resumed with. Stuck where a wait can never end."""
        match step:
            case CsrWrite(address, value):
                self._write(address, value)
            case CsrRead(address):
                return self._read(address)
            case WaitIrq(_, signals):
                while not self.irq:
                    if signals is not None and signals.pending:
                        return False
                    if not self.advance():
                        raise Stuck(f"no interrupt can come: {self._describe()}")
            case Delay(nanoseconds, why):
                self.delayed[why] = self.delayed.get(why, 0) + nanoseconds
            case Acquire(lock, wait, signals):
                if lock in self.locks:
                    if not wait or (signals is not None and signals.pending):
                        return False
                    raise Stuck(f"lock {lock} is held by the only one who runs")
                self.locks.add(lock)
            case Release(lock):
                if lock not in self.locks:
                    raise ValueError(f"lock {lock} is released but not held")
                self.locks.remove(lock)
            case Note(event):
                self.events.append(event)
            case ScanOut(base, size, _):
                if not 0 <= base <= base + size <= self.memory.size:
                    raise IndexError(f"scan-out of {base:#x}+{size:#x} past device memory of {self.memory.size:#x}")
                return self.memory[base : base + size].copy()
        return None

    def raised(self, line: int) -> bool:
        """Return whether the interrupt line is high; this device has but one."""
        return self.irq

    @property
    def irq(self) -> bool:
        """The interrupt line."""
        return bool(self._registers[Address.IRQ_STATUS] & self._registers[Address.IRQ_ENABLE])

    @property
    def tables(self) -> Tables:
        """The surface and object tables as the registers hold them now."""
        if self._tables is None:
            self._tables = Tables(
                [self._surface(index) for index in range(SURFACE_COUNT)],
                [self._object(index) for index in range(OBJECT_COUNT)],
            )
        return self._tables

    def settle(self) -> None:
        """Let everything happen that can without the driver."""
        while self.advance():
            pass

    def advance(self) -> bool:
        """Let one descriptor end, the transfer queue's first; False if nothing can move."""
        for queue, state in self._queues.items():
            if not state.idle and self._advance(queue):
                return True
        if _coalesce_of(self._registers[Address.IRQ_COALESCE]).cycles:
            late = [queue for queue in Queue if self._queues[queue].asked]
            for queue in late:
                self._done_interrupt(queue)
            return bool(late)
        return False

    def can_advance(self, queue: Queue) -> bool:
        """Return whether a descriptor of the queue could end now."""
        state = self._queues[queue]
        if state.idle:
            return False
        if not (state.enabled and self._registers[Address.CONTROL] & 1) or not self._room(queue):
            return False
        if state.refused or (state.abort_to is not None and state.head != state.abort_to):
            return True
        if state.head == state.tail or (state.halted and state.abort_to is None):
            return False
        failing = self._bus(self._entry_address(queue), ENTRY_SIZE[queue], False) is not Cause.NONE
        return failing or not self._waits(queue)

    def next_opcode(self, queue: Queue) -> Opcode | None:
        """Return what the queue would carry out next; None for an error, an abort or nothing."""
        state = self._queues[queue]
        if state.refused or state.abort_to is not None or state.halted or state.head == state.tail:
            return None
        opcode = self._fetch(queue).opcode
        return Opcode(opcode) if opcode in set(Opcode) else None

    def advance_queue(self, queue: Queue) -> bool:
        """Let one descriptor of the queue end; False if none could."""
        return self._advance(queue)

    # -------------------------------------------------------------------------------------------- registers

    def _write(self, address: int, value: int) -> None:
        if address not in self._registers:
            raise IndexError(f"no register at {address:#x}")
        old = self._registers[address]
        for part in self._fields[address]:
            mask = ((1 << part.width) - 1) << part.lsb
            if part.access == "rw":
                old = old & ~mask | value & mask
            elif part.access == "w1c":
                old &= ~(value & mask)
        self._registers[address] = old
        if address in _TABLES or address == Address.CONTROL:
            self._tables = None
        if address == Address.CONTROL:
            self._control(Control.from_int(value))
        for queue, state in self._queues.items():
            if address == queue_address(queue, QueueOffset.TAIL):
                self._doorbell(queue, state, value & _MASK16)
            elif address == queue_address(queue, QueueOffset.CONTROL):
                control = QueueControl.from_int(value)
                state.enabled = bool(control.enable)
                if control.resume:
                    state.halted = False
                if control.abort:
                    state.abort_to = state.tail

    def _control(self, control: Control) -> None:
        if control.soft_reset:
            self._queues = {queue: _QueueState() for queue in Queue}
            self._caches = [{} for _ in range(OBJECT_COUNT)]
            for queue in Queue:
                for offset in (QueueOffset.CONTROL, QueueOffset.TAIL, QueueOffset.COMPLETION_HEAD):
                    at = queue_address(queue, offset)
                    self._registers[at] = sum(part.reset << part.lsb for part in self._fields[at])
            self._registers[Address.CONTROL] = control.enable

    def _doorbell(self, queue: Queue, state: _QueueState, tail: int) -> None:
        if (tail - state.head) & _MASK16 > 1 << self._size(queue).ring_log2:
            state.overflows = (state.overflows + 1) & _MASK16
            state.refused.append(tail)
        else:
            state.tail = tail

    def _read(self, address: int) -> int:
        if address not in self._registers:
            raise IndexError(f"no register at {address:#x}")
        if address == Address.CYCLE_LO:
            self._cycle_high = self.cycle >> 32
            return self.cycle & 0xFFFFFFFF
        if address == Address.CYCLE_HI:
            return self._cycle_high
        for queue, state in self._queues.items():
            offset = address - queue_address(queue, QueueOffset.RING_BASE_LO)
            if offset in (QueueOffset.STATUS, QueueOffset.HEAD, QueueOffset.FENCE, QueueOffset.COMPLETION_TAIL):
                self.advance()
            live = {
                QueueOffset.TAIL: state.tail,
                QueueOffset.HEAD: state.head,
                QueueOffset.COMPLETION_TAIL: state.written,
                QueueOffset.FENCE: state.fence,
                QueueOffset.OVERFLOWS: state.overflows,
                QueueOffset.STATUS: QueueStatus(
                    busy=int(state.head != state.tail and not state.halted),
                    halted=int(state.halted),
                    aborting=int(state.abort_to is not None),
                    waiting=int(self._waits(queue)),
                ).to_int(),
            }
            if offset in live:
                return live[QueueOffset(offset)]
        return self._registers[address]

    # ----------------------------------------------------------------------------------------------- queues

    def _advance(self, queue: Queue) -> bool:
        state = self._queues[queue]
        if state.idle:
            return False
        if not (state.enabled and self._registers[Address.CONTROL] & 1) or not self._room(queue):
            return False
        if state.refused:
            self._record(queue, Descriptor(tag=state.refused.pop(0)), _error(Cause.RING_OVERFLOW))
            return True
        if state.abort_to is not None:
            if state.head != state.abort_to:
                dropped = self._fetch(queue)
                state.head = (state.head + 1) & _MASK16
                self._record(queue, dropped, Outcome(Status.ABORTED, Cause.ABORTED))
                return True
            state.abort_to = None
            state.halted = False
        if state.halted or state.head == state.tail:
            return False
        where = self._entry_address(queue)
        cause = self._bus(where, ENTRY_SIZE[queue], False)
        if cause is not Cause.NONE:
            index, state.head = state.head, (state.head + 1) & _MASK16
            cause = Cause.FETCH_ERROR if cause is Cause.BUS_ERROR else cause
            self._record(queue, Descriptor(tag=index), _error(cause, where))
            return True
        if self._waits(queue):
            return False
        descriptor = self._fetch(queue)
        state.head = (state.head + 1) & _MASK16
        self._run(queue, state, descriptor)
        return True

    def _run(self, queue: Queue, state: _QueueState, descriptor: Descriptor) -> None:
        named = descriptor.object < OBJECT_COUNT
        cache = self._caches[descriptor.object] if named else None
        outcome = execute(
            descriptor, self.host.bytes, self.memory, self.tables,
            queue=queue, data_width=self.data_width, bus=self._bus, cache=cache,
        )  # fmt: skip
        outcome.apply(self.host.bytes, self.memory)
        if outcome.out_of_range:
            self._raise(IrqStatus(device_range=1))
        good = outcome.status is Status.OK
        if good and descriptor.opcode == Opcode.INVALIDATE and cache is not None:
            cache.clear()
        if good and descriptor.opcode == Opcode.FENCE:
            state.fence = descriptor.host_offset
        self._record(queue, descriptor, outcome, fence=good and descriptor.opcode == Opcode.FENCE)

    def _record(self, queue: Queue, descriptor: Descriptor, outcome: Outcome, *, fence: bool = False) -> None:
        state = self._queues[queue]
        self.cycle += 1
        log2 = self._size(queue).completion_log2
        record = Record(
            tag=descriptor.tag,
            opcode=descriptor.opcode,
            cause=outcome.cause,
            status=outcome.status,
            queue=queue,
            phase=1 ^ (state.written >> log2 & 1),
            address=outcome.address,
            bytes=outcome.bytes,
            elapsed=1,
            end_cycle=self.cycle,
        )
        where = self._base(queue, QueueOffset.COMPLETION_BASE_LO) + (state.written & (1 << log2) - 1) * Record.SIZE
        failed = self._bus(where, Record.SIZE, True) is not Cause.NONE
        if not failed:
            self.host.write(where, record.pack())
        if fence:
            where = self._base(queue, QueueOffset.FENCE_BASE_LO)
            if self._bus(where, 8, True) is Cause.NONE:
                self.host.write_u64(where, state.fence)
            else:
                failed = True
        if failed:
            self._raise(IrqStatus(completion_error=1))
        state.written = (state.written + 1) & _MASK16
        if outcome.cause is Cause.WATCHDOG:
            self._raise(IrqStatus(watchdog=1))
        if outcome.status is not Status.OK:
            self._raise(IrqStatus(transfer_error=1) if queue is Queue.TRANSFER else IrqStatus(render_error=1))
        if outcome.status is Status.ERROR and QueueControl.from_int(self._control_of(queue)).halt_on_error:
            state.halted = True
        if descriptor.interrupt:
            state.asked += 1
            if state.asked >= _coalesce_of(self._registers[Address.IRQ_COALESCE]).count:
                self._done_interrupt(queue)

    def _done_interrupt(self, queue: Queue) -> None:
        self._queues[queue].asked = 0
        self._raise(IrqStatus(transfer_done=1) if queue is Queue.TRANSFER else IrqStatus(render_done=1))

    def _raise(self, causes: IrqStatus) -> None:
        self._registers[Address.IRQ_STATUS] |= causes.to_int()

    def _waits(self, queue: Queue) -> bool:
        state = self._queues[queue]
        if state.head == state.tail or state.abort_to is not None or state.halted:
            return False
        descriptor = self._fetch(queue)
        if descriptor.opcode != Opcode.WAIT or check(descriptor, queue, self.tables):
            return False
        return not seqno_passed(self._queues[Queue(descriptor.queue)].fence, descriptor.host_offset)

    def _fetch(self, queue: Queue) -> Descriptor:
        data = self.host.read(self._entry_address(queue), ENTRY_SIZE[queue])
        return _descriptor_of(data)

    def _entry_address(self, queue: Queue) -> int:
        index = self._queues[queue].head & (1 << self._size(queue).ring_log2) - 1
        return self._base(queue, QueueOffset.RING_BASE_LO) + index * ENTRY_SIZE[queue]

    def _room(self, queue: Queue) -> bool:
        consumed = self._registers[queue_address(queue, QueueOffset.COMPLETION_HEAD)]
        return (self._queues[queue].written - consumed) & _MASK16 < 1 << self._size(queue).completion_log2

    # ----------------------------------------------------------------------------------------------- tables

    def _size(self, queue: Queue) -> QueueSize:
        return _size_of(self._registers[queue_address(queue, QueueOffset.SIZE)])

    def _control_of(self, queue: Queue) -> int:
        return self._registers[queue_address(queue, QueueOffset.CONTROL)]

    def _base(self, queue: Queue, low: QueueOffset) -> int:
        at = queue_address(queue, low)
        return self._registers[at + 4] << 32 | self._registers[at]

    def _surface(self, index: int) -> Surface | None:
        shape = SurfaceFormat.from_int(self._registers[surface_address(index, SurfaceOffset.FORMAT)])
        extent = SurfaceExtent.from_int(self._registers[surface_address(index, SurfaceOffset.EXTENT)])
        if not shape.valid or not 1 <= shape.bytes_per_pixel <= 16 or not extent.width or not extent.height:
            return None
        base = self._registers[surface_address(index, SurfaceOffset.BASE)]
        return Surface(base, extent.width, extent.height, shape.bytes_per_pixel, Layout(shape.layout))

    def _object(self, index: int) -> HostObject | None:
        config = ObjectConfig.from_int(self._registers[object_address(index, ObjectOffset.CONFIG)])
        if not config.valid:
            return None
        low = self._registers[object_address(index, ObjectOffset.ROOT_LO)]
        high = self._registers[object_address(index, ObjectOffset.ROOT_HI)]
        return HostObject(high << 32 | low, config.pages, bool(config.two_level))

    def _bus(self, address: int, length: int, write: bool) -> Cause:
        for entry in self.bus_ranges:
            if entry.write is write and address < entry.last and entry.first < address + length:
                return entry.cause
        return Cause.NONE if address + length <= self.host.size else Cause.BUS_ERROR

    def _describe(self) -> str:
        return ", ".join(
            f"{queue.name} head {state.head} tail {state.tail} fence {state.fence}"
            f"{' halted' if state.halted else ''}{' waiting' if self._waits(queue) else ''}"
            for queue, state in self._queues.items()
        )


def _error(cause: Cause, address: int = 0) -> Outcome:
    return Outcome(Status.ERROR, cause, address)

