"""The register sequences that pyuvm lacks: reset values, every bit by its access type, and a walk during traffic.

Each goes through the register model and the CSR agent's sequencer.  What it expects comes from the model alone, so a
model made otherwise than the design fails; a mismatch raises RegisterMismatch, and `seen` counts what was looked at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from pyuvm import uvm_sequence

from models.layout import Register
from tb.registers import RegisterMismatch, RegisterModel

__all__ = ["BitBash", "HardwareReset", "OneClears", "TrafficWalk"]

_NO_STEADY_RESET = ("parameters", "cycle_lo", "cycle_hi")
"""Registers whose value after reset depends on the build or on time."""

_NOT_BASHED = ("tail",)
"""Last part of the names of registers that start work when written; the ring's tests write them."""

_HELD_BACK = {"control": 0b010}
"""Bits never written 1 by a bash, by register: a soft reset would put other registers back."""

_PATTERNS = (0xFFFFFFFF, 0x00000000, 0x55555555, 0xAAAAAAAA)


class _RegisterSequence(uvm_sequence):  # type: ignore[misc]  # pyuvm carries no types
    """A sequence on a register model.  seen: registers or bits that were looked at."""

    def __init__(self, model: RegisterModel) -> None:
        super().__init__(type(self).__name__)
        self.model = model
        self.seen = 0

    def expect(self, name: str, got: int, due: int, mask: int, what: str) -> None:
        """RegisterMismatch unless the bits of `mask` are those of `due`."""
        if (got ^ due) & mask:
            raise RegisterMismatch(f"{name}: {got & mask:#010x} {what}, not {due & mask:#010x} (bits {mask:#010x})")


class HardwareReset(_RegisterSequence):
    """After a hardware reset: every register has its reset value, and reserved bits read 0."""

    async def body(self) -> None:
        """Read every register once."""
        self.model.reset()
        for name, entry in self.model.entries.items():
            steady = name not in _NO_STEADY_RESET
            mask = 0xFFFFFFFF if steady else 0xFFFFFFFF & ~self.model.defined(name)
            self.expect(name, await self.model.value(name), entry.reset, mask, "after reset")
            self.seen += 1


class BitBash(_RegisterSequence):
    """Every bit of every kind of register by its access type, then every register for aliases; the engine is idle.

    rw keeps what is written; ro, reserved and w1c bits with nothing to clear keep what they are; a pulse reads 0.
    Of an array of registers the first is bashed bit by bit, the others by patterns.
    """

    async def body(self) -> None:
        """Bash one register after another, then look at all of them with a value each of its own."""
        bashed = {
            name: entry for name, entry in self.model.entries.items() if name.split(".")[-1] not in _NOT_BASHED
        }
        for name, entry in bashed.items():
            now = await self.model.value(name)
            for value in self._values(name):
                now = await self._bash(entry, now, value)
            self.seen += 1
        rested = {name: await self.model.value(name) for name in bashed}
        for name, entry in bashed.items():
            await self.model.write(name, self._own(entry))
        for name, entry in bashed.items():
            due, mask = self._due(entry, rested[name], self._own(entry))
            self.expect(name, await self.model.value(name), due, mask, "once all others were written")
        for name, entry in bashed.items():
            await self.model.write(name, entry.reset)

    def _values(self, name: str) -> Iterator[int]:
        held = ~_HELD_BACK.get(name, 0)
        yield from (pattern & held for pattern in _PATTERNS)
        if "[" not in name or name.endswith("[0]") or "[0]." in name:
            yield from (1 << bit & held for bit in range(32))

    def _own(self, entry: Register) -> int:
        """A value that no other register has, which holds no bit back."""
        return (entry.address * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF & ~_HELD_BACK.get(entry.name, 0)

    def _due(self, entry: Register, before: int, written: int) -> tuple[int, int]:
        """(value, bits in which it is known) after a write."""
        due, known = 0, 0xFFFFFFFF
        for field in entry.fields:
            mask = ((1 << field.width) - 1) << field.lsb
            if field.access == "rw":
                due |= written & mask
            elif field.access == "w1c":
                due |= before & ~written & mask
            elif field.access == "ro":
                if field.volatile and entry.name in _NO_STEADY_RESET and entry.name != "parameters":
                    known &= ~mask  # it goes on by itself
                due |= before & mask
        return due, known

    async def _bash(self, entry: Register, before: int, value: int) -> int:
        """Write a register that read `before`; returns what it reads now."""
        await self.model.write(entry.name, value)
        due, known = self._due(entry, before, value)
        now = await self.model.value(entry.name)
        self.expect(entry.name, now, due, known, f"after {value:#010x} was written")
        return now


class OneClears(_RegisterSequence):
    """The w1c bits of one register that are set: a 0 leaves each, a 1 clears it and no other.

    RegisterMismatch also when none is set: then nothing could be seen.
    """

    def __init__(self, model: RegisterModel, name: str) -> None:
        super().__init__(model)
        self.register = name

    async def body(self) -> None:
        """Clear one bit after the other."""
        model, name = self.model, self.register
        clears = [field for field in model.entries[name].fields if field.access == "w1c"]
        bits = [1 << bit for field in clears for bit in range(field.lsb, field.lsb + field.width)]
        left = await model.value(name)
        await model.write(name, 0)
        self.expect(name, await model.value(name), left, 0xFFFFFFFF, "after 0 was written")
        for bit in bits:
            if left & bit:
                await model.write(name, bit)
                left &= ~bit
                self.expect(name, await model.value(name), left, 0xFFFFFFFF, f"after {bit:#x} was cleared")
                self.seen += 1
        if not self.seen:
            raise RegisterMismatch(f"{name}: no bit was set, so none could be cleared")


class TrafficWalk(_RegisterSequence):
    """Every register in an order of chance, lap after lap, while the engine works.

    Nothing is refused; reserved bits read 0; what only writes change is as the mirror says, which must follow the bus
    (`RegisterModel.follow`); CYCLE never runs backwards.  Ends with the lap in which `stop` was called.
    """

    def __init__(self, model: RegisterModel, seed: int, *, leave_out: Sequence[str] = ()) -> None:
        """leave_out: registers whose reading does something, or that others change behind the bus."""
        super().__init__(model)
        self.laps = 0
        self._random = random.Random(seed)
        self._names = [name for name in model.entries if name not in leave_out]
        self._stopped = False

    def stop(self) -> None:
        """Let the present lap be the last."""
        self._stopped = True

    async def body(self) -> None:
        """Lap after lap."""
        before = 0
        while not self._stopped:
            self._random.shuffle(self._names)
            for name in self._names:
                await self.model.read(name)
                self.seen += 1
            cycle = await self.model.value("cycle_lo") | await self.model.value("cycle_hi") << 32
            if cycle <= before:
                raise RegisterMismatch(f"cycle_lo, cycle_hi: {cycle} after {before}")
            before = cycle
            self.laps += 1
