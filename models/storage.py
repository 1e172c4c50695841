"""Device storage that changes under a buffer: a discard may swap it instead of waiting (R26).

Work that was submitted before the discard goes on with the old storage, which is freed when that is over. So whoever
writes after the discard without waiting (UNSYNCHRONIZED) disturbs nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.dmabuf import Buffer
from models.engine import Fill, Queue
from models.errors import DriverError
from models.fence import Fence, Usage, wait_for
from models.steps import Steps
from models.surface import Surface

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["Retired", "swap_storage"]


@dataclass(frozen=True, slots=True)
class Retired:
    """Device storage that is free when these fences are done."""

    surface: Surface
    handle: int
    fences: tuple[Fence, ...]

    def free(self, driver: Driver) -> Steps[None]:
        """Wait for the fences and free it."""
        yield from wait_for(self.fences, cause="retire")
        yield from driver.engine.release_surface(self.handle)
        driver.memory.free(self.surface.base)


def swap_storage(driver: Driver, buffer: Buffer) -> Steps[bool]:
    """Drop a buffer's contents; with its reservation lock held. Return whether new storage took the old one's place.

    It is not needed where the device is idle on the buffer. Where there is no room for it the CPU waits instead, so
    that nothing under way can be disturbed afterwards, either way. New storage is cleared: it may hold others' data.
    """
    fences = tuple(fence for fence in buffer.reservation.query(Usage.BOOKKEEP) if not fence.done)
    driver.policy.unmapped(buffer, buffer.space.harvest())
    entries = buffer.space.zap(range(buffer.pages))
    yield from driver.costs.zap(entries)
    new = old = buffer.surface
    if fences:
        try:
            base = driver.memory.allocate(old.size)
            new = Surface(base, old.width, old.height, old.bytes_per_pixel, old.layout)
            try:
                handle = yield from driver.engine.bind_surface(new)
            except DriverError:
                driver.memory.free(base)
                raise
        except DriverError as error:
            if error.errno != "ENOMEM":
                raise
            new = old
            yield from wait_for(fences, cause="discard", buffer=buffer.name)
    driver.policy.discarded(buffer)
    if new is old:
        return False
    driver.retired.append(Retired(old, buffer.surface_handle, fences))
    buffer.surface, buffer.surface_handle = new, handle
    clear = Fill(handle, new.box, bytes(new.bytes_per_pixel))
    fence = yield from driver.engine.submit(Queue.RENDER, [clear], cause="clear")
    buffer.reservation.add(fence, Usage.KERNEL)
    driver.policy.drawing(buffer, range(buffer.pages), (), fence)
    return True
