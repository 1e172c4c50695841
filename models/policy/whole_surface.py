"""Zap and readback of the whole surface with MKWRITE dirty tracking: vmwgfx's plain form (R17, R19).

The device's mark is one for the surface: a drawing, however small, zaps every entry unless the surface is device-dirty
already, and the first fault afterwards waits for all drawing and reads everything back. A fault inserts up to 16
entries from the page on, read-only but for the page that was stored to.
"""

from __future__ import annotations

from collections.abc import Iterable

from models.dmabuf import Buffer
from models.fence import Fence
from models.policy import FaultPlan
from models.policy.tracking import Tracked, pages_in

__all__ = ["WINDOW", "WholeSurface"]

WINDOW = 16
"""Entries that one fault inserts at most."""


class WholeSurface(Tracked):
    """The policy of this file."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return "whole-surface zap + readback, MKWRITE"

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Wait for all drawing and bring everything back; then insert a window."""
        tracking = self.look(buffer)
        waits: list[Fence] = list(buffer.reservation.waits(write)) if self.implicit_sync else []
        if tracking.device_dirty.any():
            waits += [use.fence for use in tracking.writing]
        if write:
            waits += self.uploads(buffer, (page,))
        if waits:
            return FaultPlan(wait=tuple(dict.fromkeys(waits)))
        around = tuple(range(page, min(page + WINDOW, buffer.pages)))
        return FaultPlan(readback=tuple(pages_in(tracking.device_dirty)), around=around)

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Everything, unless it is gone already: a device-dirty surface has no entries (R19)."""
        if not list(writes) or self.look(buffer).device_dirty.all():
            return []
        return list(range(buffer.pages))

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        """The device has the newest bytes of the whole surface from now on."""
        super().drawing(buffer, reads, range(buffer.pages) if list(writes) else (), fence)
