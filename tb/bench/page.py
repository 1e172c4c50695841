"""The tables of reviewed figures in docs/bench.md: `make bench UPDATE=1` writes them, a test finds them stale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tb.bench.cases import DIRECTIONS, LATENCIES, all_cases
from tb.bench.figures import BenchError
from tb.toolchain import ROOT

__all__ = ["PAGE_FILE", "rewritten", "tables"]

PAGE_FILE = ROOT / "docs" / "bench.md"
_BEGIN, _END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
_TITLE = re.compile(r"(.+) (readback|writeback) S=(\d+) L=(\d+) (\d+) bit")


def tables(reviewed: Mapping[str, float]) -> str:
    """Markdown: a table of utilizations a bus width, and one of cycles. BenchError for a title that is none."""
    lines: dict[tuple[int, str, str, int], dict[int, float]] = {}
    for title, value in reviewed.items():
        parts = _TITLE.fullmatch(title)
        if parts is None:
            raise BenchError(f"reviewed.json: {title!r} is no case: write it anew with make bench UPDATE=1")
        name, direction, size, latency, width = parts.groups()
        lines.setdefault((int(width), name, direction, int(size)), {})[int(latency)] = value
    text, counted = "", "| cycles, L=13 | direction | 64 bit | 512 bit |\n| - | - | -: | -: |\n"
    for width in sorted({key[0] for key in lines}):
        bounds = _bounds(width)
        heads = "".join(f" L={latency} |" for latency in LATENCIES)
        text += f"{width} bit:\n\n| case | direction | S | bound |{heads}\n"
        text += f"| - | - | -: | -: |{' -: |' * len(LATENCIES)}\n"
        for key in sorted((key for key in lines if key[0] == width and key[1:] in bounds), key=lambda key: key[1:]):
            cells = "".join(f" {lines[key][one]:.4f} |" if one in lines[key] else " |" for one in LATENCIES)
            text += f"| {key[1]} | {key[2]} | {key[3]} | {bounds[key[1:]]:.4f} |{cells}\n"
        text += "\n"
    rest = sorted({key[1:] for key in lines if key[1:] not in _bounds(key[0])})
    for name, direction, size in rest:
        cells = "".join(f" {lines.get((width, name, direction, size), {}).get(13, 0):.0f} |" for width in (64, 512))
        counted += f"| {name} | {direction} |{cells}\n"
    return text + counted


def _bounds(width: int) -> dict[tuple[str, str, int], float]:
    """(case, direction, size) -> bound, of every case measured in utilization."""
    return {
        (case.name, direction, case.size): case.bound
        for case in all_cases(width)
        for direction in (DIRECTIONS if case.direction == "both" else (case.direction,))
    }


def rewritten(page: Path, reviewed: Mapping[str, float]) -> str:
    """The page with these figures in it. BenchError where it has no place for them."""
    text = page.read_text(encoding="utf-8")
    if text.count(_BEGIN) != 1 or text.count(_END) != 1:
        raise BenchError(f"{page.name}: no place for figures, {_BEGIN.strip()} to {_END.strip()}: put it back")
    return text[: text.index(_BEGIN) + len(_BEGIN)] + "\n" + tables(reviewed) + "\n" + text[text.index(_END) :]
