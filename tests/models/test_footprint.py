"""Moves that touch nothing in common may be swapped: each race is run so, and nobody may be able to tell.

What `models.footprint` does not watch would make moves look independent that are not, and the exploration would leave
out orders without saying so. So random schedules of every race are run again with two neighbours swapped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from models import footprint
from models.dmabuf import Buffer
from models.footprint import Footprint, watching
from models.page_table import PageTable
from models.policy.adaptive import Adaptive
from models.schedule import Scenario, _Run
from tests.models.races import RACES, Parts, Stage, build


@dataclass
class Told:
    """One schedule as it went: who moved, what the moves touched, who could have moved, and what came of it."""

    moves: list[str]
    footprints: list[Footprint]
    able: list[tuple[str, ...]]
    end: Any


def schedule(name: str, parts: Parts, order: Sequence[str], random: Random) -> Told:
    """Run a race in an order as far as that goes, and on at random."""
    scenario = build(name, parts)()
    told = Told([], [], [], None)
    with watching() as touched:
        run = _Run(scenario, touched)
        while not run.failure and (able := run.enabled()):
            at = len(told.moves)
            mover = order[at] if at < len(order) else random.choice(able)
            if mover not in able:
                break
            told.able.append(able)
            told.footprints.append(run.move(mover))
            told.moves.append(mover)
    told.end = traces(scenario), run.verdict()
    run.close()
    return told


def traces(scenario: Scenario) -> Any:
    """What a schedule leaves: device memory, and the buffer's pages and entries where the race lets us see them."""
    found: list[Any] = [one.memory.tobytes() for one in scenario.device.devices]  # type: ignore[union-attr]
    found.append(Counter(map(repr, scenario.device.events)))  # type: ignore[union-attr]
    stage = getattr(scenario.check, "__self__", None)
    if isinstance(stage, Stage):
        buffer: Buffer = stage.buffer
        found.append(stage.driver.host.pages[buffer.frames].tobytes())
        for one in buffer.space.mappings:
            found.append((one.process, one.present.tolist(), one.writable.tolist(), one.dirty.tolist()))
    return found


def told_apart(name: str, parts: Parts, seeds: range) -> list[str]:
    """Return the swaps of neighbours that seem independent and are not."""
    found = []
    for seed in seeds:
        random = Random(seed)
        one = schedule(name, parts, (), random)
        for at, (mover, after) in enumerate(zip(one.moves, one.moves[1:], strict=False)):
            first, second = one.footprints[at : at + 2]
            if mover == after or first.meets(second):
                continue
            if after not in one.able[at]:
                found.append(f"{mover} let {after} go on, by {first.keys()} and {second.keys()}")
                continue
            order = [*one.moves[:at], after, mover, *one.moves[at + 2 :]]
            other = schedule(name, parts, order, random)
            expected = [*one.footprints[:at], second, first, *one.footprints[at + 2 :]]
            if (other.moves, other.footprints, other.end) != (order, expected, one.end):
                found.append(f"{mover} by {first.keys()}, {after} by {second.keys()}")
    return found


@pytest.mark.parametrize("policy", [None, Adaptive], ids=["its own policy", "adaptive"])
@pytest.mark.parametrize("name", RACES)
def test_nobody_can_tell_independent_moves_that_are_swapped(name: str, policy: Any) -> None:
    assert told_apart(name, Parts(policy=policy), range(3)) == []


def test_an_unmap_beside_an_access_is_seen_to_touch_the_processs_map() -> None:
    """Where it came before or after the access looked up its page, in more schedules."""
    assert told_apart("unmap during readback", Parts(), range(20)) == []


def test_what_is_not_watched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without an eye on the processes' maps."""
    kinds = {kind: names for kind, names in footprint._NAMES.items() if kind.__name__ not in ("PageTable", "Process")}
    assert PageTable in footprint._NAMES and len(kinds) == len(footprint._NAMES) - 2
    monkeypatch.setattr(footprint, "_NAMES", kinds)
    assert told_apart("unmap during readback", Parts(), range(20)) != []
