"""Our own policy: what it learns, what it may cost at most, and where it looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.client.portable import Portable
from models.drawing import FillBox
from models.errors import BusFault
from models.events import Fault, Readback, Writeback, page_count
from models.policy.adaptive import PRIOR, SHARE, Adaptive
from models.surface import Box
from tests.models.world import World, make_world, noise

ROW = 4096
PAGES = 64


@pytest.fixture
def world() -> World:
    """64 pages, one a row, so that a box's rows are its pages."""
    return make_world(width=ROW // 4, height=PAGES, policy=Adaptive())


def draw(world: World, first: int = 0, rows: int = PAGES) -> None:
    fence = world.run(world.writer.draw(world.buffer, [FillBox(Box(0, first, ROW, rows), bytes(4))]))
    world.run(world.driver.wait(fence))


def look(world: World, *pages: int) -> None:
    for page in pages:
        world.run(world.writer.load_box(world.mine, Box(0, page, 4, 1)))


def faults(world: World) -> int:
    return len(world.events(Fault))


def brought(world: World) -> int:
    return sum(page_count(event.pages) for event in world.events(Readback))


def sent(world: World) -> int:
    return sum(page_count(event.pages) for event in world.events(Writeback))


def test_what_was_used_comes_back_with_one_fault(world: World) -> None:
    """R17: after a few frames one fault brings back exactly what a program looks at, and nothing around it."""
    mine = [3, 9, 10, 30, 31, 32, 50]
    for _ in range(4):
        draw(world)
        look(world, *mine)
    draw(world)
    world.mark()
    look(world, *mine)
    assert (faults(world), brought(world)) == (1, len(mine))


def test_a_whole_frame_takes_ever_fewer_faults(world: World) -> None:
    counts = []
    for _ in range(8):
        draw(world)
        world.mark()
        look(world, *range(PAGES))
        counts.append(faults(world))
    assert counts == sorted(counts, reverse=True) and counts[-1] == 1, counts


def test_a_program_that_changes_its_mind_is_followed(world: World) -> None:
    for mine in ([1, 20, 40], [7, 33, 60]):
        for _ in range(8):
            draw(world)
            look(world, *mine)
        draw(world)
        world.mark()
        look(world, *mine)
        assert (faults(world), brought(world)) == (1, 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, PAGES - 1), min_size=0, max_size=6, unique=True), min_size=1, max_size=30))
def test_guessing_stays_within_its_allowance(frames: list[list[int]]) -> None:
    """Whatever is looked at, at most PRIOR + needed / SHARE pages come back in vain."""
    world = make_world(width=ROW // 4, height=PAGES, policy=Adaptive())
    needed = 0
    for frame in frames:
        draw(world)
        look(world, *frame)
        needed += len(frame)
    assert brought(world) <= needed + PRIOR + needed // SHARE
    assert world.oracle.violations == []


def test_only_what_the_device_looks_at_is_sent(world: World) -> None:
    """R19: a dirty page stays behind until a command's box touches it, and is not lost."""
    one = Portable("one", world.driver, world.shared, world.watch)
    world.run(one.write_box(0, 5, noise(1, 2, ROW)))
    draw(world, 20, 4)
    assert sent(world) == 0
    draw(world, 6, 1)
    assert sent(world) == 1
    world.run(one.show())
    assert sent(world) == 2
    assert world.oracle.violations == []


def test_an_entry_that_is_never_written_stops_costing_scans(world: World) -> None:
    """R20, R21: writable entries found clean twice are protected; the next store faults and is not lost."""
    one = Portable("one", world.driver, world.shared, world.watch)
    world.run(one.write_box(0, 0, noise(1, 8, ROW)))
    scans = []
    for _ in range(4):
        world.run(one.show())
        scans.append(world.policy.scanned(world.buffer))
    assert scans[0] >= 8 and scans[-1] == 0, scans
    world.mark()
    world.run(one.write_box(0, 3, noise(2, 1, ROW)))
    assert faults(world) == 1
    world.run(one.show())
    assert world.oracle.violations == []




def permit(world: World, page: int, writable: bool) -> None:
    """Let the engine write a page of the host, or not: then a readback of it fails."""
    entry = world.buffer.table.get(page)
    world.buffer.table.set(page, replace(entry, writable=int(writable)))
    world.run(world.engine.wait(world.run(world.engine.invalidate(world.buffer.object_handle)), cause="test"))


def test_a_guess_that_fails_costs_no_access(world: World) -> None:
    """R16: a page that cannot be brought back kills those who need it, and nobody else; then it is left alone."""
    draw(world, 0, PRIOR)
    permit(world, 3, False)
    world.mark()
    look(world, *(page for page in range(PRIOR) if page != 3))
    brought_in_vain = [event for event in world.events(Readback) if page_count(event.pages) > 1]
    assert len(brought_in_vain) == 1, "it is not tried again and again"
    with pytest.raises(BusFault):
        look(world, 3)
    assert not world.mine.allows(3, False)
    permit(world, 3, True)
    look(world, 3)


def test_what_was_asked_for_as_a_whole_earns_no_guesses(world: World) -> None:
    """The bound of the docstring: brackets of a kernel mapping bring everything back, and no access needed a page."""
    for _ in range(20):
        draw(world)
        world.run(world.shared.operations.begin(False, None) if world.shared.vmap() else None)
        world.shared.vunmap()
    world.mark()
    draw(world)
    look(world, 0)
    assert brought(world) <= 1 + PRIOR
