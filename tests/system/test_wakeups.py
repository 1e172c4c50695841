"""No Python callback a beat: what a transfer costs in wake-ups does not depend on its length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tb.sim_top import system
from tb.simulation import simulators


def wakeups(simulator: str, result: Path, **env: str) -> list[tuple[int, int]]:
    """(bytes, wake-ups) of each transfer."""
    system(simulator).run("tests.system.bench_wakeups", env={"WAKEUPS_RESULT": str(result), **env})
    return [(one["bytes"], one["wakeups"]) for one in json.loads(result.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("simulator", simulators())
def test_python_is_not_woken_by_beats(simulator: str, tmp_path: Path) -> None:
    found = wakeups(simulator, tmp_path / "result.json")
    for _, (short, few), (long, many) in (found[:3], found[3:]):
        assert (long, few > 0) == (4 * short, True)
        assert few == many, found


def test_a_wakeup_with_every_cycle_is_counted(tmp_path: Path) -> None:
    """The twin: something that wakes with the clock is what this would see."""
    found = wakeups("verilator", tmp_path / "result.json", WAKEUPS_EVERY_CYCLE="1")
    for _, (short, few), (_, many) in (found[:3], found[3:]):
        assert few > short // 8 and many > 3 * few
