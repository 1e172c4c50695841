"""The exporter's operations on one buffer: what a shared descriptor reaches when it is mapped, bracketed or moved.

Host pages are what other devices and the kernel can reach. So each operation first makes them the newest, by the same
readback as a fault; where another device may write them, they count as damage until this device has them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.attachment import Attachment, ScatterList
from models.dmabuf import Buffer, ExportOperations
from models.errors import DeviceError, DriverError, UploadFailed
from models.fence import Fence, Usage, wait_for
from models.layout import PageTableEntry
from models.memory import PAGE, Bytes
from models.promise import Promise
from models.signals import Signals
from models.steps import Acquire, Release, Steps, releasing

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["ATTEMPTS", "Exporter", "KernelMap"]

ATTEMPTS = 3
"""Times in a row that CPU access to a buffer is cut off by another error until it is told that it failed itself."""


class KernelMap:
    """The kernel's mapping of all host pages of a buffer (R13).

    It has no faults: it is right inside a bracket that begins after `vmap`, and until the device draws again. It ends
    with the last `vunmap`.
    """

    def __init__(self, driver: Driver, buffer: Buffer) -> None:
        self._driver = driver
        self._buffer = buffer

    def load(self, offset: int, length: int) -> Bytes:
        """Return bytes at an offset of the linear view. DriverError EINVAL past its end, or after the last `vunmap`."""
        self._check(offset, length)
        at = np.arange(offset, offset + length)
        frames = np.asarray(self._buffer.frames, np.int64)[at // PAGE]
        found: Bytes = self._driver.host.pages[frames, at % PAGE]
        return found

    def store(self, offset: int, data: Bytes) -> Steps[None]:
        """Store bytes at an offset of the linear view; the pages count as damage.

        A page on which the device has drawn inside of the bracket is brought back first: else either the drawing or the
        store would be lost. An upload of a page is waited for, as by a store that faults: the DMA must not see the page
        change [D]. DriverError EINVAL as for a load, EIO if the page could not be brought back.
        """
        buffer = self._buffer
        while True:
            self._check(offset, data.size)
            yield Acquire(buffer.reservation.lock)
            uploads = yield from releasing(self._store(offset, data), buffer.reservation.lock)
            if not uploads:
                return
            yield from wait_for(uploads, cause="kernel store", buffer=buffer.name)

    def _store(self, offset: int, data: Bytes) -> Steps[tuple[Fence, ...]]:
        """With the lock held: store, or return the uploads that are to be waited for first."""
        buffer = self._buffer
        at = np.arange(offset, offset + data.size)
        if not set(self._driver.policy.device_dirty(buffer)).isdisjoint(at // PAGE):
            yield from _bring_back(self._driver, buffer, "kernel store")
        pages = range(offset // PAGE, (offset + data.size - 1) // PAGE + 1)
        if uploads := self._driver.policy.uploads(buffer, pages):
            return uploads
        self._driver.host.pages[np.asarray(buffer.frames, np.int64)[at // PAGE], at % PAGE] = data
        buffer.valid[list(pages)] = True
        self._driver.policy.unmapped(buffer, pages)
        return ()

    def _check(self, offset: int, length: int) -> None:
        if not self._buffer.vmaps:
            raise DriverError("EINVAL", f"{self._buffer.name} has no kernel mapping any more")
        if offset < 0 or length <= 0 or offset + length > self._buffer.pages * PAGE:
            raise DriverError("EINVAL", f"bytes {offset}+{length} of {self._buffer.name}")


def _bring_back(driver: Driver, buffer: Buffer, cause: str) -> Steps[None]:
    """Make all host pages the newest, with the reservation lock held. DriverError EIO."""
    try:
        yield from driver.bring_back(buffer, cause)
    except DeviceError as error:
        raise DriverError("EIO", str(error)) from error


class Exporter:
    """The operations for one buffer of a driver."""

    def __init__(self, driver: Driver, buffer: Buffer) -> None:
        self.driver = driver
        self.buffer = buffer
        self._cut_off = 0

    def operations(self) -> ExportOperations:
        """Return what the descriptor is made with (R1)."""
        driver, buffer = self.driver, self.buffer
        return ExportOperations(
            map=self.map,
            unmap=self.unmap,
            release=lambda: driver.released.append(buffer),
            pin=self.pin,
            unpin=self.unpin,
            mmap=driver.policy.mmap,
            may_attach=lambda device: device in driver.peers,
            refresh=self.refresh,
            begin=self.begin,
            end=self.end,
            vmap=self.vmap,
            vunmap=self.vunmap,
        )

    # --------------------------------------------------------------------------------------- other devices

    def map(self, attachment: Attachment) -> Steps[ScatterList]:
        """Make the host pages right and say where they are. DriverError EIO if the readback failed."""
        yield from self._bring_back(write=False, always=True, signals=None)
        return ScatterList.of(self.buffer.frames)

    def unmap(self, attachment: Attachment) -> Steps[None]:
        """What another device may have written is damage now: this device gets it with the next submission."""
        lock = self.buffer.reservation.lock
        yield Acquire(lock)
        self._taken_back(attachment)
        yield Release(lock)

    def _taken_back(self, attachment: Attachment) -> None:
        if attachment.may_write:
            self.driver.policy.written_elsewhere(self.buffer)
            self.buffer.valid[:] = True

    def refresh(self) -> Steps[None]:
        """Try again where pages could not be brought back for another device. DriverError EIO."""
        if self.driver.policy.device_dirty(self.buffer):
            yield from _bring_back(self.driver, self.buffer, "import")

    def pin(self) -> None:
        """Hold the storage where it is."""
        self.buffer.pins += 1

    def unpin(self) -> None:
        """Undo one pin. ValueError if there is none."""
        if not self.buffer.pins:
            raise ValueError(f"{self.buffer.name} is not pinned")
        self.buffer.pins -= 1

    # ------------------------------------------------------------------------------------------ CPU access

    def begin(self, write: bool, signals: Signals | None) -> Steps[None]:
        """Make host pages right for CPU access as the policy says (R9). Idempotent (R10).

        DriverError EINTR for a signal, EAGAIN when the readback was cut off by another error, EIO when it failed, or
        was cut off `ATTEMPTS` times in a row: who calls again for ever would hang on a device that is gone.
        """
        yield from self._bring_back(write=write, always=False, signals=signals)

    def end(self, write: bool) -> Steps[None]:
        """Send what the CPU wrote, if the policy sends it now; nobody waits (R11). DriverError EIO if it cannot."""
        lock = self.buffer.reservation.lock
        yield Acquire(lock)
        yield from releasing(self._end(write), lock)

    def _end(self, write: bool) -> Steps[None]:
        try:
            if self.driver.policy.end(self.buffer, write):
                yield from self.driver.upload(self.buffer, "end", everything=True)
        except DeviceError as error:
            raise DriverError("EIO", str(error)) from error

    def vmap(self) -> KernelMap:
        """Map for the kernel; the storage stays where it is meanwhile (R13)."""
        self.buffer.vmaps += 1
        self.pin()
        return KernelMap(self.driver, self.buffer)

    def vunmap(self) -> None:
        """Undo `vmap`."""
        self.buffer.vmaps -= 1
        self.unpin()

    def _bring_back(self, *, write: bool, always: bool, signals: Signals | None) -> Steps[None]:
        buffer = self.buffer
        lock = buffer.reservation.lock
        while True:
            if (yield Acquire(lock, signals=signals)) is False:
                raise DriverError("EINTR", f"interrupted while waiting for {lock}")
            try:
                waits = yield from releasing(self._bring_back_now(write, always), lock)
            except UploadFailed:
                continue
            if not waits:
                return
            yield from wait_for(waits, cause="begin", buffer=buffer.name, signals=signals)

    def _bring_back_now(self, write: bool, always: bool) -> Steps[tuple[Fence, ...]]:
        """With the lock held: bring back what is needed, or return what is to be waited for first."""
        buffer, policy = self.buffer, self.driver.policy
        yield from self.driver.recall(buffer, range(buffer.pages))
        plan = policy.bring_all_back(buffer, write) if always else policy.begin(buffer, write)
        if plan.wait or not plan.readback:
            return plan.wait
        try:
            if waits := (yield from self.driver.awaited(buffer)):
                return waits
            if policy.promise is Promise.BRACKETED:
                # Stores of a bracket that is open elsewhere must not be brought back over.
                for fence in (yield from self.driver.upload(buffer, "begin", everything=True)):
                    yield from self.driver.engine.wait(fence, cause="begin", buffer=buffer.name)
            yield from self.driver.faults.readback(buffer, plan.readback, "")
        except UploadFailed:
            raise
        except DeviceError as error:
            self._cut_off = self._cut_off + 1 if error.cause == "ABORTED" else 0
            again = 0 < self._cut_off < ATTEMPTS
            if not again:
                self._cut_off = 0
            raise DriverError("EAGAIN" if again else "EIO", str(error)) from error
        self._cut_off = 0
        return ()

    # ------------------------------------------------------------------------------------------------ moving

    def move(self) -> Steps[None]:
        """Move the host storage elsewhere (R4).

        Every entry goes, dynamic importers are told, and the engine drops its translations. DriverError EBUSY while it
        is pinned, ENOMEM where there is no room, EIO where the engine cannot be made to drop them: it stays then.
        """
        lock = self.buffer.reservation.lock
        yield Acquire(lock)
        yield from releasing(self._move(), lock)

    def _move(self) -> Steps[None]:
        driver, buffer = self.driver, self.buffer
        if buffer.pins or any(one.mapped and not one.dynamic for one in buffer.attachments):
            raise DriverError("EBUSY", f"{buffer.name} is pinned {buffer.pins} times")
        yield from wait_for(buffer.reservation.query(Usage.BOOKKEEP), cause="move", buffer=buffer.name)
        frames = driver.host.allocate(buffer.pages, buffer.name)
        yield from driver.withdraw(buffer)
        old = list(buffer.frames)
        driver.host.pages[frames] = driver.host.pages[old]
        self._place(frames)
        try:
            fence = yield from driver.engine.invalidate(buffer.object_handle)
            yield from driver.engine.wait(fence, cause="move", buffer=buffer.name)
        except DeviceError as error:
            self._place(old)
            driver.host.free(frames, buffer.name)
            raise DriverError("EIO", str(error)) from error
        for attachment in buffer.attachments:
            if attachment.mapped and attachment.move_notify is not None:
                self._taken_back(attachment)
                attachment.unmap()
                attachment.move_notify()
        driver.host.free(old, buffer.name)

    def _place(self, frames: Sequence[int]) -> None:
        """Say where the pages are."""
        for page, frame in enumerate(frames):
            self.buffer.table.set(page, PageTableEntry(1, 1, frame))
        self.buffer.frames[:] = frames
