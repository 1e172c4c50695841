"""Exploration of interleavings: the reduction loses no outcome, the good driver survives, broken ones do not.

`make schedules` runs every race exhaustively; here the large ones are cut off at a bound and sampled beyond it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from models.device import Device
from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver
from models.errors import DeviceError
from models.events import runs_of
from models.fault import FaultHandler
from models.faultline_engine import FaultlineEngine
from models.fence import Fence, FenceState, Usage
from models.memory import Bytes, HostMemory
from models.page_table import AddressSpace, Mapping, PageTable
from models.policy import FaultPlan, Policy
from models.policy.adaptive import Adaptive
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.sync_bracket import SyncBracket
from models.policy.vmwgfx import Vmwgfx
from models.recovery import Recovery
from models.ring import Ring
from models.schedule import Result, Scenario, explore, replay
from models.signals import Signals
from models.steps import Acquire, Delay, Note, Release, ScanOut, Steps
from models.surface import Box
from models.transfer import transfers
from models.transfer_object import MapFlag, TransferObject, Transfers
from tests.models.races import RACES, Parts, build

BOUND = int(os.environ.get("SCHEDULES", "25"))
"""Schedules of a race before the rest is sampled."""


ENDLESS = ("import against submit", "error beside others")
"""Races of two engines or two aborted queues: their orders were not gone through in 6 minutes, so they are sampled."""


# --------------------------------------------------------------------------------------------- the exploration


Body = Callable[[list[str], list[Fence]], Steps[None]]


def small(log: list[tuple[str, ...]], bodies: Sequence[Body]) -> Scenario:
    """Threads over shared cells; what they did, in which order, is logged when all have ended."""
    trace: list[str] = []
    cells = [Fence(9, value) for value in range(3)]
    threads = {f"t{index}": body(trace, cells) for index, body in enumerate(bodies)}

    def check() -> str:
        log.append(tuple(trace))
        return ""

    return Scenario(threads, DEVICE, check)


DEVICE = Device(HostMemory(None, 1 << 14), device_size=1 << 12)
"""An idle device; the locks of a deadlock are dropped before the next use."""


def toucher(name: str, cell: int, times: int) -> Body:
    """A thread that changes a shared cell; the outcome is the order in which a cell's changes came."""

    def body(trace: list[str], cells: list[Fence]) -> Steps[None]:
        for number in range(times):
            cells[cell].state = FenceState.PENDING
            trace.append(f"{cell}:{name}{number}")
            yield Delay(1, name)

    return body


def locker(name: str, first: str, second: str, cell: int) -> Body:
    """A thread that takes two locks, changes a cell, and gives them back."""

    def body(trace: list[str], cells: list[Fence]) -> Steps[None]:
        yield Acquire(first)
        yield Acquire(second)
        cells[cell].state = FenceState.PENDING
        trace.append(f"{cell}:{name}")
        yield Release(second)
        yield Release(first)

    return body


def trier(name: str, lock: str, cell: int) -> Body:
    """A thread that only tries a lock and notes whether it got it."""

    def body(trace: list[str], cells: list[Fence]) -> Steps[None]:
        got = yield Acquire(lock, wait=False)
        cells[cell].state = FenceState.PENDING
        trace.append(f"{cell}:{name} {'got' if got is not False else 'missed'}")
        if got is not False:
            yield Release(lock)

    return body


PROGRAMS = {
    "one cell": [toucher("a", 0, 2), toucher("b", 0, 2)],
    "two cells": [toucher("a", 0, 2), toucher("b", 1, 2), toucher("c", 0, 1)],
    "three cells": [toucher("a", 0, 2), toucher("b", 1, 2), toucher("c", 2, 1)],
    "locks": [locker("a", "l", "m", 0), locker("b", "l", "m", 0)],
    "locks the other way": [locker("a", "l", "m", 0), locker("b", "m", "l", 0)],
    "a try": [locker("a", "l", "m", 0), trier("b", "l", 0), toucher("c", 0, 1)],
    "two tries": [trier("a", "l", 0), trier("b", "l", 0)],
}


def outcomes(bodies: Sequence[Body], reduce: bool) -> tuple[set[Any], Result]:
    """Return all outcomes of runs that ended (the order of each cell's changes), and the exploration's result."""
    log: list[tuple[str, ...]] = []

    def make() -> Scenario:
        DEVICE.locks.clear()
        return small(log, bodies)

    result = explore(make, reduce=reduce)
    by_cell = {tuple(tuple(entry for entry in trace if entry[0] == str(cell)) for cell in range(3)) for trace in log}
    return by_cell, result


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_reduction_loses_no_outcome(name: str) -> None:
    """Against every single interleaving of small programs with cells, locks, tries and a deadlock."""
    reduced, few = outcomes(PROGRAMS[name], reduce=True)
    complete, many = outcomes(PROGRAMS[name], reduce=False)
    assert reduced == complete
    assert bool(few.failures) == bool(many.failures) == (name == "locks the other way")
    assert few.schedules <= many.schedules and few.exhaustive and many.exhaustive


def test_independent_threads_need_one_schedule_and_dependent_ones_all() -> None:
    assert outcomes(PROGRAMS["three cells"], reduce=True)[1].schedules == 1
    assert outcomes(PROGRAMS["three cells"], reduce=False)[1].schedules > 100
    assert outcomes(PROGRAMS["two tries"], reduce=True)[1].schedules >= 3


def test_a_deadlock_is_found_said_and_can_be_run_again() -> None:
    log: list[tuple[str, ...]] = []

    def make() -> Scenario:
        DEVICE.locks.clear()
        return small(log, PROGRAMS["locks the other way"])

    result = explore(make, stop_at=1)
    (failure,) = result.failures
    assert failure.reason.startswith("everybody waits: t")
    assert replay(make, failure.moves) == failure.reason


def test_past_its_bound_an_exploration_samples_and_says_so() -> None:
    log: list[tuple[str, ...]] = []
    result = explore(lambda: small(log, PROGRAMS["one cell"]), bound=2, samples=7, reduce=False)
    assert (result.schedules, result.sampled, result.exhaustive) == (2, 7, False)
    assert str(result) == "2 schedules (the first, 7 more at random), 0 failed"


def test_random_schedules_find_a_deadlock_too() -> None:
    log: list[tuple[str, ...]] = []

    def make() -> Scenario:
        DEVICE.locks.clear()
        return small(log, PROGRAMS["locks the other way"])

    result = explore(make, bound=1, samples=100, stop_at=1)
    assert result.failures and result.sampled > 0


# ---------------------------------------------------------------------------------------------- the named races


@pytest.mark.parametrize("policy", [None, Adaptive, Vmwgfx], ids=["its own policy", "adaptive", "vmwgfx"])
@pytest.mark.parametrize("name", RACES)
def test_the_driver_survives_every_order_of(name: str, policy: type[Policy] | None) -> None:
    """R7, R11, R16, R17, R19, R20, R22, R24: at least twelve named races, in every order.

    Each is also run with strategies that do more, which may have more orders than can be gone through.
    """
    if policy is Vmwgfx and name == "error during readback":
        pytest.skip("the whole surface is brought back, so that an error on one page is an error for all")
    bound = BOUND if policy is None else min(BOUND, 2000)
    result = explore(build(name, Parts(policy=policy)), bound=bound, samples=5)
    print(f"{name}, {policy.__name__ if policy else 'its own policy'}: {result}")
    assert result.failures == []
    assert result.schedules >= min(BOUND, 5)
    if policy is None and BOUND >= 20_000 and name not in ENDLESS:
        assert result.exhaustive, "the bound of `make schedules` holds every race but these"


def test_there_are_at_least_twelve_races() -> None:
    assert len(RACES) >= 12


# --------------------------------------------------------------------------------------------- broken drivers


class ReadsBackUnlocked(FaultHandler):
    """Lets go of the reservation during a readback; right only with the check of the generation."""

    checks = True

    def readback(
        self, buffer: Buffer, pages: tuple[int, ...], process: str, plan: FaultPlan | None = None
    ) -> Steps[None]:
        generation = buffer.space.generation
        yield Release(buffer.reservation.lock)
        yield from super().readback(buffer, pages, process, plan)
        yield Acquire(buffer.reservation.lock)
        if self.checks and generation != buffer.space.generation:
            self.policy.drawing(buffer, (), pages, Fence(0, 0))

    def install(self, buffer: Buffer, mapping: Mapping, page: int, write: bool, generation: int) -> bool:
        current = buffer.space.generation
        return super().install(buffer, mapping, page, write, generation if self.checks else current)


class NoGenerationCheck(ReadsBackUnlocked):
    """Installs the entry although a zap raced."""

    checks = False


class LetsFaultsInAfterTheZap(Driver):
    """Breaks R19: drops the lock between the zap and the drawing, so that an entry can come back and be stale."""

    def zap(self, buffer: Buffer, writes: Sequence[int]) -> Steps[None]:
        yield from super().zap(buffer, writes)
        yield Release(buffer.reservation.lock)
        yield Delay(100, "thinking")
        yield Acquire(buffer.reservation.lock)


class ForgetsBitsSetDuringTheScan(PagePagetable):
    """Breaks R20: clears the dirty bits once more when the upload has been submitted."""

    def uploading(self, buffer: Buffer, pages: Iterable[int], fence: Fence) -> None:
        super().uploading(buffer, pages, fence)
        buffer.space.record()


class HarvestsTheFirstMappingOnly(PageMkwrite):
    """Breaks R7, R20: what another process wrote is forgotten and, without the check, zapped."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        first = buffer.space.mappings[0]
        found = [first.first + int(page) for page in first.dirty.nonzero()[0]]
        for mapping in buffer.space.mappings:
            mapping.writable[:] = mapping.dirty[:] = False
        return found


class UnmapsWithoutTheLock(Driver):
    """Breaks R16: takes a mapping away while a fault is served through it."""

    def munmap(self, table: PageTable, dmabuf: DmaBuf, mapping: Mapping) -> Steps[None]:
        self.policy.unmapped(dmabuf.buffer, dmabuf.buffer.space.remove(mapping))
        table.remove(mapping)
        yield Delay(100, "unmap")
        dmabuf.put()


class DropsTheReferenceOfAMapping(Driver):
    """Breaks R7: a mapping does not keep the buffer."""

    def mmap(self, table: Any, dmabuf: Any, *args: Any, **options: Any) -> Mapping:
        mapping = super().mmap(table, dmabuf, *args, **options)
        dmabuf.put()
        return mapping


class WaitsForAnInterruptThatWas(FaultlineEngine):
    """Does not look, with the lock held, whether what it waits for has been published already."""

    def _published(self, ring: Ring) -> bool:
        return False

    def _interrupt(self, ring: Ring, fence: Fence, signals: Signals | None = None) -> Steps[None]:
        yield from super()._interrupt(ring, fence, signals)
        while not fence.done and FaultlineEngine._published(self, ring):
            yield from self._take(ring)


class InsertsInSpiteOfTheError(FaultHandler):
    """Breaks R16: the entry is there although its readback failed."""

    def readback(
        self, buffer: Buffer, pages: tuple[int, ...], process: str, plan: FaultPlan | None = None
    ) -> Steps[None]:
        work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=True)
        yield from self.engine.submit(0, work)  # type: ignore[arg-type]
        self.policy.brought_back(buffer, pages, plan)


class BracketReadsBackAlways(SyncBracket):
    """Breaks R10: begin is not idempotent."""

    def begin(self, buffer: Buffer, write: bool) -> FaultPlan:
        plan = super().begin(buffer, write)
        return FaultPlan(plan.wait, tuple(range(buffer.pages)))


class SendsNothingAtBegin(Driver):
    """With the policy above: begin brings old bytes over stores that were not ended."""

    def upload(
        self,
        buffer: Buffer,
        cause: str,
        writes: Sequence[int] = (),
        *,
        reads: Sequence[int] | None = None,
        everything: bool = False,
    ) -> Steps[list[Fence]]:
        if cause == "begin":
            return []
        return (yield from super().upload(buffer, cause, writes, reads=reads, everything=everything))


class StoresAgainstAReadback(PageMkwrite):
    """Breaks R31: a store is let in without the device's bytes, and a load brings them back over it."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        plan = super().fault(buffer, page, write)
        return FaultPlan() if write and not plan.wait else plan


class IgnoresGrabs(Driver):
    """Breaks R24: submits on a buffer that the CPU has grabbed."""

    def _lock(self, buffers: Sequence[Buffer], signals: Signals | None) -> Steps[None]:
        for buffer in buffers:
            yield Acquire(buffer.reservation.lock)


class SendsTheWholeBuffer(SyncBracket):
    """Breaks R11, R20: end sends pages that nobody wrote, over what the device drew on them meanwhile."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        super().harvest(buffer, writes, reads=reads, everything=everything)
        return list(range(buffer.pages)) if everything else []


class MovesWholeRows(Transfers):
    """Breaks R25, R28: a map reads the whole rows of its box and an unmap sends them all, drawn upon or not."""

    def map(self, buffer: Buffer, box: Box, flags: MapFlag, signals: Signals | None = None) -> Steps[TransferObject]:
        rows = Box(0, box.y, buffer.surface.row_bytes, box.height)
        self.rows = yield from super().map(buffer, rows, MapFlag.READ | MapFlag.WRITE, signals)
        return TransferObject(buffer, box, flags, self.rows.data[:, box.x : box.x + box.width])

    def unmap(self, transfer: TransferObject) -> Steps[Fence | None]:
        return (yield from super().unmap(self.rows))


class TransfersWholeRows(Driver):
    """A driver with the transfers above."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.transfers = MovesWholeRows(self, options["staging"])


class TakesASignalForTheFence(FaultHandler):
    """Breaks R16: a wait that a signal ended lets the access go on as if the device had finished."""

    def handle(
        self, buffer: Buffer, mapping: Mapping, page: int, write: bool, signals: Signals | None = None
    ) -> Steps[None]:
        yield from super().handle(buffer, mapping, page, write, signals)
        if not mapping.allows(page, write):
            mapping.insert(page, write)


class PushesOverOthers(Driver):
    """Breaks R4: brings pages back while another device writes them."""

    def elsewhere(self, buffer: Buffer, usage: Usage = Usage.WRITE) -> tuple[Fence, ...]:
        return ()


class ShowsUnlocked(Driver):
    """Breaks R30: shows the storage that is there when the waiting is over, cleared or not."""

    def scan_out(self, buffer: Buffer) -> Steps[Bytes]:
        yield from self.device_read(buffer)
        raw: Bytes = yield ScanOut(buffer.surface.base, buffer.surface.size)
        return raw


class EndsWhateverItDropped(Recovery):
    """Breaks R23: whatever a recovery aborts ends with an error."""

    def end(self, ring: Ring) -> list[Note]:
        for one in ring.dropped:
            ring.misled.setdefault(one.fence, DeviceError("ABORTED"))
        return super().end(ring)


class FailsEverybody(FaultlineEngine):
    """An engine with the recovery above."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._recovery = EndsWhateverItDropped(self._rings, self._slot, self.costs)


def broken(name: str, **parts: Any) -> Any:
    return pytest.param(name, Parts(**parts), id=f"{name}: {next(iter(parts.values())).__name__}")


BROKEN = [
    broken("fault during zap", driver=LetsFaultsInAfterTheZap),
    broken("zap during fault", handler=NoGenerationCheck),
    broken("write between scan and upload", policy=ForgetsBitsSetDuringTheScan),
    broken("two processes writing one page", policy=HarvestsTheFirstMappingOnly),
    broken("unmap during readback", driver=UnmapsWithoutTheLock, handler=NoGenerationCheck),
    broken("close during fault", driver=DropsTheReferenceOfAMapping),
    broken("fork during harvest", policy=HarvestsTheFirstMappingOnly),
    broken("device write during a bracket", policy=SendsTheWholeBuffer),
    broken("two brackets", policy=BracketReadsBackAlways, driver=SendsNothingAtBegin),
    broken("two faults on one page", policy=StoresAgainstAReadback),
    broken("transfer map against submit", driver=TransfersWholeRows),
    broken("interrupt before wait", engine=WaitsForAnInterruptThatWas),
    broken("error during readback", handler=InsertsInSpiteOfTheError),
    broken("signal during a wait", handler=TakesASignalForTheFence),
    broken("grab against submit", driver=IgnoresGrabs),
    broken("import against submit", driver=PushesOverOthers),
    broken("scan out against discard", driver=ShowsUnlocked),
    broken("error beside others", engine=FailsEverybody),
]
"""For each race a driver that loses it."""


def test_every_race_has_a_driver_that_loses_it() -> None:
    assert [twin.values[0] for twin in BROKEN] == list(RACES)


@pytest.mark.parametrize(("name", "parts"), BROKEN)
def test_a_broken_driver_is_found_by(name: str, parts: Parts) -> None:
    result = explore(build(name, parts), bound=1500, samples=100, stop_at=1)
    print(f"{name}: {result}")
    assert result.failures, f"{result} and nothing found"
    failure = result.failures[0]
    assert replay(build(name, parts), failure.moves) != ""


def test_the_space_of_a_race_is_that_of_its_buffer_alone() -> None:
    """What is watched is put back: exploring leaves the classes as they were."""
    explore(build("grab against submit"))
    for kind in (AddressSpace, Mapping, Fence):
        assert "__getattribute__" not in vars(kind) and "__setattr__" not in vars(kind)
    assert runs_of([1, 2]) == ((1, 2),)
