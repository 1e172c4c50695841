"""Another device at a shared buffer: attach, map to a scatter list, unmap, detach (R4).

A static importer's storage stays where it is while it is mapped; a dynamic one is told of a move (`move_notify`) and
maps again. Mapping for writing tells the exporter that host pages change behind its back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from models.errors import DriverError

__all__ = ["Attachment", "AttachmentState", "Direction", "ScatterList"]


class AttachmentState(Enum):
    """Life of an attachment."""

    ATTACHED = auto()
    MAPPING = auto()
    MAPPED = auto()
    DETACHED = auto()


class Direction(Enum):
    """Which way the importer's DMA goes, seen from memory."""

    TO_DEVICE = auto()
    FROM_DEVICE = auto()
    BIDIRECTIONAL = auto()


@dataclass(frozen=True, slots=True)
class ScatterList:
    """Host page frames in the buffer's order, neighbours merged: (first frame, frames)."""

    segments: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, frames: Sequence[int]) -> ScatterList:
        """Merge runs of neighbouring frames."""
        segments: list[tuple[int, int]] = []
        for frame in frames:
            if segments and sum(segments[-1]) == frame:
                segments[-1] = (segments[-1][0], segments[-1][1] + 1)
            else:
                segments.append((frame, 1))
        return cls(tuple(segments))

    def frames(self) -> list[int]:
        """Return all frames in order."""
        return [frame for first, count in self.segments for frame in range(first, first + count)]


class Attachment:
    """One device's attachment. `move_notify` makes it dynamic; `scatter` is there while it is mapped."""

    def __init__(self, device: str, move_notify: Callable[[], None] | None = None) -> None:
        self.device = device
        self.move_notify = move_notify
        self.state = AttachmentState.ATTACHED
        self.direction: Direction | None = None
        self.scatter: ScatterList | None = None

    @property
    def dynamic(self) -> bool:
        """True when the importer can be told that the storage moved."""
        return self.move_notify is not None

    @property
    def mapped(self) -> bool:
        """True while the device may reach the pages."""
        return self.state is AttachmentState.MAPPED

    @property
    def may_write(self) -> bool:
        """True while the device may write the pages."""
        return self.mapped and self.direction is not Direction.TO_DEVICE

    @property
    def reached(self) -> bool:
        """True while the device may reach the pages, or is about to: they must be kept right."""
        return self.state in (AttachmentState.MAPPING, AttachmentState.MAPPED)

    def begin(self) -> None:
        """A map begins. DriverError EINVAL unless the attachment is there and neither mapped nor being mapped."""
        self.expect(AttachmentState.ATTACHED)
        self.state = AttachmentState.MAPPING

    def give_up(self) -> None:
        """The map that began has failed."""
        self.expect(AttachmentState.MAPPING)
        self.state = AttachmentState.ATTACHED

    def map(self, scatter: ScatterList, direction: Direction) -> None:
        """Note the mapping, which began before. DriverError EINVAL where it did not."""
        self.expect(AttachmentState.MAPPING)
        self.state, self.scatter, self.direction = AttachmentState.MAPPED, scatter, direction

    def unmap(self) -> None:
        """Forget the mapping. DriverError EINVAL if there is none."""
        self.expect(AttachmentState.MAPPED)
        self.state, self.scatter, self.direction = AttachmentState.ATTACHED, None, None

    def expect(self, state: AttachmentState) -> None:
        """DriverError EINVAL unless the attachment is in this state."""
        if self.state is not state:
            raise DriverError("EINVAL", f"the attachment of {self.device} is {self.state.name.lower()}")
