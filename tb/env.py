"""The pyuvm environment around the engine in tb/hdl/sim_top.sv.

    uvm_test_top  BodyTest                 runs the body of a bench in its run phase
      env         Environment
        csr         CsrAgent               active (or passive)
          monitor     CsrMonitor   ------> port: CsrAccess
          sequencer   uvm_sequencer <----- register model (frontdoor), sequences
          driver      CsrDriver    ------> master <------ port: bridge
        interrupt   InterruptAgent         passive
          watch                    ------> port: InterruptEdge, level for the bridge
        memory      MemoryAgent            passive: knobs of the Verilog memory, image of host memory
        scoreboard  Scoreboard             ledger of descriptors, records and images

Every error that anything logs during the run fails the test: pyuvm alone would let it pass.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from cocotb.triggers import with_timeout
from pyuvm import ConfigDB, uvm_env, uvm_root, uvm_test

from models.events import Event
from tb.agents.csr import CsrAgent
from tb.agents.interrupt import InterruptAgent
from tb.agents.memory import MemoryAgent, MemoryConfig
from tb.clocking import PERIOD_NS
from tb.cov.recorder import position, record
from tb.registers import RegisterModel
from tb.scoreboard import Scoreboard
from tb.sim_top import ObserverError, assert_clean, flush_trace
from tb.toolchain import wants_coverage

__all__ = ["BodyTest", "CheckFailed", "Environment", "Noted", "run_body"]

_PLAN = "plan"
_LOGGERS = ("", "uvm", "RegModel", "pyuvm")


class CheckFailed(AssertionError):
    """Something logged errors during a run; the message lists them."""


class _ErrorCounter(logging.Handler):
    """Keeps every record of level ERROR and above, once, however many loggers pass it on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self._last: logging.LogRecord | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record is not self._last:
            self._last = record
            self.messages.append(f"{record.name}: {record.getMessage()}")

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Listen on every logger that pyuvm, its register layer and cocotb use."""
        loggers = [logging.getLogger(name) for name in _LOGGERS]
        for logger in loggers:
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(self)


class Noted(Protocol):
    """A driver event with its cycle and task, as a bridge notes it."""

    @property
    def cycle(self) -> int: ...

    @property
    def task(self) -> str: ...

    @property
    def event(self) -> Event: ...


class Environment(uvm_env):  # type: ignore[misc]  # pyuvm carries no types
    """The agents and the scoreboard of one engine; `top` is the simulation's top, `memory` the first configuration.

    notes: the events of each bridge that was made on it.
    """

    def __init__(self, name: str, parent: uvm_test, top: Any, memory: MemoryConfig) -> None:
        super().__init__(name, parent)
        self.top = top
        self._memory_config = memory
        self.notes: list[Sequence[Noted]] = []

    def build_phase(self) -> None:
        """Build the agents and the scoreboard."""
        top = self.top
        self.csr = CsrAgent("csr", self, top, top.clk)
        self.interrupt = InterruptAgent("interrupt", self, top, top.clk)
        self.memory = MemoryAgent("memory", self, top.memory, self._memory_config)
        self.scoreboard = Scoreboard("scoreboard", self)

    def check_phase(self) -> None:
        """The passive observers in the simulation must have seen nothing wrong."""
        try:
            assert_clean(self.top)
        except ObserverError as error:
            self.logger.error("%s", error)

    async def record_coverage(self, since: int) -> None:
        """Write what the test met, whose trace began at event `since`, beside the log of the run."""
        await flush_trace(self.top)
        noted = sorted((note for notes in self.notes for note in notes), key=lambda note: note.cycle)
        told = [(note.task, note.event) for note in noted]
        record(since, self.scoreboard.ledgers, self.memory.history, told)

    def make_register_model(self) -> RegisterModel:
        """A register model on the CSR agent's sequencer; its mirror starts at the reset values."""
        return RegisterModel(self.csr.sequencer)


@dataclass
class _Plan:
    top: Any
    body: Callable[[Environment], Awaitable[Any]]
    memory: MemoryConfig
    limit: int
    result: Any = None
    error: BaseException | None = field(default=None)


class BodyTest(uvm_test):  # type: ignore[misc]  # pyuvm carries no types
    """Builds the environment and runs a body in it, with a limit on simulated time."""

    def build_phase(self) -> None:
        """Take the plan out of the configuration database."""
        self.plan: _Plan = self.cdb_get(_PLAN)
        self.env = Environment("env", self, self.plan.top, self.plan.memory)

    async def run_phase(self) -> None:
        """Run the body; its exception is kept, so that the later phases and the caller can deal with it."""
        self.raise_objection()
        try:
            begun = position() if wants_coverage() else 0
            self.plan.result = await with_timeout(self.plan.body(self.env), self.plan.limit * PERIOD_NS, "ns")
            if wants_coverage():
                await self.env.record_coverage(begun)
        except Exception as error:
            self.plan.error = error
        finally:
            self.drop_objection()


async def run_body(
    top: Any,
    body: Callable[[Environment], Awaitable[Any]],
    *,
    memory: MemoryConfig | None = None,
    limit: int = 50_000_000,
) -> Any:
    """Run `body` in a fresh environment around `top`; returns its result.

    limit: clock cycles after which the run is given up.
    Raises what the body raises, and CheckFailed when anything logged an error.
    """
    counter = _ErrorCounter()
    plan = _Plan(top, body, memory or MemoryConfig(), limit)
    with counter.attached():
        uvm_root().clear_singletons(set())
        ConfigDB().set(None, "*", _PLAN, plan)
        await uvm_root().run_test(BodyTest, keep_singletons=True)
    if plan.error is not None:
        raise plan.error
    if counter.messages:
        raise CheckFailed(f"{len(counter.messages)} errors were logged: {'; '.join(counter.messages[:8])}")
    return plan.result
