"""What a program of the fast regression is given: it runs its work in named parts, each limited and looked at.

After each part the observers must have nothing to say, and what the part looked like is noted: a digest of its trace
and of what registers and records said, and how many clock cycles it took. Without a mutant that is the golden look;
with one it is compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

import cocotb
from cocotb.triggers import with_timeout

from models.layout import REGISTERS, Record
from models.steps import CsrRead, Steps
from tb.clocking import PERIOD_NS, cycle_now, sleep
from tb.sim_top import assert_clean, flush_trace

__all__ = ["Look", "Parts", "Program"]

SLACK = 20_000
"""Clock cycles that a part may take beyond twice those of the engine without a mutant."""
NO_LIMIT = 1 << 22
_STATUS = tuple(entry.address for entry in REGISTERS.values() if entry.name.endswith("status"))
_LIVE = tuple(
    address
    for number, entry in enumerate(one for one in REGISTERS.values() if one.access == "ro" or "tail" in one.name)
    for address in (entry.address, _STATUS[number % len(_STATUS)])
)
"""Registers whose answer the engine makes, not what was written; what it is doing stands between any two of them."""
_PAUSE = 17
"""Clock cycles between two looks at registers."""

Look = list[Any]
"""[digest, clock cycles] of a part."""


class Parts:
    """The parts of one run of the regression on `dut`.

    golden: the look of each part without a mutant; empty in the run that finds out.
    seen: the looks of this run.  differs: the first part that did not look right, or nothing.  name: the part at work.
    """

    def __init__(self, dut: Any, golden: Mapping[str, Look]) -> None:
        self.dut = dut
        self.golden = golden
        self.seen: dict[str, Look] = {}
        self.differs = ""
        self.name = ""
        self._events = 0
        self._reads: list[int] = []
        self._began = 0

    async def run(self, name: str, *works: Awaitable[Any]) -> None:
        """Do pieces of work one after another as the part `name`; they may take twice the golden cycles and some."""
        self.name = name
        known = self.golden.get(name)
        limit = SLACK + 2 * known[1] if known else NO_LIMIT
        for work in works:
            await with_timeout(work, limit * PERIOD_NS, "ns")
        await self._look()

    def watched(self, steps: Steps[Any]) -> Steps[Any]:
        """The same steps; what registers answer becomes part of the look."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value
            result = yield step
            if isinstance(step, CsrRead):
                self._reads.append(int(result))

    async def beside(self, work: Awaitable[Any], read: Callable[[int], Awaitable[int]], pause: int = _PAUSE) -> None:
        """Do a piece of work while registers that the engine changes are read in turn; their answers are of the look.

        pause: clock cycles between two of them.
        """
        over = False

        async def look() -> None:
            for address in cycle(_LIVE):
                if over:
                    break
                self._reads.append(await read(address))
                await sleep(pause)

        looking = cocotb.start_soon(look())
        try:
            await work
        finally:
            over = True
            await looking

    def recorded(self, records: Sequence[Record]) -> None:
        """The times in records become part of the look of the next part that ends."""
        self._reads += [time for record in records for time in (record.elapsed, record.end_cycle)]

    async def _look(self) -> None:
        assert_clean(self.dut)
        await flush_trace(self.dut)
        with Path(os.environ["TRACE_FILE"]).open("rb") as trace:
            trace.seek(self._events)
            events = trace.read()
        self._events += len(events)
        now = cycle_now()
        digest = hashlib.sha256(events + repr((self._reads, now)).encode()).hexdigest()[:16]
        self.seen[self.name] = [digest, now - self._began]
        self._reads.clear()
        self._began = now
        if self.golden and not self.differs and self.golden[self.name][0] != digest:
            self.differs = self.name


class Program(Protocol):
    """One process of the regression: it resets the engine, and does its work in parts called `name/...`."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    async def run(self, parts: Parts) -> None:
        """Do it; whatever a check has to say is raised."""
        ...
