"""The fault handler: from a missing entry to an installed one, or SIGBUS.

Under the reservation lock it asks the policy and, where device work is under way, lets go of the lock, waits and starts
over (R16); a readback is waited for with the lock held, so that nobody else can move the page meanwhile. An entry is
installed only if no zap raced: the generation says so.
"""

from __future__ import annotations

import contextlib

from models.costs import Costs
from models.dmabuf import Buffer
from models.engine import Engine, Queue
from models.errors import BusFault, DeviceError
from models.events import Fault, Insert, Readback, Sigbus, runs_of
from models.fence import Usage
from models.memory import PAGE
from models.page_table import Mapping
from models.policy import Policy
from models.steps import Acquire, Note, Release, Steps
from models.transfer import transfers

__all__ = ["FaultHandler"]


class FaultHandler:
    """Serves faults of every mapping of every buffer."""

    def __init__(self, engine: Engine, policy: Policy, costs: Costs) -> None:
        self.engine = engine
        self.policy = policy
        self.costs = costs

    def handle(self, buffer: Buffer, mapping: Mapping, page: int, write: bool) -> Steps[None]:
        """Make a page of the buffer accessible through the mapping.

        BusFault when the mapping is gone or may not write, or the readback failed; the entry then stays absent (R16).
        """
        process, name, pages = mapping.process, buffer.name, runs_of([page])
        cause = "store" if write else "load"
        yield Note(Fault(cause=cause, process=process, buffer=name, pages=pages, write=write))
        yield from self.costs.fault()
        while True:
            yield Acquire(buffer.reservation.lock)
            if mapping not in buffer.space.mappings or (write and not mapping.may_write):
                yield Release(buffer.reservation.lock)
                raise BusFault(process, mapping.address + (page - mapping.first) * PAGE)
            generation = buffer.space.generation
            plan = self.policy.fault(buffer, page, write)
            if plan.wait:
                yield Release(buffer.reservation.lock)
                for fence in plan.wait:
                    # Drawing that failed is its submitter's trouble; here the page's state is looked at again.
                    with contextlib.suppress(DeviceError):
                        yield from self.engine.wait(fence, cause=cause, process=process, buffer=name)
                continue
            try:
                if plan.readback:
                    yield from self.readback(buffer, plan.readback, process)
            except DeviceError as error:
                yield Note(Sigbus(cause=error.cause, process=process, buffer=name, pages=pages))
                yield Release(buffer.reservation.lock)
                raise BusFault(process, mapping.address + (page - mapping.first) * PAGE, error) from error
            fresh = self.install(buffer, mapping, page, write, generation)
            if fresh:
                yield Note(Insert(cause=cause, process=process, buffer=name, pages=pages, writable=write))
            yield Release(buffer.reservation.lock)
            if fresh:
                return

    def readback(self, buffer: Buffer, pages: tuple[int, ...], process: str) -> Steps[None]:
        """Bring pages back and wait until they are there (R17, page-granular). DeviceError if that failed."""
        work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=True)
        size = sum(transfer.box.bytes for transfer in work)
        runs = runs_of(pages)
        event = Readback(
            cause="fault", process=process, buffer=buffer.name, pages=runs, bytes=size, descriptors=len(work)
        )
        yield Note(event)
        fence = yield from self.engine.submit(Queue.TRANSFER, work, cause="readback")
        buffer.reservation.add(fence, Usage.KERNEL)
        yield from self.engine.wait(fence, cause="readback", process=process, buffer=buffer.name)
        self.policy.brought_back(buffer, pages)

    def install(self, buffer: Buffer, mapping: Mapping, page: int, write: bool, generation: int) -> bool:
        """Install the entry unless a zap raced since `generation`; return whether it was.

        A zap under the reservation lock cannot race; one from outside it (eviction, another device) can.
        """
        if generation != buffer.space.generation:
            return False
        mapping.insert(page, write)
        return True
