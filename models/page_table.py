"""Both kinds of page table: the clients' (what a load or store meets) and the device's (what a DMA burst meets).

A client's table is a set of `Mapping`s; all mappings of one buffer, of whatever process, hang on its `AddressSpace`, so
that a zap reaches every one of them (R7). The device's table of a host object lies in host RAM, packed as in the .rdl.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import BusFault, DriverError
from models.layout import PageTableEntry
from models.memory import PAGE, HostMemory

__all__ = ["AddressSpace", "Mapping", "ObjectTable", "PageTable", "Piece"]

Bits = npt.NDArray[np.bool_]

_ENTRIES = PAGE // PageTableEntry.SIZE
_OWNER = "object table"


class Mapping:
    """One process's view of `count` pages of a buffer from its page `first` on, at virtual address `address`.

    `present`, `writable`, `dirty` and `accessed` are the entries' bits, one a page of the mapping; `may_write` is the
    permission of the mapping as a whole.
    """

    def __init__(
        self, process: str, space: AddressSpace, address: int, first: int, count: int, may_write: bool
    ) -> None:
        self.process = process
        self.space = space
        self.address = address
        self.first = first
        self.count = count
        self.may_write = may_write
        self.present: Bits = np.zeros(count, np.bool_)
        self.writable: Bits = np.zeros(count, np.bool_)
        self.dirty: Bits = np.zeros(count, np.bool_)
        self.accessed: Bits = np.zeros(count, np.bool_)

    def index(self, page: int) -> int:
        """Return the entry's index for a page of the buffer. IndexError if the mapping does not hold it."""
        if not self.first <= page < self.first + self.count:
            raise IndexError(f"page {page} is not in the mapping of {self.process}")
        return page - self.first

    def allows(self, page: int, write: bool) -> bool:
        """Return whether a load (store) of a page goes through without a fault."""
        index = self.index(page)
        return bool(self.present[index] and (self.writable[index] or not write))

    def holds(self, page: int) -> bool:
        """Return whether the page of the buffer is in the mapping."""
        return self.first <= page < self.first + self.count

    def insert(self, page: int, writable: bool, *, dirty: bool = True) -> None:
        """Install or upgrade an entry; a writable one is dirty at once, as a write fault must leave it (R21).

        Unless `dirty` is False: then the processor sets the bit with the first store, and no fault tells of it (R20).
        """
        index = self.index(page)
        self.present[index] = True
        if writable:
            self.writable[index] = True
            self.dirty[index] |= dirty


class AddressSpace:
    """Every mapping of one buffer, and a `generation` that every zap advances.

    Whoever prepares an entry without the reservation lock compares the generation before installing it.
    """

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.generation = 0
        self.mappings: list[Mapping] = []
        self._left: Bits = np.zeros(pages, np.bool_)

    def add(self, mapping: Mapping) -> None:
        """Take a mapping in. DriverError EINVAL if it reaches past the buffer (R6)."""
        if mapping.first < 0 or mapping.count <= 0 or mapping.first + mapping.count > self.pages:
            raise DriverError("EINVAL", f"pages {mapping.first}+{mapping.count} of a buffer of {self.pages}")
        self.mappings.append(mapping)

    def remove(self, mapping: Mapping) -> list[int]:
        """Take a mapping out and return the pages that it left dirty: they must not be forgotten (R20)."""
        self.mappings.remove(mapping)
        self.generation += 1
        dirty = [mapping.first + int(i) for i in np.flatnonzero(mapping.dirty)]
        self._left[mapping.first : mapping.first + mapping.count] |= mapping.accessed
        mapping.present[:] = mapping.writable[:] = mapping.dirty[:] = mapping.accessed[:] = False
        return dirty

    def zap(self, pages: Iterable[int]) -> int:
        """Remove the entries of these pages from every mapping (R7); return how many were present.

        Dirty bits must have been harvested: DriverError EBUSY for a page that is still dirty (R20: a zap without a
        harvest loses writes).
        """
        chosen = self._mask(pages)
        self.generation += 1
        entries = 0
        for mapping in self.mappings:
            part = chosen[mapping.first : mapping.first + mapping.count]
            if (mapping.dirty & part).any():
                raise DriverError("EBUSY", f"zap of pages of {mapping.process} that nobody harvested")
            entries += int(np.count_nonzero(mapping.present & part))
            mapping.present &= ~part
            mapping.writable &= ~part
            mapping.accessed &= ~part
        self._left &= ~chosen
        return entries

    def accessed(self) -> Bits:
        """Return which pages were loaded from or stored to since their last zap, through a mapping that is or was."""
        found: Bits = self._left.copy()
        for mapping in self.mappings:
            found[mapping.first : mapping.first + mapping.count] |= mapping.accessed
        return found

    def record(self, protect: Iterable[int] = (), among: Iterable[int] | None = None) -> list[int]:
        """Collect the dirty pages of all mappings and clear their bits; only `protect` loses the permission (R20).

        Elsewhere a store may come during the scan: its bit is found by this scan or by the next, never lost. `among`:
        only these pages are looked at.
        """
        chosen = self._mask(protect)
        seen = self._mask(range(self.pages) if among is None else among)
        found: Bits = np.zeros(self.pages, np.bool_)
        for mapping in self.mappings:
            here = slice(mapping.first, mapping.first + mapping.count)
            found[here] |= mapping.dirty & seen[here]
            mapping.writable &= ~chosen[here]
            mapping.dirty &= ~seen[here]
        return [int(page) for page in np.flatnonzero(found)]

    def harvest(self) -> list[int]:
        """Collect the dirty pages of all mappings, clear their bits and write-protect everything (R20, R21).

        Writable entries that are clean (a forked child's, R22) lose the permission too, so that until the next write
        fault no store can slip between a harvest and a zap.
        """
        found: Bits = np.zeros(self.pages, np.bool_)
        for mapping in self.mappings:
            found[mapping.first : mapping.first + mapping.count] |= mapping.dirty
            mapping.writable[:] = False
            mapping.dirty[:] = False
        return [int(page) for page in np.flatnonzero(found)]

    def write_protect(self, pages: Iterable[int]) -> int:
        """Take the write permission of these pages from every mapping; return how many entries lost it."""
        chosen = self._mask(pages)
        entries = 0
        for mapping in self.mappings:
            part = chosen[mapping.first : mapping.first + mapping.count]
            entries += int(np.count_nonzero(mapping.writable & part))
            mapping.writable &= ~part
        return entries

    def fork(self, mapping: Mapping, child: str) -> Mapping:
        """Return the child's copy of a mapping: same entries, clean but still writable (R22)."""
        copy = Mapping(child, self, mapping.address, mapping.first, mapping.count, mapping.may_write)
        copy.present[:] = mapping.present
        copy.writable[:] = mapping.writable
        self.add(copy)
        return copy

    def _mask(self, pages: Iterable[int]) -> Bits:
        mask: Bits = np.zeros(self.pages, np.bool_)
        mask[list(pages)] = True
        return mask


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of an access that lies in one page: `page` of the buffer, `offset` in it, `at` in the access."""

    mapping: Mapping
    page: int
    offset: int
    at: int
    count: int


class PageTable:
    """One process's mappings by virtual address; `lock` is the name of the memory-map lock (R16)."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.lock = f"mm:{process}"
        self.mappings: list[Mapping] = []
        self._next = 0x10000

    def place(self, pages: int) -> int:
        """Return a free virtual address for so many pages, with an unmapped page before and after."""
        address = self._next
        self._next += (pages + 1) * PAGE
        return address

    def add(self, mapping: Mapping) -> None:
        """Take in a mapping whose address came from `place` or from the parent's table."""
        self.mappings.append(mapping)
        self._next = max(self._next, mapping.address + (mapping.count + 1) * PAGE)

    def remove(self, mapping: Mapping) -> None:
        """Forget a mapping."""
        self.mappings.remove(mapping)

    def lookup(self, address: int) -> Mapping:
        """Return the mapping that holds a virtual address. BusFault if there is none (R16)."""
        for mapping in self.mappings:
            if mapping.address <= address < mapping.address + mapping.count * PAGE:
                return mapping
        raise BusFault(self.process, address)

    def pieces(self, address: int, length: int) -> Iterator[Piece]:
        """Split an access at page borders, ascending; each page is looked up when its turn comes."""
        at = 0
        while at < length:
            mapping = self.lookup(address + at)
            page, offset = divmod(address + at - mapping.address, PAGE)
            count = min(PAGE - offset, length - at)
            yield Piece(mapping, mapping.first + page, offset, at, count)
            at += count


class ObjectTable:
    """The device's page table of one host object, in host RAM.

    One level (flat) or two (a directory of 512-entry tables); `root` is the bus address of the flat table or the
    directory. Setting an entry changes RAM only: the driver tells the engine with INVALIDATE.
    """

    def __init__(
        self, host: HostMemory, frames: Sequence[int], *, writable: bool = True, two_level: bool = False
    ) -> None:
        self.host = host
        self.pages = len(frames)
        self.two_level = two_level
        tables = -(-self.pages // _ENTRIES)
        if two_level and tables > _ENTRIES:
            raise DriverError("EINVAL", f"an object of {self.pages} pages")
        if two_level:
            self._tables = [frame * PAGE for frame in host.allocate(tables, _OWNER)]
            self.root = host.allocate_contiguous(1, _OWNER)
            for index, table in enumerate(self._tables):
                host.write(self.root + index * PageTableEntry.SIZE, PageTableEntry(1, 0, table // PAGE).pack())
        else:
            self.root = host.allocate_contiguous(max(1, tables), _OWNER)
            self._tables = [self.root + index * PAGE for index in range(tables)]
        for page, frame in enumerate(frames):
            self.set(page, PageTableEntry(1, int(writable), frame))

    def entry_address(self, page: int) -> int:
        """Return the bus address of a page's entry. IndexError outside of the object."""
        if not 0 <= page < self.pages:
            raise IndexError(f"page {page} of an object of {self.pages}")
        return self._tables[page // _ENTRIES] + page % _ENTRIES * PageTableEntry.SIZE

    def set(self, page: int, entry: PageTableEntry) -> None:
        """Write a page's entry."""
        self.host.write(self.entry_address(page), entry.pack())

    def get(self, page: int) -> PageTableEntry:
        """Read a page's entry."""
        return PageTableEntry.unpack(self.host.read(self.entry_address(page), PageTableEntry.SIZE))

    def free(self) -> None:
        """Give the table's own pages back; the engine must have forgotten the object."""
        frames = [table // PAGE for table in self._tables]
        self.host.free([*frames, self.root // PAGE] if self.two_level else frames, _OWNER)
        self._tables = []
        self.pages = 0
