"""Damage rectangles, as gud, udl and FB_DAMAGE_CLIPS: the client names what it changed, and just that is sent.

Host pages are the clients' drawing and nobody else's: mappings are always there, and the kernel's mapping and other
devices are shown the same. What the device draws is read with a transfer object and never brought back over a store
that is not named yet; what another device writes is sent when it is named. Rectangles are sent byte for byte, so
nothing around them is overwritten (R31).
"""

from __future__ import annotations

from collections.abc import Iterable

from models.dmabuf import Buffer
from models.page_table import Mapping
from models.policy import FaultPlan
from models.policy.tracking import Tracked
from models.promise import Promise

__all__ = ["DamageRectangles"]


class DamageRectangles(Tracked):
    """The policy of this file. `bounding`: one box around all rectangles is sent instead, as gud does.

    `implicit_sync` has nothing to bite on: no CPU access is noticed.
    """

    promise = Promise.EXPLICIT

    def __init__(self, *, implicit_sync: bool = False, bounding: bool = False) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self.bounding = bounding

    @property
    def name(self) -> str:
        """What reports call it."""
        return "damage rectangles"

    def mapped(self, buffer: Buffer, mapping: Mapping) -> None:
        """All entries at once."""
        for page in range(mapping.first, mapping.first + mapping.count):
            mapping.insert(page, mapping.may_write, dirty=False)

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Only after the storage moved: entries come back, bytes do not."""
        everywhere = tuple(range(buffer.pages))
        return FaultPlan(around=everywhere, writable=everywhere)

    def bring_all_back(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Nothing: that would overwrite stores that are not named yet."""
        return FaultPlan()

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """All pages: the host's copy is the client's drawing, not the device's."""
        return list(range(buffer.pages))

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Nothing: only rectangles are sent."""
        return []

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """What was not named is not sent."""

    def written_elsewhere(self, buffer: Buffer) -> None:
        """Nor is what another device wrote."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Entries stay."""
        return []
