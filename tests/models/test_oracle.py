"""The oracle itself: it allows what the promise allows, and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.driver import CopyBox, FillBox
from models.errors import DeviceError
from models.fence import Fence
from models.layout import Layout
from models.oracle import Oracle, PatchBox, Violation
from models.promise import Promise
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


# ------------------------------------------------------------------------- what was called and did not happen


def test_a_draw_that_was_refused_leaves_nothing_behind(oracle: Oracle) -> None:
    """EBUSY, EINTR: it had no effect, so neither its bytes nor the suspicion of them stay."""
    oracle.stored(68, array(5))
    token = oracle.draw_begins([FILL])
    oracle.stored(69, array(6))
    oracle.cancel(token)
    assert (oracle.expected(68), oracle.expected(70)) == ({5}, {0})
    assert 6 in oracle.expected(69)
    oracle.loaded("r", 68, array(9))
    assert [one.kind for one in oracle.violations] == ["lost write"], "the store is the newest again"
    oracle.draw_ends(oracle.draw_begins([FILL]))
    assert oracle.expected(68) == {9}, "and the next one is as sure as ever"


def test_a_draw_that_was_refused_does_not_hide_what_others_did_meanwhile(oracle: Oracle) -> None:
    token = oracle.draw_begins([FILL])
    oracle.draw_ends(oracle.draw_begins([FillBox(FILL.box, bytes([4] * 4))]))
    oracle.undefined(Box(4, 1, 1, 1))
    oracle.cancel(token)
    assert 4 in oracle.expected(69) and len(oracle.expected(68)) == 256


def test_what_failed_on_the_way_may_have_happened(oracle: Oracle) -> None:
    token = oracle.draw_begins([FILL])
    oracle.abandon(token)
    assert oracle.expected(68) == {0, 9}
    oracle.loaded("r", 68, array(9))
    assert oracle.expected(68) == {9}, "seen once, it is known"


def test_a_bracket_that_was_refused_lets_contention_end() -> None:
    """R11: a drawing that met a bracket which was never opened is as sure as any other."""
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), Promise.BRACKETED)
    begun = oracle.bracket_called("one", write=True)
    oracle.draw_ends(oracle.draw_begins([FILL]))
    oracle.cancel(begun)
    oracle.bracket_ends("one", write=True)
    oracle.bracket_begins(oracle.bracket_called("one", write=True))
    oracle.stored(100, array(3))
    assert oracle.expected(100) == {3}


def test_stores_that_could_not_be_sent_are_still_to_be_sent() -> None:
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), Promise.EXPLICIT)
    oracle.stored(3, array(7))
    oracle.publish_fails(oracle.publish_begins())
    assert oracle.device.at(3) == {0, 7}
    oracle.publish_ends(oracle.publish_begins())
    assert oracle.device.at(3) == {7}


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("last", ["fails", "is abandoned", "is refused"])
def test_when_every_draw_has_failed_what_was_there_before_may_be(
    order: tuple[int, ...], last: str, snapshot: bool
) -> None:
    """R23: one that failed may have drawn nothing, so those before it count, whenever they are known to have failed."""
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), snapshot=snapshot)
    fences = [Fence(0, number) for number in range(3)]
    for fence in fences:
        token = oracle.draw_begins([FillBox(FILL.box, bytes([fence.value + 1] * 4))])
        if fence.value < 2 or last == "fails":
            oracle.draw_ends(token, fence)
        else:
            (oracle.abandon if last == "is abandoned" else oracle.cancel)(token)
    for number in order:
        fences[number].finish(DeviceError("COPY_READ_ERROR"))
        oracle.read_ends(oracle.read_begins(), "r", Box(0, 0, 1, 1), array(0).reshape(1, 1))
    # Without snapshots a draw that has returned may still see what comes later, and be suspected of it.
    assert {0, 1, 2} <= oracle.expected(68) <= {0, 1, 2, 3}
    assert (3 in oracle.expected(68)) == (last != "is refused" or not snapshot)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_draw_that_ends_well_hides_those_that_failed_before_it(oracle: Oracle, order: tuple[int, ...]) -> None:
    fences = [Fence(0, number) for number in range(3)]
    for fence in fences:
        oracle.draw_ends(oracle.draw_begins([FillBox(FILL.box, bytes([fence.value + 1] * 4))]), fence)
    for number in order:
        fences[number].finish(DeviceError("COPY_READ_ERROR") if number < 2 else None)
        oracle.read_ends(oracle.read_begins(), "r", Box(0, 0, 1, 1), array(0).reshape(1, 1))
    assert oracle.expected(68) == {3}


@pytest.mark.parametrize("then", ["ends", "is refused", "is abandoned"])
def test_a_draw_that_is_only_called_hides_nothing_yet(oracle: Oracle, then: str) -> None:
    """One that fails meanwhile may leave what was there before it, until the later one has returned."""
    fence = Fence(0, 1)
    oracle.stored(68, array(7))
    oracle.draw_ends(oracle.draw_begins([FILL]), fence)
    later = oracle.draw_begins([FillBox(FILL.box, bytes([3] * 4))])
    fence.finish(DeviceError("COPY_READ_ERROR"))
    oracle.read_ends(oracle.read_begins(), "r", Box(0, 0, 1, 1), array(0).reshape(1, 1))
    assert oracle.expected(68) == {3, 7, 9}
    if then == "ends":
        oracle.draw_ends(later)
        assert oracle.expected(68) == {3}
    elif then == "is refused":
        oracle.cancel(later)
        assert oracle.expected(68) == {7, 9}
    else:
        oracle.abandon(later)
        assert oracle.expected(68) == {3, 7, 9}


def test_of_a_draw_that_failed_while_it_was_called_each_command_may_have_been_the_last(oracle: Oracle) -> None:
    oracle.abandon(oracle.draw_begins([FILL, FillBox(FILL.box, bytes([3] * 4))]))
    assert oracle.expected(68) == {0, 3, 9}


# ------------------------------------------------------------------------------------- what is known again


def test_of_two_crossing_draws_one_is_there(oracle: Oracle) -> None:
    """Either may be the last; that neither happened is a lost drawing."""
    first = oracle.draw_begins([FILL])
    second = oracle.draw_begins([FillBox(FILL.box, bytes([4] * 4))])
    oracle.stored(70, array(8))
    assert oracle.expected(68) == {0, 4, 9}
    oracle.draw_ends(first)
    oracle.draw_ends(second)
    assert oracle.expected(68) == {4, 9}
    assert oracle.expected(70) == {4, 8, 9}
    oracle.loaded("r", 68, array(4, 4))
    assert oracle.expected(68) == {4} and not oracle.violations


def test_of_two_crossing_draws_the_first_may_copy_what_the_second_drew(oracle: Oracle) -> None:
    """It may come after it, also where both draw."""
    first = oracle.draw_begins([CopyBox(Box(4, 1, 4, 1), 8, 1)])
    second = oracle.draw_begins([PatchBox(Box(4, 1, 8, 1), np.arange(1, 9, dtype=np.uint8).reshape(1, 8))])
    oracle.draw_ends(first)
    oracle.draw_ends(second)
    assert oracle.expected(68) >= {1, 5}
    assert oracle.expected(72) == {5}


@pytest.mark.parametrize("snapshot", [True, False])
def test_what_was_seen_is_known_although_the_device_draws_elsewhere(snapshot: bool) -> None:
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), snapshot=snapshot)
    first = oracle.draw_begins([FILL])
    oracle.stored(68, array(5))
    oracle.draw_ends(first)
    other = oracle.draw_begins([FillBox(Box(0, 5, 8, 1), bytes([1] * 4))])
    oracle.draw_ends(other, Fence(0, 1))
    oracle.loaded("r", 68, array(9))
    assert oracle.expected(68) == {9}


def test_what_was_seen_in_a_bracket_is_known_until_the_next() -> None:
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), Promise.BRACKETED)
    first = oracle.draw_begins([FILL])
    oracle.draw_ends(oracle.draw_begins([FillBox(FILL.box, bytes([4] * 4))]))
    oracle.draw_ends(first)
    oracle.bracket_begins(oracle.bracket_called("one", write=False))
    oracle.loaded("one", 68, array(4))
    assert oracle.expected(68) == {4}
    begun = oracle.bracket_called("two", write=False)
    assert oracle.expected(68) == {4, 9}, "another's begin may be bringing it back"
    oracle.bracket_begins(begun)


def test_what_a_transfer_has_read_is_known() -> None:
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), Promise.EXPLICIT)
    first = oracle.draw_begins([FILL])
    oracle.draw_ends(oracle.draw_begins([FillBox(FILL.box, bytes([4] * 4))]))
    oracle.draw_ends(first)
    assert oracle.device.at(68) == {4, 9}
    oracle.read_ends(oracle.read_begins(), "r", Box(4, 1, 1, 1), array(4).reshape(1, 1))
    assert oracle.device.at(68) == {4}
    late = oracle.read_begins()
    oracle.draw_ends(oracle.draw_begins([FillBox(Box(4, 1, 4, 1), bytes([1] * 4))]))
    oracle.read_ends(late, "r", Box(5, 1, 1, 1), array(9).reshape(1, 1))
    assert oracle.device.at(69) == {1}, "an old byte says nothing of now"


def test_a_draw_that_was_refused_lets_an_earlier_one_go_on() -> None:
    """What the earlier one may still come to is expected on the bytes that the refused one named."""
    oracle = Oracle(Surface(0, 16, 8, 4, Layout.LINEAR), snapshot=False)
    oracle.draw_ends(oracle.draw_begins([CopyBox(Box(4, 1, 8, 1), 0, 5)]), Fence(0, 1))
    refused = oracle.draw_begins([FILL])
    oracle.stored(5 * 64, array(7))
    oracle.cancel(refused)
    assert oracle.expected(68) == {0, 7}
