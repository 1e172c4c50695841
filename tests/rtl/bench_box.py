"""Boxes against a generator in Python: every burst with its place on both sides, stalls, and boxes cut short.

Runs inside the simulator; tests/rtl/test_box.py starts it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cocotb

from tests.rtl.bench_burst import limit
from tests.rtl.harness import Bench, Held

TOP = "box"
PARAMETERS = {"DATA_W": 64}
SERIALS = 256


@dataclass(frozen=True)
class HostBox:
    """A box with its host side, as a descriptor has it."""

    x: int
    y: int
    width: int
    height: int
    offset: int
    stride: int
    surface: int = 0
    object: int = 0


@dataclass(frozen=True)
class Burst:
    """A burst of a box: where it lies on either side, and whether it is the last."""

    offset: int
    x: int
    y: int
    bytes: int
    last: bool


def bursts(box: HostBox, lanes: int) -> Iterator[Burst]:
    """The bursts of a box in order, offsets without a limit of 32 bits."""
    for row in range(box.height):
        done = 0
        while done < box.width:
            offset = box.offset + row * box.stride + done
            count = min(box.width - done, limit(lanes) - offset % limit(lanes))
            last = row == box.height - 1 and done + count == box.width
            yield Burst(offset, box.x + done, box.y + row, count, last)
            done += count


def random_box(rng: random.Random) -> HostBox:
    """Small and large boxes; now and then one whose offsets pass 2^32."""
    width = rng.choice((1, rng.randint(1, 80), rng.randint(1, 9000)))
    height = rng.choice((1, rng.randint(1, 6)))
    offset, stride = rng.getrandbits(32), rng.choice((width, rng.randint(0, 20000), rng.getrandbits(32)))
    if rng.random() < 0.2:
        offset = (1 << 32) - rng.randint(1, 9000)
    if rng.random() < 0.1:
        width, height = rng.randint(1 << 19, 1 << 22), 1
    x, y = rng.randint(0, max(0, (1 << 20) - width - 1)), rng.randint(0, (1 << 16) - height)
    return HostBox(x, y, width, height, offset, stride, rng.randrange(16), rng.randrange(16))


class Walk(Bench):
    """Gives boxes and checks their bursts."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.lanes = int(dut.DATA_W.value) // 8
        self.serial = 0

    def offer(self, box: HostBox) -> None:
        """From now on this box is on offer."""
        for name in ("x", "y", "width", "height", "offset", "stride", "surface", "object"):
            getattr(self.dut, f"cmd_{name}_i").value = getattr(box, name)
        self.dut.cmd_soon_i.value = 1

    async def give(self, box: HostBox) -> None:
        """Have one box loaded, after others that are taken back; the walk is idle and loads it at once."""
        dut = self.dut
        dut.ready_i.value = int(self.chance())
        for passed_over in [random_box(self.rng) for _ in range(self.rng.choice((0, 0, 1, 2)))]:
            self.offer(passed_over)
            await self.settle()
            assert dut.valid_o.value == 0
            await self.edge()
        if self.rng.random() < 0.3:
            dut.cmd_soon_i.value = 0
            await self.edge()
            await self.settle()
            assert dut.cmd_ready_o.value == 0, "what is not on offer any more is not kept"
        self.offer(box)
        await self.settle()
        assert dut.valid_o.value == 0
        await self.edge()

    async def follow(
        self, box: HostBox, kill_at: int | None = None, behind: HostBox | None = None, *, straight: bool = False
    ) -> tuple[int, int]:
        """Start a loaded box and check its bursts; kill_at: burst at which it is cut short. Returns (bursts, cycles).

        behind: on offer from the cycle after the start on. straight: the first burst is taken with the start.
        """
        dut, start, seen = self.dut, self.cycle, 0
        held = Held("burst")
        for number, burst in enumerate(bursts(box, self.lanes)):
            killed = number == kill_at
            dut.kill_i.value = int(killed)
            dut.kill_serial_i.value = self.serial
            while True:
                starts = self.cycle == start
                ready = (straight and starts) or self.chance()
                dut.ready_i.value = int(ready)
                dut.cmd_valid_i.value = int(starts)
                await self.settle()
                assert dut.valid_o.value == 1 and bool(dut.cmd_ready_o.value) == starts
                got = Burst(
                    int(dut.offset_o.value), int(dut.x_o.value), int(dut.y_o.value), int(dut.bytes_o.value),
                    bool(dut.last_o.value),
                )  # fmt: skip
                wanted = Burst(burst.offset % (1 << 32), burst.x, burst.y, burst.bytes, burst.last or killed)
                assert got == wanted, (box, number)
                assert bool(dut.beyond_o.value) == (burst.offset >= 1 << 32), (box, number)
                words = (burst.offset % 4096 % self.lanes + burst.bytes - 1) // self.lanes
                assert int(dut.len_o.value) == words
                assert (int(dut.surface_o.value), int(dut.object_o.value)) == (box.surface, box.object)
                assert int(dut.serial_o.value) == self.serial
                taken = held.check(True, ready, got)
                await self.edge()
                if starts:
                    dut.cmd_valid_i.value = dut.cmd_soon_i.value = 0
                    if behind:
                        self.offer(behind)
                if taken:
                    break
            seen += 1
            if killed:
                break
        dut.kill_i.value = 0
        self.serial = (self.serial + 1) % SERIALS
        return seen, self.cycle - start


@cocotb.test()
async def a_box_becomes_the_bursts_of_its_rows(dut: Any) -> None:
    """Random boxes with random stalls; serial numbers count up and wrap."""
    bench = Walk(dut)
    await bench.start()
    for n in range(300):
        bench.stall = (0.0, 0.5)[n % 2]
        box = random_box(bench.rng)
        await bench.give(box)
        await bench.follow(box)
    assert bench.serial == 300 % SERIALS


@cocotb.test()
async def a_burst_a_cycle_and_none_between_boxes(dut: Any) -> None:
    """The first burst shows in the cycle of the command, and a box on offer is loaded with the last burst ahead."""
    bench = Walk(dut)
    await bench.start()
    boxes = [random_box(bench.rng) for _ in range(80)]
    many = [box for box in boxes if sum(1 for _ in bursts(box, bench.lanes)) > 1]
    await bench.give(many[0])
    for box, behind in zip(many, many[1:], strict=False):
        seen, cycles = await bench.follow(box, behind=behind)
        assert cycles == seen > 1
    assert len(many) > 20


@cocotb.test()
async def a_box_of_one_burst_is_over_with_its_command(dut: Any) -> None:
    """It starts and ends in one cycle; the next must be on offer for a cycle before it is loaded."""
    bench = Walk(dut)
    await bench.start()
    for n in range(20):
        box = HostBox(n, n, n + 1, 1, n << 12, 0)
        await bench.give(box)
        assert await bench.follow(box, straight=True) == (1, 1)
        await bench.settle()
        assert dut.valid_o.value == 0 and dut.cmd_ready_o.value == 0


@cocotb.test()
async def a_killed_box_ends_with_the_burst_on_offer(dut: Any) -> None:
    """Whichever burst it is; the next box starts whole. A kill for another number does nothing."""
    bench = Walk(dut)
    await bench.start()
    for _ in range(120):
        bench.stall = bench.rng.choice((0.0, 0.4))
        box = random_box(bench.rng)
        total = sum(1 for _ in bursts(box, bench.lanes))
        kill = bench.rng.randrange(total)
        await bench.give(box)
        assert (await bench.follow(box, kill))[0] == kill + 1
        other = random_box(bench.rng)
        await bench.give(other)
        dut.kill_i.value = 1
        dut.kill_serial_i.value = (bench.serial - 1) % SERIALS
        await bench.settle()
        single = sum(1 for _ in bursts(other, bench.lanes)) == 1
        assert bool(dut.last_o.value) == single
        await bench.follow(other)
