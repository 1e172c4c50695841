"""Operations out of the trace: parts add up, sit between their events, and are equal on both simulators."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pywellen
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Packets

from models.layout import Opcode
from tb.driver_trace import NOTES, STEPS
from tb.sim_top import system
from tb.simulation import simulators
from tb.timing import __main__ as face
from tb.timing import waves
from tb.timing.baseline import BASELINE, VERSION, base_of, baseline, changes, condensed
from tb.timing.bounds import Memory
from tb.timing.chain import chain_of, events_of
from tb.timing.contract import Budget, ContractError, contract_of, judged
from tb.timing.cost import WORKS, cost
from tb.timing.figures import QUANTILES, Run, run_of, spread, summary
from tb.timing.operations import Life, Operation, operations_of
from tb.timing.run import simulated
from tb.timing.scenarios import SCENARIOS
from tb.timing.timeline import timeline
from tb.timing.waves import SIGNALS as WAVES
from tb.timing.waves import dumped, operation_of
from tb.trace import EVENT, Kind, Stall, Trace

UNDER = f"timing-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""Where no other process of the session runs anything."""


@cache
def timed(scenario: str, simulator: str, memory: Memory) -> tuple[Run, Path]:
    """Run a scenario, once a session."""
    return simulated(scenario, simulator, memory, UNDER)


@pytest.mark.parametrize("simulator", simulators())
def test_the_parts_of_every_operation_add_up_and_none_beats_its_bound(simulator: str) -> None:
    run, path = timed("page_readback", simulator, Memory())
    assert {one.kind for one in run.operations} >= {"page_fault", "render", "descriptor.readback"}
    for one in run.operations:
        assert sum(one.parts.values()) == one.cycles and min(one.parts.values()) >= 0, one
    pages = [one for one in run.operations if one.kind == "descriptor.readback"]
    assert len(pages) == 128
    for part, least in Memory().parts("descriptor.readback", 4096).items():
        assert min(one.parts[part] for one in pages) >= least, part
    trace = Trace.load(path)
    bursts = trace.of(Kind.WRITE_FIRST)
    bursts = bursts[bursts["id"] == 0]
    assert set(bursts["tag"].tolist()) == {tag for one in pages for tag in one.tags}, "a burst carries its tag"


@pytest.mark.parametrize("scenario", ["photo", "page_writeback", "render"])
def test_nothing_of_an_operation_is_left_unexplained(scenario: str) -> None:
    run, path = timed(scenario, "verilator", Memory(latency=3, stall=25))
    assert unexplained(run.operations) == []
    assert below_bound(run) == []
    assert moved(run.operations) == beats_of(path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_cycle_of_random_driver_work_is_explained(seed: int) -> None:
    env = {"FAULTLINE_OPERATIONS": "90"}
    outcome = system("verilator", INSIDE=1).run("tests.system.bench_random", "random_driver", seed=seed, env=env)
    operations = operations_of(Trace.load(outcome.directory / "trace.bin"))
    assert {one.kind for one in operations} >= {"page_fault", "writeback", "render", "descriptor.readback"}
    assert unexplained(operations) == []
    assert 0 < moved(operations) <= beats_of(outcome.directory / "trace.bin")


BROKEN = {
    "a descriptor that never started": Kind.START,
    "a descriptor that was never fetched": Kind.FETCHED,
    "a record that never came": Kind.RECORD,
    "a burst without its address": Kind.WRITE_ADDRESS,
}


@pytest.mark.parametrize("kind", BROKEN.values(), ids=BROKEN)
def test_a_trace_that_lacks_an_event_is_refused(kind: Kind) -> None:
    run, path = timed("page_readback", "verilator", Memory())
    whole = Trace.load(path)
    of_data = whole.events["id"] == 0
    lost = np.flatnonzero((whole.events["kind"] == kind) & (of_data | (kind != Kind.WRITE_ADDRESS)))[20:21]
    assert len(lost) and unexplained(run.operations) == []
    with pytest.raises(ValueError, match="lacks an event"):
        run_of("page_readback", "verilator", Memory(), Trace(np.delete(whole.events, lost), 64, whole.texts))


MEMORIES = {"quick": Memory(latency=1), "stalled": Memory(latency=1, stall=50), "slow": Memory(latency=50, stall=25)}


@pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
@pytest.mark.parametrize("scenario", ["photo", "page_readback", "page_writeback"])
def test_nothing_that_is_measured_beats_its_bound(scenario: str, memory: Memory) -> None:
    run, path = timed(scenario, "verilator", memory)
    assert below_bound(run) == []
    use = run.facts["utilization"]
    assert 0 < use["share"] <= use["bound"] <= 2
    assert sum(run.facts["windows"]["read_beats"]) == use["read_beats"]
    assert sum(run.facts["windows"]["write_beats"]) == use["write_beats"]
    assert beats_of(path) <= 8 * (use["read_beats"] + use["write_beats"])


def test_a_bound_above_what_was_measured_is_noticed() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    assert below_bound(run) == []
    assert ("descriptor.readback", "whole") in below_bound(replace(run, memory=Memory(latency=40)))
    assert ("bus", "utilization") in below_bound(replace(run, memory=Memory(latency=40)))
    assert Memory(stall=25).stalled(512) == 150, "512 beats, 75 between two stalls of 25"


def test_a_cycle_that_two_parts_have_is_noticed() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    one = run.operations[9]
    assert unexplained([replace(one, parts={**one.parts, "transfer": one.parts["transfer"] + 1})])
    assert unexplained([replace(one, spans=one.spans[1:])])


def unexplained(operations: Iterable[Operation]) -> list[Operation]:
    """Operations whose parts do not add up, whose spans leave a gap, or descriptors that spent time nowhere."""
    found = []
    for one in operations:
        edges = [one.begin, *(end for _, _, end in one.spans)]
        whole = [begin for _, begin, _ in one.spans] == edges[:-1] and edges[-1] == one.end
        added: dict[str, int] = {}
        for part, begin, end in one.spans:
            added[part] = added.get(part, 0) + end - begin
        right = added == {part: cycles for part, cycles in one.parts.items() if cycles}
        idle = one.kind.startswith("descriptor.") and one.parts["host"]
        if not whole or not right or sum(one.parts.values()) != one.cycles or idle:
            found.append(one)
    return found


def below_bound(run: Run) -> list[tuple[str, str]]:
    """Operations, parts of theirs, and printed figures that are better than the memory allows."""
    found = [
        (one.kind, part)
        for one in run.operations
        for part, least in run.memory.parts(one.kind, one.bytes, one.hidden).items()
        if one.parts[part] < least
    ]
    found += [(one.kind, "whole") for one in run.operations if one.cycles < run.memory.total(one.kind, one.bytes)]
    for kind, facts in run_of(run.scenario, run.simulator, run.memory, run.trace).facts["kinds"].items():
        rows = [(facts["total"], facts["bound"]["total"])]
        rows += [(facts["parts"][part], least) for part, least in facts["bound"]["parts"].items()]
        found += [(kind, f"printed {name}") for row, least in rows for name in QUANTILES if row[name] < least[name]]
    facts = run_of(run.scenario, run.simulator, run.memory, run.trace).facts
    use, stalls, windows = facts["utilization"], facts["stalls"], facts["windows"]
    found += [("bus", "utilization")] if use["share"] > use["bound"] else []
    found += [(name, "stall") for name, one in stalls.items() if one["cycles"] < one["bound"]["cycles"]]
    found += [(name, "stall") for name, one in stalls.items() if one["worst"]["cycles"] < one["bound"]["worst"]]
    long = np.diff(windows["edges"])
    counted = [windows["read_beats"], windows["write_beats"], *windows["stalls"].values()]
    return found + [("window", "beats or stalls")] * any(bool((one > long).any()) for one in map(np.array, counted))


def moved(operations: Iterable[Operation]) -> int:
    """Bytes that descriptors moved to or from the host, by their ends."""
    return sum(one.bytes for one in operations if one.kind in ("descriptor.readback", "descriptor.writeback"))


def beats_of(path: Path) -> int:
    """Bytes that the pins moved in bursts of host data, at whole beats of 64 bits."""
    ends = Trace.load(path).last_run().of(Kind.READ_LAST, Kind.WRITE_LAST)
    return int(ends["length"][ends["id"] == 0].sum())


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


@pytest.mark.parametrize("words", [("nothing", "", "", ""), ("", "0", "", ""), ("", "", "65", ""), ("", "", "", "96")])
def test_a_memory_or_scenario_that_cannot_be_timed_is_refused(words: tuple[str, str, str, str]) -> None:
    with pytest.raises(face.AskError):
        face.asked(*words)


# ------------------------------------------------------------------------------------- which part a cycle belongs to


def at(cycle: int, kind: Kind, **fields: int) -> Any:
    """One event."""
    event = np.zeros((), EVENT)
    event["cycle"], event["kind"] = cycle, kind
    for name, value in fields.items():
        event[name] = value
    return event


def test_every_cycle_of_a_written_life_has_the_part_that_its_events_say() -> None:
    """By hand: a WAIT, two WRITEBACKs of which the second is behind the first, and a FENCE; every length is its own."""
    events = [at(100, Kind.DOORBELL, value=4)]
    events += [at(102 + one, Kind.READ_ADDRESS, id=1) for one in range(4)]
    opcodes = (Opcode.WAIT, Opcode.WRITEBACK, Opcode.WRITEBACK, Opcode.FENCE)
    for number, (cycle, opcode) in enumerate(zip((109, 112, 119, 120), opcodes, strict=True)):
        events.append(at(cycle, Kind.FETCHED, id=opcode, tag=number + 1, value=number))
    events += [at(130, Kind.STALL, tag=1, value=17, cause=Stall.FENCE), at(130, Kind.START, tag=1, value=2)]
    events += [at(131, Kind.START, tag=2), at(132, Kind.START, tag=3), at(133, Kind.START, tag=4, value=2)]
    events += [at(133, Kind.ENDED, tag=1), at(152, Kind.RECORD, tag=1)]
    events += [at(151, Kind.STALL, tag=2, value=19, cause=Stall.READ_ROOM), at(163, Kind.WALK, tag=2, value=11)]
    for tag, asked, first, last, beats in ((2, 166, 179, 201, 23), (3, 170, 209, 239, 31)):
        events += [at(asked, Kind.READ_ADDRESS, tag=tag, value=beats), at(first, Kind.READ_FIRST, tag=tag)]
        events.append(at(last, Kind.READ_LAST, tag=tag))
    events += [at(205, Kind.ENDED, tag=2, value=184), at(226, Kind.RECORD, tag=2)]
    events += [at(250, Kind.ENDED, tag=3, value=248), at(279, Kind.RECORD, tag=3)]
    events += [at(251, Kind.ENDED, tag=4), at(290, Kind.RECORD, tag=4), at(301, Kind.FENCE, tag=4)]
    events.sort(key=lambda event: int(event["cycle"]))
    operations = operations_of(Trace(np.array(events)))
    assert {one.tags[0]: {part: cycles for part, cycles in one.parts.items() if cycles} for one in operations} == {
        1: {"queue_wait": 6, "descriptor_fetch": 7, "fence_wait": 17, "response": 22},
        2: {
            "queue_wait": 46, "descriptor_fetch": 9, "translation": 11, "first_data": 13, "transfer": 23,
            "response": 24,
        },
        3: {"queue_wait": 87, "descriptor_fetch": 15, "first_data": 7, "transfer": 31, "response": 39},
        4: {"queue_wait": 135, "descriptor_fetch": 15, "response": 51},
    }  # fmt: skip
    assert [one.hidden for one in operations] == [0, 0, 202 - 170, 0], "what the second waited behind the first"


def test_every_cycle_of_a_written_fault_has_the_part_that_its_events_say() -> None:
    """By hand: a fault that waits for a lock, for a fence, and for its READBACK; every length is its own."""
    texts = {0: "cpu"}

    def note(cycle: int, name: str, **facts: object) -> Any:
        texts[len(texts)] = json.dumps(facts)
        return at(cycle, Kind.NOTE, id=NOTES.index(name), value=len(texts) - 1)

    acquire = [step.__name__ for step in STEPS].index("Acquire")
    events = [
        note(10, "Fault", cause="load"), at(40, Kind.STEP, id=acquire, value=19), note(40, "FenceWait", cause="busy"),
        note(53, "FenceSignal", queue=0), note(55, "Submit", queue=0, descriptors=1, cause="readback"),
        at(60, Kind.DOORBELL, value=1), note(61, "FenceWait", cause="readback"), at(62, Kind.READ_ADDRESS, id=1),
        at(69, Kind.FETCHED, id=Opcode.READBACK, tag=7), at(72, Kind.START, tag=7, value=1),
        at(75, Kind.WRITE_ADDRESS, tag=7, value=17), at(80, Kind.WRITE_FIRST, tag=7), at(96, Kind.WRITE_LAST, tag=7),
        at(110, Kind.WRITE_RESPONSE, tag=7), at(112, Kind.ENDED, tag=7, value=136), at(125, Kind.RECORD, tag=7),
        at(130, Kind.FENCE, tag=7), at(132, Kind.IRQ_RISE), note(170, "FenceSignal", queue=0), note(181, "Insert"),
    ]  # fmt: skip
    (fault,) = (one for one in operations_of(Trace(np.array(events), texts=texts)) if one.kind == "page_fault")
    assert fault.interrupt == 132
    assert {part: cycles for part, cycles in fault.parts.items() if cycles} == {
        "host": 29, "lock_wait": 19, "fence_wait": 13, "queue_wait": 8, "descriptor_fetch": 7, "first_data": 5,
        "transfer": 17, "response": 33, "interrupt": 40,
    }  # fmt: skip


@pytest.mark.parametrize("scenario", ["photo", "page_writeback"])
def test_parts_of_descriptors_are_the_waits_that_the_recorder_saw(scenario: str) -> None:
    run, _ = timed(scenario, "verilator", Memory())
    events = run.trace.hardware
    seen = {"fence_wait": 0, "translation": 0}
    for one in (one for one in run.operations if not one.task):
        mine = events[(events["tag"] == one.tags[0]) & (events["queue"] == one.queue) & (events["cycle"] <= one.end)]
        mine = mine[mine["cycle"] >= one.begin]
        held = mine[(mine["kind"] == Kind.STALL) & np.isin(mine["cause"], [Stall.FENCE, Stall.ORDER])]
        assert one.parts["fence_wait"] == held["value"].sum(), one
        asked = mine[np.isin(mine["kind"], [Kind.READ_ADDRESS, Kind.WRITE_ADDRESS]) & (mine["id"] == 0)]["cycle"]
        walks = mine[mine["kind"] == Kind.WALK]
        before = walks[walks["cycle"] <= (asked[0] if len(asked) else one.end)]["value"].sum()
        assert before <= one.parts["translation"] <= walks["value"].sum(), one
        seen = {part: cycles + one.parts[part] for part, cycles in seen.items()}
    assert all(seen.values())


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
        assert {(one.queue, one.tag) for one in links if one.tag > 0} == {(0, tag) for tag in fault.tags}
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
    flows: dict[int, list[tuple[int, str]]] = {}
    for packet in events:
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
            flows.setdefault(flow, []).append((packet.timestamp, tracks[event.track_uuid].name))
    assert not any(stacks.values()), "a slice has no end"
    for fault in (one for one in run.operations if one.kind == "page_fault"):
        where = flows[(1 << 32) + fault.number]
        assert where.count((fault.begin * 4, "page_fault")) == 1 and fault.interrupt is not None
        assert [name for _, name in sorted(where)][:2] == ["page_fault", "doorbells"]
        assert [name for _, name in where].count("write bursts") == 2
        assert max(where) == (fault.interrupt * 4, "interrupt")


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
    found = {(one.what, one.figure): one for one in changes(base, [run])}
    quicker, slower = found["page_fault", "whole p99"], found["page_fault", "transfer max"]
    assert quicker.worse is False and quicker.told.startswith("-10 (")
    assert slower.worse is True and slower.told.startswith("+1 (")
    assert found["bus", "share"].worse is True
    assert found["stall gone", "cycles"].told == "gone" and len(found) == 6
    (new,) = changes([], [run])
    assert (new.what, new.told) == ("run", "new")


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
        (dented("kinds", {"render": {"count": 1, "bytes": 1, "total": {"max": 1}, "parts": {}}}), "figures 'min'"),
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
        ((*READBACK, "p98_cycles = 5"), "budget.tight.p98_cycles: unknown key"),
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
    assert str(told.value).startswith(f"{file}: {key}")
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
def test_recording_costs_less_than_a_tenth_of_the_speed_within_one_run(work: str) -> None:
    found = cost(work, 5, under=UNDER)
    assert found < 0.10, f"recording {work} costs {found:.1%}"


def test_ten_million_events_load_in_five_seconds_of_cpu_time(tmp_path: Path) -> None:
    count = 10_000_000
    events = np.zeros(count, EVENT)
    events["cycle"] = np.arange(count) // 3
    events["kind"] = np.arange(count) % 17 + 1
    events["kind"][::10] = 32
    events.tofile(tmp_path / "trace.bin")
    del events
    began = time.process_time()
    trace = Trace.load(tmp_path / "trace.bin")
    assert time.process_time() - began < 5
    assert len(trace) == count
