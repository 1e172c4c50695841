"""The bridge on the real engine: several drivers at once, locks, delays, events, and drivers that break its rules."""

from __future__ import annotations

import os
from typing import Any

import cocotb
import pytest

from models.events import Phase
from models.layout import REGISTERS, Address
from models.memory import HostMemory
from models.steps import Acquire, CsrRead, CsrWrite, Delay, Note, Release, Steps
from tb.agents.csr import CsrError
from tb.bridge import BridgeError, run

TURNS = 5


def _contender(value: int, *, locked: bool = True) -> Steps[int]:
    """Writes a register and finds its own value in it later, which takes the lock when somebody else does the same."""
    wrong = 0
    for _ in range(TURNS):
        if locked:
            yield Acquire("register")
        yield CsrWrite(Address.IRQ_COALESCE, value)
        yield Delay(200, "thinking")
        wrong += (yield CsrRead(Address.IRQ_COALESCE)) != value
        if locked:
            yield Release("register")
    return wrong


@cocotb.test()
async def locks_keep_drivers_apart(dut: Any) -> None:
    """With the lock nobody sees the other's value; without it somebody does."""
    HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
    kept = await run(dut, {"one": _contender(1), "two": _contender(2)})
    assert kept.results == {"one": 0, "two": 0}
    raced = await run(dut, {"one": _contender(1, locked=False), "two": _contender(2, locked=False)})
    assert sum(raced.results.values()) > 0


@cocotb.test()
async def events_carry_cycles(dut: Any) -> None:
    """A Delay takes its cycles, a Note none, and the engine's own counter agrees with the stamps."""
    HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)

    def driver() -> Steps[list[int]]:
        counts = []
        for name in ("first", "second"):
            counts.append((yield CsrRead(Address.CYCLE_LO)))
            yield Note(Phase(name=name))
            yield Delay(4001, "sleep")
        yield Note(Phase(name="third"))
        return counts

    seen: list[str] = []
    done = await run(dut, driver(), on_note=lambda stamped: seen.append(stamped.event.to_json()["name"]))
    cycles = [note.cycle for note in done.notes]
    counts = done.results["driver"]
    assert seen == ["first", "second", "third"]
    assert cycles[2] - cycles[1] == 1001, "4001 ns are 1001 cycles of 4 ns"
    assert cycles[1] - cycles[0] == counts[1] - counts[0]
    assert done.begin <= cycles[0] <= cycles[2] <= done.end


def _recursive() -> Steps[None]:
    yield Acquire("mine")
    yield Acquire("mine")


def _stranger() -> Steps[None]:
    yield Release("theirs")


def _forgetful() -> Steps[None]:
    yield Acquire("left")


def _lost() -> Steps[None]:
    yield CsrRead(0xFFF0)


def _raising() -> Steps[None]:
    yield CsrRead(REGISTERS["id"].address)
    raise KeyError("a slip of the driver")


@cocotb.test()
async def broken_drivers_fail(dut: Any) -> None:
    """Each misuse is an exception in the test, with its reason."""
    HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
    for driver, error, words in (
        (_recursive, BridgeError, "twice"),
        (_stranger, BridgeError, "held by nobody"),
        (_forgetful, BridgeError, "ended holding left"),
        (_lost, CsrError, "SLVERR"),
        (_raising, KeyError, "a slip of the driver"),
    ):
        with pytest.raises(error, match=words):
            await run(dut, driver())
