"""What one descriptor does: a pure function from descriptor and memories to record fields and effects.

The untimed device runs on it and the scoreboard predicts the RTL with it, so the order in which causes are looked for
is binding for both. It predicts bytes and causes, never burst shapes; bursts appear only because `bytes` of a failed
transfer counts whole bursts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from models.engine import Queue
from models.layout import (
    OBJECT_COUNT,
    QUEUE_COUNT,
    SURFACE_COUNT,
    Cause,
    Descriptor,
    Layout,
    Opcode,
    PageTableEntry,
    Status,
)
from models.memory import PAGE, Bytes
from models.surface import UNIT, Box, Surface, Units

__all__ = ["ENTRY_SIZE", "HostObject", "Outcome", "Tables", "bursts", "check", "execute", "translate"]

ENTRY_SIZE = {Queue.TRANSFER: 32, Queue.RENDER: 64}
"""Bytes of a descriptor ring's entry."""

_QUEUE_OPCODES = {
    Queue.TRANSFER: {Opcode.READBACK, Opcode.WRITEBACK},
    Queue.RENDER: {Opcode.FILL, Opcode.COPY},
}
_BOTH = {Opcode.NOP, Opcode.WAIT, Opcode.FENCE, Opcode.INVALIDATE}
_BOXED = {Opcode.READBACK, Opcode.WRITEBACK, Opcode.FILL, Opcode.COPY}
_RESERVED = tuple(part.name for part in fields(Descriptor) if part.name.startswith("reserved"))
_NO_INDEX: Units = np.zeros(0, np.int64)
_NO_BYTES: Bytes = np.zeros(0, np.uint8)

BusCheck = Callable[[int, int, bool], Cause]
"""(bus address, bytes, write) -> NONE, BUS_ERROR or WATCHDOG."""


@dataclass(frozen=True, slots=True)
class HostObject:
    """A valid entry of the object table."""

    root: int
    pages: int
    two_level: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """The surface and object tables as the registers hold them; None where the entry is not valid."""

    surfaces: Sequence[Surface | None]
    objects: Sequence[HostObject | None]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a descriptor ends and what it changes.

    `host_writes` are (bus address, bytes); the device changes at the byte addresses `device_index` to `device_values`.
    After an error these are the bytes that moved before it. `out_of_range`: an access past the end of device memory was
    dropped.
    """

    status: Status = Status.OK
    cause: Cause = Cause.NONE
    address: int = 0
    bytes: int = 0
    host_writes: tuple[tuple[int, Bytes], ...] = ()
    device_index: Units = field(default_factory=lambda: _NO_INDEX)
    device_values: Bytes = field(default_factory=lambda: _NO_BYTES)
    out_of_range: bool = False

    def apply(self, host: Bytes, device: Bytes) -> None:
        """Carry the effects out."""
        for address, data in self.host_writes:
            host[address : address + data.size] = data
        device[self.device_index] = self.device_values


def _failed(cause: Cause, address: int = 0) -> Outcome:
    return Outcome(Status.ERROR, cause, address)


def _memory(host: Bytes) -> BusCheck:
    def check_range(address: int, length: int, write: bool) -> Cause:
        return Cause.NONE if address + length <= host.size else Cause.BUS_ERROR

    return check_range


def bursts(offset: int, width: int, data_width: int) -> Iterator[tuple[int, int]]:
    """Cut a row into bursts: (start in the row, bytes). None crosses 4 KiB or 256 beats of `data_width` bits."""
    limit = min(PAGE, 256 * data_width // 8)
    at = 0
    while at < width:
        count = min(width - at, limit - (offset + at) % limit)
        yield at, count
        at += count


def translate(
    entry: HostObject | None,
    offset: int,
    write: bool,
    host: Bytes,
    bus: BusCheck,
    cache: MutableMapping[int, PageTableEntry] | None = None,
) -> tuple[Cause, int]:
    """Walk an object's page table: (NONE, bus address), or a cause and the address that goes into the record.

    `cache` keeps entries that were found valid, by page, as the engine's translation cache may.
    """
    fault = (Cause.TRANSLATION_FAULT, offset & 0xFFFFFFFF)
    page = offset // PAGE
    if entry is None or offset >> 32 or page >= entry.pages:
        return fault
    found = cache.get(page) if cache is not None else None
    if found is None:
        table = entry.root
        if entry.two_level:
            at = entry.root + (page >> 9) * PageTableEntry.SIZE
            if failed := _walk_cause(bus(at, PageTableEntry.SIZE, False)):
                return failed, at
            directory = PageTableEntry.unpack(host[at : at + PageTableEntry.SIZE].tobytes())
            if not directory.valid:
                return fault
            table, page = directory.frame * PAGE, page & 511
        at = table + page * PageTableEntry.SIZE
        if failed := _walk_cause(bus(at, PageTableEntry.SIZE, False)):
            return failed, at
        found = PageTableEntry.unpack(host[at : at + PageTableEntry.SIZE].tobytes())
        if not found.valid:
            return fault
        if cache is not None:
            cache[offset // PAGE] = found
    if write and not found.writable:
        return Cause.READ_ONLY, offset
    return Cause.NONE, found.frame * PAGE + offset % PAGE


def _walk_cause(cause: Cause) -> Cause:
    """Name what happened to the read of an entry: NONE, WALK_ERROR or WATCHDOG."""
    return Cause.WALK_ERROR if cause is Cause.BUS_ERROR else cause


def check(descriptor: Descriptor, queue: Queue, tables: Tables) -> Outcome | None:
    """Look for what is wrong with a descriptor itself, in the binding order; None if it may run.

    An empty box ends here too, well and with 0 bytes.
    """
    opcode = descriptor.opcode
    if opcode not in _BOTH and opcode not in _QUEUE_OPCODES[queue]:
        return _failed(Cause.UNKNOWN_OPCODE)
    if (
        any(getattr(descriptor, name) for name in _RESERVED)
        or (opcode in _BOXED and descriptor.surface >= SURFACE_COUNT)
        or (opcode == Opcode.COPY and descriptor.source_surface >= SURFACE_COUNT)
        or (opcode in (Opcode.READBACK, Opcode.WRITEBACK, Opcode.INVALIDATE) and descriptor.object >= OBJECT_COUNT)
        or (opcode == Opcode.WAIT and descriptor.queue >= QUEUE_COUNT)
    ):
        return _failed(Cause.MALFORMED)
    if opcode not in _BOXED:
        return None
    box = Box(descriptor.x, descriptor.y, descriptor.width, descriptor.height)
    if box.empty:
        return Outcome()
    surface = tables.surfaces[descriptor.surface]
    if surface is None or not surface.contains(box):
        return _failed(Cause.BOX_OUTSIDE)
    source = tables.surfaces[descriptor.source_surface] if opcode == Opcode.COPY else None
    from_box = Box(descriptor.source_x, descriptor.source_y, box.width, box.height)
    if opcode == Opcode.COPY and (source is None or not source.contains(from_box)):
        return _failed(Cause.BOX_OUTSIDE)
    if opcode in (Opcode.FILL, Opcode.COPY):
        pixel = surface.bytes_per_pixel
        if box.x % pixel or box.width % pixel:
            return _failed(Cause.ALIGNMENT)
        if source is not None and (from_box.x % pixel or source.bytes_per_pixel != pixel):
            return _failed(Cause.ALIGNMENT)
        if source is not None and descriptor.source_surface == descriptor.surface and box.overlaps(from_box):
            return _failed(Cause.OVERLAP)
    return None


def execute(
    descriptor: Descriptor,
    host: Bytes,
    device: Bytes,
    tables: Tables,
    *,
    queue: Queue = Queue.TRANSFER,
    data_width: int = 64,
    bus: BusCheck | None = None,
    cache: MutableMapping[int, PageTableEntry] | None = None,
) -> Outcome:
    """Return how a descriptor ends and what it changes; neither `host` nor `device` is touched.

    NOP, WAIT, FENCE and INVALIDATE change no bytes here: when they complete is the queue's business.
    """
    early = check(descriptor, queue, tables)
    if early is not None or descriptor.opcode not in _BOXED:
        return early or Outcome()
    surface = tables.surfaces[descriptor.surface]
    assert surface is not None  # `check` has refused it otherwise
    box = Box(descriptor.x, descriptor.y, descriptor.width, descriptor.height)
    index = surface.box_addresses(box)
    if descriptor.opcode == Opcode.FILL:
        pattern = descriptor.pattern_low.to_bytes(8, "little") + descriptor.pattern_high.to_bytes(8, "little")
        pixel = np.frombuffer(pattern[: surface.bytes_per_pixel], np.uint8)
        return _drawn(index, np.tile(pixel, box.bytes // pixel.size).reshape(index.shape), device)
    if descriptor.opcode == Opcode.COPY:
        source = tables.surfaces[descriptor.source_surface]
        assert source is not None  # as above
        where = source.box_addresses(Box(descriptor.source_x, descriptor.source_y, box.width, box.height))
        outcome = _drawn(index, _fetch(device, where), device)
        return outcome if where.max() < device.size else replace(outcome, out_of_range=True)
    if _one_row(descriptor, surface):
        index = index.reshape(1, -1)
    return _transfer(descriptor, index, host, device, tables, data_width, bus or _memory(host), cache)


def _one_row(descriptor: Descriptor, surface: Surface) -> bool:
    """Whether a transfer's rows lie end to end on both sides: the engine cuts them into bursts as one row."""
    whole = surface.layout is Layout.LINEAR and descriptor.width == surface.row_bytes and not surface.row_bytes % UNIT
    return whole and descriptor.host_stride == descriptor.width and descriptor.width * descriptor.height < 1 << 24


def _fetch(device: Bytes, index: Units) -> Bytes:
    """Read device bytes; past the end there are zeros."""
    if index.size and int(index.max()) >= device.size:
        values: Bytes = np.where(index < device.size, device[np.minimum(index, device.size - 1)], 0).astype(np.uint8)
        return values
    return device[index]


def _drawn(index: Units, values: Bytes, device: Bytes) -> Outcome:
    kept = index < device.size
    if kept.all():
        return Outcome(bytes=index.size, device_index=index.reshape(-1), device_values=values.reshape(-1))
    return Outcome(bytes=index.size, device_index=index[kept], device_values=values[kept], out_of_range=True)


def _transfer(
    descriptor: Descriptor,
    index: Units,
    host: Bytes,
    device: Bytes,
    tables: Tables,
    data_width: int,
    bus: BusCheck,
    cache: MutableMapping[int, PageTableEntry] | None,
) -> Outcome:
    readback = descriptor.opcode == Opcode.READBACK
    entry = tables.objects[descriptor.object]
    values = _fetch(device, index) if readback else np.zeros(index.shape, np.uint8)
    writes: list[tuple[int, Bytes]] = []
    moved = 0
    cause, address = Cause.NONE, 0
    rows, width = index.shape
    for row in range(rows):
        start = descriptor.host_offset + row * descriptor.host_stride
        for at, count in bursts(start, width, data_width):
            cause, address = translate(entry, start + at, readback, host, bus, cache)
            if cause is Cause.NONE:
                cause = bus(address, count, readback)
            if cause is not Cause.NONE:
                break
            if readback:
                writes.append((address, values[row, at : at + count]))
            else:
                values[row, at : at + count] = host[address : address + count]
            moved += count
        if cause is not Cause.NONE:
            break
    flat, data = index.reshape(-1)[:moved], values.reshape(-1)[:moved]
    beyond = bool(moved) and bool((flat >= device.size).any())
    if readback:
        flat, data = _NO_INDEX, _NO_BYTES
    elif beyond:
        data, flat = data[flat < device.size], flat[flat < device.size]
    return Outcome(
        Status.OK if cause is Cause.NONE else Status.ERROR,
        cause,
        address if cause is not Cause.NONE else 0,
        moved,
        tuple(writes),
        flat,
        data,
        beyond,
    )
