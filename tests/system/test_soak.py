"""A sample of the random programs under every policy, on the untimed device and on the RTL; a broken one is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from models.dmabuf import Buffer
from models.fence import Fence
from models.policy.adaptive import Adaptive
from models.workload.strategies import STRATEGIES
from tb.sim_top import system
from tb.simulation import simulators
from tests.system import soak
from tests.system.soak import live, main


@pytest.mark.parametrize("policy", list(STRATEGIES))
def test_random_programs_lose_no_byte(policy: str) -> None:
    """R1 to R31 as far as chance leads: no stale read, no lost write, nothing left behind."""
    life = live(policy, seed=3, actions=24)
    assert life.failure == ""
    assert life.accesses > 100 and life.judged > 10_000


@pytest.mark.parametrize("simulator", simulators())
def test_random_programs_lose_no_byte_on_the_rtl(simulator: str) -> None:
    operations = "60" if simulator == "verilator" else "12"
    outcome = system(simulator).run("tests.system.bench_oracle", env={"FAULTLINE_OPERATIONS": operations})
    found: dict[str, dict[str, Any]] = json.loads((outcome.directory / "random.json").read_text(encoding="utf-8"))
    assert set(found) == set(STRATEGIES)
    assert all(one["operations"] >= int(operations) and one["judged"] for one in found.values())


class ForgetsTheDevice(Adaptive):
    """Breaks R19: what the device writes is not remembered."""

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        super().drawing(buffer, reads, (), fence)


def test_a_broken_policy_is_told_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "make", lambda *_: ForgetsTheDevice())
    life = live("adaptive", seed=1, actions=24)
    assert "wrong reads" in life.failure
    assert main(["--policy", "adaptive", "--accesses", "1", "--jobs", "1"]) == 1
    assert "make oracle POLICY=adaptive SEED=1 ACCESSES=1" in capsys.readouterr().out


def test_a_word_that_makes_no_sense_to_the_oracle_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--policy", "nosuch"]) == 2
    assert main(["--accesses", "0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
