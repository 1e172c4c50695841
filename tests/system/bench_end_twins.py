"""Twins of the checks that end every test: each way of being wrong is made once, and must fail the test in its words.

Nothing seen, a stray byte and a logged mismatch of the register model are twins in bench_registers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import cocotb
import pytest
from cocotb.triggers import FallingEdge
from cocotb.types import LogicArray

from models.engine import Queue
from models.execute import ENTRY_SIZE
from models.layout import Address, Cause, Descriptor, Opcode, QueueOffset, queue_address
from models.memory import PAGE
from models.steps import Steps
from models.surface import Box
from tb.agents.interrupt import InterruptAgent
from tb.agents.memory import MemoryConfig, MuteWindow
from tb.agents.pins import UnknownPin
from tb.clocking import sleep
from tb.env import CheckFailed
from tb.sequences import Rig, boxed
from tests.system.fault_ground import Ground, on_ground
from tests.system.fault_site import DESTINATION, SOURCE
from tests.system.rtl_bench import on_icarus

Body = Callable[[Ground], Awaitable[None]]
NOP = Descriptor(opcode=Opcode.NOP)


async def _fails(dut: Any, words: str, body: Body, error: type[BaseException] = CheckFailed) -> None:
    """A test with this body must end with an error that says `words`."""
    with pytest.raises(error, match=words):
        await on_ground(dut, _opened(body))


def _opened(body: Body) -> Body:
    """`body` on an engine that has done something good."""

    async def opened(ground: Ground) -> None:
        await ground.perform(ground.site.good())
        await ground.perform(ground.site.settle())
        await body(ground)

    return opened


async def _unheard(ground: Ground, descriptor: Descriptor) -> None:
    """Publish a descriptor of which the ledger is not told."""
    rig, ring = ground.site.rig, ground.site.rig.rings[Queue.TRANSFER]
    rig.store(ring.entry_address(ring.written), descriptor.pack()[: ENTRY_SIZE[Queue.TRANSFER]])
    ring.written += 1
    await ground.perform(rig.ring_doorbell(Queue.TRANSFER))


def _written(rig: Rig) -> Steps[int]:
    """Until the transfer queue's last record is in host memory."""
    tail = rig.rings[Queue.TRANSFER].tail & 0xFFFF
    return rig.until(queue_address(Queue.TRANSFER, QueueOffset.COMPLETION_TAIL), 0xFFFF, tail)


@cocotb.test()
async def an_orphan_record_fails(dut: Any) -> None:
    """A record that nobody waits for."""

    async def body(ground: Ground) -> None:
        await _unheard(ground, NOP)
        await ground.perform(_written(ground.site.rig))
        assert ground.site.rig.take(Queue.TRANSFER, 1)
        await ground.perform(ground.site.settle())

    await _fails(dut, "TRANSFER: orphan Record", body, AssertionError)


@cocotb.test()
async def a_left_over_descriptor_fails(dut: Any) -> None:
    """One that was never published: told by a comparison, and at the end of a test that did not compare."""

    async def compared(ground: Ground) -> None:
        ground.site.rig.put(Queue.RENDER, NOP)
        await ground.perform(ground.site.settle())

    async def forgotten(ground: Ground) -> None:
        ground.site.rig.put(Queue.RENDER, NOP)

    await _fails(dut, "RENDER: no record for Descriptor", compared, AssertionError)
    await _fails(dut, "1 descriptors were never compared", forgotten)


@cocotb.test()
async def a_mismatch_fails(dut: Any) -> None:
    """A record with another number of bytes than moved, a byte of the target, a byte of device memory."""

    async def record(ground: Ground) -> None:
        rig = ground.site.rig
        at = rig.rings[Queue.TRANSFER].record_address(rig.rings[Queue.TRANSFER].taken)
        work = boxed(Opcode.READBACK, Box(0, 0, 40, 2), surface=0, object=DESTINATION, host_stride=40)
        count = await ground.perform(rig.post(Queue.TRANSFER, [work]))
        await ground.perform(_written(rig))
        ground.site.host.bytes[at + 16] ^= 1
        await ground.perform(rig.collect(Queue.TRANSFER, count))
        await ground.perform(ground.site.settle())

    async def target(ground: Ground) -> None:
        site = ground.site
        await ground.perform(site.good())
        site.host.bytes[site.objects[DESTINATION].get(3).frame * PAGE + 9] ^= 1
        await ground.perform(site.settle())

    async def device(ground: Ground) -> None:
        ledger = ground.site.ledger
        ledger.device[0x123] ^= 1
        await ground.perform(ground.site.settle())

    await _fails(dut, "bytes 81, not 80", record, AssertionError)
    await _fails(dut, "host memory 0x[0-9a-f]*009\\+1", target, AssertionError)
    await _fails(dut, "device memory 0x123\\+1", device, AssertionError)


@cocotb.test(expect_error=UnknownPin if on_icarus() else ())
async def an_unknown_value_fails(dut: Any) -> None:
    """X on an address that is read: the monitor ends the test (Icarus; Verilator has two states)."""

    async def body(ground: Ground) -> None:
        master = ground.env.csr.master
        await FallingEdge(dut.clk)
        dut.s_axil_araddr.value = LogicArray("X" * 16)
        dut.s_axil_arvalid.value = 1
        await FallingEdge(dut.clk)
        dut.s_axil_arvalid.value = 0
        dut.s_axil_araddr.value = 0
        await master._answer(master.bus.rvalid, "a read of X")
        await sleep(4)

    await on_ground(dut, _opened(body))


@cocotb.test()
async def a_logged_error_fails(dut: Any) -> None:
    """An error that somebody only logs."""

    async def body(ground: Ground) -> None:
        ground.env.scoreboard.logger.error("something is odd")

    await _fails(dut, "1 errors were logged: .*something is odd", body)


@cocotb.test()
async def work_under_way_fails(dut: Any) -> None:
    """A queue that stands at a WAIT, and a mover in the middle of a box on a slow memory."""

    async def waiting(ground: Ground) -> None:
        await _unheard(ground, Descriptor(opcode=Opcode.WAIT, queue=Queue.RENDER, host_offset=0x1234))

    async def moving(ground: Ground) -> None:
        ground.site.temper_host(MemoryConfig(read_latency=60_000))
        box = boxed(Opcode.WRITEBACK, Box(0, 0, 290, 2), surface=0, object=SOURCE, host_stride=290)
        await _unheard(ground, box)

    await _fails(dut, "the TRANSFER queue is not idle: .*waiting=1", waiting)
    await _fails(dut, "the memory owes \\d+ answers to reads.*the engine is busy: ", moving)


@cocotb.test()
async def a_burst_never_answered_fails(dut: Any) -> None:
    """The watchdog has given up and the queues are at rest, but a read is still without its answer."""

    async def body(ground: Ground) -> None:
        site = ground.site
        frame = site.objects[SOURCE].get(0).frame
        site.temper_host(MemoryConfig(mute=MuteWindow(frame * PAGE, PAGE, read=True)))
        await ground.env.csr.port.write(Address.WATCHDOG, 300)
        work = boxed(Opcode.WRITEBACK, Box(0, 0, 64, 1), surface=0, object=SOURCE, host_stride=64)
        records = await ground.perform(site.rig.perform(Queue.TRANSFER, [work]))
        assert records[0].cause == Cause.WATCHDOG
        await ground.perform(site.rig.control(Queue.TRANSFER, resume=True))
        await ground.perform(site.settle())

    await _fails(dut, "the engine is busy: .*reads_outstanding=1", body)


@cocotb.test()
async def a_line_that_says_otherwise_fails(dut: Any) -> None:
    """The interrupt line is high without a cause, and low with one."""
    real = InterruptAgent.high.fget
    assert real is not None
    with pytest.MonkeyPatch.context() as patch:

        def turned(raised: bool) -> Body:
            async def body(ground: Ground) -> None:
                rig = ground.site.rig
                await ground.perform(rig.perform(Queue.TRANSFER, [NOP]))
                if raised:
                    await ground.perform(rig.post(Queue.TRANSFER, [NOP]))
                    await ground.perform(_written(rig))
                    assert rig.take(Queue.TRANSFER, 1)
                await ground.perform(ground.site.settle())
                patch.setattr(InterruptAgent, "high", property(lambda self: not real(self)))

            return body

        await _fails(dut, "the interrupt line is high, with causes .*transfer_done=0", turned(False))
        patch.undo()
        await _fails(dut, "the interrupt line is low, with causes .*transfer_done=1", turned(True))


@cocotb.test()
async def an_unanswered_register_access_fails(dut: Any) -> None:
    """A request whose answer never came, and an answer that nobody asked for."""

    async def request(ground: Ground) -> None:
        ground.env.csr.monitor._watch._reads.append(Address.ID)

    async def answer(ground: Ground) -> None:
        read = cocotb.start_soon(ground.env.csr.port.read(Address.ID))
        while not ground.env.csr.monitor._watch._reads:
            await sleep(1)
        ground.env.csr.monitor._watch._reads.clear()
        await read

    await _fails(dut, "1 register accesses were never answered", request)
    await _fails(dut, re.escape("read response without a request"), answer)
