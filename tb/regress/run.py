"""Hands out the jobs and gathers their results, whatever happens to the workers meanwhile.

A test's first seed tells whether it draws on it; only then are its other seeds handed out.  What an earlier regression
of the same sources left in its journals when it was interrupted is taken as it is.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tb.regress import worker
from tb.regress.collect import Job, Node, RegressError, batches
from tb.regress.journal import Result, begun, read
from tb.toolchain import ROOT

__all__ = ["Regression", "earlier", "lost_attempts"]

RETRIES = 2
"""How often a job is handed out anew after Dask gave up on it, because each worker that had it was lost."""
JOB_LIMIT_S = 3600.0
"""Seconds after which a job that does not end is ended, and its tests are errors."""
ASK_S = 3.0
"""Seconds between two questions for the number of workers."""
LOST_S = 60.0
"""Seconds without a scheduler, or at an address without a worker, after which the regression stops."""

_UNSET = (
    *("COCOTB_", "COVERAGE", "DASK_", "FAULTLINE_", "MAKE", "MFLAGS", "PYTEST_"),
    *("BLOCK", "IMAGE", "JOBS", "MODULE", "PROOF", "SCHEDULER", "SEEDS", "SIM", "TESTS", "WAVES", "WIDTH"),
)
"""Beginnings of variables that a worker's environment may have and a job must not."""
_PASSED_ON = (
    *("HYPOTHESIS_STORAGE_DIRECTORY", "MPLCONFIGDIR", "PYTHONPYCACHEPREFIX", "TMPDIR", "YOWASP_CACHE_DIR"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CI"),
)


def earlier(directory: Path) -> dict[tuple[str, int], Result]:
    """Every result in the journals of a regression, by test and seed; the first where a test was run twice."""
    found: dict[tuple[str, int], Result] = {}
    for path in sorted((directory / "jobs").glob("*/*.jsonl")):
        for result in read(path):
            found.setdefault((result.node, result.seed), result)
    return found


def lost_attempts(directory: Path) -> int:
    """How many processes were cut short with their worker: those in whose journal a test began and did not end."""
    return sum(bool(begun(path)) for path in (directory / "jobs").glob("*/*.jsonl"))


@dataclass
class Regression:
    """One regression: `nodes` with `seeds`, on the workers of a client, into a directory.

    root: the repository.  environment: further variables of each job.  seconds: how long tests took when they last ran.
    told: called with each result that came, in the order in which they come.
    """

    nodes: Sequence[Node]
    seeds: Sequence[int]
    directory: Path
    root: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    told: Callable[[Result], None] = lambda result: None
    results: dict[tuple[str, int], Result] = field(default_factory=dict)
    expected: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        self._nodes = {node.id: node for node in self.nodes}
        self._ended: queue.SimpleQueue[tuple[Job, Any]] = queue.SimpleQueue()
        self._given_up: dict[str, int] = {}
        self._open: dict[str, Any] = {}
        self._stranded: list[Job] = []
        self.expected = sum(len(self.seeds) if node.chance else 1 for node in self.nodes)

    def resume(self) -> int:
        """Take what is in the journals of this directory; returns how many results that is."""
        for (node, seed), result in earlier(self.directory).items():
            if node in self._nodes and seed in self.seeds and (node, seed) not in self.results:
                self._take(result)
        return len(self.results)

    def wanted(self) -> list[Job]:
        """Jobs for everything that can be handed out now and has no result."""
        first = self.seeds[0]
        known = [node for node in self.nodes if (node.id, first) in self.results]
        jobs = batches([node for node in self.nodes if (node.id, first) not in self.results], first, self.seconds)
        for node_seeds in self.seeds[1:]:
            again = [node for node in known if self._again(node, node_seeds)]
            jobs += batches(again, node_seeds, self.seconds)
        return jobs

    def _again(self, node: Node, seed: int) -> bool:
        return self.results[node.id, self.seeds[0]].drew and (node.id, seed) not in self.results

    def _take(self, result: Result) -> None:
        if (result.node, result.seed) in self.results:
            return
        self.results[result.node, result.seed] = result
        if result.seed == self.seeds[0]:
            guessed = self._nodes[result.node].chance
            self.expected += (len(self.seeds) - 1) * (result.drew - guessed)
        self.told(result)

    def run(self, client: Any, tick: Callable[[], None] = lambda: None, *, own_workers: bool = True) -> None:
        """Hand out jobs until everything has a result.

        tick: called about once a second. own_workers: workers will come by themselves (this machine, Slurm, LSF).
        Raises RegressError where the scheduler is lost, or where an address has no workers for LOST_S.
        """
        import cloudpickle

        cloudpickle.register_pickle_by_value(worker)
        for job in self.wanted():
            self._submit(client, job)
        address = client.scheduler.address
        absent = time.monotonic()
        asked = 0.0
        while self._open or self._stranded:
            with contextlib.suppress(queue.Empty):
                job, future = self._ended.get(timeout=0.5)
                self._end(client, job, future)
            if client.status == "running" and time.monotonic() - asked > ASK_S:
                self.workers, asked = _workers(client), time.monotonic()
            tick()
            while client.status == "running" and self._stranded:
                self._submit(client, self._stranded.pop())
            if client.status == "running" and (self.workers or own_workers):
                absent = time.monotonic()
            elif time.monotonic() - absent > LOST_S or client.status in ("closed", "closing"):
                what = "no worker at" if client.status == "running" else "lost the scheduler at"
                raise RegressError(f"{what} {address}: start it again, and the same command goes on from here")

    def _submit(self, client: Any, job: Job) -> None:
        key = f"{job.name}.{time.time_ns()}"
        future: Any = client.submit(worker.run_job, self._order(job), key=key, pure=False, priority=job.seconds)
        self._open[job.name] = future  # a future that nobody holds is forgotten
        future.add_done_callback(lambda _: self._ended.put((job, future)))

    def _order(self, job: Job) -> dict[str, Any]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            "root": str(self.root),
            "python": sys.executable,
            "name": job.name,
            "tests": [node.id for node in job.nodes],
            "seed": job.seed,
            "directory": str(self.directory),
            "environment": {**passed_on, **self.environment, "COCOTB_RANDOM_SEED": str(job.seed)},
            "unset": list(_UNSET),
            "timeout_s": JOB_LIMIT_S,
        }

    def _end(self, client: Any, job: Job, future: Any) -> None:
        del self._open[job.name]
        if future.status == "finished":
            self._gather(job, future.result()["entries"])
        elif future.status == "error" and not isinstance(future.exception(), _killed()):
            self._fail(job, f"{type(future.exception()).__name__}: {future.exception()}")
        elif future.status == "cancelled":
            self._stranded.append(job)  # the scheduler has forgotten it, most likely with its life
        elif self._given_up.setdefault(job.name, 0) < RETRIES:
            self._given_up[job.name] += 1
            self._submit(client, job)
        else:
            self._fail(job, f"each worker that had it was lost, {RETRIES + 1} times over")
        if job.name not in self._open and job not in self._stranded:
            for following in self._following(job):
                self._submit(client, following)

    def _gather(self, job: Job, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            self._take(Result.from_json(entry))

    def _fail(self, job: Job, why: str) -> None:
        """Results for what the job did not do; they are not in a journal, so that another regression tries again."""
        done = earlier(self.directory)
        for node in job.nodes:
            missing = Result(node.id, job.seed, "error", 0.0, " ".join(why.split())[:500])
            self._take(done.get((node.id, job.seed), missing))

    def _following(self, job: Job) -> list[Job]:
        """Jobs for the other seeds of a job's tests, once their first has told that they draw on it."""
        if job.seed != self.seeds[0]:
            return []
        return [
            following
            for seed in self.seeds[1:]
            for following in batches([node for node in job.nodes if self._again(node, seed)], seed, self.seconds)
        ]


def _killed() -> type[BaseException]:
    import distributed

    killed: type[BaseException] = distributed.KilledWorker
    return killed


def _workers(client: Any) -> int:
    """How many workers the scheduler has, as the client last heard."""
    with contextlib.suppress(Exception):  # the scheduler may be gone in this very moment
        return len(client.scheduler_info(n_workers=-1)["workers"])
    return 0
