"""Host RAM: one sparse memory-mapped file that Python, the page tables and the simulator all see.

Nothing is copied to look at it: Python has it as one numpy array, the simulator's native library maps the same file
(path in the environment variable HOSTMEM_FILE). This is the only file of `models/` that touches the outside world.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import DriverError

__all__ = ["DEFAULT_SIZE", "PAGE", "Bytes", "HostMemory"]

PAGE = 4096
"""Bytes of a host page."""

DEFAULT_SIZE = 256 << 20
"""Bytes of host RAM when nobody says otherwise; the file is sparse."""

Bytes = npt.NDArray[np.uint8]


class HostMemory:
    """Host RAM of `size` bytes in the file `path` (made or emptied), with an allocator of owned pages.

    `bytes` is the whole of it as a uint8 array, `pages` the same bytes as rows of one page. Page 0 is never handed out,
    so that a zero address in a table is always a mistake. Raises ValueError unless the size is a power of two and at
    least two pages. `path=None` keeps it in anonymous memory, for tests without a simulator.

    `owned` has a byte a page, 1 while somebody owns it, and lies in the file `path`.pages: the simulator reports a
    device that touches any other page. After `track` it also reports a read of bytes that were never written; stores
    that do not go through `write` are declared with `declare`.
    """

    def __init__(self, path: Path | str | None = None, size: int = DEFAULT_SIZE) -> None:
        if size < 2 * PAGE or size & (size - 1):
            raise ValueError(f"host memory of {size} bytes: must be a power of two and at least {2 * PAGE}")
        self.path = Path(path) if path is not None else None
        self.size = size
        self._map = self._file("", size)
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.owned: Bytes = np.frombuffer(self._file(".pages", size // PAGE), dtype=np.uint8)
        self._written: Bytes | None = None
        if self.path is not None:
            Path(f"{self.path}.written").unlink(missing_ok=True)  # of an earlier memory in this place
        self.pages: Bytes = self.bytes.reshape(-1, PAGE)
        self._next = 1
        self._free: list[int] = []
        self._owner: dict[int, str] = {}

    def _file(self, suffix: str, size: int) -> mmap.mmap:
        """`size` zeroed bytes in the file beside `path`, made or emptied; anonymous where there is no path."""
        if self.path is None:
            return mmap.mmap(-1, size)
        descriptor = os.open(f"{self.path}{suffix}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(descriptor, size)
            return mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Drop the views and, where nobody else holds one, the mapping; the file stays."""
        self.bytes = self.pages = np.zeros((0, PAGE), np.uint8)
        # Where somebody still holds an array over it, the mapping goes with the last of them.
        with contextlib.suppress(BufferError):
            self._map.close()

    def read(self, address: int, length: int) -> bytes:
        """Return `length` bytes at a bus address. IndexError outside of RAM."""
        self._check(address, length)
        return self.bytes[address : address + length].tobytes()

    def write(self, address: int, data: bytes | Bytes) -> None:
        """Store bytes at a bus address. IndexError outside of RAM."""
        self._check(address, len(data))
        self.bytes[address : address + len(data)] = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        self.declare(address, len(data))

    def read_u64(self, address: int) -> int:
        """Return the little-endian 64-bit word at a bus address."""
        return int.from_bytes(self.read(address, 8), "little")

    def write_u64(self, address: int, value: int) -> None:
        """Store a little-endian 64-bit word at a bus address."""
        self.write(address, value.to_bytes(8, "little"))

    def allocate(self, count: int, owner: str) -> list[int]:
        """Hand out `count` page frames (page numbers), deliberately scattered, zeroed, owned by `owner`.

        Neighbouring pages of a buffer get frames that are no neighbours, so that a translation that was skipped or
        mixed up cannot look right. DriverError ENOMEM when RAM is full.
        """
        block = self._take(count)
        order = sorted(range(count), key=lambda index: ((index * 0x9E3779B1) & 0xFFFFFFFF, index))
        frames = [block[index] for index in order]
        return self._give(frames, owner)

    def allocate_contiguous(self, count: int, owner: str) -> int:
        """Hand out `count` neighbouring page frames (rings, flat tables) and return the bus address of the first."""
        if self._next + count > self.size // PAGE:
            raise DriverError("ENOMEM", f"{count} contiguous pages for {owner}")
        frames = list(range(self._next, self._next + count))
        self._next += count
        return self._give(frames, owner)[0] * PAGE

    def free(self, frames: list[int], owner: str) -> None:
        """Take frames back. ValueError if one of them is not `owner`'s: a freed or foreign page is a bug."""
        for frame in frames:
            if self._owner.get(frame) != owner:
                raise ValueError(f"page {frame:#x} belongs to {self._owner.get(frame)!r}, not to {owner!r}")
        for frame in frames:
            del self._owner[frame]
        self.poison(frames)
        self._free.extend(frames)

    def owner(self, frame: int) -> str | None:
        """Return who owns a page frame, None if nobody does."""
        return self._owner.get(frame)

    def own(self, frames: Iterable[int]) -> None:
        """Let the device touch page frames that were not handed out by `allocate`."""
        self.owned[list(frames)] = 1

    def poison(self, frames: Iterable[int]) -> None:
        """Forbid the device page frames, whoever owns them: a simulator reports any access."""
        self.owned[list(frames)] = 0

    def track(self) -> None:
        """From now on keep count of bytes that were ever written, in the file `path`.written; none is to begin with.

        Call it before the reset at which the simulator opens the memory.
        """
        self._written = np.frombuffer(self._file(".written", self.size // 8), dtype=np.uint8)

    def declare(self, address: int, length: int) -> None:
        """Count bytes as written that a store through `bytes` or `pages` wrote, or whose zeroes mean something."""
        if self._written is None or not length:
            return
        self._check(address, length)
        first, last = address // 8, (address + length - 1) // 8
        bits = np.zeros((last - first + 1) * 8, np.uint8)
        bits[address - first * 8 : address - first * 8 + length] = 1
        self._written[first : last + 1] |= np.packbits(bits, bitorder="little")

    def written(self, address: int, length: int) -> Bytes:
        """Whether each byte was ever written, as an array of 0 and 1; ValueError before `track`."""
        if self._written is None:
            raise ValueError("nobody keeps count of written bytes: call track first")
        self._check(address, length)
        first = address // 8
        bits = np.unpackbits(self._written[first : (address + length + 7) // 8], bitorder="little")
        return bits[address - first * 8 : address - first * 8 + length]

    def _take(self, count: int) -> list[int]:
        fresh = max(0, count - len(self._free))
        if self._next + fresh > self.size // PAGE:
            raise DriverError("ENOMEM", f"{count} pages of {self.size // PAGE}")
        kept = count - fresh
        block = self._free[:kept] + list(range(self._next, self._next + fresh))
        del self._free[:kept]
        self._next += fresh
        return block

    def _give(self, frames: list[int], owner: str) -> list[int]:
        for frame in frames:
            self._owner[frame] = owner
            if self._written is not None:
                self._written[frame * PAGE // 8 : (frame + 1) * PAGE // 8] = 0
            if self.pages[frame].any():
                self.pages[frame] = 0
        self.own(frames)
        return frames

    def _check(self, address: int, length: int) -> None:
        if address < 0 or length < 0 or address + length > self.size:
            raise IndexError(f"host address {address:#x}+{length} outside of {self.size:#x} bytes of RAM")
