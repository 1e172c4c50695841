"""Transfer objects: a box of a buffer for the CPU, mapped with usage flags and unmapped (R25 to R31).

The client's bytes lie in memory of its own; between it and the device surface go exactly the bytes of the box, through
bounded staging, band after band. An upload is device work like a drawing: dirty pages go first, entries of the pages it
touches are zapped, and the engine holds it back behind what is under way on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

from models.dmabuf import Buffer
from models.drawing import check_box
from models.engine import Queue, Transfer
from models.errors import DeviceError, DriverError
from models.fence import Fence, Usage, wait_for
from models.memory import PAGE, Bytes
from models.signals import Signals
from models.staging import Slot, Staging, bands
from models.steps import Steps, releasing
from models.storage import swap_storage
from models.surface import Box
from models.transfer import pages_of_box

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["POISON", "MapFlag", "TransferObject", "Transfers"]

POISON = 0xA5
"""What fills a mapped box of which nothing was read: its bytes are undefined until they are written (R26)."""


class MapFlag(IntFlag):
    """Usage flags of a map, as in Gallium."""

    READ = 1
    WRITE = 2
    DISCARD_RANGE = 4
    DISCARD_WHOLE = 8
    UNSYNCHRONIZED = 16
    DONTBLOCK = 32
    FLUSH_EXPLICIT = 64
    PERSISTENT = 128
    COHERENT = 256


_DISCARD = MapFlag.DISCARD_RANGE | MapFlag.DISCARD_WHOLE


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    """What a barrier has sent under a fence, and what was known and flushed before."""

    fence: Fence
    known: Bytes | None
    flushed: tuple[Box, ...]


class TransferObject:
    """One mapped box: `data` is the client's view, shape (height, width in bytes).

    `known` is what the device had there when both last met, where the map or a barrier fetched it: a PERSISTENT
    transfer sends only what differs from that, for the device may have drawn around what the client wrote (R29, R31). A
    store of the value that was there is none then, also where the device has drawn since: name it with FLUSH_EXPLICIT.
    """

    def __init__(self, buffer: Buffer, box: Box, flags: MapFlag, data: Bytes, *, fetched: bool = False) -> None:
        self.buffer = buffer
        self.box = box
        self.flags = flags
        self.data = data
        self.flushed: list[Box] = []
        self.open = True
        self.known: Bytes | None = data.copy() if fetched and flags & MapFlag.PERSISTENT else None
        self.under_way: list[_Sent] = []

    def flush(self, box: Box) -> None:
        """Name a range that was written, relative to the mapped box (R28).

        DriverError EINVAL unless it was mapped with FLUSH_EXPLICIT, and for a range outside of the box.
        """
        self.expect_open()
        if not self.flags & MapFlag.FLUSH_EXPLICIT:
            raise DriverError("EINVAL", "a flush of what was not mapped with FLUSH_EXPLICIT")
        inside = box.x + box.width <= self.box.width and box.y + box.height <= self.box.height
        if min(box.x, box.y, box.width, box.height) < 0 or not inside:
            raise DriverError("EINVAL", f"{box} is not inside the mapped {self.box}")
        if not box.empty:
            self.flushed.append(box)

    def expect_open(self) -> None:
        """DriverError EINVAL after the unmap."""
        if not self.open:
            raise DriverError("EINVAL", "the transfer was unmapped")

    def to_send(self) -> list[Box]:
        """Return what an unmap or a barrier sends, relative to the box: what was flushed, or everything (R28).

        What a barrier sent and did not arrive counts again (R23).
        """
        self._take_back()
        if not self.flags & MapFlag.WRITE:
            return []
        if self.flags & MapFlag.FLUSH_EXPLICIT:
            return self.flushed
        if self.known is not None:
            return _differences(self.known, self.data)
        return [Box(0, 0, self.box.width, self.box.height)]

    def _take_back(self) -> None:
        failed = [one for one in self.under_way if one.fence.error is not None]
        if failed:
            self.known = failed[0].known
            self.flushed[:0] = [box for one in failed for box in one.flushed]
            self.under_way = [one for one in self.under_way if one not in failed]

    def sent(self, data: Bytes, flushed: int, fence: Fence | None) -> None:
        """This data is on its way to the device, and the oldest so many of the flushed ranges; the client may go on."""
        if fence is not None:
            self.under_way.append(_Sent(fence, self.known, tuple(self.flushed[:flushed])))
        del self.flushed[:flushed]
        if self.known is not None:
            self.known = data

    def fetched(self, data: Bytes, since: Bytes) -> None:
        """The device has this data; what the client has changed `since` stays."""
        np.copyto(self.data, data, where=self.data == since)
        if self.flags & MapFlag.PERSISTENT:
            self.known = data


class Transfers:
    """Maps and unmaps transfer objects, several at once; at most `limit` bytes of staging for all of them."""

    def __init__(self, driver: Driver, limit: int) -> None:
        self.driver = driver
        self.staging = Staging(driver.host, driver.engine, limit)

    def map(self, buffer: Buffer, box: Box, flags: MapFlag, signals: Signals | None = None) -> Steps[TransferObject]:
        """Map a box.

        DriverError EINVAL for flags that do not go together or a box outside of the surface, EOPNOTSUPP for COHERENT
        (that is a mapping, see `Process.coherent_map`), EBUSY with DONTBLOCK where a wait or a readback would be needed
        (R27) or while somebody has grabbed the buffer (R24), EINTR for a signal, EIO when the readback failed.
        """
        check_flags(flags)
        if flags & MapFlag.COHERENT:
            raise DriverError("EOPNOTSUPP", "a coherent transfer is a mapping")
        check_box(buffer, box)
        pages = pages_of_box(buffer.surface, box)
        data: Bytes = np.full((box.height, box.width), POISON, np.uint8)
        if flags & MapFlag.DISCARD_WHOLE and not flags & MapFlag.UNSYNCHRONIZED:
            yield from self._acquire(buffer, flags, signals)
            swap = swap_storage(self.driver, buffer, wait=not flags & MapFlag.DONTBLOCK)
            yield from releasing(swap, buffer.reservation.lock)
        never_valid = not flags & MapFlag.READ and not buffer.shared and not buffer.valid[pages].any()
        fetched = not box.empty and not flags & _DISCARD and not never_valid
        if fetched:
            yield from self._fetch(buffer, box, data, flags, signals)
        return TransferObject(buffer, box, flags, data, fetched=fetched)

    def unmap(self, transfer: TransferObject) -> Steps[Fence | None]:
        """Send what was written and end the transfer; return the upload's fence, if there is one, without waiting.

        DriverError EBUSY while somebody has grabbed the buffer and something is to be sent (R24), DeviceError where the
        device takes no work: it stays mapped.
        """
        transfer.expect_open()
        transfer.open = False
        try:
            return (yield from self._send(transfer))
        except (DriverError, DeviceError):
            transfer.open = True
            raise

    def barrier(self, transfer: TransferObject, signals: Signals | None = None) -> Steps[None]:
        """Make a PERSISTENT transfer and the device see each other (R29): send what was written, then read again.

        DriverError EINVAL for a transfer that is not persistent, EBUSY as for an unmap; EINTR and EIO as for a map.
        After either it is called again: what was sent is not sent twice, what could not be sent is.
        """
        transfer.expect_open()
        if not transfer.flags & MapFlag.PERSISTENT:
            raise DriverError("EINVAL", "a barrier for what was not mapped PERSISTENT")
        data, flushed = transfer.data.copy(), len(transfer.flushed)
        try:
            fence = yield from self._send(transfer)
            transfer.sent(data, flushed, fence)
            for one in transfer.under_way:
                yield from self.driver.engine.wait(
                    one.fence, cause="barrier", buffer=transfer.buffer.name, signals=signals
                )
        except DeviceError as error:
            raise DriverError("EIO", str(error)) from error
        transfer.under_way = []
        if transfer.flags & MapFlag.READ:
            newest = np.empty_like(data)
            yield from self._fetch(transfer.buffer, transfer.box, newest, transfer.flags, signals)
            transfer.fetched(newest, data)

    # ---------------------------------------------------------------------------------------- device to client

    def _acquire(self, buffer: Buffer, flags: MapFlag, signals: Signals | None) -> Steps[None]:
        yield from self.driver.reserve(buffer, signals, wait=not flags & MapFlag.DONTBLOCK)

    def _fetch(
        self, buffer: Buffer, box: Box, data: Bytes, flags: MapFlag, signals: Signals | None
    ) -> Steps[None]:
        """Fill `data` with the newest bytes of a box, from host pages where those are known to be right (R25)."""
        while True:
            yield from self._acquire(buffer, flags, signals)
            waits = yield from releasing(self._fetch_now(buffer, box, data, flags), buffer.reservation.lock)
            if not waits:
                return
            yield from wait_for(waits, cause="transfer", buffer=buffer.name, signals=signals)

    def _fetch_now(self, buffer: Buffer, box: Box, data: Bytes, flags: MapFlag) -> Steps[list[Fence]]:
        """With the lock held: fetch, or return what is to be waited for first."""
        pages = pages_of_box(buffer.surface, box)
        yield from self.driver.recall(buffer, pages)
        needed = not set(self.driver.policy.device_dirty(buffer)).isdisjoint(pages)
        waits = self._waits(buffer, pages, flags)
        if needed:
            try:
                waits += yield from self.driver.awaited(buffer)
            except DeviceError as error:
                raise DriverError("EIO", str(error)) from error
        if flags & MapFlag.DONTBLOCK:
            yield from self._refuse_to_block(buffer, needed, waits)
        if not waits and needed:
            yield from self._read_back(buffer, box, data)
        elif not waits:
            self._copy(buffer, box, data)
        return waits

    def _waits(self, buffer: Buffer, pages: Sequence[int], flags: MapFlag) -> list[Fence]:
        """Return what a map waits for: who writes the box; with WRITE also who reads it.

        UNSYNCHRONIZED waits for no drawing, but for data in transit it does: the transfer queue, and KERNEL fences such
        as that of clearing new storage (R18, R27).
        """
        policy = self.driver.policy
        found = list(policy.pending(buffer, pages) if flags & MapFlag.WRITE else policy.writers(buffer, pages))
        found += self.driver.elsewhere(buffer)
        if policy.implicit_sync:
            found += buffer.reservation.waits(bool(flags & MapFlag.WRITE))
        if flags & MapFlag.UNSYNCHRONIZED:
            engine, kernel = self.driver.engine, buffer.reservation.query(Usage.KERNEL)
            found = [
                fence
                for fence in found
                if fence in kernel or (fence.engine is engine and fence.queue == Queue.TRANSFER)
            ]
        return [fence for fence in dict.fromkeys(found) if not fence.done]

    def _refuse_to_block(self, buffer: Buffer, needed: bool, waits: list[Fence]) -> Steps[None]:
        if needed:
            raise DriverError("EBUSY", f"{buffer.name} would have to be read back")
        for fence in waits:
            if not (yield from self.driver.engine.poll(fence)):
                raise DriverError("EBUSY", f"{buffer.name} is busy")
        waits.clear()

    def _read_back(self, buffer: Buffer, box: Box, data: Bytes) -> Steps[None]:
        driver = self.driver
        try:
            for fence in (yield from driver.upload(buffer, "transfer", everything=True)):
                yield from driver.engine.wait(fence, cause="transfer", buffer=buffer.name)
            for band in bands(box, self.staging.size):
                slot = yield from self.staging.take()
                yield from releasing(self._read_band(buffer, band, slot, _part(data, box, band)), slot.lock)
        except DeviceError as error:
            raise DriverError("EIO", str(error)) from error

    def _read_band(self, buffer: Buffer, band: Box, slot: Slot, data: Bytes) -> Steps[None]:
        move = Transfer(True, buffer.surface_handle, slot.handle, band, slot.offset, band.width)
        fence = yield from self.driver.engine.submit(Queue.TRANSFER, [move], cause="transfer")
        buffer.reservation.add(fence, Usage.KERNEL)
        yield from self.driver.engine.wait(fence, cause="transfer", buffer=buffer.name)
        data[:] = slot.rows(band)

    def _copy(self, buffer: Buffer, box: Box, data: Bytes) -> None:
        """Copy a box from the host's pages, which are right."""
        rows = np.arange(box.y, box.y + box.height, dtype=np.int64)[:, None] * buffer.surface.row_bytes
        at = rows + np.arange(box.x, box.x + box.width, dtype=np.int64)[None, :]
        data[:] = self.driver.host.pages[np.asarray(buffer.frames, np.int64)[at // PAGE], at % PAGE]

    # ---------------------------------------------------------------------------------------- client to device

    def _send(self, transfer: TransferObject) -> Steps[Fence | None]:
        """Upload what was written (R28), behind device work on those pages unless UNSYNCHRONIZED (R27)."""
        buffer, box, data = transfer.buffer, transfer.box, transfer.data.copy()
        places = [Box(box.x + part.x, box.y + part.y, part.width, part.height) for part in transfer.to_send()]
        pages = sorted({page for place in places for page in pages_of_box(buffer.surface, place)})
        if not pages:
            return None
        yield from self.driver.reserve(buffer)
        return (yield from releasing(self._send_now(transfer, data, places, pages), buffer.reservation.lock))

    def _send_now(
        self, transfer: TransferObject, data: Bytes, places: Sequence[Box], pages: Sequence[int]
    ) -> Steps[Fence]:
        driver, buffer, box = self.driver, transfer.buffer, transfer.box
        after = yield from driver.make_way(buffer, "transfer", pages, reads=())
        if transfer.flags & MapFlag.UNSYNCHRONIZED:
            after += buffer.reservation.query(Usage.KERNEL)
        else:
            after += (*driver.policy.pending(buffer, pages), *buffer.reservation.named(Usage.READ))
        for place in places:
            for band in bands(place, self.staging.size):
                slot = yield from self.staging.take()
                steps = self._send_band(buffer, band, slot, _part(data, box, band), after)
                fence = yield from releasing(steps, slot.lock)
                after = [fence]
        yield from driver.push(buffer, pages)
        return fence

    def _send_band(
        self, buffer: Buffer, band: Box, slot: Slot, data: Bytes, after: Sequence[Fence]
    ) -> Steps[Fence]:
        slot.rows(band)[:] = data
        move = Transfer(False, buffer.surface_handle, slot.handle, band, slot.offset, band.width)
        slot.fence = fence = yield from self.driver.engine.submit(Queue.TRANSFER, [move], after, cause="transfer")
        self.driver.note_work(buffer, (), pages_of_box(buffer.surface, band), fence)
        return fence


def check_flags(flags: MapFlag) -> None:
    """DriverError EINVAL for flags that do not go together (R26, R28, R29)."""
    wrong = (
        (not flags & (MapFlag.READ | MapFlag.WRITE), "neither READ nor WRITE"),
        (flags & MapFlag.READ and flags & _DISCARD, "a discard of what is to be read"),
        (flags & _DISCARD and not flags & MapFlag.WRITE, "a discard without WRITE"),
        (flags & MapFlag.FLUSH_EXPLICIT and not flags & MapFlag.WRITE, "FLUSH_EXPLICIT without WRITE"),
        (flags & MapFlag.COHERENT and not flags & MapFlag.PERSISTENT, "COHERENT without PERSISTENT"),
        (flags & ~MapFlag(511), "unknown flags"),
    )
    for is_wrong, why in wrong:
        if is_wrong:
            raise DriverError("EINVAL", f"{why}: {flags!r}")


def _differences(old: Bytes, new: Bytes) -> list[Box]:
    """Return boxes that hold exactly the bytes that differ: runs of a row, joined where the row below has the same."""
    boxes: list[Box] = []
    above: dict[tuple[int, int], int] = {}
    for y, row in enumerate(old != new):
        edges = [int(x) for x in np.flatnonzero(np.diff(row, prepend=False, append=False))]
        here: dict[tuple[int, int], int] = {}
        for run in zip(edges[::2], edges[1::2], strict=True):
            index = here[run] = above.get(run, len(boxes))
            if index == len(boxes):
                boxes.append(Box(run[0], y, run[1] - run[0], 0))
            boxes[index] = replace(boxes[index], height=boxes[index].height + 1)
        above = here
    return boxes


def _part(data: Bytes, box: Box, band: Box) -> Bytes:
    """Return the part of a box's data that a band of it is."""
    return data[band.y - box.y : band.y - box.y + band.height, band.x - box.x : band.x - box.x + band.width]
