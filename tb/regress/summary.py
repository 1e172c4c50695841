"""What a regression comes to: totals, matrix of simulator, width and seed, failures, points of the plan, JUnit XML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from tb.regress.collect import Node, reproduce
from tb.regress.journal import Result
from tb.regress.plan import Point
from tb.regress.ran import names_of

__all__ = ["Cell", "PointState", "Summary", "junit", "to_json"]

Cell = tuple[str, int, int]
"""(simulator, width in bits, seed); "" and 0 where a test depends on none."""


@dataclass(frozen=True, slots=True)
class PointState:
    """A point of the plan with what came of its tests: those that failed and those that did not run."""

    point: Point
    failed: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def word(self) -> str:
        """passed, failed, or not run where at least one of its tests did not."""
        return "failed" if self.failed else "not run" if self.absent else "passed"


@dataclass(frozen=True)
class Summary:
    """The results of a regression and what was asked.

    whole: nothing was left out, so each point of the plan must have run.
    lost: attempts at a job that ended with their worker.  facts: what the page shows as it is (name -> words).
    """

    results: Sequence[Result]
    nodes: Mapping[str, Node]
    points: Sequence[Point]
    whole: bool
    lost: int
    facts: Mapping[str, str]

    @property
    def totals(self) -> Counter[str]:
        """How many results there are of each outcome."""
        return Counter(result.outcome for result in self.results)

    @property
    def failures(self) -> list[Result]:
        """Results that are neither passed nor skipped."""
        return [result for result in self.results if result.outcome in ("failed", "error")]

    def matrix(self) -> dict[Cell, Counter[str]]:
        """Outcomes by simulator, width and seed."""
        cells: dict[Cell, Counter[str]] = {}
        for result in self.results:
            node = self.nodes[result.node]
            cells.setdefault((node.simulator, node.width, result.seed), Counter())[result.outcome] += 1
        return cells

    def states(self) -> list[PointState]:
        """Each point of the plan with the state of its tests."""
        ran: set[str] = set()
        failed: set[str] = set()
        for result in self.results:
            if result.outcome != "skipped":
                ran |= names_of(result.node) | set(result.ran)
            failed |= set(result.failed) | (names_of(result.node) if result.outcome in ("failed", "error") else set())
        return [
            PointState(
                point,
                tuple(test for test in point.tests if test in failed),
                tuple(test for test in point.tests if test not in ran),
            )
            for point in self.points
        ]

    @property
    def good(self) -> bool:
        """Everything passed, something did, and where nothing was left out every point of the plan ran."""
        complete = not self.whole or not any(state.absent for state in self.states())
        return bool(self.totals["passed"]) and not self.failures and complete


def to_json(summary: Summary) -> dict[str, Any]:
    """What results.json holds."""
    return {
        "facts": dict(summary.facts),
        "totals": dict(summary.totals),
        "good": summary.good,
        "whole": summary.whole,
        "lost_attempts": summary.lost,
        "points": [
            {"id": state.point.id, "state": state.word, "failed": state.failed, "not_run": state.absent}
            for state in summary.states()
        ],
        "failures": [
            {"test": result.node, "seed": result.seed, "message": result.message,
             "reproduce": reproduce(result.node, result.seed)}
            for result in summary.failures
        ],
        "results": [
            {key: value for key, value in result.to_json().items() if key != "text"} for result in summary.results
        ],
    }  # fmt: skip


def junit(summary: Summary) -> str:
    """JUnit XML: a suite for each simulator, width and seed; the command that reproduces a failure is in its text."""
    root = ElementTree.Element("testsuites", name="faultline")
    suites: dict[Cell, ElementTree.Element] = {}
    for result in summary.results:
        node = summary.nodes[result.node]
        cell = (node.simulator, node.width, result.seed)
        words = [node.simulator or "no simulator", f"{node.width} bit" if node.width else "", f"seed {result.seed}"]
        if cell not in suites:
            suites[cell] = ElementTree.SubElement(root, "testsuite", name=", ".join(filter(None, words)))
        path, _, name = result.node.partition("::")
        case = ElementTree.SubElement(
            suites[cell], "testcase", classname=path.removesuffix(".py").replace("/", "."),
            name=f"{_clean(name)} seed {result.seed}", file=path, time=f"{result.seconds:.3f}",
        )  # fmt: skip
        if result.outcome == "skipped":
            ElementTree.SubElement(case, "skipped", message=_clean(result.message))
        elif result.outcome != "passed":
            kind = "failure" if result.outcome == "failed" else "error"
            problem = ElementTree.SubElement(case, kind, message=_clean(result.message))
            problem.text = _clean(f"{reproduce(result.node, result.seed)}\n\n{result.text}")
    for suite in suites.values():
        suite.set("tests", str(len(suite)))
        for kind in ("failure", "error", "skipped"):
            suite.set(kind if kind == "skipped" else f"{kind}s", str(len(suite.findall(f"testcase/{kind}"))))
        suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without what XML has no place for."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
