"""Write models/layout.py: the driver's typed view of rtl/faultline.rdl (called by generate.py).

A file of its own because a Python module takes more shaping than the other three outputs together.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generate import Block, Design, Field, Register

__all__ = ["python_layout"]

HEAD = '''"""Registers, descriptors, records and table entries: generated from rtl/faultline.rdl; do not edit.

Why: the driver, the Python device and the testbench name every number; none of them repeats one.
Structures pack to little-endian bytes. Fields with an encoding unpack to its enum, or to a plain int where
the value has no name. Packing a value that does not fit its field raises ValueError. Registers with one
32-bit field have no class of their own: their value is the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

__all__ = [
{names}
]

# A field may be called bytes, which would hide the type from its class.
_Bytes: TypeAlias = bytes
_Buffer: TypeAlias = bytes | bytearray | memoryview


def _put(value: int, lsb: int, width: int, name: str) -> int:
    if not 0 <= value < 1 << width:
        raise ValueError(f"{{name}} is {{value}}, must be 0 to {{(1 << width) - 1}}")
    return value << lsb


def _named(encoding: type[IntEnum], value: int) -> int:
    try:
        return encoding(value)
    except ValueError:
        return value


def _at(name: str, index: int, count: int, base: int, stride: int) -> int:
    if not 0 <= index < count:
        raise ValueError(f"{{name}} {{index}}, must be 0 to {{count - 1}}")
    return base + index * stride
'''

TAIL = '''

@dataclass(frozen=True, slots=True)
class RegisterField:
    """One field; access is ro, rw, w1c or pulse; volatile: the hardware changes it."""

    name: str
    lsb: int
    width: int
    access: str
    reset: int
    volatile: bool


@dataclass(frozen=True, slots=True)
class Register:
    """One register at a byte address; access is that of its fields, rw where they differ."""

    name: str
    address: int
    access: str
    reset: int
    fields: tuple[RegisterField, ...]


def _expand(
    block: str, base: int, count: int, stride: int, name: str, offset: int, length: int, step: int,
    fields: tuple[RegisterField, ...],
) -> list[Register]:
    kinds = {field.access for field in fields}
    access = kinds.pop() if len(kinds) == 1 else "rw"
    reset = sum(field.reset << field.lsb for field in fields)
    return [
        Register(
            (f"{block}[{i}]." if count > 1 else f"{block}." if block else "") + name + (f"[{j}]" if length > 1 else ""),
            base + i * stride + offset + j * step, access, reset, fields,
        )
        for i in range(count) for j in range(length)
    ]
'''

PACK = '''
    def pack(self) -> _Bytes:
        """Return {size} bytes, little endian; ValueError where a field does not fit."""
        return self.to_int().to_bytes({size}, "little")

    @classmethod
    def unpack(cls, data: _Buffer) -> {name}:
        """Read {size} bytes; ValueError for any other length."""
        if len(data) != {size}:
            raise ValueError(f"{name} is {size} bytes, not {{len(data)}}")
        return cls.from_int(int.from_bytes(data, "little"))'''

PACK_BY_QUEUE = '''
    def pack(self, queue: int = 1) -> _Bytes:
        """Return the ring entry of a queue, little endian: {short} bytes for 0 (transfer), {size} for 1 (render).

        ValueError where a field does not fit, or where a transfer entry has no room for a field that is not 0.
        """
        number = self.to_int()
        if queue == 0 and number >> {short} * 8:
            raise ValueError(f"{{self}} has fields that an entry of the transfer ring leaves out")
        return number.to_bytes(self.ENTRY_SIZE[queue], "little")

    @classmethod
    def unpack(cls, data: _Buffer) -> {name}:
        """Read a ring entry of either queue; ValueError for any other length."""
        if len(data) not in cls.ENTRY_SIZE:
            raise ValueError(f"{name} is {short} or {size} bytes, not {{len(data)}}")
        return cls.from_int(int.from_bytes(data, "little"))'''


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="    #: ", subsequent_indent="    #: ")


def _docstring(text: str, indent: str = "    ") -> list[str]:
    lines = textwrap.wrap(text, 110)
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""', ""]
    return [f'{indent}"""{lines[0]}', *(indent + line for line in lines[1:]), f'{indent}"""', ""]


def _enum(name: str, doc: str, members: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield from ["", "", f"class {name}(IntEnum):", *_docstring(doc)]
    for member, value, desc in members:
        yield from _comment(desc)
        yield f"    {member} = {value}"


def _number_class(name: str, doc: str, fields: tuple[Field, ...], size: int = 0, short: int = 0) -> Iterator[str]:
    """A frozen dataclass that is a number with fields; `size` bytes adds pack and unpack, `short` a short form."""
    yield from ["", "", "@dataclass(frozen=True, slots=True)", f"class {name}:", *_docstring(doc)]
    for field in fields:
        yield from _comment(field.desc)
        yield f"    {field.name}: int = {field.reset}"
    if size:
        yield from ["", f"    SIZE: ClassVar[int] = {size}"]
    if short:
        yield "    #: Bytes of a ring entry, by queue: the transfer ring leaves out the last words."
        yield f"    ENTRY_SIZE: ClassVar[tuple[int, int]] = ({short}, {size})"
    yield from ["", "    def to_int(self) -> int:",
                '        """Return the fields as one number; ValueError where one does not fit."""', "        return ("]
    for index, field in enumerate(fields):
        bar = "| " if index else ""
        yield f'            {bar}_put(self.{field.name}, {field.lsb}, {field.width}, "{name}.{field.name}")'
    yield from ["        )", "", "    @classmethod", f"    def from_int(cls, value: int) -> {name}:",
                '        """Take the fields out of a number; other bits are not looked at."""', "        return cls("]
    for field in fields:
        taken = f"(value >> {field.lsb}) & {(1 << field.width) - 1:#x}" if field.lsb else \
            f"value & {(1 << field.width) - 1:#x}"
        taken = f"_named({_camel(field.encode)}, {taken})" if field.encode else taken
        yield f"            {field.name}={taken},"
    yield "        )"
    if short:
        yield from [PACK_BY_QUEUE.format(name=name, size=size, short=short)]
    elif size:
        yield from [PACK.format(name=name, size=size)]


def _address_function(block: Block) -> Iterator[str]:
    offsets = f"{block.name.capitalize()}Offset"
    arrays = {register.name: register for register in block.registers if register.count > 1}
    parameters = [f"{block.name}: int"] if block.count > 1 else []
    parameters.append(f"offset: {offsets}")
    parameters += ["element: int = 0"] if arrays else []
    yield from ["", "", f"def {block.name}_address({', '.join(parameters)}) -> int:"]
    doc = f"Return the byte address of a {block.name} register; ValueError for an index out of range."
    yield from _docstring(doc)[:-1]
    base = f"{block.base:#06x}"
    if block.count > 1:
        base = f'_at("{block.name}", {block.name}, {block.name.upper()}_COUNT, {base}, {block.stride:#x})'
    if not arrays:
        yield f"    return {base} + offset"
        return
    array = next(iter(arrays.values()))
    if len(arrays) > 1 or array.stride <= 0:
        raise SystemExit(f"{block.name}: at most one register array a block")
    yield f"    count = {array.count} if offset is {offsets}.{array.name.upper()} else 1"
    yield f'    return _at("element", element, count, {base} + offset, {array.stride:#x})'


def _register_rows(blocks: tuple[Block, ...]) -> Iterator[str]:
    yield from ["", "", "#: Every register by its name in the .rdl, such as queue[0].tail, in address order.",
                "REGISTERS: Final[dict[str, Register]] = {", "    register.name: register",
                "    for register in sorted((register for row in ("]
    for block in blocks:
        for register in block.registers:
            yield (f'        _expand("{block.name}", {block.base:#06x}, {block.count}, {block.stride:#x}, '
                   f'"{register.name}", {register.offset:#05x}, {register.count}, {register.stride}, (')
            for field in register.fields:
                yield (f'            RegisterField("{field.name}", {field.lsb}, {field.width}, "{field.access}", '
                       f"{field.reset:#x}, {field.volatile}),")
            yield "        )),"
    yield from ["    ) for register in row), key=lambda register: register.address)", "}"]


def _class_name(block: Block, register: Register, taken: set[str]) -> str:
    name = _camel(f"{block.name}_{register.name}")
    return f"Engine{name}" if name in taken else name


def python_layout(design: Design) -> str:
    """Return the text of models/layout.py."""
    names = {_camel(enum.name) for enum in design.enums} | {_camel(s.name) for s in design.structures}
    encodings = set(names)
    body: list[str] = []
    for enum in design.enums:
        body += _enum(_camel(enum.name), f"Encoding of the {enum.name} fields, {enum.width} bits.",
                      ((name, str(value), desc) for name, value, desc in enum.members))
    for structure in design.structures:
        doc = f"{structure.title}. {structure.desc}"
        body += _number_class(
            _camel(structure.name), doc, structure.fields, structure.bits // 8, structure.short_bits // 8
        )
    for block in design.blocks:
        members = [(r.name.upper(), f"{r.offset:#06x}", r.desc) for r in block.registers]
        offsets = f"{block.name.capitalize()}Offset" if block.name else "Address"
        if block.count > 1:
            names.add(f"{block.name.upper()}_COUNT")
            body += ["", "", f"{block.name.upper()}_COUNT: Final = {block.count}"]
        where = f"Byte offsets in a {block.name} register block." if block.name else "Byte addresses of the top level."
        body += _enum(offsets, where, members)
        names.add(offsets)
        if block.name:
            body += _address_function(block)
            names.add(f"{block.name}_address")
        for register in block.registers:
            if [field.width for field in register.fields] == [32]:
                continue
            name = _class_name(block, register, encodings)
            names.add(name)
            where = f"{block.name}.{register.name}" if block.name else register.name
            body += _number_class(name, f"Register {where}. {register.desc}".strip(), register.fields)
    names |= {"REGISTERS", "Register", "RegisterField"}
    listed = "\n".join(f'    "{name}",' for name in sorted(names))
    text = HEAD.format(names=listed) + "\n".join(body) + "\n" + TAIL + "\n".join(_register_rows(design.blocks)) + "\n"
    return text
