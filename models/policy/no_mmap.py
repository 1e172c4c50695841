"""No CPU mapping at all, the thread's last word: callers import the buffer, or use a transfer object.

The host keeps no copy, so a transfer always asks the device.
"""

from __future__ import annotations

from models.dmabuf import Buffer
from models.policy.tracking import Tracked
from models.promise import Promise

__all__ = ["NoMmap"]


class NoMmap(Tracked):
    """The policy of this file."""

    promise = Promise.EXPLICIT
    mmap = False

    @property
    def name(self) -> str:
        """What reports call it."""
        return "no mmap"

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """All pages: nothing is kept here."""
        return list(range(buffer.pages))
