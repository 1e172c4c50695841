"""The aperture, as i915's GTT: every CPU access goes to the device (`models.aperture`), slowly, and is never stale."""

from __future__ import annotations

from collections.abc import Iterable

from models.dmabuf import Buffer
from models.policy.tracking import Tracked

__all__ = ["AperturePolicy"]


class AperturePolicy(Tracked):
    """The policy of this file. `implicit_sync`: an access also waits for device work on other pages."""

    uncached = True

    @property
    def name(self) -> str:
        """What reports call it."""
        return "aperture"

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """All pages: nothing is kept here."""
        return list(range(buffer.pages))

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """There are no entries."""
        return []
