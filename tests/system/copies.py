"""Cases of data movement: every length, offset, layout and pixel size, both directions, and drawing beside them."""

from __future__ import annotations

from itertools import product

from models.engine import Queue
from models.layout import Cause, Descriptor, Layout, Opcode
from models.memory import PAGE
from models.steps import Steps
from models.surface import Box, Surface
from tb.agents.memory import MemoryConfig, Stall
from tb.sequences import boxed
from tests.system.workbench import DESTINATION, LARGE, PAGES, SOURCE, Workbench

__all__ = [
    "TEMPERS",
    "boxes_with_strides",
    "copy_matrix",
    "drawing",
    "every_pixel_size",
    "random_boxes",
    "rows_end_to_end",
    "tempers",
    "two_level_objects",
]

_LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 511, 513, 2047, 4095, 4096, 4097, 5120)
_COLUMNS = (0, 1, 5, 63, 64, 65, 300)

TEMPERS = (
    MemoryConfig(read_latency=1, write_latency=1),
    MemoryConfig(read_latency=200, write_latency=150, jitter=40, reorder=True),
    MemoryConfig(read_limit=1, write_limit=1),
    MemoryConfig(ar=Stall(3, 5), r=Stall(8, 32), aw=Stall(2, 7), w=Stall(8, 32), b=Stall(1, 3)),
    MemoryConfig(ar=Stall(random=128), r=Stall(random=64), aw=Stall(random=99), w=Stall(random=64), b=Stall(random=99)),
)
"""Kinds of host memory: fast, slow and out of order, one burst at a time, regular stalls, random stalls."""


def copy_matrix(bench: Workbench) -> Steps[None]:
    """Lengths x host offsets around page borders x device columns, both ways, on all layouts."""
    width = bench.data_bytes
    matrix = [
        (surface, length, offset, column)
        for surface, length, column in product(range(4), _LENGTHS, _COLUMNS)
        for offset in (0, 1, width - 1, width + 1, PAGE - 1, PAGE + 3, 2 * PAGE - min(length, PAGE) + 1)
    ]
    bench.random.shuffle(matrix)
    work: list[Descriptor] = []
    for number, (surface, length, offset, column) in enumerate(matrix[:: bench.thin]):
        row = int(bench.random.integers(bench.surfaces[surface].height))
        box = Box(column, row, length, 1)
        opcode, target = ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION))[number & 1]
        work.append(boxed(opcode, box, surface=surface, object=target, host_offset=offset, order=1))
    yield from bench.batch(Queue.TRANSFER, work)


def random_boxes(bench: Workbench, count: int, *, ordered: bool = True) -> list[Descriptor]:
    """Boxes with gaps between the rows in host memory, all layouts, both directions.

    Not ordered: WRITEBACKs stay in surfaces 0 to 3 and READBACKs in 4 to 7, so that they may overtake each other.
    """
    work: list[Descriptor] = []
    for number in range(count):
        readback = bool(number & 1)
        index = int(bench.random.integers(4)) + (4 if readback else 0)
        surface = bench.surfaces[index]
        x = int(bench.random.integers(surface.row_bytes - 1))
        y = int(bench.random.integers(surface.height - 1))
        width = int(bench.random.integers(1, min(surface.row_bytes - x, 900) + 1))
        height = int(bench.random.integers(1, min(surface.height - y, 20) + 1))
        stride = width + int(bench.random.integers(0, 300))
        room = PAGES * PAGE - stride * height
        work.append(
            boxed(
                Opcode.READBACK if readback else Opcode.WRITEBACK,
                Box(x, y, width, height),
                surface=index,
                object=DESTINATION if readback else SOURCE,
                host_offset=int(bench.random.integers(room)),
                host_stride=stride,
                order=int(ordered),
            )
        )
    return work


def boxes_with_strides(bench: Workbench) -> Steps[None]:
    """Two-dimensional boxes, in order, then with both directions overlapping."""
    yield from bench.batch(Queue.TRANSFER, random_boxes(bench, 120 // bench.thin + 8))
    yield from bench.batch(Queue.TRANSFER, random_boxes(bench, 120 // bench.thin + 8, ordered=False))


def rows_end_to_end(bench: Workbench) -> Steps[None]:
    """Whole rows of linear surfaces without padding, as far apart in the object as they are long, and nearly so."""
    for number, units in enumerate((1, 3, 32, 80)):
        surface = Surface(bench.scratch, 16 * units, 700 // units, 4, Layout.LINEAR)
        yield from bench.rig.surface(8, surface)
        width = surface.row_bytes
        for offset in (0, 5, PAGE - 3)[number % 3 :: 2]:
            for y, height, x, stride in (
                (0, surface.height, 0, width),
                (1, surface.height - 1, 0, width),
                (0, surface.height, 1, width - 1),
                (0, surface.height // 2, 0, width + 1),
            ):
                place = {"surface": 8, "host_offset": offset, "host_stride": stride}
                there = boxed(Opcode.WRITEBACK, Box(x, y, width - x, height), object=SOURCE, **place)
                back = boxed(Opcode.READBACK, Box(x, y, width - x, height), object=DESTINATION, order=1, **place)
                yield from bench.batch(Queue.TRANSFER, [there, back])


def every_pixel_size(bench: Workbench) -> Steps[None]:
    """Pixels of 1 to 16 bytes in each layout: fill, copy beside it, transfer both ways."""
    sizes = range(1, 17)[:: max(1, bench.thin // 4)]
    for pixel, layout in product(sizes, Layout):
        surface = Surface(bench.scratch, 61, 19, pixel, layout)
        yield from bench.rig.surface(8, surface)
        pattern = int(bench.random.integers(1 << 62))
        patterns = {"pattern_low": pattern, "pattern_high": pattern * 3 % 2**64}
        fill = boxed(Opcode.FILL, Box(3 * pixel, 1, 50 * pixel, 7), surface=8, **patterns)
        copy = boxed(
            Opcode.COPY, Box(pixel, 10, 40 * pixel, 6), surface=8, source_surface=8, source_x=5 * pixel, source_y=2
        )
        yield from bench.batch(Queue.RENDER, [fill, copy], compare=False)
        x = pixel // 2
        box = Box(x, 0, surface.row_bytes - 2 * x, 19)
        place = {"surface": 8, "host_offset": PAGE - 5, "host_stride": box.width + 3, "order": 1}
        there = boxed(Opcode.READBACK, box, object=DESTINATION, **place)
        back = boxed(Opcode.WRITEBACK, Box(x, 2, 5 * pixel, 9), object=SOURCE, **place)
        yield from bench.batch(Queue.TRANSFER, [there, back], compare=layout is Layout.MORTON)


def drawing(bench: Workbench) -> Steps[None]:
    """Draw and transfer at the same time, in surfaces of their own, with no WAIT between the queues."""
    yield from bench.rig.surface(8, Surface(bench.scratch, 130, 40, 4, Layout.MORTON))
    yield from bench.rig.surface(9, Surface(bench.scratch + 16 * PAGE, 130, 40, 3, Layout.Y_TILED))
    for _ in range(max(1, 6 // bench.thin)):
        transfers = random_boxes(bench, 20, ordered=False)
        draws: list[Descriptor] = []
        for number in range(8):
            # scratch surfaces 4 to 7 are read by the transfers above: draw in surfaces 8 and 9
            pixel, fill = (4, 3)[number & 1], number % 3 != 0
            x, y = int(bench.random.integers(60)) * pixel, int(bench.random.integers(8))
            box = Box(x, y, int(bench.random.integers(1, 60)) * pixel, int(bench.random.integers(1, 9)))
            if fill:
                draws.append(boxed(Opcode.FILL, box, surface=8 + (number & 1), pattern_low=0x1020304050 + number))
            else:
                draws.append(
                    boxed(
                        Opcode.COPY,
                        box,
                        surface=8 + (number & 1),
                        source_surface=8 + (number & 1),
                        source_x=int(bench.random.integers(60)) * pixel,
                        source_y=20 + int(bench.random.integers(8)),
                    )
                )
        yield from bench.rig.post(Queue.RENDER, draws)
        yield from bench.rig.post(Queue.TRANSFER, transfers)
        yield from bench.rig.collect(Queue.RENDER, len(draws))
        yield from bench.rig.collect(Queue.TRANSFER, len(transfers))
        yield from bench.settle()


def tempers(bench: Workbench) -> Steps[None]:
    """The same kind of traffic on every kind of host memory."""
    for temper in TEMPERS:
        bench.temper_host(temper)
        yield from bench.batch(Queue.TRANSFER, random_boxes(bench, 48 // bench.thin + 6, ordered=False))
    bench.temper_host(MemoryConfig())


def two_level_objects(bench: Workbench) -> Steps[None]:
    """Pages behind a directory, across the border between two of its tables."""
    border = 512 * PAGE
    work = [
        boxed(opcode, Box(7, y, 5000, 3), surface=surface, object=LARGE, host_offset=offset, host_stride=5003, order=1)
        for opcode, y, surface in ((Opcode.READBACK, 0, 0), (Opcode.WRITEBACK, 2, 1))
        for offset in (border - 9000, border - 1, border, 13)
    ]
    records = yield from bench.batch(Queue.TRANSFER, work)
    assert all(record.cause == Cause.NONE for record in records), records
