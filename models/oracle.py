"""What a read may return: the coherent promise, byte for byte, told apart from how the driver keeps it.

Stores and draws are told to the oracle as the programs make them; it keeps the image they amount to. A draw takes
effect somewhere between its call and its return, so stores of others in that window may come before or after it: for
such bytes the oracle keeps several worlds, and a read may return what any of them has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.driver import CopyBox, FillBox
from models.memory import Bytes
from models.surface import Surface

__all__ = ["Oracle", "Violation", "render"]

_CPU, _DEVICE = 1, 2


@dataclass(frozen=True, slots=True)
class Violation:
    """A read that returned what it must not.

    `address` is the offset of the first wrong byte in the buffer's linear view, `count` how many of the read's bytes
    are wrong. `kind` is "lost write" where the newest writer was the CPU, else "stale read".
    """

    kind: str
    reader: str
    address: int
    expected: frozenset[int]
    got: int
    count: int


@dataclass(frozen=True, slots=True)
class _World:
    image: Bytes
    ahead: frozenset[int]
    """Draws that have begun and have not yet taken effect in this world."""


def render(image: Bytes, commands: Sequence[FillBox | CopyBox]) -> None:
    """Draw on a linear image (height, row_bytes) in place: the plain numpy meaning of the commands."""
    for command in commands:
        box = command.box
        rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
        if isinstance(command, FillBox):
            image[rows, columns] = np.tile(np.frombuffer(command.pixel, np.uint8), box.width // len(command.pixel))
        else:
            if command.source is not None:
                raise ValueError("the oracle of one buffer cannot follow a copy from another")
            image[rows, columns] = image[
                command.source_y : command.source_y + box.height, command.source_x : command.source_x + box.width
            ].copy()


class Oracle:
    """Watches one buffer. `violations` collects the wrong reads, `reads` counts the bytes that were looked at."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.violations: list[Violation] = []
        self.reads = 0
        shape = (surface.height, surface.row_bytes)
        self._worlds = [_World(np.zeros(shape, np.uint8), frozenset())]
        self._writer: Bytes = np.zeros(shape, np.uint8)
        self._draws: dict[int, Sequence[FillBox | CopyBox]] = {}
        self._next = 0

    def stored(self, offset: int, data: Bytes) -> None:
        """A store took effect: bytes at an offset of the linear view; what lies past its end is nobody's."""
        end = max(offset, min(offset + data.size, self.surface.linear_size))
        for world in self._worlds:
            world.image.reshape(-1)[offset:end] = data[: end - offset]
        self._writer.reshape(-1)[offset:end] = _CPU
        self._merge()

    def draw_begins(self, commands: Sequence[FillBox | CopyBox]) -> int:
        """A draw was called; from now on until `draw_ends` it may take effect. Returns a token."""
        token, self._next = self._next, self._next + 1
        self._draws[token] = tuple(commands)
        for world in list(self._worlds):
            drawn = world.image.copy()
            render(drawn, commands)
            self._worlds.append(_World(drawn, world.ahead))
        self._worlds = [
            _World(world.image, world.ahead | {token}) if index < len(self._worlds) // 2 else world
            for index, world in enumerate(self._worlds)
        ]
        for command in commands:
            box = command.box
            self._writer[box.y : box.y + box.height, box.x : box.x + box.width] = _DEVICE
        return token

    def draw_ends(self, token: int) -> None:
        """The draw has returned: it has taken effect, in device order at least."""
        commands = self._draws.pop(token)
        for world in self._worlds:
            if token in world.ahead:
                render(world.image, commands)
        self._worlds = [_World(world.image, world.ahead - {token}) for world in self._worlds]
        self._merge()

    def expected(self, offset: int) -> frozenset[int]:
        """Return the values that a read of one byte may return."""
        return frozenset(int(world.image.reshape(-1)[offset]) for world in self._worlds)

    def loaded(self, reader: str, offset: int, data: Bytes) -> None:
        """A read returned these bytes: take note of a violation if it must not have."""
        end = max(offset, min(offset + data.size, self.surface.linear_size))
        got = data[: end - offset]
        right: npt.NDArray[np.bool_] = np.zeros(got.size, np.bool_)
        for world in self._worlds:
            right |= world.image.reshape(-1)[offset:end] == got
        self.reads += got.size
        wrong = np.flatnonzero(~right)
        if wrong.size:
            first = offset + int(wrong[0])
            kind = "lost write" if self._writer.reshape(-1)[first] == _CPU else "stale read"
            value = int(got[wrong[0]])
            self.violations.append(Violation(kind, reader, first, self.expected(first), value, int(wrong.size)))

    def seen(self, reader: str, image: Bytes) -> None:
        """Judge a whole image, shape (height, row_bytes), such as a scan-out."""
        self.loaded(reader, 0, image.reshape(-1))

    def _merge(self) -> None:
        """Drop worlds that have become equal."""
        kept: list[_World] = []
        for world in self._worlds:
            if not any(world.ahead == other.ahead and np.array_equal(world.image, other.image) for other in kept):
                kept.append(world)
        self._worlds = kept
