"""The SYNC bracket and the sync-file requests: refusals by name, order of waiting, idempotence, no exclusion."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from models.bracket import (
    EXPORT_SYNC_FILE,
    IMPORT_SYNC_FILE,
    SYNC,
    SYNC_END,
    SYNC_READ,
    SYNC_START,
    SYNC_WRITE,
    SyncArgument,
    SyncFileArgument,
    begin,
    end,
    ioctl,
)
from models.client.portable import Portable
from models.client.process import Process
from models.device import BusRange
from models.dmabuf import Buffer
from models.drawing import FillBox
from models.engine import Queue
from models.errors import DeviceError, DriverError
from models.events import FenceWait, Readback, Submit, Writeback
from models.exporter import Exporter
from models.fence import Fence, Usage
from models.layout import Layout, PageTableEntry
from models.memory import PAGE
from models.perform import run_together
from models.policy.damage_rectangles import DamageRectangles
from models.policy.sync_bracket import SyncBracket
from models.publish import damage
from models.steps import Delay, Steps
from models.surface import Box
from models.sync_file import SyncFile
from models.transfer_object import MapFlag
from tests.models.world import World, make_world, noise, permit

FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))
DESCRIPTOR = 3


@pytest.fixture
def world() -> World:
    return make_world(policy=SyncBracket())


def refuses(errno: str) -> pytest.RaisesContext[DriverError]:
    return pytest.raises(DriverError, match=f"^{errno}:")


def request(world: World, number: int, argument: SyncArgument | SyncFileArgument | None, descriptor: int = 3) -> None:
    world.run(ioctl(world.writer.files, descriptor, number, argument))


@pytest.mark.parametrize("flags", [0, SYNC_END, 8 | SYNC_READ, 16, -1])
def test_unknown_flags_or_no_direction_are_refused(world: World, flags: int) -> None:
    """R8."""
    with refuses("EINVAL"):
        request(world, SYNC, SyncArgument(flags))


@pytest.mark.parametrize("number", [SYNC, EXPORT_SYNC_FILE, IMPORT_SYNC_FILE])
def test_a_pointer_that_leads_nowhere_is_refused(world: World, number: int) -> None:
    """R8."""
    with refuses("EFAULT"):
        request(world, number, None)


def test_an_unknown_request_and_a_wrong_descriptor_are_refused(world: World) -> None:
    """R2, R8."""
    with refuses("ENOTTY"):
        request(world, 0x40086299, SyncArgument(SYNC_READ))
    with refuses("EBADF"):
        request(world, SYNC, SyncArgument(SYNC_READ), 99)
    foreign = world.writer.files.install(None)
    with refuses("EINVAL"):
        request(world, SYNC, SyncArgument(SYNC_READ), foreign)


def test_begin_reads_back_before_it_waits_for_other_fences() -> None:
    """R9: the exporter comes first and waits itself; the fences that are left come after."""
    world = make_world(policy=SyncBracket())
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    world.run(begin(world.shared, write=False))
    kinds = [type(event) for event in world.device.events[world.start :] if isinstance(event, FenceWait | Readback)]
    assert kinds == [FenceWait, Readback, FenceWait]
    waits = world.events(FenceWait)
    assert [event.queue for event in waits] == [Queue.RENDER, Queue.TRANSFER]
    assert [event.pages for event in world.events(Readback)] == [((1, 2),)]


def test_a_reader_does_not_wait_for_readers_but_a_writer_does(world: World) -> None:
    """R9, R10."""
    other = world.run(world.driver.create("other", 160, 40, 4, world.buffer.surface.layout))
    world.run(begin(world.shared, write=True))
    copy = world.run(world.driver.draw(other, [FILL]))
    world.buffer.reservation.add(copy, Usage.READ)
    world.run(begin(world.shared, write=False))
    assert not copy.done
    world.run(begin(world.shared, write=True))
    assert copy.done
    book = world.run(world.driver.draw(other, [FILL]))
    world.buffer.reservation.add(book, Usage.BOOKKEEP)
    world.run(begin(world.shared, write=True))
    assert not book.done


def test_a_begin_that_was_interrupted_is_called_again_and_reads_back_once(world: World) -> None:
    """R10: EINTR, then idempotence."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.mark()
    world.writer.signals.send()
    with refuses("EINTR"):
        world.run(ioctl(world.writer.files, DESCRIPTOR, SYNC, SyncArgument(SYNC_READ), world.writer.signals))
    assert not world.device.locks and not world.events(Readback)
    world.run(world.writer.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert world.writer.signals.delivered == 1
    world.run(world.writer.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert len(world.events(Readback)) == 1


def test_begin_again_keeps_stores_that_were_not_ended(world: World) -> None:
    """R10, R11: another client's begin must not bring old bytes over them."""
    world.run(world.writer.sync(DESCRIPTOR, SYNC_START | SYNC_WRITE))
    world.run(world.writer.store(world.mine.address, noise(1, 1, 50)[0]))
    world.run(world.writer.draw(world.buffer, [FillBox(Box(100, 0, 40, 2), bytes(4))]))
    world.run(begin(world.shared, write=False))
    assert np.array_equal(world.run(world.writer.load(world.mine.address, 50)), noise(1, 1, 50)[0])


def test_a_readback_that_fails_is_eio_and_leaves_nothing_held(world: World) -> None:
    """R10."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    good = world.buffer.table.get(1)
    world.buffer.table.set(1, PageTableEntry(1, 0, good.frame))
    world.run(world.engine.invalidate(world.buffer.object_handle))
    with refuses("EIO"):
        world.run(begin(world.shared, write=False))
    assert not world.device.locks
    world.buffer.table.set(1, good)
    world.run(world.engine.invalidate(world.buffer.object_handle))
    world.run(begin(world.shared, write=False))
    assert world.policy.device_dirty(world.buffer) == []


def test_a_readback_that_a_recovery_cut_off_is_eagain_and_called_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10: somebody else's error aborted the queue; nothing is wrong with this buffer."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    real = world.driver.faults.readback
    cut = [DeviceError("ABORTED")]

    def readback(buffer: Buffer, pages: tuple[int, ...], process: str) -> Steps[None]:
        if cut:
            raise cut.pop()
        yield from real(buffer, pages, process)

    monkeypatch.setattr(world.driver.faults, "readback", readback)
    with refuses("EAGAIN"):
        world.run(begin(world.shared, write=False))
    assert not world.device.locks
    cut.append(DeviceError("ABORTED"))
    world.run(world.reader.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert not cut and world.policy.device_dirty(world.buffer) == []


def test_end_sends_what_was_written_and_waits_for_nothing(world: World) -> None:
    """R11."""
    world.run(world.writer.sync(DESCRIPTOR, SYNC_START | SYNC_WRITE))
    world.run(world.writer.store_box(world.mine, 0, 0, noise(1, 3, 640)))
    world.mark()
    world.run(end(world.shared, write=False))
    assert not world.events(Writeback)
    world.run(world.writer.sync(DESCRIPTOR, SYNC_END | SYNC_WRITE))
    assert [event.pages for event in world.events(Writeback)] == [((0, 1),)]
    assert not world.events(FenceWait)
    world.run(world.driver.device_read(world.buffer))
    assert np.array_equal(world.scanout()[:3], noise(1, 3, 640))


def test_nothing_pairs_begin_and_end_and_nobody_is_excluded(world: World) -> None:
    """R11."""
    world.run(end(world.shared, write=True))
    for process in (world.writer, world.reader):
        world.run(process.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.run(end(world.shared, write=True))
    world.run(end(world.shared, write=True))


def test_an_access_outside_of_a_bracket_may_be_stale(world: World) -> None:
    """R11: and here it is, which no oracle calls wrong."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    at = world.theirs.address + 8 * 640 + 100
    assert world.oracle.expected(8 * 640 + 100) == {0, 1}
    assert not world.run(world.reader.load(at, 4)).any()
    world.run(world.reader.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert bytes(world.run(world.reader.load(at, 4))) == bytes((1, 2, 3, 4))
    assert world.oracle.expected(8 * 640 + 100) == {1} and not world.oracle.violations


def test_the_bracket_has_no_ranges(world: World) -> None:
    """R12: one byte is looked at, everything comes back."""
    world.run(world.writer.draw(world.buffer, [FillBox(world.buffer.surface.box, bytes(4))]))
    world.mark()
    world.run(world.reader.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert [event.bytes for event in world.events(Readback)] == [world.buffer.surface.linear_size]


# ------------------------------------------------------------------------------------------------- sync files


def exported(world: World, flags: int) -> SyncFile:
    argument = SyncFileArgument(flags)
    request(world, EXPORT_SYNC_FILE, argument)
    return world.writer.files.sync_file(argument.descriptor)


def test_a_sync_file_is_a_snapshot(world: World) -> None:
    """R15, R19."""
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
    assert exported(world, SYNC_READ).status == 1, "nothing under way: signalled"
    first = world.run(world.writer.draw(world.buffer, [FILL]))
    snapshot = exported(world, SYNC_READ)
    second = world.run(world.writer.draw(world.buffer, [FILL]))
    assert snapshot.fences == (first,) and snapshot.status == 0
    world.run(snapshot.wait())
    assert snapshot.status == 1 and snapshot.signalled and not second.done


def test_a_sync_file_to_read_has_writers_and_one_to_write_readers_too(world: World) -> None:
    """R14, R15."""
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
    write, read = Fence(1, 100), Fence(1, 101)
    world.buffer.reservation.add(write, Usage.WRITE)
    world.buffer.reservation.add(read, Usage.READ)
    assert exported(world, SYNC_READ).fences == (write,)
    assert exported(world, SYNC_WRITE).fences == exported(world, SYNC_READ | SYNC_WRITE).fences == (write, read)


@pytest.mark.parametrize(
    ("flags", "usage"), [(SYNC_READ, Usage.READ), (SYNC_WRITE, Usage.WRITE), (SYNC_READ | SYNC_WRITE, Usage.WRITE)]
)
def test_an_imported_fence_counts_in_the_class_that_was_named(world: World, flags: int, usage: Usage) -> None:
    """R15."""
    fence = Fence(1, 100)
    descriptor = world.writer.files.install(SyncFile([fence]))
    request(world, IMPORT_SYNC_FILE, SyncFileArgument(flags, descriptor))
    assert fence in world.buffer.reservation.query(usage)
    assert fence not in world.buffer.reservation.query(Usage(usage - 1))


@pytest.mark.parametrize("submission", ["drawing", "transfer"])
def test_what_is_submitted_stays_behind_work_of_the_other_queue_that_a_sync_file_named(
    world: World, submission: str
) -> None:
    """R15: also where that work touches no page of the buffer."""
    world.run(world.driver.device_read(world.buffer))
    drawing = submission == "drawing"
    queue = Queue.RENDER if drawing else Queue.TRANSFER
    if drawing:
        named = world.run(world.engine.invalidate(world.buffer.object_handle))
    else:
        other = world.run(world.driver.create("other", 16, 4, 4, Layout.LINEAR))
        named = world.run(world.driver.draw(other, [FillBox(other.surface.box, b"else")]))
    descriptor = world.writer.files.install(SyncFile([named]))
    request(world, IMPORT_SYNC_FILE, SyncFileArgument(SYNC_READ, descriptor))
    if drawing:
        fence = world.run(world.driver.draw(world.buffer, [FILL]))
    else:
        flags = MapFlag.WRITE | MapFlag.DISCARD_RANGE
        transfer = world.run(world.driver.transfers.map(world.buffer, Box(0, 0, 16, 1), flags))
        transfer.data[:] = 7
        fence = world.run(world.driver.transfers.unmap(transfer))
    while world.device.advance_queue(queue):
        pass
    assert not named.done and not world.scanout().any()
    world.run(world.driver.wait(fence))
    assert world.scanout().any() and world.run(world.engine.poll(named))
    assert not world.buffer.reservation.named(Usage.BOOKKEEP)


def test_damage_stays_behind_work_that_a_sync_file_named() -> None:
    """R15: who reads the device's copy is not overtaken by what a rectangle sends there."""
    world = make_world(policy=DamageRectangles())
    world.run(world.driver.device_read(world.buffer))
    other = world.run(world.driver.create("other", 16, 4, 4, Layout.LINEAR))
    named = world.run(world.driver.draw(other, [FillBox(other.surface.box, b"else")]))
    descriptor = world.writer.files.install(SyncFile([named]))
    request(world, IMPORT_SYNC_FILE, SyncFileArgument(SYNC_READ, descriptor))
    world.run(damage(world.driver, world.buffer, [Box(0, 0, 64, 1)]))
    assert world.run(world.engine.poll(named))


@pytest.mark.parametrize("seed", range(20))
def test_a_request_holds_a_reference_while_another_thread_closes_the_descriptor(seed: int) -> None:
    """R2: the buffer is not freed under it."""
    world = make_world(policy=SyncBracket())
    client = Process("client", world.driver)
    buffer = world.run(world.driver.create("short", 160, 40, 4, Layout.Y_TILED))
    descriptor = client.files.install(world.driver.export(buffer))
    world.run(world.driver.draw(buffer, [FILL]))
    told: list[str] = []

    def sync() -> Steps[None]:
        try:
            yield from client.sync(descriptor, SYNC_START | SYNC_READ)
        except DriverError as error:
            told.append(error.errno)

    def close() -> Steps[None]:
        yield Delay(1, "nothing")
        client.files.close(descriptor)
        yield from world.driver.reap()

    run_together([sync(), close()], world.machine, Random(seed).randrange)
    world.run(world.driver.reap())
    assert buffer.gone and told in ([], ["EBADF"])


def test_bad_sync_files_and_flags_are_refused(world: World) -> None:
    """R15."""
    for flags in (0, 4, 8 | SYNC_READ):
        with refuses("EINVAL"):
            request(world, EXPORT_SYNC_FILE, SyncFileArgument(flags))
    descriptor = world.writer.files.install(SyncFile([]))
    with refuses("EINVAL"):
        request(world, IMPORT_SYNC_FILE, SyncFileArgument(0, descriptor))
    for wrong in (99, DESCRIPTOR, world.writer.files.install(None)):
        with refuses("EINVAL"):
            request(world, IMPORT_SYNC_FILE, SyncFileArgument(SYNC_READ, wrong))
    with refuses("EINVAL"):
        request(world, SYNC, SyncArgument(SYNC_READ), descriptor)


def test_submissions_reach_the_device_only_between_brackets(world: World) -> None:
    """R11: a drawing sends nothing that was not ended."""
    world.run(world.writer.sync(DESCRIPTOR, SYNC_START | SYNC_WRITE))
    world.run(world.writer.store_box(world.mine, 0, 0, noise(1, 1, 640)))
    world.mark()
    world.run(world.writer.draw(world.buffer, [FILL]))
    assert not world.events(Writeback) and len(world.events(Submit)) == 1


DRAWN = FillBox(Box(64, 0, 16, 1), b"draw")


@pytest.mark.parametrize("drawn_first", [False, True])
def test_a_bracket_that_its_client_never_ended_hides_no_drawing(drawn_first: bool) -> None:
    """R9, R31: nor does it send its page over the drawing later."""
    world = make_world(policy=SyncBracket())
    gone, other = (Portable(name, world.driver, world.shared, world.watch) for name in "ab")
    world.run(gone.sync(gone.descriptor, SYNC_START | SYNC_WRITE))
    world.run(gone.store_box(gone.mapping, 0, 0, noise(1, 1, 8)))
    if not drawn_first:
        world.run(gone.exit())
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [DRAWN]))))
    if drawn_first:
        world.run(gone.exit())
    assert world.run(other.read_box(DRAWN.box)).tobytes() == b"draw" * 4
    world.run(other.write_box(0, 20, noise(2, 1, 8)))
    assert world.run(other.show())[0, 64:80].tobytes() == b"draw" * 4
    assert not world.oracle.violations


@pytest.mark.parametrize("row", [0, 30], ids=["the page itself", "another page"])
def test_what_an_end_could_not_send_is_sent_by_the_next_submission_and_never_over_a_drawing(row: int) -> None:
    """R11, R23, R31: the store that failed arrives, and what the device drew on its page stays."""
    world = make_world(policy=SyncBracket())
    client = Portable("client", world.driver, world.shared, world.watch)
    world.run(permit(world.driver, world.buffer, 0, valid=False))
    world.run(client.write_box(0, 0, np.frombuffer(b"cpu!cpu!", np.uint8).reshape(1, 8)))
    world.device.settle()
    fence = world.run(world.engine.invalidate(world.buffer.object_handle))
    world.run(world.engine.wait(fence, cause="test"))
    world.run(permit(world.driver, world.buffer, 0))
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [DRAWN]))))
    world.run(client.write_box(128, row, noise(1, 1, 8)))
    image = world.run(client.show())
    assert image[0, :8].tobytes() == b"cpu!cpu!"
    assert image[0, 64:80].tobytes() == b"draw" * 4
    assert world.run(client.read_box(DRAWN.box)).tobytes() == b"draw" * 4
    assert not world.oracle.violations


def test_a_bracket_on_a_device_that_does_nothing_any_more_ends_with_an_error() -> None:
    """R10: "call again" is not said for ever: what stands behind an error each time will not get better."""
    world = make_world(policy=SyncBracket())
    world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
    ring = world.engine._rings[Queue.TRANSFER]
    unread = BusRange(ring.ring, ring.ring + PAGE, False)
    world.device.bus_ranges.append(unread)
    with refuses("EIO"):
        world.run(Exporter(world.driver, world.buffer).move())
    real, calls = world.engine.submit, iter(range(20))

    def submit(*arguments: Any, **options: Any) -> Steps[Fence]:
        assert next(calls, None) is not None, "it is called again for ever"
        return (yield from real(*arguments, **options))

    world.engine.submit = submit  # type: ignore[assignment, method-assign]
    with refuses("EIO"):
        world.run(world.reader.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert not world.device.locks
    world.device.bus_ranges.remove(unread)
    world.run(world.reader.sync(DESCRIPTOR, SYNC_START | SYNC_READ))
    assert world.policy.device_dirty(world.buffer) == []
