"""`python -m tests.system.faults`: every fault in full on one simulator, with progress and a line of counts.

Exit status 1 when a bench fails; the line before says which, with the seed and the log.  The counts are in
sim_build/faults/faults.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tb import toolchain
from tb.disk import unwritable
from tb.sim_top import system
from tb.simulation import SIM_BUILD, SimulationError
from tb.toolchain import WIDTHS

__all__ = ["BENCHES", "main", "module_of"]

BENCHES: Mapping[str, tuple[str, ...]] = {
    "malformed": ("malformed_transfers", "malformed_drawings", "malformed_with_halts"),
    "errors": (
        "errors_of_every_data_burst",
        "errors_of_every_walk",
        "errors_of_every_fetch",
        "errors_of_every_record",
    ),
    "moments": (
        "aborts_at_every_moment",
        "soft_resets_at_every_moment",
        "hard_resets_at_every_moment",
        "resets_beside_slow_answers",
        "aborts_and_resets_in_every_state",
        "silence_from_every_moment",
    ),
    "twins": (
        "wrong_expectations_fail",
        "errors_that_do_not_come_are_missed",
        "wrong_moments_are_noticed",
        "a_page_not_granted_is_noticed",
    ),
}
"""Tests that run in one process, by a name for them."""

RESULT = SIM_BUILD / "faults" / "faults.json"
_SIGN_OF_LIFE_S = 5.0


def module_of(name: str) -> str:
    """The bench that has the tests of a name in BENCHES."""
    return "bench_fault_twins" if name == "twins" else "bench_faults"


def counts_of(file: Path) -> dict[str, int]:
    """What the benches have counted so far."""
    if not file.exists():
        return {}
    counts: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    return counts


def in_words(counts: Mapping[str, int]) -> str:
    """Counts in one line."""
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()) or "starting"


def run(name: str, simulator: str, width: int, counts: Path) -> None:
    """Run one process of benches; SimulationError when one fails."""
    env = {"FAULTLINE_FAULTS": "full", "FAULTS_RESULT": str(counts)}
    simulation = system(simulator, data_width=width)
    simulation.run(f"tests.system.{module_of(name)}", BENCHES[name], env=env, run_name=f"faults-{name}")


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write sim_build/faults/faults.json; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.faults", description="Every fault, in full.")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    parser.add_argument("--width", type=int, default=64, choices=WIDTHS, help="bits of the bus (WIDTH)")
    options = parser.parse_args(arguments)
    counts = RESULT.with_name(".counts.json")
    began = time.monotonic()
    try:
        toolchain.executable(options.sim)
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        counts.unlink(missing_ok=True)
        print(f"faults: building {options.sim} at {options.width} bits", flush=True)
        system(options.sim, data_width=options.width).build()
        for name in BENCHES:
            ended = threading.Event()

            def show(name: str = name, ended: threading.Event = ended) -> None:
                while not ended.wait(_SIGN_OF_LIFE_S):
                    so_far = in_words(counts_of(counts))
                    print(f"faults: {time.monotonic() - began:4.0f} s  {name}: {so_far}", flush=True)

            watcher = threading.Thread(target=show, daemon=True)
            watcher.start()
            try:
                run(name, options.sim, options.width, counts)
            finally:
                ended.set()
                watcher.join()
        found = counts_of(counts)
        result = {"simulator": options.sim, "width": options.width, **found}
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    print(f"faults on {options.sim} at {options.width} bits survived in {seconds:.0f} s: {in_words(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
