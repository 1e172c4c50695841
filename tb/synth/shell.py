"""The shell around what is measured: inputs come from the flops of one shift register, outputs go into flops.

So a block of a thousand ports needs three pins, and every path begins and ends at a flop as it would inside a chip. The
shell is written with cells of the ECP5, not with statements, so that its cost is known exactly and no optimisation can
move logic across its edge. A black box inside (device memory) gets the same treatment from its other side.

    si -> [input flops, one a bit of input] -> out chain: [q ^ captured output] ... -> so
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tb.synth.errors import SynthesisError

__all__ = ["CLOCK", "Interface", "Port", "Shell", "interface_of", "shell_of"]

CLOCK = "clk_i"
"""The clock of every part, the only input that is not a flop of the shell."""

_FLOP = (
    'TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), .LSRMUX("LSR"), .REGSET("RESET")) '
    "{name} (.CLK(clk_i), .LSR(1'b0), .DI({d}), .Q({q}));"
)
_XOR = "LUT4 #(.INIT(16'h6666)) fold (.A(captured[i]), .B(out[i]), .C(1'b0), .D(1'b0), .Z(folded[i]));"


@dataclass(frozen=True)
class Port:
    """A port of a part or a black box: bits, and whether it is an input of it."""

    name: str
    bits: int
    is_input: bool


@dataclass(frozen=True)
class Interface:
    """Ports of a part, and of the black boxes in it by module, each with the names of its parameters."""

    ports: tuple[Port, ...]
    boxes: Mapping[str, tuple[tuple[str, ...], tuple[Port, ...]]]


@dataclass(frozen=True)
class Shell:
    """Verilog of the shell (its top is `shell`) and what it costs: flops, and LUT4s that fold outputs."""

    text: str
    flops: int
    luts: int


def interface_of(found: Any) -> Interface:
    """Read what tb.synth.yosys wrote about a part."""
    def ports(rows: Any) -> tuple[Port, ...]:
        return tuple(Port(name, bits, direction == "input") for name, bits, direction in rows)

    boxes = {name: (tuple(box["parameters"]), ports(box["ports"])) for name, box in found["boxes"].items()}
    return Interface(ports(found["top"]), boxes)


def shell_of(parts: Sequence[tuple[str, Interface]]) -> Shell:
    """A shell around parts placed side by side, given as (module, interface).

    SynthesisError when a part has no ports beside its clock, or two parts disagree about a black box.
    """
    boxes: dict[str, tuple[tuple[str, ...], tuple[Port, ...]]] = {}
    chains = _Chains()
    instances = []
    for module, interface in parts:
        if not any(port.name != CLOCK for port in interface.ports):
            raise SynthesisError(f"{module}: no ports beside the clock, so nothing can be measured")
        for name, box in interface.boxes.items():
            if boxes.setdefault(name, box) != box:
                raise SynthesisError(f"{module}: its {name} differs from that of another part: measure them one by one")
        bound = []
        for port in interface.ports:
            if port.name == CLOCK:
                wire = CLOCK
            else:
                wire = chains.give(module, port) if port.is_input else chains.take(module, port)
            bound.append(f".{port.name}({wire})")
        instances.append(f"    {module} {module} ({', '.join(bound)});")
    lines = [f"module shell (input {CLOCK}, input si, output so);", *chains.lines()]
    lines += ["    assign feed[0] = si;", f"    assign out[0] = feed[{chains.given}];"]
    lines += [f"    assign so = out[{chains.taken}];", *instances, "endmodule"]
    flops, luts = chains.given + 2 * chains.taken, chains.taken
    for name, (parameters, ports) in boxes.items():
        text, inner = _inside_out(name, parameters, ports)
        lines += text
        count = sum(name in interface.boxes for _, interface in parts)
        flops, luts = flops + count * (inner.given + 2 * inner.taken), luts + count * inner.taken
    return Shell("\n".join(lines) + "\n", flops, luts)


class _Chains:
    """Two shift registers: `feed` of a flop a bit that is given, `out` that folds in each bit that is taken."""

    def __init__(self) -> None:
        self.given = 0
        self.taken = 0
        self._loops: list[str] = []

    def give(self, of: str, port: Port) -> str:
        """Flops for `port`; the wires that they drive."""
        first, self.given = self.given, self.given + port.bits
        flop = _FLOP.format(name="flop", d="feed[i]", q="feed[i + 1]")
        self._loops.append(self._loop(f"from_{of}_{port.name}", first, self.given, flop))
        return f"feed[{first + 1} +: {port.bits}]"

    def take(self, of: str, port: Port) -> str:
        """Flops for `port`, and those that carry their bits out; the wires that they are driven by."""
        first, self.taken = self.taken, self.taken + port.bits
        flop = _FLOP.format(name="flop", d="driven[i]", q="captured[i]")
        link = _FLOP.format(name="link", d="folded[i]", q="out[i + 1]")
        self._loops.append(self._loop(f"to_{of}_{port.name}", first, self.taken, f"{flop} {_XOR} {link}"))
        return f"driven[{first} +: {port.bits}]"

    def lines(self) -> list[str]:
        """The wires and all flops."""
        width = max(self.taken, 1)
        return [
            f"    wire [{self.given}:0] feed;",
            f"    wire [{self.taken}:0] out;",
            f"    wire [{width - 1}:0] driven, captured, folded;",
            "    genvar i;",
            "    generate",
            *self._loops,
            "    endgenerate",
        ]

    @staticmethod
    def _loop(label: str, first: int, end: int, body: str) -> str:
        return f"        for (i = {first}; i < {end}; i = i + 1) begin : {label} {body} end"


def _inside_out(name: str, parameters: Sequence[str], ports: Sequence[Port]) -> tuple[list[str], _Chains]:
    """What stands where a black box was: what it is given is captured, what it gives comes from flops, in one ring."""
    chains = _Chains()
    bodies, declared = [], [f"input {CLOCK}"]
    for port in ports:
        if port.name != CLOCK:
            declared.append(f"{'input' if port.is_input else 'output'} [{port.bits - 1}:0] {port.name}")
            if port.is_input:
                bodies.append(f"    assign {chains.take(name, port)} = {port.name};")
            else:
                bodies.append(f"    assign {port.name} = {chains.give(name, port)};")
    listed = ", ".join(f"parameter {each} = 0" for each in parameters)
    ring = f"feed[{chains.given}]" if chains.given else "1'b0"
    lines = [f"module {name} {f'#({listed}) ' if listed else ''}({', '.join(declared)});", *chains.lines(), *bodies]
    lines += [f"    assign feed[0] = out[{chains.taken}];", f"    assign out[0] = {ring};", "endmodule"]
    return lines, chains
