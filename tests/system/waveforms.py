"""`python -m tests.system.waveforms`: what docs/protocols.md shows of the protocols, from a simulation of them.

Runs `bench_protocols` with the waves of the pins, draws a waveform a protocol into docs/waveforms, and puts the lists
of events into the page. With --check nothing is written, and the exit status is 1 when something of it is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tb.sim_top import system
from tb.simulation import SimulationError
from tb.toolchain import ROOT
from tb.waveform import drawn, sampled

__all__ = ["PAGE", "TIMELINE", "WAVEFORMS", "main", "picture", "pictures", "rewritten", "run", "stale", "texts"]

PAGE, WAVEFORMS = Path("docs/protocols.md"), Path("docs/waveforms")
TIMELINE = re.compile(r"(<!-- timeline: (\S+) -->\n)(.*?)```text\n(.*?)```", re.DOTALL)
"""A timeline in the page: its heading, its name, its picture and its events."""
_AROUND = 3
"""Cycles that a waveform has before the first event shown and behind the last."""


def run(simulator: str) -> Path:
    """Perform the protocols; the directory with lists, windows and waves. SimulationError when one fails."""
    waves = "waves.fst" if simulator == "icarus" else "waves.vcd"
    simulation = replace(system(simulator, INSIDE=1), dumps=True)  # the model that make waves has too
    arguments = [f"+waves_file={waves}", "+waves_depth=1"]
    return simulation.run("tests.system.bench_protocols", plusargs=arguments, run_name="protocols").directory


def texts(directory: Path) -> dict[str, str]:
    """The events of each protocol, by name."""
    files = directory.glob("timeline-*.txt")
    return {path.stem.removeprefix("timeline-"): path.read_text(encoding="utf-8") for path in files}


def pictures(directory: Path) -> dict[str, str]:
    """The waveform of each protocol, by name."""
    (waves,) = directory.glob("waves.*")
    found = {}
    for path in directory.glob("timeline-*.json"):
        name, window = path.stem.removeprefix("timeline-"), json.loads(path.read_text(encoding="utf-8"))
        values = sampled(waves, window["begin"] - _AROUND, window["end"] + _AROUND + 1)
        found[name] = drawn(f"waveform of the protocol {name}", values, _AROUND)
    return found


def picture(name: str) -> str:
    """How the page shows a waveform."""
    return f"![Waveform: {name}](waveforms/{name}.svg)\n\n"


def rewritten(page: str, events: Mapping[str, str]) -> str:
    """The page with the events of a run, and a picture with each of them."""
    return TIMELINE.sub(
        lambda found: f"{found[1]}{picture(found[2])}```text\n{events.get(found[2], found[4])}```", page
    )


def stale(root: Path, directory: Path) -> list[str]:
    """What of the page and its pictures differs from a run, and what only one of them has."""
    events, waves = texts(directory), pictures(directory)
    page = (root / PAGE).read_text(encoding="utf-8")
    shown = {found[2]: found for found in TIMELINE.finditer(page)}
    wrong = [f"{name}: the run has none" for name in shown if name not in events]
    wrong += [f"{name}: the page has none" for name in events if name not in shown]
    for name in events:
        file = root / WAVEFORMS / f"{name}.svg"
        if name in shown and shown[name][4] != events[name]:
            wrong.append(f"{name}: its events differ")
        if name in shown and shown[name][3] != picture(name):
            wrong.append(f"{name}: the page does not show its waveform")
        if not file.is_file() or file.read_text(encoding="utf-8") != waves[name]:
            wrong.append(f"{name}: {file.relative_to(root).as_posix()} differs")
    extra = sorted(path.name for path in (root / WAVEFORMS).glob("*") if path.stem not in events)
    return wrong + [f"{name}: no protocol has it" for name in extra]


def main(arguments: list[str] | None = None) -> int:
    """Draw or check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.waveforms", description="Waveforms of the protocols.")
    parser.add_argument("--check", action="store_true", help="write nothing, tell what is stale")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    options = parser.parse_args(arguments)
    try:
        directory = run(options.sim)
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.check:
        found = stale(ROOT, directory)
        for one in found:
            print(f"error: {one}: run make waveforms", file=sys.stderr)
        return 1 if found else 0
    (ROOT / WAVEFORMS).mkdir(exist_ok=True)
    for name, text in pictures(directory).items():
        (ROOT / WAVEFORMS / f"{name}.svg").write_text(text, encoding="utf-8")
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    (ROOT / PAGE).write_text(rewritten(page, texts(directory)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
