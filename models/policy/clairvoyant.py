"""The clairvoyant: page zap and readback with PAGETABLE tracking, by a schedule made from the whole trace.

It shows that the bound of `models.optimum` can be reached by a driver. Told the index of each action beforehand (`at`),
it

- brings back with the first fault of an action all pages that the schedule has there, in one request, once their
  drawing is done; and nothing that the action's process is about to overwrite whole,
- inserts with each fault the entries of all pages that the process will touch before the device draws on them again,
  writable and clean where it will store,
- sends with a submission only what the schedule has there, and looks at no other entries. Other dirty pages keep
  their bits; what the device draws over whole is dropped,
- zaps pages of which a process that has an entry will touch them again. Other entries stay over old bytes: the trace
  is all that happens.

Bytes are the fewest, and requests are the fewest; time need not be: one request waits for the last of its drawings,
where two might begin earlier. It is right for its trace alone, without errors in it. Without a trace, for other
buffers, and when the trace is over it is the policy of `models.policy.page_pagetable`; what the trace has left old in
an entry stays so until the next drawing on it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.dmabuf import Buffer
from models.fence import Fence
from models.optimum import NOTHING, Access, Moves, Newest, Touch, accesses, optimum
from models.page_table import Bits, Mapping
from models.policy import FaultPlan
from models.policy.page_pagetable import PagePagetable
from models.policy.tracking import mask_of, pages_in
from models.workload.trace import Trace

__all__ = ["Clairvoyant"]


@dataclass(slots=True)
class _Page:
    """What happens to one page: indices of the drawings on it, and of each process's accesses, ascending."""

    drawn: list[int] = field(default_factory=list)
    used: dict[str, list[Access]] = field(default_factory=dict)


class Clairvoyant(PagePagetable):
    """The policy of this file, for the first buffer of the trace's shape. Processes are known by their names."""

    def __init__(self, trace: Trace | None = None, *, implicit_sync: bool = False) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self._trace = trace
        self._schedule = optimum(trace).schedule if trace else {}
        self._pages: list[_Page] = []
        # By index of the action: who acts, which pages it overwrites, over which the device draws since a store.
        self._processes: dict[int, str] = {}
        self._whole: dict[int, set[int]] = {}
        self._unsent: dict[int, set[int]] = {}
        self._buffer: Buffer | None = None
        self._index = 0
        for page, history in enumerate(accesses(trace) if trace else ()):
            self._enter(page, history)

    def _enter(self, page: int, history: Iterable[Access]) -> None:
        known, newest = _Page(), Newest.BOTH
        self._pages.append(known)
        for access in history:
            if access.touch.leaves is Newest.DEVICE and newest is Newest.HOST:
                self._unsent.setdefault(access.index, set()).add(page)
            newest = access.touch.leaves or newest
            if access.process:
                known.used.setdefault(access.process, []).append(access)
                self._processes[access.index] = access.process
            elif access.touch.leaves is Newest.DEVICE:
                known.drawn.append(access.index)
            if access.touch in (Touch.OVERWRITE, Touch.REDRAW):
                self._whole.setdefault(access.index, set()).add(page)

    @property
    def name(self) -> str:
        """What reports call it."""
        return "clairvoyant"

    def at(self, index: int) -> None:
        """The action of this index comes next; one past the last when the trace is over."""
        self._index = index

    def adopt(self, buffer: Buffer) -> None:
        """Begin to track a buffer; the first of the trace's shape is the trace's."""
        super().adopt(buffer)
        surface, trace = buffer.surface, self._trace
        if trace and self._buffer is None:
            shape = (surface.width, surface.height, surface.bytes_per_pixel, surface.layout)
            if shape == (trace.width, trace.height, trace.bytes_per_pixel, trace.layout):
                self._buffer = buffer

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        """Bring back what the schedule says, and insert all that the process will touch in time."""
        if not self._follows(buffer):
            return super().fault(buffer, page, write)
        index, tracking = self._index, self.look(buffer)
        process = self._processes.get(index, "")
        old, whole = tracking.device_dirty, self._whole.get(index, set())
        waits: list[Fence] = list(buffer.reservation.waits(write)) if self.implicit_sync else []
        back = {one for one in self._now().readback if old[one]}
        if old[page] and page not in whole:
            back.add(page)
        wanted = mask_of(buffer, back)
        waits += [use.fence for use in tracking.writing if (use.pages & wanted).any()]
        if write:
            waits += self.uploads(buffer, (page,))
        if waits:
            return FaultPlan(wait=tuple(dict.fromkeys(waits)))
        old[list(whole)] = False
        around: list[int] = []
        writable: list[int] = []
        for other, known in enumerate(self._pages):
            coming = self._coming(known, process, index)
            if coming and (not old[other] or other in back):
                around.append(other)
                if any(access.touch is not Touch.LOAD for access in coming):
                    writable.append(other)
        needed = tuple(back & {page})
        ahead = tuple(sorted(back - {page}))
        return FaultPlan(readback=needed, guessed=ahead, around=tuple(around), writable=tuple(writable))

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """Look at the pages that the schedule sends now, and those that the device draws over since a store.

        No other entry that goes can be dirty, as the trace says. `reads` None is no action of a trace (a scan-out, a
        transfer): all that is dirty goes.
        """
        if not self._follows(buffer) or everything or reads is None:
            return super().harvest(buffer, writes, reads=reads, everything=everything)
        protect, now = set(writes), self._now().writeback
        among = self._unsent.get(self._index, set()).union(now)
        seen = mask_of(buffer, among)
        self._scanned[buffer] = sum(_entries(one, seen) for one in buffer.space.mappings)
        tracking = self.look(buffer)
        tracking.damage[buffer.space.record(protect, among)] = True
        tracking.damage[list(protect & self._whole.get(self._index, set()))] = False
        return self.take_damage(buffer, mask_of(buffer, now))

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        """Pages that the device will write and of which an entry is used again."""
        if not self._follows(buffer):
            return super().to_zap(buffer, writes)
        again = mask_of(buffer, ())
        chosen = mask_of(buffer, writes)
        for mapping in buffer.space.mappings:
            here = slice(mapping.first, mapping.first + mapping.count)
            for offset in np.flatnonzero(mapping.present & chosen[here]):
                page = mapping.first + int(offset)
                uses = self._pages[page].used.get(mapping.process, [])
                again[page] |= bool(uses) and uses[-1].index > self._index
        return pages_in(again)

    def _follows(self, buffer: Buffer) -> bool:
        trace = self._trace
        return trace is not None and buffer is self._buffer and self._index < len(trace.actions)

    def _now(self) -> Moves:
        return self._schedule.get(self._index, NOTHING)

    @staticmethod
    def _coming(known: _Page, process: str, index: int) -> list[Access]:
        """Return a process's accesses to a page from an action on, up to the next drawing on it."""
        uses = known.used.get(process, [])
        start = bisect_left(uses, index, key=lambda access: access.index)
        drawing = bisect_left(known.drawn, index)
        if drawing == len(known.drawn):
            return uses[start:]
        return uses[start : bisect_left(uses, known.drawn[drawing], key=lambda access: access.index)]


def _entries(mapping: Mapping, pages: Bits) -> int:
    return int(np.count_nonzero(mapping.present & pages[mapping.first : mapping.first + mapping.count]))
