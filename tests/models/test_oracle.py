"""The oracle itself: it allows what the promise allows, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from models.driver import CopyBox, FillBox
from models.fence import Fence
from models.layout import Layout
from models.oracle import Oracle, Violation
from models.surface import Box, Surface
from tests.models.world import make_world, noise

FILL = FillBox(Box(4, 1, 8, 2), bytes((9, 9, 9, 9)))


@pytest.fixture
def oracle() -> Oracle:
    return Oracle(Surface(0, 16, 8, 4, Layout.LINEAR))


def array(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(values, np.uint8)


def test_a_read_returns_the_last_store(oracle: Oracle) -> None:
    oracle.stored(10, array(1, 2, 3))
    oracle.stored(11, array(7))
    oracle.loaded("r", 9, array(0, 1, 7, 3, 0))
    assert not oracle.violations and oracle.reads == 5
    oracle.loaded("r", 10, array(1, 2, 3))
    assert oracle.violations == [Violation("lost write", "r", 11, frozenset({7}), 2, 1)]


def test_a_stale_read_names_address_expected_and_got(oracle: Oracle) -> None:
    oracle.draw_ends(oracle.draw_begins([FILL]))
    oracle.loaded("r", 64, np.zeros(64, np.uint8))
    assert oracle.violations == [Violation("stale read", "r", 68, frozenset({9}), 0, 8)]


def test_while_a_draw_is_called_both_values_are_allowed_and_afterwards_only_the_new(oracle: Oracle) -> None:
    token = oracle.draw_begins([FILL])
    assert oracle.expected(68) == {0, 9}
    oracle.draw_ends(token)
    assert oracle.expected(68) == {9}


def test_a_store_in_a_draws_window_may_come_before_or_after_it(oracle: Oracle) -> None:
    token = oracle.draw_begins([FILL, CopyBox(Box(32, 0, 8, 2), 0, 0)])
    oracle.stored(68, array(5))
    oracle.stored(0, array(6))
    oracle.draw_ends(token)
    assert oracle.expected(68) == {5, 9}
    assert oracle.expected(0) == {6}
    assert oracle.expected(32) == {0, 6}
    oracle.stored(68, array(4))
    assert oracle.expected(68) == {4}


@pytest.mark.parametrize("snapshot", [True, False])
def test_copies_of_a_copy_under_way_may_show_a_later_store_where_the_strategy_allows_it(snapshot: bool) -> None:
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), snapshot=snapshot)
    fences = [Fence(1, value) for value in (1, 2, 3)]
    for fence, (x, source) in zip(fences, ((8, 0), (16, 8), (24, 16)), strict=True):
        oracle.draw_ends(oracle.draw_begins([CopyBox(Box(x, 0, 8, 1), source, 0)]), fence)
    oracle.stored(0, array(5))
    for x in (8, 16, 24):
        assert oracle.expected(x) == ({0} if snapshot else {0, 5}), x
    for fence in fences:
        fence.finish()
    oracle.stored(0, array(6))
    for x in (8, 16, 24):
        assert 6 not in oracle.expected(x), "they are over"


def test_bytes_past_the_end_of_the_view_are_nobodys(oracle: Oracle) -> None:
    oracle.stored(510, array(1, 2, 3, 4))
    oracle.loaded("r", 510, array(1, 2, 77, 78))
    oracle.stored(520, array(5, 6))
    oracle.loaded("r", 520, array(7, 8))
    assert not oracle.violations and oracle.reads == 2


def test_a_wrong_scanout_is_seen() -> None:
    world = make_world()
    world.run(world.writer.paint(world.mine, noise(1, 40, 640)))
    world.run(world.driver.device_read(world.buffer))
    world.device.memory[world.buffer.surface.tile(77, 5)] ^= 1
    world.oracle.seen("display", world.scanout())
    (violation,) = world.oracle.violations
    assert (violation.kind, violation.address, violation.count) == ("lost write", 5 * 640 + 77, 1)
