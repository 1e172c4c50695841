"""Malformed descriptors by the ten thousand: every illegal value of every field, all pairs of them, and noise.

A batch is a numpy structured array, a column a field, so that no Python runs per descriptor.  `refusals` says from the
written rules (docs/architecture.md, Errors) how each must be refused; it shares nothing with `models.execute`, and a
test holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.engine import Queue
from models.execute import ENTRY_SIZE, Tables
from models.layout import OBJECT_COUNT, QUEUE_COUNT, SURFACE_COUNT, Cause, Descriptor, Opcode
from models.memory import PAGE, Bytes
from models.surface import Surface
from tests.system.fault_site import DESTINATION, HOLED, LARGE, LARGE_PAGES, PAGES, SOURCE

__all__ = ["FIELDS", "Batch", "bases", "batch_of", "descriptor_of", "entries", "generate", "menu", "refusals"]

Batch = npt.NDArray[np.void]
"""Descriptors of one queue, dtype DESCRIPTOR."""


def _ranges() -> dict[str, tuple[int, int]]:
    """(lowest bit, width) of each field, from the generated class."""
    full = Descriptor.from_int((1 << 8 * Descriptor.SIZE) - 1)
    found = {}
    for part in fields(Descriptor):
        low = Descriptor(**{part.name: 1}).to_int().bit_length() - 1
        found[part.name] = (low, int(getattr(full, part.name)).bit_length())
    return found


FIELDS: Mapping[str, tuple[int, int]] = _ranges()
"""(lowest bit, width in bits) of each descriptor field."""

_DTYPE = np.dtype([(name, np.uint64) for name in FIELDS])
_BOTH = (Opcode.NOP, Opcode.WAIT, Opcode.FENCE, Opcode.INVALIDATE)
_OWN = {Queue.TRANSFER: (Opcode.READBACK, Opcode.WRITEBACK), Queue.RENDER: (Opcode.FILL, Opcode.COPY)}
_PER_PAIR = 4
"""Combinations of values drawn for each pair of fields."""


def in_entry(queue: Queue) -> list[str]:
    """The fields that an entry of a queue's ring holds."""
    return [name for name, (low, _) in FIELDS.items() if low < 8 * ENTRY_SIZE[queue]]


def batch_of(descriptors: Sequence[Descriptor]) -> Batch:
    """Descriptors as a batch."""
    return np.array([tuple(getattr(one, name) for name in FIELDS) for one in descriptors], _DTYPE)


def descriptor_of(row: np.void) -> Descriptor:
    """One row of a batch as a descriptor."""
    return Descriptor(**{name: int(row[name]) for name in FIELDS})


def entries(batch: Batch, queue: Queue) -> Bytes:
    """The ring entries of a batch, shape (descriptors, bytes of an entry); fields that it leaves out are dropped."""
    words = np.zeros((len(batch), Descriptor.SIZE // 8), np.uint64)
    for name, (low, _) in FIELDS.items():
        words[:, low // 64] |= batch[name] << np.uint64(low % 64)
    return words.view(np.uint8)[:, : ENTRY_SIZE[queue]]


# ------------------------------------------------------------------------------------------------------ prediction


def refusals(batch: Batch, queue: Queue, tables: Tables) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """(cause, moves) of each descriptor: why it is refused, or NONE, and whether it then has bytes to move."""
    opcode = batch["opcode"]
    boxed = np.isin(opcode, _OWN[queue])
    transfer = boxed & (queue is Queue.TRANSFER)
    draws = boxed & (queue is Queue.RENDER)
    copies = draws & (opcode == Opcode.COPY)
    unknown = ~boxed & ~np.isin(opcode, _BOTH)

    malformed = np.zeros(len(batch), np.bool_)
    for name in in_entry(queue):
        if name.startswith("reserved"):
            malformed |= batch[name] != 0
    malformed |= boxed & (batch["surface"] >= SURFACE_COUNT)
    malformed |= copies & (batch["source_surface"] >= SURFACE_COUNT)
    malformed |= (transfer | (opcode == Opcode.INVALIDATE)) & (batch["object"] >= OBJECT_COUNT)
    malformed |= (opcode == Opcode.WAIT) & (batch["queue"] >= QUEUE_COUNT)

    width, height = batch["width"], batch["height"]
    empty = boxed & ((width == 0) | (height == 0))
    row_bytes, rows, pixel = (_by_surface(tables, part) for part in ("row_bytes", "height", "bytes_per_pixel"))
    target, source = (np.minimum(batch[name], SURFACE_COUNT - 1) for name in ("surface", "source_surface"))
    # a surface that is not valid has no rows, so that no box is inside
    outside = boxed & ((batch["x"] + width > row_bytes[target]) | (batch["y"] + height > rows[target]))
    outside |= copies & (
        (batch["source_x"] + width > row_bytes[source]) | (batch["source_y"] + height > rows[source])
    )
    size = np.maximum(pixel[target], 1)
    askew = draws & ((batch["x"] % size != 0) | (width % size != 0))
    askew |= copies & ((batch["source_x"] % size != 0) | (pixel[source] != pixel[target]))
    across = _distance(batch["x"], batch["source_x"]) < width
    down = _distance(batch["y"], batch["source_y"]) < height
    overlap = copies & (batch["surface"] == batch["source_surface"]) & across & down

    cause = np.full(len(batch), Cause.NONE, np.uint8)
    for wrong, why in (  # the first in this order counts, so the last is written first
        (overlap, Cause.OVERLAP),
        (askew, Cause.ALIGNMENT),
        (outside, Cause.BOX_OUTSIDE),
        (empty, Cause.NONE),
        (malformed, Cause.MALFORMED),
        (unknown, Cause.UNKNOWN_OPCODE),
    ):
        cause[wrong] = why
    return cause, (cause == Cause.NONE) & boxed & ~empty


def _by_surface(tables: Tables, part: str) -> npt.NDArray[np.uint64]:
    return np.array([0 if one is None else getattr(one, part) for one in tables.surfaces], np.uint64)


def _distance(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return np.maximum(left, right) - np.minimum(left, right)


# ------------------------------------------------------------------------------------------------------ generation


def bases(queue: Queue, surfaces: Sequence[Surface], random: np.random.Generator) -> list[Descriptor]:
    """Legal descriptors of a queue: every opcode, and the boxed ones on every surface."""
    found = [Descriptor(opcode=opcode) for opcode in _BOTH]
    for index, surface in enumerate(surfaces):
        pixel = surface.bytes_per_pixel
        twin = next(n for n, one in enumerate(surfaces) if n != index and one.bytes_per_pixel == pixel)
        wide = int(random.integers(1, min(surface.width, surfaces[twin].width, 180 // pixel)))
        high = int(random.integers(1, min(surface.height, 5)))
        x, y = _corner(surface, wide, high, random)
        box = {"surface": index, "x": x * pixel, "y": y, "width": wide * pixel, "height": high}
        if queue is Queue.TRANSFER:
            stride = int(random.integers(wide * pixel, 3 * PAGE // 2))
            place = {"host_offset": int(random.integers(PAGES * PAGE - stride * high)), "host_stride": stride}
            found.append(Descriptor(opcode=Opcode.READBACK, object=DESTINATION, **box, **place))
            found.append(Descriptor(opcode=Opcode.WRITEBACK, object=SOURCE, **box, **place))
            found.append(Descriptor(opcode=Opcode.WRITEBACK, object=HOLED, **box, **place))
        else:
            x, y = _corner(surfaces[twin], wide, high, random)
            source = {"source_surface": twin, "source_x": x * pixel, "source_y": y}
            pattern = {"pattern_low": int(random.integers(1 << 62)), "pattern_high": int(random.integers(1 << 62))}
            found.append(Descriptor(opcode=Opcode.FILL, **box, **pattern))
            found.append(Descriptor(opcode=Opcode.COPY, **box, **source))
    return found


def _corner(surface: Surface, wide: int, high: int, random: np.random.Generator) -> tuple[int, int]:
    """(pixel, row) at which a box of wide x high pixels lies inside a surface."""
    return int(random.integers(surface.width - wide + 1)), int(random.integers(surface.height - high + 1))


def menu(queue: Queue, base: Descriptor, surfaces: Sequence[Surface]) -> dict[str, npt.NDArray[np.uint64]]:
    """Every field of a legal descriptor that can be wrong, with its wrong values; where few, all of them."""
    found: dict[str, list[int]] = {}
    known = {*_BOTH, *_OWN[queue]}
    found["opcode"] = [opcode for opcode in range(256) if opcode not in known]
    for name in in_entry(queue):
        if name.startswith("reserved"):
            bits = FIELDS[name][1]
            found[name] = [*(1 << bit for bit in range(bits)), (1 << bits) - 1]
    if base.opcode == Opcode.WAIT:
        found["queue"] = list(range(QUEUE_COUNT, 256))
    if base.opcode in (Opcode.INVALIDATE, Opcode.READBACK, Opcode.WRITEBACK):
        found["object"] = list(range(OBJECT_COUNT, 256))
    if base.opcode in _OWN[queue]:
        found |= _box_menu(base, surfaces)
    if base.opcode in (Opcode.READBACK, Opcode.WRITEBACK):
        found["object"] += [LARGE, HOLED, *range(4, OBJECT_COUNT)] + [SOURCE] * (base.opcode == Opcode.READBACK)
        last = PAGES * PAGE
        found["host_offset"] = [last, last - 1, last + PAGE, LARGE_PAGES * PAGE, 1 << 31, 0xFFFFFFFF, 0xFFFFF000]
        found["host_stride"] = [last, last - base.width, 1 << 31, 0xFFFFFFFF, 0x80000000 + PAGE]
    if base.opcode == Opcode.COPY:
        found |= _source_menu(base, surfaces)
    return {name: np.array(values, np.uint64) for name, values in found.items()}


def _box_menu(base: Descriptor, surfaces: Sequence[Surface]) -> dict[str, list[int]]:
    surface = surfaces[base.surface]
    row, rows, pixel = surface.row_bytes, surface.height, surface.bytes_per_pixel
    return {
        "surface": list(range(len(surfaces), 256)),
        "x": [row - base.width + pixel, row - base.width + 1, row, (1 << 20) - base.width, (1 << 20) - 1, base.x + 1],
        "y": [rows - base.height + 1, rows, (1 << 16) - base.height, (1 << 16) - 1],
        "width": [0, row - base.x + pixel, row - base.x + 1, (1 << 20) - base.x, (1 << 20) - 1, base.width + 1],
        "height": [0, rows - base.y + 1, (1 << 16) - base.y, (1 << 16) - 1],
    }  # fmt: skip


def _source_menu(base: Descriptor, surfaces: Sequence[Surface]) -> dict[str, list[int]]:
    source = surfaces[base.source_surface]
    row, rows = source.row_bytes, source.height
    other = [n for n, one in enumerate(surfaces) if one.bytes_per_pixel != source.bytes_per_pixel]
    return {
        # the target as its own source may overlap
        "source_surface": [*other, base.surface, *range(len(surfaces), 256)],
        "source_x": [row - base.width + 1, row, (1 << 20) - base.width, (1 << 20) - 1, base.source_x + 1, base.x],
        "source_y": [rows - base.height + 1, rows, (1 << 16) - base.height, (1 << 16) - 1, base.y],
    }


def _singles(base: Batch, wrong: Mapping[str, npt.NDArray[np.uint64]]) -> Iterator[Batch]:
    for name, values in wrong.items():
        rows = np.repeat(base, len(values))
        rows[name] = values & _mask(name)
        yield rows


def _pairs(
    base: Batch, wrong: Mapping[str, npt.NDArray[np.uint64]], random: np.random.Generator
) -> Iterator[Batch]:
    for pair in combinations(wrong, 2):
        rows = np.repeat(base, _PER_PAIR)
        for name in pair:
            rows[name] = random.choice(wrong[name], _PER_PAIR) & _mask(name)
        yield rows


def _crowds(
    base: Batch, wrong: Mapping[str, npt.NDArray[np.uint64]], count: int, random: np.random.Generator
) -> Batch:
    """Descriptors in which each field is wrong with a probability of its descriptor's own."""
    rows = np.repeat(base, count)
    often = random.random(count) ** 2
    for name, values in wrong.items():
        hit = random.random(count) < often
        rows[name][hit] = random.choice(values, int(hit.sum())) & _mask(name)
    return rows


def _edges(queue: Queue, count: int, surfaces: Sequence[Surface], random: np.random.Generator) -> Batch:
    """Boxes of all sizes around the borders of surfaces, their pixels, and each other; nothing else is wrong."""
    rows = np.zeros(count, _DTYPE)
    rows["opcode"] = random.choice(np.array(_OWN[queue], np.uint64), count)
    rows["surface"] = random.integers(0, len(surfaces) + 1, count)
    near = random.integers(0, 3, count)
    for name, of in (("surface", ""), ("source_surface", "source_")):
        if of:
            rows[name] = np.where(near == 0, random.integers(0, len(surfaces) + 1, count), rows["surface"])
        which = np.minimum(rows[name], len(surfaces) - 1).astype(np.int64)
        shapes = np.array([(one.row_bytes, one.height, one.bytes_per_pixel) for one in surfaces])[which]
        whole = np.where(random.random(count) < 0.8, shapes[:, 2], 1)
        rows[of + "x"] = random.integers(0, shapes[:, 0] // whole + 1) * whole
        rows[of + "y"] = random.integers(0, shapes[:, 1] + 1)
        if not of:
            rows["width"] = random.integers(0, 200 // whole) * whole
            rows["height"] = random.integers(0, 6, count)
    if queue is Queue.TRANSFER:
        rows["source_surface"] = rows["source_x"] = rows["source_y"] = 0
        rows["object"] = random.integers(0, 5, count)
        rows["host_offset"] = random.integers(0, (PAGES + 1) * PAGE, count)
        rows["host_stride"] = random.integers(0, 2 * PAGE, count)
    else:
        rows["pattern_low"] = random.integers(0, 1 << 63, count)
    return rows


def _noise(queue: Queue, count: int, random: np.random.Generator) -> Batch:
    """Bits at random; in half of them the opcode is one of the queue's and reserved bits are 0."""
    rows = np.zeros(count, _DTYPE)
    for name in in_entry(queue):
        rows[name] = random.integers(0, 1 << 64, count, np.uint64, endpoint=False) & _mask(name)
    tame = random.random(count) < 0.5
    rows["opcode"][tame] = random.choice(np.array([*_BOTH, *_OWN[queue]], np.uint64), int(tame.sum()))
    for name in in_entry(queue):
        if name.startswith("reserved"):
            rows[name][tame] = 0
    for name in ("surface", "source_surface", "object"):
        rows[name][tame] &= np.uint64(15)
    return rows


def _mask(name: str) -> np.uint64:
    return np.uint64((1 << FIELDS[name][1]) - 1)


def generate(
    queue: Queue, count: int, surfaces: Sequence[Surface], random: np.random.Generator
) -> tuple[Batch, dict[str, int]]:
    """`count` descriptors in random order, and how many of each kind they were chosen from.

    Every single illegal value and every pair of fields, then crowds, edges and noise in equal parts until there are
    enough; these three are at least two fifths, so of a small `count` the first two are a random choice.  `tag` is the
    number of the descriptor, `order` and `interrupt` are random.
    """
    origins = bases(queue, surfaces, random)
    menus = [menu(queue, base, surfaces) for base in origins]
    rows = [batch_of([base]) for base in origins]
    parts = {
        "singles": [part for row, wrong in zip(rows, menus, strict=True) for part in _singles(row, wrong)],
        "pairs": [part for row, wrong in zip(rows, menus, strict=True) for part in _pairs(row, wrong, random)],
    }
    wrong = sum(len(part) for some in parts.values() for part in some)
    third = max(count - wrong, 2 * count // 5) // 3 + 1
    each = third // len(rows) + 1
    parts["crowds"] = [_crowds(row, wrong, each, random) for row, wrong in zip(rows, menus, strict=True)]
    parts["edges"] = [_edges(queue, third, surfaces, random)]
    parts["noise"] = [_noise(queue, third, random)]
    everything = {name: random.permutation(np.concatenate(some)) for name, some in parts.items()}
    fit = min(1.0, (count - 3 * third) / wrong)  # of the first two
    kept = {name: some[: round(fit * len(some)) if name in ("singles", "pairs") else third]
            for name, some in everything.items()}  # fmt: skip
    batch = random.permutation(np.concatenate(list(kept.values())))[:count]
    batch["tag"] = np.arange(len(batch))
    for name in ("order", "interrupt"):
        batch[name] = random.integers(0, 2, len(batch), np.uint64)
    return batch, {name: len(some) for name, some in kept.items()}
