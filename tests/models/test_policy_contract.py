"""One contract for all coherence strategies: the same programs, judged by the oracle with the strategy's promise.

Each strategy runs with and without implicit synchronisation (R18). Broken variants of the strategies are caught by the
same programs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.attachment import Direction
from models.bracket import SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE
from models.client.portable import Portable
from models.device import BusRange
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.engine import Queue
from models.errors import BusFault, DeviceError, DriverError
from models.events import Fault, FenceWait, Readback, Writeback, Zap
from models.exporter import Exporter
from models.fence import Fence, Usage, wait_for
from models.importer import DeviceFiles
from models.layout import Layout
from models.memory import Bytes
from models.oracle import Oracle, PatchBox, Violation
from models.page_table import Mapping
from models.perform import run_together
from models.policy import FaultPlan, Policy
from models.policy.adaptive import Adaptive
from models.policy.aperture import AperturePolicy
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
from models.steps import Delay, ScanOut, Steps
from models.surface import Box, Surface
from models.transfer_object import MapFlag
from tests.models.world import World, make_world, noise, permit

POLICIES: list[Callable[..., Policy]] = [
    NoMmap, SyncBracket, RegionTransfer, WholeSurface, PageMkwrite, PagePagetable, Vmwgfx, DeferredIo, DamageRectangles,
    AperturePolicy, Adaptive,
]  # fmt: skip
FILL = FillBox(Box(100, 8, 300, 10), bytes((1, 2, 3, 4)))
COPY = CopyBox(Box(0, 30, 640, 6), 0, 0)


class Scene:
    """A world with two portable clients of one buffer."""

    def __init__(self, policy: Policy) -> None:
        self.world: World = make_world(policy=policy)
        world = self.world
        self.one = Portable("one", world.driver, world.shared, world.watch)
        self.two = Portable("two", world.driver, world.shared, world.watch)
        self.random = np.random.default_rng(7)
        self.told = 0

    def run(self, steps: Any) -> Any:
        return self.world.run(steps)

    def draw(self, *commands: FillBox | CopyBox) -> None:
        self.run(self.one.draw(self.world.buffer, commands))

    def violations(self) -> list[Violation]:
        """What the oracles of all buffers have found."""
        return [violation for oracle in self.world.watch.values() for violation in oracle.violations]

    def judge(self) -> None:
        """Look everywhere by every means; nobody may have seen what it must not."""
        everything = self.world.buffer.surface.box
        for client in (self.one, self.two):
            self.run(client.read_box(everything))
        if self.world.policy.promise is Promise.DEFERRED:
            self.run(self.one.flush())
        self.run(self.one.show())
        assert self.violations() == []
        assert self.world.oracle.reads >= 3 * everything.bytes
        assert not self.world.device.locks


def paint_and_show(scene: Scene) -> None:
    """The CPU paints, both look, the device shows."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.run(scene.two.write_box(60, 7, noise(2, 9, 200)))


def draw_and_read(scene: Scene) -> None:
    """The device draws what the CPU painted, and is read while it still does."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.draw(COPY, FILL)
    scene.run(scene.two.read_box(Box(80, 5, 360, 30)))


def write_into_what_was_drawn(scene: Scene) -> None:
    """R31: a partly written page keeps the newer device bytes around it."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.draw(FILL)
    scene.run(scene.one.write_box(112, 9, noise(3, 2, 40)))
    scene.draw(FillBox(Box(0, 12, 40, 2), bytes(4)))
    scene.run(scene.two.write_box(8, 12, noise(4, 1, 8)))


def ping_pong(scene: Scene) -> None:
    """CPU and device take turns on the same pages, one client after the other."""
    for lap in range(4):
        client = (scene.one, scene.two)[lap % 2]
        scene.run(client.write_box(40 * lap, 4 * lap, noise(lap, 5, 64)))
        scene.draw(CopyBox(Box(40 * lap, 20 + lap, 64, 5), 40 * lap, 4 * lap))
        scene.run(client.read_box(Box(0, 18, 640, 12)))


def two_buffers(scene: Scene) -> None:
    """A copy from one buffer into another carries what both CPU and device wrote there."""
    world = scene.world
    other = world.run(world.driver.create("other", 160, 40, 4, world.buffer.surface.layout))
    world.watch[other] = Oracle(
        other.surface, world.policy.promise, snapshot=world.policy.snapshot, others=world.watch
    )
    third = Portable("third", world.driver, world.driver.export(other), world.watch)
    scene.run(third.write_box(0, 0, noise(5, 40, 640)))
    scene.draw(CopyBox(Box(0, 4, 320, 20), 40, 6, other), FILL)
    scene.run(third.write_box(40, 6, noise(6, 20, 320)))
    scene.run(third.read_box(other.surface.box))
    assert world.watch[other].reads > 0


def seen_from_outside(scene: Scene, look: Callable[[], Bytes]) -> None:
    """Somebody without faults looks at all host pages, in a bracket: they show what loads would, or the device's bytes.

    Loads where a strategy lets the client's stores go their own way, else the newest of both.
    """
    world, promise = scene.world, scene.world.policy.promise
    token = world.oracle.read_begins()
    scene.run(scene.one.sync(scene.one.descriptor, SYNC_START | SYNC_READ))
    image = look()
    if promise is Promise.COHERENT or not world.policy.mmap:
        world.oracle.read_ends(token, "outside", world.buffer.surface.box, image)
    else:
        world.oracle.cancel(token)
        world.oracle.loaded("outside", 0, image.reshape(-1))
    scene.run(scene.one.sync(scene.one.descriptor, SYNC_END | SYNC_READ))


def written_from_outside(scene: Scene, box: Box, data: Bytes, write: Callable[[], None]) -> None:
    """Somebody writes a box of host pages, in a bracket, and the client does what makes the device see it."""
    world, promise = scene.world, scene.world.policy.promise
    one, explicit = scene.one, promise is Promise.EXPLICIT and world.policy.mmap
    drawn = not explicit and promise in (Promise.COHERENT, Promise.EXPLICIT)
    scene.run(one.sync(one.descriptor, SYNC_START | SYNC_WRITE))
    token = world.oracle.draw_begins([PatchBox(box, data)]) if drawn else 0
    write()
    if drawn:
        world.oracle.draw_ends(token)
    else:
        for row in range(box.height):
            world.oracle.stored((box.y + row) * world.buffer.surface.row_bytes + box.x, data[row])
    scene.run(one.sync(one.descriptor, SYNC_END | SYNC_WRITE))
    if explicit:
        scene.run(one.damage([box]))
    elif promise is Promise.DEFERRED:
        scene.run(one.flush())


class Import:
    """Another device's import of a scene's buffer, and a surface of its own of the same shape."""

    def __init__(self, scene: Scene, direction: Direction) -> None:
        self.scene, world = scene, scene.world
        self.peer, self.files = world.peer, DeviceFiles("other")
        surface = world.buffer.surface
        shape = surface.width, surface.height, surface.bytes_per_pixel, Layout.X_TILED
        self.target = scene.run(self.peer.create(f"target {len(self.peer._names)}", *shape))
        handle, same = self.files.import_dmabuf(world.shared)
        assert not same
        self.foreign = self.files.foreign(handle, world.host, self.peer.engine)
        scene.run(self.foreign.map(direction))

    def fetch(self) -> Bytes:
        """By DMA from the host's pages into the other device."""
        surface = self.target.surface
        fence = self.scene.run(self.foreign.read(self.target.surface_handle, surface.box))
        self.scene.run(self.peer.wait(fence))
        return surface.detile(self.scene.run(shown(surface)))

    def deliver(self, box: Box, pixel: bytes) -> None:
        """By DMA from the other device into a box of the host's pages; nobody waits."""
        drawn = self.scene.run(self.peer.draw(self.target, [FillBox(box, pixel)]))
        offset = box.y * self.target.surface.row_bytes + box.x
        self.scene.run(self.foreign.write(self.target.surface_handle, box, offset=offset, after=[drawn]))

    def close(self) -> None:
        self.scene.run(self.files.close_all())


def shown(surface: Surface) -> Steps[Bytes]:
    raw: Bytes = yield ScanOut(surface.base, surface.size, 1)
    return raw


def pixels(pixel: bytes, box: Box) -> Bytes:
    return np.tile(np.frombuffer(pixel, np.uint8), (box.height, box.width // len(pixel)))


def another_device_looks(scene: Scene) -> None:
    """R4: what CPU and device wrote before the map, and between two looks: drawn, stored, sent by transfer object."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.draw(FILL)
    reader = Import(scene, Direction.TO_DEVICE)
    seen_from_outside(scene, reader.fetch)
    scene.draw(FillBox(Box(40, 20, 200, 8), bytes((5, 6, 7, 8))), COPY)
    scene.run(scene.two.write_box(0, 0, noise(2, 3, 100)))
    seen_from_outside(scene, reader.fetch)
    transfer = scene.run(scene.one.transfer_map(scene.world.buffer, Box(8, 2, 64, 4), MapFlag.WRITE | MapFlag.READ))
    transfer.data[:] = 9
    scene.run(scene.one.transfer_unmap(transfer))
    seen_from_outside(scene, reader.fetch)
    reader.close()


def another_device_writes(scene: Scene) -> None:
    """R4: between drawings and stores on the same pages; CPU and device go on while it is mapped and after."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.draw(FILL)
    writer = Import(scene, Direction.BIDIRECTIONAL)
    for lap, pixel in enumerate((b"two!", b"more")):
        box = Box(80, 6 + 10 * lap, 240, 12)
        written_from_outside(scene, box, pixels(pixel, box), lambda box=box, pixel=pixel: writer.deliver(box, pixel))
        scene.run(scene.two.read_box(Box(60, 4, 300, 20)))
        scene.run(scene.two.write_box(0, 7, noise(2, 2, 120)))
        scene.draw(FillBox(Box(300, 9, 40, 4), bytes((4, 3, 2, 1))))
    writer.close()
    scene.run(scene.one.write_box(88, 8, noise(3, 2, 64)))
    scene.draw(COPY)


def the_kernel_reads_and_writes(scene: Scene) -> None:
    """R13: through its own mapping, in brackets, between drawings and stores on the same pages."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    scene.draw(FILL)
    kernel = scene.world.shared.vmap()
    size = scene.world.buffer.surface.linear_size
    for lap in range(2):
        seen_from_outside(scene, lambda: kernel.load(0, size).reshape(40, 640))
        data = noise(5 + lap, 3, 640)
        store = kernel.store(640 * 9, data.reshape(-1))
        written_from_outside(scene, Box(0, 9, 640, 3), data, lambda store=store: scene.run(store))
        scene.run(scene.two.write_box(0, 8, noise(2, 2, 120)))
        scene.draw(FillBox(Box(300, 9, 40, 4), bytes((4, 3, 2, 1))))
        scene.run(scene.two.read_box(Box(60, 4, 300, 20)))
    scene.world.shared.vunmap()


def the_storage_moves(scene: Scene) -> None:
    """R4: with drawn and stored bytes in it, the drawing unfinished."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    for lap in range(3):
        scene.draw(FillBox(Box(40 * lap, 8, 300, 10), bytes([lap] * 4)))
        before = list(scene.world.buffer.frames)
        scene.run(Exporter(scene.world.driver, scene.world.buffer).move())
        assert not set(before) & set(scene.world.buffer.frames)
        scene.run(scene.two.write_box(60, 7, noise(lap, 9, 200)))
        scene.run(scene.one.read_box(Box(0, 4, 640, 16)))


def pages_fail(scene: Scene) -> None:
    """R16, R23: the engine cannot reach a page for a while; whoever needs it is told, and no byte is lost by it."""
    scene.run(scene.one.write_box(0, 0, noise(1, 40, 640)))
    for page, valid in ((2, False), (1, True), (3, False)):
        scene.draw(FILL)
        scene.run(permit(scene.world.driver, scene.world.buffer, page, writable=False, valid=valid))
        for steps in (
            scene.two.read_box(Box(0, 4, 640, 20)),
            scene.one.write_box(0, 10 + page, noise(page, 2, 640)),
            scene.one.draw(scene.world.buffer, [COPY, FillBox(Box(40, 9, 64, 8), bytes([page] * 4))]),
            scene.two.read_box(Box(0, 4, 640, 20)),
            scene.one.show(),
        ):
            try:
                scene.run(steps)
            except (BusFault, DeviceError, DriverError):
                scene.told += 1
        scene.run(permit(scene.world.driver, scene.world.buffer, page))
        scene.run(wait_for(scene.world.buffer.reservation.query(Usage.BOOKKEEP), cause="mended"))
        with contextlib.suppress(DeviceError):
            # What was told to nobody yet is told now.
            scene.run(scene.one.show())


PROGRAMS = [
    paint_and_show, draw_and_read, write_into_what_was_drawn, ping_pong, two_buffers, another_device_looks,
    another_device_writes, the_kernel_reads_and_writes, the_storage_moves, pages_fail,
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


def race(scene: Scene, seed: int) -> None:
    """A painter, a drawer and a reader in a random order."""
    random = np.random.default_rng(seed)
    scene.run(scene.one.write_box(0, 0, noise(seed, 40, 640)))

    def paint() -> Steps[None]:
        for lap in range(4):
            x, y = 4 * int(random.integers(0, 140)), int(random.integers(0, 38))
            yield from scene.one.write_box(x, y, noise(lap, 2, 60))
            yield Delay(100, "thinking")

    def draw() -> Steps[None]:
        for lap in range(3):
            fill = FillBox(Box(100, 8 + lap, 300, 10), bytes([lap] * 4))
            yield from scene.two.draw(scene.world.buffer, [COPY, fill])

    def look() -> Steps[None]:
        for _ in range(3):
            yield from scene.two.read_box(Box(80, 5, 100, 32))
            yield Delay(100, "thinking")

    run_together([paint(), draw(), look()], scene.world.device, lambda count: int(random.integers(count)))


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
    WholeSurfaceZapsNothing, WholeSurfaceBringsBackOnePage, PagetableForgetsToProtect, AdaptiveLosesBits,
    BracketBeginsWithoutReadback, BracketEndsWithoutUpload, RegionBelievesEverythingClean, DeferredDrawsOverDirtyPages,
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
