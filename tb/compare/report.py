"""What `make compare` prints: a table a workload, one of swept host costs, and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from tb.compare.rows import BOUND, Row, find
from tb.compare.targets import OURS, Verdict

__all__ = ["COLUMNS", "TABLE_WIDTH", "cells", "sweep_cell", "sweep_table", "swept", "table_of", "verdict_lines"]

TABLE_WIDTH = 150
"""Characters that the tables need."""

COLUMNS = (
    ("strategy", "short name, as POLICY takes it"),
    ("promise", "what programs may rely on: coherent, bracketed, explicit or deferred"),
    ("faults", "page faults of all processes"),
    ("entries\nzapped", "page-table entries that zaps removed"),
    ("shoot-\ndowns", "zaps and harvests that had to reach another process's processor"),
    ("read back\nbytes", "device to host, by whatever means"),
    ("written back\nbytes", "host to device, by whatever means"),
    ("descrip-\ntors", "in both rings, waits and fences among them"),
    ("waits", "times that somebody began to wait for a fence because of the strategy"),
    ("stale\nreads", "loads and device reads with bytes that were not the newest, which the promise allows"),
    ("host\nus", "host time charged by the cost table"),
    ("device\ncycles", "clock cycles in which DMA of host data was under way"),
    ("time\nus", "from the first action until the device is idle"),
    ("x time\nof bound", "time divided by the clairvoyant strategy's"),
    ("x bytes\nof bound", "bytes both ways divided by the least that any driver by pages moves"),
)
"""Heading and meaning of each column of a workload's table."""


def cells(row: Row) -> list[str]:
    """Return a row's cells, one a column."""
    return [
        row.policy,
        row.promise,
        f"{row.faults:,}",
        f"{row.zapped:,}",
        f"{row.shootdowns:,}",
        f"{row.readback_bytes:,}",
        f"{row.writeback_bytes:,}",
        f"{row.descriptors:,}",
        f"{row.waits:,}",
        "VIOLATED" if row.violations else f"{row.stale_reads:,}",
        f"{sum(row.host_ns.values()) / 1000:,.0f}",
        f"{row.device_cycles:,}",
        f"{row.time_ns / 1000:,.0f}",
        _ratio(row.time_ns, row.bound_time_ns),
        _ratio(row.bytes, row.bound_bytes),
    ]


def _ratio(value: int, bound: int | None) -> str:
    if bound is None:
        return "-"
    return f"{value / bound:.2f}" if bound else ("1.00" if not value else "inf")


def _table(title: str, caption: str) -> Table:
    return Table(
        title=title, title_justify="left", caption=caption or None, caption_justify="left", box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1), pad_edge=False,
    )  # fmt: skip


def table_of(title: str, rows: Sequence[Row]) -> Table:
    """Return the table of one workload at the given host costs."""
    bound = rows[0].bound_bytes if rows else None
    caption = f"bound: {bound:,} bytes both ways" if bound is not None else ""
    table = _table(title, caption)
    for index, (heading, _) in enumerate(COLUMNS):
        table.add_column(heading, justify="left" if index < 2 else "right", no_wrap=True)
    for row in rows:
        style = "bold" if row.policy == OURS else "dim" if row.policy == BOUND else ""
        table.add_row(*(Text(cell, style="red" if cell == "VIOLATED" else style) for cell in cells(row)))
    return table


def swept(rows: Sequence[Row]) -> list[float]:
    """Return the scales of the host costs at which anything was measured, ascending; empty unless there are several."""
    scales = sorted({row.scale for row in rows})
    return scales if len(scales) > 1 else []


def sweep_table(rows: Sequence[Row]) -> Table:
    """Return the table of times over the scale of the host costs."""
    scales = swept(rows)
    table = _table("time in us as the host costs are multiplied", "in brackets: x the clairvoyant strategy's time")
    table.add_column("workload", no_wrap=True)
    table.add_column("strategy", no_wrap=True)
    for scale in scales:
        table.add_column(f"x {scale:g}", justify="right", no_wrap=True)
    last = ""
    for workload, policy in dict.fromkeys((row.workload, row.policy) for row in rows if row.scale != 1.0):
        found = [find(rows, workload, policy, scale) for scale in scales]
        shown = [sweep_cell(row) for row in found]
        if last and workload != last:
            table.add_section()
        table.add_row(workload if workload != last else "", policy, *shown, style="bold" if policy == OURS else "")
        last = workload
    return table


def sweep_cell(row: Row | None) -> str:
    """Return a time with its ratio to the bound."""
    if row is None:
        return "-"
    ratio = f" ({_ratio(row.time_ns, row.bound_time_ns)})" if row.bound_time_ns is not None else ""
    return f"{row.time_ns / 1000:,.0f}{ratio}"


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line a target."""
    words = {True: "met   ", False: "MISSED", None: "-     "}
    return [f"  {words[one.met]}  {one.target}: {one.detail}" for one in verdicts]
