"""The pyuvm environment around the engine in tb/hdl/sim_top.sv.

    uvm_test_top  BodyTest                 runs the body of a bench in its run phase
      env         Environment
        csr         CsrAgent               active unless told
          monitor     CsrMonitor   ------> port: CsrAccess
          sequencer   uvm_sequencer <----- CsrItem: register model (frontdoor), sequences      active only
          driver      CsrDriver    ------> master <------ port: bridge                         active only
        interrupt   InterruptAgent         passive unless told
          watch       InterruptWatch ----> port: InterruptEdge, level for the bridge
          sequencer   uvm_sequencer <----- InterruptItem: sequences                            active only
          driver      InterruptDriver ---> csr.port: acknowledges                              active only
        memory      MemoryAgent            active unless told; image of host memory
          monitor     MemoryMonitor -----> port: Burst, out of the trace
          sequencer   uvm_sequencer <----- TemperItem: sequences                               active only
          driver      MemoryDriver ------> knobs of the Verilog memory                         active only
        predictor   RegisterPredictor      port: CsrAccess -> mirror of the register model
        scoreboard  Scoreboard             ledger of descriptors, records and images

Every error that anything logs during the run fails the test: pyuvm alone would let it pass.  So does whatever is still
under way when the body has ended (tb/quiescence.py).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from cocotb.triggers import with_timeout
from pyuvm import ConfigDB, uvm_env, uvm_root, uvm_test

from models.events import Event
from models.layout import REGISTERS, Register
from tb.agents.csr import CsrAgent, CsrConfig
from tb.agents.interrupt import InterruptAgent, InterruptConfig
from tb.agents.memory import MemoryAgent, MemoryConfig
from tb.clocking import PERIOD_NS
from tb.cov.recorder import position, record
from tb.driver_trace import recording
from tb.quiescence import leftovers
from tb.registers import RegisterModel, RegisterPredictor
from tb.scoreboard import Scoreboard
from tb.sim_top import ObserverError, assert_clean, flush_trace
from tb.toolchain import wants_coverage

__all__ = ["Agents", "BodyTest", "CheckFailed", "Environment", "Noted", "run_body"]

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


@dataclass(frozen=True, slots=True)
class Agents:
    """Which agents are active, and how they are built."""

    csr: CsrConfig = CsrConfig()
    interrupt: InterruptConfig = InterruptConfig()
    memory: bool = True
    """Whether the memory agent is active."""


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

    def __init__(self, name: str, parent: uvm_test, top: Any, memory: MemoryConfig, agents: Agents) -> None:
        super().__init__(name, parent)
        self.top = top
        self.agents = agents
        self._memory_config = memory
        self.notes: list[Sequence[Noted]] = []

    def build_phase(self) -> None:
        """Build the agents and the scoreboard."""
        top = self.top
        self.csr = CsrAgent("csr", self, top, top.clk, self.agents.csr)
        self.interrupt = InterruptAgent("interrupt", self, top, top.clk, self.agents.interrupt)
        self.memory = MemoryAgent("memory", self, top.memory, self._memory_config, active=self.agents.memory)
        self.predictor = RegisterPredictor("predictor", self)
        self.scoreboard = Scoreboard("scoreboard", self)

    def check_phase(self) -> None:
        """The passive observers in the simulation must have seen nothing wrong."""
        try:
            assert_clean(self.top)
        except ObserverError as error:
            self.logger.error("%s", error)

    async def quiesce(self) -> None:
        """Log an error for everything that is still under way, or contradicts itself, if the CSR agent is active."""
        if not self.csr.active():
            return
        for problem in await leftovers(self.csr.port, self.interrupt, self.top.memory):
            self.logger.error("at the end of the test %s", problem)

    def make_register_model(self, entries: Mapping[str, Register] = REGISTERS) -> RegisterModel:
        """A register model on the CSR agent's sequencer; its mirror starts at the reset values.

        It may begin to follow what the monitor sees.  entries: what it is made of; others are for twins.
        """
        self.predictor.model = RegisterModel(self.csr.sequencer, entries)
        return self.predictor.model

    def connect_phase(self) -> None:
        """Let the register model see every access."""
        self.csr.monitor.port.connect(self.predictor.analysis_export)
        self.interrupt.registers = self.csr.port if self.csr.active() else None

    async def record_coverage(self, since: int) -> None:
        """Write what the test met, whose trace began at event `since`, beside the log of the run."""
        await flush_trace(self.top)
        noted = sorted((note for notes in self.notes for note in notes), key=lambda note: note.cycle)
        told = [(note.task, note.event) for note in noted]
        record(since, self.scoreboard.ledgers, self.memory.history, told)


@dataclass
class _Plan:
    top: Any
    body: Callable[[Environment], Awaitable[Any]]
    memory: MemoryConfig
    limit: int
    quiet: bool
    agents: Agents
    result: Any = None
    error: BaseException | None = field(default=None)


class BodyTest(uvm_test):  # type: ignore[misc]  # pyuvm carries no types
    """Builds the environment and runs a body in it, with a limit on simulated time."""

    def build_phase(self) -> None:
        """Take the plan out of the configuration database."""
        self.plan: _Plan = self.cdb_get(_PLAN)
        self.env = Environment("env", self, self.plan.top, self.plan.memory, self.plan.agents)

    async def run_phase(self) -> None:
        """Run the body; its exception is kept, so that the later phases and the caller can deal with it."""
        self.raise_objection()
        try:
            begun = position() if wants_coverage() else 0
            self.plan.result = await with_timeout(self.plan.body(self.env), self.plan.limit * PERIOD_NS, "ns")
            if wants_coverage():
                await self.env.record_coverage(begun)
            if self.plan.quiet:
                await self.env.quiesce()
        except Exception as error:
            self.plan.error = error
        finally:
            recording.flush()
            self.drop_objection()


async def run_body(
    top: Any,
    body: Callable[[Environment], Awaitable[Any]],
    *,
    memory: MemoryConfig | None = None,
    limit: int = 50_000_000,
    quiet: bool = True,
    agents: Agents | None = None,
) -> Any:
    """Run `body` in a fresh environment around `top`; returns its result.

    limit: clock cycles after which the run is given up.
    quiet: the engine must be at rest when the body has ended.
    agents: which of them are active.
    Raises what the body raises, and CheckFailed when anything logged an error.
    """
    counter = _ErrorCounter()
    plan = _Plan(top, body, memory or MemoryConfig(), limit, quiet, agents or Agents())
    with counter.attached():
        uvm_root().clear_singletons(set())
        ConfigDB().set(None, "*", _PLAN, plan)
        await uvm_root().run_test(BodyTest, keep_singletons=True)
    if plan.error is not None:
        raise plan.error
    if counter.messages:
        raise CheckFailed(f"{len(counter.messages)} errors were logged: {'; '.join(counter.messages[:8])}")
    return plan.result
