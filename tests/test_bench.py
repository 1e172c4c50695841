"""`make bench` can be believed: its floors bite, its bounds are those worked out by hand, and a sample reaches them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from tb.bench import __main__ as face
from tb.bench import run
from tb.bench.cases import DIRECTIONS, LATENCIES, Case, all_cases
from tb.bench.figures import BenchError, Figure
from tb.bench.floors import FLOORS, Floors, floors_of, judged, reviewed_of, update
from tb.bench.page import PAGE_FILE, rewritten, tables
from tb.bench.peers import PEERS, peers_of
from tb.bench.report import derivation, show
from tb.simulation import SIM_BUILD, SimulationError
from tb.toolchain import ROOT

COUNTED = (
    ("doorbell to descriptor AR", "writeback", 2),
    ("doorbell to data AR", "writeback", 20),
    ("doorbell to interrupt", "writeback", 600),
    ("doorbell to interrupt", "readback", 590),
)


def perfect(width: int) -> list[Figure]:
    """A figure for each case at one width, at its bound, or in few enough cycles."""
    found = []
    for case in all_cases(width):
        for direction in DIRECTIONS if case.direction == "both" else (case.direction,):
            where = (case.name, direction, case.size, case.latency, width)
            found.append(Figure(*where, utilization=case.bound, bound=case.bound, ceiling=case.ceiling))
    return found + [Figure(name, way, 4096, 13, width, cycles=cycles) for name, way, cycles in COUNTED]


PERFECT = {width: perfect(width) for width in face.WIDTHS}
ALL = [figure for figures in PERFECT.values() for figure in figures]


def figure(name: str, direction: str, size: int, latency: int, width: int = 64) -> Figure:
    """One of the perfect figures."""
    wanted = (name, direction, size, latency)
    return next(f for f in PERFECT[width] if (f.case, f.direction, f.size, f.latency) == wanted)


def at(one: Figure, value: float) -> Figure:
    """The figure with another utilization, or number of cycles."""
    return replace(one, utilization=value) if one.cycles is None else replace(one, cycles=int(value))


# -------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    ("case", "bound"),
    [
        (Case("scattered", "readback", 64, 3), 8 / 12),
        (Case("scattered", "writeback", 64, 3), 8 / 12),
        (Case("scattered", "readback", 8, 3), 1 / 5),
        (Case("scattered", "readback", 1024, 3), 128 / 132),
        (Case("scattered", "writeback", 1024, 3, 512), 16 / 17),
        (Case("scattered", "writeback", 8, 3, 512), 1 / 2),
        (Case("cold pages", "writeback", 4096, 3, cold=True), 512 / 517),
        (Case("cold pages", "readback", 4096, 3, cold=True), 512 / 516),
        (Case("cold pages", "writeback", 4096, 3, 512, cold=True), 64 / (64 + 1 + 1 / 8)),
        (Case("cold scatter", "writeback", 64, 3, cold=True), 8 / 13),
        (Case("cold scatter", "writeback", 64, 3, 512, cold=True), 1 / (1 + 1 + 3 / 8)),
        (Case("rows", "writeback", 64, 3, rows=4096), 32768 / (32768 + 4 + 128)),
        (Case("rows", "readback", 64, 3, rows=4096), 32768 / (32768 + 4)),
        (Case("unaligned", "readback", 64, 3, rows=4096, offset=(3, 5)), 32768 / (36864 + 4)),
        (Case("both", "both", 4096, 3), 512 / 520),
        (Case("stall 8 of 32", "readback", 4096, 13, rows=256, stall=(8, 32)), 131072 / 131076 * 0.75),
    ],
    ids=str,
)
def test_a_bound_is_what_the_beats_of_the_channels_allow(case: Case, bound: float) -> None:
    assert case.bound == pytest.approx(bound, rel=1e-12)


def test_the_derivation_says_the_same_formulas() -> None:
    assert "D / (D + 4)" in derivation(64) and "D / (D + 4 + 1)" in derivation(64) and "S / (S + 8)" in derivation(64)
    assert "D / (D + 1)" in derivation(512) and "D / (D + 1 + 0.125)" in derivation(512)


# -------------------------------------------------------------------------------------------------- floors


def test_every_floor_concerns_a_case_and_none_concerns_two() -> None:
    for floor in floors_of().floors:
        assert any(floor.concerns(one) for one in PERFECT[64]), f"{floor} is about nothing"
    for one in ALL:
        assert sum(floor.concerns(one) for floor in floors_of().floors) <= 1, one.title


@pytest.mark.parametrize(
    ("one", "limit"),
    [
        *((figure("scattered", way, 64, 200), 0.88 * 8 / 12) for way in DIRECTIONS),
        (figure("scattered", "readback", 256, 3), 0.95 * 32 / 36),
        (figure("scattered", "writeback", 1024, 200), 0.99 * 128 / 132),
        (figure("scattered", "writeback", 65536, 13), 0.99 * 8192 / 8196),
        (figure("scattered", "readback", 8, 3), None),
        (figure("scattered", "readback", 1024, 3, 512), 0.98 * 0.99 * 16 / 17),
        (figure("scattered", "readback", 256, 3, 512), None),
        (figure("rows", "readback", 64, 100), 0.99),
        (figure("rows", "writeback", 64, 200), 0.985),
        (figure("rows", "writeback", 512, 200, 512), 0.98 * 0.985),
        (figure("rows", "readback", 8, 50), 0.99),
        (figure("rows", "readback", 8, 100), 0.60),
        (figure("rows", "readback", 8, 200), None),
        (figure("cold pages", "writeback", 4096, 200), 0.99 * 512 / 517),
        (figure("unaligned", "readback", 64, 100), 0.99 * 64 / 72),
        (figure("unaligned", "readback", 1024, 3, 512), 0.98 * 0.99 * 1024 / 1088),
        (figure("unaligned", "readback", 64, 200), None),
        (figure("both", "readback", 4096, 13), 0.97),
        (figure("stall 64 of 256", "writeback", 4096, 13), 0.745),
        (figure("doorbell to data AR", "writeback", 4096, 13), 20),
        (figure("doorbell to data AR", "writeback", 4096, 13, 512), 20),
        (figure("doorbell to interrupt", "readback", 4096, 13), 590),
        (figure("doorbell to interrupt", "writeback", 4096, 13), None),
    ],
    ids=lambda value: value.title if isinstance(value, Figure) else str(value),
)
def test_the_floors_are_those_that_were_set(one: Figure, limit: float | None) -> None:
    assert floors_of().limit(one) == (None if limit is None else pytest.approx(limit, rel=1e-9))


def test_every_case_has_a_reviewed_figure_and_no_other_is_kept() -> None:
    assert set(reviewed_of()) == {one.title for one in ALL}


def test_perfect_figures_give_no_complaint() -> None:
    assert judged(ALL, floors_of(), {one.title: one.value for one in ALL}) == []


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        (at(figure("scattered", "readback", 64, 13), 0.58), "0.5800 is below its floor of 0.5867"),
        (at(figure("rows", "writeback", 64, 200), 0.98), "0.9800 is below its floor of 0.9850"),
        (at(figure("scattered", "readback", 8, 3), 0.1989), "0.1989, 0.2000 when last reviewed"),
        (at(figure("doorbell to data AR", "writeback", 4096, 13), 21), "21 cycles, at most 20 allowed"),
        (at(figure("doorbell to interrupt", "writeback", 4096, 13), 604), "604 cycles, 600 when last reviewed"),
        (at(figure("scattered", "readback", 64, 13), 0.67), "0.6700 is above its bound of 0.6666666666666666"),
        (replace(figure("stall 8 of 32", "readback", 4096, 13), refused=3), "read data held back in 3 cycles"),
        (replace(figure("rows", "readback", 64, 13), case="new"), "never reviewed"),
    ],
    ids=lambda value: value.title if isinstance(value, Figure) else "",
)
def test_a_figure_that_is_not_good_enough_is_named(one: Figure, complaint: str) -> None:
    found = judged([*ALL, one], floors_of(), {other.title: other.value for other in ALL})
    assert len(found) >= 1 and all(line.startswith(f"{one.title}: ") for line in found)
    assert any(complaint in line for line in found), found


def test_a_drift_within_the_tolerance_passes() -> None:
    one, tight = figure("scattered", "readback", 8, 3), floors_of()
    assert judged([at(one, one.value * (1 - tight.drift * 0.99))], tight, {one.title: one.value}) == []
    assert judged([at(one, one.value * (1 - tight.drift * 1.01))], tight, {one.title: one.value}) != []


GOOD = 'drift = 0.005\n[wide]\nsize = 512\nshare = 0.98\n[[floor]]\ncase = "rows"\nleast = 0.9\nof = "bus"\n'


def test_a_small_floors_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "floors.toml").write_text(GOOD)
    assert isinstance(floors_of(tmp_path / "floors.toml"), Floors)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("drift", "drifts", "unknown key 'drifts': use drift, floor, wide"),
        ("drift = 0.005", "drift = 0", "drift = 0: give a number above 0, up to 1"),
        ("drift = 0.005\n", "", "drift is missing"),
        ("share = 0.98", "shares = 0.98", "wide: unknown key 'shares': use share, size"),
        ("size = 512", 'size = "512"', "wide.size in bytes"),
        ("[[floor]]", "[floor]", r"give \[\[floor\]\] tables"),
        ("least", "lest", "floor 1: unknown key 'lest': use case, direction, latency, least, most, of, size"),
        ('case = "rows"\n', "", "floor 1 .no case.: give case"),
        ('of = "bus"\n', "", "give either least and of, or most"),
        ('of = "bus"\n', 'of = "bus"\nmost = 3\n', "give either least and of, or most"),
        ('"bus"', '"sky"', "of one of bound, ceiling, bus"),
        ("least = 0.9", "least = 9", "least is a number above 0, up to 1"),
        ('of = "bus"\n', 'of = "bus"\nsize = 64\n', "size and latency are lists"),
        ('of = "bus"\n', 'of = "bus"\ndirection = "up"\n', "direction as readback or writeback"),
        ('least = 0.9\nof = "bus"\n', "most = 1.5\n", "most is a whole number"),
        ("[wide]", "[wide", "cannot be read"),
    ],
)
def test_a_wrong_floors_file_is_one_clear_line(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    assert before in GOOD
    (tmp_path / "floors.toml").write_text(GOOD.replace(before, after))
    with pytest.raises(BenchError, match=f"^floors.toml.*{complaint}") as caught:
        floors_of(tmp_path / "floors.toml")
    assert "\n" not in str(caught.value)


def test_a_figure_of_no_cycles_may_be_reviewed_and_must_stay(tmp_path: Path) -> None:
    none = at(figure("doorbell to data AR", "writeback", 4096, 13), 0)
    update([none], tmp_path / "reviewed.json")
    assert reviewed_of(tmp_path / "reviewed.json") == {none.title: 0}
    assert judged([none], floors_of(FLOORS), {none.title: 0}) == []
    assert judged([at(none, 1)], floors_of(FLOORS), {none.title: 0})


def test_an_update_replaces_the_widths_that_ran_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "reviewed.json"
    update(ALL, path)
    assert reviewed_of(path) == {one.title: one.value for one in ALL}
    update([at(one, one.value / 2) for one in PERFECT[512]], path)
    assert reviewed_of(path)[PERFECT[64][0].title] == PERFECT[64][0].value
    assert reviewed_of(path)[PERFECT[512][0].title] == PERFECT[512][0].value / 2
    assert len(path.read_text().splitlines()) == len(ALL) + 2


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": "b"}', '{"a": -1}'])
def test_wrong_reviewed_figures_are_refused_but_may_be_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reviewed.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=r"^reviewed.json.*make bench UPDATE=1$"):
        reviewed_of(path)
    update(ALL[:1], path)
    assert list(reviewed_of(path)) == [ALL[0].title]


# -------------------------------------------------------------------------------------------------- peers


def test_the_peers_have_a_figure_for_each_latency() -> None:
    peers = {peer.name: peer for peer in peers_of()}
    assert peers["iDMA, 64 in flight"].aligned[64][LATENCIES.index(200)] == 0.988
    assert peers["iDMA desc64"].fetched[64][LATENCIES.index(13)] == 0.500
    assert peers["ZipCPU axidma"].latency == (5, 48, 801)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("stalls = [0.562, 0.508]", "stalls = [0.562]", "iDMA, 64 in flight: stalls: give 2 figures"),
        ("8 = [1.0, 0.998, ", "8 = [0.998, ", "iDMA, 64 in flight: aligned 8: give 5 utilizations"),
        ("8 = [1.0, 0.998, ", "8 = [1.1, 0.998, ", "iDMA, 64 in flight: aligned 8: give 5 utilizations"),
        ("pace = 16", "paces = 16", "ZipCPU axidma: .*paces"),
        ('name = "ZipCPU axidma"', "", "a peer without name"),
        ("[[peer]]", "[[pear]]", "cannot be read|not a list"),
    ],
)
def test_a_wrong_peers_file_is_one_clear_line(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    text = PEERS.read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "peers.toml").write_text(text.replace(before, after))
    with pytest.raises(BenchError, match=f"^peers.toml.*({complaint})") as caught:
        peers_of(tmp_path / "peers.toml")
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The command with perfect figures in place of simulations, all of them reviewed."""
    reviewed = tmp_path / "reviewed.json"
    update(ALL, reviewed)
    directory = Path(tempfile.mkdtemp(prefix=".bench-test.", dir=SIM_BUILD))
    monkeypatch.setattr(face, "RESULTS", directory)
    monkeypatch.setattr(face, "measured", lambda width, progress: PERFECT[width])
    monkeypatch.setattr(face, "reviewed_of", lambda: reviewed_of(reviewed))
    monkeypatch.setattr(face, "update", lambda figures: update(figures, reviewed))
    page = tmp_path / "bench.md"
    page.write_text("# Bench\n<!-- figures: begin -->\nbefore\n<!-- figures: end -->\nlast\n", encoding="utf-8")
    monkeypatch.setattr(face, "PAGE_FILE", page)
    yield directory
    shutil.rmtree(directory)


def test_good_figures_end_well_and_leave_json_and_curves(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert face.main([]) == 0
    rows = json.loads((results / "bench.json").read_text())
    assert len(rows) == len(ALL)
    for row in rows:
        assert {"case", "direction", "size", "latency", "width", "bound"} < set(row)
        assert ("utilization" in row) != ("cycles" in row)
    for width in face.WIDTHS:
        for direction in DIRECTIONS:
            with Image.open(results / f"{direction}-{width}.png") as image:
                assert min(image.size) > 500 and len(image.convert("RGB").getcolors(1 << 24) or ()) > 50
    assert "0 of them not good enough" in capsys.readouterr().out


def test_a_figure_below_its_floor_is_status_1_with_case_figure_and_floor(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    low = at(figure("rows", "readback", 64, 50), 0.98)
    mine = [low if one.title == low.title else one for one in PERFECT[64]]
    monkeypatch.setattr(face, "measured", lambda width, progress: mine)
    monkeypatch.setattr(face, "draw", lambda *arguments: None)
    assert face.main(["--width", "64"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "error: rows readback S=64 L=50 64 bit: 0.9800 is below its floor of 0.9900"
    assert all(line.startswith("error: rows readback S=64 L=50 64 bit: ") for line in said)
    assert len(json.loads((results / "bench.json").read_text())) == len(mine)


def test_an_update_makes_the_figures_the_reviewed_ones_and_keeps_the_floors(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = {"rows readback S=64 L=50 64 bit": 0.995, "rows readback S=8 L=100 64 bit": 0.5}
    mine = [at(one, worse.get(one.title, one.value)) for one in PERFECT[64]]
    monkeypatch.setattr(face, "measured", lambda width, progress: mine)
    monkeypatch.setattr(face, "draw", lambda *arguments: None)
    assert face.main(["--width", "64"]) == 1
    assert "0.5000, 0.9999 when last reviewed" in capsys.readouterr().err
    assert face.main(["--width", "64", "--update"]) == 1
    assert capsys.readouterr().err == "error: rows readback S=8 L=100 64 bit: 0.5000 is below its floor of 0.6000\n"
    text = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "| rows | readback | 8 | 0.9999 | 0.9999 | 0.9999 | 0.9999 | 0.5000 | 0.9999 |" in text
    assert text.endswith("| doorbell to interrupt | writeback | 600 | 600 |\n\n<!-- figures: end -->\nlast\n")
    assert "before" not in text


def test_the_figures_in_the_documents_are_the_reviewed_ones() -> None:
    assert PAGE_FILE.read_text(encoding="utf-8") == rewritten(PAGE_FILE, reviewed_of())


def test_a_page_without_a_place_and_a_title_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bench.md").write_text("# Bench\n", encoding="utf-8")
    with pytest.raises(BenchError, match="^bench.md: no place for figures"):
        rewritten(tmp_path / "bench.md", {})
    with pytest.raises(BenchError, match="^reviewed.json: 'fast' is no case"):
        tables({"fast": 1.0})


def test_bad_input_is_one_line_and_a_status(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert face.main(["--width", "96"]) == 2
    assert capsys.readouterr().err == "error: unknown WIDTH=96: use one of 64, 512, or leave it out for both\n"


def test_a_failed_simulation_and_a_full_disk_are_one_line(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, line in {
        SimulationError("no luck: try again"): "error: no luck: try again\n",
        OSError(28, "No space left on device", "x"): "error: cannot write x (No space left on device): make sim_build",
    }.items():

        def fail(width: int, progress: object, error: Exception = error) -> list[Figure]:
            raise error

        monkeypatch.setattr(face, "measured", fail)
        assert face.main([]) == 1
        assert capsys.readouterr().err.startswith(line)


def test_make_hands_on_the_width_that_was_asked_for_and_else_none() -> None:
    def asked(*words: str, **env: str) -> str:
        command = ["make", "--no-print-directory", "-n", "bench", *words]
        clean = {"PATH": os.environ["PATH"], **env}
        return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=60).stdout

    assert "--width" not in asked() and "--update" not in asked()
    assert "--width" in asked("WIDTH=512") and "--width" in asked(WIDTH="64")
    assert "--update" in asked("UPDATE=1") and "--update" not in asked("UPDATE=0")


def test_our_figures_stand_beside_bound_and_peers_where_they_compare() -> None:
    said = io.StringIO()
    show(Console(file=said, width=124), PERFECT[64], peers_of())
    text = said.getvalue()
    for words in ("iDMA desc64, list from memory", "axi_cdma (given)", "0.6667 100.0%", "doorbell", "bound 5"):
        assert words in text, words
    said = io.StringIO()
    show(Console(file=said, width=124), PERFECT[512], peers_of())
    assert "axi_cdma" not in said.getvalue() and "The peers were measured at 64 bits only" in said.getvalue()


def test_progress_is_told_even_while_nothing_changes(tmp_path: Path) -> None:
    file, ended, told = tmp_path / "progress", threading.Event(), list[tuple[int, int, str]]()

    def progress(done: int, of: int, case: str) -> None:
        told.append((done, of, case))
        if len(told) == 1:
            file.write_text("3\t9\tthis one\n")
        if len(told) == 2:
            file.write_text("4\t9\thalf a li")
        if len(told) == 3:
            ended.set()

    run._watch(file, ended, progress)
    assert told == [(0, 0, "building and starting"), (3, 9, "this one"), (3, 9, "this one")]


# ---------------------------------------------------------------------------------------------- the engine

SAMPLE = (
    "scattered readback S=1024 L=13 64 bit",
    "scattered writeback S=64 L=100 64 bit",
    "rows readback S=64 L=200 64 bit",
    "cold pages writeback S=4096 L=50 64 bit",
    "unaligned readback S=256 L=3 64 bit",
    "stall 8 of 32 writeback S=4096 L=13 64 bit",
)


def test_a_sample_of_the_cases_is_good_enough() -> None:
    figures = run.measured(64, SAMPLE)
    assert sorted(one.title for one in figures) == sorted(SAMPLE)
    assert judged(figures, floors_of(FLOORS), reviewed_of()) == []
