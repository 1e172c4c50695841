"""Where the engine is hurt: a small host full of traps, a small device, and a ledger over all of it.

Small, because thousands of blows are each followed by a comparison of every byte.  The traps are pages that nobody
granted, put where a careless engine would look: as frames of entries that are not valid, behind the last entry of an
object, below the roots of objects and surfaces that are not valid.  `Grants` says who may touch which page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.engine import Queue
from models.execute import ENTRY_SIZE
from models.layout import (
    OBJECT_COUNT,
    Address,
    Cause,
    Descriptor,
    Layout,
    Opcode,
    PageTableEntry,
    Parameters,
    QueueOffset,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE, Bytes, HostMemory
from models.page_table import ObjectTable
from models.steps import CsrRead, Delay, ScanOut, Steps
from models.surface import Box, Surface
from tb.agents.memory import HostImage, MemoryConfig
from tb.scoreboard import Ledger
from tb.sequences import Rig, boxed
from tests.system.fault_grants import Grants, Reader, Writer

__all__ = [
    "DESTINATION",
    "HOLED",
    "HOLES",
    "HOST_SIZE",
    "LARGE",
    "LARGE_PAGES",
    "PAGES",
    "READ_ONLY",
    "SHAPES",
    "SOURCE",
    "FaultSite",
    "Hang",
]

HOST_SIZE = 1 << 20
PAGES = 8
"""Pages of objects SOURCE (not writable), DESTINATION and HOLED."""
LARGE_PAGES, LARGE_LOW = 530, 20
"""Pages of the two-level object LARGE, of which only the first LARGE_LOW and the last four are valid."""

SOURCE, DESTINATION, LARGE, HOLED = 0, 1, 2, 3
HOLES, READ_ONLY = (2, 6), (4,)
"""Pages of HOLED that are not valid, and that may only be read."""
_TRAPS = 12
SHAPES = (
    (Layout.LINEAR, 1, 300, 9),
    (Layout.X_TILED, 3, 233, 10),
    (Layout.Y_TILED, 4, 61, 33),
    (Layout.MORTON, 16, 16, 17),
    (Layout.X_TILED, 1, 700, 9),
    (Layout.MORTON, 4, 60, 18),
    (Layout.Y_TILED, 3, 42, 34),
    (Layout.LINEAR, 16, 40, 5),
)
"""(layout, bytes a pixel, pixels, rows) of surfaces 0 to 7; each pixel size stands twice, for COPY."""


class Hang(AssertionError):
    """The engine did not do in time what it must."""


class FaultSite:
    """What a case works with.  Make it, `yield from open()`, then use `rig` and the helpers.

    configure: sets the temper of host memory.  begin: makes the ledger once everything is laid out.
    settle: compares, and returns what is wrong.
    """

    def __init__(
        self,
        host: HostMemory,
        seed: int,
        *,
        configure: Callable[[MemoryConfig], None],
        begin: Callable[[HostImage, Bytes, int], Ledger],
        settle: Callable[[Bytes], list[str]],
        ring_log2: int = 5,
        completion_log2: int = 5,
    ) -> None:
        self.host = host
        self.seed = seed
        self.random = np.random.default_rng(seed)
        self._configure = configure
        self._begin = begin
        self._settle = settle
        host.bytes[PAGE:] = self.random.integers(0, 256, host.size - PAGE, dtype=np.uint8)
        self.rig = Rig(host, ring_log2=ring_log2, completion_log2=completion_log2, bus=MemoryConfig().bus)
        self.grants = Grants(host.size)
        self.traps = host.allocate(_TRAPS, "traps")
        self.scratch = host.allocate_contiguous(1, "scratch")
        """Bus address of a page in which the engine has no business."""
        self.regions: dict[int, int] = {}
        """First bus address of the 2 * PAGES neighbouring pages in which an object's frames lie, by object."""
        self.objects = [
            self._object(SOURCE, PAGES, writable=False),
            self._object(DESTINATION, PAGES),
            self._object(LARGE, LARGE_PAGES, valid=lambda page: page < LARGE_LOW or page >= LARGE_PAGES - 4),
            self._object(HOLED, PAGES, valid=lambda page: page not in HOLES, read_only=READ_ONLY),
        ]
        self.surfaces: list[Surface] = []
        self.used = 0
        for layout, pixel, width, height in SHAPES:
            surface = Surface(self.used, width, height, pixel, layout)
            self.surfaces.append(surface)
            self.used += surface.size + PAGE  # a page of guard bytes behind each
        for frame in self.traps:
            host.pages[frame] = self.random.integers(0, 256, PAGE, dtype=np.uint8)
        self._grant_rings()

    @property
    def ledger(self) -> Ledger:
        """The ledger; AssertionError before `open`."""
        assert self.rig.ledger is not None, "open() first"
        return self.rig.ledger

    def _trap(self) -> int:
        return int(self.random.choice(self.traps))

    def _object(
        self,
        index: int,
        pages: int,
        *,
        writable: bool = True,
        valid: Callable[[int], bool] = lambda page: True,
        read_only: Sequence[int] = (),
    ) -> ObjectTable:
        """An object whose frames stand among traps: every second page of a region, in mixed order."""
        backed = [page for page in range(pages) if valid(page)]
        base = self.host.allocate_contiguous(2 * len(backed), "region")
        self.regions[index] = base
        places = self.random.permutation(len(backed))
        frames = {page: base // PAGE + 2 * int(place) for page, place in zip(backed, places, strict=True)}
        two_level = pages > 512
        table = ObjectTable(self.host, [frames.get(page, 0) for page in range(pages)], two_level=two_level)
        for page in range(pages):
            allowed = writable and page not in read_only
            table.set(page, PageTableEntry(int(page in frames), int(allowed), frames.get(page) or self._trap()))
        # behind the last page there is nothing, however good it looks
        for entry in range(pages % 512, 512):
            at = table.entry_address(pages - 1) // PAGE * PAGE + entry * PageTableEntry.SIZE
            self.host.write(at, PageTableEntry(1, 1, self._trap()).pack())
        tables = {table.entry_address(page) // PAGE for page in range(pages)} | {table.root // PAGE}
        self.grants.grant(Reader.WALKER, tables)
        self.grants.grant(Reader.DATA, frames.values())
        if writable:
            self.grants.grant(Writer.DATA, (frames[page] for page in backed if page not in read_only))
        for frame in range(base // PAGE, base // PAGE + 2 * len(backed)):
            self.host.pages[frame] = self.random.integers(0, 256, PAGE, dtype=np.uint8)
        return table

    def _grant_rings(self) -> None:
        for queue, ring in self.rig.rings.items():
            reader = (Reader.TRANSFER_RING, Reader.RENDER_RING)[queue]
            self.grants.grant_range(reader, ring.entries, ENTRY_SIZE[queue] << ring.log2)
            self.grants.grant_range(Writer.RECORDS, ring.records, Record.SIZE << ring.completion_log2)
            self.grants.grant_range(Writer.RECORDS, ring.fence_at, 8)

    # -------------------------------------------------------------------------------------------------- set-up

    def open(self, *, halt: bool = True, watchdog: int = 0) -> Steps[None]:
        """From a hardware reset to an engine whose surfaces hold noise and whose every byte is in the ledger."""
        yield from self.set_up(halt=halt, watchdog=watchdog)
        for queue in Queue:
            ring = self.rig.rings[queue]
            self.host.write(ring.records, bytes(Record.SIZE << ring.completion_log2))
        self.rig.ledger = None
        filling = [
            boxed(Opcode.WRITEBACK, surface.box, surface=index, host_offset=97 * index, host_stride=surface.row_bytes)
            for index, surface in enumerate(self.surfaces)
        ]
        records = yield from self.rig.perform(Queue.TRANSFER, filling)
        assert all(record.status == Status.OK for record in records), records
        device = yield ScanOut(0, self.used)
        data_log2 = Parameters.from_int((yield CsrRead(Address.PARAMETERS))).data_log2
        self.rig.ledger = self._begin(HostImage(self.host), device, 8 << data_log2)

    def set_up(self, *, halt: bool = True, watchdog: int = 0) -> Steps[None]:
        """Write the registers and tables that a hardware reset has cleared; rings start over."""
        yield from self.rig.bring_up(watchdog=watchdog, halt=halt)
        for index, surface in enumerate(self.surfaces):
            yield from self.rig.surface(index, surface)
        for index, table in enumerate(self.objects):
            yield from self.rig.object(index, table)
        # not valid, but with all that a valid one has
        yield from self.rig.surface(9, Surface(0, 300, 9, 1, Layout.LINEAR))
        yield from self.rig.surface(9, None)
        yield from self.rig.object(OBJECT_COUNT - 1, self.objects[DESTINATION])
        yield from self.rig.object(OBJECT_COUNT - 1, None)

    def temper_host(self, config: MemoryConfig) -> None:
        """Make host memory kind or unkind from now on; predictions follow."""
        self.rig.bus = config.bus
        self._configure(config)

    # ------------------------------------------------------------------------------------------------ waiting

    def until(self, address: int, mask: int, value: int, what: str, *, cycles: int = 20_000) -> Steps[int]:
        """Poll a register until `mask` of it is `value`; returns what it read.

        Raises Hang after about so many cycles.
        """
        got = 0
        for _ in range(cycles // 16):
            got = yield CsrRead(address)
            if got & mask == value:
                return int(got)
            yield Delay(40, "poll")
        raise Hang(f"no {what} in {cycles} cycles: {address:#x} reads {got:#x}, not {value:#x} in {mask:#x}")

    def records(self, queue: Queue, count: int, *, cycles: int = 20_000) -> Steps[list[Record]]:
        """Take exactly `count` more records; Hang when they do not come, AssertionError when there are more."""
        ring = self.rig.rings[queue]
        tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
        yield from self.until(tail, 0xFFFF, (ring.taken + count) & 0xFFFF, f"record of {queue.name}", cycles=cycles)
        taken = self.rig.take(queue, count + 1)
        assert len(taken) == count, f"{queue.name}: {len(taken)} records, not {count}: {taken}"
        yield from self.rig.consume(queue)
        return taken

    def idle(self, queue: Queue, *, cycles: int = 20_000) -> Steps[None]:
        """Until nothing of a queue is under way, nor is it halted, aborting or waiting."""
        yield from self.until(
            queue_address(queue, QueueOffset.STATUS), 0xF, 0, f"idle {queue.name} queue", cycles=cycles
        )

    def settle(self) -> Steps[None]:
        """Wait until both queues are idle, and compare everything so far.  AssertionError with what is wrong."""
        for queue in Queue:
            yield from self.idle(queue)
        problems = self._settle((yield ScanOut(0, self.used)))
        assert not problems, "; ".join(problems)

    def perform(self, queue: Queue, work: Sequence[Descriptor]) -> Steps[list[Record]]:
        """Post descriptors and take their records, in bounded time."""
        yield from self.rig.post(queue, work)
        return (yield from self.records(queue, len(work)))

    def good(self, *queues: Queue) -> Steps[None]:
        """The engine must still work: a transfer each way, a drawing, and every byte right."""
        place = {"host_offset": 3 * PAGE - 111, "host_stride": 123, "interrupt": 1}
        value = int(self.random.integers(1 << 62))
        box = Box(3, 1, 120, 3)
        work = {
            Queue.TRANSFER: [
                boxed(Opcode.WRITEBACK, box, surface=0, object=SOURCE, **place),
                boxed(Opcode.READBACK, box, surface=0, object=DESTINATION, order=1, **place),
            ],
            Queue.RENDER: [
                boxed(Opcode.FILL, Box(4, 1, 40, 3), surface=2, pattern_low=value),
                boxed(Opcode.COPY, Box(8, 4, 40, 3), surface=5, source_surface=2, source_x=4, source_y=1),
            ],
        }
        for queue in queues or tuple(Queue):
            records = yield from self.perform(queue, work[queue])
            assert all(one.cause == Cause.NONE for one in records), f"after a fault a good one failed: {records}"
        yield from self.settle()
