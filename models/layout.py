"""Registers, descriptors, records and table entries: generated from rtl/faultline.rdl; do not edit.

Why: the driver, the Python device and the testbench name every number; none of them repeats one.
Structures pack to little-endian bytes. Fields with an encoding unpack to its enum, or to a plain int where
the value has no name. Packing a value that does not fit its field raises ValueError. Registers with one
32-bit field have no class of their own: their value is the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

__all__ = [
    "Address",
    "Cause",
    "Control",
    "CounterOffset",
    "Descriptor",
    "EngineStatus",
    "IrqCoalesce",
    "IrqEnable",
    "IrqStatus",
    "Layout",
    "OBJECT_COUNT",
    "ObjectConfig",
    "ObjectOffset",
    "ObjectRootLo",
    "Opcode",
    "PageTableEntry",
    "Parameters",
    "QUEUE_COUNT",
    "QueueCompletionBaseLo",
    "QueueCompletionHead",
    "QueueCompletionTail",
    "QueueControl",
    "QueueFenceBaseLo",
    "QueueHead",
    "QueueOffset",
    "QueueOverflows",
    "QueueRingBaseLo",
    "QueueSize",
    "QueueStatus",
    "QueueTail",
    "REGISTERS",
    "Record",
    "Register",
    "RegisterField",
    "SURFACE_COUNT",
    "Status",
    "SurfaceBase",
    "SurfaceExtent",
    "SurfaceFormat",
    "SurfaceOffset",
    "Version",
    "counter_address",
    "object_address",
    "queue_address",
    "surface_address",
]

# A field may be called bytes, which would hide the type from its class.
_Bytes: TypeAlias = bytes
_Buffer: TypeAlias = bytes | bytearray | memoryview


def _put(value: int, lsb: int, width: int, name: str) -> int:
    if not 0 <= value < 1 << width:
        raise ValueError(f"{name} is {value}, must be 0 to {(1 << width) - 1}")
    return value << lsb


def _named(encoding: type[IntEnum], value: int) -> int:
    try:
        return encoding(value)
    except ValueError:
        return value


def _at(name: str, index: int, count: int, base: int, stride: int) -> int:
    if not 0 <= index < count:
        raise ValueError(f"{name} {index}, must be 0 to {count - 1}")
    return base + index * stride


class Opcode(IntEnum):
    """Encoding of the opcode fields, 8 bits."""

    #: Completes in order, does nothing. Both queues.
    NOP = 0
    #: Device box to host object. Transfer queue.
    READBACK = 1
    #: Host object to device box. Transfer queue.
    WRITEBACK = 2
    #: Repeat one pixel over a device box. Render queue.
    FILL = 3
    #: Device box to device box. Render queue.
    COPY = 4
    #: Hold this queue until a queue's fence has reached a value. Both queues.
    WAIT = 5
    #: After all earlier descriptors: publish a fence value. Both queues.
    FENCE = 6
    #: Drop the cached translations of one object. Both queues.
    INVALIDATE = 7


class Cause(IntEnum):
    """Encoding of the cause fields, 8 bits."""

    #: No error.
    NONE = 0
    #: SLVERR or DECERR on a data access; address is the bus address of the burst.
    BUS_ERROR = 1
    #: Object or page not valid; address is the offset in the object.
    TRANSLATION_FAULT = 2
    #: READBACK into a page that is not writable; address is the offset in the object.
    READ_ONLY = 3
    #: Box not inside the surface, or surface not valid.
    BOX_OUTSIDE = 4
    #: Opcode unknown, or not one of this queue.
    UNKNOWN_OPCODE = 5
    #: FILL or COPY: x or width is not a multiple of the pixel size, or the pixel sizes differ.
    ALIGNMENT = 6
    #: Doorbell beyond the ring's capacity, refused; tag is the refused tail.
    RING_OVERFLOW = 7
    #: The bus gave no answer for WATCHDOG cycles; address as for BUS_ERROR.
    WATCHDOG = 8
    #: Dropped or cut short by an abort.
    ABORTED = 9
    #: Reserved descriptor bits set, or an index or queue number out of range.
    MALFORMED = 10
    #: Bus error while fetching the descriptor; address is its bus address, tag its index.
    FETCH_ERROR = 11
    #: Bus error while reading a page table; address is the entry's bus address.
    WALK_ERROR = 12
    #: COPY between overlapping boxes of one surface.
    OVERLAP = 13


class Status(IntEnum):
    """Encoding of the status fields, 4 bits."""

    #: Everything asked for was done.
    OK = 0
    #: Stopped by the cause given; bytes says how far it came.
    ERROR = 1
    #: Dropped or cut short by an abort of the queue.
    ABORTED = 2


class Layout(IntEnum):
    """Encoding of the layout fields, 2 bits."""

    #: Rows one after another, each rounded up to 64 bytes.
    LINEAR = 0
    #: Tiles of 512 bytes x 8 rows, row by row.
    X_TILED = 1
    #: Tiles of 128 bytes x 32 rows, 64-byte column by column.
    Y_TILED = 2
    #: Tiles of 256 bytes x 16 rows, 64-byte units in Morton order.
    MORTON = 3


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Descriptor. Little endian. An entry of the transfer ring is the first 32 bytes (words 0 to 3), of the render
    ring all 64. x and width are bytes, y and height rows, so that a page boundary may cut a pixel.
    """

    #: Operation.
    opcode: int = 0
    #: The record of this descriptor asks for an interrupt.
    interrupt: int = 0
    #: Start only after every earlier descriptor of this queue has completed.
    order: int = 0
    #: Must be 0.
    reserved0: int = 0
    #: Returned in the record.
    tag: int = 0
    #: Surface of the box, 0 to 15.
    surface: int = 0
    #: READBACK, WRITEBACK, INVALIDATE: host object, 0 to 15.
    object: int = 0
    #: WAIT: whose fence, 0 transfer, 1 render.
    queue: int = 0
    #: Must be 0.
    reserved1: int = 0
    #: READBACK, WRITEBACK: offset of the first row in the host object, in bytes. FENCE, WAIT: the fence
    #: value.
    host_offset: int = 0
    #: Left edge of the box in bytes.
    x: int = 0
    #: Top row of the box.
    y: int = 0
    #: Bytes a row of the box; 0: nothing to do.
    width: int = 0
    #: Must be 0.
    reserved2: int = 0
    #: Rows of the box; 0: nothing to do.
    height: int = 0
    #: Must be 0.
    reserved3: int = 0
    #: Bytes from one row to the next in the host object.
    host_stride: int = 0
    #: COPY: surface of the source box, 0 to 15.
    source_surface: int = 0
    #: Must be 0.
    reserved4: int = 0
    #: COPY: left edge of the source box in bytes.
    source_x: int = 0
    #: COPY: top row of the source box.
    source_y: int = 0
    #: Must be 0.
    reserved5: int = 0
    #: Must be 0.
    reserved6: int = 0
    #: FILL: bytes 0 to 7 of the pixel.
    pattern_low: int = 0
    #: FILL: bytes 8 to 15 of the pixel.
    pattern_high: int = 0

    SIZE: ClassVar[int] = 64
    #: Bytes of a ring entry, by queue: the transfer ring leaves out the last words.
    ENTRY_SIZE: ClassVar[tuple[int, int]] = (32, 64)

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.opcode, 0, 8, "Descriptor.opcode")
            | _put(self.interrupt, 8, 1, "Descriptor.interrupt")
            | _put(self.order, 9, 1, "Descriptor.order")
            | _put(self.reserved0, 10, 22, "Descriptor.reserved0")
            | _put(self.tag, 32, 32, "Descriptor.tag")
            | _put(self.surface, 64, 8, "Descriptor.surface")
            | _put(self.object, 72, 8, "Descriptor.object")
            | _put(self.queue, 80, 8, "Descriptor.queue")
            | _put(self.reserved1, 88, 8, "Descriptor.reserved1")
            | _put(self.host_offset, 96, 32, "Descriptor.host_offset")
            | _put(self.x, 128, 20, "Descriptor.x")
            | _put(self.y, 148, 16, "Descriptor.y")
            | _put(self.width, 164, 20, "Descriptor.width")
            | _put(self.reserved2, 184, 8, "Descriptor.reserved2")
            | _put(self.height, 192, 16, "Descriptor.height")
            | _put(self.reserved3, 208, 16, "Descriptor.reserved3")
            | _put(self.host_stride, 224, 32, "Descriptor.host_stride")
            | _put(self.source_surface, 256, 8, "Descriptor.source_surface")
            | _put(self.reserved4, 264, 8, "Descriptor.reserved4")
            | _put(self.source_x, 272, 20, "Descriptor.source_x")
            | _put(self.source_y, 292, 16, "Descriptor.source_y")
            | _put(self.reserved5, 308, 12, "Descriptor.reserved5")
            | _put(self.reserved6, 320, 64, "Descriptor.reserved6")
            | _put(self.pattern_low, 384, 64, "Descriptor.pattern_low")
            | _put(self.pattern_high, 448, 64, "Descriptor.pattern_high")
        )

    @classmethod
    def from_int(cls, value: int) -> Descriptor:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            opcode=_named(Opcode, value & 0xff),
            interrupt=(value >> 8) & 0x1,
            order=(value >> 9) & 0x1,
            reserved0=(value >> 10) & 0x3fffff,
            tag=(value >> 32) & 0xffffffff,
            surface=(value >> 64) & 0xff,
            object=(value >> 72) & 0xff,
            queue=(value >> 80) & 0xff,
            reserved1=(value >> 88) & 0xff,
            host_offset=(value >> 96) & 0xffffffff,
            x=(value >> 128) & 0xfffff,
            y=(value >> 148) & 0xffff,
            width=(value >> 164) & 0xfffff,
            reserved2=(value >> 184) & 0xff,
            height=(value >> 192) & 0xffff,
            reserved3=(value >> 208) & 0xffff,
            host_stride=(value >> 224) & 0xffffffff,
            source_surface=(value >> 256) & 0xff,
            reserved4=(value >> 264) & 0xff,
            source_x=(value >> 272) & 0xfffff,
            source_y=(value >> 292) & 0xffff,
            reserved5=(value >> 308) & 0xfff,
            reserved6=(value >> 320) & 0xffffffffffffffff,
            pattern_low=(value >> 384) & 0xffffffffffffffff,
            pattern_high=(value >> 448) & 0xffffffffffffffff,
        )

    def pack(self, queue: int = 1) -> _Bytes:
        """Return the ring entry of a queue, little endian: 32 bytes for 0 (transfer), 64 for 1 (render).

        ValueError where a field does not fit, or where a transfer entry has no room for a field that is not 0.
        """
        number = self.to_int()
        if queue == 0 and number >> 32 * 8:
            raise ValueError(f"{self} has fields that an entry of the transfer ring leaves out")
        return number.to_bytes(self.ENTRY_SIZE[queue], "little")

    @classmethod
    def unpack(cls, data: _Buffer) -> Descriptor:
        """Read a ring entry of either queue; ValueError for any other length."""
        if len(data) not in cls.ENTRY_SIZE:
            raise ValueError(f"Descriptor is 32 or 64 bytes, not {len(data)}")
        return cls.from_int(int.from_bytes(data, "little"))


@dataclass(frozen=True, slots=True)
class Record:
    """Completion record. 32 bytes, little endian, written in descriptor order."""

    #: Tag of the descriptor.
    tag: int = 0
    #: Opcode of the descriptor.
    opcode: int = 0
    #: Why it failed.
    cause: int = 0
    #: How it ended.
    status: int = 0
    #: Queue, 0 transfer, 1 render.
    queue: int = 0
    #: 1 in the ring's first lap, then flips each lap: tells a new record from an old one.
    phase: int = 0
    #: Where it failed; what kind of address depends on the cause.
    address: int = 0
    #: Bytes moved before it ended.
    bytes: int = 0
    #: Cycles from dispatch to the end; start = end - elapsed.
    elapsed: int = 0
    #: CYCLE when the last effect was answered.
    end_cycle: int = 0

    SIZE: ClassVar[int] = 32

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.tag, 0, 32, "Record.tag")
            | _put(self.opcode, 32, 8, "Record.opcode")
            | _put(self.cause, 40, 8, "Record.cause")
            | _put(self.status, 48, 4, "Record.status")
            | _put(self.queue, 56, 1, "Record.queue")
            | _put(self.phase, 63, 1, "Record.phase")
            | _put(self.address, 64, 64, "Record.address")
            | _put(self.bytes, 128, 32, "Record.bytes")
            | _put(self.elapsed, 160, 32, "Record.elapsed")
            | _put(self.end_cycle, 192, 64, "Record.end_cycle")
        )

    @classmethod
    def from_int(cls, value: int) -> Record:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            tag=value & 0xffffffff,
            opcode=_named(Opcode, (value >> 32) & 0xff),
            cause=_named(Cause, (value >> 40) & 0xff),
            status=_named(Status, (value >> 48) & 0xf),
            queue=(value >> 56) & 0x1,
            phase=(value >> 63) & 0x1,
            address=(value >> 64) & 0xffffffffffffffff,
            bytes=(value >> 128) & 0xffffffff,
            elapsed=(value >> 160) & 0xffffffff,
            end_cycle=(value >> 192) & 0xffffffffffffffff,
        )

    def pack(self) -> _Bytes:
        """Return 32 bytes, little endian; ValueError where a field does not fit."""
        return self.to_int().to_bytes(32, "little")

    @classmethod
    def unpack(cls, data: _Buffer) -> Record:
        """Read 32 bytes; ValueError for any other length."""
        if len(data) != 32:
            raise ValueError(f"Record is 32 bytes, not {len(data)}")
        return cls.from_int(int.from_bytes(data, "little"))


@dataclass(frozen=True, slots=True)
class PageTableEntry:
    """Page-table entry. 8 bytes. In a directory the frame is that of a table, and writable is not looked at."""

    #: The entry may be used.
    valid: int = 0
    #: The engine may write the page.
    writable: int = 0
    #: Bus address of the page, bits 51 to 12.
    frame: int = 0

    SIZE: ClassVar[int] = 8

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.valid, 0, 1, "PageTableEntry.valid")
            | _put(self.writable, 1, 1, "PageTableEntry.writable")
            | _put(self.frame, 12, 40, "PageTableEntry.frame")
        )

    @classmethod
    def from_int(cls, value: int) -> PageTableEntry:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            valid=value & 0x1,
            writable=(value >> 1) & 0x1,
            frame=(value >> 12) & 0xffffffffff,
        )

    def pack(self) -> _Bytes:
        """Return 8 bytes, little endian; ValueError where a field does not fit."""
        return self.to_int().to_bytes(8, "little")

    @classmethod
    def unpack(cls, data: _Buffer) -> PageTableEntry:
        """Read 8 bytes; ValueError for any other length."""
        if len(data) != 8:
            raise ValueError(f"PageTableEntry is 8 bytes, not {len(data)}")
        return cls.from_int(int.from_bytes(data, "little"))


class Address(IntEnum):
    """Byte addresses of the top level."""

    #: Identity, reads 0x464C544C ('FLTL').
    ID = 0x0000
    VERSION = 0x0004
    #: What this instance was built with.
    PARAMETERS = 0x0008
    #: Engine control.
    CONTROL = 0x000c
    #: Engine status.
    STATUS = 0x0010
    #: Interrupt causes; write 1 clears.
    IRQ_STATUS = 0x0014
    #: Which causes raise the interrupt line; bits as IRQ_STATUS.
    IRQ_ENABLE = 0x0018
    #: Coalescing of the done interrupts, a queue at a time.
    IRQ_COALESCE = 0x001c
    #: Cycles without an answer after which an access fails with WATCHDOG; 0: never.
    WATCHDOG = 0x0020
    #: Cycles since hardware reset, low half; a read holds the high half for CYCLE_HI.
    CYCLE_LO = 0x0024
    CYCLE_HI = 0x0028


@dataclass(frozen=True, slots=True)
class Version:
    """Register version."""

    minor: int = 1
    major: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.minor, 0, 16, "Version.minor")
            | _put(self.major, 16, 16, "Version.major")
        )

    @classmethod
    def from_int(cls, value: int) -> Version:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            minor=value & 0xffff,
            major=(value >> 16) & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class Parameters:
    """Register parameters. What this instance was built with."""

    #: log2 of the data width in bytes, 3 to 6.
    data_log2: int = 0
    #: log2 of the translation cache's entries.
    tlb_log2: int = 0
    #: Read bursts that may be outstanding.
    reads: int = 0
    #: Write bursts that may be outstanding.
    writes: int = 0
    #: log2 of the device memory's bytes.
    device_log2: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.data_log2, 0, 4, "Parameters.data_log2")
            | _put(self.tlb_log2, 4, 4, "Parameters.tlb_log2")
            | _put(self.reads, 8, 8, "Parameters.reads")
            | _put(self.writes, 16, 8, "Parameters.writes")
            | _put(self.device_log2, 24, 8, "Parameters.device_log2")
        )

    @classmethod
    def from_int(cls, value: int) -> Parameters:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            data_log2=value & 0xf,
            tlb_log2=(value >> 4) & 0xf,
            reads=(value >> 8) & 0xff,
            writes=(value >> 16) & 0xff,
            device_log2=(value >> 24) & 0xff,
        )


@dataclass(frozen=True, slots=True)
class Control:
    """Register control. Engine control."""

    #: Dispatch descriptors.
    enable: int = 0
    #: Write 1: finish what is on the bus with no further bytes, then return every block and queue to its
    #: reset state; reads 1 until done. Surfaces, objects, rings and interrupt registers keep their values;
    #: heads, tails, fences and queue enables return to 0.
    soft_reset: int = 0
    #: Write 1: set every counter to 0.
    clear_counters: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.enable, 0, 1, "Control.enable")
            | _put(self.soft_reset, 1, 1, "Control.soft_reset")
            | _put(self.clear_counters, 2, 1, "Control.clear_counters")
        )

    @classmethod
    def from_int(cls, value: int) -> Control:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            enable=value & 0x1,
            soft_reset=(value >> 1) & 0x1,
            clear_counters=(value >> 2) & 0x1,
        )


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Register status. Engine status."""

    #: Any queue, mover or renderer is busy, or a burst is outstanding.
    busy: int = 0
    #: Transfer halves: device to host.
    readback_busy: int = 0
    #: Transfer halves: host to device.
    writeback_busy: int = 0
    #: The renderer draws.
    render_busy: int = 0
    #: Read bursts outstanding on the bus.
    reads_outstanding: int = 0
    #: Write bursts outstanding on the bus.
    writes_outstanding: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.busy, 0, 1, "EngineStatus.busy")
            | _put(self.readback_busy, 1, 1, "EngineStatus.readback_busy")
            | _put(self.writeback_busy, 2, 1, "EngineStatus.writeback_busy")
            | _put(self.render_busy, 3, 1, "EngineStatus.render_busy")
            | _put(self.reads_outstanding, 8, 8, "EngineStatus.reads_outstanding")
            | _put(self.writes_outstanding, 16, 8, "EngineStatus.writes_outstanding")
        )

    @classmethod
    def from_int(cls, value: int) -> EngineStatus:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            busy=value & 0x1,
            readback_busy=(value >> 1) & 0x1,
            writeback_busy=(value >> 2) & 0x1,
            render_busy=(value >> 3) & 0x1,
            reads_outstanding=(value >> 8) & 0xff,
            writes_outstanding=(value >> 16) & 0xff,
        )


@dataclass(frozen=True, slots=True)
class IrqStatus:
    """Register irq_status. Interrupt causes; write 1 clears."""

    #: Transfer queue: records have been written (coalesced).
    transfer_done: int = 0
    #: Render queue: records have been written (coalesced).
    render_done: int = 0
    #: Transfer queue: a record with an error or abort has been written.
    transfer_error: int = 0
    #: Render queue: a record with an error or abort has been written.
    render_error: int = 0
    #: Writing a record or a fence value failed on the bus.
    completion_error: int = 0
    #: The watchdog has given up on an access.
    watchdog: int = 0
    #: A surface reaches past the end of device memory: the access was dropped.
    device_range: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.transfer_done, 0, 1, "IrqStatus.transfer_done")
            | _put(self.render_done, 1, 1, "IrqStatus.render_done")
            | _put(self.transfer_error, 2, 1, "IrqStatus.transfer_error")
            | _put(self.render_error, 3, 1, "IrqStatus.render_error")
            | _put(self.completion_error, 4, 1, "IrqStatus.completion_error")
            | _put(self.watchdog, 5, 1, "IrqStatus.watchdog")
            | _put(self.device_range, 6, 1, "IrqStatus.device_range")
        )

    @classmethod
    def from_int(cls, value: int) -> IrqStatus:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            transfer_done=value & 0x1,
            render_done=(value >> 1) & 0x1,
            transfer_error=(value >> 2) & 0x1,
            render_error=(value >> 3) & 0x1,
            completion_error=(value >> 4) & 0x1,
            watchdog=(value >> 5) & 0x1,
            device_range=(value >> 6) & 0x1,
        )


@dataclass(frozen=True, slots=True)
class IrqEnable:
    """Register irq_enable. Which causes raise the interrupt line; bits as IRQ_STATUS."""

    mask: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.mask, 0, 7, "IrqEnable.mask")
        )

    @classmethod
    def from_int(cls, value: int) -> IrqEnable:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            mask=value & 0x7f,
        )


@dataclass(frozen=True, slots=True)
class IrqCoalesce:
    """Register irq_coalesce. Coalescing of the done interrupts, a queue at a time."""

    #: Raise after this many records that ask for an interrupt; 0 and 1 both mean each.
    count: int = 0
    #: Raise this many cycles after the first of them at the latest; 0: no limit.
    cycles: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 8, "IrqCoalesce.count")
            | _put(self.cycles, 8, 24, "IrqCoalesce.cycles")
        )

    @classmethod
    def from_int(cls, value: int) -> IrqCoalesce:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xff,
            cycles=(value >> 8) & 0xffffff,
        )


QUEUE_COUNT: Final = 2


class QueueOffset(IntEnum):
    """Byte offsets in a queue register block."""

    #: Bus address of the descriptor ring, 64-byte aligned (low 6 bits read as 0). Entries are 32 bytes in the
    #: transfer ring, 64 in the render ring.
    RING_BASE_LO = 0x0000
    RING_BASE_HI = 0x0004
    #: Ring sizes as powers of two.
    SIZE = 0x0008
    #: Doorbell: count of descriptors ever published, modulo 2^16; a new value starts their fetch.
    TAIL = 0x000c
    #: Count of descriptors ever fetched, modulo 2^16.
    HEAD = 0x0010
    #: Bus address of the completion ring, 32-byte aligned (low 5 bits read as 0).
    COMPLETION_BASE_LO = 0x0014
    COMPLETION_BASE_HI = 0x0018
    #: Count of records the driver has consumed, modulo 2^16; the engine never overwrites one that is not.
    COMPLETION_HEAD = 0x001c
    #: Count of records written and answered, modulo 2^16.
    COMPLETION_TAIL = 0x0020
    #: Bus address of the queue's fence value in host memory, 8-byte aligned (low 3 bits read as 0).
    FENCE_BASE_LO = 0x0024
    FENCE_BASE_HI = 0x0028
    #: Last fence value published by this queue.
    FENCE = 0x002c
    #: Queue control.
    CONTROL = 0x0030
    #: Queue status.
    STATUS = 0x0034
    #: Refused doorbells (RING_OVERFLOW), wraps.
    OVERFLOWS = 0x0038


def queue_address(queue: int, offset: QueueOffset) -> int:
    """Return the byte address of a queue register; ValueError for an index out of range."""
    return _at("queue", queue, QUEUE_COUNT, 0x0100, 0x80) + offset


@dataclass(frozen=True, slots=True)
class QueueRingBaseLo:
    """Register queue.ring_base_lo. Bus address of the descriptor ring, 64-byte aligned (low 6 bits read as 0).
    Entries are 32 bytes in the transfer ring, 64 in the render ring.
    """

    base: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.base, 6, 26, "QueueRingBaseLo.base")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueRingBaseLo:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            base=(value >> 6) & 0x3ffffff,
        )


@dataclass(frozen=True, slots=True)
class QueueSize:
    """Register queue.size. Ring sizes as powers of two."""

    #: log2 of the descriptor ring's entries, 0 to 15.
    ring_log2: int = 0
    #: log2 of the completion ring's entries, 0 to 15.
    completion_log2: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.ring_log2, 0, 4, "QueueSize.ring_log2")
            | _put(self.completion_log2, 8, 4, "QueueSize.completion_log2")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueSize:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            ring_log2=value & 0xf,
            completion_log2=(value >> 8) & 0xf,
        )


@dataclass(frozen=True, slots=True)
class QueueTail:
    """Register queue.tail. Doorbell: count of descriptors ever published, modulo 2^16; a new value starts their
    fetch.
    """

    count: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 16, "QueueTail.count")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueTail:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class QueueHead:
    """Register queue.head. Count of descriptors ever fetched, modulo 2^16."""

    count: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 16, "QueueHead.count")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueHead:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class QueueCompletionBaseLo:
    """Register queue.completion_base_lo. Bus address of the completion ring, 32-byte aligned (low 5 bits read as 0)."""

    base: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.base, 5, 27, "QueueCompletionBaseLo.base")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueCompletionBaseLo:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            base=(value >> 5) & 0x7ffffff,
        )


@dataclass(frozen=True, slots=True)
class QueueCompletionHead:
    """Register queue.completion_head. Count of records the driver has consumed, modulo 2^16; the engine never
    overwrites one that is not.
    """

    count: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 16, "QueueCompletionHead.count")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueCompletionHead:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class QueueCompletionTail:
    """Register queue.completion_tail. Count of records written and answered, modulo 2^16."""

    count: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 16, "QueueCompletionTail.count")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueCompletionTail:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class QueueFenceBaseLo:
    """Register queue.fence_base_lo. Bus address of the queue's fence value in host memory, 8-byte aligned (low 3
    bits read as 0).
    """

    base: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.base, 3, 29, "QueueFenceBaseLo.base")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueFenceBaseLo:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            base=(value >> 3) & 0x1fffffff,
        )


@dataclass(frozen=True, slots=True)
class QueueControl:
    """Register queue.control. Queue control."""

    #: Fetch and dispatch descriptors. Clearing stops at the next descriptor.
    enable: int = 0
    #: After an error: 1 halts the queue, 0 goes on with the next descriptor.
    halt_on_error: int = 1
    #: Write 1: leave the halted state.
    resume: int = 0
    #: Write 1: drop every descriptor up to the tail, each with a record of cause ABORTED.
    abort: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.enable, 0, 1, "QueueControl.enable")
            | _put(self.halt_on_error, 1, 1, "QueueControl.halt_on_error")
            | _put(self.resume, 8, 1, "QueueControl.resume")
            | _put(self.abort, 9, 1, "QueueControl.abort")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueControl:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            enable=value & 0x1,
            halt_on_error=(value >> 1) & 0x1,
            resume=(value >> 8) & 0x1,
            abort=(value >> 9) & 0x1,
        )


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Register queue.status. Queue status."""

    #: Descriptors or records are still under way.
    busy: int = 0
    #: Stopped by an error; nothing is dispatched before resume, abort or reset.
    halted: int = 0
    #: An abort is under way.
    aborting: int = 0
    #: The queue stands at a WAIT.
    waiting: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.busy, 0, 1, "QueueStatus.busy")
            | _put(self.halted, 1, 1, "QueueStatus.halted")
            | _put(self.aborting, 2, 1, "QueueStatus.aborting")
            | _put(self.waiting, 3, 1, "QueueStatus.waiting")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueStatus:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            busy=value & 0x1,
            halted=(value >> 1) & 0x1,
            aborting=(value >> 2) & 0x1,
            waiting=(value >> 3) & 0x1,
        )


@dataclass(frozen=True, slots=True)
class QueueOverflows:
    """Register queue.overflows. Refused doorbells (RING_OVERFLOW), wraps."""

    count: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.count, 0, 16, "QueueOverflows.count")
        )

    @classmethod
    def from_int(cls, value: int) -> QueueOverflows:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            count=value & 0xffff,
        )


SURFACE_COUNT: Final = 16


class SurfaceOffset(IntEnum):
    """Byte offsets in a surface register block."""

    #: Device byte address, 4 KiB aligned (low 12 bits read as 0).
    BASE = 0x0000
    EXTENT = 0x0004
    FORMAT = 0x0008


def surface_address(surface: int, offset: SurfaceOffset) -> int:
    """Return the byte address of a surface register; ValueError for an index out of range."""
    return _at("surface", surface, SURFACE_COUNT, 0x0400, 0x10) + offset


@dataclass(frozen=True, slots=True)
class SurfaceBase:
    """Register surface.base. Device byte address, 4 KiB aligned (low 12 bits read as 0)."""

    page: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.page, 12, 20, "SurfaceBase.page")
        )

    @classmethod
    def from_int(cls, value: int) -> SurfaceBase:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            page=(value >> 12) & 0xfffff,
        )


@dataclass(frozen=True, slots=True)
class SurfaceExtent:
    """Register surface.extent."""

    #: Pixels a row.
    width: int = 0
    #: Rows.
    height: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.width, 0, 16, "SurfaceExtent.width")
            | _put(self.height, 16, 16, "SurfaceExtent.height")
        )

    @classmethod
    def from_int(cls, value: int) -> SurfaceExtent:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            width=value & 0xffff,
            height=(value >> 16) & 0xffff,
        )


@dataclass(frozen=True, slots=True)
class SurfaceFormat:
    """Register surface.format."""

    #: Bytes a pixel, 1 to 16.
    bytes_per_pixel: int = 0
    #: Memory layout.
    layout: int = 0
    #: The entry may be used.
    valid: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.bytes_per_pixel, 0, 5, "SurfaceFormat.bytes_per_pixel")
            | _put(self.layout, 8, 2, "SurfaceFormat.layout")
            | _put(self.valid, 31, 1, "SurfaceFormat.valid")
        )

    @classmethod
    def from_int(cls, value: int) -> SurfaceFormat:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            bytes_per_pixel=value & 0x1f,
            layout=_named(Layout, (value >> 8) & 0x3),
            valid=(value >> 31) & 0x1,
        )


OBJECT_COUNT: Final = 16


class ObjectOffset(IntEnum):
    """Byte offsets in a object register block."""

    #: Bus address of the page table's root, 4 KiB aligned (low 12 bits read as 0).
    ROOT_LO = 0x0000
    ROOT_HI = 0x0004
    CONFIG = 0x0008


def object_address(object: int, offset: ObjectOffset) -> int:
    """Return the byte address of a object register; ValueError for an index out of range."""
    return _at("object", object, OBJECT_COUNT, 0x0800, 0x10) + offset


@dataclass(frozen=True, slots=True)
class ObjectRootLo:
    """Register object.root_lo. Bus address of the page table's root, 4 KiB aligned (low 12 bits read as 0)."""

    base: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.base, 12, 20, "ObjectRootLo.base")
        )

    @classmethod
    def from_int(cls, value: int) -> ObjectRootLo:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            base=(value >> 12) & 0xfffff,
        )


@dataclass(frozen=True, slots=True)
class ObjectConfig:
    """Register object.config."""

    #: Size in pages of 4 KiB; an offset at or past it is a translation fault.
    pages: int = 0
    #: 0: the root is one flat table. 1: the root is a directory of tables of 512 entries.
    two_level: int = 0
    #: The entry may be used.
    valid: int = 0

    def to_int(self) -> int:
        """Return the fields as one number; ValueError where one does not fit."""
        return (
            _put(self.pages, 0, 21, "ObjectConfig.pages")
            | _put(self.two_level, 30, 1, "ObjectConfig.two_level")
            | _put(self.valid, 31, 1, "ObjectConfig.valid")
        )

    @classmethod
    def from_int(cls, value: int) -> ObjectConfig:
        """Take the fields out of a number; other bits are not looked at."""
        return cls(
            pages=value & 0x1fffff,
            two_level=(value >> 30) & 0x1,
            valid=(value >> 31) & 0x1,
        )


class CounterOffset(IntEnum):
    """Byte offsets in a counter register block."""

    #: Cycles in which the transfer queue had work.
    TRANSFER_BUSY_CYCLES = 0x0000
    #: Cycles in which the renderer drew.
    RENDER_BUSY_CYCLES = 0x0004
    #: Data beats read from host memory for WRITEBACK.
    READ_BEATS = 0x0008
    #: Data beats written to host memory for READBACK.
    WRITE_BEATS = 0x000c
    #: Read side: an address waited for the bus (ARVALID without ARREADY).
    READ_STALL_ADDRESS = 0x0010
    #: Read side: bursts outstanding but no data came.
    READ_STALL_DATA = 0x0014
    #: Read side: a burst waited for room or for a free outstanding slot.
    READ_STALL_CREDIT = 0x0018
    #: Write side: an address waited for the bus (AWVALID without AWREADY).
    WRITE_STALL_ADDRESS = 0x001c
    #: Write side: data waited for the bus (WVALID without WREADY).
    WRITE_STALL_DATA = 0x0020
    #: Write side: a burst was open but the device had no data ready.
    WRITE_STALL_DEVICE = 0x0024
    #: Either mover waited for a translation.
    STALL_TRANSLATION = 0x0028
    #: Descriptors completed, transfer queue.
    TRANSFER_DESCRIPTORS = 0x002c
    #: Descriptors completed, render queue.
    RENDER_DESCRIPTORS = 0x0030
    #: Translations served from the cache.
    TLB_HITS = 0x0034
    #: Translations that walked the page table.
    TLB_MISSES = 0x0038
    #: Device memory: an access waited for its bank.
    BANK_CONFLICTS = 0x003c
    #: Transfer descriptors by elapsed cycles: bucket n counts [2^(n+4), 2^(n+5)), the first all below 32, the
    #: last all above.
    LATENCY = 0x0040


def counter_address(offset: CounterOffset, element: int = 0) -> int:
    """Return the byte address of a counter register; ValueError for an index out of range."""
    count = 16 if offset is CounterOffset.LATENCY else 1
    return _at("element", element, count, 0x0c00 + offset, 0x4)


@dataclass(frozen=True, slots=True)
class RegisterField:
    """One field; access is ro, rw, w1c or pulse; volatile: the hardware changes it."""

    name: str
    lsb: int
    width: int
    access: str
    reset: int
    volatile: bool


@dataclass(frozen=True, slots=True)
class Register:
    """One register at a byte address; access is that of its fields, rw where they differ."""

    name: str
    address: int
    access: str
    reset: int
    fields: tuple[RegisterField, ...]


def _expand(
    block: str, base: int, count: int, stride: int, name: str, offset: int, length: int, step: int,
    fields: tuple[RegisterField, ...],
) -> list[Register]:
    kinds = {field.access for field in fields}
    access = kinds.pop() if len(kinds) == 1 else "rw"
    reset = sum(field.reset << field.lsb for field in fields)
    return [
        Register(
            (f"{block}[{i}]." if count > 1 else f"{block}." if block else "") + name + (f"[{j}]" if length > 1 else ""),
            base + i * stride + offset + j * step, access, reset, fields,
        )
        for i in range(count) for j in range(length)
    ]


#: Every register by its name in the .rdl, such as queue[0].tail, in address order.
REGISTERS: Final[dict[str, Register]] = {
    register.name: register
    for register in sorted((register for row in (
        _expand("", 0x0000, 1, 0x0, "id", 0x000, 1, 0, (
            RegisterField("magic", 0, 32, "ro", 0x464c544c, False),
        )),
        _expand("", 0x0000, 1, 0x0, "version", 0x004, 1, 0, (
            RegisterField("minor", 0, 16, "ro", 0x1, False),
            RegisterField("major", 16, 16, "ro", 0x0, False),
        )),
        _expand("", 0x0000, 1, 0x0, "parameters", 0x008, 1, 0, (
            RegisterField("data_log2", 0, 4, "ro", 0x0, True),
            RegisterField("tlb_log2", 4, 4, "ro", 0x0, True),
            RegisterField("reads", 8, 8, "ro", 0x0, True),
            RegisterField("writes", 16, 8, "ro", 0x0, True),
            RegisterField("device_log2", 24, 8, "ro", 0x0, True),
        )),
        _expand("", 0x0000, 1, 0x0, "control", 0x00c, 1, 0, (
            RegisterField("enable", 0, 1, "rw", 0x0, False),
            RegisterField("soft_reset", 1, 1, "rw", 0x0, False),
            RegisterField("clear_counters", 2, 1, "pulse", 0x0, False),
        )),
        _expand("", 0x0000, 1, 0x0, "status", 0x010, 1, 0, (
            RegisterField("busy", 0, 1, "ro", 0x0, True),
            RegisterField("readback_busy", 1, 1, "ro", 0x0, True),
            RegisterField("writeback_busy", 2, 1, "ro", 0x0, True),
            RegisterField("render_busy", 3, 1, "ro", 0x0, True),
            RegisterField("reads_outstanding", 8, 8, "ro", 0x0, True),
            RegisterField("writes_outstanding", 16, 8, "ro", 0x0, True),
        )),
        _expand("", 0x0000, 1, 0x0, "irq_status", 0x014, 1, 0, (
            RegisterField("transfer_done", 0, 1, "w1c", 0x0, True),
            RegisterField("render_done", 1, 1, "w1c", 0x0, True),
            RegisterField("transfer_error", 2, 1, "w1c", 0x0, True),
            RegisterField("render_error", 3, 1, "w1c", 0x0, True),
            RegisterField("completion_error", 4, 1, "w1c", 0x0, True),
            RegisterField("watchdog", 5, 1, "w1c", 0x0, True),
            RegisterField("device_range", 6, 1, "w1c", 0x0, True),
        )),
        _expand("", 0x0000, 1, 0x0, "irq_enable", 0x018, 1, 0, (
            RegisterField("mask", 0, 7, "rw", 0x0, False),
        )),
        _expand("", 0x0000, 1, 0x0, "irq_coalesce", 0x01c, 1, 0, (
            RegisterField("count", 0, 8, "rw", 0x0, False),
            RegisterField("cycles", 8, 24, "rw", 0x0, False),
        )),
        _expand("", 0x0000, 1, 0x0, "watchdog", 0x020, 1, 0, (
            RegisterField("cycles", 0, 32, "rw", 0x0, False),
        )),
        _expand("", 0x0000, 1, 0x0, "cycle_lo", 0x024, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("", 0x0000, 1, 0x0, "cycle_hi", 0x028, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("queue", 0x0100, 2, 0x80, "ring_base_lo", 0x000, 1, 0, (
            RegisterField("base", 6, 26, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "ring_base_hi", 0x004, 1, 0, (
            RegisterField("base", 0, 32, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "size", 0x008, 1, 0, (
            RegisterField("ring_log2", 0, 4, "rw", 0x0, False),
            RegisterField("completion_log2", 8, 4, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "tail", 0x00c, 1, 0, (
            RegisterField("count", 0, 16, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "head", 0x010, 1, 0, (
            RegisterField("count", 0, 16, "ro", 0x0, True),
        )),
        _expand("queue", 0x0100, 2, 0x80, "completion_base_lo", 0x014, 1, 0, (
            RegisterField("base", 5, 27, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "completion_base_hi", 0x018, 1, 0, (
            RegisterField("base", 0, 32, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "completion_head", 0x01c, 1, 0, (
            RegisterField("count", 0, 16, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "completion_tail", 0x020, 1, 0, (
            RegisterField("count", 0, 16, "ro", 0x0, True),
        )),
        _expand("queue", 0x0100, 2, 0x80, "fence_base_lo", 0x024, 1, 0, (
            RegisterField("base", 3, 29, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "fence_base_hi", 0x028, 1, 0, (
            RegisterField("base", 0, 32, "rw", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "fence", 0x02c, 1, 0, (
            RegisterField("value", 0, 32, "ro", 0x0, True),
        )),
        _expand("queue", 0x0100, 2, 0x80, "control", 0x030, 1, 0, (
            RegisterField("enable", 0, 1, "rw", 0x0, False),
            RegisterField("halt_on_error", 1, 1, "rw", 0x1, False),
            RegisterField("resume", 8, 1, "pulse", 0x0, False),
            RegisterField("abort", 9, 1, "pulse", 0x0, False),
        )),
        _expand("queue", 0x0100, 2, 0x80, "status", 0x034, 1, 0, (
            RegisterField("busy", 0, 1, "ro", 0x0, True),
            RegisterField("halted", 1, 1, "ro", 0x0, True),
            RegisterField("aborting", 2, 1, "ro", 0x0, True),
            RegisterField("waiting", 3, 1, "ro", 0x0, True),
        )),
        _expand("queue", 0x0100, 2, 0x80, "overflows", 0x038, 1, 0, (
            RegisterField("count", 0, 16, "ro", 0x0, True),
        )),
        _expand("surface", 0x0400, 16, 0x10, "base", 0x000, 1, 0, (
            RegisterField("page", 12, 20, "rw", 0x0, False),
        )),
        _expand("surface", 0x0400, 16, 0x10, "extent", 0x004, 1, 0, (
            RegisterField("width", 0, 16, "rw", 0x0, False),
            RegisterField("height", 16, 16, "rw", 0x0, False),
        )),
        _expand("surface", 0x0400, 16, 0x10, "format", 0x008, 1, 0, (
            RegisterField("bytes_per_pixel", 0, 5, "rw", 0x0, False),
            RegisterField("layout", 8, 2, "rw", 0x0, False),
            RegisterField("valid", 31, 1, "rw", 0x0, False),
        )),
        _expand("object", 0x0800, 16, 0x10, "root_lo", 0x000, 1, 0, (
            RegisterField("base", 12, 20, "rw", 0x0, False),
        )),
        _expand("object", 0x0800, 16, 0x10, "root_hi", 0x004, 1, 0, (
            RegisterField("base", 0, 32, "rw", 0x0, False),
        )),
        _expand("object", 0x0800, 16, 0x10, "config", 0x008, 1, 0, (
            RegisterField("pages", 0, 21, "rw", 0x0, False),
            RegisterField("two_level", 30, 1, "rw", 0x0, False),
            RegisterField("valid", 31, 1, "rw", 0x0, False),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "transfer_busy_cycles", 0x000, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "render_busy_cycles", 0x004, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "read_beats", 0x008, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "write_beats", 0x00c, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "read_stall_address", 0x010, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "read_stall_data", 0x014, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "read_stall_credit", 0x018, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "write_stall_address", 0x01c, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "write_stall_data", 0x020, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "write_stall_device", 0x024, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "stall_translation", 0x028, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "transfer_descriptors", 0x02c, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "render_descriptors", 0x030, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "tlb_hits", 0x034, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "tlb_misses", 0x038, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "bank_conflicts", 0x03c, 1, 0, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
        _expand("counter", 0x0c00, 1, 0x0, "latency", 0x040, 16, 4, (
            RegisterField("count", 0, 32, "ro", 0x0, True),
        )),
    ) for register in row), key=lambda register: register.address)
}
