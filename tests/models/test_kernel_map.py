"""The kernel's mapping of a buffer: its stores and loads beside drawing, uploads, brackets and the aperture."""

from __future__ import annotations

import numpy as np
import pytest

from models.bracket import begin, end
from models.drawing import CopyBox, FillBox
from models.errors import DriverError
from models.layout import Layout
from models.memory import Bytes
from models.policy import Policy
from models.policy.adaptive import Adaptive
from models.policy.aperture import AperturePolicy
from models.policy.no_mmap import NoMmap
from models.policy.page_mkwrite import PageMkwrite
from models.policy.sync_bracket import SyncBracket
from models.policy.whole_surface import WholeSurface
from models.surface import Box
from tests.models.world import make_world, permit


def word(text: bytes) -> Bytes:
    """One row of 16 bytes."""
    return np.frombuffer(text * 4, np.uint8).reshape(1, 16)


@pytest.mark.parametrize("where", ["the page of the drawing", "another page"])
@pytest.mark.parametrize("policy", [PageMkwrite, WholeSurface, Adaptive, SyncBracket, NoMmap])
def test_neither_a_kernel_store_nor_a_drawing_inside_of_its_bracket_is_lost(
    policy: type[Policy], where: str
) -> None:
    """R13, R31: another client draws on the page that the kernel then stores to."""
    world = make_world(policy=policy())
    world.run(world.driver.device_read(world.buffer))
    kernel = world.shared.vmap()
    world.run(begin(world.shared, write=True))
    world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 16, 1), b"new!")]))
    at = 64 if where == "the page of the drawing" else 2 * 4096
    world.run(kernel.store(at, np.frombuffer(b"kern", np.uint8)))
    world.run(end(world.shared, write=True))
    world.shared.vunmap()
    world.run(world.driver.device_read(world.buffer))
    shown = world.scanout().reshape(-1)
    assert shown[:16].tobytes() == b"new!" * 4 and shown[at : at + 4].tobytes() == b"kern"


def test_a_kernel_store_waits_for_an_upload_of_the_page() -> None:
    """R13: a drawing that was submitted before it does not see it, as it sees no later store of a client."""
    world = make_world()
    kernel = world.shared.vmap()
    world.run(begin(world.shared, write=True))
    world.run(kernel.store(0, np.full(16, 1, np.uint8)))
    beside = world.run(world.driver.create("beside", 160, 40, 4, Layout.LINEAR))
    drawn = world.run(world.driver.draw(beside, [CopyBox(Box(0, 0, 16, 1), 0, 0, world.buffer)]))
    world.run(kernel.store(0, np.full(16, 2, np.uint8)))
    world.run(world.driver.wait(drawn))
    surface = beside.surface
    shown = surface.detile(world.device.memory[surface.base : surface.base + surface.size])
    assert (shown[0, :16] == 1).all()
    world.run(end(world.shared, write=True))
    world.shared.vunmap()
    world.run(world.driver.device_read(world.buffer))
    assert (world.scanout()[0, :16] == 2).all()


def test_a_kernel_store_to_a_drawing_that_cannot_be_brought_back_is_refused() -> None:
    """R13."""
    world = make_world()
    world.run(world.driver.device_read(world.buffer))
    kernel = world.shared.vmap()
    world.run(begin(world.shared, write=True))
    world.run(permit(world.driver, world.buffer, 0, writable=False))
    world.run(world.driver.draw(world.buffer, [FillBox(Box(0, 0, 16, 1), b"new!")]))
    with pytest.raises(DriverError, match="^EIO:"):
        world.run(kernel.store(64, np.frombuffer(b"kern", np.uint8)))
    assert not world.machine.locks
    world.run(world.driver.device_read(world.buffer))
    assert world.scanout()[0, :16].tobytes() == b"new!" * 4
    world.shared.vunmap()


def test_an_aperture_sees_what_the_kernel_stored_and_adds_to_it() -> None:
    """R9, R31."""
    world = make_world(policy=AperturePolicy())
    world.run(world.driver.device_read(world.buffer))
    kernel = world.shared.vmap()
    world.run(begin(world.shared, write=True))
    world.run(kernel.store(0, word(b"kern")[0]))
    world.run(end(world.shared, write=True))
    assert world.run(world.writer.load_box(world.mine, Box(0, 0, 16, 1))).tobytes() == b"kern" * 4
    world.run(world.writer.store_box(world.mine, 64, 0, word(b"cpu!")))
    world.run(world.driver.device_read(world.buffer))
    shown = world.scanout()[0]
    assert shown[:16].tobytes() == b"kern" * 4 and shown[64:80].tobytes() == b"cpu!" * 4


def test_a_kernel_map_ends_with_the_last_vunmap() -> None:
    """R13."""
    world = make_world()
    kernel = world.shared.vmap()
    world.shared.vmap()
    world.shared.vunmap()
    world.run(kernel.store(0, word(b"kern")[0]))
    world.shared.vunmap()
    with pytest.raises(DriverError, match="^EINVAL:"):
        world.run(kernel.store(0, word(b"kern")[0]))
    with pytest.raises(DriverError, match="^EINVAL:"):
        kernel.load(0, 16)
