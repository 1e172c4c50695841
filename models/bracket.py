"""CPU access through the descriptor: the SYNC bracket of 2016 and the sync-file requests (R8 to R12, R15).

`begin` calls the exporter first and waits for fences after (R9): so an exporter that reads back has waited itself. It
is idempotent, because EINTR and EAGAIN mean "call again" (R10). `end` does not wait, and nothing pairs the two (R11).
The interface has no ranges (R12): whoever wants a region uses a transfer object.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.dmabuf import DmaBuf
from models.errors import DriverError
from models.fence import wait_for
from models.files import FileTable
from models.signals import Signals
from models.steps import Steps
from models.sync_file import SYNC_READ, SYNC_WRITE, export_sync_file, import_sync_file

__all__ = [
    "EXPORT_SYNC_FILE",
    "IMPORT_SYNC_FILE",
    "SYNC",
    "SYNC_END",
    "SYNC_READ",
    "SYNC_START",
    "SYNC_WRITE",
    "SyncArgument",
    "SyncFileArgument",
    "begin",
    "end",
    "ioctl",
]

SYNC_START, SYNC_END = 0, 4

SYNC = 0x40086200
EXPORT_SYNC_FILE = 0xC0086202
IMPORT_SYNC_FILE = 0x40086203
"""The requests of linux/dma-buf.h."""


@dataclass(slots=True)
class SyncArgument:
    """What a SYNC request points to."""

    flags: int


@dataclass(slots=True)
class SyncFileArgument:
    """What a sync-file request points to; an export fills in `descriptor`."""

    flags: int
    descriptor: int = -1


def begin(dmabuf: DmaBuf, *, write: bool, signals: Signals | None = None) -> Steps[None]:
    """Begin CPU access, to read or also to write. DriverError EINTR or EAGAIN: call again; EIO: the readback failed."""
    dmabuf.expect_open()
    if dmabuf.operations.begin is not None:
        yield from dmabuf.operations.begin(write, signals)
    fences = dmabuf.buffer.reservation.waits(write)
    yield from wait_for(fences, cause="begin", buffer=dmabuf.buffer.name, signals=signals)


def end(dmabuf: DmaBuf, *, write: bool) -> Steps[None]:
    """End CPU access; waits for no fence (R11). DriverError EIO: the device takes no work any more."""
    dmabuf.expect_open()
    if dmabuf.operations.end is not None:
        yield from dmabuf.operations.end(write)


def ioctl(
    files: FileTable,
    descriptor: int,
    request: int,
    argument: SyncArgument | SyncFileArgument | None,
    signals: Signals | None = None,
) -> Steps[None]:
    """Carry out a request on a shared buffer's descriptor, and hold a reference meanwhile (R2).

    DriverError: EBADF, EINVAL by R2; ENOTTY for an unknown request, EFAULT for a pointer that leads nowhere (None, or
    something else than the request wants), EINVAL for unknown flags or neither READ nor WRITE (R8, R15).
    """
    dmabuf = files.get(descriptor).get()
    try:
        yield from _request(files, dmabuf, request, argument, signals)
    finally:
        dmabuf.put()


def _request(
    files: FileTable,
    dmabuf: DmaBuf,
    request: int,
    argument: SyncArgument | SyncFileArgument | None,
    signals: Signals | None,
) -> Steps[None]:
    if request == SYNC:
        if not isinstance(argument, SyncArgument):
            raise DriverError("EFAULT", "no flags where the pointer leads")
        flags = argument.flags
        if flags & ~(SYNC_READ | SYNC_WRITE | SYNC_END) or not flags & (SYNC_READ | SYNC_WRITE):
            raise DriverError("EINVAL", f"sync flags {flags:#x}")
        write = bool(flags & SYNC_WRITE)
        if flags & SYNC_END:
            yield from end(dmabuf, write=write)
        else:
            yield from begin(dmabuf, write=write, signals=signals)
    elif request in (EXPORT_SYNC_FILE, IMPORT_SYNC_FILE):
        if not isinstance(argument, SyncFileArgument):
            raise DriverError("EFAULT", "no sync file argument where the pointer leads")
        reservation = dmabuf.buffer.reservation
        if request == EXPORT_SYNC_FILE:
            argument.descriptor = files.install(export_sync_file(reservation, argument.flags))
        else:
            import_sync_file(reservation, files.sync_file(argument.descriptor), argument.flags)
    else:
        raise DriverError("ENOTTY", f"request {request:#x}")
