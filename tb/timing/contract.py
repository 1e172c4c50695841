"""The contract: budgets of time that a scenario keeps, from a TOML file, and what breaks them.

    [budget.page_readback_4k]
    scenario = "page_readback"          # of tb/timing/scenarios.py
    operation = "descriptor.readback"   # kind of operation whose cycles are limited
    part = "transfer"                   # of it; the whole operation unless told
    latency = 13                        # of the memory, in cycles; width in bits and stall in percent as well
    p99_cycles = 600                    # median, p95, p99 or max, in cycles or ns: what is measured may not exceed it
    worst_stall_cycles = 90             # the longest wait of the run, of the cause that `stall_of` names, or of any
    min_utilization = 0.5               # data beats a cycle of DMA

Whatever is not understood is an error with file and key: a budget that silently limits nothing is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from models.layout import Opcode
from tb import toml
from tb.clocking import PERIOD_NS
from tb.timing.bounds import LATENCY_RANGE, STALL_RANGE, Memory
from tb.timing.figures import Run
from tb.timing.operations import KINDS, PARTS, Life, Operation
from tb.timing.scenarios import SCENARIOS
from tb.toolchain import WIDTHS
from tb.trace import Stall

__all__ = ["QUANTILES", "Budget", "ContractError", "Limit", "Verdict", "contract_of", "judged"]

QUANTILES = ("median", "p95", "p99", "max")
"""Of an operation's cycles, those that a budget limits."""
UNITS = {"cycles": 1, "ns": PERIOD_NS}
"""What one cycle is in each unit."""
OPERATIONS = (*(kind for kind in KINDS if kind != "descriptor"), *(f"descriptor.{one.name.lower()}" for one in Opcode))
STALLS = tuple(one.name.lower() for one in Stall)

_WORST, _LEAST = "worst_stall", "min_utilization"
_TIMES = tuple(f"{name}_{unit}" for name in (*QUANTILES, _WORST) for unit in UNITS)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "scenario": tuple(SCENARIOS),
    "operation": OPERATIONS,
    "part": PARTS,
    "stall_of": STALLS,
}
_MEMORY: Mapping[str, tuple[int, int]] = {
    "latency": LATENCY_RANGE,
    "width": (WIDTHS[0], WIDTHS[-1]),
    "stall": STALL_RANGE,
}
_KEYS = (*_WORDS, *_MEMORY, *_TIMES, _LEAST)


class ContractError(Exception):
    """A contract that cannot be understood. One line: file, key, and the cure."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One key of a budget: `value` in `unit`, "" for a share."""

    key: str
    what: str
    unit: str
    value: float


@dataclass(frozen=True, slots=True)
class Budget:
    """One [budget.NAME]; operation, part and stall_of are "" where the file has none."""

    name: str
    scenario: str
    memory: Memory
    operation: str
    part: str
    stall_of: str
    limits: tuple[Limit, ...]

    def concerns(self, run: Run) -> bool:
        """Whether the run is the one that the budget speaks of."""
        return run.scenario == self.scenario and run.memory == self.memory


def contract_of(path: Path) -> tuple[Budget, ...]:
    """Read a contract.  ContractError for the first thing in it that is wrong."""
    try:
        found = toml.load(path)
    except OSError as error:
        raise ContractError(f"{path}: cannot be read ({error.strerror}): name a file with CONTRACT=") from None
    except ValueError as error:
        raise ContractError(f"{path}: no TOML: {error}") from None
    for key in found:
        if key != "budget":
            raise ContractError(f"{path}: {key}: unknown key: budgets stand in [budget.NAME]")
    budgets = found.get("budget", {})
    if not isinstance(budgets, Mapping) or not budgets:
        raise ContractError(f"{path}: budget: there is none: write [budget.NAME]")
    return tuple(_budget(path, name, facts) for name, facts in budgets.items())


def _budget(path: Path, name: str, facts: Any) -> Budget:
    where = f"{path}: budget.{name}"
    if not isinstance(facts, Mapping):
        raise ContractError(f"{where}: no table: write [budget.{name}]")
    for key in facts:
        if key not in _KEYS:
            _refuse(where, key)
    words = {}
    for key, allowed in _WORDS.items():
        word = words[key] = facts.get(key, "")
        if key in facts and word not in allowed:
            raise ContractError(f"{where}.{key}: unknown {key} {word!r}: use {', '.join(allowed)}")
    if not words["scenario"]:
        raise ContractError(f"{where}.scenario: missing: use {', '.join(SCENARIOS)}")
    memory = {}
    for key, (least, most) in _MEMORY.items():
        if key in facts:
            memory[key] = int(_number(f"{where}.{key}", facts[key], least, most, whole=True))
    if memory.get("width", Memory().width) not in WIDTHS:
        known = ", ".join(map(str, WIDTHS))
        raise ContractError(f"{where}.width: {memory['width']} is no width of the bus: use {known}")
    limits = []
    for key in facts:
        if key in _TIMES:
            what, _, unit = key.rpartition("_")
            limits.append(Limit(key, what, unit, _number(f"{where}.{key}", facts[key], 0, 1e12)))
        elif key == _LEAST:
            limits.append(Limit(key, _LEAST, "", _number(f"{where}.{key}", facts[key], 0, 2)))
    if not limits:
        raise ContractError(f"{where}: limits nothing: give one of {', '.join((*_TIMES, _LEAST))}")
    timed = any(limit.what in QUANTILES for limit in limits)
    for key, needed in (("operation", timed), ("stall_of", any(limit.what == _WORST for limit in limits))):
        if words[key] and not needed:
            raise ContractError(f"{where}.{key}: nothing is limited of it")
    if timed and not words["operation"]:
        raise ContractError(f"{where}.operation: missing: use {', '.join(OPERATIONS)}")
    if words["part"] and not words["operation"]:
        raise ContractError(f"{where}.part: of which operation? use {', '.join(OPERATIONS)}")
    return Budget(
        name, words["scenario"], Memory(**memory), words["operation"], words["part"], words["stall_of"], tuple(limits)
    )


def _refuse(where: str, key: str) -> None:
    what, _, unit = key.rpartition("_")
    if what in (*QUANTILES, _WORST):
        raise ContractError(f"{where}.{key}: unknown unit {unit!r}: use {' or '.join(UNITS)}")
    near = [one for one in _TIMES if one.startswith(f"{key}_")] or get_close_matches(key, _KEYS, 2, 0.8)
    raise ContractError(f"{where}.{key}: unknown key: use {' or '.join(near) or ', '.join(_KEYS)}")


def _number(where: str, value: object, least: float, most: float, whole: bool = False) -> float:
    right = isinstance(value, int) if whole else isinstance(value, int | float)
    if not right or isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise ContractError(f"{where}: {value!r} makes no sense: give {kind} from {least:g} to {most:g}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit of a budget beside what a run measured.

    what: the measured figure in words.  measured, bound: in the limit's unit, None where nothing was measured; a bound
    of 0 is none.  worst: the operation that took longest or wasted most, None where no single one did.
    """

    budget: Budget
    limit: Limit
    run: Run
    what: str
    measured: float | None
    bound: float | None
    worst: Operation | None

    @property
    def broken(self) -> bool:
        """Whether the budget is exceeded, or nothing was measured."""
        if self.measured is None:
            return True
        return self.measured < self.limit.value if self.limit.what == _LEAST else self.measured > self.limit.value

    @property
    def told(self) -> str:
        """One line: budget, measured value, limit, bound, the worst offender's tag, and the command that shows it."""
        if self.measured is None:
            return f"budget.{self.budget.name}: {self.run.title} has no {self.budget.operation}: nothing was measured"
        bound = _value(self.bound, self.limit.unit) if self.bound else "none: it need not wait for the memory"
        told = f"budget.{self.budget.name}: {self.what} is {_value(self.measured, self.limit.unit)}, "
        told += f"{self.limit.key} = {self.limit.value:g}, bound {bound}"
        worst = self.worst
        if worst is None:
            return f"{told}; see make timing {self.run.title}"
        tags = ", ".join(map(str, worst.tags))
        who = f"tag {tags} of queue {worst.queue}" if worst.tags else f"{worst.kind} without a descriptor"
        part = self.budget.part
        long = f"{worst.parts[part]} of its {worst.cycles} cycles" if part else f"{worst.cycles} cycles"
        return f"{told}; worst: {who}, {long}; see make timing {self.run.title} OPERATION={worst.number}"


def _value(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit else f"{value:.3f}"


def judged(budgets: Iterable[Budget], runs: Iterable[Run]) -> list[Verdict]:
    """Every limit of every budget on the run that it speaks of, kept or broken; none for a run that is not there."""
    runs = list(runs)
    return [
        _judged(budget, limit, run)
        for budget in budgets
        for run in runs
        if budget.concerns(run)
        for limit in budget.limits
    ]


def _judged(budget: Budget, limit: Limit, run: Run) -> Verdict:
    if limit.what == _LEAST:
        use = run.facts["utilization"]
        return Verdict(budget, limit, run, "utilization", use["share"], use["bound"], _idlest(run))
    scale = UNITS[limit.unit]
    if limit.what == _WORST:
        stalls = {
            cause: {**one["worst"], "bound": one["bound"]["worst"]}
            for cause, one in run.facts["stalls"].items()
            if budget.stall_of in ("", cause)
        }
        if not stalls:
            return Verdict(budget, limit, run, f"the longest stall by {budget.stall_of or 'anything'}", 0, 0, None)
        cause, stall = max(stalls.items(), key=lambda one: int(one[1]["cycles"]))
        what = f"the longest stall, by {cause},"
        return Verdict(budget, limit, run, what, stall["cycles"] * scale, stall["bound"] * scale, _around(run, stall))
    what = f"{limit.what} of {budget.operation}{' ' * bool(budget.part)}{budget.part}"
    mine = [one for one in run.operations if one.kind == budget.operation]
    if not mine:
        return Verdict(budget, limit, run, what, None, None, None)
    facts = run.facts["kinds"][budget.operation]
    measured = (facts["parts"][budget.part] if budget.part else facts["total"])[limit.what] * scale
    bounds = facts["bound"]["parts"].get(budget.part, {}) if budget.part else facts["bound"]["total"]
    bound = bounds.get(limit.what, 0)
    worst = max(mine, key=lambda one: (one.parts[budget.part] if budget.part else one.cycles, -one.number))
    return Verdict(budget, limit, run, what, measured, bound * scale, worst)


def _idlest(run: Run) -> Operation | None:
    """The descriptor whose data were under way for the most cycles without a beat."""
    moving = [one for one in run.operations if not one.task and one.lives[0].data]
    return max(moving, key=lambda one: (_idle(one.lives[0]), -one.number), default=None)


def _idle(life: Life) -> int:
    data = life.data
    return data[-1][3] + 1 - data[0][0] - sum(burst.beats for burst in life.bursts)


def _around(run: Run, stall: Mapping[str, int]) -> Operation | None:
    """The descriptor that a stall kept waiting; None where no descriptor has its tag."""
    mine = [
        one
        for one in run.operations
        if one.queue == stall["queue"]
        and one.tags == (stall["tag"],)
        and one.kind.startswith("descriptor.")
        and one.begin <= stall["end"]
    ]
    return mine[-1] if mine else None
