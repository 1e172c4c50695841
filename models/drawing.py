"""What a client may ask the renderer for, and what it comes to: commands for the engine, pages read and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.dmabuf import Buffer
from models.engine import Command, Copy, Fill
from models.errors import DriverError
from models.events import Render
from models.surface import Box
from models.transfer import pages_of_box

__all__ = ["CopyBox", "FillBox", "Work", "check_box", "plan"]


@dataclass(frozen=True, slots=True)
class FillBox:
    """Draw: fill a box with one pixel."""

    box: Box
    pixel: bytes


@dataclass(frozen=True, slots=True)
class CopyBox:
    """Draw: copy a box of the same extent from (source_x bytes, source_y rows) of `source`, or of the target itself."""

    box: Box
    source_x: int
    source_y: int
    source: Buffer | None = None


@dataclass(slots=True)
class Work:
    """One submission's drawing with the pages that it reads and writes, by buffer."""

    target: Buffer
    drawing: list[FillBox | CopyBox] = field(default_factory=list)
    events: list[Render] = field(default_factory=list)
    reads: dict[Buffer, set[int]] = field(default_factory=dict)
    writes: dict[Buffer, set[int]] = field(default_factory=dict)

    @property
    def buffers(self) -> list[Buffer]:
        """All buffers, in the order in which their locks are taken."""
        return sorted(self.reads.keys() | self.writes.keys(), key=lambda buffer: buffer.reservation.lock)

    def commands(self) -> list[Command]:
        """Return the engine's commands; with the buffers' locks held, for a discard swaps the storage behind a name."""
        target, found = self.target, list[Command]()
        for one in self.drawing:
            if isinstance(one, FillBox):
                found.append(Fill(target.surface_handle, one.box, one.pixel))
            else:
                source = one.source or target
                place = target.surface_handle, one.box, source.surface_handle
                found.append(Copy(*place, one.source_x, one.source_y))
        return found


def plan(target: Buffer, commands: Sequence[FillBox | CopyBox]) -> Work:
    """Return the work of some commands. DriverError EINVAL for one that makes no sense."""
    if not commands:
        raise DriverError("EINVAL", "nothing to draw")
    work = Work(target)
    for command in commands:
        box, operation = command.box, "FILL"
        check_box(target, box)
        work.writes.setdefault(target, set()).update(pages_of_box(target.surface, box))
        if isinstance(command, FillBox):
            if len(command.pixel) != target.surface.bytes_per_pixel:
                raise DriverError("EINVAL", f"a pixel of {len(command.pixel)} bytes")
        else:
            source, operation = command.source or target, "COPY"
            origin = Box(command.source_x, command.source_y, box.width, box.height)
            check_box(source, origin)
            if source is target and origin.overlaps(box):
                raise DriverError("EINVAL", "a copy between overlapping boxes")
            if source.surface.bytes_per_pixel != target.surface.bytes_per_pixel:
                raise DriverError("EINVAL", "a copy between different pixel sizes")
            work.reads.setdefault(source, set()).update(pages_of_box(source.surface, origin))
        work.drawing.append(command)
        event = Render(
            buffer=target.name, operation=operation, x=box.x, y=box.y, width=box.width, height=box.height
        )
        work.events.append(event)
    return work


def check_box(buffer: Buffer, box: Box) -> None:
    """DriverError EINVAL for a box that is not inside the surface or cuts a pixel."""
    pixel = buffer.surface.bytes_per_pixel
    if min(box.x, box.y, box.width, box.height) < 0 or not buffer.surface.contains(box):
        raise DriverError("EINVAL", f"{box} is not inside {buffer.name}")
    if box.x % pixel or box.width % pixel:
        raise DriverError("EINVAL", f"{box} cuts a pixel of {buffer.name}")
