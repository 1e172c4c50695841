"""Makes the cases that `pairs` chose real: descriptors, tables, a temper of memory, an abort, the other queue's work.

The geometry is found by trying: places are drawn until coverage itself calls them what was asked for. Whatever comes
out is predicted and compared like everything else; that a record has the cause that was asked for is asserted.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.engine import Queue
from models.layout import (
    Address,
    Cause,
    Descriptor,
    EngineStatus,
    Layout,
    Opcode,
    PageTableEntry,
    QueueOffset,
    QueueStatus,
    Record,
    queue_address,
)
from models.memory import PAGE
from models.steps import CsrRead, CsrWrite, Delay, Steps
from models.surface import Box, Surface
from tb.agents.memory import ErrorWindow, MemoryConfig, MuteWindow, Stall
from tb.cov.groups import ROWS
from tb.cov.transfers import draw_place, move_place
from tb.sequences import boxed
from tests.system.pairs import Choice, Rule
from tests.system.workbench import DESTINATION, LARGE, SOURCE, Workbench

__all__ = ["PATIENCE_CYCLES", "command", "drawing", "drawing_rules", "transfer", "transfer_rules"]

PATIENCE_CYCLES = 4000
"""The watchdog's limit in the cases that need it."""

_CYCLE_NS = 4
_SURFACE, _FILLER, _FROM = 8, 9, 10
"""Surfaces of a case: its own, that of the bursts that go before, the source of a COPY."""
_FILLERS = 48
_LIMITS = {"1": 1, "2 to 7": 4, "8 to 31": 16, "32 and more": 256}
_DRAW_BYTES = 60 * PAGE
"""Device memory of one surface of a drawing."""
_FIRST_PAGE = 64
"""Of the large object, from where on a case moves bytes."""


def transfer_rules(choice: Choice) -> bool:
    """What a case of a transfer cannot be made of here, though the engine might do it."""
    get = choice.get
    if get("outstanding") == "1" and get("stall", "single") != "single":
        long = get("row") in ("4096", "over 4096") or get("rows", "single") != "single"
        if long or get("crossing", "none") != "none" or get("cause") == "ABORTED":
            return False
    begins = get("alignment", "")  # in host memory
    if (get("row"), get("rows"), get("crossing")) == ("2 to 7", "single", "one") and begins in ("both", "device off"):
        return False  # it ends within its first lanes
    if (get("row"), get("crossing")) == ("4096", "none") and begins not in ("", "both", "device off"):
        return False  # it fills a page
    many = (get("rows"), get("cause")) == ("merged", "ABORTED")
    if many and get("crossing") == "none" and begins not in ("", "both"):
        return False  # one of many rows end to end crosses a border
    if get("cause") == "ABORTED" and get("rows") == "single":  # later bursts must wait to be cut
        return get("row", "over 4096") == "over 4096" and get("stall", "single") == "single"
    if get("cause") == "ABORTED" and get("outstanding") in ("8 to 31", "32 and more"):
        # Short rows in few pages: elsewhere the walks would keep bursts from piling up.
        borders = {"1": "none", "8 to 63": "one", "64": "one", "65 to 511": "one"}.get(get("row", "1"))
        return borders is not None and get("rows", "apart") == "apart" and get("crossing", borders) == borders
    return True


def drawing_rules(lanes: int) -> list[Rule]:
    """What a drawing cannot be made of at a bus width of `lanes` bytes."""

    def lane(choice: Choice) -> bool:
        pixel = int(choice.get("pixel", "1").split(" ")[0])
        off = lanes // math.gcd(pixel, lanes) - 1  # lanes beside 0 at which a pixel may begin
        return off >= {"both": 0, "different lanes": 2}.get(choice.get("alignment", "both"), 1)

    return [lane]


# ------------------------------------------------------------------------------------------------------ both queues


@dataclass
class _Work:
    """Descriptors of one queue in order, with the index of the one that the case is about."""

    queue: Queue
    descriptors: list[Descriptor]
    target: int
    cut: bool = False


def _value(bench: Workbench) -> int:
    """A fence value beyond every one so far; the one before it is free too."""
    return 2 * (1 + sum(ring.written for ring in bench.rig.rings.values()))


def _long_work(queue: Queue) -> list[Descriptor]:
    """What keeps a queue busy for some thousand cycles without touching a case's bytes."""
    if queue is Queue.RENDER:
        return [boxed(Opcode.FILL, Box(0, 0, 1300, 17), surface=5, pattern_low=number) for number in range(6)]
    place = {"surface": 0, "object": DESTINATION, "host_stride": 5003}
    return [boxed(Opcode.READBACK, Box(0, 0, 5000, 9), host_offset=46_000 * n, **place) for n in range(3)]


def _begin(bench: Workbench, work: _Work, beside: str) -> Steps[tuple[int, int, int]]:
    """Queue a case's work beside what the other queue does; returns how many records each queue owes, and a fence."""
    queue, other, rig = work.queue, Queue(1 - work.queue), bench.rig
    first = _value(bench)
    owed = 0
    if beside == "beside":
        owed = yield from rig.post(other, _long_work(other))
        busy = queue_address(other, QueueOffset.HEAD)
        yield from rig.until(busy, 0xFFFF, rig.rings[other].tail & 0xFFFF)
    elif beside == "ahead":
        wait = Descriptor(opcode=Opcode.WAIT, queue=queue, host_offset=first)
        owed = yield from rig.post(other, [wait, Descriptor(opcode=Opcode.NOP)])
        waiting = QueueStatus(waiting=1).to_int()
        yield from rig.until(queue_address(other, QueueOffset.STATUS), waiting, waiting)
    mine = list(work.descriptors)
    if beside == "behind":
        mine.insert(0, Descriptor(opcode=Opcode.WAIT, queue=other, host_offset=first))
    mine.append(Descriptor(opcode=Opcode.FENCE, host_offset=first, interrupt=1))
    for descriptor in mine:
        rig.put(queue, descriptor, cut=work.cut)
    yield from rig.ring_doorbell(queue)
    if beside == "behind":
        owed = yield from rig.post(other, [Descriptor(opcode=Opcode.FENCE, host_offset=first)])
    return len(mine), owed, first


def _end(bench: Workbench, work: _Work, beside: str, owed: tuple[int, int, int]) -> Steps[Record]:
    """Take every record and compare; returns that of the case."""
    queue, other, rig = work.queue, Queue(1 - work.queue), bench.rig
    records = yield from rig.collect(queue, owed[0])
    if records[-1].cause != Cause.NONE and beside == "ahead":  # the fence was aborted
        yield from rig.perform(queue, [Descriptor(opcode=Opcode.FENCE, host_offset=owed[2])])
    yield from rig.collect(other, owed[1])
    return records[work.target + (beside == "behind")]


def _abort(bench: Workbench, queue: Queue) -> Steps[None]:
    yield from bench.rig.control(queue, halt=False, abort=True)


# -------------------------------------------------------------------------------------------------------- transfers


def transfer(bench: Workbench, choice: Choice, rng: random.Random) -> Steps[None]:
    """One READBACK or WRITEBACK of the kind that was chosen. AssertionError when it ends otherwise."""
    opcode = Opcode[choice["operation"]]
    cause, beside = Cause[choice["cause"]], choice.get("other queue", "alone")
    if cause in (Cause.BOX_OUTSIDE, Cause.MALFORMED):
        bad = {"surface": 15} if cause is Cause.BOX_OUTSIDE else {"reserved3": 1}
        refused = boxed(opcode, Box(0, 0, 5, 1), **{"surface": 0, "object": LARGE, **bad})
        work = _Work(Queue.TRANSFER, [refused], 0)
        owed = yield from _begin(bench, work, beside)
        record = yield from _end(bench, work, beside, owed)
        assert record.cause == cause, (choice, record)
        return
    target, surface = _place(bench, choice, rng)
    yield from bench.rig.surface(_SURFACE, surface)
    yield from bench.rig.surface(_FILLER, Surface(bench.scratch + 100 * PAGE, 64, _FILLERS, 1, Layout.LINEAR))
    last = target.host_offset + (target.height - 1) * target.host_stride + target.width - 1
    table, page = bench.tables[LARGE], last // PAGE
    entry, at = table.get(page), table.entry_address(page)
    if cause is Cause.TRANSLATION_FAULT:
        yield from bench.change_table(LARGE, at, PageTableEntry().pack())
    elif cause is Cause.READ_ONLY:
        yield from bench.change_table(LARGE, at, replace(entry, writable=0).pack())
    elif cause is Cause.WALK_ERROR:
        yield from bench.settle()
        yield from bench.invalidate(LARGE)
    bench.temper_host(_temper(choice, opcode, cause, entry.frame * PAGE + last % PAGE, at))
    before = [] if cause is Cause.ABORTED else _filler(choice, opcode)
    work = _Work(Queue.TRANSFER, [*before, target], len(before), cut=cause is Cause.ABORTED)
    if cause is Cause.ABORTED:
        many = {"2 to 7": 2, "8 to 31": 12, "32 and more": 34}.get(choice.get("outstanding", "1"), 1)
        record = yield from _cut(bench, work, beside, opcode, many)
    else:
        owed = yield from _begin(bench, work, beside)
        record = yield from _end(bench, work, beside, owed)
    assert record.cause == cause, (choice, record)
    bench.temper_host(MemoryConfig())
    if cause in (Cause.TRANSLATION_FAULT, Cause.READ_ONLY):
        yield from bench.change_table(LARGE, at, entry.pack())


def _cut(bench: Workbench, work: _Work, beside: str, opcode: Opcode, many: int) -> Steps[Record]:
    """Abort as soon as so many bursts of the case are on the bus."""
    owed = yield from _begin(bench, work, beside)
    for _ in range(200):
        status = EngineStatus.from_int((yield CsrRead(Address.STATUS)))
        there = status.writes_outstanding if opcode is Opcode.READBACK else status.reads_outstanding
        if (status.readback_busy if opcode is Opcode.READBACK else status.writeback_busy) and there >= many:
            break
    yield from _abort(bench, Queue.TRANSFER)
    return (yield from _end(bench, work, beside, owed))


def _filler(choice: Choice, opcode: Opcode) -> list[Descriptor]:
    """Short bursts that go before the case and are under way beside it."""
    if choice.get("outstanding", "1") == "1" and choice["cause"] == "NONE":
        return []
    target = DESTINATION if opcode is Opcode.READBACK else SOURCE
    rows = 1 if choice.get("outstanding", "1") == "1" else _FILLERS
    return [boxed(opcode, Box(0, 0, 8, rows), surface=_FILLER, object=target, host_offset=PAGE, host_stride=16)]


def _temper(choice: Choice, opcode: Opcode, cause: Cause, last: int, entry: int) -> MemoryConfig:
    """Host memory as the case wants it; `last` is the bus address of its last byte, `entry` of that page's entry."""
    stall = choice.get("stall", "none")
    limit = 1 if stall == "single" else _LIMITS[choice.get("outstanding", "32 and more")]
    if choice.get("outstanding") == "1" and stall != "single":
        limit = 256  # it has one burst
    latency = 300 if stall == "slow" else 90
    some = Stall(3, 4)
    one, other = some if stall == "address" else Stall(), some if stall == "data" else Stall()
    write = opcode is Opcode.READBACK
    config = MemoryConfig(
        read_latency=latency,
        write_latency=latency,
        read_limit=limit,
        write_limit=limit,
        reorder=stall == "mixed",
        jitter=20 if stall == "mixed" else 0,
        ar=one,
        aw=one,
        r=other,
        w=other,
        b=some if stall == "response" else Stall(),
    )
    if cause is Cause.BUS_ERROR:
        return replace(config, error=ErrorWindow(last, 1, read=not write, write=write, response=2))
    if cause is Cause.WATCHDOG:
        return replace(config, mute=MuteWindow(last, 1, read=not write, write=write))
    if cause is Cause.WALK_ERROR:
        return replace(config, error=ErrorWindow(entry & ~63, 64, read=True))
    return config


def _place(bench: Workbench, choice: Choice, rng: random.Random) -> tuple[Descriptor, Surface]:
    """A descriptor and its surface that coverage calls what was chosen."""
    names = [name for name in ("alignment", "row", "rows", "crossing", "layout") if name in choice]
    wanted = {name: choice[name] for name in names}
    aborted = choice["cause"] == "ABORTED"
    for _ in range(20_000):
        layout = Layout[choice["layout"]] if "layout" in choice else Layout.LINEAR
        alone = choice.get("outstanding") == "1" and choice.get("stall") != "single"  # it must be one burst
        width = _width(choice["row"], rng, most=1000 if alone else 6000)
        rows = choice["rows"]
        if rows == "merged":
            width = max(64, width // 64 * 64)
        x = 0 if rows == "merged" else rng.choice((0, 8, 64, rng.randrange(200)))
        height = {"single": 1, "apart": 250 if aborted else 3, "merged": 3}[rows]
        if aborted and rows != "single":
            height = max(3, min(250, 160_000 // (x + width)))
        stride = width if rows == "merged" else PAGE * -(-(width + 1) // PAGE) + rng.choice((0, 0, 1, 3, 8))
        if aborted and choice.get("outstanding") in ("8 to 31", "32 and more"):
            stride = width + rng.choice((8, 16, 64))
        page = rng.randrange(_FIRST_PAGE, 530 - height * stride // PAGE - 4)
        to_the_end = PAGE - 1 - rng.randrange(min(width, PAGE))
        inside = rng.choice((0, PAGE - 8, 8 * rng.randrange(512), rng.randrange(PAGE), to_the_end))
        if alone and inside % 2048 + width > 2048:
            continue
        surface = Surface(bench.scratch, x + width, height, 1, layout)
        if surface.size > 100 * PAGE:
            continue
        found = boxed(
            Opcode[choice["operation"]], Box(x, 0, width, height), surface=_SURFACE, object=LARGE,
            host_offset=page * PAGE + inside, host_stride=stride,
        )  # fmt: skip
        if wanted.items() <= move_place(found, surface, bench.data_bytes).items():
            return found, surface
    raise AssertionError(f"no place found for {dict(choice)}")


def _width(row: str, rng: random.Random, *, most: int) -> int:
    """A length of a row in a bin."""
    names = [name for name, _ in ROWS]
    at = names.index(row)
    low = ROWS[at - 1][1] + 1 if at else 1
    return rng.randint(low, max(low, min(ROWS[at][1], most)))


# --------------------------------------------------------------------------------------------------------- drawings


def drawing(bench: Workbench, choice: Choice, rng: random.Random) -> Steps[None]:
    """One FILL or COPY of the kind that was chosen. AssertionError when it ends otherwise."""
    opcode, cause = Opcode[choice["operation"]], Cause[choice["cause"]]
    beside = choice.get("other queue", "alone")
    if cause not in (Cause.NONE, Cause.ABORTED):
        target = boxed(opcode, Box(7, 0, 7, 1), surface=7, source_surface=7, source_y=3)  # of 7 bytes a pixel
        if cause is Cause.BOX_OUTSIDE:
            target = replace(target, surface=15)
        elif cause is Cause.MALFORMED:
            target = replace(target, reserved5=1)
        elif cause is Cause.ALIGNMENT:
            target = replace(target, x=8)
        else:
            target = replace(target, source_y=0, source_x=7)
    else:
        target, surface, source = _canvas(bench, choice, rng)
        yield from bench.rig.surface(_SURFACE, surface)
        yield from bench.rig.surface(_FROM, source)
    work = _Work(Queue.RENDER, [target], 0, cut=cause is Cause.ABORTED)
    owed = yield from _begin(bench, work, beside)
    if cause is Cause.ABORTED:
        drawing_now = EngineStatus(render_busy=1).to_int()
        yield from bench.rig.until(Address.STATUS, drawing_now, drawing_now)
        yield Delay(150 * _CYCLE_NS, "the first words")
        yield from _abort(bench, Queue.RENDER)
    record = yield from _end(bench, work, beside, owed)
    assert record.cause == cause, (choice, record)


def _canvas(bench: Workbench, choice: Choice, rng: random.Random) -> tuple[Descriptor, Surface, Surface]:
    wanted = {name: choice[name] for name in ("alignment", "row", "layout", "source", "pixel") if name in choice}
    pixels = {"5 to 7": (5, 6, 7), "9 to 15": tuple(range(9, 16))}
    for _ in range(20_000):
        pixel = rng.choice(pixels.get(choice["pixel"]) or (int(choice["pixel"]),))
        width = _width(choice["row"], rng, most=5200) // pixel * pixel
        if not width:
            continue
        x, source_x = (rng.choice((0, 64 * pixel, pixel * rng.randrange(40))) for _ in range(2))
        row = max(x, source_x) + width
        height = max(2, min(600, _DRAW_BYTES // (-(-row // 512) * 512) // 32 * 32))
        surface = Surface(bench.scratch, row // pixel + 1, height, pixel, Layout[choice["layout"]])
        layout = Layout[choice["source"].removeprefix("from ")] if "source" in choice else Layout.LINEAR
        source = Surface(bench.scratch + 64 * PAGE, row // pixel + 1, height, pixel, layout)
        if max(surface.size, source.size) > 64 * PAGE:
            continue
        rows = height if choice["cause"] == "ABORTED" else 2
        found = boxed(
            Opcode[choice["operation"]], Box(x, 0, width, rows), surface=_SURFACE, source_surface=_FROM,
            source_x=source_x, pattern_low=rng.getrandbits(64), pattern_high=rng.getrandbits(64),
        )  # fmt: skip
        if wanted.items() <= draw_place(found, surface, source, bench.data_bytes).items():
            return found, surface, source
    raise AssertionError(f"no place found for {dict(choice)}")


# --------------------------------------------------------------------------------------------------------- commands


def command(bench: Workbench, choice: Choice, rng: random.Random) -> Steps[None]:
    """One NOP, WAIT, FENCE or INVALIDATE of the kind that was chosen. AssertionError when it ends otherwise."""
    queue, cause = Queue[choice["queue"]], Cause[choice["cause"]]
    beside = choice.get("other queue", "alone")
    order = int(choice["order"] == "ordered")
    passed = _value(bench) - 1
    whose = Queue(1 - queue) if choice.get("fence of") == "other queue" else queue
    yield from bench.rig.perform(whose, [Descriptor(opcode=Opcode.FENCE, host_offset=passed)])
    target = Descriptor(opcode=Opcode[choice["operation"]], order=order, queue=whose, host_offset=passed, object=SOURCE)
    if cause is Cause.MALFORMED:
        target = replace(target, reserved0=1)
    descriptors: Sequence[Descriptor] = [target]
    if cause is Cause.ABORTED:  # behind what takes long enough
        descriptors = [*_long_work(queue), replace(target, order=1) if order else target]
    work = _Work(queue, list(descriptors), len(descriptors) - 1, cut=cause is Cause.ABORTED)
    owed = yield from _begin(bench, work, beside)
    if cause is Cause.ABORTED:
        yield Delay(300 * _CYCLE_NS, "a while")
        yield from _abort(bench, queue)
    record = yield from _end(bench, work, beside, owed)
    assert record.cause == cause, (choice, record)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
