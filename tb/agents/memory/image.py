"""What host memory must contain, byte for byte.

Whatever the CPU stores goes through `store`, which writes the shared memory and the expected image alike; the
scoreboard adds what the engine is predicted to write.  Every byte that nobody predicted is a guard byte: the whole
memory is compared, so a stray write anywhere is found.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.memory import PAGE, Bytes, HostMemory

__all__ = ["HostImage", "runs"]


def runs(wrong: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, length) of each run of neighbouring numbers in an ascending array."""
    if wrong.size:
        for run in np.split(wrong, np.flatnonzero(np.diff(wrong) > 1) + 1):
            yield int(run[0]), int(run.size)


class HostImage:
    """The expected contents of `host`: from now on every byte stays as it is, is stored, or is predicted."""

    def __init__(self, host: HostMemory) -> None:
        self.host = host
        self.expected: Bytes = host.bytes.copy()

    def store(self, address: int, data: bytes | Bytes) -> None:
        """A store by the CPU: into host memory and into what is expected of it."""
        self.host.write(address, data)
        self.expected[address : address + len(data)] = self.host.bytes[address : address + len(data)]

    def mismatches(self) -> Iterator[tuple[int, int]]:
        """(address, length) of each run of bytes, within a page, that are not as expected."""
        for page in np.flatnonzero((self.host.pages != self.expected.reshape(-1, PAGE)).any(axis=1)).tolist():
            start = page * PAGE
            part = slice(start, start + PAGE)
            for first, length in runs(np.flatnonzero(self.host.bytes[part] != self.expected[part])):
                yield start + first, length
