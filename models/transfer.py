"""Page runs of the linear view <-> boxes of the surface.

The CPU maps a surface as rows one after another (stride = row bytes, no padding), so a page is at most a partial row,
full rows and a partial row; a box, the other way round, touches the pages that its rows cross.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.engine import Transfer
from models.events import Runs, runs_of
from models.memory import PAGE
from models.surface import Box, Surface

__all__ = ["LinearBox", "boxes_of_bytes", "boxes_of_runs", "pages_of_box", "transfers"]


@dataclass(frozen=True, slots=True)
class LinearBox:
    """A box and where its first row starts in the linear view, in bytes."""

    box: Box
    offset: int


def boxes_of_bytes(surface: Surface, first: int, length: int) -> list[LinearBox]:
    """Return at most three boxes that hold exactly `length` bytes of the linear view from byte `first` on.

    What lies past the end of the view (the tail of its last page) is nobody's and is left out.
    """
    stride = surface.row_bytes
    end = min(first + length, surface.linear_size)
    boxes: list[LinearBox] = []
    while first < end:
        y, x = divmod(first, stride)
        if x or end - first < stride:
            box = Box(x, y, min(stride - x, end - first), 1)
        else:
            box = Box(0, y, stride, (end - first) // stride)
        boxes.append(LinearBox(box, first))
        first += box.bytes
    return boxes


def boxes_of_runs(surface: Surface, runs: Runs) -> list[LinearBox]:
    """Return the boxes of page runs, at most three a run."""
    return [box for page, count in runs for box in boxes_of_bytes(surface, page * PAGE, count * PAGE)]


def transfers(surface: Surface, handle: int, object: int, pages: Iterable[int], *, readback: bool) -> list[Transfer]:
    """Return the transfers that move exactly these pages, in ascending order."""
    return [
        Transfer(readback, handle, object, piece.box, piece.offset, surface.row_bytes)
        for piece in boxes_of_runs(surface, runs_of(pages))
    ]


def pages_of_box(surface: Surface, box: Box) -> list[int]:
    """Return the pages of the linear view that a box touches, ascending."""
    return [] if box.empty else list(_pages(surface.row_bytes, surface.linear_size, box))


@functools.lru_cache(1024)
def _pages(stride: int, size: int, box: Box) -> tuple[int, ...]:
    """The pages of a box in a view of so many bytes; each is asked for by policy, driver and transfer in turn."""
    start = np.arange(box.y, box.y + box.height, dtype=np.int64) * stride + box.x
    edges = np.zeros(-(-size // PAGE) + 1, np.int64)
    np.add.at(edges, start // PAGE, 1)
    np.add.at(edges, (start + box.width - 1) // PAGE + 1, -1)
    return tuple(int(page) for page in np.flatnonzero(np.cumsum(edges[:-1])))
