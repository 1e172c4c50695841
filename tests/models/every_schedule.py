"""Brute force for the clairvoyant bound: every schedule of a small trace is tried, with rules told anew here.

The trying knows no states: it numbers the versions of each page, and each copy has a version. Small random traces to
try them on are here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import strategies as st

from models.layout import Layout
from models.memory import PAGE
from models.optimum import Optimum
from models.surface import Box
from models.workload.trace import Action, Compose, Copy, Fill, Load, Show, Store, Trace, Wait

__all__ = ["PIXEL", "ROW", "WIDTH", "by_force", "bytes_of", "figures", "sizes_of", "traces"]

WIDTH, PIXEL = 512, 4
ROW = WIDTH * PIXEL
"""Bytes of a row: half a page, so that a page is two rows and the last one may be half as long."""


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
