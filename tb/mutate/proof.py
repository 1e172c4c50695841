"""Proves survivors equivalent: the engine with the mutant cannot be told from the engine without it, in any test.

The proof is about a part of the flat netlist: the instance that the mutant is in, then the block of the engine around
it, each with the gates before it, back to registers and arrays. Of that part only what the mutant can reach is doubled.
Both copies are driven alike, by anything at all, and start alike, in any state, with a cycle of reset; memory arrays
stay outside. Bits that are never anything but 0, or 1, in all of the engine come in as that (tb/mutate/constants.py).
When abc proves that whatever leaves the part is the same in every cycle after that one, the mutant is equivalent:
before a reset nothing is promised, and nobody looks. Any choice of the part is sound, since what is outside cannot see
more than what leaves it; a larger part only knows better what can come in. Where a difference leaves the whole block,
or the time is over, nothing is proved.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tb.mutate import constants
from tb.mutate.mutants import Mutant, MutationError
from tb.synth import yosys
from tb.synth.errors import SynthesisError

__all__ = ["LIMIT_S", "METHOD", "SOURCES", "Prover"]

LIMIT_S = 6
"""Seconds that abc has for a part of the netlist, and a third of them for a way to tell both apart."""
METHOD = "nothing that leaves {} and the gates before it ever differs (abc: scorr, pdr)"
"""What is proved of an equivalent mutant, by what, with the part of the engine."""
SOURCES = (Path(__file__), Path(constants.__file__))
"""What a proof depends on beside the design."""
_RESETS = ("rst_ni", "core_rst_n")
_OPTION = re.compile(r"-(\w+) (\S+)")
_WRITTEN = "$memwr_v2"
_ARRAYS = ("$memrd", _WRITTEN)
_WIDE = {"A_SIGNED": 0, "B_SIGNED": 0, "Y_WIDTH": 1}

Cell = dict[str, Any]
Bit = int | str


class Prover:
    """The flat design, read once; `proved` takes a survivor at a time.

    design: Yosys' JSON of it.  directory: where the files of a proof go.
    """

    def __init__(self, design: Path, directory: Path) -> None:
        module = json.loads(design.read_text(encoding="utf-8"))["modules"]["faultline"]
        self._cells: dict[str, Cell] = {name: cell for name, cell in module["cells"].items() if cell["connections"]}
        self._outside: set[Bit] = {bit for port in module["ports"].values() for bit in port["bits"]}
        nets = module["netnames"]
        self._resets = {nets[name]["bits"][0] for name in _RESETS}
        self._top = max(bit for net in nets.values() for bit in net["bits"] if isinstance(bit, int))
        self._readers: dict[Bit, list[str]] = defaultdict(list)
        for name, cell in self._cells.items():
            for bit in _bits(cell, "input"):
                self._readers[bit].append(name)
        self._drivers = {bit: name for name, cell in self._cells.items() for bit in _bits(cell, "output")}
        self._owners = self._owned(nets)
        self._directory = directory
        self._constants = constants.constants_of(design, directory / "constants")
        spec = find_spec("pyosys")
        self._abc = Path(spec.origin).parent / "yosys-abc" if spec and spec.origin else None
        if self._abc is None or not self._abc.is_file():
            raise MutationError("yosys-abc of the package pyosys is not installed: run make setup")

    def _owned(self, nets: Mapping[str, Any]) -> dict[str, str]:
        """The instance that each cell belongs to: by its name, else one of its source file that most around it name."""
        found: dict[str, str] = {}
        files: dict[str, str] = {}
        for name in self._cells:
            if path := re.match(r"\$flatten\\(.*?)\.\$", name):
                found[name] = path.group(1).replace("\\", "")
                files.setdefault(found[name], self._file(name))
        named: dict[Bit, str] = {}
        for net, facts in nets.items():
            parent = net.rpartition(".")[0]
            while parent and parent not in files:
                parent = parent.rpartition(".")[0]
            for bit in facts["bits"]:
                if len(parent) > len(named.get(bit, "")):
                    named[bit] = parent
        inside: dict[str, set[str]] = defaultdict(set)
        for owner, file in files.items():
            inside[owner.partition(".")[0]].add(file)
        for exactly in (True, False):  # what cannot be told from its neighbours is of the block, of no instance in it
            grew = True
            while grew:
                grew = False
                for name, cell in self._cells.items():
                    if name in found:
                        continue
                    written, file = list(_bits(cell, "output")), self._file(name)
                    around = [other for bit in written for other in self._readers[bit]]
                    around += [self._drivers[bit] for bit in _bits(cell, "input") if bit in self._drivers]
                    owners = [found[other] for other in around if other in found]
                    owners += [named[bit] for bit in written if bit in named]
                    if exactly:
                        owners = [owner for owner in owners if file in ("", files.get(owner))]
                    else:
                        owners = [block for owner in owners if file in inside[block := owner.partition(".")[0]]]
                    if owners:
                        found[name], grew = Counter(owners).most_common(1)[0][0], True
        return {name: found.get(name, "") for name in self._cells}

    def _file(self, name: str) -> str:
        """The source file that a cell comes from; empty when nothing says so."""
        source = re.search(r"rtl/\w+\.v", self._cells[name]["attributes"].get("src", ""))
        return source.group() if source else ""

    def proved(self, mutant: Mutant) -> str | None:
        """The proof that `mutant` is equivalent, in words; None when it is not proved."""
        cell = dict(_OPTION.findall(mutant.command))["cell"].lstrip("\\")
        for part in _parts(self._owners[cell]):
            if self._holds(mutant, cell, part):
                return METHOD.format(part)
        return None

    def _holds(self, mutant: Mutant, changed: str, part: str) -> bool:
        """Whether nothing that leaves `part` differs, ever."""
        inside = {
            name
            for name, owner in self._owners.items()
            if (owner == part or owner.startswith(f"{part}.")) and self._cells[name]["type"] not in _ARRAYS
        }
        place = self._directory / str(mutant.id)
        place.mkdir(parents=True, exist_ok=True)
        if changed not in inside:
            return False
        self._add_conditions(inside)
        miter = self._miter(mutant, changed, inside)
        (place / "miter.json").write_text(json.dumps({"modules": {"miter": miter}}), encoding="utf-8")
        passes = [f"read_json {place}/miter.json", "hierarchy -top miter", "opt_clean", "dffunmap", "simplemap"]
        passes += ["techmap", "opt_expr", "dffunmap", "aigmap", "opt_clean", f"write_aiger {place}/miter.aig"]
        try:
            yosys.run(passes, place / "yosys.log", f"proof of mutant {mutant.id}")
        except SynthesisError as error:
            raise MutationError(str(error)) from None
        short = f"read_aiger {place}/miter.aig; strash; bmc3 -F 12 -T {LIMIT_S // 3}"
        long = f"read_aiger {place}/miter.aig; strash; scorr; dc2; scorr -F 2; pdr -T {LIMIT_S}; sat"
        if "was asserted" in self._abc_says(short, place):
            return False
        said = self._abc_says(long, place)  # of what scorr leaves without a register sat says it, not pdr
        return "Property proved" in said or "UNSATISFIABLE" in said

    def _add_conditions(self, inside: set[str]) -> None:
        """Add to a part the gates before it, of whatever owner: Yosys has shared them, and they limit what comes in."""
        ahead = list(inside)
        while ahead:
            for bit in _bits(self._cells[ahead.pop()], "input"):
                name = self._drivers.get(bit, "")
                if name and name not in inside and not self._remembers(name):
                    inside.add(name)
                    ahead.append(name)

    def _remembers(self, name: str) -> bool:
        """Whether a cell is a register or an array's port."""
        return self._cells[name]["type"] in _ARRAYS or "Q" in self._cells[name]["connections"]

    def _abc_says(self, script: str, place: Path) -> str:
        """What abc prints of a script, within twice the limit; nothing after that."""
        try:
            command = [str(self._abc), "-c", script]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=2 * LIMIT_S, cwd=place, check=False)
        except subprocess.TimeoutExpired:
            return ""
        return ended.stdout

    def _miter(self, mutant: Mutant, changed: str, inside: set[str]) -> dict[str, Any]:
        """A module whose only output is 1 when something that leaves the part differs."""
        fresh = _numbers(self._top + 1)
        first, clock, kept, bad = next(fresh), next(fresh), next(fresh), next(fresh)
        made: dict[str, Cell] = {}
        made["beginning"] = _cell("$dff", {"CLK": clock, "D": ["0"], "Q": first}, CLK_POLARITY=1, WIDTH=1)
        made["started"] = _cell("$not", {"A": first, "Y": kept}, A_SIGNED=0, A_WIDTH=1, Y_WIDTH=1)
        reached = self._reached(changed, inside)
        held = {bit: next(fresh) for bit in self._resets}
        for bit, gated in held.items():
            made[f"reset{bit}"] = _gate("$and", bit, kept, gated)
        twin = {bit: next(fresh) for name in reached for bit in _bits(self._cells[name], "output")}
        start: dict[Bit, Bit] = {}
        for name in inside:
            state = "Q" in self._cells[name]["connections"]
            if state:
                start |= {bit: self._constants.get(bit, next(fresh)) for bit in _bits(self._cells[name], "output")}
            copies: list[tuple[str, dict[Bit, int]]] = [(name, {})]
            for copy, rename in copies + [(f"{name}$mutant", twin)] * (name in reached):
                cell = json.loads(json.dumps(self._cells[name]))
                cell["attributes"] = {}
                for port, bits in cell["connections"].items():
                    if cell["port_directions"][port] == "input":
                        bits[:] = [rename.get(held.get(bit, bit), rename.get(bit, held.get(bit, bit))) for bit in bits]
                    else:
                        bits[:] = [rename.get(bit, bit) for bit in bits]
                if "CLK" in cell["connections"]:
                    cell["connections"]["CLK"] = [clock]
                if state:  # at first the state is any, and the same in both
                    for index, bit in enumerate(self._cells[name]["connections"]["Q"]):
                        raw, seen = next(fresh), cell["connections"]["Q"][index]
                        cell["connections"]["Q"][index] = raw
                        made[f"{copy}$start{index}"] = _cell(
                            "$mux", {"A": raw, "B": start[bit], "S": first, "Y": seen}, WIDTH=1
                        )
                if rename and name == changed:
                    made |= _broken(mutant, cell, fresh)
                made |= _simulated(copy, cell, fresh)
        seen = (bit for bit in twin if bit in self._outside or self._leaves(bit, inside))
        leaving: list[tuple[Bit, Bit]] = [(bit, twin[bit]) for bit in seen]
        leaving += self._written(made, twin, inside, fresh)
        width = max(len(leaving), 1)
        one, other = ([pair[side] for pair in leaving] or ["0"] for side in range(2))
        differs = next(fresh)
        made["differ"] = _cell("$ne", {"A": one, "B": other, "Y": differs}, A_WIDTH=width, B_WIDTH=width, **_WIDE)
        made["noticed"] = _gate("$and", differs, kept, bad)
        driven = {bit for cell in made.values() for bit in _bits(cell, "output")}
        for cell in made.values():
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    bits[:] = [bit if bit in driven else self._constants.get(bit, bit) for bit in bits]
        read = {bit for cell in made.values() for bit in _bits(cell, "input") if isinstance(bit, int)}
        free = sorted(read - driven)
        return {
            "attributes": {"top": "1"},
            "ports": {
                "clock": {"direction": "input", "bits": [clock]},
                "free": {"direction": "input", "bits": [bit for bit in free if bit != clock]},
                "bad": {"direction": "output", "bits": [bad]},
            },
            "cells": made,
            "netnames": {"first": {"hide_name": 0, "bits": [first], "attributes": {"init": "1"}}},
        }

    def _leaves(self, bit: Bit, inside: set[str]) -> bool:
        """Whether something outside of a part reads a bit in any cycle, not only while it is written into an array."""
        return any(
            name not in inside
            and (self._cells[name]["type"] != _WRITTEN or bit in self._cells[name]["connections"]["EN"])
            for name in self._readers[bit]
        )

    def _written(
        self, made: dict[str, Cell], twin: Mapping[Bit, int], inside: set[str], fresh: Iterator[int]
    ) -> list[tuple[Bit, Bit]]:
        """Pairs of bits that differ when a memory array is given another place or other bits to write."""
        pairs: list[tuple[Bit, Bit]] = []
        for name in sorted({name for bit in twin for name in self._readers[bit] if name not in inside}):
            pins = self._cells[name]["connections"]
            if self._cells[name]["type"] != _WRITTEN:
                continue
            some = next(fresh)
            enables = {"A": pins["EN"], "Y": some}
            made[f"{name}$some"] = _cell("$reduce_or", enables, A_SIGNED=0, A_WIDTH=len(pins["EN"]), Y_WIDTH=1)
            bits = [(bit, some) for bit in pins["ADDR"]] + list(zip(pins["DATA"], pins["EN"], strict=True))
            for number, (bit, enable) in enumerate(pair for pair in bits if pair[0] in twin):
                sides = next(fresh), next(fresh)
                for side, out in zip((bit, twin[bit]), sides, strict=True):
                    made[f"{name}$side{number}${out}"] = _gate("$and", side, enable, out)
                pairs.append(sides)
        return pairs

    def _reached(self, changed: str, inside: set[str]) -> set[str]:
        """The cells of a part that a change of one of them can make differ."""
        reached, ahead = {changed}, [changed]
        while ahead:
            for bit in _bits(self._cells[ahead.pop()], "output"):
                new = [name for name in self._readers[bit] if name in inside and name not in reached]
                reached.update(new)
                ahead += new
        return reached


def _parts(instance: str) -> list[str]:
    """An instance and the block of the engine that it is in; none for what the engine itself consists of."""
    return list(dict.fromkeys(filter(None, (instance, instance.partition(".")[0]))))


def _bits(cell: Cell, direction: str) -> Iterator[Bit]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == direction:
            yield from bits


def _numbers(start: int) -> Iterator[int]:
    while True:
        yield start
        start += 1


def _cell(kind: str, pins: Mapping[str, Bit | Iterable[Bit]], **parameters: int) -> Cell:
    bits = {pin: [bit] if isinstance(bit, int | str) else list(bit) for pin, bit in pins.items()}
    return {
        "type": kind,
        "parameters": {name: f"{value:032b}" for name, value in parameters.items()},
        "attributes": {},
        "port_directions": {pin: "output" if pin in ("Y", "Q") else "input" for pin in bits},
        "connections": bits,
    }


def _gate(kind: str, left: Bit, right: Bit, out: int) -> Cell:
    return _cell(kind, {"A": left, "B": right, "Y": out}, A_WIDTH=1, B_WIDTH=1, **_WIDE)


def _simulated(name: str, cell: Cell, fresh: Iterator[int]) -> dict[str, Cell]:
    """A cell as the judge's netlist has it, where Yosys leaves open what happens.

    Of several alternatives chosen at once the first is taken, and beyond the end of a word are zeros.
    """
    if cell["type"] == "$shiftx":
        return {name: cell | {"type": "$shift"}}
    if cell["type"] != "$pmux":
        return {name: cell}
    pins, found = cell["connections"], {}
    below, width = list(pins["A"]), len(pins["Y"])
    for number in reversed(range(len(pins["S"]))):
        out = [next(fresh) for _ in below] if number else pins["Y"]
        sides = {"A": below, "B": pins["B"][width * number : width * (number + 1)], "S": pins["S"][number], "Y": out}
        found[f"{name}${number}"], below = _cell("$mux", sides, WIDTH=width), out
    return found


def _broken(mutant: Mutant, cell: Cell, fresh: Iterator[int]) -> dict[str, Cell]:
    """Change a pin of a cell as the mutant does; returns the cells that this takes."""
    found = dict(_OPTION.findall(mutant.command))
    pins, at = cell["connections"][found["port"]], int(found["portbit"])
    other: Bit = {"inv": "1", "const0": "0", "const1": "1"}.get(mutant.mode, "")
    control = other or pins[int(found["ctrlbit"])]
    given, new = pins[at], next(fresh)
    entering = cell["port_directions"][found["port"]] == "input"
    before, after = (given, new) if entering else (new, given)
    pins[at] = new
    if mutant.mode.startswith("const"):
        return {"mutant": _gate("$and", control, control, int(after))}
    return {"mutant": _gate("$xnor" if mutant.mode == "cnot0" else "$xor", before, control, int(after))}
