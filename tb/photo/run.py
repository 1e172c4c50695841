"""One simulation of the photo scenario: start it, follow its progress, bring back what it found.

The bench runs inside the simulator's process; picture and findings travel through a working directory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tb.photo.phases import Row
from tb.simulation import SIM_BUILD, Simulation

__all__ = ["PhotoRun", "Progress", "simulate"]

Progress = Callable[[str, int], None]
"""(phase, cycle), called now and then from another thread."""

POLL_S = 0.2


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
    watcher = threading.Thread(target=_watch, args=(work / "progress", ended, progress), daemon=True)
    try:
        np.save(work / "picture.npy", picture)
        simulation = Simulation(
            "sim_top", simulator, {"DATA_W": width}, native=True, public="tb/hdl/sim_top.vlt", timeout_s=3600
        )
        simulation.build()
        watcher.start()
        outcome = simulation.run("tb.photo.bench", env={"PHOTO_WORK": str(work)}, run_name=f"photo/{width}")
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


def _watch(file: Path, ended: threading.Event, progress: Progress | None) -> None:
    """Hand each new line of the bench's progress file on until the run has ended."""
    if progress is None:
        return
    last = ""
    while not ended.wait(POLL_S):
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if lines and lines[-1] != last and "\t" in lines[-1]:
            last = lines[-1]
            phase, _, cycle = last.partition("\t")
            progress(phase, int(cycle))
