"""The house keeps its shape: imports run one way, models does no I/O, and nobody hides in a file called utils."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("models", "tb", "tests")
"""Each may import itself and those before it."""
GENERATED = ("rtl/faultline.vh", "models/layout.py", "docs/faultline.h", "docs/registers.md", "docs/testplan.md")
# Modules of the standard library that would let models/ reach another process or wait.
OUTSIDE_WORLD = {"asyncio", "concurrent", "multiprocessing", "selectors", "signal", "socket", "subprocess", "threading"}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, top-level module) of every import anywhere in a file; relative ones name their own floor ''."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "" if node.level else (node.module or "").split(".")[0]


def breaches(root: Path) -> list[str]:
    """Return each breach of the house rules in a tree, as path:line: what is wrong."""
    found: list[str] = []
    for rank, floor in enumerate(FLOORS):
        for path in sorted((root / floor).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            tree = ast.parse(path.read_text(encoding="utf-8"), where)
            for line, module in imports(tree):
                if module in FLOORS[rank + 1:]:
                    found.append(f"{where}:{line}: {floor} must not import {module}")
                elif floor == "models" and module not in ("", "models", "numpy") and (
                    module not in sys.stdlib_module_names or module in OUTSIDE_WORLD
                ):
                    found.append(f"{where}:{line}: models must not import {module}")
            if floor == "models":
                for node in ast.walk(tree):
                    if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
                        found.append(f"{where}:{node.lineno}: models must not wait (async or await)")
            if ast.get_docstring(tree) is None and tree.body:
                found.append(f"{where}:1: no docstring says why the file exists")
    for path in sorted(path for room in ("rtl", *FLOORS) for path in (root / room).rglob("*")):
        if path.stem in ("util", "utils", "helpers", "misc"):
            found.append(f"{path.relative_to(root).as_posix()}:1: a room needs a name from the domain")
    for name in GENERATED:
        path = root / name
        if path.is_file() and "do not edit" not in "\n".join(path.read_text(encoding="utf-8").splitlines()[:3]):
            found.append(f"{name}:1: does not say that it is generated")
    return found


def test_the_house_keeps_its_rules() -> None:
    assert [name for name in GENERATED if not (ROOT / name).is_file()] == []
    assert len(list((ROOT / "models").rglob("*.py"))) > 5, "nothing to look at"
    assert breaches(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("models/a.py", '"""Why."""\nimport tb.bridge\n', "2: models must not import tb"),
        ("models/b/c.py", '"""Why."""\ndef f():\n    from tests import x\n', "3: models must not import tests"),
        ("models/a.py", '"""Why."""\nimport cocotb\n', "2: models must not import cocotb"),
        ("models/a.py", '"""Why."""\nimport socket\n', "2: models must not import socket"),
        ("models/a.py", '"""Why."""\nasync def f():\n    pass\n', "2: models must not wait (async or await)"),
        ("tb/a.py", '"""Why."""\nfrom tests.x import y\n', "2: tb must not import tests"),
        ("tb/a.py", "x = 1\n", "1: no docstring says why the file exists"),
        ("tb/utils.py", '"""Why."""\n', "1: a room needs a name from the domain"),
        ("models/layout.py", '"""Why."""\n', "1: does not say that it is generated"),
    ],
)
def test_a_breach_is_reported(tmp_path: Path, path: str, text: str, complaint: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    assert breaches(tmp_path) == [f"{path}:{complaint}"]


def test_what_is_allowed_is_not_reported(tmp_path: Path) -> None:
    for name, text in {
        "models/a.py": '"""Why."""\nimport mmap\nimport numpy as np\nfrom models import layout\nfrom . import b\n',
        "tb/a.py": '"""Why."""\nimport cocotb\nfrom models.layout import Opcode\n',
        "tests/test_a.py": '"""Why."""\nimport tb.a\nimport models.a\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert breaches(tmp_path) == []


def test_every_name_in_all_exists() -> None:
    """`__all__` of each models and tb file lists names that the file defines."""
    looked_at = 0
    for path in [*(ROOT / "models").rglob("*.py"), *(ROOT / "tb").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        listed = re.search(r"^__all__ = (\[.*?\])", text, re.MULTILINE | re.DOTALL)
        if listed is None:
            continue
        looked_at += 1
        tree = ast.parse(text)
        defined: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                defined.add(node.name)
            elif isinstance(node, ast.ImportFrom | ast.Import):
                defined |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
        missing = [name for name in ast.literal_eval(listed[1]) if name not in defined]
        assert missing == [], path
    assert looked_at > 5
