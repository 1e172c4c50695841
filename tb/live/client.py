"""The client of a live device, as a module and as a command: a file of its own, of the standard library alone.

    from tb.live.client import Live
    with Live("sim_build/live/1") as device:
        fence = device.fill("photo", 0, 0, 64, 64, "ff0000ff")
        device.wait(fence)

    python -m tb.live.client [-d DIRECTORY] fill photo 0 0 64 64 ff0000ff

The directory is that of LIVE unless told. tb/live/commands.py lists the commands; the exit status is 1 for one that
the device refused, 2 for one that makes no sense or no device.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import sys
from pathlib import Path
from types import TracebackType

__all__ = ["CONTROL", "Live", "LiveError", "main"]

CONTROL = "control"


class LiveError(Exception):
    """The device refused a command, or is gone."""


class Live:
    """A connection to the device behind a directory. LiveError where there is none."""

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = Path(directory or os.environ.get("LIVE", "."))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Through the folder's descriptor: the path itself may be longer than an address.
            folder = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._socket.connect(f"/proc/self/fd/{folder}/{CONTROL}")
            finally:
                os.close(folder)
        except OSError as error:
            self._socket.close()
            raise LiveError(f"no device behind {self.directory} ({error.strerror}): start one with make live") from None
        self._file = self._socket.makefile("rb")

    def command(self, line: str) -> str:
        """Send one command and return its answer without the ok. LiveError where it was refused."""
        try:
            self._socket.sendall(line.encode() + b"\n")
            answer = self._file.readline().decode().rstrip("\n")
        except OSError as error:
            raise LiveError(f"the device is gone ({error.strerror})") from None
        word, _, rest = answer.partition(" ")
        if word == "ok":
            return rest
        raise LiveError(rest or "the device is gone")

    def create(self, name: str, width: int, height: int, form: str, layout: str = "LINEAR") -> Path:
        """Make a buffer and return its file."""
        return self.directory / self.command(f"create {name} {width} {height} {form} {layout}")

    def destroy(self, name: str) -> None:
        """Take a buffer's file away; the buffer goes when nobody has it open any more."""
        self.command(f"destroy {name}")

    def fill(self, name: str, x: int, y: int, width: int, height: int, pixel: str) -> int:
        """Have the device fill a box (in pixels) with a pixel (in hexadecimal); return the fence."""
        return int(self.command(f"fill {name} {x} {y} {width} {height} {pixel}"))

    def copy(
        self, name: str, x: int, y: int, width: int, height: int, from_x: int, from_y: int, source: str = ""
    ) -> int:
        """Have the device copy a box from a place, of the buffer itself unless told; return the fence."""
        return int(self.command(f"copy {name} {x} {y} {width} {height} {from_x} {from_y} {source}"))

    def wait(self, fence: int | None = None) -> int:
        """Wait for a drawing, or for all; return the clock cycle."""
        return int(self.command("wait" if fence is None else f"wait {fence}"))

    def done(self, fence: int) -> bool:
        """Whether a drawing is done."""
        return self.command(f"poll {fence}") == "done"

    def flush(self, name: str) -> int:
        """Give the device all that programs stored to a buffer; return the clock cycle."""
        return int(self.command(f"flush {name}"))

    def files(self) -> list[Path]:
        """The files of all buffers."""
        return [self.directory / name for name in self.command("list").split()]

    def status(self) -> dict[str, str]:
        """What the device is doing, by name; the buffers are not in it."""
        facts = (fact.split(maxsplit=1) for fact in self.command("status").split("; "))
        return {fact[0]: fact[1] for fact in facts if len(fact) == 2 and fact[0] != "buffer"}

    def process(self) -> int:
        """The number of the process that is the device, as of here."""
        number, _, _ = struct.unpack("iII", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(number)

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main(arguments: list[str] | None = None) -> int:
    """Send one command and print its answer."""
    parser = argparse.ArgumentParser(prog="python -m tb.live.client", description="Send a command to a live device.")
    parser.add_argument("-d", "--directory", default=None, help="the device's directory (LIVE)")
    parser.add_argument("command", nargs="+", help="its words; tb/live/commands.py lists them")
    options = parser.parse_args(arguments)
    try:
        device = Live(options.directory)
    except LiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with device:
        try:
            answer = device.command(" ".join(options.command))
        except LiveError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    if answer:
        print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
