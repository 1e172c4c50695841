"""The agents, active and passive: who builds a driver, who drives pins and knobs, and what each monitor publishes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Any

import cocotb
import pytest
from cocotb.triggers import FallingEdge
from pyuvm import uvm_sequence, uvm_subscriber

from models.engine import Queue
from models.layout import REGISTERS, Address, Descriptor, IrqStatus, Opcode
from models.memory import PAGE, HostMemory
from models.surface import Box
from tb.agents.csr import CsrAccess, CsrConfig, CsrError, CsrItem, CsrMaster
from tb.agents.interrupt import InterruptConfig, InterruptEdge, InterruptItem
from tb.agents.memory import Burst, MemoryConfig, TemperItem
from tb.clocking import sleep
from tb.env import Agents, CheckFailed, Environment, run_body
from tb.sequences import boxed
from tb.sim_top import flush_trace, reset
from tests.system.fault_ground import Ground, on_ground
from tests.system.fault_site import DESTINATION, SOURCE

PASSIVE = Agents(CsrConfig(active=False), InterruptConfig(active=False), memory=False)
DRIVEN = (
    *("s_axil_awaddr", "s_axil_awvalid", "s_axil_wdata", "s_axil_wstrb", "s_axil_wvalid", "s_axil_bready"),
    *("s_axil_araddr", "s_axil_arvalid", "s_axil_rready"),
)


_names = count()


class _Listener(uvm_subscriber):  # type: ignore[misc]  # pyuvm carries no types
    """Keeps what a monitor publishes."""

    def build_phase(self) -> None:
        self.heard: list[Any] = []

    def write(self, item: Any) -> None:
        self.heard.append(item)


class _Items(uvm_sequence):  # type: ignore[misc]  # pyuvm carries no types
    """Sends items, one after the other."""

    def __init__(self, *items: Any) -> None:
        super().__init__("items")
        self.items = items

    async def body(self) -> None:
        for item in self.items:
            await self.start_item(item)
            await self.finish_item(item)


def _listen(env: Environment, port: Any) -> list[Any]:
    """What a monitor's port publishes from now on."""
    listener = _Listener(f"listener {next(_names)}", None)
    listener.build_phase()
    port.connect(listener.analysis_export)
    heard: list[Any] = listener.heard
    return heard


async def _alone(dut: Any, body: Callable[[Environment], Awaitable[None]], **more: Any) -> None:
    async def after_reset(env: Environment) -> None:
        HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        await reset(dut)
        await body(env)

    await run_body(dut, after_reset, **more)


@cocotb.test()
async def what_is_over_watches_no_longer(dut: Any) -> None:
    """A second environment of a simulation is alone: the first one's monitors publish nothing more."""
    environments: list[Environment] = []

    async def body(env: Environment) -> None:
        environments.append(env)
        await env.csr.master.read(Address.ID)

    for _ in range(2):
        await _alone(dut, body)
    first, second = environments
    assert first.csr.monitor.seen == second.csr.monitor.seen > 0


@cocotb.test()
async def a_passive_agent_drives_nothing(dut: Any) -> None:
    """No driver, no sequencer; pins that somebody else drives stay as they are, and what he does is seen."""

    async def body(env: Environment) -> None:
        for agent in (env.csr, env.interrupt, env.memory):
            assert not agent.active()
            assert not hasattr(agent, "driver") and not hasattr(agent, "sequencer"), agent
        assert not hasattr(env.csr, "master") and not hasattr(env.csr, "port")
        with pytest.raises(AttributeError, match="env.memory is passive"):
            env.memory.configure(MemoryConfig(read_latency=99))
        await FallingEdge(dut.clk)
        assert {name: int(getattr(dut, name).value) for name in DRIVEN} == odd
        assert int(dut.memory.read_latency.value) == 77
        for name in DRIVEN:
            getattr(dut, name).value = 0
        heard = _listen(env, env.csr.monitor.port)
        stranger = CsrMaster(dut, dut.clk)
        await sleep(300)
        await stranger.write(Address.WATCHDOG, 0x1234)
        value, _ = await stranger.read(Address.WATCHDOG)
        assert value == 0x1234 and [one.value for one in heard] == [0x1234, 0x1234], heard
        assert all(isinstance(one, CsrAccess) for one in heard) and [one.write for one in heard] == [True, False]

    odd = dict.fromkeys(DRIVEN, 0) | {"s_axil_wdata": 0xABCD, "s_axil_araddr": 0x24, "s_axil_wstrb": 5}
    await FallingEdge(dut.clk)
    for name, value in odd.items():
        getattr(dut, name).value = value
    dut.memory.read_latency.value = 77
    await _alone(dut, body, agents=PASSIVE)
    dut.memory.read_latency.value = MemoryConfig().read_latency


@cocotb.test()
async def an_active_agent_drives_what_a_passive_one_leaves(dut: Any) -> None:
    """Twin: the same pins and knobs with active agents do not stay."""

    async def body(env: Environment) -> None:
        assert all(agent.active() for agent in (env.csr, env.interrupt, env.memory))
        assert int(dut.s_axil_rready.value) == 1 and int(dut.s_axil_wdata.value) == 0
        assert int(dut.memory.read_latency.value) == 13

    await FallingEdge(dut.clk)
    dut.s_axil_wdata.value = 0xABCD
    dut.memory.read_latency.value = 77
    await _alone(dut, body, agents=Agents(interrupt=InterruptConfig(active=True)))


@cocotb.test()
async def an_interrupt_agent_needs_somewhere_to_acknowledge(dut: Any) -> None:
    """Active beside a passive CSR agent: refused in words before anything runs."""

    async def body(env: Environment) -> None:
        """Never reached."""

    with pytest.raises(ValueError, match="env.interrupt is active but has no registers"):
        await _alone(dut, body, agents=Agents(CsrConfig(active=False), InterruptConfig(active=True)))


@cocotb.test()
async def items_go_through_the_sequencers(dut: Any) -> None:
    """A register access, a temper and an interrupt served, each as an item of its agent's sequencer."""

    async def on(ground: Ground) -> None:
        env, rig = ground.env, ground.site.rig
        rises, accesses = _listen(env, env.interrupt.port), _listen(env, env.csr.monitor.port)
        read = CsrItem(Address.ID)
        await _Items(read).start(env.csr.sequencer)
        assert read.value == REGISTERS["id"].reset and accesses[-1].address == Address.ID
        await _Items(TemperItem(MemoryConfig(read_latency=44))).start(env.memory.sequencer)
        await sleep(1)
        assert int(dut.memory.read_latency.value) == 44 and env.memory.config.read_latency == 44
        await env.csr.port.write(Address.IRQ_STATUS, 0x7F)
        await ground.perform(rig.post(Queue.TRANSFER, [Descriptor(opcode=Opcode.NOP)]))
        served = InterruptItem()
        await _Items(served).start(env.interrupt.sequencer)
        assert served.raised == IrqStatus(transfer_done=1) and not env.interrupt.high
        assert len(rises) == 1 and isinstance(rises[0], InterruptEdge)
        assert len(await ground.perform(ground.site.records(Queue.TRANSFER, 1))) == 1
        await ground.perform(ground.site.settle())
        await ground.perform(ground.site.good())

    await on_ground(dut, on, agents=Agents(interrupt=InterruptConfig(active=True)))


@cocotb.test()
async def the_memory_monitor_publishes_every_burst(dut: Any) -> None:
    """Each burst of a box with its address, bytes, cycles and response; nothing is left over."""

    async def on(ground: Ground) -> None:
        env, site = ground.env, ground.site
        await flush_trace(dut)
        assert env.memory.monitor.collect() > 8, "the bursts of the set-up"
        heard = _listen(env, env.memory.monitor.port)
        box = Box(0, 0, 64, 3)
        place = {"surface": 2, "host_offset": 0, "host_stride": PAGE}
        work = [
            boxed(Opcode.WRITEBACK, box, object=SOURCE, **place),
            boxed(Opcode.READBACK, box, object=DESTINATION, order=1, **place),
        ]
        await ground.perform(site.perform(Queue.TRANSFER, work))
        await ground.perform(site.settle())
        await flush_trace(dut)
        assert env.memory.monitor.collect() == len(heard) and not env.memory.monitor.under_way
        for write, index in ((False, SOURCE), (True, DESTINATION)):
            bursts: list[Burst] = [one for one in heard if one.write == write and one.id == 0]
            frames = [site.objects[index].get(page).frame * PAGE for page in range(3)]
            assert [one.address for one in bursts] == frames and {one.bytes for one in bursts} == {64}
            assert all(one.accepted < one.answered and one.response == 0 for one in bursts)

    await on_ground(dut, on)


@cocotb.test()
async def the_memory_monitor_misses_an_answer(dut: Any) -> None:
    """Twin: a burst collected before its answer is left over; an answer whose address was not seen is an orphan."""

    async def on(ground: Ground, *, orphan: bool) -> None:
        env, site = ground.env, ground.site
        site.temper_host(MemoryConfig(read_latency=3000))
        await ground.perform(site.rig.post(Queue.TRANSFER, [Descriptor(opcode=Opcode.NOP)]))
        await sleep(100)
        await flush_trace(dut)
        env.memory.monitor.collect()
        assert env.memory.monitor.under_way == 1
        if orphan:
            env.memory.monitor._open.clear()
        await ground.perform(site.records(Queue.TRANSFER, 1))
        site.temper_host(MemoryConfig())
        await ground.perform(site.settle())
        if orphan:
            await flush_trace(dut)
            env.memory.monitor.collect()

    for orphan, words in ((False, "1 bursts were never answered"), (True, "read answered ID 1 without an address")):
        with pytest.raises(CheckFailed, match=words):
            await on_ground(dut, partial(on, orphan=orphan))


@cocotb.test()
async def the_master_waits_as_long_as_it_is_told(dut: Any) -> None:
    """A patience shorter than the 256 cycles in which the registers accept nothing after a reset ends in words."""

    async def body(env: Environment) -> None:
        await env.csr.port.read(Address.ID)

    with pytest.raises(CsrError, match="read 0x0000: not accepted in 100 cycles"):
        await _alone(dut, body, agents=Agents(CsrConfig(patience=100)))
    await _alone(dut, body, agents=Agents(CsrConfig(patience=300)))
