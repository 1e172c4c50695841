"""Cases of shape for the fast regression: boxes so tall, long, near to contiguous or numerous that each bit counts."""

from __future__ import annotations

from models.engine import Queue
from models.layout import Address, Cause, Descriptor, IrqCoalesce, IrqStatus, Layout, Opcode
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps, WaitIrq
from models.surface import Box, Surface
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.sequences import boxed
from tests.system import errors, timed
from tests.system.workbench import DESTINATION, LARGE, SOURCE, Workbench

__all__ = [
    "announced",
    "asking",
    "backlog",
    "crowded",
    "ends",
    "far_errors",
    "long",
    "near",
    "rows",
    "run",
    "sizes",
    "stepping",
    "tall",
    "tiles",
]

_CYCLE_NS = 4


def _surface(bench: Workbench, width: int, height: int, pixel: int, layout: Layout, base: int = 0) -> Steps[None]:
    """Surface 8, from `base` on: by default over all that is compared, so that coordinates may be large."""
    surface = Surface(base, width, height, pixel, layout)
    assert base + surface.size <= bench.used, f"{surface} is larger than what is compared"
    yield from bench.rig.surface(8, surface)


def rows(bench: Workbench) -> Steps[None]:
    """Whole rows of a linear surface without padding, as far apart in the object as they are long, and nearly so."""
    yield from _surface(bench, 48, 40, 4, Layout.LINEAR, bench.scratch)
    width = 192
    for offset, y, height, x, stride in (
        (0, 0, 40, 0, width),
        (5, 1, 39, 0, width),
        (PAGE - 3, 0, 30, 1, width - 1),
        (PAGE - 3, 0, 20, 0, width + 1),
    ):
        place = {"surface": 8, "host_offset": offset, "host_stride": stride}
        there = boxed(Opcode.WRITEBACK, Box(x, y, width - x, height), object=SOURCE, **place)
        back = boxed(Opcode.READBACK, Box(x, y, width - x, height), object=DESTINATION, order=1, **place)
        yield from bench.batch(Queue.TRANSFER, [there, back])


def near(bench: Workbench) -> Steps[None]:
    """Boxes that one bit of the stride, of the width or of the layout keeps from being one run of bytes."""
    yield from _surface(bench, 48, 40, 4, Layout.LINEAR, bench.scratch)
    work = []
    for bit in range(16):
        for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
            place = {"surface": 8, "object": target, "host_offset": 100, "host_stride": 192 ^ 1 << bit, "order": 1}
            work.append(boxed(opcode, Box(0, bit, 192, 3), **place))
            if bit < 8:
                narrow = 192 & ~(1 << bit) or 64
                work.append(boxed(opcode, Box(0, bit, narrow, 3), **{**place, "host_stride": narrow}))
    yield from bench.batch(Queue.TRANSFER, work)
    for layout in (Layout.X_TILED, Layout.Y_TILED, Layout.MORTON):
        yield from _surface(bench, 512, 40, 1, layout, bench.scratch)
        place = {"surface": 8, "host_offset": 64, "host_stride": 512, "order": 1}
        there = boxed(Opcode.WRITEBACK, Box(0, 1, 512, 9), object=SOURCE, **place)
        back = boxed(Opcode.READBACK, Box(0, 5, 512, 12), object=DESTINATION, **place)
        yield from bench.batch(Queue.TRANSFER, [there, back])


def ends(bench: Workbench) -> Steps[None]:
    """Rows that end at a multiple of 2 KiB, where a burst may have to, and a few bytes before and behind it.

    From each of the last places before it they end just there; from a place further on they end as far before the next
    multiple as they began behind this one, so that both sums are the same and only one is the end.
    """
    yield from _surface(bench, 4096, 8, 1, Layout.LINEAR, bench.scratch)
    rows = [(used, beyond + 3, 2048 + beyond - used) for used in (1, 2, 1001, 2043) for beyond in range(-3, 4)]
    rows += [(2048 - left, left % 8, left) for left in range(1, 33)]
    rows += [(1 << bit, bit % 8, 4096 - (1 << bit)) for bit in range(11)]
    work = []
    for used, y, width in rows:
        place = {"surface": 8, "host_offset": PAGE + used}
        work.append(boxed(Opcode.WRITEBACK, Box(0, y, width, 1), object=SOURCE, **place))
        work.append(boxed(Opcode.READBACK, Box(0, y, width, 1), object=DESTINATION, order=1, **place))
    yield from bench.batch(Queue.TRANSFER, work)


def asking(bench: Workbench) -> Steps[None]:
    """Translations are walked for while descriptors of the other queue are fetched one by one: none loses its turn."""
    yield from _surface(bench, 64, 32, 1, Layout.LINEAR, bench.scratch)
    work = boxed(Opcode.WRITEBACK, Box(0, 0, 8, 20), surface=8, object=SOURCE, host_stride=PAGE)
    for lap in range(12):
        yield from bench.invalidate(SOURCE)
        yield from bench.rig.post(Queue.TRANSFER, [work])
        yield Delay((100 + 7 * lap) * _CYCLE_NS, "walks begin")
        for _ in range(20):
            yield from bench.rig.post(Queue.RENDER, [Descriptor(opcode=Opcode.NOP)])
        yield from bench.rig.collect(Queue.RENDER, 20)
        yield from bench.rig.collect(Queue.TRANSFER, 1)
    yield from bench.settle()


def crowded(bench: Workbench) -> Steps[None]:
    """Copies of short rows to other lanes, each of which leaves one word more, while the movers keep the banks busy."""
    yield from _surface(bench, 1800, 120, 1, Layout.LINEAR, bench.scratch)
    yield from bench.rig.surface(9, Surface(bench.scratch + 60 * PAGE, 64, 2000, 1, Layout.LINEAR))
    for source_x, x in ((2, 7), (5, 3), (0, 1)):
        place = {"surface": 8, "host_stride": 1300}
        there = boxed(Opcode.WRITEBACK, Box(1, 0, 1300, 18), object=SOURCE, **place)
        back = boxed(Opcode.READBACK, Box(3, 55, 1300, 18), object=DESTINATION, **place)
        copies = [
            boxed(Opcode.COPY, Box(x, 0, width, 100), surface=9, source_surface=9, source_x=source_x + 24, source_y=900)
            for width in (10, 14)
        ]
        yield from bench.rig.post(Queue.TRANSFER, [there, back])
        yield from bench.rig.perform(Queue.RENDER, copies)
        yield from bench.rig.collect(Queue.TRANSFER, 2)
        yield from bench.settle()


def stepping(bench: Workbench) -> Steps[None]:
    """Through objects of high numbers page by page: the line ahead is fetched once, whatever bits a number has."""
    yield from _surface(bench, 64, 40, 1, Layout.LINEAR, bench.scratch)
    for index in (5, 10, 15):
        for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
            yield from bench.rig.object(index, bench.tables[target])
            yield from bench.invalidate(index)
            work = boxed(opcode, Box(3, 2, 21, 30), surface=8, object=index, host_offset=5 * PAGE, host_stride=PAGE)
            yield from bench.batch(Queue.TRANSFER, [work])


def tall(bench: Workbench) -> Steps[None]:
    """Boxes of hundreds and thousands of rows, of numbers of mixed bits, both ways and drawn."""
    yield from _surface(bench, 16, 16_000, 1, Layout.LINEAR)
    place = {"surface": 8, "host_offset": 77, "host_stride": 19}
    there = boxed(Opcode.WRITEBACK, Box(3, 7100, 7, 0xAD6), object=SOURCE, **place)
    back = boxed(Opcode.READBACK, Box(2, 6900, 7, 0x56B), object=DESTINATION, order=1, **place)
    yield from bench.batch(Queue.TRANSFER, [there, back])
    copy = boxed(Opcode.COPY, Box(9, 0, 5, 0x1537), surface=8, source_surface=8, source_x=2, source_y=8000)
    yield from bench.batch(Queue.RENDER, [boxed(Opcode.FILL, Box(1, 5, 9, 0x2AC9), surface=8, pattern_low=0x6B), copy])


def tiles(bench: Workbench) -> Steps[None]:
    """Surfaces of one column of tiles, and of one row of them: as many bits of both coordinates as fit."""
    for layout, width, height in (
        (Layout.X_TILED, 512, 2048),
        (Layout.Y_TILED, 128, 8192),
        (Layout.MORTON, 256, 4096),
        (Layout.X_TILED, 131_072, 8),
        (Layout.Y_TILED, 32_768, 32),
        (Layout.MORTON, 65_536, 16),
    ):
        yield from _surface(bench, width // 4, height, 4, layout)
        place = {"surface": 8, "host_stride": 41, "host_offset": 3}
        draws, moves = [], []
        for step in range(1, 6):
            x, y = (width - 40) * step // 20 * 4, (height - 7) * step // 5
            draws.append(boxed(Opcode.FILL, Box(x, y, 36, 5), surface=8, pattern_low=0x01020311 * step))
            moves.append(boxed(Opcode.WRITEBACK, Box(x + 3, y + 1, 31, 6), object=SOURCE, **place))
            moves.append(boxed(Opcode.READBACK, Box(x, y, 40, 7), object=DESTINATION, order=1, **place))
        source = {"surface": 8, "source_surface": 8, "source_x": width - 40, "source_y": height - 7}
        draws.append(boxed(Opcode.COPY, Box(0, 0, 36, 5), **source))
        yield from bench.batch(Queue.RENDER, draws, compare=False)
        yield from bench.batch(Queue.TRANSFER, moves)


def long(bench: Workbench) -> Steps[None]:
    """Rows of up to a million bytes; the copy moves its bytes to other lanes."""
    yield from _surface(bench, 65_500, 1, 15, Layout.LINEAR)
    place = {"surface": 8, "host_offset": 5, "host_stride": 1}
    there = boxed(Opcode.WRITEBACK, Box(690_001, 0, 140_003, 1), object=SOURCE, **place)
    back = boxed(Opcode.READBACK, Box(524_289, 0, 131_073, 1), object=DESTINATION, order=1, **place)
    yield from bench.batch(Queue.TRANSFER, [there, back])
    copy = boxed(Opcode.COPY, Box(262_155, 0, 65_985, 1), surface=8, source_surface=8, source_x=900_015)
    fill = boxed(Opcode.FILL, Box(466_410, 0, 133_200, 1), surface=8, pattern_low=0xC0FFEE11)
    yield from bench.batch(Queue.RENDER, [copy, fill])


def run(bench: Workbench) -> Steps[None]:
    """Two rows without padding, as far apart in the object: one run of more than a million bytes, both ways.

    Before and behind them are runs of all shorter times, for the histogram that is compared at the end.
    """
    width = 1 << 19 | 1 << 13
    yield from _surface(bench, width // 16, 2, 16, Layout.LINEAR)
    place = {"surface": 8, "object": LARGE, "host_stride": width}
    short = [Descriptor(opcode=Opcode.NOP)]
    short += [boxed(Opcode.WRITEBACK, Box(0, 0, 1 << bit, 1), **place) for bit in range(4, 17)]
    yield from bench.batch(Queue.TRANSFER, short)
    yield from bench.batch(Queue.TRANSFER, [boxed(Opcode.WRITEBACK, Box(0, 0, width, 2), **place)])
    yield from bench.batch(Queue.TRANSFER, [boxed(Opcode.READBACK, Box(0, 0, width, 2), host_offset=PAGE, **place)])
    yield from bench.batch(Queue.TRANSFER, short)


def far_errors(bench: Workbench) -> Steps[None]:
    """Bus errors after two hundred bursts of a box."""
    yield from _surface(bench, 64, 400, 1, Layout.LINEAR, bench.scratch)
    for opcode, target in ((Opcode.WRITEBACK, SOURCE), (Opcode.READBACK, DESTINATION)):
        frame = bench.tables[target].get(21).frame
        write = opcode == Opcode.READBACK
        bench.temper_host(MemoryConfig(error=ErrorWindow(frame * PAGE, PAGE, read=not write, write=write)))
        place = {"surface": 8, "object": target, "host_offset": 11, "host_stride": 400}
        yield from bench.rig.post(Queue.TRANSFER, [boxed(opcode, Box(5, 3, 50, 390), **place)])
        record = (yield from bench.rig.collect(Queue.TRANSFER, 1))[0]
        assert record.cause == Cause.BUS_ERROR and record.bytes > 50 * 200, record
        bench.temper_host(MemoryConfig())
        yield from bench.settle()
        yield from bench.rig.control(Queue.TRANSFER, resume=True)
        yield from bench.good()


def backlog(bench: Workbench) -> Steps[None]:
    """Far more boxes end than the completion ring has room for; their records come as the driver makes room."""
    for opcode in (Opcode.WRITEBACK, Opcode.READBACK, Opcode.FILL):
        queue = Queue.RENDER if opcode == Opcode.FILL else Queue.TRANSFER
        target = DESTINATION if opcode == Opcode.READBACK else SOURCE
        place = {"surface": 5, "object": target, "host_stride": 64} if queue is Queue.TRANSFER else {"surface": 5}
        ring = bench.rig.rings[queue]
        count = 1 << ring.log2
        for number in range(count):
            more = {"host_offset": 70 * number} if queue is Queue.TRANSFER else {"pattern_low": number}
            bench.rig.put(queue, boxed(opcode, Box(20 * number, 1, 15, 1), interrupt=1, **place, **more))
        yield from bench.rig.ring_doorbell(queue)
        yield Delay(3000 * _CYCLE_NS, "all that can end has ended")
        for _ in range(0, count, 1 << ring.completion_log2):
            yield from bench.rig.collect(queue, 1 << ring.completion_log2)
    yield from bench.settle()


def sizes(bench: Workbench) -> Steps[None]:
    """Rings of every size up to their own, each full to the last entry and refused one more; records likewise."""
    most = {queue: (ring.log2, ring.completion_log2) for queue, ring in bench.rig.rings.items()}
    for log2 in range(1 + max(ring for ring, _ in most.values())):
        for queue, (ring_log2, completion_log2) in most.items():
            ring = bench.rig.rings[queue]
            ring.log2, ring.completion_log2 = min(log2, ring_log2), min(max(log2 - 1, 0), completion_log2)
        yield from bench.restart()
        yield from errors.ring_overflow(bench)
        if log2 > 2:
            yield from timed.completion_ring_full(bench)


def announced(bench: Workbench) -> Steps[None]:
    """Coalescing on the render queue: the third record raises the line, or the time since the first."""
    yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=3).to_int())
    for count in (2, 1):
        yield from bench.rig.post(Queue.RENDER, [Descriptor(opcode=Opcode.NOP, interrupt=1)] * count)
        yield Delay(1600, "settle")
        raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
        assert raised.render_done == (count == 1), f"{raised} after {count} more records"
    yield from bench.rig.collect(Queue.RENDER, 3)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    limit = 1500
    yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=200, cycles=limit).to_int())
    yield from bench.rig.post(Queue.RENDER, [Descriptor(opcode=Opcode.NOP)])
    yield WaitIrq()
    now = yield CsrRead(Address.CYCLE_LO)
    record = (yield from bench.rig.collect(Queue.RENDER, 1))[0]
    assert limit <= now - record.end_cycle <= limit + 200, f"{now - record.end_cycle} cycles after the record's end"
    yield CsrWrite(Address.IRQ_COALESCE, 0)
    yield from bench.good(Queue.RENDER)
