"""For each byte of an image the set of values it may have: a base value, and layers of alternatives where needed.

Sets are small nearly everywhere and nearly always (one value), so a layer is a mask and an image, and a byte with three
possible values has two layers set. `anything` marks bytes of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.memory import Bytes
from models.page_table import Bits
from models.surface import Box

__all__ = ["ValueSets"]


class ValueSets:
    """Sets of byte values of one shape. Masks and images have that shape; `where=None` means everywhere."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.base: Bytes = np.zeros(shape, np.uint8)
        self.anything: Bits = np.zeros(shape, np.bool_)
        self._layers: list[tuple[Bits, Bytes]] = []

    def copy(self) -> ValueSets:
        """Return the same sets, apart."""
        other = ValueSets(self.base.shape)
        other.base[:] = self.base
        other.anything[:] = self.anything
        other._layers = [(mask.copy(), values.copy()) for mask, values in self._layers]
        return other

    @property
    def single(self) -> bool:
        """True when every byte has one value."""
        return not self._layers

    def set_run(self, first: int, values: Bytes) -> None:
        """Bytes from `first` on, row after row, have exactly these values."""
        run = slice(first, first + values.size)
        self.base.reshape(-1)[run] = values
        self.anything.reshape(-1)[run] = False
        for mask, _ in self._layers:
            mask.reshape(-1)[run] = False
        if self._layers:
            self._prune()

    def add_run(self, first: int, values: Bytes) -> None:
        """Bytes from `first` on may also have these values."""
        where: Bits = np.zeros(self.base.shape, np.bool_)
        where.reshape(-1)[first : first + values.size] = True
        image = self.base.copy()
        image.reshape(-1)[first : first + values.size] = values
        self._add(image, where)

    def assign(self, other: ValueSets, where: Bits) -> None:
        """Bytes in the mask have the other's sets."""
        np.copyto(self.base, other.base, where=where)
        np.copyto(self.anything, other.anything, where=where)
        for mask, _ in self._layers:
            mask &= ~where
        for mask, values in other._layers:
            self._add(values, mask & where)
        self._prune()

    def add(self, other: ValueSets, where: Bits) -> bool:
        """Bytes in the mask may also have the other's values. Return whether any set has grown."""
        new = other.anything & where & ~self.anything
        grown = bool(new.any())
        self.anything |= new
        for values, mask in list(other._images()):
            grown |= self._add(values, where if mask is None else where & mask)
        return grown

    def know(self, values: Bytes, first: int, where: Bits) -> None:
        """Bytes from `first` on were seen to have these values; what nothing is known of stays so.

        `where`, like `values` one element a byte, masks those that are to be known.
        """
        run = slice(first, first + values.size)
        known = where & ~self.anything.reshape(-1)[run]
        self.base.reshape(-1)[run][known] = values[known]
        for mask, _ in self._layers:
            mask.reshape(-1)[run] &= ~known
        self._prune()

    def restrict(self, other: ValueSets, where: Bits) -> None:
        """Bytes in the mask lose the values that the other's sets do not have; one that would lose all keeps them."""
        size = self.base.size
        gone = where & ~other.holds(0, self.base.reshape(size)).reshape(self.base.shape) & ~self.anything
        kept = [
            (mask & ~(where & ~other.holds(0, values.reshape(size)).reshape(self.base.shape)), values)
            for mask, values in self._layers
        ]
        for mask, values in kept:
            moved = gone & mask
            np.copyto(self.base, values, where=moved)
            gone &= ~moved
        stuck = gone
        self._layers = [
            (np.where(stuck, old, mask) & (self.base != values), values)
            for (mask, values), (old, _) in zip(kept, self._layers, strict=True)
        ]
        self._prune()

    def shifted(self, shape: tuple[int, int], box: Box, origin: Box) -> ValueSets:
        """Return sets of another shape that have in `box` what these have in `origin`, a box of the same extent."""
        to = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
        of = slice(origin.y, origin.y + origin.height), slice(origin.x, origin.x + origin.width)
        moved = ValueSets(shape)
        moved.base[to] = self.base[of]
        moved.anything[to] = self.anything[of]
        for mask, values in self._layers:
            layer: Bits = np.zeros(shape, np.bool_)
            layer[to] = mask[of]
            image: Bytes = np.zeros(shape, np.uint8)
            image[to] = values[of]
            moved._layers.append((layer, image))
        return moved

    def holds(self, first: int, values: Bytes) -> Bits:
        """Return for each byte from `first` on whether it may have this value."""
        run = slice(first, first + values.size)
        right: Bits = (self.base.reshape(-1)[run] == values) | self.anything.reshape(-1)[run]
        for mask, image in self._layers:
            right |= mask.reshape(-1)[run] & (image.reshape(-1)[run] == values)
        return right

    def at(self, offset: int) -> frozenset[int]:
        """Return the values that one byte may have."""
        if self.anything.reshape(-1)[offset]:
            return frozenset(range(256))
        values = {int(self.base.reshape(-1)[offset])}
        values |= {int(image.reshape(-1)[offset]) for mask, image in self._layers if mask.reshape(-1)[offset]}
        return frozenset(values)

    def _images(self) -> Iterator[tuple[Bytes, Bits | None]]:
        yield self.base, None
        for mask, values in self._layers:
            yield values, mask

    def _add(self, values: Bytes, where: Bits) -> bool:
        need = self.base != values
        need &= where
        if not need.any():
            return False
        need &= ~self.anything
        for mask, image in self._layers:
            need &= ~(mask & (image == values))
        if not need.any():
            return False
        for mask, image in self._layers:
            free = need & ~mask
            np.copyto(image, values, where=free)
            mask |= free
            need &= ~free
            if not need.any():
                return True
        self._layers.append((need, values.copy()))
        return True

    def _prune(self) -> None:
        self._layers = [(mask, values) for mask, values in self._layers if mask.any()]
