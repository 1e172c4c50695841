"""Device memory to host memory: bytes, strobes, ends and errors of many boxes at once, against numpy.

Runs inside the simulator; tests/rtl/test_write_mover.py starts it.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from models.layout import Cause, Layout
from models.memory import PAGE
from models.surface import Surface
from tests.rtl.bench_box import HostBox
from tests.rtl.harness import Held
from tests.rtl.movers import Done, MoverBench

TOP = "write_mover"
PARAMETERS = {"DATA_W": 64}
DEVICE_LATENCY = 2


class Writer(MoverBench):
    """Plays the bus: addresses, data in order, answers later; and the device: words 2 cycles after their address."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.due: list[tuple[int, int]] = []  # device reads: (cycle, word)
        self.open: list[list[int]] = []  # bursts whose data is missing: [address, words left, start]
        self.answers: list[tuple[int, int]] = []  # (cycle due, response)
        self.errors: dict[int, int] = {}  # response by word address of a burst's begin
        self.delay = 8
        self.strobed = 0
        self.touched = np.zeros(self.host.size, bool)
        self.requests = 0
        self.waiting = 0
        self.answered = 0
        self.must_answer = False
        self.w_held = Held("w")
        self.aborting = False

    async def step(self) -> None:
        dut = self.dut
        self.drive()
        dut.abort_i.value = int(self.aborting)
        aw_ready, rd_ready = self.chance(), self.chance()
        w_ready = bool(self.open) and self.chance()
        dut.aw_ready_i.value, dut.w_ready_i.value, dut.rd_ready_i.value = int(aw_ready), int(w_ready), int(rd_ready)
        data = bool(self.due) and self.due[0][0] == self.cycle
        dut.rd_data_valid_i.value = int(data)
        if data:
            dut.rd_data_i.value = self.due.pop(0)[1]
        answer = bool(self.answers) and self.answers[0][0] <= self.cycle
        dut.b_valid_i.value = int(answer)
        if answer:
            dut.b_resp_i.value = self.answers.pop(0)[1]
            self.answered += 1
        await self.settle()
        self.observe()
        if rd_ready and int(dut.rd_valid_o.value):
            address = int(dut.rd_address_o.value)
            word = self.device[address // self.lanes * self.lanes :][: self.lanes].tobytes()
            self.due.append((self.cycle + DEVICE_LATENCY, int.from_bytes(word, "little")))
        valid = bool(dut.w_valid_o.value)
        self._data(valid, w_ready)
        if aw_ready and int(dut.aw_valid_o.value):
            address, count = int(dut.aw_address_o.value), int(dut.aw_len_o.value) + 1
            assert address % self.lanes == 0
            assert address // PAGE == (address + count * self.lanes - 1) // PAGE
            self.open.append([address, count, address])
            self.requests += 1
        self.waiting = max(self.waiting, len(self.open) + len(self.answers))
        if self.done and not self.faults and not self.errors and self.must_answer:  # what is done has been answered
            assert self.answered >= sum(len(self.pieces(box)) for box in self.wanted[: len(self.done)])
        await self.edge()

    def _data(self, valid: bool, ready: bool) -> None:
        dut = self.dut
        strobes = int(dut.w_strb_o.value) if valid else 0
        lanes = [lane for lane in range(self.lanes) if strobes >> lane & 1]
        bits = dut.w_data_o.value
        data = [bits[8 * lane + 7 : 8 * lane].to_unsigned() for lane in lanes]
        if not self.w_held.check(valid, ready, None if self.aborting else (strobes, data)):
            return
        burst = self.open[0]
        self.host[[burst[0] + lane for lane in lanes]] = data
        self.touched[[burst[0] + lane for lane in lanes]] = True
        self.strobed += len(lanes)
        burst[0] += self.lanes
        burst[1] -= 1
        if not burst[1]:
            self.open.pop(0)
            due = max(self.cycle + 1 + self.rng.randint(0, self.delay), self.answers[-1][0] + 1 if self.answers else 0)
            self.answers.append((due, self.errors.get(burst[2], 0)))

    def expect(self, box: HostBox, host: Any, must: Any, may: Any) -> Done:
        """The end of a box; fills in the host memory, which bytes are surely written, and which may be."""
        moved, failed = 0, None
        for piece in self.pieces(box):
            if piece.cause:
                return failed or Done(piece.cause, piece.address, moved)
            span = slice(piece.address, piece.address + piece.burst.bytes)
            host[span] = self.device[self.device_addresses(box, piece.burst)]
            may[span] = True
            response = self.errors.get(piece.address // self.lanes * self.lanes, 0)
            if response and not failed:
                failed = Done(Cause.WATCHDOG if response == 1 else Cause.BUS_ERROR, piece.address, moved)
            if not failed:
                must[span] = True
                moved += piece.burst.bytes
        return failed or Done(Cause.NONE, 0, moved)

    async def check(self, boxes: list[HostBox]) -> list[Done]:
        """Move boxes of disjoint targets; compare ends and the whole host memory."""
        expected = self.host.copy()
        must, may = np.zeros(self.host.size, bool), np.zeros(self.host.size, bool)
        ends = [self.expect(box, expected, must, may) for box in boxes]
        self.touched[:] = False
        self.requests = self.strobed = self.waiting = self.answered = 0
        got = await self.perform(boxes)
        assert got == ends, [(b, g, e) for b, g, e in zip(boxes, got, ends, strict=True) if g != e]
        assert not (must & ~self.touched).any(), f"bytes are missing: {boxes}"
        assert not (self.touched & ~may).any(), f"bytes outside of the boxes: {boxes}"
        assert np.array_equal(self.host[self.touched], expected[self.touched]), f"wrong bytes: {boxes}"
        assert not self.open and not self.answers and not self.due
        return got

    def disjoint(self, count: int, height: int = 5) -> list[HostBox]:
        """Boxes into different objects, so that no byte has two sources."""
        boxes: list[HostBox] = []
        while len(boxes) < count:
            box = self.random_box(height)
            if box.object not in {other.object for other in boxes}:
                boxes.append(box)
        return boxes

    def pace(self) -> None:
        """Another weather: partners, latency of answers and translations."""
        self.stall = self.rng.choice((0.0, 0.0, 0.3, 0.7))
        self.delay = self.rng.choice((0, 8, 60))
        self.slow = self.rng.choice((0, 6, 30))


@cocotb.test()
async def after_a_bus_error_the_box_asks_for_no_more(dut: Any) -> None:
    """Once the answer has been seen, the rest of a long box stays away. First, while the tables are unwritten."""
    bench = Writer(dut)
    await bench.start()
    surface = max(range(16), key=lambda n: bench.surfaces[n].height)
    box = HostBox(0, 0, 30, bench.surfaces[surface].height, 0, 600, surface, 0)
    bench.slow, bench.delay = 20, 0
    first = bench.pieces(box)[0]
    bench.errors = {first.address // bench.lanes * bench.lanes: 2}
    assert (await bench.check([box]))[0] == Done(Cause.BUS_ERROR, first.address, 0)
    assert bench.requests <= 10


@cocotb.test()
async def boxes_arrive_byte_for_byte(dut: Any) -> None:
    """Unaligned boxes from every layout, several under way, in every weather; no byte beside them."""
    bench = Writer(dut)
    await bench.start()
    bench.must_answer = True
    for _ in range(14):
        bench.pace()
        ends = await bench.check(bench.disjoint(6))
        assert all(end.cause is Cause.NONE for end in ends)
    assert bench.waiting > 1, "never two bursts under way"


@cocotb.test()
async def a_fault_ends_its_box_alone(dut: Any) -> None:
    """Absent and read-only pages anywhere in a box: what is before moves, nothing after; the neighbours are whole."""
    bench = Writer(dut)
    await bench.start()
    causes = set()
    for _ in range(16):
        bench.pace()
        pages = bench.rng.sample(sorted(bench.frames), 40)
        faults = (Cause.TRANSLATION_FAULT, Cause.READ_ONLY, Cause.WALK_ERROR)
        bench.faults = {page: bench.rng.choice(faults) for page in pages}
        causes |= {end.cause for end in await bench.check(bench.disjoint(6, 12))}
    assert causes == {Cause.NONE, Cause.TRANSLATION_FAULT, Cause.READ_ONLY, Cause.WALK_ERROR}


@cocotb.test()
async def a_bus_error_ends_its_box_alone(dut: Any) -> None:
    """Bad answers to any burst, and faults: the first in order decides; nothing outside of the box is written."""
    bench = Writer(dut)
    await bench.start()
    causes = set()
    for n in range(24):
        bench.pace()
        boxes = bench.disjoint(5, 12)
        bench.errors, bench.faults = {}, {}
        for box in boxes:
            for piece in bench.pieces(box):
                if bench.rng.random() < 0.12:
                    bench.errors[piece.address // bench.lanes * bench.lanes] = bench.rng.choice((1, 2, 3))
        if n % 2:
            bench.faults = dict.fromkeys(bench.rng.sample(sorted(bench.frames), 12), Cause.TRANSLATION_FAULT)
        causes |= {end.cause for end in await bench.check(boxes)}
    assert causes == {Cause.NONE, Cause.BUS_ERROR, Cause.WATCHDOG, Cause.TRANSLATION_FAULT}


@cocotb.test()
async def an_abort_writes_no_byte_more(dut: Any) -> None:
    """Bursts on the bus are finished without strobes; every box ends once, as ABORTED or whole; the next ones run."""
    bench = Writer(dut)
    await bench.start()
    causes = set()
    for _ in range(30):
        bench.pace()
        bench.aborting = False
        boxes = bench.disjoint(4)
        complete = bench.host.copy()
        must, may = np.zeros(complete.size, bool), np.zeros(complete.size, bool)
        sizes = [bench.expect(box, complete, must, may).bytes for box in boxes]
        bench.touched[:] = False
        bench.commands, bench.wanted, bench.done = list(boxes), [], []
        for _ in range(bench.rng.randint(2, 150)):
            await bench.step()
        bench.aborting, bench.strobed = True, 0
        bench.w_held = Held("w")  # strobes fall away
        while len(bench.done) < len(boxes) or bench.open or bench.answers:
            await bench.step()
        assert bench.strobed == 0
        bench.aborting = False
        for _ in range(5):
            await bench.step()
        assert dut.busy_o.value == 0
        assert not (bench.touched & ~may).any()
        assert np.array_equal(bench.host[bench.touched], complete[bench.touched])
        for box, end, size in zip(boxes, bench.done, sizes, strict=True):
            causes.add(end.cause)
            assert (end.cause is Cause.NONE) == (end.bytes == size), end
            moved = 0
            for piece in bench.pieces(box):
                if moved < end.bytes:
                    assert bench.touched[piece.address : piece.address + piece.burst.bytes].all()
                moved += piece.burst.bytes
    assert causes == {Cause.NONE, Cause.ABORTED}
    await bench.check(bench.disjoint(6))


@cocotb.test()
async def a_word_moves_every_cycle(dut: Any) -> None:
    """A long unaligned box costs its words, a spill a burst, and a short start."""
    bench = Writer(dut)
    await bench.start()
    bench.surfaces[0] = Surface(0, 4001, 60, 1, Layout.LINEAR)
    bench.delay = bench.slow = 0
    box = HostBox(1, 0, 3999, 12, 5, 4001, 0, 1)
    start = bench.cycle
    words = sum((p.burst.x % bench.lanes + p.burst.bytes - 1) // bench.lanes + 2 for p in bench.pieces(box))
    await bench.check([box])
    assert bench.cycle - start <= words + 40


@cocotb.test()
async def a_silent_bus_holds_no_device_word(dut: Any) -> None:
    """Words are read from the device only into room that is there, however long W stands still."""
    bench = Writer(dut)
    await bench.start()
    bench.surfaces[0] = Surface(0, 4001, 60, 1, Layout.LINEAR)
    bench.commands = [HostBox(1, 0, 3999, 3, 5, 4001, 0, 1)]
    bench.slow = 0
    reads = 0
    for _ in range(100):
        bench.open, keep = [], bench.open  # the bus has no burst for the data: W is not taken
        await bench.step()
        bench.open = keep + bench.open
        reads += int(dut.rd_valid_o.value)
    assert reads <= 20
    while not bench.done:
        await bench.step()
    assert bench.done[0].cause is Cause.NONE
