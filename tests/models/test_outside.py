"""A page table outside: what a kernel has of a buffer, what it hands over, and when that reaches the device."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from models.bracket import begin
from models.drawing import CopyBox, FillBox
from models.events import Harvest, Writeback, Zap
from models.exporter import Exporter
from models.memory import PAGE
from models.outside import Outside
from models.steps import Recall, Step
from models.surface import Box
from models.transfer_object import MapFlag
from tests.models.world import World, make_world


class Kernel:
    """Performs steps on the Python device; a recall hands over what was stored to its pages, and drops them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.outside = Outside(world.driver, world.driver.export(world.buffer))
        self.pages: dict[int, bytearray] = {}
        self.dirty: set[int] = set()
        self.recalls: list[Recall] = []

    def run(self, steps: Generator[Step, Any, Any]) -> Any:
        """Run steps to their end."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as stop:
                return stop.value
            result = self.recall(step) if isinstance(step, Recall) else self.world.device.perform(step)

    def recall(self, step: Recall) -> None:
        """Hand dirty pages over, and drop those that are to go."""
        self.recalls.append(step)
        for page in self.dirty & {*step.zap, *step.clean}:
            self.outside.post(page, 0, bytes(self.pages[page]))
            self.dirty.discard(page)
        for page in step.zap:
            self.pages.pop(page, None)

    def touch(self, page: int) -> bytearray:
        """Return a page, brought in by a fault if it is not there."""
        if page not in self.pages:
            self.run(self.outside.reach(page))
            self.pages[page] = bytearray(self.outside.load(page).tobytes())
        return self.pages[page]

    def store(self, page: int, offset: int, data: bytes) -> None:
        """Store to a page; nobody is told."""
        self.touch(page)[offset : offset + len(data)] = data
        self.dirty.add(page)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(make_world())


def fill(kernel: Kernel, x: int, y: int, width: int, height: int, value: int) -> None:
    pixel = bytes([value]) * kernel.world.buffer.surface.bytes_per_pixel
    kernel.run(kernel.world.driver.draw(kernel.world.buffer, [FillBox(Box(x, y, width, height), pixel)]))


def test_a_drawing_zaps_first_and_what_was_stored_beside_it_stays(kernel: Kernel) -> None:
    """R19, R31: the rest of a drawn page comes from the stores that the kernel handed over with it."""
    world, row = kernel.world, kernel.world.buffer.surface.row_bytes
    kernel.store(0, 0, b"stored!!")
    world.mark()
    fill(kernel, row - 8, 0, 8, 1, 7)
    kinds = [type(event) for event in world.events(Zap) + world.events(Harvest) + world.events(Writeback)]
    assert kinds == [Zap, Harvest, Writeback] and kernel.recalls[0].zap == (0,)
    assert 0 not in kernel.pages and not kernel.outside.has(0)
    page = kernel.touch(0)
    assert page[:8] == b"stored!!" and page[row - 8 : row] == b"\7" * 8


def test_a_page_that_the_device_reads_is_collected_and_stays(kernel: Kernel) -> None:
    """R19, R20."""
    world, row = kernel.world, kernel.world.buffer.surface.row_bytes
    last = world.buffer.pages - 1
    kernel.store(0, 0, b"source!!")
    command = CopyBox(Box(0, world.buffer.surface.height - 1, 8, 1), 0, 0)
    kernel.run(world.driver.draw(world.buffer, [command]))
    assert 0 in kernel.pages and kernel.outside.has(0) and not kernel.dirty
    place = (world.buffer.surface.height - 1) * row - last * PAGE
    assert kernel.touch(last)[place : place + 8] == b"source!!"


def test_what_is_posted_is_newest_at_once_and_moves_only_behind_an_upload(kernel: Kernel) -> None:
    """R20, R31: the host's copy does not change under an upload that reads it."""
    world = kernel.world
    kernel.store(0, 0, b"first...")
    command = CopyBox(Box(0, world.buffer.surface.height - 1, 8, 1), 0, 0)
    kernel.run(world.driver.draw(world.buffer, [command]))
    frame = world.host.pages[world.buffer.frames[0]]
    kernel.outside.post(0, 0, b"second..")
    assert kernel.outside.load(0)[:8].tobytes() == b"second.." and frame[:8].tobytes() == b"first..."
    assert world.driver.policy.uploads(world.buffer, [0])
    kernel.run(kernel.outside.settle([0]))
    assert not world.driver.policy.uploads(world.buffer, [0]) and frame[:8].tobytes() == b"second.."
    last, surface = world.buffer.pages - 1, world.buffer.surface
    place = (surface.height - 1) * surface.row_bytes - last * PAGE
    assert bytes(kernel.touch(last)[place : place + 8]) == b"first..."


def test_what_a_kernel_never_was_given_is_not_asked_back(kernel: Kernel) -> None:
    kernel.touch(1)
    assert kernel.outside.given(range(kernel.world.buffer.pages)) == (1,)
    with pytest.raises(ValueError, match="4 bytes at 4094 of a page"):
        kernel.outside.post(1, 4094, b"over")


def test_it_ends_with_its_mapping(kernel: Kernel) -> None:
    before = len(kernel.world.buffer.space.mappings)
    kernel.run(kernel.outside.close())
    assert kernel.world.buffer.outside is None and len(kernel.world.buffer.space.mappings) == before - 1
    fill(kernel, 0, 0, 8, 1, 1)
    assert kernel.recalls == [] and np.asarray(kernel.world.buffer.space.mappings).size == before - 1


def test_a_transfer_reads_what_programs_stored(kernel: Kernel) -> None:
    """R25: the host's pages are right only with what the kernel holds."""
    kernel.store(0, 0, b"stored!!")
    transfer = kernel.run(kernel.world.driver.transfers.map(kernel.world.buffer, Box(0, 0, 8, 1), MapFlag.READ))
    assert bytes(transfer.data[0]) == b"stored!!"


def test_the_kernels_own_mapping_shows_what_programs_stored(kernel: Kernel) -> None:
    """R13."""
    kernel.store(0, 0, b"stored!!")
    mapped = kernel.world.shared.vmap()
    kernel.run(begin(kernel.world.shared, write=False))
    assert bytes(mapped.load(0, 8)) == b"stored!!"


def test_a_store_beside_the_end_of_a_transfer_stays(kernel: Kernel) -> None:
    """R20, R31: it comes with the entry, before what is dirty is sent."""
    world = kernel.world
    kernel.touch(0)
    flags = MapFlag.WRITE | MapFlag.DISCARD_RANGE
    transfer = kernel.run(world.driver.transfers.map(world.buffer, Box(16, 0, 8, 1), flags))
    transfer.data[:] = np.frombuffer(b"transfer", np.uint8)
    recall = kernel.recall

    def storing(step: Recall) -> None:
        if step.zap and 0 in kernel.pages:
            kernel.store(0, 0, b"stored!!")
        recall(step)

    kernel.recall = storing  # type: ignore[method-assign]
    kernel.run(world.driver.transfers.unmap(transfer))
    kernel.run(world.driver.device_read(world.buffer))
    expected = b"stored!!" + bytes(8) + b"transfer"
    assert bytes(world.scanout()[0, :24]) == bytes(kernel.touch(0)[:24]) == expected


def test_a_move_takes_the_kernels_pages_and_keeps_its_stores(kernel: Kernel) -> None:
    """R4, R7."""
    kernel.store(0, 0, b"stored!!")
    kernel.run(Exporter(kernel.world.driver, kernel.world.buffer).move())
    assert not kernel.pages and not kernel.outside.has(0)
    assert bytes(kernel.touch(0)[:8]) == b"stored!!"
