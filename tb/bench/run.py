"""One simulation a bus width: start the cocotb side, say how far it is, bring its figures back."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tb.bench.figures import Figure
from tb.sim_top import system
from tb.simulation import SIM_BUILD

__all__ = ["Progress", "measured", "printer"]

Progress = Callable[[int, int, str], None]
"""(cases done, cases in all, the case under way), called again and again from another thread; 0 of 0 while building."""

POLL_S = 0.2
"""Seconds of wall clock between two looks at how far a run is."""
TIMEOUT_S = 3600.0
"""Seconds of wall clock for a build or a run."""


def measured(width: int, cases: Sequence[str] = (), progress: Progress | None = None) -> list[Figure]:
    """The figures of one bus width in bits, on Verilator.

    cases: names or titles of those to run ("latency" for the ones in cycles), all when empty.
    Raises SimulationError when the simulation cannot be built or run, or moved a wrong byte.
    """
    SIM_BUILD.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".bench-work.", dir=SIM_BUILD))
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(work / "progress", ended, progress), daemon=True)
    try:
        simulation = replace(system("verilator", data_width=width), timeout_s=TIMEOUT_S)
        watcher.start()
        simulation.run(
            "tb.bench.bench",
            env={
                "BENCH_WIDTH": str(width),
                "BENCH_CASES": ",".join(cases),
                "BENCH_PROGRESS": str(work / "progress"),
                "BENCH_RESULT": str(work / "rows.json"),
            },
            run_name=f"bench/{width}{'-some' if cases else ''}",
        )
        return [Figure(**row) for row in json.loads((work / "rows.json").read_text(encoding="utf-8"))]
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()
        shutil.rmtree(work, ignore_errors=True)


def _watch(file: Path, ended: threading.Event, progress: Progress | None) -> None:
    """Hand on what the bench's progress file says, until the run has ended."""
    done, of, case = 0, 0, "building and starting"
    while progress is not None and not ended.wait(POLL_S):
        words = file.read_text(encoding="utf-8").split("\t") if file.exists() else []
        if len(words) == 3 and words[2].endswith("\n"):
            done, of, case = int(words[0]), int(words[1]), words[2].strip()
        progress(done, of, case)


def printer(say: Callable[[str], None], quiet_s: float = 10.0) -> Progress:
    """Progress as lines, at most one in `quiet_s` seconds, for terminals that cannot redraw."""
    last = 0.0

    def show(done: int, of: int, case: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= quiet_s:
            last = now
            say(f"  {done} of {of} cases: {case}" if of else f"  {case}")

    return show
