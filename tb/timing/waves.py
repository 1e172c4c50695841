"""`python -m tb.timing.waves`: the waves of one operation alone, with a list of signals for GTKWave and for Surfer.

The scenario runs twice: once to learn in which cycles the operation was, once to record waves in just those.  Cycles
are the same in every run, so both are the same life.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from math import log2
from pathlib import Path

import pywellen

from tb import toolchain
from tb.clocking import PERIOD_NS
from tb.disk import unwritable
from tb.live.log import LogError
from tb.live.replayed import replayed, waved
from tb.simulation import SIM_BUILD, SimulationError
from tb.timing.__main__ import AskError, asked
from tb.timing.bounds import Memory
from tb.timing.figures import Run
from tb.timing.operations import Operation
from tb.timing.run import Window, simulate, simulated

__all__ = ["SIGNALS", "dumped", "main", "operation_of"]

SIGNALS: Mapping[str, tuple[str, ...]] = {
    "clock": ("clk", "cycle"),
    "registers": ("awvalid", "awaddr", "wdata", "s_axil_bvalid", "arvalid", "araddr", "s_axil_rvalid", "s_axil_rdata"),
    "descriptors": ("fetched", "fetched_tag", "start", "start_tag", "ended", "end_tag"),
    "translation": ("ask", "walk", "answer"),
    "AR": ("m_axi_arvalid", "m_axi_arready", "m_axi_arid", "m_axi_araddr", "m_axi_arlen"),
    "R": ("m_axi_rvalid", "m_axi_rready", "m_axi_rid", "m_axi_rlast", "m_axi_rdata"),
    "AW": ("m_axi_awvalid", "m_axi_awready", "m_axi_awid", "m_axi_awaddr", "m_axi_awlen"),
    "W": ("m_axi_wvalid", "m_axi_wready", "m_axi_wlast", "m_axi_wdata", "m_axi_wstrb"),
    "B": ("m_axi_bvalid", "m_axi_bready", "m_axi_bid"),
    "interrupt": ("irq",),
}
"""Signals of sim_top by group, as the lists show them."""
_AROUND = 16
"""Cycles before and after the operation that the waves have too."""
_DEFAULT = "page_readback"
_WIDE = 2.5
"""Picoseconds of an operation that fills GTKWave's window at zoom 0; each step of -1 doubles it."""


def operation_of(run: Run, tag: int, queue: int) -> Operation:
    """What the driver wanted with the descriptor of a tag, or the descriptor itself; AskError when there is none."""
    mine = [one for one in run.operations if one.queue == queue and tag in one.tags]
    if not mine:
        known = sorted({tag for one in run.operations if one.queue == queue for tag in one.tags})
        which = f"they are {known[0]} to {known[-1]}" if known else "it has none"
        raise AskError(f"TAG={tag}: no descriptor of queue {queue} in {run.title}: {which}")
    return max(mine, key=lambda one: (bool(one.task), one.cycles))


def dumped(run: Run, operation: Operation, under: str = "timing") -> Path:
    """Record the waves of an operation; the file, with waves.gtkw and waves.sucl beside it. SimulationError."""
    suffix = "fst" if run.simulator == "icarus" else "vcd"
    folder = SIM_BUILD / under / "waves" / f"{run.name}-{operation.number}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"waves.{suffix}"
    window = Window(file, max(0, operation.begin - _AROUND), operation.end + _AROUND)
    if run.log:
        waved(run, window)
    else:
        simulate(run.scenario, run.simulator, run.memory, under, window)
    found = {one.full_name: one.bitwidth for one in pywellen.Waveform(str(file)).all_vars()}
    missing = [name for name in _names() if name not in found]
    if missing:
        raise SimulationError(f"{file} lacks {', '.join(missing)}: does SIGNALS of tb/timing/waves.py know sim_top?")
    (folder / "waves.gtkw").write_text(_gtkwave(file, found, operation), encoding="utf-8")
    (folder / "waves.sucl").write_text(_surfer(file, operation), encoding="utf-8")
    return file


def _names() -> Iterable[str]:
    return (f"sim_top.{name}" for names in SIGNALS.values() for name in names)


def _gtkwave(file: Path, widths: Mapping[str, int | None], operation: Operation) -> str:
    """A save file of GTKWave: groups as comments, vectors in hexadecimal, markers at begin and end."""
    lines = [f'[dumpfile] "{file}"', f"[timestart] {_picoseconds(operation.begin)}", "[sst_expanded] 1"]
    begin, end = _picoseconds(operation.begin), _picoseconds(operation.end)
    lines.append(f"*{-log2((end - begin) / _WIDE):.2f} {begin} {end}")
    for group, names in SIGNALS.items():
        lines += ["@200", f"-{group}"]
        for name in names:
            width = widths[f"sim_top.{name}"] or 1
            lines += ["@22" if width > 1 else "@28", f"sim_top.{name}" + (f"[{width - 1}:0]" if width > 1 else "")]
    return "\n".join(lines) + "\n"


def _surfer(file: Path, operation: Operation) -> str:
    """Commands of Surfer: `surfer -c waves.sucl`."""
    lines = [f"load_file {file}"]
    for group, names in SIGNALS.items():
        lines += [f"divider_add {group}", *(f"variable_add sim_top.{name}" for name in names)]
    lines += [f"cursor_set {_picoseconds(operation.begin)}", "zoom_fit"]
    return "\n".join(lines) + "\n"


def _picoseconds(cycle: int) -> int:
    """When the edge of a cycle rises, by sim_top's clock and timescale."""
    return (PERIOD_NS // 2 + PERIOD_NS * cycle) * 1000


def main(arguments: list[str] | None = None) -> int:
    """Record, say where; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.timing.waves", description="Waves of one operation.")
    for name in ("scenario", "latency", "width", "stall"):
        parser.add_argument(f"--{name}", default="", help=f"one ({name.upper()})")
    parser.add_argument("--replay", default="", help="log of a live run, in place of a scenario (REPLAY)")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    parser.add_argument("--tag", default="", help="of a descriptor (TAG)")
    parser.add_argument("--queue", default="", help="0, of transfers, or 1, of drawing (QUEUE)")
    options = parser.parse_args(arguments)
    try:
        tag, queue = _number("TAG", options.tag, 2**32 - 1), _number("QUEUE", options.queue or "0", 1)
        toolchain.executable(options.sim)
        run = _run(options)
        operation = operation_of(run, tag, queue)
        file = dumped(run, operation)
    except (AskError, LogError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (SimulationError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted, no waves: run make waves again", file=sys.stderr)
        return 130
    print(f"{run.title}: {operation.kind} {operation.number}, cycles {operation.begin} to {operation.end}")
    print(f"waves {file}; gtkwave {file.with_suffix('.gtkw')}; surfer -c {file.with_suffix('.sucl')}")
    return 0


def _run(options: argparse.Namespace) -> Run:
    """The one run that is asked for."""
    words = (options.scenario, options.latency, options.width, options.stall)
    if options.replay and any(words):
        raise AskError("REPLAY= names one run: leave SCENARIO, LATENCY, WIDTH and STALL out")
    if options.replay:
        return replayed(Path(options.replay))
    scenario, memory = _one(*words)
    return simulated(scenario, options.sim, memory)[0]


def _one(scenario: str, latency: str, width: str, stall: str) -> tuple[str, Memory]:
    """The one run that the words name."""
    names, memories = asked(scenario or _DEFAULT, latency, width, stall)
    if len(names) * len(memories) != 1:
        raise AskError("waves are of one run: give one SCENARIO, LATENCY, WIDTH and STALL")
    return names[0], memories[0]


def _number(name: str, text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > most:
        raise AskError(f"{name}={text} makes no sense: give a whole number from 0 to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
