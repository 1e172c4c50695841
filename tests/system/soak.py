"""`python -m tests.system.soak`: random programs of several processes under every policy, before the oracle.

Each town is a driver with one policy on the untimed device, two buffers and three processes that run as threads in a
random order. A wrong read, a lost write, a leftover or an exception ends the run with the one command that repeats it.
With `--sim` the same programs run on the RTL (`bench_oracle`), one town a policy, as cocotb tasks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from models.costs import Costs
from models.device import Device
from models.events import Fault, Readback, Writeback, Zap
from models.memory import HostMemory
from models.perform import run, run_together
from models.workload.strategies import STRATEGIES, make
from tb.sim_top import system
from tb.simulation import SimulationError
from tests.system.driver_activity import HOST_SIZE, NOTHING, Town
from tests.system.random_cases import Progress

__all__ = ["Here", "Life", "live", "main"]

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
    device = Device(HostMemory(None, HOST_SIZE), device_size=1 << 20)
    town = Town(device.host, seed, Progress(), policy=make(policy, NOTHING, Costs()))
    order = np.random.default_rng([seed, PROCESSES])
    guests = []
    failure = ""
    try:
        run(town.open(), device)
        guests = town.guests(PROCESSES)
        run_together([one.live(actions) for one in guests], device, lambda count: int(order.integers(count)))
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


def on_rtl(simulator: str, accesses: int, seed: int) -> list[Life]:
    """A town a policy on the RTL, with so many accesses in all. SimulationError when anything is wrong."""
    simulation = system(simulator)
    simulation.build()
    env = {"FAULTLINE_OPERATIONS": str(-(-accesses // len(STRATEGIES)))}
    outcome = simulation.run("tests.system.bench_oracle", env=env, seed=seed, run_name="oracle")
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
        for policy, one in found.items()
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


def main(arguments: list[str] | None = None) -> int:
    """Run until there have been enough accesses; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accesses", type=int, default=5_000_000, help="loads and stores in all (ACCESSES)")
    parser.add_argument("--seed", type=int, default=1, help="of the first town (SEED)")
    parser.add_argument("--policy", default="", help="one alone (POLICY)")
    parser.add_argument("--sim", default="", help="on the RTL in verilator or icarus (SIM); else the untimed device")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time (JOBS)")
    options = parser.parse_args(arguments)
    names = [name for name in STRATEGIES if options.policy in ("", name)]
    if not names or options.accesses < 1 or options.jobs < 1:
        known = ", ".join(STRATEGIES)
        print(f"error: POLICY, ACCESSES and JOBS: one of {known}; both numbers from 1 on", file=sys.stderr)
        return 2
    began, lives, seed = time.monotonic(), list[Life](), options.seed
    console = Console()
    console.width = max(console.width, 110)
    if options.sim:
        try:
            lives = on_rtl(options.sim, options.accesses, options.seed)
        except SimulationError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        console.print(table_of(lives, time.monotonic() - began, f"the RTL in {options.sim}"))
        return 0
    executor = ProcessPoolExecutor if options.jobs > 1 else Here
    with executor(options.jobs) as pool, Bar(console=console) as bar:
        task = bar.add_task("accesses", total=options.accesses)
        done = 0
        while done < options.accesses and not any(life.failure for life in lives):
            jobs = [pool.submit(live, name, seed) for name in names]
            seed += 1
            for job in as_completed(jobs):
                lives.append(job.result())
                done += lives[-1].accesses
                bar.update(task, completed=done)
    console.print(table_of(lives, time.monotonic() - began, "the untimed device"))
    for life in lives:
        if life.failure:
            print(f"error: {life.policy}, seed {life.seed}: {life.failure}")
            print(f"       make oracle POLICY={life.policy} SEED={life.seed} ACCESSES=1")
    return 1 if any(life.failure for life in lives) else 0


if __name__ == "__main__":
    sys.exit(main())
