"""What a job leaves on disk: a line as each test begins and one as it ends, so that nothing done is ever lost.

Here are the journal's reader and the pytest plugin that writes it (`-p tb.regress.journal`).  The plugin also gives the
job's simulations a place of their own, and ends the session with everything it started once whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tb import simulation
from tb.regress.ran import DREW, FAILED, RAN

__all__ = ["Journal", "Result", "begun", "read"]

MOST_TEXT = 20_000
"""Characters of a failure's text that are kept, its last."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test with one seed.

    outcome: passed, failed, skipped, or error where the test did not get to its end.
    message: one line; text: the whole of a failure.
    ran, failed: cocotb's tests in its simulations.  drew: another seed would make another run.
    where: the directory of its simulations, relative to the regression's.
    """

    node: str
    seed: int
    outcome: str
    seconds: float
    message: str = ""
    text: str = ""
    ran: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    drew: bool = False
    host: str = ""
    where: str = ""

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Result:
        """The inverse of what the journal holds; TypeError for a line with other fields."""
        return cls(**{**entry, "ran": tuple(entry.get("ran", ())), "failed": tuple(entry.get("failed", ()))})

    def to_json(self) -> dict[str, Any]:
        """One line of the journal."""
        return asdict(self)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; the last one may have been cut short with its writer."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            yield entry


def read(path: Path) -> list[Result]:
    """The results in a journal, in the order in which the tests ended."""
    return [Result.from_json(entry) for entry in _lines(path) if "outcome" in entry]


def begun(path: Path) -> list[str]:
    """Nodes that began and have no result."""
    nodes = [entry["begins"] for entry in _lines(path) if "begins" in entry]
    ended = {result.node for result in read(path)}
    return [node for node in nodes if node not in ended]


@dataclass
class Journal:
    """The plugin's state: where it writes, for which seed, and the reports of the test under way."""

    path: Path
    seed: int
    host: str
    where: str
    reports: list[pytest.TestReport] = field(default_factory=list)

    def write(self, entry: dict[str, Any]) -> None:
        """Append one line and have it on disk."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self.reports = []
        self.write({"begins": nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Setup, call or teardown has ended."""
        self.reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has ended."""
        self.write(result_of(nodeid, self).to_json())


def result_of(nodeid: str, journal: Journal) -> Result:
    """What the reports of one test come to."""
    reports = journal.reports
    outcome, message, text = "passed", "", ""
    for report in reports:
        if report.outcome == "failed":
            outcome = "failed" if report.when == "call" else "error"
            crash = getattr(report.longrepr, "reprcrash", None)
            message = " ".join(str(crash.message if crash is not None else report.longrepr).split())[:500]
            text = report.longreprtext[-MOST_TEXT:]
            break
        if report.outcome == "skipped":
            outcome = "skipped"
            message = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
            if hasattr(report, "wasxfail"):
                outcome, message = "passed", f"fails as expected: {report.wasxfail}"
    properties = reports[-1].user_properties if reports else []
    return Result(
        nodeid,
        journal.seed,
        outcome,
        round(sum(report.duration for report in reports), 3),
        message.removeprefix("Skipped: "),
        text,
        tuple(dict.fromkeys(str(value) for name, value in properties if name == RAN)),
        tuple(dict.fromkeys(str(value) for name, value in properties if name == FAILED)),
        any(name == DREW for name, _ in properties),
        journal.host,
        journal.where,
    )


def _end_with(lifeline: int) -> None:
    """Wait for the other end of a pipe to close, then end this process and everything below it at once."""
    while os.read(lifeline, 1):
        pass
    for process in _below(os.getpid()):
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:  # it has just ended by itself
            continue
    os._exit(1)


def _below(parent: int) -> list[int]:
    """Process ids of all descendants, where /proc tells them; simulations have sessions of their own."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found, todo = [], [parent]
    while todo:
        here = todo.pop()
        children = [process for process, above in parents.items() if above == here]
        found += children
        todo += children
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Given by tb/regress/worker.py alone."""
    group = parser.getgroup("regress")
    group.addoption("--journal", type=Path, help="file that gets a line as each test begins and ends")
    group.addoption("--journal-seed", type=int, default=1)
    group.addoption("--journal-host", default="")
    group.addoption("--runs", type=Path, help="directory of this session's simulations")
    group.addoption("--lifeline", type=int, help="descriptor of a pipe: when its other end closes, the session ends")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to write, simulate in a place of our own, hang on the lifeline."""
    option = config.option
    if option.lifeline is not None:
        os.set_inheritable(option.lifeline, False)
        threading.Thread(target=_end_with, args=(option.lifeline,), daemon=True, name="lifeline").start()
    if option.runs is not None:
        simulation.RUNS = option.runs
    if option.journal is not None:
        where = option.runs.name if option.runs is not None else ""
        journal = Journal(option.journal, option.journal_seed, option.journal_host, where)
        journal.write({"opened": time.time(), "process": os.getpid()})
        config.pluginmanager.register(journal, "journal")
