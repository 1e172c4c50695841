"""What is measured: the engine, groups of blocks, and each block, with the parameters they get.

A part is one module with parameters, synthesised by itself. A subject is one row of the table: one part, or several
placed side by side. Modules of rtl/ that nobody lists here are measured with their default parameters, so that a new
block cannot stay out of the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT

__all__ = ["LEFT_OUT", "RTL", "Part", "Subject", "chosen", "engine_defaults", "subjects"]

RTL = ROOT / "rtl"
LEFT_OUT = ("device_memory",)
"""Modules that become black boxes wherever they are instantiated: memory that a chip has elsewhere."""
LOOKUPS = 5
"""Surface lookup ports that the engine has."""
_DEFAULT = re.compile(r"^\s*parameter\s+(\w+)\s*=\s*(\d+)\s*,?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A module with parameters, the unit of synthesis; parameters not named keep the module's defaults."""

    name: str
    module: str
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Subject:
    """A row of the table: parts placed side by side in one shell.

    kind: "engine", "group" or "block".
    seeds: places and routes that its clock is the median of, unless told.
    """

    name: str
    kind: str
    parts: tuple[Part, ...]
    what: str
    seeds: int


def _part(name: str, module: str = "", **parameters: int) -> Part:
    return Part(name, module or name, tuple(sorted(parameters.items())))


_MOVERS_16 = (
    _part("read_mover-16", "read_mover", BURSTS_LOG2=4),
    _part("write_mover-16", "write_mover", BURSTS_LOG2=4),
)

_ENGINES = (
    Subject("engine", "engine", (_part("engine", "faultline"),), "default parameters", 5),
    Subject("engine-16", "engine", (_part("engine-16", "faultline", READS=16, WRITES=16),), "READS = WRITES = 16", 1),
)
_GROUPS = (
    Subject("movers-16", "group", _MOVERS_16, "both movers, with translate, box, burst, realign and tile", 5),
)


def _blocks(default: Mapping[str, int]) -> list[Part]:
    """Blocks that get other parameters in the engine than by themselves, or come in more than one size."""
    log2 = {name: value.bit_length() - 1 for name, value in default.items()}
    sizes = [(name, default[name]) for name in ("READS", "TLB_ENTRIES", "WRITES")]
    return [
        Part("csr", "csr", (("LOOKUPS", LOOKUPS), *sizes)),
        _part("csr_tables", LOOKUPS=LOOKUPS),
        _part("ring-32", "ring", ENTRY_BYTES=32, PREFETCH_LOG2=log2["PREFETCH"]),
        _part("ring-64", "ring", ENTRY_BYTES=64, PREFETCH_LOG2=min(log2["PREFETCH"], 4)),
        _part("dispatch-transfer", "dispatch", QUEUE=0, ENTRY_BYTES=32),
        _part("dispatch-render", "dispatch", QUEUE=1, ENTRY_BYTES=64),
        _part("walker", TLB_LOG2=log2["TLB_ENTRIES"]),
        *_MOVERS_16,
        _part("read_mover", BURSTS_LOG2=log2["READS"], BEATS_LOG2=max(9, log2["READS"] + 3)),
        _part("write_mover", BURSTS_LOG2=log2["WRITES"]),
        _part("fifo-16x64", "fifo", WIDTH=64, DEPTH_LOG2=4),
        _part("fifo-512x64", "fifo", WIDTH=64, DEPTH_LOG2=9),
    ]


def engine_defaults(rtl: Path = RTL) -> dict[str, int]:
    """The engine's parameters and their defaults, as rtl/faultline.v says; SynthesisError when one is not there."""
    path = rtl / "faultline.v"
    try:
        found = {name: int(value) for name, value in _DEFAULT.findall(path.read_text(encoding="utf-8"))}
    except OSError as error:
        raise SynthesisError(f"cannot read {path} ({error.strerror}): restore it from git") from None
    for name in ("READS", "WRITES", "TLB_ENTRIES", "PREFETCH"):
        if name not in found:
            raise SynthesisError(f"{path} has no parameter {name}: correct tb/synth/catalogue.py")
    return found


def subjects(rtl: Path = RTL) -> list[Subject]:
    """Every row, engine first; SynthesisError when a module listed here has left `rtl`."""
    modules = {path.stem for path in rtl.glob("*.v")}
    own = _blocks(engine_defaults(rtl))
    parts = [part for subject in (*_ENGINES, *_GROUPS) for part in subject.parts] + own
    for part in parts:
        if part.module not in modules:
            raise SynthesisError(f"no module {part.module} in {rtl}: correct the list in tb/synth/catalogue.py")
    listed = {part.module for part in parts} | set(LEFT_OUT)
    blocks = sorted([*own, *(Part(name, name) for name in modules - listed)], key=lambda part: part.name)
    return [*_ENGINES, *_GROUPS, *(Subject(part.name, "block", (part,), _described(part), 5) for part in blocks)]


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
