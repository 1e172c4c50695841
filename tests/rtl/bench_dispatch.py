"""One queue's descriptors: judged as the contract says, started in order, ended in order; halt, resume, abort, WAIT.

Runs inside the simulator; tests/rtl/test_dispatch.py starts it. The parameter QUEUE decides which opcodes are its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import cocotb
from cocotb.triggers import Timer

from models.layout import Cause, Descriptor, Layout, Opcode
from models.surface import Box, Surface
from tests.rtl.bench_tile import entry
from tests.rtl.harness import Bench, known

TOP = "dispatch"
PARAMETERS = {"QUEUE": 0, "ENTRY_BYTES": 32}
TRANSFERS = (Opcode.READBACK, Opcode.WRITEBACK)
DRAWS = (Opcode.FILL, Opcode.COPY)


@dataclass(frozen=True)
class Ended:
    """What must reach `complete`."""

    tag: int
    opcode: int
    cause: int
    address: int
    bytes: int
    interrupt: bool
    fence: bool


@dataclass(frozen=True)
class Fetched:
    """What the ring gives: a descriptor, or an error in its place."""

    desc: Descriptor
    error: Cause = Cause.NONE
    address: int = 0


class Dispatch(Bench):
    """A ring, two units that take their time, and `complete`."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        rng = self.rng
        self.queue, self.entry_bytes = int(dut.QUEUE.value), int(dut.ENTRY_BYTES.value)
        self.own = DRAWS if self.queue else TRANSFERS
        self.surfaces = [
            Surface(n * 4096, rng.randint(20, 200), rng.randint(5, 60), (3, 4, 16, 1)[n % 4], Layout(n % 4))
            for n in range(16)
        ]
        for n, columns in ((0, 64 * rng.randint(1, 5)), (4, 64 * rng.randint(1, 5) + rng.choice((1, 8, 32)))):
            self.surfaces[n] = replace(self.surfaces[n], width=columns, layout=Layout.LINEAR)  # one without padding
        self.surfaces[8:] = [
            replace(twin, base=s.base) for s, twin in zip(self.surfaces[8:], self.surfaces, strict=False)
        ]
        self.ring: list[Fetched] = []
        self.noise: dict[int, int] = {}  # what a failed fetch brought, by tag
        self.started: list[tuple[int, Descriptor]] = []  # (unit, descriptor) in start order
        self.units: list[list[tuple[int, Descriptor]]] = [[], []]  # (cycle of the end, descriptor)
        self.fail: set[int] = set()  # tags that the unit reports as a bus error
        self.ends: list[Ended] = []
        self.given: list[Fetched] = []
        self.slow = 20
        self.fences = [0, 0]
        self.invalidations = 0
        self.pulse: set[str] = set()
        self.completing = 0  # cycles for which records are still under way
        self.started_at: list[int] = []
        self.given_at: list[int] = []
        self._soon = 0
        self._box = (0, 0)
        self.merged = 0
        self._surfaces = (-1, -1)

    def invalid(self, number: int) -> bool:
        """Surface 9 is not valid."""
        return number == 9

    async def open(self, *, halt: bool = False) -> None:
        """Reset and enable."""
        await self.start()
        self.dut.enable_i.value = 1
        self.dut.halt_on_error_i.value = int(halt)

    async def step(self) -> None:
        """One cycle of everybody."""
        dut, rng = self.dut, self.rng
        dut.cycle_i.value = self.cycle
        for name in ("resume", "abort"):
            getattr(dut, f"{name}_i").value = int(name in self.pulse)
        self.pulse = set()
        dut.fence_i.value = self.fences[1] << 32 | self.fences[0]
        dut.complete_busy_i.value = int(self.completing > 0)
        self.completing = max(0, self.completing - 1)
        dut.ring_empty_i.value = int(not self.ring)
        dut.ring_valid_i.value = int(bool(self.ring))
        if self.ring:
            front = self.ring[0]
            word = int.from_bytes(front.desc.pack()[: self.entry_bytes], "little")
            if front.error:
                word = self.rng.getrandbits(8 * self.entry_bytes) & ~0xFFFF_FFFF_0000_03FF | front.desc.tag << 32
                word = self.noise.setdefault(front.desc.tag, word)
                dut.ring_address_i.value = front.address
            dut.ring_desc_i.value, dut.ring_err_i.value = word, int(front.error)
        # a unit is ready once it has loaded the box
        ready = [self.chance() and len(self.units[u]) < 4 and self._soon >> u & 1 for u in (0, 1)]
        dut.cmd_ready_i.value = ready[1] << 1 | ready[0]
        done = [bool(self.units[u]) and self.units[u][0][0] <= self.cycle for u in (0, 1)]
        dut.done_valid_i.value = done[1] << 1 | done[0]
        reports = [self._report(self.units[u][0][1]) if done[u] else (0, 0, 0) for u in (0, 1)]
        for name, width, at in (("cause", 8, 0), ("address", 64, 1), ("bytes", 32, 2)):
            getattr(dut, f"done_{name}_i").value = reports[1][at] << width | reports[0][at]
        takes = self.chance()
        dut.end_ready_i.value = int(takes)
        await self.settle()
        indices = known(dut.surface_index_o), known(dut.source_index_o)
        if indices != self._surfaces:
            self._surfaces = indices
            dut.surface_i.value, dut.source_i.value = (
                entry(self.surfaces[n], valid=not self.invalid(n)) % (1 << 64) for n in indices
            )  # fmt: skip
            await Timer(200, "ps")
        soon = known(dut.cmd_soon_o)
        box = known(dut.cmd_width_o), known(dut.cmd_height_o)
        if self.ring and int(dut.ring_ready_o.value):
            self.given.append(self.ring.pop(0))
            self.given_at.append(self.cycle)
        for u in (0, 1):
            if ready[u] and known(dut.cmd_valid_o) >> u & 1:
                assert soon >> u & 1 and self._box == box, "a unit starts what it has loaded"
                self._begin(u)
        self._soon, self._box = soon, box
        self.invalidations += known(dut.invalidate_o)
        if takes and int(dut.end_valid_o.value):
            self.ends.append(
                Ended(
                    int(dut.end_tag_o.value),
                    int(dut.end_opcode_o.value),
                    int(dut.end_cause_o.value),
                    int(dut.end_address_o.value),
                    int(dut.end_bytes_o.value),
                    bool(dut.end_interrupt_o.value),
                    bool(dut.end_fence_o.value),
                )  # fmt: skip
            )
            self.completing = rng.randint(1, 6)
        answered = known(dut.done_ready_o)
        for u in (0, 1):
            if done[u] and answered >> u & 1:
                self.units[u].pop(0)
        await self.edge()

    def _report(self, desc: Descriptor) -> tuple[int, int, int]:
        failed = desc.tag in self.fail
        return int(Cause.BUS_ERROR if failed else Cause.NONE), desc.tag * 64 if failed else 0, desc.tag % 1000

    def _begin(self, unit: int) -> None:
        dut = self.dut
        desc = self.given[-1].desc
        got = {name: int(getattr(dut, f"cmd_{name}_o").value) for name in ("x", "y", "width", "height", "surface")}
        wanted = {name: getattr(desc, name) for name in got}
        if self.merges(desc):
            wanted["width"], wanted["height"] = desc.width * desc.height, 1
            self.merged += 1
        assert got == wanted
        if self.queue:
            assert unit == 0 and bool(dut.cmd_copy_o.value) == (desc.opcode is Opcode.COPY)
            source = (int(dut.cmd_source_surface_o.value), int(dut.cmd_source_x_o.value), int(dut.cmd_source_y_o.value))
            assert desc.opcode is Opcode.FILL or source == (desc.source_surface, desc.source_x, desc.source_y)
            assert int(dut.cmd_pattern_o.value) == desc.pattern_high << 64 | desc.pattern_low
        else:
            assert unit == (desc.opcode is Opcode.WRITEBACK)
            host = (int(dut.cmd_object_o.value), int(dut.cmd_offset_o.value), int(dut.cmd_stride_o.value))
            assert host == (desc.object, desc.host_offset, desc.host_stride)
        if desc.order:
            assert len(self.ends) == len(self.given) - 1 and not self.completing, (
                "started before the earlier ones ended"
            )
        self.started.append((unit, desc))
        self.started_at.append(self.cycle)
        end = max(self.cycle + 1 + self.rng.randint(0, self.slow), self.units[unit][-1][0] if self.units[unit] else 0)
        self.units[unit].append((end, desc))

    # ------------------------------------------------------------------------------------------ the contract
    def judge(self, item: Fetched) -> Cause:
        """Why a descriptor is not started, or NONE."""
        desc = item.desc
        if item.error:
            return item.error
        opcode, box = desc.opcode, Box(desc.x, desc.y, desc.width, desc.height)
        copy = opcode == Opcode.COPY
        if opcode not in (*self.own, Opcode.NOP, Opcode.WAIT, Opcode.FENCE, Opcode.INVALIDATE):
            return Cause.UNKNOWN_OPCODE
        reserved = any(getattr(desc, f.name) for f in fields(desc) if f.name.startswith("reserved"))
        boxed = opcode in self.own
        numbers = (boxed and desc.surface > 15) or (copy and desc.source_surface > 15)
        numbers |= (opcode in TRANSFERS or opcode == Opcode.INVALIDATE) and desc.object > 15
        if reserved or numbers or (opcode == Opcode.WAIT and desc.queue > 1):
            return Cause.MALFORMED
        if not boxed or box.empty:
            return Cause.NONE
        target, source = self.surfaces[desc.surface], self.surfaces[desc.source_surface % 16]
        origin = Box(desc.source_x, desc.source_y, desc.width, desc.height)
        if self.invalid(desc.surface) or not target.contains(box):
            return Cause.BOX_OUTSIDE
        if copy and (self.invalid(desc.source_surface) or not source.contains(origin)):
            return Cause.BOX_OUTSIDE
        pixel = target.bytes_per_pixel
        if copy and source.bytes_per_pixel != pixel:
            return Cause.ALIGNMENT
        if opcode in DRAWS and (box.x % pixel or box.width % pixel or (copy and origin.x % pixel)):
            return Cause.ALIGNMENT
        if copy and desc.surface == desc.source_surface and box.overlaps(origin):
            return Cause.OVERLAP
        return Cause.NONE

    def merges(self, desc: Descriptor) -> bool:
        """Whether the rows of a box follow each other without a gap on the device and in the object."""
        if desc.opcode not in TRANSFERS or desc.host_stride != desc.width:
            return False
        surface = self.surfaces[desc.surface]
        starts = surface.box_addresses(Box(desc.x, desc.y, 1, min(2, surface.height - desc.y))).ravel()
        pitch = int(starts[1] - starts[0]) if len(starts) > 1 else surface.row_bytes
        return surface.layout is Layout.LINEAR and pitch == desc.width and desc.width * desc.height < 1 << 24

    def starts(self, item: Fetched) -> bool:
        """Whether a unit takes part."""
        desc = item.desc
        return self.judge(item) is Cause.NONE and desc.opcode in self.own and desc.width > 0 and desc.height > 0

    def expect(self, item: Fetched) -> Ended:
        """The end of an item that is not aborted."""
        desc, cause = item.desc, self.judge(item)
        if item.error:
            address = 0 if item.error == Cause.RING_OVERFLOW else item.address
            return Ended(desc.tag, 0, int(cause), address, 0, False, False)
        flag = bool(desc.interrupt)
        if self.starts(item):
            return Ended(desc.tag, int(desc.opcode), *self._report(desc), flag, False)
        publishes = desc.opcode == Opcode.FENCE and cause is Cause.NONE
        return Ended(desc.tag, int(desc.opcode), int(cause), 0, 0, flag, publishes)

    def good(self, tag: int, opcode: Opcode | None = None, **change: int) -> Descriptor:
        """A descriptor with a box inside its surface, on whole pixels."""
        rng = self.rng
        opcode = rng.choice(self.own) if opcode is None else opcode
        number = rng.choice([n for n in range(16) if not self.invalid(n) and not self.invalid(n ^ 8)])
        surface = self.surfaces[number]
        pixel = surface.bytes_per_pixel
        columns, rows = rng.randint(1, surface.width), rng.randint(1, surface.height)
        x, y = rng.randint(0, surface.width - columns), rng.randint(0, surface.height - rows)
        desc = Descriptor(
            opcode=opcode, tag=tag, surface=number, x=x * pixel, y=y, width=columns * pixel, height=rows,
            interrupt=rng.randrange(2),
        )  # fmt: skip
        if opcode in TRANSFERS:
            desc = replace(
                desc, object=rng.randrange(16), host_offset=rng.getrandbits(32), host_stride=rng.getrandbits(32)
            )
            if rng.random() < 0.5:
                desc = replace(desc, x=0, width=surface.row_bytes)
            if rng.random() < 0.7:
                desc = replace(desc, host_stride=desc.width + (rng.choice((0, 0, 1, 1 << 20, 1 << 24, 1 << 31))))
        if opcode is Opcode.FILL:
            desc = replace(desc, pattern_low=rng.getrandbits(64), pattern_high=rng.getrandbits(64))
        if opcode is Opcode.COPY:  # from a twin of the same extent
            place = rng.randint(0, surface.width - columns) * pixel, rng.randint(0, surface.height - rows)
            desc = replace(desc, source_surface=number ^ 8, source_x=place[0], source_y=place[1])
        return replace(desc, **change)

    def random_item(self, tag: int) -> Fetched:
        """Good, or wrong in one way or another."""
        rng = self.rng
        kind = rng.randrange(15)
        if kind == 0:
            error = rng.choice((Cause.FETCH_ERROR, Cause.WATCHDOG, Cause.RING_OVERFLOW))
            return Fetched(Descriptor(tag=tag), error, rng.getrandbits(64))
        if kind == 1:
            return Fetched(self.good(tag, opcode=rng.choice((*TRANSFERS, *DRAWS))))
        if kind == 2:
            change = rng.choice(("reserved0", "reserved1", "reserved2", "reserved3"))
            return Fetched(replace(self.good(tag), **{change: 1 << rng.randrange(8)}))
        if kind == 3:
            change = rng.choice(("surface", "object", "source_surface") if self.queue else ("surface", "object"))
            return Fetched(replace(self.good(tag), **{change: 16 << rng.randrange(4)}))
        if kind == 4:
            change = rng.choice(("x", "y", "width", "height", "source_x", "source_y")[: 6 if self.queue else 4])
            desc = self.good(tag)
            return Fetched(replace(desc, **{change: min(getattr(desc, change) + rng.choice((1, 2, 500)), 0xFFFF)}))
        if kind == 5:
            return Fetched(replace(self.good(tag), **{rng.choice(("width", "height")): 0}))
        if kind == 6:
            return Fetched(self.good(tag, surface=9))
        if kind == 7:
            opcode = rng.choice((Opcode.NOP, Opcode.FENCE, Opcode.INVALIDATE, Opcode.WAIT))
            value = rng.getrandbits(32) if opcode is Opcode.FENCE else 0
            return Fetched(Descriptor(opcode=opcode, tag=tag, host_offset=value, interrupt=rng.randrange(2)))
        if kind == 8:
            return Fetched(Descriptor(opcode=rng.randint(8, 255), tag=tag))
        if kind == 9 and self.queue:
            desc = self.good(tag, Opcode.COPY)
            return Fetched(replace(desc, source_surface=desc.surface))
        return Fetched(self.good(tag, order=int(rng.random() < 0.3)))

    async def finish(self, count: int) -> None:
        """Until `count` ends have left and all is idle."""
        start = self.cycle
        while len(self.ends) < count:
            await self.step()
            assert self.cycle - start < 30_000, f"{len(self.ends)} of {count} ended"
        while int(self.dut.busy_o.value) or int(self.dut.aborting_o.value):
            await self.step()


@cocotb.test()
async def every_descriptor_is_judged_and_ends_in_order(dut: Any) -> None:
    """Good and wrong ones mixed, units that overlap and fail: one end each, in order, causes by the contract."""
    bench = Dispatch(dut)
    await bench.open()
    causes: set[int] = set()
    tag = 0
    for stall, slow in ((0.0, 0), (0.3, 40), (0.7, 10)):
        bench.stall, bench.slow = stall, slow
        for _ in range(150):
            item = bench.random_item(tag := tag + 1)
            if bench.rng.random() < 0.1:
                bench.fail.add(tag)
            bench.ring.append(item)
        while bench.ring:
            await bench.step()
        await bench.finish(len(bench.given))
    wanted = [bench.expect(item) for item in bench.given]
    assert bench.ends == wanted, next(
        (g, e, w) for g, e, w in zip(bench.given, bench.ends, wanted, strict=True) if e != w
    )
    assert [desc for _, desc in bench.started] == [item.desc for item in bench.given if bench.starts(item)]
    assert bench.invalidations == sum(
        item.desc.opcode == Opcode.INVALIDATE and bench.judge(item) is Cause.NONE
        for item in bench.given
        if not item.error
    )
    causes = {end.cause for end in bench.ends}
    expected = {Cause.NONE, Cause.BUS_ERROR, Cause.BOX_OUTSIDE, Cause.UNKNOWN_OPCODE, Cause.MALFORMED}
    assert causes >= expected | ({Cause.ALIGNMENT, Cause.OVERLAP} if bench.queue else set())
    assert bool(bench.merged) == (bench.queue == 0)


@cocotb.test()
async def an_error_halts_until_resumed(dut: Any) -> None:
    """With halt_on_error nothing starts after an error was seen, from the check or from a unit; resume goes on."""
    bench = Dispatch(dut)
    await bench.open(halt=True)
    for n, wrong in enumerate((True, False, True, False)):
        bench.slow = 0
        before, started = len(bench.ends), len(bench.started)
        first = bench.good(100 * n, surface=9) if wrong else bench.good(100 * n)
        bench.fail = set() if wrong else {100 * n}
        bench.ring = [Fetched(first)]
        for _ in range(60):
            await bench.step()
        assert dut.halted_o.value == 1
        assert bench.ends[-1].cause == (Cause.BOX_OUTSIDE if wrong else Cause.BUS_ERROR)
        bench.ring = [Fetched(bench.good(100 * n + 1)), Fetched(bench.good(100 * n + 2))]
        for _ in range(60):
            await bench.step()
        assert len(bench.ends) == before + 1 and len(bench.started) == started + (not wrong)
        bench.pulse = {"resume"}
        await bench.finish(before + 3)
        assert dut.halted_o.value == 0 and all(end.cause == 0 for end in bench.ends[-2:])


@cocotb.test()
async def an_abort_drops_everything_up_to_the_tail(dut: Any) -> None:
    """One ABORTED end each for what has not started, also behind a halt or a WAIT; what ran ends as its unit says."""
    bench = Dispatch(dut)
    await bench.open(halt=True)
    for kind in ("halt", "wait", "run", "order", "disabled"):
        bench.ends, bench.started, bench.given = [], [], []
        bench.slow = 60
        items = [Fetched(bench.good(n, order=int(kind == "order"))) for n in range(8)]
        if kind == "halt":
            items[0] = Fetched(bench.good(0, surface=9))
        if kind == "wait":
            items[0] = Fetched(Descriptor(opcode=Opcode.WAIT, queue=1, host_offset=5))
        if kind == "disabled":
            dut.enable_i.value = 0
        bench.ring = list(items)
        for _ in range(30):
            await bench.step()
        assert int(dut.halted_o.value) == (kind == "halt") and int(dut.waiting_o.value) == (kind == "wait")
        started = len(bench.started)
        bench.pulse = {"abort"}
        await bench.step()
        assert dut.aborting_o.value == 1
        await bench.finish(len(items))
        assert dut.aborting_o.value == 0 and dut.halted_o.value == 0
        assert len(bench.started) == started, "started after the abort"
        begun = {desc.tag for _, desc in bench.started}
        assert [end.tag for end in bench.ends] == [item.desc.tag for item in items]
        for end in bench.ends[kind == "halt" :]:
            assert end.cause == (Cause.NONE if end.tag in begun and kind != "wait" else Cause.ABORTED), kind
        dut.enable_i.value = 1
        bench.ring = [Fetched(bench.good(77))]
        await bench.finish(len(items) + 1)
        assert bench.ends[-1].cause == Cause.NONE


@cocotb.test()
async def a_wait_holds_until_the_fence_is_reached(dut: Any) -> None:
    """Counts are compared modulo 2^32; either queue's fence; the descriptors behind stand meanwhile."""
    bench = Dispatch(dut)
    await bench.open()
    for queue, value, below in ((0, 7, 6), (1, 3, 0xFFFF_FFFF), (1, 0x8000_0000, 0x7FFF_FFFF)):
        bench.fences = [below, below]
        bench.ends, bench.started, bench.given = [], [], []
        bench.ring = [
            Fetched(Descriptor(opcode=Opcode.WAIT, tag=1, queue=queue, host_offset=value)), Fetched(bench.good(2))
        ]  # fmt: skip
        for _ in range(40):
            await bench.step()
        assert not bench.ends and not bench.started and dut.waiting_o.value == 1
        bench.fences[1 - queue] = value
        for _ in range(10):
            await bench.step()
        assert not bench.ends, "the other queue's fence"
        bench.fences[queue] = (value + 1) % (1 << 32)
        await bench.finish(2)
        assert dut.waiting_o.value == 0


@cocotb.test()
async def descriptors_keep_the_promised_pace(dut: Any) -> None:
    """A unit starts 1 cycle after the ring (a draw 21 later), which then shows the next descriptor."""
    bench = Dispatch(dut)
    await bench.open()
    bench.slow = 0
    bench.ring = [Fetched(bench.good(n, opcode=bench.own[0])) for n in range(20)]
    await bench.finish(20)
    assert bench.started_at == bench.given_at
    gaps = {b - a for a, b in zip(bench.given_at, bench.given_at[1:], strict=False)}
    assert gaps == ({23} if bench.queue else {2, 3})
    assert (3 in gaps) == bool(bench.merged)


@cocotb.test()
async def a_disabled_queue_takes_nothing(dut: Any) -> None:
    """Clearing enable stops at the next descriptor."""
    bench = Dispatch(dut)
    await bench.open()
    dut.enable_i.value = 0
    bench.ring = [Fetched(bench.good(1))]
    for _ in range(30):
        await bench.step()
    assert not bench.given
    dut.enable_i.value = 1
    await bench.finish(1)


@cocotb.test()
async def what_waits_to_start_is_judged_anew(dut: Any) -> None:
    """A descriptor judged and held by the one ahead; the queue is stopped, its surface changes, the queue goes on."""
    bench = Dispatch(dut)
    await bench.open()
    for stop in ("enable", "halt"):
        bench.slow = 60
        started, given = len(bench.started), len(bench.given)
        first, second = bench.good(2 * given), bench.good(2 * given + 1, order=1)
        if stop == "halt":
            bench.fail.add(first.tag)
            dut.halt_on_error_i.value = 1
        bench.ring = [Fetched(first), Fetched(second)]
        while len(bench.given) == given:
            await bench.step()
        for _ in range(30):  # long enough for a draw to be divided
            await bench.step()
        if stop == "enable":
            dut.enable_i.value = 0
        for _ in range(90):
            await bench.step()
        assert len(bench.started) == started + 1, "stopped, and started all the same"
        kept = bench.surfaces[second.surface]
        bench.surfaces[second.surface] = replace(kept, height=second.y)
        bench._surfaces = (-1, -1)
        dut.enable_i.value = 1
        if stop == "halt":
            bench.pulse.add("resume")
        await bench.finish(given + 2)
        assert len(bench.started) == started + 1 and bench.ends[-1].cause == Cause.BOX_OUTSIDE
        bench.surfaces[second.surface] = kept
        bench._surfaces = (-1, -1)
        dut.halt_on_error_i.value = 0


@cocotb.test()
async def nothing_is_judged_by_a_table_that_is_being_written(dut: Any) -> None:
    """While the tables are busy descriptors wait."""
    bench = Dispatch(dut)
    await bench.open()
    dut.tables_busy_i.value = 1
    bench.ring = [Fetched(bench.good(1))]
    for _ in range(40):
        await bench.step()
    assert not bench.given
    dut.tables_busy_i.value = 0
    await bench.finish(1)
