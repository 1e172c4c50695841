"""Pages by chance, for the walker and its caches: of objects as large as there are, near and far, again and again.

A directory whose entries all lead to one page of entries makes an object of 2^20 pages that are all there. So each bit
of a page's number, of a line's tag and of an entry's place counts where something is found, not only where it is not.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from models.engine import Queue
from models.layout import OBJECT_COUNT, Descriptor, Layout, Opcode, PageTableEntry
from models.memory import PAGE
from models.steps import Steps
from models.surface import Box, Surface
from tb.chance import chosen, upto
from tb.sequences import boxed
from tests.system.workbench import DESTINATION, PAGES, SOURCE, Workbench

__all__ = ["endless", "visited"]

_ENTRIES = PAGE // PageTableEntry.SIZE
_DIRECTORY = 4
"""Pages of a directory of 2^20 pages."""
_MOST = 1 << 20
_OWN = 3
"""First object that a case may set; those below are the bench's."""
_INDEX = {Opcode.WRITEBACK: 8, Opcode.READBACK: 9}
"""The surface of each direction, so that neither reads what the other writes."""


def _roots(bench: Workbench) -> Steps[dict[Opcode, int]]:
    """Bus addresses of two directories, over the pages of the source and of the destination object."""
    yield from bench.settle()
    found: dict[Opcode, int] = {}
    for number, (opcode, target) in enumerate(((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION))):
        leaf = bench.host.allocate_contiguous(1, "entries of all pages")
        found[opcode] = bench.host.allocate_contiguous(_DIRECTORY, "directory of all pages")
        frames = [bench.tables[target].get(page).frame for page in range(PAGES)]
        entries = [PageTableEntry(1, 1, frames[page * 7 % PAGES]) for page in range(_ENTRIES)]
        bench.rig.store(leaf, b"".join(entry.pack() for entry in entries))
        bench.rig.store(found[opcode], PageTableEntry(1, 0, leaf // PAGE).pack() * (_DIRECTORY * _ENTRIES))
        surface = Surface(bench.scratch + 8 * PAGE * number, 64, 40, 1, Layout.LINEAR)
        yield from bench.rig.surface(_INDEX[opcode], surface)
    return found


def _move(bench: Workbench, opcode: Opcode, target: int, page: int) -> Descriptor:
    """A few rows from a page on, some over its end, a page or a line apart or on top of each other."""
    random = bench.random
    at = chosen(random, (0, PAGE - 9, int(random.integers(PAGE))))
    stride = chosen(random, (40, PAGE, PAGE, 8 * PAGE, -PAGE & 0xFFFFFFFF))
    rows = 1 + int(random.integers(4))
    box = Box(int(random.integers(30)), int(random.integers(30)), 21, rows)
    place = {"surface": _INDEX[opcode], "object": target, "host_offset": page * PAGE + at, "host_stride": stride}
    return boxed(opcode, box, **place)


def endless(bench: Workbench) -> Steps[None]:
    """Objects of any length to 2^20 pages, moved through at their ends and anywhere."""
    random, roots = bench.random, (yield from _roots(bench))
    for _ in range(24):
        work = []
        targets = _OWN + random.permutation(OBJECT_COUNT - _OWN)
        for (opcode, root), target in zip(roots.items(), targets, strict=False):
            index, pages = int(target), upto(random, _MOST)
            table: Any = SimpleNamespace(root=root, pages=pages, two_level=True)
            yield from bench.rig.object(index, table)
            for page in (pages - 1, max(pages - 1 - int(random.integers(12)), 0), int(random.integers(pages))):
                work.append(_move(bench, opcode, index, page))
        yield from bench.invalidate(SOURCE)
        yield from bench.rig.perform(Queue.TRANSFER, work)
    yield from bench.settle()


def visited(bench: Workbench) -> Steps[None]:
    """A few dozen lines of several objects, visited in any order: found, driven out, forgotten and fetched again."""
    random, roots = bench.random, (yield from _roots(bench))
    for opcode, root in roots.items():
        lines = [(int(index), 8 * int(random.integers(_MOST >> 3))) for index in (3, 6, 12, 15) for _ in range(8)]
        for index in (3, 6, 12, 15):
            table: Any = SimpleNamespace(root=root, pages=_MOST, two_level=True)
            yield from bench.rig.object(index, table)
        for count in (40, 24, 24):
            yield from bench.invalidate(SOURCE)
            work = []
            for _ in range(count):
                target, page = chosen(random, lines)
                work.append(_move(bench, opcode, target, page + int(random.integers(8))))
            yield from bench.rig.perform(Queue.TRANSFER, work)
    yield from bench.settle()
