"""cocotb side of the photo scenario: the driver of models/ on the agents, its findings into the working directory.

Runs inside the simulator; `tb.photo.run` starts it and reads what it leaves: picture.npy in, progress, found.json and
pictures.npz out.
"""

from __future__ import annotations

import json
import os
import resource
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from models.client.photo import PIXEL, PhotoResult, photo, untranslated
from models.driver import Driver
from models.events import Phase
from models.faultline_engine import FaultlineEngine
from models.memory import HostMemory
from models.policy.page_mkwrite import PageMkwrite
from tb import sim_top
from tb.bridge import Stamped, bridge_of
from tb.clocking import cycle_now, sleep
from tb.env import Environment, run_body
from tb.photo.phases import rows_of
from tb.trace import Trace

__all__ = ["photo_scenario"]

HEARTBEAT = 50_000
"""Cycles between two signs of life."""
LIMIT = 1_000_000_000
"""Cycles after which the scenario is given up."""


class _Progress:
    """Lines of "phase<tab>cycle" for whoever watches from outside."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._phase = "reset"

    def note(self, stamped: Stamped) -> None:
        if isinstance(stamped.event, Phase):
            self._phase = stamped.event.name
            self._write()

    async def beat(self) -> None:
        while True:
            await sleep(HEARTBEAT)
            self._write()

    def _write(self) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(f"{self._phase}\t{cycle_now()}\n")


@cocotb.test()
async def photo_scenario(dut: Any) -> None:
    """Run the scenario; bytes that differ are a finding, anything else that is wrong fails the test."""
    work = Path(os.environ["PHOTO_WORK"])
    picture = np.load(work / "picture.npy")
    host = HostMemory(os.environ["HOSTMEM_FILE"])
    progress = _Progress(work / "progress")

    async def body(env: Environment) -> None:
        await sim_top.reset(dut)
        bridge = bridge_of(env, on_note=progress.note)
        driver = Driver(host, FaultlineEngine(host), PageMkwrite())
        beat = cocotb.start_soon(progress.beat())
        began, cpu = cycle_now(), time.process_time()
        result: PhotoResult = (await bridge.run({"photo": photo(driver, picture)}))["photo"]
        ended, cpu_s = cycle_now(), time.process_time() - cpu
        beat.cancel()
        await sim_top.flush_trace(dut)
        sim_top.assert_clean(dut)
        trace = Trace.load(os.environ["TRACE_FILE"], int(os.environ["PHOTO_WIDTH"])).last_run()
        found = {
            "rows": [asdict(row) for row in rows_of(bridge.notes, trace, ended)],
            "events": [{"cycle": n.cycle, "task": n.task, **n.event.to_json()} for n in bridge.notes],
            "compared": _compared(result),
            "differences": _differences(result),
            "cycles": ended - began,
            "cpu_s": cpu_s,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        (work / "found.json").write_text(json.dumps(found), encoding="utf-8")
        shown = result.scanout.reshape(*picture.shape[:2], PIXEL)[:, :, :3]
        np.savez(work / "pictures.npz", scanout=shown, untranslated=untranslated(result))

    await run_body(dut, body, limit=LIMIT)


def _compared(result: PhotoResult) -> dict[str, int]:
    """Bytes that were compared, by view."""
    views = {"scanout": result.scanout, "writer": result.writer, "reader": result.reader, "early": result.early}
    return {name: int(view.size) for name, view in views.items()}


def _differences(result: PhotoResult) -> list[str]:
    """What disagrees, in words; nothing when all bytes agree."""
    found = [f"{name}: {count:,} bytes differ" for name, count in result.differences.items() if count]
    found += [f"oracle: {violation}" for violation in result.violations[:8]]
    if not result.reads:
        found.append("the oracle saw no reads")
    if not found and not result.agree:
        found.append("the views do not agree")
    return found
