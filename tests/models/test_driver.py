"""The driver's protocol: submission by R19, faults by R16 to R18, partial pages by R31, failures by R23."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from models.client.compositor import Compositor
from models.driver import CopyBox, FillBox
from models.engine import Queue
from models.errors import BusFault, DeviceError, DriverError
from models.events import (
    Doorbell,
    Event,
    Fault,
    FenceWait,
    Harvest,
    Import,
    Insert,
    Readback,
    Render,
    Sigbus,
    Submit,
    Writeback,
    Zap,
)
from models.layout import Layout, PageTableEntry
from models.memory import PAGE
from models.oracle import render
from models.perform import run_together
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Acquire, Release, Steps
from models.surface import Box
from tests.models.world import World, make_world, noise

FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))
"""Touches pages 1 and 2 of the default buffer of 640-byte rows, and cuts both."""


@pytest.fixture
def world() -> World:
    return make_world()


def painted(world: World) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = noise(3, 40, 640)
    world.run(world.writer.paint(world.mine, image))
    world.mark()
    return image


def names(world: World, *without: type[Event]) -> list[str]:
    return [type(event).__name__ for event in world.device.events[world.start :] if not isinstance(event, without)]


def test_first_touch_of_each_page_is_one_write_fault_and_no_dma(world: World) -> None:
    """R21, R30."""
    world.run(world.writer.paint(world.mine, noise(1, 40, 640)))
    faults = world.events(Fault)
    assert [fault.pages for fault in faults] == [((page, 1),) for page in range(world.buffer.pages)]
    assert all(fault.write for fault in faults)
    assert not world.events(Readback) and not world.events(FenceWait)


def test_old_data_never_leaks_into_a_new_buffer() -> None:
    """R30: neither from freed host pages nor from device memory."""
    world = make_world()
    world.device.memory[:] = 0xEE
    buffer = world.run(world.driver.create("second", 100, 30, 4, Layout.MORTON))
    mapping = world.writer.map(world.writer.files.install(world.driver.export(buffer)))
    assert not world.run(world.writer.load_box(mapping, buffer.surface.box)).any()
    raw = world.run(Compositor("compositor", world.driver).show(world.driver.export(buffer)))
    assert not buffer.surface.detile(raw).any()


def test_submission_harvests_uploads_zaps_draws_and_fences_in_that_order_under_the_lock(world: World) -> None:
    """R19."""
    painted(world)
    steps = []
    generator = world.driver.draw(world.buffer, [FILL])
    answer = None
    while True:
        try:
            step = generator.send(answer)
        except StopIteration:
            break
        steps.append(step)
        answer = world.device.perform(step)
    assert isinstance(steps[0], Acquire) and isinstance(steps[-1], Release)
    assert names(world, Doorbell) == ["Harvest", "Writeback", "Submit", "Zap", "Render", "Submit"]
    assert [event.queue for event in world.events(Submit)] == [Queue.TRANSFER, Queue.RENDER]
    assert world.events(Zap)[0].pages == ((1, 2),)


def test_only_dirty_pages_are_written_back(world: World) -> None:
    """R19."""
    painted(world)
    world.run(world.driver.draw(world.buffer, [FILL]))
    world.run(world.writer.paint(world.mine, noise(4, 1, 20), x=5, y=30))
    world.mark()
    world.run(world.driver.draw(world.buffer, [FILL]))
    assert [event.pages for event in world.events(Writeback)] == [((4, 1),)]
    world.mark()
    world.run(world.driver.draw(world.buffer, [FILL]))
    assert not world.events(Writeback) and not world.events(Harvest)


def test_a_read_during_drawing_waits_and_brings_back_only_the_pages_touched(world: World) -> None:
    """R17 page-granular, R18."""
    image = painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    seen = world.run(world.reader.look(world.theirs, Box(90, 5, 60, 10)))
    render(image, [FILL])
    assert np.array_equal(seen, image[5:15, 90:150])
    assert [event.queue for event in world.events(FenceWait) if event.cause == "load"] == [Queue.RENDER]
    assert [event.pages for event in world.events(Readback)] == [((1, 1),), ((2, 1),)]
    assert [event.pages for event in world.events(Fault)] == [((0, 1),), ((1, 1),), ((2, 1),)]


def test_pages_that_the_device_did_not_write_need_no_wait_unless_synchronisation_is_implicit() -> None:
    """R18."""
    for implicit in (False, True):
        world = make_world(policy=PageMkwrite(implicit_sync=implicit))
        painted(world)
        world.run(world.driver.draw(world.buffer, [FILL]))
        world.mark()
        world.run(world.reader.look(world.theirs, Box(0, 38, 640, 2)))
        assert bool(world.events(FenceWait)) is implicit
        assert not world.events(Readback)


def test_a_partly_written_page_keeps_the_newer_device_bytes_around_it(world: World) -> None:
    """R31."""
    image = painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    patch = noise(9, 2, 40)
    world.run(world.writer.paint(world.mine, patch, x=110, y=9))
    assert [event.pages for event in world.events(Readback)] == [((1, 1),)]
    again = FillBox(Box(0, 0, 40, 2), bytes(4))
    world.run(world.writer.draw(world.buffer, [again]))
    world.run(world.driver.device_read(world.buffer))
    render(image, [FILL])
    image[9:11, 110:150] = patch
    render(image, [again])
    assert np.array_equal(world.scanout(), image)


def test_a_device_read_uploads_and_zaps_nothing(world: World) -> None:
    """R19."""
    image = painted(world)
    world.run(world.driver.device_read(world.buffer))
    assert np.array_equal(world.scanout(), image)
    assert not world.events(Zap)
    assert all(world.mine.allows(page, False) for page in range(world.buffer.pages))


def test_the_first_store_after_a_scan_faults_again_but_a_load_does_not(world: World) -> None:
    """R21."""
    painted(world)
    world.run(world.driver.device_read(world.buffer))
    world.mark()
    world.run(world.writer.load(world.mine.address, 10))
    assert not world.events(Fault)
    world.run(world.writer.store(world.mine.address, noise(1, 1, 10)[0]))
    world.run(world.writer.store(world.mine.address, noise(2, 1, 10)[0]))
    assert len(world.events(Fault)) == 1


def test_a_store_waits_for_an_upload_of_its_page_that_is_under_way(world: World) -> None:
    """Or the DMA would pick up bytes stored after the submission."""
    painted(world)
    world.run(world.driver.draw(world.buffer, [FILL]))
    world.mark()
    world.run(world.writer.store(world.mine.address, noise(1, 1, 10)[0]))
    assert [(event.queue, event.cause) for event in world.events(FenceWait)] == [(Queue.TRANSFER, "store")]


def test_an_upload_stays_behind_drawing_that_reads_the_page(world: World) -> None:
    image = painted(world)
    copy = CopyBox(Box(0, 30, 200, 5), 0, 0)
    world.run(world.writer.draw(world.buffer, [copy]))
    world.run(world.writer.paint(world.mine, noise(7, 2, 640)))
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.run(world.driver.device_read(world.buffer))
    render(image, [copy])
    image[:2] = noise(7, 2, 640)
    render(image, [FILL])
    assert np.array_equal(world.scanout(), image)


def test_a_copy_between_buffers_uploads_both_and_zaps_the_target_only(world: World) -> None:
    """R19: a device read does not zap."""
    image = painted(world)
    target = world.run(world.driver.create("target", 160, 40, 4, Layout.LINEAR))
    world.run(world.driver.draw(target, [CopyBox(Box(0, 0, 640, 40), 0, 0, world.buffer)]))
    assert {event.buffer for event in world.events(Zap)} == {"target"}
    mapping = world.reader.map(world.reader.files.install(world.driver.export(target)))
    assert np.array_equal(world.run(world.reader.load_box(mapping, target.surface.box)), image)


def test_a_failed_readback_is_sigbus_and_the_entry_stays_absent(world: World) -> None:
    """R16."""
    painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    good = world.buffer.table.get(1)
    world.buffer.table.set(1, PageTableEntry(1, 0, good.frame))
    world.run(world.engine.invalidate(world.buffer.object_handle))
    with pytest.raises(BusFault) as caught:
        world.run(world.reader.look(world.theirs, Box(100, 8, 10, 1)))
    assert isinstance(caught.value.error, DeviceError) and caught.value.error.cause == "READ_ONLY"
    assert world.events(Sigbus) and not world.theirs.allows(1, False)
    assert not world.device.locks
    world.buffer.table.set(1, good)
    world.run(world.engine.invalidate(world.buffer.object_handle))
    world.run(world.reader.look(world.theirs, Box(100, 8, 10, 1)))
    assert not world.oracle.violations


def test_a_failed_upload_puts_the_damage_back_and_draws_nothing(world: World) -> None:
    """R23."""
    image = painted(world)
    good = world.buffer.table.get(2)
    world.buffer.table.set(2, PageTableEntry(0, 0, 0))
    fence = world.run(world.driver.draw(world.buffer, [FILL]))
    with pytest.raises(DeviceError, match="ABORTED"):
        world.run(world.driver.wait(fence))
    assert np.array_equal(world.run(world.writer.load_box(world.mine, world.buffer.surface.box)), image)
    world.buffer.table.set(2, good)
    world.mark()
    world.run(world.driver.wait(world.run(world.driver.draw(world.buffer, [FILL]))))
    assert [event.pages for event in world.events(Writeback)] == [((0, world.buffer.pages),)]
    render(image, [FILL])
    assert np.array_equal(world.scanout(), image)


def test_a_zap_that_races_with_a_readback_makes_the_fault_start_over(world: World) -> None:
    painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    raced = False
    generator, answer = world.reader.load(world.theirs.address + 8 * 640 + 100, 4), None
    while True:
        try:
            step = generator.send(answer)
        except StopIteration:
            break
        if world.events(Readback) and not raced:
            raced = True
            world.buffer.space.zap([1])
        answer = world.device.perform(step)
    assert raced and len(world.events(Insert)) == 1 and not world.oracle.violations


def test_unmapping_keeps_what_was_dirty(world: World) -> None:
    """R20."""
    image = painted(world)
    world.run(world.writer.unmap(world.mine))
    world.run(world.driver.device_read(world.buffer))
    assert np.array_equal(world.scanout(), image)


def test_a_forked_child_writes_through_its_copy_and_nothing_is_lost(world: World) -> None:
    """R22."""
    image = painted(world)
    child = world.writer.fork("child")
    world.mark()
    world.run(child.store(world.mine.address, noise(5, 1, 100)[0]))
    assert not world.events(Fault)
    world.run(world.driver.device_read(world.buffer))
    image[0, :100] = noise(5, 1, 100)[0]
    assert np.array_equal(world.scanout(), image)


def test_a_read_only_mapping_refuses_stores(world: World) -> None:
    with pytest.raises(BusFault):
        world.run(world.reader.store(world.theirs.address, noise(1, 1, 4)[0]))
    with pytest.raises(DriverError, match="EACCES"):
        world.reader.map(3, write=True)


def test_a_compositor_on_the_same_device_needs_no_mapping_and_no_dma(world: World) -> None:
    """R3."""
    image = painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    raw = world.run(Compositor("compositor", world.driver).show(world.shared))
    render(image, [FILL])
    assert np.array_equal(world.buffer.surface.detile(raw), image)
    assert [event.same for event in world.events(Import)] == [True]
    assert not world.events(Submit) and len(world.buffer.space.mappings) == 2


@pytest.mark.parametrize(
    "commands",
    [
        [],
        [FillBox(Box(0, 0, 644, 1), bytes(4))],
        [FillBox(Box(2, 0, 4, 1), bytes(4))],
        [FillBox(Box(-4, 0, 4, 1), bytes(4))],
        [FillBox(Box(0, 0, 4, 1), bytes(3))],
        [CopyBox(Box(0, 0, 40, 4), 20, 2)],
        [CopyBox(Box(0, 0, 40, 4), 0, 38)],
    ],
)
def test_drawing_that_makes_no_sense_is_the_callers_fault(
    world: World, commands: list[FillBox | CopyBox]
) -> None:
    world.mark()
    with pytest.raises(DriverError, match="EINVAL"):
        world.run(world.driver.draw(world.buffer, commands))
    assert not world.events(Render) and not world.device.locks


def test_impossible_buffers_are_the_callers_fault(world: World) -> None:
    for shape, errno in (((0, 1, 4), "EINVAL"), ((8, 8, 17), "EINVAL"), ((4000, 4000, 4), "ENOMEM")):
        with pytest.raises(DriverError, match=errno):
            world.run(world.driver.create("other", *shape, Layout.LINEAR))
    with pytest.raises(DriverError, match="EINVAL"):
        world.run(world.driver.create("canvas", 8, 8, 4, Layout.LINEAR))


def test_a_buffer_that_could_not_be_made_leaves_nothing_behind(world: World) -> None:
    for number in range(15):
        world.run(world.driver.create(f"b{number}", 8, 8, 4, Layout.LINEAR))
    free = world.host.owner
    owned = [frame for frame in range(world.host.size // PAGE) if free(frame)]
    room = world.driver.memory.allocate(1)
    world.driver.memory.free(room)
    with pytest.raises(DriverError, match="ENOMEM"):
        world.run(world.driver.create("one too many", 8, 8, 4, Layout.LINEAR))
    assert [frame for frame in range(world.host.size // PAGE) if free(frame)] == owned
    assert world.driver.memory.allocate(1) == room


@pytest.mark.parametrize("two_level", [False, True])
def test_pages_are_where_the_object_table_says(two_level: bool) -> None:
    world = make_world(two_level=two_level)
    image = painted(world)
    linear = np.concatenate([world.host.pages[frame] for frame in world.buffer.frames])
    assert np.array_equal(linear[: image.size], image.reshape(-1))
    assert world.buffer.pages * PAGE - image.size < PAGE
    world.run(world.driver.device_read(world.buffer))
    assert np.array_equal(world.scanout(), image)


def test_a_buffer_whose_last_work_failed_is_freed_all_the_same(world: World) -> None:
    """R2: the release is the end of everything, whatever the device made of its work."""
    other = world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))
    shared = world.driver.export(other)
    mapping = world.writer.map(world.writer.files.install(shared.get()))
    world.run(world.writer.paint(mapping, noise(1, 40, 640)))
    other.table.set(2, PageTableEntry(0, 0, 0))
    world.run(world.engine.invalidate(other.object_handle))
    world.run(world.driver.draw(other, [FillBox(Box(0, 0, 40, 4), bytes(4))]))
    world.run(world.writer.unmap(mapping))
    shared.put()
    shared.put()
    assert world.driver.released == [other]
    world.run(world.driver.reap())
    assert not world.driver.released and not world.host.owner(other.frames[0])
    world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))


def break_upload(world: World) -> PageTableEntry:
    good = world.buffer.table.get(1)
    world.buffer.table.set(1, PageTableEntry(0, 0, 0))
    world.run(world.engine.invalidate(world.buffer.object_handle))
    return good


def test_a_failed_upload_that_another_thread_sees_first_still_stops_the_drawing(world: World) -> None:
    """R19, R23, R31: the error record is taken between the upload's submission and the drawing's."""
    image = painted(world)
    other = world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))
    good = break_upload(world)
    world.mark()
    generator, answer = world.driver.draw(world.buffer, [FILL]), None
    while not world.events(Zap):
        answer = world.device.perform(generator.send(answer))
    world.run(world.engine.wait(world.run(world.engine.invalidate(other.object_handle))))
    try:
        while True:
            answer = world.device.perform(generator.send(answer))
    except StopIteration as stop:
        fence = stop.value
    with pytest.raises(DeviceError, match="TRANSLATION_FAULT"):
        world.run(world.driver.wait(fence))
    world.buffer.table.set(1, good)
    world.run(world.engine.invalidate(world.buffer.object_handle))
    assert np.array_equal(world.run(world.reader.load_box(world.theirs, world.buffer.surface.box)), image)
    world.run(world.driver.device_read(world.buffer))
    assert np.array_equal(world.scanout(), image) and not world.oracle.violations


@pytest.mark.parametrize("seed", range(60))
def test_a_failed_upload_loses_nothing_in_whatever_order_threads_run(seed: int) -> None:
    """R23, R31."""
    world = make_world()
    random = np.random.default_rng(seed)
    image = painted(world)
    other = world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))
    good = break_upload(world)
    failed: list[str] = []

    def draw() -> Steps[None]:
        try:
            yield from world.driver.wait((yield from world.driver.draw(world.buffer, [FILL])))
        except DeviceError as error:
            failed.append(error.cause)

    def distract() -> Steps[None]:
        for value in range(3):
            fence = yield from world.driver.draw(other, [FillBox(Box(0, 0, 640, 40), bytes([value] * 4))])
            # An abort may cut these off as well.
            with contextlib.suppress(DeviceError):
                yield from world.driver.wait(fence)
                yield from world.engine.wait((yield from world.engine.invalidate(other.object_handle)))

    run_together([draw(), draw(), distract()], world.device, lambda count: int(random.integers(count)))
    assert failed
    world.buffer.table.set(1, good)
    world.run(world.engine.invalidate(world.buffer.object_handle))
    seen = world.run(world.reader.load_box(world.theirs, world.buffer.surface.box))
    assert np.array_equal(seen, image) and not world.oracle.violations
