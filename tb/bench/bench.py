"""cocotb side of `make bench`: runs the cases of BENCH_WIDTH on the engine and leaves BENCH_RESULT.

BENCH_CASES picks some, by name or in full, separated by commas; `latency` stands for those in cycles.

Utilization is ideal data beats over the cycles from the dispatch of the first descriptor to the end of the last, both
as the completion records tell them; the bytes of every run are compared with a plain numpy copy.  Latencies come from
the trace.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt

from models.engine import Queue
from models.layout import Cause, Layout, Opcode, Record
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.steps import Delay, Steps
from models.surface import Box, Surface
from tb import sim_top
from tb.agents.memory import MemoryConfig, Stall
from tb.bench.cases import COLD_GAP, DIRECTIONS, Case, all_cases
from tb.bridge import bridge_of
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed
from tb.trace import READ_DATA_ID, Kind, Trace

__all__ = ["bench"]

_RING_LOG2 = 14
_HOT = 64
"""Pages of the hot region: as many as the translation cache holds."""
_COLD = 1024
_WIDE = 65536
_OPCODE = {"readback": Opcode.READBACK, "writeback": Opcode.WRITEBACK}


@dataclass
class _Side:
    """What one direction works on: a host object (by index), its pages, and the numpy image of its bytes."""

    hot: int
    cold: int
    frames: list[int]
    image: npt.NDArray[np.uint8]


@cocotb.test()
async def bench(dut: Any) -> None:
    """Every case, one after the other, then the latencies."""
    width = int(os.environ["BENCH_WIDTH"])
    chosen = set(filter(None, os.environ.get("BENCH_CASES", "").split(",")))
    progress = Path(os.environ["BENCH_PROGRESS"])
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    rig = Rig(host, ring_log2=_RING_LOG2, completion_log2=_RING_LOG2, bus=lambda *_: Cause.NONE)
    noise = np.random.default_rng(1)
    sides: dict[str, _Side] = {}
    tables: list[ObjectTable] = []
    for number, direction in enumerate(DIRECTIONS):
        frames = host.allocate(_COLD, direction)
        for frame in frames:
            host.write(frame * PAGE, noise.integers(0, 256, PAGE, np.uint8).tobytes())
        tables += [ObjectTable(host, frames[:_HOT]), ObjectTable(host, frames)]
        image = np.concatenate([np.frombuffer(host.read(frame * PAGE, PAGE), np.uint8) for frame in frames])
        sides[direction] = _Side(2 * number, 2 * number + 1, frames, image)
    cases = [case for case in all_cases(width) if not chosen or {case.name, str(case)} & chosen]
    rows: list[dict[str, Any]] = []

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        await bridge.run({"open": _open(rig, tables)})
        for number, case in enumerate(cases):
            progress.write_text(f"{number}\t{len(cases)}\t{case}\n", encoding="utf-8")
            stall = Stall(*case.stall)
            env.memory.configure(
                MemoryConfig(read_latency=case.latency, write_latency=case.latency, r=stall, w=stall)
            )
            refused = int(dut.memory.beats_refused.value)
            done = await bridge.run({"case": _run(rig, case, sides)})
            await _compare(dut, case, sides, host)
            refused = int(dut.memory.beats_refused.value) - refused
            rows.extend(_figures(case, done["case"], refused))
        env.memory.configure(MemoryConfig())
        if not chosen or "latency" in chosen:
            await bridge.run({"latency": _latencies(rig)})
        sim_top.assert_clean(dut)
        await sim_top.flush_trace(dut)

    await run_body(dut, body, limit=1_000_000_000)
    if not chosen or "latency" in chosen:
        rows += _latency_rows(Trace.load(os.environ["TRACE_FILE"], width), width)
    Path(os.environ["BENCH_RESULT"]).write_text(json.dumps(rows), encoding="utf-8")


# ------------------------------------------------------------------------------------------------- the engine's side

_SURFACES = {
    "wide": Surface(0, _WIDE // 16, 64, 16, Layout.Y_TILED),
    "pages": Surface(_WIDE * 64, PAGE // 16, 2048, 16, Layout.Y_TILED),
    "rows": Surface(_WIDE * 64 + PAGE * 2048, 8, 32768, 16, Layout.Y_TILED),
    "both": Surface(_WIDE * 64 + PAGE * 2048 + 128 * 32768, PAGE // 16, 256, 16, Layout.Y_TILED),
}
"""Surface by what is run on it; readback and writeback work on the same one, never at once but for `both`."""
_INDEX = {name: index for index, name in enumerate(_SURFACES)}


def _open(rig: Rig, tables: list[ObjectTable]) -> Steps[None]:
    yield from rig.bring_up()
    for name, surface in _SURFACES.items():
        yield from rig.surface(_INDEX[name], surface)
    for index, table in enumerate(tables):
        yield from rig.object(index, table)


def _surface_of(case: Case, direction: str) -> str:
    if case.name == "both":
        return "pages" if direction == "readback" else "both"
    if case.rows > 1:
        return "rows" if case.size + case.offset[1] <= 128 else "pages"
    return "pages" if case.cold else "wide"


def _boxes(case: Case, direction: str) -> list[tuple[int, int, Box]]:
    """(host offset, host stride, box) of every descriptor."""
    surface = _SURFACES[_surface_of(case, direction)]
    host, device = case.offset
    if case.rows > 1:
        return [(host, case.stride, Box(device, 0, case.size, case.rows))]
    if case.cold or case.name == "both":
        gap = PAGE if case.size == PAGE else COLD_GAP * PAGE
        pages = _COLD if case.cold else _HOT
        return [
            (n * gap % (pages * PAGE), 0, Box(0, n % surface.height, case.size, 1)) for n in range(case.descriptors)
        ]
    slots = _HOT * PAGE // case.size
    step = next(s for s in range(slots * 5 // 8 | 1, 2 * slots + 2, 2) if slots < 4 or s % slots > 1)
    found = []
    for n in range(case.descriptors):
        at = n * step % slots * case.size
        to = (n * step + slots // 2) % slots * case.size
        found.append((at, 0, Box(to % _WIDE, to // _WIDE, case.size, 1)))
    return found


def _run(rig: Rig, case: Case, sides: dict[str, _Side]) -> Steps[list[Record]]:
    directions = DIRECTIONS if case.direction == "both" else (case.direction,)
    hot = case.rows == 1 and not case.cold
    for direction in directions if hot else ():  # every translation that this case may use is cached
        side = sides[direction]
        box = Box(0, 0, _WIDE, _HOT * PAGE // _WIDE)
        descriptor = boxed(_OPCODE[direction], box, surface=_INDEX["wide"], object=side.hot, host_stride=_WIDE)
        yield from rig.perform(Queue.TRANSFER, [descriptor])
        _copy(_OPCODE[direction], "wide", [(0, _WIDE, box)], side)
    lists = []
    for direction in directions:
        side, surface = sides[direction], _surface_of(case, direction)
        boxes = _boxes(case, direction)
        lists.append(
            [
                boxed(
                    _OPCODE[direction],
                    box,
                    surface=_INDEX[surface],
                    object=side.hot if hot else side.cold,
                    host_offset=at,
                    host_stride=stride,
                )
                for at, stride, box in boxes
            ]
        )
        _copy(_OPCODE[direction], surface, boxes, side)
    if not hot:
        yield from rig.perform(Queue.TRANSFER, [boxed(Opcode.INVALIDATE, Box(0, 0, 0, 0))])
    work = [descriptor for group in zip(*lists, strict=True) for descriptor in group]
    records = yield from rig.perform(Queue.TRANSFER, work)
    wrong = [record for record in records if record.cause != Cause.NONE]
    assert not wrong, wrong[:3]
    return records


def _figures(case: Case, records: list[Record], refused: int) -> list[dict[str, Any]]:
    begin = min((record.end_cycle - record.elapsed) & 0xFFFFFFFF for record in records)
    rows = []
    for direction in DIRECTIONS if case.direction == "both" else (case.direction,):
        mine = [record for record in records if record.opcode == _OPCODE[direction]]
        cycles = max(record.end_cycle for record in mine) - begin
        row = {key: value for key, value in asdict(case).items() if key in ("size", "latency", "width")}
        rows.append(
            {
                "case": case.name,
                "direction": direction,
                **row,
                "utilization": round(case.ideal_beats / cycles, 6),
                "bound": round(case.bound, 6),
                "ceiling": round(case.ceiling, 6),
                "refused": refused,
            }
        )
    return rows


# ------------------------------------------------------------------------------------------------------------- the data

_images = {name: np.zeros((surface.height, surface.row_bytes), np.uint8) for name, surface in _SURFACES.items()}


def _copy(opcode: Opcode, surface: str, boxes: list[tuple[int, int, Box]], side: _Side) -> None:
    """What the descriptors do, done by numpy: to the image of the surface or of the host pages."""
    image = _images[surface]
    for at, stride, box in boxes:
        window = image[box.y : box.y + box.height, box.x : box.x + box.width]
        rows = np.lib.stride_tricks.as_strided(side.image[at:], (box.height, box.width), (stride, 1))
        if opcode == Opcode.WRITEBACK:
            window[:] = rows
        else:
            rows[:] = window


async def _compare(dut: Any, case: Case, sides: dict[str, _Side], host: HostMemory) -> None:
    for direction in DIRECTIONS if case.direction == "both" else (case.direction,):
        side, name = sides[direction], _surface_of(case, direction)
        if direction == "readback":
            for page, frame in enumerate(side.frames):
                got = np.frombuffer(host.read(frame * PAGE, PAGE), np.uint8)
                assert (got == side.image[page * PAGE : (page + 1) * PAGE]).all(), f"{case}: page {page} differs"
        else:
            surface = _SURFACES[name]
            raw = await sim_top.device_bytes(dut, surface.base, surface.size)
            got = surface.detile(raw).reshape(surface.height, surface.row_bytes)
            assert (got == _images[name]).all(), f"{case}: the surface differs"


# -------------------------------------------------------------------------------------------------------------- latency


def _latencies(rig: Rig) -> Steps[None]:
    """One page each way on an idle engine, its translation cached by a run before."""
    for opcode, table in ((Opcode.WRITEBACK, 2), (Opcode.READBACK, 0)):
        for _ in range(2):
            yield from rig.perform(Queue.TRANSFER, [boxed(opcode, Box(0, 0, PAGE, 1), surface=0, object=table)])
            yield Delay(2000, "idle")


def _latency_rows(trace: Trace, width: int) -> list[dict[str, Any]]:
    """Cycles from the last two doorbells that count (the second of each pair) to what followed them."""
    events = trace.last_run().events
    doorbells = np.flatnonzero(events["kind"] == Kind.DOORBELL)[-4:]

    def after(number: int, kind: Kind, of: int | None = None) -> int:
        rest = events[doorbells[number] :]
        found = rest[(rest["kind"] == kind) & ((rest["id"] == of) if of is not None else True)]
        return int(found["cycle"][0] - rest["cycle"][0])

    def row(name: str, direction: str, cycles: int) -> dict[str, Any]:
        return {
            "case": name,
            "direction": direction,
            "size": PAGE,
            "latency": 13,
            "width": width,
            "cycles": cycles,
            "bound": None,
        }

    return [
        row("doorbell to descriptor AR", "writeback", after(1, Kind.READ_ADDRESS)),
        row("doorbell to data AR", "writeback", after(1, Kind.READ_ADDRESS, READ_DATA_ID)),
        row("doorbell to interrupt", "writeback", after(1, Kind.IRQ_RISE)),
        row("doorbell to interrupt", "readback", after(3, Kind.IRQ_RISE)),
    ]
