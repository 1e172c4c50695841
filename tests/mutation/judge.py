"""Runs the fast regression on one mutant: the programs in order, until a check of one of them fails.

A mutant is killed when a check notices it: a byte or a record that differs, a broken rule of the bus, a register, a
hang. What the checks let pass is then compared with the engine without a mutant, cycle for cycle: each event of the
trace and each register that the programs read. A difference there kills too, but is counted apart: the promise broken
is one of timing alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cocotb.triggers import SimTimeoutError, with_timeout

from models.steps import CsrRead, Steps
from tb.bridge import BridgeError
from tb.clocking import PERIOD_NS, cycle_now
from tb.env import CheckFailed, run_body
from tb.sim_top import ObserverError, assert_clean, flush_trace, reset
from tests.mutation.programs import PROGRAMS, Program, Registers
from tests.system.rtl_bench import Stand, stand

__all__ = ["Judge", "chosen"]

HOST_SIZE = 4 << 20
SLACK = 20_000
"""Clock cycles that a program may take beyond twice those of the engine without a mutant."""
NO_LIMIT = 1 << 22


def chosen(names: Sequence[str]) -> list[Program | Registers]:
    """The programs of these names, all when empty."""
    return [program for program in PROGRAMS if not names or program.name in names]


def watched(steps: Steps[Any], reads: list[int]) -> Steps[Any]:
    """The same steps; what registers answer is noted."""
    result: Any = None
    while True:
        try:
            step = steps.send(result)
        except StopIteration as end:
            return end.value
        result = yield step
        if isinstance(step, CsrRead):
            reads.append(int(result))


@dataclass
class Judge:
    """The regression on the engine in `dut`.

    golden: what each part of a program looks like without a mutant, [digest, cycles] by name; filled when it is empty.
    """

    dut: Any
    programs: Sequence[Program | Registers]
    golden: dict[str, list[Any]]
    seen: dict[str, list[Any]] = field(default_factory=dict)
    differs: str = ""
    part: str = ""
    _events: int = 0
    _reads: list[int] = field(default_factory=list)
    _began: int = 0

    async def attempt(self, mutant: int) -> dict[str, Any]:
        """Run the programs with a mutant active; returns verdict, how and by what it was noticed, and what was seen."""
        self.dut.engine.mutsel.value = mutant
        try:
            for program in self.programs:
                await (self._registers(program) if isinstance(program, Registers) else self._program(program))
        except Exception as error:
            return {"verdict": "killed", "how": _kind(error), "by": self.part, "message": f"{error}"}
        if self.differs:
            return {"verdict": "timing", "how": "timing", "by": self.differs, "message": "the trace differs"}
        return {"verdict": "survived", "how": "", "by": "", "message": "", "seen": self.seen}

    async def _program(self, program: Program) -> None:
        async def body(stand: Stand) -> None:
            bench = stand.bench
            self.part = f"{program.name}/open"
            await self._timed(stand.perform(watched(bench.open(watchdog=program.watchdog), self._reads)))
            await self._look()
            for name, case, thin in program.cases:
                self.part, bench.thin = f"{program.name}/{name}", thin
                await self._timed(stand.perform(watched(case(bench), self._reads)))
                await self._timed(stand.perform(bench.settle()))
                await self._look()

        layout = {"ring_log2": program.ring_log2, "completion_log2": program.completion_log2}
        self._begin()
        await stand(self.dut, body, patience=program.patience, host_size=HOST_SIZE, **layout)

    async def _registers(self, program: Registers) -> None:
        async def body(env: Any) -> None:
            Path(os.environ["HOSTMEM_FILE"]).write_bytes(bytes(1 << 16))
            await reset(self.dut)
            self.part = program.name
            await self._timed(program.body(env, self._reads))
            await self._look()

        self._begin()
        await run_body(self.dut, body)

    def _begin(self) -> None:
        self._began = cycle_now()

    async def _timed(self, work: Any) -> Any:
        """Wait for a piece of work, at most as long as its part may take."""
        known = self.golden.get(self.part)
        limit = SLACK + 2 * known[1] if known else NO_LIMIT
        return await with_timeout(work, limit * PERIOD_NS, "ns")

    async def _look(self) -> None:
        """A part has ended: the observers must have nothing to say; note what it looked like."""
        assert_clean(self.dut)
        await flush_trace(self.dut)
        with Path(os.environ["TRACE_FILE"]).open("rb") as trace:
            trace.seek(self._events)
            events = trace.read()
        self._events += len(events)
        now = cycle_now()
        digest = hashlib.sha256(events + repr((self._reads, now)).encode()).hexdigest()[:16]
        self.seen[self.part] = [digest, now - self._began]
        self._reads.clear()
        self._began = now
        if self.golden and not self.differs and self.golden[self.part][0] != digest:
            self.differs = self.part


def _kind(error: Exception) -> str:
    """Which kind of check an error comes from."""
    text = str(error)
    if isinstance(error, SimTimeoutError) or (isinstance(error, BridgeError) and text.startswith("no step")):
        return "hang"
    if isinstance(error, ObserverError) or (isinstance(error, CheckFailed) and "AXI violations" in text):
        return "protocol"
    if isinstance(error, AssertionError):
        words = (("in the record of", "record"), ("memory 0x", "data"), (": no record", "record"), ("orphan", "record"))
        return next((kind for word, kind in words if word in text), "check")
    return "exception"
