"""`make regress`: every result is there once, whatever dies meanwhile, and what is told can be used.

Regressions run in small trees with tests of their own; the workers are a LocalCluster's and `dask worker` processes on
loopback.  Of Slurm and LSF only what is handed to them is looked at.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tb.regress import __main__ as face
from tb.regress import cluster, run, worker
from tb.regress.collect import Node, RegressError, batches, paths_of, reproduce
from tb.regress.journal import Result, begun, read
from tb.regress.page import page
from tb.regress.plan import Point
from tb.regress.summary import Summary, junit

ROOT = Path(__file__).resolve().parent.parent

PLAN = """
- section: All
  points:
    - {id: A1, intent: quick ones, covers: [R1], tests: [test_quick]}
    - {id: A2, intent: chance, covers: [R2], tests: [test_odd, bench_two.case]}
"""
QUICK = '''
"""Tests that are over at once and note that they ran."""
import os
from pathlib import Path

import pytest

from tb import simulation


def note(what):
    with Path("noted").open("a") as stream:
        stream.write(what + "\\\\n")


@pytest.mark.parametrize("n", range(4))
def test_quick(n):
    note(f"quick {n}")


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_odd(simulator):
    seed = int(os.environ["COCOTB_RANDOM_SEED"])
    note(f"{simulator} {seed}")
    for observer in simulation.observers:
        observer(simulation.Ran("bench_two", (("case", seed != 2),), Path(), True))
    assert simulator == "icarus" or seed != 2, "an <even> seed"
'''.replace("\\\\n", "\\n")
SLOW = '''
"""A test that says where it runs and then waits for a word."""
import os
import time
from pathlib import Path


def test_slow():
    with Path("slow").open("a") as stream:
        stream.write(f"{os.getpid()} {os.getppid()}\\\\n")
    until = time.monotonic() + 60
    while not Path("go").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
'''.replace("\\\\n", "\\n")
CRASH = '''
"""A test that takes its process with it, between two good ones."""
import os


def test_before(): pass
def test_crash(): os.abort()
def test_behind(): pass
'''


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose tests are the quick ones; everything else is this one's."""
    for name in ("SIM", "WIDTH", "COCOTB_RANDOM_SEED", "COCOTB_TESTCASE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)
    for name, text in {
        "docs/testplan.yaml": PLAN,
        "tests/test_quick.py": QUICK,
        "tests/conftest.py": (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("tb", "models", "rtl", "Makefile", "pyproject.toml", "requirements.lock", ".ci"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "sim_build").mkdir()
    (tmp_path / "sim_build" / "venv").symlink_to(sys.prefix)
    return tmp_path


def regress(tree: Path, *words: str) -> tuple[int, str]:
    """(exit status, what was printed) of a regression in a tree."""
    told = io.StringIO()
    status = face.regress(face.parse(words, tree), Console(file=told, width=200))
    return status, told.getvalue()


def results(tree: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((tree / "sim_build" / "regress" / "results.json").read_text())
    return found


def until(ready: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def gone(process: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


class Beside(threading.Thread):
    """A regression in a thread of its own."""

    def __init__(self, tree: Path, *words: str) -> None:
        super().__init__(daemon=True)
        self.tree, self.words = tree, words
        self.outcome: tuple[int, str] | None = None
        self.error: RegressError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = regress(self.tree, *self.words)
        except RegressError as error:
            self.error = error


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that a test starts; they are ended by their id."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def dask_cluster(tree: Path, processes: list[subprocess.Popen[bytes]], workers: int) -> str:
    """The address of a scheduler on loopback with worker processes, started as a user would."""
    file = tree / "scheduler.json"
    quiet = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical"}

    def start(*words: str) -> None:
        processes.append(subprocess.Popen([sys.executable, "-m", *words, "--no-dashboard", "--host", "127.0.0.1"],
                                          cwd=tree, env=quiet, stderr=subprocess.DEVNULL))  # fmt: skip

    start("distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(file))
    until(lambda: file.is_file() and file.read_text().endswith("}"))  # it is there before it is written
    address = str(json.loads(file.read_text())["address"])
    for _ in range(workers):
        start("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", str(tree))
    return address


def test_every_test_runs_once_a_seed_that_it_draws_on_and_the_failure_can_be_pasted(tree: Path) -> None:
    status, told = regress(tree, "--seeds", "3", "--jobs", "2")
    assert status == 1
    assert sorted(lines(tree / "noted")) == [
        *(f"icarus {seed}" for seed in (1, 2, 3)), *(f"quick {n}" for n in range(4)),
        *(f"verilator {seed}" for seed in (1, 2, 3)),
    ]  # fmt: skip
    found = results(tree)
    assert (found["totals"], found["whole"], found["lost_attempts"]) == ({"passed": 9, "failed": 1}, True, 0)
    assert found["points"] == [
        {"id": "A1", "state": "passed", "failed": [], "not_run": []},
        {"id": "A2", "state": "failed", "failed": ["test_odd", "bench_two.case"], "not_run": []},
    ]
    command = "make test TESTS='tests/test_quick.py::test_odd[verilator]' COCOTB_RANDOM_SEED=2 JOBS=1"
    assert command in [line.strip() for line in told.splitlines()]
    root = ElementTree.parse(tree / "sim_build" / "regress" / "junit.xml").getroot()
    assert {suite.get("name") for suite in root} == {
        "no simulator, seed 1", *(f"{sim}, seed {seed}" for sim in ("icarus", "verilator") for seed in (1, 2, 3))
    }  # fmt: skip
    assert sum(int(suite.get("tests", 0)) for suite in root) == len(root.findall(".//testcase")) == 10
    failure = root.find(".//testsuite[@name='verilator, seed 2']/testcase/failure")
    assert failure is not None and "an <even> seed" in str(failure.get("message"))
    assert str(failure.text).startswith(command)
    html = (tree / "sim_build" / "regress" / "index.html").read_text()
    assert "an &lt;even&gt; seed" in html and "<even>" not in html
    assert command.replace("'", "&#x27;") in html
    pasted = subprocess.run(["sh", "-c", command], cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    assert pasted.returncode != 0
    assert "an <even> seed" in pasted.stdout and "1 failed" in pasted.stdout, pasted.stdout + pasted.stderr
    assert lines(tree / "noted")[-1] == "verilator 2"


def test_a_killed_worker_loses_no_result_and_its_job_is_done_by_another(
    tree: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    (tree / "tests" / "test_slow.py").write_text(SLOW)
    address = dask_cluster(tree, processes, 2)
    job = Beside(tree, "--scheduler", address, "--sim", "icarus")
    until(lambda: lines(tree / "slow"))
    until(lambda: len(lines(tree / "noted")) == 5)
    session, worker = map(int, lines(tree / "slow")[0].split())
    assert worker in {process.pid for process in processes[1:]}
    os.kill(worker, signal.SIGKILL)
    until(lambda: gone(session))  # what it had started ends with it
    until(lambda: len(lines(tree / "slow")) == 2)
    assert int(lines(tree / "slow")[1].split()[1]) != worker
    (tree / "go").touch()
    job.join(60)
    assert job.outcome is not None and job.outcome[0] == 0, job.outcome
    found = results(tree)
    assert found["totals"] == {"passed": 6}
    assert found["lost_attempts"] == 1
    assert len(lines(tree / "noted")) == 5  # what had ended did not run again


def test_a_lost_scheduler_is_one_line_and_the_same_command_goes_on(
    tree: Path, processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "tests" / "test_slow.py").write_text(SLOW)
    address = dask_cluster(tree, processes, 1)
    job = Beside(tree, "--scheduler", address, "--sim", "icarus")
    until(lambda: lines(tree / "slow"))
    monkeypatch.setattr(run, "LOST_S", 1.0)
    processes[0].kill()
    job.join(60)
    assert str(job.error) == f"lost the scheduler at {address}: start it again, and the same command goes on from here"
    (tree / "go").touch()
    until(lambda: any("test_slow" in result.node for result, _ in _journalled(tree)))
    status, told = regress(tree, "--scheduler", "local", "--jobs", "1", "--sim", "icarus")
    assert status == 0
    assert len(_journalled(tree)) == len({result.node for result, _ in _journalled(tree)}) == 6
    assert told.startswith("going on: ")


def _journalled(tree: Path) -> list[tuple[Result, Path]]:
    paths = (tree / "sim_build" / "regress").glob("*/jobs/*/*.jsonl")
    return [(result, path) for path in paths for result in read(path)]


def test_a_killed_client_takes_its_workers_along_and_the_same_command_goes_on(
    tree: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    (tree / "tests" / "test_slow.py").write_text(SLOW)
    program = f"from pathlib import Path; from tb.regress.__main__ import main; main(root=Path({str(tree)!r}))"
    words = [sys.executable, "-c", program, "--jobs", "2", "--tests", "tests/test_quick.py tests/test_slow.py"]
    processes.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True))
    until(lambda: lines(tree / "slow"))
    session, worker = map(int, lines(tree / "slow")[0].split())
    until(lambda: len(lines(tree / "noted")) == 6)
    until(lambda: len(_journalled(tree)) == 6)
    processes[0].kill()
    until(lambda: gone(session) and gone(worker))
    (tree / "go").touch()
    status, told = regress(tree, "--jobs", "1", "--tests", "tests/test_quick.py tests/test_slow.py")
    assert status == 0
    assert told.startswith("going on: 6 results are there already")
    assert len(lines(tree / "noted")) == 6
    assert results(tree)["totals"] == {"passed": 7}


def test_a_crash_is_the_error_of_one_test_and_another_run_begins_anew(tree: Path) -> None:
    (tree / "tests" / "test_quick.py").write_text(CRASH)
    for _ in range(2):  # the first got through, so nothing of it is kept
        status, told = regress(tree, "--tests", "tests/test_quick.py", "--jobs", "1")
        assert status == 1
        assert "going on" not in told
        assert results(tree)["totals"] == {"passed": 2, "error": 1}
        assert "test_crash seed 1: pytest was ended by SIGABRT" in told
    assert len(_journalled(tree)) == 3


DRAWN = '''
"""A test that draws, and notes what."""
import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=5, database=None)
@given(st.integers(0, 10**9))
def test_drawn(n):
    with Path("drawn" + os.environ["COCOTB_RANDOM_SEED"]).open("a") as stream:
        stream.write(f"{n} ")
'''


def test_what_hypothesis_draws_follows_from_the_seed_too(tree: Path) -> None:
    (tree / "tests" / "test_quick.py").write_text(DRAWN)
    assert regress(tree, "--tests", "tests/test_quick.py", "--seeds", "2", "--jobs", "1")[0] == 0
    first, second = ((tree / f"drawn{seed}").read_text() for seed in (1, 2))
    assert first != second
    (tree / "drawn2").unlink()
    command = reproduce("tests/test_quick.py::test_drawn", 2)
    subprocess.run(["sh", "-c", command], cwd=tree, capture_output=True, timeout=120, check=True)
    assert (tree / "drawn2").read_text() == second


COVERED = '''
"""A test that leaves what a run with coverage leaves."""
import os

from tb import simulation


def test_covered():
    assert os.environ["FAULTLINE_COVERAGE"] == "1" and "COVERAGE" not in os.environ
    run = simulation.RUNS / "verilator" / "one"
    run.mkdir(parents=True)
    for name in ("coverage.dat", "functional.json", "sim.log", "hostmem.bin"):
        (run / name).write_text(name)
'''


def test_coverage_is_gathered_kept_and_handed_over(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE", "1")  # as make passes it on; cocotb would take it for its own
    (tree / "tests" / "test_quick.py").write_text(COVERED)
    merged: list[list[str]] = []

    def merge(root: Path, runs: Path, console: Console) -> bool:
        merged.append(sorted(path.name for path in runs.rglob("*") if path.is_file()))
        return len(merged) == 1

    merge_by_hand = face._merge_coverage
    monkeypatch.setattr(face, "_merge_coverage", merge)
    words = ("--tests", "tests/test_quick.py", "--jobs", "1", "--coverage")
    assert regress(tree, *words)[0] == 0
    assert merged == [["coverage.dat", "functional.json", "pytest.log", "sim.log"]]
    assert regress(tree, *words)[0] == 1, "a merge that fails is a failure"
    told = io.StringIO()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert merge_by_hand(tree, tree / "sim_build" / "regress", Console(file=told, width=200))
    assert told.getvalue() == "coverage: 2 files under sim_build/regress, and no tb.cov to merge them\n"


def test_lsf_gets_what_was_asked_for(tmp_path: Path) -> None:
    from dask_jobqueue.lsf import LSFJob

    options = cluster.batch_options("lsf", {"QUEUE": "short", "WALLTIME": "00:07", "MEMORY": "2GB"}, tmp_path / "logs")
    script = LSFJob(scheduler="tcp://127.0.0.1:1", name="x", **options, lsf_units="mb").job_script().splitlines()
    assert {"#BSUB -q short", "#BSUB -W 00:07", "#BSUB -M 2000", "#BSUB -J faultline"} <= set(script)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "tb.regress", "--tests", "tests/models/test_fence.py", *words]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_bad_scheduler_address_is_one_clear_line_and_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        result = command("--scheduler", address)
    assert result.returncode == 2
    assert result.stdout == ""
    cure = "start one with `dask scheduler` or correct the address"
    assert result.stderr == f"error: no scheduler at SCHEDULER={address}: connection refused: {cure}\n"


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["silent", "talking"])
def test_what_listens_and_is_no_scheduler_is_one_clear_line(greeting: bytes) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    connection.sendall(greeting)
                    kept.append(connection)

        kept: list[socket.socket] = []
        threading.Thread(target=greet, daemon=True).start()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        began = time.monotonic()
        result = command("--scheduler", address)
        other.shutdown(socket.SHUT_RDWR)
    assert result.returncode == 2
    assert re.fullmatch(rf"error: no scheduler at SCHEDULER={address}: .* correct the address\n", result.stderr)
    assert "Dask scheduler" in result.stderr
    assert time.monotonic() - began < 30


def test_a_name_that_takes_long_to_look_up_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        time.sleep(1.0)
        raise OSError("nobody waited for this")

    monkeypatch.setattr(socket, "create_connection", slow)
    began = time.monotonic()
    with pytest.raises(RegressError, match="no Dask scheduler answers in 0 s"):
        cluster.check_scheduler("tcp://far.invalid:8786", within_s=0.2)
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seeds", "x"), "SEEDS=x is not possible: give a whole number of at least 1"),
        (("--seeds", "0"), "SEEDS=0 is not possible"),
        (("--jobs", "-1"), "JOBS=-1 is not possible"),
        (("--sim", "vcs"), "unknown simulator SIM=vcs: use one of verilator, icarus"),
        (("--width", "96"), "WIDTH=96: use one of 64, 128, 256, 512"),
        (("--tests", "tests/none.py"), "no tests at TESTS=tests/none.py: name files or folders under tests"),
        (("--scheduler", "pbs"), "unknown SCHEDULER=pbs: use local, tcp://HOST:PORT, slurm or lsf"),
        (("--scheduler", "tcp://host"), "lacks a host or a port: use local"),
        (("--scheduler", "tcp://host:1e9"), "has no such port: use local"),
        (("--scheduler", "http://host:80"), "unknown SCHEDULER=http://host:80"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(RegressError) as caught:
        face.parse(words, ROOT, {})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_seed_that_is_no_number_is_refused() -> None:
    with pytest.raises(RegressError, match="COCOTB_RANDOM_SEED=one is not possible"):
        face.parse((), ROOT, {"COCOTB_RANDOM_SEED": "one"})
    assert face.parse(("--seeds", "3"), ROOT, {"COCOTB_RANDOM_SEED": "7"}).seeds == (7, 8, 9)


def test_tls_without_certificates_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"tls://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(RegressError, match="needs certificates"), cluster.connected(address, 1, tmp_path):
            pass


def test_a_worker_without_the_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere is not there on .*: workers need the repository at the same"):
        worker.run_job({"root": "/nowhere", "python": sys.executable, "directory": str(tmp_path)})


def test_slurm_without_sbatch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RegressError, match="SCHEDULER=slurm needs sbatch, which is not here: run where jobs are"):
        cluster.check_scheduler("slurm")


def test_tests_that_cannot_be_gathered_are_refused(tree: Path) -> None:
    (tree / "tests" / "test_quick.py").write_text("import nothing_like_it\n")
    with pytest.raises(RegressError, match="pytest cannot gather tests: .*nothing_like_it"):
        regress(tree)


def test_words_in_brackets_stay_together() -> None:
    assert paths_of("tests/rtl,tests/test_docs.py::test_a[x, y] tests") == [
        "tests/rtl", "tests/test_docs.py::test_a[x, y]", "tests"
    ]  # fmt: skip


def test_a_name_that_a_shell_would_break_runs_all_cases_of_its_function() -> None:
    command = "make test TESTS='tests/a.py::test_b' COCOTB_RANDOM_SEED=3 JOBS=1"
    assert reproduce("tests/a.py::test_b[$(x) y]", 3) == command


def test_the_command_runs_the_simulation_with_its_seed() -> None:
    node = "tests/rtl/test_burst.py::test_a_burst_is_as_long_as_the_rules_allow[icarus-512]"
    unset = ("MAKE", "MFLAGS", "SIM", "COCOTB")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    pasted = subprocess.run(["sh", "-c", reproduce(node, 77)], cwd=ROOT, env=clean, capture_output=True, text=True,
                            timeout=300, check=False)  # fmt: skip
    assert pasted.returncode == 0 and "1 passed" in pasted.stdout, pasted.stdout + pasted.stderr
    logs = (ROOT / "sim_build" / "runs" / "icarus").glob("*test_burst*icarus-512*/sim.log")
    assert any("77" in log.read_text() for log in logs)


def test_jobs_hold_one_simulator_and_width_and_stay_short() -> None:
    nodes = [Node(f"tests/a.py::test_{n}[{sim}]", sim, width, True)
             for n in range(9) for sim in ("icarus", "verilator") for width in (64, 512)]  # fmt: skip
    jobs = batches(nodes, 5, {node.id: 6.0 for node in nodes})
    assert sorted(node.id for job in jobs for node in job.nodes) == sorted(node.id for node in nodes)
    assert all(len({(node.simulator, node.width) for node in job.nodes}) == 1 for job in jobs)
    assert {len(job.nodes) for job in jobs} == {3}
    assert len({job.name for job in jobs}) == len(jobs) == 12
    assert [len(job.nodes) for job in batches(nodes[:4:4], 5, {nodes[0].id: 900.0})] == [1]


def test_a_journal_that_was_cut_short_keeps_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    result = Result("tests/a.py::test_b", 3, "passed", 0.5, ran=("bench_a.b",), drew=True)
    path.write_text("\n".join(['{"begins": "tests/a.py::test_b"}', json.dumps(result.to_json()),
                               '{"begins": "tests/a.py::test_c"}', '{"node": "tests/a.py::te']))  # fmt: skip
    assert read(path) == [result]
    assert begun(path) == ["tests/a.py::test_c"]


def summary_of(*results: Result, whole: bool = True) -> Summary:
    points = [Point("A1", "All", "one", ("R1",), ("test_a",)), Point("A2", "All", "two", ("R2",), ("bench_b.c",))]
    nodes = {result.node: Node(result.node, "icarus", 64, True) for result in results}
    return Summary(results, nodes, points, whole, 0, {})


def test_it_is_good_only_if_everything_passed_and_every_point_ran() -> None:
    good = Result("tests/test_x.py::test_a[1]", 1, "passed", 1.0, ran=("bench_b.c",))
    assert summary_of(good).good
    assert not summary_of().good
    without = Result("tests/test_x.py::test_a[1]", 1, "passed", 1.0)
    assert not summary_of(without).good
    assert summary_of(without, whole=False).good
    assert [state.word for state in summary_of(without).states()] == ["passed", "not run"]
    skipped = Result("tests/test_x.py::test_a[1]", 1, "skipped", 0.0)
    assert not summary_of(good, skipped, Result("tests/test_x.py::test_z", 1, "error", 0.0)).good
    assert not summary_of(skipped, Result("tests/test_x.py::test_z", 1, "passed", 0.0, ran=("bench_b.c",))).good


def test_control_characters_do_not_break_the_reports() -> None:
    bad = Result("tests/test_x.py::test_a[\x1b]", 1, "failed", 1.0, "\x1b[31m & <b>\x00", "text \x07 ]]>")
    case = ElementTree.fromstring(junit(summary_of(bad))).find(".//failure")
    assert case is not None and case.get("message") == "?[31m & <b>?"
    assert "<b>" not in page(summary_of(bad))
