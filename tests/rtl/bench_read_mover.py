"""Host memory to device memory: bytes, ends and errors of many boxes at once, against numpy.

Runs inside the simulator; tests/rtl/test_read_mover.py starts it.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from models.layout import Cause, Layout
from models.memory import PAGE
from models.surface import Surface
from tests.rtl.bench_box import HostBox
from tests.rtl.movers import Done, MoverBench

TOP = "read_mover"
PARAMETERS = {"DATA_W": 64}


class Reader(MoverBench):
    """Plays the bus: bursts answered in order, beat by beat; and the device: words with strobes."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.beats: list[tuple[int, int, int]] = []  # (cycle due, address, response)
        self.errors: dict[int, int] = {}  # response by bus address of a word
        self.delay = 8
        self.gap = 0.0
        self.writes = 0
        self.requests = 0
        self.asked = 0  # beats
        self.refuse = False  # the device takes nothing
        self.aborting = False

    async def step(self) -> None:
        dut, rng = self.dut, self.rng
        self.drive()
        dut.abort_i.value = int(self.aborting)
        ar_ready, wr_ready = self.chance(), self.chance() and not self.refuse
        dut.ar_ready_i.value, dut.wr_ready_i.value = int(ar_ready), int(wr_ready)
        beat = bool(self.beats) and self.beats[0][0] <= self.cycle and rng.random() >= self.gap
        dut.r_valid_i.value = int(beat)
        if beat:
            _, address, response = self.beats.pop(0)
            word = self.host[address : address + self.lanes].tobytes()
            dut.r_data_i.value = int.from_bytes(word, "little")
            dut.r_resp_i.value = response
        await self.settle()
        before = len(self.done)
        self.observe()
        if ar_ready and int(dut.ar_valid_o.value):
            address, count = int(dut.ar_address_o.value), int(dut.ar_len_o.value) + 1
            assert address % self.lanes == 0
            assert address // PAGE == (address + count * self.lanes - 1) // PAGE
            due = self.cycle + 1 + rng.randint(0, self.delay)
            for n in range(count):
                place = address + n * self.lanes
                self.beats.append((due, place, self.errors.get(place, 0)))
            self.requests += 1
            self.asked += count
        if int(dut.wr_valid_o.value) and wr_ready:
            address, strobes = int(dut.wr_address_o.value), int(dut.wr_strb_o.value)
            bits = dut.wr_data_o.value
            assert address % self.lanes == 0 and strobes
            for lane in (lane for lane in range(self.lanes) if strobes >> lane & 1):
                self.device[address + lane] = bits[8 * lane + 7 : 8 * lane].to_unsigned()
            self.writes += 1
        for box, end in list(zip(self.wanted, self.done, strict=False))[before:]:
            if end.cause is Cause.NONE:  # all of it is in device memory now
                for piece in self.pieces(box):
                    data = self.host[piece.address : piece.address + piece.burst.bytes]
                    assert np.array_equal(self.device[self.device_addresses(box, piece.burst)], data)
        await self.edge()

    def expect(self, box: HostBox, device: Any) -> tuple[Done, Any]:
        """The end of a box and the device after it; bytes of a burst that fails may be either (marked in the mask)."""
        moved = 0
        loose = np.zeros(device.size, bool)
        for piece in self.pieces(box):
            if piece.cause:
                return Done(piece.cause, piece.address, moved), loose
            places = self.device_addresses(box, piece.burst)
            first = piece.address // self.lanes * self.lanes
            bad = [a for a in range(first, piece.address + piece.burst.bytes, self.lanes) if self.errors.get(a, 0)]
            if bad:
                good = max(0, bad[0] - piece.address)
                loose[places[:good]] = True
                cause = Cause.WATCHDOG if self.errors[bad[0]] == 1 else Cause.BUS_ERROR
                return Done(cause, piece.address, moved), loose
            device[places] = self.host[piece.address : piece.address + piece.burst.bytes]
            moved += piece.burst.bytes
        return Done(Cause.NONE, 0, moved), loose

    async def check(self, boxes: list[HostBox]) -> list[Done]:
        """Move boxes of disjoint targets and compare ends and the whole device memory."""
        expected, loose = self.device.copy(), np.zeros(self.device.size, bool)
        before = self.device.copy()
        ends = []
        for box in boxes:
            end, open_bytes = self.expect(box, expected)
            ends.append(end)
            loose |= open_bytes
        self.requests = self.writes = self.asked = 0
        got = await self.perform(boxes)
        assert got == ends, [(b, g, e) for b, g, e in zip(boxes, got, ends, strict=True) if g != e]
        wrong = np.flatnonzero((self.device != expected) & ~(loose & (self.device != before)))
        assert not wrong.size, f"{wrong.size} device bytes differ, the first at {wrong[0]:#x}: {boxes}"
        return got

    def disjoint(self, count: int, height: int = 5) -> list[HostBox]:
        """Boxes of different surfaces, so that no byte has two sources."""
        boxes: list[HostBox] = []
        while len(boxes) < count:
            box = self.random_box(height)
            if box.surface not in {other.surface for other in boxes}:
                boxes.append(box)
        return boxes

    def pace(self) -> None:
        """Another weather: partners, latency, gaps."""
        self.stall = self.rng.choice((0.0, 0.0, 0.3, 0.7))
        self.delay = self.rng.choice((0, 8, 60))
        self.gap = self.rng.choice((0.0, 0.5))
        self.slow = self.rng.choice((0, 6, 30))


@cocotb.test()
async def after_a_bus_error_the_box_asks_for_no_more(dut: Any) -> None:
    """Once the error has been seen, the rest of a long box stays off the bus. First, while the tables are unwritten."""
    bench = Reader(dut)
    await bench.start()
    surface = max(range(16), key=lambda n: bench.surfaces[n].height)
    box = HostBox(0, 0, 30, bench.surfaces[surface].height, 0, 600, surface, 0)
    bench.slow, bench.delay = 20, 0
    first = bench.pieces(box)[0]
    bench.errors = {first.address // bench.lanes * bench.lanes: 2}
    assert (await bench.check([box]))[0] == Done(Cause.BUS_ERROR, first.address, 0)
    assert bench.requests <= 6


@cocotb.test()
async def boxes_arrive_byte_for_byte(dut: Any) -> None:
    """Unaligned boxes on every layout, several under way, in every weather."""
    bench = Reader(dut)
    await bench.start()
    for _ in range(14):
        bench.pace()
        ends = await bench.check(bench.disjoint(6))
        assert all(end.cause is Cause.NONE for end in ends)


@cocotb.test()
async def a_fault_ends_its_box_alone(dut: Any) -> None:
    """Pages without translation anywhere in a box: what is before it moves, nothing after; the neighbours are whole."""
    bench = Reader(dut)
    await bench.start()
    causes = set()
    for _ in range(16):
        bench.pace()
        pages = bench.rng.sample(sorted(bench.frames), 40)
        faults = (Cause.TRANSLATION_FAULT, Cause.WALK_ERROR)
        bench.faults = {page: bench.rng.choice(faults) for page in pages}
        causes |= {end.cause for end in await bench.check(bench.disjoint(6, 12))}
    assert causes == {Cause.NONE, Cause.TRANSLATION_FAULT, Cause.WALK_ERROR}


@cocotb.test()
async def a_bus_error_ends_its_box_alone(dut: Any) -> None:
    """Bad beats anywhere, together with faults: the first in order decides, later rows stay as they were."""
    bench = Reader(dut)
    await bench.start()
    causes = set()
    for n in range(24):
        bench.pace()
        boxes = bench.disjoint(5, 12)
        bench.errors, bench.faults = {}, {}
        for box in boxes:
            bad = [p for p in bench.pieces(box) if bench.rng.random() < 0.15]
            for piece in bad:
                at = piece.address + bench.rng.randrange(piece.burst.bytes)
                bench.errors[at // bench.lanes * bench.lanes] = bench.rng.choice((1, 2, 3))
        if n % 2:
            pages = bench.rng.sample(sorted(bench.frames), 12)
            bench.faults = dict.fromkeys(pages, Cause.TRANSLATION_FAULT)
        causes |= {end.cause for end in await bench.check(boxes)}
    assert causes == {Cause.NONE, Cause.BUS_ERROR, Cause.WATCHDOG, Cause.TRANSLATION_FAULT}


@cocotb.test()
async def an_abort_writes_nothing_more(dut: Any) -> None:
    """After abort_i at most the word that waits is written; every box ends once, as ABORTED or whole."""
    bench = Reader(dut)
    await bench.start()
    causes = set()
    for _ in range(30):
        bench.pace()
        bench.aborting = False
        boxes = bench.disjoint(4)
        before, complete = bench.device.copy(), bench.device.copy()
        sizes = [bench.expect(box, complete)[0].bytes for box in boxes]
        bench.commands, bench.wanted, bench.done = list(boxes), [], []
        for _ in range(bench.rng.randint(2, 120)):
            await bench.step()
        bench.aborting, bench.writes = True, 0
        while len(bench.done) < len(boxes) or bench.beats:
            await bench.step()
        assert bench.writes <= 1
        bench.aborting = False
        for _ in range(5):
            await bench.step()
        assert dut.busy_o.value == 0
        changed = bench.device != before
        assert np.array_equal(bench.device[changed], complete[changed])
        for box, end, size in zip(boxes, bench.done, sizes, strict=True):
            causes.add(end.cause)
            assert (end.cause is Cause.NONE) == (end.bytes == size), end
            moved = 0
            for piece in bench.pieces(box):
                if moved < end.bytes:
                    places = bench.device_addresses(box, piece.burst)
                    assert np.array_equal(bench.device[places], complete[places])
                moved += piece.burst.bytes
    assert causes == {Cause.NONE, Cause.ABORTED}
    bench.stall = 0.0
    await bench.check(bench.disjoint(6))


def long_box(bench: Reader) -> HostBox:
    """More than all the room there is, unaligned on both sides, on a surface of its own."""
    bench.surfaces[0] = Surface(0, 4001, 60, 1, Layout.LINEAR)
    bench.delay = bench.slow = 0
    return HostBox(1, 0, 3999, 15 if bench.lanes == 8 else 24, 5, 4001, 0, 1)


@cocotb.test()
async def a_word_moves_every_cycle(dut: Any) -> None:
    """A long unaligned box costs its words, a spill a burst, and a short start."""
    bench = Reader(dut)
    await bench.start()
    box = long_box(bench)
    start = bench.cycle
    words = sum(
        (p.address % bench.lanes + p.burst.bytes - 1) // bench.lanes + 2 for p in bench.pieces(box)
    )  # the words that arrive, and one more a burst
    await bench.check([box])
    assert bench.cycle - start <= words + 40


@cocotb.test()
async def data_is_only_asked_for_when_it_has_room(dut: Any) -> None:
    """With a device that takes nothing the reads stop at the promised room; all arrives once it takes words again."""
    bench = Reader(dut)
    await bench.start()
    box = long_box(bench)
    room = 1 << int(dut.BEATS_LOG2.value)
    expected = bench.device.copy()
    end, _ = bench.expect(box, expected)
    bench.commands = [box]
    bench.refuse = True
    for _ in range(2 * room):
        await bench.step()
    assert room - 256 <= bench.asked <= room + 3, "room, and the few words on their way to the device"
    assert not bench.beats and bench.writes == 0
    bench.refuse = False
    while not bench.done:
        await bench.step()
    assert bench.done == [end] and np.array_equal(bench.device, expected)
