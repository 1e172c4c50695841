"""What a proof consists of, as values: its properties, how far they are proved, and the broken twins that must fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tb.toolchain import ROOT, SimulationError, closure

__all__ = ["FOLDER", "FormalError", "Method", "Proof", "Task", "Twin", "mutated"]

FOLDER = ROOT / "tests" / "formal"
"""Where the wrappers with the properties are."""


class FormalError(SimulationError):
    """A proof could not be run, or did not come out as it must.  One line: the cause and the cure."""


class Method(str, Enum):
    """How a proof is closed."""

    INDUCTION = "k-induction"
    """For ever; `depth` is k."""
    PDR = "pdr"
    """For ever, by property-directed reachability: no invariant is written by hand."""
    BMC = "bmc"
    """For the first `depth` cycles after power-up; the proof says why that is enough."""


@dataclass(frozen=True)
class Twin:
    """The design with one fault, made by an exact replacement in one file of rtl/.  The proof must fail on it."""

    name: str
    """What the fault does."""
    file: str
    """Name in rtl/."""
    old: str
    new: str
    depth: int = 0
    """Cycles within which the fault shows; 0: the proof's own."""


@dataclass(frozen=True)
class Proof:
    """One promise: a wrapper in tests/formal, the parameters it is proved for, its method and its twins."""

    name: str
    claim: str
    """What is proved, in a few words."""
    method: Method
    depth: int
    """k of an induction, cycles of a BMC; of a PDR the cycles in which twins are looked at."""
    twins: tuple[Twin, ...]
    configurations: tuple[Mapping[str, int], ...] = ({},)
    """Parameters of the wrapper, one proof each; covers and twins use the first."""
    cover_depth: int = 30
    """Cycles within which every cover is reached."""
    bound: str = ""
    """Of a BMC: why the depth is enough."""
    wrapper: str = ""
    """The wrapper is <wrapper>_proof; <name>_proof unless told."""
    engine: str = ""
    """sby's engine line where it is not the method's usual one."""
    abstract: tuple[str, ...] = ()
    """Modules replaced by what another proof has shown of them: tests/formal/abstract/<module>.sv instead of rtl/."""

    def __post_init__(self) -> None:
        """A proof without a twin, or a bounded one without a reason, is not one."""
        if not self.twins:
            raise ValueError(f"proof {self.name}: needs at least one broken twin")
        if (self.method is Method.BMC) != bool(self.bound):
            raise ValueError(f"proof {self.name}: a BMC, and only a BMC, says why its depth is enough")

    @property
    def top(self) -> str:
        """The wrapper's module, also the name of its file."""
        return f"{self.wrapper or self.name}_proof"

    def sources(self) -> list[Path]:
        """The wrapper and everything it instantiates; FormalError when the wrapper is missing."""
        try:
            stand_ins = [FOLDER / "abstract" / f"{name}.sv" for name in self.abstract]
            return closure(self.top, [*sorted(FOLDER.glob("*.*v")), *stand_ins])
        except SimulationError as error:
            raise FormalError(f"proof {self.name}: {error}") from error

    def tasks(self) -> list[Task]:
        """Everything to run for this proof: each configuration, the covers, each twin."""
        many = len(self.configurations) > 1
        proofs = [
            Task(self, "prove", ", ".join(f"{key} {value}" for key, value in each.items()) if many else "", each)
            for each in self.configurations
        ]
        first = self.configurations[0]
        return [*proofs, Task(self, "cover", "", first), *(Task(self, "twin", t.name, first, t) for t in self.twins)]


@dataclass(frozen=True)
class Task:
    """One run of the prover: a configuration is proved, the covers are reached, or a twin is seen to fail."""

    proof: Proof
    kind: str
    """prove, cover or twin."""
    what: str
    """Which configuration or twin."""
    parameters: Mapping[str, int]
    twin: Twin | None = None

    @property
    def title(self) -> str:
        """For the reader: the proof, the kind and which one."""
        return " ".join(filter(None, [self.proof.name, self.kind, f"({self.what})" if self.what else ""]))


def mutated(twin: Twin, text: str) -> str:
    """The text of `twin.file` with the fault; FormalError unless the text to replace is there exactly once."""
    found = text.count(twin.old)
    if found != 1 or twin.old == twin.new:
        where = "is not there" if found == 0 else f"is there {found} times" if found > 1 else "is not changed"
        raise FormalError(
            f"rtl/{twin.file}: twin '{twin.name}' replaces {twin.old!r}, which {where}: "
            "bring the twin in tb/formal/catalogue.py up to date with the design"
        )
    return text.replace(twin.old, twin.new)
