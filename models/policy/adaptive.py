"""Our own strategy: page zap with extents that are learned, paid for by what has proved useful, and box-bounded scans.

What it knows. The box of each device command says which pages the device reads and writes, so that each page is
device-dirty, or not, by itself. The processor's accessed bits say which entries were used, and its dirty bits which
were written; both are looked at when an entry goes or is scanned anyway.

Readback. A fault on a device-dirty page brings that page back, in one request with others that are likely to be used
before the device writes them again:

- those whose `score` is positive. A page's score rises by one whenever it was brought back and used (from 0 at least,
  to 3 at most), and falls by two, to -1 at least, when it was brought back in vain.
- those that follow the faulting page without a gap, up to `window`, but for those of a negative score. The window
  doubles when all that was brought back beyond demand has been used, and halves when more of it went unused than used.

Pages brought back on a guess count as *risked* until they are seen to have been used. Guesses are limited: wasted plus
risked pages never exceed PRIOR + useful / SHARE, where useful pages are those that some access did need. So the pages
read back are at most (1 + 1 / SHARE) x what any driver by pages must read back for the same accesses, plus PRIOR: what
is learned decides how fast the strategy is, never whether it is frugal. When the allowance runs out, the risked
entries' accessed bits are looked at (and paid for), for most of them have been used meanwhile.

Fault-around. With the page come entries for what the same request brought back, for the next pages that are right in
host memory already, and for all such pages of a positive score. They are writable where the page was stored to before
or the fault is a store.

Writeback. A submission looks only at the pages that its commands read or write, and there only at writable entries: no
fault tells of a store to those (R20). What is dirty elsewhere stays, and is sent when the device does look at it. An
entry that was found clean in COOL scans in a row loses its permission, so that the next store faults (R21): a page pays
for scans as long as it is written, and for a fault when that begins again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.dmabuf import Buffer
from models.page_table import Bits
from models.policy import FaultPlan
from models.policy.tracking import Tracked, Tracking, mask_of, pages_in

__all__ = ["COOL", "PRIOR", "SHARE", "WINDOW", "Adaptive"]

PRIOR = 8
"""Pages that may be guessed wrong before anything is known."""
SHARE = 8
"""One page may be guessed wrong for so many that were needed."""
WINDOW = 16
"""Entries that a fault inserts beyond its own for pages that need no readback and of which nothing is known."""
COOL = 2
"""Clean scans in a row after which an entry is write-protected."""
_WIDEST = 1 << 16


@dataclass(slots=True)
class _Learned:
    """What has been learned of one buffer; arrays have one element a page."""

    score: npt.NDArray[np.int8]
    clean: npt.NDArray[np.int8]
    stored: Bits
    risked: Bits
    guesses: Bits
    window: int = PRIOR
    useful: int = 0
    wasted: int = 0
    previous: int = -1
    scanned: int = 0

    @property
    def allowance(self) -> int:
        """Pages that may be guessed now."""
        return PRIOR + self.useful // SHARE - self.wasted - int(np.count_nonzero(self.risked))


class Adaptive(Tracked):
    """The policy of this file."""

    snapshot = False

    def __init__(self, *, implicit_sync: bool = False) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self._learned: dict[Buffer, _Learned] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return "page zap + learned extents (ours)"

    def adopt(self, buffer: Buffer) -> None:
        """Begin with nothing known."""
        super().adopt(buffer)
        pages = buffer.pages
        counts = np.zeros((2, pages), np.int8)
        bits = np.zeros((3, pages), np.bool_)
        self._learned[buffer] = _Learned(counts[0], counts[1], bits[0], bits[1], bits[2])

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        super().forget(buffer)
        del self._learned[buffer]

    def discarded(self, buffer: Buffer) -> None:
        """Nothing that was guessed can be used any more, and nobody is to blame."""
        super().discarded(buffer)
        self._learned[buffer].risked[:] = False

    # ------------------------------------------------------------------------------------- device to host

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Wait for the page, bring it back with those that are likely to follow, and insert entries for all of them."""
        plan = super().fault(buffer, page, write)
        if plan.wait:
            return plan
        learned, tracking = self._learned[buffer], self.look(buffer)
        learned.scanned = 0
        if learned.risked[page]:
            self._used(learned, mask_of(buffer, [page]))
        learned.guesses[:] = False
        if plan.readback:
            learned.guesses[self._guess(buffer, learned, tracking, page)] = True
        right = ~tracking.device_dirty | learned.guesses
        right[page] = True
        around = right & (learned.score > 0) | learned.guesses
        around[_ahead(right, page)[:WINDOW]] = True
        writable = around & (learned.stored | write)
        for use in tracking.uploads:
            writable &= ~use.pages
        writable[page] = write or learned.stored[page]
        readback = tuple(sorted([page, *pages_in(learned.guesses)])) if plan.readback else ()
        return FaultPlan((), readback, tuple(pages_in(around)), tuple(pages_in(writable)), learned.scanned)

    def _guess(self, buffer: Buffer, learned: _Learned, tracking: Tracking, page: int) -> list[int]:
        """Return the pages to bring back beside one that is needed, as far as the allowance goes."""
        ready = tracking.device_dirty & ~tracking.damage
        for use in tracking.writing:
            ready &= ~use.pages
        ready[page] = False
        if not learned.window and page == learned.previous + 1:
            learned.window = 1
        learned.previous = page
        likely = ready & (learned.score > 0)
        likely[_ahead(ready & (learned.score >= 0), page)[: learned.window]] = True
        wanted = pages_in(likely)
        if len(wanted) > learned.allowance and learned.risked.any():
            learned.scanned = int(np.count_nonzero(learned.risked))
            used = learned.risked & buffer.space.accessed()
            if np.array_equal(used, learned.risked):
                learned.window = min(2 * learned.window, _WIDEST)
            self._used(learned, used)
        wanted.sort(key=lambda other: (other - page) % buffer.pages)
        return wanted[: max(0, learned.allowance)]

    def brought_back(self, buffer: Buffer, pages: Iterable[int]) -> None:
        """What was guessed is risked; the rest was needed."""
        brought = mask_of(buffer, pages)
        learned = self._learned[buffer]
        learned.risked |= brought & learned.guesses
        self._used(learned, brought & ~learned.guesses)
        learned.guesses[:] = False
        super().brought_back(buffer, pages)

    @staticmethod
    def _used(learned: _Learned, pages: Bits) -> None:
        learned.useful += int(np.count_nonzero(pages))
        learned.score[pages] = np.minimum(np.maximum(learned.score[pages], 0) + 1, 3)
        learned.risked &= ~pages

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """What will be written; what was risked on those pages has proved useful by now, or it was wasted."""
        pages = list(writes)
        learned = self._learned[buffer]
        over = learned.risked & mask_of(buffer, pages)
        if over.any():
            used = over & buffer.space.accessed()
            wasted = over & ~used
            hits, misses = int(np.count_nonzero(used)), int(np.count_nonzero(wasted))
            self._used(learned, used)
            learned.wasted += misses
            learned.score[wasted] = np.maximum(learned.score[wasted] - 2, -1)
            learned.risked &= ~wasted
            if misses > hits:
                learned.window //= 2
            elif not misses:
                learned.window = min(max(1, 2 * learned.window), _WIDEST)
        return pages

    # ------------------------------------------------------------------------------------- host to device

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Look at the writable entries of the pages that the device is about to look at; leave the rest for later."""
        learned, tracking, space = self._learned[buffer], self.look(buffer), buffer.space
        protect = list(writes)
        everywhere = everything or reads is None
        seen = mask_of(buffer, range(buffer.pages) if everywhere else {*protect, *(reads or ())})
        writable, dirty = mask_of(buffer, ()), mask_of(buffer, ())
        learned.scanned = 0
        for mapping in space.mappings:
            here = slice(mapping.first, mapping.first + mapping.count)
            watched = mapping.present & mapping.writable & seen[here]
            learned.scanned += int(np.count_nonzero(watched))
            writable[here] |= watched
            dirty[here] |= mapping.dirty & seen[here]
        learned.stored |= dirty
        learned.clean[dirty] = 0
        learned.clean[writable & ~dirty] += 1
        cold = writable & (learned.clean >= COOL)
        learned.stored &= ~cold
        learned.clean[cold] = 0
        learned.scanned += int(np.count_nonzero(cold))
        tracking.damage[space.record([*protect, *pages_in(cold)], pages_in(seen))] = True
        return self.take_damage(buffer, seen)

    def scanned(self, buffer: Buffer) -> int:
        """The writable entries of those pages, and again those that were protected for being clean."""
        return self._learned[buffer].scanned


def _ahead(right: Bits, page: int) -> list[int]:
    """Return the pages behind one, up to the first that is not right."""
    stop = np.flatnonzero(~right[page + 1 :])
    return list(range(page + 1, page + 1 + int(stop[0]) if stop.size else right.size))
