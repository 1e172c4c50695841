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
from hypothesis import strategies as st

from models.device import Device
from models.dmabuf import Buffer
from models.events import Phase, Readback, Writeback
from models.layout import Layout
from models.memory import HostMemory
from models.optimum import NOTHING, Optimum, accesses, optimum
from models.perform import run_together
from models.policy import FaultPlan, Policy
from models.policy.adaptive import Adaptive
from models.policy.clairvoyant import Clairvoyant
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.vmwgfx import Vmwgfx
from models.policy.whole_surface import WholeSurface
from models.surface import Box
from models.workload.play import IDLE, Played, Player
from models.workload.programs import WORKLOADS, trace_of
from models.workload.trace import Action, Compose, Fill, Load, Show, Store, Trace
from tests.models.contract_programs import PROGRAMS, Scene, race
from tests.models.every_schedule import traces

SMALL = {"width": 150, "height": 70, "frames": 5, "every": 2}
"""Parameters of the workloads: 10.25 pages of 6.8 rows."""


def overwritten() -> Trace:
    """Frames that the CPU stores whole over drawing, and that the device then draws over in part, unseen.

    A title is stored at the bottom, and only the top is shown before the bottom is.
    """
    everything = Box(0, 0, 600, 70)
    frame: list[Action] = [
        Store("player", everything), Fill(Box(0, 60, 600, 10)), Compose(everything), Store("player", Box(40, 40, 8, 1)),
        Fill(Box(0, 0, 600, 50)), Store("titler", Box(40, 66, 8, 1)), Compose(Box(0, 0, 600, 9)),
        Compose(Box(0, 61, 600, 9)),
    ]  # fmt: skip
    return Trace("overwritten", 150, 70, 4, Layout.Y_TILED, tuple(frame * 5))


TRACES = [
    *(trace_of(one, parameters=one.parameters.changed(SMALL)) for one in WORKLOADS.values()), overwritten(),
]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- playing


@dataclass
class Outcome:
    """A play, and what it moved and zapped in the words of the bound."""

    played: Played
    moved: Optimum


def play(trace: Trace, policy: Policy, seed: int = 0) -> Outcome:
    """Play a trace on the Python device.

    With a seed the device gets on with its work at random moments, else only when somebody waits for it.
    """
    host = HostMemory(None, 4 << 20)
    device, random = Device(host, device_size=1 << 18), np.random.default_rng(seed)
    choose = (lambda count: int(random.integers(count))) if seed else (lambda count: 0)
    (played,) = run_together([Player(host, trace, policy).play()], device, choose)
    end = next(index for index, event in enumerate(device.events) if isinstance(event, Phase) and event.name == IDLE)
    requests = [sum(isinstance(event, kind) for event in device.events[:end]) for kind in (Readback, Writeback)]
    figures = played.figures
    return Outcome(
        played, Optimum(figures.readback_bytes, figures.writeback_bytes, *requests, figures.zapped, schedule={})
    )


def zapped_everywhere(trace: Trace, bound: Optimum) -> int:
    """Return how many entries go where a zap reaches every process (R7): also those that are not used again."""
    there: set[tuple[int, str]] = set()
    zapped = 0
    uses = [(one.index, page, one.process) for page, history in enumerate(accesses(trace)) for one in history]
    for index in range(len(trace.actions)):
        pages = {page for page, _ in bound.schedule.get(index, NOTHING).zap}
        gone = {entry for entry in there if entry[0] in pages}
        zapped += len(gone)
        there -= gone
        there |= {(page, process) for at, page, process in uses if at == index and process}
    return zapped


def misses(trace: Trace, policy: Policy, seed: int = 0) -> list[str]:
    """Play and say what is wrong: bytes, requests or zaps that are not the bound's, or a wrong read."""
    outcome, bound = play(trace, policy, seed), optimum(trace)
    wrong = list(outcome.played.violations)
    if outcome.played.stale_reads:
        wrong.append(f"stale reads: {outcome.played.stale_reads}")
    assert outcome.played.judged_bytes >= trace.surface.linear_size
    zaps = zapped_everywhere(trace, bound)
    processes = {action.process for action in trace.actions if isinstance(action, Load | Store | Show)}
    assert zaps >= bound.zaps and (len(processes) > 1 or zaps == bound.zaps)
    if replace(outcome.moved, zaps=0) != replace(bound, zaps=0, schedule={}):
        wrong.append(f"moved {outcome.moved}, not {bound}")
    if outcome.moved.zaps != zaps:
        wrong.append(f"zapped {outcome.moved.zaps}, not {zaps}")
    return wrong


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)
def test_a_driver_reaches_the_bound_of_every_workload(trace: Trace) -> None:
    assert Trace.parse(trace.text(), trace.name) == trace
    assert optimum(trace).bytes > 0
    for seed in range(3):
        assert misses(trace, Clairvoyant(trace), seed) == []


@settings(max_examples=150, deadline=None)
@given(traces(), st.integers(0, 99))
def test_a_driver_reaches_the_bound_of_any_trace(trace: Trace, seed: int) -> None:
    """However far the device has got when the CPU comes."""
    assert misses(trace, Clairvoyant(trace), seed) == []


PAGE_MOVERS = [WholeSurface, Vmwgfx, PageMkwrite, PagePagetable, Adaptive]


@pytest.mark.parametrize("make", PAGE_MOVERS, ids=lambda make: make.__name__)
def test_no_strategy_that_moves_pages_gets_below_the_bound(make: Callable[[], Policy]) -> None:
    """Neither in bytes each way nor in requests or zaps."""
    for trace in TRACES:
        moved, bound = play(trace, make()).moved, optimum(trace)
        assert moved.readback_bytes >= bound.readback_bytes and moved.writeback_bytes >= bound.writeback_bytes
        assert moved.batches >= bound.batches and moved.uploads >= bound.uploads and moved.zaps >= bound.zaps
        assert trace.name != "overwritten" or moved.bytes > bound.bytes


def test_a_frame_that_is_stored_or_loaded_whole_costs_at_most_one_fault() -> None:
    """Entries come for all that the process will touch."""
    faults = {trace.name: play(trace, Clairvoyant(trace)).played.figures.faults for trace in TRACES}
    assert (faults["video"], faults["readback"]) == (1, SMALL["frames"])


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
        return replace(plan, guessed=(), around=(), writable=())


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
    found = [one for trace in TRACES for one in misses(trace, make(trace))]
    assert any(complaint in one for one in found)
