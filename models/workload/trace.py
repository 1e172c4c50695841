"""Traces: what processes and the device do to one shared buffer, one action a line of text.

A trace is a text file, in UTF-8. Blank lines and what follows a `#` mean nothing. All boxes are X Y WIDTH HEIGHT in
pixels from the top left corner, and lie inside the buffer:

    faultline-trace 1                 first line: the format and its version
    buffer 256 128 4 Y_TILED          second line: WIDTH HEIGHT BYTES-A-PIXEL LAYOUT (LINEAR, X_TILED, Y_TILED, MORTON)
    load viewer 0 0 256 128           process `viewer` reads a box
    store painter 8 8 16 12           process `painter` writes a box
    fill 0 0 64 64                    the device draws a box (it does not read it)
    copy 0 0 64 64 128 32             the device copies a box within the buffer: target, then X Y of the source
    compose 0 0 256 128               the device reads a box: it copies it to the screen, a buffer that nobody maps
    show viewer 0 0 256 128 local     as compose, by `viewer` importing the buffer on the exporting device
    show viewer 0 0 256 128 foreign   on a device that cannot reach it: the import is refused, `viewer` loads
    wait                              the processes wait until the device is idle
    think 5000                        NANOSECONDS in which no process touches the buffer
    frame                             a frame ends: what is deferred is due

Actions happen in this order, whoever does them; the device works on while the processes go on. Names of processes are
letters, digits, `_`, `-` and `.`; a process begins with its first action.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from models.layout import Layout
from models.surface import Box, Surface

__all__ = [
    "HEADER", "LONGEST_THINK", "Action", "Compose", "Copy", "Fill", "Frame", "Load", "Show", "Store", "Think", "Trace",
    "TraceError", "Wait",
]  # fmt: skip

HEADER = "faultline-trace 1"
LONGEST_THINK = 1_000_000_000
"""Nanoseconds between two actions."""
LONGEST_WHY = 200
"""Letters of what is said of a line, which may be long itself."""
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,12}")


class TraceError(ValueError):
    """A line that is no action: the message has the file, the line's number and what is wrong."""


@dataclass(frozen=True, slots=True)
class Load:
    """A process reads a box (in bytes and rows, as all boxes here)."""

    process: str
    box: Box


@dataclass(frozen=True, slots=True)
class Store:
    """A process writes a box."""

    process: str
    box: Box


@dataclass(frozen=True, slots=True)
class Fill:
    """The device draws a box."""

    box: Box


@dataclass(frozen=True, slots=True)
class Copy:
    """The device copies a box within the buffer."""

    box: Box
    source_x: int
    source_y: int

    @property
    def source(self) -> Box:
        """The box that is read."""
        return Box(self.source_x, self.source_y, self.box.width, self.box.height)


@dataclass(frozen=True, slots=True)
class Compose:
    """The device reads a box, to the screen."""

    box: Box


@dataclass(frozen=True, slots=True)
class Show:
    """A process has a box shown by importing the buffer; `foreign`: on a device where that is refused, so it loads."""

    process: str
    box: Box
    foreign: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """The processes wait until the device is idle."""


@dataclass(frozen=True, slots=True)
class Think:
    """Host time in which nobody touches the buffer."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame ends."""


Action: TypeAlias = Load | Store | Fill | Copy | Compose | Show | Wait | Think | Frame


@dataclass(frozen=True)
class Trace:
    """A buffer's shape and what is done to it, in order. `name` is what reports call it."""

    name: str
    width: int
    height: int
    bytes_per_pixel: int
    layout: Layout
    actions: tuple[Action, ...]

    @property
    def surface(self) -> Surface:
        """The shape, at device address 0."""
        return Surface(0, self.width, self.height, self.bytes_per_pixel, self.layout)

    def text(self) -> str:
        """Return the trace as a file's text; `parse` gives the same trace back."""
        lines = [HEADER, f"buffer {self.width} {self.height} {self.bytes_per_pixel} {self.layout.name}"]
        return "\n".join([*lines, *(self._line(action) for action in self.actions)]) + "\n"

    def _line(self, action: Action) -> str:
        pixel = self.bytes_per_pixel
        match action:
            case Load() | Store() | Fill() | Copy() | Compose() | Show():
                box = action.box
                words = [type(action).__name__.lower()]
                if isinstance(action, Load | Store | Show):
                    words.append(action.process)
                words += [str(value) for value in (box.x // pixel, box.y, box.width // pixel, box.height)]
                if isinstance(action, Copy):
                    words += [str(action.source_x // pixel), str(action.source_y)]
                if isinstance(action, Show):
                    words.append("foreign" if action.foreign else "local")
                return " ".join(words)
            case Think():
                return f"think {action.nanoseconds}"
        return type(action).__name__.lower()

    @staticmethod
    def parse(text: str, file: str) -> Trace:
        """Return the trace of a file's text. TraceError for the first line that is wrong."""
        return _Parser(file).parse(text)


class _Parser:
    def __init__(self, file: str) -> None:
        self.file = file
        self.number = 0
        self.surface: Surface | None = None

    def parse(self, text: str) -> Trace:
        lines: list[list[str]] = []
        numbers: list[int] = []
        for number, line in enumerate(text.split("\n"), 1):
            if words := line.partition("#")[0].split():
                lines.append(words)
                numbers.append(number)
        if not lines or lines[0] != HEADER.split():
            self.number = numbers[0] if numbers else 1
            raise self._wrong(f"begin with the line {HEADER!r}")
        self.number = numbers[1] if len(lines) > 1 else numbers[0]
        if len(lines) < 2 or lines[1][0] != "buffer":
            raise self._wrong("the second line says `buffer WIDTH HEIGHT BYTES-A-PIXEL LAYOUT`")
        surface = self.surface = self._buffer(lines[1])
        actions: list[Action] = []
        for words, self.number in zip(lines[2:], numbers[2:], strict=True):
            actions.append(self._action(words))
        if not actions:
            raise self._wrong("no action follows")
        return Trace(
            self.file, surface.width, surface.height, surface.bytes_per_pixel, surface.layout, tuple(actions)
        )

    def _wrong(self, what: str) -> TraceError:
        shown = what if len(what) <= LONGEST_WHY else what[:LONGEST_WHY] + "..."
        return TraceError(f"{self.file}:{self.number}: {shown}")

    def _buffer(self, words: Sequence[str]) -> Surface:
        self._count(words, 4, "WIDTH HEIGHT BYTES-A-PIXEL LAYOUT")
        if words[4] not in Layout.__members__:
            raise self._wrong(f"layout {words[4]!r}: one of {', '.join(Layout.__members__)}")
        try:
            width, height, pixel = (self._number(word) for word in words[1:4])
            return Surface(0, width, height, pixel, Layout[words[4]])
        except ValueError as error:
            raise error if isinstance(error, TraceError) else self._wrong(str(error)) from error

    def _action(self, words: Sequence[str]) -> Action:
        rest = words[1:]
        match words[0]:
            case "load" | "store":
                self._count(words, 5, "PROCESS X Y WIDTH HEIGHT")
                return (Load if words[0] == "load" else Store)(self._name(rest[0]), self._box(rest[1:]))
            case "fill" | "compose":
                self._count(words, 4, "X Y WIDTH HEIGHT")
                return (Fill if words[0] == "fill" else Compose)(self._box(rest))
            case "copy":
                self._count(words, 6, "X Y WIDTH HEIGHT SOURCE-X SOURCE-Y")
                box, source = self._box(rest[:4]), self._box([*rest[4:], *rest[2:4]])
                if box.overlaps(source):
                    raise self._wrong("source and target of the copy overlap")
                return Copy(box, source.x, source.y)
            case "show":
                self._count(words, 6, "PROCESS X Y WIDTH HEIGHT local|foreign")
                if rest[5] not in ("local", "foreign"):
                    raise self._wrong(f"{rest[5]!r}: local or foreign")
                return Show(self._name(rest[0]), self._box(rest[1:5]), rest[5] == "foreign")
            case "think":
                self._count(words, 1, "NANOSECONDS")
                time = self._number(rest[0])
                if time > LONGEST_THINK:
                    raise self._wrong(f"think {time}: at most {LONGEST_THINK} nanoseconds")
                return Think(time)
            case "wait" | "frame":
                self._count(words, 0, "nothing")
                return Wait() if words[0] == "wait" else Frame()
        known = "load, store, fill, copy, compose, show, wait, think, frame"
        raise self._wrong(f"{words[0]!r} is no action; there are {known}")

    def _count(self, words: Sequence[str], count: int, names: str) -> None:
        if len(words) != count + 1:
            raise self._wrong(f"{words[0]} takes {names}, not {len(words) - 1} words")

    def _name(self, word: str) -> str:
        if not _NAME.fullmatch(word):
            raise self._wrong(f"{word!r} is no name of a process")
        return word

    def _number(self, word: str) -> int:
        if not _NUMBER.fullmatch(word):
            raise self._wrong(f"{word!r} is no number")
        return int(word)

    def _box(self, words: Sequence[str]) -> Box:
        x, y, width, height = (self._number(word) for word in words)
        surface = self.surface
        assert surface is not None
        if not width or not height:
            raise self._wrong("an empty box")
        if x + width > surface.width or y + height > surface.height:
            raise self._wrong(f"box {x} {y} {width} {height} is not inside {surface.width} x {surface.height} pixels")
        pixel = surface.bytes_per_pixel
        return Box(x * pixel, y, width * pixel, height)
