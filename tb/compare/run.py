"""One simulation a workload: start it, follow its progress, bring back the figures of every strategy.

The bench runs inside the simulator's process; trace, jobs and figures travel through a working directory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.costs import Costs
from models.workload.trace import Trace
from tb.compare.rows import Row
from tb.photo.run import Progress, watch
from tb.sim_top import system
from tb.simulation import SIM_BUILD

__all__ = ["HOST_BYTES", "Compared", "Job", "Temper", "scaled", "simulate"]

HOST_BYTES = 64 << 20
"""Host RAM of a play: twice the device memory."""
TIMEOUT_S = 7200.0
"""Seconds of wall clock for a build, or for a workload on every strategy."""


@dataclass(frozen=True, slots=True)
class Job:
    """A strategy to play, and what multiplies the host costs meanwhile."""

    policy: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Temper:
    """What host memory is like: cycles of latency, and percent of the cycles in which R and W stand still."""

    latency: int = 13
    stall: int = 0


@dataclass(frozen=True)
class Compared:
    """Rows in the order of the jobs; `events` are each play's, stamped by the cycle since its first action."""

    rows: list[Row]
    events: list[list[dict[str, Any]]]
    log: Path


def scaled(costs: Costs, scale: float) -> Costs:
    """Return a cost table with every time multiplied, to the nanosecond."""
    return Costs(**{name: round(value * scale) for name, value in asdict(costs).items()})


def simulate(
    trace: Trace,
    jobs: Sequence[Job],
    *,
    costs: Costs | None = None,
    simulator: str = "verilator",
    width: int = 64,
    temper: Temper | None = None,
    seed: int = 1,
    events: bool = False,
    progress: Progress | None = None,
    stop: Path | None = None,
) -> Compared:
    """Play a trace on some strategies, on the RTL with a bus of `width` bits; `events` keeps the driver's events.

    The run is given up soon after the file `stop` appears, for who cannot interrupt it: it waits in a thread.
    Raises SimulationError when it cannot be built or run, and when the testbench or the driver failed. A strategy that
    breaks its promise is not an exception: see `Row.violations`.
    """
    SIM_BUILD.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".compare-work.", dir=SIM_BUILD))
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(work / "progress", ended, progress), daemon=True)
    table = costs or Costs()
    asked = {
        "workload": trace.name,
        "width": width,
        "temper": asdict(temper or Temper()),
        "seed": seed,
        "events": events,
        "host_bytes": HOST_BYTES,
        "jobs": [
            {"policy": job.policy, "scale": job.scale, "costs": asdict(scaled(table, job.scale))} for job in jobs
        ],
    }
    try:
        (work / "workload.trace").write_text(trace.text(), encoding="utf-8")
        (work / "jobs.json").write_text(json.dumps(asked), encoding="utf-8")
        simulation = replace(system(simulator, data_width=width), timeout_s=TIMEOUT_S)
        watcher.start()
        env = {"COMPARE_WORK": str(work)}
        if stop is not None:
            env["COMPARE_STOP"] = str(stop)
        outcome = simulation.run("tb.compare.bench", env=env, run_name=f"compare/{width}/{Path(trace.name).name}")
        found = json.loads((work / "found.json").read_text(encoding="utf-8"))
        return Compared([Row(**one["row"]) for one in found], [one["events"] for one in found], outcome.log)
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()
        shutil.rmtree(work, ignore_errors=True)
