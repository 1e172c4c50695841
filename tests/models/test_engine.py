"""The ring engine: full rings, recovery from errors, fences between queues, values that wrap."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from models.device import BusRange, Device
from models.engine import Fill, Queue, Transfer
from models.errors import DeviceError, DriverError
from models.events import Recover
from models.execute import Outcome
from models.faultline_engine import FaultlineEngine
from models.fence import Fence, FenceState
from models.layout import Cause, Descriptor, Layout, Opcode, PageTableEntry, Record, Status
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.perform import run, run_together
from models.steps import CsrWrite, Steps
from models.surface import Box, Surface
from tests.models.world import noise


class FencesCutLate(Device):
    """FENCEs were dispatched when an abort comes: they end well although what they end was cut, as the RTL's may."""

    def _record(self, queue: Queue, descriptor: Descriptor, outcome: Outcome, *, fence: bool = False) -> None:
        if outcome.status is Status.ABORTED and descriptor.opcode == Opcode.FENCE:
            self._queues[queue].fence = descriptor.host_offset
            outcome, fence = Outcome(Status.OK, Cause.NONE), True
        super()._record(queue, descriptor, outcome, fence=fence)


class HaltsLate(Device):
    """A FENCE was dispatched when the error ahead of it is seen: it ends well, and so does the WAIT for it."""

    def _advance(self, queue: Queue) -> bool:
        state = self._queues[queue]
        if state.halted and state.head != state.tail and self._fetch(queue).opcode == Opcode.FENCE:
            state.halted = False
            try:
                return super()._advance(queue)
            finally:
                state.halted = True
        return super()._advance(queue)


class Bench:
    def __init__(self, ring_log2: int = 4, device: type[Device] = Device) -> None:
        self.host = HostMemory(None, 4 << 20)
        self.device = device(self.host, device_size=1 << 20)
        self.engine = FaultlineEngine(self.host, ring_log2=ring_log2)
        self.surface = Surface(0, 64, 64, 4, Layout.X_TILED)
        self.frames = self.host.allocate(4, "object")
        self.table = ObjectTable(self.host, self.frames)
        run(self.engine.initialise(), self.device)
        self.here: int = run(self.engine.bind_surface(self.surface), self.device)
        self.there: int = run(self.engine.bind_object(self.table), self.device)

    def page(self, page: int, *, readback: bool) -> Transfer:
        return Transfer(readback, self.here, self.there, Box(0, page * 16, 256, 16), page * PAGE, 256)

    def fill(self, value: int) -> Fill:
        return Fill(self.here, Box(0, 0, 256, 64), bytes([value] * 4))

    def submit(self, queue: Queue, *commands: Transfer | Fill, after: tuple[Fence, ...] = ()) -> Fence:
        fence: Fence = run(self.engine.submit(queue, commands, after), self.device)
        return fence

    def wait(self, fence: Fence) -> None:
        run(self.engine.wait(fence), self.device)

    def recoveries(self) -> list[Recover]:
        return [event for event in self.device.events if isinstance(event, Recover)]


def test_more_work_than_the_ring_holds_goes_through_in_order() -> None:
    bench = Bench(ring_log2=2)
    fences = [bench.submit(Queue.RENDER, *[bench.fill(7 * lap + n) for n in range(5)]) for lap in range(30)]
    bench.wait(fences[-1])
    assert all(fence.state is FenceState.SIGNALLED for fence in fences)
    assert (bench.surface.detile(bench.device.memory[: bench.surface.size]) == 7 * 29 + 4).all()


def test_a_page_goes_to_the_device_and_back() -> None:
    bench = Bench()
    data = noise(1, 1, PAGE)
    bench.host.pages[bench.frames[2]] = data
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(2, readback=False)))
    bench.host.pages[bench.frames[2]] = 0
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(2, readback=True)))
    assert np.array_equal(bench.host.pages[bench.frames[2]], data[0])


def test_one_queue_waits_for_the_other_without_the_cpu() -> None:
    """The device does transfers first, so only the WAIT can hold this one back."""
    bench = Bench()
    drawn = bench.submit(Queue.RENDER, bench.fill(9))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(1, readback=True), after=(drawn,)))
    assert (bench.host.pages[bench.frames[1]] == 9).all()


def test_fences_know_no_more_than_somebody_waited_for() -> None:
    """Or the driver's events would depend on the hardware's speed."""
    bench = Bench()
    first, second = bench.submit(Queue.RENDER, bench.fill(1)), bench.submit(Queue.RENDER, bench.fill(2))
    bench.device.settle()
    bench.wait(first)
    assert first.done and not second.done


def test_fence_values_wrap() -> None:
    bench = Bench()
    ring = bench.engine._rings[Queue.TRANSFER]
    for value in (0x7FFFFFF0, 0xFFFFFFE0, 0xFFFFFFFD):
        ring.value = value
        bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    fences = [bench.submit(Queue.TRANSFER, bench.page(0, readback=True)) for _ in range(4)]
    bench.wait(fences[-1])
    assert [fence.value for fence in fences] == [0xFFFFFFFF, 0, 1, 2]


def test_an_error_with_nothing_behind_it_fails_its_fence_and_the_queue_resumes() -> None:
    bench = Bench()
    bench.table.set(1, PageTableEntry(0, 0, 0))
    bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=True), bench.page(0, readback=True))
    good = bench.submit(Queue.TRANSFER, bench.page(2, readback=True))
    bench.wait(good)
    with pytest.raises(DeviceError) as caught:
        bench.wait(bad)
    assert (caught.value.cause, caught.value.address) == ("TRANSLATION_FAULT", PAGE)
    assert [event.cause for event in bench.recoveries()] == ["TRANSLATION_FAULT"]


def test_drawing_that_stands_behind_a_failed_upload_is_aborted_and_the_engine_stays_usable() -> None:
    bench = Bench()
    bench.table.set(1, PageTableEntry(0, 0, 0))
    bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=False))
    drawn = bench.submit(Queue.RENDER, bench.fill(5), after=(bad,))
    for fence, cause in ((drawn, "ABORTED"), (bad, "TRANSLATION_FAULT")):
        with pytest.raises(DeviceError, match=cause):
            bench.wait(fence)
    assert not bench.device.memory.any()
    bench.wait(bench.submit(Queue.RENDER, bench.fill(6)))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert (bench.host.pages[bench.frames[0]] == 6).all()


@pytest.mark.parametrize("device", [Device, FencesCutLate, HaltsLate])
def test_work_of_others_that_a_recovery_aborts_is_done_again(device: type[Device]) -> None:
    """R23: an error costs those who made it and those who stand behind them, on both queues, and nobody else."""
    bench = Bench(device=device)
    bench.table.set(1, PageTableEntry(0, 0, 0))
    bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=False))
    drawn = bench.submit(Queue.RENDER, bench.fill(5), after=(bad,))
    bench.host.pages[bench.frames[0]] = 7
    sent = bench.submit(Queue.TRANSFER, bench.page(0, readback=False))
    behind = bench.submit(Queue.TRANSFER, bench.page(2, readback=True), after=(drawn,))
    elsewhere = Fill(bench.here, Box(0, 40, 256, 4), b"good")
    other = bench.submit(Queue.RENDER, elsewhere, after=(sent,))
    for fence in (sent, other):
        bench.wait(fence)
    for fence in (bad, drawn, behind):
        with pytest.raises(DeviceError, match="TRANSLATION_FAULT"):
            bench.wait(fence)
    image = bench.surface.detile(bench.device.memory[: bench.surface.size])
    assert (image.reshape(-1)[:PAGE] == 7).all(), "the page of another submission"
    assert image[40:44].tobytes() == b"good" * 256, "and a drawing behind it"
    assert not bench.device.locks


@pytest.mark.parametrize("polls", [False, True])
def test_nobody_takes_a_cut_submission_for_done_while_it_is_aborted(polls: bool) -> None:
    """R23: a second thread meets the recovery at every moment; what ends well has been done."""
    for seed in range(60, 160):
        bench = Bench(device=FencesCutLate)
        bench.table.set(1, PageTableEntry(0, 0, 0))
        bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=False))
        bench.submit(Queue.RENDER, bench.fill(5), after=(bad,))
        bench.host.pages[bench.frames[0]] = 7
        sent = bench.submit(Queue.TRANSFER, bench.page(0, readback=False))

        def culprit(bench: Bench = bench, bad: Fence = bad) -> Steps[None]:
            with contextlib.suppress(DeviceError):
                yield from bench.engine.wait(bad)

        def other(bench: Bench = bench, sent: Fence = sent) -> Steps[None]:
            for _ in range(30):
                if polls and (yield from bench.engine.poll(sent)):
                    break
            if not polls:
                yield from bench.engine.wait(sent)

        run_together([culprit(), other()], bench.device, Random(seed).randrange)
        bench.wait(sent)
        image = bench.surface.detile(bench.device.memory[: bench.surface.size])
        assert (image.reshape(-1)[:PAGE] == 7).all(), seed


def test_a_fence_that_ends_before_the_error_ahead_of_it_is_known_carries_it() -> None:
    """R23: also where nobody has taken the record of that error yet, and over more than one step."""
    bench = Bench(device=HaltsLate)
    bench.table.set(1, PageTableEntry(0, 0, 0))
    bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=False))
    drawn = bench.submit(Queue.RENDER, bench.fill(5), after=(bad,))
    more = bench.submit(Queue.RENDER, bench.fill(6), after=(drawn,))
    bench.device.settle()
    for fence in (more, drawn, bad):
        with pytest.raises(DeviceError, match="TRANSLATION_FAULT"):
            bench.wait(fence)
    bench.wait(bench.submit(Queue.RENDER, bench.fill(7)))


def test_no_transfer_goes_through_translations_that_could_not_be_dropped() -> None:
    """R19: an INVALIDATE that cannot even be fetched takes what stands behind it with it, and is done again."""
    bench = Bench()
    bench.wait(bench.submit(Queue.RENDER, bench.fill(3)))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    (fresh,) = bench.host.allocate(1, "object")
    bench.table.set(0, PageTableEntry(1, 1, fresh))
    old = bench.host.pages[bench.frames[0]]
    old[:] = 0
    ring = bench.engine._rings[Queue.TRANSFER]
    at = ring.ring + ring.tail % ring.entries * 32
    bench.device.bus_ranges = [BusRange(at, at + 32, False, Cause.BUS_ERROR)]
    run(bench.engine.invalidate(bench.there), bench.device)
    with pytest.raises(DeviceError):
        bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    bench.device.bus_ranges = []
    assert not old.any(), "where the page was"
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert not old.any() and (bench.host.pages[fresh] == 3).all()


@pytest.mark.parametrize("cause", [Cause.BUS_ERROR, Cause.WATCHDOG])
def test_a_bus_that_fails_fails_the_fence(cause: Cause) -> None:
    bench = Bench()
    first = bench.frames[0] * PAGE
    bench.device.bus_ranges = [BusRange(first, first + PAGE, True, cause)]
    with pytest.raises(DeviceError) as caught:
        bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert (caught.value.cause, caught.value.address) == (cause.name, first)
    bench.device.bus_ranges = []
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))


@pytest.mark.parametrize("cause", [Cause.BUS_ERROR, Cause.WATCHDOG])
def test_a_descriptor_that_cannot_be_fetched_fails_its_fence(cause: Cause) -> None:
    bench = Bench()
    ring = bench.engine._rings[Queue.RENDER]
    ring.tag = 0x30000
    bench.device.bus_ranges = [BusRange(ring.ring, ring.ring + 64, False, cause)]
    with pytest.raises(DeviceError, match="FETCH_ERROR" if cause is Cause.BUS_ERROR else "WATCHDOG"):
        bench.wait(bench.submit(Queue.RENDER, bench.fill(1)))


@pytest.mark.parametrize("lost", ["one record", "every record", "fence values", "both"])
def test_work_of_which_nobody_hears_is_done_all_the_same(lost: str) -> None:
    """R23: the queue went on, so it has carried it out; and a place that was missed once is not taken for a new one."""
    bench = Bench(ring_log2=2)
    ring = bench.engine._rings[Queue.RENDER]
    sizes = {"one record": Record.SIZE, "every record": PAGE, "fence values": 8, "both": 2 * PAGE}
    first = ring.fence_at if lost == "fence values" else ring.completions
    bench.device.bus_ranges = [BusRange(first, first + sizes[lost], True)]
    fences = [bench.submit(Queue.RENDER, bench.fill(1 + lap)) for lap in range(9)]
    bench.wait(fences[-1])
    bench.device.bus_ranges = []
    fences += [bench.submit(Queue.RENDER, bench.fill(10 + lap)) for lap in range(9)]
    bench.wait(fences[-1])
    assert all(fence.state is FenceState.SIGNALLED for fence in fences)
    assert (bench.surface.detile(bench.device.memory[: bench.surface.size]) == 18).all()


def test_an_error_of_which_nobody_hears_is_an_error() -> None:
    """R23: the queue has halted, and no record says why."""
    bench = Bench()
    ring = bench.engine._rings[Queue.TRANSFER]
    bench.device.bus_ranges = [
        BusRange(bench.frames[0] * PAGE, bench.frames[1] * PAGE, True),
        BusRange(ring.completions, ring.completions + PAGE, True),
    ]
    with pytest.raises(DeviceError, match="BUS_ERROR"):
        bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(1, readback=True)))


@pytest.mark.parametrize("lost", [2, 1 << 4])
def test_what_was_done_unheard_before_an_abort_is_not_done_again(lost: int) -> None:
    """R23: or it would come after what followed it."""
    bench = Bench()
    ring = bench.engine._rings[Queue.RENDER]
    bench.device.bus_ranges = [
        BusRange(bench.frames[0] * PAGE, bench.frames[1] * PAGE, True),
        BusRange(ring.completions, ring.completions + lost * Record.SIZE, True),
    ]
    good = [bench.submit(Queue.RENDER, bench.fill(1)), bench.submit(Queue.RENDER, bench.fill(2))]
    bad = bench.submit(Queue.TRANSFER, bench.page(0, readback=True))
    behind = bench.submit(Queue.RENDER, bench.fill(3), after=(bad,))
    good.append(bench.submit(Queue.TRANSFER, bench.page(1, readback=True)))
    bench.device.settle()
    for fence in (bad, behind):
        with pytest.raises(DeviceError):
            bench.wait(fence)
    for fence in good:
        bench.wait(fence)
    assert (bench.surface.detile(bench.device.memory[: bench.surface.size]) == 2).all()


def test_a_changed_table_is_seen_after_invalidate_and_not_before() -> None:
    bench = Bench()
    bench.wait(bench.submit(Queue.RENDER, bench.fill(3)))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    (fresh,) = bench.host.allocate(1, "object")
    bench.table.set(0, PageTableEntry(1, 1, fresh))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert not bench.host.pages[fresh].any()
    bench.wait(run(bench.engine.invalidate(bench.there), bench.device))
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert (bench.host.pages[fresh] == 3).all()


@pytest.mark.parametrize("seed", range(40))
def test_threads_that_wait_for_different_queues_all_get_their_interrupts(seed: int) -> None:
    bench = Bench(ring_log2=2)
    random = np.random.default_rng(seed)
    ended: list[int] = []

    def thread(number: int) -> Steps[None]:
        for lap in range(4):
            queue = Queue((number + lap) % 2)
            command = bench.page(0, readback=True) if queue is Queue.TRANSFER else bench.fill(lap)
            fence = yield from bench.engine.submit(queue, [command])
            yield from bench.engine.wait(fence)
        ended.append(number)

    run_together([thread(number) for number in range(3)], bench.device, lambda count: int(random.integers(count)))
    assert sorted(ended) == [0, 1, 2]


def test_tables_that_are_full_and_engines_that_are_not_there_are_refused() -> None:
    bench = Bench()
    for _ in range(15):
        run(bench.engine.bind_surface(bench.surface), bench.device)
    with pytest.raises(DriverError, match="ENOMEM"):
        run(bench.engine.bind_surface(bench.surface), bench.device)
    run(bench.engine.release_surface(3), bench.device)
    assert run(bench.engine.bind_surface(bench.surface), bench.device) == 3
    strange = FaultlineEngine(bench.host).initialise()
    next(strange)
    with pytest.raises(DeviceError, match="ID reads 0x0"):
        strange.send(0)
    with pytest.raises(DriverError, match="EINVAL"):
        FaultlineEngine(bench.host, ring_log2=1)


def test_the_doorbell_rings_after_the_descriptors_are_in_memory() -> None:
    bench = Bench()
    ring = bench.engine._rings[Queue.RENDER]
    for step in bench.engine.submit(Queue.RENDER, [bench.fill(1)]):
        if isinstance(step, CsrWrite):
            assert bench.host.read(ring.ring, 1)[0] == Opcode.FILL
            assert bench.host.read(ring.ring + 64, 1)[0] == Opcode.FENCE
            break
    else:
        pytest.fail("no doorbell")


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("seed", range(40))
def test_threads_that_wait_for_the_same_fence_all_wake_up(seed: int, threads: int) -> None:
    """Whoever takes the records takes them for everybody."""
    bench = Bench()
    random = np.random.default_rng(seed)
    fence = bench.submit(Queue(seed % 2), bench.fill(1) if seed % 2 else bench.page(0, readback=True))
    waits = [bench.engine.wait(fence) for _ in range(threads)]
    run_together(waits, bench.device, lambda count: int(random.integers(count)))
    assert fence.state is FenceState.SIGNALLED and not bench.device.locks


@pytest.mark.parametrize("seed", range(40))
def test_threads_that_wait_for_the_same_aborted_work_all_see_its_error(seed: int) -> None:
    bench = Bench()
    random = np.random.default_rng(seed)
    bench.table.set(1, PageTableEntry(0, 0, 0))
    bad = bench.submit(Queue.TRANSFER, bench.page(1, readback=False))
    drawn = bench.submit(Queue.RENDER, bench.fill(5), after=(bad,))
    causes: list[str] = []

    def thread(fence: Fence) -> Steps[None]:
        try:
            yield from bench.engine.wait(fence)
        except DeviceError as error:
            causes.append(error.cause)

    run_together([thread(fence) for fence in (bad, drawn, drawn)], bench.device, lambda n: int(random.integers(n)))
    assert sorted(causes) == ["ABORTED", "ABORTED", "TRANSLATION_FAULT"] and not bench.device.locks
    bench.wait(bench.submit(Queue.RENDER, bench.fill(6)))


def test_an_access_past_the_end_of_device_memory_is_an_error_of_the_device() -> None:
    bench = Bench()
    beyond = run(bench.engine.bind_surface(Surface((1 << 20) - 4096, 64, 64, 4, Layout.LINEAR)), bench.device)
    with pytest.raises(DeviceError, match="past the end"):
        bench.wait(bench.submit(Queue.RENDER, Fill(beyond, Box(0, 0, 256, 64), bytes(4))))
    assert not bench.device.locks


def test_an_entry_that_is_given_back_is_not_taken_before_it_is_off() -> None:
    """Else the new object would be switched off by the end of the old one; the new one's thread runs in between."""
    bench = Bench()
    old = run(bench.engine.bind_object(bench.table), bench.device)
    begins = iter([0])
    threads = [bench.engine.release_object(old), bench.engine.bind_object(bench.table)]
    *_, new = run_together(threads, bench.device, lambda count: next(begins, count - 2))
    bench.wait(bench.submit(Queue.TRANSFER, replace(bench.page(0, readback=True), object=new)))


def test_a_submission_behind_work_that_is_queued_again_waits_for_its_new_number() -> None:
    """R19, R23: a recovery may come between the look at what to stay behind and the queue's lock."""
    bench = Bench()
    bad, good = bench.page(0, readback=False), bench.page(1, readback=False)
    bench.table.set(0, PageTableEntry(0, 0, 0))
    failing = bench.submit(Queue.TRANSFER, bad)
    bench.submit(Queue.RENDER, bench.fill(1), after=(failing,))
    innocent = [bench.submit(Queue.TRANSFER, good) for _ in range(2)]
    steps = bench.engine.submit(Queue.RENDER, [bench.fill(2)], innocent[1:])
    step = next(steps)
    with pytest.raises(DeviceError, match="TRANSLATION_FAULT"):
        bench.wait(failing)
    assert not innocent[1].done

    def go_on() -> Steps[Fence]:
        answer = yield step
        try:
            while True:
                answer = yield steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    run(go_on(), bench.device)
    flying = bench.engine._rings[Queue.RENDER].flying
    waits = [one.descriptor.host_offset for one in flying if one.descriptor.opcode == Opcode.WAIT]
    assert waits == [innocent[1].value]
