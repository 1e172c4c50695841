"""The generated files say what rtl/faultline.rdl says, and all four say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import layout

ROOT = Path(__file__).resolve().parent.parent
OUTPUTS = ("rtl/faultline.vh", "models/layout.py", "docs/faultline.h", "docs/registers.md")
STRUCTURES = {"descriptor": layout.Descriptor, "record": layout.Record, "page_table_entry": layout.PageTableEntry}
REGISTER_CLASSES = [
    value for name in layout.__all__ for value in [getattr(layout, name)]
    if hasattr(value, "to_int") and not hasattr(value, "pack")
    and name not in ("Opcode", "Cause", "Status", "Layout") and hasattr(value, "from_int")
]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "rtl" / "generate.py"), "--check", "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copy_tree(tmp_path: Path) -> Path:
    for name in ("rtl/faultline.rdl", *OUTPUTS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def macros() -> dict[str, str]:
    """Every `define of the Verilog header that has a value."""
    text = (ROOT / "rtl" / "faultline.vh").read_text(encoding="utf-8")
    return dict(re.findall(r"^`define (FL_\w+) +(\S+)$", text, re.MULTILINE))


def verilog_number(text: str) -> int:
    base, _, digits = text.rpartition("'")
    return int(digits[1:], {"d": 10, "h": 16}[digits[0]]) if base else int(text)


def values(structure: Any) -> st.SearchStrategy[Any]:
    """Instances of a structure with any value that fits in each field."""
    ones = (1 << 8 * structure.SIZE) - 1
    return st.integers(0, ones).map(structure.from_int)


def test_generated_files_are_not_stale() -> None:
    result = check(ROOT)
    assert result.returncode == 0, result.stderr


def test_an_edited_output_and_a_changed_source_are_called_stale(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path)
    header = tree / "rtl" / "faultline.vh"
    header.write_text(header.read_text().replace("FL_OPCODE_COPY  ", "FL_OPCODE_COPY_", 1))
    result = check(tree)
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["rtl/faultline.vh is stale: run `make generate` and commit it"]

    source = tree / "rtl" / "faultline.rdl"
    text = source.read_text()
    moved = text.replace("COPY       = 8'd4", "COPY       = 8'd9", 1)
    assert moved != text
    source.write_text(moved)
    result = check(tree)
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stderr.splitlines()] == list(OUTPUTS)


def test_a_missing_output_is_called_stale(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path)
    (tree / "docs" / "registers.md").unlink()
    assert check(tree).returncode == 1


@given(values(layout.Descriptor) | values(layout.Record) | values(layout.PageTableEntry))
def test_unpacking_what_was_packed_gives_it_back(value: Any) -> None:
    data = value.pack()
    assert len(data) == type(value).SIZE
    assert type(value).unpack(data) == value


@given(values(layout.Descriptor))
def test_a_transfer_entry_is_the_first_half(value: layout.Descriptor) -> None:
    first, last = (value.pack()[:32], value.pack()[32:])
    short = layout.Descriptor.unpack(first)
    assert short.pack(0) == first
    assert len(value.pack(1)) == 64
    if any(last):
        with pytest.raises(ValueError, match="leaves out"):
            value.pack(0)


@given(st.sampled_from(REGISTER_CLASSES), st.integers(0, 2**32 - 1))
def test_a_register_value_survives_the_way_through_its_fields(register: Any, word: int) -> None:
    value = register.from_int(word)
    assert value.to_int() & ~word == 0
    assert register.from_int(value.to_int()) == value


def test_there_are_register_classes_to_look_at() -> None:
    assert {layout.QueueControl, layout.SurfaceFormat, layout.EngineStatus} <= set(REGISTER_CLASSES)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_value_that_does_not_fit_is_refused_by_name(value: int) -> None:
    with pytest.raises(ValueError, match=rf"Descriptor.opcode is {value}, must be 0 to 255"):
        layout.Descriptor(opcode=value).pack()


def test_a_structure_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="Record is 32 bytes, not 31"):
        layout.Record.unpack(bytes(31))
    with pytest.raises(ValueError, match="Descriptor is 32 or 64 bytes, not 48"):
        layout.Descriptor.unpack(bytes(48))


def test_an_unknown_encoding_stays_a_plain_number() -> None:
    raw = bytearray(layout.Descriptor(opcode=layout.Opcode.COPY).pack())
    assert layout.Descriptor.unpack(raw).opcode is layout.Opcode.COPY
    raw[0] = 200
    assert layout.Descriptor.unpack(raw).opcode == 200


def test_an_index_out_of_range_has_no_address() -> None:
    with pytest.raises(ValueError, match="queue 2"):
        layout.queue_address(2, layout.QueueOffset.TAIL)
    with pytest.raises(ValueError, match="element 1"):
        layout.counter_address(layout.CounterOffset.TLB_HITS, 1)


def test_verilog_ranges_are_where_python_packs() -> None:
    found = macros()
    looked_at = 0
    for prefix, structure in STRUCTURES.items():
        for item in fields(structure):
            msb, lsb = map(int, found[f"FL_{prefix}_{item.name}".upper()].split(":"))
            largest = (1 << (msb - lsb + 1)) - 1
            packed = int.from_bytes(structure(**{item.name: largest}).pack(), "little")
            assert packed == largest << lsb, item.name
            looked_at += 1
        assert verilog_number(found[f"FL_{prefix}_BITS".upper()]) == 8 * structure.SIZE
    assert looked_at > 30


def test_verilog_addresses_and_resets_are_those_of_python() -> None:
    found = macros()
    for name, register in layout.REGISTERS.items():
        block, _, rest = name.rpartition(".")
        array = re.match(r"(\w+)(?:\[(\d+)\])?$", block)
        element = re.match(r"(\w+)(?:\[(\d+)\])?$", rest)
        assert element is not None
        where = f"FL_ADDR_{rest}" if array is None else f"FL_OFFSET_{array[1]}_{element[1]}"
        address = verilog_number(found[where.upper()])
        full = element[1]
        if array is not None:
            full = f"{array[1]}_{element[1]}"
            address += verilog_number(found[f"FL_ADDR_{array[1]}".upper()])
            if array[2] is not None:
                address += int(array[2]) * verilog_number(found[f"FL_STRIDE_{array[1]}".upper()])
            if element[2] is not None:
                address += int(element[2]) * verilog_number(found[f"FL_STRIDE_{full}".upper()])
        assert register.address == address, name
        assert register.reset == verilog_number(found[f"FL_RESET_{full}".upper()]), name
        for field in register.fields:
            assert found[f"FL_{full}_{field.name}".upper()] == f"{field.lsb + field.width - 1}:{field.lsb}", name


def test_encodings_are_those_of_python() -> None:
    found = macros()
    for enum in (layout.Opcode, layout.Cause, layout.Status, layout.Layout):
        for member in enum:
            assert verilog_number(found[f"FL_{enum.__name__}_{member.name}".upper()]) == member


PROGRAM = """
#include <stdio.h>
#include <string.h>
#include "faultline.h"
static void dump(const void *p, size_t n) {
    for (size_t i = 0; i < n; i++) printf("%02x", ((const unsigned char *)p)[i]);
    printf("\\n");
}
int main(void) {
    descriptor_t d; memset(&d, 0, sizeof d);
    d.word0.f.opcode = FL_OPCODE_WRITEBACK; d.word0.f.tag = 0xdeadbeef; d.word1.f.host_offset = 0x12345678;
    d.word2.f.x = 0xabcde; d.word2.f.y = 0x1234; d.word2.f.width = 0x54321; d.word3.f.height = 0x4321;
    d.word4.f.source_y = 0xbeef; d.word7.f.pattern_high = 0x0123456789abcdefull;
    dump(&d, sizeof d);
    record_t r; memset(&r, 0, sizeof r);
    r.word0.f.cause = FL_CAUSE_WALK_ERROR; r.word0.f.status = FL_STATUS_ABORTED; r.word0.f.phase = 1;
    r.word2.f.elapsed = 0x89abcdef; r.word3.f.end_cycle = 0x0102030405060708ull;
    dump(&r, sizeof r);
    page_table_entry_t e; memset(&e, 0, sizeof e);
    e.word.f.valid = 1; e.word.f.frame = 0xfedcba9876ull;
    dump(&e, sizeof e);
    printf("%u\\n", FL_ADDR_QUEUE + FL_STRIDE_QUEUE + FL_OFFSET_QUEUE_TAIL);
    printf("%u\\n", (unsigned)(size_t)&((faultline_t *)0)->queue[1].tail);
    printf("%u\\n", FL_ADDR_COUNTER + FL_OFFSET_COUNTER_LATENCY + 3 * FL_STRIDE_COUNTER_LATENCY);
    return 0;
}
"""


def test_c_structures_hold_the_bytes_that_python_packs(tmp_path: Path) -> None:
    source, program = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    build = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'docs'}", "-o", program, source]
    subprocess.run(build, check=True)
    header = ROOT / "docs" / "faultline.h"
    subprocess.run(["g++", "-x", "c++", "-fsyntax-only", header], check=True)
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    descriptor = layout.Descriptor(
        opcode=layout.Opcode.WRITEBACK, tag=0xDEADBEEF, host_offset=0x12345678, x=0xABCDE, y=0x1234, width=0x54321,
        height=0x4321, source_y=0xBEEF, pattern_high=0x0123456789ABCDEF,
    )
    record = layout.Record(cause=layout.Cause.WALK_ERROR, status=layout.Status.ABORTED, phase=1, elapsed=0x89ABCDEF,
                           end_cycle=0x0102030405060708)
    entry = layout.PageTableEntry(valid=1, frame=0xFEDCBA9876)
    tail = layout.queue_address(1, layout.QueueOffset.TAIL)
    latency = layout.counter_address(layout.CounterOffset.LATENCY, 3)
    assert printed == [value.pack().hex() for value in (descriptor, record, entry)] + [str(tail)] * 2 + [str(latency)]


def test_the_page_names_every_register_field_and_encoding() -> None:
    page = (ROOT / "docs" / "registers.md").read_text(encoding="utf-8")
    for name, register in layout.REGISTERS.items():
        assert f"**{name.rpartition('.')[2].split('[')[0]}**" in page
        for field in register.fields:
            assert f"| {field.name} |" in page
    for enum in (layout.Opcode, layout.Cause, layout.Status, layout.Layout):
        for member in enum:
            assert f"| {member.value} | {member.name} |" in page
