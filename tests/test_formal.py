"""`make formal` proves what holds, catches what is broken and says so: a sample of the proofs, and the runner's twins.

The whole catalogue takes many minutes; here each kind of task runs once, on blocks that are quick.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from rich.console import Console

from tb.formal import __main__ as face
from tb.formal import proof as proofs
from tb.formal import prover
from tb.formal.catalogue import PROOFS
from tb.formal.proof import FormalError, Method, Proof, Task, Twin, mutated
from tb.formal.prover import Outcome, Prover, script
from tb.toolchain import ROOT

KNOWN = {each.name: each for each in PROOFS}


@pytest.fixture
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder under sim_build for this test's products: what `make formal` has left stays."""
    folder = ROOT / "sim_build" / "runs" / "formal" / tmp_path.name
    monkeypatch.setattr(prover, "BUILD", folder)
    return folder


def tasks_of(name: str, kind: str) -> list[Task]:
    return [task for task in KNOWN[name].tasks() if task.kind == kind]


@pytest.mark.usefixtures("own_build")
@pytest.mark.parametrize("name", ["fifo", "burst"])
def test_a_sample_of_the_proofs_holds_and_its_twins_are_caught(name: str) -> None:
    """One configuration, the covers and one twin: k-induction, reachability, BMC and cover each run once."""
    run = Prover()
    for task in [*tasks_of(name, "prove")[:1], *tasks_of(name, "cover"), *tasks_of(name, "twin")[:1]]:
        outcome = run.run(task)
        assert outcome.good, f"{task.title}: {outcome.said}"
        assert bool(outcome.failed) == (task.kind == "twin")


@pytest.mark.usefixtures("own_build")
def test_a_proof_of_something_broken_fails_and_names_the_property() -> None:
    twin = KNOWN["burst"].twins[0]
    deeper = dataclasses.replace(KNOWN["burst"], depth=4)
    broken = Task(deeper, "prove", "broken", {"DATA_W": 64}, twin)
    outcome = Prover().run(broken)
    assert not outcome.good
    assert "FAILED" in outcome.said
    assert "inside_4kib" in outcome.failed


@pytest.mark.usefixtures("own_build")
def test_a_twin_that_changes_nothing_survives_and_fails_the_run() -> None:
    harmless = Twin("means the same", "burst.v", "whole == 20'd0 ?", "!(|whole) ?", 3)
    outcome = Prover().run(Task(KNOWN["burst"], "twin", harmless.name, {"DATA_W": 64}, harmless))
    assert not outcome.good
    assert outcome.said == "SURVIVED"


@pytest.mark.usefixtures("own_build")
def test_a_cover_that_is_out_of_reach_is_told() -> None:
    shallow = dataclasses.replace(KNOWN["fifo"], cover_depth=4)
    outcome = Prover().run(Task(shallow, "cover", "", {"DEPTH_LOG2": 2}))
    assert not outcome.good
    assert 0 < outcome.reached < outcome.covers


@pytest.mark.usefixtures("own_build")
def test_a_design_that_cannot_be_read_does_not_hold() -> None:
    nonsense = Twin("no Verilog", "burst.v", "assign last_o", "assign assign last_o")
    outcome = Prover().run(Task(KNOWN["burst"], "twin", nonsense.name, {"DATA_W": 64}, nonsense))
    assert not outcome.good
    assert "the prover stopped" in outcome.said


def test_every_twin_of_the_catalogue_fits_the_design() -> None:
    """The text that a twin replaces is there exactly once, in a file that the proof uses."""
    assert len(KNOWN) == len(PROOFS) >= 9
    for each in PROOFS:
        names = [source.name for source in each.sources()]
        for twin in each.twins:
            assert twin.file in names, f"{each.name}: {twin.file}"
            text = (ROOT / "rtl" / twin.file).read_text(encoding="utf-8")
            assert mutated(twin, text) != text


def test_every_wrapper_belongs_to_a_proof_and_the_page_names_each() -> None:
    wrappers = {path.stem for path in proofs.FOLDER.glob("*_proof.sv")}
    assert wrappers == {each.top for each in PROOFS}
    page = (ROOT / "docs" / "formal.md").read_text(encoding="utf-8")
    for each in PROOFS:
        row = f"| `{each.name}` | {each.method.value}"
        assert row in page, f"docs/formal.md has no row that begins {row}"
        if each.method is Method.BMC:
            assert f"{row}, {each.depth} |" in page, f"docs/formal.md: depth of {each.name} is {each.depth}"


@pytest.mark.parametrize(("old", "new"), [("nowhere to be found", "x"), ("wire", "tri"), ("burst #(", "burst #(")])
def test_a_twin_that_no_longer_fits_is_an_error(old: str, new: str) -> None:
    text = (ROOT / "rtl" / "burst.v").read_text(encoding="utf-8")
    with pytest.raises(FormalError, match=r"rtl/burst\.v: twin 'a fault' replaces .* bring the twin .* up to date"):
        mutated(Twin("a fault", "burst.v", old, new), text)


def test_a_proof_without_a_twin_or_a_bound_without_a_reason_is_refused() -> None:
    twin = Twin("a fault", "burst.v", "a", "b")
    with pytest.raises(ValueError, match="needs at least one broken twin"):
        Proof("x", "", Method.PDR, 1, ())
    with pytest.raises(ValueError, match="says why its depth is enough"):
        Proof("x", "", Method.BMC, 1, (twin,))
    with pytest.raises(FormalError, match="no Verilog module x_proof"):
        Proof("x", "", Method.PDR, 1, (twin,)).sources()


def test_the_prover_is_told_mode_depth_and_parameters() -> None:
    text = script(tasks_of("fifo", "twin")[0], ["fifo.v", "fifo_proof.sv", "faultline.vh"])
    assert "mode bmc\ndepth 12\n" in text
    assert "-chparam DEPTH_LOG2 2" in text
    assert "files/faultline.vh" in text and "-sv fifo.v fifo_proof.sv\n" in text
    assert "mode prove" in script(tasks_of("fifo", "prove")[0], ["fifo.v"])
    assert "mode cover" in script(tasks_of("fifo", "cover")[0], ["fifo.v"])


def outcomes_of(each: Proof, bad: str = "") -> list[Outcome]:
    return [Outcome(task, task.kind != bad, "", 1.0, 2, 2 if bad != "cover" else 3) for task in each.tasks()]


@pytest.mark.parametrize(("bad", "status"), [("", 0), ("prove", 1), ("cover", 1), ("twin", 1)])
def test_the_run_fails_when_anything_does_not_hold(
    bad: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(face, "run", lambda chosen, *_: [one for each in chosen for one in outcomes_of(each, bad)])
    monkeypatch.setattr(face, "RESULT", ROOT / "sim_build" / "runs" / f"{tmp_path.name}.json")
    face.RESULT.parent.mkdir(parents=True, exist_ok=True)
    assert face.main(["--proof", "burst"]) == status
    (row,) = json.loads(face.RESULT.read_text(encoding="utf-8"))
    face.RESULT.unlink()
    assert row["good"] is (status == 0)
    assert row["proof"] == "burst" and row["method"] == "k-induction" and len(row["configurations"]) == 4
    assert row["verdict"] == ("FAILED" if bad == "prove" else "proved")
    assert row["covers"] == {"reached": 2, "of": 3 if bad == "cover" else 2}
    assert [twin["caught"] for twin in row["twins"]] == [bad != "twin"] * len(KNOWN["burst"].twins)
    assert f"{1 - status} of 1 proofs hold" in capsys.readouterr().out


def test_a_task_that_did_not_run_is_not_proved() -> None:
    row = face.row_of(KNOWN["burst"], outcomes_of(KNOWN["burst"])[:-1])
    assert row["verdict"] == "FAILED" and not row["good"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--proof", "bursts"], "no proof called bursts: PROOF is one of fifo,"),
        (["--proof", "burst", "--jobs", "0"], "JOBS=0 is not possible: use 1 or more"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert face.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {complaint}") and said.count("\n") == 1


def test_a_missing_tool_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover.shutil, "which", lambda *_, **__: None)
    with pytest.raises(FormalError, match="yowasp-sby is not installed: run `make setup`"):
        Prover()


def test_progress_is_a_line_a_task(own_build: Path) -> None:
    console = Console(record=True, width=200)
    small = dataclasses.replace(KNOWN["burst"], configurations=({"DATA_W": 64},), twins=KNOWN["burst"].twins[:1])
    outcomes = face.run([small], 1, console)
    assert [outcome.good for outcome in outcomes] == [True] * 3
    assert "[3/3] burst twin (ignores the offset): caught by" in console.export_text()
    assert (own_build / "burst" / "prove" / "sby.log").is_file()
