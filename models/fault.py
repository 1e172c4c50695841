"""The fault handler: from a missing entry to an installed one, or SIGBUS.

Under the memory-map lock it tries the reservation lock; where that is busy, or device work is under way, it lets go of
both, waits and starts over (R16); the second time it waits for a busy lock as it stands. A readback is waited for with
the locks held, so that nobody else can move the page meanwhile. An entry is installed only if no zap raced: the
generation says so.
"""

from __future__ import annotations

from dataclasses import replace

from models.clearing import awaited
from models.costs import Costs
from models.dmabuf import Buffer
from models.engine import Engine, Queue
from models.errors import BusFault, DeviceError, DriverError, OutOfMemory, UploadFailed
from models.events import Fault, Insert, Readback, Runs, Sigbus, runs_of
from models.fence import Usage, wait_for
from models.memory import PAGE
from models.page_table import Mapping
from models.policy import FaultPlan, Policy
from models.signals import Signals
from models.steps import Acquire, Note, Release, Steps
from models.transfer import transfers

__all__ = ["FaultHandler"]


class FaultHandler:
    """Serves faults of every mapping of every buffer."""

    def __init__(self, engine: Engine, policy: Policy, costs: Costs) -> None:
        self.engine = engine
        self.policy = policy
        self.costs = costs

    def handle(
        self, buffer: Buffer, mapping: Mapping, page: int, write: bool, signals: Signals | None = None
    ) -> Steps[None]:
        """Make a page of the buffer accessible through the mapping.

        BusFault when the mapping is gone or may not write, or the readback failed; the entry then stays absent.
        OutOfMemory when there is none. With `signals` a wait ends early: no page, and the access faults again (R16).
        """
        process, name, pages = mapping.process, buffer.name, runs_of([page])
        cause = "store" if write else "load"
        address = mapping.address + (page - mapping.first) * PAGE
        yield Note(Fault(cause=cause, process=process, buffer=name, pages=pages, write=write))
        yield from self.costs.fault()
        while True:
            if not (yield from self._lock(buffer, process, signals)):
                return
            if mapping not in buffer.space.mappings or (write and not mapping.may_write):
                yield from self._unlock(buffer, process)
                raise BusFault(process, address)
            generation = buffer.space.generation
            plan = self.policy.fault(buffer, page, write)
            waits = (*buffer.reservation.elsewhere(self.engine, Usage.WRITE), *plan.wait)
            try:
                if plan.readback or plan.guessed:
                    waits += yield from awaited(self.engine, self.policy, buffer)
                    if not waits:
                        plan = yield from self._bring_back(buffer, plan, process)
            except UploadFailed:
                yield from self._unlock(buffer, process)
                continue
            except DeviceError as error:
                yield Note(Sigbus(cause=error.cause, process=process, buffer=name, pages=pages))
                yield from self._unlock(buffer, process)
                raise BusFault(process, address, error) from error
            except DriverError as error:
                yield from self._unlock(buffer, process)
                raise OutOfMemory(process, address, error) from error
            if waits:
                yield from self._unlock(buffer, process)
                try:
                    # Drawing that failed is its submitter's trouble; here the page's state is looked at again.
                    yield from wait_for(waits, cause=cause, process=process, buffer=name, signals=signals)
                except DriverError as error:
                    if error.errno != "EINTR":
                        raise
                    return
                continue
            fresh = self.install(buffer, mapping, page, write, generation)
            if fresh:
                yield from self.costs.scan(plan.scanned)
                around = self.widen(mapping, plan, page)
                if write:
                    buffer.valid[page] = True
                yield Note(Insert(cause=cause, process=process, buffer=name, pages=pages, writable=write))
                for others, writable in zip(around, (False, True), strict=True):
                    if others:
                        yield Note(
                            Insert(cause="around", process=process, buffer=name, pages=others, writable=writable)
                        )
            yield from self._unlock(buffer, process)
            if fresh:
                return

    def _lock(self, buffer: Buffer, process: str, signals: Signals | None) -> Steps[bool]:
        """Take the memory-map and the reservation lock; False if a signal came first, with neither held.

        Once only it lets go of the memory map to wait: of threads that always do, each meets another one that has the
        reservation just to wait for it, and none gets on.
        """
        lock = buffer.reservation.lock
        if (yield Acquire(f"mm:{process}", signals=signals)) is False:
            return False
        if (yield Acquire(lock, wait=False)) is not False:
            return True
        yield Release(f"mm:{process}")
        if (yield Acquire(lock, signals=signals)) is False:
            return False
        yield Release(lock)
        if (yield Acquire(f"mm:{process}", signals=signals)) is False:
            return False
        if (yield Acquire(lock, signals=signals)) is not False:
            return True
        yield Release(f"mm:{process}")
        return False

    def _unlock(self, buffer: Buffer, process: str) -> Steps[None]:
        yield Release(buffer.reservation.lock)
        yield Release(f"mm:{process}")

    def _bring_back(self, buffer: Buffer, plan: FaultPlan, process: str) -> Steps[FaultPlan]:
        """Bring back what a fault needs, with what was guessed if that can be had. Return the plan followed."""
        try:
            pages = tuple(sorted({*plan.readback, *plan.guessed}))
            yield from self.readback(buffer, pages, process, plan)
            return plan
        except DeviceError as error:
            if not plan.guessed or isinstance(error, UploadFailed):
                raise
        # A guess must not cost an access that is good by itself (R16).
        if plan.readback:
            yield from self.readback(buffer, plan.readback, process, plan)
        lost = {*plan.guessed}
        around, writable = (tuple(p for p in pages if p not in lost) for pages in (plan.around, plan.writable))
        return replace(plan, guessed=(), around=around, writable=writable)

    def readback(
        self, buffer: Buffer, pages: tuple[int, ...], process: str, plan: FaultPlan | None = None
    ) -> Steps[None]:
        """Bring pages back and wait until they are there (R17, page-granular). DeviceError if that failed.

        They stay behind uploads of the same pages: after one that fails the host has the newest bytes still. That is
        UploadFailed, nothing is brought back, and the plan is to be made anew. `plan` is that of the fault which needs
        them; None where all was asked for.
        """
        work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=True)
        size = sum(transfer.box.bytes for transfer in work)
        runs = runs_of(pages)
        event = Readback(
            cause="fault", process=process, buffer=buffer.name, pages=runs, bytes=size, descriptors=len(work)
        )
        yield Note(event)
        uploads = self.policy.uploads(buffer, pages)
        fence = yield from self.engine.submit(Queue.TRANSFER, work, uploads, cause="readback")
        buffer.reservation.add(fence, Usage.KERNEL)
        try:
            yield from self.engine.wait(fence, cause="readback", process=process, buffer=buffer.name)
        except DeviceError as error:
            if any(upload.error is not None for upload in uploads):
                raise UploadFailed(error) from error
            raise
        self.policy.brought_back(buffer, pages, plan)

    def install(self, buffer: Buffer, mapping: Mapping, page: int, write: bool, generation: int) -> bool:
        """Install the entry unless a zap raced since `generation`; return whether it was.

        A zap under the reservation lock cannot race; one from outside it (eviction, another device) can.
        """
        if generation != buffer.space.generation:
            return False
        mapping.insert(page, write)
        return True

    def widen(self, mapping: Mapping, plan: FaultPlan, page: int) -> tuple[Runs, Runs]:
        """Install what the plan allows beyond the entry that faulted.

        Return the other pages that got an entry: those with a read-only one, those with a writable one.
        """
        writable = frozenset(plan.writable) if mapping.may_write else frozenset()
        if page in writable:
            mapping.insert(page, True, dirty=False)
        others = [
            other
            for other in plan.around
            if other != page and mapping.holds(other) and not mapping.allows(other, other in writable)
        ]
        for other in others:
            mapping.insert(other, other in writable, dirty=False)
        return runs_of(other for other in others if other not in writable), runs_of(writable.intersection(others))
