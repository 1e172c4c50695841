"""How fast a live device is: page faults a second and the time of a zap, beside a device without driver and RTL.

    PGO=1 sim_build/venv/bin/python -m tb.live.rate     starts devices and compares them
    make live CMD="python3 -m tb.live.rate"             measures the one inside of whose directory it is

Every page of a buffer is touched after the device has drawn on it, in order and in a random one; then the device draws
on pages that are all there and clean. Faults are counted by the wall clock and by the processor time of the simulator,
which other work on the machine slows less.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tb.live.client import Live

__all__ = ["Rate", "main", "measured"]

PAGES = 1000
ROUNDS = 3
WANTED = 1500
"""Faults a second that are wanted at 64 bits."""
ZAP_MS = 20
"""Milliseconds that a zap of so many clean pages may take."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rate:
    """Faults a second of the wall clock and of the simulator's processor time, cycles a fault."""

    wall: float
    processor: float
    cycles: float


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tb.live.rate", description="How fast a live device is.")
    parser.add_argument("--json", action="store_true", help="print figures for a program")
    options = parser.parse_args(arguments)
    if "LIVE" not in os.environ:
        return _compare()
    with Live() as device:
        rates, zap = measured(device)
    if options.json:
        print(json.dumps({"rates": {name: asdict(rate) for name, rate in rates.items()}, "zap": zap}))
        return 0
    for name, rate in rates.items():
        print(f"{name:10} {rate.wall:8,.0f} faults a second, {rate.cycles:6.0f} cycles each")
    print(f"a zap of {PAGES:,} clean pages with the drawing that needs it: {zap:.1f} ms")
    return 0


def measured(device: Live) -> tuple[dict[str, Rate], float]:
    """Rates by the order in which pages are touched; milliseconds of a zap with its drawing."""
    path = device.create("rate", 1024, PAGES, "rgba")
    file = os.open(path, os.O_RDWR)
    memory = mmap.mmap(file, 0)
    shuffled = list(range(PAGES))
    random.Random(1).shuffle(shuffled)
    orders: dict[str, Sequence[int]] = {"in order": range(PAGES), "at random": shuffled}
    found = {}
    for name, order in orders.items():
        wall, processor, cycles = 0.0, 0.0, 0
        for turn in range(ROUNDS):
            device.fill("rate", 0, 0, 1024, PAGES, f"0{turn}020304")
            cycle = device.wait()
            wall, processor = wall - time.perf_counter(), processor - _processor_s(device)
            for page in order:
                memory[page * mmap.PAGESIZE]
            wall, processor = wall + time.perf_counter(), processor + _processor_s(device)
            cycles += device.wait() - cycle
        faults = ROUNDS * PAGES
        found[name] = Rate(faults / wall, faults / max(processor, 1 / _TICKS), cycles / faults)
    zap = min(_zap(device, memory) for _ in range(ROUNDS)) * 1000
    memory.close()
    os.close(file)
    return found, zap


def _processor_s(device: Live) -> float:
    """Processor time in seconds that the process behind the control socket has had."""
    facts = Path(f"/proc/{device.process()}/stat").read_text(encoding="ascii", errors="replace")
    words = facts.rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def _zap(device: Live, memory: mmap.mmap) -> float:
    """Seconds of a drawing on pages that are all mapped and clean."""
    device.wait()
    for page in range(PAGES):
        memory[page * mmap.PAGESIZE]
    began = time.perf_counter()
    device.fill("rate", 0, 0, 1024, PAGES, "01020304")
    return time.perf_counter() - began


class _Measure:
    """Measures a device from a process of its own, beside it."""

    def __init__(self) -> None:
        self.rates: dict[str, Rate] = {}
        self.zap = 0.0

    def __call__(self, directory: Path) -> int:
        """Do it; the status is that of the process."""
        words = [sys.executable, "-m", "tb.live.rate", "--json"]
        done = subprocess.run(words, env={**os.environ, "LIVE": str(directory)}, stdout=subprocess.PIPE, check=False)
        if done.returncode == 0:
            found = json.loads(done.stdout)
            self.rates, self.zap = {name: Rate(**one) for name, one in found["rates"].items()}, found["zap"]
        return done.returncode

    def end(self) -> None:
        """It ends by itself: the device's end is an error to it."""


def _compare() -> int:
    """Measure devices of two strategies, and one that answers without driver and RTL."""
    from tb.live import mount
    from tb.live.run import Config, serve
    from tb.simulation import SimulationError

    plain = replace(Config(), plain=True)
    devices = {"plain": plain, "adaptive": Config(), "page-mkwrite": replace(Config(), policy="page-mkwrite")}
    found: dict[str, _Measure] = {}
    try:
        mount.enter(["-m", "tb.live.rate"])
        for name, config in devices.items():
            found[name] = _Measure()
            if serve(config, found[name]):
                return 1
    except (mount.MountError, SimulationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"faults a second (at least {WANTED:,} wanted), of them with PLAIN=1; a zap (below {ZAP_MS} ms wanted)")
    print("answered             pages  a second   ratio  a CPU second   ratio  cycles       zap")
    for name, measure in found.items():
        for order, rate in measure.rates.items():
            best = found["plain"].rates[order]
            wall, processor = rate.wall / best.wall, rate.processor / best.processor
            print(
                f"{name:14}{order:>12}{rate.wall:10,.0f}{wall:8.3f}{rate.processor:14,.0f}{processor:8.3f}"
                f"{rate.cycles:8,.0f}{measure.zap:7.1f} ms"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
