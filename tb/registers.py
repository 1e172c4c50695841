"""The register model: pyuvm's register layer, filled from the .rdl by way of models/layout.py.

Frontdoor only, through the CSR agent's sequencer.  The mirror predicts from the model's own accesses, and once it
follows the monitor from everybody's.  pyuvm only logs a mismatch; here it raises.  tb/register_sequences.py has the
sequences that pyuvm lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from pyuvm import (
    uvm_access_e,
    uvm_endianness_e,
    uvm_predict_e,
    uvm_reg,
    uvm_reg_adapter,
    uvm_reg_block,
    uvm_reg_bus_op,
    uvm_reg_field,
    uvm_sequencer,
    uvm_status_e,
    uvm_subscriber,
)

from models.layout import REGISTERS, Register, RegisterField
from tb.agents.csr import CsrAccess, CsrItem, Response

__all__ = ["CsrAdapter", "RegisterMismatch", "RegisterModel", "RegisterPredictor"]

_ACCESS = {"ro": "RO", "rw": "RW", "w1c": "W1C", "pulse": "RO"}
"""Access of the .rdl -> policy of the register layer.  A pulse acts when written 1 and reads 0, as RO does."""

_instances = count()


class RegisterMismatch(AssertionError):
    """A register is not what the model says, or refuses an access that it must allow."""


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
    """Every register of the .rdl; `registers[name]` with the names of `models.layout.REGISTERS`.

    entries: what the model is made of; others than the .rdl's are for twins.
    """

    def __init__(self, sequencer: uvm_sequencer, entries: Mapping[str, Register] = REGISTERS) -> None:
        super().__init__(f"faultline_{next(_instances)}")  # the register layer wants root models with unique names
        self.entries = entries
        self._following = False
        self.registers: dict[str, uvm_reg] = {}
        self._at = {entry.address: name for name, entry in entries.items()}
        space = self.create_map("csr", 0, 4, uvm_endianness_e.UVM_LITTLE_ENDIAN)
        for entry in entries.values():
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

    async def value(self, name: str) -> int:
        """Read a register and return its value, whatever it is.  RegisterMismatch when the read is refused."""
        status, value = await self.registers[name].read()
        if status is not uvm_status_e.UVM_IS_OK:
            raise RegisterMismatch(f"{name}: read refused")
        return int(value)

    async def read(self, name: str) -> int:
        """Read a register and return its value.

        RegisterMismatch when the read is refused, a reserved bit is not 0, or a bit that only writes change is not what
        the mirror says.
        """
        before = self.mirrored(name)
        value = await self.value(name)
        expected = self.mirrored(name) if self._following else before
        wrong = (value ^ expected) & self.steady(name)
        if wrong:
            raise RegisterMismatch(f"{name}: {value:#010x} does not match mirrored value {expected:#010x}")
        stray = value & ~self.defined(name)
        if stray:
            raise RegisterMismatch(f"{name}: reserved bits read {stray:#010x}")
        return value

    def mirrored(self, name: str) -> int:
        """What the mirror says."""
        return int(self.registers[name].get_mirrored_value())

    async def write(self, name: str, value: int) -> None:
        """Write a register.  RegisterMismatch when the write is refused."""
        if await self.registers[name].write(value) is not uvm_status_e.UVM_IS_OK:
            raise RegisterMismatch(f"{name}: write refused")

    async def begin_to_follow(self) -> None:
        """Take every register as it is; from now on only what `follow` is told of changes the mirror."""
        for name in self.entries:
            await self.value(name)
        self.get_default_map().set_auto_predict(False)
        self._following = True

    def follow(self, access: CsrAccess) -> None:
        """Predict from an access that anybody made, as the monitor saw it.  ValueError for a write of single bytes."""
        if not self._following:
            return
        if access.write and access.response is Response.OKAY and access.address in self._at:
            if access.strobe != 0xF:
                raise ValueError(f"cannot predict a write of lanes {access.strobe:#x} to {access.address:#06x}")
            self.registers[self._at[access.address]].predict(access.value, kind=uvm_predict_e.UVM_PREDICT_WRITE)

    def steady(self, name: str) -> int:
        """The bits of a register that change only when somebody writes them."""
        return _mask(field for field in self.entries[name].fields if not field.volatile)

    def defined(self, name: str) -> int:
        """The bits of a register that are not reserved."""
        return _mask(self.entries[name].fields)


class RegisterPredictor(uvm_subscriber):  # type: ignore[misc]  # pyuvm carries no types
    """Tells the newest register model of every access that the CSR monitor publishes."""

    model: RegisterModel | None = None

    def write(self, access: CsrAccess) -> None:
        """One access."""
        if self.model is not None:
            self.model.follow(access)


def _mask(fields: Iterable[RegisterField]) -> int:
    return sum(((1 << field.width) - 1) << field.lsb for field in fields)
