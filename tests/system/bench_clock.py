"""When Python has its turns: register accesses and waits that begin at an edge, between edges and in one another's way.

Leaves CLOCK_RESULT, a JSON list of [task, what, its value, steps of simulated time at its end], in the order of ends.
With CLOCK_NATIVE the accesses are those of a live device (`tb.live.registers`), else the pins are moved from here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import cocotb
from cocotb.simtime import get_sim_time
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from models.layout import Address
from models.memory import HostMemory
from tb import sim_top
from tb.agents.csr import CsrError, CsrMaster, CsrPort
from tb.clocking import sleep
from tb.live.registers import registers_of

TURNS = 150
UNMAPPED = 0x7FFC


@cocotb.test()
async def moments(dut: Any) -> None:
    """Two tasks that read, write and wait at random, an access for the other's; a third waits for falling edges."""
    host = HostMemory(os.environ["HOSTMEM_FILE"])  # kept for as long as the simulator uses it
    registers = registers_of(dut) if os.environ.get("CLOCK_NATIVE") else CsrPort(CsrMaster(dut, dut.clk))
    await sim_top.reset(dut)
    seen: list[list[Any]] = []

    async def act(name: str, random: Random) -> None:
        for _ in range(TURNS):
            what = random.choice(["read", "write", "refused", "cycles", "rise", "moment"])
            value: Any = random.randrange(1, 1 << 16)
            try:
                match what:
                    case "read":
                        value = await registers.read(random.choice([Address.ID, Address.WATCHDOG]))
                    case "write":
                        await registers.write(Address.WATCHDOG, value)
                    case "refused":
                        await registers.read(UNMAPPED)
                    case "cycles":
                        await sleep(value % 9)
                    case "rise":
                        await RisingEdge(dut.clk)
                    case _:
                        # never to an edge, where the simulators may order timer and clock differently
                        await Timer(2 if int(get_sim_time("ns")) % 2 else 1, "ns")
            except CsrError as error:
                value = str(error)
            seen.append([name, what, value, get_sim_time("step")])

    async def fall() -> None:
        # By itself: who of two that wait for the same falling edge is first depends on when they began to.
        for value in range(TURNS):
            await FallingEdge(dut.clk)
            seen.append(["falling", "fall", value, get_sim_time("step")])

    tasks = [cocotb.start_soon(act(name, Random(seed))) for seed, name in enumerate(("one", "other"))]
    tasks.append(cocotb.start_soon(fall()))
    for task in tasks:
        await task
    sim_top.assert_clean(dut)
    assert host.size
    Path(os.environ["CLOCK_RESULT"]).write_text(json.dumps(seen), encoding="utf-8")
