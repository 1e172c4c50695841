"""Counts of 16 bits, each bit of them: doorbells taken or refused at every distance, and rings that go round once.

Doorbells without fetching cost nothing, so counts are brought as far as they go by claims alone. Refused ones are made
by pins that stand still, two cycles each, and what is fetched, 2^15 descriptors, is looked at as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.engine import Queue
from models.execute import ENTRY_SIZE
from models.layout import (
    Address,
    Control,
    CounterOffset,
    Descriptor,
    Opcode,
    QueueControl,
    QueueOffset,
    QueueSize,
    Record,
    counter_address,
    queue_address,
)
from models.memory import PAGE, HostMemory
from tb.clocking import sleep
from tb.env import Environment
from tests.mutation.registers import until_taken

__all__ = ["HOST_SIZE", "claims", "once_round", "refusals"]

HOST_SIZE = 8 << 20
_LOG2 = 15
_PLACES = 1 << _LOG2
"""Of the largest ring."""
_BEYOND = 59
"""Descriptors of the second lap."""


async def claims(env: Environment) -> None:
    """A ring of any size takes all it has and refuses one more; what is claimed is not taken back."""
    port = env.csr.port
    for queue in Queue:
        tail, size, refused = (
            queue_address(queue, each) for each in (QueueOffset.TAIL, QueueOffset.SIZE, QueueOffset.OVERFLOWS)
        )
        count = await port.read(refused)
        for log2 in range(_LOG2 + 1):
            await port.write(size, QueueSize(ring_log2=log2).to_int())
            places = 1 << log2
            before = await port.read(tail)
            for claim, good in ((places + 1, False), (0x8000 | places + 1, False), (places, True), (places - 1, False)):
                await port.write(tail, claim)
                count += not good
                due = claim if good else before
                got = await port.read(tail)
                assert got == due, f"{queue.name}: a ring of {places} has {got} descriptors after {claim}, not {due}"
                before = due
            for bit in range(log2):
                await port.write(tail, places - (1 << bit))
                count += 1
            got = await port.read(refused), await port.read(tail)
            assert got == (count, places), f"{queue.name}: {got} of a ring of {places} after {count} refusals"
        assert not await port.read(queue_address(queue, QueueOffset.HEAD)), "a descriptor was fetched"


async def refusals(dut: Any) -> None:
    """Doorbells that claim too much, until their count has set each of its 16 bits; the pins stand still meanwhile."""
    await sleep(400)  # after a reset the first access is accepted late
    dut.s_axil_bready.value = 1
    dut.s_axil_rready.value = 1
    dut.s_axil_wstrb.value = 0xF
    for queue in Queue:
        at = queue_address(queue, QueueOffset.OVERFLOWS)
        dut.s_axil_awaddr.value = queue_address(queue, QueueOffset.TAIL)
        dut.s_axil_wdata.value = 0x5A5A
        seen, steps = [], [*(1 << bit for bit in range(3, 11)), *[1777] * 18]
        for count in steps:
            dut.s_axil_awvalid.value = 1
            dut.s_axil_wvalid.value = 1
            await sleep(2 * count)
            await until_taken(dut, "aw", "w")
            await sleep(8)
            seen.append(await _read(dut, at))
        more = np.diff(seen, prepend=0)
        assert (abs(more - steps) <= 2).all(), f"{queue.name}: {seen} counted of {steps} refusals"


async def _read(dut: Any, address: int) -> int:
    """One register; its answer stays on the pins until the next."""
    dut.s_axil_araddr.value = address
    dut.s_axil_arvalid.value = 1
    await sleep(1)
    dut.s_axil_arvalid.value = 0
    await sleep(1)
    value = int(dut.s_axil_rdata.value)
    await sleep(4)
    return value


async def once_round(env: Environment, host: HostMemory) -> None:
    """Both rings, as large as they can be, once round and a little further: each of 16 bits has counted.

    On either side of the turn, where counts are all ones and all zeros, the rings are of each size for a descriptor.
    host: memory of HOST_SIZE bytes of which nothing is handed out.
    """
    port = env.csr.port
    lanes = [_Lane(queue, host) for queue in Queue]
    for lane in lanes:
        await lane.set_up(env)
    await port.write(Address.CONTROL, Control(enable=1, clear_counters=1).to_int())
    for target in (_PLACES - 1 - _LOG2, _PLACES + _BEYOND):
        while min(lane.done for lane in lanes) < target:
            for lane in lanes:
                await lane.advance(env, target)
            await sleep(20_000)
        for lane in lanes:
            await lane.told(env)
        for log2 in range(_LOG2 + 1):
            for lane in lanes:
                await lane.resize(env, log2, (log2 + 5) % (_LOG2 + 1))
                await lane.advance(env, lane.done + 1)
            await sleep(300)
            for lane in lanes:
                await lane.consume(env)
                lane.check(lane.done - 1)
        for lane in lanes:
            await lane.resize(env, _LOG2, _LOG2)
    for lane in lanes:
        for count in range(4200, 8000):  # the small rings had none of these places
            lane.check(count)
        await lane.told(env)


class _Lane:
    """A queue whose ring holds NOPs, each with its place for a tag, and how many of them are done."""

    def __init__(self, queue: Queue, host: HostMemory) -> None:
        entry = np.frombuffer(Descriptor(opcode=Opcode.NOP).pack()[: ENTRY_SIZE[queue]], np.uint8)
        ring = np.tile(entry, (_PLACES, 1))
        ring[:, 4:8] = np.arange(_PLACES, dtype="<u4").view(np.uint8).reshape(-1, 4)
        self.queue, self.host = queue, host
        self.ring = host.allocate_contiguous(ring.size // PAGE, "ring")
        self.records = host.allocate_contiguous(Record.SIZE * _PLACES // PAGE, "records")
        host.write(self.ring, ring.reshape(-1))
        self.done, self.sizes = 0, (_LOG2, _LOG2)

    def _at(self, offset: QueueOffset) -> int:
        return queue_address(self.queue, offset)

    async def set_up(self, env: Environment) -> None:
        """Bases and sizes, and go."""
        write = env.csr.port.write
        await write(self._at(QueueOffset.RING_BASE_LO), self.ring)
        await write(self._at(QueueOffset.COMPLETION_BASE_LO), self.records)
        await self.resize(env, _LOG2, _LOG2)
        await write(self._at(QueueOffset.CONTROL), QueueControl(enable=1, halt_on_error=1).to_int())

    async def resize(self, env: Environment, ring_log2: int, completion_log2: int) -> None:
        """Other sizes, while nothing is under way."""
        self.sizes = ring_log2, completion_log2
        size = QueueSize(ring_log2=ring_log2, completion_log2=completion_log2)
        await env.csr.port.write(self._at(QueueOffset.SIZE), size.to_int())

    async def consume(self, env: Environment) -> None:
        """Take the records that are there."""
        got = await env.csr.port.read(self._at(QueueOffset.COMPLETION_TAIL))
        self.done += got - self.done & 0xFFFF
        await env.csr.port.write(self._at(QueueOffset.COMPLETION_HEAD), got)

    async def advance(self, env: Environment, target: int) -> None:
        """Consume what is there, and publish as much as there is room for, up to `target` in all."""
        await self.consume(env)
        claimed = min(target, self.done + (1 << min(self.sizes)))
        await env.csr.port.write(self._at(QueueOffset.TAIL), claimed & 0xFFFF)

    def check(self, count: int) -> None:
        """The count-th record is in its place, of the lap, and of the descriptor in its own."""
        ring, completion = self.sizes
        at = self.records + Record.SIZE * (count % (1 << completion))
        record = Record.unpack(self.host.read(at, Record.SIZE))
        due = (count % (1 << ring), 1 ^ (count >> completion & 1))
        assert (record.tag, record.phase) == due, (
            f"{self.queue.name}: record {count} of rings 2^{self.sizes} is {record}"
        )

    async def told(self, env: Environment) -> None:
        """What registers say of it, while nothing is under way."""
        offsets = (QueueOffset.TAIL, QueueOffset.HEAD, QueueOffset.COMPLETION_TAIL, QueueOffset.OVERFLOWS)
        got = [await env.csr.port.read(self._at(each)) for each in offsets]
        assert got == [self.done & 0xFFFF] * 3 + [0], f"{self.queue.name}: tail, head, records, refusals are {got}"
        counter = (CounterOffset.TRANSFER_DESCRIPTORS, CounterOffset.RENDER_DESCRIPTORS)[self.queue]
        counted = await env.csr.port.read(counter_address(counter))
        assert counted == self.done, f"{self.queue.name}: {counted} descriptors counted, not {self.done}"
