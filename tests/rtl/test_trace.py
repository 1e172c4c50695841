"""The trace records what the pins did, and its readers count it right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.layout import Cause, Status
from tb.simulation import Simulation, simulators
from tb.trace import EVENT, Kind, Trace, merge


def events(*rows: tuple[Kind, int, int, int]) -> Trace:
    """(kind, cycle, id, beats) each."""
    made = np.zeros(len(rows), EVENT)
    for row, (kind, cycle, identifier, beats) in zip(made, rows, strict=True):
        row["kind"], row["cycle"], row["id"], row["value"] = kind, cycle, identifier, beats
    return Trace(made)


@pytest.mark.parametrize("simulator", simulators())
def test_each_kind_of_event_is_recorded_with_its_cycle_and_fields(simulator: str) -> None:
    outcome = Simulation("trace_recorder", simulator, {"DATA_W": 64}, native=True).run("tests.rtl.bench_trace_recorder")
    trace = Trace.load(outcome.directory / "trace.bin")
    got = [tuple(int(event[name]) for name in ("kind", "cycle", "id", "value")) for event in trace.events]
    assert got == [
        (Kind.RESET, 0, 0, 0),
        (Kind.DOORBELL, 2, 1, 7),
        (Kind.READ_ADDRESS, 5, 3, 2),
        (Kind.READ_FIRST, 6, 3, 2),
        (Kind.READ_LAST, 7, 3, 2),
        (Kind.WRITE_ADDRESS, 8, 0, 1),
        (Kind.WRITE_FIRST, 9, 0, 1),
        (Kind.WRITE_LAST, 9, 0, 1),
        (Kind.WRITE_ADDRESS, 10, 1, 4),
        (Kind.WRITE_FIRST, 11, 1, 4),
        (Kind.WRITE_LAST, 14, 1, 4),
        (Kind.WRITE_RESPONSE, 15, 1, 4),
        (Kind.RECORD, 15, 1, 99),
        (Kind.WRITE_ADDRESS, 16, 1, 1),
        (Kind.WRITE_FIRST, 17, 1, 1),
        (Kind.WRITE_LAST, 17, 1, 1),
        (Kind.WRITE_RESPONSE, 18, 1, 1),
        (Kind.FENCE, 18, 1, 1234),
        (Kind.WRITE_RESPONSE, 19, 0, 1),
        (Kind.IRQ_RISE, 20, 0, 0),
        (Kind.IRQ_FALL, 21, 0, 0),
    ]
    (record,) = trace.of(Kind.RECORD)
    assert (record["tag"], record["address"], record["length"]) == (0x55, 0x3020, 32)
    assert record["cause"] == Cause.READ_ONLY | Status.ERROR << 8
    for irq, cause in zip(trace.of(Kind.IRQ_RISE, Kind.IRQ_FALL), (5, 0), strict=True):
        assert (irq["queue"], irq["tag"], irq["cause"]) == (1, 0x55, cause), "of the record that was answered last"
    (read,) = trace.of(Kind.READ_LAST)
    assert (read["address"], read["length"], read["cause"]) == (0x1004, 12, 2)


def test_usage_counts_beats_and_cycles_under_way_once() -> None:
    trace = events(
        (Kind.READ_ADDRESS, 10, 0, 8),
        (Kind.READ_ADDRESS, 12, 0, 8),
        (Kind.WRITE_ADDRESS, 15, 0, 4),
        (Kind.READ_ADDRESS, 16, 1, 4),
        (Kind.READ_LAST, 20, 1, 4),
        (Kind.READ_LAST, 29, 0, 8),
        (Kind.WRITE_LAST, 31, 0, 4),
        (Kind.READ_LAST, 37, 0, 8),
        (Kind.WRITE_RESPONSE, 44, 0, 4),
        (Kind.READ_ADDRESS, 60, 0, 1),
        (Kind.READ_LAST, 69, 0, 1),
    )
    usage = trace.usage(0, 100)
    assert (usage.read_beats, usage.write_beats, usage.other_beats) == (17, 4, 4)
    assert usage.dma_cycles == 35 + 10
    assert usage.utilization == pytest.approx(21 / 45)
    assert usage.bytes_per_cycle == pytest.approx(21 * 8 / 100)
    phases = trace.phases([("first", 0), ("second", 35)], 100)
    assert [phase.dma_cycles for phase in phases.values()] == [25, 20]
    assert sum(phase.read_beats for phase in phases.values()) == 17
    assert events().usage(0, 10).dma_cycles == 0


def test_a_burst_that_is_never_answered_is_under_way_to_the_end() -> None:
    trace = events((Kind.READ_ADDRESS, 10, 0, 8), (Kind.IRQ_RISE, 50, 0, 0))
    assert trace.usage(0, 51).dma_cycles == 41


def test_the_last_run_begins_at_the_last_reset() -> None:
    trace = events((Kind.RESET, 5, 0, 0), (Kind.IRQ_RISE, 9, 0, 0), (Kind.RESET, 20, 0, 0), (Kind.IRQ_RISE, 30, 0, 0))
    assert list(trace.last_run().events["cycle"]) == [20, 30]


@dataclass(frozen=True)
class Stamp:
    cycle: int
    text: str


def test_notes_are_merged_by_cycle_behind_the_hardware() -> None:
    trace = events((Kind.IRQ_RISE, 10, 0, 0), (Kind.IRQ_FALL, 20, 0, 0))
    moments = merge(trace, [Stamp(5, "a"), Stamp(20, "b")])
    assert [(moment.cycle, moment.note.text if moment.note else None) for moment in moments] == [
        (5, "a"),
        (10, None),
        (20, None),
        (20, "b"),
    ]


def test_a_trace_that_is_cut_short_or_runs_backwards_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trace.bin"
    file.write_bytes(events((Kind.RESET, 5, 0, 0)).events.tobytes()[:-1])
    with pytest.raises(ValueError, match="cut short"):
        Trace.load(file)
    file.write_bytes(events((Kind.RESET, 5, 0, 0), (Kind.RESET, 4, 0, 0)).events.tobytes())
    with pytest.raises(ValueError, match="backwards"):
        Trace.load(file)
