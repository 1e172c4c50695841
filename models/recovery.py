"""Getting the engine up again after an error.

An error costs those who made it and those who stand behind them, and nobody else: work that the recovery had to abort
is queued again, as a GPU driver replays the innocent after a reset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from models.costs import Costs
from models.engine import Queue
from models.errors import DeviceError
from models.events import Recover
from models.fence import Fence
from models.layout import Address, Cause, IrqStatus, Opcode, QueueOffset, QueueStatus, Record, Status
from models.ring import EngineSlot, Flying, Ring
from models.signals import Signals
from models.steps import Acquire, Note, Steps, releasing

__all__ = ["Recovery"]


class Recovery:
    """What the records and interrupts of both queues tell of errors, and what is done about it.

    `records` keeps every completion record in the order in which it was taken.
    """

    def __init__(self, rings: Mapping[Queue, Ring], slot: EngineSlot, costs: Costs) -> None:
        self.records: list[Record] = []
        self.alarm: set[Queue] = set()
        """Queues of which an error is known that nobody has served."""
        self.restarting = False
        """Both queues are being aborted: only who does that takes records."""
        self.lossy: set[Queue] = set()
        """Queues of which records or fence values may have been lost on the bus."""
        self._rings = rings
        self._slot = slot
        self._costs = costs

    # ------------------------------------------------------------------------------------ what comes to be known

    def acknowledge(self, signals: Signals | None = None) -> Steps[None]:
        """Wait for an interrupt and acknowledge it; with the lock held. DeviceError if no queue can be blamed.

        Where a record or a fence value did not arrive, both queues look for what they have lost.
        """
        if (yield self._slot.interrupt(signals)) is False:
            return
        yield from self._costs.interrupt()
        raised = yield self._slot.read(Address.IRQ_STATUS)
        yield self._slot.write(Address.IRQ_STATUS, raised)
        status = IrqStatus.from_int(raised)
        if status.transfer_error:
            self.alarm.add(Queue.TRANSFER)
        if status.render_error:
            self.alarm.add(Queue.RENDER)
        if status.completion_error:
            self.alarm.update(Queue)
            self.lossy.update(Queue)
        if status.device_range:
            raise DeviceError("NONE", state="a surface reaches past the end of device memory")

    def book(self, ring: Ring, record: Record) -> Flying:
        """Enter the record of the oldest descriptor into the books, and return the descriptor."""
        if ring.flying and ring.flying[0].last:
            self.ask_ahead(ring.flying[0].fence)
        self.records.append(record)
        one = ring.book(record)
        if record.status == Status.ERROR:
            self.mislead(one.fence, ring.failed[one.fence])
        return one

    def ask_ahead(self, fence: Fence) -> None:
        """Before a fence ends well: has what it stands behind failed, as a record says that nobody has taken yet?

        The other queue's FENCE may be dispatched before an error ahead of it is seen, and ends the WAIT for it then.
        """
        if all(one.done for one in fence.after):
            return
        ahead = fence.ahead()
        for ring in self._rings.values():
            for index, one in enumerate(ring.flying):
                if one.fence in ahead:
                    record = ring.record(index)
                    if record is not None and record.status == Status.ERROR:
                        self.alarm.add(ring.queue)
                        self.mislead(one.fence, ring.error(record))

    def fill_in(self, ring: Ring) -> Steps[None]:
        """Write the answered records that the bus has lost, for else their places hold those of two laps ago.

        A queue that goes on has carried out all of which it told. One that has halted, and says why in no record that
        is there, was stopped by one that is lost: any of them.
        """
        answered = yield ring.read(QueueOffset.COMPLETION_TAIL)
        halted = QueueStatus.from_int((yield ring.read(QueueOffset.STATUS))).halted
        if halted:
            answered = yield ring.read(QueueOffset.COMPLETION_TAIL)
        count = (answered - ring.taken) & 0xFFFF if ring.owes(answered) else 0
        records = [ring.record(index) for index in range(count)]
        why = halted and not any(record is not None and record.status == Status.ERROR for record in records)
        for index, record in enumerate(records):
            if record is None and why:
                ring.fill(index, Status.ERROR, Cause.BUS_ERROR)
            elif record is None:
                ring.fill(index, Status.OK, Cause.NONE)

    def mislead(self, culprit: Fence, error: DeviceError) -> None:
        """Enter an error for all that stands behind a fence, on both queues, however far.

        It must not run, or has run on wrong data: a FENCE dispatched before the error has ended the WAITs for it.
        """
        for ring in self._rings.values():
            for fence in dict.fromkeys(one.fence for one in (*ring.dropped, *ring.flying)):
                if culprit in fence.ahead():
                    ring.misled.setdefault(fence, error)

    # ------------------------------------------------------------------------------------------- what is done

    def recover(self, ring: Ring, record: Record) -> Steps[None]:
        """A queue halted with an error: let it go on, or abort what must not run on wrong data; with the lock held.

        The submission's fence carries the error. Where nothing stands behind it, the queue resumes with its next
        descriptor. Else both queues are aborted, since a WAIT that was satisfied would let that run; then what stands
        behind an error ends with it, and all else is queued again in its old order, each descriptor that was dropped
        or cut short: a repetition does no harm, for none reads what it writes, and what it reads is held still until
        its fence. The queues' locks keep doorbells away all the time.
        """
        yield _told(record, ring)
        locks = [self._rings[queue].lock for queue in Queue]
        for lock in locks:
            yield Acquire(lock)
        yield from releasing(self._restart(ring), *locks)

    def _restart(self, halted: Ring) -> Steps[None]:
        rings = [self._rings[queue] for queue in Queue]
        if not any(ring.misled for ring in rings):
            yield halted.control(resume=True)
            return
        self.restarting = True
        try:
            for ring in rings:
                yield from self.fill_in(ring)
            for ring in reversed(rings):
                yield ring.control(abort=True)
            for ring in rings:
                yield from self._drain(ring)
            # No step in between: nobody sees an upload that failed with drawing behind it that seems to go on.
            yield from [note for ring in rings for note in self.end(ring)]
            yield from self._again(rings)
        finally:
            self.restarting = False

    def _drain(self, ring: Ring) -> Steps[None]:
        """Take every record of an aborted queue, with its lock held, and wait until it takes descriptors again."""
        while ring.flying:
            answered = yield ring.read(QueueOffset.COMPLETION_TAIL)
            if ring.flying and not ring.owes(answered):
                # Whoever has taken records, and would tell, waits for the lock.
                yield ring.head()
                yield from self.acknowledge()
            while ring.owes(answered) and ring.flying:
                if ring.record() is None:
                    # Lost since the abort: to do it again does no harm, for what stands behind it is aborted too.
                    ring.fill(0, Status.ABORTED, Cause.ABORTED)
                record = ring.next()
                one = self.book(ring, record)
                if record.status == Status.ERROR:
                    yield _told(record, ring)
                if one.last and record.status != Status.ABORTED:
                    if any(other.fence is one.fence for other in ring.dropped):
                        # It was dispatched when what it ends was cut.
                        ring.dropped.append(one)
                    else:
                        ring.ended.append(one.fence)
        yield ring.head()
        while QueueStatus.from_int((yield ring.read(QueueOffset.STATUS))).aborting:
            pass

    def end(self, ring: Ring) -> list[Note]:
        """Finish the fences of which all is known: what was done, and what was dropped and must not run."""
        for one in ring.dropped:
            behind = ring.misled.get(one.fence)
            if behind is not None:
                state = f"{ring.queue.name} queue, behind {behind.cause} of the {behind.state}"
                ring.failed.setdefault(one.fence, DeviceError("ABORTED", tag=one.tag, state=state))
            if one.last and one.fence in ring.failed:
                ring.ended.append(one.fence)
        ended, ring.ended = ring.ended, []
        return [note for fence in ended for note in ring.finish(fence)]

    def _again(self, rings: Sequence[Ring]) -> Steps[None]:
        """Queue again what an abort dropped and nobody is to blame for, with new fence values; with the locks held.

        Later values of a queue may have been published, so that a WAIT for an old one would end at once.
        """
        values: dict[tuple[int, int], int] = {}
        innocent = {ring.queue: [one for one in ring.dropped if not one.fence.done] for ring in rings}
        for ring in rings:
            ring.dropped = []
            for fence in dict.fromkeys(one.fence for one in innocent[ring.queue]):
                old, fence.value = fence.value, (ring.value + 1) & 0xFFFFFFFF
                values[ring.queue, old] = ring.value = fence.value
        for ring in rings:
            for one in innocent[ring.queue]:
                descriptor = one.descriptor
                if descriptor.opcode in (Opcode.FENCE, Opcode.WAIT):
                    queue = ring.queue if one.last else descriptor.queue
                    value = values.get((queue, descriptor.host_offset), descriptor.host_offset)
                    descriptor = replace(descriptor, host_offset=value)
                ring.put(descriptor, one.fence, one.last)
            if innocent[ring.queue]:
                yield from ring.publish(len(innocent[ring.queue]), "again")


def _told(record: Record, ring: Ring) -> Note:
    return Note(Recover(cause=Cause(record.cause).name, queue=ring.queue, address=record.address, tag=record.tag))
