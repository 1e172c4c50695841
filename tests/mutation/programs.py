"""The fast regression: short programs of the system tests' own cases, in an order in which most mutants end early.

A program is one reset, one environment, and its cases one after the other; a case is compared before the next begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from models.engine import Queue
from models.layout import Layout, Opcode
from models.memory import PAGE
from models.steps import Steps
from models.surface import Box, Surface
from tb.env import Environment
from tb.sequences import boxed
from tests.system import copies, errors, timed
from tests.system.workbench import DESTINATION, SOURCE, Case, Workbench

__all__ = ["PROGRAMS", "Program", "Registers"]


@dataclass(frozen=True, slots=True)
class Program:
    """Cases after one reset: (name, case, thinning of its matrix).

    watchdog: cycles, 0 for none.  ring_log2, completion_log2: sizes of the rings.
    patience: cycles without a step after which it hangs.
    """

    name: str
    cases: tuple[tuple[str, Case, int], ...]
    watchdog: int = 0
    ring_log2: int = 6
    completion_log2: int = 6
    patience: int = 30_000


@dataclass(frozen=True, slots=True)
class Registers:
    """A program on the registers alone, without rings or tables; `body` gets the environment and a list for reads."""

    name: str
    body: Callable[[Environment, list[int]], Awaitable[None]]


def smoke(bench: Workbench) -> Steps[None]:
    """A transfer each way and a drawing."""
    yield from bench.good()
    yield from bench.good(Queue.RENDER)


def rows(bench: Workbench) -> Steps[None]:
    """Whole rows of a linear surface without padding, as far apart in the object as they are long, and nearly so."""
    surface = Surface(bench.scratch, 48, 40, 4, Layout.LINEAR)
    yield from bench.rig.surface(8, surface)
    width = surface.row_bytes
    for offset, y, height, x, stride in (
        (0, 0, 40, 0, width),
        (5, 1, 39, 0, width),
        (PAGE - 3, 0, 30, 1, width - 1),
        (PAGE - 3, 0, 20, 0, width + 1),
    ):
        place = {"surface": 8, "host_offset": offset, "host_stride": stride}
        there = boxed(Opcode.WRITEBACK, Box(x, y, width - x, height), object=SOURCE, **place)
        back = boxed(Opcode.READBACK, Box(x, y, width - x, height), object=DESTINATION, order=1, **place)
        yield from bench.batch(Queue.TRANSFER, [there, back])


async def registers(env: Environment, reads: list[int]) -> None:
    """Reset values, access types, aliases."""
    model = env.make_register_model()
    await model.reset_walk()
    await model.bit_bash()


PROGRAMS: tuple[Program | Registers, ...] = (
    Program(
        "work",
        (
            ("smoke", smoke, 1),
            ("copies", copies.copy_matrix, 64),
            ("drawing", copies.drawing, 4),
            ("boxes", copies.boxes_with_strides, 20),
            ("pixels", copies.every_pixel_size, 40),
            ("rows", rows, 1),
            ("two levels", copies.two_level_objects, 1),
        ),
    ),
    Program(
        "refusals",
        (
            ("opcodes", errors.unknown_opcodes, 1),
            ("malformed", errors.malformed, 1),
            ("outside", errors.box_outside, 1),
            ("alignment", errors.alignment, 1),
            ("overlap", errors.overlap, 1),
            ("translations", errors.translation_faults, 1),
            ("read only", errors.read_only, 1),
            ("bus errors", errors.bus_errors, 1),
            ("walk errors", errors.walk_errors, 1),
            ("fetch errors", errors.fetch_error, 1),
            ("overflow", errors.ring_overflow, 1),
            ("aborted", errors.aborted, 1),
            ("without halt", errors.without_halt, 1),
        ),
    ),
    Program(
        "time",
        (
            ("wait", timed.wait_between_queues, 1),
            ("count", timed.coalescing_by_count, 1),
            ("time", timed.coalescing_by_time, 1),
            ("merge", timed.rows_merge, 1),
            ("tempers", copies.tempers, 16),
            ("outstanding", timed.many_outstanding, 1),
        ),
    ),
    Program("laps", (("wrap", timed.rings_wrap, 1),), ring_log2=3, completion_log2=3),
    Program("full", (("full", timed.completion_ring_full, 1),), ring_log2=4, completion_log2=3),
    Program("abort", (("abort", timed.abort_under_way, 1), ("reset", timed.soft_reset_under_way, 16))),
    Program(
        "late",
        (("read", timed.late_read_answer, 1), ("write", timed.late_write_answer, 1)),
        watchdog=20_000,
        patience=80_000,
    ),
    Registers("registers", registers),
)
"""Every program, quick and general ones first."""
