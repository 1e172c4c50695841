"""Which faults: Yosys lists candidates module by module, each module gets its share, nothing else is random.

A mutant changes one bit of one port of one cell of the engine's netlist: `inv` inverts it, `const0` and `const1` hold
it, `cnot0` and `cnot1` invert it while another bit of the port is 0 or 1. A module's share grows with the square root
of its cells, so that small modules are judged too. Clock pins are left out, because no test is about them, and so are
memory arrays: what leads into and out of them is there. Blocks that hold state are entered only in cycles with an
event (`if (wake)`); in modules in which being entered more often is proved to change nothing no mutant does only that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "MODES",
    "MOST",
    "PROVEN",
    "WAKE",
    "Mutant",
    "MutationError",
    "Wiring",
    "named_blocks",
    "parsed",
    "shares",
]

MOST = 20_000
"""Most mutants in a netlist: their numbers have 16 bits."""

MODES = {
    "inv": "inverts",
    "const0": "holds at 0",
    "const1": "holds at 1",
    "cnot0": "inverts while bit {} is 0",
    "cnot1": "inverts while bit {} is 1",
}
"""What a mode of Yosys' `mutate` does, in words; the bit is one of the same port."""


class MutationError(Exception):
    """Mutants cannot be made or judged.  One line: the cause and the cure."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: its number in the netlist, the module and line it is in, what it does, and Yosys' own command.

    wire: the named net it concerns, from the engine on, with the bit; empty for a net without a name.
    code: the expression that the cell came from, or the registers that it holds, and the net on the changed pin.
    """

    id: int
    module: str
    line: int
    what: str
    mode: str
    wire: str
    command: str
    code: str = ""

    @property
    def place(self) -> str:
        """Module and line, as an editor takes them."""
        return f"rtl/{self.module}.v:{self.line}"


_OPTION = re.compile(r"-(\w+) (\S+)")
_PLACE = re.compile(r"(rtl/\w+\.v):(\d+)\.(\d+)-(\d+)\.(\d+)")
_INDEX = re.compile(r"\[\d+\]$")
_CTRL = re.compile(r"-ctrl \S+ \d+ \d+ ?")
WAKE = re.compile(r"^\s*(?P<wire>wire\s+(?:\w*wake\w*|stir)\s*=[^;]*;)", re.MULTILINE)
_MORE = ("$logic_or", "$or", "$reduce_or", "$logic_and")
"""Cells of which a 1 on any pin makes a waking condition true more often, never less."""
PROVEN = ("box", "csr_queue", "fifo", "read_mover", "realign", "ring", "sweep", "translate", "write_mover")
"""Modules that are the same with every waking condition at 1, see `wakes`."""
_DECIDED = {
    "cnot1": ("$reduce_or", "$reduce_bool", "$logic_not", "$logic_and", "$logic_or"),
    "cnot0": ("$reduce_and",),
}
"""Cells that look at a port as a whole, which is decided while the bit that controls an inversion of another is so."""
_KINDS = {"mux": "multiplexer", "pmux": "multiplexer", "bmux": "multiplexer"}


class Wiring:
    """The flat design's cells and what is on their pins, as Yosys' JSON has them."""

    def __init__(self, module: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        self._cells = module["cells"]
        self._sources = {f"rtl/{name}.v": text.splitlines() for name, text in sources.items()}
        self._names: dict[int | str, str] = {}
        for net, facts in module.get("netnames", {}).items():
            for number, bit in enumerate(() if "$" in net else facts["bits"]):
                name = f"{net}[{number}]" if len(facts["bits"]) > 1 else net
                self._names[bit] = min(self._names.get(bit, name), name, key=len)
        self._waking = {
            f"rtl/{name}.v:{text.count(chr(10), 0, found.start('wire')) + 1 + line}."
            for name, text in sources.items()
            if name in PROVEN
            for found in WAKE.finditer(text)
            for line in range(found.group("wire").count(chr(10)) + 1)
        }
        self._read = {bit for port in module["ports"].values() for bit in port["bits"]}
        for cell in self._cells.values():
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    self._read.update(bits)

    def kind(self, command: str) -> str:
        """The type of the cell of a line of `mutate -list`."""
        found = dict(_OPTION.findall(command))
        return str(self._cells[found["cell"].lstrip("\\")]["type"]).lstrip("$")

    def code(self, command: str) -> str:
        """What a line of `mutate -list` changes, as the source has it: the expression, or registers, and the pin's net.

        Where Yosys has kept no name for the net it is left out.
        """
        found = dict(_OPTION.findall(command))
        cell = self._cells[found["cell"].lstrip("\\")]
        pins = cell["connections"]
        on_pin = self._names.get(pins[found["port"]][int(found["portbit"])], "")
        if "Q" in pins:
            said = ", ".join(dict.fromkeys(_INDEX.sub("", self._names.get(bit, "")) for bit in pins["Q"]))
        else:
            places = _PLACE.findall(str(cell["attributes"].get("src", "")))
            texts = [self._text(file, *map(int, place)) for file, *place in places if file in self._sources]
            said = min(filter(None, texts), key=len, default="")
        return "; ".join(filter(None, (said, on_pin if on_pin != said else "")))

    def _text(self, file: str, row: int, first: int, end: int, last: int) -> str:
        """A place in a source file; the whole line where a macro has moved columns, and the first of several lines."""
        line = self._sources[file][row - 1]
        if "`" in line:
            return line.strip()
        return line[first - 1 : last - 1] if row == end else f"{line[first - 1 :].strip()} ..."

    def _wakes(self, cell: Mapping[str, Any]) -> bool:
        """Whether a cell is part of a condition that only skips cycles without an event, and of nothing else."""
        places = str(cell["attributes"].get("src", "")).split("|")
        return all(any(place.startswith(line) for line in self._waking) for place in places)

    def matters(self, command: str) -> bool:
        """Whether a line changes what can matter.

        It does not: a clock, a bit that is so already or that is not read, a condition to wake that is true too often,
        and a bit of an OR inverted only while another one is 1, or of an AND only while another one is 0.
        """
        found = dict(_OPTION.findall(command))
        cell = self._cells[found["cell"].lstrip("\\")]
        bits = cell["connections"][found["port"]]
        bit, mode = bits[int(found["portbit"])], found["mode"]
        constant = {"0": "const0", "1": "const1"}.get(bit) if isinstance(bit, str) else None
        idle = mode.startswith("cnot") and bits[int(found["ctrlbit"])] == {"cnot0": "1", "cnot1": "0"}[mode]
        if mode == "const1" and cell["type"] in _MORE and self._wakes(cell):
            return False
        if cell["type"] in _DECIDED.get(mode, ()) and cell["port_directions"][found["port"]] == "input":
            return False
        return found["port"] != "CLK" and bit in self._read and bit != "x" and constant != mode and not idle


def parsed(command: str, module: str, number: int, kind: str) -> Mutant:
    """The mutant of a line of `mutate -list`, on a cell of type `kind`; MutationError for a line that is none."""
    body = _CTRL.sub("", command.strip())
    found: dict[str, list[str]] = {}
    for name, value in _OPTION.findall(body):
        found.setdefault(name, []).append(value)
    try:
        mode, cell, port, bit = (found[name][0] for name in ("mode", "cell", "port", "portbit"))
        does = MODES[mode].format(*found.get("ctrlbit", []))
    except (KeyError, IndexError):
        raise MutationError(f"Yosys' list of mutations has a line that cannot be read: {command.strip()}") from None
    mine = [place for place in found.get("src", []) if place.startswith(f"rtl/{module}.v:")]
    line = int(re.split(r"[:.]", (mine or ["::0"])[-1])[2]) if mine else 0
    wire = f"{found['wire'][0]}[{found['wirebit'][0]}]" if "wire" in found else ""
    kind = "register" if "dff" in kind else _KINDS.get(kind, kind)
    path = re.match(r"\$flatten\\?(.*?)\.?\$", cell)
    inside = path.group(1).replace("\\", "") if path else ""
    where = f"{port}[{bit}] of {kind}{f' in {inside}' if inside else ''}"
    return Mutant(number, module, line, f"{does} {where}{f', {wire}' if wire else ''}", mode, wire, body)


def named_blocks(text: str, known: Sequence[str]) -> list[str]:
    """The modules that BLOCK asks for, comma-separated, all when empty; MutationError for one that is not there."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise MutationError(f"no module called {name}: BLOCK is models, or some of {', '.join(known)}")
    return names or list(known)


def shares(count: int, cells: Mapping[str, int]) -> dict[str, int]:
    """How many of `count` mutants each module gets, by the square root of its cells; at least one while they last."""
    roots = {name: math.sqrt(number) for name, number in cells.items() if number}
    total = sum(roots.values())
    exact = {name: count * root / total for name, root in roots.items()}
    least = int(count >= len(roots))
    found = {name: max(least, int(share)) for name, share in exact.items()}
    while (over := sum(found.values()) - count) != 0:
        step = -1 if over > 0 else 1
        able = [name for name in found if found[name] + step >= least]
        name = max(able, key=lambda name: (step * (exact[name] - found[name]), name))
        found[name] += step
    return found
