"""What the fast regression asks of registers: access types, byte lanes, holes in the map, books that agree, masks."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import FallingEdge, ReadWrite

from models.engine import Queue
from models.layout import (
    REGISTERS,
    Address,
    CounterOffset,
    Descriptor,
    Layout,
    Opcode,
    Parameters,
    QueueOffset,
    Register,
    counter_address,
    queue_address,
)
from models.memory import PAGE, Bytes
from models.steps import CsrRead, CsrWrite, Delay, ScanOut, Steps
from models.surface import Box, Surface
from tb.agents.csr import Response
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.clocking import sleep
from tb.env import Environment
from tb.register_sequences import BitBash, HardwareReset
from tb.sequences import boxed
from tests.system import fault_moments as moments
from tests.system.fault_ground import Ground
from tests.system.fault_site import FaultSite
from tests.system.workbench import Workbench

__all__ = ["books", "clocks", "far_heads", "lanes", "masks", "neighbours", "overlap", "unheard", "until_taken", "walk"]

_HOLES = (0x0030, 0x00FC, 0x013C, 0x0180 + 0x3C, 0x01FC, 0x0200, 0x03FC, 0x040C, 0x0C80, 0x0FFC, 0x1000, 0x1010, 0x2000,
          0x2010, 0x4000, 0x8000, 0xFFFC)  # fmt: skip
"""Addresses where no register lies, beside and behind each block."""


_BEYOND = 0x1000
"""Behind the last register and as many holes again."""
_ACTING = ("tail", "control", "irq_status")
"""Ends of the names of registers whose write does more than change them."""


async def walk(env: Environment) -> None:
    """Reset values, access types, aliases."""
    model = env.make_register_model()
    for sequence in (HardwareReset(model), BitBash(model)):
        await sequence.start(env.csr.sequencer)


async def lanes(env: Environment) -> None:
    """Each byte lane of each writable register is written alone; where no register lies both accesses are refused."""
    master = env.csr.master
    for entry in REGISTERS.values():
        if _writable(entry) and not entry.name.endswith(_ACTING):
            for lane in range(4):
                for value in (0xFFFFFFFF, 0):
                    before, _ = await master.read(entry.address)
                    await master.write(entry.address, value, 1 << lane)
                    got, _ = await master.read(entry.address)
                    mask = 0xFF << 8 * lane
                    due = (before & ~mask | value & mask) & _writable(entry) | before & ~_writable(entry)
                    assert got == due, f"{entry.name}: lane {lane} of {value:#x} made it {got:#x}, not {due:#x}"
    for hole in _HOLES:
        _, refused = await master.read(hole)
        assert refused is Response.SLVERR, f"a read of {hole:#06x} answers {refused.name}"
        refused = await master.write(hole, 0xFFFFFFFF)
        assert refused is Response.SLVERR, f"a write of {hole:#06x} answers {refused.name}"


async def neighbours(env: Environment) -> None:
    """A write changes its own register and no other, whichever of two comes first; one to where nothing is, none."""
    master = env.csr.master
    own = [entry for entry in REGISTERS.values() if _writable(entry) and not entry.name.endswith(_ACTING)]
    controls = {entry.address for entry in REGISTERS.values() if entry.name.endswith("control")}
    addresses = controls | {entry.address for entry in own}
    others = [address for address in range(0, _BEYOND, 4) if address not in addresses]
    for order in (own, own[::-1]):
        due = {entry.address: 0x9E3779B9 * number & _writable(entry) for number, entry in enumerate(order, 1)}
        for address, value in due.items():
            await master.write(address, value)
        before = [await master.read(address) for address in sorted(controls)]
        for address in others:
            await master.write(address, 0)
        assert before == [await master.read(address) for address in sorted(controls)], "a write elsewhere controls"
        for entry in order:
            got, _ = await master.read(entry.address)
            value = due[entry.address]
            assert got & _writable(entry) == value, f"{entry.name} is {got:#x} after writes elsewhere, not {value:#x}"
    for entry in own:
        await master.write(entry.address, 0)


async def overlap(dut: Any) -> None:
    """Addresses, data and responses that wait for each other on the pins, as a faster master than ours has them."""
    (first, one), (second, two) = (Address.WATCHDOG, 0x00110022), (Address.IRQ_COALESCE, 0x00330044)
    await sleep(400)  # after a reset the first access is accepted late
    dut.s_axil_bready.value = 0
    await FallingEdge(dut.clk)
    dut.s_axil_awvalid.value = 1
    dut.s_axil_awaddr.value = int(first)
    await sleep(1)
    dut.s_axil_awaddr.value = int(second)  # it stands there while the first waits for its data
    await sleep(4)
    assert not int(dut.s_axil_awready.value), "a second address was taken before the first one's data"
    dut.s_axil_wvalid.value = 1
    dut.s_axil_wdata.value = one
    await sleep(1)
    dut.s_axil_wdata.value = two
    await sleep(6)
    assert int(dut.s_axil_bvalid.value) and not int(dut.s_axil_wready.value), "a response was not waited for"
    dut.s_axil_bready.value = 1
    await until_taken(dut, "aw", "w")
    await sleep(8)
    dut.s_axil_rready.value = 0
    dut.s_axil_arvalid.value = 1
    dut.s_axil_araddr.value = int(first)
    await sleep(1)
    dut.s_axil_araddr.value = int(second)
    await sleep(6)
    assert int(dut.s_axil_rvalid.value) and int(dut.s_axil_rdata.value) == one, "read data were not held"
    dut.s_axil_rready.value = 1
    await until_taken(dut, "ar")
    await sleep(8)
    dut.s_axil_rready.value = 0
    dut.s_axil_araddr.value = int(second)
    dut.s_axil_arvalid.value = 1
    await until_taken(dut, "ar")
    await sleep(4)
    assert int(dut.s_axil_rdata.value) == two, "the second register did not get its own data"
    dut.s_axil_rready.value = 1
    await sleep(4)


async def until_taken(dut: Any, *channels: str) -> None:
    """Hold VALID until READY was there at an edge, as AXI wants it."""
    left = set(channels)
    while left:
        await ReadWrite()
        ready = {channel for channel in left if int(getattr(dut, f"s_axil_{channel}ready").value)}
        await sleep(1)
        for channel in ready:
            getattr(dut, f"s_axil_{channel}valid").value = 0
        left -= ready


def _writable(entry: Register) -> int:
    return sum(((1 << part.width) - 1) << part.lsb for part in entry.fields if part.access == "rw")


def books(bench: Workbench) -> Steps[None]:
    """Every register is read; what is counted twice must agree: rings, descriptors, records, the histogram."""
    found: dict[int, int] = {}
    for entry in REGISTERS.values():
        found[entry.address] = yield CsrRead(entry.address)
    transfers, drawings = (bench.rig.rings[queue] for queue in Queue)
    if transfers.taken == len(transfers.history):  # no reset in between
        buckets = [found[counter_address(CounterOffset.LATENCY, number)] for number in range(16)]
        due = [0] * 16
        for record in transfers.history:
            due[min(max(record.elapsed.bit_length() - 5, 0), 15)] += 1
        assert buckets == due, f"histogram {buckets}, not {due}"
        ended = (CounterOffset.TRANSFER_DESCRIPTORS, CounterOffset.RENDER_DESCRIPTORS)
        counts = [found[counter_address(each)] for each in ended]
        assert counts == [transfers.taken, drawings.taken], f"{counts} descriptors ended"
    for queue, ring in bench.rig.rings.items():
        for offset, due in (
            (QueueOffset.TAIL, ring.tail),
            (QueueOffset.HEAD, ring.tail),
            (QueueOffset.COMPLETION_TAIL, ring.taken),
            (QueueOffset.COMPLETION_HEAD, ring.consumed),
            (QueueOffset.FENCE, bench.host.read_u64(ring.fence_at)),
        ):
            got = found[queue_address(queue, offset)]
            assert got == due & 0xFFFFFFFF, f"{queue.name} {offset.name} is {got}, not {due}"


def clocks(bench: Workbench) -> Steps[None]:
    """A record's times lie between the doorbell and now, on the clock that the registers show."""
    for queue in Queue:
        for _ in range(6):
            begun = yield CsrRead(Address.CYCLE_LO)
            (record,) = yield from bench.rig.perform(queue, [Descriptor(opcode=Opcode.NOP)])
            ended = yield CsrRead(Address.CYCLE_LO)
            high = yield CsrRead(Address.CYCLE_HI)
            assert begun < record.end_cycle < ended and not high, f"{record}: not between {begun} and {ended}"
            assert 0 < record.elapsed < record.end_cycle - begun, f"{record}: {record.elapsed} since {begun}"
    yield from bench.settle()


def unheard(bench: Workbench) -> Steps[None]:
    """What is written where registers can only be read reaches nothing: the engine works as it is set up.

    A register's answer is a copy of what was written to it, so only work tells what the engine itself goes by.
    """
    idle = [entry for entry in REGISTERS.values() if not _writable(entry) and not entry.name.endswith(_ACTING)]
    for value in (0xFFFFFFFF, 0):
        for entry in idle:
            yield CsrWrite(entry.address, value)
        for queue in Queue:
            yield from bench.good(queue)
    yield from bench.settle()


def far_heads(bench: Workbench) -> Steps[None]:
    """A head of the completion ring that is a power of two behind, or more than the ring has, leaves no room."""
    for queue, ring in bench.rig.rings.items():
        tail, head = (queue_address(queue, each) for each in (QueueOffset.COMPLETION_TAIL, QueueOffset.COMPLETION_HEAD))
        for bit in range(ring.completion_log2, 16):
            yield CsrWrite(head, ring.taken - (1 << bit) & 0xFFFF)
            yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP)])
            yield Delay(3000, "longer than a descriptor takes")
            assert (yield CsrRead(tail)) == ring.taken & 0xFFFF, f"a record was written {1 << bit} ahead of the head"
            yield CsrWrite(head, ring.taken & 0xFFFF)
            yield from bench.rig.collect(queue, 1)
    yield from bench.settle()


async def masks(ground: Ground) -> None:
    """The line is high while a cause is raised whose bit is enabled, and not for another; each cause, each bit."""
    site, ledger = ground.site, ground.site.ledger
    site.rig.ledger = None
    for provoke in (_finished, _refused, _unreachable, _beyond):
        for queue in Queue:
            await ground.perform(provoke(site, queue))
            raised = await ground.env.csr.port.read(Address.IRQ_STATUS)
            assert raised, f"{provoke.__name__} raised nothing"
            for bit in range(7):
                await ground.env.csr.port.write(Address.IRQ_ENABLE, 1 << bit)
                await sleep(4)
                assert int(ground.dut.irq.value) == raised >> bit & 1, f"{raised:#x} raised, bit {bit} enabled"
            await ground.env.csr.port.write(Address.IRQ_ENABLE, 0x7F)
            for bit in range(7):
                await ground.env.csr.port.write(Address.IRQ_STATUS, 1 << bit)
                raised &= ~(1 << bit)
                got = await ground.env.csr.port.read(Address.IRQ_STATUS)
                assert got == raised, f"bit {bit} cleared: {got:#x}, not {raised:#x}"
    await ground.reset()
    site.rig.ledger = ledger
    ledger.image.expected[:] = site.host.bytes
    ledger.forgive([], await ground.perform(_device(site)))
    await ground.perform(moments.recover(site, lambda site: site.set_up()))


def _device(site: FaultSite) -> Steps[Bytes]:
    return (yield ScanOut(0, site.used))


def _finished(site: FaultSite, queue: Queue) -> Steps[None]:
    yield from site.perform(queue, [Descriptor(opcode=Opcode.NOP)])


def _refused(site: FaultSite, queue: Queue) -> Steps[None]:
    yield from site.perform(queue, [Descriptor(opcode=99)])
    yield from site.rig.control(queue, resume=True)


def _unreachable(site: FaultSite, queue: Queue) -> Steps[None]:
    ring = site.rig.rings[queue]
    window = ErrorWindow(ring.fence_at, 8, write=True)
    site.temper_host(MemoryConfig(error=window))
    yield from site.perform(queue, [Descriptor(opcode=Opcode.FENCE, host_offset=3)])
    yield from site.idle(queue)
    site.temper_host(MemoryConfig())


def _beyond(site: FaultSite, queue: Queue) -> Steps[None]:
    size = 1 << Parameters.from_int((yield CsrRead(Address.PARAMETERS))).device_log2
    yield from site.rig.surface(8, Surface(size - PAGE, 64, 2 * PAGE // 64, 1, Layout.LINEAR))
    yield from site.perform(Queue.RENDER, [boxed(Opcode.FILL, Box(0, 60, 64, 20), surface=8)])
    yield CsrWrite(Address.IRQ_COALESCE, 0)
