"""The clairvoyant bound against all schedules of small traces; broken bounds, too low and too high, are caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import models.optimum
from models.layout import Layout
from models.memory import PAGE
from models.optimum import (
    Access,
    Moves,
    Newest,
    Optimum,
    Touch,
    Window,
    accesses,
    bytes_in_pages,
    cheapest,
    optimum,
    solve,
    stab,
)
from models.surface import Box
from models.transfer import pages_of_box
from models.workload.trace import Compose, Copy, Fill, Frame, Load, Store, Think, Trace
from tests.models.every_schedule import PIXEL, ROW, WIDTH, by_force, bytes_of, figures, sizes_of, traces


@settings(max_examples=150, deadline=None)
@given(traces())
def test_no_schedule_is_cheaper_and_one_is_as_cheap(trace: Trace) -> None:
    """Bytes each way, requests of each kind and zapped entries are those of the best of all schedules."""
    assert figures(optimum(trace)) == by_force(trace)


# ---------------------------------------------------------------------------------------------------- twins


def renamed(change: dict[Touch, Touch]) -> Callable[[Trace], Optimum]:
    """A bound that takes one kind of touch for another."""

    def broken(trace: Trace) -> Optimum:
        pages = [[replace(one, touch=change.get(one.touch, one.touch)) for one in page] for page in accesses(trace)]
        return solve(sizes_of(trace), pages)

    return broken


def whole_last_page(trace: Trace) -> Optimum:
    """Counts the tail that is nobody's."""
    return solve([PAGE for _ in sizes_of(trace)], accesses(trace))


def one_page_off(by: int) -> Callable[[Trace], Optimum]:
    """A bound that is a page too high or too low, wherever there is one to take away."""

    def broken(trace: Trace) -> Optimum:
        right = optimum(trace)
        return replace(right, readback_bytes=max(0, right.readback_bytes + by * PAGE))

    return broken


def patched(name: str, other: Any) -> Callable[[Trace], Optimum]:
    """A bound one part of which is another."""

    def broken(trace: Trace) -> Optimum:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(models.optimum, name, other)
            return optimum(trace)

    return broken


def eager(touches: list[Touch]) -> list[Newest | None]:
    """Brings back and writes back at the next touch of any kind."""
    state, moves = Newest.BOTH, list[Newest | None]()
    for touch in touches:
        moves.append(None if state is Newest.BOTH else state)
        state = touch.leaves or Newest.BOTH
    return moves


def each_for_itself(windows: list[Window]) -> dict[int, list[int]]:
    """Moves each page when it is needed."""
    points: dict[int, list[int]] = {}
    for window in windows:
        points.setdefault(window.last, []).append(window.page)
    return points


def all_at_once(windows: list[Window]) -> dict[int, list[int]]:
    """Moves all pages at the first need, drawn or not."""
    first = min((window.last for window in windows), default=0)
    return {first: [window.page for window in windows]} if windows else {}


def zap_all(history: tuple[Access, ...]) -> list[tuple[int, str]]:
    """Zaps what is there, whether it is used again or not."""
    gone: list[tuple[int, str]] = []
    there: set[str] = set()
    for one in history:
        if one.process:
            there.add(one.process)
        elif one.touch.leaves:
            gone += [(one.index, name) for name in there]
            there.clear()
    return gone


BROKEN: dict[str, Callable[[Trace], Optimum]] = {
    "a partial store taken for whole": renamed({Touch.STORE: Touch.OVERWRITE}),
    "a whole store taken for partial": renamed({Touch.OVERWRITE: Touch.STORE}),
    "a partial drawing taken for whole": renamed({Touch.DRAW: Touch.REDRAW}),
    "a whole drawing taken for partial": renamed({Touch.REDRAW: Touch.DRAW}),
    "a store that leaves both copies right": renamed({Touch.STORE: Touch.LOAD}),
    "a device read that is forgotten": renamed({Touch.READ: Touch.LOAD}),
    "the tail of the last page counted": whole_last_page,
    "a page too high": one_page_off(1),
    "a page too low": one_page_off(-1),
    "moves that nobody needs": patched("cheapest", eager),
    "a request for each need": patched("stab", each_for_itself),
    "one request for all": patched("stab", all_at_once),
    "zaps of entries that are not used again": patched("_zaps", zap_all),
    "no zaps": patched("_zaps", lambda history: []),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bound_that_is_too_low_or_too_high_is_caught(name: str) -> None:
    small = find(
        traces(),
        lambda trace: figures(BROKEN[name](trace)) != by_force(trace),
        settings=settings(max_examples=400, deadline=None, database=None, phases=[Phase.generate]),
        random=Random(1),
    )
    assert small.actions


# -------------------------------------------------------------------------------------------------- by hand


def test_a_copy_reads_before_it_writes_and_a_whole_page_is_known() -> None:
    trace = Trace("t", WIDTH, 5, PIXEL, Layout.Y_TILED, (
        Store("a", Box(0, 0, ROW, 3)), Copy(Box(0, 1, ROW, 1), 0, 0), Fill(Box(0, 4, ROW, 1)), Frame(), Think(1),
    ))  # fmt: skip
    assert accesses(trace) == [
        (Access(0, Touch.OVERWRITE, "a"), Access(1, Touch.READ), Access(1, Touch.DRAW)),
        (Access(0, Touch.STORE, "a"),),
        (Access(2, Touch.REDRAW),),
    ]
    assert optimum(trace) == Optimum(0, PAGE, 0, 1, 0, {1: Moves(writeback=(0,))})


def test_a_schedule_says_what_moves_before_which_action() -> None:
    """Pages that are needed one after the other come back in one request; the overwritten one does not."""
    one, two, three = (Box(0, y, ROW // 2, 1) for y in (0, 2, 4))
    trace = Trace("t", WIDTH, 6, PIXEL, Layout.LINEAR, (
        Load("a", Box(0, 0, ROW, 6)), Fill(Box(0, 0, ROW, 6)), Load("a", one), Store("b", two), Load("a", two),
        Store("a", Box(0, 4, ROW, 2)), Compose(Box(0, 0, ROW, 6)), Fill(three),
    ))  # fmt: skip
    assert optimum(trace) == Optimum(
        2 * PAGE, 2 * PAGE, 1, 1, 3,
        {1: Moves(zap=((0, "a"), (1, "a"), (2, "a"))), 2: Moves(readback=(0, 1)), 6: Moves(writeback=(1, 2))},
    )  # fmt: skip


def test_windows_are_met_by_the_fewest_points() -> None:
    windows = [Window(0, 9, 1), Window(1, 3, 2), Window(3, 5, 3), Window(4, 8, 4), Window(9, 9, 5)]
    assert stab(windows) == {3: [2, 3], 8: [1, 4], 9: [5]}
    assert stab([]) == {}
    assert cheapest([]) == []


def boxes_with_surfaces() -> Iterator[tuple[Trace, Box]]:
    """Boxes of odd extents on surfaces whose rows are shorter and longer than pages."""
    random = Random(3)
    for width in (37, 512, 1024, 3000):
        trace = Trace("t", width, 9, 4, Layout.LINEAR, ())
        for _ in range(40):
            x, y = random.randrange(width), random.randrange(9)
            columns = random.choice((width - x, random.randint(1, width - x)))
            yield trace, Box(4 * x, y, 4 * columns, random.randint(1, 9 - y))


def test_bytes_in_pages_are_counted_as_by_hand() -> None:
    for trace, box in boxes_with_surfaces():
        pages = np.fromiter((offset // PAGE for offset in bytes_of(trace, box)), np.int64)
        counts = bytes_in_pages(trace.surface, box)
        assert np.array_equal(counts, np.bincount(pages, minlength=len(sizes_of(trace))))
        assert np.flatnonzero(counts).tolist() == pages_of_box(trace.surface, box)
