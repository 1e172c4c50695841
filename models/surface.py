"""Device surfaces: where byte (x, y) lies in device memory, and the way back.

The tiling rule stands here for Python and in rtl/tile.v for the hardware; a test compares them. Everything is done by
arrays of 64-byte units, so that a whole surface is (de)tiled in a few numpy operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import DriverError
from models.layout import Layout
from models.memory import PAGE, Bytes

__all__ = ["UNIT", "Box", "DeviceAllocator", "Surface", "Units"]

UNIT = 64
"""Bytes that stay together in every layout."""

Units = npt.NDArray[np.int64]

_TILE = {Layout.X_TILED: (512, 8), Layout.Y_TILED: (128, 32), Layout.MORTON: (256, 16)}
"""Bytes and rows of a tile; each is 4 KiB."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a surface: x and width in bytes, y and height in rows."""

    x: int
    y: int
    width: int
    height: int

    @property
    def empty(self) -> bool:
        """True when there is nothing in it."""
        return self.width == 0 or self.height == 0

    @property
    def bytes(self) -> int:
        """Bytes in the box."""
        return self.width * self.height

    def overlaps(self, other: Box) -> bool:
        """Return whether the two boxes share a byte."""
        return not (
            self.empty
            or other.empty
            or self.x + self.width <= other.x
            or other.x + other.width <= self.x
            or self.y + self.height <= other.y
            or other.y + other.height <= self.y
        )


def _bank_hash(unit: Units) -> Units:
    """Spread neighbouring units over the banks: the two low bits are XORed with four higher pairs. Its own inverse."""
    return unit ^ (((unit >> 2) ^ (unit >> 4) ^ (unit >> 6) ^ (unit >> 8)) & 3)


def _unit_in_tile(layout: Layout, unit: Units, y: Units) -> Units:
    """Return the place (0 to 63) of a unit in its tile: unit column and row within the surface."""
    if layout is Layout.X_TILED:
        return (y & 7) << 3 | unit & 7
    if layout is Layout.Y_TILED:
        return (unit & 1) << 5 | y & 31
    return (
        (y >> 3 & 1) << 5
        | (y >> 2 & 1) << 4
        | (unit >> 1 & 1) << 3
        | (y >> 1 & 1) << 2
        | (unit & 1) << 1
        | y & 1
    )


@dataclass(frozen=True, slots=True)
class Surface:
    """A device surface: base byte address (4 KiB aligned), extent in pixels and rows, bytes a pixel, layout.

    ValueError for a base that is not aligned, a pixel size outside 1 to 16, or an extent outside 1 to 65535.
    """

    base: int
    width: int
    height: int
    bytes_per_pixel: int
    layout: Layout

    def __post_init__(self) -> None:
        if self.base % PAGE or self.base < 0:
            raise ValueError(f"surface base {self.base:#x} is not 4 KiB aligned")
        if not 1 <= self.bytes_per_pixel <= 16:
            raise ValueError(f"{self.bytes_per_pixel} bytes a pixel: must be 1 to 16")
        if not (1 <= self.width <= 0xFFFF and 1 <= self.height <= 0xFFFF):
            raise ValueError(f"extent {self.width} x {self.height}: each must be 1 to 65535")

    @property
    def row_bytes(self) -> int:
        """Bytes of a row without padding: also the stride of the linear view that the CPU maps."""
        return self.width * self.bytes_per_pixel

    @property
    def linear_size(self) -> int:
        """Bytes of the linear view."""
        return self.row_bytes * self.height

    @property
    def box(self) -> Box:
        """The whole surface as a box."""
        return Box(0, 0, self.row_bytes, self.height)

    @property
    def size(self) -> int:
        """Bytes of device memory that the surface occupies, a multiple of 4 KiB."""
        if self.layout is Layout.LINEAR:
            used = self.height * -(-self.row_bytes // UNIT) * UNIT
            return -(-used // PAGE) * PAGE
        across, rows = _TILE[self.layout]
        return -(-self.row_bytes // across) * -(-self.height // rows) * PAGE

    def contains(self, box: Box) -> bool:
        """Return whether the box lies inside the surface."""
        return box.x + box.width <= self.row_bytes and box.y + box.height <= self.height

    def units(self, unit: Units, y: Units) -> Units:
        """Return unit numbers (device address = base + 64 * number) of unit columns and rows; arrays broadcast."""
        if self.layout is Layout.LINEAR:
            return y * -(-self.row_bytes // UNIT) + unit
        across, rows = _TILE[self.layout]
        tile = (y // rows) * -(-self.row_bytes // across) + unit // (across // UNIT)
        return _bank_hash(tile << 6 | _unit_in_tile(self.layout, unit, y))

    def addresses(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Units:
        """Return the device byte addresses of bytes (x, y); arrays broadcast."""
        column = np.asarray(x, np.int64)
        return self.base + self.units(column // UNIT, np.asarray(y, np.int64)) * UNIT + column % UNIT

    def tile(self, x: int, y: int) -> int:
        """Return the device byte address of byte x of row y."""
        return int(self.addresses(x, y))

    def locate(self, address: int) -> tuple[int, int]:
        """Return (x, y) of a device byte address: the inverse of `tile`.

        In the padding of a tile the result lies outside the extent. ValueError outside of the surface's memory.
        """
        offset = address - self.base
        if not 0 <= offset < self.size:
            raise ValueError(f"device address {address:#x} is not in the surface at {self.base:#x}+{self.size:#x}")
        number, low = divmod(offset, UNIT)
        if self.layout is Layout.LINEAR:
            y, unit = divmod(number, -(-self.row_bytes // UNIT))
            return unit * UNIT + low, y
        tile, place = divmod(int(_bank_hash(np.asarray(number, np.int64))), 64)
        across, rows = _TILE[self.layout]
        down, right = divmod(tile, -(-self.row_bytes // across))
        if self.layout is Layout.X_TILED:
            y, unit = place >> 3, place & 7
        elif self.layout is Layout.Y_TILED:
            y, unit = place & 31, place >> 5
        else:
            y = (place >> 2 & 0b1100) | (place >> 1 & 0b10) | place & 1
            unit = place >> 2 & 0b10 | place >> 1 & 1
        return right * across + unit * UNIT + low, down * rows + y

    def box_addresses(self, box: Box) -> Units:
        """Return the device byte addresses of a box's bytes, shape (height, width)."""
        rows = np.arange(box.y, box.y + box.height, dtype=np.int64)[:, None]
        return self.addresses(np.arange(box.x, box.x + box.width, dtype=np.int64)[None, :], rows)

    def detile(self, raw: Bytes) -> Bytes:
        """Return the linear view, shape (height, row_bytes), of the surface's raw device bytes (`size` of them)."""
        if raw.size != self.size:
            raise ValueError(f"{raw.size} raw bytes for a surface of {self.size}")
        gathered = raw.reshape(-1, UNIT)[self._grid()]
        return np.ascontiguousarray(gathered.reshape(self.height, -1)[:, : self.row_bytes])

    def retile(self, linear: Bytes) -> Bytes:
        """Return raw device bytes (`size` of them, padding 0) of a linear view of shape (height, row_bytes)."""
        grid = self._grid()
        padded = np.zeros((self.height, grid.shape[1] * UNIT), np.uint8)
        padded[:, : self.row_bytes] = linear.reshape(self.height, self.row_bytes)
        raw = np.zeros((self.size // UNIT, UNIT), np.uint8)
        raw[grid] = padded.reshape(self.height, -1, UNIT)
        return raw.reshape(-1)

    def _grid(self) -> Units:
        columns = np.arange(-(-self.row_bytes // UNIT), dtype=np.int64)[None, :]
        return self.units(columns, np.arange(self.height, dtype=np.int64)[:, None])


class DeviceAllocator:
    """Hands out 4 KiB aligned device memory, first fit, from `size` bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken: dict[int, int] = {}

    def allocate(self, size: int) -> int:
        """Return the device byte address of `size` free bytes. DriverError ENOMEM when there is no room."""
        want = -(-size // PAGE) * PAGE
        start = 0
        for base in sorted(self._taken):
            if base - start >= want:
                break
            start = base + self._taken[base]
        if want <= 0 or start + want > self.size:
            raise DriverError("ENOMEM", f"{size} bytes of device memory ({self.size} in all)")
        self._taken[start] = want
        return start

    def free(self, base: int) -> None:
        """Take back what was allocated at `base`. ValueError if nothing was."""
        if base not in self._taken:
            raise ValueError(f"nothing was allocated at device address {base:#x}")
        del self._taken[base]
