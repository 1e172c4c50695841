"""`make synth` can be believed: reports are read whole or refused, targets bite, and blocks go through the tools.

The blocks here are a few lines each, so that Yosys and nextpnr take seconds.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tb.synth import __main__ as face
from tb.synth import cache, part, route, yosys
from tb.synth.catalogue import LEFT_OUT, RTL, Part, Subject, chosen, subjects
from tb.synth.errors import SynthesisError
from tb.synth.reports import Area, Timing, area_of, lut_makers, signal_of, timing_of
from tb.synth.reports import Path as CriticalPath
from tb.synth.shell import Interface, Port, Shell, shell_of
from tb.synth.tables import Measured
from tb.synth.targets import judged, peers_of, targets_of
from tb.toolchain import ROOT

CELLS = {"LUT4": 276, "TRELLIS_FF": 227, "CCU2C": 104, "PFUMX": 78, "DP16KD": 2, "TRELLIS_DPR16X4": 26}


def step(kind: str, delay: float, cell: str) -> dict[str, Any]:
    """One hop of a critical path as nextpnr reports it."""
    return {"type": kind, "delay": delay, "from": {"cell": "?", "port": "Q"}, "to": {"cell": cell, "port": "D"}}


PATH = [
    step("clk-to-q", 0.4, "box.x_q_TRELLIS_FF_Q_3"),
    step("routing", 1.0, "box.x_q_TRELLIS_FF_Q_3_DI_CCU2C_S0$CCU2_COMB0"),
    step("logic", 0.05, "box.x_q_TRELLIS_FF_Q_3_DI_CCU2C_S0$CCU2_COMB0"),
    step("logic", 0.3, "box.last_LUT4_Z"),
    step("setup", 0.0, "to_box_last_o[0].flop"),
]


def report(**changes: Any) -> str:
    """A nextpnr report, with entries replaced, or left out where the change is None."""
    whole: dict[str, Any] = {
        "fmax": {"clk": {"achieved": 117.239, "constraint": 125.0}},
        "utilization": {"TRELLIS_COMB": {"used": 639}, "TRELLIS_FF": {"used": 601}},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": [step("routing", 99.0, "pin")]},
            {"from": "posedge clk", "to": "posedge clk", "path": PATH},
        ],
    }
    return json.dumps({name: value for name, value in (whole | changes).items() if value is not None})


# ------------------------------------------------------------------------------------------ reports


def test_figures_are_read_from_both_reports() -> None:
    assert area_of(json.dumps({"design": {"num_cells_by_type": CELLS}}), "box") == Area(276, 227, 2, 26, 104, 0)
    timing = timing_of(report(), "box")
    assert (timing.fmax_mhz, timing.comb, timing.ff) == (117.24, 639, 601)
    assert timing.path == CriticalPath(("box.x_q", "box.last", "to_box_last_o"), 1, 0.75, 1.0)


@pytest.mark.parametrize("text", ["", "{}", '{"design": {}}', '{"design": {"num_cells_by_type": {"LUT4": "many"}}}'])
def test_counts_that_are_not_there_are_not_zero(text: str) -> None:
    with pytest.raises(SynthesisError, match="box: Yosys' report has no counts"):
        area_of(text, "box")
    with pytest.raises(SynthesisError, match="box: no cell is left"):
        area_of('{"design": {"num_cells_by_type": {}}}', "box")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"fmax": None}, "lacks fmax"),
        ({"fmax": {}}, "0 clocks"),
        ({"fmax": {"a": {"achieved": 1}, "b": {"achieved": 2}}}, "2 clocks"),
        ({"fmax": {"clk": {"constraint": 125.0}}}, "lacks achieved"),
        ({"utilization": None}, "lacks utilization"),
        ({"utilization": {"TRELLIS_FF": {"used": 1}}}, "lacks TRELLIS_COMB"),
        ({"utilization": {"TRELLIS_COMB": {"used": 1}, "TRELLIS_FF": {}}}, "lacks used"),
        ({"critical_paths": None}, "lacks critical_paths"),
        ({"critical_paths": []}, "lacks a path between flops"),
    ],
)
def test_a_report_that_lacks_a_figure_is_refused(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(SynthesisError, match=f"^box, seed 1: .*{missing}"):
        timing_of(report(**changes), "box, seed 1")


@pytest.mark.parametrize(
    ("cell", "signal"),
    [
        ("box.u_burst.bytes_o_LUT4_Z_9", "box.u_burst.bytes_o"),
        ("ring.u_prefetch.mem_q.0.29$DPRAM_COMB3", "ring.u_prefetch.mem_q.0.29"),
        ("x_q_TRELLIS_FF_Q_2_DI_PFUMX_Z_BLUT_LUT4_Z", "x_q"),
        ("from_box_x_i[3].flop", "from_box_x_i"),
        ("$nextpnr_CCU2C_17$CCU2_COMB0", "carry"),
    ],
)
def test_a_cell_is_named_after_the_signal_that_it_makes(cell: str, signal: str) -> None:
    assert signal_of(cell) == signal


def test_logic_is_counted_by_the_signal_that_it_makes() -> None:
    names = ["\\sum_o_LUT4_Z_1", "\\sum_o_LUT4_Z", "\\u_a.count_q[3]_LUT4_Z", "$abc$12"]
    cells = [f"  cell \\LUT4 {name}\n" for name in names]
    cells += ["  cell \\CCU2C \\sum_o_CCU2C_S0\n", "  cell \\DP16KD \\mem\n"]
    assert lut_makers("".join(cells), 2) == [("sum_o", 3), ("u_a.count_q", 1)]


# ------------------------------------------------------------------------------------------ what is measured


def test_every_module_is_measured_and_the_device_memory_is_not() -> None:
    measured = {part.module for subject in subjects() for part in subject.parts}
    assert measured == {path.stem for path in RTL.glob("*.v")} - set(LEFT_OUT)
    assert len({subject.name for subject in subjects()}) == len(subjects())


def test_a_module_that_left_is_named(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="cannot read .*faultline.v"):
        subjects(tmp_path)
    lines = ["module faultline #(", "    parameter READS = 4,", "    parameter WRITES = 4", "); endmodule"]
    (tmp_path / "faultline.v").write_text("\n".join(lines))
    with pytest.raises(SynthesisError, match="faultline.v has no parameter TLB_ENTRIES"):
        subjects(tmp_path)
    shutil.copy(RTL / "faultline.v", tmp_path)
    with pytest.raises(SynthesisError, match="no module .*_mover in .*catalogue.py"):
        subjects(tmp_path)


def test_a_block_is_chosen_by_its_name_or_its_modules() -> None:
    known = subjects()
    assert [subject.name for subject in chosen("ring, box", known)] == ["ring-32", "ring-64", "box"]
    assert chosen("", known) == known
    with pytest.raises(SynthesisError, match="no block bix: BLOCK is one of engine, "):
        chosen("bix", known)


# ------------------------------------------------------------------------------------------ targets


def test_the_bound_itself_misses() -> None:
    targets = targets_of({subject.name for subject in subjects()})
    figures = {"movers-16": {"lut4": 2500.0, "ff": 1599.0, "fmax_mhz": 115.01}}
    verdicts = {(target.figure, reached) for target, _, reached in judged(targets, figures)}
    assert verdicts == {("lut4", False), ("ff", True), ("fmax_mhz", True)}


def test_a_target_without_its_figure_is_an_error() -> None:
    targets = targets_of({subject.name for subject in subjects()})
    with pytest.raises(SynthesisError, match="engine: fmax_mhz was not measured"):
        judged(targets, {"engine": {"lut4": 1.0}})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[target]]\nsubject = "box"\nfigure = "lut4"\n', "either above or below"),
        ('[[target]]\nsubject = "box"\nfigure = "lut4"\nabove = 1\nbelow = 2\n', "either above or below"),
        ('[[target]]\nsubject = "box"\nfigure = "lut4"\nbelow = "few"\n', "either above or below"),
        ('[[target]]\nsubject = "box"\nfigure = "lut4"\nbelow = 1\nfuzz = 2\n', "either above or below"),
        ('[[target]]\nsubject = "bix"\nfigure = "lut4"\nbelow = 1\n', "subject is one of box"),
        ('[[target]]\nsubject = "box"\nfigure = "luts"\nbelow = 1\n', "figure is one of lut4"),
        ("[[goal]]\n", "no \\[\\[target\\]\\] can be read"),
        ("[[target]\n", "no \\[\\[target\\]\\] can be read"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "targets.toml"
    path.write_text(text)
    with pytest.raises(SynthesisError, match=f"^targets.toml: .*{complaint}"):
        targets_of({"box"}, path)


def test_peers_have_all_their_figures(tmp_path: Path) -> None:
    assert {peer.name for peer in peers_of()} >= {"iDMA, 16 outstanding", "taxi axi_cdma"}
    (tmp_path / "peers.toml").write_text('[[peer]]\nname = "x"\nlut4 = 1\n')
    with pytest.raises(SynthesisError, match="each peer has name, lut4, ff, fmax_mhz and note"):
        peers_of(tmp_path / "peers.toml")


def _timing(mhz: float, ff: int = 30) -> Timing:
    return Timing(mhz, CriticalPath(("a_q", "b_q"), 3, 4.0, 4.0), 100, ff)


def test_the_median_of_the_seeds_counts_and_other_flops_do_not() -> None:
    area, shell = Area(5, 10, 0, 0, 0, 0), Shell("", 20, 3)
    clocks = [_timing(mhz) for mhz in (140.0, 90.0, 120.0, 100.0, 130.0)]
    assert route.fold("box", area, shell, clocks).fmax_mhz == 120.0
    with pytest.raises(SynthesisError, match="box: 29 flops were placed, but 10 counted and 20 in the shell"):
        route.fold("box", area, shell, [*clocks, _timing(200.0, ff=29)])


@pytest.mark.parametrize(("lut4", "status"), [(6999, 0), (7000, 1)])
def test_a_missed_target_is_named_and_ends_with_status_1(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lut4: int, status: int
) -> None:
    def measured(wanted: list[Subject], seeds: int | None, jobs: int, console: Console) -> list[Measured]:
        area = Area(lut4, 10, 0, 0, 0, 0)
        return [Measured(each, area, Shell("", 20, 3), {1: 116.0}, _timing(116.0)) for each in wanted]

    monkeypatch.setattr(face, "measure", measured)
    assert face.main(["--block", "engine"]) == status
    said = capsys.readouterr().out
    assert ("missed: engine lut4 below 7000, got 7000" in said) == bool(status)
    assert "missed: engine fmax_mhz" not in said
    [row] = json.loads((cache.BUILD / "chosen.json").read_text())["subjects"]
    assert (row["subject"], row["lut4"], row["fmax_mhz"]) == ("engine", lut4, 116.0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "SEEDS=0"),
        (["--seeds", "x"], "SEEDS=x"),
        (["--jobs=-1"], "JOBS=-1"),
        (["--block", "bix"], "no block bix"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert face.main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("error: ") and complaint in said[0]


# ------------------------------------------------------------------------------------------ shell


def test_the_shell_costs_a_flop_a_bit_in_and_two_out() -> None:
    ports = (Port("clk_i", 1, True), Port("a_i", 7, True), Port("b_o", 5, False))
    box = {"device_memory": (("DATA_W",), (Port("clk_i", 1, True), Port("x_i", 3, True), Port("y_o", 2, False)))}
    shell = shell_of([("one", Interface(ports, {})), ("two", Interface(ports, box))])
    assert shell.flops == 2 * (7 + 2 * 5) + (2 + 2 * 3)
    assert shell.luts == 2 * 5 + 3
    with pytest.raises(SynthesisError, match="one: no ports beside the clock"):
        shell_of([("one", Interface((Port("clk_i", 1, True),), {}))])


# ------------------------------------------------------------------------------------------ the tools themselves

TALLY = """
module tally (input wire clk_i, input wire rst_ni, input wire add_i, output wire [3:0] sum_o, output wire [7:0] word_o);
    reg  [3:0] sum_q;
    wire [7:0] word;
    reg  [7:0] word_q;
    assign sum_o = sum_q;
    assign word_o = word_q;
    device_memory #(.WORDS(4096)) memory (.clk_i(clk_i), .at_i({8'd0, sum_q}), .word_o(word));
    always @(posedge clk_i) begin
        sum_q <= !rst_ni ? 4'd0 : sum_q + {3'd0, add_i};
        word_q <= word ^ {sum_q, sum_q};
    end
endmodule
"""
MEMORY = """
module device_memory #(parameter WORDS = 16) (input wire clk_i, input wire [11:0] at_i, output reg [7:0] word_o);
    reg [7:0] mem_q [0:WORDS-1];
    always @(posedge clk_i) begin
        word_o <= mem_q[at_i];
        mem_q[at_i] <= word_o + 8'd1;
    end
endmodule
"""


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of Verilog in place of rtl/, with results of its own; below sim_build, where WebAssembly sees it."""
    folder = ROOT / "sim_build" / "synth" / "tests" / str(abs(hash(request.node.nodeid)))
    shutil.rmtree(folder, ignore_errors=True)
    rtl = folder / "rtl"
    rtl.mkdir(parents=True)
    (rtl / "tally.v").write_text(TALLY)
    (rtl / "device_memory.v").write_text(MEMORY)
    (rtl / "faultline.vh").write_text("")
    monkeypatch.setattr(cache, "BUILD", folder / "build")
    monkeypatch.setattr(part, "RTL", rtl)
    yield rtl
    shutil.rmtree(folder, ignore_errors=True)


def test_a_block_goes_through_the_tools_without_its_device_memory(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Subject("tally", "block", (Part("tally", "tally"),), "", 3)
    [first] = face.measure([tally], 2, 2, Console(quiet=True))
    assert (first.area.ff, first.area.bram, first.area.dpr) == (12, 0, 0)
    assert 8 <= first.area.lut4 <= 24
    assert first.shell.flops == 2 + 2 * 12 + 8 + 2 * 12
    assert sorted(first.clocks) == [1, 2] and 50 < first.median.fmax_mhz < 2000
    assert first.median.path.cells

    monkeypatch.setattr(yosys, "run", lambda *_, **__: pytest.fail("nothing changed, so nothing is synthesised"))
    monkeypatch.setattr(route.Router, "_route", lambda *_: pytest.fail("nothing changed, so nothing is routed"))
    [again] = face.measure([tally], 2, 2, Console(quiet=True))
    assert again == first


def test_a_changed_source_is_measured_again_and_a_broken_one_is_named(workshop: Path) -> None:
    before = part.netlist_of(Part("tally", "tally"))
    (workshop / "tally.v").write_text(TALLY.replace("reg  [7:0] word_q;", "reg  [7:0] word_q, old_q;").replace(
        "word_q <= word ^", "old_q <= word;\n        word_q <= old_q ^"))
    after = part.netlist_of(Part("tally", "tally"))
    assert after.area.ff == before.area.ff + 8 and after.key != before.key

    (workshop / "tally.v").write_text("module tally (input clk_i\n")
    with pytest.raises(SynthesisError, match=r"^tally: Yosys: .*tally.v:\d+: .*see .*yosys.log"):
        part.netlist_of(Part("tally", "tally"))
    (workshop / "tally.v").write_text(TALLY)
    with pytest.raises(SynthesisError, match="DEPTH"):
        part.netlist_of(Part("tally-deep", "tally", (("DEPTH", 4),)))


def test_a_result_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    folder, made = tmp_path / "result", []

    def make(where: Path) -> None:
        made.append(sorted(path.name for path in where.iterdir()))
        (where / "netlist").write_text("half")
        if len(made) == 1:
            raise SynthesisError("interrupted")

    with pytest.raises(SynthesisError, match="interrupted"):
        cache.ensure(folder, "a", make)
    for key in ("a", "a", "b"):
        cache.ensure(folder, key, make)
    assert made == [[], [], []], "once interrupted, once for each key, every time in an empty folder"


def test_without_the_tools_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "TOOLS", ("pyosys", "no-such-router"))
    with pytest.raises(SynthesisError, match="no-such-router is not installed: run make setup"):
        cache.tool_versions()
