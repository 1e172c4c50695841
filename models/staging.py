"""Bounded staging: host memory through which transfers pass, and the bands that a large box is cut into.

A driver may pin only so much for DMA. The staging area has a fixed size and a few slots; whoever wants more than a slot
holds moves band after band. A slot is free when its lock is and its last upload has ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.engine import Engine
from models.errors import DeviceError, DriverError
from models.fence import Fence, wait_for
from models.memory import PAGE, Bytes, HostMemory
from models.page_table import ObjectTable
from models.steps import Acquire, Release, Steps, releasing
from models.surface import Box

__all__ = ["Slot", "Staging", "bands"]


def bands(box: Box, size: int) -> Iterator[Box]:
    """Cut a box into boxes of at most `size` bytes: full rows where a row fits, else parts of one row."""
    if box.width <= size:
        rows = max(1, size // max(1, box.width))
        for y in range(box.y, box.y + box.height, rows):
            yield Box(box.x, y, box.width, min(rows, box.y + box.height - y))
        return
    for y in range(box.y, box.y + box.height):
        for x in range(box.x, box.x + box.width, size):
            yield Box(x, y, min(size, box.x + box.width - x), 1)


class Slot:
    """A part of the staging area, as a host object: `offset` in the object `handle`, `size` bytes."""

    def __init__(self, handle: int, offset: int, memory: Bytes, lock: str) -> None:
        self.handle = handle
        self.offset = offset
        self.memory = memory
        self.lock = lock
        self.fence: Fence | None = None

    def rows(self, box: Box) -> Bytes:
        """Return the slot's bytes as the rows of a box, shape (height, width), one after another."""
        return self.memory[: box.bytes].reshape(box.height, box.width)


class Staging:
    """A staging area of `limit` bytes in `count` slots, made when it is first needed.

    DriverError EINVAL when a slot would be smaller than a page.
    """

    def __init__(
        self, host: HostMemory, engine: Engine, limit: int, count: int = 2, name: str = "staging"
    ) -> None:
        self.size = limit // count // PAGE * PAGE
        if self.size <= 0:
            raise DriverError("EINVAL", f"staging of {limit} bytes: needs a page for each of {count} slots")
        self.host = host
        self.engine = engine
        self._lock = f"{name}:{engine.slot}"
        self._count = count
        self._slots: list[Slot] = []
        self._next = 0

    def take(self) -> Steps[Slot]:
        """Return a free slot with its lock held; with a `fence` it stays in use after that is given back.

        DriverError ENOMEM where there is no room to make the area, DeviceError where the device does not take it; both
        leave nothing.
        """
        if not self._slots:
            yield from self._make()
        slot = self._slots[self._next % self._count]
        self._next += 1
        yield Acquire(slot.lock)
        if slot.fence is not None:
            try:
                # An upload that failed is told by its own fence.
                yield from wait_for([slot.fence], cause="staging")
            except DeviceError:
                yield Release(slot.lock)
                raise
            slot.fence = None
        return slot

    def _make(self) -> Steps[None]:
        yield Acquire(self._lock)
        yield from releasing(self._make_now(), self._lock)

    def _make_now(self) -> Steps[None]:
        if self._slots:
            return
        pages = self.size * self._count // PAGE
        base = self.host.allocate_contiguous(pages, "staging")
        table = ObjectTable(self.host, list(range(base // PAGE, base // PAGE + pages)))
        try:
            handle = yield from self.engine.bind_object(table)
        except (DriverError, DeviceError):
            table.free()
            self.host.free(list(range(base // PAGE, base // PAGE + pages)), "staging")
            raise
        for index in range(self._count):
            at = index * self.size
            memory = self.host.bytes[base + at : base + at + self.size]
            self._slots.append(Slot(handle, at, memory, f"{self._lock}:{index}"))
