"""The host driver: buffers, and the submission of device work by R19. It yields steps and does no I/O.

One rule carries everything: before the device looks at a buffer, what the CPU dirtied is collected and sent; before the
device writes pages, no entry may show them; before the CPU sees a page that the device wrote, it is brought back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from models.aperture import Aperture
from models.clearing import awaited, clear, cleared
from models.costs import Costs
from models.dmabuf import Buffer, DmaBuf
from models.drawing import CopyBox, FillBox, Work, plan
from models.engine import Engine, Queue
from models.errors import DeviceError, DriverError, UploadFailed
from models.events import Harvest, Unmap, Writeback, Zap, runs_of
from models.exporter import Exporter
from models.fault import FaultHandler
from models.fence import Fence, Usage, wait_for
from models.layout import Layout
from models.memory import PAGE, Bytes, HostMemory
from models.page_table import Mapping, ObjectTable, PageTable
from models.policy import Policy
from models.signals import Signals
from models.steps import Acquire, Note, Recall, Release, ScanOut, Steps, releasing
from models.storage import Retired
from models.surface import DeviceAllocator, Surface
from models.transfer import transfers
from models.transfer_object import Transfers

__all__ = ["DEFAULT_STAGING", "CopyBox", "Driver", "FillBox"]

DEFAULT_STAGING = 256 << 10
"""Bytes of staging where nobody says otherwise."""


class Driver:
    """One device's driver over an engine, with one coherence policy for all its buffers.

    `device` is its name, by which an importer is recognised (R3); `peers` are the names of other devices that can reach
    host RAM (R4), `staging` the bytes through which transfer objects pass. Call `initialise` first.
    """

    def __init__(
        self,
        host: HostMemory,
        engine: Engine,
        policy: Policy,
        *,
        costs: Costs | None = None,
        device: str = "faultline",
        staging: int = DEFAULT_STAGING,
    ) -> None:
        self.host = host
        self.engine = engine
        self.policy = policy
        self.costs = costs or Costs()
        self.device = device
        self.faults = FaultHandler(engine, policy, self.costs)
        self.released: list[Buffer] = []
        self.retired: list[Retired] = []
        self.peers: set[str] = set()
        self.transfers = Transfers(self, staging)
        self.aperture = Aperture(self)
        self._exports: dict[Buffer, DmaBuf] = {}
        self.memory = DeviceAllocator(0)
        self._names: set[str] = set()

    def initialise(self) -> Steps[None]:
        """Bring the engine up and learn how much device memory there is."""
        yield from self.engine.initialise()
        self.memory = DeviceAllocator(self.engine.device_size)

    # ----------------------------------------------------------------------------------------------- buffers

    def create(
        self, name: str, width: int, height: int, bytes_per_pixel: int, layout: Layout, *, two_level: bool = False
    ) -> Steps[Buffer]:
        """Make a buffer of width x height pixels whose host pages and device surface both hold zeros.

        Clearing is the driver's duty, so that no old data leaks and pages never written need no readback (R30). The
        CPU does not wait for it. DriverError EINVAL for a bad shape or a name in use, ENOMEM when something is full;
        DeviceError where the device takes no work. Nothing is left of the buffer then.
        """
        if name in self._names:
            raise DriverError("EINVAL", f"there is a buffer {name!r} already")
        try:
            shape = Surface(0, width, height, bytes_per_pixel, layout)
        except ValueError as error:
            raise DriverError("EINVAL", str(error)) from error
        with ExitStack() as undo:
            self._names.add(name)
            undo.callback(self._names.remove, name)
            surface = Surface(self.memory.allocate(shape.size), width, height, bytes_per_pixel, layout)
            undo.callback(self.memory.free, surface.base)
            frames = self.host.allocate(-(-surface.linear_size // PAGE), name)
            undo.callback(self.host.free, frames, name)
            table = ObjectTable(self.host, frames, two_level=two_level)
            undo.callback(table.free)
            handle = yield from self.engine.bind_surface(surface)
            try:
                buffer = yield from self._adopt(name, surface, frames, table, handle)
            except (DriverError, DeviceError):
                yield from self.engine.release_surface(handle)
                raise
            undo.pop_all()
        return buffer

    def _adopt(
        self, name: str, surface: Surface, frames: list[int], table: ObjectTable, handle: int
    ) -> Steps[Buffer]:
        """Make a buffer of what has been allocated, cleared; where that fails, nothing is left of it."""
        buffer = Buffer(name, surface, frames, table, handle, (yield from self.engine.bind_object(table)))
        self.policy.adopt(buffer)
        try:
            yield from clear(self.engine, self.policy, buffer)
        except DeviceError:
            self.policy.forget(buffer)
            yield from self.engine.release_object(buffer.object_handle)
            raise
        return buffer

    def cleared(self, buffer: Buffer) -> Steps[tuple[Fence, ...]]:
        """Return the clearing that who looks at its device storage must stay behind, begun again if it failed (R30)."""
        return (yield from cleared(self.engine, self.policy, buffer))

    def awaited(self, buffer: Buffer) -> Steps[tuple[Fence, ...]]:
        """Return the same for who waits for it and looks again. DeviceError where it fails time and again."""
        return (yield from awaited(self.engine, self.policy, buffer))

    def destroy(self, buffer: Buffer) -> Steps[None]:
        """Wait for a buffer's device work and free all it has.

        DriverError EBUSY while it is mapped, a reference is left, or another device still reaches its pages (R2), EBADF
        for one that is gone.
        """
        yield from self.hold(buffer)
        yield from releasing(self._destroy(buffer), buffer.reservation.lock)

    def _destroy(self, buffer: Buffer) -> Steps[None]:
        self._expect_unused(buffer)
        # Work that failed is over as well: the buffer goes.
        yield from wait_for(buffer.reservation.query(Usage.BOOKKEEP), cause="destroy", buffer=buffer.name)
        self._expect_unused(buffer)
        buffer.gone = True
        yield from self.engine.release_surface(buffer.surface_handle)
        yield from self.engine.release_object(buffer.object_handle)
        self.policy.forget(buffer)
        self._exports.pop(buffer, None)
        self.memory.free(buffer.surface.base)
        buffer.table.free()
        self.host.free(buffer.frames, buffer.name)
        self._names.remove(buffer.name)

    def _expect_unused(self, buffer: Buffer) -> None:
        if buffer.space.mappings:
            raise DriverError("EBUSY", f"{buffer.name} is mapped {len(buffer.space.mappings)} times")
        shared = self._exports.get(buffer)
        if shared is not None and shared.references:
            raise DriverError("EBUSY", f"{buffer.name} has {shared.references} references left")
        for attachment in buffer.attachments:
            if attachment.mapped:
                raise DriverError("EBUSY", f"{buffer.name} is mapped for {attachment.device}")

    def reap(self) -> Steps[None]:
        """Destroy every buffer whose last reference is gone, and free device storage that was swapped out.

        A buffer that another device has mapped in spite of that is left for the next time.
        """
        left: list[Buffer] = []
        while self.released:
            buffer = self.released.pop()
            try:
                yield from self.destroy(buffer)
            except DriverError:
                if not buffer.gone:
                    left.append(buffer)
        self.released += left
        while self.retired:
            yield from self.retired.pop().free(self)

    def export(self, buffer: Buffer) -> DmaBuf:
        """Return the shared buffer with one more reference, the caller's; a second export gives the same (R1, R3).

        When the last reference is gone the buffer is in `released`, and `reap` frees it. DriverError EBADF then.
        """
        buffer.expect_alive()
        known = self._exports.get(buffer)
        if known is not None:
            return known.get()
        buffer.shared = True
        dmabuf = self._exports[buffer] = DmaBuf(buffer, self.device, Exporter(self, buffer).operations())
        return dmabuf

    def mmap(
        self,
        table: PageTable,
        dmabuf: DmaBuf,
        first: int,
        pages: int,
        *,
        write: bool,
        descriptor_writable: bool = True,
        shared: bool = True,
    ) -> Mapping:
        """Map pages of a shared buffer, holding a reference (R7). DriverError by R6."""
        dmabuf.check_mmap(first, pages, shared=shared, write=write, descriptor_writable=descriptor_writable)
        mapping = Mapping(table.process, dmabuf.buffer.space, table.place(pages), first, pages, write)
        dmabuf.buffer.space.add(mapping)
        table.add(mapping)
        self.policy.mapped(dmabuf.buffer, mapping)
        dmabuf.get()
        return mapping

    def munmap(self, table: PageTable, dmabuf: DmaBuf, mapping: Mapping) -> Steps[None]:
        """Take a mapping away; what it left dirty is uploaded with the next submission (R20).

        DriverError EINVAL if another thread has done so meanwhile.
        """
        lock = dmabuf.buffer.reservation.lock
        yield Acquire(table.lock)
        yield Acquire(lock)
        yield from releasing(self._munmap(table, dmabuf.buffer, mapping), lock, table.lock)
        dmabuf.put()

    def _munmap(self, table: PageTable, buffer: Buffer, mapping: Mapping) -> Steps[None]:
        if mapping not in table.mappings:
            raise DriverError("EINVAL", f"{mapping.process} has nothing mapped at {mapping.address:#x}")
        self.policy.unmapped(buffer, buffer.space.remove(mapping))
        table.remove(mapping)
        run = (mapping.first, mapping.count)
        yield Note(Unmap(process=mapping.process, buffer=buffer.name, pages=(run,)))

    # -------------------------------------------------------------------------------------------- submission

    def draw(
        self, target: Buffer, commands: Sequence[FillBox | CopyBox], *, signals: Signals | None = None
    ) -> Steps[Fence]:
        """Have the device draw, and return the fence that says when it has (R19). The CPU waits for nothing.

        Under the reservation locks: harvest, writeback of what is dirty, zap of what will be written, draw, fence. The
        engine holds the drawing back until the upload is there. DriverError EINVAL for commands that make no sense,
        EBUSY while the CPU has grabbed a buffer (R24), EINTR for a signal while a lock is busy, EBADF for a buffer that
        was destroyed meanwhile.
        """
        work = plan(target, commands)
        buffers = work.buffers
        yield from self._lock(buffers, signals)
        locks = [buffer.reservation.lock for buffer in reversed(buffers)]
        return (yield from releasing(self._draw(work), *locks))

    def _draw(self, work: Work) -> Steps[Fence]:
        buffers = work.buffers
        after: list[Fence] = []
        for buffer in buffers:
            reads, writes = sorted(work.reads.get(buffer, ())), sorted(work.writes.get(buffer, ()))
            after += yield from self.make_way(buffer, "draw", writes, reads=reads)
            after += (*(yield from self.cleared(buffer)), *self._ahead(buffer, reads, writes))
            usage = Usage.READ if writes else Usage.WRITE
            after += (*buffer.reservation.named(usage), *self.elsewhere(buffer, usage))
        for event in work.events:
            yield Note(event)
        fence = yield from self.engine.submit(Queue.RENDER, work.commands(), after, cause="draw")
        for buffer in buffers:
            self.note_work(buffer, sorted(work.reads.get(buffer, ())), sorted(work.writes.get(buffer, ())), fence)
        for buffer in buffers:
            yield from self.push(buffer, sorted(work.writes.get(buffer, ())))
        return fence

    def make_way(
        self, buffer: Buffer, cause: str, writes: Sequence[int], *, reads: Sequence[int]
    ) -> Steps[list[Fence]]:
        """Send what is dirty and zap what the device will write (R19); return uploads to stay behind.

        With the reservation lock held. In a page table outside nothing can be write-protected between the two: stores
        come with the entries, so those go first.
        """
        if buffer.outside is not None:
            yield from self.zap(buffer, writes)
        uploads = yield from self.upload(buffer, cause, writes, reads=reads)
        if buffer.outside is None:
            yield from self.zap(buffer, writes)
        return uploads

    def _ahead(self, buffer: Buffer, reads: Sequence[int], writes: Sequence[int]) -> list[Fence]:
        """Return transfers that write what a drawing will read or write: a transfer object's upload is device work."""
        found = dict.fromkeys((*self.policy.writers(buffer, reads), *self.policy.pending(buffer, writes)))
        return [fence for fence in found if fence.queue == Queue.TRANSFER or fence.engine is not self.engine]

    def _lock(self, buffers: Sequence[Buffer], signals: Signals | None) -> Steps[None]:
        """Take the reservation locks of a submission. DriverError as `reserve`, with none of them held."""
        for index, buffer in enumerate(buffers):
            try:
                yield from self.reserve(buffer, signals)
            except DriverError:
                for other in reversed(buffers[:index]):
                    yield Release(other.reservation.lock)
                raise

    def reserve(self, buffer: Buffer, signals: Signals | None = None, *, wait: bool = True) -> Steps[None]:
        """Take the reservation lock of a buffer to submit work on it.

        DriverError EBUSY while the CPU has grabbed it (R24), and as `hold`.
        """
        yield from self.hold(buffer, signals, wait=wait)
        if buffer.grabs:
            yield Release(buffer.reservation.lock)
            buffer.expect_free()

    def hold(self, buffer: Buffer, signals: Signals | None = None, *, wait: bool = True) -> Steps[None]:
        """Take the reservation lock of a buffer to which nobody need have a reference.

        DriverError EBADF where it was destroyed; without `wait` EBUSY while the lock is; EINTR for a signal.
        """
        lock = buffer.reservation.lock
        if (yield Acquire(lock, wait=wait, signals=signals)) is False:
            raise DriverError("EINTR" if wait else "EBUSY", f"{lock} is busy")
        if buffer.gone:
            yield Release(lock)
            buffer.expect_alive()

    def note_work(self, buffer: Buffer, reads: Sequence[int], writes: Sequence[int], fence: Fence) -> None:
        """Enter device work that was submitted into the books of a buffer; with the reservation lock held."""
        self.policy.drawing(buffer, reads, writes, fence)
        buffer.valid[list(writes)] = True
        buffer.reservation.add(fence, Usage.WRITE if writes else Usage.READ)

    def push(self, buffer: Buffer, writes: Sequence[int]) -> Steps[None]:
        """Where another device has the host pages mapped, they must be right without a fault: bring back at once.

        For after any work that writes device pages, with the reservation lock held: it waits for that, and for what
        the other device has under way. A page that cannot be brought back stays device-dirty, and the other device's
        next DMA tries again before it looks.
        """
        if not writes or not any(attachment.reached for attachment in buffer.attachments):
            return
        yield from wait_for(self.elsewhere(buffer, Usage.READ), cause="import", buffer=buffer.name)
        try:
            yield from self.bring_back(buffer, "import")
        except DeviceError:
            for page in self.policy.bring_all_back(buffer, False).readback:
                with contextlib.suppress(DeviceError):
                    yield from self.faults.readback(buffer, (page,), "")

    def bring_back(self, buffer: Buffer, cause: str) -> Steps[None]:
        """Make all host pages the newest, waiting with the reservation lock held. DeviceError if a readback failed."""
        while True:
            plan = self.policy.bring_all_back(buffer, False)
            waits = plan.wait or (yield from self.awaited(buffer))
            yield from wait_for(waits, cause=cause, buffer=buffer.name)
            if waits:
                continue
            try:
                if plan.readback:
                    yield from self.faults.readback(buffer, plan.readback, "")
            except UploadFailed:
                continue
            return

    def device_read(self, buffer: Buffer) -> Steps[Surface]:
        """Make the device surface current, wait until it is, and return it. Zaps nothing (R19).

        DeviceError if the upload or the drawing failed.
        """
        yield from self.hold(buffer)
        surface, fences = yield from releasing(self._make_current(buffer), buffer.reservation.lock)
        for fence in fences:
            yield from self.engine.wait(fence, cause="device read", buffer=buffer.name)
        return surface

    def _make_current(self, buffer: Buffer) -> Steps[tuple[Surface, list[Fence]]]:
        uploads = yield from self.upload(buffer, "device read")
        return buffer.surface, list(dict.fromkeys([*buffer.reservation.query(Usage.WRITE), *uploads]))

    def scan_out(self, buffer: Buffer) -> Steps[Bytes]:
        """Make the device surface current and show it; return its raw bytes, tiled as they lie.

        The lock keeps a discard from swapping the storage meanwhile: new storage has others' data until it is cleared.
        DeviceError as for `device_read`.
        """
        lock = buffer.reservation.lock
        while True:
            surface = yield from self.device_read(buffer)
            yield from self.hold(buffer)
            if surface is buffer.surface:
                break
            yield Release(lock)
        raw: Bytes = yield ScanOut(surface.base, surface.size, self.engine.slot)
        yield Release(lock)
        return raw

    def wait(self, fence: Fence) -> Steps[None]:
        """Wait for a fence from `draw`. DeviceError if the drawing, or the upload before it, failed."""
        yield from self.engine.wait(fence, cause="client")

    def upload(
        self,
        buffer: Buffer,
        cause: str,
        writes: Sequence[int] = (),
        *,
        reads: Sequence[int] | None = None,
        everything: bool = False,
    ) -> Steps[list[Fence]]:
        """Harvest, and send what was dirty; return uploads to stay behind. With the reservation lock held.

        They were unfinished when the damage was looked at. One that fails later is among them and not in the damage:
        who depends on it must see the error (R23). `writes` are the pages that the device is about to write, `reads`
        those that it is about to read (None: it may read any), `everything` sends also what the policy would hold back.
        """
        yield from self.cleared(buffer)
        if any(attachment.may_write for attachment in buffer.attachments):
            yield from wait_for(self.elsewhere(buffer), cause=cause, buffer=buffer.name)
            self.policy.written_elsewhere(buffer)
        kernel = buffer.reservation.query(Usage.KERNEL)
        uploads = [fence for fence in kernel if fence.engine is self.engine and fence.queue == Queue.TRANSFER]
        yield from self.recall(buffer, range(buffer.pages) if everything or reads is None else {*reads, *writes})
        pages = self.policy.harvest(buffer, writes, reads=reads, everything=everything)
        scanned = self.policy.scanned(buffer)
        yield from self.costs.scan(scanned)
        if pages:
            runs = runs_of(pages)
            yield Note(Harvest(cause=cause, buffer=buffer.name, pages=runs))
            if not scanned:
                yield from self.costs.protect(len(pages), running=len(buffer.space.mappings))
            work = transfers(buffer.surface, buffer.surface_handle, buffer.object_handle, pages, readback=False)
            size = sum(transfer.box.bytes for transfer in work)
            yield Note(Writeback(cause=cause, buffer=buffer.name, pages=runs, bytes=size, descriptors=len(work)))
            pending = self.policy.pending(buffer, pages)
            fence = yield from self.engine.submit(Queue.TRANSFER, work, pending, cause="writeback")
            self.policy.uploading(buffer, pages, fence)
            buffer.reservation.add(fence, Usage.KERNEL)
            uploads.append(fence)
        return uploads

    def elsewhere(self, buffer: Buffer, usage: Usage = Usage.WRITE) -> tuple[Fence, ...]:
        """Return what another device has under way on the host's pages: to write them, or at all (READ)."""
        return buffer.reservation.elsewhere(self.engine, usage)

    def recall(self, buffer: Buffer, pages: Iterable[int]) -> Steps[None]:
        """Fetch the stores to these pages that a page table outside holds, where there is one (R20).

        With the reservation lock held.
        """
        if buffer.outside is not None:
            asked = sorted(pages)
            yield Recall(buffer.name, clean=tuple(asked))
            yield from buffer.outside.settle(asked)

    def withdraw(self, buffer: Buffer) -> Steps[None]:
        """Take every entry away, the outside's too; what was dirty is damage. With the reservation lock held."""
        everything = range(buffer.pages)
        if buffer.outside is not None:
            yield Recall(buffer.name, zap=tuple(everything))
            yield from buffer.outside.settle(everything)
        self.policy.unmapped(buffer, buffer.space.harvest())
        yield from self.costs.zap(buffer.space.zap(everything))

    def zap(self, buffer: Buffer, writes: Sequence[int]) -> Steps[None]:
        """Remove the entries of pages that the device is about to write, from every mapping (R7)."""
        pages = self.policy.to_zap(buffer, writes)
        if pages:
            if buffer.outside is not None:
                yield Recall(buffer.name, zap=tuple(pages))
            entries = buffer.space.zap(pages)
            yield from self.costs.zap(entries)
            yield Note(Zap(cause="draw", buffer=buffer.name, pages=runs_of(pages), entries=entries))
            if buffer.outside is not None:
                yield from buffer.outside.settle(pages)
