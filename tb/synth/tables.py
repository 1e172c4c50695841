"""The figures as rows: for the terminal, and for synth.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tb.synth.catalogue import Subject
from tb.synth.reports import Area, Timing
from tb.synth.shell import Shell
from tb.synth.targets import Peer, Target

__all__ = ["Measured", "details", "peers_table", "row_of", "subjects_table", "targets_table"]


@dataclass(frozen=True)
class Measured:
    """Everything known of a subject: its cells, its shell's, clock by seed, the median route, what costs most."""

    subject: Subject
    area: Area
    shell: Shell
    clocks: Mapping[int, float]
    median: Timing
    makers: tuple[tuple[str, int], ...] = ()


def row_of(measured: Measured) -> dict[str, Any]:
    """What synth.json says of a subject."""
    path = measured.median.path
    return {
        "subject": measured.subject.name,
        "kind": measured.subject.kind,
        "what": measured.subject.what,
        "parts": [
            {"module": part.module, "parameters": dict(part.parameters)} for part in measured.subject.parts
        ],
        **measured.area.counts(),
        "comb_with_shell": measured.median.comb,
        "fmax_mhz": measured.median.fmax_mhz,
        "fmax_by_seed": {str(seed): clock for seed, clock in measured.clocks.items()},
        "shell": {"ff": measured.shell.flops, "lut4": measured.shell.luts},
        "most_logic_for": dict(measured.makers),
        "critical_path": {
            "cells": list(path.cells),
            "levels": path.levels,
            "logic_ns": path.logic_ns,
            "routing_ns": path.routing_ns,
        },
    }


def subjects_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Our figures, engine first."""
    table = Table(title="ECP5-85k, speed grade 8, device memory left out", min_width=118)
    table.add_column("what", no_wrap=True)
    for name in ("LUT4", "FF", "BRAM", "DPR", "carry", "mult", "MHz", "seeds", "levels"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("critical path, first to last flop", overflow="fold")
    kind = None
    for row in rows:
        if kind not in (None, row["kind"]):
            table.add_section()
        kind = row["kind"]
        path = row["critical_path"]
        counts = [str(row[name]) for name in ("lut4", "ff", "bram", "dpr", "carry", "mult")]
        clock = [f"{row['fmax_mhz']:.1f}", str(len(row["fmax_by_seed"])), str(path["levels"])]
        ends = [path["cells"][0], path["cells"][-1]] if path["cells"] else []
        table.add_row(row["subject"], *counts, *clock, " -> ".join(ends))
    return table


def details(row: Mapping[str, Any]) -> list[str]:
    """Where a subject's time and logic go, in lines for whoever wants to change that."""
    path = row["critical_path"]
    name, times = row["subject"], f"{path['logic_ns']:.1f} ns logic, {path['routing_ns']:.1f} ns routing"
    makers = ", ".join(f"{signal} {count}" for signal, count in row["most_logic_for"].items())
    return [f"{name}: {times}: {' > '.join(path['cells'])}", f"{name}: LUTs and carry cells for: {makers}"]


def peers_table(rows: Sequence[Mapping[str, Any]], peers: Sequence[Peer]) -> Table:
    """The engine and the group beside the peers."""
    table = Table(title="beside open engines", min_width=100)
    table.add_column("engine")
    for name in ("LUT4", "FF", "MHz"):
        table.add_column(name, justify="right")
    table.add_column("note", overflow="fold")
    for row in rows:
        if row["kind"] != "block":
            name, note = f"faultline {row['subject']}", row["what"]
            table.add_row(name, str(row["lut4"]), str(row["ff"]), f"{row['fmax_mhz']:.1f}", note, style="bold")
    table.add_section()
    for peer in peers:
        table.add_row(peer.name, str(peer.lut4), str(peer.ff), f"{peer.fmax_mhz:g}", peer.note)
    return table


def targets_table(verdicts: Sequence[tuple[Target, float, bool]]) -> Table:
    """Each target that was judged."""
    table = Table(title="targets", min_width=60)
    table.add_column("target")
    table.add_column("got", justify="right")
    table.add_column("")
    for target, value, reached in verdicts:
        table.add_row(str(target), f"{value:g}", "reached" if reached else "MISSED")
    return table
