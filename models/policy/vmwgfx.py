"""vmwgfx's adaptive switch between the two ways of dirty tracking, with its constants.

With MKWRITE a scan protects the range that faults have marked; at the third scan in a row that finds more than 10 % of
the buffer's entries written (in integers, so 11 %; a page mapped twice counts twice) the method becomes PAGETABLE. With
PAGETABLE a scan looks at every entry; at the third in a row that finds none dirty it becomes MKWRITE. A scan of an
empty range returns early and leaves the count. Buffers begin with PAGETABLE below 512 pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from models.dmabuf import Buffer
from models.policy import FaultPlan
from models.policy.tracking import pages_in
from models.policy.whole_surface import WholeSurface

__all__ = ["CHANGE_TRIGGERS", "DIRTY_PERCENTAGE", "PAGETABLE_BELOW", "Method", "Vmwgfx"]

CHANGE_TRIGGERS = 2
"""The method changes when the count of triggers in a row exceeds this."""

DIRTY_PERCENTAGE = 10
"""MKWRITE's trigger: more written entries than this, in percent of the buffer's pages, rounded down."""

PAGETABLE_BELOW = 512
"""Pages from which a buffer begins with MKWRITE."""


class Method(Enum):
    """How stores are noticed."""

    MKWRITE = "mkwrite"
    PAGETABLE = "pagetable"


@dataclass(slots=True)
class _State:
    method: Method
    count: int = 0
    scanned: int = 0


class Vmwgfx(WholeSurface):
    """The policy of this file: the whole surface, with the method that suits."""

    snapshot = False

    def __init__(self, *, implicit_sync: bool = False) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self._states: dict[Buffer, _State] = {}

    @property
    def name(self) -> str:
        """What reports call it."""
        return "whole-surface zap + readback, adaptive (vmwgfx)"

    def adopt(self, buffer: Buffer) -> None:
        """Begin with the method that the size suggests."""
        super().adopt(buffer)
        small = buffer.pages < PAGETABLE_BELOW
        self._states[buffer] = _State(Method.PAGETABLE if small else Method.MKWRITE)

    def forget(self, buffer: Buffer) -> None:
        """Stop tracking a buffer."""
        super().forget(buffer)
        del self._states[buffer]

    def method(self, buffer: Buffer) -> Method:
        """Return the method in use."""
        return self._states[buffer].method

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """As for the whole surface; with PAGETABLE entries come writable."""
        plan = super().fault(buffer, page, write)
        return replace(plan, writable=plan.around) if self.method(buffer) is Method.PAGETABLE else plan

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Scan with the method in use, judge the method, and protect all entries if the device will write."""
        state, damage, space = self._states[buffer], self.look(buffer).damage, buffer.space
        state.scanned = 0
        if state.method is Method.PAGETABLE:
            state.scanned = sum(int(np.count_nonzero(one.present)) for one in space.mappings)
            marked = sum(int(np.count_nonzero(one.dirty)) for one in space.mappings)
            damage[space.record()] = True
            if self._judge(state, marked == 0, Method.MKWRITE):
                damage[space.harvest()] = True
        else:
            dirty = damage.copy()
            for one in space.mappings:
                dirty[one.first : one.first + one.count] |= one.dirty
            pages = pages_in(dirty)
            if pages:
                marked = space.write_protect(range(pages[0], pages[-1] + 1))
                damage[space.record()] = True
                self._judge(state, 100 * marked // buffer.pages > DIRTY_PERCENTAGE, Method.PAGETABLE)
        if list(writes):
            damage[space.harvest()] = True
        return self.take_damage(buffer)

    def scanned(self, buffer: Buffer) -> int:
        """All mapped entries with PAGETABLE, none with MKWRITE."""
        return self._states[buffer].scanned

    @staticmethod
    def _judge(state: _State, trigger: bool, other: Method) -> bool:
        """Count a trigger or forget those before; return whether the method has changed."""
        state.count = state.count + 1 if trigger else 0
        changes = state.count > CHANGE_TRIGGERS
        if changes:
            state.count, state.method = 0, other
        return changes
