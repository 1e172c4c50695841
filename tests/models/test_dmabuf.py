"""Sharing: reference counts, importing, and what mmap refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from models.attachment import Attachment, Direction, ScatterList
from models.bracket import begin, end
from models.client.process import Process
from models.dmabuf import POLLIN, POLLOUT, DmaBuf, ExportOperations
from models.drawing import FillBox
from models.errors import DriverError
from models.fence import Fence, Usage
from models.files import FileTable
from models.importer import DeviceFiles
from models.memory import PAGE
from models.surface import Box
from tests.models.world import World, make_world

OPERATIONS = ExportOperations(map=lambda device: None, unmap=lambda device: None, release=lambda: None)


@pytest.fixture
def world() -> World:
    return make_world()


def refuses(errno: str) -> pytest.RaisesContext[DriverError]:
    return pytest.raises(DriverError, match=f"^{errno}:")


@pytest.mark.parametrize("missing", ["map", "unmap", "release"])
def test_export_needs_map_unmap_and_release(world: World, missing: str) -> None:
    """R1."""
    with refuses("EINVAL"):
        DmaBuf(world.buffer, "faultline", replace(OPERATIONS, **{missing: None}))


@pytest.mark.parametrize("alone", ["pin", "unpin"])
def test_export_has_pin_and_unpin_or_neither(world: World, alone: str) -> None:
    """R1."""
    with refuses("EINVAL"):
        DmaBuf(world.buffer, "faultline", replace(OPERATIONS, **{alone: lambda: None}))


def test_looking_up_a_descriptor_tells_closed_from_foreign(world: World) -> None:
    """R2."""
    files = FileTable()
    with refuses("EBADF"):
        files.get(7)
    with refuses("EINVAL"):
        files.get(files.install(None))


def test_release_runs_once_after_the_last_descriptor_duplicate_and_mapping(world: World) -> None:
    """R2, R7: a mapping outlives descriptor and handle."""
    released: list[int] = []
    shared = DmaBuf(world.buffer, "faultline", replace(OPERATIONS, release=lambda: released.append(1)))
    files = world.writer.files
    first = files.install(shared)
    second = files.duplicate(first)
    mapping = world.writer.map(second)
    files.close(first)
    files.close(second)
    assert not released
    data = world.run(world.writer.load(mapping.address, 10))
    assert not data.any()
    world.run(world.writer.unmap(mapping))
    assert released == [1]
    with refuses("EBADF"):
        shared.put()
    with refuses("EBADF"):
        shared.get()


def test_nothing_is_done_with_a_buffer_that_was_released(world: World) -> None:
    """R2: after the last reference, and only then; what was left attached may still be taken away."""
    shared = DmaBuf(world.buffer, "faultline", replace(OPERATIONS, vmap=lambda: "kernel"))
    left = shared.attach("left")
    shared.put()
    uses: list[Callable[[], object]] = [
        lambda: shared.attach("other"),
        lambda: world.run(shared.map(left, Direction.TO_DEVICE)),
        shared.vmap,
        lambda: world.run(shared.poll(POLLIN)),
        lambda: world.run(shared.poll_until(POLLIN)),
        lambda: shared.seek(0, "END"),
        lambda: shared.check_mmap(0, 1, shared=True, write=False, descriptor_writable=True),
        lambda: world.run(begin(shared, write=False)),
        lambda: world.run(end(shared, write=False)),
    ]
    for use in uses:
        with refuses("EBADF"):
            use()
    shared.detach(left)
    assert not world.buffer.attachments


def test_a_buffer_that_is_shared_or_attached_is_not_destroyed(world: World) -> None:
    """R2: a reference that is left, or a device that still reaches the pages, refuses it."""
    buffer = world.run(world.driver.create("other", 32, 8, 4, world.buffer.surface.layout))
    shared = world.driver.export(buffer)
    with refuses("EBUSY"):
        world.run(world.driver.destroy(buffer))
    attachment = Attachment("other")
    buffer.attachments.append(attachment)
    shared.put()
    attachment.begin()
    attachment.map(ScatterList.of(buffer.frames), Direction.TO_DEVICE)
    with refuses("EBUSY"):
        world.run(world.driver.destroy(buffer))
    attachment.unmap()
    world.run(world.driver.reap())


def test_a_mapping_is_taken_away_once(world: World) -> None:
    """R2: the second time is refused, and takes no reference."""
    world.run(world.writer.unmap(world.mine))
    before = world.shared.references
    with refuses("EINVAL"):
        world.run(world.writer.unmap(world.mine))
    assert world.shared.references == before


def test_importing_on_the_exporting_device_gives_the_same_object_without_attaching(world: World) -> None:
    """R3."""
    here = DeviceFiles(world.driver.device)
    handle, same = here.import_dmabuf(world.shared)
    assert same and here.buffer(handle) is world.buffer
    assert here.import_dmabuf(world.shared) == (handle, True)
    assert here.export(handle) is world.shared
    assert not world.shared.attachments
    world.run(here.close(handle))
    with refuses("EINVAL"):
        here.buffer(handle)


def test_a_foreign_device_attaches_and_may_be_refused(world: World) -> None:
    """R2, R4."""
    with refuses("EBUSY"):
        DeviceFiles("other").import_dmabuf(world.shared)
    open_to_all = DmaBuf(world.buffer, "faultline", OPERATIONS)
    elsewhere = DeviceFiles("other")
    handle, same = elsewhere.import_dmabuf(open_to_all)
    assert not same and [one.device for one in open_to_all.attachments] == ["other"]
    world.run(elsewhere.close(handle))
    assert open_to_all.attachments == []
    open_to_all.attach("leftover")
    open_to_all.put()
    assert open_to_all.leftover == ("leftover",)


def test_only_two_seeks_are_answered(world: World) -> None:
    """R5."""
    assert world.shared.seek(0, "END") == world.buffer.pages * PAGE
    assert world.shared.seek(0, "SET") == 0
    for offset, whence in ((1, "END"), (1, "SET"), (0, "CUR")):
        with refuses("EINVAL"):
            world.shared.seek(offset, whence)


def test_mmap_refuses_by_the_book(world: World) -> None:
    """R6."""
    pages = world.buffer.pages

    def check(first: int, count: int, *, shared: bool = True, write: bool = False, writable: bool = True) -> None:
        world.shared.check_mmap(first, count, shared=shared, write=write, descriptor_writable=writable)

    check(0, pages, write=True)
    for first, count in ((0, pages + 1), (pages, 1), (0, 0), (-1, 2)):
        with refuses("EINVAL"):
            check(first, count)
    with refuses("EOVERFLOW"):
        check((1 << 52) - 1, 2)
    with refuses("EINVAL"):
        check(0, 1, shared=False)
    with refuses("EACCES"):
        check(0, 1, write=True, writable=False)
    without = DmaBuf(world.buffer, "faultline", replace(OPERATIONS, mmap=False))
    with refuses("EINVAL"):
        without.check_mmap(0, 1, shared=True, write=False, descriptor_writable=True)


def test_a_buffer_is_freed_when_its_last_reference_is_gone(world: World) -> None:
    """R2."""
    frames = list(world.buffer.frames)
    with refuses("EBUSY"):
        world.run(world.driver.destroy(world.buffer))
    world.run(world.writer.unmap(world.mine))
    world.run(world.reader.unmap(world.theirs))
    for process in (world.writer, world.reader):
        process.files.close(3)
    assert not world.driver.released
    world.shared.put()
    assert world.driver.released == [world.buffer]
    world.run(world.driver.reap())
    assert all(world.host.owner(frame) is None for frame in frames)
    world.run(world.driver.create("canvas", 160, 40, 4, world.buffer.surface.layout))


def test_exporting_twice_or_exporting_an_import_gives_the_original(world: World) -> None:
    """R3."""
    assert world.driver.export(world.buffer) is world.shared
    here = DeviceFiles(world.driver.device)
    handle, _ = here.import_dmabuf(world.shared)
    assert here.export(handle) is world.shared


def test_a_kernel_mapping_is_optional_counted_and_made_once(world: World) -> None:
    """R13."""
    with refuses("EINVAL"):
        DmaBuf(world.buffer, "faultline", OPERATIONS).vmap()
    calls: list[str] = []
    operations = replace(OPERATIONS, vmap=lambda: calls.append("map") or "kernel", vunmap=lambda: calls.append("unmap"))
    shared = DmaBuf(world.buffer, "faultline", operations)
    assert shared.vmap() == shared.vmap() == "kernel"
    shared.vunmap()
    assert calls == ["map"]
    shared.vunmap()
    assert calls == ["map", "unmap"]
    with pytest.raises(ValueError, match="no kernel mapping"):
        shared.vunmap()


def test_a_kernel_mapping_that_is_left_is_a_bug(world: World) -> None:
    """R2."""
    shared = DmaBuf(world.buffer, "faultline", replace(OPERATIONS, vmap=lambda: "kernel"))
    shared.vmap()
    with pytest.raises(ValueError, match="1 kernel mappings left"):
        shared.put()
    shared.vunmap()
    shared.put()


def test_the_kernel_sees_what_the_device_drew_inside_a_bracket_and_its_stores_reach_the_device(world: World) -> None:
    """R9, R13."""
    world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 0, 640, 4), b"abcd")]))
    kernel = world.shared.vmap()
    world.run(begin(world.shared, write=True))
    assert bytes(kernel.load(0, 8)) == b"abcdabcd"
    world.run(kernel.store(4, np.frombuffer(b"wxyz", np.uint8)))
    world.run(end(world.shared, write=True))
    world.run(world.driver.device_read(world.buffer))
    assert bytes(world.scanout()[0, :12]) == b"abcdwxyzabcd"
    for offset, length in ((-1, 2), (0, 0), (world.buffer.pages * PAGE - 1, 2)):
        with refuses("EINVAL"):
            kernel.load(offset, length)
    world.shared.vunmap()


def test_poll_tells_writers_from_readers_and_says_nothing_of_coherency(world: World) -> None:
    """R14."""
    world.run(world.driver.device_read(world.buffer))
    assert world.run(world.shared.poll(POLLIN | POLLOUT)) == POLLIN | POLLOUT
    fence = world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 0, 640, 4), b"abcd")]))
    write, read = Fence(1, 7), Fence(1, 8)
    world.run(world.driver.wait(fence))
    world.buffer.reservation.add(read, Usage.READ)
    assert world.run(world.shared.poll(POLLIN | POLLOUT)) == POLLIN
    world.buffer.reservation.add(write, Usage.WRITE)
    assert world.run(world.shared.poll(POLLIN | POLLOUT)) == 0
    write.finish()
    read.finish()
    assert world.policy.device_dirty(world.buffer) == [0], "ready, and still not in host memory"


def test_a_pending_poll_holds_a_reference(world: World) -> None:
    """R2, R14."""
    world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 0, 640, 4), b"abcd")]))
    before = world.shared.references
    poll, answer, held = world.shared.poll_until(POLLIN), None, set()
    while True:
        try:
            step = poll.send(answer)
        except StopIteration as stop:
            ready = stop.value
            break
        held.add(world.shared.references)
        answer = world.device.perform(step)
    assert ready == POLLIN and held == {before + 1} and world.shared.references == before


def test_what_keeps_a_buffer_may_go_in_every_order() -> None:
    """R2, R7: descriptor, duplicate, mapping, a fork's copies and handle; a kernel mapping goes in between."""
    world = make_world()
    kinds = ("descriptor", "duplicate", "mapping", "child", "handle")
    for order in permutations(kinds):
        name = "-".join(order)
        buffer = world.run(world.driver.create(name, 32, 8, 4, world.buffer.surface.layout))
        parent = Process("parent", world.driver)
        shared = world.driver.export(buffer)
        first = parent.files.install(shared)
        second = parent.files.duplicate(first)
        mapping = parent.map(second)
        child = parent.fork("child")
        handle, _ = parent.handles.import_dmabuf(shared)
        shared.vmap()
        ends: dict[str, Callable[[], object]] = {
            "descriptor": lambda p=parent, n=first: p.files.close(n),
            "duplicate": lambda p=parent, n=second: p.files.close(n),
            "mapping": lambda p=parent, m=mapping: world.run(p.unmap(m)),
            "child": lambda c=child: world.run(c.exit()),
            "handle": lambda p=parent, n=handle: world.run(p.handles.close(n)),
            "kernel": lambda s=shared: s.vunmap(),
        }
        for kind in (*order[:2], "kernel", *order[2:]):
            assert not world.driver.released, (order, kind)
            ends[kind]()
        assert world.driver.released == [buffer]
        world.run(world.driver.reap())


@pytest.mark.parametrize("events", [0, 32])
def test_a_poll_for_what_never_holds_is_refused(world: World, events: int) -> None:
    with pytest.raises(DriverError, match="EINVAL"):
        world.run(world.shared.poll_until(events))
