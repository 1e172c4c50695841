"""The host driver: buffers, and the submission of device work by R19. It yields steps and does no I/O.

One rule carries everything: before the device looks at a buffer, what the CPU dirtied is collected and sent; before the
device writes pages, no entry may show them; before the CPU sees a page that the device wrote, it is brought back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from models.costs import Costs
from models.dmabuf import Buffer, DmaBuf, ExportOperations
from models.engine import Command, Copy, Engine, Fill, Queue
from models.errors import DeviceError, DriverError
from models.events import Harvest, Render, Unmap, Writeback, Zap, runs_of
from models.fault import FaultHandler
from models.fence import Fence, Usage
from models.layout import Layout
from models.memory import PAGE, HostMemory
from models.page_table import Mapping, ObjectTable, PageTable
from models.policy import Policy
from models.steps import Acquire, Note, Release, Steps
from models.surface import Box, DeviceAllocator, Surface
from models.transfer import pages_of_box, transfers

__all__ = ["CopyBox", "Driver", "FillBox"]


@dataclass(frozen=True, slots=True)
class FillBox:
    """Draw: fill a box with one pixel."""

    box: Box
    pixel: bytes


@dataclass(frozen=True, slots=True)
class CopyBox:
    """Draw: copy a box of the same extent from (source_x bytes, source_y rows) of `source`, or of the target itself."""

    box: Box
    source_x: int
    source_y: int
    source: Buffer | None = None


@dataclass(slots=True)
class _Work:
    """One submission's commands with the pages that they read and write, by buffer."""

    commands: list[Command] = field(default_factory=list)
    events: list[Render] = field(default_factory=list)
    reads: dict[Buffer, set[int]] = field(default_factory=dict)
    writes: dict[Buffer, set[int]] = field(default_factory=dict)


class Driver:
    """One device's driver over an engine, with one coherence policy for all its buffers.

    `device` is its name, by which an importer is recognised (R3). Call `initialise` first.
    """

    def __init__(
        self, host: HostMemory, engine: Engine, policy: Policy, *, costs: Costs | None = None, device: str = "faultline"
    ) -> None:
        self.host = host
        self.engine = engine
        self.policy = policy
        self.costs = costs or Costs()
        self.device = device
        self.faults = FaultHandler(engine, policy, self.costs)
        self.released: list[Buffer] = []
        self._memory = DeviceAllocator(0)
        self._names: set[str] = set()

    def initialise(self) -> Steps[None]:
        """Bring the engine up and learn how much device memory there is."""
        yield from self.engine.initialise()
        self._memory = DeviceAllocator(self.engine.device_size)

    # ----------------------------------------------------------------------------------------------- buffers

    def create(
        self, name: str, width: int, height: int, bytes_per_pixel: int, layout: Layout, *, two_level: bool = False
    ) -> Steps[Buffer]:
        """Make a buffer of width x height pixels whose host pages and device surface both hold zeros.

        Clearing is the driver's duty, so that no old data leaks and pages never written need no readback (R30). The
        CPU does not wait for it. DriverError EINVAL for a bad shape or a name in use, ENOMEM when something is full.
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
            surface = Surface(self._memory.allocate(shape.size), width, height, bytes_per_pixel, layout)
            undo.callback(self._memory.free, surface.base)
            frames = self.host.allocate(-(-surface.linear_size // PAGE), name)
            undo.callback(self.host.free, frames, name)
            table = ObjectTable(self.host, frames, two_level=two_level)
            undo.callback(table.free)
            handle = yield from self.engine.bind_surface(surface)
            try:
                names = handle, (yield from self.engine.bind_object(table))
            except DriverError:
                yield from self.engine.release_surface(handle)
                raise
            undo.pop_all()
        buffer = Buffer(name, surface, frames, table, *names)
        self.policy.adopt(buffer)
        clear = Fill(handle, surface.box, bytes(bytes_per_pixel))
        fence = yield from self.engine.submit(Queue.RENDER, [clear], cause="clear")
        buffer.reservation.add(fence, Usage.KERNEL)
        # The host pages hold the same zeros: the device owns nothing, but an upload must stay behind the clearing.
        self.policy.drawing(buffer, range(buffer.pages), (), fence)
        return buffer

    def destroy(self, buffer: Buffer) -> Steps[None]:
        """Wait for a buffer's device work and free all it has. DriverError EBUSY while it is mapped (R2)."""
        if buffer.space.mappings:
            raise DriverError("EBUSY", f"{buffer.name} is mapped {len(buffer.space.mappings)} times")
        for fence in buffer.reservation.query(Usage.BOOKKEEP):
            # Work that failed is over as well: the buffer goes.
            with contextlib.suppress(DeviceError):
                yield from self.engine.wait(fence, cause="destroy", buffer=buffer.name)
        yield from self.engine.release_surface(buffer.surface_handle)
        yield from self.engine.release_object(buffer.object_handle)
        self.policy.forget(buffer)
        self._memory.free(buffer.surface.base)
        buffer.table.free()
        self.host.free(buffer.frames, buffer.name)
        self._names.remove(buffer.name)

    def reap(self) -> Steps[None]:
        """Destroy every buffer whose last reference is gone."""
        while self.released:
            yield from self.destroy(self.released.pop())

    def export(self, buffer: Buffer) -> DmaBuf:
        """Return a shared buffer with one reference, the caller's (R1). No foreign device reaches it (R4).

        When the last reference is gone the buffer is in `released`, and `reap` frees it.
        """
        operations = ExportOperations(
            map=lambda device: None,
            unmap=lambda device: None,
            release=lambda: self.released.append(buffer),
            may_attach=lambda device: False,
        )
        return DmaBuf(buffer, self.device, operations)

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
        dmabuf.get()
        return mapping

    def munmap(self, table: PageTable, dmabuf: DmaBuf, mapping: Mapping) -> Steps[None]:
        """Take a mapping away; what it left dirty is uploaded with the next submission (R20)."""
        buffer = dmabuf.buffer
        yield Acquire(buffer.reservation.lock)
        self.policy.unmapped(buffer, buffer.space.remove(mapping))
        table.remove(mapping)
        run = (mapping.first, mapping.count)
        yield Note(Unmap(process=mapping.process, buffer=buffer.name, pages=(run,)))
        yield Release(buffer.reservation.lock)
        dmabuf.put()

    # -------------------------------------------------------------------------------------------- submission

    def draw(self, target: Buffer, commands: Sequence[FillBox | CopyBox]) -> Steps[Fence]:
        """Have the device draw, and return the fence that says when it has (R19). The CPU waits for nothing.

        Under the reservation locks: harvest, writeback of what is dirty, zap of what will be written, draw, fence. The
        engine holds the drawing back until the upload is there.
        """
        work = self._plan(target, commands)
        buffers = sorted(work.reads.keys() | work.writes.keys(), key=lambda buffer: buffer.reservation.lock)
        for buffer in buffers:
            yield Acquire(buffer.reservation.lock)
        after: list[Fence] = []
        for buffer in buffers:
            after += yield from self.upload(buffer, "draw")
        for buffer, pages in work.writes.items():
            yield from self.zap(buffer, sorted(pages))
        for event in work.events:
            yield Note(event)
        fence = yield from self.engine.submit(Queue.RENDER, work.commands, after, cause="draw")
        for buffer in buffers:
            reads, writes = sorted(work.reads.get(buffer, ())), sorted(work.writes.get(buffer, ()))
            self.policy.drawing(buffer, reads, writes, fence)
            buffer.reservation.add(fence, Usage.WRITE if writes else Usage.READ)
        for buffer in reversed(buffers):
            yield Release(buffer.reservation.lock)
        return fence

    def device_read(self, buffer: Buffer) -> Steps[None]:
        """Make the device surface current and wait until it is: what scan-out needs. Zaps nothing (R19).

        DeviceError if the upload or the drawing failed.
        """
        yield Acquire(buffer.reservation.lock)
        uploads = yield from self.upload(buffer, "device read")
        fences = dict.fromkeys([*buffer.reservation.query(Usage.WRITE), *uploads])
        yield Release(buffer.reservation.lock)
        for fence in fences:
            yield from self.engine.wait(fence, cause="device read", buffer=buffer.name)

    def wait(self, fence: Fence) -> Steps[None]:
        """Wait for a fence from `draw`. DeviceError if the drawing, or the upload before it, failed."""
        yield from self.engine.wait(fence, cause="client")

    def upload(self, buffer: Buffer, cause: str) -> Steps[list[Fence]]:
        """Harvest, and send what was dirty; return uploads to stay behind. With the reservation lock held.

        They were unfinished when the damage was looked at. One that fails later is among them and not in the damage:
        who depends on it must see the error (R23).
        """
        uploads = [fence for fence in buffer.reservation.query(Usage.KERNEL) if fence.queue == Queue.TRANSFER]
        pages = self.policy.harvest(buffer)
        if pages:
            runs = runs_of(pages)
            yield Note(Harvest(cause=cause, buffer=buffer.name, pages=runs))
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

    def zap(self, buffer: Buffer, writes: Sequence[int]) -> Steps[None]:
        """Remove the entries of pages that the device is about to write, from every mapping (R7)."""
        pages = self.policy.to_zap(buffer, writes)
        if pages:
            entries = buffer.space.zap(pages)
            yield from self.costs.zap(entries)
            yield Note(Zap(cause="draw", buffer=buffer.name, pages=runs_of(pages), entries=entries))

    def _plan(self, target: Buffer, commands: Sequence[FillBox | CopyBox]) -> _Work:
        if not commands:
            raise DriverError("EINVAL", "nothing to draw")
        work = _Work()
        for command in commands:
            box, operation = command.box, "FILL"
            self._check(target, box)
            work.writes.setdefault(target, set()).update(pages_of_box(target.surface, box))
            if isinstance(command, FillBox):
                if len(command.pixel) != target.surface.bytes_per_pixel:
                    raise DriverError("EINVAL", f"a pixel of {len(command.pixel)} bytes")
                work.commands.append(Fill(target.surface_handle, box, command.pixel))
            else:
                source, operation = command.source or target, "COPY"
                origin = Box(command.source_x, command.source_y, box.width, box.height)
                self._check(source, origin)
                if source is target and origin.overlaps(box):
                    raise DriverError("EINVAL", "a copy between overlapping boxes")
                if source.surface.bytes_per_pixel != target.surface.bytes_per_pixel:
                    raise DriverError("EINVAL", "a copy between different pixel sizes")
                work.reads.setdefault(source, set()).update(pages_of_box(source.surface, origin))
                work.commands.append(Copy(target.surface_handle, box, source.surface_handle, origin.x, origin.y))
            event = Render(
                buffer=target.name, operation=operation, x=box.x, y=box.y, width=box.width, height=box.height
            )
            work.events.append(event)
        return work

    def _check(self, buffer: Buffer, box: Box) -> None:
        pixel = buffer.surface.bytes_per_pixel
        if min(box.x, box.y, box.width, box.height) < 0 or not buffer.surface.contains(box):
            raise DriverError("EINVAL", f"{box} is not inside {buffer.name}")
        if box.x % pixel or box.width % pixel:
            raise DriverError("EINVAL", f"{box} cuts a pixel of {buffer.name}")
