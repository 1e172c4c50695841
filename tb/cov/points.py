r"""Code coverage: reads what Verilator counted, and merges it over runs, widths and instances.

A `coverage.dat` has a line a point: `C '<fields>' <count>`, each field `\x01<key>\x02<value>`. Keys used here: f
the file, l and n line and column, t the kind (line, branch, expr, toggle), o what the point is, S the source lines it
stands for, such as 12-15,17. The instance (h) and the parameters in the page's name are not looked at: a point is the
same at every width and in every instance. Only rtl/ counts.

Line coverage is by source line: it is covered when any line or branch point that stands for it was reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tb.cov.model import CovError
from tb.toolchain import ROOT

__all__ = ["KINDS", "Code", "Place", "read"]

KINDS = ("line", "branch", "expr", "toggle")
"""Kinds of code coverage, as reports list them."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One point: file (relative to the repository), line, column, kind, and what it is.

    A line point of `Code` has column 0 and no text; the other kinds have those of Verilator.
    """

    file: str
    line: int
    column: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.kind} {self.text}".rstrip()


@dataclass
class Code:
    """Counts by point, merged. `runs` is how many files went in."""

    counts: dict[Place, int] = field(default_factory=dict)
    runs: int = 0

    def add(self, counts: Mapping[Place, int]) -> None:
        """Merge one run."""
        self.runs += 1
        for place, count in counts.items():
            self.counts[place] = self.counts.get(place, 0) + count

    def of(self, kind: str) -> dict[Place, int]:
        """The points of a kind."""
        return {place: count for place, count in self.counts.items() if place.kind == kind}


def read(path: Path, root: Path = ROOT) -> dict[Place, int]:
    """Counts of one coverage.dat, of the points in rtl/ alone.

    CovError for a file that is none or was cut short; a simulation that was killed leaves such.
    """
    raw = path.read_bytes()
    if not raw.startswith(b"# SystemC::Coverage-3\n") or not raw.endswith(b"\n"):
        raise CovError(f"{path}: no coverage data of Verilator, or cut short: remove it and run again")
    counts: dict[Place, int] = {}
    prefix = f"{root}/"
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines()[1:], 2):
        fields, quote, count = line.rpartition("' ")
        if not line.startswith("C '") or not quote or not count.isdigit():
            raise CovError(f"{path}:{number}: no coverage point: remove the file and run again")
        keys = dict(pair.partition("\x02")[::2] for pair in fields[3:].split("\x01")[1:])
        file = keys.get("f", "").removeprefix(prefix)
        if not file.startswith("rtl/"):
            continue
        kind, text = keys["t"], keys.get("o", "")
        if kind != "line":
            place = Place(file, int(keys["l"]), int(keys["n"]), kind, text)
            counts[place] = counts.get(place, 0) + int(count)
        if kind in ("line", "branch"):
            for source_line in _lines(keys.get("S", "")):
                place = Place(file, source_line, 0, "line", "")
                counts[place] = max(counts.get(place, 0), int(count))
    return counts


def _lines(ranges: str) -> Iterable[int]:
    """The numbers in a list such as 12-15,17."""
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
