"""How often the simulator wakes Python: by registers and interrupts, never by the beats of the data.

Every callback of the simulator into cocotb is counted over transfers of one length and of four times that. Leaves
WAKEUPS_RESULT, a JSON list of {"bytes", "wakeups"}, one a transfer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb._gpi_triggers import GPITrigger
from cocotb.triggers import FallingEdge

from models.engine import Queue
from models.layout import Cause, Layout, Opcode
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.surface import Box, Surface
from tb import sim_top
from tb.bridge import bridge_of
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed

ROW, ROWS = 4096, 64
"""Bytes a row, and rows of the longest transfer."""
LENGTHS = (16, 64)
"""Rows of the transfers that are compared."""


class _Counter:
    """Counts what the simulator calls back."""

    def __init__(self) -> None:
        self.count = 0
        react = GPITrigger._react

        def counted(trigger: GPITrigger) -> None:
            self.count += 1
            react(trigger)

        GPITrigger._react = counted


@cocotb.test()
async def transfers(dut: Any) -> None:
    """A readback and a writeback of each length; WAKEUPS_EVERY_CYCLE lets something wake with every clock cycle."""
    counter, found = _Counter(), list[dict[str, int]]()
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    frames = host.allocate(ROW * ROWS // PAGE, "frames")
    host.pages[frames] = np.random.default_rng(1).integers(0, 256, (len(frames), PAGE), np.uint8)

    async def each_cycle() -> None:
        while True:
            await FallingEdge(dut.clk)

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge, rig = bridge_of(env), Rig(host, bus=lambda *_: Cause.NONE)

        def opened() -> Any:
            yield from rig.bring_up()
            yield from rig.surface(0, Surface(0, ROW // 4, ROWS, 4, Layout.Y_TILED))
            yield from rig.object(0, ObjectTable(host, frames))

        await bridge.run({"open": opened()})
        beside = cocotb.start_soon(each_cycle()) if os.environ.get("WAKEUPS_EVERY_CYCLE") else None
        for opcode in (Opcode.WRITEBACK, Opcode.READBACK):
            for rows in (max(LENGTHS), *LENGTHS):  # the first warms the translations
                box = boxed(opcode, Box(0, 0, ROW, rows), surface=0, object=0, host_stride=ROW)
                before = counter.count
                records = (await bridge.run({"work": rig.perform(Queue.TRANSFER, [box])}))["work"]
                woken = counter.count - before
                assert all(record.cause == Cause.NONE and record.bytes == ROW * rows for record in records), records
                found.append({"bytes": ROW * rows, "wakeups": woken})
        if beside is not None:
            beside.cancel()
        sim_top.assert_clean(dut)
        Path(os.environ["WAKEUPS_RESULT"]).write_text(json.dumps(found), encoding="utf-8")

    await run_body(dut, body, limit=10_000_000)
