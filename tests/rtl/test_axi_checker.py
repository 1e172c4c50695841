"""The checkers of AXI4 and AXI4-Lite are silent about a good port and notice every rule that is broken, by its name."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tb.axi_rules import AXI_RULES, AXIL_RULES, needs_four_states
from tb.simulation import Simulation, simulators
from tests.rtl import bench_axi_checker, bench_axil_checker

PAGE = Path(__file__).resolve().parents[2] / "docs" / "axi-checker.md"


def printed(log: Path) -> set[str]:
    """The rules whose first breach the simulator has printed."""
    return set(re.findall(r"Error: (AXIL?_\w+) broken", log.read_text(encoding="utf-8")))


def seen_by(simulator: str, rules: tuple[str, ...]) -> set[str]:
    """Verilator knows no X."""
    return {rule for rule in rules if simulator != "verilator" or not needs_four_states(rule)}


@pytest.mark.parametrize("simulator", simulators())
def test_the_checker_notices_every_rule_and_nothing_else(simulator: str) -> None:
    built = {"DATA_W": 8 * bench_axi_checker.BYTES, "DEPTH": bench_axi_checker.DEPTH}
    outcome = Simulation("axi_checker", simulator, built).run("tests.rtl.bench_axi_checker")
    assert len(outcome.results) == 2
    assert printed(outcome.log) == seen_by(simulator, AXI_RULES)


@pytest.mark.parametrize("simulator", simulators())
def test_the_csr_checker_notices_every_rule_and_nothing_else(simulator: str) -> None:
    outcome = Simulation("axil_checker", simulator).run("tests.rtl.bench_axil_checker")
    assert len(outcome.results) == 2
    assert printed(outcome.log) == seen_by(simulator, AXIL_RULES)


def test_every_rule_has_a_twin_and_every_twin_a_rule() -> None:
    assert sorted(bench_axi_checker.TWINS) == sorted(AXI_RULES)
    assert sorted(bench_axil_checker.TWINS) == sorted(AXIL_RULES)


def expanded(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for."""
    parts = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]*\}|[^{}]+", pattern)]
    return ["".join(chosen) for chosen in itertools.product(*parts)]


def test_the_page_lists_every_rule_once_and_counts_them() -> None:
    named: list[str] = []
    for row in re.findall(r"^\| .* \| `.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        _, _, axi, axil, patterns = row.split(" | ")
        rules = [name for pattern in re.findall(r"`(\S+)`", patterns) for name in expanded(pattern)]
        lite = sum(rule.startswith("AXIL_") for rule in rules)
        assert (axi, axil) == (str(len(rules) - lite), str(lite or "-")), row
        named += rules
    assert sorted(named) == sorted((*AXI_RULES, *AXIL_RULES))
