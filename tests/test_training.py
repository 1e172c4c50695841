"""PGO=1: a model that is compiled by the profile of a run behaves as any other, and is asked for by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tb.simulation import Simulation, SimulationError, Training

BENCH = "tests.rtl.bench_fifo"
FIFO = Simulation("fifo", "verilator", {"WIDTH": 8, "DEPTH_LOG2": 2}, training=Training(BENCH, {}), name="trained")


@pytest.mark.parametrize(
    ("simulation", "pgo", "trained"),
    [
        (FIFO, "1", True),
        (FIFO, "", False),
        (FIFO, "0", False),
        (replace(FIFO, waves=True), "1", False),
        (replace(FIFO, simulator="icarus"), "1", False),
        (replace(FIFO, training=None), "1", False),
    ],
)
def test_a_profile_is_taken_where_it_is_asked_for_and_helps(
    simulation: Simulation, pgo: str, trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGO", pgo)
    monkeypatch.delenv("WAVES", raising=False)
    assert simulation.trained == trained


def test_a_trained_model_passes_the_same_tests_in_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGO", raising=False)
    plain = FIFO.run(BENCH, seed=3)
    monkeypatch.setenv("PGO", "1")
    trained = FIFO.run(BENCH, seed=3)
    product = FIFO.build()
    assert any(product.glob("*.gcda")), f"no profile in {product}"
    assert "-fprofile-use" in (product / "Vtop.mk").read_text()
    assert [(result.name, result.sim_time_ns) for result in trained.results] == [
        (result.name, result.sim_time_ns) for result in plain.results
    ]


def test_a_training_that_fails_leaves_no_product(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SimulationError("1 of 1 tests failed")

    monkeypatch.setenv("PGO", "1")
    monkeypatch.setattr(Simulation, "_compile", lambda *_: None)
    monkeypatch.setattr(Simulation, "_execute", fail)
    for _ in range(2):  # a product left by the first would satisfy the second
        with pytest.raises(SimulationError, match="tests failed"):
            replace(FIFO, training=Training("tests.rtl.bench_box", {})).build()
