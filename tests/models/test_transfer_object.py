"""Transfer objects: every usage flag, bounded staging in bands, boxes and nothing around them, several at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import publish
from models.drawing import CopyBox, FillBox
from models.engine import Queue
from models.errors import DeviceError, DriverError
from models.events import FenceWait, Submit
from models.fence import Fence, Usage
from models.layout import IrqStatus, Layout, PageTableEntry
from models.oracle import render
from models.policy.damage_rectangles import DamageRectangles
from models.policy.page_mkwrite import PageMkwrite
from models.policy.region_transfer import RegionTransfer
from models.signals import Signals
from models.staging import Staging, bands
from models.steps import Acquire, Steps, WaitIrq
from models.surface import Box
from models.transfer_object import POISON, MapFlag, TransferObject, _differences
from tests.models.world import World, make_world, noise

READ, WRITE, RANGE, WHOLE = MapFlag.READ, MapFlag.WRITE, MapFlag.DISCARD_RANGE, MapFlag.DISCARD_WHOLE
UNSYNC, DONTBLOCK, EXPLICIT = MapFlag.UNSYNCHRONIZED, MapFlag.DONTBLOCK, MapFlag.FLUSH_EXPLICIT
PERSISTENT, COHERENT = MapFlag.PERSISTENT, MapFlag.COHERENT
BOX = Box(100, 8, 300, 10)
FILL = FillBox(BOX, bytes((1, 2, 3, 4)))


@pytest.fixture
def world() -> World:
    return make_world(policy=RegionTransfer())


def refuses(errno: str) -> pytest.RaisesContext[DriverError]:
    return pytest.raises(DriverError, match=f"^{errno}:")


def mapped(world: World, box: Box, flags: MapFlag) -> TransferObject:
    found: TransferObject = world.run(world.writer.transfer_map(world.buffer, box, flags))
    return found


def put(world: World, box: Box, data: np.ndarray, flags: MapFlag = WRITE | RANGE) -> None:
    transfer = mapped(world, box, flags)
    transfer.data[:] = data
    world.run(world.writer.transfer_unmap(transfer))


def current(world: World) -> np.ndarray:
    """What the device has when everything has ended."""
    world.run(world.driver.device_read(world.buffer))
    return world.scanout()


def painted(world: World) -> np.ndarray:
    image = noise(3, 40, 640)
    put(world, world.buffer.surface.box, image)
    world.mark()
    return image


def queues(world: World) -> list[int]:
    """Queues that the CPU waited for, but for a slot of staging."""
    return [event.queue for event in world.events(FenceWait) if event.cause != "staging"]


# ------------------------------------------------------------------------------------------------------- flags


def test_every_combination_of_flags_is_taken_or_refused_by_the_rules(world: World) -> None:
    """R26, R28, R29: all 511 of them."""
    refused = 0
    for count in range(10):
        for chosen in combinations(MapFlag, count):
            flags = MapFlag(0)
            for flag in chosen:
                flags |= flag
            good = (
                bool(flags & (READ | WRITE))
                and not (flags & READ and flags & (RANGE | WHOLE))
                and (bool(flags & WRITE) or not flags & (RANGE | WHOLE | EXPLICIT))
                and (bool(flags & PERSISTENT) or not flags & COHERENT)
            )
            answers = {"EINVAL"}
            if good:
                answers = {"EOPNOTSUPP"} if flags & COHERENT else {"", "EBUSY"} if flags & DONTBLOCK else {""}
            found = ""
            try:
                transfer = world.run(world.driver.transfers.map(world.buffer, BOX, flags))
                world.run(world.driver.transfers.unmap(transfer))
            except DriverError as error:
                found = error.errno
            assert found in answers, flags
            refused += bool(found)
    assert refused > 300 and not world.device.locks


@pytest.mark.parametrize("box", [Box(0, 0, 644, 1), Box(-4, 0, 8, 1), Box(2, 0, 4, 1), Box(0, 39, 4, 2)])
def test_a_box_outside_of_the_surface_is_refused(world: World, box: Box) -> None:
    with refuses("EINVAL"):
        mapped(world, box, READ)


def test_a_map_to_read_waits_and_reads_back_exactly_the_box(world: World) -> None:
    """R25."""
    image = painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    before = len(world.engine.records)
    transfer = mapped(world, Box(80, 4, 200, 20), READ)
    render(image, [FILL])
    assert np.array_equal(transfer.data, image[4:24, 80:280])
    assert Queue.RENDER in queues(world)
    assert sum(record.bytes for record in world.engine.records[before:] if record.opcode == 1) == 4000
    assert not world.oracle.violations


def test_a_map_to_write_without_a_discard_reads_back_too(world: World) -> None:
    """R25, R31: what was not changed goes back as it was."""
    image = painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    transfer = mapped(world, BOX, WRITE)
    transfer.data[3, 40:60] = 0xEE
    world.run(world.writer.transfer_unmap(transfer))
    render(image, [FILL])
    image[11, 140:160] = 0xEE
    assert np.array_equal(current(world), image) and not world.oracle.violations


def test_a_range_that_is_known_to_be_clean_needs_neither_wait_nor_readback(world: World) -> None:
    """R25, R30: only the pages that the device wrote are asked for."""
    world.run(world.driver.device_read(world.buffer))
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    transfer = mapped(world, Box(0, 30, 640, 4), READ | WRITE)
    assert not transfer.data.any() and not world.events(FenceWait) and not world.events(Submit)


def test_a_discarded_range_is_not_read_back_and_undefined(world: World) -> None:
    """R26."""
    painted(world)
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    transfer = mapped(world, BOX, WRITE | RANGE)
    assert (transfer.data == POISON).all() and not world.events(FenceWait) and not world.events(Submit)
    transfer.data[:] = 7
    world.run(world.writer.transfer_unmap(transfer))
    assert not queues(world), "the engine holds the upload back, not the CPU"
    assert (current(world)[8:18, 100:400] == 7).all()


def test_the_whole_may_swap_storage_instead_of_waiting(world: World) -> None:
    """R26: a later unsynchronised map disturbs nothing that was submitted before."""
    image = painted(world)
    target = world.run(world.driver.create("target", 160, 40, 4, Layout.LINEAR))
    world.run(world.driver.draw(target, [CopyBox(Box(0, 0, 640, 40), 0, 0, world.buffer)]))
    old = world.buffer.surface.base
    world.mark()
    put(world, Box(0, 0, 40, 2), noise(4, 2, 40), WRITE | WHOLE)
    put(world, Box(80, 0, 40, 2), noise(5, 2, 40), WRITE | RANGE | UNSYNC)
    assert world.buffer.surface.base != old and not queues(world)
    world.run(world.driver.device_read(target))
    shown = target.surface.detile(world.device.memory[target.surface.base :][: target.surface.size])
    assert np.array_equal(shown, image), "drawn from what was there before the discard"
    seen = current(world)
    assert np.array_equal(seen[:2, :40], noise(4, 2, 40)) and np.array_equal(seen[:2, 80:120], noise(5, 2, 40))
    world.run(world.driver.reap())
    assert world.driver.memory.allocate(1) == old


@pytest.mark.parametrize("damage", [False, True], ids=["draw", "damage"])
def test_what_waits_for_the_lock_during_a_discard_goes_to_the_new_storage(damage: bool) -> None:
    """R26: the old one may be freed by then, and be another buffer's."""
    world = make_world(policy=DamageRectangles() if damage else None)
    box, driver = Box(0, 0, 640, 40), world.driver
    world.run(world.writer.store_box(world.mine, 0, 0, noise(1, 40, 640)))
    world.run(driver.draw(world.buffer, [FillBox(box, b"busy")]))
    steps = (
        publish.damage(driver, world.buffer, [box]) if damage else driver.draw(world.buffer, [FillBox(box, b"late")])
    )
    waits = next(steps)
    assert isinstance(waits, Acquire)
    put(world, Box(0, 0, 40, 2), noise(4, 2, 40), WRITE | WHOLE)
    world.run(driver.reap())
    other = world.run(driver.create("other", 160, 40, 4, Layout.Y_TILED))
    world.run(driver.device_read(other))

    def rest() -> Steps[None]:
        yield waits
        yield from steps

    world.run(rest())
    world.run(driver.device_read(world.buffer))
    raw = world.device.memory[other.surface.base :][: other.surface.size]
    assert not raw.any(), "drawn on a buffer that nobody named"


def test_treating_the_whole_as_the_range_lets_an_unsynchronised_map_destroy_data(world: World) -> None:
    """R26: the twin of the test above. The upload overtakes the drawing, as the flag asks."""
    image = painted(world)
    target = world.run(world.driver.create("target", 160, 40, 4, Layout.LINEAR))
    world.run(world.driver.draw(target, [CopyBox(Box(0, 0, 640, 40), 0, 0, world.buffer)]))
    put(world, Box(80, 0, 40, 2), noise(5, 2, 40), WRITE | RANGE | UNSYNC)
    world.run(world.driver.device_read(target))
    shown = target.surface.detile(world.device.memory[target.surface.base :][: target.surface.size])
    assert not np.array_equal(shown, image)


def test_where_there_is_no_room_for_new_storage_a_discard_waits(world: World) -> None:
    """R26."""
    painted(world)
    world.driver.memory.allocate(world.driver.memory.size - 3 * world.buffer.surface.size)
    world.driver.memory.allocate(2 * world.buffer.surface.size - 4096)
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    old = world.buffer.surface
    mapped(world, BOX, WRITE | WHOLE)
    assert fence.done and world.buffer.surface is old


def test_an_unsynchronised_map_waits_for_no_drawing_but_for_its_readback(world: World) -> None:
    """R18, R27."""
    painted(world)
    world.run(world.driver.device_read(world.buffer))
    fence = world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 0, 640, 4), bytes(4))]))
    world.mark()
    transfer = world.run(world.driver.transfers.map(world.buffer, Box(0, 30, 640, 4), READ | UNSYNC))
    assert set(queues(world)) == {Queue.TRANSFER} and not fence.done
    assert np.array_equal(transfer.data, noise(3, 40, 640)[30:34])
    world.mark()
    world.run(world.driver.transfers.map(world.buffer, Box(0, 0, 640, 4), READ | UNSYNC))
    assert set(queues(world)) == {Queue.TRANSFER} and not fence.done, "not though it draws there"
    world.mark()
    world.run(world.driver.transfers.map(world.buffer, Box(0, 0, 640, 4), READ))
    assert set(queues(world)) == {Queue.TRANSFER, Queue.RENDER} and fence.done


def test_a_map_that_must_not_block_fails_if_busy_or_if_it_would_have_to_read_back(world: World) -> None:
    """R27."""
    painted(world)
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    for box in (BOX, Box(0, 30, 40, 2)):
        with refuses("EBUSY"):
            mapped(world, box, READ | DONTBLOCK)
    world.run(world.driver.wait(fence))
    with refuses("EBUSY"):
        mapped(world, BOX, READ | DONTBLOCK)
    fresh = make_world(policy=RegionTransfer())
    fresh.run(fresh.writer.draw(fresh.buffer, [FILL]))
    assert not mapped(fresh, Box(0, 30, 40, 2), READ | DONTBLOCK).data.any()
    fresh.device.locks.add(fresh.buffer.reservation.lock)
    with refuses("EBUSY"):
        mapped(fresh, Box(0, 30, 40, 2), READ | DONTBLOCK)


def test_only_flushed_ranges_are_uploaded_relative_to_the_box(world: World) -> None:
    """R28."""
    image = painted(world)
    transfer = mapped(world, Box(40, 5, 200, 20), WRITE | EXPLICIT)
    transfer.data[:] = 9
    transfer.flush(Box(8, 2, 40, 3))
    transfer.flush(Box(100, 10, 4, 1))
    transfer.flush(Box(0, 0, 0, 5))
    for wrong in (Box(0, 0, 201, 1), Box(-1, 0, 4, 1), Box(0, 19, 4, 2)):
        with refuses("EINVAL"):
            transfer.flush(wrong)
    world.run(world.writer.transfer_unmap(transfer))
    image[7:10, 48:88] = 9
    image[15, 140:144] = 9
    assert np.array_equal(current(world), image) and not world.oracle.violations


def test_without_explicit_flushes_the_unmap_uploads_the_box(world: World) -> None:
    """R28."""
    image = painted(world)
    transfer = mapped(world, BOX, WRITE)
    with refuses("EINVAL"):
        transfer.flush(Box(0, 0, 4, 1))
    transfer.data[:] = 9
    world.run(world.writer.transfer_unmap(transfer))
    for call in (world.driver.transfers.unmap, world.driver.transfers.barrier):
        with refuses("EINVAL"):
            world.run(call(transfer))
    image[8:18, 100:400] = 9
    assert np.array_equal(current(world), image)


def test_a_persistent_map_sees_the_device_after_a_barrier_and_not_before(world: World) -> None:
    """R29."""
    image = painted(world)
    transfer = mapped(world, BOX, READ | WRITE | PERSISTENT)
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
    assert np.array_equal(transfer.data, image[8:18, 100:400])
    read = mapped(world, BOX, READ)
    with refuses("EINVAL"):
        world.run(world.driver.transfers.barrier(read))
    lookup = mapped(world, BOX, READ | PERSISTENT)
    world.run(world.writer.draw(world.buffer, [FillBox(BOX, b"\7\7\7\7")]))
    world.run(world.driver.transfers.barrier(lookup))
    assert (lookup.data == 7).all()
    transfer.data[0, :4] = 5
    world.run(world.driver.transfers.barrier(transfer))
    assert (current(world)[8, 100:104] == 5).all()


def test_a_coherent_map_is_a_mapping_and_needs_no_barrier() -> None:
    """R29: it works where the strategy is coherent, and is refused elsewhere."""
    world = make_world(policy=PageMkwrite())
    region = world.run(world.writer.coherent_map(world.buffer, BOX))
    world.run(world.writer.draw(world.buffer, [FILL]))
    assert bytes(world.run(region.load(Box(0, 0, 8, 1)))) == bytes((1, 2, 3, 4)) * 2
    world.run(region.store(4, 2, noise(1, 2, 12)))
    assert np.array_equal(current(world)[10:12, 104:116], noise(1, 2, 12))
    world.run(region.unmap())
    assert not world.oracle.violations
    with refuses("EINVAL"):
        world.run(region.load(Box(296, 0, 8, 1)))
    plain = make_world(policy=RegionTransfer())
    with refuses("EOPNOTSUPP"):
        plain.run(plain.writer.coherent_map(plain.buffer, BOX))


def test_writing_where_nothing_was_ever_valid_needs_neither_wait_nor_readback_unless_shared() -> None:
    """R30."""
    for shared in (False, True):
        world = make_world(policy=RegionTransfer())
        buffer = world.run(world.driver.create("fresh", 160, 40, 4, Layout.MORTON))
        if shared:
            world.driver.export(buffer)
        foreign = world.run(world.driver.draw(world.buffer, [FILL]))
        buffer.reservation.add(foreign, Usage.WRITE)
        world.policy.drawing(buffer, (), range(buffer.pages), foreign)
        world.mark()
        transfer = world.run(world.driver.transfers.map(buffer, Box(0, 0, 640, 4), WRITE))
        assert bool(world.events(FenceWait)) is shared
        assert bool((transfer.data == POISON).all()) is not shared


def test_a_box_around_which_the_device_draws_loses_nothing(world: World) -> None:
    """R31: while it is mapped the device writes right beside it, on the same pages."""
    image = painted(world)
    transfer = mapped(world, Box(120, 10, 40, 4), WRITE | RANGE)
    beside = [FillBox(Box(100, 10, 20, 4), b"left"), FillBox(Box(160, 10, 20, 4), b"rite")]
    world.run(world.writer.draw(world.buffer, beside))
    transfer.data[:] = 1
    world.run(world.writer.transfer_unmap(transfer))
    render(image, beside)
    image[10:14, 120:160] = 1
    assert np.array_equal(current(world), image) and not world.oracle.violations


@pytest.mark.parametrize("work", ["reads", "draws over", "is read from another buffer"])
def test_drawing_stays_behind_an_unfinished_upload_of_what_it_touches(world: World, work: str) -> None:
    """R19, R27: a renderer that is faster than the transfer queue must not overtake it."""
    image = painted(world)
    world.device.settle()
    sent = noise(9, 10, 300)
    put(world, BOX, sent)
    image[8:18, 100:400] = sent
    target, copy = world.buffer, CopyBox(Box(100, 24, 300, 10), 100, 8)
    if work == "draws over":
        copy = CopyBox(BOX, 100, 24)
    elif work == "is read from another buffer":
        target = world.run(world.driver.create("other", 160, 40, 4, world.buffer.surface.layout))
        while world.device.advance_queue(Queue.RENDER):
            pass
        copy = CopyBox(Box(100, 24, 300, 10), 100, 8, world.buffer)
    world.run(world.driver.draw(target, [copy]))
    while world.device.advance_queue(Queue.RENDER):  # as far as it can without the other queue
        pass
    world.run(world.driver.device_read(target))
    surface = target.surface
    shown = surface.detile(world.device.memory[surface.base : surface.base + surface.size])
    assert np.array_equal(shown[copy.box.y : copy.box.y + 10, 100:400], image[copy.source_y :][:10, 100:400])


def test_several_transfers_are_open_at_once_and_end_in_any_order(world: World) -> None:
    image = painted(world)
    boxes = [Box(80 * n, 3 * n, 60, 5) for n in range(8)]
    transfers = [mapped(world, box, WRITE) for box in boxes]
    for number in (3, 0, 7, 1, 6, 2, 5, 4):
        transfers[number].data[:] = number
        world.run(world.writer.transfer_unmap(transfers[number]))
        box = boxes[number]
        image[box.y : box.y + 5, box.x : box.x + 60] = number
    assert np.array_equal(current(world), image) and not world.oracle.violations


# ----------------------------------------------------------------------------------------------------- staging


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 2000))
def test_bands_cover_the_box_once_and_none_is_too_large(width: int, height: int, size: int) -> None:
    box, covered = Box(7, 3, width, height), np.zeros((43, 307), np.int64)
    for band in bands(box, size):
        assert 0 < band.bytes <= size
        covered[band.y : band.y + band.height, band.x : band.x + band.width] += 1
    assert (covered[3 : 3 + height, 7 : 7 + width] == 1).all() and covered.sum() == box.bytes


@pytest.mark.parametrize(("limit", "count"), [(8 << 10, 7), (16 << 10, 4), (64 << 10, 1)])
def test_a_staging_limit_splits_a_large_box_into_bands(limit: int, count: int) -> None:
    """25,600 bytes of 640 a row through slots of half the limit."""
    world = make_world(policy=RegionTransfer(), staging=limit)
    image = painted(world)
    world.run(world.driver.device_read(world.buffer))
    before = len(world.engine.records)
    transfer = mapped(world, world.buffer.surface.box, READ)
    assert np.array_equal(transfer.data, image)
    assert len([record for record in world.engine.records[before:] if record.opcode == 1]) == count
    assert np.array_equal(current(world), image)


def test_a_row_wider_than_the_staging_is_cut_as_well() -> None:
    world = make_world(policy=RegionTransfer(), width=3000, height=3, staging=8 << 10)
    image = noise(6, 3, 12000)
    put(world, world.buffer.surface.box, image)
    assert np.array_equal(mapped(world, world.buffer.surface.box, READ).data, image)


def test_staging_smaller_than_a_page_a_slot_is_refused(world: World) -> None:
    with refuses("EINVAL"):
        Staging(world.host, world.engine, 4096, 2)


def test_a_readback_that_fails_is_eio_and_leaves_nothing_held(world: World) -> None:
    painted(world)
    mapped(world, BOX, READ)
    slots = world.driver.transfers.staging
    table = world.engine._objects[slots._slots[0].handle]
    assert table is not None
    good = [table.get(page) for page in range(4)]
    for page in range(4):
        table.set(page, PageTableEntry(0, 0, 0))
    world.run(world.engine.invalidate(slots._slots[0].handle))
    with refuses("EIO"):
        mapped(world, BOX, READ)
    assert not world.device.locks
    for page, entry in enumerate(good):
        table.set(page, entry)
    world.run(world.engine.invalidate(slots._slots[0].handle))
    mapped(world, BOX, READ)


WHOLE_BUFFER = Box(0, 0, 640, 40)


def test_a_discard_that_must_not_block_drops_nothing_where_there_is_no_room(world: World) -> None:
    """R27: EBUSY, and what was drawn stays."""
    with refuses("ENOMEM"):
        while True:
            world.driver.memory.allocate(world.buffer.surface.size)
    image = painted(world)
    drawn = world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 640, 1), b"draw")]))
    with refuses("EBUSY"):
        mapped(world, BOX, WRITE | WHOLE | DONTBLOCK)
    assert not drawn.done and not world.device.locks
    world.run(world.driver.device_read(world.buffer))
    assert world.scanout()[0].tobytes() == b"draw" * 160
    assert np.array_equal(world.scanout()[1:], image[1:])


def test_a_persistent_transfer_sends_only_what_differs_from_what_was_fetched(world: World) -> None:
    """R29, R31: what the device drew beside it stays."""
    transfer = mapped(world, Box(0, 0, 64, 1), READ | WRITE | PERSISTENT)
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FillBox(Box(32, 0, 16, 1), b"draw")]))))
    transfer.data[0, :4] = 7
    world.run(world.writer.transfer_barrier(transfer))
    assert transfer.data[0, :4].tolist() == [7] * 4 and transfer.data[0, 32:48].tobytes() == b"draw" * 4
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FillBox(Box(32, 0, 16, 1), b"more")]))))
    transfer.data[0, 8:12] = 8
    world.run(world.driver.wait(world.run(world.writer.transfer_unmap(transfer))))
    shown = world.scanout()[0]
    assert shown[:12].tolist() == [7] * 4 + [0] * 4 + [8] * 4 and shown[32:48].tobytes() == b"more" * 4
    assert not world.oracle.violations


def test_a_persistent_transfer_of_what_was_discarded_sends_everything(world: World) -> None:
    """R26, R29: nobody knows what the device has there."""
    painted(world)
    transfer = mapped(world, Box(0, 0, 64, 1), WRITE | RANGE | PERSISTENT)
    world.run(world.driver.wait(world.run(world.driver.transfers.unmap(transfer))))
    assert (world.scanout()[0, :64] == POISON).all()


def test_a_persistent_transfer_sends_only_what_differs_in_every_row(world: World) -> None:
    """R29, R31: a row between two that were written stays as the device has it."""
    transfer = mapped(world, Box(0, 0, 64, 3), READ | WRITE | PERSISTENT)
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 1, 64, 1), b"draw")]))))
    transfer.data[[0, 2], :8] = 7
    world.run(world.driver.wait(world.run(world.writer.transfer_unmap(transfer))))
    shown = world.scanout()
    assert (shown[[0, 2], :8] == 7).all() and shown[1, :64].tobytes() == b"draw" * 16


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 24), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_differences_are_disjoint_boxes_that_cover_exactly_what_differs(
    seed: int, height: int, width: int, share: float
) -> None:
    """R31."""
    differs = np.random.default_rng(seed).random((height, width)) < share
    old = noise(seed, height, width)
    covered = np.zeros((height, width), int)
    for box in _differences(old, old ^ differs.astype(np.uint8)):
        assert not box.empty
        covered[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert np.array_equal(covered, differs)


def test_no_slot_stays_locked_where_the_engine_refuses_an_upload() -> None:
    """R23: a device that is dead ends the transfer, and leaves nothing held."""
    world = make_world(ring_log2=2, staging=8 << 10)
    transfer = mapped(world, WHOLE_BUFFER, WRITE | RANGE)
    world.device._raise(IrqStatus(device_range=1))
    with pytest.raises(DeviceError, match="past the end of device memory"):
        world.run(world.driver.transfers.unmap(transfer))
    assert not world.device.locks


def test_an_upload_stays_behind_the_drawing_that_it_covers(world: World) -> None:
    """R27: the transfer came later, so what it sends is what stays."""
    transfer = mapped(world, Box(0, 0, 64, 1), WRITE | RANGE)
    transfer.data[:] = 7
    world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 64, 1), b"draw")]))
    world.run(world.driver.wait(world.run(world.driver.transfers.unmap(transfer))))
    world.device.settle()
    assert (world.scanout()[0, :64] == 7).all()


@pytest.mark.parametrize("call", ["submit", "wait"])
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
def test_what_is_stored_while_a_barrier_waits_goes_with_the_next(
    reads: bool, explicit: bool, call: str, world: World
) -> None:
    """R28, R29: a persistent map stays usable, also while a barrier is under way."""
    flags = MapFlag.WRITE | MapFlag.PERSISTENT | (MapFlag.READ if reads else MapFlag.DISCARD_RANGE)
    transfers, box = world.driver.transfers, Box(0, 0, 16, 1)
    transfer = world.run(transfers.map(world.buffer, box, flags | (MapFlag.FLUSH_EXPLICIT if explicit else flags)))
    transfer.data[:] = 1
    if explicit:
        transfer.flush(box)
    real, cause = getattr(world.engine, call), {"submit": "transfer", "wait": "barrier"}[call]

    def storing(*arguments: Any, **options: Any) -> Steps[Any]:
        if options.get("cause") == cause and transfer.data[0, 8] == 1:
            transfer.data[0, 8:] = 2
            if explicit:
                transfer.flush(Box(8, 0, 8, 1))
        return (yield from real(*arguments, **options))

    setattr(world.engine, call, storing)
    world.run(transfers.barrier(transfer))
    setattr(world.engine, call, real)
    assert bytes(transfer.data[0]) == bytes([1] * 8 + [2] * 8)
    world.run(transfers.barrier(transfer))
    assert bytes(world.scanout()[0, :16]) == bytes([1] * 8 + [2] * 8)
    world.run(transfers.unmap(transfer))


@pytest.mark.parametrize("reads", [False, True])
def test_a_store_of_the_value_that_was_there_counts_where_the_client_has_not_read_it(reads: bool, world: World) -> None:
    """R28, R31: a discard names the whole box as written; a map that was read sends what differs, as it says."""
    flags = MapFlag.WRITE | MapFlag.PERSISTENT | (MapFlag.READ if reads else MapFlag.DISCARD_RANGE)
    transfers, box = world.driver.transfers, Box(0, 0, 16, 1)
    transfer = world.run(transfers.map(world.buffer, box, flags))
    transfer.data[:] = 1
    world.run(transfers.barrier(transfer))
    world.run(world.driver.wait(world.run(world.driver.draw(world.buffer, [FillBox(box, b"draw")]))))
    transfer.data[:] = 1
    world.run(transfers.unmap(transfer))
    world.run(world.driver.device_read(world.buffer))
    assert bytes(world.scanout()[0, :16]) == (b"draw" * 4 if reads else bytes([1] * 16))


def test_a_transfer_that_the_device_would_not_take_stays_mapped() -> None:
    """R23: nothing that the client has written is lost; it unmaps again."""
    world = make_world(ring_log2=2, staging=8 << 10)
    transfer = mapped(world, WHOLE_BUFFER, WRITE | RANGE)
    transfer.data[:] = 7
    world.device._raise(IrqStatus(device_range=1))
    with pytest.raises(DeviceError, match="past the end of device memory"):
        world.run(world.driver.transfers.unmap(transfer))
    world.run(world.driver.wait(world.run(world.driver.transfers.unmap(transfer))))
    assert (world.scanout() == 7).all()
    with refuses("EINVAL"):
        world.run(world.driver.transfers.unmap(transfer))


@pytest.mark.parametrize("explicit", [False, True])
def test_what_a_barrier_could_not_send_is_sent_by_the_next(explicit: bool, world: World) -> None:
    """R23, R29: EIO, as for a map."""
    flags = READ | WRITE | PERSISTENT | (EXPLICIT if explicit else READ)
    transfer = mapped(world, Box(0, 0, 64, 1), flags)
    transfer.data[:] = 7
    if explicit:
        transfer.flush(Box(0, 0, 64, 1))
    real = world.engine.submit

    def submit(queue: Queue, commands: Any, after: Any = (), *, cause: str = "") -> Steps[Fence]:
        """With a place in the staging area that is none."""
        return (yield from real(queue, [replace(one, offset=1 << 31) for one in commands], after, cause=cause))

    world.engine.submit = submit  # type: ignore[method-assign, assignment]
    with refuses("EIO"):
        world.run(world.driver.transfers.barrier(transfer))
    world.engine.submit = real  # type: ignore[method-assign]
    assert not world.scanout()[0, :64].any() and not world.device.locks
    world.run(world.driver.transfers.barrier(transfer))
    assert (world.scanout()[0, :64] == 7).all() and (transfer.data == 7).all()


def test_a_barrier_that_a_signal_ends_is_called_again_and_sends_nothing_twice(world: World) -> None:
    """R10, R29, R31: what the device draws after the upload is newer."""
    transfer = mapped(world, Box(0, 0, 64, 1), READ | WRITE | PERSISTENT)
    transfer.data[:] = 7
    signals = Signals()
    steps = world.driver.transfers.barrier(transfer, signals)
    answer = None
    with refuses("EINTR"):
        while True:
            step = steps.send(answer)
            if isinstance(step, WaitIrq) and step.signals is signals:
                signals.send()
            answer = world.machine.perform(step)
    signals.deliver()
    assert not world.device.locks
    world.run(world.driver.wait(world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 64, 1), b"draw")]))))
    world.run(world.driver.transfers.barrier(transfer, signals))
    assert transfer.data.tobytes() == world.scanout()[0, :64].tobytes() == b"draw" * 16
    world.run(world.driver.transfers.unmap(transfer))
    assert current(world)[0, :64].tobytes() == b"draw" * 16


def test_a_client_calls_its_barrier_again_when_a_signal_ends_it(world: World) -> None:
    """R10, R29."""
    transfer = mapped(world, Box(0, 0, 64, 1), READ | WRITE | PERSISTENT)
    transfer.data[:] = 7
    world.writer.signals.send()
    world.run(world.writer.transfer_barrier(transfer))
    assert world.writer.signals.delivered == 1 and (world.scanout()[0, :64] == 7).all()
    assert not world.oracle.violations
