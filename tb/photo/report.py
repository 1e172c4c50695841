"""What the main job shows and leaves behind: the table, the pictures and result.json."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich import box
from rich.table import Table

from tb.photo.phases import Row, total

__all__ = ["TABLE_WIDTH", "publish", "replace_directory", "result_of", "side_by_side", "table_of"]

Picture = npt.NDArray[np.uint8]

TABLE_WIDTH = 120
"""Characters that the table needs; narrower terminals wrap its lines."""

_COLUMNS = (
    ("faults", "faults"),
    ("zapped\npages", "pages_zapped"),
    ("read back\npages", "readback_pages"),
    ("\nbytes", "readback_bytes"),
    ("written\npages", "writeback_pages"),
    ("back\nbytes", "writeback_bytes"),
    ("descrip-\ntors", "descriptors"),
    ("DMA\ncycles", "dma_cycles"),
    ("fence wait\ncycles", "fence_wait_cycles"),
    ("cycles", "cycles"),
)


def table_of(title: str, rows: Sequence[Row]) -> Table:
    """Return the per-phase table with its totals for rich to print."""
    table = Table(
        title=title,
        title_justify="left",
        caption="Cycles count in the phase in which they pass; bus used is data beats a DMA cycle, 200 % both ways.",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    table.add_column("phase", no_wrap=True)
    for heading, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bus\nused", justify="right", no_wrap=True)
    for row in (*rows, total(rows)):
        if row.phase == "total":
            table.add_section()
        values = [f"{getattr(row, name):,}" for _, name in _COLUMNS]
        table.add_row(row.phase, *values, f"{row.bus_utilization:.1%}" if row.dma_cycles else "-")
    return table


def result_of(rows: Sequence[Row], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return result.json's content: the facts, then every row and their total."""
    phases = [{**asdict(row), "bus_utilization": round(row.bus_utilization, 4)} for row in (*rows, total(rows))]
    return {**facts, "phases": phases[:-1], "total": phases[-1]}


def side_by_side(left: Picture, right: Picture) -> Picture:
    """Return both pictures in one, a white gap between them."""
    gap = np.full((left.shape[0], 16, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def publish(directory: Path, pictures: Mapping[str, Picture], result: Mapping[str, Any]) -> None:
    """Replace the directory by one with these pictures (name -> .png) and result.json, as `replace_directory`."""

    def fill(new: Path) -> None:
        for name, picture in pictures.items():
            Image.fromarray(picture).save(new / f"{name}.png")
        (new / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    replace_directory(directory, fill)


def replace_directory(directory: Path, fill: Callable[[Path], None]) -> None:
    """Replace the directory by one that `fill` has filled, all of it or nothing.

    Raises OSError where something cannot be written; what was there before is then still there.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        fill(new)
        new.chmod(0o755)
        old = new.with_name(new.name + ".old")
        if directory.exists():
            os.rename(directory, old)
        try:
            os.rename(new, directory)
        except OSError:
            if old.exists():
                os.rename(old, directory)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)
