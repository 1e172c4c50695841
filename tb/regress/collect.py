"""Which tests there are, on which simulator and at which width each runs, and how they are put together into jobs.

pytest itself says which: `python -m tb.regress.collect` gathers in a process of its own and writes what it found.
Simulator and width are a test's parameters; a test that has none depends on none and is not repeated for them.  Whether
another seed makes another run is known once the first has run (see tb/regress/ran.py), and guessed here for the total.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tb.toolchain import ROOT, SIMULATORS, WIDTHS, digest

__all__ = ["JOB_S", "Job", "Node", "RegressError", "batches", "gather", "main", "paths_of", "reproduce", "sources_key"]

JOB_S = 20.0
"""Seconds that a job should take: starting pytest costs one to three, and a lost worker loses one test at the most."""
GUESS_S = {True: 5.0, False: 0.3}
"""Seconds of a test that never ran: of one that simulates, and of another."""
"""Data widths of the bus, in bits: a parameter data_w, data_width or width that is one of them is the test's width."""


class RegressError(Exception):
    """The regression cannot be run as asked.  One line: what, where and the cure."""


@dataclass(frozen=True, slots=True)
class Node:
    """One test of pytest's with its parameters. simulator, width: "" and 0 where it depends on none."""

    id: str
    simulator: str
    width: int
    chance: bool
    """Whether it is likely to draw on the seed."""


@dataclass(frozen=True, slots=True)
class Job:
    """Tests that one process runs, on one simulator, at one width, with one seed."""

    nodes: tuple[Node, ...]
    seed: int
    seconds: float

    @property
    def name(self) -> str:
        """A name for files: what it is and a hash of its tests."""
        first = self.nodes[0]
        parts = (Path(first.id.partition("::")[0]).stem, first.simulator, str(first.width or ""), f"seed{self.seed}")
        return ".".join([*filter(None, parts), digest([], [node.id for node in self.nodes])])


def paths_of(words: str, root: Path = ROOT) -> list[str]:
    """What TESTS names, by spaces or commas outside of brackets.  RegressError for a path that does not exist."""
    paths = re.findall(r"(?:\[[^\]]*\]|[^\s,\[])+", words) or ["tests"]
    for path in paths:
        if not (root / path.partition("::")[0]).exists():
            raise RegressError(f"no tests at TESTS={path}: name files or folders under tests")
    return paths


def gather(paths: Sequence[str], target: Path, root: Path = ROOT) -> list[Node]:
    """Every test under the paths, what is for the regression alone too.  RegressError where pytest cannot gather.

    target: file for what pytest found.
    """
    command = [sys.executable, "-m", "tb.regress.collect", "--output", str(target), *paths]
    clean = {name: value for name, value in os.environ.items() if name not in ("SIM", "PYTEST_ADDOPTS")}
    target.unlink(missing_ok=True)
    result = subprocess.run(command, cwd=root, env=clean, capture_output=True, text=True, check=False)
    if result.returncode or not target.is_file():
        lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("E  ", "ERROR"))] or lines[-1:] or ["nothing was printed"]
        raise RegressError(f"pytest cannot gather {' '.join(paths)}: {' '.join(telling[0].split())[:300]}")
    return [Node(**entry) for entry in json.loads(target.read_text(encoding="utf-8"))]


def batches(nodes: Iterable[Node], seed: int, seconds: Mapping[str, float]) -> list[Job]:
    """Jobs of about JOB_S for some tests with one seed; what takes longest first.

    seconds: how long a test took when it last ran, by its id.
    """
    groups: dict[tuple[str, int], list[Node]] = {}
    for node in nodes:
        groups.setdefault((node.simulator, node.width), []).append(node)
    jobs: list[Job] = []
    for group in groups.values():
        batch: list[Node] = []
        total = 0.0
        for node in group:
            took = seconds.get(node.id, GUESS_S[bool(node.simulator)])
            if batch and total + took > JOB_S:
                jobs.append(Job(tuple(batch), seed, total))
                batch, total = [], 0.0
            batch.append(node)
            total += took
        jobs.append(Job(tuple(batch), seed, total))
    return sorted(jobs, key=lambda job: -job.seconds)


def reproduce(node: str, seed: int) -> str:
    """The command that runs one test again, for pasting into a shell in the repository.

    Where the name has characters that neither make nor a shell leaves alone, it runs all cases of its function.
    """
    target = node if re.fullmatch(r"[\w./:,=+\-\[\]]+", node) else node.partition("[")[0]
    return f"make test TESTS='{target}' COCOTB_RANDOM_SEED={seed} JOBS=1"


def sources_key(root: Path, *facts: object) -> str:
    """Twelve hex digits that change with anything a result depends on: sources, tools, and what was asked."""
    files = [
        path
        for floor in ("rtl", "models", "tb", "tests", "docs")
        for path in sorted((root / floor).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    files += [path for path in (root / "requirements.lock", root / "pyproject.toml") if path.is_file()]
    return digest(files, sys.version, *facts)


class _Gatherer:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.nodes = [node_of(item) for item in session.items]


def node_of(item: pytest.Item) -> Node:
    """A collected test with what its parameters say."""
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    simulator = next((value for value in parameters.values() if value in SIMULATORS), "")
    named = [parameters.get(name) for name in ("data_w", "data_width", "width")]
    width = next((value for value in named if value in WIDTHS), 0)
    chance = bool(simulator or width) or bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
    return Node(item.nodeid, simulator, width, chance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather and write; the exit status is pytest's, but 0 only if there is a test."""
    parser = argparse.ArgumentParser(prog="python -m tb.regress.collect", description="Which tests there are.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args(arguments)
    gatherer = _Gatherer()
    status = int(pytest.main(["--collect-only", "-q", "--regress", *options.paths], [gatherer]))
    if status == 0:
        options.output.write_text(json.dumps([asdict(node) for node in gatherer.nodes]), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
