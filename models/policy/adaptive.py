"""Our own strategy: page zap with extents that are learned, paid for by what has proved useful, and box-bounded scans.

What it knows. The box of each device command says which pages the device reads and writes, so that each page is
device-dirty, or not, by itself. The processor's accessed bits say which entries were used, and its dirty bits which
were written; both are looked at when an entry goes or is scanned anyway.

Readback. A fault on a device-dirty page brings that page back, in one request with others that are likely to be used
before the device writes them again:

- those whose `score` is positive. A page's score rises by one whenever it was brought back and used (from 0 at least,
  to 3 at most), and falls by two, to -1 at least, when it was brought back in vain. Pages of other drawings than the
  faulting page's are left out while such guesses have been wrong more often than right (`recall`, 0 to 3, 2 at first);
  MISSED faults on pages of a positive score put it back to 1.
- those that the same drawing wrote: all of them where they are at most PRIOR, or where such guesses have mostly been
  right (`trust`, 0 to 3, 1 at first: one up when all were used, one down when more went unused); else the next page
  (`follow`), unless that was wrong the last time and the faults do not come in sequence. Pages with a score of their
  own are judged by that, unless drawings are trusted (trust of 2).

Where not all may be guessed, those of trusted drawings come first, then those that were used last.

Pages brought back on a guess count as *risked* until they are seen to have been used. Guesses are limited: wasted plus
risked pages never exceed PRIOR + useful / SHARE, where useful pages are those that some access did need. So the pages
that faults read back are at most (1 + 1 / SHARE) x what any driver by pages must read back for the same accesses, plus
PRIOR: what is learned decides how fast the strategy is, never whether it is frugal. (What a kernel mapping or another
device asks for as a whole is no guess, and earns none.) A fault that needs a readback looks at the
accessed bits of the risked entries, and pays for it: most of them have been used meanwhile.

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
from models.fence import Fence
from models.page_table import Bits
from models.policy import FaultPlan
from models.policy.tracking import Tracked, Tracking, mask_of, pages_in

__all__ = ["COOL", "MISSED", "PRIOR", "SHARE", "WINDOW", "Adaptive"]

PRIOR = 8
"""Pages that may be guessed wrong before anything is known."""
SHARE = 4
"""One page may be guessed wrong for so many that were needed."""
WINDOW = 16
"""Entries that a fault inserts beyond its own for pages that need no readback and of which nothing is known."""
MISSED = 4
"""Faults on pages that were worth a guess, after which old scores count again."""
COOL = 2
"""Clean scans in a row after which an entry is write-protected."""
_TRUSTED = 2


@dataclass(slots=True)
class _Learned:
    """What has been learned of one buffer; arrays have one element a page."""

    score: npt.NDArray[np.int8]
    clean: npt.NDArray[np.int8]
    when: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.int64]
    stored: Bits
    risked: Bits
    followed: Bits
    follow: bool = True
    trust: int = 1
    recall: int = 2
    missed: int = 0
    useful: int = 0
    wasted: int = 0
    previous: int = -1
    drawings: int = 0
    scanned: int = 0

    @property
    def allowance(self) -> int:
        """Pages that may be guessed now."""
        return PRIOR + self.useful // SHARE - self.wasted - int(np.count_nonzero(self.risked))

    def reward(self) -> None:
        """All that was guessed by its drawing has been used."""
        self.trust = min(self.trust + 1, 3)


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
        stamps, bits = np.zeros((2, pages), np.int64), np.zeros((3, pages), np.bool_)
        self._learned[buffer] = _Learned(counts[0], counts[1], stamps[0], stamps[1], bits[0], bits[1], bits[2])

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
        guesses = mask_of(buffer, self._guess(buffer, learned, tracking, page) if plan.readback else ())
        right = ~tracking.device_dirty | guesses
        right[page] = True
        around = right & (learned.score > 0) | guesses
        around[_ahead(right, page)[:WINDOW]] = True
        writable = around & (learned.stored | write)
        for use in tracking.uploads:
            writable &= ~use.pages
        writable[page] = write or learned.stored[page]
        return FaultPlan(
            readback=plan.readback,
            guessed=tuple(pages_in(guesses)),
            around=tuple(pages_in(around)),
            writable=tuple(pages_in(writable)),
            scanned=learned.scanned,
        )

    def _guess(self, buffer: Buffer, learned: _Learned, tracking: Tracking, page: int) -> list[int]:
        """Return the pages to bring back beside one that is needed, as far as the allowance goes."""
        ready = tracking.device_dirty.copy()
        for use in tracking.writing:
            ready &= ~use.pages
        ready[page] = False
        learned.follow |= page == learned.previous + 1
        learned.previous = page
        if learned.risked.any():
            learned.scanned = int(np.count_nonzero(learned.risked))
            used = learned.risked & buffer.space.accessed()
            followed = learned.risked & learned.followed
            if followed.any() and not (followed & ~used).any():
                learned.reward()
            self._used(learned, used)
        together = ready & (learned.drawn == learned.drawn[page])
        learned.missed += int(learned.score[page] > 0)
        if not learned.recall and learned.missed >= MISSED:
            learned.recall = 1
        scored = ready & (learned.score > 0)
        if not learned.recall:
            scored &= together
        if learned.trust >= _TRUSTED:
            scored &= ~together
        likely = pages_in(scored)
        likely.sort(key=lambda other: (-learned.when[other], (other - page) % buffer.pages))
        if learned.trust < _TRUSTED:
            together &= learned.score == 0
        if learned.trust >= _TRUSTED or (learned.trust and np.count_nonzero(together) <= PRIOR):
            following = sorted(pages_in(together), key=lambda other: (other - page) % buffer.pages)
        else:
            following = _ahead(together, page)[: int(learned.follow)]
        wanted = [*following, *likely] if learned.trust >= _TRUSTED else [*likely, *following]
        wanted = wanted[: max(0, learned.allowance)]
        learned.followed[wanted] = False
        learned.followed[[other for other in following if other in wanted]] = True
        return wanted

    def brought_back(self, buffer: Buffer, pages: Iterable[int], plan: FaultPlan | None = None) -> None:
        """What was guessed is risked, what a fault needed was used; of what was asked for as a whole nothing is known.

        A guess that could not be brought back is not made again soon.
        """
        brought = mask_of(buffer, pages)
        if plan is not None:
            learned, guesses = self._learned[buffer], mask_of(buffer, plan.guessed)
            learned.risked |= brought & guesses
            self._used(learned, brought & ~guesses)
            failed = guesses & ~brought
            learned.score[failed] = -1
            if failed.any():
                learned.follow, learned.trust = False, 0
        super().brought_back(buffer, pages, plan)

    @staticmethod
    def _used(learned: _Learned, pages: Bits) -> None:
        learned.when[pages] = learned.drawings
        learned.useful += int(np.count_nonzero(pages))
        learned.score[pages] = np.minimum(np.maximum(learned.score[pages], 0) + 1, 3)
        learned.risked &= ~pages

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """What will be written; what was risked on those pages has proved useful by now, or it was wasted."""
        pages = list(writes)
        learned = self._learned[buffer]
        learned.drawings += 1
        over = learned.risked & mask_of(buffer, pages)
        if over.any():
            used = over & buffer.space.accessed()
            wasted = over & ~used
            hits, misses = (int(np.count_nonzero(which & learned.followed)) for which in (used, wasted))
            right, wrong = (int(np.count_nonzero(which & ~learned.followed)) for which in (used, wasted))
            if wrong > right:
                learned.recall, learned.missed = max(0, learned.recall - 1), 0
            elif right and not wrong:
                learned.recall = min(learned.recall + 1, 3)
            self._used(learned, used)
            learned.wasted += int(np.count_nonzero(wasted))
            learned.score[wasted] = np.maximum(learned.score[wasted] - 2, -1)
            learned.risked &= ~wasted
            if misses > hits:
                learned.follow = False
                learned.trust = max(0, learned.trust - 1)
            elif hits and not misses:
                learned.reward()
        return pages

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        """Remember which pages were drawn together."""
        pages = list(writes)
        learned = self._learned[buffer]
        learned.drawn[pages] = learned.drawings
        super().drawing(buffer, reads, pages, fence)

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
