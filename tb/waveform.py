"""Waveforms of the host bus as SVG, from what a simulator recorded: the pins as they were, cycle by cycle.

A row a signal.  Where VALID is high it is filled and says whose the burst is: strongly in the cycles that READY is high
too, which transfer something, and faintly where it waits.  WLAST is shown with WVALID only.  Stretches in which nothing
shown changes are cut out of the picture, at the zigzag; the numbers are cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pywellen

from models.engine import Queue
from models.layout import Address, QueueOffset, queue_address
from tb.clocking import PERIOD_NS

__all__ = ["SIGNALS", "Samples", "drawn", "sampled"]

Samples: TypeAlias = dict[str, npt.NDArray[np.int64]]
"""Values of signals, one a cycle."""

_READS = ("data", "ring", "ring", "table")
_WRITES = ("data", "record")
_REGISTERS = {int(one): one.name for one in Address}
_REGISTERS |= {queue_address(queue, one): one.name for queue in Queue for one in QueueOffset}


@dataclass(frozen=True, slots=True)
class _Row:
    """name; the signal that is high or low; READY beside it or ""; what the filled part is labelled by, and how."""

    name: str
    level: str
    ready: str = ""
    label: str = ""
    words: Callable[[int], str] = str


def _of(names: tuple[str, ...]) -> Callable[[int], str]:
    return lambda number: names[number] if number < len(names) else f"ID {number}"


def _register(address: int) -> str:
    return _REGISTERS.get(address, f"{address:#x}")


_ROWS = (
    _Row("register write", "awvalid", "s_axil_awready", "awaddr", _register),
    _Row("ARVALID", "m_axi_arvalid", "m_axi_arready", "m_axi_arid", _of(_READS)),
    _Row("ARREADY", "m_axi_arready"),
    _Row("RVALID", "m_axi_rvalid", "m_axi_rready", "m_axi_rid", _of(_READS)),
    _Row("RREADY", "m_axi_rready"),
    _Row("AWVALID", "m_axi_awvalid", "m_axi_awready", "m_axi_awid", _of(_WRITES)),
    _Row("AWREADY", "m_axi_awready"),
    _Row("WVALID", "m_axi_wvalid", "m_axi_wready"),
    _Row("WREADY", "m_axi_wready"),
    _Row("WLAST", "m_axi_wlast"),
    _Row("BVALID", "m_axi_bvalid", "m_axi_bready", "m_axi_bid", _of(_WRITES)),
    _Row("interrupt", "irq"),
)
SIGNALS = tuple(dict.fromkeys(name for row in _ROWS for name in (row.level, row.ready, row.label) if name))
"""Signals of sim_top that a waveform needs."""

_LEFT, _TALL, _HIGH, _KEPT, _GAP = 104, 20, 13, 4, 18
"""Pixels left of the waves, of a row, of a high level; cycles kept on each side of a cut; pixels of a cut."""
_STYLE = """
text { font: 11px system-ui, sans-serif; fill: #57606c } .in { font-size: 9px; fill: #fff }
path { fill: none; stroke: #1b1f24; stroke-width: 1.2 } .go { fill: #2f7fd0 } .wait { fill: #2f7fd0; opacity: .3 }
.grid { stroke: #d5dae1; stroke-width: 1 } .cut { stroke: #b3261e; stroke-width: 1 } rect.back { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #a0aab7 } path { stroke: #e3e7ec } .grid { stroke: #373f4a }
.cut { stroke: #ff8a80 } rect.back { fill: #14171c } .in { fill: #fff } }
"""


def sampled(file: Path, begin: int, end: int) -> Samples:
    """Each of SIGNALS in the cycles [begin, end), as the clock edge that ends the cycle finds it.

    ValueError when the file lacks one of them, or one is neither 0 nor 1 in all bits.
    """
    found = {one.full_name.rpartition(".")[2]: one for one in pywellen.Waveform(str(file)).all_vars()
             if one.full_name.count(".") == 1}  # fmt: skip
    missing = [name for name in SIGNALS if name not in found]
    if missing:
        raise ValueError(f"{file} has no signal {', '.join(missing)} of sim_top")
    edges = (PERIOD_NS // 2 + PERIOD_NS * np.arange(begin, end, dtype=np.int64)) * 1000
    values: Samples = {}
    for name in SIGNALS:
        changes = [(int(at), value) for at, value in found[name].signal]
        times = np.array([at for at, _ in changes], np.int64)
        places = np.searchsorted(times, edges, side="left") - 1
        seen = [changes[place][1] if place >= 0 else None for place in places.tolist()]
        if not all(isinstance(value, int) for value in seen):
            raise ValueError(f"{name} is unknown in a cycle from {begin} to {end} of {file}")
        values[name] = np.array(seen, np.int64)
    return values


def drawn(title: str, values: Samples, zero: int) -> str:
    """The waveform as SVG; the first sample is of cycle -zero of those that the picture counts."""
    values = {**values, "m_axi_wlast": values["m_axi_wlast"] & values["m_axi_wvalid"]}
    count = len(values[SIGNALS[0]])
    kept = _kept(values, count)
    scale = min(9.0, max(2.5, 1200 / len(kept)))
    places, cuts, at = {}, [], float(_LEFT)
    for before, cycle in zip([kept[0] - 1, *kept], kept, strict=False):
        if cycle != before + 1:
            cuts.append(at + _GAP / 2)
            at += _GAP
        places[cycle] = at
        at += scale
    width, height = at + 70, 30 + _TALL * len(_ROWS)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" width="{width:g}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style>',
        f'<rect class="back" width="{width:g}" height="{height}"/>',
        *_ruler(kept, places, zero, height),
    ]
    for number, row in enumerate(_ROWS):
        lines += _row(row, values, kept, places, scale, 24 + _TALL * number)
    for x in cuts:
        points = " ".join(f"L{x + (3 if step % 2 else -3):g} {24 + 4 * step}" for step in range((height - 34) // 4))
        lines.append(f'<path class="cut" d="M{x:g} 22 {points}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _kept(values: Samples, count: int) -> list[int]:
    """Cycles that are shown: those near a change of a signal, and what would be cut for nothing."""
    shown = np.zeros(count, np.bool_)
    for row in _ROWS:
        level = values[row.level]
        changed = np.flatnonzero(np.diff(level) != 0) + 1
        if row.label:  # a label matters only where there is something to label
            labels = np.where(level == 1, values[row.label], -1)
            changed = np.union1d(changed, np.flatnonzero(np.diff(labels) != 0) + 1)
        for cycle in changed.tolist():
            shown[max(0, cycle - _KEPT) : cycle + _KEPT] = True
    shown[:2] = shown[-2:] = True
    hidden = np.flatnonzero(np.diff(np.concatenate([[1], shown, [1]]).astype(np.int8)))
    for first, last in zip(hidden[::2].tolist(), hidden[1::2].tolist(), strict=True):
        if last - first <= 2 * _KEPT:
            shown[first:last] = True
    return [int(cycle) for cycle in np.flatnonzero(shown)]


def _ruler(kept: list[int], places: Mapping[int, float], zero: int, height: int) -> Iterator[str]:
    """Numbers of cycles, as many as there is room for, and a line under each."""
    room = 0.0
    for cycle in kept:
        number, x = cycle - zero, places[cycle]
        if number >= 0 and x >= room and (cycle - 1 not in places or number % 8 == 0):
            room = x + 34
            yield f'<path class="grid" d="M{x:g} 18V{height - 6}"/><text x="{x:g}" y="13">{number}</text>'


def _row(
    row: _Row, values: Samples, kept: list[int], places: Mapping[int, float], scale: float, top: int
) -> Iterator[str]:
    low, high = top + _HIGH, top
    yield f'<text x="{_LEFT - 8}" y="{low - 2}" text-anchor="end">{escape(row.name)}</text>'
    if row.ready:
        yield from _filled(row, values, kept, places, scale, top)
    level = values[row.level]
    path, last = [], -1
    for cycle in kept:
        y = high if level[cycle] else low
        path.append(f"{'M' if last < 0 else 'L'}{places[cycle]:g} {y}" if y != last else "")
        path.append(f"H{places[cycle] + scale:g}" if cycle == kept[-1] or level[cycle + 1] != level[cycle] else "")
        last = y
    yield f'<path d="{"".join(path)}"/>'


def _filled(
    row: _Row, values: Samples, kept: list[int], places: Mapping[int, float], scale: float, top: int
) -> Iterator[str]:
    """Spans of equal state of a handshake, with a label in them, or behind them, where it fits."""
    level, ready = values[row.level], values[row.ready]
    label = values[row.label] if row.label else np.zeros_like(level)
    states = [(bool(ready[cycle]), int(label[cycle])) if level[cycle] else None for cycle in kept]
    edges = [0, *(place for place in range(1, len(kept)) if states[place] != states[place - 1]), len(kept)]
    spans = [
        (states[first], places[kept[first]], places[kept[last - 1]] + scale)
        for first, last in zip(edges, edges[1:], strict=False)
    ]
    for number, (state, x, until) in enumerate(spans):
        if state is None:
            continue
        look = "go" if state[0] else "wait"
        yield f'<rect class="{look}" x="{x:g}" y="{top}" width="{until - x:g}" height="{_HIGH}"/>'
        word = row.words(state[1]) if row.label else ""
        behind = spans[number + 1][2] if number + 1 < len(spans) and spans[number + 1][0] is None else until
        if word and until - x >= 5.2 * len(word) + 2:
            yield f'<text class="in" x="{x + 2:g}" y="{top + _HIGH - 3}">{escape(word)}</text>'
        elif word and (behind - until >= 6.5 * len(word) + 2 or number + 2 == len(spans)):
            yield f'<text x="{until + 2:g}" y="{top + _HIGH - 3}">{escape(word)}</text>'
