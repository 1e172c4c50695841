"""CPU grabs: waiting for idle, keeping submissions out, not blocking, and going with the client."""

from __future__ import annotations

import contextlib
from random import Random

import pytest

from models.drawing import CopyBox, FillBox
from models.errors import DriverError
from models.events import Submit
from models.grab import GRAB_ALLOW_SUBMISSION, GRAB_DONTBLOCK, GRAB_READ, GRAB_WRITE, Grabs
from models.layout import Layout
from models.perform import run_together
from models.policy.damage_rectangles import DamageRectangles
from models.publish import damage
from models.steps import Steps
from models.surface import Box
from models.transfer_object import MapFlag
from tests.models.world import World, make_world

FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))


@pytest.fixture
def world() -> World:
    return make_world()


def refuses(errno: str) -> pytest.RaisesContext[DriverError]:
    return pytest.raises(DriverError, match=f"^{errno}:")


def test_a_grab_waits_for_idle_and_keeps_submissions_out(world: World) -> None:
    """R24."""
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    world.run(world.reader.grabs.grab(world.buffer, GRAB_READ))
    assert fence.done
    with refuses("EBUSY"):
        world.run(world.driver.draw(world.buffer, [FILL]))
    other = world.run(world.driver.create("other", 160, 40, 4, world.buffer.surface.layout))
    with refuses("EBUSY"):
        world.run(world.driver.draw(other, [CopyBox(Box(0, 0, 640, 40), 0, 0, world.buffer)]))
    with refuses("EBUSY"):
        world.run(world.driver.transfers.map(world.buffer, Box(0, 0, 4, 1), MapFlag.WRITE))
    assert not world.device.locks
    world.reader.grabs.release(world.buffer)
    world.run(world.driver.draw(world.buffer, [FILL]))


def test_a_grab_that_must_not_block_is_refused_while_the_device_or_the_lock_is_busy(world: World) -> None:
    """R24."""
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    grabs = world.reader.grabs
    with refuses("EBUSY"):
        world.run(grabs.grab(world.buffer, GRAB_WRITE | GRAB_DONTBLOCK))
    assert not world.buffer.grabs and not world.device.locks
    world.run(world.driver.wait(fence))
    world.run(world.driver.device_read(world.buffer))
    world.run(grabs.grab(world.buffer, GRAB_WRITE | GRAB_DONTBLOCK))
    grabs.release(world.buffer)
    world.device.locks.add(world.buffer.reservation.lock)
    with refuses("EBUSY"):
        world.run(grabs.grab(world.buffer, GRAB_WRITE | GRAB_DONTBLOCK))


def test_polling_without_blocking_gets_there_in_the_end(world: World) -> None:
    """R24: each try lets the driver see what has ended."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    tries = 0
    while not world.buffer.grabs and tries < 50:
        tries += 1
        with contextlib.suppress(DriverError):
            world.run(world.reader.grabs.grab(world.buffer, GRAB_READ | GRAB_DONTBLOCK))
    assert world.buffer.grabs == {"reader": 1} and tries > 1


def test_a_grab_that_allows_submission_only_waits(world: World) -> None:
    """R24."""
    fence = world.run(world.writer.draw(world.buffer, [FILL]))
    world.run(world.reader.grabs.grab(world.buffer, GRAB_READ | GRAB_ALLOW_SUBMISSION))
    assert fence.done and not world.buffer.grabs
    world.run(world.driver.draw(world.buffer, [FILL]))


def test_grabs_are_counted_and_go_with_the_client(world: World) -> None:
    """R24."""
    grabs = world.reader.grabs
    world.run(grabs.grab(world.buffer, GRAB_READ))
    world.run(grabs.grab(world.buffer, GRAB_WRITE))
    world.run(world.writer.grabs.grab(world.buffer, GRAB_WRITE))
    assert world.buffer.grabs == {"reader": 2, "writer": 1}
    grabs.release(world.buffer)
    assert world.buffer.grabs == {"reader": 1, "writer": 1}
    world.run(world.reader.exit())
    assert world.buffer.grabs == {"writer": 1}
    with refuses("EINVAL"):
        grabs.release(world.buffer)


@pytest.mark.parametrize("flags", [0, GRAB_DONTBLOCK, 16 | GRAB_READ])
def test_unknown_flags_or_no_direction_are_refused(world: World, flags: int) -> None:
    """R24."""
    with refuses("EINVAL"):
        world.run(world.reader.grabs.grab(world.buffer, flags))


def test_a_buffer_that_was_destroyed_is_not_grabbed(world: World) -> None:
    """R24: whoever came to its lock too late holds nothing."""
    gone = world.run(world.driver.create("gone", 16, 4, 4, world.buffer.surface.layout))
    world.run(world.driver.destroy(gone))
    for flags in (0, GRAB_DONTBLOCK, GRAB_ALLOW_SUBMISSION):
        with refuses("EBADF"):
            world.run(world.reader.grabs.grab(gone, GRAB_READ | flags))
    assert not gone.grabs and not world.device.locks


def test_an_interrupted_grab_holds_nothing(world: World) -> None:
    """R10, R24."""
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.reader.signals.send()
    with refuses("EINTR"):
        world.run(world.reader.grabs.grab(world.buffer, GRAB_READ, world.reader.signals))
    assert not world.buffer.grabs and not world.device.locks


def test_a_transfer_that_has_something_to_send_stays_mapped_while_the_buffer_is_grabbed(world: World) -> None:
    """R24, R27: it is sent when the grab is released."""
    box = Box(0, 0, 64, 1)
    transfer = world.run(world.writer.transfer_map(world.buffer, box, MapFlag.WRITE | MapFlag.DISCARD_RANGE))
    transfer.data[:] = 7
    world.run(world.reader.grabs.grab(world.buffer, GRAB_READ))
    with refuses("EBUSY"):
        world.run(world.writer.transfer_unmap(transfer))
    assert transfer.open and not world.device.locks
    world.reader.grabs.release(world.buffer)
    world.run(world.driver.wait(world.run(world.writer.transfer_unmap(transfer))))
    assert not transfer.open and (world.scanout()[0, :64] == 7).all()


def test_a_device_that_only_reads_the_buffer_is_not_idle(world: World) -> None:
    """R24."""
    beside = world.run(world.driver.create("beside", 160, 40, 4, Layout.LINEAR))
    world.run(world.driver.device_read(beside))
    world.run(world.driver.device_read(world.buffer))
    reading = world.run(world.driver.draw(beside, [CopyBox(Box(0, 0, 16, 1), 0, 0, world.buffer)]))
    with refuses("EBUSY"):
        world.run(world.reader.grabs.grab(world.buffer, GRAB_WRITE | GRAB_DONTBLOCK))
    world.run(world.reader.grabs.grab(world.buffer, GRAB_WRITE))
    assert reading.done


def test_nothing_is_submitted_for_a_transfer_that_races_with_a_grab() -> None:
    """R24, R27: in whatever order they come, nothing after the grab."""
    for seed in range(100):
        world = make_world()
        world.run(world.driver.wait(world.run(world.writer.draw(world.buffer, [FILL]))))
        told: list[str] = []

        def grab(world: World = world, told: list[str] = told) -> Steps[None]:
            yield from world.reader.grabs.grab(world.buffer, GRAB_WRITE)
            told.append("grabbed")
            world.mark()

        def transfer(world: World = world, told: list[str] = told) -> Steps[None]:
            try:
                yield from world.driver.transfers.map(world.buffer, FILL.box, MapFlag.READ)
            except DriverError as error:
                told.append(error.errno)
            else:
                told.append("mapped")

        run_together([grab(), transfer()], world.device, Random(seed).randrange)
        assert sorted(told) in (["EBUSY", "grabbed"], ["grabbed", "mapped"]), seed
        assert not world.events(Submit), seed


def test_clients_of_one_name_hold_grabs_of_their_own(world: World) -> None:
    """R24: the end of one leaves the other's."""
    one, other = Grabs("same"), Grabs("same")
    for grabs in (one, other):
        world.run(grabs.grab(world.buffer, GRAB_WRITE))
    one.close()
    with refuses("EBUSY"):
        world.run(world.driver.draw(world.buffer, [FILL]))
    other.close()
    assert not world.buffer.grabs
    world.run(world.driver.draw(world.buffer, [FILL]))


def test_damage_is_not_sent_to_a_grabbed_buffer() -> None:
    """R24."""
    world = make_world(policy=DamageRectangles())
    world.run(world.reader.grabs.grab(world.buffer, GRAB_READ))
    with refuses("EBUSY"):
        world.run(damage(world.driver, world.buffer, [Box(0, 0, 40, 2)]))
    world.reader.grabs.close()
    world.run(damage(world.driver, world.buffer, [Box(0, 0, 40, 2)]))
