"""Playing a trace: every strategy keeps its promise on every workload, and what the play counts is what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from models.costs import Costs
from models.device import Device
from models.dmabuf import Buffer
from models.errors import DriverError
from models.events import Fault, FenceWait, Harvest, Insert, Phase, Submit, Unmap, Zap
from models.layout import Layout
from models.memory import HostMemory
from models.optimum import optimum
from models.perform import run
from models.policy import FaultPlan, Policy
from models.policy.deferred_io import DeferredIo
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.sync_bracket import SyncBracket
from models.policy.vmwgfx import Vmwgfx
from models.promise import Promise
from models.steps import Delay, Note, Steps
from models.workload.foresight import foreseen
from models.workload.play import IDLE, PLAY, Played, Player
from models.workload.programs import WORKLOADS, ParameterError, Parameters, trace_of
from models.workload.strategies import STRATEGIES, make
from models.workload.tally import OWN_WAIT, THINK, Figures, Tally
from models.workload.trace import Trace
from tests.models.test_policy_contract import BROKEN

SMALL = {"width": 64, "height": 64, "frames": 3, "every": 2, "stores": 2}
HEAD = "faultline-trace 1\nbuffer 64 64 4 Y_TILED\n"


def small(name: str) -> Trace:
    workload = WORKLOADS[name]
    return trace_of(workload, parameters=workload.parameters.changed(SMALL))


def trace(*lines: str) -> Trace:
    return Trace.parse(HEAD + "\n".join(lines) + "\n", "test")


def played(program: Trace, policy: Policy, *, seed: int = 1) -> tuple[Played, Device, Player]:
    host = HostMemory(None, 16 << 20)
    device = Device(host, device_size=1 << 20)
    player = Player(host, program, policy, seed=seed)
    return run(player.play(), device), device, player


# ----------------------------------------------------------------------------------------------- every strategy


@pytest.mark.parametrize("name", list(WORKLOADS))
@pytest.mark.parametrize("policy", list(STRATEGIES))
def test_every_strategy_keeps_its_promise_on_every_workload(policy: str, name: str) -> None:
    program = small(name)
    chosen = make(policy, program, Costs())
    result, device, _ = played(program, chosen)
    assert result.violations == []
    assert result.judged_bytes >= program.surface.linear_size
    assert not device.locks
    if chosen.promise is not Promise.DEFERRED:
        assert (result.stale_reads, result.stale_bytes) == (0, 0)


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_the_clairvoyant_strategy_moves_the_bytes_of_the_bound(name: str) -> None:
    program = small(name)
    figures = played(program, make("clairvoyant", program, Costs()))[0].figures
    bound = optimum(program)
    assert (figures.readback_bytes, figures.writeback_bytes) == (bound.readback_bytes, bound.writeback_bytes)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda make: make.__name__)
def test_a_strategy_that_breaks_its_promise_is_told(broken: type[Policy]) -> None:
    """The twin of the first test."""
    found = [violation for name in WORKLOADS for violation in played(small(name), broken())[0].violations]
    mixed = trace(
        "load a 0 0 64 64", "store a 0 0 8 8", "fill 0 0 4 4", "wait", "store a 2 2 8 1", "fill 20 2 4 4", "wait",
        "load a 0 0 64 64", "store a 30 2 4 4", "frame", "compose 0 0 64 64",
    )  # fmt: skip
    found += played(mixed, broken())[0].violations
    assert found


def chance(seed: int) -> Trace:
    """Forty actions of three processes and the device on a buffer of an odd shape."""
    random = np.random.default_rng(seed)
    width, height, pixel = ((64, 64, 4), (100, 37, 3), (256, 24, 2), (33, 70, 1))[seed % 4]

    def box() -> str:
        across = int(random.choice([width, random.integers(1, width + 1)]))
        down = int(random.choice([height, random.integers(1, 5), random.integers(1, height + 1)]))
        x, y = random.integers(0, width - across + 1), random.integers(0, height - down + 1)
        return f"{x} {y} {across} {down}"

    def action() -> str:
        who = random.choice(["a", "b", "c"])
        kinds = [f"load {who} {box()}", f"fill {box()}", f"compose {box()}", f"show {who} {box()} local",
                 f"show {who} {box()} foreign", "wait", "frame",
                 f"copy 0 0 {width} {height // 2} 0 {height // 2}"]  # fmt: skip
        return f"store {who} {box()}" if random.random() < 0.3 else str(random.choice(kinds))

    head = f"faultline-trace 1\nbuffer {width} {height} {pixel} {Layout(int(random.integers(4))).name}\n"
    return Trace.parse(head + "\n".join(action() for _ in range(40)), f"chance {seed}")


@pytest.mark.parametrize("policy", list(STRATEGIES))
def test_every_strategy_keeps_its_promise_on_random_traces(policy: str) -> None:
    for seed in range(4):
        program = chance(seed)
        chosen = make(policy, program, Costs())
        result, _, _ = played(program, chosen)
        assert result.violations == [], seed
        assert chosen.promise is Promise.DEFERRED or result.stale_reads == 0, seed


# ------------------------------------------------------------------------------------------------------- playing


def test_each_kind_of_action_is_carried_out() -> None:
    program = trace(
        "store a 0 0 16 16", "fill 16 0 16 16", "copy 32 0 32 16 0 0", "load b 0 0 64 16", "compose 0 0 64 64", "wait",
        "show a 0 0 64 64 local", "show b 0 0 64 64 foreign", "think 5000", "frame",
    )  # fmt: skip
    result, device, player = played(program, PageMkwrite())
    names = [event.name for event in device.events if isinstance(event, Phase)]
    assert names == [PLAY, IDLE]
    assert result.violations == [] and result.stale_reads == 0
    assert device.delayed[THINK] == 5000
    surface = player.screen.surface
    shown = surface.detile(device.memory[surface.base : surface.base + surface.size])
    assert shown[:16, :128].any() and np.array_equal(shown[:16, 128:], shown[:16, :128])
    imports = [event.to_json() for event in device.events if type(event).__name__ == "Import"]
    assert [one["same"] for one in imports] == [True, True], "the trace's own, and that of the last look"


def test_the_same_seed_stores_the_same_bytes_whatever_the_strategy() -> None:
    def final(policy: Policy, seed: int) -> bytes:
        _, device, player = played(small("sharing"), policy, seed=seed)
        surface = player.buffer.surface
        return bytes(device.memory[surface.base : surface.base + surface.size])

    assert final(PageMkwrite(), 1) == final(SyncBracket(), 1) == final(Vmwgfx(), 1) != final(PageMkwrite(), 2)


def test_a_deferred_strategy_shows_stale_bytes_until_its_frame_ends() -> None:
    late = played(trace("store a 0 0 64 8", "compose 0 0 64 8", "wait", "frame", "compose 0 0 64 8"), DeferredIo())[0]
    assert late.violations == []
    assert late.stale_reads == 1
    assert 64 * 4 * 8 * 0.9 < late.stale_bytes <= 64 * 4 * 8, "random bytes that are 0 are not stale"
    early = played(trace("store a 0 0 64 8", "frame", "compose 0 0 64 8"), DeferredIo())[0]
    assert (early.stale_reads, early.stale_bytes) == (0, 0)


def test_a_store_that_a_composition_under_way_sees_is_early_and_not_stale() -> None:
    program = trace("load a 0 0 1 1", "store a 0 0 64 8", "compose 0 0 64 8", "store a 0 0 64 8")
    for make_policy, early in ((Vmwgfx, 1), (PageMkwrite, 0)):
        result = played(program, make_policy())[0]
        assert (result.violations, result.stale_reads, result.early_reads) == ([], 0, early)


def test_what_a_copy_under_way_has_seen_early_stays_early_in_its_copies() -> None:
    lines = ["load a 0 0 1 1", "store a 0 0 64 8", "copy 0 16 64 8 0 0", "copy 0 40 64 8 0 16", "store a 0 0 64 8"]
    for last in ("load a 0 16 64 8", "load a 0 40 64 8", "compose 0 40 64 8"):
        result = played(trace(*lines, last), PagePagetable())[0]
        assert (result.violations, result.stale_reads, result.early_reads) == ([], 0, 1), last
        result = played(trace(*lines, "fill 0 16 64 48", last), PagePagetable())[0]
        assert (result.violations, result.stale_reads, result.early_reads) == ([], 0, 0), last


def test_a_policy_that_asks_is_told_each_action_beforehand() -> None:
    class Told(PageMkwrite):
        def __init__(self) -> None:
            super().__init__()
            self.order: list[str] = []

        def at(self, index: int) -> None:
            self.order.append(str(index))

        def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
            self.order.append("fault")
            return super().fault(buffer, page, write)

    policy = Told()
    played(trace("wait", "store a 0 0 4 4", "fill 0 0 4 4", "load a 0 0 4 4"), policy)
    assert [one for one in policy.order if one != "fault"] == ["0", "1", "2", "3"]
    assert policy.order[:3] == ["0", "1", "fault"] and policy.order[-1] == "fault"


def test_a_buffer_that_does_not_fit_is_refused() -> None:
    big = replace(trace("wait"), width=1024, height=1024)
    with pytest.raises(DriverError, match="^ENOMEM"):
        played(big, PageMkwrite())


# ------------------------------------------------------------------------------------------------------ counting


def counted(events: Iterable[object], *, actor: str = "a", mapped: dict[str, list[int]] | None = None) -> Figures:
    tally = Tally("buffer")
    tally.actor = actor
    for process, pages in (mapped or {}).items():
        tally.mapped(process, pages)

    def steps() -> Steps[None]:
        for event in events:
            yield event if isinstance(event, Delay) else Note(event)  # type: ignore[arg-type]

    for _ in tally.counting(steps()):
        pass
    return tally.figures


def inserted(process: str, first: int, count: int) -> Insert:
    return Insert(process=process, buffer="buffer", pages=((first, count),), writable=True)


def zapped(first: int, count: int, entries: int) -> Zap:
    return Zap(buffer="buffer", pages=((first, count),), entries=entries)


def test_a_shootdown_is_what_must_reach_another_process() -> None:
    mine, theirs = inserted("a", 0, 2), inserted("b", 1, 2)
    assert counted([mine, zapped(0, 4, 2)]).shootdowns == 0, "only the one who acts has entries"
    assert counted([mine, theirs, zapped(0, 4, 4)]).shootdowns == 1
    assert counted([mine, theirs, zapped(0, 1, 1)]).shootdowns == 0, "the other has none of this page"
    assert counted([mine, theirs, zapped(0, 4, 4), zapped(0, 4, 0)]).shootdowns == 1, "nothing left to zap"
    assert counted([theirs, Harvest(buffer="buffer", pages=((2, 1),))]).shootdowns == 1
    assert counted([theirs, Harvest(buffer="screen", pages=((2, 1),))]).shootdowns == 0
    gone = Unmap(process="b", buffer="buffer", pages=((1, 2),))
    assert counted([theirs, gone, Harvest(buffer="buffer", pages=((2, 1),))]).shootdowns == 0
    assert counted([Harvest(buffer="buffer", pages=((2, 1),))], mapped={"b": [2]}).shootdowns == 1


def test_events_and_host_time_are_counted_and_the_traces_own_are_not() -> None:
    figures = counted([
        Fault(write=True), zapped(0, 4, 3), Submit(queue=0, descriptors=5, value=1),
        FenceWait(queue=0, value=1, cause="load"), FenceWait(queue=0, value=1, cause=OWN_WAIT), Delay(1200, "fault"),
        Delay(9, "zap"), Delay(1200, "fault"), Delay(70, THINK),
    ])  # fmt: skip
    assert (figures.faults, figures.zapped, figures.descriptors, figures.waits) == (1, 3, 5, 1)
    assert figures.host_ns == {"fault": 2400, "zap": 9}


def test_bytes_are_those_of_every_way_to_move_them() -> None:
    box = 8 * 4 * 8
    program = trace("fill 0 0 64 64", "store a 8 8 8 8", "load a 8 8 8 8")
    for name in ("no-mmap", "region", "damage", "aperture"):
        figures = played(program, make(name, program, Costs()))[0].figures
        assert (figures.readback_bytes, figures.writeback_bytes) == (box, box), name
    figures = played(program, PageMkwrite())[0].figures
    assert (figures.readback_bytes, figures.writeback_bytes) == (4096, 0), "nobody looks at the device's copy"


# ----------------------------------------------------------------------------------------------------- programs


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_a_program_depends_on_its_seed_alone_and_can_be_saved(name: str) -> None:
    workload = WORKLOADS[name]
    one = trace_of(workload, seed=3)
    assert one == trace_of(workload, seed=3)
    assert Trace.parse(one.text(), name) == one
    assert one.surface.contains(Parameters().whole) and one.layout is Layout.Y_TILED
    assert workload.title and workload.name == name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_past_predicts_every_workload_but_marks_that_may_be_anywhere(seed: int) -> None:
    shares = {name: foreseen(trace_of(workload, seed=seed)) for name, workload in WORKLOADS.items()}
    assert shares.pop("sparse") < 0.35 and set(shares.values()) == {1.0}


def test_an_access_is_foreseen_by_the_one_before_by_what_followed_that_or_by_what_was_drawn() -> None:
    """The first of each process is not counted; rows of 64 pixels, 16 to a page."""
    for lines, share in {
        ("load a 0 0 64 64",): 1.0,
        ("load a 0 0 8 8", "load b 0 48 8 8"): 1.0,
        ("load a 0 0 8 8", "load a 8 0 8 8"): 1.0,
        ("load a 0 0 8 8", "load a 0 16 8 8"): 1.0,
        ("load a 0 16 8 8", "load a 0 0 8 8"): 0.0,
        ("load a 0 0 8 8", "load a 0 32 8 8"): 0.0,
        ("load a 0 0 8 8", "fill 0 32 64 32", "load a 0 48 8 8"): 1.0,
        ("load a 0 0 8 8", "load a 0 48 8 8", "load a 0 0 8 8", "load a 0 48 8 8"): 1 / 3,
        ("load a 0 0 8 8", "show a 0 32 8 8 foreign", "show a 0 32 8 8 local"): 0.0,
    }.items():
        assert foreseen(trace(*lines)) == pytest.approx(share), lines


def test_parameters_are_checked() -> None:
    assert Parameters().changed({"frames": 3}).frames == 3
    for values, message in (
        ({"frame": 3}, "unknown parameter 'frame': there are width, height, frames, every, stores, think"),
        ({"frames": 0}, "frames=0: must be 1 to"),
        ({"width": 32}, "width=32: must be 64 to 4096 pixels"),
        ({"think": -1}, "think=-1: must be 0 to"),
    ):
        with pytest.raises(ParameterError, match=message):
            Parameters().changed(values)


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_a_program_works_at_every_shape(name: str) -> None:
    for width, height in ((64, 64), (65, 127), (1000, 64)):
        parameters = Parameters(width=width, height=height, frames=40, every=1, stores=9)
        made = trace_of(WORKLOADS[name], parameters=parameters)
        assert Trace.parse(made.text(), name) == made, "every box lies inside"
