"""The SYNC bracket as the only means: mappings are always there, begin reads back, end(WRITE) sends (R8 to R11).

No fault, no zap: a load outside of a bracket sees what the host's pages happen to hold. Begin brings back every page
that the device wrote, since it has no ranges (R12); end sends the pages whose dirty bits are set. What an end could not
send goes with the next submission, so that no drawing ever finds the host newer (R23, R31).
"""

from __future__ import annotations

from collections.abc import Iterable

from models.dmabuf import Buffer
from models.page_table import Mapping
from models.policy import FaultPlan
from models.policy.tracking import Tracked, mask_of
from models.promise import Promise

__all__ = ["SyncBracket"]


class SyncBracket(Tracked):
    """The policy of this file. `implicit_sync`: begin also waits for device work that did not write the buffer."""

    promise = Promise.BRACKETED

    @property
    def name(self) -> str:
        """What reports call it."""
        return "SYNC bracket"

    def mapped(self, buffer: Buffer, mapping: Mapping) -> None:
        """All entries at once, clean."""
        for page in range(mapping.first, mapping.first + mapping.count):
            mapping.insert(page, mapping.may_write, dirty=False)

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Only after the storage moved: entries come back, bytes do not."""
        everywhere = tuple(range(buffer.pages))
        return FaultPlan(around=everywhere, writable=everywhere)

    def begin(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Bring everything back that the device wrote, to write as well: pages are sent whole (R31)."""
        return self.bring_all_back(buffer, write)

    def end(self, buffer: Buffer, write: bool) -> bool:
        """Send what was dirtied."""
        return write

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """For a submission only what was ended before: a bracket that is open is not sent."""
        if everything:
            self.look(buffer).damage[buffer.space.record()] = True
        return self.take_damage(buffer)

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """Stores that no end has sent: they go, but not over what the device drew since they were made (R31)."""
        tracking = self.look(buffer)
        tracking.damage |= mask_of(buffer, pages) & ~tracking.device_dirty

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Entries stay."""
        return []
