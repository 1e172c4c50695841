"""Performs the steps of `models/` on the RTL: the only place where a driver's wishes become accesses and clock cycles.

Each generator runs as a cocotb task of its own; locks order them as they would order a kernel's threads.  Whatever
goes wrong in here is raised in the test: nothing is turned into a bus response, and nothing is thrown into the driver.
A signal ends a wait that begins while it is pending, and no other: whoever waits finds it with the next look.
A watchdog ends a run in which no step has been performed for `patience` cycles and says who waits for what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.task import Task
from cocotb.triggers import Event as Signal
from cocotb.triggers import Lock

from models.events import Event
from models.steps import Acquire, CsrRead, CsrWrite, Delay, Note, Recall, Release, ScanOut, Step, WaitIrq
from tb.agents.memory import MemoryConfig
from tb.clocking import cycle_now, cycles_of, sleep
from tb.driver_trace import recording
from tb.env import Environment, run_body
from tb.sim_top import device_bytes, reset

__all__ = ["Bridge", "BridgeError", "Performed", "Stamped", "bridge_of", "run"]

PATIENCE = 4_000_000
"""Clock cycles without a performed step after which a run is given up."""
_PASSING = (CsrWrite, CsrRead, WaitIrq, Delay)
"""Steps in which simulated time passes. All others are done in the moment."""


class BridgeError(Exception):
    """The driver broke the rules of its steps, or nothing moves any more."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A driver event, the task that noted it, and the clock cycle at which it did."""

    cycle: int
    task: str
    event: Event


class Registers(Protocol):
    """What the bridge needs of the CSR agent."""

    async def write(self, address: int, value: int) -> None: ...

    async def read(self, address: int) -> int: ...


class Interrupt(Protocol):
    """What the bridge needs of the interrupt agent."""

    async def wait_high(self) -> None: ...


class Outsider(Protocol):
    """A kernel whose page table shows buffers, for a bridge that serves one."""

    def recall(self, step: Recall) -> None:
        """Have it give up pages and stores; no simulated time passes."""
        ...

    def look(self) -> None:
        """Called before each step in which time may pass: something may have arrived from it."""
        ...


ScanOutPort = Callable[[int, int], Awaitable[npt.NDArray[np.uint8]]]
"""(base, size) -> the raw bytes of device memory."""


class Bridge:
    """Performs generators on the agents; `notes` collects their events in the order of time.

    on_note: called with each Stamped event as it is noted, e.g. to show progress; it must not wait.
    `outsider`, where it is set, is asked to recall; without one a Recall is an error.
    """

    def __init__(
        self,
        registers: Registers,
        interrupt: Interrupt,
        scan_out: ScanOutPort,
        *,
        patience: int = PATIENCE,
        on_note: Callable[[Stamped], None] | None = None,
    ) -> None:
        self.notes: list[Stamped] = []
        self.steps = 0
        self._registers = registers
        self._interrupt = interrupt
        self._scan_out = scan_out
        self._patience = patience
        self.on_note = on_note
        self.outsider: Outsider | None = None
        self._locks: dict[str, Lock] = {}
        self._owners: dict[str, str] = {}
        self._doing: dict[str, Step | None] = {}

    async def perform(self, steps: Generator[Step, Any, Any], task: str = "driver") -> Any:
        """Run one generator to its end; returns its result.

        Raises what the generator raises, CsrError for a refused register access, BridgeError for a misused lock.
        `task` names it in notes and messages; concurrent generators need different names.
        """
        if task in self._doing:
            raise BridgeError(f"two tasks are called {task!r}")
        self._doing[task] = None
        registers = self._registers
        result: Any = None
        try:
            while True:
                try:
                    step = steps.send(result)
                except StopIteration as end:
                    self._check_released(task)
                    return end.value
                self._doing[task] = step
                self.steps += 1
                result = None
                if self.outsider is not None and isinstance(step, _PASSING):
                    self.outsider.look()
                began = cycle_now() if recording.enabled else 0
                match step:
                    case CsrWrite():
                        await registers.write(step.address, step.value)
                    case CsrRead():
                        result = await registers.read(step.address)
                    case Note():
                        self._note(task, step.event)
                    case Delay():
                        await sleep(cycles_of(step.nanoseconds))
                    case WaitIrq(_, signals) if signals is not None and signals.pending:
                        result = False
                    case WaitIrq():
                        await self._interrupt.wait_high()
                    case Acquire():
                        result = await self._acquire(step, task)
                    case Release():
                        self._release(step.lock, task)
                    case ScanOut():
                        result = await self._scan_out(step.base, step.size)
                    case Recall() if self.outsider is not None:
                        self.outsider.recall(step)
                    case _:
                        raise BridgeError(f"{task}: {step!r} is no step")
                if recording.enabled and not isinstance(step, Note):
                    recording.step(began, cycle_now(), task, step, result)
        finally:
            steps.close()
            del self._doing[task]

    async def run(self, generators: Mapping[str, Generator[Step, Any, Any]]) -> dict[str, Any]:
        """Run generators concurrently, as tasks named by their keys; returns their results by name.

        The first exception of any of them (or of the watchdog) ends the others and is raised here.
        """
        results: dict[str, Any] = {}
        failures: list[BaseException] = []
        ended = Signal()

        async def guard(work: Awaitable[Any], name: str | None) -> None:
            try:
                value = await work
            except Exception as error:
                failures.append(error)
                ended.set()
            else:
                if name is not None:
                    results[name] = value
                if len(results) == len(generators):
                    ended.set()

        tasks: list[Task[None]] = [cocotb.start_soon(guard(self._watch(), None))] if generators else []
        tasks += [cocotb.start_soon(guard(self.perform(steps, name), name)) for name, steps in generators.items()]
        if tasks:
            await ended.wait()
        for task in tasks:
            if not task.done():
                task.cancel()
        if failures:
            raise failures[0]
        return results

    async def _watch(self) -> None:
        """Raise BridgeError when a whole patience has passed without a step."""
        while True:
            before = self.steps
            await sleep(self._patience)
            if self.steps == before:
                waits = "; ".join(f"{task} waits for {step}" for task, step in self._doing.items())
                raise BridgeError(f"no step in {self._patience} cycles: {waits or 'nobody runs'}; locks {self._owners}")

    def _note(self, task: str, event: Event) -> None:
        stamped = Stamped(cycle_now(), task, event)
        self.notes.append(stamped)
        recording.note(stamped.cycle, task, event)
        if self.on_note is not None:
            self.on_note(stamped)

    async def _acquire(self, step: Acquire, task: str) -> bool:
        """Take a lock, or only try it. A signal that is sent while somebody waits is seen at the next wait."""
        lock = step.lock
        if self._owners.get(lock) == task:
            raise BridgeError(f"{task} takes {lock!r} twice")
        held = self._locks.setdefault(lock, Lock())
        signalled = step.signals is not None and step.signals.pending
        if held.locked() and (signalled or not step.wait):
            return False
        await held.acquire()
        self._owners[lock] = task
        return True

    def _release(self, lock: str, task: str) -> None:
        if self._owners.get(lock) != task:
            raise BridgeError(f"{task} releases {lock!r}, held by {self._owners.get(lock, 'nobody')}")
        del self._owners[lock]
        self._locks[lock].release()

    def _check_released(self, task: str) -> None:
        left = [lock for lock, owner in self._owners.items() if owner == task]
        if left:
            raise BridgeError(f"{task} ended holding {', '.join(left)}")


@dataclass(frozen=True, slots=True)
class Performed:
    """What a run left behind: results by task, events in the order of time, and its clock cycles [begin, end)."""

    results: dict[str, Any]
    notes: list[Stamped]
    begin: int
    end: int


def bridge_of(
    env: Environment, *, patience: int = PATIENCE, on_note: Callable[[Stamped], None] | None = None
) -> Bridge:
    """A bridge on the agents of an environment."""
    scan_out = partial(device_bytes, env.top)
    bridge = Bridge(env.csr.port, env.interrupt, scan_out, patience=patience, on_note=on_note)
    env.notes.append(bridge.notes)
    return bridge


async def run(
    dut: Any,
    generators: Generator[Step, Any, Any] | Mapping[str, Generator[Step, Any, Any]],
    *,
    memory: MemoryConfig | None = None,
    patience: int = PATIENCE,
    on_note: Callable[[Stamped], None] | None = None,
) -> Performed:
    """Reset the engine in tb/hdl/sim_top.sv and perform a generator (as task "driver"), or several by name.

    Host memory (the file of HOSTMEM_FILE) must exist.  memory: its temper, the default unless told.
    Raises what a generator raises, BridgeError, CsrError, and CheckFailed when anything logged an error or an observer
    saw a broken rule.
    """
    named = generators if isinstance(generators, Mapping) else {"driver": generators}

    async def body(env: Environment) -> Performed:
        await reset(dut)
        bridge = bridge_of(env, patience=patience, on_note=on_note)
        begin = cycle_now()
        results = await bridge.run(named)
        return Performed(results, bridge.notes, begin, cycle_now())

    performed: Performed = await run_body(dut, body, memory=memory, limit=1 << 40)
    return performed
