"""`python -m tb.live`: a live device, for a command or until interrupted. The exit status is the command's."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from models.costs import Costs
from tb import toolchain
from tb.disk import unwritable
from tb.live import commands, mount, run
from tb.live.beside import Command, Watch
from tb.live.log import LogError
from tb.live.run import FREE, Config, During, serve
from tb.simulation import SIM_BUILD, SimulationError
from tb.toolchain import WIDTHS

__all__ = ["main"]

BUFFERS = "canvas 256 256 rgba Y_TILED, scratch 65535 1 gray"
"""What a device begins with unless told."""
POLICIES = ("adaptive", "page-mkwrite", "page-pagetable", "whole-surface", "vmwgfx")
"""Strategies under which a kernel can be the page table: coherent ones that serve faults."""


class _Asked(Exception):
    """Words that make no sense: what, and what would."""


def main(arguments: list[str] | None = None) -> int:
    """Start a live device, run a command beside it or wait, and end it."""
    parser = argparse.ArgumentParser(prog="python -m tb.live", description="The RTL behind a directory.")
    parser.add_argument("--sim", default="verilator", help="verilator or icarus (SIM)")
    parser.add_argument("--width", default="64", help="data width of the bus in bits (WIDTH)")
    parser.add_argument("--policy", default="", help=f"strategy of the driver (POLICY): {', '.join(POLICIES)}")
    parser.add_argument("--buffers", default="", help=f"buffers to begin with (BUFFERS), as '{BUFFERS}'")
    parser.add_argument("--costs", default="", help="host costs (COSTS), as fault_ns=1200; all 0 unless told")
    parser.add_argument("--command", default="", help="shell command to run inside (CMD)")
    parser.add_argument("--plain", action="store_true", help="answer without the driver and the RTL (PLAIN=1)")
    parser.add_argument("--trace", action="store_true", help="keep the trace of engine and driver (TRACE=1)")
    parser.add_argument("--record", action="store_true", help="write a workload trace of each buffer (RECORD=1)")
    parser.add_argument("--check", action="store_true", help="have the oracle look at every page given out (CHECK=1)")
    parser.add_argument("--log", default="", help="where the log goes (LOG), beside the directory unless told")
    parser.add_argument("--replay", default="", help="log to run again, without any kernel (REPLAY)")
    options = parser.parse_args(arguments)
    try:
        toolchain.executable(options.sim)
        if options.replay:
            return _replay(Path(options.replay), record=options.record, check=options.check, trace=options.trace)
        config = _config(options)
        mount.enter(["-m", "tb.live", *(sys.argv[1:] if arguments is None else arguments)])
        during = Command(options.command) if options.command else Watch()
        _on_signal(during)
        return serve(config, during)
    except (_Asked, LogError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (mount.MountError, SimulationError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("error: interrupted twice: the device was ended at once", file=sys.stderr)
        return 130
    return 1


def _cost(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    known = [one.name for one in fields(Costs)]
    if name not in known or not value.isdecimal():
        raise _Asked(f"COSTS={word[:80]} makes no sense: use {', '.join(known)}, each as NAME=NANOSECONDS")
    return name, int(value)


def _replay(log: Path, **wanted: Any) -> int:
    _, found = run.replay(run.configured(log, **wanted))
    print(f"{found['arrivals']:,} arrivals, {found['answers']:,} answers as logged, {found['cycle']:,} cycles")
    if found.get("ended"):
        print(f"there the device ended: {found['ended']}")
    return 0


def _on_signal(during: During) -> None:
    """The first signal ends what is done beside the device, and the device with it; the second ends all at once."""
    seen = False

    def handle(number: int, frame: object) -> None:
        nonlocal seen
        if seen:
            raise KeyboardInterrupt
        seen = True
        during.end()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def _config(options: argparse.Namespace) -> Config:
    if options.width not in map(str, WIDTHS):
        raise _Asked(f"unknown WIDTH={options.width}: use one of {', '.join(map(str, WIDTHS))}")
    policy = options.policy or POLICIES[0]
    if policy not in POLICIES:
        raise _Asked(f"POLICY={policy} cannot serve a kernel's faults: use one of {', '.join(POLICIES)}")
    buffers = tuple(words.strip() for words in (options.buffers or BUFFERS).split(",") if words.strip())
    costs = replace(FREE, **dict(map(_cost, filter(None, map(str.strip, options.costs.split(","))))))
    for words in buffers:
        try:
            commands.parse(f"create {words}")
        except commands.CommandError as error:
            raise _Asked(f"BUFFERS: {words[:80]}: {error}") from None
    log = str(Path(options.log).resolve()) if options.log else ""
    wanted: dict[str, Any] = {name: getattr(options, name) for name in ("plain", "trace", "record", "check")}
    return replace(Config(options.sim, int(options.width), policy, costs, buffers), log=log, **wanted)


if __name__ == "__main__":
    sys.exit(main())
