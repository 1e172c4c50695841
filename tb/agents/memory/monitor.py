"""Watches the bus to host memory through the one trace: no Python runs for a beat or a burst while time passes.

`collect` reads what has been recorded since the last time and matches answers with addresses, an ID at a time, in order
as AXI4 answers them.  An answer without an address is an orphan, an address without an answer is left over.
"""

from __future__ import annotations

import os
from collections import deque

import numpy as np
from pyuvm import uvm_analysis_port, uvm_monitor

from tb.agents.memory.item import Burst
from tb.trace import EVENT, Kind

__all__ = ["MemoryMonitor"]

_ENDS = {Kind.READ_LAST: False, Kind.WRITE_RESPONSE: True}
_BEGINS = {Kind.READ_ADDRESS: False, Kind.WRITE_ADDRESS: True}


class MemoryMonitor(uvm_monitor):  # type: ignore[misc]  # pyuvm carries no types
    """Publishes every answered Burst on `port`, in the order of the answers, whenever `collect` is called.

    The trace must have been flushed before.  A hardware reset forgets what was under way.
    """

    def build_phase(self) -> None:
        """Make the analysis port; events of earlier tests in the same file are not looked at."""
        self.port = uvm_analysis_port("port", self)
        self.seen = 0
        path = os.environ.get("TRACE_FILE", "")
        self._offset = os.path.getsize(path) if os.path.exists(path) else 0
        self._open: dict[tuple[bool, int], deque[np.void]] = {}
        self._begun = False

    @property
    def under_way(self) -> int:
        """Bursts that were not answered when `collect` was called last."""
        return sum(len(waiting) for waiting in self._open.values())

    def collect(self) -> int:
        """Read on in the trace; returns how many bursts were answered since the last time."""
        events = np.fromfile(os.environ["TRACE_FILE"], EVENT, offset=self._offset)
        self._offset += events.nbytes
        events = events[np.isin(events["kind"], [Kind.RESET, *_BEGINS, *_ENDS])]
        before = self.seen
        for event in events:
            kind = int(event["kind"])
            if kind == Kind.RESET:
                self._begun = True
                self._open.clear()
            elif self._begun and kind in _BEGINS:
                self._open.setdefault((_BEGINS[Kind(kind)], int(event["id"])), deque()).append(event)
            elif self._begun and kind in _ENDS:
                self._answer(_ENDS[Kind(kind)], event)
        return self.seen - before

    def _answer(self, write: bool, event: np.void) -> None:
        who = int(event["id"])
        waiting = self._open.get((write, who))
        if not waiting:
            self.logger.error("%s answered ID %d without an address", "write" if write else "read", who)
            return
        asked = waiting.popleft()
        self.seen += 1
        self.port.write(
            Burst(
                write, who, int(asked["address"]), int(asked["length"]), int(asked["cycle"]), int(event["cycle"]),
                int(event["cause"]),
            )
        )  # fmt: skip

    def check_phase(self) -> None:
        """Every burst that was collected must have been answered."""
        if self.under_way:
            self.logger.error("%d bursts were never answered", self.under_way)
