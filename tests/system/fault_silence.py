"""Silence: from some moment on a memory answers no more reads, no more writes, or nothing at all.

The watchdog must end each wait, so that every descriptor still gets its record (or, where writes are not answered, its
count in COMPLETION_TAIL) in bounded time.  Answers that are owed may come at any time, so only a hardware reset makes
such an engine whole (docs/protocols.md, Watchdog); after it the salvo is judged like that of any reset.
"""

from __future__ import annotations

from models.layout import Address, Cause, IrqStatus, QueueOffset, Record, queue_address
from models.steps import CsrRead, CsrWrite, Steps
from tb.agents.memory import MemoryConfig, MuteWindow
from tests.system import fault_moments as moments
from tests.system.fault_moments import Loose
from tests.system.fault_site import FaultSite

__all__ = ["WATCHDOG", "silent"]

WATCHDOG = 300
"""Cycles without an answer after which the engine gives up."""


def silent(site: FaultSite, moment: int, *, reads: bool, writes: bool) -> Steps[tuple[Loose, int]]:
    """A salvo and, `moment` cycles after its doorbells, silence; returns it and how many descriptors gave up.

    Ends when all have ended; AssertionError (or Hang) where one has not, or tells something else.
    """
    loose = moments.loose_salvo(site)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
    yield from moments.publish(site, moment)
    site.temper_host(MemoryConfig(mute=MuteWindow(0, site.host.size, read=reads, write=writes)))
    gave_up = 0
    for queue, work in loose.work.items():
        ring = site.rig.rings[queue]
        tail = queue_address(queue, QueueOffset.COMPLETION_TAIL)
        yield from site.until(tail, 0xFFFF, (ring.taken + len(work)) & 0xFFFF, f"end of {queue.name} in silence")
        yield from site.idle(queue)
        places = range(ring.taken, ring.taken + len(work))
        found = [Record.unpack(site.host.read(ring.record_address(count), Record.SIZE)) for count in places]
        there = [record for count, record in zip(places, found, strict=True) if record.phase == ring.phase(count)]
        assert writes or len(there) == len(work), f"{queue.name}: {len(there)} records of {len(work)}"
        assert all(record.cause in (Cause.NONE, Cause.WATCHDOG) for record in there), f"{queue.name}: {there}"
        gave_up += len(work) - sum(record.cause == Cause.NONE for record in there)
    raised = IrqStatus.from_int((yield CsrRead(Address.IRQ_STATUS)))
    assert raised.watchdog == bool(gave_up) or writes, f"{gave_up} gave up, but {raised}"
    assert raised.watchdog or not raised.completion_error, raised
    site.temper_host(MemoryConfig())
    return loose, gave_up

