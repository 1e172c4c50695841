"""Device storage that changes under a buffer: a discard may swap it instead of waiting (R26).

Work that was submitted before the discard goes on with the old storage, which is freed when that is over. So whoever
writes after the discard without waiting (UNSYNCHRONIZED) disturbs nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.clearing import clear
from models.dmabuf import Buffer
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


def swap_storage(driver: Driver, buffer: Buffer, *, wait: bool = True) -> Steps[bool]:
    """Drop a buffer's contents; with its reservation lock held. Return whether new storage took the old one's place.

    It is not needed where the device is idle on the buffer. Where there is no room for it the CPU waits instead, so
    that nothing under way can be disturbed afterwards, either way: without `wait` that is DriverError EBUSY, and
    nothing is dropped (R27). New storage is cleared: it may hold others' data.
    """
    fences = tuple(fence for fence in buffer.reservation.query(Usage.BOOKKEEP) if not fence.done)
    fresh: tuple[Surface, int] | None = None
    if fences:
        try:
            fresh = yield from _allocate(driver, buffer.surface)
        except DriverError as error:
            if error.errno != "ENOMEM":
                raise
            if not wait:
                raise DriverError("EBUSY", f"{buffer.name} is busy, and there is no room beside it") from error
            yield from wait_for(fences, cause="discard", buffer=buffer.name)
    yield from driver.withdraw(buffer)
    driver.policy.discarded(buffer)
    if fresh is None:
        return False
    driver.retired.append(Retired(buffer.surface, buffer.surface_handle, fences))
    buffer.surface, buffer.surface_handle = fresh
    yield from clear(driver.engine, driver.policy, buffer)
    return True


def _allocate(driver: Driver, like: Surface) -> Steps[tuple[Surface, int]]:
    """Return device storage of the same shape, with its handle. DriverError ENOMEM."""
    surface = replace(like, base=driver.memory.allocate(like.size))
    try:
        return surface, (yield from driver.engine.bind_surface(surface))
    except DriverError:
        driver.memory.free(surface.base)
        raise
