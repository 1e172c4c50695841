"""The importing side: handles of one client on one device, and DMA by another device's engine (R3, R4).

On the exporting device an import is the exporter's own object. Elsewhere it is an attachment; mapped, its scatter list
becomes a host object of the other engine, which then reads and writes the exporter's pages like any other host memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.attachment import Attachment, AttachmentState, Direction
from models.dmabuf import Buffer, DmaBuf
from models.engine import Engine, Queue, Transfer
from models.errors import DeviceError, DriverError
from models.events import Attach
from models.fence import Fence, Usage, wait_for
from models.memory import HostMemory
from models.page_table import ObjectTable
from models.signals import Signals
from models.steps import Acquire, Note, Release, Steps, releasing
from models.surface import Box

__all__ = ["DeviceFiles", "ForeignImport"]


@dataclass(slots=True)
class _Handle:
    dmabuf: DmaBuf
    attachment: Attachment | None
    foreign: ForeignImport | None = None


class DeviceFiles:
    """One client's handles on one device: importing, and the same buffer back again (R3)."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._handles: dict[int, _Handle] = {}
        self._next = 1

    def import_dmabuf(self, dmabuf: DmaBuf) -> tuple[int, bool]:
        """Return (handle, same): the same handle for the same buffer, `same` if this device exported it (R3).

        On the exporting device there is no attachment and no copy: it is the exporter's own object. Elsewhere the
        device attaches first. DriverError EBUSY if that fails (R4).
        """
        same = dmabuf.exporter == self.device
        for handle, known in self._handles.items():
            if known.dmabuf is dmabuf:
                return handle, same
        attachment = None if same else dmabuf.attach(self.device)
        handle, self._next = self._next, self._next + 1
        self._handles[handle] = _Handle(dmabuf.get(), attachment)
        return handle, same

    def buffer(self, handle: int) -> Buffer:
        """Return the object behind a handle: the exporter's own (R3). DriverError EINVAL."""
        return self.export(handle).buffer

    def attachment(self, handle: int) -> Attachment:
        """Return the attachment behind a foreign handle. DriverError EINVAL where there is none."""
        found = self._find(handle).attachment
        if found is None:
            raise DriverError("EINVAL", f"handle {handle} is {self.device}'s own object")
        return found

    def foreign(self, handle: int, host: HostMemory, engine: Engine) -> ForeignImport:
        """Return the one import behind a foreign handle, for DMA by this device's engine. DriverError EINVAL."""
        attachment, known = self.attachment(handle), self._find(handle)
        if known.foreign is None:
            known.foreign = ForeignImport(host, engine, known.dmabuf, attachment)
        return known.foreign

    def export(self, handle: int) -> DmaBuf:
        """Return the original shared buffer of a handle (R3). DriverError EINVAL for an unknown handle."""
        return self._find(handle).dmabuf

    def close(self, handle: int) -> Steps[None]:
        """Give a handle back: what is mapped through it ends after its DMA, attachment and reference go with it.

        Another thread's `ForeignImport.map` ends first. DriverError EINVAL for an unknown handle, EBUSY while another
        thread maps the bare attachment.
        """
        known = self._find(handle)
        attachment = known.attachment
        if known.foreign is None and attachment is not None and attachment.state is AttachmentState.MAPPING:
            raise DriverError("EBUSY", f"handle {handle} is being mapped")
        del self._handles[handle]
        if known.foreign is not None:
            yield from known.foreign.close()
        elif attachment is not None:
            if attachment.mapped:
                yield from known.dmabuf.unmap(attachment)
            known.dmabuf.detach(attachment)
        known.dmabuf.put()

    def close_all(self) -> Steps[None]:
        """Close every handle, as the end of a client does."""
        for handle in list(self._handles):
            yield from self.close(handle)

    def _find(self, handle: int) -> _Handle:
        if handle not in self._handles:
            raise DriverError("EINVAL", f"no handle {handle} on {self.device}")
        return self._handles[handle]


class ForeignImport:
    """A mapped attachment as a host object of the importing engine, for DMA both ways.

    A lock of its own is held while it is mapped, unmapped or closed: other threads see it either way, never between.
    """

    def __init__(self, host: HostMemory, engine: Engine, dmabuf: DmaBuf, attachment: Attachment) -> None:
        self.host = host
        self.engine = engine
        self.dmabuf = dmabuf
        self.attachment = attachment
        self._lock = f"import:{attachment.device}:{dmabuf.buffer.name}"
        self._table: ObjectTable | None = None
        self._object = 0

    @property
    def known(self) -> bool:
        """True while the engine knows pages: those that are mapped, or were before a move."""
        return self._table is not None

    @property
    def mapped(self) -> bool:
        """True while the engine knows the pages, and they are there: a move of the storage ends it."""
        return self._table is not None and self.attachment.mapped

    def map(self, direction: Direction = Direction.BIDIRECTIONAL, signals: Signals | None = None) -> Steps[None]:
        """Map the attachment and make its pages known to the engine; writable only if the direction says so.

        DriverError as `DmaBuf.map`; ENOMEM, with nothing mapped, where the engine or the host has no room.
        """
        if (yield Acquire(self._lock, signals=signals)) is False:
            raise DriverError("EINTR", f"interrupted while waiting for {self._lock}")
        yield from releasing(self._map(direction, signals), self._lock)

    def _map(self, direction: Direction, signals: Signals | None) -> Steps[None]:
        scatter = yield from self.dmabuf.map(self.attachment, direction, signals)
        try:
            yield from self._forget()
            table = ObjectTable(self.host, scatter.frames(), writable=direction is not Direction.TO_DEVICE)
            try:
                self._object = yield from self.engine.bind_object(table)
            except (DriverError, DeviceError):
                table.free()
                raise
        except (DriverError, DeviceError):
            yield from self.dmabuf.unmap(self.attachment)
            raise
        self._table = table
        yield Note(Attach(cause="map", buffer=self.dmabuf.buffer.name, device=self.attachment.device))

    def read(
        self, surface: int, box: Box, *, offset: int = 0, stride: int = 0, after: Sequence[Fence] = ()
    ) -> Steps[Fence]:
        """Have the engine fetch host bytes into a box of its own surface (a handle); it adds a READ fence.

        `offset` and `stride` are those of the rows in the exporter's linear view, whose stride is the default; `after`
        is work on the importer's own surface to stay behind. DriverError EINVAL where nothing is mapped, EBUSY while
        the CPU has grabbed the buffer (R24), EIO where the exporter cannot make the pages right.
        """
        return (yield from self._dma(False, surface, box, offset, stride, after))

    def write(
        self, surface: int, box: Box, *, offset: int = 0, stride: int = 0, after: Sequence[Fence] = ()
    ) -> Steps[Fence]:
        """Have the engine store a box of its own surface into the host bytes; it adds a WRITE fence."""
        return (yield from self._dma(True, surface, box, offset, stride, after))

    def _dma(
        self, write: bool, surface: int, box: Box, offset: int, stride: int, own: Sequence[Fence]
    ) -> Steps[Fence]:
        """Submit under the buffer's reservation lock: what is looked at must be what is waited for (R4)."""
        buffer = self.dmabuf.buffer
        lock, usage = buffer.reservation.lock, Usage.WRITE if write else Usage.READ
        while True:
            yield Acquire(lock)
            others = buffer.reservation.elsewhere(self.engine, Usage.READ if write else Usage.WRITE)
            if not others or not self.mapped or buffer.grabs:
                break
            # The engine cannot name another's fence in a WAIT, and nobody else should have to wait for it too.
            yield Release(lock)
            yield from wait_for(others, cause="import", buffer=buffer.name)
        return (yield from releasing(self._submit(write, surface, box, offset, stride, own, usage), lock))

    def _submit(
        self, write: bool, surface: int, box: Box, offset: int, stride: int, own: Sequence[Fence], usage: Usage
    ) -> Steps[Fence]:
        buffer = self.dmabuf.buffer
        if not self.mapped:
            raise DriverError("EINVAL", f"{buffer.name} is not mapped for {self.attachment.device}")
        buffer.expect_free()
        yield from self.dmabuf.refresh()
        transfer = Transfer(write, surface, self._object, box, offset, stride or buffer.surface.row_bytes)
        after = (*buffer.reservation.waits(write), *own)
        fence = yield from self.engine.submit(Queue.TRANSFER, [transfer], after, cause="import")
        buffer.reservation.add(fence, usage)
        return fence

    def unmap(self) -> Steps[None]:
        """Wait for the DMA and give the pages back. DriverError EINVAL if they are not mapped."""
        yield Acquire(self._lock)
        yield from releasing(self._unmap(), self._lock)

    def close(self) -> Steps[None]:
        """End what is mapped and detach: no later map gets anything."""
        yield Acquire(self._lock)
        yield from releasing(self._close(), self._lock)

    def _close(self) -> Steps[None]:
        if self.known:
            yield from self._unmap()
        elif self.attachment.mapped:
            yield from self.dmabuf.unmap(self.attachment)
        self.dmabuf.detach(self.attachment)

    def _unmap(self) -> Steps[None]:
        buffer = self.dmabuf.buffer
        # What is being submitted has the lock, and sees afterwards that nothing is mapped.
        yield Acquire(buffer.reservation.lock)
        table, self._table = self._table, None
        mine = [fence for fence in buffer.reservation.query(Usage.BOOKKEEP) if fence.engine is self.engine]
        yield Release(buffer.reservation.lock)
        if table is None:
            raise DriverError("EINVAL", f"{buffer.name} is not mapped for {self.attachment.device}")
        yield from wait_for(mine, cause="unmap", buffer=buffer.name)
        yield from self.engine.release_object(self._object)
        table.free()
        if self.attachment.mapped:
            yield from self.dmabuf.unmap(self.attachment)

    def _forget(self) -> Steps[None]:
        """Have the engine forget the pages, where it knows any."""
        if self._table is not None:
            table, self._table = self._table, None
            yield from self.engine.release_object(self._object)
            table.free()
