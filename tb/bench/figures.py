"""One measured figure, and the errors of those who read or judge figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tb import toml

__all__ = ["BenchError", "Figure", "toml_of"]


class BenchError(Exception):
    """`make bench` cannot go on; the message is one line that says what, where, and the cure."""


@dataclass(frozen=True)
class Figure:
    """What one case gave: `utilization` in data beats a cycle, or `cycles`; the other is None.

    size in bytes, latency (the memory's L) in cycles, width of the bus in bits. `bound` is the most that any engine can
    reach here, None for cycles; `ceiling` is what the alignment of the rows leaves; `refused` counts the cycles in
    which the engine held back read data that it had asked for.
    """

    case: str
    direction: str
    size: int
    latency: int
    width: int
    utilization: float | None = None
    cycles: int | None = None
    bound: float | None = None
    ceiling: float = 1.0
    refused: int = 0

    @property
    def title(self) -> str:
        """The case in words, unique among all: its name in reviewed.json and in complaints."""
        return f"{self.case} {self.direction} S={self.size} L={self.latency} {self.width} bit"

    @property
    def value(self) -> float:
        """Utilization or cycles, whichever it is."""
        value = self.utilization if self.utilization is not None else self.cycles
        if value is None:
            raise BenchError(f"{self.title}: neither utilization nor cycles were measured: see tb/bench/bench.py")
        return value

    @property
    def share(self) -> float:
        """Utilization as a fraction of the bound."""
        return self.value / (self.bound or 1.0)

    def row(self) -> dict[str, Any]:
        """The figure as bench.json has it: without the one of utilization and cycles that it is not."""
        wanted = "utilization" if self.utilization is not None else "cycles"
        kept = ("case", "direction", "size", "latency", "width", wanted, "bound", "ceiling", "refused")
        return {key: value for key, value in asdict(self).items() if key in kept}


def toml_of(path: Path) -> Mapping[str, Any]:
    """A checked-in TOML file. BenchError when it cannot be read."""
    try:
        return toml.load(path)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path.name} cannot be read ({error}): mend it, or restore it from git") from None
