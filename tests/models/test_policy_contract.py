"""One contract for all coherence strategies: the same programs, judged by the oracle with the strategy's promise.

Each strategy runs with and without implicit synchronisation (R18). Broken variants of the strategies are caught by the
same programs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from models.bracket import SYNC_READ, SYNC_START
from models.client.portable import Portable
from models.device import BusRange
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.engine import Queue
from models.errors import DeviceError, DriverError
from models.events import Fault, FenceWait, Readback, Writeback, Zap
from models.fence import Fence
from models.layout import Layout
from models.page_table import Mapping
from models.policy import FaultPlan, Policy
from models.policy.adaptive import Adaptive
from models.policy.aperture import AperturePolicy
from models.policy.clairvoyant import Clairvoyant
from models.policy.damage_rectangles import DamageRectangles
from models.policy.deferred_io import DeferredIo
from models.policy.no_mmap import NoMmap
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.region_transfer import RegionTransfer
from models.policy.sync_bracket import SyncBracket
from models.policy.vmwgfx import Vmwgfx
from models.policy.whole_surface import WholeSurface
from models.promise import Promise
from models.publish import damage, flush_later
from models.surface import Box
from models.transfer_object import MapFlag
from tests.models.contract_programs import FILL, PROGRAMS, Scene, pages_fail, race
from tests.models.world import make_world, noise

POLICIES: list[Callable[..., Policy]] = [
    NoMmap, SyncBracket, RegionTransfer, WholeSurface, PageMkwrite, PagePagetable, Vmwgfx, DeferredIo, DamageRectangles,
    AperturePolicy, Adaptive,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
@pytest.mark.parametrize("make", POLICIES, ids=lambda make: make.__name__)
def test_every_policy_keeps_its_promise(
    make: Callable[..., Policy], implicit: bool, program: Callable[[Scene], None]
) -> None:
    """R9, R18, R19, R31 and what each strategy promises beside them."""
    scene = Scene(make(implicit_sync=implicit))
    program(scene)
    scene.judge()
    if program is pages_fail and scene.world.policy.mmap and not scene.world.policy.uncached:
        assert scene.told


@pytest.mark.parametrize("make", POLICIES, ids=lambda make: make.__name__)
def test_every_policy_keeps_its_promise_in_many_orders(make: Callable[..., Policy]) -> None:
    for seed in range(4):
        scene = Scene(make())
        race(scene, seed)
        scene.judge()


# ---------------------------------------------------------------------------------------------- broken variants


class WholeSurfaceZapsNothing(WholeSurface):
    """Breaks R19: takes the surface for device-dirty already."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return []


class WholeSurfaceBringsBackOnePage(WholeSurface):
    """Breaks R17: clears the mark for all, having read one page."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        plan = super().fault(buffer, page, write)
        return replace(plan, readback=plan.readback and (page,))


class PagetableForgetsToProtect(PagePagetable):
    """Breaks R20: records bits, and leaves pages writable that the device will write."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        pages = buffer.space.record()
        self.take_damage(buffer)
        return pages

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return []


class PagetableLeavesAnEntry(PagePagetable):
    """Breaks R19: one of the pages that the device will write stays, protected, and is read as it was."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return list(writes)[1:]


class AdaptiveLosesBits(Vmwgfx):
    """Breaks R20: a scan clears the bits and forgets them."""

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


class BracketBeginsWithoutReadback(SyncBracket):
    """Breaks R9: begin waits and brings nothing back."""

    def begin(self, buffer: Buffer, write: bool) -> FaultPlan:
        return FaultPlan(super().begin(buffer, write).wait)


class BracketEndsWithoutUpload(SyncBracket):
    """Breaks R11: end(WRITE) sends nothing."""

    def end(self, buffer: Buffer, write: bool) -> bool:
        return False


class RegionBelievesEverythingClean(RegionTransfer):
    """Breaks R25: serves a read from host pages that are not right."""

    def device_dirty(self, buffer: Buffer) -> list[int]:
        return []


class DeferredDrawsOverDirtyPages(DeferredIo):
    """Breaks R31: pages that the device writes are not sent before; the flush puts old bytes over new ones."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        if everything:
            return super().harvest(buffer, everything=True)
        self.look(buffer).damage[buffer.space.record(writes)] = True
        return []


class DamageSendsPages(DamageRectangles):
    """Breaks R31: the mapping's dirty pages go as a whole with the next submission."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        return buffer.space.record()


class ApertureDoesNotWait(AperturePolicy):
    """Breaks R17: an access does not wait for the drawing on its page."""

    def writers(self, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        return ()


class MkwriteTakesFreshMappingsForRight(PageMkwrite):
    """Breaks R17: a new mapping shows host pages as they are."""

    def mapped(self, buffer: Buffer, mapping: Mapping) -> None:
        for page in range(mapping.first, mapping.first + mapping.count):
            mapping.insert(page, False)

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return []


class NoMmapServesFromTheHost(NoMmap):
    """There is no host copy; believing in one gives zeros."""

    def device_dirty(self, buffer: Buffer) -> list[int]:
        return []


BROKEN: list[Callable[..., Policy]] = [
    WholeSurfaceZapsNothing, WholeSurfaceBringsBackOnePage, PagetableForgetsToProtect, PagetableLeavesAnEntry,
    AdaptiveLosesBits, BracketBeginsWithoutReadback, BracketEndsWithoutUpload, RegionBelievesEverythingClean,
    DeferredDrawsOverDirtyPages,
    DamageSendsPages, ApertureDoesNotWait, MkwriteTakesFreshMappingsForRight, NoMmapServesFromTheHost,
]  # fmt: skip


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_policy_that_breaks_its_promise_is_caught(make: Callable[..., Policy]) -> None:
    found = []
    for program in PROGRAMS:
        scene = Scene(make())
        program(scene)
        for client in (scene.one, scene.two):
            scene.run(client.read_box(scene.world.buffer.surface.box))
        if scene.world.policy.promise is Promise.DEFERRED:
            scene.run(scene.one.flush())
        scene.run(scene.one.show())
        scene.run(scene.one.read_box(scene.world.buffer.surface.box))
        found += scene.violations()
    for seed in range(12):
        if found:
            break
        scene = Scene(make())
        race(scene, seed)
        scene.run(scene.one.show())
        found += scene.violations()
    assert found


def figures(make: Callable[..., Policy]) -> dict[str, int]:
    """Paint everything, draw a little, look at one row: what that costs, counted from the drawing on."""
    scene = Scene(make())
    world = scene.world
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    world.mark()
    scene.draw(FILL)
    scene.run(scene.two.read_box(Box(0, 9, 640, 1)))
    return {
        "faults": len(world.events(Fault)),
        "zapped": sum(event.entries for event in world.events(Zap)),
        "back": sum(event.bytes for event in world.events(Readback)),
        "out": sum(event.bytes for event in world.events(Writeback)),
        "waits": len([event for event in world.events(FenceWait) if event.queue == 1]),
    }


def test_the_policies_differ_in_what_they_do_as_the_table_says() -> None:
    """The rules' table of strategies: faults, bytes and waits."""
    size, page = 640 * 40, 4096
    assert figures(NoMmap) == {"faults": 0, "zapped": 0, "back": 0, "out": 0, "waits": 1}
    assert figures(RegionTransfer) == figures(NoMmap)
    bracket = figures(SyncBracket)
    assert (bracket["faults"], bracket["zapped"], bracket["back"]) == (0, 0, 2 * page)
    whole, pages = figures(WholeSurface), figures(PageMkwrite)
    assert (whole["faults"], whole["back"], whole["out"]) == (1, size, size)
    assert (pages["faults"], pages["back"], pages["out"]) == (1, page, size)
    assert whole["zapped"] > pages["zapped"] > 0
    assert figures(DamageRectangles)["faults"] == 0
    assert figures(DeferredIo)["out"] == 2 * page, "only what the device is about to write"
    assert figures(AperturePolicy)["back"] == figures(AperturePolicy)["zapped"] == 0


DRAWS, READS = "draws on another page", "reads the page"
UNRELATED = [
    (PageMkwrite, DRAWS), (PagePagetable, DRAWS), (Adaptive, DRAWS), (DeferredIo, DRAWS), (AperturePolicy, DRAWS),
    (NoMmap, DRAWS), (RegionTransfer, DRAWS), (DamageRectangles, DRAWS), (WholeSurface, READS), (Vmwgfx, READS),
]  # fmt: skip
"""Device work that does not concern an access under each strategy: for a whole surface, all drawing does."""


def waits_for_the_device(policy: Policy, work: str) -> bool:
    """Return whether an access waits for the renderer: a load where it draws elsewhere, a store where it reads."""
    scene = Scene(policy)
    world = scene.world
    scene.run(world.driver.device_read(world.buffer))
    if work is DRAWS:
        scene.draw(FillBox(Box(0, 39, 16, 1), b"draw"))
    else:
        beside = scene.run(world.driver.create("beside", 160, 40, 4, Layout.LINEAR))
        scene.run(world.driver.wait(scene.run(world.driver.draw(beside, [FillBox(Box(0, 0, 16, 1), b"draw")]))))
        scene.run(world.driver.draw(beside, [CopyBox(Box(0, 0, 16, 1), 0, 0, world.buffer)]))
    world.mark()
    if work is DRAWS:
        scene.run(scene.one.read_box(Box(0, 0, 16, 1)))
    else:
        scene.run(scene.one.write_box(0, 0, noise(1, 1, 16)))
    return any(event.queue == Queue.RENDER for event in world.events(FenceWait))


@pytest.mark.parametrize(("make", "work"), UNRELATED)
def test_implicit_synchronisation_is_a_switch_of_each_strategy(make: Callable[..., Policy], work: str) -> None:
    """R18: an access waits for work that does not concern it, or does not."""
    assert [waits_for_the_device(make(implicit_sync=implicit), work) for implicit in (False, True)] == [False, True]


def test_a_bracket_waits_for_whatever_draws_with_the_switch_and_without() -> None:
    """R9, R10, R18: the interface has no ranges, and waits for the fences itself."""
    waits = [waits_for_the_device(SyncBracket(implicit_sync=implicit), DRAWS) for implicit in (False, True)]
    assert waits == [True, True]


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("make", [PageMkwrite, Clairvoyant])
def test_what_only_reads_a_buffer_is_waited_for_before_all_of_it_is_brought_back_only_with_the_switch(
    make: Callable[..., Policy], implicit: bool
) -> None:
    """R9, R13, R18: as before a kernel's accesses. What writes the buffer is waited for in any case."""
    scene = Scene(make(implicit_sync=implicit))
    world, policy = scene.world, scene.world.driver.policy
    scene.draw(FillBox(Box(0, 39, 16, 1), b"draw"))
    assert policy.bring_all_back(world.buffer, True).wait
    scene.run(world.driver.device_read(world.buffer))
    beside = scene.run(world.driver.create("beside", 160, 40, 4, Layout.LINEAR))
    scene.run(world.driver.draw(beside, [CopyBox(Box(0, 0, 16, 1), 0, 0, world.buffer)]))
    assert bool(policy.bring_all_back(world.buffer, True).wait) is implicit


def test_where_mmap_is_refused_callers_import_or_transfer() -> None:
    """R3, R6: both ways out of a refused mapping."""
    scene = Scene(NoMmap())
    assert scene.one.refusal == "EINVAL" and scene.one.mapping is None
    image = noise(1, 40, 640)
    scene.run(scene.one.write_box(0, 0, image))
    assert np.array_equal(scene.run(scene.one.show()), image), "by import"
    assert np.array_equal(scene.run(scene.two.read_box(Box(4, 3, 40, 2))), image[3:5, 4:44]), "by transfer object"
    assert not scene.world.buffer.space.mappings


def test_deferred_stores_reach_the_device_after_the_delay_and_not_before() -> None:
    """R21: by the worker, a thread of its own."""
    scene = Scene(DeferredIo(delay_ns=1000))
    image = noise(1, 40, 640)
    scene.run(scene.one.write_box(0, 0, image))
    assert not scene.run(scene.one.show()).any()
    scene.run(flush_later(scene.world.driver, scene.world.buffer, 1000, 1))
    assert scene.world.device.delayed["deferred"] == 1000
    assert np.array_equal(scene.run(scene.one.show()), image)


def test_damage_is_sent_byte_for_byte_or_as_one_box_around_it() -> None:
    """R31."""
    boxes = [Box(0, 0, 40, 2), Box(200, 10, 8, 1)]
    for bounding, size in ((False, 88), (True, 208 * 11)):
        scene = Scene(DamageRectangles(bounding=bounding))
        assert scene.one.mapping is not None
        scene.run(scene.one.store_box(scene.one.mapping, 0, 0, noise(1, 40, 640)))
        scene.world.mark()
        scene.run(scene.one.damage(boxes))
        assert [event.bytes for event in scene.world.events(Writeback)] == [size]
        scene.judge()
    for wrong, errno in (([], "EINVAL"), ([Box(0, 0, 644, 1)], "EINVAL")):
        with pytest.raises(DriverError, match=errno):
            scene.run(damage(scene.world.driver, scene.world.buffer, wrong))
    other = Scene(PageMkwrite())
    with pytest.raises(DriverError, match="EOPNOTSUPP"):
        other.run(damage(other.world.driver, other.world.buffer, boxes))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_a_read_of_a_new_buffer_never_shows_what_was_in_device_memory_before(policy: Callable[[], Policy]) -> None:
    """R30: whatever path the first look takes, it stays behind the clearing, which nobody has waited for."""
    world = make_world(policy=policy())
    world.device.memory[:] = 0xA5
    client = Portable("new", world.driver, world.shared, world.watch)
    box = Box(40, 30, 80, 4)
    assert not world.run(client.read_box(box)).any()
    transfer = world.run(client.transfer_map(world.buffer, box, MapFlag.READ))
    assert not transfer.data.any()
    assert world.oracle.violations == []


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_a_clearing_that_failed_is_done_again_before_anybody_looks(policy: Callable[[], Policy], drawn: bool) -> None:
    """R30: whatever path the first look takes, with a drawing behind that failed with it or without; stores stay."""
    box = Box(40, 30, 80, 4)
    for look in ("read", "transfer", "kernel", "write"):
        world = make_world(policy=policy())
        world.device.memory[:] = 0xA5
        client = Portable("new", world.driver, world.shared, world.watch)
        first = world.engine._rings[Queue.RENDER].ring
        world.device.bus_ranges = [BusRange(first, first + 64, False)]
        if drawn:
            world.run(client.draw(world.buffer, [FillBox(Box(0, 30, 640, 4), b"draw")]))
        assert world.buffer.clearing is not None
        with contextlib.suppress(DeviceError):
            world.run(world.engine.wait(world.buffer.clearing))
        assert world.buffer.clearing.error is not None
        world.device.bus_ranges = []
        if look == "write":
            world.run(client.write_box(box.x, box.y, np.full((4, 80), 7, np.uint8)))
            if world.policy.promise is Promise.DEFERRED:
                world.run(client.flush())
            for _ in range(2):
                image = world.run(client.show())
            assert (image[30:34, 40:120] == 7).all() and not image[:30].any() and not image[34:].any()
        elif look == "kernel":
            kernel = world.shared.vmap()
            world.run(client.sync(client.descriptor, SYNC_START | SYNC_READ))
            assert not kernel.load(0, world.buffer.surface.linear_size).any()
        elif look == "transfer":
            assert not world.run(client.transfer_map(world.buffer, box, MapFlag.READ)).data.any()
        else:
            assert not world.run(client.read_box(box)).any()
        assert world.oracle.violations == []
