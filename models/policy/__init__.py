"""Coherence strategies: one Protocol for all, one file each.

A policy decides; it yields no steps and starts no DMA. The fault handler and the driver ask it what to bring back, what
to send and what to zap, carry that out, and tell it what has been done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from models.dmabuf import Buffer
from models.fence import Fence

__all__ = ["FaultPlan", "Policy"]


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What a fault needs: first wait for these fences and ask again; else bring these pages back, then insert."""

    wait: tuple[Fence, ...] = ()
    readback: tuple[int, ...] = ()


class Policy(Protocol):
    """One coherence strategy. Every method is called with the buffer's reservation lock held."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def adopt(self, buffer: Buffer) -> None:
        """Begin to track a buffer whose host pages and device surface both hold zeros."""
        ...

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        ...

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Answer a fault on a page."""
        ...

    def brought_back(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """The host's copy of these pages is the newest again."""
        ...

    def harvest(self, buffer: Buffer) -> list[int]:
        """Write-protect, and return the pages that must go to the device before it looks at the buffer."""
        ...

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """A mapping went away and left these pages dirty."""
        ...

    def pending(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished device work on these pages that an upload of them must stay behind."""
        ...

    def uploading(self, buffer: Buffer, pages: Iterable[int], fence: Fence) -> None:
        """These pages are on their way to the device; if the fence fails they count as dirty again (R23)."""
        ...

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Return the pages whose entries must go before the device writes these pages."""
        ...

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        """The device has been told to read and write these pages; `fence` says when it is done."""
        ...
