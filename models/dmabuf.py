"""Exporter, importer and what lies between: buffers, shared descriptors, attachments, mmap's conditions.

Only the life cycle and the identity of a buffer are decided here. What a CPU access costs is the policy's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from models.errors import DriverError
from models.fence import Reservation
from models.memory import PAGE
from models.page_table import AddressSpace, ObjectTable
from models.surface import Surface

__all__ = ["Buffer", "DeviceFiles", "DmaBuf", "ExportOperations", "FileTable"]

_PAGE_LIMIT = 1 << 52


class Buffer:
    """The exporter's object: a device surface, its backing pages in host RAM, and who uses it.

    `frames` are the page frames of the linear view, `surface_handle` and `object_handle` the engine's names.
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

    @property
    def pages(self) -> int:
        """Pages of the linear view."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class ExportOperations:
    """What an exporter offers. `mmap` is optional (R6); `may_attach` answers whether a foreign device can be served."""

    map: Callable[[str], None] | None
    unmap: Callable[[str], None] | None
    release: Callable[[], None] | None
    pin: Callable[[], None] | None = None
    unpin: Callable[[], None] | None = None
    mmap: bool = True
    may_attach: Callable[[str], bool] = lambda device: True


class DmaBuf:
    """A shared buffer: reference-counted, its size fixed for ever, released exactly once (R1, R2).

    DriverError EINVAL unless map, unmap and release are there, and pin and unpin both or neither (R1).
    """

    def __init__(self, buffer: Buffer, exporter: str, operations: ExportOperations) -> None:
        if not (operations.map and operations.unmap and operations.release):
            raise DriverError("EINVAL", "an exporter needs map, unmap and release")
        if (operations.pin is None) != (operations.unpin is None):
            raise DriverError("EINVAL", "an exporter has pin and unpin, or neither")
        self.buffer = buffer
        self.exporter = exporter
        self.size = buffer.pages * PAGE
        self.attachments: list[str] = []
        self.leftover: tuple[str, ...] = ()
        self.references = 1
        self._operations = operations
        self._release = operations.release

    def get(self) -> DmaBuf:
        """Take one more reference. DriverError EBADF after the last one was given back."""
        if not self.references:
            raise DriverError("EBADF", f"{self.buffer.name} was released")
        self.references += 1
        return self

    def put(self) -> None:
        """Give a reference back; with the last one the exporter's release runs, once (R2).

        Attachments that are left by then are a warning: they are kept in `leftover`.
        """
        if not self.references:
            raise DriverError("EBADF", f"{self.buffer.name} was released")
        self.references -= 1
        if not self.references:
            self.leftover = tuple(self.attachments)
            self._release()

    def attach(self, device: str) -> None:
        """Attach a foreign device. DriverError EBUSY when it cannot reach where the buffer is (R4)."""
        if not self._operations.may_attach(device):
            raise DriverError("EBUSY", f"{device} cannot reach {self.buffer.name}")
        self.attachments.append(device)

    def detach(self, device: str) -> None:
        """Undo one attach. DriverError EINVAL if there is none."""
        if device not in self.attachments:
            raise DriverError("EINVAL", f"{device} is not attached to {self.buffer.name}")
        self.attachments.remove(device)

    def seek(self, offset: int, whence: str) -> int:
        """Answer the only two seeks there are: (0, "END") the size, (0, "SET") 0; anything else EINVAL (R5)."""
        if offset == 0 and whence in ("END", "SET"):
            return self.size if whence == "END" else 0
        raise DriverError("EINVAL", f"seek to {offset} from {whence}")

    def check_mmap(self, first: int, pages: int, *, shared: bool, write: bool, descriptor_writable: bool) -> None:
        """Refuse what mmap refuses (R6): EINVAL, EOVERFLOW or EACCES."""
        if not self._operations.mmap:
            raise DriverError("EINVAL", f"{self.buffer.name} cannot be mapped")
        if not shared:
            raise DriverError("EINVAL", "a private mapping of a shared buffer")
        if write and not descriptor_writable:
            raise DriverError("EACCES", "a writable mapping of a read-only descriptor")
        if first + pages >= _PAGE_LIMIT:
            raise DriverError("EOVERFLOW", f"page offset {first:#x}+{pages:#x} wraps")
        if first < 0 or pages <= 0 or first + pages > self.buffer.pages:
            raise DriverError("EINVAL", f"pages {first}+{pages} of {self.buffer.pages}")


@dataclass(slots=True)
class _File:
    dmabuf: DmaBuf | None
    writable: bool


@dataclass(slots=True)
class FileTable:
    """One process's open descriptors."""

    _files: dict[int, _File] = field(default_factory=dict)
    _next: int = 3

    def install(self, dmabuf: DmaBuf | None, *, writable: bool = True) -> int:
        """Put a reference the caller hands over under a new number; None stands for a file of another kind."""
        descriptor, self._next = self._next, self._next + 1
        self._files[descriptor] = _File(dmabuf, writable)
        return descriptor

    def duplicate(self, descriptor: int) -> int:
        """Return a second number for the same file, with a reference of its own."""
        return self.install(self.get(descriptor).get(), writable=self.writable(descriptor))

    def get(self, descriptor: int) -> DmaBuf:
        """Return the buffer. DriverError EBADF: no such file; EINVAL: not a shared buffer (R2)."""
        found = self._file(descriptor)
        if found.dmabuf is None:
            raise DriverError("EINVAL", f"descriptor {descriptor} is no dma-buf")
        return found.dmabuf

    def writable(self, descriptor: int) -> bool:
        """Return whether the descriptor was opened for writing. DriverError EBADF."""
        return self._file(descriptor).writable

    def close(self, descriptor: int) -> None:
        """Close a descriptor and give its reference back. DriverError EBADF."""
        dmabuf = self._file(descriptor).dmabuf
        del self._files[descriptor]
        if dmabuf is not None:
            dmabuf.put()

    def _file(self, descriptor: int) -> _File:
        if descriptor not in self._files:
            raise DriverError("EBADF", f"descriptor {descriptor} is not open")
        return self._files[descriptor]


class DeviceFiles:
    """One client's handles on one device: importing, and the same buffer back again (R3)."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._handles: dict[int, DmaBuf] = {}
        self._next = 1

    def import_dmabuf(self, dmabuf: DmaBuf) -> tuple[int, bool]:
        """Return (handle, same): the same handle for the same buffer, `same` if this device exported it (R3).

        On the exporting device there is no attachment and no copy: it is the exporter's own object. Elsewhere the
        device attaches first. DriverError EBUSY if that fails (R4).
        """
        same = dmabuf.exporter == self.device
        for handle, known in self._handles.items():
            if known is dmabuf:
                return handle, same
        if not same:
            dmabuf.attach(self.device)
        handle, self._next = self._next, self._next + 1
        self._handles[handle] = dmabuf.get()
        return handle, same

    def buffer(self, handle: int) -> Buffer:
        """Return the object behind a handle: the exporter's own (R3). DriverError EINVAL."""
        return self.export(handle).buffer

    def export(self, handle: int) -> DmaBuf:
        """Return the original shared buffer of a handle (R3). DriverError EINVAL for an unknown handle."""
        if handle not in self._handles:
            raise DriverError("EINVAL", f"no handle {handle} on {self.device}")
        return self._handles[handle]

    def close(self, handle: int) -> None:
        """Give a handle back, and its attachment and reference with it. DriverError EINVAL."""
        dmabuf = self.export(handle)
        del self._handles[handle]
        if dmabuf.exporter != self.device:
            dmabuf.detach(self.device)
        dmabuf.put()
