"""Whether the figures are good enough: floors.toml says what they must reach, reviewed.json what they last were.

Cycles are the same in every run, so both bite without allowance for noise.  floors.toml is written by hand, from what
the engine is meant to reach; reviewed.json by `make bench UPDATE=1`, after somebody looked at the figures.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tb.bench.cases import DIRECTIONS
from tb.bench.figures import BenchError, Figure, toml_of

__all__ = ["FLOORS", "REVIEWED", "Floor", "Floors", "floors_of", "judged", "reviewed_of", "update"]

FLOORS = Path(__file__).parent / "floors.toml"
REVIEWED = Path(__file__).parent / "reviewed.json"
SLACK = 0.002
"""Share by which a short run may pass its bound: what is fetched together with its first descriptor comes before it."""
_NARROW = 64
_KEYS = {"case", "direction", "size", "latency", "least", "of", "most"}
_OF = ("bound", "ceiling", "bus")


@dataclass(frozen=True)
class Floor:
    """One [[floor]] of floors.toml; empty `sizes` and `latencies` and direction "" stand for all."""

    case: str
    direction: str
    sizes: tuple[int, ...]
    latencies: tuple[int, ...]
    least: float | None
    of: str
    most: int | None

    def concerns(self, figure: Figure) -> bool:
        """Whether the floor says anything about this figure, its width aside."""
        return (
            figure.case == self.case
            and self.direction in ("", figure.direction)
            and (not self.sizes or figure.size in self.sizes)
            and (not self.latencies or figure.latency in self.latencies)
        )


@dataclass(frozen=True)
class Floors:
    """All of floors.toml: the floors, how they carry over to wider buses, and how far a figure may drift."""

    floors: tuple[Floor, ...]
    wide_size: int
    wide_share: float
    drift: float

    def limit(self, figure: Figure) -> float | None:
        """The least utilization, or the most cycles, that floors.toml allows this figure; None where it is silent."""
        wide = figure.width != _NARROW
        for floor in self.floors:
            if not floor.concerns(figure) or (wide and figure.size < self.wide_size):
                continue
            if floor.least is None:
                return floor.most
            whole = {"bound": figure.bound or 1.0, "ceiling": figure.ceiling, "bus": 1.0}[floor.of]
            return floor.least * whole * (self.wide_share if wide else 1.0)
        return None


def floors_of(path: Path = FLOORS) -> Floors:
    """Read floors.toml. BenchError, in one line, for an unknown or missing key or a value that makes no sense."""
    content = toml_of(path)
    _check(path, "", content, {"drift", "wide", "floor"})
    wide = content["wide"] if isinstance(content["wide"], Mapping) else {}
    _check(path, "wide: ", wide, {"size", "share"})
    for said, value in (("drift", content["drift"]), ("wide.share", wide["share"])):
        if not _number(value) or not 0 < value <= 1:
            raise BenchError(f"{path.name}: {said} = {value!r}: give a number above 0, up to 1")
    if not isinstance(content["floor"], list) or not _whole([wide["size"]]):
        raise BenchError(f"{path.name}: give [[floor]] tables, and wide.size in bytes")
    floors = tuple(_floor(path, number, row) for number, row in enumerate(content["floor"], 1))
    return Floors(floors, wide["size"], wide["share"], content["drift"])


def _check(path: Path, where: str, found: Mapping[str, Any], known: Collection[str]) -> None:
    for key in found:
        if key not in known:
            raise BenchError(f"{path.name}: {where}unknown key {key!r}: use {', '.join(sorted(known))}")
    for key in sorted(known):
        if key not in found:
            raise BenchError(f"{path.name}: {where}{key} is missing: give it")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value > 0 for value in values)


def _floor(path: Path, number: int, row: Mapping[str, Any]) -> Floor:
    where = f"{path.name}: floor {number}"
    for key in row:
        if key not in _KEYS:
            raise BenchError(f"{where}: unknown key {key!r}: use {', '.join(sorted(_KEYS))}")
    where += f" ({row.get('case', 'no case')})"
    if not isinstance(row.get("case"), str) or row.get("direction", "readback") not in DIRECTIONS:
        raise BenchError(f"{where}: give case, a name, and direction as readback or writeback")
    if not _whole(row.get("size", [])) or not _whole(row.get("latency", [])):
        raise BenchError(f"{where}: size and latency are lists of whole numbers above 0")
    least, most = row.get("least"), row.get("most")
    if (least is None) == (most is None) or (least is None) != ("of" not in row):
        raise BenchError(f"{where}: give either least and of, or most")
    if least is not None and (not _number(least) or not 0 < least <= 1 or row["of"] not in _OF):
        raise BenchError(f"{where}: least is a number above 0, up to 1, and of one of {', '.join(_OF)}")
    if most is not None and not _whole([most]):
        raise BenchError(f"{where}: most is a whole number of cycles above 0")
    sizes, latencies = tuple(row.get("size", [])), tuple(row.get("latency", []))
    return Floor(row["case"], row.get("direction", ""), sizes, latencies, least, row.get("of", ""), most)


def reviewed_of(path: Path = REVIEWED) -> dict[str, float]:
    """The last reviewed figures by title. BenchError when they cannot be read; empty when there are none yet."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path.name} cannot be read ({error}): write it anew with make bench UPDATE=1") from None
    if not isinstance(found, dict) or not all(_number(value) and value >= 0 for value in found.values()):
        raise BenchError(f"{path.name}: not titles with numbers: write it anew with make bench UPDATE=1")
    return found


def update(figures: Sequence[Figure], path: Path = REVIEWED) -> None:
    """Make these the reviewed figures of their widths; those of other widths stay."""
    widths = tuple(f" {width} bit" for width in {figure.width for figure in figures})
    try:
        earlier = reviewed_of(path)
    except BenchError:
        earlier = {}
    kept = {title: value for title, value in earlier.items() if not title.endswith(widths)}
    lines = {**kept, **{figure.title: figure.value for figure in figures}}
    text = ",\n".join(f"  {json.dumps(title)}: {json.dumps(lines[title])}" for title in sorted(lines, key=_order))
    path.write_text("{\n" + text + "\n}\n", encoding="utf-8")


def _order(title: str) -> list[tuple[int, str]]:
    """Titles by width, then word by word, with numbers as numbers."""
    words = title.replace("=", " ").split()
    return [(int(word), "") if word.isdigit() else (-1, word) for word in (words[-2], *words)]


def judged(figures: Iterable[Figure], floors: Floors, reviewed: Mapping[str, float]) -> list[str]:
    """Each way in which a figure is not good enough, as a line that names case, figure and floor."""
    found = []
    for figure in figures:
        limit, last, value = floors.limit(figure), reviewed.get(figure.title), figure.value
        said = f"{figure.title}: "
        if figure.cycles is not None:
            if limit is not None and value > limit:
                found.append(f"{said}{value} cycles, at most {limit:g} allowed")
            if last is not None and value > last * (1 + floors.drift):
                found.append(f"{said}{value} cycles, {last:g} when last reviewed")
        else:
            if limit is not None and value < limit:
                found.append(f"{said}{value:.4f} is below its floor of {limit:.4f}")
            if last is not None and value < last * (1 - floors.drift):
                found.append(f"{said}{value:.4f}, {last:.4f} when last reviewed")
            if figure.share > 1 + SLACK:
                found.append(f"{said}{value:.4f} is above its bound of {figure.bound}: one of them is wrong")
        if last is None:
            found.append(f"{said}never reviewed: look at it, then make bench UPDATE=1")
        if figure.refused:
            found.append(f"{said}read data held back in {figure.refused} cycles")
    return found
