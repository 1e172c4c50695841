"""A disk that is full or cannot be written, told as one line with its cause and its cure.

Compilers and simulators seldom say it themselves: a log that could not be written is empty, and a simulator whose
sparse host memory finds no room dies of SIGBUS. So after a failure the words that were said and the disk are looked at.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tb.toolchain import MISSING, SimulationError

__all__ = ["full", "readable_disk_errors", "unwritable"]

LITTLE = 256 << 10
"""Bytes of free disk with which nothing can be built or run."""
_SAID = re.compile(
    r"(?i)no space left|disk quota exceeded|file too large|errno (28|122|27)\b|exit status (-7|-25|135|153)\b"
)
"""Words of ENOSPC, EDQUOT and EFBIG; SIGBUS and SIGXFSZ as Python and as a shell report them."""


def full(directory: Path, *said: str, needed: int = 0) -> str:
    """Say that the disk of a directory is full and what to do, if what was said or the disk itself shows it; else "".

    said: logs and messages of what failed; needed: bytes that must be free at least.
    """
    place = directory
    while not place.exists():
        place = place.parent
    if not any(_SAID.search(text) for text in said) and shutil.disk_usage(place).free >= max(LITTLE, needed):
        return ""
    return f"sim_build is full: free space on its disk (df -h {place}) or raise its limit (ulimit -f), then again"


def unwritable(error: OSError, place: Path, what: str = "write") -> str:
    """The line of a command that stops for an OSError; `place` is what it was about where the error names no file."""
    cure = "make sim_build writable, or free space on its disk"
    return f"cannot {what} {error.filename or place} ({error.strerror}): {cure}"


@contextlib.contextmanager
def readable_disk_errors(directory: Path) -> Iterator[None]:
    """Turn each OSError into one line: the disk of `directory`, or a command that is not there."""
    try:
        yield
    except OSError as error:
        name = os.fspath(error.filename) if isinstance(error.filename, str | Path) else ""
        if isinstance(error, FileNotFoundError) and name and os.sep not in name:
            cure = MISSING.get(name, f"install what has {name}")
            raise SimulationError(f"{name} is missing: {cure}") from None
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise SimulationError(full(directory, f"errno {error.errno}")) from None
        raise SimulationError(
            f"cannot write {name or directory}: {error.strerror}; make sim_build writable or free its disk"
        ) from None
