"""Constrained chance: host memory of any temper, surfaces of any shape, boxes and places that are likely to hurt.

Every function draws from the generator it is given and from nothing else, so one seed gives one run, on both simulators
and at each data width.  Extremes are drawn as often as the ordinary: uniform numbers would hardly ever touch an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from models.layout import Layout
from models.memory import PAGE
from models.surface import Box, Surface
from tb.agents.memory import MemoryConfig, Stall

__all__ = ["box_in", "chosen", "offset_in", "stall", "stride_of", "surface_in", "temper", "upto"]

_Item = TypeVar("_Item")

_ROWS = 24
"""Rows of a box at most: more of the same takes time and shows nothing new."""


def chosen(random: np.random.Generator, items: Sequence[_Item]) -> _Item:
    """One of a sequence, each as likely."""
    return items[int(random.integers(len(items)))]


def upto(random: np.random.Generator, most: int) -> int:
    """A number from 1 to `most`, each power of two as likely as the next."""
    low = 1 << int(random.integers(most.bit_length()))
    return int(random.integers(low, min(2 * low, most + 1)))


def stall(random: np.random.Generator) -> Stall:
    """A channel that never stalls, stalls in a pattern, by chance, or both."""
    kind = int(random.integers(4))
    period = int(random.integers(2, 40)) if kind & 1 else 0
    on = int(random.integers(1, min(period, 12))) if period > 1 else 0
    return Stall(on, period, int(random.integers(1, 160)) if kind & 2 else 0)


def temper(random: np.random.Generator, *, seed: int = 1) -> MemoryConfig:
    """Host memory as it is by default, as fast as can be, or of any latency, jitter, depth, order and stalls.

    seed: of the memory's own draws, from the next reset on.
    """
    kind = int(random.integers(6))
    if kind < 2:
        latency = 1 if kind else 13
        return MemoryConfig(read_latency=latency, write_latency=latency, seed=seed)
    quiet = Stall()
    channels = [stall(random) if random.random() < 0.6 else quiet for _ in range(5)]
    return MemoryConfig(
        read_latency=upto(random, 200),
        write_latency=upto(random, 200),
        read_limit=chosen(random, (1, 2, 3, 8, 64, 256)),
        write_limit=chosen(random, (1, 2, 3, 8, 64, 256)),
        reorder=bool(random.integers(2)),
        jitter=chosen(random, (0, 0, 3, 30, 100)),
        seed=seed,
        ar=channels[0],
        r=channels[1],
        aw=channels[2],
        w=channels[3],
        b=channels[4],
    )


def surface_in(random: np.random.Generator, base: int, room: int, pixels: Sequence[int]) -> Surface:
    """A surface of any layout and shape, with one of the given pixel sizes, that takes at most `room` bytes.

    ValueError when `room` holds not even a pixel's tile.
    """
    for attempt in range(64):
        layout = chosen(random, tuple(Layout))
        pixel = chosen(random, pixels)
        widest = max(1, (room >> attempt // 2) // pixel)
        width = upto(random, widest)
        height = upto(random, max(1, (room >> attempt // 2) // (width * pixel)))
        if random.random() < 0.25:
            width = max(1, width * pixel // 64 * 64 // pixel)  # often without padding, so that rows merge
        surface = Surface(base, width, height, pixel, layout)
        if surface.size <= room:
            return surface
    raise ValueError(f"{room} bytes hold no surface")


def box_in(random: np.random.Generator, surface: Surface, *, pixels: bool = False, most: int = 3000) -> Box:
    """A box inside a surface of about `most` bytes: a byte, whole rows, a column, all of it, or anything.

    pixels: x and width are whole pixels.
    """
    unit = surface.bytes_per_pixel if pixels else 1
    columns = surface.row_bytes // unit
    kind = int(random.integers(6))
    if kind == 0:
        width, height = 1, 1
    elif kind == 1:
        width, height = columns, upto(random, surface.height)
    elif kind == 2:
        width, height = upto(random, min(columns, 8)), upto(random, surface.height)
    else:
        width, height = upto(random, columns), upto(random, surface.height)
    width = min(width, max(1, 2 * most // unit))
    height = max(1, min(height, _ROWS, most // (width * unit)))
    x = chosen(random, (0, columns - width, int(random.integers(columns - width + 1))))
    y = chosen(random, (0, surface.height - height, int(random.integers(surface.height - height + 1))))
    return Box(x * unit, y, width * unit, height)


def stride_of(random: np.random.Generator, width: int, *, overlapping: bool) -> int:
    """Bytes from row to row in the object: end to end, with gaps, a page, or rows on top of each other."""
    strides = [width, width + 1, width + int(random.integers(200)), -(-width // PAGE) * PAGE, -(-width // 64) * 64]
    if overlapping:
        strides += [0, width // 2]
    return chosen(random, strides)


def offset_in(random: np.random.Generator, begin: int, end: int, size: int, word: int) -> int:
    """Where `size` bytes may begin in the bytes [begin, end) of an object: at its ends, around pages and words.

    word: bytes of a bus word.  `size` must fit.
    """
    last = end - size
    page = begin + int(random.integers(max(1, (end - begin) // PAGE))) * PAGE
    kind = int(random.integers(6))
    near = int(random.integers(-word - 1, word + 2))
    wanted = {
        0: begin,
        1: last,
        2: page,
        3: page + near,
        4: page + PAGE - min(size, PAGE) // 2 + near,  # across the end of a page
    }.get(kind, int(random.integers(begin, last + 1)))
    return min(max(wanted, begin), last)
