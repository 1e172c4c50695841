"""cocotb side of test_system: what the observers around the engine notice, each in a run of its own.

A run moves a box out, back, and out again from where it came back to.  Left alone it is clean, with every guard on.
Spoiled it must fail with the words that test_system expects; the observers keep what they saw, hence a run each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
import numpy as np

from models.engine import Queue
from models.layout import Cause, Descriptor, Layout, Opcode, Record
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.steps import Steps
from models.surface import Box, Surface
from tb import sim_top
from tb.agents.memory import MemoryConfig
from tb.bridge import bridge_of
from tb.clocking import sleep
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed

ROW, ROWS = 704, 10
"""Bytes a row, a multiple of every bus width so that no beat asks for more, and rows: two pages."""
BOX = Box(0, 0, ROW, ROWS)


class Site:
    """Two objects of two pages on a host memory that keeps count of everything, and an engine to move them."""

    def __init__(self, written: int = ROW * ROWS) -> None:
        """written: bytes of the source object that somebody wrote; from there on it is as it was handed out."""
        self.host = HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        self.host.track()
        self.frames = [self.host.allocate(2, name) for name in ("source", "target")]
        self.rig = Rig(self.host, bus=MemoryConfig().bus)
        self.tables = [ObjectTable(self.host, frames) for frames in self.frames]
        for table in self.tables:
            self.host.declare(table.root, PAGE)  # entries come a line at a time; a zero one is not valid
        self.noise = np.random.default_rng(int(cocotb.RANDOM_SEED)).integers(0, 256, ROW * ROWS, np.uint8)
        for page, frame in enumerate(self.frames[0]):
            part = self.noise[page * PAGE : min(written, (page + 1) * PAGE)]
            self.host.write(frame * PAGE, part.tobytes())

    def set_up(self) -> Steps[None]:
        yield from self.rig.bring_up(halt=False)  # what is refused is no reason to stop
        yield from self.rig.surface(0, Surface(0, ROW, ROWS, 1, Layout.LINEAR))
        for index, table in enumerate(self.tables):
            yield from self.rig.object(index, table)

    def work(self, *opcodes: Opcode) -> Steps[Sequence[Record]]:
        """A transfer each, one after another: WRITEBACKs from the source, after a READBACK from the target."""
        todo: list[Descriptor] = []
        for opcode in opcodes:
            index = int(opcode is Opcode.READBACK or any(one.opcode == Opcode.READBACK for one in todo))
            todo.append(boxed(opcode, BOX, surface=0, object=index, host_stride=ROW, order=1))
        return (yield from self.rig.perform(Queue.TRANSFER, todo))


async def play(
    dut: Any, before: Callable[[Site], None] = lambda site: None, written: int = ROW * ROWS, *, good: bool = False
) -> None:
    """Out, back, out again; `before` has its turn when everything is set up.  good: all bytes must arrive."""

    async def body(env: Environment) -> None:
        site = Site(written)
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        await bridge.run({"set up": site.set_up()})
        before(site)
        work = site.work(Opcode.WRITEBACK, Opcode.READBACK, Opcode.WRITEBACK)
        records = (await bridge.run({"work": work}))["work"]
        if good:
            assert all(record.cause == Cause.NONE for record in records), records
            back = np.concatenate([site.host.pages[frame] for frame in site.frames[1]])[: ROW * ROWS]
            assert (back == site.noise).all()
            assert site.host.written(site.frames[1][0] * PAGE, PAGE).all()

    await run_body(dut, body, memory=MemoryConfig(track=True), limit=50_000)


@cocotb.test()
async def left_alone(dut: Any) -> None:
    """Nothing to notice: tight bounds, a window of just this memory, no foreign page, no byte that nobody wrote."""

    def bound(site: Site) -> None:
        sim_top.bound_ready(dut, 300)
        sim_top.grant(dut, PAGE, site.host.size - PAGE)

    await play(dut, bound, good=True)


@cocotb.test()
async def foreign_page(dut: Any) -> None:
    """A page of the target object is given back while the table still shows it."""
    await play(dut, lambda site: site.host.free([site.frames[1][1]], "target"))


@cocotb.test()
async def unwritten_byte(dut: Any) -> None:
    """The last byte of the source was never written."""
    await play(dut, written=ROW * ROWS - 1)


@cocotb.test()
async def outside_the_window(dut: Any) -> None:
    """A window that ends before the page of the fetches."""
    await play(dut, lambda site: sim_top.grant(dut, PAGE, 2 * PAGE))


@cocotb.test()
async def impatient(dut: Any) -> None:
    """After a reset the CSR port takes nothing for 256 cycles."""

    async def body(env: Environment) -> None:
        HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        await sim_top.reset(dut)
        sim_top.bound_ready(dut, 100)
        dut.s_axil_arvalid.value = 1
        await sleep(120)

    await run_body(dut, body, quiet=False)  # a look at the registers would change the address that waits


@cocotb.test()
async def fickle(dut: Any) -> None:
    """The driver takes its address back before it was taken."""

    async def body(env: Environment) -> None:
        HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        await sim_top.reset(dut)
        dut.s_axil_awvalid.value = 1
        await sleep(2)
        dut.s_axil_awvalid.value = 0
        await sleep(2)

    await run_body(dut, body)
