"""The clairvoyant bound: what a driver that knows the whole trace must move and zap at the least, and a way to do so.

*The drivers.* Those that know of each page of the linear view, as a whole, who has its newest bytes: the host, the
device, or both. At first both have (R30). Between any two actions such a driver may bring a page back or write it back;
either makes both copies the newest. A load, or a store to a part of a page, needs the newest bytes in the host's copy
(R31: pages are written back whole); a device read, or a drawing over a part, needs them in the device's. A store or a
drawing over every byte of the page (as far as the buffer goes: the tail of its last page is nobody's) needs nothing.
After a store only the host has the newest bytes, after a drawing only the device. At the end nothing is owed: a
writeback that nobody looks at is not made. Not among them is a driver that moves parts of pages, or lets a load through
to a page that is half old because it knows that the load looks at the other half.

*Bytes.* No rule speaks of two pages and each move is paid by its page, so the cheapest schedule of a buffer is that of
each page by itself, and the sum is exact. For one page the future depends on the past by one of three states alone:
dynamic programming over actions and states is exact too (`cheapest`). Of equal choices it takes the one that moves
later, so that each move stands right before an action that needs it.

*Requests.* Take such a readback: before action `last`, where action `first - 1` was the page's last drawing. Nothing in
between stored to the page, or the host would have had the newest bytes. So every schedule brings the page back at least
once before one of the actions first to last, the cheapest ones exactly once, and any of these places does: in between
only the device reads the page. These windows do not depend on each other, whichever pages they are of, so the fewest
requests are the fewest points that meet every window. Taking windows by their ends, and a new point at the end of each
that has none yet, is optimal: the windows that made a point do not overlap, so each needs one of its own (`stab`). The
same holds for writebacks, between the page's last store and the device's need.

*Zaps.* A driver hears of CPU accesses only by faults, and does not bet on which process comes first: between actions no
process has an entry of a page whose host copy is old, if it will use it. An entry (a page in one process) is there from
the process's access on, until it is zapped. So between two accesses of a process in a row with a drawing on the page
between them, that process's entry goes at least once; elsewhere it can stay, and an entry that is not used again as
well. To zap at the first such drawing is enough. This counts entries one by one; a driver that zaps a page in every
process at once (R7) may pay more where several share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from models.memory import PAGE
from models.surface import Box, Surface
from models.workload.trace import Compose, Copy, Fill, Load, Show, Store, Trace

__all__ = [
    "NOTHING", "Access", "Moves", "Newest", "Optimum", "Touch", "Window", "accesses", "bytes_in_pages", "cheapest",
    "optimum", "solve", "stab",
]  # fmt: skip

Counts = npt.NDArray[np.int64]


class Newest(Enum):
    """Who has the newest bytes of a page."""

    HOST = "host"
    DEVICE = "device"
    BOTH = "both"


class Touch(Enum):
    """What happens to a page: `needs` is whose copy must be the newest before, `leaves` whose alone it is after."""

    LOAD = Newest.HOST, None
    STORE = Newest.HOST, Newest.HOST
    OVERWRITE = None, Newest.HOST
    READ = Newest.DEVICE, None
    DRAW = Newest.DEVICE, Newest.DEVICE
    REDRAW = None, Newest.DEVICE

    def __init__(self, needs: Newest | None, leaves: Newest | None) -> None:
        self.needs = needs
        self.leaves = leaves


@dataclass(frozen=True, slots=True)
class Access:
    """A page is touched by the action of this index; `process` is empty for the device."""

    index: int
    touch: Touch
    process: str = ""


@dataclass(frozen=True, slots=True)
class Moves:
    """What is done right before one action, by page: bring back, write back, and zap as (page, process)."""

    readback: tuple[int, ...] = ()
    writeback: tuple[int, ...] = ()
    zap: tuple[tuple[int, str], ...] = ()


NOTHING = Moves()


@dataclass(frozen=True)
class Optimum:
    """The bound, and a schedule that keeps it: moves by the index of the action that they come before.

    `batches` are the readback requests and `uploads` the writeback requests, each for any number of pages; `zaps`
    counts entries.
    """

    readback_bytes: int
    writeback_bytes: int
    batches: int
    uploads: int
    zaps: int
    schedule: dict[int, Moves]

    @property
    def bytes(self) -> int:
        """Bytes both ways."""
        return self.readback_bytes + self.writeback_bytes


@dataclass(frozen=True, slots=True)
class Window:
    """A page has to be moved right before one of the actions `first` to `last`."""

    first: int
    last: int
    page: int


# ------------------------------------------------------------------------------------------- what a trace does


def optimum(trace: Trace) -> Optimum:
    """Return the bound of a trace."""
    edges = _edges(trace.surface)
    return solve([int(size) for size in np.diff(edges)], accesses(trace))


def accesses(trace: Trace) -> list[tuple[Access, ...]]:
    """Return what happens to each page of the buffer, in order. A copy reads before it writes."""
    surface = trace.surface
    found: list[list[Access]] = [[] for _ in range(len(_edges(surface)) - 1)]

    def touch(index: int, box: Box, part: Touch, whole: Touch, process: str = "") -> None:
        for pages, kind in zip(_touched(surface, box), (part, whole), strict=True):
            access = Access(index, kind, process)
            for page in pages:
                found[page].append(access)

    for index, action in enumerate(trace.actions):
        match action:
            case Load(process, box) | Show(process, box, True):
                touch(index, box, Touch.LOAD, Touch.LOAD, process)
            case Store(process, box):
                touch(index, box, Touch.STORE, Touch.OVERWRITE, process)
            case Compose(box) | Show(_, box, False):
                touch(index, box, Touch.READ, Touch.READ)
            case Copy(box):
                touch(index, action.source, Touch.READ, Touch.READ)
                touch(index, box, Touch.DRAW, Touch.REDRAW)
            case Fill(box):
                touch(index, box, Touch.DRAW, Touch.REDRAW)
    return [tuple(one) for one in found]


def bytes_in_pages(surface: Surface, box: Box) -> Counts:
    """Return how many bytes of the box each page of the linear view holds."""
    y, x = np.divmod(_edges(surface), surface.row_bytes)
    before = np.clip(y - box.y, 0, box.height) * box.width
    inside = (y >= box.y) & (y < box.y + box.height)
    counts: Counts = np.diff(before + np.where(inside, np.clip(x - box.x, 0, box.width), 0))
    return counts


def _edges(surface: Surface) -> Counts:
    """Return where the pages of the linear view begin, and where the view ends."""
    return np.append(np.arange(0, surface.linear_size, PAGE, dtype=np.int64), surface.linear_size)


def _touched(surface: Surface, box: Box) -> tuple[list[int], list[int]]:
    """Return the pages of which a box holds a part, and those that it holds whole."""
    counts = bytes_in_pages(surface, box)
    whole = counts == np.diff(_edges(surface))
    return np.flatnonzero((counts > 0) & ~whole).tolist(), np.flatnonzero(whole).tolist()


# --------------------------------------------------------------------------------------------------- the bound


def solve(sizes: Sequence[int], pages: Sequence[Sequence[Access]]) -> Optimum:
    """Return the bound of pages of these sizes in bytes to which this happens."""
    plans: dict[tuple[Access, ...], tuple[list[Newest | None], list[tuple[int, str]]]] = {}
    windows: dict[Newest, list[Window]] = {Newest.HOST: [], Newest.DEVICE: []}
    moved = {Newest.HOST: 0, Newest.DEVICE: 0}
    zaps: dict[int, list[tuple[int, str]]] = {}
    for page, (size, history) in enumerate(zip(sizes, pages, strict=True)):
        key = tuple(history)
        if key not in plans:
            plans[key] = cheapest([access.touch for access in key]), _zaps(key)
        moves, gone = plans[key]
        since = 0
        for access, source in zip(key, moves, strict=True):
            if source is not None:
                windows[source].append(Window(since, access.index, page))
                moved[source] += size
            if access.touch.leaves is not None:
                since = access.index + 1
        for index, process in gone:
            zaps.setdefault(index, []).append((page, process))
    back, out = stab(windows[Newest.DEVICE]), stab(windows[Newest.HOST])
    schedule = {
        index: Moves(tuple(back.get(index, ())), tuple(out.get(index, ())), tuple(zaps.get(index, ())))
        for index in sorted(back.keys() | out.keys() | zaps.keys())
    }
    entries = sum(len(one) for one in zaps.values())
    return Optimum(moved[Newest.DEVICE], moved[Newest.HOST], len(back), len(out), entries, schedule)


def cheapest(touches: Sequence[Touch]) -> list[Newest | None]:
    """Return for each touch of a page whose copy is moved to the other right before it, or None: the fewest moves.

    From the last touch to the first: for each state the fewest moves from there on, and the choice that leads there.
    """
    fewest = dict.fromkeys(Newest, 0)
    choices: list[dict[Newest, Newest | None]] = []
    for touch in reversed(touches):
        best: dict[Newest, int] = {}
        choice: dict[Newest, Newest | None] = {}
        for state in Newest:
            costs: dict[Newest | None, int] = {}
            if touch.needs in (None, state) or state is Newest.BOTH:
                costs[None] = fewest[touch.leaves or state]
            if state is not Newest.BOTH:
                costs[state] = 1 + fewest[touch.leaves or Newest.BOTH]
            choice[state] = min(costs, key=costs.__getitem__)
            best[state] = costs[choice[state]]
        fewest = best
        choices.append(choice)
    state, moves = Newest.BOTH, list[Newest | None]()
    for touch, choice in zip(touches, reversed(choices), strict=True):
        moves.append(choice[state])
        state = touch.leaves or (Newest.BOTH if choice[state] else state)
    return moves


def stab(windows: Iterable[Window]) -> dict[int, list[int]]:
    """Return the fewest actions that meet every window, and the pages that are moved before each, ascending."""
    points: dict[int, list[int]] = {}
    point = -1
    for window in sorted(windows, key=lambda window: window.last):
        if window.first > point:
            point = window.last
        points.setdefault(point, []).append(window.page)
    return {index: sorted(pages) for index, pages in points.items()}


def _zaps(history: Sequence[Access]) -> list[tuple[int, str]]:
    """Return which processes' entries of a page have to go, each with the index of the drawing before which."""
    gone: list[tuple[int, str]] = []
    present: dict[str, int | None] = {}
    for access in history:
        if access.process:
            drawn = present.get(access.process)
            if drawn is not None:
                gone.append((drawn, access.process))
            present[access.process] = None
        elif access.touch.leaves is Newest.DEVICE:
            present = {name: access.index if drawn is None else drawn for name, drawn in present.items()}
    return gone
