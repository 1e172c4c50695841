"""`python -m tests.system.soak`: random programs of several processes under every policy, before the oracle.

Each town is a driver with one policy on the untimed device, two buffers and three processes that run as threads in a
random order. A wrong read, a lost write, a leftover or an exception ends the run with the one command that repeats it,
and a program of a few lines that shows it in a shorter life. With `--sim` the same programs run on the RTL
(`bench_oracle`), one town a policy, as cocotb tasks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from models.costs import Costs
from models.device import BusRange, Device
from models.events import Fault, Readback, Writeback, Zap
from models.memory import HostMemory
from models.perform import Machine, run, run_together
from models.workload.strategies import STRATEGIES, make
from tb.sim_top import system
from tb.simulation import SimulationError
from tb.toolchain import SIMULATORS
from tests.system.driver_activity import HOST_SIZE, NOTHING, Town
from tests.system.guests import guests_of
from tests.system.random_cases import Progress

__all__ = ["Here", "Life", "live", "main", "shorter"]

PROCESSES = 3
ACTIONS = 80
"""Of each process in one town."""


@dataclass(frozen=True)
class Life:
    """What happened in one town; `failure` says what was wrong, or is empty."""

    policy: str
    seed: int
    accesses: int
    judged: int
    faults: int
    zaps: int
    moves: int
    refused: int
    failure: str


class Here(Executor):
    """Runs jobs at once and in this process, whatever number of processes it is given."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def submit(self, job: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run a job; return its result as something that has come already."""
        future: Future[Any] = Future()
        future.set_result(job(*arguments, **named))
        return future


def live(policy: str, seed: int, actions: int = ACTIONS) -> Life:
    """One town from its seed alone."""
    host = HostMemory(None, HOST_SIZE)
    device = Machine([Device(host, device_size=size) for size in (1 << 20, 1 << 17)])
    town = Town(host, seed, Progress(), policy=make(policy, NOTHING, Costs()), beside=True)
    order = random.Random(seed)

    def bus(where: BusRange | None) -> None:
        device.devices[0].bus_ranges = [] if where is None else [where]

    town.bus = bus
    for one in device.devices:
        one.memory[:] = np.random.default_rng(seed).integers(0, 256, one.memory.size, np.uint8)  # must never show
    guests = []
    failure = ""
    try:
        run(town.open(), device)
        guests = guests_of(town, PROCESSES)
        run_together([one.live(actions) for one in guests], device, order.randrange)
        run(town.close(guests), device)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    kinds = [type(event) for event in device.events]
    return Life(
        policy,
        seed,
        sum(one.accesses for one in guests),
        sum(oracle.reads for oracle in town.oracles),
        kinds.count(Fault),
        kinds.count(Zap),
        kinds.count(Readback) + kinds.count(Writeback),
        town.refused,
        failure,
    )


def shorter(life: Life) -> str:
    """A program that shows what is wrong with a life, run by itself from the root; of as few actions as still fail."""
    fewer = (1 << bit for bit in range(ACTIONS.bit_length()))
    actions = next((count for count in fewer if live(life.policy, life.seed, count).failure), ACTIONS)
    return "\n".join(
        (
            "import sys",
            "sys.path.insert(0, '')",
            "from tests.system.soak import live",
            f"sys.exit(live({life.policy!r}, {life.seed}, {actions}).failure or 0)",
        )
    )


def on_rtl(simulator: str, names: list[str], accesses: int, seed: int) -> list[Life]:
    """A town a policy on the RTL, with so many accesses in all. SimulationError when anything is wrong."""
    simulation = system(simulator)
    simulation.build()
    env = {"FAULTLINE_OPERATIONS": str(-(-accesses // len(names)))}
    cases = [f"programs/policy={list(STRATEGIES).index(name)}" for name in names]
    outcome = simulation.run("tests.system.bench_oracle", cases, env=env, seed=seed, run_name="oracle")
    found = json.loads((outcome.directory / "random.json").read_text(encoding="utf-8"))
    return [
        Life(
            policy,
            seed,
            one["operations"],
            one["judged"],
            one["events"].get("Fault", 0),
            one["events"].get("Zap", 0),
            one["events"].get("Readback", 0) + one["events"].get("Writeback", 0),
            one["refused"],
            "",
        )
        for policy, one in ((name, found[name]) for name in names)
    ]


def table_of(lives: list[Life], seconds: float, where: str) -> Table:
    """A row a policy."""
    table = Table(title=f"random programs before the oracle, on {where}, {seconds:.0f} s")
    table.add_column("policy")
    for name in ("programs", "accesses", "bytes judged", "faults", "zaps", "moves", "refused", "wrong"):
        table.add_column(name, justify="right")
    for policy in [*dict.fromkeys(life.policy for life in lives), ""]:
        mine = [life for life in lives if policy in ("", life.policy)]
        columns = [[getattr(life, name) for life in mine] for name in
                   ("accesses", "judged", "faults", "zaps", "moves", "refused")]  # fmt: skip
        table.add_row(
            policy or "all",
            f"{len(mine):,}",
            *(f"{sum(column):,}" for column in columns),
            str(sum(bool(life.failure) for life in mine)),
            end_section=not policy,
        )
    return table


class AskError(Exception):
    """A value that makes no sense. One line: the value and the cure."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    names: list[str]
    accesses: int
    seed: int
    jobs: int
    simulator: str


def parse(arguments: list[str] | None) -> Wish:
    """The command line. AskError for a value that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accesses", default="5000000", help="loads and stores in all (ACCESSES)")
    parser.add_argument("--seed", default="1", help="of the first town (SEED)")
    parser.add_argument("--policy", default="", help="one alone (POLICY)")
    parser.add_argument("--sim", default="", help="on the RTL in verilator or icarus (SIM); else the untimed device")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="processes at a time (JOBS)")
    options = parser.parse_args(arguments)
    names = [name for name in STRATEGIES if options.policy in ("", name)]
    if not names:
        raise AskError(f"unknown POLICY={options.policy}: use {', '.join(STRATEGIES)}")
    if options.sim not in ("", *SIMULATORS):
        raise AskError(f"unknown simulator SIM={options.sim}: use one of {', '.join(SIMULATORS)}")
    return Wish(
        names,
        _number("ACCESSES", options.accesses, 1, 10**12),
        _number("SEED", options.seed, 0, 2**31 - 1),
        _number("JOBS", options.jobs, 1, 1024),
        options.sim,
    )


def _number(name: str, word: str, least: int, most: int) -> int:
    if not (word.isascii() and word.isdecimal()) or not least <= int(word) <= most:
        raise AskError(f"{name}={word} is not possible: use {least} to {most}")
    return int(word)


def lives_of(wish: Wish, bar: Bar) -> list[Life]:
    """Towns on the untimed device, one seed after another under each policy, until it is enough or something fails."""
    task = bar.add_task("accesses", total=wish.accesses)
    lives, done = list[Life](), 0
    towns = ((name, seed) for seed in itertools.count(wish.seed) for name in wish.names)
    executor = ProcessPoolExecutor if wish.jobs > 1 else Here
    with executor(wish.jobs) as pool:
        jobs = set[Future[Life]]()
        while done < wish.accesses and not any(life.failure for life in lives):
            # One more than can run, so that nobody waits for work; at first no more than a town a policy.
            most = wish.jobs + 1 if lives else min(wish.jobs + 1, len(wish.names))
            jobs |= {pool.submit(live, *next(towns)) for _ in range(most - len(jobs))}
            ended, jobs = wait(jobs, return_when=FIRST_COMPLETED)
            lives += [job.result() for job in ended]
            done = sum(life.accesses for life in lives)
            bar.update(task, completed=done)
        lives += [job.result() for job in jobs]
    return lives


def main(arguments: list[str] | None = None) -> int:
    """Run until there have been enough accesses; return the exit status.

    0: nobody saw what it must not; 1: something is wrong; 2: bad input.
    """
    try:
        wish = parse(arguments)
    except AskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    began = time.monotonic()
    console = Console()
    console.width = max(console.width, 110)
    try:
        if wish.simulator:
            lives = on_rtl(wish.simulator, wish.names, wish.accesses, wish.seed)
        else:
            with Bar(console=console) as bar:
                lives = lives_of(wish, bar)
    except SimulationError as error:
        alone = f" POLICY={wish.names[0]}" if len(wish.names) == 1 else ""
        words = f"SIM={wish.simulator}{alone} SEED={wish.seed} ACCESSES={wish.accesses}"
        print(f"error: {error}", f"       make oracle {words}", sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted: no result, run make oracle again", file=sys.stderr)
        return 130
    where = f"the RTL in {wish.simulator}" if wish.simulator else "the untimed device"
    console.print(table_of(lives, time.monotonic() - began, where))
    failed = [life for life in lives if life.failure]
    for life in failed:
        print(f"error: {life.policy}, seed {life.seed}: {life.failure}", file=sys.stderr)
        print(f"       make oracle POLICY={life.policy} SEED={life.seed} ACCESSES=1", file=sys.stderr)
    if failed:
        print("in a shorter life, by itself in the root of the repository:", file=sys.stderr)
        print(shorter(failed[0]), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
