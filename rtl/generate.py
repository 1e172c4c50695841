"""Derive everything that repeats a number of rtl/faultline.rdl: Verilog, Python, C and the register page.

Hardware, driver and documents must agree on every address and every bit. They do because none of them is
written by hand: this program reads the one SystemRDL file and writes the four views named in `OUTPUTS`.

    python rtl/generate.py            write them
    python rtl/generate.py --check    exit 1 and name each one that is stale

The C structs come from PeakRDL's C header exporter; the rest is written here from the compiled model, because
Verilog-2005 ranges and sans-I/O Python dataclasses have no exporter.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peakrdl_cheader.exporter import CHeaderExporter
from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegfileNode, RegNode

__all__ = ["OUTPUTS", "load", "main", "render", "stale"]

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "rtl/faultline.rdl"
NOTICE = f"generated from {SOURCE}; do not edit"
OUTPUTS = ("rtl/faultline.vh", "models/layout.py", "docs/faultline.h", "docs/registers.md")
STRUCTURES = ("descriptor", "record", "page_table_entry")


@dataclass(frozen=True)
class Enum:
    """One encoding: `members` are (name, value, description); `width` is that of the fields that use it."""

    name: str
    width: int
    members: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True)
class Field:
    """One field; `lsb` counts from the start of its register, or of the whole structure."""

    name: str
    lsb: int
    width: int
    access: str  # ro, rw, w1c, or pulse (write 1, reads 0)
    reset: int
    volatile: bool
    desc: str
    encode: str

    @property
    def msb(self) -> int:
        return self.lsb + self.width - 1


@dataclass(frozen=True)
class Register:
    """One register, or an array of `count` of them; `offset` counts from its block."""

    name: str
    offset: int
    count: int
    stride: int
    fields: tuple[Field, ...]
    desc: str

    @property
    def access(self) -> str:
        kinds = {field.access for field in self.fields}
        return kinds.pop() if len(kinds) == 1 else "rw"

    @property
    def reset(self) -> int:
        return sum(field.reset << field.lsb for field in self.fields)


@dataclass(frozen=True)
class Block:
    """The top-level registers (`name` is empty) or one register file, `count` times."""

    name: str
    base: int
    count: int
    stride: int
    registers: tuple[Register, ...]
    desc: str


@dataclass(frozen=True)
class Structure:
    """A structure in host memory: all its words seen as one number of `bits` bits.

    `short_bits` is the size of an entry of the transfer ring where that is the first part only, else 0.
    """

    name: str
    title: str
    bits: int
    short_bits: int
    fields: tuple[Field, ...]
    desc: str


@dataclass(frozen=True)
class Design:
    """All of faultline.rdl, in the form that the four writers want."""

    enums: tuple[Enum, ...]
    blocks: tuple[Block, ...]
    structures: tuple[Structure, ...]
    structs: str  # the C exporter's text


# -------------------------------------------------------------------------------------------------- reading


def _text(node: Any) -> str:
    return " ".join((node.get_property("desc") or "").split())


def _field(node: FieldNode, base: int, enums: dict[str, Enum]) -> Field:
    encode = node.get_property("encode")
    name = ""
    if encode is not None:
        name = encode.type_name.removesuffix("_e")
        members = tuple((m.name, m.value, " ".join((m.rdl_desc or "").split())) for m in encode)
        found = enums.setdefault(name, Enum(name, node.width, members))
        if found.width != node.width:
            raise SystemExit(f"{SOURCE}: {node.get_path()} has {node.width} bits, other {name} fields {found.width}")
    onwrite, reset = node.get_property("onwrite"), node.get_property("reset")
    if not isinstance(reset, int):
        raise SystemExit(f"{SOURCE}: {node.get_path()} has no reset value")
    if node.get_property("singlepulse"):
        access = "pulse"
    elif onwrite is not None:
        access = {"woclr": "w1c"}[onwrite.name]
    else:
        access = {"r": "ro", "rw": "rw"}[node.get_property("sw").name]
    volatile = access != "rw" and node.get_property("hw").name in ("w", "rw")
    return Field(node.inst_name, base + node.lsb, node.width, access, reset, volatile, _text(node), name)


def _array(node: RegNode | RegfileNode) -> tuple[int, int]:
    """Return how many there are and the bytes from one to the next; (1, 0) for one that is no array."""
    if not node.array_dimensions or node.array_stride is None:
        return 1, 0
    return node.array_dimensions[0], node.array_stride


def _register(node: RegNode, enums: dict[str, Enum]) -> Register:
    count, stride = _array(node)
    fields = tuple(_field(field, 0, enums) for field in node.fields())
    return Register(node.inst_name, node.raw_address_offset, count, stride, fields, _text(node))


def _blocks(top: AddrmapNode, enums: dict[str, Enum]) -> Iterator[Block]:
    registers = tuple(_register(node, enums) for node in top.children() if isinstance(node, RegNode))
    yield Block("", 0, 1, 0, registers, _text(top))
    for node in top.children():
        if isinstance(node, RegfileNode):
            count, stride = _array(node)
            registers = tuple(_register(child, enums) for child in node.registers())
            yield Block(node.inst_name, node.raw_address_offset, count, stride, registers, _text(node))


def _structure(node: AddrmapNode, enums: dict[str, Enum]) -> Structure:
    fields = tuple(_field(field, 8 * reg.address_offset, enums) for reg in node.registers() for field in reg.fields())
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        raise SystemExit(f"{SOURCE}: {node.inst_name} names a field twice")
    short = node.get_property("transfer_entry_bytes", default=0)
    return Structure(node.inst_name, node.get_property("name"), 8 * node.size, 8 * short, fields, _text(node))


def load(root: Path) -> Design:
    """Compile root/rtl/faultline.rdl. Raises `RDLCompileError` with the line where the source is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        wrapper, header = Path(directory) / "all.rdl", Path(directory) / "all.h"
        instances = "".join(f"{name} {name} @ {0x10000 * (i + 1):#x};" for i, name in enumerate(STRUCTURES))
        wrapper.write_text(f"addrmap everything {{ faultline faultline @ 0; {instances} }};", encoding="utf-8")
        compiler = RDLCompiler()
        compiler.compile_file(str(root / SOURCE))
        compiler.compile_file(str(wrapper))
        tree = compiler.elaborate("everything")
        CHeaderExporter().export(tree, str(header), explode_top=True, generate_bitfields=True)
        structs = header.read_text(encoding="utf-8")
    enums: dict[str, Enum] = {}
    children = {node.inst_name: node for node in tree.top.children() if isinstance(node, AddrmapNode)}
    structures = tuple(_structure(children[name], enums) for name in STRUCTURES)
    blocks = tuple(_blocks(children["faultline"], enums))
    return Design(tuple(enums.values()), blocks, structures, structs)


# -------------------------------------------------------------------------------------------------- Verilog


def _defines(design: Design) -> Iterator[tuple[str, str, str]]:
    """Yield (macro, value, comment); an empty macro starts a paragraph that the comment names."""
    for enum in design.enums:
        yield "", "", f"{enum.name}, {enum.width} bits"
        for name, value, desc in enum.members:
            yield f"{enum.name}_{name}", f"{enum.width}'d{value}", desc
    for structure in design.structures:
        yield "", "", f"{structure.title}: ranges over the whole structure, first byte lowest"
        yield f"{structure.name}_bits", str(structure.bits), ""
        if structure.short_bits:
            yield f"{structure.name}_transfer_bits", str(structure.short_bits), "An entry of the transfer ring."
        for field in structure.fields:
            yield f"{structure.name}_{field.name}", f"{field.msb}:{field.lsb}", field.desc
    for block in design.blocks:
        yield "", "", f"{block.name or 'top-level'} registers: addresses, reset values, field ranges"
        prefix, kind = (f"{block.name}_", "offset") if block.name else ("", "addr")
        if block.name:
            yield f"addr_{block.name}", f"16'h{block.base:04x}", block.desc
        if block.count > 1:
            yield f"stride_{block.name}", f"16'h{block.stride:04x}", ""
            yield f"count_{block.name}", str(block.count), ""
        for register in block.registers:
            name = f"{prefix}{register.name}"
            yield f"{kind}_{name}", f"16'h{register.offset:04x}", register.desc
            yield f"reset_{name}", f"32'h{register.reset:08x}", ""
            if register.count > 1:
                yield f"stride_{name}", f"16'h{register.stride:04x}", ""
                yield f"count_{name}", str(register.count), ""
            for field in register.fields:
                yield f"{name}_{field.name}", f"{field.msb}:{field.lsb}", field.desc


def _verilog(design: Design) -> str:
    lines = [f"// faultline.vh: {NOTICE}.", "//",
             "// Why: one name for every number that the hardware shares with its driver.",
             "`ifndef FAULTLINE_VH", "`define FAULTLINE_VH"]
    seen: set[str] = set()
    for macro, value, comment in _defines(design):
        if not macro:
            lines += ["", f"// {comment}"]
            continue
        name = f"FL_{macro.upper()}"
        if name in seen:
            raise SystemExit(f"{SOURCE}: two things would both be called {name}; rename one")
        seen.add(name)
        if comment:
            lines += textwrap.wrap(comment, 100, initial_indent="// ", subsequent_indent="// ")
        lines.append(f"`define {name:<44} {value}")
    return "\n".join([*lines, "", "`endif", ""])


# -------------------------------------------------------------------------------------------------- C


def _c_header(design: Design) -> str:
    lines = ["", "/* Encodings. */"]
    for enum in design.enums:
        lines.append(f"enum fl_{enum.name} {{")
        lines += [f"    FL_{enum.name.upper()}_{name} = {value}, /* {desc} */" for name, value, desc in enum.members]
        lines += ["};", ""]
    lines.append("/* Register addresses; those in a block are offsets from the block's own address. */")
    numbers = re.compile(r"(?:\d+'h)?([0-9a-f]+)$")
    for macro, value, _comment in _defines(design):
        if macro.startswith(("addr_", "offset_", "stride_", "count_")):
            number = numbers.match(value)
            assert number is not None, value
            lines.append(f"#define FL_{macro.upper()} {'0x' if chr(39) in value else ''}{number[1]}u")
    body = design.structs.split("#define ALL_H\n", 1)[1].rsplit("#endif", 1)[0]
    includes = "#include <assert.h>"
    if includes not in body:
        raise SystemExit("the C header exporter changed its output: no <assert.h> to put the encodings after")
    body = body.replace(includes, "\n".join([includes, *lines]), 1)
    body = re.sub(r"[ \t]+$", "", body, flags=re.MULTILINE)
    return (f"/* faultline.h: {NOTICE}.\n *\n"
            " * Why: registers, descriptors, records and table entries for authors of drivers in C.\n"
            " * Structures by PeakRDL-cheader: x.f.field is a field, x.w its whole word. */\n"
            f"#ifndef FAULTLINE_H\n#define FAULTLINE_H\n{body.rstrip()}\n\n#endif\n")


# -------------------------------------------------------------------------------------------------- readers


def _bits(field: Field) -> str:
    return str(field.lsb) if field.width == 1 else f"{field.msb}:{field.lsb}"


def _meaning(field: Field) -> str:
    return " ".join(filter(None, [field.desc, f"See [{field.encode}](#{field.encode})." if field.encode else ""]))


def _markdown(design: Design) -> str:
    lines = [f"<!-- {NOTICE}. -->", "", "# Registers and structures", "",
             "Every number that hardware and software share. Access: `ro` read only, `rw` read and write, `w1c` "
             "write 1 clears, `pulse` write 1 acts and reads 0."]
    for block in design.blocks:
        many = f"[{block.count}]" if block.count > 1 else ""
        every = f", every {block.stride:#x}" if many else ""
        lines += ["", f"## {block.name.capitalize() or 'Engine'} registers", "", block.desc, ""]
        if block.name:
            lines += [f"`{block.name}{many}` at {block.base:#06x}{every}; the offsets below count from there.", ""]
        lines += ["| offset | register | bits | field | access | reset | meaning |", "| - | - | - | - | - | - | - |"]
        for register in block.registers:
            array = f"[{register.count}]" if register.count > 1 else ""
            every = f" Every {register.stride:#x}." if array else ""
            lines.append(f"| {register.offset:#05x} | **{register.name}**{array} | | | {register.access} "
                         f"| {register.reset:#x} | {register.desc}{every} |")
            lines += [f"| | | {_bits(field)} | {field.name} | {field.access} | {field.reset:#x} | {_meaning(field)} |"
                      for field in register.fields]
    for structure in design.structures:
        lines += ["", f"## {structure.title}", "", structure.desc, "", "| bytes | bits | field | meaning |",
                  "| - | - | - | - |"]
        for field in structure.fields:
            word = field.lsb // 64 * 8
            lines.append(f"| {word} to {word + 7} | {field.msb % 64}:{field.lsb % 64} | {field.name} "
                         f"| {_meaning(field)} |")
    for enum in design.enums:
        lines += ["", f"## {enum.name}", "", "| value | name | meaning |", "| - | - | - |"]
        lines += [f"| {value} | {name} | {desc} |" for name, value, desc in enum.members]
    return "\n".join([*lines, ""])


# -------------------------------------------------------------------------------------------------- command


def render(root: Path) -> dict[str, str]:
    """Return the text of every file in `OUTPUTS`, derived from the source under `root`."""
    from layout_writer import python_layout

    design = load(root)
    texts = (_verilog(design), python_layout(design), _c_header(design), _markdown(design))
    return dict(zip(OUTPUTS, texts, strict=True))


def stale(root: Path) -> list[str]:
    """Return those of `OUTPUTS` under `root` that are missing or differ from what the source says."""
    return [name for name, text in render(root).items()
            if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the outputs, or with --check name the stale ones; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    parser.add_argument("--root", type=Path, default=ROOT, help="tree to work on")
    options = parser.parse_args(arguments)
    if options.check:
        names = stale(options.root)
        for name in names:
            print(f"{name} is stale: run `make generate` and commit it", file=sys.stderr)
        return 1 if names else 0
    for name, text in render(options.root).items():
        path = options.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
