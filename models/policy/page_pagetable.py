"""Page-granular zap and readback with PAGETABLE dirty tracking.

Entries come writable and clean, also for a load; the processor sets the dirty bit with the first store, and no fault
tells of it. Each submission looks at all mapped entries, records the bits and clears them (R20). Only pages that the
device will write are protected first, so that a store to another page may come while it is uploaded: it leaves its bit
for the next scan, and a drawing under way may already see it (`snapshot` is False).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from models.dmabuf import Buffer
from models.policy import FaultPlan
from models.policy.tracking import Tracked

__all__ = ["PagePagetable"]


class PagePagetable(Tracked):
    """The policy of this file."""

    snapshot = False

    def __init__(self, *, implicit_sync: bool = False) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self._scanned: dict[Buffer, int] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return "page zap + readback, PAGETABLE"

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """As ever, but the entry comes writable."""
        return replace(super().fault(buffer, page, write), writable=(page,))

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Record the dirty bits of all entries; protect those that the device will write."""
        self._scanned[buffer] = sum(int(np.count_nonzero(one.present)) for one in buffer.space.mappings)
        self.look(buffer).damage[buffer.space.record(writes)] = True
        return self.take_damage(buffer)

    def scanned(self, buffer: Buffer) -> int:
        """All mapped entries."""
        return self._scanned.get(buffer, 0)
