"""A process: descriptors, mappings, and loads and stores that fault into the driver."""

from __future__ import annotations

import numpy as np

from models.dmabuf import Buffer, DmaBuf, FileTable
from models.driver import Driver
from models.memory import PAGE, Bytes
from models.oracle import Oracle
from models.page_table import Mapping, PageTable, Piece
from models.steps import Steps
from models.surface import Box

__all__ = ["Process"]


class Process:
    """One process of the given name. `watch` holds an oracle for each buffer whose accesses are to be judged."""

    def __init__(self, name: str, driver: Driver, watch: dict[Buffer, Oracle] | None = None) -> None:
        self.name = name
        self.driver = driver
        self.files = FileTable()
        self.table = PageTable(name)
        self.watch = watch if watch is not None else {}
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
        """Take a mapping away."""
        yield from self.driver.munmap(self.table, self._shared.pop(mapping), mapping)

    def fork(self, name: str) -> Process:
        """Return a child with the same mappings, clean but still writable (R22), each holding its reference."""
        child = Process(name, self.driver, self.watch)
        for mapping, dmabuf in self._shared.items():
            copy = mapping.space.fork(mapping, name)
            child.table.add(copy)
            child._shared[copy] = dmabuf.get()
        return child

    def load(self, address: int, length: int) -> Steps[Bytes]:
        """Load bytes, page by page; each page that is not there faults. BusFault for SIGBUS."""
        out = np.empty(length, np.uint8)
        for piece in self.table.pieces(address, length):
            yield from self._reach(piece, False)
            buffer = self._shared[piece.mapping].buffer
            part = self.driver.host.pages[buffer.frames[piece.page], piece.offset : piece.offset + piece.count]
            out[piece.at : piece.at + piece.count] = part
            if buffer in self.watch:
                self.watch[buffer].loaded(self.name, piece.page * PAGE + piece.offset, part)
        return out

    def store(self, address: int, data: Bytes) -> Steps[None]:
        """Store bytes, page by page; each page that is not there or not writable faults. BusFault for SIGBUS."""
        for piece in self.table.pieces(address, data.size):
            yield from self._reach(piece, True)
            buffer = self._shared[piece.mapping].buffer
            part = data[piece.at : piece.at + piece.count]
            self.driver.host.pages[buffer.frames[piece.page], piece.offset : piece.offset + piece.count] = part
            piece.mapping.dirty[piece.mapping.index(piece.page)] = True  # as the processor sets it, also after a fork
            if buffer in self.watch:
                self.watch[buffer].stored(piece.page * PAGE + piece.offset, part)

    def load_box(self, mapping: Mapping, box: Box) -> Steps[Bytes]:
        """Load a box of the surface through a mapping of its linear view; shape (height, width in bytes)."""
        if box.x == 0 and box.width == self._shared[mapping].buffer.surface.row_bytes:
            return (yield from self.load(self._address(mapping, 0, box.y), box.bytes)).reshape(box.height, box.width)
        out = np.empty((box.height, box.width), np.uint8)
        for row in range(box.height):
            out[row] = yield from self.load(self._address(mapping, box.x, box.y + row), box.width)
        return out

    def store_box(self, mapping: Mapping, x: int, y: int, data: Bytes) -> Steps[None]:
        """Store rows of bytes, shape (height, width), at byte x of row y."""
        if x == 0 and data.shape[1] == self._shared[mapping].buffer.surface.row_bytes:
            yield from self.store(self._address(mapping, 0, y), data.reshape(-1))
            return
        for row in range(data.shape[0]):
            yield from self.store(self._address(mapping, x, y + row), data[row])

    def _address(self, mapping: Mapping, x: int, y: int) -> int:
        stride = self._shared[mapping].buffer.surface.row_bytes
        return mapping.address + y * stride + x - mapping.first * PAGE

    def _reach(self, piece: Piece, write: bool) -> Steps[None]:
        while not piece.mapping.allows(piece.page, write):
            yield from self.driver.faults.handle(self._shared[piece.mapping].buffer, piece.mapping, piece.page, write)
