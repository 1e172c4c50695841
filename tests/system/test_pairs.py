"""Every pair of conditions that functional coverage asks for, and what chooses the cases."""

from __future__ import annotations

import random

import pytest

from tb.cov.model import Exclusion, Group, Point
from tb.sim_top import system
from tb.simulation import simulators
from tests.system.pairs import Choice, covering

GROUP = Group(
    "sample",
    "a group to choose from",
    (Point("a", ("1", "2", "3"), ""), Point("b", ("x", "y"), ""), Point("c", ("p", "q", "r"), "")),
    (Exclusion({"a": ("1",), "b": ("x",)}, "cannot be"),),
)


@pytest.mark.parametrize("simulator", simulators())
def test_every_pair_of_conditions(simulator: str) -> None:
    system(simulator).run("tests.system.bench_pairs")


def test_pairs_of_drawings_on_a_wide_bus() -> None:
    system("verilator", data_width=512).run("tests.system.bench_pairs", "drawings")


def test_the_cases_meet_every_pair_that_can_be() -> None:
    def rule(choice: Choice) -> bool:
        return (choice.get("b"), choice.get("c")) != ("y", "r")

    cases = covering(GROUP, [rule], random.Random(3))
    met = {frozenset({(one, case[one]), (other, case[other])}) for case in cases for one in case for other in case}
    wanted = {frozenset(one.values.items()) for one in GROUP.bins() if len(one.values) == 2 and rule(one.values)}
    refused = frozenset({("a", "1"), ("b", "x")})
    assert wanted - met == {refused}
    assert not any({("b", "y"), ("c", "r")} <= set(case.items()) for case in cases)
    assert len(cases) < len(wanted) / 1.5


def test_the_same_seed_chooses_the_same_cases() -> None:
    assert covering(GROUP, [], random.Random(5)) == covering(GROUP, [], random.Random(5))
