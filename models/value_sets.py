"""For each byte of an image the set of values it may have: a base value, and so many alternatives to it.

Sets are small nearly everywhere and nearly always (one value), so a number of alternatives a byte and as many images as
the largest set needs hold them all. `anything` marks bytes of which nothing is known.
"""

from __future__ import annotations

import numpy as np

from models.memory import Bytes
from models.page_table import Bits
from models.surface import Box

__all__ = ["ValueSets"]

Places = np.ndarray[tuple[int], np.dtype[np.intp]]
"""Offsets of bytes."""


class ValueSets:
    """Sets of byte values of one shape, which masks and images have too. Offsets and runs go row after row."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.base: Bytes = np.zeros(shape, np.uint8)
        self.anything: Bits = np.zeros(shape, np.bool_)
        self._count: Bytes = np.zeros(shape, np.uint8)
        """Alternatives of each byte; all differ from its base and from each other."""
        self._images: Bytes = np.zeros((0, *shape), np.uint8)
        """The first alternative of every byte, the second, and so on."""

    def copy(self) -> ValueSets:
        """Return the same sets, apart."""
        other = ValueSets(self.base.shape)
        other.base[:] = self.base
        other.anything[:] = self.anything
        other._count[:] = self._count
        other._images = self._images[: self._depth].copy()
        return other

    @property
    def single(self) -> bool:
        """True when every byte has one value."""
        return not self._depth

    def set_run(self, first: int, values: Bytes) -> None:
        """Bytes from `first` on have exactly these values."""
        run = slice(first, first + values.size)
        self.base.reshape(-1)[run] = values
        self.anything.reshape(-1)[run] = False
        self._count.reshape(-1)[run] = 0

    def add_run(self, first: int, values: Bytes) -> None:
        """Bytes from `first` on may also have these values."""
        self._add(np.arange(first, first + values.size), values[np.newaxis], np.ones((1, values.size), np.bool_))

    def assign(self, other: ValueSets, where: Bits) -> None:
        """Bytes in the mask have the other's sets."""
        np.copyto(self.base, other.base, where=where)
        np.copyto(self.anything, other.anything, where=where)
        np.copyto(self._count, other._count, where=where)
        depth = other._depth
        self._deepen(depth)
        for image, values in zip(self._images, other._images[:depth], strict=False):
            np.copyto(image, values, where=where)

    def add(self, other: ValueSets, where: Bits) -> bool:
        """Bytes in the mask may also have the other's values. Return whether any set has grown."""
        new = other.anything & where & ~self.anything
        grown = bool(new.any())
        if grown:
            self.anything |= new
        differ = self.base != other.base
        if other._depth:
            differ |= other._count != 0
        places = _places(differ & where)
        return self._add(*other._matrix(places)) or grown if places.size else grown

    def know(self, values: Bytes, first: int, where: Bits) -> None:
        """Bytes from `first` on were seen to have these values; what nothing is known of stays so.

        `where`, like `values` one element a byte, masks those that are to be known.
        """
        run = slice(first, first + values.size)
        known = where & ~self.anything.reshape(-1)[run]
        np.copyto(self.base.reshape(-1)[run], values, where=known)
        self._count.reshape(-1)[run][known] = 0

    def restrict(self, other: ValueSets, where: Bits) -> None:
        """Bytes in the mask lose the values that the other's sets do not have; one that would lose all keeps them."""
        places, values, valid = self._matrix(_places(where & ~self.anything))
        kept = valid & other._hold(places, values)
        kept |= valid & ~kept.any(0)
        order = np.argsort(~kept, axis=0, kind="stable")
        values = np.take_along_axis(values, order, axis=0)
        self.base.reshape(-1)[places] = values[0]
        self._count.reshape(-1)[places] = kept.sum(0) - 1
        self._layers[: len(values) - 1, places] = values[1:]

    def shifted(self, shape: tuple[int, int], box: Box, origin: Box) -> ValueSets:
        """Return sets of another shape that have in `box` what these have in `origin`, a box of the same extent."""
        to = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
        of = slice(origin.y, origin.y + origin.height), slice(origin.x, origin.x + origin.width)
        moved = ValueSets(shape)
        moved.base[to] = self.base[of]
        moved.anything[to] = self.anything[of]
        moved._count[to] = self._count[of]
        depth = moved._depth
        moved._deepen(depth)
        moved._images[:depth, to[0], to[1]] = self._images[:depth, of[0], of[1]]
        return moved

    def holds(self, first: int, values: Bytes) -> Bits:
        """Return for each byte from `first` on whether it may have this value."""
        run = slice(first, first + values.size)
        right: Bits = (self.base.reshape(-1)[run] == values) | self.anything.reshape(-1)[run]
        count = self._count.reshape(-1)[run]
        for depth in range(int(count.max(initial=0))):
            right |= (count > depth) & (self._images[depth].reshape(-1)[run] == values)
        return right

    def at(self, offset: int) -> frozenset[int]:
        """Return the values that one byte may have."""
        if self.anything.reshape(-1)[offset]:
            return frozenset(range(256))
        _, values, valid = self._matrix(np.array([offset]))
        return frozenset(values[valid].tolist())

    @property
    def _layers(self) -> Bytes:
        """The images, each in one row."""
        return self._images.reshape(-1, self.base.size)

    @property
    def _depth(self) -> int:
        """How many alternatives the largest set has."""
        return int(self._count.max())

    def _deepen(self, depth: int) -> None:
        """Have room for so many alternatives."""
        if depth > len(self._images):
            more = np.zeros((max(depth, 2 * len(self._images)) - len(self._images), *self.base.shape), np.uint8)
            self._images = np.concatenate([self._images, more])

    def _matrix(self, places: Places) -> tuple[Places, Bytes, Bits]:
        """Return places with their values, the base above the alternatives, shape (depth, places), and which count."""
        count = self._count.reshape(-1)[places]
        depth = int(count.max(initial=0))
        values = np.empty((depth + 1, places.size), np.uint8)
        values[0] = self.base.reshape(-1)[places]
        valid = np.empty(values.shape, np.bool_)
        valid[0] = True
        for number, image in enumerate(self._layers[:depth]):
            values[number + 1] = image[places]
            np.greater(count, number, out=valid[number + 1])
        return places, values, valid

    def _hold(self, places: Places, values: Bytes) -> Bits:
        """Return which of the values, shape (values, places), their places may have."""
        held: Bits = values == self.base.reshape(-1)[places]
        held |= self.anything.reshape(-1)[places]
        count = self._count.reshape(-1)[places]
        for number, image in enumerate(self._layers[: int(count.max(initial=0))]):
            held |= (values == image[places]) & (count > number)
        return held

    def _add(self, places: Places, values: Bytes, valid: Bits) -> bool:
        """Places may also have the valid ones of these values, all different. Return whether any set has grown."""
        new = valid & ~self._hold(places, values)
        rows = new.any(1).nonzero()[0]
        for row in rows:
            some = places[new[row]]
            count = self._count.reshape(-1)[some]
            self._deepen(int(count.max()) + 1)
            self._layers[count, some] = values[row, new[row]]
            self._count.reshape(-1)[some] = count + 1
        return bool(rows.size)


def _places(mask: Bits) -> Places:
    """Return the offsets of the bytes in a mask, row after row."""
    return mask.reshape(-1).nonzero()[0]
