"""The adaptive switch: its constants, its counting, and the method's effect on faults."""

from __future__ import annotations

import contextlib

import pytest

from models.drawing import FillBox
from models.engine import Queue
from models.events import Fault, Insert, Readback, Zap
from models.fence import Usage
from models.layout import Layout
from models.memory import PAGE
from models.policy.vmwgfx import Method, Vmwgfx
from models.policy.whole_surface import WINDOW, WholeSurface
from models.steps import Steps, WaitIrq
from models.surface import Box
from tests.models.world import World, make_world, noise


def make(pages: int) -> World:
    """A world with a buffer of so many pages, a row each."""
    return make_world(width=PAGE // 4, height=pages, layout=Layout.LINEAR, policy=Vmwgfx())


def force(world: World, method: Method) -> None:
    world.policy._states[world.buffer].method = method


def scan(world: World, pages: int) -> Method:
    """Store to so many pages, then have the device look; return the method afterwards."""
    for page in range(pages):
        world.run(world.writer.store(world.mine.address + page * PAGE, noise(page, 1, 4)[0]))
    world.run(world.driver.device_read(world.buffer))
    method: Method = world.policy.method(world.buffer)
    return method


def test_small_buffers_begin_with_pagetable_and_others_with_mkwrite() -> None:
    world = make(200)
    assert world.policy.method(world.buffer) is Method.PAGETABLE
    big = Vmwgfx()
    for pages, method in ((511, Method.PAGETABLE), (512, Method.MKWRITE)):
        buffer = type("Buffer", (), {"pages": pages})()
        big.adopt(buffer)
        assert big.method(buffer) is method


def test_pagetable_becomes_mkwrite_at_the_third_scan_in_a_row_that_finds_nothing() -> None:
    world = make(100)
    assert scan(world, 1) is Method.PAGETABLE
    assert [scan(world, 0) for _ in range(2)] == [Method.PAGETABLE] * 2
    assert scan(world, 1) is Method.PAGETABLE, "a scan that finds something begins the count anew"
    assert [scan(world, 0) for _ in range(3)] == [Method.PAGETABLE, Method.PAGETABLE, Method.MKWRITE]


@pytest.mark.parametrize(("written", "changes"), [(10, False), (11, True)])
def test_mkwrite_becomes_pagetable_when_more_than_ten_percent_were_written_three_times(
    written: int, changes: bool
) -> None:
    world = make(100)
    force(world, Method.MKWRITE)
    methods = [scan(world, written) for _ in range(3)]
    assert methods == [Method.MKWRITE, Method.MKWRITE, Method.PAGETABLE if changes else Method.MKWRITE]


def test_the_division_is_of_integers() -> None:
    """Of 60 pages, 6 are 10 % and 7 are 11.67, which counts as 11."""
    world = make(60)
    force(world, Method.MKWRITE)
    assert [scan(world, 6) for _ in range(4)][-1] is Method.MKWRITE
    assert [scan(world, 7) for _ in range(3)][-1] is Method.PAGETABLE


def test_two_mappings_of_a_page_count_twice() -> None:
    world = make(100)
    force(world, Method.MKWRITE)
    again = world.writer.map(3)
    for _ in range(3):
        for page in range(6):
            world.run(world.writer.store(again.address + page * PAGE, noise(page, 1, 4)[0]))
        method = scan(world, 6)
    assert method is Method.PAGETABLE


def test_a_scan_of_an_empty_range_leaves_the_count() -> None:
    world = make(100)
    force(world, Method.MKWRITE)
    assert scan(world, 20) is scan(world, 20) is Method.MKWRITE
    assert scan(world, 0) is Method.MKWRITE
    assert scan(world, 20) is Method.PAGETABLE


def test_a_fault_brings_the_whole_surface_back_and_inserts_a_window() -> None:
    """R17, R19: also that a drawing on a device-dirty surface zaps nothing more."""
    assert WINDOW == 16
    world = make_world(width=PAGE // 4, height=40, layout=Layout.LINEAR, policy=WholeSurface())
    world.run(world.writer.store_box(world.mine, 0, 0, noise(1, 40, PAGE)))
    world.mark()
    for _ in range(2):
        world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 39, 40, 1), b"abcd")]))
    assert [event.entries for event in world.events(Zap)] == [40]
    world.mark()
    world.run(world.reader.look(world.theirs, Box(0, 3, PAGE, 1)))
    assert [event.bytes for event in world.events(Readback)] == [40 * PAGE]
    assert [event.pages for event in world.events(Insert)] == [((3, 1),), ((4, WINDOW - 1),)]
    world.run(world.reader.look(world.theirs, Box(0, 3, PAGE, WINDOW)))
    assert len(world.events(Fault)) == 1 and len(world.events(Readback)) == 1
    assert not world.oracle.violations


def test_a_readback_is_a_kernel_fence_of_the_buffer_until_it_has_ended() -> None:
    """R17: who waits for data that the kernel moves waits for it."""
    world = make_world(width=PAGE // 4, height=4, layout=Layout.LINEAR, policy=WholeSurface())
    world.run(world.driver.wait(world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 40, 1), b"abcd")]))))
    steps = world.reader.load(world.theirs.address, 4)
    answer = None
    while not isinstance(step := steps.send(answer), WaitIrq):
        answer = world.machine.perform(step)
    (fence,) = world.buffer.reservation.query(Usage.KERNEL)
    assert fence.queue == Queue.TRANSFER

    def rest() -> Steps[None]:
        answer = yield step
        with contextlib.suppress(StopIteration):
            while True:
                answer = yield steps.send(answer)

    world.run(rest())
    assert fence.done and world.buffer.reservation.query(Usage.KERNEL) == ()


def test_pagetable_needs_no_fault_for_a_store_after_a_scan_and_mkwrite_one_a_page() -> None:
    """R20, R21."""
    counts = {}
    for method in Method:
        world = make(100)
        force(world, method)
        scan(world, 20)
        world.mark()
        scan(world, 20)
        counts[method] = len(world.events(Fault))
    assert counts == {Method.MKWRITE: 20, Method.PAGETABLE: 0}
