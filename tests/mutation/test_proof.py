"""Proofs of equivalence on a small engine: what nobody can tell is proved, what somebody can is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tb.mutate.constants import constants_of
from tb.mutate.mutants import Mutant
from tb.mutate.proof import METHOD, Prover
from tb.synth import yosys

PART = """
module part(input clk_i, input rst_ni, input go_i, input [3:0] data_i, input both_i, input any_i, input [3:0] code_i,
            output late_o, output last_o, output [3:0] sum_o, output [3:0] word_o, output odd_o, output same_o);
    reg [3:0] count_q, old_q;
    reg [3:0] mem_q [0:3];
    wire same  = code_i == 4'd3;
    reg  same_q;
    always @(posedge clk_i) same_q <= same;
    assign same_o = same_q;
    wire late  = count_q == 4'd12;
    wire last  = count_q == 4'd9;
    wire [1:0] place = count_q[1:0] ^ {2{data_i == 4'd7}};
    wire write = go_i && data_i != 4'd7;
    wire one   = both_i && !any_i;
    wire most  = any_i && !both_i;
    wire wake  = go_i || !rst_ni;
    reg  odd_q;
    always @(posedge clk_i)
        if (wake) odd_q <= rst_ni && (go_i ? data_i[0] && !one && !most : odd_q);
    assign odd_o  = odd_q;
    assign late_o = late;
    assign last_o = last;
    assign sum_o  = old_q + 4'd3;
    assign word_o = mem_q[count_q[1:0]];
    always @(posedge clk_i) begin
        if (!rst_ni) count_q <= 4'd0;
        else if (go_i) count_q <= last ? 4'd0 : count_q + 4'd1;
        if (go_i) old_q <= data_i;
        if (write) mem_q[place] <= data_i;
    end
endmodule
"""
TOP = """
module other(input clk_i, input rst_ni, input odd_i, input [3:0] data_i, output [1:0] seen_o,
             output both_o, output any_o, output [3:0] code_o);
    // an array whose bit 3 is never written as 1, then a register
    reg  [3:0] codes_q [0:3];
    reg  [3:0] code_q;
    always @(posedge clk_i) begin
        if (data_i[0]) codes_q[data_i[2:1]] <= {data_i[1] && !data_i[1] && odd_i, data_i[2] || odd_i, data_i[3:2]};
        if (data_i[1]) code_q <= codes_q[data_i[3:2]];
    end
    assign code_o = code_q;
    reg  [1:0] seen_q;
    wire [1:0] seen = {odd_i ^ data_i[2], odd_i && data_i[3]};
    always @(posedge clk_i) seen_q <= rst_ni ? seen : 2'd0;
    assign seen_o = seen_q;
    assign both_o = data_i[0] && data_i[1];
    assign any_o  = data_i[0] || data_i[1];
endmodule

module faultline(input clk_i, input rst_ni, input go_i, input [3:0] data_i, output [12:0] out_o);
    wire core_rst_n = rst_ni && data_i != 4'd15;
    wire late, last, odd, both, any, same;
    wire [3:0] sum, word, code;
    wire [1:0] seen;
    other a_other (.clk_i(clk_i), .rst_ni(rst_ni), .odd_i(odd), .data_i(data_i), .seen_o(seen),
                   .both_o(both), .any_o(any), .code_o(code));
    part u_part (.clk_i(clk_i), .rst_ni(core_rst_n), .go_i(go_i), .data_i(data_i), .both_i(both),
                 .any_i(any), .code_i(code), .same_o(same), .late_o(late), .last_o(last), .sum_o(sum), .word_o(word),
                 .odd_o(odd));
    assign out_o = {same, seen, late, last, sum, word};
endmodule
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small engine's flat design is."""
    place = tmp_path_factory.mktemp("proof")
    (place / "rtl").mkdir()
    (place / "rtl" / "part.v").write_text(PART)
    (place / "rtl" / "faultline.v").write_text(TOP)
    passes = [f"read_verilog {place}/rtl/part.v {place}/rtl/faultline.v", "prep -nomem -flatten -top faultline"]
    passes += ["opt -full", "splitcells", "opt_clean -purge", f"write_json {place}/design.json"]
    yosys.run(passes, place / "log", "small engine")
    return place


def mutant(engine: Path, line: str, kind: str, mode: str, pin: str) -> Mutant:
    """The mutation of a cell in a line of the small engine: its mode, its port and bit, as `Y[0]` or `A[0] 1`."""
    number = next(n for n, text in enumerate(PART.splitlines(), 1) if line in text)
    cells = json.loads((engine / "design.json").read_text())["modules"]["faultline"]["cells"]
    (name,) = (
        name
        for name, cell in cells.items()
        if f"part.v:{number}." in cell["attributes"].get("src", "") and cell["type"] == f"${kind}"
    )
    control = f" -ctrlbit {pin[5]}" if len(pin) > 4 else ""
    command = f"mutate -mode {mode} -module faultline -cell {name} -port {pin[0]} -portbit {pin[2]}{control}"
    return Mutant(1, "part", number, "", mode, "", command)


@pytest.mark.parametrize(
    ("line", "kind", "mode", "pin"),
    [
        ("wire late", "eq", "const0", "Y[0]"),  # the count never gets there, which takes induction from the reset
        ("wire [1:0] place", "eq", "const0", "Y[0]"),  # another place in memory, but nothing is written there
        ("wire one", "logic_and", "const0", "Y[0]"),  # gates of another block: all without any cannot be
        ("wire same", "eq", "const0", "A[3]"),  # a bit that comes out of an array, into which only 0 goes
        ("wire wake", "logic_or", "const1", "Y[0]"),  # keeps what it would have kept; only another block reads it
    ],
)
def test_what_nobody_can_tell_is_proved(
    engine: Path, tmp_path: Path, line: str, kind: str, mode: str, pin: str
) -> None:
    one = mutant(engine, line, kind, mode, pin)
    assert Prover(engine / "design.json", tmp_path).proved(one) == METHOD.format("u_part")


@pytest.mark.parametrize(
    ("line", "kind", "mode", "pin"),
    [
        ("wire late", "eq", "const1", "Y[0]"),
        ("wire same", "eq", "const1", "A[3]"),
        ("wire same", "eq", "const0", "A[1]"),
        ("wire last", "eq", "const0", "Y[0]"),  # after nine steps
        ("wire [1:0] place", "eq", "const1", "Y[0]"),  # another place while something is written
        ("wire [1:0] place", "eq", "inv", "Y[0]"),
        ("wire write", "logic_and", "const0", "Y[0]"),
        ("wire most", "logic_and", "const0", "Y[0]"),
        ("wire wake", "logic_or", "const0", "Y[0]"),
        ("assign sum_o", "add", "inv", "A[1]"),
        ("assign sum_o", "add", "cnot1", "A[1] 2"),
    ],
)
def test_what_somebody_can_tell_is_not(engine: Path, tmp_path: Path, line: str, kind: str, mode: str, pin: str) -> None:
    assert Prover(engine / "design.json", tmp_path).proved(mutant(engine, line, kind, mode, pin)) is None


def test_bits_are_constant_where_nothing_else_is_ever_written(engine: Path, tmp_path: Path) -> None:
    nets = json.loads((engine / "design.json").read_text())["modules"]["faultline"]["netnames"]
    found = constants_of(engine / "design.json", tmp_path)
    assert [found.get(bit) for bit in nets["a_other.code_o"]["bits"]] == [None, None, None, "0"]
    assert not any(bit in found for name in ("u_part.count_q", "data_i", "rst_ni") for bit in nets[name]["bits"])
