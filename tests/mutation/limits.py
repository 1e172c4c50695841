"""Cases in which each bit of a number counts: fence values, coordinates, sizes, offsets, strides at powers of two.

Most descriptors here are refused, or reach past the end of device memory or of what an object grants, so a number of
20 or 32 bits costs no more cycles than a small one. How each ends, and with which address, is the ledger's prediction.
The queues must go on after an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from models.engine import Queue
from models.execute import Outcome
from models.layout import (
    Address,
    Cause,
    Descriptor,
    EngineStatus,
    IrqStatus,
    Layout,
    Opcode,
    PageTableEntry,
    QueueOffset,
    QueueStatus,
    Status,
    SurfaceFormat,
    SurfaceOffset,
    queue_address,
    surface_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps
from models.surface import Box, Surface
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.sequences import boxed
from tests.system import errors
from tests.system.malformed import FIELDS, in_entry
from tests.system.workbench import DESTINATION, LARGE, SOURCE, Workbench

__all__ = [
    "beginnings",
    "columns",
    "corners",
    "divisions",
    "empty",
    "fence_distances",
    "merged",
    "offsets",
    "outstanding",
    "pixel_sizes",
    "reserved",
    "retreats",
    "serials",
    "spots",
    "tags",
    "thresholds",
]

_MASK, _LONG = 0xFFFFFFFF, 0xFFFFFFFF_FFFFFFFF
_WAITING = QueueStatus(waiting=1).to_int()
_NARROW = 64
"""Bytes a row of surfaces whose rows are what counts."""


def fence_distances(bench: Workbench) -> Steps[None]:
    """A WAIT holds a power of two before its value, and goes on at one behind it; past the wrap too."""
    for queue, start in ((Queue.TRANSFER, 0xA5A5A5A4), (Queue.RENDER, 0x5A5A5A59)):
        other = Queue(1 - queue)
        yield from bench.rig.perform(other, [Descriptor(opcode=Opcode.FENCE, host_offset=start)])
        reached = start
        for step in (1, *(1 << bit for bit in range(31))):
            value = reached + step & _MASK
            yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.WAIT, queue=other, host_offset=value)])
            yield from bench.rig.until(queue_address(queue, QueueOffset.STATUS), _WAITING, _WAITING)
            assert not bench.rig.take(queue, 1), f"with {reached:#x} reached a WAIT for {value:#x} went on"
            yield from bench.rig.perform(other, [Descriptor(opcode=Opcode.FENCE, host_offset=value)])
            yield from bench.rig.collect(queue, 1)
            reached = value
        behind = [reached - (1 << bit) & _MASK for bit in range(31)]
        behind.append(reached + 1 - (1 << 31) & _MASK)
        work = [Descriptor(opcode=Opcode.WAIT, queue=other, host_offset=value) for value in behind]
        yield from bench.rig.perform(queue, work)
    yield from bench.settle()


def tags(bench: Workbench) -> Steps[None]:
    """Tags of all bits come back in the records of either queue."""
    kept = bench.rig.tag
    for tag in (0xA5A5A5A5, 0x5A5A5A59, 0xFFFFFFFD, 0xCCCC3333):
        bench.rig.tag = tag
        for queue in Queue:
            yield from bench.good(queue)
    bench.rig.tag = kept
    yield from bench.settle()


def pixel_sizes(bench: Workbench) -> Steps[None]:
    """A surface whose pixel has 0 bytes, or more than 16, is none."""
    yield from bench.rig.surface(8, Surface(bench.scratch, 600, 8, 1, Layout.LINEAR))
    for size in (0, *range(17, 32)):
        yield from bench.rig.surface(8, None)
        shape = SurfaceFormat(bytes_per_pixel=size, layout=Layout.LINEAR, valid=1)
        yield CsrWrite(surface_address(8, SurfaceOffset.FORMAT), shape.to_int())
        yield from bench.rig.perform(Queue.RENDER, [boxed(Opcode.FILL, Box(0, 0, 544, 1), surface=8)])
    yield from bench.settle()


def reserved(bench: Workbench) -> Steps[None]:
    """Each reserved bit alone, and each bit by which the number of a surface, an object or a queue is too high."""
    own = {
        Queue.TRANSFER: [(errors.transfer(Opcode.WRITEBACK), ("surface", "object"))],
        Queue.RENDER: [
            (boxed(Opcode.FILL, Box(0, 0, 10, 1), surface=5), ("surface",)),
            (boxed(Opcode.COPY, Box(0, 0, 10, 1), surface=5, source_surface=6), ("surface", "source_surface")),
        ],
    }
    for queue, bases in own.items():
        work = []
        for good, numbers in bases:
            for name in in_entry(queue):
                bits = range(FIELDS[name][1]) if name.startswith("reserved") else range(4, 8) if name in numbers else ()
                work += [replace(good, **{name: getattr(good, name) | 1 << bit}) for bit in bits]
        work += [Descriptor(opcode=Opcode.WAIT, queue=1 << bit, host_offset=0) for bit in range(1, 8)]
        work += [Descriptor(opcode=Opcode.INVALIDATE, object=1 << bit) for bit in range(4, 8)]
        work += [Descriptor(opcode=1 << bit) for bit in range(4, 8)]
        yield from bench.batch(queue, work)


def serials(bench: Workbench) -> Steps[None]:
    """Boxes fail in the middle of others; the numbers by which they are told apart go round, and each bit counts."""
    yield from bench.rig.surface(8, Surface(bench.scratch, 64, 256, 1, Layout.LINEAR))
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        write = opcode == Opcode.READBACK
        page = bench.tables[target].get(9).frame * PAGE
        window = ErrorWindow(page, 64, read=not write, write=write)
        place = {"surface": 8, "object": target, "host_stride": 100}
        small = [boxed(opcode, Box(2, y, 50, 1), host_offset=80 * y, **place) for y in range(60)]
        failing = boxed(opcode, Box(0, 100, 60, 40), host_offset=9 * PAGE, **place)
        yield from bench.batch(Queue.TRANSFER, [*small[:2], replace(failing, width=1, height=150)])
        for behind, height in ((3, 40), (12, 3), (5, 150), (47, 20), (60, 150), (20, 90)):
            failing = replace(failing, height=height)
            bench.temper_host(MemoryConfig(read_latency=250, write_latency=250, error=window))
            records = yield from bench.rig.perform(Queue.TRANSFER, [failing, *small[:behind]])
            assert [one.cause for one in records] == [Cause.BUS_ERROR, *[Cause.NONE] * behind], records
        bench.temper_host(MemoryConfig())
        yield from bench.settle()


def empty(bench: Workbench) -> Steps[None]:
    """Boxes without width, without height and without both, inside and beyond, move nothing and are no error."""
    places, shapes = ((0, 0), (1 << 19, 1 << 15)), ((0, 3), (5, 0), (0, 0))
    boxes = [Box(x, y, width, height) for x, y in places for width, height in shapes]
    moves = [errors.transfer(opcode, box) for opcode in (Opcode.WRITEBACK, Opcode.READBACK) for box in boxes]
    yield from bench.batch(Queue.TRANSFER, moves)
    draws = [boxed(Opcode.FILL, box, surface=5) for box in boxes]
    draws += [boxed(Opcode.COPY, box, surface=5, source_surface=5, source_x=8, source_y=4) for box in boxes]
    yield from bench.batch(Queue.RENDER, draws)


def outstanding(bench: Workbench) -> Steps[None]:
    """While memory keeps its answers back, as many bursts are outstanding as a box has rows."""
    yield from bench.rig.surface(8, Surface(bench.scratch, 64, 100, 1, Layout.LINEAR))
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        for rows in (1, 2, 4, 8, 16, 32, 85, 64):
            bench.temper_host(MemoryConfig())
            yield from bench.rig.perform(Queue.TRANSFER, [errors.transfer(opcode, Box(0, 0, 8, 1))])
            bench.temper_host(MemoryConfig(read_latency=2500, write_latency=2500))
            box = boxed(opcode, Box(0, 0, 16, rows), surface=8, object=target, host_stride=24)
            yield from bench.rig.post(Queue.TRANSFER, [box])
            yield Delay(4 * (3800 + 8 * rows), "the descriptor has come, its bursts are on their way")
            status = EngineStatus.from_int((yield CsrRead(Address.STATUS)))
            found = status.writes_outstanding if opcode == Opcode.READBACK else status.reads_outstanding
            assert found == rows, f"{found} bursts outstanding of a box of {rows} rows"
            yield from bench.rig.collect(Queue.TRANSFER, 1)
    bench.temper_host(MemoryConfig())
    yield from bench.settle()


def corners(bench: Workbench) -> Steps[None]:
    """Boxes up to the edges of surfaces of 2^n bytes or rows, and one beyond; copies that overlap and that do not."""
    for bit in range(20):
        edge, unit = 1 << bit, 16 if bit > 15 else 1
        small = edge - unit or unit
        yield from bench.rig.surface(8, Surface(0, edge // unit, 2, unit, Layout.LINEAR))
        yield from bench.rig.surface(9, Surface(0, small // unit, 2, unit, Layout.LINEAR))
        work = [boxed(Opcode.FILL, box, surface=8) for box in _beside(edge, unit)]
        for target, source in ((8, 9), (9, 8)):
            place = {"surface": target, "source_surface": source, "source_x": edge - unit}
            work.append(boxed(Opcode.COPY, Box(0, 1, unit, 1), **place))
        beyond = {"surface": 8, "source_surface": 8, "source_x": edge}
        work.append(boxed(Opcode.COPY, Box(0, 1, unit, 1), **beyond))
        yield from bench.rig.perform(Queue.RENDER, work)
    for bit in range(16):
        edge = 1 << bit
        yield from bench.rig.surface(8, Surface(0, _NARROW, edge, 1, Layout.LINEAR))
        yield from bench.rig.surface(9, Surface(0, _NARROW, edge - 1 or 1, 1, Layout.LINEAR))
        work = [boxed(Opcode.FILL, Box(box.y, box.x, box.height, box.width), surface=8) for box in _beside(edge, 1)]
        for target, source in ((8, 9), (9, 8)):
            place = {"surface": target, "source_surface": source, "source_y": edge - 1}
            work.append(boxed(Opcode.COPY, Box(8, 0, 1, 1), **place))
        beyond = {"surface": 8, "source_surface": 8, "source_y": edge}
        work.append(boxed(Opcode.COPY, Box(8, 0, 1, 1), **beyond))
        yield from bench.rig.perform(Queue.RENDER, work)
    yield from bench.settle()
    yield from bench.rig.surface(8, Surface(0, 1 << 15, 16, 8, Layout.LINEAR))
    yield from bench.rig.surface(9, Surface(0, 64, 65_535, 1, Layout.LINEAR))
    work = []
    for bit in range(3, 17):
        far, wide = 1 << bit, {"surface": 8, "source_surface": 8}
        for x, source in ((0, far), (far, 0)):
            work.append(boxed(Opcode.COPY, Box(x, 0, 8, 1), source_x=source, **wide))
            work.append(boxed(Opcode.COPY, Box(x, 0, far + 8, 1), source_x=source, **wide))
    for bit in range(15):
        far, tall = 1 << bit, {"surface": 9, "source_surface": 9}
        for y, source in ((0, far), (far, 0)):
            work.append(boxed(Opcode.COPY, Box(0, y, 8, 1), source_y=source, **tall))
            work.append(boxed(Opcode.COPY, Box(0, y, 8, far + 1), source_y=source, **tall))
    yield from bench.batch(Queue.RENDER, work)


def thresholds(bench: Workbench) -> Steps[None]:
    """Boxes that end with a surface or one further, and copies that touch or just overlap, at numbers of mixed bits.

    Whether a box is inside is decided by sums of 17 and 21 bits, so in each bit it is decided beside ones and zeros.
    """
    pixel = 15

    def below(limit: int, least: int = 0) -> int:
        return int(bench.random.integers(least, limit))

    for _ in range(24):
        width, height, wide, tall = below(1 << 16, 256), below(1 << 16, 256), below(1 << 16, 256), below(1 << 16, 256)
        right, source_right = width * pixel, wide * pixel
        yield from bench.rig.surface(8, Surface(0, width, height, pixel, Layout.LINEAR))
        yield from bench.rig.surface(9, Surface(0, wide, tall, pixel, Layout.X_TILED))
        x, y = pixel * below(width), below(height)
        shapes = [  # the last pixel; a byte and a row beyond it; from anywhere to one beyond
            Box(right - pixel, height - 1, pixel, 1),
            Box(right - pixel, height - 1, 2 * pixel, 1),
            Box(right - pixel, height - 1, pixel, 2),
            Box(x, 0, right - x + pixel, 1),
            Box(0, y, pixel, height - y + 1),
        ]
        place = {"surface": 8, "object": DESTINATION, "host_stride": 16}
        moves = [boxed(Opcode.READBACK, box, **place) for box in shapes]
        moves += [boxed(Opcode.READBACK, Box(x, 0, right - x + 1, 1), **place)]
        yield from bench.rig.perform(Queue.TRANSFER, moves)
        work = [boxed(Opcode.FILL, box, surface=8, pattern_low=below(1 << 62)) for box in shapes]
        across, down = pixel * below(min(width, wide), 1), below(min(height, tall), 1)
        for box, source_x, source_y in (
            (Box(0, 0, pixel, 1), source_right - pixel, tall - 1),
            (Box(0, 0, across + pixel, 1), source_right - across, 0),
            (Box(0, 0, pixel, down + 1), 0, tall - down),
        ):
            where = {"source_x": source_x, "source_y": source_y}
            work.append(boxed(Opcode.COPY, box, surface=8, source_surface=9, **where))
        x, y, across, down = pixel * below(width // 2), below(height // 2), below(width // 2, 1), below(height // 2, 1)
        same = {"surface": 8, "source_surface": 8}
        for gap, size, high in ((across, across + 1, 1), (min(across, 40), min(across, 40), 1), (0, 1, down + 1)):
            for here, there in ((x, x + gap * pixel), (x + gap * pixel, x)):
                step = 0 if gap else down
                for up, other in {(y, y + step), (y + step, y)}:
                    box = Box(here, up, size * pixel, high)
                    work.append(boxed(Opcode.COPY, box, source_x=there, source_y=other, **same))
        yield from bench.rig.perform(Queue.RENDER, work)
    yield from bench.settle()
    yield CsrWrite(Address.IRQ_STATUS, int((yield CsrRead(Address.IRQ_STATUS))))


def beginnings(bench: Workbench) -> Steps[None]:
    """Rows of whole tiles and 2^n bytes: the tile begun counts, or what is below the first row of them is elsewhere."""
    for layout in Layout:
        for bit in range(9):
            yield from bench.rig.surface(8, Surface(bench.scratch, 512 + (1 << bit), 72, 1, layout))
            pattern = int(bench.random.integers(1 << 62))
            work = [boxed(Opcode.FILL, Box(8, y, 16, 1), surface=8, pattern_low=pattern) for y in (9, 40, 71)]
            yield from bench.rig.perform(Queue.RENDER, work)
        yield from bench.settle()


def _beside(edge: int, unit: int) -> Iterator[Box]:
    """Boxes of a row of `edge` bytes: its last unit, one unit beyond, and from there on."""
    yield Box(edge - unit, 0, unit, 1)
    yield Box(edge - unit, 0, 2 * unit, 1)
    yield Box(edge, 0, unit, 1)


def divisions(bench: Workbench) -> Steps[None]:
    """Whole pixels of every size far to the right, and boxes that cut one by a byte at x, at the width, at source x."""
    work = []
    for number, size in enumerate((3, 5, 6, 7, 9, 11, 13, 15, 12, 10, 14, 16)):
        index = 8 + number % 4
        if number % 4 == 0:
            yield from bench.rig.perform(Queue.RENDER, work)
            work = []
        yield from bench.rig.surface(index, Surface(0, 65_535, 2, size, Layout.LINEAR))
        for pixels in (0x5555, 0xAAAA, 0xFFF0):
            x, place = pixels * size, {"surface": index}
            place["pattern_low"], place["pattern_high"] = (int(one) for one in bench.random.integers(1 << 63, size=2))
            copy = {**place, "source_surface": index}
            other = {name: value if name == "surface" else ~value & _LONG for name, value in place.items()}
            work += [
                boxed(Opcode.FILL, Box(x, 0, size, 1), **place),
                boxed(Opcode.FILL, Box(x - 2 * size, 0, size, 1), **other),
                boxed(Opcode.FILL, Box(x + 1, 0, size, 1), **place),
                boxed(Opcode.FILL, Box(x - size, 0, size + 1, 1), **place),
                boxed(Opcode.FILL, Box(0, 0, x - 1, 1), **place),
                boxed(Opcode.COPY, Box(size, 1, size, 1), source_x=x, **copy),
                boxed(Opcode.COPY, Box(size, 1, size, 1), source_x=x - 1, **copy),
            ]
    yield from bench.batch(Queue.RENDER, work)


def spots(bench: Workbench) -> Steps[None]:
    """Rows 2^m of surfaces of 2^n units or tiles a row, and pages 2^n for a base: past the end of the device mostly.

    What is past the end is not written and reads as zeros. A bit that is lost on the way leads to the surface's start.
    """
    base = bench.scratch
    for layout, unit, rows in ((Layout.LINEAR, 64, 1), (Layout.X_TILED, 512, 8), (Layout.Y_TILED, 128, 32)):
        for log2 in range(0, 21 - unit.bit_length() + 1, 2):
            width = min(unit << log2, (1 << 20) - 16)
            yield from bench.rig.surface(8, Surface(base, width // 16, 65_535, 16, layout))
            tops = [rows << bit for bit in range(17 - rows.bit_length()) if (log2 + bit) % 2 == 0]
            yield from _touched(bench, [(Box(0, top, 16, 1), 0x51 + top) for top in tops])
    for layout in Layout:
        yield from bench.rig.surface(8, Surface(base, (1 << 16) - 1, 64, 16, layout))
        yield from _touched(bench, [(Box(1 << bit, 0, 16, 1), 0xA1 + bit) for bit in range(4, 20)])
        place = {"surface": 8, "source_surface": 8}
        near = [boxed(Opcode.COPY, Box(0, 33 + bit, 16, 1), source_x=1 << bit, **place) for bit in range(4, 20)]
        yield from bench.rig.perform(Queue.RENDER, near)
        column = {"surface": 8, "object": DESTINATION, "host_offset": PAGE, "host_stride": 24}
        yield from bench.rig.perform(Queue.TRANSFER, [boxed(Opcode.READBACK, Box(0, 33, 16, 24), **column)])
    for bit in range(8):
        pages = (1 << 12 + bit) + base // PAGE if bit < 7 else 1 << 19
        yield from bench.rig.surface(8, Surface(pages % (1 << 20) * PAGE, 64, 4, 1, Layout.X_TILED))
        yield from _touched(bench, [(Box(0, 0, 24, 2), 0xE1 + bit)])
    # sums that carry into the bits above: the last page below 2^n, and a tile or a row beyond
    for bit in (10, 13, 16, 19, 20):
        yield from bench.rig.surface(8, Surface(((1 << bit) - 1) * PAGE, 8192, 40, 1, Layout.LINEAR))
        yield from bench.rig.surface(9, Surface(((1 << bit) - 1) * PAGE, 2048, 40, 1, Layout.X_TILED))
        for index in (8, 9):
            yield from _touched(bench, [(Box(1536, 0, 16, 1), 0x77), (Box(0, 32, 16, 1), 0x78)], index)
    yield from bench.settle()


def _touched(bench: Workbench, boxes: list[tuple[Box, int]], index: int = 8) -> Steps[None]:
    """Draw into boxes, then read them and the surface's start back."""
    fills = [boxed(Opcode.FILL, box, surface=index, pattern_low=value) for box, value in boxes]
    fills += [
        boxed(
            Opcode.COPY, Box(0, 16 + number, 16, 1), surface=index, source_surface=index, source_x=box.x, source_y=box.y
        )
        for number, (box, _) in enumerate(boxes)
    ]
    yield from bench.rig.perform(Queue.RENDER, fills)
    place = {"surface": index, "object": DESTINATION, "host_stride": 24}
    reads = [
        boxed(Opcode.READBACK, box, host_offset=PAGE + 48 * number, **place) for number, (box, _) in enumerate(boxes)
    ]
    writes = [replace(one, opcode=Opcode.WRITEBACK, object=SOURCE) for one in reads]
    start = boxed(Opcode.READBACK, Box(0, 0, 16, 32), order=1, **place)
    again = [replace(one, host_offset=2 * one.host_offset) for one in reads]
    yield from bench.rig.perform(Queue.TRANSFER, [*reads, start, *writes, replace(start, host_offset=64), *again])
    raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
    yield CsrWrite(Address.IRQ_STATUS, raised.to_int())


def columns(bench: Workbench) -> Steps[None]:
    """The second row of units or tiles of surfaces whose rows are long, of lengths of mixed bits."""
    random = bench.random
    shapes = (
        (Layout.LINEAR, 1, 1 << 20),
        (Layout.X_TILED, 8, 1 << 18),
        (Layout.Y_TILED, 32, 1 << 16),
        (Layout.MORTON, 16, 1 << 17),
    )
    for layout, rows, most in shapes:
        for bit in range(5):  # each time half as long
            pixels = int(random.integers(most >> bit + 5, most >> bit + 4))
            yield from bench.rig.surface(8, Surface(bench.scratch, pixels, 65_535, 16, layout))
            right = 16 * int(random.integers(pixels))
            boxes = [Box(0, rows, 16, 1), Box(right, rows, 16, 1), Box(0, 0, 16, 1)]
            patterns = random.integers(1 << 62, size=len(boxes)).tolist()
            fills = [
                boxed(Opcode.FILL, box, surface=8, pattern_low=value)
                for box, value in zip(boxes, patterns, strict=True)
            ]
            yield from bench.rig.perform(Queue.RENDER, fills)
            place = {"surface": 8, "object": DESTINATION, "host_stride": 16}
            reads = [boxed(Opcode.READBACK, box, host_offset=16 * number, **place) for number, box in enumerate(boxes)]
            yield from bench.rig.perform(Queue.TRANSFER, reads)
            yield from bench.settle()
    yield CsrWrite(Address.IRQ_STATUS, int((yield CsrRead(Address.IRQ_STATUS))))


def merged(bench: Workbench) -> Steps[None]:
    """Boxes that are one run of 2^22 and 2^23 bytes are not empty: their first page, which is not there, is missed."""
    width, nowhere = 1 << 19, 12
    yield from bench.rig.surface(8, Surface(0, width // 16, 16, 16, Layout.LINEAR))
    place = {"surface": 8, "object": nowhere, "host_offset": 5 * PAGE, "host_stride": width}
    moves = (Opcode.WRITEBACK, Opcode.READBACK)
    work = [boxed(opcode, Box(0, 0, width, rows), **place) for opcode in moves for rows in (8, 16)]
    records = yield from bench.batch(Queue.TRANSFER, work)
    assert all(one.cause == Cause.TRANSLATION_FAULT for one in records), records


def retreats(bench: Workbench) -> Steps[None]:
    """A doorbell that takes descriptors back, 2^n of them or all, is refused while they are not fetched yet."""
    count = 48
    for queue in Queue:
        tail, published = queue_address(queue, QueueOffset.TAIL), bench.rig.rings[queue].written + count & 0xFFFF
        yield from bench.rig.control(queue, enable=False, halt=False)
        yield CsrWrite(tail, published)
        for back in (1, 2, 4, 8, 16, 32, count):
            refused = published - back & 0xFFFF
            bench.rig.forecast(queue, Descriptor(tag=refused), Outcome(Status.ERROR, Cause.RING_OVERFLOW))
            yield CsrWrite(tail, refused)
            yield Delay(600, "report")
            assert (yield CsrRead(tail)) == published, f"a doorbell went {back} back"
        for _ in range(count):
            bench.rig.put(queue, Descriptor(opcode=Opcode.NOP, interrupt=1))
        yield from bench.rig.ring_doorbell(queue)
        yield from bench.rig.control(queue, halt=False)
        yield from bench.rig.collect(queue, count + 7)
    yield from bench.settle()


def offsets(bench: Workbench) -> Steps[None]:
    """Offsets and strides in an object of 2^20 pages of which few are there: a fault's address has all 32 bits."""
    yield from bench.settle()
    directory, large = bench.host.allocate_contiguous(4, "sparse directory"), bench.tables[LARGE]
    bench.rig.store(directory, bytes(4 * PAGE))
    bench.rig.store(directory, bench.host.read(large.root, 2 * PageTableEntry.SIZE))
    sparse: Any = SimpleNamespace(root=directory, pages=1 << 20, two_level=True)
    yield from bench.rig.object(9, sparse)
    yield from bench.rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE, object=9)])
    yield from bench.rig.surface(8, Surface(bench.scratch, 64, 8, 1, Layout.LINEAR))
    place = {"surface": 8, "object": 9}
    patterns = (0xAAAAAAAA, 0x55555555, 0xFFFFFFC0, 0x80000000, 0x7FFFFFFF, 0xCCCCC123, 0x33333EDC)
    work = []
    for opcode in (Opcode.WRITEBACK, Opcode.READBACK):
        far = [*(1 << bit for bit in range(20, 32)), *patterns]
        for bit in range(20, 32):  # a page after another, below a power of two: what is looked for ahead lies at it
            for below in (3, 2, 1):
                work.append(boxed(opcode, Box(3, 1, 21, 1), host_offset=(1 << bit) - below * PAGE, **place))
        work += [boxed(opcode, Box(3, 1, 21, 1), host_offset=offset, **place) for offset in far]
        for stride in far:
            work.append(boxed(opcode, Box(3, 1, 21, 3), host_offset=0x5432, host_stride=stride, **place))
            work.append(boxed(opcode, Box(3, 1, 21, 4), host_offset=0x8FFF, host_stride=stride >> 1, **place))
        # rows behind the first, of which none is there
        tall = {"surface": 10, "object": 9, "host_stride": 1 << 29}
        work += [boxed(opcode, Box(9, 0, 20, 1 + (1 << bit)), host_offset=0x300, **tall) for bit in range(16)]
    yield from bench.rig.surface(10, Surface(bench.scratch, 64, 65_535, 1, Layout.LINEAR))
    records = yield from bench.batch(Queue.TRANSFER, work)
    assert sum(one.cause == Cause.TRANSLATION_FAULT for one in records) > len(work) // 2
    yield from bench.rig.object(9, None)
    yield from bench.rig.perform(Queue.TRANSFER, [boxed(Opcode.WRITEBACK, Box(0, 0, 64, 2), surface=8, object=SOURCE)])
