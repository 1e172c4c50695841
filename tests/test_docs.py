"""The documents tell the truth: names, paths, rules and timelines that they cite exist, and cite each other back.

What is checked: every test that a page names, every relative link and file in backticks, R1 to R31 in the rules and
every rule that the code cites, each timeline of the protocols against a run of the engine, and the README's table. Each
check is a function of a tree, so that a twin can break a small tree and see it fire.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.client.photo import photo
from models.device import Device
from models.driver import Driver
from models.faultline_engine import FaultlineEngine
from models.layout import REGISTERS
from models.memory import HostMemory
from models.perform import run
from models.policy.page_mkwrite import PageMkwrite
from tb import waveform
from tb.photo.picture import default_picture, load
from tb.regress import plan
from tb.simulation import simulators
from tb.waveform import SIGNALS, Samples
from tests.system import waveforms

ROOT = Path(__file__).resolve().parent.parent
RULES = [f"R{number}" for number in range(1, 32)]
FLOORS = ("models", "tb", "tests", "rtl")
ROOTS = ("docs", "models", "tb", "tests", "rtl", ".ci", ".github")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"^(?:{'|'.join(map(re.escape, ROOTS))})/[\w./-]*$")
_TEST = re.compile(r"^(?:(bench_\w+|test_\w+)\.)?(\w+)$")
_RULE = re.compile(r"\bR(?:[1-9]|[12]\d|3\d)\b")


def pages(root: Path) -> list[Path]:
    """The documents written by hand, and the generated register page."""
    return sorted([*root.glob("*.md"), *root.glob("docs/*.md")])


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_paths(root: Path) -> list[str]:
    """Each relative link and each path in backticks that leads nowhere, as page: path."""
    found = []
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        for link in _LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            path = page.parent / target if target else page
            if not path.exists():
                found.append(f"{page.relative_to(root).as_posix()}: {link}")
            elif anchor and anchor not in _anchors(path.read_text(encoding="utf-8")):
                found.append(f"{page.relative_to(root).as_posix()}: {link} has no such heading")
        for word in _CODE.findall(text):
            if _PATH.match(word) and not (root / word).exists():
                found.append(f"{page.relative_to(root).as_posix()}: {word}")
    return found


def _functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def written_tests(root: Path) -> set[str]:
    """Names of all tests: functions and classes of test files, and `file.function` of test files and benches."""
    names: set[str] = set()
    for path in (root / "tests").rglob("*.py"):
        if path.stem.startswith(("test_", "bench_")):
            for name in _functions(path):
                names.add(f"{path.stem}.{name}")
                if path.stem.startswith("test_"):
                    names.add(name)
    return names


def named_tests(page: Path) -> list[str]:
    """What a page names as a test: `test_...`, `test_file.test_...` and `bench_file.case` in backticks."""
    words = [word for word in _CODE.findall(page.read_text(encoding="utf-8")) if _TEST.match(word)]
    return [word for word in words if word.startswith(("test_", "bench_")) and not word.endswith(".py")]


def missing_tests(root: Path) -> list[str]:
    """Each test that a page names and nobody wrote, as page: name."""
    known = written_tests(root)
    return [
        f"{page.relative_to(root).as_posix()}: {word}"
        for page in pages(root)
        for word in named_tests(page)
        if word not in known
    ]


def plan_gaps(root: Path) -> list[str]:
    """What is wrong with the plan: tests that nobody wrote or that two files have, promises that do not exist.

    Also rules and registers without a point, test files and benches that no point names, and a stale page.
    """
    points = plan.load(root)
    named = {name for point in points for name in point.tests}
    files: dict[str, set[str]] = {}
    inside: dict[str, set[str]] = {}
    for name in written_tests(root):
        stem, _, short = name.partition(".")
        if short:
            files.setdefault(short, set()).add(stem)
            inside.setdefault(stem, set()).update((name, short))
    gaps = [f"{point.id}: nobody wrote {name}" for point in points for name in point.tests
            if name not in files and name not in inside.get(name.split(".")[0], ())]
    twice = sorted(name for name in named if len(files.get(name, ())) > 1)
    gaps += [f"{name}: in {', '.join(sorted(files[name]))}: say which" for name in twice]
    gaps += [f"{stem}: no point of the plan names it" for stem in sorted(inside) if not inside[stem] & named]
    gaps += plan.unknown(points, root, stated_rules(root))
    missing = plan.not_covered(points, rules_with_tests(root))
    gaps += [f"{promise}: no point of the plan covers it" for promise in missing]
    return gaps + ([f"{plan.PAGE_FILE.as_posix()}: stale, run `make generate`"] if plan.stale(root) else [])


def stated_rules(root: Path) -> list[str]:
    """Every rule with a row in docs/coherence.md."""
    return re.findall(r"^\| (R\d+) \|", (root / "docs" / "coherence.md").read_text(encoding="utf-8"), re.MULTILINE)


def rules_with_tests(root: Path) -> list[str]:
    """Those whose row names tests: the others are not built."""
    text = (root / "docs" / "coherence.md").read_text(encoding="utf-8")
    return re.findall(r"^\| (R\d+) \|.*\|[^|]*`test_[^|]*\|$", text, re.MULTILINE)


def rule_gaps(root: Path) -> list[str]:
    """Rules without a row in docs/coherence.md, and rules that the code cites and nobody stated."""
    stated = set(stated_rules(root))
    gaps = [f"docs/coherence.md: {rule} is not stated" for rule in RULES if rule not in stated]
    for floor in FLOORS:
        for path in sorted(one for one in (root / floor).rglob("*") if one.suffix in (".py", ".v", ".sv", ".c")):
            cited = set(_RULE.findall(path.read_text(encoding="utf-8")))
            gaps += [f"{path.relative_to(root).as_posix()}: {rule}" for rule in sorted(cited - stated)]
    return gaps


def test_every_path_in_the_documents_leads_somewhere() -> None:
    assert dead_paths(ROOT) == []
    assert len(pages(ROOT)) > 5


def test_every_test_named_in_the_documents_exists() -> None:
    assert missing_tests(ROOT) == []
    assert len(named_tests(ROOT / "docs" / "testplan.md")) > 50


def test_every_point_of_the_plan_names_tests_and_every_test_file_has_a_point() -> None:
    assert plan_gaps(ROOT) == []
    assert len(rules_with_tests(ROOT)) > 15


def test_every_rule_is_stated_and_no_other_is_cited() -> None:
    assert rule_gaps(ROOT) == []


@pytest.mark.parametrize("simulator", simulators())
def test_the_timelines_are_those_of_the_engine(simulator: str) -> None:
    """Of either simulator: events and waveforms alike."""
    assert waveforms.stale(ROOT, waveforms.run(simulator)) == []


BLOCKS = ", ".join(sorted({name.split("[")[0].split(".")[0] for name in REGISTERS}))
PLAN = f"""
- section: All
  points:
    - {{id: A1, intent: holds, covers: [R1, docs/coherence.md#the-rules], tests: [test_it]}}
    - {{id: A2, intent: holds too, covers: [{BLOCKS}, Opcode.FILL], tests: [bench_two.case]}}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A tree whose documents are right."""
    rows = "".join(f"| {rule} | says | here | |\n" for rule in RULES[1:])
    for name, text in {
        "README.md": "See [rules](docs/coherence.md#the-rules) and `tests/test_one.py`.\n",
        "docs/coherence.md": f"# The rules\n| R1 | says | here | `test_it` |\n{rows}",
        "docs/registers.md": "# Registers\n",
        "docs/testplan.yaml": PLAN,
        "tests/test_one.py": "def test_it() -> None:\n    '''R19.'''\n",
        "tests/bench_two.py": "async def case() -> None: ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / plan.PAGE_FILE).write_text(plan.render(plan.load(tmp_path)), encoding="utf-8")
    return tmp_path


def _complaints(root: Path) -> list[str]:
    return dead_paths(root) + missing_tests(root) + plan_gaps(root) + rule_gaps(root)


def test_a_right_tree_gives_no_complaint(small: Path) -> None:
    assert _complaints(small) == []


@pytest.mark.parametrize(
    ("name", "before", "after", "complaint"),
    [
        ("README.md", "docs/coherence.md#", "docs/gone.md#", "README.md: docs/gone.md#the-rules"),
        ("README.md", "#the-rules", "#the-rule", "README.md: docs/coherence.md#the-rule has no such heading"),
        ("README.md", "test_one.py", "test_none.py", "README.md: tests/test_none.py"),
        ("docs/testplan.md", "`test_it`", "`test_gone`", "docs/testplan.md: test_gone"),
        ("docs/testplan.md", "`test_it`", "`bench_two.case`", "docs/testplan.md: stale, run `make generate`"),
        ("docs/testplan.yaml", "bench_two.case", "bench_two.gone", "A2: nobody wrote bench_two.gone"),
        ("docs/testplan.yaml", "test_it", "test_gone", "A1: nobody wrote test_gone"),
        ("docs/testplan.yaml", "bench_two.case", "test_one.test_it", "bench_two: no point of the plan names it"),
        ("docs/testplan.yaml", "[R1,", f"[R{32},", f"A1: covers R{32}, which does not exist"),
        ("docs/testplan.yaml", "[R1,", "[R2,", "R1: no point of the plan covers it"),
        ("docs/testplan.yaml", "#the-rules", "#a-rule", "A1: covers docs/coherence.md#a-rule, which does not exist"),
        ("docs/testplan.yaml", "irq_status, ", "", "irq_status: no point of the plan covers it"),
        ("docs/testplan.yaml", "queue, ", "queue.tail, ", "queue.head: no point of the plan covers it"),
        ("docs/testplan.yaml", "Opcode.FILL", "Opcode.PILL", "A2: covers Opcode.PILL, which does not exist"),
        ("tests/bench_two.py", "async", "class test_it: ...\nasync", "test_it: in bench_two, test_one: say which"),
        ("docs/coherence.md", "| R7 |", "| R70 |", "docs/coherence.md: R7 is not stated"),
        ("tests/test_one.py", "R19", f"R{32}", f"tests/test_one.py: R{32}"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_a_complaint(small: Path, name: str, before: str, after: str, complaint: str) -> None:
    path = small / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert complaint in _complaints(small)


def samples(**changes: list[int]) -> Samples:
    """Every signal of a waveform low for twelve cycles, but for those named."""
    return {name: np.array(changes.get(name, [0] * 12), np.int64) for name in SIGNALS}


def test_a_waveform_shows_levels_handshakes_and_cuts() -> None:
    busy = samples(m_axi_arvalid=[0, 0, 1, 1] + [0] * 8, m_axi_arready=[0, 0, 0, 1] + [0] * 8)
    text = waveform.drawn("a & b", busy, 0)
    assert "<title>a &amp; b</title>" in text and text.count('class="wait"') == text.count('class="go"') == 1
    assert 'class="cut"' not in text and ">ring<" not in text
    ring = {**busy, "m_axi_arid": np.ones(12, np.int64)}
    assert ">ring<" in waveform.drawn("a", ring, 0)
    assert waveform.drawn("a", {**busy, "irq": np.ones(12, np.int64)}, 0) != waveform.drawn("a", busy, 0)
    long = {name: np.concatenate([values, np.zeros(80, np.int64), values]) for name, values in busy.items()}
    assert waveform.drawn("a", long, 0).count('class="cut"') == 1


def test_a_timeline_that_differs_is_a_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waveforms, "pictures", lambda directory: {"a": "<svg/>", "c": "<svg/>"})
    run = tmp_path / "run"
    run.mkdir()
    (run / "timeline-a.txt").write_text("0  one\n")
    (run / "timeline-c.txt").write_text("0  three\n")
    (tmp_path / waveforms.WAVEFORMS).mkdir(parents=True)
    page, picture = tmp_path / waveforms.PAGE, tmp_path / waveforms.WAVEFORMS / "a.svg"
    begin = "<!-- timeline: a -->\n" + waveforms.picture("a")
    page.write_text(f"{begin}```text\n0  one\n```\n<!-- timeline: b -->\n```text\n0  two\n```\n")
    picture.write_text("<svg/>")
    others = ["b: the run has none", "c: the page has none", "c: docs/waveforms/c.svg differs"]
    assert waveforms.stale(tmp_path, run) == others
    page.write_text(page.read_text().replace("one", "two"))
    assert waveforms.stale(tmp_path, run) == [*others[:2], "a: its events differ", others[2]]
    page.write_text(waveforms.rewritten(page.read_text(), waveforms.texts(run)).replace("a.svg", "b.svg"))
    assert waveforms.stale(tmp_path, run) == [*others[:2], "a: the page does not show its waveform", others[2]]
    picture.write_text("<svg> </svg>")
    (tmp_path / waveforms.WAVEFORMS / "d.svg").write_text("<svg/>")
    found = waveforms.stale(tmp_path, run)
    assert "a: docs/waveforms/a.svg differs" in found and "d.svg: no protocol has it" in found


_ROW = re.compile(r"^\| ([a-z-]+) \|((?: [\d,]+ \|){7})$", re.MULTILINE)
COUNTED = ("faults", "pages_zapped", "readback_pages", "writeback_pages", "descriptors")
MEASURED = ("dma_cycles", "fence_wait_cycles")


def photo_table(page: str) -> dict[str, list[int]]:
    """The figures of each phase, and of the total, in the README's table."""
    return {phase: [int(word.replace(",", "")) for word in row.split("|")[:-1]] for phase, row in _ROW.findall(page)}


def stale_figures(page: str, rows: Mapping[str, Mapping[str, int]], columns: Sequence[str], at: int = 0) -> list[str]:
    """Each phase whose figures in the README are others than in `rows`; the columns begin at number `at`."""
    table, count = photo_table(page), len(columns)
    whole = {name: sum(row[name] for row in rows.values()) for name in columns}
    return [
        phase
        for phase, row in {**rows, "total": whole}.items()
        if table.get(phase, [])[at : at + count] != [row[name] for name in columns]
    ]


def test_the_table_of_the_readme_is_what_the_scenario_does() -> None:
    host, page = HostMemory(), (ROOT / "README.md").read_text(encoding="utf-8")
    result = run(photo(Driver(host, FaultlineEngine(host), PageMkwrite()), load(default_picture())), Device(host))
    rows = {phase: counts.to_json() for phase, counts in result.phases.items()}
    assert list(photo_table(page)) == [*rows, "total"]
    assert stale_figures(page, rows, COUNTED) == []
    rows["read"]["faults"] += 1
    assert stale_figures(page, rows, COUNTED) == ["read", "total"]


def test_the_cycles_of_the_readme_are_those_of_the_last_run() -> None:
    """Where the last run was of the default picture, as its driver's events tell too."""
    file, page = ROOT / "sim_build" / "photo" / "result.json", (ROOT / "README.md").read_text(encoding="utf-8")
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if (found.get("picture"), found.get("width")) != (default_picture().name, 64):
        pytest.skip("no run of the default picture on a 64-bit bus: make")
    rows = {row["phase"]: row for row in found["phases"]}
    if stale_figures(page, rows, COUNTED):
        pytest.skip("the last run was of another version: make")
    assert stale_figures(page, rows, MEASURED, at=len(COUNTED)) == []
