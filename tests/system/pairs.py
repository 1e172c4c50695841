"""Chooses few cases that meet every pair of conditions of a coverage group, from the group's own declaration.

A greedy covering array: each case begins with a pair that none has met, and takes for every other point the bin that
meets most pairs still open. What a case cannot be made of is said by rules, beside what the group excludes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from tb.cov.model import Group

__all__ = ["Choice", "Rule", "covering"]

Choice = Mapping[str, str]
"""{point: bin}."""
Rule = Callable[[Choice], bool]
"""Whether a choice for some of the points may stand; a rule must not refuse for a point that is not chosen yet."""

_TRIES = 12


def _pairs(choice: Choice) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(pair) for pair in combinations(choice.items(), 2)}


def covering(
    group: Group, rules: Sequence[Rule], rng: random.Random, *, only: Callable[[Choice], bool] = lambda values: True
) -> list[Choice]:
    """Cases that together meet every pair of the group's bins that the rules let be.

    only: which pairs are wanted.  Points without a bin that may stand beside the others are left out of a case.
    """
    points = {point.name: point.bins for point in group.points}

    def allowed(choice: Choice) -> bool:
        return group.allows(choice) and all(rule(choice) for rule in rules)

    wanted = {
        frozenset(one.values.items())
        for one in group.bins()
        if len(one.values) == 2 and allowed(one.values) and only(one.values)
    }
    cases: list[Choice] = []
    for pair in sorted(wanted, key=sorted):
        if pair not in wanted:
            continue
        best: Choice = {}
        most = 0
        for _ in range(_TRIES):
            choice = dict(pair)
            rest = [name for name in points if name not in choice]
            rng.shuffle(rest)
            for name in rest:
                fitting = [value for value in points[name] if allowed({**choice, name: value})]
                if fitting:
                    gains = {
                        value: sum(frozenset({(name, value), other}) in wanted for other in choice.items())
                        for value in fitting
                    }
                    top = max(gains.values())
                    choice[name] = rng.choice([value for value in fitting if gains[value] == top])
            gain = len(_pairs(choice) & wanted)
            if gain > most:
                best, most = choice, gain
        cases.append({name: best[name] for name in points if name in best})
        wanted -= _pairs(best)
    return cases
