"""The shared buffer: what the exporter hands out, its references, attachments, kernel mappings, and refusals.

Only the life cycle and the identity of a buffer are decided here. What a CPU access costs is the policy's business;
`models.bracket` has CPU access through the descriptor, `models.importer` the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.attachment import Attachment, AttachmentState, Direction, ScatterList
from models.errors import DriverError
from models.fence import Fence, Reservation, Usage, wait_for
from models.memory import PAGE
from models.page_table import AddressSpace, Bits, ObjectTable
from models.signals import Signals
from models.steps import Steps
from models.surface import Surface

if TYPE_CHECKING:
    from models.outside import Outside

__all__ = ["POLLIN", "POLLOUT", "Buffer", "DmaBuf", "ExportOperations"]

POLLIN, POLLOUT = 1, 4
"""As poll's events: no writer is left, no reader either (R14)."""

_PAGE_LIMIT = 1 << 52


class Buffer:
    """The exporter's object: a device surface, its backing pages in host RAM, and who uses it.

    `frames` are the page frames of the linear view, `surface_handle` and `object_handle` the engine's names. `vmaps`
    counts kernel mappings, `pins` what holds the storage where it is, `grabs` the CPU's grabs by client (R24). `valid`
    are the pages that anybody may have written, `shared` whether it was ever exported, `clearing` the fence of the
    device storage's clearing (R30), of which `clearings_failed` failed in a row. `outside` is the page table of a real
    kernel, where one shows the buffer. `gone` is set when it was destroyed: who comes to its lock later must leave it
    alone.
    """

    def __init__(
        self,
        name: str,
        surface: Surface,
        frames: list[int],
        table: ObjectTable,
        surface_handle: int,
        object_handle: int,
    ) -> None:
        self.name = name
        self.surface = surface
        self.frames = frames
        self.table = table
        self.surface_handle = surface_handle
        self.object_handle = object_handle
        self.space = AddressSpace(len(frames))
        self.reservation = Reservation(f"resv:{name}")
        self.vmaps = 0
        self.pins = 0
        self.grabs: dict[str, int] = {}
        self.valid: Bits = np.zeros(len(frames), np.bool_)
        self.shared = False
        self.clearing: Fence | None = None
        self.clearings_failed = 0
        self.attachments: list[Attachment] = []
        self.outside: Outside | None = None
        self.gone = False

    @property
    def pages(self) -> int:
        """Pages of the linear view."""
        return len(self.frames)

    def expect_alive(self) -> None:
        """DriverError EBADF once it was destroyed."""
        if self.gone:
            raise DriverError("EBADF", f"{self.name} was destroyed")

    def expect_free(self) -> None:
        """DriverError EBUSY while the CPU has grabbed it (R24)."""
        if self.grabs:
            raise DriverError("EBUSY", f"{self.name} is grabbed by {', '.join(self.grabs)}")


@dataclass(frozen=True, slots=True)
class ExportOperations:
    """What an exporter offers. `map`, `unmap` and `release` are needed; the others are optional (R1, R6, R13).

    `may_attach` answers whether a foreign device can be served; `refresh` makes mapped pages right where that failed
    when they changed, with the reservation lock held; `begin` and `end` get (write, signals).
    """

    map: Callable[[Attachment], Steps[ScatterList] | None] | None
    unmap: Callable[[Attachment], Steps[None] | None] | None
    release: Callable[[], None] | None
    pin: Callable[[], None] | None = None
    unpin: Callable[[], None] | None = None
    mmap: bool = True
    may_attach: Callable[[str], bool] = lambda device: True
    refresh: Callable[[], Steps[None]] | None = None
    begin: Callable[[bool, Signals | None], Steps[None]] | None = None
    end: Callable[[bool], Steps[None]] | None = None
    vmap: Callable[[], Any] | None = None
    vunmap: Callable[[], None] | None = None


class DmaBuf:
    """A shared buffer: reference-counted, its size fixed for ever, released exactly once (R1, R2).

    DriverError EINVAL unless map, unmap and release are there, and pin and unpin both or neither (R1). After the last
    reference was given back every operation but `detach` and what undoes a mapping is DriverError EBADF.
    """

    def __init__(self, buffer: Buffer, exporter: str, operations: ExportOperations) -> None:
        if not (operations.map and operations.unmap and operations.release):
            raise DriverError("EINVAL", "an exporter needs map, unmap and release")
        if (operations.pin is None) != (operations.unpin is None):
            raise DriverError("EINVAL", "an exporter has pin and unpin, or neither")
        self.buffer = buffer
        self.exporter = exporter
        self.size = buffer.pages * PAGE
        self.leftover: tuple[str, ...] = ()
        self.references = 1
        self.operations = operations
        self._map, self._unmap, self._release = operations.map, operations.unmap, operations.release
        self._vmaps = 0
        self._kernel: Any = None

    @property
    def attachments(self) -> list[Attachment]:
        """Who is attached."""
        return self.buffer.attachments

    def get(self) -> DmaBuf:
        """Take one more reference. DriverError EBADF after the last one was given back."""
        self.expect_open()
        self.references += 1
        return self

    def expect_open(self) -> None:
        """DriverError EBADF once the last reference was given back: nothing is left to work on."""
        if not self.references:
            raise DriverError("EBADF", f"{self.buffer.name} was released")

    def put(self) -> None:
        """Give a reference back; with the last one the exporter's release runs, once (R2).

        Attachments that are left by then are a warning: they are kept in `leftover`. A kernel mapping that is left is
        a bug: ValueError.
        """
        self.expect_open()
        if self.references == 1 and self._vmaps:
            raise ValueError(f"{self.buffer.name} would be released with {self._vmaps} kernel mappings left")
        self.references -= 1
        if not self.references:
            self.leftover = tuple(attachment.device for attachment in self.attachments)
            self._release()

    # -------------------------------------------------------------------------------------------- attachments

    def attach(self, device: str, move_notify: Callable[[], None] | None = None) -> Attachment:
        """Attach a foreign device. DriverError EBUSY when it cannot reach where the buffer is (R4)."""
        self.expect_open()
        if not self.operations.may_attach(device):
            raise DriverError("EBUSY", f"{device} cannot reach {self.buffer.name}")
        attachment = Attachment(device, move_notify)
        self.attachments.append(attachment)
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Undo one attach. DriverError EINVAL if it is not there, or mapped."""
        if attachment not in self.attachments:
            raise DriverError("EINVAL", f"{attachment.device} is not attached to {self.buffer.name}")
        attachment.expect(AttachmentState.ATTACHED)
        attachment.state = AttachmentState.DETACHED
        self.attachments.remove(attachment)

    def map(self, attachment: Attachment, direction: Direction, signals: Signals | None = None) -> Steps[ScatterList]:
        """Return where the pages are, for DMA by the attached device.

        The exporter makes them right first. A static importer's storage is pinned where pinning exists, and the map
        waits for KERNEL fences, and for no others (R4). DriverError EINVAL for one that is mapped, EINTR for a signal.
        """
        self.expect_open()
        attachment.begin()
        pin, unpin = self.operations.pin, self.operations.unpin
        if pin and not attachment.dynamic:
            pin()
        try:
            steps = self._map(attachment)
            scatter = (yield from steps) if steps is not None else ScatterList.of(self.buffer.frames)
            if not attachment.dynamic:
                fences = self.buffer.reservation.query(Usage.KERNEL)
                yield from wait_for(fences, cause="map", buffer=self.buffer.name, signals=signals)
        except BaseException:
            attachment.give_up()
            if unpin and not attachment.dynamic:
                unpin()
            raise
        attachment.map(scatter, direction)
        return scatter

    def unmap(self, attachment: Attachment) -> Steps[None]:
        """The device reaches the pages no more. DriverError EINVAL if it is not mapped."""
        attachment.expect(AttachmentState.MAPPED)
        steps = self._unmap(attachment)
        if steps is not None:
            yield from steps
        attachment.unmap()
        if self.operations.unpin and not attachment.dynamic:
            self.operations.unpin()

    def refresh(self) -> Steps[None]:
        """Before DMA to mapped pages, with the reservation lock held: make them right. DriverError EIO if it fails.

        They are kept right while they are mapped (R4); this tries again where that has failed.
        """
        if self.operations.refresh is not None:
            yield from self.operations.refresh()

    # ---------------------------------------------------------------------------------------- kernel mapping

    def vmap(self) -> Any:
        """Return the kernel's mapping; the exporter is called for the first only. DriverError EINVAL without (R13)."""
        self.expect_open()
        if self.operations.vmap is None:
            raise DriverError("EINVAL", f"{self.buffer.name} has no kernel mapping")
        if not self._vmaps:
            self._kernel = self.operations.vmap()
        self._vmaps += 1
        return self._kernel

    def vunmap(self) -> None:
        """Give a kernel mapping back; the exporter is called for the last only. ValueError if there is none (R13)."""
        if not self._vmaps:
            raise ValueError(f"{self.buffer.name} has no kernel mapping to give back")
        self._vmaps -= 1
        if not self._vmaps:
            self._kernel = None
            if self.operations.vunmap is not None:
                self.operations.vunmap()

    # ------------------------------------------------------------------------------------------ poll and seek

    def poll(self, events: int) -> Steps[int]:
        """Return which of POLLIN and POLLOUT hold now (R14). They say nothing of coherency."""
        self.expect_open()
        ready = 0
        for event, write in ((POLLIN, False), (POLLOUT, True)):
            if events & event and not (yield from self._busy(write)):
                ready |= event
        return ready

    def poll_until(self, events: int, signals: Signals | None = None) -> Steps[int]:
        """Wait until one of the events holds; meanwhile the poll itself holds a reference (R2).

        DriverError EINTR for a signal, EINVAL where neither POLLIN nor POLLOUT is asked for: that would never hold.
        """
        if not events & (POLLIN | POLLOUT):
            raise DriverError("EINVAL", f"a poll for {events:#x}, which a dma-buf never has")
        self.get()
        try:
            while True:
                ready = yield from self.poll(events)
                if ready:
                    return ready
                fences = self.buffer.reservation.waits(not events & POLLIN)
                yield from wait_for(fences[:1], cause="poll", buffer=self.buffer.name, signals=signals)
        finally:
            self.put()

    def _busy(self, write: bool) -> Steps[bool]:
        for fence in self.buffer.reservation.waits(write):
            if not (yield from _is_done(fence)):
                return True
        return False

    def seek(self, offset: int, whence: str) -> int:
        """Answer the only two seeks there are: (0, "END") the size, (0, "SET") 0; anything else EINVAL (R5)."""
        self.expect_open()
        if offset == 0 and whence in ("END", "SET"):
            return self.size if whence == "END" else 0
        raise DriverError("EINVAL", f"seek to {offset} from {whence}")

    def check_mmap(self, first: int, pages: int, *, shared: bool, write: bool, descriptor_writable: bool) -> None:
        """Refuse what mmap refuses (R6): EINVAL, EOVERFLOW or EACCES."""
        self.expect_open()
        if not self.operations.mmap:
            raise DriverError("EINVAL", f"{self.buffer.name} cannot be mapped")
        if not shared:
            raise DriverError("EINVAL", "a private mapping of a shared buffer")
        if write and not descriptor_writable:
            raise DriverError("EACCES", "a writable mapping of a read-only descriptor")
        if first + pages >= _PAGE_LIMIT:
            raise DriverError("EOVERFLOW", f"page offset {first:#x}+{pages:#x} wraps")
        if first < 0 or pages <= 0 or first + pages > self.buffer.pages:
            raise DriverError("EINVAL", f"pages {first}+{pages} of {self.buffer.pages}")


def _is_done(fence: Fence) -> Steps[bool]:
    if fence.done or fence.engine is None:
        return fence.done
    return (yield from fence.engine.poll(fence))
