"""The untimed device's queues: rings, records, fences, interrupts, errors, halt, resume, abort and reset."""

from __future__ import annotations

import pytest

from models.device import BusRange, Device, Stuck
from models.engine import Queue
from models.layout import (
    Address,
    Cause,
    Control,
    Descriptor,
    IrqCoalesce,
    IrqEnable,
    IrqStatus,
    Opcode,
    QueueControl,
    QueueOffset,
    QueueSize,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE, HostMemory
from models.steps import Acquire, CsrRead, CsrWrite, Release, ScanOut, WaitIrq

RING, COMPLETIONS, FENCE = 1 * PAGE, 2 * PAGE, 3 * PAGE


class Rig:
    """The transfer queue with 4 descriptors and 4 records, driven by hand."""

    def __init__(self, *, halt: bool = True) -> None:
        self.host = HostMemory(None, 64 * PAGE)
        self.device = Device(self.host, device_size=1 << 16)
        self.tail = self.seen = 0
        self.write(Address.CONTROL, Control(enable=1).to_int())
        self.write(Address.IRQ_ENABLE, IrqEnable(mask=0x7F).to_int())
        self.queue(QueueOffset.RING_BASE_LO, RING)
        self.queue(QueueOffset.COMPLETION_BASE_LO, COMPLETIONS)
        self.queue(QueueOffset.FENCE_BASE_LO, FENCE)
        self.queue(QueueOffset.SIZE, QueueSize(ring_log2=2, completion_log2=2).to_int())
        self.queue(QueueOffset.CONTROL, QueueControl(enable=1, halt_on_error=int(halt)).to_int())

    def write(self, address: int, value: int) -> None:
        self.device.perform(CsrWrite(address, value))

    def read(self, address: int) -> int:
        value: int = self.device.perform(CsrRead(address))
        return value

    def queue(self, offset: QueueOffset, value: int) -> None:
        self.write(queue_address(Queue.TRANSFER, offset), value)

    def put(self, *descriptors: Descriptor) -> None:
        for descriptor in descriptors:
            self.host.write(RING + self.tail % 4 * 32, descriptor.pack()[:32])
            self.tail += 1
        self.queue(QueueOffset.TAIL, self.tail & 0xFFFF)

    def records(self) -> list[Record]:
        """Take what has been written since the last time."""
        self.device.settle()
        found = []
        while (record := self._record()).phase == 1 ^ (self.seen >> 2 & 1):
            found.append(record)
            self.seen += 1
        self.queue(QueueOffset.COMPLETION_HEAD, self.seen & 0xFFFF)
        return found

    def _record(self) -> Record:
        return Record.unpack(self.host.read(COMPLETIONS + self.seen % 4 * Record.SIZE, Record.SIZE))

    def status(self) -> QueueStatus:
        return QueueStatus.from_int(self.read(queue_address(Queue.TRANSFER, QueueOffset.STATUS)))

    def irq(self) -> IrqStatus:
        status = self.read(Address.IRQ_STATUS)
        self.write(Address.IRQ_STATUS, status)
        return IrqStatus.from_int(status)


def fence(value: int, **other: int) -> Descriptor:
    return Descriptor(opcode=Opcode.FENCE, host_offset=value, tag=value, interrupt=1, **other)


BAD = Descriptor(opcode=50, tag=9)


def test_nothing_moves_before_somebody_waits() -> None:
    rig = Rig()
    rig.put(fence(1))
    assert rig.host.read_u64(FENCE) == 0
    rig.device.perform(WaitIrq())
    assert rig.host.read_u64(FENCE) == 1 and rig.irq().transfer_done


def test_records_keep_order_through_many_laps_of_both_rings() -> None:
    rig = Rig()
    for lap in range(1, 20):
        rig.put(Descriptor(tag=100 * lap), Descriptor(tag=100 * lap + 1), fence(lap))
        assert [record.tag for record in rig.records()] == [100 * lap, 100 * lap + 1, lap]
        assert rig.host.read_u64(FENCE) == lap


def test_a_full_completion_ring_holds_the_queue() -> None:
    rig = Rig()
    rig.put(*[Descriptor(tag=tag) for tag in range(4)])
    rig.device.settle()
    rig.put(fence(1))
    rig.device.settle()
    assert rig.host.read_u64(FENCE) == 0
    assert [record.tag for record in rig.records()] == [0, 1, 2, 3]
    assert [record.tag for record in rig.records()] == [1]


def test_an_error_halts_the_queue_and_resume_goes_on_behind_it() -> None:
    rig = Rig()
    rig.put(BAD, fence(1))
    (record,) = rig.records()
    assert (record.tag, record.cause, record.status) == (9, Cause.UNKNOWN_OPCODE, Status.ERROR)
    assert rig.irq().transfer_error and rig.status().halted
    rig.queue(QueueOffset.CONTROL, QueueControl(enable=1, resume=1).to_int())
    assert [record.tag for record in rig.records()] == [1] and not rig.status().halted


def test_without_halt_on_error_the_queue_goes_on() -> None:
    rig = Rig(halt=False)
    rig.put(BAD, fence(1))
    assert [record.cause for record in rig.records()] == [Cause.UNKNOWN_OPCODE, Cause.NONE]


def test_an_abort_drops_what_is_queued_and_leaves_the_queue_usable() -> None:
    rig = Rig()
    rig.put(Descriptor(opcode=Opcode.WAIT, queue=1, host_offset=1), fence(1), BAD)
    assert rig.records() == [] and rig.status().waiting
    rig.queue(QueueOffset.CONTROL, QueueControl(enable=1, halt_on_error=1, abort=1).to_int())
    assert [record.status for record in rig.records()] == [Status.ABORTED] * 3
    assert rig.host.read_u64(FENCE) == 0
    rig.put(fence(2))
    assert [record.status for record in rig.records()] == [Status.OK]
    assert rig.host.read_u64(FENCE) == 2


def test_a_doorbell_beyond_the_capacity_is_refused() -> None:
    rig = Rig(halt=False)
    rig.queue(QueueOffset.TAIL, 5)
    (record,) = rig.records()
    assert (record.cause, record.tag) == (Cause.RING_OVERFLOW, 5)
    assert rig.read(queue_address(0, QueueOffset.OVERFLOWS)) == 1
    assert rig.read(queue_address(0, QueueOffset.TAIL)) == 0


@pytest.mark.parametrize("write", [False, True])
def test_bus_errors_in_ring_and_records_are_reported(write: bool) -> None:
    rig = Rig()
    base = COMPLETIONS if write else RING
    rig.device.bus_ranges = [BusRange(base, base + 1, write)]
    rig.put(fence(1))
    if write:
        rig.device.settle()
        assert rig.irq().completion_error
    else:
        (record,) = rig.records()
        assert (record.cause, record.address, record.tag) == (Cause.FETCH_ERROR, RING, 0)


def test_done_interrupts_coalesce_by_count_and_at_the_latest_by_time() -> None:
    rig = Rig()
    rig.write(Address.IRQ_COALESCE, IrqCoalesce(count=3).to_int())
    rig.put(fence(1), fence(2))
    rig.device.settle()
    assert not rig.irq().transfer_done
    rig.put(fence(3))
    rig.device.settle()
    assert rig.irq().transfer_done
    rig.records()
    rig.write(Address.IRQ_COALESCE, IrqCoalesce(count=3, cycles=100).to_int())
    rig.put(fence(4))
    rig.device.perform(WaitIrq())
    assert rig.irq().transfer_done


def test_a_soft_reset_forgets_the_queues_and_keeps_the_tables() -> None:
    rig = Rig()
    rig.put(BAD)
    rig.device.settle()
    rig.write(Address.CONTROL, Control(soft_reset=1, enable=1).to_int())
    assert rig.read(queue_address(0, QueueOffset.HEAD)) == 0
    assert rig.read(queue_address(0, QueueOffset.CONTROL)) == QueueControl(enable=0, halt_on_error=1).to_int()
    assert rig.read(queue_address(0, QueueOffset.RING_BASE_LO)) == RING


def test_a_wait_that_can_never_end_is_an_error_and_not_a_hang() -> None:
    rig = Rig()
    with pytest.raises(Stuck, match="TRANSFER head 0 tail 0"):
        rig.device.perform(WaitIrq())
    rig.device.perform(Acquire("a"))
    with pytest.raises(Stuck, match="lock a"):
        rig.device.perform(Acquire("a"))
    rig.device.perform(Release("a"))
    with pytest.raises(ValueError, match="not held"):
        rig.device.perform(Release("a"))


def test_unknown_registers_and_scanning_past_the_memory_are_errors() -> None:
    rig = Rig()
    for step in (CsrRead(0x3FC), CsrWrite(0x3FC, 1), ScanOut(1 << 16, 1)):
        with pytest.raises(IndexError):
            rig.device.perform(step)
