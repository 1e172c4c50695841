"""The control socket: any number of clients, each with a thread of its own, that can harm nobody but themselves.

A client sends lines and gets a line for each. One that goes away in the middle of a command has it carried out and
nobody to tell; one that does not read is dropped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tb.live.commands import LONGEST

__all__ = ["Control", "reachable"]

CLIENTS = 200
"""Clients at a time: each takes a thread and a descriptor (`tb.live.connection.SPARE`)."""
FULL_S = 0.05
"""Seconds between looks for a client where not even the descriptor to refuse it with is free."""
SEND_S = 5.0
"""Seconds in which a client must take its answer."""
GUARD, STOP, STATUS = "guard", "stop", "status"
"""Words that never reach the device: the device goes when the client that said guard does; it goes; how is it."""


def reachable(path: Path) -> str:
    """A name of a socket that is short enough for an address (108 bytes), however long its path is.

    The folder stays open for as long as the process runs.
    """
    if len(os.fsencode(path)) < 100:
        return str(path)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{folder}/{path.name}"


def _spare() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self._places = threading.BoundedSemaphore(CLIENTS)
        self._spare: int | None = _spare()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a client. Where no descriptor is left one is given up to tell it so: else it would wait for ever."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._refuse_one()
            raise
        finally:
            if self._spare is None:
                with contextlib.suppress(OSError):
                    self._spare = _spare()

    def _refuse_one(self) -> None:
        if self._spare is None:
            time.sleep(FULL_S)
            return
        os.close(self._spare)
        self._spare = None
        with contextlib.suppress(OSError), self.socket.accept()[0] as client:
            client.sendall(b"error: the device has no descriptor left (ulimit -n)\n")

    def server_close(self) -> None:
        """Listen no more."""
        super().server_close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client in a thread of its own; one too many is told so."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.sendall(b"error: too many clients\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class Control:
    """Listens at `path` and hands on each line with the number by which `answer` finds its way back.

    `command(number, line)` and `stop()` are called from the clients' threads; `status()` too, and must not wait.
    """

    def __init__(
        self, path: Path, command: Callable[[int, str], None], stop: Callable[[], None], status: Callable[[], str]
    ) -> None:
        self._waiting: dict[int, SimpleQueue[str]] = {}
        self._lock = threading.Lock()
        self._last = 0
        control = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(None)
                while control._serve_one(self.request, self.rfile.readline(LONGEST + 1), command, stop, status):
                    pass

        path.unlink(missing_ok=True)
        self._server = _Server(reachable(path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="control", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def _serve_one(
        self,
        client: socket.socket,
        line: bytes,
        command: Callable[[int, str], None],
        stop: Callable[[], None],
        status: Callable[[], str],
    ) -> bool:
        """Answer one line; return whether there may be another."""
        if not line.endswith(b"\n"):
            if line:
                what = f"a line of more than {LONGEST} bytes" if len(line) > LONGEST else "half a line"
                self._tell(client, f"error: {what}")
            return False
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            return self._tell(client, "error: a command is UTF-8")
        if text == STATUS:
            return self._tell(client, "ok " + "; ".join(status().splitlines()))
        if text == STOP:
            stop()
            return self._tell(client, "ok")
        if text == GUARD:
            self._tell(client, "ok")
            client.recv(1)
            stop()
            return False
        answers: SimpleQueue[str] = SimpleQueue()
        with self._lock:
            self._last += 1
            number = self._last
            self._waiting[number] = answers
        command(number, text)
        return self._tell(client, answers.get())

    def _tell(self, client: socket.socket, text: str) -> bool:
        client.settimeout(SEND_S)
        try:
            client.sendall(text.encode() + b"\n")
        except OSError:
            return False
        client.settimeout(None)
        return True

    def answer(self, number: int, text: str) -> None:
        """Deliver an answer."""
        with self._lock:
            waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.put(text)

    def close(self) -> None:
        """Listen no more, and tell everybody who still waits."""
        self._server.shutdown()
        self._server.server_close()
        for number in list(self._waiting):
            self.answer(number, "error: the device is gone")
