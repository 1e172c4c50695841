"""Sharing: reference counts, importing, and what mmap refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.dmabuf import DmaBuf, ExportOperations
from models.errors import DriverError
from models.files import FileTable
from models.importer import DeviceFiles
from models.memory import PAGE
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


def test_importing_on_the_exporting_device_gives_the_same_object_without_attaching(world: World) -> None:
    """R3."""
    here = DeviceFiles(world.driver.device)
    handle, same = here.import_dmabuf(world.shared)
    assert same and here.buffer(handle) is world.buffer
    assert here.import_dmabuf(world.shared) == (handle, True)
    assert here.export(handle) is world.shared
    assert not world.shared.attachments
    here.close(handle)
    with refuses("EINVAL"):
        here.buffer(handle)


def test_a_foreign_device_attaches_and_may_be_refused(world: World) -> None:
    """R4."""
    with refuses("EBUSY"):
        DeviceFiles("other").import_dmabuf(world.shared)
    open_to_all = DmaBuf(world.buffer, "faultline", OPERATIONS)
    elsewhere = DeviceFiles("other")
    handle, same = elsewhere.import_dmabuf(open_to_all)
    assert not same and [one.device for one in open_to_all.attachments] == ["other"]
    elsewhere.close(handle)
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
