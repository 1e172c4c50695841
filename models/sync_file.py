"""Sync files: fences of a shared buffer as a file, out and in (R15).

An exported sync file is a snapshot: what is added to the buffer later is not in it. One with no fences is signalled.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import DriverError
from models.fence import Fence, Reservation, Usage, wait_for
from models.signals import Signals
from models.steps import Steps

__all__ = ["SYNC_READ", "SYNC_WRITE", "SyncFile", "export_sync_file", "import_sync_file"]

SYNC_READ = 1
SYNC_WRITE = 2


class SyncFile:
    """Some fences, for ever the same."""

    def __init__(self, fences: Sequence[Fence]) -> None:
        self.fences = tuple(fences)

    @property
    def signalled(self) -> bool:
        """True when all are done, as far as the driver knows."""
        return all(fence.done for fence in self.fences)

    @property
    def status(self) -> int:
        """As user space sees it: 1 signalled, 0 active, -1 one of them carries an error."""
        if any(fence.error for fence in self.fences):
            return -1
        return int(self.signalled)

    def wait(self, signals: Signals | None = None) -> Steps[None]:
        """Wait for all of them, well or ill. DriverError EINTR for a signal."""
        yield from wait_for(self.fences, cause="sync file", signals=signals)


def _check(flags: int) -> None:
    if flags & ~(SYNC_READ | SYNC_WRITE) or not flags:
        raise DriverError("EINVAL", f"sync file flags {flags:#x}")


def export_sync_file(reservation: Reservation, flags: int) -> SyncFile:
    """Return what an access of this kind would wait for: to READ the writers, to WRITE readers too.

    DriverError EINVAL for other flags or none.
    """
    _check(flags)
    return SyncFile(reservation.waits(bool(flags & SYNC_WRITE)))


def import_sync_file(reservation: Reservation, sync_file: SyncFile, flags: int) -> None:
    """Add a sync file's fences: as WRITE for WRITE or both, as READ for READ. DriverError EINVAL for other flags."""
    _check(flags)
    for fence in sync_file.fences:
        reservation.name(fence, Usage.WRITE if flags & SYNC_WRITE else Usage.READ)
