"""Edges of the driver's promises, found by breaking it: permissions, page borders, room in rings, object numbers."""

from __future__ import annotations

import numpy as np

from models.driver import FillBox
from models.engine import Queue
from models.events import Fault, Writeback
from models.fence import FenceState
from models.layout import Layout
from models.memory import PAGE
from models.page_table import AddressSpace, Mapping, ObjectTable
from models.perform import run
from models.surface import Box, Surface
from models.transfer import pages_of_box
from tests.models.test_engine import Bench
from tests.models.world import make_world, noise


def test_a_zap_takes_the_write_permission_too() -> None:
    """R21: or the next load would bring it back with the entry."""
    space = AddressSpace(4)
    mapping = Mapping("client", space, 0x10000, 1, 3, True)
    space.add(mapping)
    mapping.insert(2, True)
    mapping.dirty[:] = False
    assert space.zap([2]) == 1
    mapping.insert(2, False)
    assert mapping.allows(2, False) and not mapping.allows(2, True)


def test_a_load_leaves_its_page_clean_and_not_writable() -> None:
    """R21: the first store to it must fault, and nothing is uploaded."""
    world = make_world()
    world.run(world.writer.load(world.mine.address, 2 * PAGE))
    world.mark()
    world.run(world.driver.device_read(world.buffer))
    assert not world.events(Writeback)
    world.run(world.writer.store(world.mine.address, noise(1, 1, 4)[0]))
    assert [fault.write for fault in world.events(Fault)] == [True]


def test_an_entry_is_not_installed_when_a_zap_came_since() -> None:
    """R16: whoever prepared it starts over."""
    world = make_world()
    before = world.buffer.space.generation
    world.buffer.space.zap([3])
    assert not world.driver.faults.install(world.buffer, world.theirs, 3, False, before)
    assert not world.theirs.allows(3, False)
    assert world.driver.faults.install(world.buffer, world.theirs, 3, False, world.buffer.space.generation)
    assert world.theirs.allows(3, False)


def test_a_box_that_ends_with_a_page_touches_no_further_one() -> None:
    surface = Surface(0, 160, 40, 4, Layout.LINEAR)  # rows of 640 bytes: 32 of them are 5 pages
    assert pages_of_box(surface, Box(600, 31, 40, 1)) == [4]
    assert pages_of_box(surface, Box(0, 32, 1, 1)) == [5]
    assert pages_of_box(surface, Box(600, 31, 40, 2)) == [4, 5]


def test_a_buffer_is_destroyed_only_when_its_work_is_done() -> None:
    """R2."""
    world = make_world()
    other = world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))
    fence = world.run(world.driver.draw(other, [FillBox(Box(0, 0, 640, 40), bytes(4))]))
    assert not fence.done
    world.run(world.driver.destroy(other))
    assert fence.state is FenceState.SIGNALLED


def test_an_object_number_that_is_used_again_has_no_old_translations() -> None:
    bench = Bench()
    run(bench.engine.wait(bench.submit(Queue.RENDER, bench.fill(7))), bench.device)
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    run(bench.engine.release_object(bench.there), bench.device)
    fresh = bench.host.allocate(4, "another object")
    assert run(bench.engine.bind_object(ObjectTable(bench.host, fresh)), bench.device) == bench.there
    bench.wait(bench.submit(Queue.TRANSFER, bench.page(0, readback=True)))
    assert (bench.host.pages[fresh[0]] == 7).all()


def test_a_ring_never_holds_more_than_it_has_room_for() -> None:
    bench = Bench(ring_log2=2)
    bench.device.settle()
    first = bench.submit(Queue.RENDER, bench.fill(1), bench.fill(2))
    second = bench.submit(Queue.RENDER, bench.fill(3))
    ring = bench.engine._rings[Queue.RENDER]
    assert len(ring.flying) <= ring.entries
    bench.wait(second)
    assert first.state is FenceState.SIGNALLED
    drawn = bench.surface.detile(bench.device.memory[: bench.surface.size])
    assert np.array_equal(drawn, np.full_like(drawn, 3))
