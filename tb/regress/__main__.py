"""`python -m tb.regress`, or `make regress`: run, tell, and exit with 0 only if everything passed and the plan ran.

Exit status 1: a test failed, or a point of the plan did not run.  2: the regression could not be run as asked.  130: it
was interrupted.  After 2 and 130 the same command goes on where it stopped, as long as no source has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tb.disk import unwritable
from tb.regress import plan
from tb.regress.cluster import KINDS, check_scheduler, connected, parse_scheduler
from tb.regress.collect import Node, RegressError, gather, paths_of, reproduce, sources_key
from tb.regress.journal import Result
from tb.regress.page import page
from tb.regress.run import Regression, lost_attempts
from tb.regress.summary import Summary, junit, to_json
from tb.toolchain import ROOT, SIMULATORS, WIDTHS

__all__ = ["Wish", "main", "parse"]

SIGN_OF_LIFE_S = 20.0
"""Seconds between two lines where there is no terminal to draw a bar on."""
KEPT = 2
"""Directories of earlier regressions that are kept."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for, checked. simulator "" and width 0: all of them."""

    paths: tuple[str, ...]
    seeds: tuple[int, ...]
    simulator: str
    width: int
    jobs: int
    scheduler: str
    coverage: bool
    resume: bool
    root: Path = ROOT

    @property
    def build(self) -> Path:
        """Where everything goes."""
        return self.root / "sim_build" / "regress"

    @property
    def whole(self) -> bool:
        """Nothing is left out."""
        return self.paths == ("tests",) and not self.simulator and not self.width

    def takes(self, node: Node) -> bool:
        """Whether a test is asked for: one that depends on no simulator, or no width, always is."""
        return node.simulator in ("", self.simulator or node.simulator) and node.width in (0, self.width or node.width)


def parse(arguments: Sequence[str] | None, root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> Wish:
    """The command line, for a repository.  RegressError for a value that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tb.regress", description="Every test, many seeds, many machines.")
    parser.add_argument("--tests", default="tests", help="files, folders or tests, by spaces or commas (TESTS)")
    parser.add_argument("--seeds", default="", help="how many seeds (SEEDS), from COCOTB_RANDOM_SEED on; 1 unless told")
    parser.add_argument("--sim", default="", help="one simulator alone (SIM)")
    parser.add_argument("--width", default="", help="one data width alone, in bits (WIDTH)")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="worker processes to start (JOBS)")
    parser.add_argument("--scheduler", default="", help="local, tcp://HOST:PORT, slurm or lsf (SCHEDULER)")
    parser.add_argument("--coverage", action="store_true", help="gather coverage and merge it (COVERAGE=1)")
    parser.add_argument("--anew", action="store_true", help="do not go on with one that was interrupted (RESUME=0)")
    options = parser.parse_args(arguments)
    first = _number("COCOTB_RANDOM_SEED", environment.get("COCOTB_RANDOM_SEED") or "1", 0)
    count = _number("SEEDS", options.seeds or "1", 1)
    if options.sim not in ("", *SIMULATORS):
        raise RegressError(f"unknown simulator SIM={options.sim}: use one of {', '.join(SIMULATORS)}")
    if options.width not in ("", *map(str, WIDTHS)):
        raise RegressError(f"WIDTH={options.width}: use one of {', '.join(map(str, WIDTHS))}")
    return Wish(
        tuple(paths_of(options.tests, root)),
        tuple(range(first, first + count)),
        options.sim,
        int(options.width or 0),
        _number("JOBS", options.jobs, 1),
        parse_scheduler(options.scheduler),
        options.coverage,
        not options.anew,
        root,
    )


def _number(name: str, word: str, least: int) -> int:
    if not word.strip().isdecimal() or int(word) < least:
        raise RegressError(f"{name}={word} is not possible: give a whole number of at least {least}")
    return int(word)


@contextlib.contextmanager
def _own(directory: Path, *, resume: bool) -> Iterator[None]:
    """This regression's directory: emptied where the last one of this kind got through, and locked meanwhile."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RegressError(f"this regression is under way already, in {directory}: wait for it") from None
        if not resume or (directory / "finished").exists():
            shutil.rmtree(directory, ignore_errors=True)
        for name in ("jobs", "runs", "logs", "dask"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        others = [path for path in directory.parent.iterdir() if path != directory and (path / "jobs").is_dir()]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            _forget(path)
        yield


def _forget(directory: Path) -> None:
    """Remove an earlier regression, unless it is under way."""
    with directory.with_suffix(".lock").open("w") as stream, contextlib.suppress(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)


class _Told:
    """What the user sees while it runs: a bar, or a line now and then, and each failure with its command."""

    def __init__(self, console: Console, regression: Regression) -> None:
        self.console, self.regression = console, regression
        self.failed = 0
        self.last = time.monotonic()
        columns = (TextColumn("regression"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))
        self.bar = Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task("", words="")

    def result(self, result: Result) -> None:
        """One more is there."""
        if result.outcome in ("failed", "error"):
            self.failed += 1
            words = f"{result.outcome}: {result.node} seed {result.seed}: {result.message[:200]}"
            for line in (words, f"  {reproduce(result.node, result.seed)}"):
                self.console.print(line, highlight=False, markup=False, soft_wrap=True)
        self.tick()

    def tick(self) -> None:
        """Show where it stands."""
        done, total = len(self.regression.results), self.regression.expected
        words = f"{self.failed} failed, workers: {self.regression.workers}"
        self.bar.update(self.task, completed=done, total=total, words=words)
        if not self.console.is_terminal and time.monotonic() - self.last > SIGN_OF_LIFE_S:
            self.last = time.monotonic()
            self.console.print(f"  {done} of {total} tests, {words}", highlight=False, markup=False, soft_wrap=True)


def _seconds(build: Path) -> dict[str, float]:
    """How long each test took when it last ran."""
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, float] = json.loads((build / "seconds.json").read_text(encoding="utf-8"))
        return known
    return {}


def _write(path: Path, text: str) -> None:
    """Replace a report as a whole."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _merge_coverage(root: Path, runs: Path, console: Console) -> bool:
    """Merge what the runs left (coverage.dat, functional.json), with tb.cov; False where it did not end well."""
    count = sum(1 for name in ("coverage.dat", "functional.json") for _ in runs.rglob(name))
    if importlib.util.find_spec("tb.cov") is None:
        words = f"coverage: {count} files under {runs.relative_to(root)}, and no tb.cov to merge them"
        console.print(words, highlight=False, soft_wrap=True)
        return True
    return subprocess.run([sys.executable, "-m", "tb.cov", str(runs)], cwd=root, check=False).returncode == 0


def regress(wish: Wish, console: Console) -> int:
    """Run what is asked for and write the reports; the exit status."""
    began = time.monotonic()
    root, build = wish.root, wish.build
    check_scheduler(wish.scheduler)
    points = plan.load(root)
    seconds = _seconds(build)
    asked = (wish.paths, wish.seeds, wish.simulator, wish.width, wish.coverage)
    directory = build / sources_key(root, *asked)
    with _own(directory, resume=wish.resume):
        nodes = [node for node in gather(wish.paths, directory / "tests.json", root) if wish.takes(node)]
        if not nodes:
            raise RegressError(f"no test is left of TESTS={' '.join(wish.paths)} with this SIM and WIDTH: ask for more")
        environment = {"FAULTLINE_COVERAGE": "1"} if wish.coverage else {}
        regression = Regression(nodes, wish.seeds, directory, root, environment, seconds)
        told = _Told(console, regression)
        regression.told = told.result
        resumed = regression.resume()
        if resumed:
            console.print(f"going on: {resumed} results are there already", highlight=False)
        with told.bar, connected(wish.scheduler, wish.jobs, directory) as client:
            regression.run(client, told.tick, own_workers=wish.scheduler in KINDS)
            told.tick()
        (directory / "finished").touch()
        results = sorted(regression.results.values(), key=lambda result: (result.node, result.seed))
        took_each = {result.node: result.seconds for result in results}
        _write(build / "seconds.json", json.dumps({**seconds, **took_each}))
        took = time.monotonic() - began
        hosts = sorted({result.host for result in results if result.host})
        facts = {
            "ended": time.strftime("%Y-%m-%d %H:%M:%S"),
            "took": f"{took:.0f} s, tests {sum(result.seconds for result in results):.0f} s"
            + (f", {resumed} results of before" if resumed else ""),
            "tests": " ".join(wish.paths),
            "seeds": f"{wish.seeds[0]} to {wish.seeds[-1]}" if len(wish.seeds) > 1 else str(wish.seeds[0]),
            "scheduler": wish.scheduler + (f", {wish.jobs} workers" if wish.scheduler in KINDS else ""),
            "machines": ", ".join(hosts),
            "directory": directory.relative_to(root).as_posix(),
        }
        told_of = {node.id: node for node in nodes}
        summary = Summary(results, told_of, points, wish.whole, lost_attempts(directory), facts)
        _write(build / "junit.xml", junit(summary))
        _write(build / "index.html", page(summary))
        _write(build / "results.json", json.dumps(to_json(summary), indent=1) + "\n")
        covered = not wish.coverage or _merge_coverage(root, directory / "runs", console)
    return _conclude(summary, console, took, (build / "index.html").relative_to(root)) if covered else 1


def _conclude(summary: Summary, console: Console, took: float, where: Path) -> int:
    """The last lines, and the exit status."""
    if summary.whole:
        for state in summary.states():
            for name in state.absent:
                console.print(f"{state.point.id}: {name} did not run", highlight=False, markup=False, soft_wrap=True)
    totals = summary.totals
    counted = ", ".join(f"{totals[word]} {word}" for word in ("passed", "failed", "error", "skipped") if totals[word])
    lost = f", {summary.lost} attempts lost with a worker" if summary.lost else ""
    console.print(f"{counted}{lost}, {took:.0f} s; {where}, junit.xml", highlight=False, markup=False, soft_wrap=True)
    return 0 if summary.good else 1


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the regression of a repository; the exit status."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.default_int_handler)
    try:
        return regress(parse(arguments, root), Console())
    except (RegressError, plan.PlanError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {unwritable(error, root / 'sim_build')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted: what has ended is kept, the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
