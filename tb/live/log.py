"""The log of a live device: what arrived when, and what was answered at which cycle; and the replay of one.

A text file. The first line says how the device was started; each other is one arrival or one answer, in order:

    R LOOKS UNIQUE BUFFER OFFSET SIZE PID            arrivals begin with a capital; LOOKS is how often nothing had
    W LOOKS UNIQUE BUFFER OFFSET PID DIRTY BYTES     arrived since the arrival before, when the device looked
    C LOOKS NUMBER LINE                              (bytes are deflated, in base 85)
    F LOOKS NUMBER PROBLEM
    L LOOKS BUFFER
    S LOOKS PROBLEM
    give UNIQUE CYCLE CHECKSUM                       answers: bytes that were read,
    took UNIQUE CYCLE SIZE                           bytes that were taken,
    refuse UNIQUE CYCLE ERRNO                        an error,
    answer NUMBER CYCLE TEXT                         the answer to a command

A replay needs no kernel: the same device meets the same arrivals at the same looks, and each of its answers must be the
one of the log, at the same cycle.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from models.events import Runs
from tb.live.arrivals import Arrival, Command, Finished, Kernel, Left, Read, Stop, Write

__all__ = ["CutOff", "LogError", "Logged", "Replay", "header_of"]

_NAME, _VERSION = "faultline-live", "3"
"""The version goes up where the same arrivals would be met at other cycles, or answered with other words."""
_TITLE = f"{_NAME} {_VERSION} "
_FLUSH_S = 0.5
"""Seconds of wall clock after which what was logged is in the file, whatever becomes of the process."""


class LogError(Exception):
    """A log that is none, or a replay that goes another way: file, line, and what is wrong."""


class CutOff(Exception):
    """A log ends where the device was in the middle of something, because it was killed there."""


def header_of(path: Path) -> dict[str, Any]:
    """How the device of a log was started. LogError for what is no log."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(1 << 16)
        if line.startswith(_TITLE):
            facts: dict[str, Any] = json.loads(line[len(_TITLE) :])
            return facts
        words = line.split(" ", 2)
        if words[0] == _NAME and len(words) == 3:
            theirs = words[1][:20]
            raise LogError(f"{path} is a log of version {theirs}, and this device replays version {_VERSION} alone")
    except OSError as error:
        raise LogError(f"cannot read the log {path} ({error.strerror}): name another with REPLAY=FILE") from None
    except ValueError:
        pass
    raise LogError(f"{path} is no log of a live device: name one that make live left, with REPLAY=FILE")


def _text_of(arrival: Arrival, looks: int) -> str:
    match arrival:
        case Read():
            return f"R {looks} {arrival.unique} {arrival.buffer} {arrival.offset} {arrival.size} {arrival.pid}"
        case Write():
            data = base64.b85encode(zlib.compress(arrival.data, 1)).decode()
            where = f"{arrival.unique} {arrival.buffer} {arrival.offset} {arrival.pid} {int(arrival.dirty)}"
            return f"W {looks} {where} {data}"
        case Command():
            return f"C {looks} {arrival.number} {arrival.line}"
        case Finished():
            return f"F {looks} {arrival.number} {arrival.problem}"
        case Left():
            return f"L {looks} {arrival.buffer}"
        case Stop():
            return f"S {looks} {arrival.problem}"


def _arrival_of(line: str) -> tuple[int, Arrival]:
    kind, looks, rest = line.split(" ", 2)
    match kind:
        case "R":
            unique, buffer, offset, size, pid = rest.split()
            return int(looks), Read(int(unique), buffer, int(offset), int(size), int(pid))
        case "W":
            unique, buffer, offset, pid, dirty, text = rest.split()
            data = zlib.decompress(base64.b85decode(text))
            return int(looks), Write(int(unique), buffer, int(offset), data, int(pid), dirty == "1")
        case "C" | "F":
            number, _, words = rest.partition(" ")
            return int(looks), (Command if kind == "C" else Finished)(int(number), words)
        case "L":
            return int(looks), Left(rest)
        case "S":
            return int(looks), Stop(rest)
    raise ValueError(kind)


class _Answers(ABC):
    """The answering half of a kernel, in the words of the log; `_say` gets each line."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    @abstractmethod
    def _say(self, line: str) -> None: ...

    def give(self, unique: int, data: bytes) -> None:
        """Answer a Read."""
        self._say(f"give {unique} {self._now()} {zlib.crc32(data)}")

    def took(self, unique: int, size: int) -> None:
        """Answer a Write."""
        self._say(f"took {unique} {self._now()} {size}")

    def refuse(self, unique: int, error: int) -> None:
        """Answer a Read or Write with an errno."""
        self._say(f"refuse {unique} {self._now()} {error}")

    def answer(self, number: int, text: str) -> None:
        """Answer a Command."""
        self._say(f"answer {number} {self._now()} {text}")


class Logged(_Answers):
    """A kernel whose arrivals and answers are written down. `facts` go into the first line."""

    def __init__(self, kernel: Kernel, path: Path, facts: dict[str, Any], now: Callable[[], int]) -> None:
        super().__init__(now)
        self._kernel = kernel
        self._file: TextIO = path.open("w", encoding="utf-8", buffering=1 << 16)
        self._looks = 0
        self._flushed = time.monotonic()
        self._say(_TITLE + json.dumps(facts))

    def _say(self, line: str) -> None:
        self._file.write(line + "\n")

    def next(self, seconds: float | None = None) -> Arrival | None:
        """Return what arrives next."""
        arrival = self._kernel.next(0)
        if arrival is None and seconds != 0:
            now = time.monotonic()
            if now - self._flushed > _FLUSH_S:
                self._file.flush()
                self._flushed = now
            arrival = self._kernel.next(seconds)
        if arrival is None:
            self._looks += 1
        else:
            self._say(_text_of(arrival, self._looks))
            self._looks = 0
        return arrival

    def give(self, unique: int, data: bytes) -> None:
        """Answer a Read."""
        super().give(unique, data)
        self._kernel.give(unique, data)

    def took(self, unique: int, size: int) -> None:
        """Answer a Write."""
        super().took(unique, size)
        self._kernel.took(unique, size)

    def refuse(self, unique: int, error: int) -> None:
        """Answer a Read or Write with an errno."""
        super().refuse(unique, error)
        self._kernel.refuse(unique, error)

    def answer(self, number: int, text: str) -> None:
        """Answer a Command."""
        super().answer(number, text)
        self._kernel.answer(number, text)

    def show(self, buffer: str, file: str, size: int) -> int:
        """Make a buffer a file."""
        return self._kernel.show(buffer, file, size)

    def hide(self, buffer: str) -> int:
        """Take the name away."""
        return self._kernel.hide(buffer)

    def forget(self, buffer: str) -> int:
        """Drop all pages of a buffer."""
        return self._kernel.forget(buffer)

    def recall(self, buffer: str, zap: Runs, clean: Runs) -> int:
        """Drop pages and collect stores."""
        return self._kernel.recall(buffer, zap, clean)

    def close(self) -> None:
        """Write down the rest."""
        self._file.close()


class Replay(_Answers):
    """A log in the kernel's place. LogError where the device does not do what it did.

    A log without an end, of a device that was killed, ends it where it ends: with a Stop, and with CutOff where the
    device cannot come to rest, since it waits for what never arrived. Half a line is what was being written then.
    """

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        super().__init__(now)
        self._path = path
        self._lines = path.read_bytes().decode().rpartition("\n")[0].split("\n")
        self._at = 1
        self._looks = 0
        self._asked = 0
        self._over = False
        self.arrivals = 0
        self.answers = 0

    @property
    def _line(self) -> str:
        return self._lines[self._at] if self._at < len(self._lines) else ""

    def _wrong(self, what: str) -> LogError:
        return LogError(f"{self._path}:{self._at + 1}: {what}, and the log says {self._line[:120] or 'nothing more'}")

    def _say(self, line: str) -> None:
        if not self._line:
            return  # the log ends here: it was cut off
        if line != self._line:
            raise self._wrong(f"the device answered {line[:120]}")
        self._at += 1
        self.answers += 1

    def next(self, seconds: float | None = None) -> Arrival | None:
        """Return what arrived next; Stop where the log ends, then nothing, and CutOff where it is waited for."""
        if not self._line:
            if self._over and seconds == 0:
                return None
            if self._over:
                raise CutOff(f"{self._path} ends in the middle of something")
            self._over = True
            return Stop()
        try:
            found = _arrival_of(self._line) if self._line[0].isupper() else None
        except ValueError:
            raise LogError(f"{self._path}:{self._at + 1}: {self._line[:80]} is no arrival") from None
        if found is None or self._looks < found[0]:
            if seconds is None:
                raise self._wrong("the device waits")
            self._looks += 1
            return None
        self._looks = 0
        self._at += 1
        self.arrivals += 1
        return found[1]

    def _ask(self) -> int:
        self._asked += 1
        return self._asked

    def show(self, buffer: str, file: str, size: int) -> int:
        """Make a buffer a file."""
        return self._ask()

    def hide(self, buffer: str) -> int:
        """Take the name away."""
        return self._ask()

    def forget(self, buffer: str) -> int:
        """Drop all pages of a buffer."""
        return self._ask()

    def recall(self, buffer: str, zap: Runs, clean: Runs) -> int:
        """Drop pages and collect stores."""
        return self._ask()
