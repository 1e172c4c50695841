"""The clairvoyant bound against brute force: all schedules of small random traces are tried, with rules told anew here.

The trying knows no states: it numbers the versions of each page and carries a version with each copy. Broken bounds,
too low and too high, are caught by the same comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

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
from models.workload.trace import Action, Compose, Copy, Fill, Frame, Load, Show, Store, Think, Trace, Wait

WIDTH, PIXEL = 512, 4
ROW = WIDTH * PIXEL
"""Bytes of a row: half a page, so that a page is two rows and the last one may be half as long."""

# ------------------------------------------------------------------------------------------------ brute force


@dataclass(frozen=True)
class Wants:
    """What an action wants of the pages: host copies and device copies that are the newest, and what it makes new."""

    process: str
    host: frozenset[int]
    device: frozenset[int]
    stored: frozenset[int]
    drawn: frozenset[int]


def bytes_of(trace: Trace, box: Box) -> set[int]:
    """Return the offsets of a box's bytes in the linear view."""
    return {
        y * trace.surface.row_bytes + x
        for y in range(box.y, box.y + box.height)
        for x in range(box.x, box.x + box.width)
    }


def wants(trace: Trace, action: Action) -> Wants:
    """Return what an action wants, told byte by byte."""

    def pages(box: Box) -> tuple[frozenset[int], frozenset[int]]:
        inside = bytes_of(trace, box)
        size = trace.surface.linear_size
        touched = frozenset(offset // PAGE for offset in inside)
        whole = {one for one in touched if inside.issuperset(range(one * PAGE, min(size, (one + 1) * PAGE)))}
        return touched, touched - whole

    none: frozenset[int] = frozenset()
    match action:
        case Load(process, box) | Show(process, box, True):
            return Wants(process, pages(box)[0], none, none, none)
        case Store(process, box):
            touched, part = pages(box)
            return Wants(process, part, none, touched, none)
        case Compose(box) | Show(_, box, False):
            return Wants("", none, pages(box)[0], none, none)
        case Copy(box):
            touched, part = pages(box)
            return Wants("", none, part | pages(action.source)[0], none, touched)
        case Fill(box):
            touched, part = pages(box)
            return Wants("", none, part, none, touched)
    return Wants("", none, none, none, none)


def sizes_of(trace: Trace) -> list[int]:
    """Return the bytes of each page."""
    size = trace.surface.linear_size
    return [min(PAGE, size - start) for start in range(0, size, PAGE)]


def fewest_moves(trace: Trace) -> tuple[int, int, int, int]:
    """Try every set of readbacks and writebacks before every action; return the cheapest.

    (bytes back and out, readback requests, writeback requests): the fewest requests among those of the fewest bytes.
    A schedule is given up where its bytes exceed those of a complete one.
    """
    sizes = sizes_of(trace)
    plan = [wants(trace, action) for action in trace.actions]
    options = list(product((0, 1, 2), repeat=len(sizes)))
    best: list[tuple[int, int, int, int]] = []

    def go(index: int, newest: tuple[int, ...], host: tuple[int, ...], device: tuple[int, ...], *cost: int) -> None:
        if best and sum(cost[:2]) > sum(best[0][:2]):
            return
        if index == len(plan):
            found = (cost[0], cost[1], cost[2], cost[3])
            if not best or sum(found[:2]) < sum(best[0][:2]):
                best[:] = [found]
            elif found not in best:
                best.append(found)
            return
        want = plan[index]
        for option in options:
            back = [page for page, move in enumerate(option) if move == 1]
            out = [page for page, move in enumerate(option) if move == 2]
            mine = [device[page] if page in back else version for page, version in enumerate(host)]
            its = [host[page] if page in out else version for page, version in enumerate(device)]
            if any(mine[page] != newest[page] for page in want.host):
                continue
            if any(its[page] != newest[page] for page in want.device):
                continue
            now = list(newest)
            for page in want.stored:
                now[page] = mine[page] = newest[page] + 1
            for page in want.drawn:
                now[page] = its[page] = newest[page] + 1
            go(
                index + 1, tuple(now), tuple(mine), tuple(its),
                cost[0] + sum(sizes[page] for page in back), cost[1] + sum(sizes[page] for page in out),
                cost[2] + bool(back), cost[3] + bool(out),
            )  # fmt: skip

    zeros = (0,) * len(sizes)
    go(0, zeros, zeros, zeros, 0, 0, 0, 0)
    cheap = (min(one[2] for one in best), min(one[3] for one in best))
    together = [one for one in best if one[2:] == cheap]
    assert together, "the fewest requests of both kinds go together"
    assert len({one[:2] for one in best}) == 1, "and every cheapest schedule moves the same bytes each way"
    return together[0]


def fewest_zaps(trace: Trace) -> int:
    """Try for every entry whether to zap it, to insert it or to leave it before every action."""
    plan = [wants(trace, action) for action in trace.actions]
    total = 0
    for page, name in product(range(len(sizes_of(trace))), sorted({want.process for want in plan} - {""})):
        uses = [index for index, want in enumerate(plan) if want.process == name and page in want.host | want.stored]
        counts = []
        for choices in product("-iz", repeat=len(plan)):
            there, zapped = False, 0
            for index, choice in enumerate(choices):
                zapped += there and choice == "z"
                there = (there or choice == "i") and choice != "z"
                if page in plan[index].drawn and there and any(use > index for use in uses):
                    break
                there = there or index in uses
            else:
                counts.append(zapped)
        total += min(counts)
    return total


def by_force(trace: Trace) -> tuple[int, ...]:
    """Return what brute force finds, as `figures` of the bound."""
    return (*fewest_moves(trace), fewest_zaps(trace))


def figures(bound: Optimum) -> tuple[int, ...]:
    """Return what is compared."""
    return bound.readback_bytes, bound.writeback_bytes, bound.batches, bound.uploads, bound.zaps


@st.composite
def traces(draw: Any) -> Trace:
    """Small traces: up to 3 pages, the last one whole or half, up to 6 actions, by two processes."""
    rows = draw(st.integers(1, 6))
    count = draw(st.integers(1, 6 if rows < 5 else 4))

    def box() -> Box:
        x = draw(st.sampled_from((0, 0, 256)))
        width = ROW if draw(st.booleans()) and not x else ROW // 2
        y = draw(st.integers(0, rows - 1))
        return Box(x * PIXEL, y, width, draw(st.integers(1, rows - y)))

    def action() -> Action:
        kind = draw(st.sampled_from((Load, Store, Store, Fill, Fill, Copy, Compose, Show, Wait)))
        if kind is Wait:
            return Wait()
        place, name = box(), draw(st.sampled_from("ab"))
        if kind is Copy:
            source = box()
            source = Box(source.x, source.y, min(source.width, place.width), min(source.height, place.height))
            place = Box(place.x, place.y, source.width, source.height)
            return Fill(place) if place.overlaps(source) else Copy(place, source.x, source.y)
        if kind in (Load, Store):
            return kind(name, place)
        return Show(name, place, draw(st.booleans())) if kind is Show else kind(place)

    return Trace("small", WIDTH, rows, PIXEL, Layout.LINEAR, tuple(action() for _ in range(count)))


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
