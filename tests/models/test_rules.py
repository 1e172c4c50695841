"""The table of rules in docs/coherence.md: each of R1 to R31 is kept by a file and shown by tests that cite it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = [f"R{number}" for number in range(1, 32)]
_ROW = re.compile(r"^\| (R\d+) \| (.*?) \| (.*?) \| ?(.*?) ?\|$", re.MULTILINE)
_RANGE = re.compile(r"\bR(\d+) to R?(\d+)\b")


def citations(root: Path) -> dict[str, set[str]]:
    """Return the rules that each test's docstring cites, by the test's name; "R16 to R18" cites three."""
    found: dict[str, set[str]] = {}
    for path in sorted((root / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                cited = set(re.findall(r"\bR\d+\b", text))
                for first, last in _RANGE.findall(text):
                    cited |= {f"R{number}" for number in range(int(first), int(last) + 1)}
                found.setdefault(node.name, set()).update(cited)
    return found


def gaps(root: Path) -> list[str]:
    """Return what is wrong with the table."""
    text = (root / "docs" / "coherence.md").read_text(encoding="utf-8")
    rows = {rule: (kept, shown) for rule, _, kept, shown in _ROW.findall(text)}
    cited = citations(root)
    wrong = [f"{rule}: no row" for rule in RULES if rule not in rows]
    for rule, (kept, shown) in rows.items():
        files = [word for word in re.findall(r"`([^`]+)`", kept) if word.startswith("models/")]
        tests = [word for word in re.findall(r"`([^`]+)`", shown) if word.startswith("test_")]
        if not files or not all((root / file).is_file() for file in files) or "not built" in kept:
            wrong.append(f"{rule}: kept by no file")
        if not tests:
            wrong.append(f"{rule}: no test in its row")
        wrong += [f"{rule}: there is no {test}" for test in tests if test not in cited]
        wrong += [f"{rule}: {test} does not cite it" for test in tests if rule not in cited.get(test, {rule})]
    return wrong


def test_every_rule_is_kept_by_a_file_and_shown_by_tests_that_cite_it() -> None:
    assert gaps(ROOT) == []


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("| R7 |", "| R70 |", "R7: no row"),
        ("models/a.py` | `test_r9`", "models/b.py` | `test_r9`", "R9: kept by no file"),
        ("models/a.py` | `test_r9`", "models/a.py`; not built | `test_r9`", "R9: kept by no file"),
        ("`test_r9`", "`test_r9`, `test_r10`", "R9: test_r10 does not cite it"),
        ("`test_r9`", "`test_r9`, `test_r99`", "R9: there is no test_r99"),
        ("`test_r9`", "", "R9: no test in its row"),
    ],
)
def test_a_gap_in_the_table_is_a_complaint(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    table = "".join(f"| {rule} | says | `models/a.py` | `test_{rule.lower()}` |\n" for rule in RULES)
    tests = "".join(f'def test_{rule.lower()}():\n    """{rule}."""\n' for rule in RULES)
    for name in ("docs", "models", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "models" / "a.py").write_text("")
    (tmp_path / "tests" / "test_a.py").write_text(tests)
    page = tmp_path / "docs" / "coherence.md"
    page.write_text(table)
    assert gaps(tmp_path) == []
    assert before in table
    page.write_text(table.replace(before, after))
    assert complaint in gaps(tmp_path)
