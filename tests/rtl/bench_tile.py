"""The hardware's tiling rule against models.surface: the two places where the rule stands must agree on every byte.

Runs inside the simulator; tests/rtl/test_tile.py starts it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.triggers import Timer

from models.layout import Layout
from models.memory import PAGE
from models.surface import Surface

TOP = "tile_row"
PARAMETERS = {"DATA_W": 64}
_TILE = {Layout.LINEAR: 64, Layout.X_TILED: 512, Layout.Y_TILED: 128, Layout.MORTON: 256}
"""Bytes side by side that columns counts."""
RANDOM_SURFACES = 40
RANDOM_POINTS = 40


def entry(surface: Surface, *, valid: bool = True) -> int:
    """The surface as csr's lookup gives it."""
    return (
        -(-surface.row_bytes // _TILE[surface.layout]) << 64
        | int(valid) << 63
        | int(surface.layout) << 61
        | surface.bytes_per_pixel << 56
        | surface.height << 40
        | surface.row_bytes << 20
        | surface.base // PAGE
    )


def corners(surface: Surface) -> Iterator[tuple[int, int]]:
    """The bytes at and around every edge where a layout changes its mind."""
    columns = {0, 63, 64, 127, 128, 255, 256, 511, 512, surface.row_bytes - 1}
    rows = {0, 1, 7, 8, 15, 16, 31, 32, 33, surface.height - 1}
    for y in sorted(row for row in rows if row < surface.height):
        for x in sorted(column for column in columns if column < surface.row_bytes):
            yield x, y


async def clock(dut: Any, *, load: int = 0, step: int = 0) -> None:
    """One edge with these two."""
    dut.load_i.value, dut.step_i.value = load, step
    for level in (0, 1):
        dut.clk_i.value = level
        await Timer(1, "ns")


async def lookup(dut: Any, x: int, y: int) -> int:
    """The device address that the hardware gives: of what was on the inputs when it took it."""
    dut.x_i.value, dut.y_i.value = x, y
    await clock(dut, load=1)
    dut.x_i.value, dut.y_i.value = ~x & 0xFFFFFF, ~y & 0xFFFF
    await clock(dut)
    return int(dut.address_o.value)


@cocotb.test()
async def every_layout_and_pixel_size_agrees_with_the_model(dut: Any) -> None:
    """Corners and random points of random surfaces, every layout with every pixel size."""
    rng = random.Random(cocotb.RANDOM_SEED)
    checked = 0
    for layout in Layout:
        for bytes_per_pixel in range(1, 17):
            width, height = rng.randint(1, 600), rng.randint(1, 200)
            surface = Surface(rng.randrange(1 << 18) * PAGE, width, height, bytes_per_pixel, layout)
            dut.surface_i.value = entry(surface)
            points = list(corners(surface)) + [
                (rng.randrange(surface.row_bytes), rng.randrange(height)) for _ in range(RANDOM_POINTS)
            ]
            for x, y in points:
                assert await lookup(dut, x, y) == surface.tile(x, y), (surface, x, y)
                checked += 1
    assert checked > 64 * RANDOM_POINTS


@cocotb.test()
async def a_linear_row_without_padding_goes_on_into_the_rows_behind(dut: Any) -> None:
    """Where rows lie end to end, x may run on: byte k * row_bytes + x of row y is byte x of row y + k."""
    rng = random.Random(cocotb.RANDOM_SEED)
    for units in (1, 2, 7, rng.randint(8, 500)):
        surface = Surface(rng.randrange(1 << 18) * PAGE, 64 * units, 3000, 1, Layout.LINEAR)
        dut.surface_i.value = entry(surface)
        for _ in range(RANDOM_POINTS):
            y, rows = rng.randrange(100), rng.randrange(min(2900, (1 << 24) // surface.row_bytes - 1))
            x = rng.randrange(surface.row_bytes)
            assert await lookup(dut, rows * surface.row_bytes + x, y) == surface.tile(x, y + rows)


@cocotb.test()
async def the_largest_surfaces_agree_or_are_beyond(dut: Any) -> None:
    """Up to 65535 x 65535 pixels of 16 bytes: past 4 GiB bit 31 is set, so that the address does not wrap."""
    rng = random.Random(cocotb.RANDOM_SEED)
    beyond = inside = 0
    for _ in range(RANDOM_SURFACES):
        surface = Surface(
            rng.randrange(1 << 20) * PAGE,
            rng.choice((65535, rng.randint(1, 65535))),
            rng.choice((65535, rng.randint(1, 65535))),
            rng.randint(1, 16),
            rng.choice(list(Layout)),
        )
        dut.surface_i.value = entry(surface)
        points = [(rng.randrange(surface.row_bytes), rng.randrange(surface.height)) for _ in range(RANDOM_POINTS)]
        for x, y in [(0, 0), (surface.row_bytes - 1, surface.height - 1), *points]:
            expected = surface.tile(x, y)
            got = await lookup(dut, x, y)
            if expected >= 1 << 32:
                beyond += 1
                assert got >> 31, (surface, x, y)
            else:
                inside += 1
                assert got == expected, (surface, x, y)
    assert beyond
    assert inside


@cocotb.test()
async def no_two_bytes_of_a_surface_share_an_address(dut: Any) -> None:
    """Each 64-byte unit of a surface has a place of its own, inside the memory that the model says it occupies."""
    for layout in Layout:
        surface = Surface(PAGE * 5, 231, 37, 3, layout)
        dut.surface_i.value = entry(surface)
        seen = set()
        for y in range(surface.height):
            for x in range(0, surface.row_bytes, 64):
                seen.add(await lookup(dut, x, y))
        assert len(seen) == surface.height * -(-surface.row_bytes // 64)
        assert min(seen) >= surface.base
        assert max(seen) < surface.base + surface.size


@cocotb.test()
async def stepping_along_a_row_agrees_with_the_model(dut: Any) -> None:
    """From any word of a row to its end, word by word, with pauses; on every layout, rows of several tiles."""
    rng = random.Random(cocotb.RANDOM_SEED)
    lanes = int(dut.DATA_W.value) // 8
    for layout in Layout:
        for _ in range(RANDOM_SURFACES // 4):
            surface = Surface(rng.randrange(1 << 18) * PAGE, rng.randint(1, 3000), 70, rng.randint(1, 4), layout)
            dut.surface_i.value = entry(surface)
            y, first = rng.randrange(surface.height), rng.randrange(surface.row_bytes) // lanes * lanes
            assert await lookup(dut, first, y) == surface.tile(first, y)
            for x in range(first + lanes, surface.row_bytes, lanes):
                await clock(dut, step=1)
                if not rng.randrange(8):
                    await clock(dut)
                assert int(dut.address_o.value) == surface.tile(x, y), (surface, x, y)
