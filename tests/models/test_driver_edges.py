"""Edges of the driver's promises, found by breaking it: permissions, page borders, room in rings, object numbers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest

from models.client.portable import Portable
from models.client.process import Process
from models.device import BusRange
from models.dmabuf import Buffer
from models.driver import FillBox
from models.engine import Queue
from models.errors import BusFault, DeviceError, DriverError
from models.events import Fault, Writeback
from models.execute import ENTRY_SIZE
from models.exporter import Exporter
from models.fence import Fence, FenceState
from models.layout import Cause, Descriptor, Layout
from models.memory import PAGE
from models.page_table import AddressSpace, Mapping, ObjectTable
from models.perform import run, run_together
from models.policy import Policy
from models.policy.aperture import AperturePolicy
from models.policy.deferred_io import DeferredIo
from models.policy.no_mmap import NoMmap
from models.policy.page_mkwrite import PageMkwrite
from models.policy.sync_bracket import SyncBracket
from models.publish import flush, flush_later
from models.steps import Steps
from models.surface import Box, Surface
from models.transfer import pages_of_box
from models.transfer_object import MapFlag
from tests.models.test_engine import Bench
from tests.models.world import World, make_world, noise, permit


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


GONE: dict[str, Callable[[World, Buffer], Steps[object]]] = {
    "draw": lambda world, buffer: world.driver.draw(buffer, [FillBox(Box(0, 0, 64, 1), b"late")]),
    "flush": lambda world, buffer: flush(world.driver, buffer),
    "deferred worker": lambda world, buffer: flush_later(world.driver, buffer, 1, 3),
    "device read": lambda world, buffer: world.driver.device_read(buffer),
    "scan-out": lambda world, buffer: world.driver.scan_out(buffer),
    "transfer": lambda world, buffer: world.driver.transfers.map(buffer, Box(0, 0, 64, 1), MapFlag.READ),
    "destroy": lambda world, buffer: world.driver.destroy(buffer),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("seed", range(12))
def test_what_comes_to_a_buffer_beside_its_end_is_done_before_or_refused(what: str, seed: int) -> None:
    """R2: EBADF, and nothing of the buffer is left."""
    world = make_world(policy=DeferredIo())
    other = world.run(world.driver.create("other", 160, 40, 4, Layout.LINEAR))
    world.run(world.driver.draw(other, [FillBox(Box(0, 0, 640, 40), bytes(4))]))
    told: list[str] = []

    def come() -> Steps[None]:
        try:
            yield from GONE[what](world, other)
        except DriverError as error:
            told.append(error.errno)

    def end() -> Steps[None]:
        try:
            yield from world.driver.destroy(other)
        except DriverError as error:
            told.append(error.errno)

    run_together([come(), end()], world.machine, Random(seed).randrange)
    assert other.gone and told in ([], ["EBADF"]) and not world.machine.locks
    with pytest.raises(DriverError, match="^EBADF:"):
        world.driver.export(other)


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


def culprit(world: World) -> Callable[[], Fence]:
    """Another client; called, it has an upload that will fail and a drawing behind it under way: both queues abort."""
    bad = world.run(world.driver.create("bad", 160, 40, 4, Layout.Y_TILED))
    client = Portable("culprit", world.driver, world.driver.export(bad))
    world.run(world.driver.device_read(bad))

    def fail() -> Fence:
        world.run(permit(world.driver, bad, 0, valid=False))
        world.run(client.write_box(0, 0, noise(2, 1, 8)))
        fence: Fence = world.run(world.driver.draw(bad, [FillBox(Box(64, 0, 16, 1), b"evil")]))
        assert not fence.done
        return fence

    return fail


def break_next(world: World, queue: Queue) -> None:
    """The next descriptor of a queue cannot be fetched."""
    ring = world.engine._rings[queue]
    size = ENTRY_SIZE[queue]
    at = ring.ring + ring.tail % ring.entries * size
    world.device.bus_ranges = [BusRange(at, at + size, False, Cause.BUS_ERROR)]


def break_ring(world: World, queue: Queue) -> None:
    """No descriptor of a queue can be fetched any more."""
    ring = world.engine._rings[queue]
    end = ring.ring + ring.entries * ENTRY_SIZE[queue]
    world.device.bus_ranges = [BusRange(ring.ring, end, False, Cause.BUS_ERROR)]


def bounded(steps: Steps[object], most: int) -> Steps[object]:
    """The same steps; TimeoutError after so many."""
    result = None
    for _ in range(most):
        try:
            step = steps.send(result)
        except StopIteration as stop:
            return stop.value
        result = yield step
    raise TimeoutError(f"no end after {most} steps")


def text(width: int, word: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.tile(np.frombuffer(word, np.uint8), width // len(word)).reshape(1, width)


def test_what_a_new_buffer_needs_survives_the_error_of_another_client() -> None:
    """R23, R30: its clearing, and the translations of an object number that was another's."""
    world = make_world()
    fail = culprit(world)
    old = world.run(world.driver.create("old", 160, 40, 4, Layout.Y_TILED))
    shared = world.driver.export(old)
    before = Portable("before", world.driver, shared)
    world.run(before.write_box(0, 0, np.full((40, 640), 0x5E, np.uint8)))
    world.run(world.driver.device_read(old))
    names = old.object_handle, old.surface.base
    world.run(before.exit())
    shared.put()
    world.run(world.driver.reap())
    world.host.pages[world.host.allocate(20, "others")] = 0xEE
    fail()
    new = world.run(world.driver.create("new", 160, 40, 4, Layout.Y_TILED))
    assert (new.object_handle, new.surface.base) == names
    client = Portable("client", world.driver, world.driver.export(new))
    assert not world.run(client.show()).any()
    world.run(client.write_box(0, 0, text(16, b"mine")))
    image = world.run(client.show())
    assert image[0, :16].tobytes() == b"mine" * 4 and not image[0, 16:].any() and not image[1:].any()


def test_a_move_survives_the_error_of_another_client() -> None:
    """R4, R23: the engine drops the old translations all the same."""
    world = make_world()
    fail = culprit(world)
    client = Portable("client", world.driver, world.shared, world.watch)
    world.run(client.write_box(0, 0, np.full((40, 640), 1, np.uint8)))
    world.run(client.show())
    fail()
    old = list(world.buffer.frames)
    world.run(Exporter(world.driver, world.buffer).move())
    assert world.buffer.frames != old
    world.run(client.write_box(0, 0, text(16, b"mine")))
    assert world.run(client.show())[0, :16].tobytes() == b"mine" * 4
    assert not world.oracle.violations and not world.device.locks


def test_a_move_whose_translations_cannot_be_dropped_leaves_all_in_place() -> None:
    """R4: EIO, and the buffer is used on."""
    world = make_world()
    client = Portable("client", world.driver, world.shared, world.watch)
    world.run(client.write_box(0, 0, text(16, b"mine")))
    world.run(client.show())
    old, free = list(world.buffer.frames), world.host.owner(world.buffer.frames[0])
    break_next(world, Queue.TRANSFER)
    with pytest.raises(DriverError, match="^EIO:"):
        world.run(Exporter(world.driver, world.buffer).move())
    world.device.bus_ranges = []
    assert world.buffer.frames == old and world.host.owner(old[0]) == free
    world.run(client.write_box(0, 0, text(8, b"next")))
    assert world.run(client.show())[0, :16].tobytes() == b"next" * 2 + b"mine" * 2
    assert not world.oracle.violations and not world.device.locks


def test_a_clearing_that_failed_is_done_again_before_anybody_sees_the_storage() -> None:
    """R23, R30: what was drawn behind it fails with it."""
    world = make_world()
    world.run(world.driver.device_read(world.buffer))
    used = world.buffer.surface
    world.device.memory[used.base + used.size :] = 0xEE
    break_next(world, Queue.RENDER)
    new = world.run(world.driver.create("new", 160, 40, 4, Layout.Y_TILED))
    drawn = world.run(world.driver.draw(new, [FillBox(Box(0, 0, 16, 1), b"lost")]))
    with pytest.raises(DeviceError):
        world.run(world.driver.wait(drawn))
    world.device.bus_ranges = []
    raw = world.run(world.driver.scan_out(new))
    assert not new.surface.detile(raw).any()


LOOKS: dict[str, tuple[Policy, Callable[[Portable], Steps[object]], type[Exception]]] = {
    "transfer": (
        NoMmap(), lambda client: client.transfer_map(client.buffer, Box(0, 0, 16, 1), MapFlag.READ), DriverError
    ),
    "fault": (PageMkwrite(), lambda client: client.read_box(Box(0, 0, 16, 1)), BusFault),
    "aperture": (AperturePolicy(), lambda client: client.read_box(Box(0, 0, 16, 1)), BusFault),
    "bracket": (SyncBracket(), lambda client: client.read_box(Box(0, 0, 16, 1)), DriverError),
}  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_who_waits_for_a_clearing_that_always_fails_is_told(look: str) -> None:
    """R16, R23, R30: an error and no endless wait; when it works again so does the look."""
    policy, steps, error = LOOKS[look]
    world = make_world(policy=policy)
    world.run(world.driver.device_read(world.buffer))
    break_ring(world, Queue.RENDER)
    new = world.run(world.driver.create("new", 160, 40, 4, Layout.Y_TILED))
    client = Portable("client", world.driver, world.driver.export(new))
    world.run(client.draw(new, [FillBox(Box(0, 0, 16, 1), b"lost")]))
    with pytest.raises(error):
        world.run(bounded(steps(client), 5000))
    assert not world.device.locks
    world.device.bus_ranges = []
    world.run(steps(client))


INNOCENT = {
    "load": lambda world, client: client.read_box(Box(0, 0, 4, 1)),
    "transfer read": lambda world, client: client.transfer_map(world.buffer, Box(0, 0, 16, 1), MapFlag.READ),
    "show": lambda world, client: client.show(),
    "end": lambda world, client: client.write_box(0, 0, text(8, b"mine")),
}


@pytest.mark.parametrize("operation", INNOCENT)
def test_the_error_of_another_client_is_nobody_elses(operation: str) -> None:
    """R23: a load, a transfer, a scan-out, a bracket that ends."""
    world = make_world(policy=SyncBracket() if operation == "end" else None)
    fail = culprit(world)
    client = Portable("client", world.driver, world.shared, world.watch)
    world.run(world.driver.device_read(world.buffer))
    world.run(world.driver.wait(world.run(client.draw(world.buffer, [FillBox(Box(0, 0, 16, 1), b"good")]))))
    evil = fail()
    world.run(INNOCENT[operation](world, client))
    shown = world.run(client.show())
    assert shown[0, :8].tobytes() == (b"mine" if operation == "end" else b"good") * 2
    with pytest.raises(DeviceError):
        world.run(world.driver.wait(evil))
    assert not world.oracle.violations and not world.device.locks


def test_a_drawing_and_a_transfer_beside_the_error_of_another_client_are_done() -> None:
    """R23, R27: also where they were queued behind it."""
    world = make_world()
    fail = culprit(world)
    client = Portable("client", world.driver, world.shared, world.watch)
    world.run(world.driver.device_read(world.buffer))
    fail()
    drawn = world.run(client.draw(world.buffer, [FillBox(Box(0, 0, 16, 1), b"good")]))
    transfer = world.run(client.transfer_map(world.buffer, Box(16, 0, 16, 1), MapFlag.WRITE | MapFlag.DISCARD_RANGE))
    transfer.data[:] = 7
    sent = world.run(client.transfer_unmap(transfer))
    for fence in (drawn, sent):
        world.run(world.driver.wait(fence))
    assert world.run(client.show())[0, :32].tobytes() == b"good" * 4 + b"\7" * 16
    assert not world.oracle.violations


def test_a_scan_out_beside_a_discard_never_shows_what_others_left() -> None:
    """R27, R30: nor where the storage is swapped just when it was found current; it is cleared before it is shown."""
    world = make_world(height=8)
    used = world.buffer.surface
    world.device.memory[used.base + used.size :] = 0xEE
    device_read = world.driver.device_read
    swapped: list[Surface] = []

    def read_and_swap(buffer: Buffer) -> Steps[Surface]:
        surface = yield from device_read(buffer)
        if not swapped:
            yield from world.driver.draw(buffer, [FillBox(Box(0, 4, 16, 1), b"busy")])
            flags = MapFlag.WRITE | MapFlag.DISCARD_WHOLE
            yield from world.driver.transfers.map(buffer, Box(0, 0, 16, 1), flags)
            swapped.append(buffer.surface)
        return surface

    world.driver.device_read = read_and_swap  # type: ignore[method-assign]
    raw = world.run(world.driver.scan_out(world.buffer))
    assert swapped and swapped[0] is not used
    assert not (world.buffer.surface.detile(raw) == 0xEE).any() and not world.device.locks


@pytest.mark.parametrize("cause", ["clear", "invalidate"])
def test_a_buffer_that_the_device_fails_to_make_leaves_nothing(cause: str) -> None:
    """R30: not its name, nor its memory, nor its places in the engine's tables."""
    world = make_world()
    engine, real = world.engine, world.engine._submit

    def submit(queue: Queue, body: Sequence[Descriptor], after: Sequence[Fence], why: str) -> Steps[Fence]:
        if why == cause:
            raise DeviceError("NONE", state="a surface reaches past the end of device memory")
        return (yield from real(queue, body, after, why))

    def taken() -> list[int]:
        tables = [[one for one in table if one is not None] for table in (engine._surfaces, engine._objects)]
        return [len(one) for one in (*tables, engine._drops, world.policy._tracking)]

    before = taken()
    engine._submit = submit  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(DeviceError, match="past the end of device memory"):
            world.run(world.driver.create("new", 64, 64, 4, Layout.LINEAR))
        assert taken() == before
    engine._submit = real  # type: ignore[method-assign]
    free, frames = world.driver.memory.allocate(PAGE), world.host.allocate(1, "next")
    assert free == world.buffer.surface.base + world.buffer.surface.size, "the device memory is free again"
    world.driver.memory.free(free)
    world.host.free(frames, "next")
    world.run(world.driver.create("new", 64, 64, 4, Layout.LINEAR))


def test_each_mapping_binds_its_chunks_of_the_aperture_once_and_nothing_is_kept_of_it() -> None:
    """R2: a mapping of another process is another one, whatever its name, and so is that of a later buffer."""
    world = make_world(policy=AperturePolicy())
    faults = []
    for name in ("first", "second"):
        buffer = world.run(world.driver.create(name, 64, 64, 4, Layout.LINEAR))
        shared = world.driver.export(buffer)
        for _ in range(2):
            client = Process("same", world.driver)
            mapping = client.map(client.files.install(shared.get()))
            world.mark()
            for _ in range(2):
                world.run(client.load(mapping.address, 4))
            faults.append(len(world.events(Fault)))
            world.run(client.exit())
        shared.put()
        world.run(world.driver.reap())
    assert faults == [1, 1, 1, 1]
    del client, mapping
    gc.collect()
    assert not world.driver.aperture._bound


def test_a_staging_area_that_the_device_does_not_take_leaves_no_pages() -> None:
    world = make_world()
    real = world.engine._submit

    def submit(queue: Queue, body: Sequence[Descriptor], after: Sequence[Fence], why: str) -> Steps[Fence]:
        if why == "invalidate":
            raise DeviceError("NONE", state="a surface reaches past the end of device memory")
        return (yield from real(queue, body, after, why))

    owned = int(world.host.owned.sum())
    world.engine._submit = submit  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="past the end of device memory"):
        world.run(world.driver.transfers.staging.take())
    assert int(world.host.owned.sum()) == owned and not world.device.locks
    world.engine._submit = real  # type: ignore[method-assign]
    assert world.run(world.driver.transfers.staging.take()).memory.size
