"""Which pages the engine may touch, and who of it: every burst of the trace is held against the grants.

Host memory itself only knows where it ends.  A page table, though, grants single pages, some of them for reading
alone, and a descriptor ring is no business of a mover.  So each AXI ID has pages of its own here, for reads and for
writes, and the one trace tells what was asked for: an address that was offered counts, answered or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from models.memory import PAGE
from tb.trace import Kind

__all__ = ["Grants", "Reader", "Writer"]

_SHOWN = 4
"""Offences put into words; the rest are counted."""


class Reader(IntEnum):
    """AXI IDs of reads (docs/architecture.md)."""

    DATA = 0
    TRANSFER_RING = 1
    RENDER_RING = 2
    WALKER = 3


class Writer(IntEnum):
    """AXI IDs of writes."""

    DATA = 0
    RECORDS = 1


class Grants:
    """Pages of a host memory of `size` bytes that each requester may touch; none to begin with."""

    def __init__(self, size: int) -> None:
        pages = size // PAGE
        self._read = {reader: np.zeros(pages, np.bool_) for reader in Reader}
        self._written = {writer: np.zeros(pages, np.bool_) for writer in Writer}

    def grant(self, who: Reader | Writer, frames: Iterable[int]) -> None:
        """Let a requester touch page frames."""
        self._of(who)[list(frames)] = True

    def revoke(self, who: Reader | Writer, frames: Iterable[int]) -> None:
        """Take page frames away from a requester."""
        self._of(who)[list(frames)] = False

    def grant_range(self, who: Reader | Writer, base: int, size: int) -> None:
        """Let a requester touch the pages of `size` bytes from bus address `base`."""
        self.grant(who, range(base // PAGE, -(-(base + size) // PAGE)))

    def _of(self, who: Reader | Writer) -> npt.NDArray[np.bool_]:
        return self._written[who] if isinstance(who, Writer) else self._read[who]

    def offences(self, events: npt.NDArray[np.void]) -> list[str]:
        """What bursts of a trace had no right to, in words; ValueError where the trace has no burst at all."""
        found: list[str] = []
        bursts = 0
        for kind, requesters in ((Kind.READ_ADDRESS, Reader), (Kind.WRITE_ADDRESS, Writer)):
            asked = events[events["kind"] == kind]
            bursts += len(asked)
            known = np.isin(asked["id"], [int(who) for who in requesters])
            wrong = ~known
            for who in requesters:
                mine = asked["id"] == who
                wrong[mine] = ~self._allowed(self._of(who), asked[mine])
            names = {int(who): who.name.lower() for who in requesters}
            found += [
                f"{'read' if kind is Kind.READ_ADDRESS else 'write'} by {names.get(int(one['id']), 'nobody')} of "
                f"{int(one['length'])} bytes at {int(one['address']):#x} in cycle {int(one['cycle'])}: page not granted"
                for one in asked[wrong]
            ]
        if not bursts:
            raise ValueError("no burst in this trace: nothing was checked")
        return found[:_SHOWN] + ([f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])

    @staticmethod
    def _allowed(granted: npt.NDArray[np.bool_], asked: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        """Whether each burst's first and last page are granted (axi_checker holds a burst to one page)."""
        first = asked["address"] // PAGE
        last = (asked["address"] + asked["length"] - 1) // PAGE
        inside = (last < len(granted)) & (first <= last)
        clipped = [np.where(inside, page, 0).astype(np.int64) for page in (first, last)]
        return inside & granted[clipped[0]] & granted[clipped[1]]
