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
from models.layout import Cause, Descriptor, Layout, Opcode
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.steps import Steps
from models.surface import Box, Surface
from tb import sim_top
from tb.bridge import bridge_of
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed

__all__ = ["Long", "long_transfers"]

ROW, ROWS = 4096, 256
"""Bytes a row and rows of each transfer: 1 MiB."""
_PIXEL = 4
_PAGES = ROW * ROWS // PAGE


@cocotb.test()
async def long_transfers(dut: Any) -> None:
    """SPEED_REPEATS times 1 MiB out, or back, or both beside each other, in tiled surfaces, after 1 MiB that warms up.

    SPEED_DIRECTION is "writeback", "readback" or "both".
    """
    repeats, direction = int(os.environ["SPEED_REPEATS"]), os.environ["SPEED_DIRECTION"]
    long = Long(HostMemory(os.environ["HOSTMEM_FILE"]))

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env)
        await bridge.run({"warm": long.open()})
        began, cpu = cycle_now(), time.process_time()
        await bridge.run({"work": long.round(direction, repeats)})
        cycles, cpu_s = cycle_now() - began, time.process_time() - cpu
        sim_top.assert_clean(dut)
        if direction != "writeback":
            long.compare()
        if direction != "readback":
            await bridge.run({"check": long.check()})
            long.compare()
        found = {
            "cycles": cycles,
            "cpu_s": cpu_s,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "bytes": len(_WORK[direction]) * repeats * ROW * ROWS,
        }
        Path(os.environ["SPEED_RESULT"]).write_text(json.dumps(found), encoding="utf-8")

    await run_body(dut, body, limit=1_000_000_000)


def _box(opcode: Opcode, surface: int, host_object: int) -> Descriptor:
    return boxed(opcode, Box(0, 0, ROW, ROWS), surface=surface, object=host_object, host_stride=ROW)


_OUT, _BACK = _box(Opcode.WRITEBACK, 0, 0), _box(Opcode.READBACK, 1, 1)
_WORK = {"both": (_OUT, _BACK), "writeback": (_OUT,), "readback": (_BACK,)}
_CHECK = _box(Opcode.READBACK, 0, 1)
"""What brings to host memory, afterwards, the bytes that went out."""


class Long:
    """Transfers of 1 MiB between host memory and tiled surfaces; `open` first."""

    def __init__(self, host: HostMemory) -> None:
        self._host = host
        self._rig = Rig(host, bus=lambda *_: Cause.NONE)
        self._source, self._target = (host.allocate(_PAGES, name) for name in ("source", "target"))
        self._noise = np.random.default_rng(1).integers(0, 256, ROW * ROWS, np.uint8)
        for page, frame in enumerate(self._source):
            host.write(frame * PAGE, self._noise[page * PAGE : (page + 1) * PAGE].tobytes())

    def open(self) -> Steps[None]:
        """Bring the engine up and fill surface 1, so that what is read back is known."""
        rig = self._rig
        yield from rig.bring_up()
        for index in range(2):
            surface = Surface(index * ROW * ROWS, ROW // _PIXEL, ROWS, _PIXEL, Layout.Y_TILED)
            yield from rig.surface(index, surface)
        yield from rig.object(0, ObjectTable(self._host, self._source, writable=False))
        yield from rig.object(1, ObjectTable(self._host, self._target))
        records = yield from rig.perform(Queue.TRANSFER, [_box(Opcode.WRITEBACK, 1, 0)])
        assert all(record.cause == Cause.NONE for record in records), records

    def round(self, direction: str = "both", count: int = 1) -> Steps[None]:
        """1 MiB "writeback", "readback" or "both", so many times."""
        yield from self._perform([*_WORK[direction]] * count)

    def check(self) -> Steps[None]:
        """Bring what went out back into host memory."""
        yield from self._perform([_CHECK])

    def compare(self) -> None:
        """AssertionError unless what came back is right; clears it."""
        host = self._host
        back = np.concatenate([np.frombuffer(host.read(frame * PAGE, PAGE), np.uint8) for frame in self._target])
        assert (back == self._noise).all(), f"{int((back != self._noise).sum())} bytes differ"
        for frame in self._target:
            host.write(frame * PAGE, bytes(PAGE))

    def _perform(self, work: list[Descriptor]) -> Steps[None]:
        records = yield from self._rig.perform(Queue.TRANSFER, work)
        assert all(record.cause == Cause.NONE and record.bytes == ROW * ROWS for record in records), records
