"""Every entry of both tables, written lane by lane among writes that are none of theirs; work tells what they hold.

What a table's register answers is a copy of what was written to it, so only the boxes that are moved and drawn show the
entry by which the engine goes: where they lie, where they end, and which of them are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from models.engine import Queue
from models.layout import (
    OBJECT_COUNT,
    REGISTERS,
    SURFACE_COUNT,
    Address,
    Descriptor,
    ObjectConfig,
    ObjectOffset,
    Opcode,
    SurfaceExtent,
    SurfaceFormat,
    SurfaceOffset,
    object_address,
    surface_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Steps
from models.surface import Box, Surface
from tb.chance import box_in, chosen, surface_in, upto
from tb.env import Environment
from tb.sequences import boxed
from tests.system.workbench import DESTINATION, LARGE, PAGES, SOURCE, Workbench

__all__ = ["beside", "drawn", "used"]

_SLOT = 8 * PAGE
"""Bytes of the scratch surfaces' room that each of the sixteen surfaces gets."""
_OWN = 3
"""First object that a case may set; those below are the bench's."""


def drawn(bench: Workbench) -> Steps[None]:
    """Set all entries anew by chance: surfaces of any shape, each in a slot of its own, objects of any length."""
    random = bench.random
    slots = random.permutation(SURFACE_COUNT)
    for index in range(SURFACE_COUNT):
        base = bench.scratch + _SLOT * int(slots[index])
        yield from bench.rig.surface(index, surface_in(random, base, _SLOT, range(1, 17)))
    for index in range(_OWN, OBJECT_COUNT):
        table = bench.tables[chosen(random, (SOURCE, DESTINATION, LARGE))]
        pages = int(random.integers(1, 1 + (530 if table.two_level else PAGES)))
        short: Any = SimpleNamespace(root=table.root, pages=pages, two_level=table.two_level)
        yield from bench.rig.object(index, short)
    yield from bench.rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE)])


async def beside(env: Environment, bench: Workbench) -> None:
    """Write the entries once more, a byte lane at a time beside noise, and noise to addresses that only look alike."""
    master, random = env.csr.master, bench.random
    registers = dict(_registers(bench))
    taken = {entry.address for entry in REGISTERS.values() if entry.access != "ro"}
    for address, value in registers.items():
        for lane in random.permutation(4):
            mask = 0xFF << 8 * int(lane)
            noise = int(random.integers(1 << 32))
            await master.write(address, value & mask | noise & ~mask, 1 << int(lane))
    for address in [*registers, *(at | 0xC for at in registers)]:
        for bit in (6, 7, *range(8, 16)):
            if address ^ 1 << bit not in taken and random.integers(3) == 0:
                await master.write(address ^ 1 << bit, int(random.integers(1 << 32)))


def _registers(bench: Workbench) -> Iterator[tuple[int, int]]:
    """Address and value of each register of the tables as they are to be."""
    tables = bench.rig.tables
    for index, one in enumerate(tables.surfaces):
        assert one is not None, "drawn() first"
        shape = SurfaceFormat(bytes_per_pixel=one.bytes_per_pixel, layout=one.layout, valid=1)
        yield surface_address(index, SurfaceOffset.BASE), one.base
        yield surface_address(index, SurfaceOffset.EXTENT), SurfaceExtent(width=one.width, height=one.height).to_int()
        yield surface_address(index, SurfaceOffset.FORMAT), shape.to_int()
    for index, other in enumerate(tables.objects):
        assert other is not None, "drawn() first"
        config = ObjectConfig(pages=other.pages, two_level=int(other.two_level), valid=1)
        yield object_address(index, ObjectOffset.ROOT_LO), other.root & 0xFFFFFFFF
        yield object_address(index, ObjectOffset.ROOT_HI), other.root >> 32
        yield object_address(index, ObjectOffset.CONFIG), config.to_int()


def used(bench: Workbench) -> Steps[None]:
    """Move and draw in every surface, up to its end and beyond, and through every object, up to its end and beyond."""
    random, surfaces, objects = bench.random, bench.rig.tables.surfaces, bench.rig.tables.objects
    for opcode in (Opcode.WRITEBACK, Opcode.READBACK):
        work = []
        for index, one in enumerate(surfaces):
            assert one is not None
            for box in _boxes(random, one):
                place = {"object": DESTINATION if opcode == Opcode.READBACK else SOURCE, "host_stride": box.width + 3}
                work.append(boxed(opcode, box, surface=index, host_offset=int(random.integers(20 * PAGE)), **place))
        for index, other in enumerate(objects):
            assert other is not None
            if opcode == Opcode.READBACK and other.root == bench.tables[SOURCE].root:
                continue  # what the others are filled from stays
            end = other.pages * PAGE
            for offset in (end - upto(random, 900), end - PAGE - 5, end, int(random.integers(end))):
                place = {"object": index, "host_offset": max(offset, 0), "host_stride": 40}
                work.append(boxed(opcode, Box(0, 0, 1 + int(random.integers(8)), 1), surface=index, **place))
        yield from bench.batch(Queue.TRANSFER, work)
    draws = []
    for index, one in enumerate(surfaces):
        assert one is not None
        pixel = one.bytes_per_pixel
        for box in (box_in(random, one, pixels=True, most=300), *_ends(one, pixel)):
            pattern = {"pattern_low": int(random.integers(1 << 62)), "pattern_high": int(random.integers(1 << 62))}
            draws.append(boxed(Opcode.FILL, box, surface=index, **pattern))
    yield from bench.batch(Queue.RENDER, draws)
    yield CsrWrite(Address.IRQ_STATUS, int((yield CsrRead(Address.IRQ_STATUS))))


def _boxes(random: np.random.Generator, surface: Surface) -> Iterator[Box]:
    yield box_in(random, surface, most=200)
    yield from _ends(surface, 1)


def _ends(surface: Surface, unit: int) -> Iterator[Box]:
    """The last unit of a surface, and that with one further to the right, and one below."""
    right, bottom = surface.row_bytes - unit, surface.height - 1
    yield Box(right, bottom, unit, 1)
    yield Box(right, bottom, 2 * unit, 1)
    yield Box(right, bottom, unit, 2)
