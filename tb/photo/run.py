"""One simulation of the photo scenario: start it, follow its progress, bring back what it found.

The bench runs inside the simulator's process; picture and findings travel through a working directory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tb.photo.phases import Row
from tb.sim_top import system
from tb.simulation import SIM_BUILD

__all__ = ["PhotoRun", "Progress", "simulate", "watch"]

Progress = Callable[[str, int], None]
"""(phase, cycle), called every `POLL_S` from another thread, whether or not anything changed."""

POLL_S = 0.2
"""Seconds of wall clock between two looks at how far a run is."""
TIMEOUT_S = 3600.0
"""Seconds of wall clock for a build or a run, enough for the largest picture on Icarus."""


@dataclass(frozen=True)
class PhotoRun:
    """What a run found. `differences` names each comparison that failed; all bytes agree when it is empty.

    `events` are the driver's, stamped: {"cycle", "task", "event", ...}. `cycles` is the length of the scenario in clock
    cycles, `cpu_s` the CPU time of the simulation in seconds, `peak_bytes` its largest resident memory.
    """

    simulator: str
    width: int
    scanout: npt.NDArray[np.uint8]
    untranslated: npt.NDArray[np.uint8]
    rows: list[Row]
    events: list[dict[str, Any]]
    compared: dict[str, int]
    differences: list[str]
    cycles: int
    cpu_s: float
    peak_bytes: int
    log: Path

    @property
    def cycles_per_cpu_s(self) -> float:
        """Simulated clock cycles a second of CPU time."""
        return self.cycles / self.cpu_s if self.cpu_s else 0.0


def simulate(
    picture: npt.NDArray[np.uint8], simulator: str = "verilator", width: int = 64, progress: Progress | None = None
) -> PhotoRun:
    """Run the scenario on a picture (height x width x 3 bytes) at a bus width in bits; return what it found.

    Raises SimulationError when it cannot be built or run, and when the testbench or the driver failed. Bytes that
    differ are not an exception: see `PhotoRun.differences`.
    """
    SIM_BUILD.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".photo-work.", dir=SIM_BUILD))
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(work / "progress", ended, progress), daemon=True)
    try:
        np.save(work / "picture.npy", picture)
        simulation = replace(system(simulator, data_width=width), timeout_s=TIMEOUT_S)
        watcher.start()
        simulation.build()
        env = {"PHOTO_WORK": str(work), "PHOTO_WIDTH": str(width)}
        outcome = simulation.run("tb.photo.bench", env=env, run_name=f"photo/{width}")
        return _collect(work, simulator, width, outcome.log)
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()
        shutil.rmtree(work, ignore_errors=True)


def _collect(work: Path, simulator: str, width: int, log: Path) -> PhotoRun:
    found = json.loads((work / "found.json").read_text(encoding="utf-8"))
    with np.load(work / "pictures.npz") as pictures:
        scanout, untranslated = pictures["scanout"], pictures["untranslated"]
    rows = [Row(**row) for row in found.pop("rows")]
    return PhotoRun(simulator, width, scanout, untranslated, rows, log=log, **found)


def watch(file: Path, ended: threading.Event, progress: Progress | None) -> None:
    """Hand on where the bench's progress file says the run is, again and again until it has ended."""
    if progress is None:
        return
    shown, phase, cycle = 0, "building and starting", 0
    while not ended.wait(POLL_S):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()
        for line in lines[shown:]:
            phase, cycle = line.partition("\t")[0], int(line.partition("\t")[2])
            progress(phase, cycle)
        if shown == len(lines):
            progress(phase, cycle)
        shown = len(lines)
