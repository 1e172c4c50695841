"""Page-granular zap and readback with MKWRITE dirty tracking.

For each page either the host's copy is the newest or the device's is (`device_dirty`), fed by the box of every drawing
command. The CPU reaches a page only after a fault; the first store to a page after each scan faults (R21). So a page is
never newer on both sides, and writing one back as a whole can never overwrite newer device bytes (R31).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.dmabuf import Buffer
from models.fence import Fence, FenceState
from models.page_table import Bits
from models.policy import FaultPlan

__all__ = ["PageMkwrite"]


@dataclass(frozen=True, slots=True)
class _Use:
    """Device work under way: drawing that reads or writes pages, or an upload that reads their host copies."""

    fence: Fence
    pages: Bits


@dataclass(slots=True)
class _Tracking:
    device_dirty: Bits
    damage: Bits
    reading: list[_Use] = field(default_factory=list)
    writing: list[_Use] = field(default_factory=list)
    uploads: list[_Use] = field(default_factory=list)


class PageMkwrite:
    """The policy of this file. `implicit_sync`: a fault also waits for unrelated device work on the buffer (R18)."""

    def __init__(self, *, implicit_sync: bool = False) -> None:
        self.implicit_sync = implicit_sync
        self._tracking: dict[Buffer, _Tracking] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return "page zap + readback, MKWRITE"

    def adopt(self, buffer: Buffer) -> None:
        """Begin to track a buffer: both copies hold zeros, so a page never written needs no readback (R30)."""
        self._tracking[buffer] = _Tracking(np.zeros(buffer.pages, np.bool_), np.zeros(buffer.pages, np.bool_))

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        del self._tracking[buffer]

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """Return the pages whose newest bytes only the device has."""
        return [int(page) for page in np.flatnonzero(self._look(buffer).device_dirty)]

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Answer a fault: wait for drawing on the page, then bring it back, for loads and stores alike (R31).

        A store also waits for an upload of the page: the DMA reads the host's copy and must not see it change [D].
        """
        tracking = self._look(buffer)
        waits: list[Fence] = []
        if self.implicit_sync:
            waits += buffer.reservation.waits(write)
        if tracking.device_dirty[page]:
            waits += [use.fence for use in tracking.writing if use.pages[page]]
        if write:
            waits += [use.fence for use in tracking.uploads if use.pages[page]]
        if waits:
            return FaultPlan(wait=tuple(dict.fromkeys(waits)))
        return FaultPlan(readback=(page,) if tracking.device_dirty[page] else ())

    def brought_back(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """The host's copy of these pages is the newest again."""
        self._look(buffer).device_dirty[list(pages)] = False

    def harvest(self, buffer: Buffer) -> list[int]:
        """Write-protect every entry and return what was dirty, with what earlier uploads failed to deliver (R23)."""
        tracking = self._look(buffer)
        tracking.damage[buffer.space.harvest()] = True
        pages = [int(page) for page in np.flatnonzero(tracking.damage)]
        tracking.damage[:] = False
        return pages

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """A mapping went away and left these pages dirty."""
        self._look(buffer).damage[list(pages)] = True

    def pending(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return unfinished drawing that reads or writes these pages; the last one ends last, but all are named."""
        tracking = self._look(buffer)
        wanted = _mask(buffer, pages)
        uses = [use for use in (*tracking.reading, *tracking.writing) if (use.pages & wanted).any()]
        return tuple(dict.fromkeys(use.fence for use in uses))

    def uploading(self, buffer: Buffer, pages: Iterable[int], fence: Fence) -> None:
        """These pages are on their way to the device."""
        self._look(buffer).uploads.append(_Use(fence, _mask(buffer, pages)))

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Only what the device will write: elsewhere the host's copy stays right. A device read zaps nothing (R19)."""
        return list(writes)

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        """The newest bytes of the written pages are the device's from now on.

        Except where there is damage again already: an upload before this drawing has failed, so it will not run (R23).
        """
        tracking = self._look(buffer)
        read, written = _mask(buffer, reads), _mask(buffer, writes)
        tracking.device_dirty |= written & ~tracking.damage
        if read.any():
            tracking.reading.append(_Use(fence, read))
        if written.any():
            tracking.writing.append(_Use(fence, written))

    def _look(self, buffer: Buffer) -> _Tracking:
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
        tracking.reading = [use for use in tracking.reading if not use.fence.done]
        tracking.writing = [use for use in tracking.writing if not use.fence.done]
        return tracking


def _mask(buffer: Buffer, pages: Iterable[int]) -> Bits:
    mask: Bits = np.zeros(buffer.pages, np.bool_)
    mask[list(pages)] = True
    return mask
