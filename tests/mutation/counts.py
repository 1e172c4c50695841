"""Counts of 16 bits, each bit of them: doorbells that are taken or refused at every distance, and rings that go round once.

Doorbells without fetching cost nothing, so counts are brought as far as they go by claims alone. Refused ones are made
by pins that stand still, two cycles each, and what is fetched is 2^16 descriptors of which nobody looks at each in turn.
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
"""Of the places of the largest ring."""
_BEYOND = 59
"""Descriptors after a full turn of the counts."""


async def claims(env: Environment) -> None:
    """A ring of any size takes all it has and one more it refuses; what is claimed is not taken back; nothing is fetched."""
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
    """Doorbells that claim too much, until their count is at each of its 2^16 values; the pins stand still meanwhile."""
    await sleep(400)  # after a reset the first access is accepted late
    dut.s_axil_bready.value = 1
    dut.s_axil_rready.value = 1
    dut.s_axil_wstrb.value = 0xF
    for queue in Queue:
        at = queue_address(queue, QueueOffset.OVERFLOWS)
        dut.s_axil_awaddr.value = queue_address(queue, QueueOffset.TAIL)
        dut.s_axil_wdata.value = 0x5A5A
        seen = []
        for cycles in (*(2 << bit for bit in range(3, 16)), 2 << 15):
            dut.s_axil_awvalid.value = 1
            dut.s_axil_wvalid.value = 1
            await sleep(cycles)
            await until_taken(dut, "aw", "w")
            await sleep(8)
            seen.append(await _read(dut, at))
        steps = np.diff(seen) & 0xFFFF
        due = np.array([*(1 << bit for bit in range(4, 16)), 1 << 15])
        assert (abs(steps - due) <= 2).all(), f"{queue.name}: after doorbells that are refused the counts are {seen}"


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
    """Both rings, as large as they can be, once round all that 16 bits count and a little further.

    host: memory of HOST_SIZE bytes of which nothing is handed out.
    """
    port = env.csr.port
    places, total = 1 << _LOG2, (1 << 16) + _BEYOND
    nop, size = Descriptor(opcode=Opcode.NOP), QueueSize(ring_log2=_LOG2, completion_log2=_LOG2)
    records: dict[Queue, int] = {}
    for queue in Queue:
        entry = np.frombuffer(nop.pack()[: ENTRY_SIZE[queue]], np.uint8)
        ring = np.tile(entry, (places, 1))
        ring[:, 4:8] = np.arange(places, dtype="<u4").view(np.uint8).reshape(-1, 4)
        at = host.allocate_contiguous(ring.size // PAGE, "ring")
        host.write(at, ring.reshape(-1))
        records[queue] = host.allocate_contiguous(Record.SIZE * places // PAGE, "records")
        await port.write(queue_address(queue, QueueOffset.RING_BASE_LO), at)
        await port.write(queue_address(queue, QueueOffset.COMPLETION_BASE_LO), records[queue])
        await port.write(queue_address(queue, QueueOffset.SIZE), size.to_int())
        await port.write(queue_address(queue, QueueOffset.CONTROL), QueueControl(enable=1, halt_on_error=1).to_int())
    await port.write(Address.CONTROL, Control(enable=1, clear_counters=1).to_int())
    done = dict.fromkeys(Queue, 0)
    while min(done.values()) < total:
        for queue in Queue:
            got = await port.read(queue_address(queue, QueueOffset.COMPLETION_TAIL))
            done[queue] += got - done[queue] & 0xFFFF
            await port.write(queue_address(queue, QueueOffset.COMPLETION_HEAD), got)
            claimed = min(total, done[queue] + places)
            await port.write(queue_address(queue, QueueOffset.TAIL), claimed & 0xFFFF)
        await sleep(30_000)
    for queue in Queue:
        offsets = (QueueOffset.TAIL, QueueOffset.HEAD, QueueOffset.COMPLETION_TAIL, QueueOffset.OVERFLOWS)
        got = [await port.read(queue_address(queue, each)) for each in offsets]
        assert got == [total & 0xFFFF] * 3 + [0], f"{queue.name}: tail, head, records, refusals are {got}"
        counter = (CounterOffset.TRANSFER_DESCRIPTORS, CounterOffset.RENDER_DESCRIPTORS)[queue]
        counted = await port.read(counter_address(counter))
        assert counted == total, f"{queue.name}: {counted} descriptors counted, not {total}"
        found = host.bytes[records[queue] : records[queue] + Record.SIZE * places].reshape(places, Record.SIZE)
        tags = found[:, :4].copy().view("<u4").reshape(-1)
        assert (tags == np.arange(places)).all(), f"{queue.name}: records are not in the order of their descriptors"
        phases = [Record.unpack(found[index].tobytes()).phase for index in range(_BEYOND + 1)]
        assert phases == [1] * _BEYOND + [0], f"{queue.name}: phases {phases}"
