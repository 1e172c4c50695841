"""What `make timing` tells of a trace: chains, timeline and waves of operations, what moved, and the contract."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pywellen
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Packets

from tb.simulation import simulators
from tb.timing import __main__ as face
from tb.timing import waves
from tb.timing.baseline import BASELINE, VERSION, base_of, baseline, changes, condensed, unmade
from tb.timing.bounds import Memory
from tb.timing.chain import chain_of, events_of
from tb.timing.contract import Budget, ContractError, contract_of, judged
from tb.timing.cost import WORKS, cheapest, cost, settled
from tb.timing.figures import Run, run_of, spread, summary
from tb.timing.operations import Life
from tb.timing.scenarios import SCENARIOS
from tb.timing.timeline import timeline
from tb.timing.waves import SIGNALS as WAVES
from tb.timing.waves import dumped, operation_of
from tb.trace import EVENT, Kind, Trace
from tests.timed_runs import UNDER, timed


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_both_simulators_leave_equal_traces(simulator: str) -> None:
    paths: list[Path] = [timed("photo", one, Memory())[1] for one in ("verilator", simulator)]
    one, other = map(Trace.load, paths)
    assert np.array_equal(one.events, other.events)
    assert one.texts == other.texts


def test_quantiles_are_values_that_occurred() -> None:
    expected = {"min": 1, "median": 50, "p95": 95, "p99": 99, "max": 100}
    assert summary(range(1, 101)) == expected


def test_spans_are_counted_in_the_windows_that_they_cross() -> None:
    assert spread(np.array([[2, 12], [9, 11]]), np.array([0, 10, 20])) == [9, 3]
    assert spread(np.array([[2, 12], [9, 11]]), np.array([0, 10, 20]), np.array([0.5, 1])) == [5, 2]
    assert spread(np.zeros((0, 2), np.int64), np.array([0, 10, 20])) == [0, 0]


@pytest.mark.parametrize(
    "words",
    [
        ("nothing", "", "", ""), ("", "0", "", ""), ("", "", "65", ""), ("", "", "", "96"),
        ("", ",", "", ""), ("", "3,,13", "", ""), ("photo,", "", "", ""),
    ],
)  # fmt: skip
def test_a_memory_or_scenario_that_cannot_be_timed_is_refused(words: tuple[str, str, str, str]) -> None:
    with pytest.raises(face.AskError):
        face.asked(*words)


def test_what_is_asked_for_twice_is_run_once() -> None:
    assert face.asked("photo,photo", "3, 3", "", "") == (["photo"], [Memory(latency=3)])


# -------------------------------------------------------------------------------------------- one life, one chain


def test_the_life_of_a_fault_is_one_chain_from_the_access_to_the_resumed_client() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    faults = [one for one in run.operations if one.kind == "page_fault"]
    assert len(faults) > 100
    for fault in faults[:2] + faults[64:66]:
        links = list(chain_of(run.trace, fault))
        assert [one.cycle for one in links] == sorted(one.cycle for one in links)
        told = iter(link.what for link in links)
        for word in (
            *("notes Fault", "Acquire resv", "notes Doorbell", "doorbell", "AR: descriptor", "notes FenceWait"),
            *("READBACK fetched", "READBACK starts", "AW: host data", "W first: host data", "W last: host data"),
            *("READBACK ended", "record seen: 4096", "fence value", "interrupt rises", "notes FenceSignal"),
            "notes Insert",
        ):
            assert any(word in what for what in told), f"{word} is missing or not in its place"
        assert "notes Fault" in links[0].what and "notes Insert" in links[-1].what
        of_engine = {(one.queue, one.tag) for one in links if one.tag > 0 and "driver notes" not in one.what}
        assert of_engine == {(0, tag) for tag in fault.tags}
        assert [(one.queue, one.tag) for one in links if "notes Submit" in one.what] == [(0, fault.tags[-1])]
        assert sum("notes Fault" in one.what for one in links) == 1
    first = [link.what for link in chain_of(run.trace, faults[0])]
    assert any("translation waited" in what for what in first) and any("waited" in what for what in first)


@pytest.mark.parametrize("scenario", ["photo", "page_writeback", "render"])
def test_every_event_of_a_life_has_its_queue_and_tag(scenario: str) -> None:
    run, _ = timed(scenario, "verilator", Memory())
    events = run.trace.events

    def there(kind: Kind, cycle: int | None, life: Life, **fields: int) -> bool:
        mine = events[(events["kind"] == kind) & (events["cycle"] == (cycle or 0)) & (events["queue"] == life.queue)]
        return any(one["tag"] == life.tag and all(one[name] == value for name, value in fields.items()) for one in mine)

    lives = [one.lives[0] for one in run.operations if not one.task]
    for life in lives:
        assert there(Kind.READ_ADDRESS, life.asked, life, id=1 + life.queue)
        assert there(Kind.READ_LAST, life.fetched, life, id=1 + life.queue)
    whole = [one for one in run.operations if one.task and one.lives]
    for one in whole:
        assert there(Kind.DOORBELL, one.lives[-1].published, one.lives[-1]), "it publishes up to its last"
        if one.interrupt:
            assert there(Kind.IRQ_RISE, one.interrupt, one.lives[-1])
    assert len(lives) > 20 and any(one.interrupt for one in whole)
    rises = run.trace.of(Kind.IRQ_RISE)
    assert len(rises) and rises["cause"].all()
    notes = run.trace.of(Kind.NOTE)
    for note in notes:
        facts = json.loads(run.trace.texts[int(note["value"])])
        assert (run.trace.texts[int(note["cause"]) - 1] if note["cause"] else "") == facts.get("cause", "")
        assert note["queue"] == facts.get("queue", 0) and run.trace.texts[int(note["tag"])]
    assert notes["cause"].any()


@pytest.mark.parametrize("scenario", ["photo", "page_writeback", "shared"])
def test_what_the_driver_notes_of_a_descriptor_names_it(scenario: str) -> None:
    """Beside the hardware's own words: what was fetched, published by the doorbell, and told by a fence value."""
    run, _ = timed(scenario, "verilator", Memory())
    trace, seen = run.trace, dict.fromkeys(("Submit", "Doorbell", "FenceWait", "FenceSignal", "Interrupt"), 0)
    fetched, bells, fences = (
        {(int(one["queue"]), int(one["value"])): int(one["tag"]) for one in trace.of(kind)}
        for kind in (Kind.FETCHED, Kind.DOORBELL, Kind.FENCE)
    )
    for note in trace.of(Kind.NOTE):
        facts = json.loads(trace.texts[int(note["value"])])
        queue, name = facts.get("queue"), facts["event"]
        if name in seen:
            seen[name] += 1
            expected = bells[queue, facts["tail"]] if name == "Doorbell" else fences[queue, facts["value"]]
            assert facts["tag"] == expected, facts
        if name == "Submit":
            mine = range(facts["tag"] - facts["descriptors"] + 1, facts["tag"] + 1)
            assert all((queue, tag) in {(one[0], tag) for one, tag in fetched.items()} for tag in mine), facts
    assert all(seen.values()) and len(fetched) > 20, seen
    faults = [one for one in run.operations if one.kind in ("page_fault", "writeback") and one.lives]
    for one in faults[:8]:
        sent = [(link.queue, link.tag) for link in chain_of(trace, one) if "driver notes Submit" in link.what]
        assert (one.queue, one.tags[-1]) in sent


def test_a_chain_has_every_event_of_its_descriptors_and_none_of_others() -> None:
    run, _ = timed("page_writeback", "verilator", Memory(latency=3, stall=25))
    events = run.trace.hardware
    tagged = events[(events["kind"] >= Kind.FETCHED) & (events["kind"] < Kind.WALK)]
    seen = [events_of(run.trace, one) for one in run.operations if one.kind.startswith("descriptor.")]
    mine = np.concatenate([one[(one["kind"] >= Kind.FETCHED) & (one["kind"] < Kind.WALK)] for one in seen])
    assert sorted(mine.tolist()) == sorted(tagged.tolist())


def packets_of(runs: list[Run]) -> tuple[dict[int, Any], list[Any]]:
    """(tracks by number, events in order) of a timeline."""
    whole = Packets()
    whole.ParseFromString(timeline(runs))
    tracks = [one.track_descriptor for one in whole.packet if one.HasField("track_descriptor")]
    return {one.uuid: one for one in tracks}, [one for one in whole.packet if one.HasField("track_event")]


def test_slices_of_the_timeline_lie_in_each_other_and_flows_lead_from_fault_to_interrupt() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    tracks, events = packets_of([run])
    stacks: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    flows: dict[int, list[tuple[int, int, str]]] = {}
    for place, packet in enumerate(events):
        event = packet.track_event
        assert event.track_uuid in tracks
        assert packet.timestamp >= last.get(event.track_uuid, 0), "a track runs backwards"
        last[event.track_uuid] = packet.timestamp
        stack = stacks.setdefault(event.track_uuid, [])
        if event.type == event.TYPE_SLICE_BEGIN:
            stack.append(packet.timestamp)
        elif event.type == event.TYPE_SLICE_END:
            stack.pop()
        for flow in event.flow_ids:
            flows.setdefault(flow, []).append((packet.timestamp, place, tracks[event.track_uuid].name))
    assert not any(stacks.values()), "a slice has no end"
    for fault in (one for one in run.operations if one.kind == "page_fault"):
        joined = sorted(flows[(1 << 32) + fault.number])  # as Perfetto does: by time, then in the order of the file
        along = [name for _, _, name in joined]
        assert along == ["page_fault", "doorbells", *["transfer queue"] * len(fault.lives), *along[-3:]]
        assert along[-3:] == ["write bursts", "write bursts", "interrupt"]
        assert joined[0][0] == fault.begin * 4 and joined[-1][0] == (fault.interrupt or 0) * 4
        told = {one.track_event.name for one in events if (1 << 32) + fault.number in one.track_event.flow_ids}
        assert {f"transfer queue, to tag {fault.tags[-1]}", f"interrupt of {fault.tags[-1]}"} <= told


def test_a_burst_of_the_timeline_waits_for_its_data_only_once_the_bus_is_free() -> None:
    run, _ = timed("page_writeback", "verilator", Memory())
    tracks, events = packets_of([run])
    inside = [one for one in events if tracks[one.track_event.track_uuid].name == "read bursts"]
    waits: dict[str, list[int]] = {"behind earlier data": [], "first data": []}
    for begin, end in zip(inside, inside[1:], strict=False):
        if begin.track_event.name in waits:
            waits[begin.track_event.name].append((end.timestamp - begin.timestamp) // 4)
    assert max(waits["first data"]) == Memory().latency and min(waits["behind earlier data"]) > Memory().latency


def test_the_waves_of_an_operation_show_its_events_and_little_else() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    fault = operation_of(run, 4, 0)
    assert fault.kind == "page_fault" and fault.tags == (4, 5)
    file = dumped(run, fault, UNDER)
    found = {one.full_name: one.signal for one in pywellen.Waveform(str(file)).all_vars()}
    risen = {name: rises(found[f"sim_top.{name}"]) for name in ("irq", "m_axi_awvalid", "m_axi_wlast")}
    assert risen["irq"] == [fault.interrupt]
    bursts = [one.asked for life in fault.lives for one in life.bursts]
    assert len(bursts) == 2 and set(bursts) <= set(risen["m_axi_awvalid"])
    clock = [at for at, _ in found["sim_top.clk"]]
    assert 0 <= fault.begin - cycle_of(clock[0]) <= 20 and 0 <= cycle_of(clock[-1]) - fault.end <= 20
    signals = {name for names in WAVES.values() for name in names}
    listed = (file.with_suffix(".gtkw").read_text(), file.with_suffix(".sucl").read_text())
    assert all(f"sim_top.{name}" in text for text in listed for name in signals)
    assert all(str(file) in text for text in listed)


def cycle_of(time: int) -> int:
    """The clock cycle that is under way at a time in ps: its edge comes at its end."""
    return int((time - 2000) // 4000 + 1) if time % 4000 != 2000 else int((time - 2000) // 4000)


def rises(signal: Any) -> list[int]:
    """Cycles at whose end the signal is seen high for the first time; what is high from the start did not rise."""
    changes = list(signal)
    pairs = zip(changes[1:], changes, strict=False)
    return [int(at - 2000) // 4000 + 1 for (at, value), (_, before) in pairs if value > before]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tag", "x"], "TAG=x makes no sense"),
        (["--tag", "1", "--queue", "2"], "QUEUE=2 makes no sense"),
        (["--tag", "1", "--latency", "3,13"], "waves are of one run"),
        (["--tag", "1", "--scenario", "nothing"], "unknown SCENARIO=nothing"),
    ],
)
def test_waves_of_nothing_are_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert waves.main(words) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    with pytest.raises(face.AskError, match="TAG=999: no descriptor of queue 1 .* they are 0 to"):
        operation_of(timed("page_readback", "verilator", Memory())[0], 999, 1)


# ---------------------------------------------------------------------------------------------- cycles that moved


def test_the_cycles_are_those_of_the_baseline() -> None:
    """Changed on purpose: look at `make timing BASE=tb/timing/baseline.json`, then `make timing UPDATE=1`."""
    runs = [timed(scenario, "verilator", Memory())[0] for scenario in SCENARIOS]
    found = changes(base_of(BASELINE), runs)
    assert not found, "\n".join(f"{one.run} {one.what} {one.figure}: {one.before} -> {one.after}" for one in found)
    assert len(base_of(BASELINE)) == len(SCENARIOS)


def test_the_baseline_is_what_update_writes(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [timed(scenario, "verilator", Memory())[0] for scenario in SCENARIOS]
    assert baseline(runs) == BASELINE.read_text(encoding="utf-8"), "run make timing UPDATE=1"
    assert face.main(["--update", "--scenario", "render"]) == 2
    assert "UPDATE=1 takes the runs that are made when nothing else is asked for" in capsys.readouterr().err


def test_what_moved_is_told_with_its_direction() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    base = json.loads(json.dumps([condensed(run)]))
    assert changes(base, [run]) == []
    base[0]["kinds"]["page_fault"]["total"]["p99"] += 10
    base[0]["kinds"]["page_fault"]["parts"]["transfer"]["max"] -= 1
    base[0]["utilization"]["share"] += 0.01
    base[0]["stalls"]["gone"] = {"cycles": 5, "spans": 1, "worst": {"cycles": 5}}
    base[0]["kinds"]["page_fault"]["sums"]["host"] -= 7
    found = {(one.what, one.figure): one for one in changes(base, [run])}
    quicker, slower = found["page_fault", "whole p99"], found["page_fault", "transfer max"]
    assert quicker.worse is False and quicker.told.startswith("-10 (")
    assert slower.worse is True and slower.told.startswith("+1 (")
    assert found["bus", "share"].worse is True
    assert found["stall gone", "cycles"].told == "gone" and len(found) == 7
    assert found["page_fault", "host sum"].worse is True
    (new,) = changes([], [run])
    assert (new.what, new.told) == ("run", "new")
    assert unmade(base, [run]) == [] and unmade(base, []) == [run.title]


@pytest.mark.parametrize("kind", [Kind.START, Kind.ENDED, Kind.FETCHED, Kind.RECORD, Kind.WALK, Kind.IRQ_RISE])
def test_any_cycle_that_moves_is_told_with_the_operation(kind: Kind) -> None:
    """One event at a time of the photo is later, between quantiles too; whatever then took other cycles is told."""
    run, _ = timed("photo", "verilator", Memory())
    base = json.loads(json.dumps([condensed(run)]))
    moved = 0
    for place in np.flatnonzero(run.trace.events["kind"] == kind):
        events = run.trace.events.copy()
        events["cycle"][place] += 1
        events = events[np.argsort(events["cycle"], kind="stable")]
        with contextlib.suppress(ValueError):
            other = run_of("photo", "verilator", Memory(), Trace(events, 64, run.trace.texts))
            pairs = zip(run.operations, other.operations, strict=True)
            first = next((one.number for one, now in pairs if (one.begin, one.spans) != (now.begin, now.spans)), None)
            if first is not None:
                moved += 1
                assert first in [one.first for one in changes(base, [other])], f"{kind.name} at {place}"
    assert moved > 3


def test_a_run_that_the_base_alone_has_and_one_that_did_not_move_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    old = tmp_path / "old.json"
    other = {**condensed(run), "latency": 99}
    old.write_text(json.dumps({"version": VERSION, "runs": [condensed(run), other]}), encoding="utf-8")
    monkeypatch.setattr(face, "RESULTS", tmp_path)
    monkeypatch.setattr(face, "_timed", lambda *_: [run])
    assert face.main(["--base", str(old)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "no cycle moved since" in told and "figures differ" not in told
    absent = "SCENARIO=page_readback LATENCY=99 WIDTH=64 STALL=0"
    assert f"not run now, 1: {absent}" in told
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No cycle moved." in page and absent in page


FIGURES = {"count": 1, "bytes": 1, "sums": {}, "digests": "01234567", "total": {"max": 0}, "parts": {}}
"""Of a kind of operations, without parts that took time."""


def dented(name: str, value: object) -> str:
    """A baseline of one run with something in it that is none of its figures."""
    run = {**base_of(BASELINE)[0], name: value}
    return json.dumps({"version": VERSION, "runs": [run]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("{", "no JSON"),
        ('{"version": 0}', "no timing.json of version"),
        ('{"version": 1, "runs": [{"scenario": "photo"}]}', "run 0 lacks figures 'cycles'"),
        ('{"version": 1, "runs": [7]}', "run 0 lacks figures"),
        pytest.param("[" * 100_000, "no JSON", id="nested"),
        (dented("utilization", {"share": 1}), "run 0 lacks figures 'read_beats'"),
        (dented("utilization", []), "run 0 lacks figures"),
        (dented("stalls", {"unit": {"cycles": 1, "spans": 1, "worst": {}}}), "run 0 lacks figures 'cycles'"),
        (dented("kinds", {"render": []}), "run 0 lacks figures"),
        (dented("kinds", {"render": {**FIGURES, "total": {"max": 1}}}), "figures 'min'"),
        (dented("kinds", {"render": {**FIGURES, "digests": "0123456"}}), "render digests is no figure"),
        (dented("kinds", {"render": {**FIGURES, "digests": 7}}), "render digests is no figure"),
        (dented("cycles", "many"), "run cycles is no figure"),
        (dented("cycles", float("nan")), "run cycles is no figure"),
        (dented("latency", []), "latency is no figure"),
        (dented("scenario", []), "scenario is no figure"),
    ],
)
def test_a_base_that_cannot_be_compared_with_is_one_line(
    tmp_path: Path, text: str | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert face.main(["--base", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: BASE={file}: ") and told in error and error.count("\n") == 1


# ------------------------------------------------------------------------------------------------------- the contract


def written(path: Path, *lines: str, name: str = "tight") -> Path:
    file = path / "mine.toml"
    file.write_text("\n".join((f"[budget.{name}]", *lines)) + "\n", encoding="utf-8")
    return file


def complaints(budgets: Iterable[Budget], runs: Iterable[Run]) -> list[str]:
    return [one.told for one in judged(budgets, runs) if one.broken]


READBACK = ('scenario = "page_readback"', 'operation = "page_fault"')


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ((*READBACK, "p98_cycles = 5"), "budget.tight.p98_cycles: unknown key: use p99_cycles or p95_cycles\n"),
        ((*READBACK, "p99 = 5"), "budget.tight.p99: unknown key: use p99_cycles or p99_ns\n"),
        ((*READBACK, "worst_stall = 5"), "budget.tight.worst_stall: unknown key: use worst_stall_cycles or "),
        ((*READBACK, "fastest = 5"), "budget.tight.fastest: unknown key: use scenario, operation, "),
        ((*READBACK, "p99_us = 5"), "budget.tight.p99_us: unknown unit 'us'"),
        (('scenario = "nothing"', "max_ns = 1"), "budget.tight.scenario: unknown scenario 'nothing'"),
        (('operation = "page_fault"', "max_ns = 1"), "budget.tight.scenario: missing"),
        ((READBACK[0], "max_ns = 1"), "budget.tight.operation: missing"),
        ((READBACK[0], 'operation = "fault"', "max_ns = 1"), "budget.tight.operation: unknown operation 'fault'"),
        ((*READBACK, 'part = "rest"', "max_ns = 1"), "budget.tight.part: unknown part 'rest'"),
        ((*READBACK, 'max_ns = "1"'), "budget.tight.max_ns: '1' makes no sense"),
        ((*READBACK, "max_ns = true"), "budget.tight.max_ns: True makes no sense"),
        ((*READBACK, "max_ns = nan"), "budget.tight.max_ns: nan makes no sense"),
        ((*READBACK, "max_ns = 1", "width = 65"), "budget.tight.width: 65 is no width"),
        ((*READBACK, "max_ns = 1", "latency = 1.5"), "budget.tight.latency: 1.5 makes no sense"),
        ((*READBACK, "max_ns = 1", 'stall_of = "unit"'), "budget.tight.stall_of: nothing is limited"),
        ((READBACK[0], "operation = []", "max_ns = 1"), "budget.tight.operation: unknown operation []"),
        (READBACK, "budget.tight: limits nothing"),
        ((*READBACK, "max_ns = "), "no TOML"),
        ((*READBACK, f"max_ns = {'[' * 100_000}"), "no TOML"),
        ((*READBACK, "max_ns = 1", "[extra]"), "extra: unknown key"),
    ],
)
def test_a_contract_that_is_not_understood_is_one_line_with_file_and_key(
    tmp_path: Path, lines: tuple[str, ...], key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, *lines)
    with pytest.raises(ContractError) as told:
        contract_of(file)
    assert f"{told.value}\n".startswith(f"{file}: {key}")
    assert face.main(["--contract", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_contract_of_the_house_is_kept() -> None:
    budgets = contract_of(face.CONTRACT)
    wanted = dict.fromkeys((one.scenario, one.memory) for one in budgets)
    runs = [timed(scenario, "verilator", memory)[0] for scenario, memory in wanted]
    assert complaints(budgets, runs) == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((*READBACK, "p99_cycles = {least}"), "p99 of page_fault is {most:,} cycles, p99_cycles = {least}, bound 558"),
        ((READBACK[0], "worst_stall_cycles = 3"), "the longest stall, by unit, is"),
        ((READBACK[0], "min_utilization = 0.99"), "min_utilization = 0.99, bound 0.975"),
    ],
)
def test_a_broken_budget_names_itself_its_figures_and_the_worst_offender(
    tmp_path: Path, lines: tuple[str, ...], told: str
) -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    most = run.facts["kinds"]["page_fault"]["total"]["p99"]
    words = {"most": most, "least": most - 1}
    broken = contract_of(written(tmp_path, *(line.format(**words) for line in lines)))
    (line,) = complaints(broken, [run])
    assert line.startswith("budget.tight: ") and told.format(**words) in line
    number = int(line.rpartition("make timing SCENARIO=page_readback LATENCY=13 WIDTH=64 STALL=0 OPERATION=")[2])
    assert f"tag {', '.join(map(str, run.operations[number].tags))} of queue" in line


def test_the_worst_offender_against_utilization_is_whose_data_idled_most(tmp_path: Path) -> None:
    run, _ = timed("page_writeback", "verilator", Memory())
    tight = contract_of(written(tmp_path, 'scenario = "page_writeback"', "min_utilization = 1"))
    (verdict,) = judged(tight, [run])
    assert verdict.broken and verdict.worst is not None and verdict.worst.kind == "descriptor.writeback"
    events = run.trace.events[run.trace.events["id"] == 0]
    idle: dict[int, int] = {}
    for tag in {one.tags[0] for one in run.operations if one.kind == "descriptor.writeback"}:
        mine = events[(events["tag"] == tag) & (events["queue"] == 0)]
        asked, last = mine[mine["kind"] == Kind.READ_ADDRESS], mine[mine["kind"] == Kind.READ_LAST]
        idle[tag] = int(last["cycle"][-1]) + 1 - int(asked["cycle"][0]) - int(last["value"].sum())
    assert idle[verdict.worst.tags[0]] == max(idle.values()) > 0


def test_a_broken_budget_leaves_the_baseline_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    kept = tmp_path / "baseline.json"
    monkeypatch.setattr(face, "RESULTS", tmp_path)
    monkeypatch.setattr(face, "BASELINE", kept)
    monkeypatch.setattr(face, "_timed", lambda *_: [run])
    assert face.main(["--update", "--contract", str(written(tmp_path, *READBACK, "max_cycles = 1"))]) == 1
    assert not kept.exists() and "the baseline is left as it was" in capsys.readouterr().err
    assert face.main(["--update", "--contract", str(written(tmp_path, *READBACK, "max_cycles = 9999"))]) == 0
    assert kept.read_text(encoding="utf-8") == baseline([run])


def test_the_worst_offender_is_shown_by_the_command_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(face, "RESULTS", tmp_path)
    file = written(tmp_path, *READBACK, 'part = "transfer"', "max_cycles = 511")
    assert face.main(["--scenario", "page_readback", "--contract", str(file)]) == 1
    error = capsys.readouterr().err
    assert "max of page_fault transfer is 512 cycles" in error and re.search(r", 512 of its \d+ cycles; see", error)
    words = [word.partition("=") for word in error.partition("see make timing ")[2].split()]
    assert face.main([part for name, _, value in words for part in (f"--{name.lower()}", value)]) == 0
    shown = capsys.readouterr().out
    assert "page_fault" in shown and "transfer" in shown and "whole" in shown


def test_a_budget_of_what_never_happens_is_broken(tmp_path: Path) -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    file = written(tmp_path, READBACK[0], 'operation = "descriptor.copy"', "max_cycles = 9")
    (line,) = complaints(contract_of(file), [run])
    assert "has no descriptor.copy" in line


# --------------------------------------------------------------------------------------------------- the trace's cost


@pytest.mark.parametrize("work", WORKS)
def test_recording_costs_less_than_a_tenth_of_the_speed(work: str) -> None:
    """Against a model that has no recorder at all."""
    found = cost(work, 2, under=UNDER)
    assert found < 0.10, f"recording {work} costs {found:.1%}"


def test_what_the_driver_did_is_kept_in_few_records() -> None:
    """Words once, numbers packed: an event takes two records, or one, and not its JSON."""
    run, path = timed("page_readback", "verilator", Memory())
    kinds = np.fromfile(path, EVENT)["kind"]
    notes, steps, texts, facts = (int((kinds == one).sum()) for one in (Kind.NOTE, Kind.STEP, Kind.TEXT, Kind.FACTS))
    assert notes > 900 and steps > 1000 and facts < notes
    assert texts + facts < 2.5 * notes, "words of 64 pages are told once each, in five records"


def test_turns_go_on_as_long_as_something_cheaper_is_found() -> None:
    steady = [2.0, 1.0, 1.0, 0.999]
    assert not settled({"on": steady[:2], "off": steady}, 2)
    assert settled({"on": steady, "off": steady}, 2)
    assert not settled({"on": [*steady, 0.9], "off": [*steady, 0.999]}, 2)
    falling = [1 / number for number in range(1, 9)]
    assert not settled({"on": falling[:7], "off": falling[:7]}, 2) and settled({"on": falling, "off": falling}, 2)
    assert cheapest([[3, 1], [2, 4]]) == [2, 1]


def test_ten_million_events_load_in_five_seconds_of_cpu_time(tmp_path: Path) -> None:
    count = 10_000_000
    events = np.zeros(count, EVENT)
    events["cycle"] = np.arange(count) // 3
    events["kind"] = np.arange(count) % 17 + 1
    events["kind"][::10], events["kind"][1::10], events["kind"][2::10] = Kind.STEP, Kind.NOTE, Kind.FACTS
    events["value"][2::10] = np.arange(count // 10)
    events.tofile(tmp_path / "trace.bin")
    del events
    began = time.process_time()
    trace = Trace.load(tmp_path / "trace.bin")
    assert time.process_time() - began < 5
    assert len(trace) + len(trace.texts) == count
