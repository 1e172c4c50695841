"""The kernel's FUSE protocol, as bytes: requests taken apart, answers and notifications put together.

No I/O is done here. Layouts and numbers are those of the kernel's include/uapi/linux/fuse.h, protocol 7.39 and newer
kernels in its terms; all is in the order of the host. Requests that nothing here has a use for are answered ENOSYS,
which the kernel takes as "not offered" and never asks again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "BUFFER_BYTES",
    "MAX_BACKGROUND",
    "OPEN_DIRECT",
    "OPEN_KEEP_CACHE",
    "OPEN_NO_FLUSH",
    "ROOT",
    "Attributes",
    "Op",
    "ProtocolError",
    "Request",
    "SetSize",
    "attributes",
    "directory",
    "entry",
    "failure",
    "init",
    "invalidate",
    "opened",
    "read_arguments",
    "reply",
    "set_size",
    "statistics",
    "write_arguments",
    "written",
]

ROOT = 1
"""The node of the directory."""
PAGE = 4096
BUFFER_BYTES = 4 * PAGE
"""Bytes with which a request is read; the kernel asks for at least 8 KiB."""
MAX_BACKGROUND = 0xFFFF
"""Requests that the kernel may have under way by itself: none of them is held back behind others."""
OPEN_DIRECT, OPEN_KEEP_CACHE, OPEN_NO_FLUSH = 1, 2, 32
FOREVER = 1 << 31
"""Seconds for which attributes hold that never change."""

_MAJOR, _MINOR, _OLDEST = 7, 41, 39
_IN, _OUT = struct.Struct("=IIQQIIIHH"), struct.Struct("=IiQ")
_INIT_IN, _INIT_OUT = struct.Struct("=IIIII"), struct.Struct("=IIIIHHIIHHIIH11H")
_ATTR = struct.Struct("=QQQQQQIIIIIIIIII")
_ATTR_OUT, _ENTRY_OUT, _OPEN_OUT = struct.Struct("=QII"), struct.Struct("=QQQQII"), struct.Struct("=QIi")
_READ_IN, _WRITE_IN, _WRITE_OUT = struct.Struct("=QQIIQII"), struct.Struct("=QQIIQII"), struct.Struct("=II")
_SETATTR_IN, _STATFS_OUT = struct.Struct("=IIQQ"), struct.Struct("=QQQQQIIII6I")
_DIRENT, _INVAL = struct.Struct("=QQII"), struct.Struct("=Qqq")
_BIG_WRITES, _MAX_PAGES, _INIT_EXT = 1 << 5, 1 << 22, 1 << 30
_DIRECT_IO_ALLOW_MMAP = 1 << 4
"""Bit 36 of the flags: read(2) and write(2) come here, while mappings go through the kernel's pages."""
_NOTIFY_INVAL_INODE = 2
_WRITE_CACHE = 1
_SET_SIZE, _SET_HANDLE = 8, 64


class ProtocolError(Exception):
    """The kernel speaks a protocol that is too old, or sent what makes no sense."""


class Op(IntEnum):
    """What a request is for."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45
    TMPFILE = 51


UNANSWERED = frozenset({Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT, Op.DESTROY})
"""Requests without an answer; an interrupted one is answered in its time, as the protocol allows."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `op` is a plain number where `Op` has no name for it; `pid` is 0 for the kernel's own."""

    op: int
    unique: int
    node: int
    pid: int
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Take a request apart. ProtocolError where its length is wrong."""
        if len(data) < _IN.size:
            raise ProtocolError(f"a request of {len(data)} bytes")
        length, op, unique, node, _, _, pid, _, _ = _IN.unpack_from(data)
        if length != len(data):
            raise ProtocolError(f"a request of {length} bytes came with {len(data)}")
        return cls(op, unique, node, pid, data[_IN.size :])

    @property
    def name(self) -> str:
        """The name in a request that has one."""
        return self.body.split(b"\0", 1)[0].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What stat shows of a node: its number, its mode with the type, its size in bytes, owner and group."""

    node: int
    mode: int
    size: int
    uid: int = 0
    gid: int = 0
    seconds: int = 0

    def pack(self) -> bytes:
        """The structure fuse_attr."""
        blocks, s = -(-self.size // 512), self.seconds
        links = 2 if self.mode & 0o170000 == 0o040000 else 1
        return _ATTR.pack(
            self.node, self.size, blocks, s, s, s, 0, 0, 0, self.mode, links, self.uid, self.gid, 0, PAGE, 0
        )


def reply(unique: int, body: bytes = b"") -> bytes:
    """The answer to a request that went well."""
    return _OUT.pack(_OUT.size + len(body), 0, unique) + body


def failure(unique: int, error: int) -> bytes:
    """The answer to a request that failed; `error` is an errno, above 0."""
    return _OUT.pack(_OUT.size, -error, unique)


def init(request: Request) -> bytes:
    """The answer to INIT: one page a request, no read-ahead, no write cache. ProtocolError for an old kernel."""
    major, minor, _, _, more = _INIT_IN.unpack_from(request.body.ljust(_INIT_IN.size, b"\0"))
    if major != _MAJOR or minor < _OLDEST or not more & _DIRECT_IO_ALLOW_MMAP:
        raise ProtocolError(f"the kernel's FUSE protocol {major}.{minor} is too old: it takes Linux 6.6")
    flags = _BIG_WRITES | _MAX_PAGES | _INIT_EXT
    background, more = MAX_BACKGROUND, _DIRECT_IO_ALLOW_MMAP
    body = _INIT_OUT.pack(
        _MAJOR, min(minor, _MINOR), 0, flags, background, background, PAGE, 1, 1, 0, more, 0, 0, *[0] * 11
    )
    return reply(request.unique, body)


def entry(unique: int, attributes: Attributes) -> bytes:
    """A name was found; it is looked up again each time, since buffers come and go."""
    return reply(unique, _ENTRY_OUT.pack(attributes.node, 0, 0, FOREVER, 0, 0) + attributes.pack())


def attributes(unique: int, attributes: Attributes, *, lasting: bool = True) -> bytes:
    """What stat shows; `lasting` where it never changes."""
    return reply(unique, _ATTR_OUT.pack(FOREVER if lasting else 0, 0, 0) + attributes.pack())


def opened(unique: int, handle: int, flags: int) -> bytes:
    """A file or directory is open."""
    return reply(unique, _OPEN_OUT.pack(handle, flags, 0))


def read_arguments(request: Request) -> tuple[int, int]:
    """(offset, bytes) of READ and READDIR."""
    _, offset, size, *_ = _READ_IN.unpack_from(request.body)
    return offset, size


def write_arguments(request: Request) -> tuple[int, bytes, bool]:
    """(offset, data, whether the kernel hands over a dirty page by itself) of WRITE."""
    _, offset, size, flags, *_ = _WRITE_IN.unpack_from(request.body)
    data = request.body[_WRITE_IN.size :]
    if len(data) != size:
        raise ProtocolError(f"a write of {size} bytes came with {len(data)}")
    return offset, data, bool(flags & _WRITE_CACHE)


def written(unique: int, size: int) -> bytes:
    """So many bytes were written."""
    return reply(unique, _WRITE_OUT.pack(size, 0))


@dataclass(frozen=True, slots=True)
class SetSize:
    """A change of size; `opening` is that of an open with O_TRUNC, which devices of a fixed size pass over.

    A truncate(2) of a path to 0 cannot be told from it.
    """

    size: int
    opening: bool


def set_size(request: Request) -> SetSize | None:
    """What SETATTR wants of the size, None where it is about other things."""
    valid, _, _, size = _SETATTR_IN.unpack_from(request.body)
    if not valid & _SET_SIZE:
        return None
    return SetSize(size, size == 0 and not valid & _SET_HANDLE)


def statistics(unique: int, files: int) -> bytes:
    """The answer to STATFS."""
    return reply(unique, _STATFS_OUT.pack(0, 0, 0, files, 0, PAGE, 255, PAGE, 0, *[0] * 6))


def directory(unique: int, entries: Iterable[tuple[str, Attributes]], offset: int, size: int) -> bytes:
    """The part of a listing that begins at its entry number `offset` and fits into `size` bytes."""
    body = b""
    for index, (name, what) in enumerate(entries):
        if index < offset:
            continue
        text = name.encode()
        one = _DIRENT.pack(what.node, index + 1, len(text), what.mode >> 12) + text
        one += bytes(-len(one) % 8)
        if len(body) + len(one) > size:
            break
        body += one
    return reply(unique, body)


def invalidate(node: int, offset: int, length: int) -> bytes:
    """The notification by which the kernel drops pages of a file in every process, after writing the dirty ones."""
    body = _INVAL.pack(node, offset, length)
    return _OUT.pack(_OUT.size + len(body), _NOTIFY_INVAL_INODE, 0) + body
