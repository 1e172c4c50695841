"""Mutation as a whole on a small sample: it kills, it says what it does not kill, it goes on where it stopped.

The sample is a dozen mutants from a fixed seed, judged end to end. Its twin is a judge that looks at nothing: then
every mutant survives and the run fails, so a kill is the work of the checks.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tb.mutate import __main__ as face
from tb.mutate import models, report, run
from tb.mutate.forks import Plan, serve
from tb.mutate.mutants import Mutant, MutationError, Wiring, named_blocks, parsed, shares
from tb.mutate.netlist import Netlist, modules, netlist_of
from tb.simulation import simulators
from tests.mutation import judge
from tests.mutation.parts import Parts
from tests.mutation.programs import PROGRAMS

SEED, COUNT = 11, 10
ROW = "[[equivalent]]\nmodule = 'box'\nsource = 'module box'\n"
HERE = next(n for n, text in enumerate(Path("rtl/box.v").read_text().splitlines(), 1) if "module box" in text)


def quiet(done: int, of: int, last: str) -> None:
    """Nobody watches."""


def mutant(number: int = 1, **more: Any) -> Mutant:
    return replace(Mutant(number, "box", 97, "inverts B[21] of multiplexer in u_box", "inv", "", "mutate"), **more)


def result(number: int, verdict: str, how: str = "", by: str = "") -> dict[str, Any]:
    return {"id": number, "verdict": verdict, "how": how, "by": by, "message": "", "cpu_s": 1.0}


# ------------------------------------------------------------------------------------------ end to end


def judged_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(face, "RESULT", tmp_path / "mutate.json")
    status = face.main(["--seed", str(SEED), "--count", str(COUNT), "--jobs", "1", *arguments])
    return status, json.loads((tmp_path / "mutate.json").read_text())


def test_most_of_a_sample_is_killed_and_the_engine_without_a_mutant_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, facts = judged_face(tmp_path, monkeypatch)
    assert facts["generated"] == COUNT and facts["killed"] >= COUNT - 3
    assert facts["killed by checks"] >= COUNT // 2
    assert status == int(facts["percent"] < report.FLOOR_PERCENT)
    assert len(facts["survivors"]) == COUNT - facts["killed"]
    for one in facts["survivors"]:
        assert {"id", "module", "source line", "what"} <= one.keys()
        assert one["source line"].startswith(f"rtl/{one['module']}.v:")


def test_a_judge_that_looks_at_nothing_kills_nothing_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, facts = judged_face(tmp_path, monkeypatch, "--programs", "none")
    assert status == 1 and facts["killed"] == 0 and len(facts["survivors"]) == COUNT
    assert facts["proved equivalent"] <= 3  # of which the judge that looks kills none
    assert "below the floor of 95 %" in capsys.readouterr().out


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_both_simulators_judge_alike(simulator: str) -> None:
    """The quick program: two that wrong bytes or records kill in Verilator, which is over soon, and one that lives."""
    netlist = netlist_of(SEED, COUNT, modules())
    verdicts = run.judged(netlist, 1, quiet, programs=["smoke"])
    dead = [one for one in netlist.mutants if verdicts[one.id]["how"] in ("data", "record")]
    alive = [one for one in netlist.mutants if verdicts[one.id]["verdict"] == "survived"]
    assert dead and alive
    few = replace(netlist, mutants=(*dead[:2], *alive[:1]))
    again = run.judged(few, 1, quiet, simulator=simulator, programs=["smoke"])
    assert {number: one["verdict"] for number, one in again.items()} == {
        one.id: verdicts[one.id]["verdict"] for one in few.mutants
    }


def test_a_change_of_the_models_is_killed() -> None:
    """The models without a change pass first, else there is no verdict at all."""
    comparisons = [
        one for one in models._possible() if one.definition == "seqno_passed" and "ReplaceComparison" in one.operator
    ]
    found = run.judged_changes([replace(comparisons[0], id=1)], 1, quiet)
    assert found[1]["verdict"] == "killed" and "tests/models/test_fence.py" in found[1]["by"]


# ------------------------------------------------------------------------------------------ going on


def complete(tmp_path: Path, wanted: Sequence[int], lines: Sequence[str]) -> list[int]:
    """Let a judge that kills everything complete the results in `lines`; returns what it was asked for."""
    (tmp_path / "results.jsonl").write_text("".join(lines))
    asked: list[int] = []

    def judge(plan: Path) -> None:
        facts = json.loads(plan.read_text())
        asked.extend(facts["mutants"])
        with Path(facts["results"]).open("a") as out:
            out.writelines(json.dumps(result(number, "killed", "data", "smoke")) + "\n" for number in asked)

    found = run._completed(tmp_path, wanted, 1, quiet, judge)
    assert list(found) == list(wanted)
    return asked


def test_what_is_judged_is_not_judged_again(tmp_path: Path) -> None:
    done = [json.dumps(result(number, "killed")) + "\n" for number in (1, 3)]
    assert complete(tmp_path, [1, 2, 3, 4], done) == [2, 4]
    assert complete(tmp_path, [1, 3], done) == []


def test_a_line_that_was_cut_and_an_error_are_judged_again(tmp_path: Path) -> None:
    lines = [json.dumps(result(1, "error", "OSError")) + "\n", json.dumps(result(2, "survived"))[:30]]
    assert complete(tmp_path, [1, 2], lines) == [1, 2]


def test_a_mutant_that_could_not_be_judged_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(MutationError, match="1 mutants were not judged, 7 the first"):
        run._completed(tmp_path, [7], 1, quiet, lambda plan: None)


def test_a_mutant_that_takes_memory_without_end_is_stopped(tmp_path: Path) -> None:
    async def greedy(mutant: int) -> dict[str, Any]:
        taken = []
        while True:
            taken.append(bytearray(256 << 20))

    plan = Plan((1,), 1, tmp_path / "results", 60, ())
    (found,) = asyncio.run(serve(plan, greedy, [1]))
    assert (found["verdict"], found["how"]) == ("killed", "crash")
    assert "memory" in found["message"]


def test_a_kill_by_timing_is_spared_the_longest_programs() -> None:
    ran: list[str] = []

    @dataclass
    class Told:
        name: str
        differs: bool = False

        async def run(self, parts: Parts) -> None:
            ran.append(self.name)
            parts.differs = parts.differs or ("here" if self.differs else "")

    dut = SimpleNamespace(engine=SimpleNamespace(mutsel=SimpleNamespace(value=0)))
    long = min(judge.LONG)
    found = asyncio.run(judge.attempt(dut, 3, [Told(long), Told("odd", True), Told(long), Told("last")], {"a": []}))
    assert (found["verdict"], found["by"], ran) == ("timing", "here", [long, "odd", "last"])
    assert {program.name for program in PROGRAMS} >= judge.LONG


def test_a_plan_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan((3, 5), 2, tmp_path / "results.jsonl", 9, ("smoke",))
    plan.save(tmp_path / "plan.json")
    monkeypatch.setenv("MUTATE_PLAN", str(tmp_path / "plan.json"))
    assert Plan.load() == plan


# ------------------------------------------------------------------------------------------ which mutants


def test_mutants_come_from_every_module_and_from_no_clock_and_no_memory_array() -> None:
    netlist = netlist_of(SEED, COUNT, modules())
    assert [one.id for one in netlist.mutants] == list(range(1, COUNT + 1))
    assert all(one.line and one.module in modules() for one in netlist.mutants)
    assert not any("-port CLK" in one.command or "$mem" in one.command for one in netlist.mutants)
    assert netlist_of(SEED, COUNT, modules()).mutants == netlist.mutants


def test_shares_add_up_and_leave_nobody_out() -> None:
    cells = {"large": 900, "middle": 100, "small": 1, "nothing": 0}
    for count in (1, 3, 10, 999):
        found = shares(count, cells)
        assert sum(found.values()) == count and "nothing" not in found
        assert count < 3 or min(found.values()) >= 1
    assert shares(410, cells) == {"large": 300, "middle": 100, "small": 10}


def test_a_line_of_yosys_becomes_a_mutant() -> None:
    line = (
        "mutate -ctrl mutsel 16 7 -mode cnot1 -module faultline -cell $flatten\\u_read.$logic_or$rtl/read_mover.v:34$5"
        " -port A -portbit 3 -ctrlbit 6 -wire u_read.cut -wirebit 2"
        " -src rtl/fifo.v:3.1-3.2 -src rtl/read_mover.v:342.21-342.4"
    )
    one = parsed(line, "read_mover", 7, "logic_or")
    assert one.place == "rtl/read_mover.v:342"
    assert one.what == "inverts while bit 6 is 1 A[3] of logic_or in u_read, u_read.cut[2]"
    assert "-ctrl" in line and "mutsel" not in one.command
    with pytest.raises(MutationError, match="cannot be read"):
        parsed("mutate -mode nothing", "read_mover", 7, "")


def test_what_changes_nothing_is_no_mutant() -> None:
    cell = {
        "type": "$add",
        "port_directions": {"A": "input", "Y": "output", "CLK": "input"},
        "connections": {"A": [5, "0", "1", "x"], "Y": [6, 7], "CLK": [8]},
    }
    wiring = Wiring({"cells": {"$it": cell}, "ports": {"out": {"bits": [6]}}}, {})

    def matters(mode: str, port: str, bit: int, control: int = 0) -> bool:
        return wiring.matters(f"mutate -mode {mode} -cell $it -port {port} -portbit {bit} -ctrlbit {control}")

    assert matters("const0", "A", 0) and matters("const1", "A", 1) and matters("inv", "Y", 0)
    assert not matters("const0", "A", 1) and not matters("const1", "A", 2) and not matters("inv", "A", 3)
    assert matters("cnot0", "A", 0, 1) and not matters("cnot1", "A", 0, 1)
    assert not matters("inv", "Y", 1) and not matters("inv", "CLK", 0)
    assert wiring.kind("mutate -cell $it -port A") == "add"


@pytest.mark.parametrize(
    ("mode", "kind", "matters"),
    [
        ("cnot1", "$reduce_or", False),
        ("cnot0", "$reduce_or", True),
        ("cnot1", "$logic_not", False),
        ("cnot0", "$reduce_and", False),
        ("cnot1", "$reduce_and", True),
        ("cnot1", "$and", True),
        ("inv", "$reduce_or", True),
    ],
)
def test_a_bit_that_is_inverted_only_while_another_decides_is_no_mutant(mode: str, kind: str, matters: bool) -> None:
    cell = {"type": kind, "port_directions": {"A": "input", "Y": "output"}, "connections": {"A": [5, 6], "Y": [7]}}
    wiring = Wiring({"cells": {"$it": cell}, "ports": {"out": {"bits": [7]}}}, {})
    assert wiring.matters(f"mutate -mode {mode} -cell $it -port A -portbit 0 -ctrlbit 1") == matters


def test_a_block_that_is_awake_too_often_is_no_mutant_but_one_that_sleeps_is() -> None:
    text = "module box;\n\n    wire wake = load ||\n        !rst_ni;\n    wire other = load || give;\n"
    cell = {"port_directions": {"A": "input", "Y": "output"}, "connections": {"A": [3], "Y": [4]}}

    def matters(mode: str, place: str, kind: str = "$logic_or") -> bool:
        there = {**cell, "type": kind, "attributes": {"src": place}}
        texts = {"box": text, "render": text}
        wiring = Wiring({"cells": {"$it": there}, "ports": {"out": {"bits": [4]}}}, texts)
        return wiring.matters(f"mutate -mode {mode} -cell $it -port Y -portbit 0")

    assert not matters("const1", "rtl/box.v:3.5-4.9") and not matters("const1", "rtl/box.v:4.5-4.9")
    assert matters("const0", "rtl/box.v:4.5-4.9") and matters("inv", "rtl/box.v:4.5-4.9")
    assert matters("const1", "rtl/box.v:5.5-5.9") and matters("const1", "rtl/box.v:4.5-4.9", "$logic_not")
    assert matters("const1", "rtl/box.v:4.5-4.9|rtl/box.v:5.5-5.9")
    assert matters("const1", "rtl/render.v:3.5-4.9")  # where it is not proved


def test_a_mutant_is_told_with_its_expression_or_registers_and_the_net_on_the_pin() -> None:
    text = "module box;\n    wire more = a_q != b_q || (go && c);\n    wire big = go ? `FL_X :\n        d;\n"
    nets = {"u_box.a_q": {"bits": [2, 3]}, "x.$y": {"bits": [5]}, "u_box.z[0].flag_q": {"bits": [6]}}

    def code(source: str, port: str, bit: int) -> str:
        cell = {
            "type": "$ne",
            "attributes": {"src": source},
            "port_directions": {"A": "input", "B": "input", "Q": "output"},
            "connections": {"A": [2, 3], "B": [5], **({"Q": [2, 3, 6]} if not source else {})},
        }
        wiring = Wiring({"cells": {"$it": cell}, "ports": {}, "netnames": nets}, {"box": text})
        return wiring.code(f"mutate -mode inv -cell $it -port {port} -portbit {bit}")

    assert code("rtl/box.v:2.17-2.27", "A", 1) == "a_q != b_q; u_box.a_q[1]"
    assert code("rtl/box.v:2.17-2.41|rtl/box.v:2.32-2.39", "B", 0) == "go && c"
    assert code("rtl/box.v:3.16-3.28", "B", 0) == "wire big = go ? `FL_X :"  # a macro has moved the columns
    assert code("rtl/box.v:2.17-3.9", "B", 0) == "a_q != b_q || (go && c); ..."
    assert code("", "Q", 2) == "u_box.a_q, u_box.z[0].flag_q; u_box.z[0].flag_q"


# ------------------------------------------------------------------------------------------ report


def test_checks_and_timing_are_told_apart_and_an_explained_survivor_is_still_alive(tmp_path: Path) -> None:
    mutants = [mutant(n) for n in range(1, 4)] + [mutant(4, module="fifo", mode="const0", what="holds at 0 A[0]")]
    results = {
        1: result(1, "killed", "data", "smoke/smoke"),
        2: result(2, "timing", "timing", "work/boxes"),
        3: result(3, "survived"),
        4: result(4, "survived"),
    }
    reasons = [report.Reason("fifo", frozenset({97}), r"holds at 0 A\[\d\]", ("const0",), "never 1")]
    facts = report.facts_of(mutants, results, reasons, {})
    counts = ("generated", "killed", "killed by checks", "killed by timing alone", "explained", "unexplained")
    assert [facts[name] for name in counts] == [4, 2, 1, 1, 1, 1]
    assert facts["percent"] == 50.0 and [one["explained"] for one in facts["survivors"]] == [None, "never 1"]
    path = tmp_path / "mutate.json"
    path.write_text('{"models": {"generated": 3}, "generated": 9}')
    assert report.merged(path, facts)["models"] == {"generated": 3} and report.merged(path, facts)["generated"] == 4


def test_a_survivor_that_is_proved_equivalent_leaves_the_rate_and_the_raw_one_stays() -> None:
    mutants = [mutant(n) for n in range(1, 5)]
    results = {n: result(n, "killed" if n < 3 else "survived", "data", "smoke/smoke") for n in range(1, 5)}
    facts = report.facts_of(mutants, results, [], {4: "shown"})
    counts = ("generated", "killed", "proved equivalent", "raw percent", "percent", "explained", "unexplained")
    assert [facts[name] for name in counts] == [4, 2, 1, 50.0, 66.67, 0, 1]
    assert [one["proof"] for one in facts["survivors"]] == [None, "shown"]


def test_a_proof_is_made_once_and_only_of_survivors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    class Prover:
        def __init__(self, *places: Path) -> None: ...

        def proved(self, one: Mutant) -> str | None:
            tried.append(one.id)
            return "shown" if one.id == 3 else None

    monkeypatch.setattr(run, "Prover", Prover)
    netlist = Netlist(tuple(mutant(n) for n in range(1, 4)), tmp_path, tmp_path / "design.json")
    results = {n: result(n, "killed" if n == 1 else "survived") for n in range(1, 4)}
    for _ in range(2):
        assert run.proved(netlist, results, 1, quiet) == {3: "shown"}
    assert tried == [2, 3]


def test_a_survivor_that_would_take_too_long_to_kill_is_told_apart_and_is_not_explained(tmp_path: Path) -> None:
    row = ROW.replace("equivalent", "out_of_reach")
    (tmp_path / "equivalent.toml").write_text(f"{row}what = '.*'\nreason = 'years'\n")
    reasons = report.reasons_of(tmp_path / "equivalent.toml")
    facts = report.facts_of([mutant(line=HERE)], {1: result(1, "survived")}, reasons, {})
    assert [facts[name] for name in ("explained", "out of reach", "unexplained", "killed")] == [0, 1, 1, 0]
    assert facts["survivors"][0]["explained"] is None and facts["survivors"][0]["out of reach"] == "years"


def test_a_reason_is_for_its_module_its_lines_its_modes_and_the_whole_description() -> None:
    reason = report.Reason("box", frozenset({97}), r"inverts B\[2\d\] .*", ("inv",), "why")
    assert reason.fits(mutant())
    others = {"module": "ring"}, {"line": 96}, {"mode": "const1"}, {"what": "x inverts B[21] of it"}
    for other in (mutant(**change) for change in others):
        assert not reason.fits(other)
    closer = replace(reason, what=r"inverts .*: load \|\| give")
    assert closer.fits(mutant(code="load || give")) and not closer.fits(mutant(code="load || take"))


def test_the_reviewed_reasons_can_be_read_and_name_modules() -> None:
    assert {reason.module for reason in report.reasons_of()} <= set(modules())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[equivalent]]\nmodule = 'box'\n", "'source'"),
        (f"{ROW}what = '('\nreason = 'x'\n", "missing"),
        (f"{ROW}what = 'x'\nreason = ' '\n", "no reason for x"),
        (f"{ROW}what = 'x'\nreason = 'y'\nmodes = ['sideways']\n", "no mode called sideways"),
        (f"{ROW}what = 'x'\nreason = 'y'\n".replace("module box", "module bax"), "stale: box.v has no 'module bax'"),
        (f"{ROW}what = 'x'\nreason = 'y'\n".replace("module box", " "), "stale: box.v has no"),
        ("[", ""),
    ],
)
def test_a_wrong_file_of_reasons_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "equivalent.toml").write_text(text)
    with pytest.raises(MutationError, match=f"equivalent.toml is wrong: .*{said}"):
        report.reasons_of(tmp_path / "equivalent.toml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "x"], "SEED=x is not possible: use 1 to"),
        (["--seed", "0"], "SEED=0 is not possible"),
        (["--count", "-3"], "COUNT=-3 is not possible: use 1 to 20000"),
        (["--count", "20001"], "COUNT=20001 is not possible"),
        (["--jobs", "0"], "JOBS=0 is not possible"),
        (["--block", "bax"], "no module called bax: BLOCK is models, or some of axi_read_port,"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert face.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and said in printed.err and printed.err.count("\n") == 1


def test_too_many_mutants_of_a_small_module_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert face.main(["--block", "soft_reset", "--count", "5000"]) == 2
    assert "COUNT=5000 is too many for soft_reset: there are" in capsys.readouterr().err


def test_blocks_are_named_once_each() -> None:
    assert named_blocks(" box, ring,box", ["box", "ring", "tile"]) == ["box", "ring"]
    assert named_blocks("", ["box", "ring"]) == ["box", "ring"]


# ------------------------------------------------------------------------------------------ models


def test_changes_of_the_models_are_the_same_for_a_seed_and_change_code_that_runs() -> None:
    changes = models.sample(5, 30)
    assert changes == models.sample(5, 30) and changes != models.sample(6, 30)
    assert len({(one.file, one.operator, one.occurrence) for one in changes}) == 30
    assert not any(one.file.endswith("layout.py") for one in changes)
    assert len(Counter(one.file for one in changes)) > 5
    assert all(models._mutated(one) != Path(one.file).read_text() for one in changes)


def test_a_changed_annotation_is_no_change() -> None:
    text = "def f(x: int | None = 3) -> list[int]:\n    y: dict[str, int] = {}\n    return x\n"

    def bare(source: str) -> str:
        return ast.dump(models._Bare().visit(ast.parse(source)))

    assert bare(text) == bare(text.replace("int | None", "int & None").replace("-> list[int]", "-> 7"))
    assert bare(text) != bare(text.replace("= 3", "= 4")) and bare(text) != bare(text.replace("{}", "{1: 2}"))
