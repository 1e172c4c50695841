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
from models.page_table import Mapping
from models.promise import Promise

__all__ = ["FaultPlan", "Policy"]


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What a fault needs: first wait for these fences and ask again; else bring these pages back, then insert.

    `guessed` are pages to bring back in the same request that nobody needs yet: if that fails, they are left out and
    the others are tried alone. `around` are more pages that may be inserted with the one that faulted. Entries of
    `writable` pages come writable, clean until the first store, even for a load: there stores are noticed without a
    fault (R20). `scanned` is how many entries the decision had to look at one by one.
    """

    wait: tuple[Fence, ...] = ()
    readback: tuple[int, ...] = ()
    guessed: tuple[int, ...] = ()
    around: tuple[int, ...] = ()
    writable: tuple[int, ...] = ()
    scanned: int = 0


class Policy(Protocol):
    """One coherence strategy. Every method is called with the buffer's reservation lock held."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def promise(self) -> Promise:
        """What programs may rely on."""
        ...

    @property
    def mmap(self) -> bool:
        """Whether the exporter offers CPU mappings at all (R6)."""
        ...

    @property
    def implicit_sync(self) -> bool:
        """Whether a CPU access also waits for unrelated device work on the buffer (R18)."""
        ...

    @property
    def uncached(self) -> bool:
        """Whether each access goes to the device by itself, through no page of host RAM (aperture)."""
        ...

    @property
    def snapshot(self) -> bool:
        """Whether a drawing sees no store made after its submission; else it may, until its fence has signalled."""
        ...

    def adopt(self, buffer: Buffer) -> None:
        """Begin to track a buffer whose host pages and device surface both hold zeros."""
        ...

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        ...

    def mapped(self, buffer: Buffer, mapping: Mapping) -> None:
        """A mapping was made: a strategy without faults installs its entries now."""
        ...

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Answer a fault on a page."""
        ...

    def bring_all_back(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Say what to wait for and what to bring back until the host's copy is the newest everywhere."""
        ...

    def begin(self, buffer: Buffer, write: bool) -> FaultPlan:
        """Answer the begin of CPU access to the whole buffer (R9): what to wait for and what to bring back."""
        ...

    def end(self, buffer: Buffer, write: bool) -> bool:
        """CPU access ends; return whether what the CPU wrote is to be sent now."""
        ...

    def brought_back(self, buffer: Buffer, pages: Iterable[int], plan: FaultPlan | None = None) -> None:
        """The host's copy of these pages is the newest again. `plan` is that of the fault they were wanted for."""
        ...

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Return the pages that must go to the device before it reads the pages `reads` and writes the pages `writes`.

        `reads` None: any page. No entry of a page in `writes` stays writable. `everything`: hold nothing back.
        """
        ...

    def scanned(self, buffer: Buffer) -> int:
        """Return how many entries the last harvest had to look at one by one (0: none, it kept a list)."""
        ...

    def unmapped(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """These pages of the host's copy were written and must be sent: a mapping went away, or the kernel stored."""
        ...

    def written_elsewhere(self, buffer: Buffer) -> None:
        """Another device may have written any page of the host's copy: all that is not old there must be sent."""
        ...

    def pending(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished device work on these pages that an upload of them must stay behind."""
        ...

    def writers(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished device work that writes these pages."""
        ...

    def uploads(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        """Return the unfinished uploads of these pages: they read the host's copy, which must not change meanwhile."""
        ...

    def discarded(self, buffer: Buffer) -> None:
        """All contents are undefined now, and what is under way is on other storage (R26). Entries are gone."""
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

    def device_dirty(self, buffer: Buffer) -> list[int]:
        """Return the pages whose newest bytes are not known to be in the host's copy: a transfer asks the device."""
        ...
