"""Mutants of models/: Cosmic Ray changes one place of one file, and the tests of models/ must notice.

No file is touched: a mutant lives in a fork of a process that has loaded pytest and numpy but nothing of models/, and
that finds the changed text where it would have read the file. What only changes an annotation, which nothing evaluates,
is no mutant. Generated code (models/layout.py) is left out.

`python -m tb.mutate.models PLAN` is that process; `sample` and `judged_models` are for everybody else.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tb.mutate.forks import PLAN, Plan, serve
from tb.mutate.mutants import MutationError
from tb.toolchain import ROOT

__all__ = ["Change", "judged_models", "sample"]

_SKIPPED = ("layout.py",)
TESTS = (
    *("fence", "memory", "surface", "transfer", "page_table", "oracle", "dmabuf", "execute", "device", "engine"),
    *("driver_edges", "driver", "twins", "photo"),
)
"""Test files of tests/models that judge, quick ones first; others of that folder come after them."""
_NO_JUDGE = ("broken_drivers", "stateful", "workload", "clairvoyant")
"""The first reads the text of models/ from the files, so it would judge what it has not been given; the others take
more time than all that judge."""


@dataclass(frozen=True, slots=True)
class Change:
    """One mutant of models/: the `occurrence`-th place in `file` that Cosmic Ray's `operator` can change."""

    id: int
    file: str
    line: int
    operator: str
    occurrence: int
    definition: str

    @property
    def what(self) -> str:
        """In words, as far as an operator's name is one."""
        return f"{self.operator.split('/')[-1]} in {self.definition}"


def sample(seed: int, count: int) -> list[Change]:
    """`count` changes drawn from all that are possible; MutationError where there are fewer, or no Cosmic Ray."""
    found = _possible()
    kept: list[Change] = []
    for change in random.Random(seed).sample(found, len(found)):
        if len(kept) == count:
            break
        if _matters(change):
            kept.append(replace(change, id=len(kept) + 1))
    if len(kept) < count:
        raise MutationError(f"COUNT={count} is too many for models: there are {len(kept)} mutations")
    return kept


@cache
def _possible() -> tuple[Change, ...]:
    """Every change that an operator without arguments can make, in a fixed order."""
    try:
        plugins = importlib.import_module("cosmic_ray.plugins")
        trees = importlib.import_module("cosmic_ray.ast")
        queries = importlib.import_module("cosmic_ray.ast.ast_query")
    except ImportError as error:
        raise MutationError(f"Cosmic Ray cannot be loaded ({error}): run make setup") from None
    operators = {name: plugins.get_operator(name) for name in sorted(plugins.operator_names())}
    usable = {name: made for name, made in operators.items() if not made.arguments() and not name.endswith("NoOp")}
    found: list[Change] = []
    for path in sorted((ROOT / "models").rglob("*.py")):
        if path.name in _SKIPPED:
            continue
        tree = trees.get_ast(path.read_text(encoding="utf-8"))
        nodes = list(trees.ast_nodes(tree))
        for name, made in usable.items():
            operator, occurrence = made(), 0
            for node in nodes:
                for (line, _), _ in operator.mutation_positions(node):
                    where = queries.ASTQuery(node).get_definition_name() or "module"
                    found.append(Change(0, str(path.relative_to(ROOT)), line, name, occurrence, where))
                    occurrence += 1
    return tuple(found)


def _mutated(change: Change) -> str:
    """The changed text of a file; the same text where it cannot be parsed any more."""
    plugins = importlib.import_module("cosmic_ray.plugins")
    mutating = importlib.import_module("cosmic_ray.mutating")
    text = (ROOT / change.file).read_text(encoding="utf-8")
    changed = mutating.mutate_code(text, plugins.get_operator(change.operator)(), change.occurrence)
    return text if changed is None else str(changed)


class _Bare(ast.NodeTransformer):
    """Takes annotations off."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value or ast.Constant(None))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self.generic_visit(node)
        return node


def _matters(change: Change) -> bool:
    """Whether a change is one of code that runs."""
    before, after = (ROOT / change.file).read_text(encoding="utf-8"), _mutated(change)
    try:
        return ast.dump(_Bare().visit(ast.parse(before))) != ast.dump(_Bare().visit(ast.parse(after)))
    except SyntaxError:
        return False


# ------------------------------------------------------------------------------------------------- the process


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed text."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that has changed."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self._name, self._path, self._text = name, path, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        search = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        loader = _Loader(fullname, str(self._path), self._text)
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=loader, submodule_search_locations=search
        )


class _Watch:
    """pytest's plugin that remembers the test which failed."""

    def __init__(self) -> None:
        self.failed = ""
        self.message = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed, self.message = report.nodeid, str(report.longrepr).strip().splitlines()[-1]

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed, self.message = report.nodeid, "it cannot be imported any more"


async def _attempt(change: Change | None) -> dict[str, Any]:
    """Run the tests on a change, or on none, until one fails."""
    import pytest

    if change is not None:
        path = ROOT / change.file
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sys.meta_path.insert(0, _Finder(name, path, _mutated(change)))
    watch = _Watch()
    options = ["-x", "-q", "--no-header", "-p", "no:xdist"]
    status = int(pytest.main([*options, *_judges()], plugins=[watch]))
    if status == 0:
        return {"verdict": "survived", "how": "", "by": "", "message": ""}
    verdict = "killed" if watch.failed else "error"
    return {"verdict": verdict, "how": "test", "by": watch.failed, "message": watch.message or f"pytest: {status}"}


def _judges() -> Iterator[str]:
    folder = ROOT / "tests" / "models"
    others = sorted(path.stem.removeprefix("test_") for path in folder.glob("test_*.py"))
    for name in dict.fromkeys([*TESTS, *others]):
        if name not in _NO_JUDGE and (folder / f"test_{name}.py").is_file():
            yield str(folder / f"test_{name}.py")


def judged_models(plan: Path) -> None:
    """Start the process on a plan and wait for it; MutationError with what it says when it fails."""
    environment = os.environ | {PLAN: str(plan), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tb.mutate.models"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        _, said = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode:
        raise MutationError((said.strip().splitlines() or [f"exit status {process.returncode}"])[-1])


def main() -> int:
    """Judge the changes that lie beside the plan; those without a change must pass first."""
    for name in ("numpy", "pytest", "hypothesis", "cosmic_ray.mutating"):
        importlib.import_module(name)
    plan = replace(Plan.load(), memory=0)  # pytest keeps many sparse memories, which take no room
    rows = json.loads(plan.results.with_name("changes.json").read_text(encoding="utf-8"))
    changes: Mapping[int, Change] = {row["id"]: Change(**row) for row in rows}
    good = plan.results.with_name("good")
    if not good.is_file():
        (result,) = asyncio.run(serve(plan, lambda number: _attempt(None), [0]))
        if result["verdict"] != "survived":
            print(f"models without a change fail {result['by']}: {result['message']}", file=sys.stderr)
            return 1
        good.touch()
    asyncio.run(serve(plan, lambda number: _attempt(changes[number]), plan.mutants))
    return 0


if __name__ == "__main__":
    sys.exit(main())
