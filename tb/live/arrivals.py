"""What arrives at a live device: accesses from the kernel, commands from clients, and the ends of what it asked for.

An arrival and the moment at which it was taken decide all that follows, so they are what is logged and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from models.events import Runs

__all__ = ["Arrival", "Command", "Finished", "Kernel", "Left", "Read", "Stop", "Write"]


@dataclass(frozen=True, slots=True)
class Read:
    """The kernel wants bytes of a buffer: a page that some program touched, as a rule."""

    unique: int
    buffer: str
    offset: int
    size: int
    pid: int


@dataclass(frozen=True, slots=True)
class Write:
    """The kernel hands bytes over: of a write(2), or, `dirty`, of a page that was stored to through mappings."""

    unique: int
    buffer: str
    offset: int
    data: bytes
    pid: int
    dirty: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A line from a client of the control socket; `number` says whose answer it is."""

    number: int
    line: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Something that the kernel was asked for has been done; `problem` is empty, or says why not."""

    number: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Nobody has a file of a destroyed buffer open any more."""

    buffer: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The device is to go. `problem`: why it cannot go on, empty where somebody wished it."""

    problem: str = field(default="")


Arrival: TypeAlias = Read | Write | Command | Finished | Left | Stop


class Kernel(Protocol):
    """Where arrivals come from and answers go: the real kernel, or a log in its place."""

    def next(self, seconds: float | None = None) -> Arrival | None:
        """Return what arrives next; None where nothing came within so many seconds (0: only look; None: wait)."""
        ...

    def give(self, unique: int, data: bytes) -> None:
        """Answer a Read."""
        ...

    def took(self, unique: int, size: int) -> None:
        """Answer a Write."""
        ...

    def refuse(self, unique: int, error: int) -> None:
        """Answer a Read or Write with an errno."""
        ...

    def answer(self, number: int, text: str) -> None:
        """Answer a Command with one line."""
        ...

    def show(self, buffer: str, file: str, size: int) -> int:
        """Make a buffer a file of that name and size; its end is the Finished of the number returned."""
        ...

    def hide(self, buffer: str) -> int:
        """Take the name away. Left arrives when nobody has the file open any more."""
        ...

    def forget(self, buffer: str) -> int:
        """Drop all pages of a buffer that was hidden and left; its end is the Finished of the number returned."""
        ...

    def recall(self, buffer: str, zap: Runs, clean: Runs) -> int:
        """Drop pages, and collect the stores to others; the Writes come before the Finished of that number."""
        ...
