"""What every strategy keeps of a buffer: who has the newest bytes of each page, and the device work under way on it.

For each page either the host's copy is the newest or the device's is (`device_dirty`), fed by the box of every drawing
command. `damage` is what the host has and the device has not, outside of any entry's dirty bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.dmabuf import Buffer
from models.fence import Fence, FenceState
from models.page_table import Bits, Mapping
from models.policy import FaultPlan
from models.promise import Promise

__all__ = ["Tracked", "Tracking", "Use", "mask_of", "pages_in"]


@dataclass(frozen=True, slots=True)
class Use:
    """Device work under way: drawing that reads or writes pages, or an upload that reads their host copies."""

    fence: Fence
    pages: Bits


@dataclass(slots=True)
class Tracking:
    """The state of one buffer."""

    device_dirty: Bits
    damage: Bits
    reading: list[Use] = field(default_factory=list)
    writing: list[Use] = field(default_factory=list)
    uploads: list[Use] = field(default_factory=list)
    leaving: list[Use] = field(default_factory=list)
    """Uploads of contents that were discarded: they still read the host's pages, and if they fail nobody cares."""


class Tracked:
    """The part of a policy that is the same for all; a strategy overrides what it decides otherwise.

    `implicit_sync`: a CPU access that the strategy notices also waits for unrelated device work on the buffer (R18).
    """

    promise = Promise.COHERENT
    mmap = True
    uncached = False
    snapshot = True

    def __init__(self, *, implicit_sync: bool = False) -> None:
        self.implicit_sync = implicit_sync
        self._tracking: dict[Buffer, Tracking] = {}

    def adopt(self, buffer: Buffer) -> None:
        """Begin to track a buffer: both copies hold zeros, so a page never written needs no readback (R30)."""
        self._tracking[buffer] = Tracking(np.zeros(buffer.pages, np.bool_), np.zeros(buffer.pages, np.bool_))

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        del self._tracking[buffer]

    def mapped(self, buffer: Buffer, mapping: Mapping) -> None:
        """Entries come with faults."""

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """Return the pages whose newest bytes only the device has."""
        return pages_in(self.look(buffer).device_dirty)

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Answer a fault: wait for drawing on the page, then bring it back, for loads and stores alike (R31).

        A store also waits for an upload of the page: the DMA reads the host's copy and must not see it change [D].
        """
        tracking = self.look(buffer)
        waits: list[Fence] = []
        if self.implicit_sync:
            waits += buffer.reservation.waits(write)
        if tracking.device_dirty[page]:
            waits += [use.fence for use in tracking.writing if use.pages[page]]
        if write:
            waits += self.uploads(buffer, (page,))
        if waits:
            return FaultPlan(wait=tuple(dict.fromkeys(waits)))
        return FaultPlan(readback=(page,) if tracking.device_dirty[page] else ())

    def begin(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Faults keep user mappings right; a kernel mapping has none, so it is made right here (R9, R13)."""
        return self.bring_all_back(buffer, write) if buffer.vmaps else FaultPlan()

    def bring_all_back(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Plan for host pages that are all the newest: wait for those who write them, bring back what they wrote."""
        tracking = self.look(buffer)
        waits = list(buffer.reservation.waits(write)) if self.implicit_sync else []
        waits += [use.fence for use in tracking.writing if (use.pages & tracking.device_dirty).any()]
        if write:
            waits += self.uploads(buffer, range(buffer.pages))
        if waits:
            return FaultPlan(wait=tuple(dict.fromkeys(waits)))
        return FaultPlan(readback=tuple(pages_in(tracking.device_dirty)))

    def end(self, buffer: Buffer, write: bool) -> bool:
        """What was dirtied goes with the next submission."""
        return False

    def brought_back(self, buffer: Buffer, pages: Iterable[int], plan: FaultPlan | None = None) -> None:
        """The host's copy of these pages is the newest again."""
        self.look(buffer).device_dirty[list(pages)] = False

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Write-protect every entry and return what was dirty, with what earlier uploads failed to deliver (R23)."""
        tracking = self.look(buffer)
        tracking.damage[buffer.space.harvest()] = True
        return self.take_damage(buffer)

    def take_damage(self, buffer: Buffer, only: Bits | None = None) -> list[int]:
        """Return the damaged pages, all or those in a mask, and count them as sent."""
        damage = self.look(buffer).damage
        chosen = damage if only is None else damage & only
        pages = pages_in(chosen)
        damage[pages] = False
        return pages

    def scanned(self, buffer: Buffer) -> int:
        """The faults have kept the list."""
        return 0

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """These pages of the host's copy were written and must be sent."""
        self.look(buffer).damage[list(pages)] = True

    def written_elsewhere(self, buffer: Buffer) -> None:
        """All pages but those whose newest bytes the device has: an old copy is never sent over them (R31)."""
        tracking = self.look(buffer)
        tracking.damage |= ~tracking.device_dirty

    def pending(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return unfinished drawing that reads or writes these pages; the last one ends last, but all are named."""
        tracking = self.look(buffer)
        wanted = mask_of(buffer, pages)
        uses = [use for use in (*tracking.reading, *tracking.writing) if (use.pages & wanted).any()]
        return tuple(dict.fromkeys(use.fence for use in uses))

    def writers(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished device work that writes these pages."""
        wanted = mask_of(buffer, pages)
        uses = [use for use in self.look(buffer).writing if (use.pages & wanted).any()]
        return tuple(dict.fromkeys(use.fence for use in uses))

    def uploads(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished uploads of these pages, those of discarded contents among them."""
        tracking, wanted = self.look(buffer), mask_of(buffer, pages)
        uses = [use for use in (*tracking.uploads, *tracking.leaving) if (use.pages & wanted).any()]
        return tuple(dict.fromkeys(use.fence for use in uses))

    def discarded(self, buffer: Buffer) -> None:
        """All contents are undefined now (R26): nobody is newer, and nothing under way is on this storage."""
        tracking = self.look(buffer)
        tracking.damage[:] = tracking.device_dirty[:] = False
        tracking.leaving += tracking.uploads
        tracking.uploads, tracking.reading, tracking.writing = [], [], []

    def uploading(self, buffer: Buffer, pages: Iterable[int], fence: Fence) -> None:
        """These pages are on their way to the device."""
        self.look(buffer).uploads.append(Use(fence, mask_of(buffer, pages)))

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Only what the device will write: elsewhere the host's copy stays right. A device read zaps nothing (R19)."""
        return list(writes)

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        """The newest bytes of the written pages are the device's from now on.

        Except where there is damage again already: an upload before this drawing has failed, so it will not run (R23).
        """
        tracking = self.look(buffer)
        read, written = mask_of(buffer, reads), mask_of(buffer, writes)
        tracking.device_dirty |= written & ~tracking.damage
        if read.any():
            tracking.reading.append(Use(fence, read))
        if written.any():
            tracking.writing.append(Use(fence, written))

    def look(self, buffer: Buffer) -> Tracking:
        """Return the tracking after taking note of finished work.

        Where an upload failed the host has the newest bytes still: what should have been drawn on them was aborted
        with the upload, so they are damage again and not the device's (R23).
        """
        tracking = self._tracking[buffer]
        for use in tracking.uploads:
            if use.fence.state is FenceState.FAILED:
                tracking.damage |= use.pages
                tracking.device_dirty &= ~use.pages
        tracking.uploads = [use for use in tracking.uploads if not use.fence.done]
        tracking.leaving = [use for use in tracking.leaving if not use.fence.done]
        tracking.reading = [use for use in tracking.reading if not use.fence.done]
        tracking.writing = [use for use in tracking.writing if not use.fence.done]
        return tracking


def mask_of(buffer: Buffer, pages: Iterable[int]) -> Bits:
    """Return the pages as bits, one a page of the buffer."""
    mask: Bits = np.zeros(buffer.pages, np.bool_)
    mask[list(pages)] = True
    return mask


def pages_in(mask: Bits) -> list[int]:
    """Return the pages whose bits are set, ascending."""
    return [int(page) for page in np.flatnonzero(mask)]
