"""The fast regression: short programs of the system tests' own cases, in an order in which most mutants end early.

`Cases` runs cases of tests/system on a workbench, one after the other and each compared before the next begins; `Blows`
hurts the engine on a fault site; `Registers` walks all registers.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from models.engine import Queue
from models.layout import Cause, Descriptor, Opcode, QueueOffset, queue_address
from models.memory import PAGE, HostMemory
from models.steps import Delay, Steps
from models.surface import Box
from tb.env import Environment, run_body
from tb.sim_top import reset
from tests.mutation import blows, chances, counts, delays, limits, owed, pages, registers, shapes, tables
from tests.mutation.heights import heights
from tests.mutation.parts import Parts, Program
from tests.system import copies, errors, timed
from tests.system.fault_ground import Ground, on_ground
from tests.system.fault_silence import WATCHDOG
from tests.system.rtl_bench import Stand, stand
from tests.system.workbench import Case, Workbench

__all__ = ["PROGRAMS", "Blows", "Cases", "Counts", "Registers", "Tables"]

HOST_SIZE = 4 << 20
_SELDOM = 700
"""Clock cycles between two looks at registers in a long program."""
Blow = Callable[[Ground], Awaitable[None]]
_GROUND_CYCLES = 120_000
"""Clock cycles that a fault site may take with its opening, which is no part; none takes a quarter of that."""


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases after one reset: (name, case, thinning of its matrix).

    watchdog: cycles, 0 for none.  ring_log2, completion_log2: sizes of the rings.
    patience: clock cycles without a step after which a case hangs.  halt: a queue halts at an error.
    """

    name: str
    cases: tuple[tuple[str, Case, int], ...]
    watchdog: int = 0
    ring_log2: int = 6
    completion_log2: int = 6
    patience: int = 30_000
    halt: bool = True

    async def run(self, parts: Parts) -> None:
        """One reset, the cases, a comparison after each."""

        async def body(stand: Stand) -> None:
            bench = stand.bench
            opening = bench.open(watchdog=self.watchdog, halt=self.halt)
            await parts.run(f"{self.name}/open", stand.perform(parts.watched(opening)))
            for name, case, thin in self.cases:
                bench.thin = thin
                work = stand.perform(parts.watched(case(bench)))
                await parts.run(f"{self.name}/{name}", work, stand.perform(bench.settle()))
            for ring in bench.rig.rings.values():
                parts.recorded(ring.history)
            await parts.run(f"{self.name}/books", stand.perform(parts.watched(registers.books(bench))))

        layout = {"ring_log2": self.ring_log2, "completion_log2": self.completion_log2}
        await stand(parts.dut, body, patience=self.patience, host_size=HOST_SIZE, **layout)


@dataclass(frozen=True, slots=True)
class Blows:
    """Blows on a fault site: (name, what is done there); at the end no burst may have touched a page not granted.

    limit: clock cycles of all together.  looks: the engine's registers are read all the while.
    """

    name: str
    blows: tuple[tuple[str, Blow], ...]
    watchdog: int = 0
    halt: bool = True
    completion_log2: int = 5
    limit: int = _GROUND_CYCLES
    looks: bool = False

    async def run(self, parts: Parts) -> None:
        """One reset, the blows, a comparison after each."""

        async def body(ground: Ground) -> None:
            for name, blow in self.blows:
                work = blow(ground)
                if self.looks:
                    work = parts.beside(work, ground.env.csr.port.read)
                await parts.run(f"{self.name}/{name}", work)

        layout = {"ring_log2": 5, "completion_log2": self.completion_log2, "limit": self.limit}
        await on_ground(parts.dut, body, halt=self.halt, watchdog=self.watchdog, **layout)


@dataclass(frozen=True, slots=True)
class Registers:
    """All registers: reset values, access types, aliases, byte lanes; and the holes between them."""

    name: str

    async def run(self, parts: Parts) -> None:
        """A reset, a walk and a bash; a reset, and a byte lane at a time."""

        async def body(env: Environment) -> None:
            Path(os.environ["HOSTMEM_FILE"]).write_bytes(bytes(1 << 16))
            await reset(parts.dut)
            await parts.run(f"{self.name}/walk", registers.walk(env))
            await reset(parts.dut)
            await parts.run(f"{self.name}/claims", counts.claims(env))
            await reset(parts.dut)
            await parts.run(f"{self.name}/lanes", registers.lanes(env))
            await parts.run(f"{self.name}/neighbours", registers.neighbours(env))

        await run_body(parts.dut, body)
        await reset(parts.dut)  # no monitor from here on: it expects one access at a time
        await parts.run(f"{self.name}/overlap", registers.overlap(parts.dut))
        await reset(parts.dut)
        await parts.run(f"{self.name}/refusals", counts.refusals(parts.dut))


@dataclass(frozen=True, slots=True)
class Counts:
    """Rings that go round once, beside memory of their own."""

    name: str

    async def run(self, parts: Parts) -> None:
        """A reset, and both rings at once."""

        async def body(env: Environment) -> None:
            host = HostMemory(os.environ["HOSTMEM_FILE"], counts.HOST_SIZE)
            await reset(parts.dut)
            work = parts.beside(counts.once_round(env, host), env.csr.port.read, pause=_SELDOM)
            await parts.run(f"{self.name}/once round", work)

        await run_body(parts.dut, body)


@dataclass(frozen=True, slots=True)
class Tables:
    """All entries of the surface table and the object table, a few times over."""

    name: str
    laps: int

    async def run(self, parts: Parts) -> None:
        """One reset; new entries, writes beside them, work with all of them, and a comparison, for each lap."""

        async def body(stand: Stand) -> None:
            bench = stand.bench
            await parts.run(f"{self.name}/open", stand.perform(parts.watched(bench.open(halt=False))))
            for lap in range(self.laps):
                works = [stand.perform(tables.drawn(bench)), tables.beside(stand.env, bench)]
                works.append(stand.perform(parts.watched(tables.used(bench))))
                await parts.run(f"{self.name}/{lap}", *works)

        await stand(parts.dut, body, patience=30_000, host_size=HOST_SIZE)


def smoke(bench: Workbench) -> Steps[None]:
    """A transfer each way and a drawing."""
    yield from bench.good()
    yield from bench.good(Queue.RENDER)


def fences(bench: Workbench) -> Steps[None]:
    """Fence values of all bits, of both queues, each waited for by the other queue."""
    for value in (0xA5A5A5A5, 0xDADADADA, 0xFFFFFFFF, 0x12345678):
        for queue in Queue:
            wait = Descriptor(opcode=Opcode.WAIT, queue=queue, host_offset=value)
            waits = yield from bench.rig.post(Queue(1 - queue), [wait])
            yield from bench.rig.perform(queue, [Descriptor(opcode=Opcode.FENCE, host_offset=value)])
            yield from bench.rig.collect(Queue(1 - queue), waits)
            yield from bench.rig.until(queue_address(queue, QueueOffset.FENCE), 0xFFFFFFFF, value)
    yield from bench.settle()


def behind(bench: Workbench) -> Steps[None]:
    """Far more descriptors than are fetched ahead stand behind a WAIT, and each still has its turn."""
    for queue in Queue:
        waits = [Descriptor(opcode=Opcode.WAIT, queue=1 - queue, host_offset=0x600D + queue)]
        work = [*waits, *[Descriptor(opcode=Opcode.NOP)] * 60]
        count = yield from bench.rig.post(queue, work)
        yield Delay(8000, "fetched ahead")
        yield from bench.rig.perform(
            Queue(1 - queue), [Descriptor(opcode=Opcode.FENCE, host_offset=0x600D + queue)]
        )  # fmt: skip
        yield from bench.rig.collect(queue, count)
    yield from bench.settle()


def wrapping(bench: Workbench) -> Steps[None]:
    """Rows whose offset passes 2^32: the next page would be one of the object's first again, and is not granted."""
    far = {"host_offset": PAGE, "host_stride": (1 << 32) - PAGE}
    bad = [errors.transfer(opcode, Box(0, 0, 32, 2), **far) for opcode in (Opcode.READBACK, Opcode.WRITEBACK)]
    yield from errors.fails(bench, Queue.TRANSFER, bad, Cause.TRANSLATION_FAULT)


_WORK: tuple[tuple[str, Case, int], ...] = (
    ("copies", copies.copy_matrix, 64),
    ("drawing", copies.drawing, 4),
    ("boxes", copies.boxes_with_strides, 20),
    ("pixels", copies.every_pixel_size, 40),
    ("rows", shapes.rows, 1),
    ("near", shapes.near, 1),
    ("ends", shapes.ends, 1),
    ("two levels", copies.two_level_objects, 1),
    ("wait", timed.wait_between_queues, 1),
    ("count", timed.coalescing_by_count, 1),
    ("time", timed.coalescing_by_time, 1),
    ("merge", timed.rows_merge, 1),
    ("tempers", copies.tempers, 16),
    ("clocks", registers.clocks, 1),
    ("fences", fences, 1),
    ("behind", behind, 1),
    ("announced", shapes.announced, 1),
    ("unheard", registers.unheard, 1),
    ("asking", shapes.asking, 1),
    ("crowded", shapes.crowded, 1),
    ("stepping", shapes.stepping, 1),
)

_REFUSALS: tuple[tuple[str, Case, int], ...] = (
    ("opcodes", errors.unknown_opcodes, 1),
    ("malformed", errors.malformed, 1),
    ("outside", errors.box_outside, 1),
    ("alignment", errors.alignment, 1),
    ("overlap", errors.overlap, 1),
    ("translations", errors.translation_faults, 1),
    ("wrapping", wrapping, 1),
    ("read only", errors.read_only, 1),
    ("bus errors", errors.bus_errors, 1),
    ("walk errors", errors.walk_errors, 1),
    ("fetch errors", errors.fetch_error, 1),
    ("overflow", errors.ring_overflow, 1),
    ("aborted", errors.aborted, 1),
    ("far errors", shapes.far_errors, 1),
    ("without halt", errors.without_halt, 1),
)

_LIMITS: tuple[tuple[str, Case, int], ...] = (
    ("distances", limits.fence_distances, 1),
    ("announced", delays.announced_late, 1),
    ("tags", limits.tags, 1),
    ("pixels", limits.pixel_sizes, 1),
    ("reserved", limits.reserved, 1),
    ("serials", limits.serials, 1),
    ("empty", limits.empty, 1),
    ("merged", limits.merged, 1),
    ("retreats", limits.retreats, 1),
    ("outstanding", limits.outstanding, 1),
    ("offsets", limits.offsets, 1),
    ("endless", pages.endless, 1),
    ("visited", pages.visited, 1),
    ("spots", limits.spots, 1),
    ("columns", limits.columns, 1),
    ("corners", limits.corners, 1),
    ("far heads", registers.far_heads, 1),
    ("thresholds", limits.thresholds, 1),
    ("beginnings", limits.beginnings, 1),
    ("divisions", limits.divisions, 1),
    ("enough", delays.enough, 1),
    ("unhurried", delays.unhurried, 1),
    ("patient", delays.patient, 1),
)

_LAPS: tuple[tuple[str, Case, int], ...] = (
    ("wrap", timed.rings_wrap, 1),
    ("far heads", registers.far_heads, 1),
)

_BLOWS: tuple[tuple[str, Blow], ...] = (
    ("aborts", blows.aborts),
    ("soft", blows.soft_resets),
    ("trickling", blows.trickling),
)

_CHANCES: tuple[tuple[str, Blow], ...] = (
    ("queues", chances.queues),
    ("storm", chances.storm),
    ("aborted", chances.aborted),
)

_OWED: tuple[tuple[str, Case, int], ...] = (
    ("fetches", owed.late_descriptors, 1),
    ("walks", owed.late_translations, 1),
    ("reads", owed.late_data, 1),
    ("writes", owed.late_answers, 1),
    ("records", owed.late_records, 1),
    ("void", owed.void_bursts, 1),
    ("halfway", owed.halfway, 1),
)

PROGRAMS: tuple[Program, ...] = (
    Cases("smoke", (("smoke", smoke, 1),)),
    Cases("work", _WORK),
    Cases("refusals", _REFUSALS),
    Blows("heights", (("heights", heights),)),
    Tables("tables", 3),
    Blows("chances", _CHANCES, looks=True, limit=1 << 20),
    Blows("states", (("states", blows.states), ("full ring", blows.full_rings)), completion_log2=4, looks=True),
    Blows("blows", _BLOWS, looks=True, limit=1 << 20),
    Cases("owed", _OWED, watchdog=owed.WATCHDOG),
    Blows("masks", (("masks", registers.masks), ("hard", blows.hard_resets))),
    Registers("registers"),
    Blows("silence", (("silence", blows.silences),), watchdog=WATCHDOG, halt=False),
    Cases("limits", _LIMITS, halt=False),
    Cases("laps", _LAPS, ring_log2=3, completion_log2=3),
    Cases("full", (("full", timed.completion_ring_full, 1),), ring_log2=4, completion_log2=3),
    Cases("pair", (("full", timed.completion_ring_full, 1),), ring_log2=4, completion_log2=1),
    Cases("one", (("full", timed.completion_ring_full, 1),), ring_log2=4, completion_log2=0),
    Cases("backlog", (("backlog", shapes.backlog, 1),), completion_log2=3),
    Blows("errors", (("records", blows.record_errors), ("fetches", blows.fetch_errors), ("data", blows.data_errors))),
    Cases("large", (("tiles", shapes.tiles, 1), ("tall", shapes.tall, 1), ("long", shapes.long, 1))),
    Cases("abort", (("abort", timed.abort_under_way, 1), ("reset", timed.soft_reset_under_way, 16))),
    Cases("sizes", (("sizes", shapes.sizes, 1),), ring_log2=8, completion_log2=7),
    Cases("wide", (("full", timed.completion_ring_full, 1),), ring_log2=10, completion_log2=9),
    Counts("counts"),
    Cases("piled", (("piled", owed.piled, 1), ("forgotten", owed.forgotten, 1))),
    Cases("run", (("run", shapes.run, 1),), patience=400_000),
    Cases("late", (("silence", owed.long_silence, 1),), watchdog=owed.LONG, patience=400_000),
)
"""Every program: what kills most in its time comes first."""
