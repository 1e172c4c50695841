"""The register model: pyuvm's register layer, filled from the .rdl by way of models/layout.py.

Frontdoor only, through the CSR agent's sequencer.  The mirror predicts from each access; pyuvm only logs a mismatch,
and the environment turns every logged error into a failed test.  Two sequences cover the whole map: `reset_walk` reads
every register once, `bit_bash` writes every writable bit both ways and looks for aliases.
"""

from __future__ import annotations

from itertools import count

from pyuvm import (
    uvm_access_e,
    uvm_endianness_e,
    uvm_reg,
    uvm_reg_adapter,
    uvm_reg_block,
    uvm_reg_bus_op,
    uvm_reg_field,
    uvm_sequencer,
    uvm_status_e,
)

from models.layout import REGISTERS, Register
from tb.agents.csr import CsrItem, Response

__all__ = ["CsrAdapter", "RegisterModel", "Register"]

_ACCESS = {"ro": "RO", "rw": "RW", "w1c": "W1C", "pulse": "RO"}
"""Access of the .rdl -> policy of the register layer.  A pulse acts when written 1 and reads 0, as RO does."""

_NO_STEADY_RESET = ("parameters", "cycle_lo", "cycle_hi")
"""Registers whose value after reset depends on the build or on time."""

_ACTS_ON_WRITE = ("tail", "control")
"""Last part of the names of registers whose writable bits start something; their own tests write them."""

_PATTERNS = (0xFFFFFFFF, 0x00000000, 0x55555555, 0xAAAAAAAA, 0x00000000)

_instances = count()


class CsrAdapter(uvm_reg_adapter):  # type: ignore[misc]  # pyuvm carries no types
    """Register operations to CSR items and back."""

    def reg2bus(self, rw: uvm_reg_bus_op) -> CsrItem:
        """The item that performs an operation."""
        return CsrItem(rw.addr, rw.data if rw.kind == uvm_access_e.UVM_WRITE else None)

    def bus2reg(self, bus_item: CsrItem, rw: uvm_reg_bus_op) -> None:
        """An item's result, into the operation."""
        rw.data = bus_item.value
        rw.status = uvm_status_e.UVM_IS_OK if bus_item.response is Response.OKAY else uvm_status_e.UVM_NOT_OK


class RegisterModel(uvm_reg_block):  # type: ignore[misc]  # pyuvm carries no types
    """Every register of the .rdl; `registers[name]` with the names of `models.layout.REGISTERS`."""

    def __init__(self, sequencer: uvm_sequencer) -> None:
        super().__init__(f"faultline_{next(_instances)}")  # the register layer wants root models with unique names
        self.registers: dict[str, uvm_reg] = {}
        space = self.create_map("csr", 0, 4, uvm_endianness_e.UVM_LITTLE_ENDIAN)
        for entry in REGISTERS.values():
            register = uvm_reg(entry.name, 32)
            register.configure(self)
            for part in entry.fields:
                field = uvm_reg_field(part.name)
                field.configure(
                    register, part.width, part.lsb, _ACCESS[part.access], part.volatile, part.reset,
                    has_reset=True, is_rand=False, individually_accessible=False,
                )  # fmt: skip
            space.add_reg(register, entry.address, "RW")
            self.registers[entry.name] = register
        space.set_sequencer(sequencer, CsrAdapter("csr_adapter"))
        space.set_auto_predict(True)
        self.lock_model()
        self.reset()

    async def read(self, name: str) -> int:
        """Read a register and return its value; a bus error or a wrong mirror is logged as an error."""
        register = self.registers[name]
        expected = register.get_mirrored_value()
        status, value = await register.read()
        if status is not uvm_status_e.UVM_IS_OK:
            self.uvm_report.error("CSR", f"{name}: read refused")
        elif not register.do_check(expected, value, self.get_default_map()):
            return int(value)
        stray = value & ~self._defined(REGISTERS[name])
        if stray:
            self.uvm_report.error("CSR", f"{name}: reserved bits read {stray:#010x}")
        return int(value)

    async def write(self, name: str, value: int) -> None:
        """Write a register; a bus error is logged as an error."""
        if await self.registers[name].write(value) is not uvm_status_e.UVM_IS_OK:
            self.uvm_report.error("CSR", f"{name}: write refused")

    async def reset_walk(self) -> int:
        """Read every register and compare it with its reset value; returns how many were read."""
        self.reset()
        for name, entry in REGISTERS.items():
            value = await self.read(name)
            if name not in _NO_STEADY_RESET and value != entry.reset:
                self.uvm_report.error("CSR", f"{name}: {value:#010x} after reset, not {entry.reset:#010x}")
        return len(REGISTERS)

    async def bit_bash(self) -> int:
        """Write patterns into every register and read them back, then a value of its own into each at once.

        Registers that start something are left out; the engine must be idle.  Returns how many were written.
        """
        bashed = [name for name in REGISTERS if name.split(".")[-1] not in _ACTS_ON_WRITE]
        for name in bashed:
            for pattern in _PATTERNS:
                await self.write(name, pattern)
                await self.read(name)
        for name in bashed:
            await self.write(name, (REGISTERS[name].address * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF)
        for name in bashed:
            await self.read(name)
        for name in bashed:
            await self.write(name, REGISTERS[name].reset)
        return len(bashed)

    @staticmethod
    def _defined(entry: Register) -> int:
        return sum(((1 << part.width) - 1) << part.lsb for part in entry.fields)
