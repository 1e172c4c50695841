"""How far the past of a workload predicts what is accessed next: measured on its trace, by what any driver could see.

A guess is made before each access, and is right where it names every page of it. It is one of four: the pages of the
process's access before; those and the page behind them; those that it accessed the last time after the same access; and
those that the device drew last. No strategy of ours is asked.
"""

from __future__ import annotations

import numpy as np

from models.optimum import bytes_in_pages
from models.surface import Box
from models.workload.trace import Copy, Fill, Load, Show, Store, Trace

__all__ = ["foreseen"]

_Pages = frozenset[int]


def foreseen(trace: Trace) -> float:
    """Return the share of accesses that the past predicts, 0 to 1; a process's first has no past and does not count.

    1 where there is nothing to predict.
    """
    before: dict[str, _Pages] = {}
    followed: dict[tuple[str, _Pages], _Pages] = {}
    drawn: _Pages = frozenset()
    right = accesses = 0
    for action in trace.actions:
        match action:
            case Fill(box) | Copy(box):
                drawn = _pages(trace, box)
            case Load(process, box) | Store(process, box) | Show(process, box, True):
                pages = _pages(trace, box)
                last = before.get(process)
                if last is not None:
                    guesses = (last | {max(last) + 1}, followed.get((process, last), frozenset()), drawn)
                    accesses += 1
                    right += any(pages <= guess for guess in guesses)
                    followed[process, last] = pages
                before[process] = pages
    return right / accesses if accesses else 1.0


def _pages(trace: Trace, box: Box) -> _Pages:
    return frozenset(int(page) for page in np.flatnonzero(bytes_in_pages(trace.surface, box)))
