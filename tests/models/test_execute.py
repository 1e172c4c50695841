"""What one descriptor does: every cause in the binding order, and the bytes of each operation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.engine import Queue
from models.execute import HostObject, Outcome, Tables, execute
from models.layout import Cause, Descriptor, Layout, Opcode, PageTableEntry, Status
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.surface import Box, Surface
from tests.models.world import noise

SURFACE = Surface(PAGE, 100, 50, 3, Layout.MORTON)
OTHER = Surface(16 * PAGE, 100, 50, 4, Layout.LINEAR)
BEYOND = Surface((1 << 18) - PAGE, 64, 64, 4, Layout.LINEAR)


class Bench:
    def __init__(self, two_level: bool = False) -> None:
        self.host = HostMemory(None, 1 << 20)
        self.device = noise(5, 1, 1 << 18).reshape(-1)
        self.frames = self.host.allocate(4, "object")
        for frame in self.frames:
            self.host.pages[frame] = noise(frame, 1, PAGE)
        self.table = ObjectTable(self.host, self.frames, two_level=two_level)
        entry = HostObject(self.table.root, 4, two_level)
        self.tables = Tables([SURFACE, OTHER, BEYOND] + [None] * 13, [entry] + [None] * 15)

    def __call__(self, descriptor: Descriptor, queue: Queue | None = None) -> Outcome:
        drawn = descriptor.opcode in (Opcode.FILL, Opcode.COPY)
        chosen = queue if queue is not None else Queue.RENDER if drawn else Queue.TRANSFER
        return execute(descriptor, self.host.bytes, self.device, self.tables, queue=chosen)

    def linear(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.concatenate([self.host.pages[frame] for frame in self.frames])


READBACK = Descriptor(opcode=Opcode.READBACK, x=7, y=3, width=200, height=20, host_offset=100, host_stride=333)
FILL = Descriptor(opcode=Opcode.FILL, x=3, y=1, width=9, height=2, pattern_low=0x030201)
COPY = Descriptor(opcode=Opcode.COPY, x=3, y=1, width=9, height=2, source_x=30, source_y=9)


@pytest.mark.parametrize(
    ("descriptor", "queue", "cause"),
    [
        (Descriptor(opcode=99, reserved0=1), Queue.TRANSFER, Cause.UNKNOWN_OPCODE),
        (replace(FILL, surface=16), Queue.TRANSFER, Cause.UNKNOWN_OPCODE),
        (replace(READBACK, object=16), Queue.RENDER, Cause.UNKNOWN_OPCODE),
        (replace(READBACK, reserved0=1, width=0), Queue.TRANSFER, Cause.MALFORMED),
        (replace(READBACK, surface=16), Queue.TRANSFER, Cause.MALFORMED),
        (replace(READBACK, object=16, x=5000), Queue.TRANSFER, Cause.MALFORMED),
        (replace(COPY, source_surface=16), Queue.RENDER, Cause.MALFORMED),
        (replace(FILL, reserved6=1), Queue.RENDER, Cause.MALFORMED),
        (Descriptor(opcode=Opcode.WAIT, queue=2), Queue.RENDER, Cause.MALFORMED),
        (Descriptor(opcode=Opcode.INVALIDATE, object=16), Queue.TRANSFER, Cause.MALFORMED),
        (Descriptor(opcode=Opcode.NOP, object=200, surface=200, queue=200), Queue.TRANSFER, Cause.NONE),
        (replace(READBACK, width=0, surface=9), Queue.TRANSFER, Cause.NONE),
        (replace(FILL, height=0, x=4), Queue.RENDER, Cause.NONE),
        (replace(READBACK, surface=9), Queue.TRANSFER, Cause.BOX_OUTSIDE),
        (replace(READBACK, width=294), Queue.TRANSFER, Cause.BOX_OUTSIDE),
        (replace(READBACK, y=31), Queue.TRANSFER, Cause.BOX_OUTSIDE),
        (replace(READBACK, x=0xFFFFF, width=0xFFFFF), Queue.TRANSFER, Cause.BOX_OUTSIDE),
        (replace(COPY, source_y=49, x=4), Queue.RENDER, Cause.BOX_OUTSIDE),
        (replace(FILL, x=4), Queue.RENDER, Cause.ALIGNMENT),
        (replace(FILL, width=10), Queue.RENDER, Cause.ALIGNMENT),
        (replace(COPY, source_x=31), Queue.RENDER, Cause.ALIGNMENT),
        (replace(COPY, source_surface=1, source_x=0), Queue.RENDER, Cause.ALIGNMENT),
        (replace(COPY, source_x=9, source_y=2), Queue.RENDER, Cause.OVERLAP),
        (replace(READBACK, object=1), Queue.TRANSFER, Cause.TRANSLATION_FAULT),
    ],
)
def test_the_first_cause_in_the_binding_order_wins(descriptor: Descriptor, queue: Queue, cause: Cause) -> None:
    outcome = Bench()(descriptor, queue)
    assert outcome.cause is cause
    assert outcome.status is (Status.OK if cause is Cause.NONE else Status.ERROR)
    assert outcome.bytes == 0 and not outcome.host_writes and not outcome.device_index.size


@pytest.mark.parametrize("two_level", [False, True])
def test_readback_moves_the_box_and_nothing_else(two_level: bool) -> None:
    bench = Bench(two_level)
    before = bench.linear()
    image = SURFACE.detile(bench.device[SURFACE.base : SURFACE.base + SURFACE.size])
    outcome = bench(READBACK)
    outcome.apply(bench.host.bytes, bench.device)
    for row in range(20):
        before[100 + row * 333 : 300 + row * 333] = image[3 + row, 7:207]
    assert np.array_equal(bench.linear(), before)
    assert outcome.bytes == 4000


def test_writeback_then_readback_is_the_identity() -> None:
    bench = Bench()
    guard = bench.device.copy()
    outcome = bench(replace(READBACK, opcode=Opcode.WRITEBACK))
    outcome.apply(bench.host.bytes, bench.device)
    where = SURFACE.box_addresses(Box(7, 3, 200, 20))
    linear = bench.linear()
    for row in range(20):
        assert np.array_equal(bench.device[where[row]], linear[100 + row * 333 : 300 + row * 333])
    guard[where] = bench.device[where]
    assert np.array_equal(guard, bench.device)


def test_fill_repeats_the_pixel_and_copy_moves_the_box() -> None:
    bench = Bench()
    image = SURFACE.detile(bench.device[SURFACE.base : SURFACE.base + SURFACE.size])
    for descriptor in (FILL, replace(COPY, x=150, y=20)):
        bench(descriptor).apply(bench.host.bytes, bench.device)
    image[1:3, 3:12] = np.tile(np.array([1, 2, 3], np.uint8), 3)
    image[20:22, 150:159] = image[9:11, 30:39]
    assert np.array_equal(SURFACE.detile(bench.device[SURFACE.base : SURFACE.base + SURFACE.size]), image)


def test_a_fault_stops_at_the_first_byte_of_the_page_that_failed() -> None:
    bench = Bench()
    straight = Descriptor(opcode=Opcode.READBACK, width=300, height=30, host_offset=1, host_stride=300)
    bench.table.set(1, PageTableEntry(1, 0, bench.frames[1]))
    outcome = bench(straight)
    assert (outcome.cause, outcome.address, outcome.bytes) == (Cause.READ_ONLY, PAGE, PAGE - 1)
    assert sum(data.size for _, data in outcome.host_writes) == PAGE - 1
    assert bench(replace(straight, opcode=Opcode.WRITEBACK)).status is Status.OK
    bench.table.set(1, PageTableEntry(0, 1, bench.frames[1]))
    outcome = bench(replace(straight, opcode=Opcode.WRITEBACK))
    assert (outcome.cause, outcome.address, outcome.bytes) == (Cause.TRANSLATION_FAULT, PAGE, PAGE - 1)
    assert outcome.device_index.size == PAGE - 1


def test_offsets_do_not_wrap() -> None:
    outcome = Bench()(replace(READBACK, host_offset=0, host_stride=0xFFFFFFFF))
    assert (outcome.cause, outcome.bytes) == (Cause.TRANSLATION_FAULT, 200)


def test_a_bus_error_reports_the_burst_and_a_walk_error_the_entry() -> None:
    bench = Bench()
    broken = bench.frames[1] * PAGE + 2048
    straight = Descriptor(opcode=Opcode.WRITEBACK, width=300, height=30, host_stride=300)

    def run(first: int, last: int, cause: Cause = Cause.BUS_ERROR) -> Outcome:
        def bus(address: int, length: int, write: bool) -> Cause:
            return cause if address < last and first < address + length else Cause.NONE

        return execute(straight, bench.host.bytes, bench.device, bench.tables, bus=bus)

    outcome = run(broken, broken + 1)
    assert (outcome.cause, outcome.address, outcome.bytes) == (Cause.BUS_ERROR, broken, 6144)
    entry = bench.table.entry_address(1)
    outcome = run(entry, entry + 8)
    assert (outcome.cause, outcome.address, outcome.bytes) == (Cause.WALK_ERROR, entry, PAGE)
    outcome = run(entry, entry + 8, Cause.WATCHDOG)
    assert (outcome.cause, outcome.address, outcome.bytes) == (Cause.WATCHDOG, entry, PAGE)


def test_past_the_end_of_device_memory_writes_vanish_and_reads_are_zero() -> None:
    bench = Bench()
    down = Descriptor(opcode=Opcode.READBACK, surface=2, y=10, width=256, height=10, host_stride=256)
    outcome = bench(down)
    outcome.apply(bench.host.bytes, bench.device)
    assert outcome.out_of_range and outcome.status is Status.OK
    assert bench.linear()[:1536].any() and not bench.linear()[1536:2560].any()
    outcome = bench(Descriptor(opcode=Opcode.FILL, surface=2, y=10, width=256, height=10))
    assert outcome.out_of_range and outcome.bytes == 2560 and outcome.device_index.size == 1536
