"""The real kernel behind `/dev/fuse`: names and sizes answered at once, accesses handed on, notifications sent.

    simulator's thread   next() reads requests and answers all but accesses; it alone answers
    notifier             zaps and collects dirty pages, which waits for the writes that this causes, so it is a thread
                         of its own; it also has each file open, since only who has a file open can collect
    control threads      put commands into the inbox and wake whoever waits in next()

Nothing but the notifier touches the mount, and while it does, the simulator's thread is in next().
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from models.events import Runs
from models.memory import PAGE
from tb.live import protocol
from tb.live.arrivals import Arrival, Finished, Left, Read, Stop, Write
from tb.live.protocol import Attributes, Op, Request

__all__ = ["CONTROL", "STATUS", "Connection"]

STATUS, CONTROL = "status", "control"
"""Names of what is not a buffer."""
_STATUS_NODE, _CONTROL_NODE, _FIRST_NODE = 2, 3, 16
SPARE = 256
"""Descriptors that are kept free of buffers: for clients (`tb.live.control.CLIENTS`) and for the process itself."""
_WRITE_AND_WAIT = 7
"""sync_file_range: wait for what is being written, write what is dirty, wait for that."""
_REFUSED: dict[int, int] = {
    Op.CREATE: errno.EPERM,
    Op.MKNOD: errno.EPERM,
    Op.MKDIR: errno.EPERM,
    Op.SYMLINK: errno.EPERM,
    Op.LINK: errno.EPERM,
    Op.UNLINK: errno.EPERM,
    Op.RMDIR: errno.EPERM,
    Op.RENAME: errno.EPERM,
    Op.RENAME2: errno.EPERM,
    Op.TMPFILE: errno.EPERM,
}
"""Buffers are made and destroyed by commands, and by nothing else."""
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


@dataclass(slots=True)
class _File:
    """One buffer's file: its node, name, size in bytes, how often it is open, and whether it has a name still."""

    buffer: str
    node: int
    name: str
    size: int
    opens: int = 0
    listed: bool = True
    told: bool = False


class Connection:
    """The kernel on one descriptor of /dev/fuse, mounted at `directory`.

    `status` gives the text of the file `status`; `answer` delivers the answer to a command; `control` is where the
    link `control` points.
    """

    def __init__(
        self,
        descriptor: int,
        directory: Path,
        *,
        control: str,
        status: Callable[[], str],
        answer: Callable[[int, str], None],
    ) -> None:
        os.set_blocking(descriptor, False)
        self._fuse = descriptor
        self._directory = directory
        self._control = control
        self._status = status
        self._answer = answer
        self._inbox: deque[Arrival] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._files: dict[str, _File] = {}
        self._nodes: dict[int, _File] = {}
        self._next_node = _FIRST_NODE
        self._held: dict[str, int] = {}
        self._texts: dict[int, bytes] = {}
        self._handle = 0
        self._gone = False
        self._born = int(time.time())
        self._count = 0
        self._jobs: SimpleQueue[tuple[int, Callable[[], None]] | None] = SimpleQueue()
        self._notifier = threading.Thread(target=self._notify, name="notifier", daemon=True)
        self._notifier.start()

    # ---------------------------------------------------------------------------------------------- arrivals

    def put(self, arrival: Arrival) -> None:
        """Let something arrive, from any thread."""
        self._inbox.append(arrival)
        os.eventfd_write(self._wake, 1)

    def next(self, seconds: float | None = None) -> Arrival | None:
        """Return what arrives next, after answering whatever needs no decision. See `Kernel.next`."""
        limit = None if not seconds else time.monotonic() + seconds
        while True:
            if self._inbox:
                return self._inbox.popleft()
            try:
                data = self._read()
            except BlockingIOError:
                if seconds == 0:
                    return None
                left = None if limit is None else limit - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._poll.poll(None if left is None else max(1, left * 1000))
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    self._poll.unregister(self._fuse)
                    self._gone = True
                    return Stop("the directory was unmounted")
                if error.errno not in (errno.ENOENT, errno.EINTR):
                    raise
            else:
                arrival = self._serve(Request.parse(data))
                if arrival is not None:
                    return arrival

    def _read(self) -> bytes:
        if self._gone:
            raise BlockingIOError
        return os.read(self._fuse, protocol.BUFFER_BYTES)

    def _serve(self, request: Request) -> Arrival | None:
        """Answer a request about names and sizes; return an access."""
        unique, file = request.unique, self._nodes.get(request.node)
        match request.op:
            case Op.READ if file is not None:
                offset, size = protocol.read_arguments(request)
                return Read(unique, file.buffer, offset, size, request.pid)
            case Op.WRITE if file is not None:
                offset, data, dirty = protocol.write_arguments(request)
                return Write(unique, file.buffer, offset, data, request.pid, dirty)
            case Op.RELEASE if file is not None:
                file.opens -= 1
                self._send(protocol.reply(unique))
                return self._left(file)
            case op if op in protocol.UNANSWERED:
                return None
            case _:
                self._send(self._meta(request, file))
                return None

    def _left(self, file: _File) -> Left | None:
        if file.listed or file.opens > (file.buffer in self._held) or file.told:
            return None
        file.told = True
        return Left(file.buffer)

    # ------------------------------------------------------------------------------------- names and sizes

    def _meta(self, request: Request, file: _File | None) -> bytes:
        unique, node = request.unique, request.node
        match request.op:
            case Op.INIT:
                return protocol.init(request)
            case Op.LOOKUP:
                found = next((what for name, what in self._list() if name == request.name), None)
                missing = protocol.failure(unique, errno.ENOENT)
                return protocol.entry(unique, found) if found and node == protocol.ROOT else missing
            case Op.GETATTR:
                what = self._attributes(node)
                gone = protocol.failure(unique, errno.ENOENT)
                return protocol.attributes(unique, what, lasting=file is not None) if what else gone
            case Op.SETATTR:
                return self._set(request, file)
            case Op.READLINK:
                return protocol.reply(unique, os.fsencode(self._control))
            case Op.OPEN if file is not None:
                file.opens += 1
                flags = protocol.OPEN_DIRECT | protocol.OPEN_KEEP_CACHE | protocol.OPEN_NO_FLUSH
                return protocol.opened(unique, 0, flags)
            case Op.OPEN:
                self._handle += 1
                self._texts[self._handle] = self._status().encode()
                return protocol.opened(unique, self._handle, protocol.OPEN_DIRECT)
            case Op.OPENDIR:
                return protocol.opened(unique, 0, 0)
            case Op.READ:
                handle = int.from_bytes(request.body[:8], "little")
                offset, size = protocol.read_arguments(request)
                return protocol.reply(unique, self._texts.get(handle, b"")[offset : offset + size])
            case Op.WRITE:
                return protocol.failure(unique, errno.EACCES)
            case Op.READDIR:
                offset, size = protocol.read_arguments(request)
                return protocol.directory(unique, self._list(), offset, size)
            case Op.STATFS:
                return protocol.statistics(unique, len(self._files) + 2)
            case Op.RELEASE:
                self._texts.pop(int.from_bytes(request.body[:8], "little"), None)
                return protocol.reply(unique)
            case Op.RELEASEDIR | Op.FSYNC:
                return protocol.reply(unique)
        return protocol.failure(unique, _REFUSED.get(request.op, errno.ENOSYS))

    def _set(self, request: Request, file: _File | None) -> bytes:
        """A buffer's size is fixed; times, owners and modes are passed over, and an open with O_TRUNC too."""
        what, size = self._attributes(request.node), protocol.set_size(request)
        if what is None:
            return protocol.failure(request.unique, errno.ENOENT)
        if size is not None and (file is None or (size.size != file.size and not size.opening)):
            return protocol.failure(request.unique, errno.EPERM)
        return protocol.attributes(request.unique, what, lasting=file is not None)

    def _list(self) -> list[tuple[str, Attributes]]:
        """Every name of the directory."""
        nodes = [(STATUS, _STATUS_NODE), (CONTROL, _CONTROL_NODE)]
        nodes += [(file.name, file.node) for file in self._files.values() if file.listed]
        found = [(name, self._attributes(node)) for name, node in nodes]
        return [(name, what) for name, what in found if what is not None]

    def _attributes(self, node: int) -> Attributes | None:
        modes = {
            protocol.ROOT: stat.S_IFDIR | 0o755,
            _STATUS_NODE: stat.S_IFREG | 0o444,
            _CONTROL_NODE: stat.S_IFLNK | 0o777,
        }
        owner = os.getuid(), os.getgid()
        if node in modes:
            size = len(os.fsencode(self._control)) if node == _CONTROL_NODE else 0
            return Attributes(node, modes[node], size, *owner, self._born)
        file = self._nodes.get(node)
        return None if file is None else Attributes(node, stat.S_IFREG | 0o666, file.size, *owner, self._born)

    # ------------------------------------------------------------------------------------------------ answers

    def _send(self, data: bytes) -> None:
        """Answer a request; one whose client was killed meanwhile has nobody to tell."""
        try:
            os.write(self._fuse, data)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    def give(self, unique: int, data: bytes) -> None:
        """Answer a Read."""
        self._send(protocol.reply(unique, data))

    def took(self, unique: int, size: int) -> None:
        """Answer a Write."""
        self._send(protocol.written(unique, size))

    def refuse(self, unique: int, error: int) -> None:
        """Answer a Read or Write with an errno."""
        self._send(protocol.failure(unique, error))

    def answer(self, number: int, text: str) -> None:
        """Answer a Command."""
        self._answer(number, text)

    # ------------------------------------------------------------------------------ what the kernel is asked

    def show(self, buffer: str, file: str, size: int) -> int:
        """Make a buffer a file. See `Kernel.show`."""
        made = _File(buffer, self._next_node, file, size)
        self._next_node += 1
        self._files[buffer] = self._nodes[made.node] = made

        def hold() -> None:
            held = os.open(self._directory / file, os.O_RDWR | os.O_CLOEXEC)
            if held >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE:
                os.close(held)
                raise OSError(errno.EMFILE, "too many buffers for the limit of open files (ulimit -n)")
            self._held[buffer] = held

        return self._ask(hold)

    def hide(self, buffer: str) -> int:
        """Take the name away. Left comes when only the notifier's own descriptor is open, which goes with `forget`."""
        file = self._files[buffer]
        file.listed = False
        left = self._left(file)
        if left is not None:
            self.put(left)
        return self._ask(lambda: None)

    def forget(self, buffer: str) -> int:
        """Drop all pages of a buffer, and the descriptor by which they were collected. See `Kernel.forget`."""
        file = self._files.pop(buffer)
        del self._nodes[file.node]

        def work() -> None:
            self._invalidate(file.node, 0, 0)
            held = self._held.pop(buffer, None)
            if held is not None:
                os.close(held)

        return self._ask(work)

    def recall(self, buffer: str, zap: Runs, clean: Runs) -> int:
        """Drop pages and collect stores. See `Kernel.recall`."""
        file = self._files[buffer]

        def work() -> None:
            for first, count in zap:
                self._invalidate(file.node, first * PAGE, count * PAGE)
            held = self._held[buffer]
            for first, count in clean:
                if _libc.sync_file_range(held, first * PAGE, count * PAGE, _WRITE_AND_WAIT):
                    raise OSError(ctypes.get_errno(), f"dirty pages of {buffer} cannot be collected")
            # Older kernels send writes without waiting for them: they are in the queue before this request.
            os.fstatvfs(held)

        return self._ask(work)

    def _invalidate(self, node: int, offset: int, length: int) -> None:
        """Have the kernel drop pages; a node that it has forgotten has none."""
        try:
            os.write(self._fuse, protocol.invalidate(node, offset, length))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def _ask(self, job: Callable[[], None]) -> int:
        self._count += 1
        self._jobs.put((self._count, job))
        return self._count

    def _notify(self) -> None:
        """Do one thing after another that the kernel is asked for. Whatever goes wrong is told: it is waited for."""
        while (asked := self._jobs.get()) is not None:
            number, job = asked
            problem = ""
            try:
                job()
            except OSError as error:
                problem = error.strerror or str(error)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            self.put(Finished(number, problem))

    def close(self) -> None:
        """End the connection: whoever waits for an answer, or comes later, gets an error. Call it last."""
        os.close(self._fuse)
        self._jobs.put(None)
        self._notifier.join(5.0)
        for held in self._held.values():
            os.close(held)
