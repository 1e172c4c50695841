"""Whose fault it is: the caller's (`DriverError`) or the hardware's (`DeviceError`).

Both carry the address, tag and state known where they arose, so that a report needs no second look at the machine.
"""

from __future__ import annotations

import errno as _errno

__all__ = ["BusFault", "DeviceError", "DriverError", "OutOfMemory", "UploadFailed"]


class DriverError(Exception):
    """The caller asked for something that the interface refuses.

    `errno` is the symbolic name the kernel would return: EINVAL, EACCES, EBUSY, EBADF, EOVERFLOW, ENOMEM, ...
    """

    def __init__(self, errno: str, reason: str, *, address: int = 0, tag: int = 0, state: str = "") -> None:
        if not hasattr(_errno, errno):
            raise ValueError(f"{errno!r} is no errno name")
        super().__init__(f"{errno}: {reason}")
        self.errno = errno
        self.reason = reason
        self.address = address
        self.tag = tag
        self.state = state


class DeviceError(Exception):
    """The hardware failed an operation: `cause` is the name of the record's cause (`layout.Cause`).

    `address` is what the record says (its kind depends on the cause), `tag` the descriptor's, `state` what the queue
    was doing, `bytes` how many bytes had moved.
    """

    def __init__(self, cause: str, *, address: int = 0, tag: int = 0, state: str = "", bytes: int = 0) -> None:
        super().__init__(f"{cause} at {address:#x} (tag {tag}, {state or 'no state'}, {bytes} bytes moved)")
        self.cause = cause
        self.address = address
        self.tag = tag
        self.state = state
        self.bytes = bytes


class UploadFailed(DeviceError):
    """An upload failed that a readback stood behind: the host has the newest bytes, and nothing was brought back."""

    def __init__(self, error: DeviceError) -> None:
        found = {name: getattr(error, name) for name in ("address", "tag", "state", "bytes")}
        super().__init__(error.cause, **found)


class BusFault(Exception):
    """What a client gets instead of its bytes: SIGBUS (R16). `error` is the reason, when there is one."""

    def __init__(self, process: str, address: int, error: Exception | None = None) -> None:
        super().__init__(f"SIGBUS in {process} at {address:#x}" + (f": {error}" if error else ""))
        self.process = process
        self.address = address
        self.error = error


class OutOfMemory(Exception):
    """A fault found no memory to serve it with (R16)."""

    def __init__(self, process: str, address: int, error: Exception) -> None:
        super().__init__(f"out of memory in {process} at {address:#x}: {error}")
        self.process = process
        self.address = address
        self.error = error
