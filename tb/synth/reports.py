"""What the tools say, as values: Yosys' counts of cells, nextpnr's report of clock and critical path.

A report that lacks a figure is an error and never a zero: a cell type that is absent is a zero, a count of cells as a
whole that is absent is a report that was not understood.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tb.synth.errors import SynthesisError

__all__ = ["Area", "Path", "Timing", "area_of", "lut_makers", "signal_of", "timing_of"]

_FUNCTION_LEVEL_NS = 0.1
"""A hop through a cell that is shorter only goes on along a carry chain."""
_GENERATED = re.compile(r"_(?:TRELLIS_FF|TRELLIS_DPR16X4|LUT4|CCU2C|PFUMX|L6MUX21|DP16KD|MULT18X18D)(?:_.*)?$")
_OF_SHELL = re.compile(r"\[\d+\]\.(?:flop|link|fold)$")
_LOGIC_CELL = re.compile(r"^  cell \\(?:LUT4|CCU2C) \\?(\S+)", re.MULTILINE)
_BITS = re.compile(r"(?:_\d+|\.\d+|\[\d+\])+$")
_TOO_MANY = 12


@dataclass(frozen=True)
class Area:
    """Cells after mapping: LUT4 besides those in carry pairs and distributed RAM, which stand on their own."""

    lut4: int
    ff: int
    bram: int
    dpr: int
    carry: int
    mult: int

    def __add__(self, other: Area) -> Area:
        pairs = zip(self.counts().values(), other.counts().values(), strict=True)
        return Area(*(mine + theirs for mine, theirs in pairs))

    def counts(self) -> dict[str, int]:
        """Each count by its name."""
        return {
            "lut4": self.lut4,
            "ff": self.ff,
            "bram": self.bram,
            "dpr": self.dpr,
            "carry": self.carry,
            "mult": self.mult,
        }


@dataclass(frozen=True)
class Path:
    """The critical path: cells by the signals they make, first flop to last; LUT and carry levels; nanoseconds."""

    cells: tuple[str, ...]
    levels: int
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class Timing:
    """One place and route: MHz, the path that limits it, logic cells (LUTs of any use) and flops placed."""

    fmax_mhz: float
    path: Path
    comb: int
    ff: int


def area_of(text: str, where: str) -> Area:
    """Read what `stat -json` printed of a flat design; SynthesisError when it has no counts."""
    try:
        kinds = json.loads(text)["design"]["num_cells_by_type"]
        found: Mapping[str, int] = {str(kind): int(count) for kind, count in kinds.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SynthesisError(f"{where}: Yosys' report has no counts of cells: has its format changed?") from None
    if not found:
        raise SynthesisError(f"{where}: no cell is left after synthesis: is it connected to its ports?")
    names = ("LUT4", "TRELLIS_FF", "DP16KD", "TRELLIS_DPR16X4", "CCU2C", "MULT18X18D")
    return Area(*(found.get(name, 0) for name in names))


def lut_makers(netlist: str, most: int = 8) -> list[tuple[str, int]]:
    """The signals for which a netlist in RTLIL has most LUTs and carry cells, and how many: where an area goes."""
    found = Counter(_BITS.sub("", signal_of(name)) for name in _LOGIC_CELL.findall(netlist))
    return found.most_common(most)


def timing_of(text: str, where: str) -> Timing:
    """Read nextpnr's JSON report of a design with one clock; SynthesisError naming the figure it lacks."""
    try:
        report = json.loads(text)
    except ValueError:
        raise SynthesisError(f"{where}: nextpnr's report is no JSON: run make synth again") from None
    clocks = _wanted(report, "fmax", where)
    if len(clocks) != 1:
        raise SynthesisError(f"{where}: nextpnr reports {len(clocks)} clocks, must be 1: does a block make a clock?")
    achieved = _wanted(next(iter(clocks.values())), "achieved", where)
    used = _wanted(report, "utilization", where)
    return Timing(
        fmax_mhz=round(float(achieved), 2),
        path=_path_of(_wanted(report, "critical_paths", where), where),
        comb=int(_wanted(_wanted(used, "TRELLIS_COMB", where), "used", where)),
        ff=int(_wanted(_wanted(used, "TRELLIS_FF", where), "used", where)),
    )


def _wanted(report: Any, name: str, where: str) -> Any:
    if not isinstance(report, dict) or name not in report:
        raise SynthesisError(f"{where}: nextpnr's report lacks {name}: has its format changed?")
    return report[name]


def _path_of(paths: Any, where: str) -> Path:
    """Of the paths from clock to clock the longest."""
    def length(steps: Any) -> float:
        return sum(float(step["delay"]) for step in steps)

    try:
        inner = [path["path"] for path in paths if path["from"][:7] == path["to"][:7] == "posedge"]
        steps = max(inner, key=length)
        cells: list[str] = []
        for step in steps:
            name = signal_of(str(step["to"]["cell"]))
            if not cells or cells[-1] != name:
                cells.append(name)
        hops = [step for step in steps if step["type"] == "logic" and step["delay"] > _FUNCTION_LEVEL_NS]
        routing = sum(float(step["delay"]) for step in steps if step["type"] == "routing")
        return Path(_shortened(cells), len(hops), round(length(steps) - routing, 2), round(routing, 2))
    except (ValueError, KeyError, TypeError):
        raise SynthesisError(f"{where}: nextpnr's report lacks a path between flops: has its format changed?") from None


def signal_of(cell: str) -> str:
    """The signal after which a cell is named: `u_box.offset_o_LUT4_Z_9` is `u_box.offset_o`.

    A flop of the shell is the port that it serves: `from_box_x_i[3].flop` is `from_box_x_i`.
    """
    cell = "carry" if cell.startswith("$nextpnr_CCU2C") else cell
    return _OF_SHELL.sub("", _GENERATED.sub("", cell.split("$")[0]))


def _shortened(cells: list[str]) -> tuple[str, ...]:
    """At most a dozen cells: the first and the last ones, with what was left out counted between them."""
    if len(cells) <= _TOO_MANY:
        return tuple(cells)
    half = _TOO_MANY // 2
    return (*cells[:half], f"{len(cells) - 2 * half} more", *cells[-half:])
