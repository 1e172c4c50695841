"""Operations out of the trace: parts add up, sit between their events, and are equal on both simulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tb.simulation import simulators
from tb.timing import __main__ as face
from tb.timing.bounds import Memory
from tb.timing.figures import spread, summary
from tb.timing.run import simulated
from tb.trace import Kind, Trace


@pytest.mark.parametrize("simulator", simulators())
def test_the_parts_of_every_operation_add_up_and_none_beats_its_bound(simulator: str) -> None:
    run, path = simulated("page_readback", simulator, Memory())
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


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_both_simulators_leave_equal_traces(simulator: str) -> None:
    paths: list[Path] = [simulated("photo", one, Memory())[1] for one in ("verilator", simulator)]
    one, other = map(Trace.load, paths)
    assert np.array_equal(one.events, other.events)
    assert one.texts == other.texts


def test_quantiles_are_values_that_occurred() -> None:
    expected = {"min": 1, "median": 50, "p95": 95, "p99": 99, "max": 100}
    assert summary(range(1, 101)) == expected


def test_spans_are_counted_in_the_windows_that_they_cross() -> None:
    assert spread(np.array([[2, 12], [9, 11]]), np.array([0, 10, 20])) == [9, 3]


@pytest.mark.parametrize("words", [("nothing", "", "", ""), ("", "0", "", ""), ("", "", "65", ""), ("", "", "", "96")])
def test_a_memory_or_scenario_that_cannot_be_timed_is_refused(words: tuple[str, str, str, str]) -> None:
    with pytest.raises(face.AskError):
        face.asked(*words)
