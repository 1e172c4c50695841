"""Aborts and resets at every moment: a salvo in both queues, and a blow so many cycles after its doorbells.

An abort owes a record to every descriptor, and the ledger checks what each says it has moved.  A reset owes none: what
was under way may have happened or not, byte by byte, but a record that came tells the truth, records are a prefix of
the queue, and whatever no descriptor asked for is as it was.  Then the engine must work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.engine import Queue
from models.execute import ENTRY_SIZE, Outcome, execute
from models.layout import (
    Address,
    Cause,
    Control,
    Descriptor,
    EngineStatus,
    Opcode,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, ScanOut, Steps, WaitIrq
from models.surface import Box
from tb.agents.memory.image import runs
from tb.clocking import PERIOD_NS
from tb.sequences import boxed
from tests.system.fault_site import DESTINATION, SOURCE, FaultSite

__all__ = ["Loose", "abort", "judge", "loose_salvo", "publish", "quiet", "recover", "salvo", "soft_reset"]

_WRITES = EngineStatus(writes_outstanding=0xFF).to_int()
_SHOWN = 4


def salvo(site: FaultSite) -> dict[Queue, list[Descriptor]]:
    """Work of every kind for both queues, and fresh noise for it to move, so that each byte moved is seen.

    Boxes and places are disjoint, and apart from those of `FaultSite.good`; only the COPY reads what the FILL drew.
    """
    for table, pages in ((site.objects[SOURCE], (0, 1)), (site.objects[DESTINATION], (0, 1, 4))):
        for page in pages:
            noise = site.random.integers(0, 256, PAGE, np.uint8)
            site.rig.store(table.get(page).frame * PAGE, noise.tobytes())
    first, second, low, high = (int(value) for value in site.random.integers(1 << 32, size=4))
    fence = site.rig.rings[Queue.TRANSFER].written + 1
    to, out = {"object": DESTINATION}, {"object": SOURCE}
    return {
        Queue.TRANSFER: [
            boxed(Opcode.READBACK, Box(130, 4, 160, 3), surface=0, **to, host_offset=PAGE - 200, host_stride=170),
            boxed(Opcode.WRITEBACK, Box(17, 2, 150, 2), surface=3, **out, host_offset=PAGE - 77, host_stride=150),
            Descriptor(opcode=Opcode.INVALIDATE),
            boxed(Opcode.READBACK, Box(1, 0, 70, 2), surface=4, **to, host_offset=4 * PAGE, host_stride=99, order=1),
            Descriptor(opcode=Opcode.FENCE, host_offset=fence),
            Descriptor(opcode=Opcode.WAIT, queue=Queue.TRANSFER, host_offset=fence),
            boxed(Opcode.WRITEBACK, Box(2, 1, 40, 1), surface=1, **out, host_offset=5),
        ],
        Queue.RENDER: [
            boxed(Opcode.FILL, Box(4, 8, 160, 3), surface=2, pattern_low=first << 32 | second),
            Descriptor(opcode=Opcode.NOP),
            boxed(Opcode.COPY, Box(60, 9, 160, 3), surface=5, source_surface=2, source_x=4, source_y=8),
            Descriptor(opcode=Opcode.FENCE, host_offset=fence),
            boxed(Opcode.FILL, Box(16, 1, 64, 2), surface=7, pattern_low=low, pattern_high=high),
        ],
    }  # fmt: skip


def quiet(site: FaultSite, queue: Queue) -> Steps[None]:
    """One queue performs its salvo to its last interrupt, undisturbed; its duration is the window of blows."""
    work = salvo(site)[queue]
    yield from site.rig.post(queue, work)
    yield WaitIrq()
    yield from site.records(queue, len(work))
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from site.settle()


# ---------------------------------------------------------------------------------------------------------- abort


def abort(site: FaultSite, moment: int, *victims: Queue) -> Steps[int]:
    """A salvo, and after `moment` cycles an abort of the victims, each a register write later than the one before.

    Returns how many descriptors were dropped or cut.  AssertionError (or Hang) with what is wrong.
    """
    work = salvo(site)
    for queue, descriptors in work.items():
        for number, descriptor in enumerate(descriptors):
            more = {"interrupt": int(number == len(descriptors) - 1)}
            site.rig.put(queue, _with(descriptor, **more), cut=queue in victims)
    for queue in work:
        yield from site.rig.ring_doorbell(queue)
    yield Delay(moment * PERIOD_NS, "moment")
    for queue in victims:
        yield from site.rig.control(queue, abort=True)
    dropped = 0
    for queue, descriptors in work.items():
        records = yield from site.records(queue, len(descriptors))
        cut = [record.status == Status.ABORTED for record in records]
        dropped += sum(cut)
        assert queue in victims or not any(cut), f"{queue.name} was not aborted, but {records}"
        yield from site.idle(queue)
    yield from site.good()
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    return dropped


def _with(descriptor: Descriptor, **more: int) -> Descriptor:
    return Descriptor.from_int(descriptor.to_int() | Descriptor(**more).to_int())


# ---------------------------------------------------------------------------------------------------------- reset


@dataclass
class Loose:
    """A salvo whose fate is open: its descriptors, what each would do, and where its rings were."""

    work: dict[Queue, list[Descriptor]]
    outcomes: dict[Queue, list[Outcome]]
    begun: dict[Queue, int] = field(default_factory=dict)


def loose_salvo(site: FaultSite, work: dict[Queue, list[Descriptor]] | None = None) -> Loose:
    """Write a salvo into the rings of which nobody expects anything; it is not published yet."""
    ledger, rig = site.ledger, site.rig
    work = work or salvo(site)
    host, device = ledger.image.expected.copy(), ledger.device.copy()
    outcomes: dict[Queue, list[Outcome]] = {}
    begun = {queue: rig.rings[queue].written for queue in Queue}
    for queue, descriptors in work.items():
        ring = rig.rings[queue]
        tagged = [_with(one, tag=0x5000 + number) for number, one in enumerate(descriptors)]
        outcomes[queue] = []
        for descriptor in tagged:
            rig.store(ring.entry_address(ring.written), descriptor.pack(queue)[: ENTRY_SIZE[queue]])
            ring.written += 1
            outcome = execute(descriptor, host, device, rig.tables, queue=queue, data_width=ledger.data_width)
            outcome.apply(host, device)
            outcomes[queue].append(outcome)
        work[queue] = tagged
    return Loose(work, outcomes, begun)


def publish(site: FaultSite, moment: int) -> Steps[None]:
    """Ring both doorbells and let `moment` cycles pass."""
    for queue in Queue:
        yield from site.rig.ring_doorbell(queue)
    yield Delay(moment * PERIOD_NS, "moment")


def soft_reset(site: FaultSite) -> Steps[None]:
    """Reset the engine, in bounded time, and wait until the last write of before has been answered."""
    request = Control(enable=1, soft_reset=1).to_int()
    yield CsrWrite(Address.CONTROL, request)
    yield from site.until(Address.CONTROL, Control(soft_reset=1).to_int(), 0, "end of the soft reset")
    # Until then a record may still appear in a completion ring that the driver has cleared.
    yield from site.until(Address.STATUS, _WRITES, 0, "answer to the writes of before")
    for queue in Queue:
        for offset in (QueueOffset.HEAD, QueueOffset.TAIL, QueueOffset.COMPLETION_TAIL, QueueOffset.FENCE):
            left = yield CsrRead(queue_address(queue, offset))
            assert left == 0, f"{queue.name}: {offset.name} is {left} after a reset"
        status = QueueStatus.from_int((yield CsrRead(queue_address(queue, QueueOffset.STATUS))))
        assert not status.to_int(), f"{queue.name}: {status} after a reset"


def judge(site: FaultSite, loose: Loose, *, strict: bool = True) -> Steps[int]:
    """What has become of a salvo: every byte is the old one or the one its descriptor owed; what came is believed.

    strict: records come in order and are good; else some may be missing, and only those that are good are believed.
    Returns how many descriptors had their records.  Call it once no write is outstanding, before the rings start over.
    """
    ledger, host = site.ledger, site.host.bytes
    device = yield ScanOut(0, site.used)
    known = 0
    new_host, new_device = ledger.image.expected.copy(), ledger.device.copy()
    sure_host, sure_device = np.zeros(host.size, np.bool_), np.zeros(new_device.size, np.bool_)
    spared = np.zeros(host.size, np.bool_)
    for queue, descriptors in loose.work.items():
        ring = site.rig.rings[queue]
        came = True
        for number, (descriptor, outcome) in enumerate(zip(descriptors, loose.outcomes[queue], strict=True)):
            at, phase = ring.record_address(loose.begun[queue] + number), ring.phase(loose.begun[queue] + number)
            slot = slice(at, at + Record.SIZE)
            record = Record.unpack(host[slot].tobytes())
            there = record.phase == phase
            early = there and not came
            assert not (early and strict), f"{queue.name}: a record for descriptor {number}, but none before it"
            came = there
            known += there
            outcome.apply(new_host, new_device)
            spared[slot] = there
            if there and (strict or record.status == Status.OK):
                _believe(queue, descriptor, record)
                for address, data in outcome.host_writes:
                    sure_host[address : address + data.size] = True
                sure_device[outcome.device_index] = True
            if descriptor.opcode == Opcode.FENCE:
                value = np.frombuffer(descriptor.host_offset.to_bytes(8, "little"), np.uint8)
                new_host[ring.fence_at : ring.fence_at + 8] = value
    wrong_host = (host != new_host) & ((host != ledger.image.expected) | sure_host) & ~spared
    wrong_device = (device != new_device) & ((device != ledger.device) | sure_device)
    for what, wrong in (("host memory", wrong_host), ("device memory", wrong_device)):
        places = list(runs(np.flatnonzero(wrong)))
        shown = [f"{at:#x}+{size}" for at, size in places[:_SHOWN]]
        assert not places, f"{what} is neither old nor new at {', '.join(shown)} ({len(places)} places)"
    ledger.image.expected[:] = host
    ledger.forgive([], device)
    return known


def _believe(queue: Queue, descriptor: Descriptor, record: Record) -> None:
    """A record that came before a reset is that of its descriptor, and good."""
    told = (record.tag, record.opcode, record.queue, record.status, record.cause)
    due = (descriptor.tag, descriptor.opcode, queue, Status.OK, Cause.NONE)
    assert told == due, f"{queue.name}: {record} for {descriptor}"


def recover(site: FaultSite, bring_up: Callable[[FaultSite], Steps[None]], *, trial: bool = True) -> Steps[None]:
    """Clear the completion rings, start the queues again, and (unless no trial is wanted) see the engine work."""
    for ring in site.rig.rings.values():
        site.rig.store(ring.records, bytes(Record.SIZE << ring.completion_log2))
    yield from bring_up(site)
    if trial:
        yield from site.good()
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
