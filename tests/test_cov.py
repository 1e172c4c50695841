"""Coverage: what is read, merged, excused and judged; and that a miss, a lie and a stale waiver are noticed."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models.engine import Queue
from models.events import Event, Fault, FenceSignal, Harvest, Insert, Readback, Sigbus, Submit, Unmap, Writeback, Zap
from models.execute import Tables
from models.layout import Cause, Descriptor, Layout, Opcode, Record, Status
from models.surface import Surface
from tb.agents.memory import MemoryConfig, Stall
from tb.cov import __main__ as command
from tb.cov.groups import GROUPS, PAGE, TRANSFER
from tb.cov.model import CovError, Exclusion, Group, Point
from tb.cov.page import rendered
from tb.cov.pages import sample_pages
from tb.cov.points import Code, Place, read
from tb.cov.recorder import FUNCTIONAL
from tb.cov.summary import CODE, Summary, Tally, judge, merge
from tb.cov.transfers import sample_records
from tb.cov.waivers import WAIVERS, apply, waivers_of
from tb.scoreboard import Settled
from tb.toolchain import ROOT
from tb.trace import EVENT, Kind

SMALL = Group(
    "small",
    "two points",
    (Point("a", ("1", "2"), ""), Point("b", ("x", "y"), "")),
    (Exclusion({"a": ("1",), "b": ("y",)}, "cannot be"),),
)
SOURCE = "module m;\nif (a)\n  b = 1;\nassign c = d;\n"


def line(file: str, kind: str, number: int, text: str, count: int, lines: str = "", instance: str = "top") -> str:
    """One line of coverage.dat."""
    fields = {"f": file, "l": number, "n": 5, "t": kind, "page": f"v_{kind}/m__W3", "o": text, "h": instance}
    fields |= {"S": lines} if lines else {}
    return f"C '{''.join(f'{chr(1)}{key}{chr(2)}{value}' for key, value in fields.items())}' {count}\n"


def data(tmp_path: Path, name: str, counts: tuple[int, int, int, int]) -> Path:
    """A run's coverage.dat of a module rtl/m.v below `tmp_path`, with a point of each kind."""
    file = f"{tmp_path}/rtl/m.v"
    (tmp_path / "rtl").mkdir(exist_ok=True)
    (tmp_path / "rtl" / "m.v").write_text(SOURCE)
    taken, other, expr, toggle = counts
    text = "# SystemC::Coverage-3\n"
    text += line(file, "branch", 2, "if", taken, "2-3") + line(file, "branch", 2, "else", other)
    text += line(file, "expr", 4, "(d==1) => 1", expr) + line(file, "toggle", 4, "c[0]:0->1", toggle, instance=name)
    text += line(f"{tmp_path}/tb/hdl/x.sv", "line", 1, "block", 0, "1")
    path = tmp_path / "runs" / name / CODE
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def met(tmp_path: Path, name: str, **counts: int) -> Path:
    path = tmp_path / "runs" / name / FUNCTIONAL
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(counts))
    return path


def waiver_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    return path


def places(tmp_path: Path, counts: tuple[int, int, int, int] = (1, 0, 0, 1)) -> dict[Place, int]:
    return read(data(tmp_path, "one", counts), tmp_path)


# ------------------------------------------------------------------------------------------------------------- code


def test_points_of_rtl_are_read_with_their_source_lines(tmp_path: Path) -> None:
    assert places(tmp_path, (7, 0, 2, 1)) == {
        Place("rtl/m.v", 2, 5, "branch", "if"): 7,
        Place("rtl/m.v", 2, 5, "branch", "else"): 0,
        Place("rtl/m.v", 2, 0, "line", ""): 7,
        Place("rtl/m.v", 3, 0, "line", ""): 7,
        Place("rtl/m.v", 4, 5, "expr", "(d==1) => 1"): 2,
        Place("rtl/m.v", 4, 5, "toggle", "c[0]:0->1"): 1,
    }


@pytest.mark.parametrize("text", ["", "no\n", "# SystemC::Coverage-3\nC 'x'\n", "# SystemC::Coverage-3\nC '\x01f"])
def test_broken_data_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / CODE
    path.write_text(text)
    with pytest.raises(CovError, match=r"coverage\.dat.*run again") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_runs_and_instances_merge_point_by_point(tmp_path: Path) -> None:
    code = Code()
    code.add(read(data(tmp_path, "one", (0, 3, 0, 0)), tmp_path))
    code.add(read(data(tmp_path, "other", (2, 0, 0, 5)), tmp_path))
    assert code.runs == 2 and len(code.counts) == 6
    assert code.of("branch") == {
        Place("rtl/m.v", 2, 5, "branch", "if"): 2,
        Place("rtl/m.v", 2, 5, "branch", "else"): 3,
    }
    assert list(code.of("toggle").values()) == [5]


def test_a_waiver_excuses_what_no_run_reached(tmp_path: Path) -> None:
    counts = places(tmp_path)
    text = '[[waiver]]\nfile = "rtl/m.v"\nkind = "branch"\nline = "if (a)"\npoint = "else"\nreason = "a is tied"\n'
    waived = apply(waivers_of(waiver_file(tmp_path, text)), counts, tmp_path)
    assert [str(place) for place in waived] == ["rtl/m.v:2 branch else"]
    summary = Summary([], {}, Code(counts, 1), waived, 1)
    assert summary.of_kind("branch") == Tally(2, 1, 1) and summary.of_kind("branch").percent == 100
    assert summary.missing_points("branch") == [] and len(summary.missing_points("expr")) == 1


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('file = "rtl/m.v"\nkind = "branch"\nline = "if (a)"\nreason = " "', "waiver 1: no reason"),
        ('file = "rtl/m.v"\nkind = "branch"\nline = "if (a)"', "waiver 1: no reason"),
        ('file = "rtl/m.v"\nkind = "fsm"\nline = "if (a)"\nreason = "x"', "waiver 1: it needs a kind"),
        ('file = "rtl/m.v"\nkind = "branch"\nreason = "x"', "a line or a point"),
        ('file = "rtl/m.v"\nkind = "branch"\nlines = "a"\nreason = "x"', "all text: .'lines'"),
        ('file = "rtl/m.v"\nkind = "branch"\nline = 4\nreason = "x"', "all text"),
        ('file = "rtl/m.v"\nkind = "branch"\npoint = "("\nreason = "x"', "point is no pattern"),
        ("nonsense", "waivers.toml: "),
        ('file = "rtl/m.v"\nkind = "branch"\nline = "gone"\nreason = "x"', "fits no point: remove it"),
        ('file = "rtl/n.v"\nkind = "branch"\npoint = "else"\nreason = "x"', "fits no point: remove it"),
        ('file = "rtl/m.v"\nkind = "branch"\nline = "if (a)"\nreason = "x"', "1 points that are reached"),
    ],
)
def test_a_waiver_that_makes_no_sense_is_an_error(tmp_path: Path, row: str, complaint: str) -> None:
    counts = places(tmp_path)
    with pytest.raises(CovError, match=complaint):
        apply(waivers_of(waiver_file(tmp_path, f"[[waiver]]\n{row}\n")), counts, tmp_path)


def test_the_reviewed_waivers_make_sense() -> None:
    for waiver in waivers_of(WAIVERS):
        source = (ROOT / waiver.file).read_text(encoding="utf-8")
        assert waiver.line in source, waiver


# ------------------------------------------------------------------------------------------------------- functional


def test_pairs_are_bins_and_what_is_excluded_has_its_reason() -> None:
    bins = {one.key: one.reason for one in SMALL.bins()}
    assert len(bins) == 4 + 4
    assert {key: reason for key, reason in bins.items() if reason} == {"small: a=1, b=y": "cannot be"}


@pytest.mark.parametrize(
    "exclusion",
    [
        Exclusion({"a": ("1",)}, ""),
        Exclusion({"a": ("3",)}, "no such bin"),
        Exclusion({"c": ("1",)}, "no such point"),
        Exclusion({}, "nothing"),
    ],
)
def test_an_exclusion_that_fits_nothing_is_an_error(exclusion: Exclusion) -> None:
    with pytest.raises(CovError):
        Group("small", "", SMALL.points, (exclusion,))


def test_a_sample_counts_bins_and_pairs_and_only_declared_ones() -> None:
    counts: Counter[str] = Counter()
    SMALL.sample(counts, {"a": ["2"], "b": ["x", "y"]})
    SMALL.sample(counts, {"a": ["1"]})
    assert counts == {
        "small: a=1": 1,
        "small: a=2": 1,
        "small: b=x": 1,
        "small: b=y": 1,
        "small: a=2, b=x": 1,
        "small: a=2, b=y": 1,
    }
    with pytest.raises(CovError, match="b has no bin"):
        SMALL.sample(counts, {"b": ["z"]})


def test_a_bin_declared_out_of_reach_that_is_met_fails() -> None:
    everything = {one.key: 1 for one in SMALL.bins() if not one.reason}
    assert judge(Summary([SMALL], everything, Code(), {}, 1)) == []
    lie = Summary([SMALL], {**everything, "small: a=1, b=y": 2}, Code(), {}, 1)
    assert judge(lie) == [
        "small: a=1, b=y was met and is declared out of reach (cannot be): correct tb/cov/groups.py"
    ]


def test_what_is_missing_is_named_with_its_figure(tmp_path: Path) -> None:
    everything = {one.key: 1 for one in SMALL.bins() if not one.reason}
    del everything["small: a=2, b=x"]
    complaints = judge(Summary([SMALL], everything, Code(places(tmp_path), 1), {}, 1))
    assert complaints[0] == "functional 85.71 % of 100 %: small: a=2, b=x"
    assert complaints[1] == "branch 50.00 % of 100 %: rtl/m.v:2 branch else"
    assert len(complaints) == 2, "expressions have no target"


def test_every_group_can_be_met_and_says_how() -> None:
    for group in GROUPS:
        bins = list(group.bins())
        assert len({one.key for one in bins}) == len(bins)
        assert all(point.what for point in group.points)
        assert any(not one.reason for one in bins)
        for one in bins:
            assert not one.reason or len(one.values) == 2, f"{one.key}: a bin of one point that cannot be met"


def settled(descriptor: Descriptor, queue: Queue, end: int, elapsed: int, cause: Cause = Cause.NONE) -> Settled:
    status = Status.OK if cause is Cause.NONE else Status.ERROR
    record = Record(tag=descriptor.tag, cause=cause, status=status, end_cycle=end, elapsed=elapsed)
    surface = Surface(0, 8192, 8, 1, Layout.X_TILED)
    return Settled(descriptor, Tables((surface,), ()), queue, record)


def trace(*events: tuple[int, Kind, int, int]) -> np.ndarray:
    """(cycle, kind, id, tag)"""
    rows = [(cycle, 0, tag, 64, 0, 0, 1, 0, kind, who) for cycle, kind, who, tag in events]
    return np.array(rows, EVENT)


def test_a_record_is_measured_in_its_own_run_of_the_trace() -> None:
    bursts = [(cycle, Kind.READ_ADDRESS, 0, 0) for cycle in range(1010, 1015)]
    bursts += [(cycle, Kind.READ_LAST, 0, 0) for cycle in range(1060, 1065)]
    events = trace(
        (0, Kind.RESET, 0, 0), (50, Kind.RECORD, 0, 7), (1000, Kind.RESET, 0, 0), (1006, Kind.DOORBELL, 1, 0),
        *bursts, (1100, Kind.RECORD, 0, 7), (1101, Kind.RECORD, 1, 8),
    )  # fmt: skip
    place = {"x": 9, "width": 100, "height": 2, "host_offset": 4090, "host_stride": 200}
    history = [
        settled(Descriptor(opcode=Opcode.NOP, tag=7), Queue.TRANSFER, 40, 3),
        settled(Descriptor(opcode=Opcode.WRITEBACK, tag=7, **place), Queue.TRANSFER, 90, 85),
        settled(Descriptor(opcode=Opcode.WAIT, tag=8, queue=0), Queue.RENDER, 95, 2),
    ]
    counts: Counter[str] = Counter()
    stalling = MemoryConfig(r=Stall(1, 2), b=Stall(1, 2))
    tempers = [(0, MemoryConfig()), (1020, stalling), (1200, MemoryConfig(reorder=True))]
    sample_records(counts, events, history, tempers, 64)
    single = {key.removeprefix("transfer: ") for key in counts if key.startswith("transfer: ") and ", " not in key}
    assert single == {
        "operation=WRITEBACK", "alignment=different lanes", "row=65 to 511", "rows=apart", "crossing=one",
        "layout=X_TILED", "outstanding=2 to 7", "stall=data", "cause=NONE", "other queue=ahead",
    }  # fmt: skip
    assert counts["command: operation=NOP, other queue=alone"] == 1
    assert counts["command: operation=WAIT, other queue=beside"] == 1
    assert set(counts) <= {one.key for group in GROUPS for one in group.bins()}


def test_what_was_refused_is_not_measured() -> None:
    events = trace((0, Kind.RESET, 0, 0), (50, Kind.RECORD, 0, 7))
    bad = Descriptor(opcode=Opcode.READBACK, tag=7, surface=0, width=9, height=1)
    counts: Counter[str] = Counter()
    sample_records(counts, events, [settled(bad, Queue.TRANSFER, 40, 3, Cause.BOX_OUTSIDE)], [], 64)
    assert set(counts) == {
        "transfer: operation=READBACK", "transfer: cause=BOX_OUTSIDE", "transfer: other queue=alone",
        "transfer: operation=READBACK, cause=BOX_OUTSIDE", "transfer: operation=READBACK, other queue=alone",
        "transfer: cause=BOX_OUTSIDE, other queue=alone",
    }  # fmt: skip
    assert all(TRANSFER.allows(one.values) for one in TRANSFER.bins() if one.key in counts)


def page_events(*events: tuple[str, Event]) -> set[str]:
    counts: Counter[str] = Counter()
    sample_pages(counts, events)
    pairs = {key.removeprefix("page: state=") for key in counts if ", " in key}
    return {pair.replace(", event=", " meets ") for pair in pairs}


def test_pages_go_through_their_states() -> None:
    one = {"buffer": "b", "pages": ((3, 1),)}
    upload, draw, back = (
        {"queue": queue, "descriptors": 2, "value": value} for queue, value in ((0, 1), (1, 1), (0, 2))
    )
    drawn = [
        ("t", Fault(**one, process="p", write=True)),
        ("t", Insert(**one, process="p", writable=True)),
        ("t", Harvest(**one, cause="draw")),
        ("t", Writeback(**one, bytes=4096, descriptors=1)),
        ("t", Submit(cause="writeback", **upload)),
        ("t", Zap(**one, cause="draw", entries=1)),
        ("t", Submit(cause="draw", **draw)),
    ]
    asked = [
        ("u", Fault(**one, process="q", write=False)),
        ("u", FenceSignal(queue=0, value=1)),
        ("u", FenceSignal(queue=1, value=1)),
        ("u", Readback(**one, bytes=4096, descriptors=1)),
        ("u", Submit(cause="readback", **back)),
    ]
    seen = {
        "absent meets store", "absent meets insert to write", "dirty meets harvest to draw", "dirty meets writeback",
        "uploading meets zap", "drawing meets load", "device meets readback",
    }  # fmt: skip
    came = [("u", FenceSignal(queue=0, value=2)), ("u", Insert(**one, process="q", writable=False))]
    assert page_events(*drawn, *asked, *came) == seen | {"absent meets insert to read"}
    failed = [("u", FenceSignal(queue=0, value=2, cause="BUS_ERROR")), ("u", Sigbus(**one, process="q"))]
    again = ("u", Unmap(**one, process="p"))
    assert page_events(*drawn, *asked, *failed, again) == seen | {"fetching meets error", "refused meets unmap"}
    lost = [("t", FenceSignal(queue=0, value=1, cause="BUS_ERROR")), ("t", Fault(**one, process="q", write=False))]
    assert page_events(*drawn, *lost) == seen - {"drawing meets load", "device meets readback"} | {
        "drawing meets error", "lost meets load",
    }  # fmt: skip
    assert PAGE.allows({"state": "lost", "event": "load"})


# ---------------------------------------------------------------------------------------------------------- command


def test_less_data_is_less_coverage(tmp_path: Path) -> None:
    """The twin: without one test's data the figures fall."""
    met(tmp_path, "one", **{"small: a=1": 1, "small: a=2": 1})
    other = met(tmp_path, "other", **{"small: b=x": 4, "small: a=1": 2})
    bins, _, runs = merge([tmp_path / "runs"], [SMALL])
    assert runs == 2 and bins == {"small: a=1": 3, "small: a=2": 1, "small: b=x": 4}
    before = Summary([SMALL], bins, Code(), {}, 2).functional.percent
    other.unlink()
    bins, _, runs = merge([tmp_path / "runs"], [SMALL])
    assert runs == 1 and Summary([SMALL], bins, Code(), {}, 1).functional.percent < before


def test_a_bin_that_no_group_declares_and_no_data_at_all_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CovError, match="no coverage data: run without RERUN=0"):
        merge([tmp_path], [SMALL])
    met(tmp_path, "one", **{"large: a=1": 1})
    with pytest.raises(CovError, match="no group declares large: a=1"):
        merge([tmp_path], [SMALL])
    met(tmp_path, "one").write_text("{")
    with pytest.raises(CovError, match="cut short"):
        merge([tmp_path], [SMALL])


def real_data(folder: Path, count: int) -> None:
    """Data of a run that reached everything of one real file (count > 0), or nothing."""
    file = ROOT / "rtl" / "fifo.v"
    path = folder / "runs" / "one" / CODE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# SystemC::Coverage-3\n" + line(str(file), "branch", 100, "else", count, "100-101"))
    met(folder, "one", **{one.key: 1 for group in GROUPS for one in group.bins() if not one.reason})


def test_the_report_is_whole_and_the_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "cov"
    waivers = waiver_file(tmp_path, "")
    arguments = [
        "--no-rerun", "--data", str(tmp_path / "runs"), "--results", str(results), "--waivers", str(waivers)
    ]  # fmt: skip
    real_data(tmp_path, 1)
    assert command.main(arguments) == 0
    found = json.loads((results / "cov.json").read_text())
    assert found["code"]["branch"] == {"total": 1, "excused": 0, "reached": 1, "percent": 100.0}
    assert found["functional"]["percent"] == 100.0 and found["missing"]["functional"] == []
    page = (results / "index.html").read_text()
    assert "rtl/fifo.v" in page and "prefers-color-scheme" in page and "http" not in page
    capsys.readouterr()
    real_data(tmp_path, 0)
    assert command.main(arguments) == 1
    assert "error: branch 0.00 % of 100 %: rtl/fifo.v:100 branch else" in capsys.readouterr().err
    waiver_file(tmp_path, '[[waiver]]\nfile = "rtl/fifo.v"\nkind = "branch"\npoint = "else"\nreason = ""\n')
    assert command.main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_data_older_than_the_sources_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real_data(tmp_path, 1)
    os.utime(tmp_path / "runs" / "one" / CODE, (1, 1))
    results = str(tmp_path / "cov")
    assert command.main(["--no-rerun", "--data", str(tmp_path / "runs"), "--results", results]) == 2
    assert "is older than rtl/" in capsys.readouterr().err


def test_a_page_escapes_what_it_shows(tmp_path: Path) -> None:
    counts = places(tmp_path)
    (tmp_path / "rtl" / "m.v").write_text(SOURCE.replace("b = 1", "b <= 1 && <script>"))
    page = rendered(Summary([SMALL], {}, Code(counts, 1), {}, 1), tmp_path)
    assert "&lt;script&gt;" in page and "<script>" not in page
