"""Another device at the buffer: scatter lists, DMA by a second engine, static and dynamic importers, moving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from models.attachment import Direction, ScatterList
from models.bracket import begin, end
from models.client.portable import Portable
from models.client.process import Process
from models.device import Device
from models.dmabuf import Buffer, DmaBuf
from models.drawing import FillBox
from models.driver import Driver
from models.errors import DeviceError, DriverError
from models.events import Attach
from models.exporter import Exporter
from models.faultline_engine import FaultlineEngine
from models.fence import Fence, Usage
from models.importer import DeviceFiles, ForeignImport
from models.layout import Layout
from models.memory import Bytes, HostMemory
from models.oracle import Oracle
from models.page_table import Mapping
from models.perform import Machine, run, run_together
from models.policy import Policy
from models.policy.adaptive import Adaptive
from models.policy.aperture import AperturePolicy
from models.policy.damage_rectangles import DamageRectangles
from models.policy.deferred_io import DeferredIo
from models.policy.no_mmap import NoMmap
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.region_transfer import RegionTransfer
from models.policy.sync_bracket import SyncBracket
from models.policy.tracking import Tracked
from models.policy.vmwgfx import Vmwgfx
from models.policy.whole_surface import WholeSurface
from models.publish import damage, flush
from models.steps import Steps
from models.surface import Box
from models.transfer_object import MapFlag
from tests.models.world import noise, permit


@dataclass
class Pair:
    """Two devices on one host RAM, a buffer of the first, and the second's import of it."""

    machine: Machine
    one: Driver
    two: Driver
    buffer: Buffer
    shared: DmaBuf
    target: Buffer
    client: Process
    mapping: Mapping
    files: DeviceFiles
    foreign: ForeignImport

    def run(self, steps: Any) -> Any:
        return run(steps, self.machine)

    def picture(self, slot: int, buffer: Buffer) -> Bytes:
        surface = buffer.surface
        return surface.detile(self.machine.devices[slot].memory[surface.base : surface.base + surface.size])


def make_pair(policy: Policy | None = None) -> Pair:
    host = HostMemory(None, 16 << 20)
    machine = Machine([Device(host, device_size=1 << 20) for _ in range(2)])
    drivers = [
        Driver(host, FaultlineEngine(host, ring_log2=6, slot=slot), used, device=name)
        for slot, (name, used) in enumerate((("faultline", policy or PageMkwrite()), ("other", PageMkwrite())))
    ]
    one, two = drivers
    one.peers.add("other")
    for driver in drivers:
        run(driver.initialise(), machine)
    buffer = run(one.create("canvas", 160, 40, 4, Layout.Y_TILED), machine)
    target = run(two.create("target", 160, 40, 4, Layout.X_TILED), machine)
    shared = one.export(buffer)
    client = Process("client", one)
    descriptor = client.files.install(shared.get())
    mapping: Any = client.map(descriptor) if one.policy.mmap else None
    files = DeviceFiles("other")
    handle, _ = files.import_dmabuf(shared)
    foreign = files.foreign(handle, host, two.engine)
    return Pair(machine, one, two, buffer, shared, target, client, mapping, files, foreign)


@pytest.fixture
def pair() -> Pair:
    return make_pair()


def refuses(errno: str) -> pytest.RaisesContext[DriverError]:
    return pytest.raises(DriverError, match=f"^{errno}:")


def test_a_scatter_list_merges_neighbours_and_keeps_the_order() -> None:
    assert ScatterList.of([5, 6, 7, 2, 9, 8]).segments == ((5, 3), (2, 1), (9, 1), (8, 1))
    assert ScatterList.of([5, 6, 7, 2, 9, 8]).frames() == [5, 6, 7, 2, 9, 8]


def test_a_second_engine_fetches_what_cpu_and_first_engine_wrote(pair: Pair) -> None:
    """R4, R10: through the exporter's pages, behind the exporter's work."""
    image = noise(1, 40, 640)
    pair.run(pair.client.store_box(pair.mapping, 0, 0, image))
    pair.run(pair.one.draw(pair.buffer, [FillBox(Box(40, 3, 200, 9), b"fill")]))
    image[3:12, 40:240] = np.tile(np.frombuffer(b"fill", np.uint8), 50)
    pair.run(pair.foreign.map(Direction.TO_DEVICE))
    pair.run(pair.two.wait(pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))))
    assert np.array_equal(pair.picture(1, pair.target), image)
    assert [event.device for event in pair.machine.events if isinstance(event, Attach)] == ["other"]
    # Drawn while it is mapped: the host's pages follow without any fault.
    pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 20, 640, 2), b"more")]))
    pair.run(pair.two.wait(pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))))
    assert bytes(pair.picture(1, pair.target)[20, :8]) == b"moremore"
    with refuses("EINVAL"):
        pair.run(pair.foreign.map())
    pair.run(pair.foreign.unmap())
    with refuses("EINVAL"):
        pair.run(pair.foreign.unmap())
    with refuses("EINVAL"):
        pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))


def test_what_a_second_engine_writes_reaches_the_cpu_and_the_first_engine(pair: Pair) -> None:
    """R4, R14, R19."""
    pair.run(pair.foreign.map())
    drawn = pair.run(pair.two.draw(pair.target, [FillBox(Box(0, 0, 640, 40), b"two!")]))
    part = Box(80, 4, 160, 12)
    fence = pair.run(pair.foreign.write(pair.target.surface_handle, part, offset=4 * 640 + 80, after=[drawn]))
    assert fence in pair.buffer.reservation.query(Usage.WRITE)
    pair.run(pair.one.device_read(pair.buffer))
    assert fence.done, "the exporter's device waited for the importer's"
    expected = np.zeros((40, 640), np.uint8)
    expected[4:16, 80:240] = np.tile(np.frombuffer(b"two!", np.uint8), 40)
    assert np.array_equal(pair.picture(0, pair.buffer), expected)
    assert np.array_equal(pair.run(pair.client.load_box(pair.mapping, pair.buffer.surface.box)), expected)
    pair.run(pair.foreign.unmap())
    pair.run(pair.one.device_read(pair.buffer))
    assert np.array_equal(pair.picture(0, pair.buffer), expected)


def test_a_device_that_only_reads_cannot_write(pair: Pair) -> None:
    """R4: the importer's entries are read-only then."""
    pair.run(pair.foreign.map(Direction.TO_DEVICE))
    fence = pair.run(pair.foreign.write(pair.target.surface_handle, pair.target.surface.box))
    with pytest.raises(Exception, match="READ_ONLY"):
        pair.run(pair.two.wait(fence))


def test_a_static_map_waits_for_kernel_fences_only(pair: Pair) -> None:
    """R4."""
    kernel = pair.run(pair.one.engine.invalidate(pair.buffer.object_handle))
    pair.buffer.reservation.add(kernel, Usage.KERNEL)
    other = pair.run(pair.two.draw(pair.target, [FillBox(Box(0, 0, 640, 40), b"two!")]))
    pair.buffer.reservation.add(other, Usage.READ)
    pair.run(pair.foreign.map(Direction.TO_DEVICE))
    assert kernel.done and not other.done


@pytest.mark.parametrize("policy", [PageMkwrite, PagePagetable, WholeSurface, Vmwgfx, Adaptive])
def test_a_drawing_survives_a_readback_that_failed_for_another_device(policy: type[Tracked]) -> None:
    """R19, R31: the host's old copy of a page is never uploaded over what the device drew, however often it draws."""
    pair = make_pair(policy())
    box = pair.buffer.surface.box
    pair.run(pair.foreign.map(Direction.BIDIRECTIONAL))
    pair.run(permit(pair.one, pair.buffer, 0, writable=False))
    expected = np.zeros((40, 640), np.uint8)
    for y in (0, 20):
        pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, y, 640, 2), b"new!")]))
        expected[y : y + 2] = np.tile(np.frombuffer(b"new!", np.uint8), 160)
        pair.run(pair.one.device_read(pair.buffer))
        assert np.array_equal(pair.picture(0, pair.buffer), expected)
    # Once it can be brought back it is, with the next drawing, and the other device gets it.
    pair.run(permit(pair.one, pair.buffer, 0, writable=True))
    pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 39, 640, 1), b"last")]))
    expected[39] = np.tile(np.frombuffer(b"last", np.uint8), 160)
    pair.run(pair.two.wait(pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))))
    assert np.array_equal(pair.picture(1, pair.target), expected)
    drawn = pair.run(pair.two.draw(pair.target, [FillBox(Box(0, 10, 640, 1), b"two!")]))
    line = Box(0, 10, 640, 1)
    pair.run(pair.foreign.write(pair.target.surface_handle, line, offset=10 * 640, after=[drawn]))
    expected[10] = np.tile(np.frombuffer(b"two!", np.uint8), 160)
    pair.run(pair.one.device_read(pair.buffer))
    assert np.array_equal(pair.picture(0, pair.buffer), expected)
    assert np.array_equal(pair.run(pair.client.load_box(pair.mapping, box)), expected)


@pytest.mark.parametrize("policy", [PageMkwrite, WholeSurface, Adaptive])
def test_a_device_never_fetches_an_old_copy_because_a_readback_for_it_has_failed(policy: type[Policy]) -> None:
    """R4: its DMA tries again, and is refused where that fails too."""
    pair = make_pair(policy())
    pair.run(pair.foreign.map())
    pair.run(permit(pair.one, pair.buffer, 0, writable=False))
    pair.run(pair.one.wait(pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 16, 1), b"new!")]))))
    for dma in (pair.foreign.read, pair.foreign.write):
        with refuses("EIO"):
            pair.run(dma(pair.target.surface_handle, Box(0, 0, 16, 1)))
    assert not pair.machine.locks
    pair.run(permit(pair.one, pair.buffer, 0, writable=True))
    assert fetched(pair)[0, :16].tobytes() == b"new!" * 4


def test_storage_moves_until_a_static_importer_maps_it(pair: Pair) -> None:
    """R4, R20: entries go, bytes stay."""
    image = noise(2, 40, 640)
    pair.run(pair.client.store_box(pair.mapping, 0, 0, image))
    exporter = pair.shared.operations.map.__self__  # type: ignore[union-attr]
    before = list(pair.buffer.frames)
    pair.run(exporter.move())
    assert not set(before) & set(pair.buffer.frames) and not pair.mapping.present.any()
    assert all(pair.one.host.owner(frame) is None for frame in before)
    assert np.array_equal(pair.run(pair.client.load_box(pair.mapping, pair.buffer.surface.box)), image)
    pair.run(pair.one.device_read(pair.buffer))
    assert np.array_equal(pair.picture(0, pair.buffer), image)
    pair.run(pair.foreign.map(Direction.TO_DEVICE))
    with refuses("EBUSY"):
        pair.run(exporter.move())
    assert not pair.machine.locks
    pair.run(pair.foreign.unmap())
    pair.run(exporter.move())


def test_a_dynamic_importer_is_told_of_a_move_and_maps_again(pair: Pair) -> None:
    """R4."""
    told: list[str] = []
    attachment = pair.shared.attach("other", lambda: told.append("moved"))
    pair.run(pair.shared.map(attachment, Direction.TO_DEVICE))
    pair.run(pair.shared.operations.map.__self__.move())  # type: ignore[union-attr]
    assert told == ["moved"] and not attachment.mapped
    scatter = pair.run(pair.shared.map(attachment, Direction.TO_DEVICE))
    assert scatter.frames() == pair.buffer.frames
    with refuses("EINVAL"):
        pair.shared.detach(attachment)
    pair.run(pair.shared.unmap(attachment))
    pair.shared.detach(attachment)


def test_a_handle_that_is_no_import_has_no_attachment(pair: Pair) -> None:
    """R3."""
    here = DeviceFiles("faultline")
    handle, same = here.import_dmabuf(pair.shared)
    assert same
    with refuses("EINVAL"):
        here.attachment(handle)
    with refuses("EINVAL"):
        here.foreign(handle, pair.one.host, pair.two.engine)
    pair.run(here.close_all())
    pair.run(pair.files.close_all())
    assert pair.shared.attachments == []


def test_an_import_on_another_device_has_one_handle_and_is_exported_as_the_original(pair: Pair) -> None:
    """R3."""
    handle, same = pair.files.import_dmabuf(pair.shared)
    assert not same and pair.files.import_dmabuf(pair.shared) == (handle, False)
    assert pair.files.export(handle) is pair.shared and len(pair.shared.attachments) == 1
    assert pair.files.foreign(handle, pair.one.host, pair.two.engine) is pair.foreign


@pytest.mark.parametrize("mapped", ["by the engine", "by itself"])
def test_a_client_that_ends_with_a_mapped_import_leaves_nothing(pair: Pair, mapped: str) -> None:
    """R2, R4: closing waits for the DMA, and unmaps, detaches and gives the reference back."""
    ending = Process("ending", pair.two)
    handle, _ = ending.handles.import_dmabuf(pair.shared)
    before, pins = pair.shared.references, pair.buffer.pins
    drawn = pair.run(pair.two.draw(pair.target, [FillBox(Box(0, 0, 640, 40), b"two!")]))
    if mapped == "by the engine":
        foreign = ending.handles.foreign(handle, pair.one.host, pair.two.engine)
        pair.run(foreign.map())
        fence = pair.run(foreign.write(pair.target.surface_handle, pair.target.surface.box, after=[drawn]))
        pair.run(ending.exit())
        assert fence.done
        pair.run(pair.one.device_read(pair.buffer))
        assert bytes(pair.picture(0, pair.buffer)[20, :8]) == b"two!two!"
    else:
        pair.run(pair.shared.map(ending.handles.attachment(handle), Direction.TO_DEVICE))
        pair.run(ending.exit())
    assert len(pair.shared.attachments) == 1, "the other import's"
    assert (pair.shared.references, pair.buffer.pins) == (before - 1, pins)
    assert not pair.machine.locks


class Dead:
    """An engine that cannot be waited for: its registers answer no more."""

    def wait(self, fence: Fence, **_: object) -> Steps[None]:
        raise DeviceError("BUS_ERROR", state="writing a record or a fence")
        yield

    def poll(self, fence: Fence) -> Steps[bool]:
        yield from ()
        return False


OPERATIONS: dict[str, Callable[[Pair], Steps[object]]] = {
    "draw": lambda pair: pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 640, 2), b"more")]),
    "device read": lambda pair: pair.one.device_read(pair.buffer),
    "end": lambda pair: end(pair.shared, write=True),
    "flush": lambda pair: flush(pair.one, pair.buffer),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_lock_is_left_behind_where_another_engine_is_dead(operation: str) -> None:
    """R11, R19: an error that nothing cures ends the operation; SYNC tells EIO, the others the device's own error."""
    pair = make_pair(SyncBracket() if operation == "end" else None)
    pair.run(pair.foreign.map())
    pair.buffer.reservation.add(Fence(0, 9, engine=Dead()), Usage.WRITE)
    error, match = (DriverError, "EIO") if operation == "end" else (DeviceError, "BUS_ERROR")
    with pytest.raises(error, match=match):
        pair.run(OPERATIONS[operation](pair))
    assert not pair.machine.locks


NEWEST = [
    PageMkwrite, PagePagetable, WholeSurface, Vmwgfx, Adaptive, AperturePolicy,
    DeferredIo, SyncBracket, NoMmap, RegionTransfer,
]  # fmt: skip
"""Strategies that make host pages the newest for others; under damage rectangles they are the client's alone."""


def word(text: bytes) -> Bytes:
    """One row of 16 bytes."""
    return np.frombuffer(text * 4, np.uint8).reshape(1, 16)


def fetched(pair: Pair) -> Bytes:
    """What the second device reads of the host's pages."""
    pair.run(pair.two.wait(pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))))
    return pair.picture(1, pair.target)


def reached(pair: Pair) -> Bytes:
    """What lies at the addresses that the second device was given, before any DMA of its driver."""
    scatter = pair.foreign.attachment.scatter
    assert scatter is not None
    return pair.machine.devices[0].host.pages[scatter.frames()].reshape(-1)


def foreign_write(pair: Pair, row: int, text: bytes) -> Fence:
    """Have the second device write 64 bytes of a row; nobody waits."""
    drawn = pair.run(pair.two.draw(pair.target, [FillBox(Box(0, row, 64, 1), text)]))
    box = Box(0, row, 64, 1)
    fence: Fence = pair.run(pair.foreign.write(pair.target.surface_handle, box, offset=row * 640, after=[drawn]))
    return fence


def put(pair: Pair, text: bytes) -> None:
    """Write 16 bytes through a transfer object."""
    flags = MapFlag.WRITE | MapFlag.DISCARD_RANGE
    transfer = pair.run(pair.client.transfer_map(pair.buffer, Box(0, 0, 16, 1), flags))
    transfer.data[:] = word(text)
    pair.run(pair.one.wait(pair.run(pair.client.transfer_unmap(transfer))))


@pytest.mark.parametrize("policy", NEWEST)
def test_a_map_makes_the_pages_right_before_it_says_where_they_are(policy: type[Policy]) -> None:
    """R4: for a device that looks at once, with a driver that does not ask again."""
    pair = make_pair(policy())
    pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 16, 1), b"new!")]))
    pair.run(pair.foreign.map(Direction.TO_DEVICE))
    assert reached(pair)[:16].tobytes() == b"new!" * 4


@pytest.mark.parametrize("policy", NEWEST)
def test_a_transfer_reaches_a_device_that_has_the_buffer_mapped(policy: type[Policy]) -> None:
    """R4, R26: that device has no fault, so the host's page is right as soon as the transfer is sent."""
    pair = make_pair(policy())
    pair.run(pair.foreign.map())
    put(pair, b"new!")
    assert reached(pair)[:16].tobytes() == b"new!" * 4
    pair.run(pair.two.wait(foreign_write(pair, 1, b"two!")))
    assert pair.picture(0, pair.buffer)[0, :16].tobytes() == b"new!" * 4


def test_an_aperture_store_reaches_a_device_that_has_the_buffer_mapped() -> None:
    """R4."""
    pair = make_pair(AperturePolicy())
    pair.run(pair.foreign.map())
    pair.run(pair.client.store_box(pair.mapping, 0, 0, word(b"new!")))
    assert reached(pair)[:16].tobytes() == b"new!" * 4


LOOKS = [(policy, look) for policy in NEWEST for look in ("load", "transfer") if policy.mmap or look == "transfer"]


@pytest.mark.parametrize("policy, look", LOOKS)  # noqa: PT006 (as the broken drivers read it)
def test_what_another_device_is_writing_is_waited_for(policy: type[Policy], look: str) -> None:
    """R4, R10: by a fault, by an aperture, by a transfer."""
    pair = make_pair(policy())
    pair.run(pair.foreign.map())
    under_way = foreign_write(pair, 0, b"two!")
    assert not under_way.done
    if look == "transfer":
        transfer = pair.run(pair.client.transfer_map(pair.buffer, Box(0, 0, 16, 1), MapFlag.READ))
        seen = transfer.data
    else:
        if policy is SyncBracket:
            pair.run(begin(pair.shared, write=False))
        seen = pair.run(pair.client.load_box(pair.mapping, Box(0, 0, 16, 1)))
    assert under_way.done and seen.tobytes() == b"two!" * 4


def test_what_another_device_is_reading_is_not_overwritten() -> None:
    """R4, R10: what a drawing brings back for it comes after its DMA."""
    pair = make_pair()
    pair.run(pair.client.store_box(pair.mapping, 0, 0, word(b"old!")))
    pair.run(pair.foreign.map())
    reading = pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))
    assert not reading.done
    pair.run(pair.one.wait(pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 16, 1), b"new!")]))))
    pair.run(pair.two.wait(reading))
    assert pair.picture(1, pair.target)[0, :16].tobytes() == b"old!" * 4
    assert fetched(pair)[0, :16].tobytes() == b"new!" * 4


@pytest.mark.parametrize("how", ["kernel", "map", "push"])
def test_stores_that_no_rectangle_has_named_survive_a_readback(how: str) -> None:
    """R28, R31: for the kernel, for another device that maps, for one that has mapped."""
    pair = make_pair(DamageRectangles())
    drawing = [FillBox(Box(64, 0, 16, 1), b"draw")]
    if how == "push":
        pair.run(pair.foreign.map(Direction.TO_DEVICE))
    else:
        pair.run(pair.one.wait(pair.run(pair.one.draw(pair.buffer, drawing))))
    pair.run(pair.client.store_box(pair.mapping, 0, 0, word(b"cpu!")))
    if how == "kernel":
        pair.shared.vmap()
        pair.run(begin(pair.shared, write=False))
        pair.shared.vunmap()
    elif how == "map":
        pair.run(pair.foreign.map(Direction.TO_DEVICE))
    else:
        pair.run(pair.one.wait(pair.run(pair.one.draw(pair.buffer, drawing))))
    assert pair.run(pair.client.load_box(pair.mapping, Box(0, 0, 16, 1))).tobytes() == b"cpu!" * 4
    pair.run(damage(pair.one, pair.buffer, [Box(0, 0, 16, 1)]))
    assert pair.picture(0, pair.buffer)[0, :16].tobytes() == b"cpu!" * 4


def test_an_aperture_store_is_not_lost_after_another_device_had_the_buffer() -> None:
    """R4, R31: its old host page is not sent over the store."""
    pair = make_pair(AperturePolicy())
    watch: dict[Buffer, Oracle] = {}
    watch[pair.buffer] = Oracle(pair.buffer.surface, pair.one.policy.promise, others=watch)
    client = Portable("portable", pair.one, pair.shared, watch)
    pair.run(pair.foreign.map())
    pair.run(pair.foreign.unmap())
    pair.run(client.write_box(0, 0, word(b"cpu!")))
    for _ in range(2):
        assert pair.run(client.read_box(Box(0, 0, 16, 1))).tobytes() == b"cpu!" * 4
        pair.run(client.show())
    assert not watch[pair.buffer].violations


def test_an_import_for_which_the_engine_has_no_room_leaves_nothing() -> None:
    """R4: ENOMEM; and closing it takes no other object of the engine."""
    pair = make_pair()
    taken = []
    with refuses("ENOMEM"):
        while True:
            taken.append(pair.run(pair.two.engine.bind_object(pair.target.table)))
    with refuses("ENOMEM"):
        pair.run(pair.foreign.map())
    assert not pair.foreign.mapped and not pair.foreign.known and not pair.foreign.attachment.mapped
    with refuses("EINVAL"):
        pair.run(pair.foreign.write(pair.target.surface_handle, Box(0, 0, 64, 1)))
    pair.run(pair.files.close_all())
    other = Process("other", pair.two)
    mapping = other.map(other.files.install(pair.two.export(pair.target)))
    pair.run(other.store_box(mapping, 0, 0, word(b"mine")))
    pair.run(pair.two.device_read(pair.target))
    assert pair.picture(1, pair.target)[0, :16].tobytes() == b"mine" * 4


def test_a_move_keeps_what_a_dynamic_importer_wrote_and_ends_its_mapping() -> None:
    """R4: until it maps again."""
    pair = make_pair()
    attachment = pair.shared.attach("other", lambda: None)
    pair.foreign = ForeignImport(pair.one.host, pair.two.engine, pair.shared, attachment)
    pair.run(pair.foreign.map())
    pair.run(pair.two.wait(foreign_write(pair, 0, b"two!")))
    pair.run(Exporter(pair.one, pair.buffer).move())
    assert not pair.foreign.mapped
    pair.run(pair.one.device_read(pair.buffer))
    assert pair.picture(0, pair.buffer)[0, :16].tobytes() == b"two!" * 4
    with refuses("EINVAL"):
        pair.run(pair.foreign.write(pair.target.surface_handle, Box(0, 0, 64, 1)))
    pair.run(pair.foreign.map())
    pair.run(pair.two.wait(foreign_write(pair, 1, b"more")))
    pair.run(pair.foreign.unmap())
    pair.run(pair.one.device_read(pair.buffer))
    assert pair.picture(0, pair.buffer)[1, :16].tobytes() == b"more" * 4
    assert not pair.machine.locks


def test_a_released_buffer_that_is_still_mapped_is_freed_when_it_no_longer_is() -> None:
    """R2, R4: and the others in the meantime."""
    pair = make_pair()
    attachment = pair.shared.attach("other")
    pair.run(pair.shared.map(attachment, Direction.TO_DEVICE))
    pair.run(pair.client.exit())
    pair.run(pair.files.close_all())
    pair.shared.put()
    frame, owner = pair.buffer.frames[0], pair.one.host.owner(pair.buffer.frames[0])
    pair.run(pair.one.reap())
    assert pair.one.host.owner(frame) == owner
    pair.run(pair.shared.unmap(attachment))
    pair.shared.detach(attachment)
    pair.run(pair.one.reap())
    assert pair.one.host.owner(frame) != owner and not pair.one.released


def test_no_dma_of_an_import_is_submitted_while_the_buffer_is_grabbed(pair: Pair) -> None:
    """R4, R24."""
    pair.run(pair.foreign.map())
    pair.run(pair.client.grabs.grab(pair.buffer, 2))
    with refuses("EBUSY"):
        pair.run(pair.foreign.write(pair.target.surface_handle, Box(0, 0, 64, 1)))
    pair.client.grabs.release(pair.buffer)
    pair.run(pair.two.wait(pair.run(pair.foreign.write(pair.target.surface_handle, Box(0, 0, 64, 1)))))


@pytest.mark.parametrize("seed", range(30))
def test_a_drawing_while_another_device_maps_is_brought_back_for_it(seed: int) -> None:
    """R4: it came between the readback of the map and its end."""
    pair = make_pair()
    pair.run(pair.one.device_read(pair.buffer))

    def draw() -> Steps[None]:
        yield from pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 64, 1), b"new!")])

    run_together([pair.foreign.map(Direction.TO_DEVICE), draw()], pair.machine, Random(seed).randrange)
    pair.run(pair.two.wait(pair.run(pair.foreign.read(pair.target.surface_handle, pair.target.surface.box))))
    assert bytes(pair.picture(1, pair.target)[0, :4]) == b"new!"


def test_two_threads_that_map_one_import_pin_it_once(pair: Pair) -> None:
    """R4: the second is refused, and what it pinned is let go."""
    told: list[str] = []

    def mapping() -> Steps[None]:
        try:
            yield from pair.foreign.map()
        except DriverError as error:
            told.append(error.errno)

    run_together([mapping(), mapping()], pair.machine, Random(1).randrange)
    assert told == ["EINVAL"] and pair.buffer.pins == 1
    pair.run(pair.foreign.unmap())
    assert not pair.buffer.pins


@pytest.mark.parametrize("seed", range(40))
def test_an_import_that_is_closed_while_it_is_mapped_leaves_nothing(seed: int) -> None:
    """R2, R4: the map ends first, or is refused."""
    pair = make_pair()
    pair.run(pair.one.draw(pair.buffer, [FillBox(Box(0, 0, 64, 1), b"new!")]))
    before = pair.shared.references
    told: list[str] = []

    def mapping() -> Steps[None]:
        try:
            yield from pair.foreign.map()
        except DriverError as error:
            told.append(error.errno)

    run_together([mapping(), pair.files.close_all()], pair.machine, Random(seed).randrange)
    assert told in ([], ["EINVAL"])
    assert pair.shared.attachments == [] and not pair.foreign.known and not pair.buffer.pins
    assert pair.shared.references == before - 1
    assert len([table for table in pair.two.engine._objects if table is not None]) == 1, "the target's"


def test_a_handle_whose_bare_attachment_is_being_mapped_stays(pair: Pair) -> None:
    """R4."""
    ending = Process("ending", pair.two)
    handle, _ = ending.handles.import_dmabuf(pair.shared)
    attachment = ending.handles.attachment(handle)
    steps = pair.shared.map(attachment, Direction.TO_DEVICE)
    next(steps)
    with refuses("EBUSY"):
        pair.run(ending.handles.close(handle))
    assert ending.handles.attachment(handle) is attachment


@pytest.mark.parametrize("seed", range(60))
def test_no_dma_goes_on_where_an_import_was_closed_beside_it(seed: int) -> None:
    """R4: it ends before the pages are given back, or is refused."""
    pair = make_pair()
    pair.run(pair.foreign.map())
    told: list[str] = []

    def deliver() -> Steps[None]:
        try:
            yield from pair.two.wait((yield from pair.foreign.write(pair.target.surface_handle, Box(0, 0, 64, 1))))
        except (DriverError, DeviceError) as error:
            told.append(str(error))

    run_together([deliver(), pair.files.close_all()], pair.machine, Random(seed).randrange)
    assert not told or "not mapped" in told[0]
