"""cocotb side of live mode: the driver of models/ on the agents, a kernel outside.

Runs inside the simulator's process, which mounts; `tb.live.run` starts it, stops it and unmounts. LIVE_CONFIG names the
file that says how (`tb.live.run.Config`). There is no pyuvm environment around the engine: its monitors would cost a
third of the speed. The observers in Verilog are there, and what they saw is looked at in the end.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from models.costs import Costs
from models.driver import Driver
from models.faultline_engine import FaultlineEngine
from models.memory import HostMemory
from models.workload.strategies import STRATEGIES
from models.workload.trace import Trace
from tb import sim_top
from tb.agents.pins import bit
from tb.bridge import Bridge, Stamped
from tb.clocking import cycle_now, end_in, sleep
from tb.driver_trace import recording
from tb.live import mount
from tb.live.arrivals import Command, Stop
from tb.live.connection import Connection
from tb.live.control import Control
from tb.live.log import CutOff, Logged, Replay
from tb.live.recorder import Recorder
from tb.live.registers import registers_of
from tb.live.server import KernelError, Server
from tb.quiescence import leftovers

__all__ = ["live_device"]

LOOK_CYCLES = 1000
"""Clock cycles after which arrivals are looked for where no step has ended."""
LOGGED = ("simulator", "width", "policy", "costs", "plain")
"""What of a configuration decides what the device does."""
LIMIT = 1 << 50
"""Cycles without a step after which a device is given up: never."""


@cocotb.test()
async def live_device(dut: Any) -> None:
    """Serve until told to stop."""
    config = json.loads(Path(os.environ["LIVE_CONFIG"]).read_text(encoding="utf-8"))
    host = HostMemory(os.environ["HOSTMEM_FILE"], config["host_bytes"])

    costs = Costs(**config["costs"])
    policy = STRATEGIES[config["policy"]](Trace.parse(_NOTHING, "live"), costs)
    driver = Driver(host, FaultlineEngine(host, costs=costs), policy, costs=costs)
    dut.trace_enable.value = int(config["trace"])
    recording.enabled = config["trace"]
    await sim_top.reset(dut)
    registers, line = registers_of(dut), _Line(dut.irq)
    bridge = Bridge(registers, line, partial(sim_top.device_bytes, dut), patience=LIMIT)
    with open(config["lock"], "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # the place is taken for as long as this process lives
        try:
            await bridge.perform(driver.initialise())
            whole = await (_replay if config["replay"] else _serve)(bridge, driver, config)
            sim_top.assert_clean(dut)
            assert not whole or not (left := await leftovers(registers, line, dut.memory)), left
            if config["trace"]:
                await sim_top.flush_trace(dut)
        finally:
            mount.unmount(Path(config["directory"]))


class _Line:
    """The interrupt line, as a bridge waits for it."""

    def __init__(self, pin: Any) -> None:
        self._pin = pin
        self._rise = RisingEdge(pin)

    @property
    def high(self) -> bool:
        """Its level now."""
        return bit(self._pin)

    async def wait_high(self) -> None:
        """Until it is high."""
        while not self.high:
            await self._rise


async def _serve(bridge: Bridge, driver: Driver, config: dict[str, Any]) -> bool:
    """Serve the kernel until told to stop, and write down what happened; the device is at rest then, which is True."""
    directory, socket, log = (Path(config[name]) for name in ("directory", "socket", "log"))
    control: Control
    server: Server

    def answer(number: int, text: str) -> None:
        if number >= 0:
            control.answer(number, text)
        elif text.startswith("error"):
            connection.put(Stop(f"a buffer to begin with: {text}"))

    connection = Connection(
        mount.mount(directory),
        directory,
        control=os.path.relpath(socket, directory),
        status=lambda: server.status(),
        answer=lambda number, text: answer(number, text),
    )
    kernel = Logged(connection, log, {name: config[name] for name in LOGGED}, cycle_now)
    recorder = Recorder() if config["record"] else None
    try:
        server = _server(bridge, driver, kernel, recorder, config)
        control = Control(
            socket,
            lambda number, line: connection.put(Command(number, line)),
            lambda: connection.put(Stop()),
            server.status,
        )
        for number, words in enumerate(config["buffers"]):
            connection.put(Command(-1 - number, f"create {words}"))
        control.start()
        try:
            await _run(bridge, server)
        finally:
            control.close()
    finally:
        connection.close()
        kernel.close()
        if recorder is not None:
            recorder.write(log.with_suffix(""))
    return True


async def _replay(bridge: Bridge, driver: Driver, config: dict[str, Any]) -> bool:
    """Have the log in the kernel's place; LogError where the device goes another way than it did.

    Returns whether the device came to rest: it does not where the log ends in the middle of something, and need not
    where it ends as the device did when the kernel failed it.
    """
    log = Replay(Path(config["replay"]), cycle_now)
    if config["until"]:
        cocotb.start_soon(end_in(config["until"]))
    recorder = Recorder() if config["record"] else None
    whole, ended = True, ""
    try:
        await _run(bridge, _server(bridge, driver, log, recorder, config))
    except CutOff:
        whole = False
    except KernelError as error:
        whole, ended = False, str(error)
    if recorder is not None:
        recorder.write(Path(config["log"]).with_suffix(""))
    found = {"arrivals": log.arrivals, "answers": log.answers, "cycle": cycle_now(), "ended": ended}
    Path(config["found"]).write_text(json.dumps(found), encoding="utf-8")
    return whole


def _server(
    bridge: Bridge, driver: Driver, kernel: Logged | Replay, recorder: Recorder | None, config: dict[str, Any]
) -> Server:
    plain, check = config["plain"], config["check"]
    return Server(driver, kernel, bridge.perform, now=cycle_now, plain=plain, recorder=recorder, check=check)


async def _run(bridge: Bridge, server: Server) -> None:
    bridge.outsider = server
    # What is there stays, and is not looked through for garbage time and again.
    gc.collect()
    gc.freeze()
    assert isinstance(server.driver.engine, FaultlineEngine)
    _count(bridge, server, server.driver.engine)
    looking = cocotb.start_soon(_look(server))
    try:
        await server.serve()
    finally:
        looking.cancel()


def _count(bridge: Bridge, server: Server, engine: FaultlineEngine) -> None:
    """Count the driver's events, and keep neither them nor records: a live device runs for as long as it likes."""

    def note(stamped: Stamped) -> None:
        server.counts.note(stamped.event)
        bridge.notes.clear()
        engine.records.clear()

    bridge.on_note = note


async def _look(server: Server) -> None:
    """Look for arrivals while a step takes long."""
    while True:
        await sleep(LOOK_CYCLES)
        server.look()


_NOTHING = "faultline-trace 1\nbuffer 1 1 1 LINEAR\nwait\n"
"""A trace for strategies that are made for one; only one of them looks at it."""
