"""Time and bytes of each strategy as bars, a panel a workload, the clairvoyant bound as a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tb.compare.rows import BOUND, Row
from tb.compare.targets import OURS

__all__ = ["PROMISE_COLOURS", "draw_bytes", "draw_time"]

PROMISE_COLOURS = {"coherent": "#3d6f97", "deferred": "#9d7fc0", "bracketed": "#e0a03e", "explicit": "#7d9d62"}
"""A colour a promise; our own strategy has one of its own."""
OURS_COLOUR, BOUND_COLOUR, LIGHT = "#c1121f", "#1c2430", 0.5
_OUTLIER = 2.6
"""A bar longer than so many times the median is cut off, and says so."""
_INK, _QUIET = "#1c2430", "#5a6576"
_PAPER = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.88}
"""Behind a label, so that the line of the bound does not cross it."""


def draw_time(rows: Sequence[Row], titles: dict[str, str], path: Path) -> None:
    """Draw each workload's time to solution in microseconds into a PNG. `titles` are by workload."""
    _draw(rows, titles, path, "time to solution, us", _time_panel, "clairvoyant")


def draw_bytes(rows: Sequence[Row], titles: dict[str, str], path: Path) -> None:
    """Draw each workload's bytes over the bus, read back and written back, in KiB into a PNG."""
    parts = [Patch(color=_QUIET, label="read back"), Patch(color=_light(_QUIET), label="written back")]
    _draw(rows, titles, path, "bytes over the bus, KiB", _bytes_panel, "clairvoyant bound, by pages", parts)


def _draw(
    rows: Sequence[Row],
    titles: dict[str, str],
    path: Path,
    words: str,
    panel: Callable[[Axes, Sequence[Row]], None],
    bound: str,
    parts: Sequence[Patch] = (),
) -> None:
    columns = min(3, len(titles))
    lines = -(-len(titles) // columns)
    bars = max((sum(row.workload == name and row.policy != BOUND for row in rows) for name in titles), default=1)
    size = 1.2 + 4.9 * columns, 1.5 + (0.9 + 0.27 * bars) * lines
    canvas = Canvas(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08))
    grid = canvas.subplots(lines, columns, squeeze=False).ravel()
    for axes, (name, title) in zip(grid, titles.items(), strict=False):
        mine = [row for row in rows if row.workload == name and row.policy != BOUND]
        axes.set_title(name, loc="left", fontsize=12, fontweight="bold", color=_INK, pad=18)
        axes.text(0, 1.0, title, transform=axes.transAxes, fontsize=9.5, color=_QUIET, va="bottom")
        panel(axes, mine)
        _tidy(axes, mine)
    for axes in grid[len(titles) :]:
        axes.axis("off")
    present = dict.fromkeys(row.promise for row in rows if row.policy not in (BOUND, OURS))
    handles: list[Patch | Line2D] = [*parts]
    handles += [Patch(color=PROMISE_COLOURS[one], label=one) for one in present]
    if any(row.policy == OURS for row in rows):
        handles.append(Patch(color=OURS_COLOUR, label=f"{OURS} (ours)"))
    if any(row.bound_bytes is not None for row in rows):
        handles.append(Line2D([], [], color=BOUND_COLOUR, ls=(0, (4, 2)), lw=1.4, label=bound))
    canvas.suptitle(words, x=0.01, ha="left", fontsize=14, color=_INK)
    canvas.legend(handles=handles, loc="outside lower left", ncols=3 * columns, frameon=False, fontsize=10)
    canvas.savefig(path, dpi=120, facecolor="white")


def _colour(row: Row) -> str:
    return OURS_COLOUR if row.policy == OURS else PROMISE_COLOURS[row.promise]


def _light(colour: str) -> tuple[float, float, float]:
    """The colour mixed with white, so that nothing shines through."""
    red, green, blue = (LIGHT * part + 1 - LIGHT for part in to_rgb(colour))
    return red, green, blue


def _time_panel(axes: Axes, rows: Sequence[Row]) -> None:
    values = [row.time_ns / 1000 for row in rows]
    bound = rows[0].bound_time_ns
    limit = _limit(values, bound / 1000 if bound else 0.0)
    axes.barh(range(len(rows)), [min(value, limit) for value in values], 0.72, color=[_colour(row) for row in rows])
    _labels(axes, rows, values, limit, bound / 1000 if bound else None)


def _bytes_panel(axes: Axes, rows: Sequence[Row]) -> None:
    back, out = [row.readback_bytes / 1024 for row in rows], [row.writeback_bytes / 1024 for row in rows]
    bound = None if rows[0].bound_bytes is None else rows[0].bound_bytes / 1024
    totals = [a + b for a, b in zip(back, out, strict=True)]
    limit = _limit(totals, bound or 0.0)
    colours = [_colour(row) for row in rows]
    shares = [min(1.0, limit / total) if total else 1.0 for total in totals]  # what is cut off keeps its proportion
    solid = [value * share for value, share in zip(back, shares, strict=True)]
    light = [value * share for value, share in zip(out, shares, strict=True)]
    axes.barh(range(len(rows)), solid, 0.72, color=colours)
    axes.barh(range(len(rows)), light, 0.72, left=solid, color=[_light(one) for one in colours])
    _labels(axes, rows, totals, limit, bound)


def _limit(values: Sequence[float], bound: float) -> float:
    """Where bars are cut off: at the longest one that is no outlier."""
    middle = sorted(values)[len(values) // 2]
    kept = [value for value in values if value <= _OUTLIER * max(middle, bound)]
    return max([*kept, bound, 1e-9]) * 1.02


def _labels(axes: Axes, rows: Sequence[Row], values: Sequence[float], limit: float, bound: float | None) -> None:
    """The value at the end of each bar, with its ratio to the bound; what is cut off says so."""
    axes.set_xlim(0, limit * 1.3)
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        words = f"{value:,.0f}" + (f"  x{value / bound:.2f}" if bound else "")
        if value > limit:
            words = f"\u25b8 {words}"
        weight = "bold" if row.policy == OURS else "normal"
        end = min(value, limit) + limit * 0.014
        axes.text(end, place, words, va="center", fontsize=8, color=_INK, weight=weight, zorder=4, bbox=_PAPER)
    if bound is not None:
        axes.axvline(bound, color=BOUND_COLOUR, ls=(0, (4, 2)), lw=1.4, zorder=3)


def _tidy(axes: Axes, rows: Sequence[Row]) -> None:
    axes.set_yticks(range(len(rows)), [row.policy for row in rows], fontsize=9.5, color=_INK)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.policy == OURS else "normal")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, colors=_QUIET)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.grid(True, color="#e2e6eb", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c5ccd6")
