"""One bench for the engine as a whole: host memory full of noise, surfaces of every layout, objects, rings, a ledger.

A case is a generator of steps on a `Workbench`, so it runs on the RTL through the bridge and on the untimed device.
Where nothing is predicted nothing may change: all of host memory and the used part of device memory are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from models.engine import Queue
from models.layout import (
    Address,
    Descriptor,
    IrqCoalesce,
    Layout,
    Opcode,
    Parameters,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE, Bytes, HostMemory
from models.page_table import ObjectTable
from models.steps import CsrRead, ScanOut, Steps
from models.surface import Box, Surface
from tb.agents.memory import HostImage, MemoryConfig
from tb.scoreboard import Ledger
from tb.sequences import Rig, boxed

__all__ = ["DESTINATION", "HOST_SIZE", "LARGE", "PAGES", "SOURCE", "Case", "Workbench"]

HOST_SIZE = 16 << 20
PAGES = 40
"""Pages of the source and of the destination object."""

SCRATCH_PAGES = 128
"""Pages of device memory behind the surfaces, from `Workbench.scratch` on, for the surfaces of a case."""

SOURCE, DESTINATION, LARGE = 0, 1, 2
"""Objects: read by WRITEBACK, written by READBACK, and a two-level one of 530 pages."""

_SHAPES = (
    (Layout.LINEAR, 1, 5501, 9),
    (Layout.X_TILED, 3, 1834, 10),
    (Layout.Y_TILED, 4, 1376, 33),
    (Layout.MORTON, 16, 345, 17),
    (Layout.LINEAR, 5, 261, 11),
    (Layout.X_TILED, 1, 1300, 17),
    (Layout.Y_TILED, 2, 601, 35),
    (Layout.MORTON, 7, 190, 40),
)
"""(layout, bytes a pixel, pixels, rows) of surfaces 0 to 7."""


class Workbench:
    """What a case works with.  Make it, `yield from open()`, then use `rig`, `ledger` and the helpers.

    configure: sets the temper of host memory.  begin: makes the ledger once everything is laid out.
    settle: compares, and returns what is wrong.
    thin: take only every thin-th combination of a matrix.
    """

    def __init__(
        self,
        host: HostMemory,
        seed: int,
        *,
        configure: Callable[[MemoryConfig], None],
        begin: Callable[[HostImage, Bytes, int], Ledger],
        settle: Callable[[Bytes], list[str]],
        thin: int = 1,
        ring_log2: int = 6,
        completion_log2: int = 6,
    ) -> None:
        self.host = host
        self.random = np.random.default_rng(seed)
        self.thin = thin
        self.data_bytes = 8
        self.device_size = 0
        self.used = 0
        self._watchdog = 0
        self._configure = configure
        self._begin = begin
        self._settle = settle
        host.bytes[PAGE:] = self.random.integers(0, 256, host.size - PAGE, dtype=np.uint8)
        self.rig = Rig(host, ring_log2=ring_log2, completion_log2=completion_log2, bus=MemoryConfig().bus)
        self.tables = [self.make_object(PAGES), self.make_object(PAGES), self.make_object(530, two_level=True)]
        self.surfaces: list[Surface] = []
        for layout, pixel, width, height in _SHAPES:
            surface = Surface(self.used, width, height, pixel, layout)
            self.surfaces.append(surface)
            self.used += surface.size + PAGE  # a page of guard bytes behind each
        self.scratch = self.used
        self.used += SCRATCH_PAGES * PAGE

    def make_object(self, pages: int, *, writable: bool = True, two_level: bool = False) -> ObjectTable:
        """A host object of scattered pages full of noise."""
        frames = self.host.allocate(pages, "bench object")
        for frame in frames:
            self.host.pages[frame] = self.random.integers(0, 256, PAGE, dtype=np.uint8)
        return ObjectTable(self.host, frames, writable=writable, two_level=two_level)

    def open(self, *, halt: bool = True, watchdog: int = 0, coalesce: IrqCoalesce | None = None) -> Steps[None]:
        """Bring the engine up, write the tables, make the ledger, and fill a device that is empty with noise."""
        parameters = Parameters.from_int((yield CsrRead(Address.PARAMETERS)))
        self.data_bytes = 1 << parameters.data_log2
        self.device_size = 1 << parameters.device_log2
        self._watchdog = watchdog
        yield from self.rig.bring_up(halt=halt, watchdog=watchdog, coalesce=coalesce)
        for index, surface in enumerate(self.surfaces):
            yield from self.rig.surface(index, surface)
        for index, table in enumerate(self.tables):
            yield from self.rig.object(index, table)
        device = np.zeros(self.device_size, np.uint8)
        device[: self.used] = yield ScanOut(0, self.used)  # device memory outlives a reset
        self.rig.ledger = self._begin(HostImage(self.host), device, 8 * self.data_bytes)
        if not device.any():
            yield from self.rig.perform(Queue.TRANSFER, list(self.noise(range(len(self.surfaces)))))
            yield from self.settle()

    def noise(self, surfaces: Iterable[int]) -> Iterator[Descriptor]:
        """WRITEBACKs that fill surfaces with bytes of the source object, a strip of rows at a time."""
        for index in surfaces:
            surface = self.surfaces[index]
            rows = PAGES * PAGE // surface.row_bytes - 1
            for y in range(0, surface.height, rows):
                box = Box(0, y, surface.row_bytes, min(rows, surface.height - y))
                yield boxed(
                    Opcode.WRITEBACK, box, surface=index, object=SOURCE, host_offset=97 * index, host_stride=box.width
                )

    def change_table(self, target: int, address: int, data: bytes) -> Steps[None]:
        """Store into an object's page table, between what used the old one (compared here) and what uses the new."""
        yield from self.settle()
        self.rig.store(address, data)
        yield from self.invalidate(target)

    def invalidate(self, target: int) -> Steps[None]:
        """Make the engine forget translations of an object, after its table has been changed."""
        yield from self.rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE, object=target)])

    def restart(self) -> Steps[None]:
        """Compare, soft reset, then bring both queues up again with empty rings; the tables keep their values."""
        yield from self.settle()
        yield from self.rig.soft_reset()
        yield from self.rig.bring_up(watchdog=self._watchdog)

    def reset_under_way(self) -> Steps[None]:
        """Soft reset with work under way, then start over.

        What was under way may have moved or not, so the granted pages and the surfaces are taken as they are found;
        every other byte must be as expected.
        """
        yield from self.rig.soft_reset()
        ledger = self.rig.ledger
        assert ledger is not None, "open() first"
        granted = [self.tables[DESTINATION].get(page).frame for page in range(PAGES)]
        ledger.forgive(granted, (yield ScanOut(0, self.used)))
        yield from self.rig.bring_up(watchdog=self._watchdog)

    def temper_host(self, config: MemoryConfig) -> None:
        """Make host memory kind or unkind from now on; predictions follow."""
        self.rig.bus = config.bus
        self._configure(config)

    def settle(self) -> Steps[None]:
        """Wait until both queues are idle (a fence value follows its record), and compare everything so far.

        AssertionError with what is wrong.
        """
        for queue in Queue:
            status = queue_address(queue, QueueOffset.STATUS)
            yield from self.rig.until(status, QueueStatus(busy=1).to_int(), 0)
        problems = self._settle((yield ScanOut(0, self.used)))
        assert not problems, "; ".join(problems)

    def good(self, queue: Queue = Queue.TRANSFER) -> Steps[None]:
        """The engine must still work: a transfer each way (or a drawing), for the next `settle` to compare."""
        box = Box(3, 1, 700, 5)
        place = {"host_offset": 4096 * 3 - 11, "host_stride": 703, "interrupt": 1}
        if queue is Queue.TRANSFER:
            work = [
                boxed(Opcode.WRITEBACK, box, surface=0, object=SOURCE, **place),
                boxed(Opcode.READBACK, box, surface=0, object=DESTINATION, order=1, **place),
            ]
        else:
            work = [boxed(Opcode.FILL, Box(6, 1, 300, 3), surface=5, pattern_low=0x0123456789ABCDEF)]
        records = yield from self.rig.perform(queue, work)
        assert all(record.status == Status.OK for record in records), records

    def batch(self, queue: Queue, work: Sequence[Descriptor], *, compare: bool = True) -> Steps[list[Record]]:
        """Perform descriptors, a ring's worth at a time, each ring's worth with an ordered first, and compare."""
        room = 1 << min(self.rig.rings[queue].log2, self.rig.rings[queue].completion_log2)
        records: list[Record] = []
        for at in range(0, len(work), room):
            part = list(work[at : at + room])
            records += yield from self.rig.perform(queue, [replace(part[0], order=1), *part[1:]])
        if compare:
            yield from self.settle()
        return records


Case = Callable[[Workbench], Steps[None]]
"""A test of the engine as steps."""
