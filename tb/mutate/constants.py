"""Bits of the design that are never anything but 0, or 1, once they have been written: what a proof knows of the rest.

Values spread through the gates from nothing: a register or a place in an array takes what may be written to it, inputs
are anything, and what has taken two values is anything from then on. What is left with one value has it always, but for
the time before it was first written. Nobody looks at it then: simulations from any start and with X hold the engine to
that (tests/rtl/bench_unreset.py, tests/rtl/test_initial_state.py).
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tb.synth import yosys

__all__ = ["constants_of"]

_NEVER, _ZERO, _ONE, _ANY = 0, 1, 2, 3
"""What a bit has been so far, as a set of two."""

Cell = dict[str, Any]
Bit = int | str


def constants_of(design: Path, directory: Path) -> dict[Bit, str]:
    """Bits of the flat design, Yosys' JSON of it, that are always "0" or always "1".

    directory: where the design goes as single gates.
    """
    gates = directory / "gates.json"
    directory.mkdir(parents=True, exist_ok=True)
    passes = [f"read_json {design}", "hierarchy -top faultline", "dffunmap", "simplemap", "techmap", "simplemap"]
    passes += [f"write_json {gates}"]
    yosys.run(passes, directory / "gates.log", "the design as gates")
    before = json.loads(design.read_text(encoding="utf-8"))["modules"]["faultline"]["netnames"]
    module = json.loads(gates.read_text(encoding="utf-8"))["modules"]["faultline"]
    held = _Spread(module).values()
    found: dict[Bit, str] = {}
    for name, net in before.items():
        for bit, now in zip(net["bits"], module["netnames"].get(name, {"bits": []})["bits"], strict=False):
            value = {"0": _ZERO, "1": _ONE}.get(now, _ANY) if isinstance(now, str) else held.get(now, _ANY)
            if isinstance(bit, int) and value in (_ZERO, _ONE):
                found[bit] = "0" if value == _ZERO else "1"
    return found


class _Spread:
    """The gates of a module, and what each bit has been."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._cells: dict[str, Cell] = module["cells"]
        self._held: dict[Bit, int] = {"0": _ZERO, "1": _ONE, "x": _NEVER, "z": _NEVER}
        self._columns: dict[tuple[str, int], int] = {}
        self._readers: dict[Bit, list[str]] = defaultdict(list)
        self._ports: dict[str, list[str]] = defaultdict(list)
        for name, cell in self._cells.items():
            for pin, bits in cell["connections"].items():
                if cell["port_directions"][pin] == "input":
                    for bit in bits:
                        self._readers[bit].append(name)
            if cell["type"].startswith("$memrd"):
                self._ports[cell["parameters"]["MEMID"]].append(name)
        self._ahead = deque(self._cells)
        self._waiting = set(self._cells)
        for port in module["ports"].values():
            if port["direction"] == "input":
                for bit in port["bits"]:
                    self._take(bit, _ANY)

    def values(self) -> dict[Bit, int]:
        """What each bit has been once nothing changes any more; a bit that was never written is anything."""
        self._settle()
        for cell in self._cells.values():
            for bit in cell["connections"].get("Q", ()):
                if self._held.get(bit, _NEVER) == _NEVER:
                    self._take(bit, _ANY)
        self._settle()
        return self._held

    def _settle(self) -> None:
        while self._ahead:
            name = self._ahead.popleft()
            self._waiting.discard(name)
            self._enter(self._cells[name])

    def _again(self, name: str) -> None:
        if name not in self._waiting:
            self._waiting.add(name)
            self._ahead.append(name)

    def _take(self, bit: Bit, value: int) -> None:
        """A bit may be `value` too."""
        old = self._held.get(bit, _NEVER)
        if isinstance(bit, int) and old | value != old:
            self._held[bit] = old | value
            for name in self._readers[bit]:
                self._again(name)

    def _seen(self, bits: list[Bit]) -> int:
        return self._held.get(bits[0], _NEVER)

    def _enter(self, cell: Cell) -> None:
        """Let a gate, a register or a port of an array do what it can do now."""
        kind, pins = cell["type"], cell["connections"]
        if kind.startswith("$memwr"):
            self._write(cell)
        elif kind.startswith("$memrd"):
            for number, bit in enumerate(pins["DATA"]):
                self._take(bit, self._columns.get((cell["parameters"]["MEMID"], number), _NEVER))
        elif "Q" in pins:
            self._take(pins["Q"][0], self._seen(pins["D"]))
        elif "Y" in pins:
            value = _gate(kind, {pin: self._seen(bits) for pin, bits in pins.items() if pin != "Y"})
            for bit in pins["Y"]:
                self._take(bit, value)

    def _write(self, cell: Cell) -> None:
        pins, array = cell["connections"], cell["parameters"]["MEMID"]
        for number, (bit, enable) in enumerate(zip(pins["DATA"], pins["EN"], strict=True)):
            if self._held.get(enable, _NEVER) & _ONE:
                old = self._columns.get((array, number), _NEVER)
                new = old | self._held.get(bit, _NEVER)
                if new != old:
                    self._columns[array, number] = new
                    for name in self._ports[array]:
                        self._again(name)


def _gate(kind: str, pins: Mapping[str, int]) -> int:
    """What the output of a gate may be, of what its inputs may be; one that is not known may be anything."""
    one, other = pins.get("A", _NEVER), pins.get("B", _NEVER)
    inverted = {_NEVER: _NEVER, _ZERO: _ONE, _ONE: _ZERO, _ANY: _ANY}
    if kind == "$_NOT_":
        return inverted[one]
    if kind == "$_BUF_":
        return one
    if kind == "$_AND_":
        return _and(one, other)
    if kind == "$_OR_":
        return inverted[_and(inverted[one], inverted[other])]
    if kind == "$_XOR_":
        if _NEVER in (one, other):
            return _NEVER
        return _ANY if _ANY in (one, other) else _ONE if one != other else _ZERO
    if kind == "$_MUX_":
        chosen = pins["S"]
        return (one if chosen & _ZERO else _NEVER) | (other if chosen & _ONE else _NEVER)
    return _ANY


def _and(one: int, other: int) -> int:
    """A zero decides, whatever the other is, even where that is not known yet."""
    return (one | other) & _ZERO | (one & other & _ONE)
