"""A process: descriptors, mappings, and loads and stores that fault into the driver."""

from __future__ import annotations

import contextlib

import numpy as np

from models.bracket import SYNC, SYNC_END, SYNC_WRITE, SyncArgument, SyncFileArgument, ioctl
from models.dmabuf import Buffer, DmaBuf
from models.drawing import check_box
from models.driver import Driver
from models.errors import BusFault, DriverError
from models.fence import Fence
from models.files import FileTable
from models.grab import Grabs
from models.importer import DeviceFiles
from models.memory import PAGE, Bytes
from models.oracle import Oracle, PatchBox, failing, patches
from models.page_table import Mapping, PageTable, Piece
from models.promise import Promise
from models.signals import Signals, restarting
from models.steps import Acquire, Release, Steps
from models.surface import Box
from models.transfer_object import MapFlag, TransferObject

__all__ = ["CoherentRegion", "Process"]


class CoherentRegion:
    """A box that was mapped coherent: loads and stores relative to it, at any time until `unmap`."""

    def __init__(self, process: Process, mapping: Mapping, box: Box) -> None:
        self._process = process
        self._mapping = mapping
        self.box = box

    def load(self, part: Box) -> Steps[Bytes]:
        """Load a part of the box; shape (height, width). DriverError EINVAL outside of it."""
        return (yield from self._process.load_box(self._mapping, self._place(part)))

    def store(self, x: int, y: int, data: Bytes) -> Steps[None]:
        """Store rows of bytes at byte x of row y of the box. DriverError EINVAL outside of it."""
        place = self._place(Box(x, y, data.shape[1], data.shape[0]))
        yield from self._process.store_box(self._mapping, place.x, place.y, data)

    def unmap(self) -> Steps[None]:
        """Take the mapping away."""
        yield from self._process.unmap(self._mapping)

    def _place(self, part: Box) -> Box:
        box = self.box
        inside = part.x + part.width <= box.width and part.y + part.height <= box.height
        if min(part.x, part.y) < 0 or not inside:
            raise DriverError("EINVAL", f"{part} is not inside the mapped {box}")
        return Box(box.x + part.x, box.y + part.y, part.width, part.height)


class Process:
    """One process of the given name. `watch` holds an oracle for each buffer whose accesses are to be judged."""

    def __init__(self, name: str, driver: Driver, watch: dict[Buffer, Oracle] | None = None) -> None:
        self.name = name
        self.driver = driver
        self.files = FileTable()
        self.table = PageTable(name)
        self.watch = watch if watch is not None else {}
        self.signals = Signals()
        self.grabs = Grabs(name)
        self.handles = DeviceFiles(driver.device)
        self.accesses = 0
        """Loads and stores through mappings so far."""
        self._shared: dict[Mapping, DmaBuf] = {}

    def map(self, descriptor: int, *, first: int = 0, pages: int | None = None, write: bool = True) -> Mapping:
        """Map pages of an open descriptor, all by default. DriverError by R2 and R6."""
        dmabuf = self.files.get(descriptor)
        count = dmabuf.buffer.pages - first if pages is None else pages
        allowed = self.files.writable(descriptor)
        mapping = self.driver.mmap(self.table, dmabuf, first, count, write=write, descriptor_writable=allowed)
        self._shared[mapping] = dmabuf
        return mapping

    def unmap(self, mapping: Mapping) -> Steps[None]:
        """Take a mapping away. DriverError EINVAL if it is not there."""
        if mapping not in self._shared:
            raise DriverError("EINVAL", f"{self.name} has nothing mapped at {mapping.address:#x}")
        yield from self.driver.munmap(self.table, self._shared[mapping], mapping)
        del self._shared[mapping]

    def fork(self, name: str) -> Process:
        """Return a child with the same descriptors and mappings, each with a reference of its own.

        Its entries are clean but still writable (R22). Handles and grabs stay with the parent.
        """
        child = Process(name, self.driver, self.watch)
        child.files = self.files.fork()
        for mapping, dmabuf in self._shared.items():
            copy = mapping.space.fork(mapping, name)
            child.table.add(copy)
            child._shared[copy] = dmabuf.get()
        return child

    def forking(self, name: str) -> Steps[Process]:
        """Fork beside other threads: under the memory-map lock."""
        yield Acquire(self.table.lock)
        child = self.fork(name)
        yield Release(self.table.lock)
        return child

    def ioctl(
        self, descriptor: int, request: int, argument: SyncArgument | SyncFileArgument | None
    ) -> Steps[None]:
        """Make a request on a shared buffer's descriptor, again while a signal interrupts it (R8, R10, R15)."""
        yield from restarting(
            lambda: ioctl(self.files, descriptor, request, argument, self.signals), self.signals
        )

    def sync(self, descriptor: int, flags: int) -> Steps[None]:
        """Begin or end CPU access with a SYNC request; the oracle is told. DriverError by R8."""
        oracle = self.watch.get(self.files.get(descriptor).buffer)
        ends, write = bool(flags & SYNC_END), bool(flags & SYNC_WRITE)
        token = oracle.publish_begins() if oracle and ends and write else None
        begun = oracle.bracket_called(self.name, write=write) if oracle and not ends else 0
        try:
            yield from self.ioctl(descriptor, SYNC, SyncArgument(flags))
        except Exception:
            if oracle and not ends:
                oracle.cancel(begun)
                oracle.bracket_ends(self.name, write=write)
            elif oracle and token is not None:
                oracle.publish_fails(token)
            raise
        if oracle and ends:
            oracle.bracket_ends(self.name, write=write)
        if oracle and token is not None:
            oracle.publish_ends(token)
        if oracle and not ends:
            oracle.bracket_begins(begun)

    def transfer_map(self, buffer: Buffer, box: Box, flags: MapFlag) -> Steps[TransferObject]:
        """Map a transfer object; the oracle judges what was read. DriverError as `Transfers.map`."""
        oracle = self.watch.get(buffer)
        reads = bool(flags & MapFlag.READ)
        lost = buffer.surface.box if flags & MapFlag.DISCARD_WHOLE else box if flags & MapFlag.DISCARD_RANGE else None
        if oracle and lost is not None:
            oracle.undefined(lost)
        token = oracle.read_begins() if oracle and reads else 0
        with failing(oracle if reads else None, token):
            transfer = yield from restarting(
                lambda: self.driver.transfers.map(buffer, box, flags, self.signals), self.signals
            )
        if oracle and reads:
            oracle.read_ends(token, self.name, box, transfer.data)
        if oracle and lost is not None:
            # Once more: what others wrote meanwhile may be lost too.
            oracle.undefined(lost)
        return transfer

    def transfer_unmap(self, transfer: TransferObject) -> Steps[Fence | None]:
        """Unmap a transfer object; what it sends is told to the oracle."""
        transfer.expect_open()
        sent = _sent(transfer)
        oracle = self.watch.get(transfer.buffer) if sent else None
        token = oracle.draw_begins(sent) if oracle else 0
        with failing(oracle, token, DriverError):
            fence = yield from self.driver.transfers.unmap(transfer)
        if oracle:
            oracle.draw_ends(token, fence)
        return fence

    def transfer_barrier(self, transfer: TransferObject) -> Steps[None]:
        """Bring a PERSISTENT transfer and the device together; the oracle is told of it and judges what is read.

        DriverError as `Transfers.barrier`.
        """
        transfer.expect_open()
        sent = _sent(transfer)
        oracle = self.watch.get(transfer.buffer)
        reads = bool(transfer.flags & MapFlag.READ)
        drawing, reading = oracle if sent else None, oracle if reads else None
        drawn = drawing.draw_begins(sent) if drawing else 0
        token = reading.read_begins() if reading else 0
        with failing(drawing, drawn), failing(reading, token):
            yield from restarting(lambda: self.driver.transfers.barrier(transfer, self.signals), self.signals)
        if drawing:
            drawing.draw_ends(drawn)
        if reading:
            reading.read_ends(token, self.name, transfer.box, transfer.data)

    def coherent_map(self, buffer: Buffer, box: Box) -> Steps[CoherentRegion]:
        """Map a box PERSISTENT and COHERENT: it stays usable while the device runs and needs no barrier (R29).

        That is a mapping of the buffer. DriverError EOPNOTSUPP where mappings are not coherent, EINVAL for a box
        outside of the surface.
        """
        policy = self.driver.policy
        if policy.promise is not Promise.COHERENT or not policy.mmap:
            raise DriverError("EOPNOTSUPP", f"{policy.name} has no coherent mapping")
        check_box(buffer, box)
        dmabuf = self.driver.export(buffer)
        mapping = self.driver.mmap(self.table, dmabuf, 0, buffer.pages, write=True)
        dmabuf.put()
        self._shared[mapping] = dmabuf
        yield from ()
        return CoherentRegion(self, mapping, box)

    def exit(self) -> Steps[None]:
        """End: mappings, descriptors, handles and grabs go (R2, R24)."""
        for mapping in list(self._shared):
            # Another thread may be at it.
            with contextlib.suppress(DriverError):
                yield from self.unmap(mapping)
        self.files.close_all()
        self.grabs.close()
        yield from self.handles.close_all()
        for oracle in self.watch.values():
            oracle.left(self.name)

    def load(self, address: int, length: int) -> Steps[Bytes]:
        """Load bytes, page by page; each page that is not there faults. BusFault for SIGBUS."""
        out = np.empty(length, np.uint8)
        self.accesses += 1
        for piece in self.table.pieces(address, length):
            buffer = self._buffer(piece.mapping)
            if self.driver.policy.uncached:
                out[piece.at : piece.at + piece.count] = yield from self._load_uncached(buffer, piece)
                continue
            yield from self._reach(piece, False)
            piece.mapping.accessed[piece.mapping.index(piece.page)] = True  # as the processor sets it
            part = self.driver.host.pages[buffer.frames[piece.page], piece.offset : piece.offset + piece.count]
            out[piece.at : piece.at + piece.count] = part
            if buffer in self.watch:
                self.watch[buffer].loaded(self.name, piece.page * PAGE + piece.offset, part)
        return out

    def store(self, address: int, data: Bytes) -> Steps[None]:
        """Store bytes, page by page; each page that is not there or not writable faults. BusFault for SIGBUS."""
        self.accesses += 1
        for piece in self.table.pieces(address, data.size):
            buffer = self._buffer(piece.mapping)
            part = data[piece.at : piece.at + piece.count]
            if self.driver.policy.uncached:
                yield from self._store_uncached(buffer, piece, part)
                continue
            yield from self._reach(piece, True)
            self.driver.host.pages[buffer.frames[piece.page], piece.offset : piece.offset + piece.count] = part
            index = piece.mapping.index(piece.page)
            piece.mapping.dirty[index] = piece.mapping.accessed[index] = True  # as the processor sets them
            if buffer in self.watch:
                self.watch[buffer].stored(piece.page * PAGE + piece.offset, part)

    def _load_uncached(self, buffer: Buffer, piece: Piece) -> Steps[Bytes]:
        oracle, at = self.watch.get(buffer), piece.page * PAGE + piece.offset
        token = oracle.read_begins() if oracle else 0
        with failing(oracle, token):
            data = yield from self.driver.aperture.load(buffer, piece.mapping, at, piece.count, self.signals)
        if oracle:
            oracle.read_ends_run(token, self.name, at, data)
        return data

    def _store_uncached(self, buffer: Buffer, piece: Piece, data: Bytes) -> Steps[None]:
        oracle, at = self.watch.get(buffer), piece.page * PAGE + piece.offset
        token = oracle.draw_begins(patches(buffer.surface, at, data)) if oracle else 0
        with failing(oracle, token):
            yield from self.driver.aperture.store(buffer, piece.mapping, at, data, self.signals)
        if oracle:
            oracle.draw_ends(token)

    def load_box(self, mapping: Mapping, box: Box) -> Steps[Bytes]:
        """Load a box of the surface through a mapping of its linear view; shape (height, width in bytes)."""
        if box.x == 0 and box.width == self._buffer(mapping).surface.row_bytes:
            return (yield from self.load(self._address(mapping, 0, box.y), box.bytes)).reshape(box.height, box.width)
        out = np.empty((box.height, box.width), np.uint8)
        for row in range(box.height):
            out[row] = yield from self.load(self._address(mapping, box.x, box.y + row), box.width)
        return out

    def store_box(self, mapping: Mapping, x: int, y: int, data: Bytes) -> Steps[None]:
        """Store rows of bytes, shape (height, width), at byte x of row y."""
        if x == 0 and data.shape[1] == self._buffer(mapping).surface.row_bytes:
            yield from self.store(self._address(mapping, 0, y), data.reshape(-1))
            return
        for row in range(data.shape[0]):
            yield from self.store(self._address(mapping, x, y + row), data[row])

    def _buffer(self, mapping: Mapping) -> Buffer:
        """Return what a mapping shows. BusFault if it was taken away."""
        if mapping not in self._shared:
            raise BusFault(self.name, mapping.address)
        return self._shared[mapping].buffer

    def _address(self, mapping: Mapping, x: int, y: int) -> int:
        stride = self._buffer(mapping).surface.row_bytes
        return mapping.address + y * stride + x - mapping.first * PAGE

    def _reach(self, piece: Piece, write: bool) -> Steps[None]:
        buffer = self._buffer(piece.mapping)
        while not piece.mapping.allows(piece.page, write):
            yield from self.driver.faults.handle(buffer, piece.mapping, piece.page, write, self.signals)
            self.signals.deliver()


def _sent(transfer: TransferObject) -> list[PatchBox]:
    """What a transfer sends, as the surface's boxes with their bytes."""
    box = transfer.box
    return [
        PatchBox(
            Box(box.x + part.x, box.y + part.y, part.width, part.height),
            transfer.data[part.y : part.y + part.height, part.x : part.x + part.width].copy(),
        )
        for part in transfer.to_send()
    ]
