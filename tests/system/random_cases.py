"""Random work on the engine: rounds of a plan, each on host memory of another temper and surfaces of other shapes.

A round publishes a plan in pieces of any size, waits for its records by interrupt or by polling, and compares every
byte of host memory, device memory and records.  `Progress` knows what was under way, for the message of a failure.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from models.engine import Queue
from models.layout import (
    Address,
    Cause,
    Descriptor,
    IrqCoalesce,
    Opcode,
    QueueOffset,
    QueueStatus,
    Record,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps, WaitIrq
from tb.agents.memory import ErrorWindow
from tb.chance import chosen, surface_in, temper, upto
from tb.clocking import PERIOD_NS
from tb.random_work import Extent, Planned, Planner
from tests.system.fault_moments import Loose, loose_salvo, publish
from tests.system.fault_site import DESTINATION, HOLED, LARGE, LARGE_LOW, LARGE_PAGES, PAGES, SOURCE, FaultSite, Hang

__all__ = ["OPERATIONS", "Progress", "RandomFailure", "Rounds", "operations", "told"]

OPERATIONS = "FAULTLINE_OPERATIONS"
"""Environment variable: operations that each random test performs."""

_DEFAULT = 60
_RESHAPED = (1, 4, 6, 7)
"""Surfaces that get a new shape each round; the others belong to `FaultSite.good`."""
_POLLS = 40_000
"""Looks at the completion rings after which a round hangs."""


class RandomFailure(AssertionError):
    """A random test failed; the message names the seed, the operation and what was wrong."""


@dataclass
class Progress:
    """What a random test is doing: so many operations done, this one under way."""

    done: int = 0
    doing: str = "set-up"
    causes: Counter[str] = field(default_factory=Counter)


@contextmanager
def told(progress: Progress) -> Iterator[None]:
    """Whatever fails inside becomes a RandomFailure that names the seed and the operation."""
    try:
        yield
    except Exception as error:
        seed = os.environ.get("COCOTB_RANDOM_SEED", "unknown")
        where = f"seed {seed}, after {progress.done} operations, in {progress.doing}"
        raise RandomFailure(f"{where}: {type(error).__name__}: {error}") from error


def operations() -> int:
    """Operations that a random test performs.  ValueError unless FAULTLINE_OPERATIONS is a positive number."""
    text = os.environ.get(OPERATIONS, str(_DEFAULT))
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{OPERATIONS}={text!r}: must be a positive number")
    return int(text)


def _role(site: FaultSite, objects: Sequence[int], *, holes: bool) -> list[Extent]:
    """Where transfers may take place in some objects; without holes, where they find pages."""
    extents = []
    for index in objects:
        if index == LARGE:
            extents += [Extent(LARGE, 0, LARGE_LOW * PAGE), Extent(LARGE, (LARGE_PAGES - 4) * PAGE, LARGE_PAGES * PAGE)]
        elif index == HOLED:
            extents.append(Extent(HOLED, 0, (PAGES if holes else 2) * PAGE))
        else:
            extents.append(Extent(index, 0, PAGES * PAGE))
    return extents


class Rounds:
    """Rounds of random work on an open site.

    seed: of the memory's own draws, which a new temper must not change.
    """

    def __init__(self, site: FaultSite, progress: Progress, *, seed: int) -> None:
        self.site = site
        self.random = site.random
        self.progress = progress
        self.records = hashlib.sha256()
        """Of every record, cycles and all: two runs that agree on it are the same run."""
        self._seed = seed
        self._fences = dict.fromkeys(Queue, 0)
        self._slots = {n: (one.base, one.size) for n, one in enumerate(site.surfaces)}

    # ---------------------------------------------------------------------------------------------- rounds

    def fences(self) -> Steps[None]:
        """Begin to count fences anywhere, often just below where 32 bits wrap."""
        for queue in Queue:
            wraps = bool(self.random.integers(2))
            value = (1 << 32) - int(self.random.integers(1, 20)) if wraps else int(self.random.integers(1 << 32))
            self._fences[queue] = value
            yield from self.site.perform(queue, [Descriptor(opcode=Opcode.FENCE, host_offset=value)])
        yield from self.site.settle()

    def prepare(self) -> Steps[None]:
        """Between two rounds: other shapes, fresh bytes to move, another temper of host memory."""
        site, random = self.site, self.random
        pixels = random.integers(1, 17, 2).tolist() + [4]
        for index in _RESHAPED:
            base, room = self._slots[index]
            site.surfaces[index] = surface_in(random, base, room, pixels)
            yield from site.rig.surface(index, site.surfaces[index])
        for table, page in ((SOURCE, int(random.integers(PAGES))), (LARGE, int(random.integers(LARGE_LOW)))):
            noise = random.integers(0, 256, PAGE, np.uint8)
            site.rig.store(site.objects[table].get(page).frame * PAGE, noise.tobytes())
        site.temper_host(temper(random, seed=self._seed))
        coalesce = IrqCoalesce(count=int(random.integers(4)), cycles=int(random.integers(1, 300)))
        yield CsrWrite(Address.IRQ_COALESCE, coalesce.to_int())

    def planner(
        self, *, queues: Sequence[Queue] = tuple(Queue), independent: bool = False, faults: float = 0.0
    ) -> Planner:
        """A planner for the site as it is.  With faults, no byte that a failed READBACK leaves open is read again."""
        site = self.site
        if faults:
            sources, targets = (SOURCE, LARGE), (DESTINATION, HOLED)
        else:
            sources, targets = (SOURCE, LARGE, DESTINATION, HOLED), (DESTINATION, LARGE, HOLED)
        return Planner(
            self.random,
            dict(enumerate(site.surfaces)),
            _role(site, sources, holes=bool(faults)),
            _role(site, targets, holes=bool(faults)),
            self._fences,
            word=site.ledger.data_width // 8,
            queues=queues,
            independent=independent,
            faults=faults,
        )

    def run(self, count: int, *, queues: Sequence[Queue] = tuple(Queue), faults: float = 0.0) -> Steps[None]:
        """One round of about `count` operations, at most 16, compared at its end.

        faults: the share of operations that are spoilt; there are bus errors too then, and queues that halt.
        """
        yield from self.prepare()
        work = self.planner(queues=queues, faults=faults).plan(count)
        for queue in Queue:
            halt = bool(self.random.integers(2)) if faults else True
            yield from self.site.rig.control(queue, halt=halt)
        if faults:
            self._aim()
        yield from self._publish(work)
        yield from self._finish(by_interrupt=not faults and bool(self.random.integers(2)))
        self.progress.doing = f"comparing {_words(work)}"
        if faults:
            yield from self._release()
        yield from self._acknowledge()
        yield from self.site.settle()
        self.progress.done += len(work)

    def _aim(self) -> None:
        """Bus errors for host data somewhere in a page, of reads, writes or both."""
        random, site = self.random, self.site
        if random.random() < 0.7:
            table = site.objects[chosen(random, (SOURCE, DESTINATION))]
            at = table.get(int(random.integers(PAGES))).frame * PAGE + int(random.integers(PAGE))
            kind = int(random.integers(1, 4))
            response = chosen(random, (2, 3))
            window = ErrorWindow(
                at, upto(random, PAGE - at % PAGE), read=bool(kind & 1), write=bool(kind & 2), response=response
            )
            site.temper_host(replace(temper(random, seed=self._seed), error=window))

    # -------------------------------------------------------------------------------------- aborts and resets

    def aborted(self, count: int) -> Steps[int]:
        """A round in which one queue or both are aborted at a random moment; returns how many were dropped or cut."""
        yield from self.prepare()
        site = self.site
        work = self.planner(independent=True).plan(count)
        victims = chosen(self.random, ((Queue.TRANSFER,), (Queue.RENDER,), tuple(Queue)))
        moment = upto(self.random, 3000)
        self.progress.doing = f"an abort of {[one.name for one in victims]} after {moment} cycles of {_words(work)}"
        before = self.progress.causes[Cause.ABORTED.name]
        for one in work:
            site.rig.put(one.queue, one.descriptor, cut=one.queue in victims)
        for queue in Queue:
            yield from site.rig.ring_doorbell(queue)
        yield Delay(moment * PERIOD_NS, "moment")
        for queue in victims:
            yield from site.rig.control(queue, abort=True)
        yield from self._finish(by_interrupt=False)
        for queue in Queue:
            yield from site.idle(queue)
        yield from self._acknowledge()
        yield from site.good()
        self.progress.done += len(work)
        return self.progress.causes[Cause.ABORTED.name] - before

    def loose(self, count: int) -> Steps[Loose]:
        """Publish a round of work and let a random time pass, for a reset to follow; `judge` knows what may be."""
        yield from self.prepare()
        work = self.planner(independent=True).plan(count)
        moment = upto(self.random, 3000)
        self.progress.doing = f"a reset after {moment} cycles of {_words(work)}"
        loose = loose_salvo(self.site, {q: [one.descriptor for one in work if one.queue is q] for q in Queue})
        yield from publish(self.site, moment)
        self.progress.done += len(work)
        return loose

    # ------------------------------------------------------------------------------------- publish and collect

    def _publish(self, work: Sequence[Planned]) -> Steps[None]:
        """Put a plan into the rings in its order, and ring doorbells now and then; records are taken meanwhile."""
        random, rig = self.random, self.site.rig
        left = list(work)
        while left:
            part = left[: upto(random, len(left))]
            del left[: len(part)]
            self.progress.doing = _words(part)
            for one in part:
                rig.put(one.queue, one.descriptor)
            queues = sorted({one.queue for one in part}, key=lambda queue: random.random())
            for queue in queues:
                yield from rig.ring_doorbell(queue)
            if random.integers(2):
                yield Delay(upto(random, 400) * PERIOD_NS, "a pause")
            if random.integers(3) == 0:
                yield from self._take(chosen(random, tuple(Queue)))

    def _finish(self, *, by_interrupt: bool) -> Steps[None]:
        """Until every record has come; a queue that halts is resumed."""
        rig = self.site.rig
        for _ in range(_POLLS):
            for queue in Queue:
                yield from self._take(queue)
            if all(ring.taken == ring.written for ring in rig.rings.values()):
                return
            if by_interrupt and self._due():
                yield WaitIrq()
                yield from self._acknowledge()
            else:
                for queue in Queue:
                    status = QueueStatus.from_int((yield CsrRead(queue_address(queue, QueueOffset.STATUS))))
                    if status.halted:
                        yield from rig.control(queue, halt=bool(self.random.integers(4)), resume=True)
                yield Delay(upto(self.random, 64) * PERIOD_NS, "poll")
        missing = {queue.name: ring.written - ring.taken for queue, ring in rig.rings.items()}
        raise Hang(f"records missing after {_POLLS} looks: {missing}")

    def _release(self) -> Steps[None]:
        """Queues may halt at an error behind which there is nothing: let them go on."""
        for queue in Queue:
            for _ in range(_POLLS):
                status = QueueStatus.from_int((yield CsrRead(queue_address(queue, QueueOffset.STATUS))))
                if status.halted:
                    yield from self.site.rig.control(queue, resume=True)
                elif not status.busy:
                    break

    def _due(self) -> bool:
        """Whether a record is to come that asks for an interrupt, so that waiting for one ends."""
        rig, host = self.site.rig, self.site.host
        for ring in rig.rings.values():
            for count in range(ring.taken, ring.written):
                if host.read(ring.entry_address(count) + 1, 1)[0] & 1:
                    return True
        return False

    def _take(self, queue: Queue) -> Steps[None]:
        """Take the records that are there."""
        site = self.site
        ring = site.rig.rings[queue]
        for record in site.rig.take(queue, ring.written - ring.taken):
            self.note(record)
        yield from site.rig.consume(queue)

    def note(self, record: Record) -> None:
        """Count a record, and make it part of what two equal runs must agree on."""
        self.records.update(record.pack())
        self.progress.causes[Cause(record.cause).name] += 1

    def _acknowledge(self) -> Steps[None]:
        yield CsrWrite(Address.IRQ_STATUS, (yield CsrRead(Address.IRQ_STATUS)))


def _words(work: Sequence[Planned]) -> str:
    """A plan in a line: what of it was last, and how much there was."""
    kinds = Counter(_name(one.descriptor.opcode) for one in work)
    last = work[-1]
    fields_ = ", ".join(f"{n}={v:#x}" for n, v in asdict(last.descriptor).items() if v and n != "opcode")
    counts = ", ".join(f"{count} {name}" for name, count in kinds.items())
    return f"{counts}; the last, of {last.queue.name}: {_name(last.descriptor.opcode)}({fields_})"


def _name(opcode: int) -> str:
    return Opcode(opcode).name if opcode in set(Opcode) else f"opcode {opcode}"
