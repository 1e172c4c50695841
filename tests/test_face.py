"""The face: bad input to the main job gives one clear line and leaves earlier results alone; its figures add up."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from models.client.photo import LARGEST, SMALLEST
from models.events import Fault, FenceSignal, FenceWait, Phase, Readback, Submit, Writeback, Zap
from tb.bridge import Stamped
from tb.photo import __main__ as face
from tb.photo import run
from tb.photo.phases import Row, rows_of, total
from tb.photo.picture import MOST_PIXELS, PictureError, default_picture, load
from tb.photo.report import publish, result_of, side_by_side
from tb.photo.run import PhotoRun
from tb.simulation import SimulationError, simulators
from tb.toolchain import VERILATOR_SEEDS, run_plusargs
from tb.trace import EVENT, Kind, Trace

ROOT = Path(__file__).resolve().parent.parent


def save(path: Path, width: int, height: int, mode: str = "RGB") -> Path:
    Image.new(mode, (width, height)).save(path)
    return path


def jpeg(width: int = 256, height: int = 256) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()


# -------------------------------------------------------------------------------------------------- pictures


def test_the_default_picture_is_the_photograph_that_matplotlib_ships() -> None:
    assert default_picture().name == "grace_hopper.jpg"
    assert load(default_picture()).shape == (600, 512, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_every_kind_of_picture_becomes_three_bytes_a_pixel(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    picture = load(save(tmp_path / f"a.{suffix}", SMALLEST, SMALLEST + 1, mode))
    assert (picture.shape, picture.dtype) == ((SMALLEST + 1, SMALLEST, 3), np.uint8)


def test_a_missing_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no picture .*check the name, or name another with IMAGE=FILE"):
        load(tmp_path / "none.png")


def test_a_folder_for_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="is a folder: name a file in it with IMAGE=FILE"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_forbidden_picture_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", 100, 100)
    path.chmod(0)
    with pytest.raises(PictureError, match="cannot read picture .*Permission denied"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"this is a text\n" * 100, "not a picture"),
        (jpeg()[:2000], "damaged"),
        (jpeg()[:10], "not a picture|damaged"),
    ],
)
def test_a_corrupt_picture_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (LARGEST + 1, SMALLEST, "too large"),
        (SMALLEST, LARGEST + 1, "too large"),
        (20_000, 20_000, "too large"),
        (MOST_PIXELS // 4096 + 1, 4096, "too large"),
        (SMALLEST - 1, SMALLEST, "too small"),
    ],
)
def test_a_picture_of_the_wrong_size_is_refused(tmp_path: Path, width: int, height: int, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        load(save(tmp_path / "a.png", width, height, "1"))


# ---------------------------------------------------------------------------------------------- the command


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tb.photo", *arguments]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_bad_input_ends_in_one_line_and_a_status(tmp_path: Path) -> None:
    corrupt = tmp_path / "corrupt.png"
    corrupt.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for arguments, message in {
        ("--image", str(tmp_path / "none.png")): "no picture",
        ("--image", str(corrupt)): "corrupt.png",
        ("--sim", "modelsim"): "SIM=modelsim",
        ("--width", "96"): "WIDTH=96: use one of 64, 128, 256, 512",
    }.items():
        result = command(*arguments)
        assert result.returncode != 0
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert result.stderr.startswith("error: ")
        assert message in result.stderr


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """What make would do, without doing it."""
    clean = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["make", "--no-print-directory", "-n", *words], cwd=ROOT, env=clean, capture_output=True, text=True,
        timeout=60, check=False,
    )


@pytest.mark.parametrize("target", ["photo", "test", "sim", "speed", "lint", "clean"])
def test_every_target_refuses_an_unknown_simulator(target: str) -> None:
    for unknown in ("bogus", "verilator icarus"):
        result = make(target, f"SIM={unknown}")
        assert (result.returncode, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1
        assert f"unknown simulator SIM={unknown}: use SIM=verilator or SIM=icarus" in result.stderr
    assert make(target, "SIM=icarus").returncode == make(target, "SIM=").returncode == 0


def test_the_list_of_targets_comes_whatever_else_is_said() -> None:
    words = ["make", "--no-print-directory", "help", "SIM=bogus", "JOBS=zero"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "") and "make photo" in result.stdout


@pytest.mark.parametrize("jobs", ["zero", "0", "-1", "", "2 3"])
def test_a_number_of_processes_that_is_none_is_refused(jobs: str) -> None:
    words = ["make", "--no-print-directory", "test", f"JOBS={jobs}"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0] == f"error: JOBS={jobs} is no number of processes: give 1 or more"


@pytest.mark.parametrize("path", ["README.md", "nowhere.py", "tests/nowhere.py::test_it"])
def test_tests_that_are_not_there_are_refused(path: str) -> None:
    words = ["make", "--no-print-directory", "test", f"TESTS={path}", "JOBS=1"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and f"error: no tests at {path}: name files or folders under tests" in result.stderr


def test_a_path_with_a_blank_is_refused_in_one_line(tmp_path: Path) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    shutil.copy(ROOT / "Makefile", place)
    words = ["make", "--no-print-directory", "-n", "photo"]
    result = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert f'"{place}" has a blank in it' in result.stderr and "another place" in result.stderr


def test_a_quote_in_the_name_of_a_picture_reaches_the_command(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    words = ["make", "--no-print-directory", "photo", f"BIN={tmp_path}", "SHELL=/bin/sh", "IMAGE=it's \"a\" b.jpg"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "--image=it's \"a\" b.jpg" in result.stdout.splitlines()


def test_sim_leaves_the_other_simulator_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def left_out() -> list[object]:
        return [one.values[0] for one in simulators() for mark in one.marks if "leaves it out" in mark.kwargs["reason"]]

    for asked, expected in {"": [], "icarus": ["verilator"], "verilator": ["icarus"]}.items():
        monkeypatch.setenv("SIM", asked)
        assert left_out() == expected
    monkeypatch.setenv("SIM", "bogus")
    with pytest.raises(SimulationError, match="unknown simulator SIM=bogus: use one of verilator, icarus"):
        simulators()


def test_verilator_starts_at_random_from_the_seed_of_the_run() -> None:
    assert run_plusargs("verilator", 7) == ["+verilator+rand+reset+2", "+verilator+seed+7"]
    for seed in (-1, 0, 1, VERILATOR_SEEDS, VERILATOR_SEEDS + 1, 2**40):
        assert 1 <= int(run_plusargs("verilator", seed)[1].rsplit("+")[-1]) <= VERILATOR_SEEDS
    assert run_plusargs("icarus", 7) == []


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results directory with an earlier result in it, which the command is made to use."""
    directory = tmp_path / "photo"
    directory.mkdir()
    (directory / "result.json").write_text("earlier")
    monkeypatch.setattr(face, "RESULTS", directory)
    return directory


def a_run(*differences: str) -> PhotoRun:
    picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    return PhotoRun(
        "verilator", 64, picture, picture[::-1], [Row("paint", faults=3, cycles=10)], [{"cycle": 1}],
        {"surface": 12288}, list(differences), 10, 0.5, 1 << 20, Path("sim.log"),
    )


def test_a_good_run_replaces_the_results(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "simulate", lambda *arguments: a_run())
    assert face.main([]) == 0
    assert sorted(path.name for path in results.iterdir()) == [
        "result.json", "scanout.png", "side_by_side.png", "untranslated.png",
    ]
    result = json.loads((results / "result.json").read_text())
    assert (result["agree"], result["total"]["faults"], result["cycles_per_cpu_s"]) == (True, 3, 20)
    with Image.open(results / "scanout.png") as image:
        assert (np.asarray(image) == a_run().scanout).all()
    assert [path.name for path in results.parent.iterdir()] == ["photo"]


def test_differing_bytes_fail_and_keep_the_earlier_results(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(face, "simulate", lambda *arguments: a_run("surface: 1 byte differs at 17"))
    assert face.main([]) == 1
    assert "error: surface: 1 byte differs at 17" in capsys.readouterr().err
    assert (results / "result.json").read_text() == "earlier"


def test_a_failed_simulation_is_one_line_and_keeps_the_earlier_results(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> PhotoRun:
        raise SimulationError("the engine is on fire: use water")

    monkeypatch.setattr(face, "simulate", fail)
    assert face.main([]) == 1
    assert capsys.readouterr().err == "error: the engine is on fire: use water\n"
    assert (results / "result.json").read_text() == "earlier"


def test_a_full_disk_is_one_line_and_keeps_the_earlier_results(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device", "scanout.png")

    monkeypatch.setattr(face, "simulate", lambda *arguments: a_run())
    monkeypatch.setattr(Image.Image, "save", full)
    assert face.main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot write scanout.png (No space left on device): ")
    assert "free space" in error
    assert (results / "result.json").read_text() == "earlier"
    assert [path.name for path in results.parent.iterdir()] == ["photo"]


def test_a_long_phase_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 1.0, 9.9, 10.0, 19.0, 19.5, 30.0])
    monkeypatch.setattr(face.time, "monotonic", lambda: next(seconds))
    said = io.StringIO()
    show = face._printer(Console(file=said))
    for phase, cycle in [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 5), ("b", 5)]:
        show(phase, cycle)
    assert said.getvalue().splitlines() == ["  a (cycle 0)", "  a (cycle 3)", "  b (cycle 5)", "  b (cycle 5)"]


def test_progress_is_told_even_while_nothing_changes(tmp_path: Path) -> None:
    file, ended, told = tmp_path / "progress", threading.Event(), list[tuple[str, int]]()

    def progress(phase: str, cycle: int) -> None:
        told.append((phase, cycle))
        if len(told) == 1:
            file.write_text("paint\t12\ndraw\t34\nhalf a li")
        if len(told) == 4:
            ended.set()

    run.watch(file, ended, progress)
    assert told == [("building and starting", 0), ("paint", 12), ("draw", 34), ("draw", 34)]


# ---------------------------------------------------------------------------------------------- the figures


NOTES = [
    Stamped(10, "photo", Phase(name="paint")),
    Stamped(11, "photo", Fault(write=True)),
    Stamped(12, "photo", FenceWait(queue=0, value=0xFFFFFFFF)),
    Stamped(13, "photo", FenceWait(queue=1, value=1)),
    Stamped(14, "photo", FenceWait(queue=0, value=1, cause="readback")),
    Stamped(20, "photo", Phase(name="draw")),
    Stamped(21, "photo", Zap(pages=((0, 3), (7, 2)), entries=4)),
    Stamped(22, "photo", Writeback(pages=((0, 1),), bytes=100, descriptors=2)),
    Stamped(23, "photo", Submit(queue=0, descriptors=3, value=1)),
    Stamped(24, "photo", Readback(pages=((4, 2),), bytes=8192, descriptors=1)),
    Stamped(30, "photo", FenceSignal(queue=0, value=1)),
]


def bus_trace(*bursts: tuple[Kind, int, int, int]) -> Trace:
    """A trace of (kind, cycle, AXI ID, beats)."""
    events = np.zeros(len(bursts), EVENT)
    for event, (kind, cycle, axi_id, beats) in zip(events, bursts, strict=True):
        event["kind"], event["cycle"], event["id"], event["value"] = kind, cycle, axi_id, beats
    return Trace(events)


BURSTS = bus_trace(
    (Kind.READ_ADDRESS, 12, 0, 4), (Kind.READ_LAST, 16, 0, 4), (Kind.WRITE_ADDRESS, 25, 0, 8),
    (Kind.READ_LAST, 26, 1, 100), (Kind.WRITE_LAST, 33, 0, 8), (Kind.WRITE_RESPONSE, 34, 0, 8),
)


def test_events_and_cycles_are_counted_in_the_phase_they_happen_in() -> None:
    paint, draw = rows_of(NOTES, BURSTS, 60)
    assert paint == Row("paint", faults=1, dma_cycles=5, beats=4, cycles=10)
    assert draw == Row(
        "draw", pages_zapped=4, readback_pages=2, readback_bytes=8192, writeback_pages=1, writeback_bytes=100,
        descriptors=3, dma_cycles=10, fence_wait_cycles=18, beats=8, cycles=40,
    )
    assert (paint.bus_utilization, draw.bus_utilization, Row("idle").bus_utilization) == (0.8, 0.8, 0.0)
    whole = total([paint, draw])
    assert (whole.cycles, whole.descriptors, whole.beats, whole.faults) == (50, 3, 12, 1)


def test_a_scenario_without_a_first_phase_is_refused() -> None:
    with pytest.raises(ValueError, match="does not begin with a phase"):
        rows_of(NOTES[1:], BURSTS, 60)


def test_the_result_has_every_row_and_the_total() -> None:
    result = result_of(rows_of(NOTES, BURSTS, 60), {"agree": True})
    assert [row["phase"] for row in result["phases"]] == ["paint", "draw"]
    assert (result["agree"], result["total"]["cycles"]) == (True, 50)


def test_published_results_replace_the_earlier_ones_as_a_whole(tmp_path: Path) -> None:
    black, white = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)
    publish(tmp_path / "photo", {"a": black, "b": white}, {})
    publish(tmp_path / "photo", {"a": side_by_side(black, white)}, {"x": 1})
    assert sorted(path.name for path in (tmp_path / "photo").iterdir()) == ["a.png", "result.json"]
    with Image.open(tmp_path / "photo" / "a.png") as image:
        assert image.size == (3 + 16 + 3, 2)


@pytest.mark.parametrize("earlier", [True, False])
def test_results_that_cannot_take_their_place_leave_the_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    black = np.zeros((2, 3, 3), np.uint8)
    if earlier:
        publish(tmp_path / "photo", {"a": black}, {"x": 1})
    rename = os.rename

    def fail_into_place(source: Path, target: Path) -> None:
        if target == tmp_path / "photo" and not source.name.endswith(".old"):
            raise OSError(5, "Input/output error", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_into_place)
    with pytest.raises(OSError, match="Input/output error"):
        publish(tmp_path / "photo", {"b": black}, {"x": 2})
    assert [path.name for path in tmp_path.iterdir()] == (["photo"] if earlier else [])
    if earlier:
        assert json.loads((tmp_path / "photo" / "result.json").read_text()) == {"x": 1}
        assert (tmp_path / "photo" / "a.png").is_file()
