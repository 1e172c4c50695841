"""Aborts and resets of queues that stand still: halted, at a WAIT, disabled, with a full completion ring, and others.

Behind each state a few descriptors are published that would move bytes.  An abort must drop every one of them with a
record of its own, a reset must forget them, and neither may move a byte; then the engine must work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models.engine import Queue
from models.execute import ENTRY_SIZE, Outcome
from models.layout import (
    Address,
    Cause,
    Control,
    Descriptor,
    Opcode,
    QueueOffset,
    QueueStatus,
    Record,
    Status,
    queue_address,
)
from models.steps import CsrWrite, Delay, Steps
from models.surface import Box
from tb.clocking import PERIOD_NS
from tb.sequences import boxed
from tests.system.fault_site import DESTINATION, SOURCE, FaultSite

__all__ = ["STATES", "Hold", "abort_again", "abort_full_ring", "drop", "held"]

_DROPPED = Outcome(Status.ABORTED, Cause.ABORTED)

Hold = Callable[[FaultSite, Queue], Steps[list[Descriptor]]]
"""Brings a queue to a stand, and returns what must be published first of all for it to stand there."""


def behind(queue: Queue) -> list[Descriptor]:
    """What waits behind: a few that would move bytes, a fence, and one that would do nothing."""
    if queue is Queue.TRANSFER:
        place = {"host_offset": 77, "host_stride": 200}
        work = [
            boxed(Opcode.READBACK, Box(5, 1, 190, 3), surface=0, object=DESTINATION, **place),
            boxed(Opcode.WRITEBACK, Box(7, 2, 180, 4), surface=4, object=SOURCE, **place),
        ]
    else:
        work = [
            boxed(Opcode.FILL, Box(4, 8, 160, 3), surface=2, pattern_low=0x0123456789ABCDEF),
            boxed(Opcode.COPY, Box(60, 9, 160, 3), surface=5, source_surface=2, source_x=8, source_y=2),
        ]
    return [*work, Descriptor(opcode=Opcode.FENCE, host_offset=0x7E57), Descriptor(), *work]


def _halted(site: FaultSite, queue: Queue) -> Steps[list[Descriptor]]:
    """Stopped by an error."""
    yield from site.perform(queue, [Descriptor(opcode=99)])
    halted = QueueStatus(halted=1).to_int()
    yield from site.until(queue_address(queue, QueueOffset.STATUS), halted, halted, "halt")
    return []


def _waiting(site: FaultSite, queue: Queue) -> Steps[list[Descriptor]]:
    """At a WAIT for a value that the other queue's fence, still 0, never reaches."""
    yield Delay(1, "nothing to prepare")
    return [Descriptor(opcode=Opcode.WAIT, queue=1 - queue, host_offset=1000)]


def _disabled(site: FaultSite, queue: Queue) -> Steps[list[Descriptor]]:
    """Not enabled."""
    yield from site.rig.control(queue, enable=False)
    return []


def _switched_off(site: FaultSite, queue: Queue) -> Steps[list[Descriptor]]:
    """The engine as a whole is not enabled."""
    yield CsrWrite(Address.CONTROL, 0)
    return []


STATES: Mapping[str, Hold] = {
    "halted": _halted,
    "waiting": _waiting,
    "disabled": _disabled,
    "switched off": _switched_off,
}
"""States in which a queue starts nothing."""


def held(site: FaultSite, queue: Queue, state: str, *, told: bool) -> Steps[int]:
    """Bring a queue into a state with work behind it; returns how many descriptors were published.

    told: the ledger is told that an abort drops them; else nobody expects anything of them.
    """
    first = yield from STATES[state](site, queue)
    ring = site.rig.rings[queue]
    work = [*first, *behind(queue)]
    for descriptor in work:
        if told:
            site.rig.put(queue, descriptor, outcome=_DROPPED)
        else:
            site.rig.store(ring.entry_address(ring.written), descriptor.pack(queue)[: ENTRY_SIZE[queue]])
            ring.written += 1
    yield from site.rig.ring_doorbell(queue)
    if state == "waiting":
        mask = QueueStatus(waiting=1).to_int()
        yield from site.until(queue_address(queue, QueueOffset.STATUS), mask, mask, "stand at the WAIT")
    yield Delay(100 * PERIOD_NS, "whatever should not happen")
    return len(work)


def drop(site: FaultSite, queue: Queue, state: str) -> Steps[None]:
    """An abort in a state: a record for each, not a byte, a queue that works once it is enabled again."""
    count = yield from held(site, queue, state, told=True)
    yield from site.rig.control(queue, enable=state != "disabled", abort=True)
    records = yield from site.records(queue, count)
    assert all(record.status == Status.ABORTED for record in records), f"{state}: {records}"
    yield from site.idle(queue)
    yield CsrWrite(Address.CONTROL, Control(enable=1).to_int())
    yield from site.rig.control(queue)
    yield from site.good()


def abort_full_ring(site: FaultSite, queue: Queue) -> Steps[None]:
    """An abort while records wait for room: they come when there is some, and none is lost."""
    ring = site.rig.rings[queue]
    room = 1 << ring.completion_log2
    assert room + len(behind(queue)) <= 1 << ring.log2, "this case needs a completion ring smaller than its queue"
    for _ in range(room):
        site.rig.put(queue, Descriptor())
    for descriptor in behind(queue):
        site.rig.put(queue, descriptor, cut=True)
    yield from site.rig.ring_doorbell(queue)
    tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
    yield from site.until(tail, 0xFFFF, (ring.taken + room) & 0xFFFF, "full completion ring")
    yield Delay(500 * PERIOD_NS, "no further record")
    yield from site.rig.control(queue, abort=True)
    taken = site.rig.take(queue, room + 1)
    assert len(taken) == room, f"{len(taken)} records in a ring of {room}"
    left = [site.host.read(ring.record_address(ring.taken + n), Record.SIZE) for n in range(room)]
    yield Delay(500 * PERIOD_NS, "no further record")
    now = [site.host.read(ring.record_address(ring.taken + n), Record.SIZE) for n in range(room)]
    assert left == now, "an abort wrote a record over one that was not consumed"
    yield from site.rig.consume(queue)
    yield from site.records(queue, len(behind(queue)))
    yield from site.idle(queue)
    yield from site.good()


def abort_again(site: FaultSite, queue: Queue, gap: int) -> Steps[None]:
    """Work, an abort, `gap` cycles, more work, another abort: one record for each, in order."""
    count = 0
    for _ in range(2):
        for descriptor in behind(queue):
            site.rig.put(queue, descriptor, cut=True)
            count += 1
        yield from site.rig.ring_doorbell(queue)
        yield Delay(gap * PERIOD_NS, "gap")
        yield from site.rig.control(queue, abort=True)
    yield from site.records(queue, count)
    yield from site.idle(queue)
    yield from site.good()
