"""Cases in which each bit of a limit in time or in records counts: when an interrupt comes, when patience ends."""

from __future__ import annotations

from models.engine import Queue
from models.layout import Address, Descriptor, IrqCoalesce, Opcode, QueueOffset, queue_address
from models.steps import CsrRead, CsrWrite, Delay, Steps, WaitIrq
from tb.agents.memory import MemoryConfig
from tests.system.workbench import DESTINATION, Workbench

__all__ = ["announced_late", "enough", "patient", "unhurried"]


def announced_late(bench: Workbench) -> Steps[None]:
    """A limit in time that is set when records are pending already begins then."""
    limit = 900
    for queue in Queue:
        yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=200).to_int())
        yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP, interrupt=1)])
        yield Delay(8000, "pending")
        yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=200, cycles=limit).to_int())
        begun = yield CsrRead(Address.CYCLE_LO)
        yield WaitIrq()
        ended = yield CsrRead(Address.CYCLE_LO)
        assert limit - 40 <= ended - begun <= limit + 200, f"{ended - begun} cycles after the limit was set"
        yield from bench.rig.collect(queue, 1)
        yield CsrWrite(Address.IRQ_COALESCE, 0)
        yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from bench.settle()


def enough(bench: Workbench) -> Steps[None]:
    """Of 2^n + 1 records that are to be announced together, 2^n are not enough."""
    for queue in Queue:
        tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
        for count in (1 << bit for bit in range(1, 8)):
            yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=count + 1).to_int())
            for part in (*[min(count, 32)] * max(1, count // 32), 1):
                raised = yield CsrRead(Address.IRQ_STATUS)
                assert not raised, f"{raised:#x} raised with too few of {count + 1} records"
                yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP, interrupt=1)] * part)
                ring = bench.rig.rings[queue]
                yield from bench.rig.until(tail, 0xFFFF, (ring.taken + part) & 0xFFFF)
                assert len(bench.rig.take(queue, part + 1)) == part
                yield from bench.rig.consume(queue)
            raised = yield CsrRead(Address.IRQ_STATUS)
            assert raised == 1 << queue, f"{raised:#x} raised by {count + 1} records"
            yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield CsrWrite(Address.IRQ_COALESCE, 0)
    yield from bench.settle()


def unhurried(bench: Workbench) -> Steps[None]:
    """Limits in time of 2^n cycles and a few, and of 2^n records and one, are not over after the few, or the one."""
    bench.temper_host(MemoryConfig(read_latency=180, write_latency=180))
    for bit in range(9, 32):
        yield CsrWrite(Address.WATCHDOG, 1 << bit | 40)
        yield from bench.invalidate(DESTINATION)
        yield from bench.good()
        yield from bench.rig.perform(Queue.RENDER, [Descriptor(opcode=Opcode.NOP)])
    yield CsrWrite(Address.WATCHDOG, 0)
    bench.temper_host(MemoryConfig())
    limits = [IrqCoalesce(count=255, cycles=1 << bit | 40) for bit in range(9, 24)]
    limits += [IrqCoalesce(count=1 << bit | 1) for bit in range(1, 8)]
    for queue in Queue:
        for limit in limits:
            yield CsrWrite(Address.IRQ_COALESCE, limit.to_int())
            yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP)])
            yield Delay(1200, "longer than the few cycles")
            raised = yield CsrRead(Address.IRQ_STATUS)
            assert not raised, f"{raised:#x} raised by a record under {limit}"
            yield CsrWrite(Address.IRQ_COALESCE, 0)
            yield from bench.rig.collect(queue, 1)
            yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from bench.settle()


def patient(bench: Workbench) -> Steps[None]:
    """Answers that take thousands of cycles are waited for, and so are records that have as long."""
    long = 9000
    yield CsrWrite(Address.WATCHDOG, 2 * long)
    bench.temper_host(MemoryConfig(read_latency=long, write_latency=long))
    yield from bench.good()
    bench.temper_host(MemoryConfig())
    yield CsrWrite(Address.WATCHDOG, 0)
    for queue in Queue:
        yield CsrWrite(Address.IRQ_COALESCE, IrqCoalesce(count=200, cycles=long).to_int())
        yield from bench.rig.post(queue, [Descriptor(opcode=Opcode.NOP)])
        yield Delay(4 * (long - 100), "not yet")
        raised = yield CsrRead(Address.IRQ_STATUS)
        assert not raised, f"{raised:#x} raised {long - 100} cycles after a record that may wait for {long}"
        yield WaitIrq()
        yield from bench.rig.collect(queue, 1)
        yield CsrWrite(Address.IRQ_COALESCE, 0)
        yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from bench.settle()
