"""Operations out of the trace: parts add up, sit between their events, and none beats its bound."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.layout import Opcode
from models.steps import Acquire
from tb.driver_trace import NOTES, STEPS
from tb.sim_top import system
from tb.simulation import simulators
from tb.timing.bounds import Memory
from tb.timing.chain import chain_of
from tb.timing.figures import QUANTILES, Run, run_of
from tb.timing.operations import Operation, operations_of
from tb.trace import EVENT, Kind, Stall, Trace
from tests.timed_runs import timed


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


@pytest.mark.parametrize("scenario", ["photo", "page_writeback", "render", "shared"])
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


@pytest.mark.parametrize(("stall", "latencies"), [(0, (1, 3, 50)), (25, (3, 50))])
@pytest.mark.parametrize(("scenario", "cause"), [("page_readback", "response"), ("page_writeback", "read_data")])
def test_the_bound_of_stalls_has_the_latency_that_nothing_hides(
    scenario: str, cause: str, stall: int, latencies: tuple[int, ...]
) -> None:
    """One page after the other: bound and measured stalls grow with the latency alike, by a cycle a page."""
    above = []
    for latency in latencies:
        run, _ = timed(scenario, "verilator", Memory(latency=latency, stall=stall))
        facts = run.facts["stalls"].get(cause, {"cycles": 0, "bound": {"cycles": 0, "worst": 0}})
        pages = [one for one in run.operations if one.kind in ("descriptor.readback", "descriptor.writeback")]
        bursts = [burst for one in pages for burst in one.lives[0].bursts if cause == "read_data"]
        still = sum(run.memory.stalled(burst.beats) for burst in bursts)
        bound, least = facts["bound"], still + (latency - 1) * len(pages)
        # up to one page's less: where one goes together with the one before it, or words of others are on the channel
        assert least - latency < bound["cycles"] <= min(least, facts["cycles"])
        assert bound["worst"] == max(latency - 1, stall * (still > 0))
        above.append(facts["cycles"] - bound["cycles"])
    assert stall or max(above) - min(above) <= 2, above


def test_a_bound_above_what_was_measured_is_noticed() -> None:
    run, _ = timed("page_readback", "verilator", Memory())
    assert below_bound(run) == []
    assert ("descriptor.readback", "whole") in below_bound(replace(run, memory=Memory(latency=40)))
    assert ("bus", "utilization") in below_bound(replace(run, memory=Memory(latency=40)))
    assert ("response", "stall") in below_bound(replace(run, memory=Memory(latency=40)))
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


def test_the_first_data_and_the_last_answer_are_waited_for_but_for_what_else_is_on_the_bus() -> None:
    """By hand: two descriptors at once, two bursts each way, a fetch, a record and an answer while one more is due."""
    events = [at(90, Kind.DOORBELL, value=2)]
    events += [at(91 + one, Kind.READ_ADDRESS, id=1) for one in range(2)]
    for number, opcode in enumerate((Opcode.WRITEBACK, Opcode.READBACK)):
        tag = number + 1
        events += [at(96 + number, Kind.FETCHED, id=opcode, tag=tag, value=number)]
        events += [at(98 + number, Kind.START, tag=tag, value=0 if number == 0 else 1)]
        events += [at(195 + number, Kind.ENDED, tag=tag), at(197 + number, Kind.RECORD, tag=tag)]
    for cycle, first, last in ((100, 120, 123), (101, 124, 127)):
        events += [at(cycle, Kind.READ_ADDRESS, tag=1, value=4), at(first, Kind.READ_FIRST), at(last, Kind.READ_LAST)]
    for cycle, last, answered in ((110, 113, 133), (114, 117, 137)):
        events += [at(cycle, Kind.WRITE_ADDRESS, tag=2, value=4), at(cycle, Kind.WRITE_FIRST, tag=2)]
        events += [at(last, Kind.WRITE_LAST, tag=2), at(answered, Kind.WRITE_RESPONSE, tag=2)]
    events += [at(105, Kind.READ_FIRST, id=2), at(108, Kind.READ_LAST, id=2)]
    events += [at(119, kind, id=1) for kind in (Kind.WRITE_ADDRESS, Kind.WRITE_FIRST)]
    events += [at(122, Kind.WRITE_LAST, id=1), at(142, Kind.WRITE_RESPONSE, id=1)]
    events.append(at(120, Kind.STALL, value=19, cause=Stall.READ_DATA))
    events.append(at(137, Kind.STALL, value=15, cause=Stall.RESPONSE))
    events.sort(key=lambda event: int(event["cycle"]))
    memory = Memory(latency=20)
    stalls = run_of("by hand", "none", memory, Trace(np.array(events))).facts["stalls"]
    assert stalls["read_data"]["bound"] == {"cycles": 19 - 4, "worst": 0}
    assert stalls["response"]["bound"] == {"cycles": 19 - 4 - 1, "worst": 0}


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
        note(10, "Fault", cause="load"), at(40, Kind.STEP, id=acquire, value=19, detail=1),
        note(40, "FenceWait", cause="busy"), note(53, "FenceSignal", queue=0),
        note(55, "Submit", queue=0, descriptors=1, cause="readback"),
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


class Written:
    """A trace by hand: what one task of the driver did, and one queue of descriptors that it submits."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._texts = {0: "cpu", 1: "mm:cpu", 2: "resv:buffer", 3: "queue:transfer", 4: "other"}
        self._tail = 0

    def note(self, cycle: int, name: str, task: int = 0, **facts: object) -> None:
        self._texts[len(self._texts)] = json.dumps(facts)
        self.events.append(at(cycle, Kind.NOTE, id=NOTES.index(name), value=len(self._texts) - 1, tag=task))

    def step(self, cycle: int, name: str, lock: int = 0, taken: int = 0, detail: int = 1) -> None:
        """One step of the task that ended in a cycle and took so many."""
        code = [step.__name__ for step in STEPS].index(name)
        self.events.append(at(cycle, Kind.STEP, id=code, value=taken, address=lock, detail=detail))

    def fault(self, cycle: int) -> None:
        self.note(cycle, "Fault", cause="load", process="cpu")

    def sent(self, cycle: int, cause: str, seen: int = 60, task: int = 0) -> None:
        """One descriptor from its Submit to its fence value 40 cycles later, which a task sees `seen` after it."""
        self._tail += 1
        mine = {"queue": 0, "value": self._tail}
        self.note(cycle, "Submit", descriptors=1, cause=cause, **mine)
        self.note(cycle + 5, "FenceWait", cause=cause, **mine)
        tag = 6 + self._tail
        self.events += [
            at(cycle + 5, Kind.DOORBELL, value=self._tail), at(cycle + 6, Kind.READ_ADDRESS, id=1),
            at(cycle + 16, Kind.FETCHED, id=Opcode.READBACK, tag=tag, value=self._tail - 1),
            at(cycle + 17, Kind.START, tag=tag, value=1), at(cycle + 18, Kind.ENDED, tag=tag),
            at(cycle + 30, Kind.RECORD, tag=tag), at(cycle + 40, Kind.FENCE, tag=tag), at(cycle + 41, Kind.IRQ_RISE),
        ]  # fmt: skip
        self.note(cycle + seen, "FenceSignal", task=task, **mine)

    @property
    def trace(self) -> Trace:
        self.events.sort(key=lambda event: int(event["cycle"]))
        return Trace(np.array(self.events), texts=self._texts)

    def told(self) -> list[tuple[str, int, int, dict[str, int]]]:
        """(kind, begin, end, parts that took time) of what the driver did."""
        return [
            (one.kind, one.begin, one.end, {part: cycles for part, cycles in one.parts.items() if cycles})
            for one in operations_of(self.trace)
            if one.task
        ]


SENT = {"queue_wait": 2, "descriptor_fetch": 10, "response": 23}
"""What one descriptor of `Written.sent` takes."""


def test_a_readback_that_no_fault_asked_for_begins_at_its_own_note() -> None:
    trace = Written()
    trace.fault(10)
    trace.note(15, "Readback", process="cpu")
    trace.sent(20, "readback")
    trace.note(90, "Insert")
    trace.note(100_000, "Readback", process="")
    trace.sent(100_010, "readback")
    fault, readback = trace.told()
    assert fault == ("page_fault", 10, 90, {"host": 25, "interrupt": 20, **SENT})
    assert readback == ("readback", 100_000, 100_051, {"host": 15, "interrupt": 1, **SENT})


def test_what_was_announced_and_never_submitted_is_no_begin() -> None:
    trace = Written()
    for begin in (10, 5000):
        trace.step(begin, "Acquire", 2)
        trace.note(begin, "Render")
        trace.note(begin + 3, "Render")
        if begin == 10:
            trace.step(20, "Release", 2)
    trace.sent(5010, "draw")
    trace.note(6000, "Harvest")
    trace.note(7000, "Harvest")
    trace.note(7004, "Writeback")
    trace.sent(7010, "writeback")
    assert [one[:3] for one in trace.told()] == [("render", 5000, 5051), ("writeback", 7000, 7051)]


def test_a_writeback_has_the_locks_and_fences_that_its_task_waited_for() -> None:
    trace = Written()
    trace.note(10, "Harvest")
    trace.step(1010, "Acquire", 3, taken=1000)
    trace.note(1010, "FenceWait", cause="staging", queue=1, value=4)
    trace.note(1210, "FenceSignal", task=4, queue=1, value=3)
    trace.note(1510, "FenceSignal", task=4, queue=1, value=4)
    trace.sent(1515, "writeback")
    (writeback,) = trace.told()
    parts = {"host": 10, "lock_wait": 1000, "fence_wait": 500, "interrupt": 1, **SENT}
    assert writeback == ("writeback", 10, 1556, parts)


def test_a_lock_of_another_task_is_not_what_an_operation_waited_for() -> None:
    trace = Written()
    trace.note(10, "Harvest")
    trace.events.append(at(400, Kind.STEP, id=STEPS.index(Acquire), value=390, address=2, detail=1, tag=4))
    trace.sent(500, "writeback")
    ((_, _, _, parts),) = trace.told()
    assert "lock_wait" not in parts and parts["host"] == 495


def test_work_between_two_readbacks_of_a_fault_is_the_hosts() -> None:
    """The first one's upload had failed, or what was guessed could not be had."""
    trace = Written()
    trace.fault(10)
    trace.sent(20, "readback")
    trace.sent(780, "readback", seen=70)
    trace.note(860, "Insert")
    (fault,) = trace.told()
    parts = {"host": 730, "interrupt": 50, **{part: 2 * cycles for part, cycles in SENT.items()}}
    assert fault == ("page_fault", 10, 860, parts)


def test_the_end_of_a_faults_readback_may_be_seen_by_another_task() -> None:
    trace = Written()
    trace.fault(10)
    trace.note(62, "FenceSignal", task=4, queue=0, value=0)
    trace.sent(20, "readback", seen=70, task=4)
    trace.note(100, "Insert")
    (fault,) = trace.told()
    assert fault == ("page_fault", 10, 100, {"host": 25, "interrupt": 30, **SENT})


def locked(trace: Written, begin: int, end: int) -> None:
    """A fault's two locks, taken and given back."""
    trace.step(begin, "Acquire", 1)
    trace.step(begin, "Acquire", 2)
    trace.step(end, "Release", 2)
    trace.step(end, "Release", 1)


def test_a_fault_that_gets_no_page_ends_and_leaves_the_next_operation_alone() -> None:
    """Its mapping is gone; then come a bracket, and a fault that is served after it had let go of its locks to wait."""
    trace = Written()
    trace.fault(10)
    locked(trace, 40, 55)
    trace.step(900, "Delay", taken=800)
    trace.note(1000, "Readback", process="")
    trace.sent(1010, "readback")
    trace.fault(2000)
    locked(trace, 2010, 2015)
    trace.note(2015, "FenceWait", cause="load", queue=1, value=9)
    trace.note(2115, "FenceSignal", queue=1, value=9)
    trace.step(2118, "Acquire", 1)
    trace.note(2120, "Readback", process="cpu")
    trace.sent(2130, "readback")
    trace.note(2300, "Insert")
    assert [one[:3] for one in trace.told()] == [
        ("page_fault", 10, 55), ("readback", 1000, 1051), ("page_fault", 2000, 2300),
    ]  # fmt: skip
    assert trace.told()[2][3]["fence_wait"] == 100
    links = list(chain_of(trace.trace, operations_of(trace.trace)[0]))
    assert "notes Fault" in links[0].what and "Release mm:cpu" in links[-1].what


def test_a_fault_that_is_interrupted_is_followed_by_its_like() -> None:
    trace = Written()
    trace.fault(10)
    locked(trace, 40, 55)
    trace.note(55, "FenceWait", cause="load", queue=1, value=9)
    trace.step(255, "WaitIrq", taken=200)
    trace.fault(300)
    trace.step(310, "Acquire", 1, taken=10, detail=0)
    trace.fault(320)
    trace.note(330, "Insert")
    assert [one[:3] for one in trace.told()] == [
        ("page_fault", 10, 255), ("page_fault", 300, 310), ("page_fault", 320, 330),
    ]  # fmt: skip
    assert [one[3].get("lock_wait", 0) for one in trace.told()] == [0, 10, 0]


def test_a_fault_of_the_aperture_ends_with_its_access() -> None:
    trace = Written()
    trace.fault(10)
    trace.step(20, "Acquire", 2)
    trace.sent(30, "aperture")
    trace.step(105, "Release", 2)
    trace.step(200, "Acquire", 2)
    trace.sent(210, "aperture")
    trace.step(280, "Release", 2)
    assert trace.told() == [
        ("page_fault", 10, 105, {"host": 40, "interrupt": 20, **SENT}),
        ("control", 210, 251, {"host": 5, "interrupt": 1, **SENT}),
    ]


def test_clients_that_share_a_buffer_have_readbacks_lock_waits_and_fence_waits() -> None:
    run, _ = timed("shared", "verilator", Memory())
    readbacks = [one for one in run.operations if one.kind == "readback"]
    assert len(readbacks) > 3 and unexplained(run.operations) == []
    assert max(one.parts["host"] for one in readbacks) < 20, "from the note that asks for it to its doorbell"
    faults = [one for one in run.operations if one.kind == "page_fault"]
    assert {one.task for one in faults} == {"reader"} and {one.task for one in readbacks} == {"bracket"}
    for part in ("lock_wait", "fence_wait"):
        assert max(one.parts[part] for one in faults) > 100, part


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
