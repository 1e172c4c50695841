"""What drawing comes to on a plain image: the numpy meaning of commands, apart from any driver or device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.drawing import CopyBox, FillBox
from models.memory import Bytes
from models.surface import Box, Surface
from models.transfer import boxes_of_bytes

__all__ = ["Drawn", "PatchBox", "origin", "patches", "pattern", "render", "slices"]


@dataclass(frozen=True, slots=True, eq=False)
class PatchBox:
    """Bytes that a transfer puts into a box of the device's surface, shape (height, width)."""

    box: Box
    data: Bytes


Drawn = FillBox | CopyBox | PatchBox


def render(image: Bytes, commands: Sequence[FillBox | CopyBox]) -> None:
    """Draw on a linear image (height, row_bytes) in place: the plain numpy meaning of the commands."""
    for command in commands:
        rows, columns = slices(command.box)
        if isinstance(command, FillBox):
            image[rows, columns] = pattern(command)
        else:
            if command.source is not None:
                raise ValueError("the oracle of one buffer cannot follow a copy from another")
            image[rows, columns] = image[slices(origin(command))].copy()


def patches(surface: Surface, offset: int, data: Bytes) -> list[PatchBox]:
    """Return a run of bytes of the linear view as boxes with their bytes."""
    return [
        PatchBox(one.box, data[one.offset - offset :][: one.box.bytes].reshape(one.box.height, one.box.width))
        for one in boxes_of_bytes(surface, offset, data.size)
    ]


def slices(box: Box) -> tuple[slice, slice]:
    """Return rows and columns of a box."""
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)


def origin(command: CopyBox) -> Box:
    """Return the box that a copy reads."""
    return Box(command.source_x, command.source_y, command.box.width, command.box.height)


def pattern(command: FillBox) -> Bytes:
    """Return one row of a fill."""
    row: Bytes = np.tile(np.frombuffer(command.pixel, np.uint8), command.box.width // len(command.pixel))
    return row
