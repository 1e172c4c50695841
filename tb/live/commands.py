"""The words of the control socket: one command a line, one line of answer that begins with ok or error.

    create NAME WIDTH HEIGHT FORMAT [LAYOUT]    a buffer; LAYOUT is LINEAR unless told: ok FILE
    destroy NAME                                its file goes; the buffer goes with whoever has it open last
    fill NAME X Y WIDTH HEIGHT PIXEL            the device draws; PIXEL in hexadecimal: ok FENCE
    copy NAME X Y WIDTH HEIGHT X Y [SOURCE]     from there, or from there in another buffer: ok FENCE
    wait [FENCE]                                until that drawing is done, or all: ok CYCLE
    poll FENCE                                  ok done, ok pending
    flush NAME                                  until the device has all that programs stored: ok CYCLE
    list                                        ok and the files

Boxes are in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from models.layout import Layout
from tb.live.formats import bytes_of

__all__ = [
    "CommandError",
    "Copy",
    "Create",
    "Destroy",
    "Fill",
    "Flush",
    "List",
    "Order",
    "Poll",
    "Wait",
    "parse",
]

USES = {line.split()[0]: line.split("    ")[1].strip() for line in __doc__.splitlines() if line.startswith("    ")}
LONGEST = 4096
"""Bytes that a line may have."""
_NAME_LENGTH = 64


class CommandError(Exception):
    """A line that is no command; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Create:
    """Make a buffer."""

    name: str
    width: int
    height: int
    form: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy a buffer."""

    name: str


@dataclass(frozen=True, slots=True)
class Fill:
    """Draw a box (in pixels) of one pixel."""

    name: str
    box: tuple[int, int, int, int]
    pixel: bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy a box (in pixels) from a place of `source`."""

    name: str
    box: tuple[int, int, int, int]
    place: tuple[int, int]
    source: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a fence, or for all."""

    fence: int | None


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for a fence."""

    fence: int


@dataclass(frozen=True, slots=True)
class Flush:
    """Make the device current."""

    name: str


@dataclass(frozen=True, slots=True)
class List:
    """Name the files."""


Order: TypeAlias = Create | Destroy | Fill | Copy | Wait | Poll | Flush | List


def parse(line: str) -> Order:
    """Read one command. CommandError for what is none."""
    words = line.split()
    if not words:
        raise CommandError(f"no command: there are {', '.join(USES)}")
    name, rest = words[0], words[1:]
    match name, len(rest):
        case "create", 4 | 5:
            width, height = _numbers(rest[1:3])
            return Create(_name(rest[0]), width, height, _format(rest[3]), _layout(rest[4:]))
        case "destroy", 1:
            return Destroy(rest[0])
        case "fill", 6:
            return Fill(rest[0], _box(rest[1:5]), _pixel(rest[5]))
        case "copy", 7 | 8:
            x, y = _numbers(rest[5:7])
            return Copy(rest[0], _box(rest[1:5]), (x, y), rest[7] if len(rest) == 8 else rest[0])
        case "wait", 0 | 1:
            return Wait(_numbers(rest)[0] if rest else None)
        case "poll", 1:
            return Poll(_numbers(rest)[0])
        case "flush", 1:
            return Flush(rest[0])
        case "list", 0:
            return List()
    if name in USES:
        raise CommandError(f"{name} with {len(rest)} words: use {USES[name]}")
    raise CommandError(f"unknown command {name[:40]}: there are {', '.join(USES)}")


def _name(word: str) -> str:
    plain = word.isascii() and word.replace("-", "").isalnum()
    if not plain or len(word) > _NAME_LENGTH:
        raise CommandError(f"{word[:80]} is no name: use letters, digits and -, {_NAME_LENGTH} at most")
    return word


def _numbers(words: list[str]) -> list[int]:
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= 9):
            raise CommandError(f"{word[:40]} is no number: give a whole one, 0 or more")
    return [int(word) for word in words]


def _box(words: list[str]) -> tuple[int, int, int, int]:
    x, y, width, height = _numbers(words)
    if not width or not height:
        raise CommandError("an empty box: give a width and a height")
    return x, y, width, height


def _pixel(word: str) -> bytes:
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise CommandError(f"{word[:40]} is no pixel: give its bytes in hexadecimal, as ff8000ff") from None


def _format(word: str) -> str:
    try:
        bytes_of(word)
    except ValueError as error:
        raise CommandError(str(error)) from None
    return word


def _layout(words: list[str]) -> Layout:
    name = words[0].upper() if words else "LINEAR"
    if name not in Layout.__members__:
        raise CommandError(f"unknown layout {words[0][:40]}: use {', '.join(Layout.__members__)}")
    return Layout[name]
