"""What is measured: the engine, groups of blocks, and each block, with the parameters they get.

A part is one module with parameters, synthesised by itself. A subject is one row of the table: one part, or several
placed side by side. Modules of rtl/ that nobody lists here are measured with their default parameters, so that a new
block cannot stay out of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT

__all__ = ["LEFT_OUT", "RTL", "Part", "Subject", "chosen", "subjects"]

RTL = ROOT / "rtl"
LEFT_OUT = ("device_memory",)
"""Modules that become black boxes wherever they are instantiated: memory that a chip has elsewhere."""


@dataclass(frozen=True)
class Part:
    """A module with parameters, the unit of synthesis; parameters not named keep the module's defaults."""

    name: str
    module: str
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Subject:
    """A row of the table: parts placed side by side in one shell.

    kind: "engine", "group" or "block", which decides how many seeds it gets.
    """

    name: str
    kind: str
    parts: tuple[Part, ...]
    what: str = ""


def _part(name: str, module: str = "", **parameters: int) -> Part:
    return Part(name, module or name, tuple(sorted(parameters.items())))


_MOVERS_16 = (
    _part("read_mover-16", "read_mover", BURSTS_LOG2=4),
    _part("write_mover-16", "write_mover", BURSTS_LOG2=4),
)

_ENGINES = (
    Subject("engine-64", "engine", (_part("engine-64", "faultline", READS=64, WRITES=64),), "default parameters"),
    Subject("engine-16", "engine", (_part("engine-16", "faultline", READS=16, WRITES=16),), "READS = WRITES = 16"),
)
_GROUPS = (
    Subject("movers-16", "group", _MOVERS_16, "both movers and what is in them: translate, box, burst, realign, tile"),
)
# Blocks whose parameters in the engine differ from the module's own defaults, or that come in more than one size.
_BLOCKS = (
    _part("csr", TLB_ENTRIES=64, READS=64, WRITES=64, LOOKUPS=7),
    _part("csr_tables", LOOKUPS=7),
    _part("ring-32", "ring", ENTRY_BYTES=32),
    _part("ring-64", "ring", ENTRY_BYTES=64),
    _part("dispatch-transfer", "dispatch", QUEUE=0, ENTRY_BYTES=32),
    _part("dispatch-render", "dispatch", QUEUE=1, ENTRY_BYTES=64),
    *_MOVERS_16,
    _part("read_mover-64", "read_mover", BURSTS_LOG2=6),
    _part("write_mover-64", "write_mover", BURSTS_LOG2=6),
    _part("fifo-16x64", "fifo", WIDTH=64, DEPTH_LOG2=4),
    _part("fifo-512x64", "fifo", WIDTH=64, DEPTH_LOG2=9),
)


def subjects(rtl: Path = RTL) -> list[Subject]:
    """Every row, engine first; SynthesisError when a module listed here has left `rtl`."""
    modules = {path.stem for path in rtl.glob("*.v")}
    parts = [part for subject in (*_ENGINES, *_GROUPS) for part in subject.parts] + list(_BLOCKS)
    for part in parts:
        if part.module not in modules:
            raise SynthesisError(f"no module {part.module} in {rtl}: correct the list in tb/synth/catalogue.py")
    listed = {part.module for part in parts} | set(LEFT_OUT)
    blocks = sorted([*_BLOCKS, *(Part(name, name) for name in modules - listed)], key=lambda part: part.name)
    return [*_ENGINES, *_GROUPS, *(Subject(part.name, "block", (part,), _described(part)) for part in blocks)]


def _described(part: Part) -> str:
    return ", ".join(f"{name} = {value}" for name, value in part.parameters)


def chosen(names: str, known: Sequence[Subject]) -> list[Subject]:
    """The subjects that `names` asks for, comma-separated, all when empty.

    A module's name stands for every subject made of it alone (`ring` for both rings). SynthesisError for another name.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found: list[Subject] = []
    for name in wanted:
        named = [subject for subject in known if subject.name == name]
        named = named or [subject for subject in known if [part.module for part in subject.parts] == [name]]
        if not named:
            raise SynthesisError(f"no block {name}: BLOCK is one of {', '.join(subject.name for subject in known)}")
        found += [subject for subject in named if subject not in found]
    return found if wanted else list(known)
