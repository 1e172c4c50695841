"""The clairvoyant strategy: a driver that reaches the bound of every trace to the byte, and reads nothing stale.

Traces are those of the workloads and small random ones. Broken variants move too much, lose a write or read old bytes,
and are caught by the same judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from models.client.portable import Portable
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.events import Fault, Readback, Writeback, Zap
from models.fence import Usage, wait_for
from models.layout import Layout
from models.optimum import Optimum, optimum
from models.oracle import Oracle, Violation
from models.policy import FaultPlan, Policy
from models.policy.clairvoyant import Clairvoyant
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.vmwgfx import Vmwgfx
from models.policy.whole_surface import WholeSurface
from models.steps import Steps
from models.surface import Box
from models.workload.trace import Action, Compose, Copy, Fill, Frame, Load, Show, Store, Think, Trace, Wait
from tests.models.every_schedule import traces
from tests.models.test_policy_contract import PROGRAMS, Scene, race
from tests.models.world import World, make_world

ROW, ROWS = 640, 40
ALL = Box(0, 0, ROW, ROWS)
"""The buffer: 6.25 pages of 6.4 rows, the last one short."""


# --------------------------------------------------------------------------------------------------- workloads


def frames(count: int, frame: Callable[[int], Iterable[Action]]) -> Trace:
    """A trace of so many frames."""
    actions = [action for number in range(count) for action in (*frame(number), Frame())]
    trace = Trace(frame.__name__, ROW // 4, ROWS, 4, Layout.Y_TILED, tuple(actions))
    return Trace.parse(trace.text(), trace.name)


def full_frame_readback(n: int) -> Iterable[Action]:
    return Fill(ALL), Fill(Box(40 * n, n, 80, 20)), Load("viewer", ALL)


def sparse_drawing(n: int) -> Iterable[Action]:
    return (
        Fill(Box(0, 0, ROW, 20)), Store("painter", Box(8 * n, 7 * n % 36, 16, 3)), Think(100),
        Store("painter", Box(300, 30, 16, 2)), Compose(ALL),
    )  # fmt: skip


def text_updates(n: int) -> Iterable[Action]:
    stores = [Store("terminal", Box(32 * one, 8 * (n % 5), 28, 8)) for one in range(4)]
    return *stores, Compose(Box(0, 8 * (n % 5), ROW, 8)), Copy(Box(0, 0, ROW, 8), 0, 8)


def screenshots(n: int) -> Iterable[Action]:
    shot = [Load("shooter", ALL)] if n % 3 == 2 else []
    return Fill(Box(16 * n, 3 * n, 160, 12)), Compose(ALL), *shot, Wait()


def ping_pong(n: int) -> Iterable[Action]:
    box = Box(40 * n, 4 * n, 64, 5)
    return Store("one", box), Copy(Box(400, 20, 64, 5), box.x, box.y), Load("one", Box(0, 18, ROW, 12))


def video(n: int) -> Iterable[Action]:
    return Store("player", ALL), Fill(Box(0, 34, ROW, 6)), Compose(ALL), Fill(Box(0, 0, ROW, 20))


def self_import(n: int) -> Iterable[Action]:
    return Store("app", Box(80, 4 * n, 200, 12)), Fill(Box(0, 30, ROW, 4)), Show("app", ALL, False)


def two_share(n: int) -> Iterable[Action]:
    return (
        Store("one", Box(0, 0, ROW, 10)), Load("two", Box(0, 5, ROW, 10)), Fill(Box(60, 4, 200, 20)),
        Store("two", Box(80, 6, 8, 2)), Load("one", Box(0, 10, ROW, 30)),
    )  # fmt: skip


def import_or_map(n: int) -> Iterable[Action]:
    return Fill(Box(0, 6 * n, ROW, 9)), Show("app", ALL, True), Store("app", Box(0, 0, 40, 40)), Show("app", ALL, False)


WORKLOADS = [
    full_frame_readback, sparse_drawing, text_updates, screenshots, ping_pong, video, self_import, two_share,
    import_or_map,
]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- playing


@dataclass
class Played:
    """What a trace came to on a driver."""

    bound: Optimum
    faults: int
    violations: list[Violation]
    looked_at: int


def play(trace: Trace, policy: Policy) -> Played:
    """Carry a trace out, with noise for what the CPU writes; then look at everything that the device has."""
    world = make_world(
        width=trace.width, height=trace.height, bytes_per_pixel=trace.bytes_per_pixel, layout=trace.layout,
        policy=policy,
    )  # fmt: skip
    screen = world.run(world.driver.create("screen", trace.width, trace.height, 4, trace.layout))
    world.watch[screen] = Oracle(screen.surface, policy.promise, snapshot=policy.snapshot, others=world.watch)
    clients: dict[str, Portable] = {}
    random = np.random.default_rng(5)

    def client(name: str) -> Portable:
        if name not in clients:
            clients[name] = Portable(name, world.driver, world.shared, world.watch)
        return clients[name]

    def act(action: Action) -> Steps[Any]:
        match action:
            case Load(name, box) | Show(name, box, True):
                yield from client(name).read_box(box)
            case Store(name, box):
                data = random.integers(0, 256, (box.height, box.width), np.uint8)
                yield from client(name).write_box(box.x, box.y, data)
            case Fill(box):
                yield from world.writer.draw(world.buffer, [FillBox(box, random.bytes(4))])
            case Copy(box, x, y):
                yield from world.writer.draw(world.buffer, [CopyBox(box, x, y)])
            case Compose(box) | Show(_, box, False):
                yield from world.writer.draw(screen, [CopyBox(box, box.x, box.y, world.buffer)])
            case Wait():
                yield from wait_for(world.buffer.reservation.query(Usage.BOOKKEEP), cause="wait")

    world.mark()
    for index, action in enumerate(trace.actions):
        if isinstance(policy, Clairvoyant):
            policy.at(index)
        world.run(act(action))
    moved = cost(world)
    faults = len(world.events(Fault))
    if isinstance(policy, Clairvoyant):
        policy.at(len(trace.actions))
    world.run(client("last").show())
    world.watch[screen].seen("screen", shown(world, screen))
    found = [one for oracle in world.watch.values() for one in oracle.violations]
    return Played(moved, faults, found, sum(oracle.reads for oracle in world.watch.values()))


def shown(world: World, screen: Buffer) -> Any:
    """Return the screen as it is when all is done."""
    world.run(wait_for(screen.reservation.query(Usage.BOOKKEEP), cause="wait"))
    surface = screen.surface
    return surface.detile(world.device.memory[surface.base : surface.base + surface.size])


def cost(world: World) -> Optimum:
    """Return what was moved and zapped of the buffer, in the words of the bound."""
    back, out, zaps = (
        [event for event in world.events(kind) if event.buffer == world.buffer.name]
        for kind in (Readback, Writeback, Zap)
    )
    entries = sum(event.entries for event in zaps)
    size = (sum(event.bytes for event in moves) for moves in (back, out))
    return Optimum(*size, len(back), len(out), entries, {})


def faults_of_the_bound(trace: Trace, policy: Policy) -> list[str]:
    """Play and say what is wrong: bytes or requests that are not the bound's, fewer zaps, or a wrong read."""
    played, bound = play(trace, policy), replace(optimum(trace), schedule={})
    wrong = [str(violation) for violation in played.violations]
    assert played.looked_at >= 2 * trace.surface.linear_size
    if replace(played.bound, zaps=0) != replace(bound, zaps=0):
        wrong.append(f"moved {played.bound}, not {bound}")
    processes = {action.process for action in trace.actions if isinstance(action, Load | Store | Show)}
    if played.bound.zaps < bound.zaps or (len(processes) < 2 and played.bound.zaps > bound.zaps):
        wrong.append(f"zapped {played.bound.zaps}, not {bound.zaps}")
    return wrong


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
def test_a_driver_reaches_the_bound_of_every_workload(workload: Callable[[int], Iterable[Action]]) -> None:
    trace = frames(5, workload)
    assert optimum(trace).bytes > 0
    assert faults_of_the_bound(trace, Clairvoyant(trace)) == []


@settings(max_examples=120, deadline=None)
@given(traces())
def test_a_driver_reaches_the_bound_of_any_trace(trace: Trace) -> None:
    assert faults_of_the_bound(trace, Clairvoyant(trace)) == []


@pytest.mark.parametrize("make", [PageMkwrite, PagePagetable, WholeSurface, Vmwgfx], ids=lambda make: make.__name__)
def test_no_other_strategy_gets_below_the_bound(make: Callable[[], Policy]) -> None:
    """Neither in bytes nor in requests or zaps; where frames are overwritten each moves more."""
    for workload in WORKLOADS:
        trace = frames(4, workload)
        played, bound = play(trace, make()).bound, optimum(trace)
        assert played.readback_bytes >= bound.readback_bytes and played.writeback_bytes >= bound.writeback_bytes
        assert played.batches >= bound.batches and played.uploads >= bound.uploads and played.zaps >= bound.zaps
        assert workload is not video or played.bytes > bound.bytes


def test_a_frame_that_is_overwritten_or_read_whole_costs_one_fault() -> None:
    """Entries come for all that the process will touch."""
    for workload, requests in ((video, 0), (full_frame_readback, 5)):
        played = play(frames(5, workload), Clairvoyant(frames(5, workload)))
        assert (played.faults, played.bound.batches) == (5, requests)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_without_a_trace_it_is_page_zap_with_pagetable(program: Callable[[Scene], None]) -> None:
    """Event for event, and it keeps that promise."""
    scenes = [Scene(Clairvoyant(implicit_sync=True)), Scene(PagePagetable(implicit_sync=True))]
    for scene in scenes:
        program(scene)
        scene.judge()
    assert scenes[0].world.device.events == scenes[1].world.device.events


def test_without_a_trace_it_keeps_its_promise_in_many_orders() -> None:
    for seed in range(3):
        scene = Scene(Clairvoyant())
        race(scene, seed)
        scene.judge()


# ------------------------------------------------------------------------------------------------------ twins


class BringsBackWhatIsOverwritten(Clairvoyant):
    """Moves too much: takes whole stores for partial ones."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        whole, self._whole = self._whole, {}
        plan = super().fault(buffer, page, write)
        self._whole = whole
        return plan


class SendsAllThatIsDirty(Clairvoyant):
    """Moves too much: what the device does not look at."""

    def harvest(self, buffer: Buffer, writes: Iterable[int] = (), **how: Any) -> list[int]:
        return super().harvest(buffer, writes, everything=True)


class ForgetsWhatItKeepsBack(Clairvoyant):
    """Loses writes: looks at all entries, and keeps no books of what is not sent now."""

    def harvest(self, buffer: Buffer, writes: Iterable[int] = (), **how: Any) -> list[int]:
        pages = super().harvest(buffer, writes, **how)
        buffer.space.record()
        return pages


class BringsBackPageByPage(Clairvoyant):
    """Makes too many requests."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        plan = super().fault(buffer, page, write)
        back = tuple(one for one in plan.readback if one == page)
        return replace(plan, readback=back, around=(), writable=())


class ZapsNothing(Clairvoyant):
    """Reads old bytes."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return []


class ZapsWhatIsNotUsedAgain(Clairvoyant):
    """Zaps too much."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return list(writes)


class InsertsEverything(Clairvoyant):
    """Has entries of pages that are not back yet, which have to be zapped."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        return replace(super().fault(buffer, page, write), around=tuple(range(buffer.pages)))


class DoesNotWait(Clairvoyant):
    """Brings back what is not drawn yet."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> FaultPlan:
        self.look(buffer).writing.clear()
        return super().fault(buffer, page, write)


BROKEN: list[tuple[type[Clairvoyant], str]] = [
    (BringsBackWhatIsOverwritten, "moved"), (SendsAllThatIsDirty, "moved"), (ForgetsWhatItKeepsBack, "lost write"),
    (BringsBackPageByPage, "moved"), (ZapsNothing, "stale read"), (ZapsWhatIsNotUsedAgain, "zapped"),
    (InsertsEverything, "zapped"), (DoesNotWait, "stale read"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "complaint"), BROKEN, ids=[make.__name__ for make, _ in BROKEN])
def test_a_driver_that_does_not_follow_the_schedule_is_caught(make: type[Clairvoyant], complaint: str) -> None:
    played = [faults_of_the_bound(trace, make(trace)) for trace in (frames(5, workload) for workload in WORKLOADS)]
    assert any(complaint in one for found in played for one in found)
