"""Proofs of equivalence on a small engine: what nobody can tell is proved, what somebody can is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tb.mutate.mutants import Mutant
from tb.mutate.proof import METHOD, Prover
from tb.synth import yosys

ENGINE = """
module part(input clk_i, input rst_ni, input go_i, input [3:0] data_i, output late_o, output last_o,
            output [3:0] sum_o, output [3:0] word_o);
    reg [3:0] count_q, old_q;
    reg [3:0] mem_q [0:3];
    wire late  = count_q == 4'd12;
    wire last  = count_q == 4'd9;
    wire [1:0] place = count_q[1:0] ^ {2{data_i == 4'd7}};
    wire write = go_i && data_i != 4'd7;
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

module faultline(input clk_i, input rst_ni, input go_i, input [3:0] data_i, output [9:0] out_o);
    wire core_rst_n = rst_ni && data_i != 4'd15;
    wire late, last;
    wire [3:0] sum, word;
    part u_part (.clk_i(clk_i), .rst_ni(core_rst_n), .go_i(go_i), .data_i(data_i), .late_o(late), .last_o(last),
                 .sum_o(sum), .word_o(word));
    assign out_o = {late, last, sum, word};
endmodule
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small engine's flat design is."""
    place = tmp_path_factory.mktemp("proof")
    (place / "engine.v").write_text(ENGINE)
    passes = [f"read_verilog {place}/engine.v", "prep -nomem -flatten -top faultline", "opt -full", "splitcells"]
    passes += ["opt_clean -purge", f"write_json {place}/design.json"]
    yosys.run(passes, place / "log", "small engine")
    return place


def mutant(engine: Path, line: str, kind: str, mode: str, pin: str) -> Mutant:
    """The mutation of a cell in a line of the small engine: its mode, its port and bit, as `Y[0]` or `A[0] 1`."""
    number = next(n for n, text in enumerate(ENGINE.splitlines(), 1) if line in text)
    cells = json.loads((engine / "design.json").read_text())["modules"]["faultline"]["cells"]
    (name,) = (
        name
        for name, cell in cells.items()
        if f"engine.v:{number}." in cell["attributes"].get("src", "") and cell["type"] == f"${kind}"
    )
    control = f" -ctrlbit {pin[5]}" if len(pin) > 4 else ""
    command = f"mutate -mode {mode} -module faultline -cell {name} -port {pin[0]} -portbit {pin[2]}{control}"
    return Mutant(1, "part", number, "", mode, "", command)


@pytest.mark.parametrize(
    ("line", "kind", "mode", "pin"),
    [
        ("wire late", "eq", "const0", "Y[0]"),  # the count never gets there, which takes induction from the reset
        ("wire [1:0] place", "eq", "const0", "Y[0]"),  # another place in memory, but nothing is written there
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
        ("wire last", "eq", "const0", "Y[0]"),  # after nine steps
        ("wire [1:0] place", "eq", "const1", "Y[0]"),  # another place while something is written
        ("wire [1:0] place", "eq", "inv", "Y[0]"),
        ("wire write", "logic_and", "const0", "Y[0]"),
        ("assign sum_o", "add", "inv", "A[1]"),
        ("assign sum_o", "add", "cnot1", "A[1] 2"),
    ],
)
def test_what_somebody_can_tell_is_not(
    engine: Path, tmp_path: Path, line: str, kind: str, mode: str, pin: str
) -> None:
    assert Prover(engine / "design.json", tmp_path).proved(mutant(engine, line, kind, mode, pin)) is None
