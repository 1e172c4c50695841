"""Layouts: every byte has its own place, the inverse finds it again, and arrays agree with the written rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import DriverError
from models.layout import Layout
from models.memory import PAGE
from models.surface import Box, DeviceAllocator, Surface
from tests.models.world import noise


def rule(surface: Surface, x: int, y: int) -> int:
    """The rule of docs/architecture.md, restated bit by bit."""
    u, low = divmod(x, 64)
    row = surface.width * surface.bytes_per_pixel
    if surface.layout is Layout.LINEAR:
        return surface.base + (y * -(-row // 64) + u) * 64 + low
    if surface.layout is Layout.X_TILED:
        tile, bits = (y // 8) * -(-row // 512) + x // 512, f"{y % 8:03b}{u % 8:03b}"
    elif surface.layout is Layout.Y_TILED:
        tile, bits = (y // 32) * -(-row // 128) + x // 128, f"{u % 2:01b}{y % 32:05b}"
    else:
        (y3, y2, y1, y0), (u1, u0) = f"{y % 16:04b}", f"{u % 4:02b}"
        tile, bits = (y // 16) * -(-row // 256) + x // 256, y3 + y2 + u1 + y1 + u0 + y0
    n = tile * 64 + int(bits, 2)
    n ^= (n >> 2 ^ n >> 4 ^ n >> 6 ^ n >> 8) & 3
    return surface.base + n * 64 + low


surfaces = st.builds(
    Surface,
    base=st.integers(0, 8).map(lambda page: page * PAGE),
    width=st.integers(1, 120),
    height=st.integers(1, 70),
    bytes_per_pixel=st.integers(1, 16),
    layout=st.sampled_from(Layout),
)


@given(surfaces, st.data())
def test_tile_follows_the_written_rule_and_locate_undoes_it(surface: Surface, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, surface.row_bytes - 1))
    y = data.draw(st.integers(0, surface.height - 1))
    assert surface.tile(x, y) == rule(surface, x, y)
    assert surface.locate(surface.tile(x, y)) == (x, y)


@given(surfaces)
@settings(max_examples=40)
def test_no_two_bytes_share_a_place_and_all_lie_inside(surface: Surface) -> None:
    places = surface.box_addresses(surface.box)
    assert np.unique(places).size == surface.linear_size
    assert places.min() >= surface.base
    assert places.max() < surface.base + surface.size


@given(surfaces)
@settings(max_examples=40)
def test_retile_and_detile_are_inverse_and_agree_with_addresses(surface: Surface) -> None:
    image = noise(1, surface.height, surface.row_bytes)
    raw = surface.retile(image)
    assert np.array_equal(surface.detile(raw), image)
    assert np.array_equal(raw[surface.box_addresses(surface.box) - surface.base], image)


def test_tiled_bytes_are_opaque() -> None:
    surface = Surface(0, 256, 64, 4, Layout.MORTON)
    image = noise(2, 64, 1024)
    assert np.count_nonzero(surface.retile(image).reshape(64, 1024) == image) < image.size // 8


@pytest.mark.parametrize("shape", [(1, 1, 1, 4), (0, 0, 1, 4), (0, 1, 70000, 4), (0, 1, 1, 17), (0, 1, 1, 0)])
def test_impossible_surfaces_are_refused(shape: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="surface base|extent|bytes a pixel"):
        Surface(*shape, Layout.LINEAR)


@given(*[st.builds(Box, *[st.integers(0, 6)] * 4)] * 2)
def test_overlap_means_a_common_byte(one: Box, other: Box) -> None:
    def cells(box: Box) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}

    assert one.overlaps(other) == bool(cells(one) & cells(other))


def test_device_memory_is_aligned_disjoint_and_reused() -> None:
    memory = DeviceAllocator(4 * PAGE)
    first, second = memory.allocate(1), memory.allocate(2 * PAGE)
    assert (first, second) == (0, PAGE)
    with pytest.raises(DriverError, match="ENOMEM"):
        memory.allocate(2 * PAGE)
    memory.free(first)
    assert memory.allocate(PAGE) == first
    with pytest.raises(ValueError, match="nothing was allocated"):
        memory.free(3 * PAGE)
