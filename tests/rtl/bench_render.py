"""FILL and COPY against numpy, byte for byte over the whole device memory, with stalls and aborts.

Runs inside the simulator; tests/rtl/test_render.py starts it. Device memory is played here: ports that refuse at
random, read data exactly 2 cycles after its address. Python touches words here because the renderer is what is tested.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from models.layout import Cause, Layout
from models.memory import PAGE, Bytes
from models.surface import Box, Surface
from tests.rtl.bench_tile import entry

TOP = "render"
PARAMETERS = {"DATA_W": 64}
DEVICE = 1 << 20
TIMEOUT = 60_000
ROWS = 8


@dataclass(frozen=True)
class Command:
    """One FILL (source is None) or COPY."""

    target: Surface
    box: Box
    pattern: bytes = b""
    source: Surface | None = None
    source_x: int = 0
    source_y: int = 0


@dataclass(frozen=True)
class End:
    """What the renderer reported, and when."""

    cause: Cause
    bytes: int
    cycles: int
    writes: int


class Bench:
    """The renderer between a device memory in numpy and a queue of commands."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut = dut
        self.rng = rng
        self.lanes = len(dut.wr_strb_o)
        self.memory = np.zeros(DEVICE, np.uint8)
        self.stall = 0.0
        self.pending: list[tuple[int, int]] = []
        self.cycle = 0
        self.writes = 0
        self.held: tuple[int, int, int] | None = None

    async def start(self) -> None:
        """Run the clock and reset."""
        dut = self.dut
        Clock(dut.clk_i, 2, "ns").start()
        for pin in ("rst_ni", "cmd_valid_i", "abort_i", "rd_ready_i", "rd_data_valid_i", "wr_ready_i", "done_ready_i"):
            getattr(dut, pin).value = 0
        dut.rd_data_i.value = 0
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1

    async def step(self) -> None:
        """One clock cycle of device memory."""
        dut = self.dut
        rd_ready, wr_ready = (self.rng.random() >= self.stall for _ in range(2))
        dut.rd_ready_i.value = int(rd_ready)
        dut.wr_ready_i.value = int(wr_ready)
        due = bool(self.pending) and self.pending[0][0] == self.cycle
        dut.rd_data_valid_i.value = int(due)
        if due:
            dut.rd_data_i.value = self.pending.pop(0)[1]
        await Timer(500, "ps")
        if rd_ready and int(dut.rd_valid_o.value):
            address = int(dut.rd_address_o.value)
            word = int.from_bytes(self.memory[address : address + self.lanes].tobytes(), "little")
            self.pending.append((self.cycle + 2, word))
        if int(dut.wr_valid_o.value):
            self._write(wr_ready)
        else:
            assert self.held is None, "a write was withdrawn"
        await FallingEdge(dut.clk_i)
        self.cycle += 1

    def _write(self, accepted: bool) -> None:
        dut = self.dut
        address, strobes = int(dut.wr_address_o.value), int(dut.wr_strb_o.value)
        assert address % self.lanes == 0
        assert strobes, "a write without bytes"
        lanes = [lane for lane in range(self.lanes) if strobes >> lane & 1]
        word = dut.wr_data_o.value  # lanes without a strobe may be anything
        data = [word[8 * lane + 7 : 8 * lane].to_unsigned() for lane in lanes]
        payload = (address, strobes, hash(tuple(data)))
        assert self.held in (None, payload), "a stalled write changed"
        self.held = None if accepted else payload
        if accepted:
            self.memory[[address + lane for lane in lanes]] = data
            self.writes += 1

    async def run(self, command: Command, abort_after: int | None = None) -> End:
        """Perform one command; abort_after: cycles after its start at which abort_i goes high."""
        dut, box = self.dut, command.box
        for pin, value in (
            ("copy", int(command.source is not None)),
            ("surface", entry(command.target)),
            ("x", box.x),
            ("y", box.y),
            ("width", box.width),
            ("height", box.height),
            ("source_surface", entry(command.source) if command.source else 0),
            ("source_x", command.source_x),
            ("source_y", command.source_y),
            ("pattern", int.from_bytes(command.pattern.ljust(16, b"\xee"), "little")),
        ):
            getattr(dut, f"cmd_{pin}_i").value = value
        dut.cmd_valid_i.value = 1
        await Timer(500, "ps")
        assert int(dut.cmd_ready_o.value)
        assert not int(dut.busy_o.value)
        start, writes = self.cycle, self.writes
        await self.step()
        dut.cmd_valid_i.value = 0
        dut.cmd_surface_i.value = dut.cmd_source_surface_i.value = 0
        assert int(dut.busy_o.value)
        while not int(dut.done_valid_o.value):
            if abort_after is not None and self.cycle - start >= abort_after:
                dut.abort_i.value = 1
            await self.step()
            assert self.cycle - start < TIMEOUT, f"no end of {command}"
        assert not self.pending, "ended with reads under way"
        end = End(
            Cause(int(dut.done_cause_o.value)), int(dut.done_bytes_o.value), self.cycle - start, self.writes - writes
        )
        dut.abort_i.value = 0
        for _ in range(self.rng.choice((0, 0, 3))):  # the report waits
            await self.step()
            assert int(dut.done_valid_o.value)
            assert int(dut.done_bytes_o.value) == end.bytes
        dut.done_ready_i.value = 1
        await self.step()
        dut.done_ready_i.value = 0
        assert not int(dut.busy_o.value)
        return end


def draw(memory: Bytes, command: Command) -> None:
    """The same in numpy."""
    box = command.box
    if command.source is None:
        pixel = np.frombuffer(command.pattern, np.uint8)
        drawn = np.tile(pixel, box.width // pixel.size)[None, :].repeat(box.height, 0)
    else:
        source = Box(command.source_x, command.source_y, box.width, box.height)
        drawn = memory[command.source.box_addresses(source)]
    memory[command.target.box_addresses(box)] = drawn


def random_surface(rng: random.Random, base: int, bytes_per_pixel: int) -> Surface:
    return Surface(
        base, rng.randint(1, 700 // bytes_per_pixel), rng.randint(1, 50), bytes_per_pixel, rng.choice(list(Layout))
    )


def random_box(rng: random.Random, surface: Surface, width: int, height: int) -> Box:
    """A box of whole pixels inside the surface, at most width pixels by height rows."""
    pixel = surface.bytes_per_pixel
    width, height = min(width, surface.width), min(height, surface.height)
    x, y = rng.randint(0, surface.width - width), rng.randint(0, surface.height - height)
    return Box(x * pixel, y, width * pixel, height)


def random_command(rng: random.Random, bytes_per_pixel: int) -> Command:
    target = random_surface(rng, PAGE * rng.randint(0, 31), bytes_per_pixel)
    width, height = rng.choice((1, 2, rng.randint(1, 40), 700)), rng.choice((1, rng.randint(1, 9)))
    if rng.random() < 0.45:
        return Command(target, random_box(rng, target, width, height), rng.randbytes(bytes_per_pixel))
    source = random_surface(rng, PAGE * rng.randint(128, 191), bytes_per_pixel)
    box = random_box(rng, target, min(width, source.width), min(height, source.height))
    place = random_box(rng, source, box.width // bytes_per_pixel, box.height)
    return Command(target, box, source=source, source_x=place.x, source_y=place.y)


@cocotb.test()
async def boxes_come_out_as_in_numpy(dut: Any) -> None:
    """Random FILLs and COPYs of every pixel size and layout, half of them with stalling memory ports."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bench = Bench(dut, rng)
    await bench.start()
    bench.memory[:] = np.frombuffer(rng.randbytes(DEVICE), np.uint8)
    for n in range(160):
        bench.stall = rng.choice((0.0, 0.0, 0.3, 0.7))
        command = random_command(rng, n % 16 + 1)
        expected = bench.memory.copy()
        draw(expected, command)
        end = await bench.run(command)
        assert (end.cause, end.bytes) == (Cause.NONE, command.box.bytes), command
        wrong = np.flatnonzero(bench.memory != expected)
        assert not wrong.size, f"{command}: {wrong.size} bytes differ, the first at {wrong[0]:#x}"


@cocotb.test()
async def neighbours_inside_one_surface_copy(dut: Any) -> None:
    """Boxes of one surface that share words but no byte: strobes keep them apart."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bench = Bench(dut, rng)
    await bench.start()
    for layout in Layout:
        bench.memory[:] = np.frombuffer(rng.randbytes(DEVICE), np.uint8)
        surface = Surface(PAGE, 300, 40, 1, layout)
        for _ in range(8):
            width = rng.randint(1, 100)
            left = rng.randint(0, 300 - 2 * width)
            places = [left, left + width]
            rng.shuffle(places)
            command = Command(surface, Box(places[0], 5, width, 7), source=surface, source_x=places[1], source_y=5)
            expected = bench.memory.copy()
            draw(expected, command)
            await bench.run(command)
            assert np.array_equal(bench.memory, expected), command


@cocotb.test()
async def an_abort_stops_and_leaves_a_prefix(dut: Any) -> None:
    """Bytes reported are those written, in drawing order; nothing else changes; the next command runs."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bench = Bench(dut, rng)
    await bench.start()
    causes = set()
    for n in range(60):
        bench.memory[:] = np.frombuffer(rng.randbytes(DEVICE), np.uint8)
        bench.stall = rng.choice((0.0, 0.5))
        command = random_command(rng, n % 16 + 1)
        before, complete = bench.memory.copy(), bench.memory.copy()
        draw(complete, command)
        end = await bench.run(command, abort_after=rng.choice((1, 2, 5, 10, 20, 40)))
        causes.add(end.cause)
        places = command.target.box_addresses(command.box).ravel()
        expected = before
        expected[places[: end.bytes]] = complete[places[: end.bytes]]
        assert np.array_equal(bench.memory, expected), command
        assert (end.bytes == command.box.bytes) == (end.cause is Cause.NONE), (command, end)
    assert causes == {Cause.NONE, Cause.ABORTED}


@cocotb.test()
async def an_abort_stops_soon(dut: Any) -> None:
    """After abort_i at most the word that already waits at the memory is written."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bench = Bench(dut, rng)
    await bench.start()
    surface = Surface(0, 640, 60, 1, Layout.Y_TILED)
    for source in (None, Surface(PAGE * 64, 640, 60, 1, Layout.MORTON)):
        for after in range(9, 30):
            end = await bench.run(Command(surface, Box(3, 1, 600, 50), b"\x11", source, 1, 2), abort_after=after)
            assert end.cause is Cause.ABORTED
            assert end.writes <= after + 1
            assert end.cycles <= after + 8


@cocotb.test()
async def words_move_one_a_cycle(dut: Any) -> None:
    """FILL writes a word a cycle; COPY nearly so within rows, aligned or not."""
    bench = Bench(dut, random.Random(cocotb.RANDOM_SEED))
    await bench.start()
    for layout, x, source_x in zip(Layout, (0, 3, 0, 64), (0, 0, 5, 69), strict=True):
        surface = Surface(0, 1024, 60, 1, layout)
        other = Surface(PAGE * 64, 1024, 60, 1, layout)
        box = Box(x, 0, 950, ROWS)
        words = ROWS * ((x + 949) // bench.lanes - x // bench.lanes + 1)
        fill = await bench.run(Command(surface, box, b"\x5a"))
        assert fill.writes == words
        assert fill.cycles <= words + 12
        copy = await bench.run(Command(surface, box, source=other, source_x=source_x, source_y=3))
        assert copy.writes == words
        assert copy.cycles <= words + ROWS + 8


@cocotb.test()
async def a_fill_begins_before_its_pixels_repeat(dut: Any) -> None:
    """Every pixel size: the words up to the first repetition come a word's bytes apart, those after it one a cycle."""
    bench = Bench(dut, random.Random(cocotb.RANDOM_SEED))
    await bench.start()
    slow = 0
    for pixel in range(1, 17):
        surface = Surface(0, 4096 // pixel, 8, pixel, Layout.LINEAR)
        pattern = bench.rng.randbytes(pixel)
        few = await bench.run(Command(surface, Box(0, 0, pixel, 1), pattern))
        assert few.cycles <= 2 * bench.lanes + 7, pixel  # a pixel lies in two words at most
        command = Command(surface, Box(pixel, 1, surface.row_bytes - pixel, 7), pattern)
        expected = bench.memory.copy()
        draw(expected, command)
        many = await bench.run(command)
        assert np.array_equal(bench.memory, expected)
        repeat = bench.lanes * pixel // math.gcd(bench.lanes, pixel)
        limit = many.writes + (8 if 8 % pixel == 0 else repeat) + 7
        assert many.cycles <= limit, pixel
        slow += many.cycles > many.writes + 12
    assert slow > 8
