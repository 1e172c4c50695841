"""Interrupted waits: EINTR with nothing held, no page, the access retried; and a busy lock gives the other lock up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.device import Stuck
from models.drawing import FillBox
from models.errors import DriverError, OutOfMemory
from models.events import Fault, Insert, Readback
from models.perform import run_together
from models.policy.aperture import AperturePolicy
from models.signals import Signals, restarting
from models.steps import Acquire, Delay, Release, Step, Steps, WaitIrq
from models.surface import Box
from tests.models.world import World, make_world, noise

FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))


@pytest.fixture
def world() -> World:
    return make_world()


def signal_at(world: World, steps: Any, signals: Signals, kind: type[Step]) -> list[Step]:
    """Run to the end, sending one signal when the first step of a kind is about to be performed; return all steps."""
    seen, answer, sent = [], None, False
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            assert sent
            return seen
        seen.append(step)
        if isinstance(step, kind) and not sent:
            sent = True
            signals.send()
        answer = world.device.perform(step)


def test_a_fault_that_is_interrupted_brings_no_page_and_is_retried(world: World) -> None:
    """R16."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    signals = world.reader.signals
    signal_at(world, world.reader.look(world.theirs, Box(100, 8, 10, 1)), signals, WaitIrq)
    assert len(world.events(Fault)) == 2 and len(world.events(Insert)) == 1
    assert signals.delivered == 1 and not world.device.locks and not world.oracle.violations


def test_an_interrupted_fault_alone_leaves_the_entry_absent(world: World) -> None:
    """R16."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    signals = Signals()
    signals.send()
    world.run(world.driver.faults.handle(world.buffer, world.theirs, 1, False, signals))
    assert not world.theirs.allows(1, False) and not world.device.locks


def test_a_fault_gives_the_memory_map_lock_up_once_and_then_waits_with_it(world: World) -> None:
    """R16: of faults that always do, each finds another one that holds the reservation just to have waited for it."""
    steps = world.driver.faults.handle(world.buffer, world.theirs, 1, False)
    tried, answer = 0, None
    for _ in range(1000):
        try:
            step = steps.send(answer)
        except StopIteration:
            break
        busy = isinstance(step, Acquire) and not step.wait
        tried += busy
        answer = False if busy else world.device.perform(step)
    assert tried == 1 and world.theirs.allows(1, False) and not world.device.locks


def test_a_fault_on_a_busy_reservation_gives_the_memory_map_lock_up_while_it_waits(world: World) -> None:
    """R16: or it would deadlock against whoever holds the one and wants the other."""
    lock, held = world.buffer.reservation.lock, world.reader.table.lock
    order: list[str] = []

    def hog() -> Steps[None]:
        yield Acquire(lock)
        yield Delay(1, "hog")
        order.append("wants the memory map")
        yield Acquire(held)
        order.append("has it")
        yield Release(held)
        yield Release(lock)

    def look() -> Steps[None]:
        yield from world.reader.load(world.theirs.address, 4)
        order.append("loaded")

    turns = iter([0, 0] + [1] * 6 + [0] * 4)
    run_together([hog(), look()], world.device, lambda count: min(next(turns, 0), count - 1))
    assert order == ["wants the memory map", "has it", "loaded"]


def test_a_fault_that_keeps_the_memory_map_lock_deadlocks(world: World) -> None:
    """The twin of the test above."""
    lock, held = world.buffer.reservation.lock, world.reader.table.lock

    def hog() -> Steps[None]:
        yield Acquire(lock)
        yield Delay(1, "hog")
        yield Acquire(held)

    def look() -> Steps[None]:
        yield Acquire(held)
        yield Delay(1, "fault")
        yield Acquire(lock)

    turns = iter([0, 0, 1, 1])
    with pytest.raises(Stuck):
        run_together([hog(), look()], world.device, lambda count: min(next(turns, 0), count - 1))


def test_a_submission_that_is_interrupted_holds_no_lock(world: World) -> None:
    """R10."""
    other = world.run(world.driver.create("a", 160, 40, 4, world.buffer.surface.layout))
    world.device.locks.add(world.buffer.reservation.lock)
    signals = Signals()
    signals.send()
    copy = world.driver.draw(world.buffer, [FILL], signals=signals)
    with pytest.raises(DriverError, match="EINTR"):
        world.run(copy)
    assert world.device.locks == {world.buffer.reservation.lock}
    assert not other.grabs


def test_calling_again_ends_with_the_result_and_passes_other_errors_on() -> None:
    """R10."""
    signals, outcomes = Signals(), ["EINTR", "EAGAIN", "EINTR"]

    def call() -> Steps[int]:
        yield Delay(1, "call")
        if outcomes:
            raise DriverError(outcomes.pop(), "again")
        return 7

    results: list[int] = []

    def caller() -> Steps[None]:
        results.append((yield from restarting(call, signals)))

    assert len(list(caller())) == 4 and results == [7]

    def refuse() -> Steps[int]:
        yield Delay(1, "call")
        raise DriverError("EBUSY", "no")

    with pytest.raises(DriverError, match="EBUSY"):
        list(restarting(refuse, signals))


def test_a_signal_wakes_a_thread_that_waits_for_a_lock_of_another(world: World) -> None:
    """R10, R16: also where somebody else sleeps for the interrupt."""
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    signals = Signals()
    world.device.locks.add("interrupt")
    steps = world.engine.wait(fence, signals=signals)
    with pytest.raises(DriverError, match="EINTR"):
        signal_at(world, steps, signals, Acquire)
    world.device.locks.remove("interrupt")
    world.run(world.engine.wait(fence))


def test_a_fault_without_memory_is_out_of_memory() -> None:
    """R16."""
    world = make_world(policy=AperturePolicy())
    world.host.allocate(world.host.size // 4096 - world.host._next, "hog")
    with pytest.raises(OutOfMemory, match="out of memory in writer"):
        world.run(world.writer.load(world.mine.address, 4))
    assert not world.device.locks


def test_a_readback_for_a_fault_is_not_interrupted(world: World) -> None:
    """R18: waiting for data in transit is mandatory."""
    image = noise(1, 40, 640)
    world.run(world.writer.paint(world.mine, image))
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
    world.mark()
    signals = world.reader.signals
    signal_at(world, world.reader.load(world.theirs.address + 5000, 4), signals, WaitIrq)
    assert len(world.events(Readback)) == 1 and len(world.events(Fault)) == 1
    assert np.array_equal(world.run(world.reader.load(world.theirs.address, 4)), image[0, :4])
