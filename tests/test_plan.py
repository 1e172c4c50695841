"""The plan is read whole or refused in one line; a session that leaves out a test of the plan fails and names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.regress import plan, ran

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent

ONE = """
- section: All
  points:
    - {id: A1, intent: holds, covers: [R1], tests: [test_it, test_one.test_it]}
    - {id: A2, intent: holds too, covers: [R2], tests: [bench_two.case]}
    - {id: A3, intent: needs a tool, covers: [R3], tests: [test_tool]}
"""
TESTS = '''
"""Two tests; one of them simulates, in a way."""
from pathlib import Path

import pytest

from tb import simulation


def test_it():
    for observer in simulation.observers:
        observer(simulation.Ran("bench_two", (("case", True), ("other", False)), Path(), False))


@pytest.mark.skipif(TOOL, reason="no tool")
def test_tool():
    pass


@pytest.mark.parametrize("data_width", simulation.widths())
def test_wide(data_width):
    print("width", data_width)
'''


@pytest.fixture
def tree(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of a few tests with its plan and this repository's conftest."""
    for name in ("CI", "SIM", "COCOTB_RANDOM_SEED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, text in {
        "docs/testplan.yaml": ONE,
        "tests/test_one.py": TESTS.replace("TOOL", "False"),
        "tests/conftest.py": (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"),
        "pyproject.toml": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    }.items():
        (pytester.path / name).parent.mkdir(exist_ok=True)
        (pytester.path / name).write_text(text, encoding="utf-8")
    return pytester.path


def session(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """A session in the tree; without hypothesis, which takes a second to load and is not needed."""
    return pytester.runpytest_inprocess("-p", "no:hypothesispytest", *words)


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_a_whole_session_in_which_everything_ran_is_silent(
    tree: Path, pytester: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    result = session(pytester, *processes, "tests")
    assert result.ret == 0, result.outlines
    assert not any("did not run" in line for line in result.outlines)


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_a_test_of_the_plan_that_did_not_run_fails_the_session(
    tree: Path, pytester: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    replace(tree / "docs" / "testplan.yaml", "bench_two.case", "bench_two.gone")
    result = session(pytester, *processes, "tests")
    assert result.ret == 1, result.outlines
    assert "A2: bench_two.gone did not run" in result.outlines
    assert not any("A1" in line for line in result.outlines)


def test_a_failed_test_ran_all_the_same(tree: Path, pytester: pytest.Pytester) -> None:
    replace(tree / "tests" / "test_one.py", "@pytest.mark.skipif", "    assert 1 == 2\n\n\n@pytest.mark.skipif")
    result = session(pytester)
    assert result.ret == 1
    assert not any("did not run" in line for line in result.outlines)


def test_what_a_missing_tool_leaves_out_is_listed_and_fails_only_in_ci(
    tree: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(tree / "tests" / "test_one.py", "skipif(False", "skipif(True")
    for ci, status in (("", 0), ("true", 1)):
        monkeypatch.setenv("CI", ci)
        result = session(pytester, "tests")
        assert result.ret == status, result.outlines
        assert "A3: test_tool did not run: no tool" in result.outlines


@pytest.mark.parametrize(
    "words", [("tests/test_one.py",), ("tests", "-k", "tool"), ("tests", "-m", "not regress"), ("--co",), ("tests",)]
)
def test_a_session_of_a_part_says_nothing_about_the_plan(
    tree: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SIM", "icarus" if words == ("tests",) else "")
    replace(tree / "docs" / "testplan.yaml", "bench_two.case", "bench_two.gone")
    result = session(pytester, *words)
    assert result.ret == 0, result.outlines
    assert not any("did not run" in line for line in result.outlines)


def test_a_broken_plan_fails_a_whole_session_in_one_line(tree: Path, pytester: pytest.Pytester) -> None:
    replace(tree / "docs" / "testplan.yaml", "id: A2", "id: A1")
    result = session(pytester, "tests")
    assert result.ret == 1
    assert "error: docs/testplan.yaml: A1 is there twice: give one of them another id" in result.outlines


def test_what_is_for_the_regression_runs_when_it_is_asked_for(tree: Path, pytester: pytest.Pytester) -> None:
    ids = "tests/test_one.py::test_wide"
    for words, widths in {
        ("tests/test_one.py", "-k", "wide"): ["64"],
        ("tests/test_one.py", "-k", "wide", "--regress"): ["64", "512"],
        ("tests/test_one.py", "-m", "regress"): ["512"],
        (f"{ids}[512]",): ["512"],
        ("-n", "1", f"{ids}[512]"): ["512"],
    }.items():
        result = session(pytester, *words, "-rP")
        assert [line.split()[1] for line in result.outlines if line.startswith("width ")] == widths


def test_the_names_of_a_node_are_those_of_its_function() -> None:
    assert ran.names_of("tests/rtl/test_box.py::test_a[verilator-64::x]") == {"test_a", "test_box.test_a"}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("- section: All", "- section: [All", "docs/testplan.yaml:3: not YAML"),
        ("- section: All", "- sections: All", "is no section: give it `section` and `points`"),
        ("tests: [bench_two.case]", "tests: []", "A2 has no tests: give it a list of at least one"),
        ("covers: [R2], ", "", "A2: covers missing or unknown: a point has"),
        ("covers: [R2], ", "covers: R2, ", "A2 has no covers: give it a list"),
        ("id: A2", "id: two", "two is no id: use a capital and a number, like H7"),
        ("bench_two.case", "two.case", "A2: two.case is no test: use test_..., or bench_....name for cocotb's"),
        ("bench_two.case", "bench_two", "A2: bench_two is no test"),
        ("test_one.test_it", "test_it", "A1 names test_it twice: once is enough"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_line(tree: Path, before: str, after: str, message: str) -> None:
    replace(tree / "docs" / "testplan.yaml", before, after)
    with pytest.raises(plan.PlanError) as caught:
        plan.load(tree)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(plan.PlanError, match="cannot read docs/testplan.yaml: No such file"):
        plan.load(tmp_path)


def test_the_page_shows_every_point_and_goes_stale(tree: Path) -> None:
    page = tree / plan.PAGE_FILE
    assert plan.stale(tree)
    page.write_text(plan.render(plan.load(tree)), encoding="utf-8")
    assert not plan.stale(tree)
    assert "| A2 | holds too | R2 | `bench_two.case` |" in page.read_text(encoding="utf-8").splitlines()
    replace(tree / "docs" / "testplan.yaml", "holds too", "holds")
    assert plan.stale(tree)
