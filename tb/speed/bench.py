"""cocotb side of `make speed`: long transfers in both directions at once or in one, every byte compared afterwards.

Runs inside the simulator; leaves SPEED_RESULT, a JSON object {"cycles", "cpu_s", "peak_bytes", "bytes"}.
"""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from models.engine import Queue
from models.layout import Cause, Layout, Opcode
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.steps import Steps
from models.surface import Box, Surface
from tb import sim_top
from tb.bridge import bridge_of
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed

__all__ = ["long_transfers"]

ROW, ROWS = 4096, 256
"""Bytes a row and rows of each transfer: 1 MiB."""
_PIXEL = 4
_PAGES = ROW * ROWS // PAGE


@cocotb.test()
async def long_transfers(dut: Any) -> None:
    """SPEED_REPEATS times 1 MiB out, or back, or both beside each other, in tiled surfaces, after 1 MiB that warms up.

    SPEED_DIRECTION is "writeback", "readback" or "both"; SPEED_TRACE=0 records nothing of the hardware.
    """
    repeats, work = int(os.environ["SPEED_REPEATS"]), _WORK[os.environ["SPEED_DIRECTION"]]
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    source, target = (host.allocate(_PAGES, name) for name in ("source", "target"))
    noise = np.random.default_rng(1).integers(0, 256, ROW * ROWS, np.uint8)
    for page, frame in enumerate(source):
        host.write(frame * PAGE, noise[page * PAGE : (page + 1) * PAGE].tobytes())

    def compare() -> None:
        back = np.concatenate([np.frombuffer(host.read(frame * PAGE, PAGE), np.uint8) for frame in target])
        assert (back == noise).all(), f"{int((back != noise).sum())} bytes differ"
        for frame in target:
            host.write(frame * PAGE, bytes(PAGE))

    async def body(env: Environment) -> None:
        dut.trace_enable.value = int(os.environ.get("SPEED_TRACE", "1"))
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        rig = Rig(host, bus=lambda *_: Cause.NONE)
        await bridge.run({"warm": _open(rig, ObjectTable(host, source, writable=False), ObjectTable(host, target))})
        began, cpu = cycle_now(), time.process_time()
        await bridge.run({"work": _repeat(rig, repeats, work)})
        cycles, cpu_s = cycle_now() - began, time.process_time() - cpu
        sim_top.assert_clean(dut)
        if _BACK in work:
            compare()
        if _OUT in work:
            await bridge.run({"check": _repeat(rig, 1, (_CHECK,))})
            compare()
        found = {
            "cycles": cycles,
            "cpu_s": cpu_s,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "bytes": len(work) * repeats * noise.size,
        }
        Path(os.environ["SPEED_RESULT"]).write_text(json.dumps(found), encoding="utf-8")

    await run_body(dut, body, limit=1_000_000_000)


def _box(opcode: Opcode, surface: int, host_object: int) -> Any:
    return boxed(opcode, Box(0, 0, ROW, ROWS), surface=surface, object=host_object, host_stride=ROW)


def _open(rig: Rig, source: ObjectTable, target: ObjectTable) -> Steps[None]:
    """Bring the engine up and fill surface 1, so that what is read back is known."""
    yield from rig.bring_up()
    for index in range(2):
        surface = Surface(index * ROW * ROWS, ROW // _PIXEL, ROWS, _PIXEL, Layout.Y_TILED)
        yield from rig.surface(index, surface)
    yield from rig.object(0, source)
    yield from rig.object(1, target)
    records = yield from rig.perform(Queue.TRANSFER, [_box(Opcode.WRITEBACK, 1, 0)])
    assert all(record.cause == Cause.NONE for record in records), records


_OUT, _BACK = _box(Opcode.WRITEBACK, 0, 0), _box(Opcode.READBACK, 1, 1)
_WORK = {"both": (_OUT, _BACK), "writeback": (_OUT,), "readback": (_BACK,)}
_CHECK = _box(Opcode.READBACK, 0, 1)
"""What brings to host memory, afterwards, the bytes that went out."""


def _repeat(rig: Rig, count: int, work: tuple[Any, ...]) -> Steps[None]:
    """The descriptors of `work` over and over."""
    records = yield from rig.perform(Queue.TRANSFER, [*work] * count)
    assert all(record.cause == Cause.NONE and record.bytes == ROW * ROWS for record in records), records
