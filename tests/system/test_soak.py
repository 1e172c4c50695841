"""A sample of the random programs under every policy, on the untimed device and on the RTL; a broken one is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from models.workload.strategies import STRATEGIES
from tb.sim_top import system
from tb.simulation import simulators
from tests.models.broken_drivers import ROOT, Edit, apply, broken_tree, run_in
from tests.system.soak import live


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


def test_a_broken_driver_is_told_with_the_command_that_repeats_it_and_a_program(tmp_path: Path) -> None:
    """On standard error; the program, saved, shows a violation by itself, and none with the good driver."""
    tree = broken_tree(tmp_path / "tree", "zap skipped")
    soak = ("-m", "tests.system.soak", "--accesses", "1", "--jobs", "1")
    failed = run_in(tree, *soak, "--policy", "whole-surface", "--seed", "2")
    assert failed.returncode == 1
    assert re.search("^error: whole-surface, seed 2: .*wrong reads, the first: Violation", failed.stderr, re.MULTILINE)
    assert "\n       make oracle POLICY=whole-surface SEED=2 ACCESSES=1\n" in failed.stderr
    (saved := tmp_path / "saved.py").write_text(failed.stderr[failed.stderr.index("import sys") :], encoding="utf-8")
    again, good = run_in(tree, saved), run_in(ROOT, saved)
    assert again.returncode == 1 and "wrong reads, the first: Violation" in again.stderr, again.stderr
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")


BREAKS = (
    ("adaptive", "driver:Driver.reserve", "if buffer.grabs:", "if False:"),
    ("page-mkwrite", "ring:Ring.book", "unread =", "assert record.cause != Cause.FETCH_ERROR\n    unread ="),
    ("page-mkwrite", "ring:Ring.fill", "one, number =", "raise LookupError\n    one, number ="),
    ("bracket", "policy.tracking:Tracked.look", "tracking.damage |= use.pages", "pass"),
    ("adaptive", "grab:Grabs.grab", "waits = yield from releasing(self._grab(buffer, flags, signals), lock)",
     "waits = yield from self._grab(buffer, flags, signals)\n    yield Release(lock)"),
    ("adaptive", "exporter:Exporter._taken_back", "self.driver.policy.written_elsewhere(self.buffer)", "pass"),
    ("adaptive", "exporter:Exporter.begin", "yield from self._bring_back(", "yield from () and self._bring_back("),
    ("adaptive", "exporter:KernelMap._store", "self._driver.policy.unmapped(buffer, pages)", "pass"),
    ("adaptive", "dmabuf:DmaBuf.check_mmap", "if not shared:", "if False:"),
    ("adaptive", "files:FileTable.duplicate", "file.content.get()", "pass"),
    ("adaptive", "page_table:AddressSpace.zap", "in self.mappings:", "in self.mappings[:1]:"),
    ("adaptive", "staging:bands", "min(rows, box.y + box.height - y)", "min(rows, box.y + box.height - y, 2)"),
    ("region", "transfer_object:Transfers.barrier", "fence = yield from self._send(transfer)", "fence = None"),
)
"""Of what only some guests do: policy, place, and the edit there."""


@pytest.mark.parametrize(("policy", "where", "old", "new"), BREAKS, ids=[where for _, where, *_ in BREAKS])
def test_what_guests_do_shows_where_it_is_broken(
    policy: str, where: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grabs, kernel maps, other devices, parts, descriptors, bands and barriers are judged, if not by every seed."""
    apply(Edit(where, old, new), monkeypatch)
    assert any(live(policy, seed, actions=16).failure for seed in range(1, 13))


REFUSALS = {
    "--seed=-1": "SEED=-1 is not possible: use 0 to 2147483647",
    "--seed=abc": "SEED=abc is not possible: use 0 to 2147483647",
    "--accesses=0": "ACCESSES=0 is not possible: use 1 to 1000000000000",
    "--accesses=abc": "ACCESSES=abc is not possible: use 1 to 1000000000000",
    "--accesses=\u00b2": "ACCESSES=\u00b2 is not possible: use 1 to 1000000000000",
    "--jobs=0": "JOBS=0 is not possible: use 1 to 1024",
    "--policy=nosuch": f"unknown POLICY=nosuch: use {', '.join(STRATEGIES)}",
    "--policy=nosuch --sim=icarus": f"unknown POLICY=nosuch: use {', '.join(STRATEGIES)}",
    "--policy=adaptive --sim=nosuch": "unknown simulator SIM=nosuch: use one of verilator, icarus",
}


@pytest.mark.parametrize("words", REFUSALS)
def test_a_word_that_makes_no_sense_to_the_oracle_run_is_refused(words: str) -> None:
    refused = run_in(ROOT, "-X", "utf8", "-m", "tests.system.soak", *words.split())
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", f"error: {REFUSALS[words]}\n")


def test_a_simulator_runs_the_one_policy_that_is_asked_for() -> None:
    ran = run_in(ROOT, "-m", "tests.system.soak", "--sim=icarus", "--policy=adaptive", "--accesses=12")
    assert ran.returncode == 0, ran.stderr
    assert "adaptive" in ran.stdout and "vmwgfx" not in ran.stdout
