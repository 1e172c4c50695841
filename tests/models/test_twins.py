"""Broken drivers beside the good one: the oracle must catch each of them, and never the good one.

Every twin breaks one rule. The programs are the same for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from models.client.compositor import Compositor
from models.dmabuf import Buffer
from models.driver import CopyBox, Driver, FillBox
from models.engine import Queue
from models.events import runs_of
from models.fault import FaultHandler
from models.fence import Fence
from models.page_table import Mapping
from models.perform import run_together
from models.policy import FaultPlan
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Acquire, Delay, Release, Steps
from models.surface import Box
from models.transfer import transfers
from tests.models.world import World, make_world, noise

FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))
COPY = CopyBox(Box(0, 30, 640, 6), 0, 0)


class ZapsNothing(Driver):
    """Breaks R19: entries of pages that the device writes stay."""

    def zap(self, buffer: Buffer, writes: Sequence[int]) -> Steps[None]:
        yield from ()


class DoesNotWaitForTheReadback(FaultHandler):
    """Breaks R17: inserts the entry while the data is still in transit."""

    def readback(
        self, buffer: Buffer, pages: tuple[int, ...], process: str, plan: FaultPlan | None = None
    ) -> Steps[None]:
        work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=True)
        yield from self.engine.submit(Queue.TRANSFER, work)
        self.policy.brought_back(buffer, pages, plan)


class DoesNotWaitForTheDrawing(PageMkwrite):
    """Breaks R17: reads back while the device still draws."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        plan = super().fault(buffer, page, write)
        return FaultPlan(readback=(page,)) if plan.wait else plan


class DoesNotReadBackForStores(PageMkwrite):
    """Breaks R31: a page that the CPU partly writes goes back whole, over newer device bytes."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        plan = super().fault(buffer, page, write)
        if write and plan.readback:
            self.brought_back(buffer, plan.readback)
            return FaultPlan()
        return plan


class ForgetsToHarvest(PageMkwrite):
    """Breaks R20: what is dirty is not sent."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        super().harvest(buffer, writes, reads=reads, everything=everything)
        return []


class LetsStoresIntoAnUpload(PageMkwrite):
    """Lets the CPU change a page while the DMA reads it for a submission that came before."""

    def uploading(self, buffer: Buffer, pages: Iterable[int], fence: Fence) -> None:
        return


class ForgetsWhatTheDeviceWrote(PageMkwrite):
    """Breaks R19: device-dirty is not set."""

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        super().drawing(buffer, reads, (), fence)


def programs(world: World) -> None:
    """Paint, look, draw, look again, write into what was drawn, draw again, look everywhere."""
    everything = world.buffer.surface.box
    world.run(world.writer.paint(world.mine, noise(1, 40, 640)))
    world.run(world.reader.look(world.theirs, everything))
    world.run(world.writer.draw(world.buffer, [COPY]))
    world.run(world.writer.paint(world.mine, noise(2, 3, 640)))
    world.run(world.writer.draw(world.buffer, [FILL]))
    world.run(world.writer.paint(world.mine, noise(3, 2, 40), x=110, y=9))
    world.run(world.reader.look(world.theirs, everything))
    world.run(world.writer.draw(world.buffer, [FillBox(Box(0, 12, 40, 2), bytes(4))]))
    world.run(Compositor("compositor", world.driver, {world.buffer: world.oracle}).show(world.shared))
    world.run(world.reader.look(world.theirs, everything))


def with_handler(handler: type[FaultHandler]) -> World:
    world = make_world()
    world.driver.faults = handler(world.engine, world.policy, world.driver.costs)
    return world


TWINS: dict[str, tuple[Any, str]] = {
    "zaps nothing": (lambda: make_world(make_driver=ZapsNothing), "stale read"),
    "does not wait for the readback": (lambda: with_handler(DoesNotWaitForTheReadback), "stale read"),
    "does not wait for the drawing": (lambda: make_world(policy=DoesNotWaitForTheDrawing()), "stale read"),
    "does not read back for stores": (lambda: make_world(policy=DoesNotReadBackForStores()), "stale read"),
    "lets stores into an upload": (lambda: make_world(policy=LetsStoresIntoAnUpload()), "stale read"),
    "forgets what the device wrote": (lambda: make_world(policy=ForgetsWhatTheDeviceWrote()), "stale read"),
    "forgets to harvest": (lambda: make_world(policy=ForgetsToHarvest()), "lost write"),
}


def test_the_good_driver_gives_the_oracle_no_cause() -> None:
    world = make_world()
    programs(world)
    assert not world.oracle.violations
    assert world.oracle.reads == 4 * world.buffer.surface.linear_size


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_driver_is_caught(name: str) -> None:
    make, kind = TWINS[name]
    world = make()
    programs(world)
    assert kind in {violation.kind for violation in world.oracle.violations}
    for violation in world.oracle.violations:
        assert violation.got not in violation.expected


class ReadsBackUnlocked(FaultHandler):
    """Lets go of the lock during the readback, as a driver may that checks the generation."""

    checks = True

    def readback(
        self, buffer: Buffer, pages: tuple[int, ...], process: str, plan: FaultPlan | None = None
    ) -> Steps[None]:
        generation = buffer.space.generation
        work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=True)
        fence = yield from self.engine.submit(Queue.TRANSFER, work)
        yield Release(buffer.reservation.lock)
        yield from self.engine.wait(fence, buffer=buffer.name)
        yield Acquire(buffer.reservation.lock)
        if generation == buffer.space.generation or not self.checks:
            self.policy.brought_back(buffer, pages, plan)

    def install(self, buffer: Buffer, mapping: Mapping, page: int, write: bool, generation: int) -> bool:
        current = buffer.space.generation
        return super().install(buffer, mapping, page, write, generation if self.checks else current)


class InstallsAfterARacingZap(ReadsBackUnlocked):
    """The same without the check."""

    checks = False


def race(handler: type[FaultHandler], seed: int) -> int:
    """One process reads while another draws, paints and draws, in a random order; return the violations."""
    world = with_handler(handler)
    world.run(world.writer.paint(world.mine, noise(seed, 40, 640)))
    random = np.random.default_rng(seed)

    def draw() -> Steps[None]:
        for lap in range(6):
            command = FillBox(Box(100, 8, 300, 10), bytes([seed, lap, 7, 8]))
            fence = yield from world.writer.draw(world.buffer, [command])
            yield from world.driver.wait(fence)
            for _ in range(int(random.integers(40))):
                yield Delay(100, "thinking")

    def look() -> Steps[None]:
        for _ in range(8):
            yield from world.reader.look(world.theirs, Box(90, 7, 40, 8))
            yield Delay(100, "thinking")

    run_together([draw(), look()], world.device, lambda count: int(random.integers(count)))
    return len(world.oracle.violations)


def test_a_zap_that_races_with_a_readback_is_survived_in_every_order_tried() -> None:
    assert [race(handler, seed) for handler in (FaultHandler, ReadsBackUnlocked) for seed in range(40)] == [0] * 80


def test_an_entry_installed_after_a_racing_zap_is_caught() -> None:
    assert any(race(InstallsAfterARacingZap, seed) for seed in range(40))


@pytest.mark.parametrize("seed", range(25))
def test_three_threads_that_store_draw_and_read_never_see_what_they_must_not(seed: int) -> None:
    """R19, R20, R31 under random interleavings; the oracle allows either order within a draw's window."""
    world = make_world()
    world.run(world.writer.paint(world.mine, noise(seed, 40, 640)))
    random = np.random.default_rng(seed)

    def paint() -> Steps[None]:
        for lap in range(6):
            x, y = int(random.integers(0, 500)), int(random.integers(0, 38))
            yield from world.writer.store_box(world.mine, x, y, noise(lap, 2, 60))
            yield Delay(100, "thinking")

    def draw() -> Steps[None]:
        for lap in range(4):
            yield from world.writer.draw(world.buffer, [COPY, FillBox(Box(100, 8 + lap, 300, 10), bytes([lap] * 4))])

    def look() -> Steps[None]:
        for _ in range(4):
            yield from world.reader.look(world.theirs, Box(80, 5, 100, 32))
            yield Delay(100, "thinking")

    run_together([paint(), draw(), look()], world.device, lambda count: int(random.integers(count)))
    world.run(Compositor("compositor", world.driver, {world.buffer: world.oracle}).show(world.shared))
    world.run(world.reader.look(world.theirs, world.buffer.surface.box))
    assert not world.oracle.violations
    assert not world.device.locks
    assert runs_of(world.policy.device_dirty(world.buffer)) == ()
