"""The clock that Verilator's main program beats: Python's turns come when they come with a clock in Verilog."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tb.sim_top import system
from tb.simulation import Simulation, simulators


def turns(simulation: Simulation, result: Path, **env: str) -> Any:
    """What each turn did and when, by task."""
    simulation.run("tests.system.bench_clock", env={"CLOCK_RESULT": str(result), **env})
    seen = json.loads(result.read_text(encoding="utf-8"))
    assert {what for _, what, _, _ in seen} >= {"read", "write", "refused", "rise", "fall"}
    return {name: [turn for turn in seen if turn[0] == name] for name in ("one", "other", "falling")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Turns of a clock in Verilog."""
    return turns(replace(system("verilator"), clocked=False), tmp_path_factory.mktemp("clock") / "result.json")


@pytest.mark.parametrize("simulator", simulators())
def test_python_has_its_turns_when_it_has_them_with_a_clock_in_verilog(
    simulator: str, expected: Any, tmp_path: Path
) -> None:
    assert turns(system(simulator), tmp_path / "result.json") == expected


def test_an_access_by_the_main_program_takes_the_edges_of_one_from_python(expected: Any, tmp_path: Path) -> None:
    assert turns(system("verilator"), tmp_path / "result.json", CLOCK_NATIVE="1") == expected
