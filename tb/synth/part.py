"""One module, synthesised by itself: a flat netlist of ECP5 cells, and how many of each it has.

No pins and no shell take part, so the counts are the block's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tb.synth import cache, yosys
from tb.synth.catalogue import LEFT_OUT, RTL, Part
from tb.synth.errors import SynthesisError
from tb.synth.reports import Area, area_of, lut_makers
from tb.synth.shell import Interface, interface_of
from tb.toolchain import ROOT, closure

__all__ = ["Netlist", "key_of", "netlist_of"]


@dataclass(frozen=True)
class Netlist:
    """A part after synthesis: its file, interface and cells, the signals that cost most; `key` names its content."""

    module: str
    path: Path
    interface: Interface
    area: Area
    makers: tuple[tuple[str, int], ...]
    key: str


def _sources(part: Part) -> list[Path]:
    """The Verilog files of a part, those of rtl/ only, and the header they include."""
    return [path for path in closure(part.module, sorted(RTL.glob("*.v"))) if path.parent == RTL]


def key_of(part: Part) -> str:
    """What a part's netlist depends on: sources, parameters, tools, and this room's way of synthesis."""
    files = [*_sources(part), RTL / "faultline.vh", Path(__file__), Path(yosys.__file__)]
    return cache.digest((part.module, part.parameters, LEFT_OUT, cache.tool_versions()["pyosys"]), files)


def netlist_of(part: Part) -> Netlist:
    """Synthesise a part, or take what an earlier run left; SynthesisError when Yosys refuses it."""
    folder, key = cache.BUILD / "parts" / part.name, key_of(part)
    path = folder / "netlist.il"
    cache.ensure(folder, key, lambda made: _synthesise(part, made, key))
    found = json.loads((folder / "interface.json").read_text(encoding="utf-8"))
    area = area_of((folder / "stat.json").read_text(encoding="utf-8"), part.name)
    makers = tuple(lut_makers(path.read_text(encoding="utf-8")))
    return Netlist(part.module, path, interface_of(found), area, makers, key)


def _synthesise(part: Part, folder: Path, key: str) -> None:
    """Leave netlist, counts and interface in `folder`."""
    sources = _sources(part)
    given = " ".join(f"-chparam {name} {value}" for name, value in part.parameters)
    boxes = [name for name in LEFT_OUT if name != part.module and RTL / f"{name}.v" in sources]
    passes = [
        f"read_verilog -I{RTL.relative_to(ROOT)} {' '.join(str(path.relative_to(ROOT)) for path in sources)}",
        *(f"blackbox {name}" for name in boxes),
        f"hierarchy -check -top {part.module} {given}",
        f"rename -top {part.module}",
        f"synth_ecp5 -top {part.module}",
        "setattr -unset src",
        f"tee -q -o {folder / 'stat.json'} stat -json",
        f"write_rtlil {folder / 'netlist.il'}",
    ]
    yosys.run(passes, folder / "yosys.log", part.name, interface=folder / "interface.json", boxes=boxes)
    area_of((folder / "stat.json").read_text(encoding="utf-8"), part.name)
    if key_of(part) != key:
        raise SynthesisError(f"{part.name}: its sources changed while they were read: run make synth again")
