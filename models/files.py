"""One process's open descriptors: shared buffers, sync files, and files of other kinds (R2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.dmabuf import DmaBuf
from models.errors import DriverError
from models.sync_file import SyncFile

__all__ = ["FileTable"]


@dataclass(frozen=True, slots=True)
class _File:
    content: DmaBuf | SyncFile | None
    writable: bool


@dataclass(slots=True)
class FileTable:
    """Descriptors by number, from 3 on; numbers are not used again."""

    _files: dict[int, _File] = field(default_factory=dict)
    _next: int = 3

    def install(self, content: DmaBuf | SyncFile | None, *, writable: bool = True) -> int:
        """Put a reference the caller hands over under a new number; None stands for a file of another kind."""
        descriptor, self._next = self._next, self._next + 1
        self._files[descriptor] = _File(content, writable)
        return descriptor

    def duplicate(self, descriptor: int) -> int:
        """Return a second number for the same file, with a reference of its own. DriverError EBADF."""
        file = self._file(descriptor)
        if isinstance(file.content, DmaBuf):
            file.content.get()
        return self.install(file.content, writable=file.writable)

    def fork(self) -> FileTable:
        """Return the child's table: the same numbers, each with a reference of its own."""
        for file in self._files.values():
            if isinstance(file.content, DmaBuf):
                file.content.get()
        return FileTable(dict(self._files), self._next)

    def get(self, descriptor: int) -> DmaBuf:
        """Return the buffer. DriverError EBADF: no such file; EINVAL: not a shared buffer (R2)."""
        content = self._file(descriptor).content
        if not isinstance(content, DmaBuf):
            raise DriverError("EINVAL", f"descriptor {descriptor} is no dma-buf")
        return content

    def sync_file(self, descriptor: int) -> SyncFile:
        """Return the sync file. DriverError EINVAL if the number is none, open or not (R15)."""
        file = self._files.get(descriptor)
        if file is None or not isinstance(file.content, SyncFile):
            raise DriverError("EINVAL", f"descriptor {descriptor} is no sync file")
        return file.content

    def writable(self, descriptor: int) -> bool:
        """Return whether the descriptor was opened for writing. DriverError EBADF."""
        return self._file(descriptor).writable

    def close(self, descriptor: int) -> None:
        """Close a descriptor and give its reference back. DriverError EBADF."""
        content = self._file(descriptor).content
        del self._files[descriptor]
        if isinstance(content, DmaBuf):
            content.put()

    def close_all(self) -> None:
        """Close what is open, as the end of a process does."""
        for descriptor in list(self._files):
            self.close(descriptor)

    def _file(self, descriptor: int) -> _File:
        if descriptor not in self._files:
            raise DriverError("EBADF", f"descriptor {descriptor} is not open")
        return self._files[descriptor]
