"""Programs of the contract: what clients, the device, other devices and the kernel do to one buffer under any strategy.

A `Scene` is a world with two clients; each program acts on it, and `judge` looks everywhere at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from models.attachment import Direction
from models.bracket import SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE
from models.client.portable import Portable
from models.drawing import CopyBox, FillBox
from models.errors import BusFault, DeviceError, DriverError
from models.exporter import Exporter
from models.fence import Usage, wait_for
from models.importer import DeviceFiles
from models.layout import Layout
from models.memory import Bytes
from models.oracle import Oracle, PatchBox, Violation
from models.perform import run_together
from models.policy import Policy
from models.promise import Promise
from models.steps import Delay, ScanOut, Steps
from models.surface import Box, Surface
from models.transfer_object import MapFlag
from tests.models.world import World, make_world, noise, permit

__all__ = ["FILL", "PROGRAMS", "Scene", "pages_fail", "race"]

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
        assert self.violations() == [], self.violations()
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


PROGRAMS: list[Callable[[Scene], None]] = [
    paint_and_show, draw_and_read, write_into_what_was_drawn, ping_pong, two_buffers, another_device_looks,
    another_device_writes, the_kernel_reads_and_writes, the_storage_moves, pages_fail,
]  # fmt: skip
