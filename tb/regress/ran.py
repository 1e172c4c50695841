"""A pytest plugin, part of every session: it notes which tests ran, cocotb's in the simulations too.

At the end of a whole session (`make test` without a filter) what ran is compared with the plan: a test that the plan
names and that did not run fails the session.  Where it was skipped because a tool is missing it is only listed, unless
CI=true.  A session of a part of the tests says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tb import simulation
from tb.regress import plan

__all__ = ["DREW", "FAILED", "RAN", "Tally", "Watch", "did_not_run"]

RAN, FAILED, DREW = "cocotb ran", "cocotb failed", "drew on the seed"
"""Names of a report's user properties: cocotb tests that ran, those that failed, and whether another seed matters."""


@dataclass
class Tally:
    """What ran, by the names that a plan uses, and why what was skipped was skipped."""

    ran: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, nodeid: str, properties: Iterable[tuple[str, object]]) -> None:
        """A test that ran, whatever came of it, with its user properties."""
        self.ran |= names_of(nodeid) | {str(value) for name, value in properties if name == RAN}

    def skip(self, nodeid: str, reason: str) -> None:
        """A test that did not run."""
        self.skipped |= dict.fromkeys(names_of(nodeid), reason)


def names_of(nodeid: str) -> set[str]:
    """A node's names in a plan: the function's, alone and behind its file's."""
    path, _, rest = nodeid.partition("::")
    function = rest.partition("[")[0].rpartition("::")[2]
    return {function, f"{Path(path).stem}.{function}"}


def did_not_run(points: Iterable[plan.Point], tally: Tally) -> list[tuple[str, str]]:
    """(point: test, why it was skipped or nothing) for each test of the plan that did not run."""
    return [
        (f"{point.id}: {test}", tally.skipped.get(test, ""))
        for point in points
        for test in point.tests
        if test not in tally.ran
    ]


class Watch:
    """The plugin; tests/conftest.py registers it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.item: pytest.Item | None = None
        self.tally = Tally()
        self.deselected = False
        self.missing: list[tuple[str, str]] = []
        self.complaint = ""
        simulation.observers.append(self._simulated)

    def pytest_unconfigure(self) -> None:
        """Stop listening to simulations."""
        simulation.observers.remove(self._simulated)

    def _simulated(self, ran: simulation.Ran) -> None:
        if self.item is None:
            return
        properties = self.item.user_properties
        properties += [(RAN, f"{ran.bench}.{name}") for name, _ in ran.tests]
        properties += [(FAILED, f"{ran.bench}.{name}") for name, passed in ran.tests if not passed]
        if ran.drew:
            properties.append((DREW, "yes"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Simulations belong to the test that is under way, and so does hypothesis."""
        self.item = item
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.user_properties.append((DREW, "yes"))
        try:
            return (yield)
        finally:
            self.item = None

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Somebody asked for less; what is left to `make regress` does not count."""
        self.deselected |= any(item.get_closest_marker("regress") is None for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what ran; with several processes this is called in the one that gathers."""
        if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped"
            self.tally.skip(report.nodeid, reason.removeprefix("Skipped: "))
        elif report.when == "call":
            self.tally.add(report.nodeid, report.user_properties)

    def whole(self, session: pytest.Session, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether this session was to run every test, and got through."""
        option = self.config.option
        asked = [(self.config.rootpath / path).resolve() for path in self.config.args]
        return not (
            hasattr(self.config, "workerinput")
            or asked != [self.config.rootpath / "tests"]
            or option.keyword or option.markexpr or option.collectonly or getattr(option, "lf", False)
            or self.deselected or environment.get("SIM")
            or session.shouldstop or session.shouldfail
        )  # fmt: skip

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Compare with the plan after a whole session."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not self.whole(session):
            return
        try:
            self.missing = did_not_run(plan.load(self.config.rootpath), self.tally)
        except plan.PlanError as error:
            self.complaint = str(error)
        excused = os.environ.get("CI", "") != "true"
        if self.complaint or any(not (reason and excused) for _, reason in self.missing):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what did not run."""
        if self.complaint:
            terminalreporter.write_line(f"error: {self.complaint}", red=True)
        if self.missing:
            terminalreporter.write_sep("=", "tests of docs/testplan.yaml that did not run", red=True)
        for name, reason in self.missing:
            terminalreporter.write_line(f"{name} did not run{': ' + reason if reason else ''}")
