"""The aperture: each CPU access goes to the device by itself, over the bus, as through i915's GTT.

This engine has no window into its memory, so an access becomes a transfer of exactly its bytes through one bounce page,
charged as one bus access for each 64 bytes. Nothing is cached, so nothing is ever stale, zapped or written back. The
first touch of a 1 MiB chunk through a mapping faults, as binding a chunk of the aperture does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from models.dmabuf import Buffer
from models.engine import Queue, Transfer
from models.errors import BusFault, DeviceError, DriverError, OutOfMemory
from models.events import Fault, runs_of
from models.fence import Usage, wait_for
from models.memory import PAGE, Bytes
from models.page_table import Mapping
from models.signals import Signals
from models.staging import Slot, Staging
from models.steps import Acquire, Note, Release, Steps, releasing
from models.surface import UNIT
from models.transfer import boxes_of_bytes

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["CHUNK", "Aperture"]

CHUNK = 1 << 20
"""Bytes that one fault makes reachable."""


class Aperture:
    """Serves single accesses of at most a page."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._bounce = Staging(driver.host, driver.engine, PAGE, 1, "aperture")
        self._bound: WeakKeyDictionary[Mapping, set[int]] = WeakKeyDictionary()
        """Chunks by mapping, and for as long as that."""

    def load(
        self, buffer: Buffer, mapping: Mapping, offset: int, length: int, signals: Signals | None = None
    ) -> Steps[Bytes]:
        """Return bytes at an offset of the linear view. BusFault if the device fails, or OutOfMemory."""
        slot = yield from self._reach(buffer, mapping, offset, length, False, signals)
        steps = self._load(buffer, mapping, slot, offset, length)
        return (yield from releasing(steps, slot.lock, buffer.reservation.lock))

    def _load(self, buffer: Buffer, mapping: Mapping, slot: Slot, offset: int, length: int) -> Steps[Bytes]:
        yield from self._move(buffer, mapping, slot, offset, length, readback=True)
        data: Bytes = slot.memory[:length].copy()
        return data

    def store(
        self, buffer: Buffer, mapping: Mapping, offset: int, data: Bytes, signals: Signals | None = None
    ) -> Steps[None]:
        """Store bytes at an offset of the linear view. BusFault and OutOfMemory as for a load."""
        slot = yield from self._reach(buffer, mapping, offset, data.size, True, signals)
        steps = self._store(buffer, mapping, slot, offset, data)
        yield from releasing(steps, slot.lock, buffer.reservation.lock)

    def _store(self, buffer: Buffer, mapping: Mapping, slot: Slot, offset: int, data: Bytes) -> Steps[None]:
        slot.memory[: data.size] = data
        yield from self._move(buffer, mapping, slot, offset, data.size, readback=False)
        yield from self.driver.push(buffer, [offset // PAGE])

    def _reach(
        self, buffer: Buffer, mapping: Mapping, offset: int, length: int, write: bool, signals: Signals | None
    ) -> Steps[Slot]:
        """Return the bounce page, with its lock and the buffer's held."""
        while (slot := (yield from self._begin(buffer, mapping, offset, length, write, signals))) is None:
            pass
        return slot

    def _begin(
        self, buffer: Buffer, mapping: Mapping, offset: int, length: int, write: bool, signals: Signals | None
    ) -> Steps[Slot | None]:
        """Bind the chunk, and wait for drawing on the page; None if it has to be looked at again."""
        driver, policy = self.driver, self.driver.policy
        process, page = mapping.process, offset // PAGE
        bound = self._bound.setdefault(mapping, set())
        if offset // CHUNK not in bound:
            bound.add(offset // CHUNK)
            cause = "store" if write else "load"
            yield Note(Fault(cause=cause, process=process, buffer=buffer.name, pages=runs_of([page]), write=write))
            yield from driver.costs.fault()
        yield Acquire(buffer.reservation.lock)
        if mapping not in buffer.space.mappings or (write and not mapping.may_write):
            yield Release(buffer.reservation.lock)
            raise BusFault(process, self._address(mapping, offset))
        waits = policy.pending(buffer, [page]) if write else policy.writers(buffer, [page])
        try:
            waits += (*(yield from driver.awaited(buffer)), *driver.elsewhere(buffer))
        except DeviceError as error:
            yield Release(buffer.reservation.lock)
            raise BusFault(process, self._address(mapping, offset), error) from error
        if policy.implicit_sync:
            waits += buffer.reservation.waits(write)
        waits = tuple(fence for fence in waits if not fence.done)
        if waits:
            yield Release(buffer.reservation.lock)
            try:
                yield from wait_for(waits, cause="aperture", process=process, buffer=buffer.name, signals=signals)
            except DriverError as error:
                if error.errno != "EINTR":
                    raise
                if signals is not None:
                    signals.deliver()
            return None
        try:
            slot = yield from self._bounce.take()
        except DriverError as error:
            yield Release(buffer.reservation.lock)
            raise OutOfMemory(process, self._address(mapping, offset), error) from error
        yield from driver.costs.aperture(-(-length // UNIT))
        return slot

    def _move(
        self, buffer: Buffer, mapping: Mapping, slot: Slot, offset: int, length: int, *, readback: bool
    ) -> Steps[None]:
        surface = buffer.surface
        moves = [
            Transfer(readback, buffer.surface_handle, slot.handle, one.box, one.offset - offset, surface.row_bytes)
            for one in boxes_of_bytes(surface, offset, length)
        ]
        if not moves:
            return
        page = [offset // PAGE]
        try:
            # The kernel or another device may have written the host's page.
            after = yield from self.driver.upload(buffer, "aperture", () if readback else page, reads=page)
            fence = yield from self.driver.engine.submit(Queue.TRANSFER, moves, after, cause="aperture")
            if readback:
                buffer.reservation.add(fence, Usage.KERNEL)
            else:
                self.driver.note_work(buffer, (), page, fence)
            yield from self.driver.engine.wait(
                fence, cause="aperture", process=mapping.process, buffer=buffer.name
            )
        except DeviceError as error:
            raise BusFault(mapping.process, self._address(mapping, offset), error) from error

    @staticmethod
    def _address(mapping: Mapping, offset: int) -> int:
        return mapping.address + offset - mapping.first * PAGE
