"""Building and running: what goes wrong outside of the design gets one line with its cause and its cure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tb import disk, simulation, toolchain
from tb.photo import __main__ as photo
from tb.simulation import Simulation, SimulationError
from tb.speed import __main__ as speed

ROOT = Path(__file__).resolve().parent.parent
FIFO = Simulation("fifo", "verilator", {"WIDTH": 13, "DEPTH_LOG2": 3})

SmallDisk = Callable[[int], Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Makes a disk of so many KiB; skips where that takes a right that is not there."""
    mounted: list[Path] = []

    def make(kib: int) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk takes root, and a kernel that lets it mount one")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def bench(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bench of one test, in a module of its own that simulations find."""
    name = f"bench_{folder.name}"
    (folder / f"{name}.py").write_text(
        f"import os\nimport cocotb\nfrom models.memory import HostMemory\n\n"
        f"@cocotb.test()\nasync def it(dut):\n    {body}\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return name


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(SimulationError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------ disk


@pytest.mark.parametrize(
    ("kib", "body"),
    [
        (64, "HostMemory(os.environ['HOSTMEM_FILE']).pages[:] = 1"),
        (64, "open('large', 'wb').write(bytes(1 << 20))"),
    ],
    ids=["sparse memory", "file"],
)
def test_a_disk_that_fills_up_during_a_run_is_named(
    kib: int, body: str, small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "RUNS", small_disk(kib))
    said = complaint(lambda: FIFO.run(bench(tmp_path, body, monkeypatch)))
    assert said.startswith("sim_build is full: free space on its disk (df -h ")


@pytest.mark.parametrize("kib", [100, 1024])
def test_a_disk_that_is_too_small_for_a_build_is_named_and_leaves_no_product(
    kib: int, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = small_disk(kib)
    monkeypatch.setattr(simulation, "SIM_BUILD", place)
    monkeypatch.setenv("TMPDIR", str(place))
    assert complaint(FIFO.build).startswith("sim_build is full: free space on its disk (df -h ")
    assert not list(place.rglob("complete"))


def test_only_words_of_a_full_disk_or_a_full_disk_itself_count(tmp_path: Path) -> None:
    assert disk.full(tmp_path, "%Error: syntax error", "exit status 1", "exit status -70") == ""
    for said in ("x.s: No space left on device", "simulation ended with exit status -7", "OSError: [Errno 28] no"):
        assert disk.full(tmp_path, "first", said).startswith("sim_build is full")
    assert disk.full(tmp_path / "not" / "there", needed=1 << 60).startswith("sim_build is full")


def test_half_a_results_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "results.xml").write_text("<testsuites><testsuite><testcase name='a'")
    said = complaint(lambda: simulation._passed(tmp_path / "results.xml", tmp_path / "sim.log", [], 1, ""))
    assert said.startswith("no results: nothing was printed")


# -------------------------------------------------------------------------------------------------- commands


def test_a_command_that_is_not_there_is_no_matter_of_the_disk(tmp_path: Path) -> None:
    def start(name: str) -> None:
        with disk.readable_disk_errors(tmp_path):
            subprocess.run([name], env={"PATH": str(tmp_path)}, check=True)

    assert complaint(lambda: start("iverilog-vpi")) == "iverilog-vpi is missing: " + toolchain.MISSING["iverilog-vpi"]
    assert complaint(lambda: start("no-such-tool")) == "no-such-tool is missing: install what has no-such-tool"


def test_a_directory_that_cannot_be_made_is_a_matter_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = r"cannot write .*file/under: Not a directory; make sim_build writable"
    with pytest.raises(SimulationError, match=said), disk.readable_disk_errors(tmp_path):
        (tmp_path / "file" / "under").mkdir()


@pytest.mark.skipif(shutil.which("iverilog-vpi") is None, reason="Icarus is not installed")
def test_the_native_library_is_compiled_where_there_is_no_gcc(tmp_path: Path) -> None:
    command = toolchain.vpi_command(tmp_path / "hostmem.vpi")
    for name in ("g++", "as", "ld"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    subprocess.run(command, env={"PATH": str(tmp_path)}, check=True, timeout=60)
    assert (tmp_path / "hostmem.vpi").stat().st_size


def test_a_model_is_built_where_no_command_is_called_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    shutil.rmtree(simulation.SIM_BUILD / "verilator" / "without_python", ignore_errors=True)
    replace(FIFO, name="without_python").build()


# ------------------------------------------------------------------------------------------------- what is said


def test_a_failure_says_the_type_of_its_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it: KeyError: 'box' (seed" in complaint(lambda: FIFO.run(bench(tmp_path, "{}['box']", monkeypatch)))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--testcase", "boxes_arrive_byte_for_byt"], "unknown COCOTB_TESTCASE=boxes_arrive_byte_for_byt: did you mean "
         "boxes_arrive_byte_for_byte? tests are the @cocotb.test functions of tests/**/bench_*.py"),
        (["--testcase", "zzzz"], "unknown COCOTB_TESTCASE=zzzz: tests are the @cocotb.test functions of "
         "tests/**/bench_*.py"),
        (["--module", "tests.rtl.bench_fifo", "--testcase", "zzzz"], "unknown COCOTB_TESTCASE=zzzz: tests are the "
         "@cocotb.test functions of tests/rtl/bench_fifo.py"),
        (["--module", "tests.rtl.bench_fifoo"], "unknown MODULE=tests.rtl.bench_fifoo: did you mean "
         "tests.rtl.bench_fifo? benches are tests/**/bench_*.py"),
        (["--module", "bench_fifo"], "unknown MODULE=bench_fifo: did you mean tests.rtl.bench_fifo? benches are "
         "tests/**/bench_*.py"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_told_with_what_is_near_it(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulation.main(words) == 1
    said = capsys.readouterr().err
    if "did you mean" in line:  # others may be near as well, behind the nearest
        start, rest = line.split("? ")
        assert said.startswith(f"error: {start}") and said.endswith(f"? {rest}\n")
    else:
        assert said == f"error: {line}\n"


def test_an_interruption_is_one_line_and_the_status_of_a_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Simulation, "run", interrupt)
    monkeypatch.setattr(photo, "simulate", interrupt)
    monkeypatch.setattr(speed, "measure", interrupt)
    for face, words in ((simulation, ["--module", "tests.rtl.bench_fifo"]), (photo, []), (speed, [])):
        assert face.main(words) == 130
        said = capsys.readouterr().err
        assert said.startswith("error: interrupted") and len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("-n 0 tests/test_training.py::nosuch", "TESTS='tests/test_training.py::nosuch'"),
        ("-n 1 tests/test_training.py -k qqqq", "TESTS='tests/test_training.py' ARGS=\"-k 'qqqq'\""),
    ],
)
def test_a_filter_that_matches_nothing_is_an_error_that_says_so(words: str, asked: str) -> None:
    clean = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "pytest", "-q", *words.split()]
    result = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode != 0
    lines = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and lines[0].startswith(f"error: nothing matches {asked}: name files or folders under tests")


YOWASP = """#!/bin/sh
cache="$YOWASP_CACHE_DIR/yowasp_tool"
if [ -e "$cache/module" ]; then
    [ "$(cat "$cache/module")" = whole ] || { echo torn >&2; kill -BUS $$; }
else
    mkdir -p "$cache"; printf who > "$cache/module"; sleep 0.3; printf whole > "$cache/module"
    echo "$$" >> "$YOWASP_CACHE_DIR/compiled"
fi
[ -e "$0.broken" ] && { echo "no memory" >&2; exit 1; }
exit 0
"""
"""A tool that compiles itself into its cache at its first start, and dies of what is half written there."""


@pytest.fixture
def yowasp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tool = tmp_path / "yowasp-tool"
    tool.write_text(YOWASP)
    tool.chmod(0o755)
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    return tool


def test_a_tool_that_compiles_itself_does_so_once_however_many_want_it(yowasp: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(toolchain.prepare_yowasp, [yowasp] * 4))
    assert len((yowasp.parent / "cache" / "compiled").read_text().split()) == 1


def test_what_an_interrupted_start_left_torn_is_made_anew(yowasp: Path) -> None:
    torn = yowasp.parent / "cache" / "yowasp_tool" / "module"
    torn.parent.mkdir(parents=True)
    torn.write_text("who")
    toolchain.prepare_yowasp(yowasp)
    assert torn.read_text() == "whole"


def test_a_tool_that_does_not_start_is_one_clear_line(yowasp: Path) -> None:
    Path(f"{yowasp}.broken").touch()
    with pytest.raises(toolchain.SimulationError, match="^yowasp-tool does not start: no memory; run `make dist"):
        toolchain.prepare_yowasp(yowasp)
