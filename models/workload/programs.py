"""Programs that make traces: what clients of a shared buffer are known to do, each as a generator with parameters.

A program is deterministic by its seed. Sizes are in pixels; a pixel has four bytes and the buffer is Y_TILED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from models.layout import Layout
from models.surface import Box
from models.workload.trace import (
    LONGEST_THINK,
    Action,
    Compose,
    Copy,
    Fill,
    Frame,
    Load,
    Show,
    Store,
    Think,
    Trace,
    Wait,
)

__all__ = ["WORKLOADS", "ParameterError", "Parameters", "Program", "Workload", "trace_of"]

PIXEL = 4
"""Bytes a pixel."""
GLYPH_WIDTH, GLYPH_HEIGHT = 8, 16
"""Pixels of a character cell."""
SMALLEST, LARGEST = 64, 4096
"""Limits of either extent in pixels."""


class ParameterError(ValueError):
    """A parameter that no program takes, or a value that makes no sense, in words."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a program may be told: pixels, frames, `every` how many frames the rare thing happens, stores a frame."""

    width: int = 256
    height: int = 128
    frames: int = 12
    every: int = 4
    stores: int = 6
    think: int = 10_000
    """Nanoseconds between two frames."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            if not SMALLEST <= getattr(self, name) <= LARGEST:
                raise ParameterError(f"{name}={getattr(self, name)}: must be {SMALLEST} to {LARGEST} pixels")
        for name, most in (("frames", 10_000), ("every", 10_000), ("stores", 1_000)):
            if not 1 <= getattr(self, name) <= most:
                raise ParameterError(f"{name}={getattr(self, name)}: must be 1 to {most}")
        if not 0 <= self.think <= LONGEST_THINK:
            raise ParameterError(f"think={self.think}: must be 0 to {LONGEST_THINK} nanoseconds")

    def changed(self, values: Mapping[str, int]) -> Parameters:
        """Return these with others. ParameterError for a name that is none, or a value out of range."""
        names = [one.name for one in fields(self)]
        for name in values:
            if name not in names:
                raise ParameterError(f"unknown parameter {name!r}: there are {', '.join(names)}")
        return replace(self, **values)

    @property
    def whole(self) -> Box:
        """The whole buffer."""
        return pixels(0, 0, self.width, self.height)


Program = Callable[[Parameters, np.random.Generator], Iterator[Action]]


@dataclass(frozen=True, slots=True)
class Workload:
    """A named program."""

    name: str
    title: str
    program: Program
    parameters: Parameters = field(default_factory=Parameters)


def pixels(x: int, y: int, width: int, height: int) -> Box:
    """Return a box of pixels as one of bytes and rows."""
    return Box(x * PIXEL, y, width * PIXEL, height)


def trace_of(workload: Workload, *, seed: int = 1, parameters: Parameters | None = None) -> Trace:
    """Return the workload's trace, the same for the same seed and parameters."""
    chosen = parameters or workload.parameters
    actions = tuple(workload.program(chosen, np.random.default_rng(seed)))
    return Trace(workload.name, chosen.width, chosen.height, PIXEL, Layout.Y_TILED, actions)


def _place(given: Parameters, random: np.random.Generator, width: int, height: int, below: int = 0) -> Box:
    """Return a box somewhere in the buffer, below so many rows."""
    x = int(random.integers(0, given.width - width + 1))
    return pixels(x, int(random.integers(below, given.height - height + 1)), width, height)


def _scene(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """The device draws a frame: a background and three things on it."""
    yield Fill(given.whole)
    for _ in range(3):
        yield Fill(_place(given, random, given.width // 4, given.height // 4))


def _pause(given: Parameters) -> Iterator[Action]:
    """A frame ends, the program goes about its business, and begins the next when the device is done."""
    yield Frame()
    if given.think:
        yield Think(given.think)
    yield Wait()


def readback(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """The device draws each frame and a recorder loads all of it."""
    for _ in range(given.frames):
        yield from _scene(given, random)
        yield Load("recorder", given.whole)
        yield from _pause(given)


def sparse(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """A plotter stores small marks anywhere on what the device draws; the display takes what has changed."""
    for _ in range(given.frames):
        drawn = _place(given, random, given.width // 4, given.height // 4)
        marks = [_place(given, random, 12, 10) for _ in range(given.stores)]
        yield Fill(drawn)
        for mark in marks:
            yield Store("plotter", mark)
        for box in (drawn, *marks):
            yield Compose(box)
        yield from _pause(given)


def text(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """A terminal stores characters along a line; a full screen is scrolled by the device; the line is shown."""
    columns, lines = given.width // GLYPH_WIDTH, given.height // GLYPH_HEIGHT
    column, line = 0, lines - 2
    yield Fill(given.whole)
    for _ in range(given.frames):
        first = line
        for _ in range(given.stores):
            yield Store("terminal", pixels(column * GLYPH_WIDTH, line * GLYPH_HEIGHT, GLYPH_WIDTH, GLYPH_HEIGHT))
            column += 1
            if column < columns:
                continue
            column, line = 0, line + 1
            if line == lines:
                for target in range(lines - 1):
                    box = pixels(0, target * GLYPH_HEIGHT, given.width, GLYPH_HEIGHT)
                    yield Copy(box, 0, (target + 1) * GLYPH_HEIGHT)
                line, first = lines - 1, 0
                yield Fill(pixels(0, line * GLYPH_HEIGHT, given.width, GLYPH_HEIGHT))
        yield Compose(pixels(0, first * GLYPH_HEIGHT, given.width, (line - first + 1) * GLYPH_HEIGHT))
        yield from _pause(given)


def screenshot(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """The device draws and shows each frame; every so many frames somebody loads one."""
    for frame in range(1, given.frames + 1):
        yield from _scene(given, random)
        yield Compose(given.whole)
        if frame % given.every == 0:
            yield Load("screenshooter", given.whole)
        yield from _pause(given)


def pingpong(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """CPU and device take turns: store a tile, let the device work on it, load what it made."""
    width, height = given.width // 4, given.height // 4
    tile, made = pixels(0, 0, width, height), pixels(width, height, width, height)
    for _ in range(given.frames):
        yield Store("filter", tile)
        yield Copy(made, tile.x, tile.y)
        yield Load("filter", made)
        yield Fill(tile)
    yield Frame()


def video(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """A decoder stores each frame whole, and it is shown."""
    for _ in range(given.frames):
        yield Store("decoder", given.whole)
        yield Compose(given.whole)
        yield from _pause(given)


def compositing(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """A window is drawn by the device, its title by the CPU now and then; changes are shown by import (R3)."""
    title = pixels(0, 0, given.width, GLYPH_HEIGHT)
    yield Fill(given.whole)
    yield Show("window", given.whole, foreign=False)
    for frame in range(given.frames):
        if frame % given.every == 0:
            yield Store("window", title)
            yield Show("window", title, foreign=False)
        drawn = _place(given, random, given.width // 4, given.height // 4, below=GLYPH_HEIGHT)
        yield Fill(drawn)
        yield Show("window", drawn, foreign=False)
        yield from _pause(given)


def sharing(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """A painter stores on the left, the device draws on the right, a viewer loads across both; the display as well."""
    left = pixels(given.width // 8, given.height // 8, given.width // 4, given.height // 4)
    right = pixels(given.width // 2, given.height // 4, given.width // 4, given.height // 4)
    across = pixels(given.width // 8, given.height // 8, given.width // 2, given.height // 4)
    for _ in range(given.frames):
        yield Store("painter", left)
        yield Fill(right)
        yield Load("viewer", across)
        yield Compose(across)
        yield from _pause(given)


def mir(given: Parameters, random: np.random.Generator) -> Iterator[Action]:
    """The device draws a part; the client shows it by import, and every so often on an output that refuses: it maps."""
    yield Fill(given.whole)
    yield Show("mir", given.whole, foreign=False)
    for frame in range(given.frames):
        drawn = _place(given, random, given.width // 4, given.height // 4)
        yield Fill(drawn)
        yield Show("mir", drawn, foreign=False)
        if frame % given.every == 0:
            yield Show("mir", drawn, foreign=True)
        yield from _pause(given)


_DEFAULT = Parameters()
WORKLOADS: dict[str, Workload] = {
    one.name: one
    for one in (
        Workload("readback", "full-frame CPU readback", readback),
        Workload("sparse", "sparse CPU drawing", sparse, replace(_DEFAULT, frames=16)),
        Workload("text", "text-like partial updates", text, replace(_DEFAULT, frames=16)),
        Workload("screenshot", "a screenshot every n frames", screenshot, replace(_DEFAULT, frames=16)),
        Workload("pingpong", "ping-pong of CPU and device", pingpong, replace(_DEFAULT, frames=24)),
        Workload("video", "video upload", video),
        Workload("compositing", "self-import compositing", compositing, replace(_DEFAULT, frames=24, every=2)),
        Workload("sharing", "two processes sharing", sharing, replace(_DEFAULT, frames=16)),
        Workload("mir", "import first, map when it must", mir, replace(_DEFAULT, frames=18, every=2)),
    )
}
"""The built-in workloads by name, in the order in which reports show them."""
