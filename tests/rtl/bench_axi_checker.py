"""cocotb side of test_axi_checker: plays a port by hand, once by the rules and once against each of them.

The checker is the top, so every pin is an input: a test may break either side's duties.
"""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer
from cocotb.types import LogicArray

from tb.sim_top import AXI_RULES

TOP = "axi_checker"

FULL = {"size": 3, "burst": 1}


class Port:
    """The pins of one AXI port, driven between clock edges; `tick` lets one edge see them."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    async def start(self) -> None:
        self.quiet()
        await Timer(1, "ns")
        cocotb.start_soon(Clock(self.dut.clk_i, 4, "ns", impl="gpi").start(start_high=False))
        await self.reset()

    async def reset(self) -> None:
        """Forget what is outstanding; the counts stay."""
        self.quiet()
        self.dut.rst_ni.value = 0
        await self.tick(3)
        self.dut.rst_ni.value = 1
        await self.tick()

    def quiet(self) -> None:
        for channel, fields in (
            ("aw", "id addr len size burst valid ready"),
            ("w", "data strb last valid ready"),
            ("b", "id resp valid ready"),
            ("ar", "id addr len size burst valid ready"),
            ("r", "id data resp last valid ready"),
        ):
            self.set(channel, **dict.fromkeys(fields.split(), 0))

    def set(self, channel: str, **pins: Any) -> None:
        for name, value in pins.items():
            getattr(self.dut, f"axi_{channel}{name}").value = value

    async def tick(self, cycles: int = 1) -> None:
        for _ in range(cycles):
            await FallingEdge(self.dut.clk_i)

    async def take(self, channel: str, **pins: Any) -> None:
        """One handshake with these payloads."""
        self.set(channel, **pins, valid=1, ready=1)
        await self.tick()
        self.set(channel, valid=0, ready=0)

    async def write(self, address: int, beats: int, id: int = 0, strobe: int = 0xFF) -> None:
        await self.take("aw", id=id, addr=address, len=beats - 1, **FULL)
        for beat in range(beats):
            await self.take("w", data=beat, strb=strobe, last=int(beat == beats - 1))

    async def read(self, address: int, beats: int, id: int = 0) -> None:
        await self.take("ar", id=id, addr=address, len=beats - 1, **FULL)
        for beat in range(beats):
            await self.take("r", id=id, data=beat, last=int(beat == beats - 1))

    async def unsteady(self, channel: str, first: dict[str, Any], **then: Any) -> None:
        """Offer, do not take, then change some pins."""
        self.set(channel, **first, valid=1)
        await self.tick()
        self.set(channel, **then)
        await self.tick()

    def broken(self) -> set[str]:
        bits = int(self.dut.violated.value)
        return {name for bit, name in enumerate(AXI_RULES) if bits >> bit & 1}


async def port(dut: Any) -> Port:
    made = Port(dut)
    await made.start()
    return made


@cocotb.test(timeout_time=100, timeout_unit="us")
async def a_port_that_keeps_the_rules_breaks_none(dut: Any) -> None:
    p = await port(dut)
    await p.write(0x1FF8, 1, id=2)
    await p.write(0x1800, 256, id=1)
    await p.take("b", id=1)
    await p.take("b", id=2)
    await p.read(0x2F00, 32, id=3)
    await p.take("aw", id=0, addr=0x1003, len=1, **FULL)
    await p.take("w", strb=0xF8, last=0)
    await p.take("w", strb=0x0F, last=1)
    p.set("ar", id=1, addr=0x40, len=0, **FULL, valid=1)
    await p.tick(5)
    await p.take("ar")
    await p.take("r", id=1, last=1)
    dut.rst_ni.value = 0
    await p.tick(3)
    assert p.broken() == set()
    assert int(dut.violations.value) == 0


AX = {"id": 0, "addr": 0x100, "len": 0, **FULL}


async def break_held(p: Port, channel: str) -> None:
    await p.unsteady(channel, AX if channel.startswith("a") else {}, valid=0)


async def break_stable(p: Port, channel: str) -> None:
    pin = {"aw": "addr", "ar": "len", "w": "data", "r": "data", "b": "resp"}[channel]
    await p.unsteady(channel, AX if channel.startswith("a") else {}, **{pin: 3})


async def break_4kib(p: Port, channel: str) -> None:
    await p.take(channel, **{**AX, "addr": 0x1FF8, "len": 1})


async def break_size(p: Port, channel: str) -> None:
    await p.take(channel, **{**AX, "size": 4})


async def break_burst(p: Port, channel: str) -> None:
    await p.take(channel, **{**AX, "burst": 2})


async def break_last(p: Port, channel: str) -> None:
    if channel == "w":
        await p.take("aw", **{**AX, "len": 1})
        await p.take("w", strb=1, last=1)
    else:
        await p.take("ar", **AX)
        await p.take("r", last=0)


async def break_strb(p: Port, channel: str) -> None:
    await p.take("aw", **{**AX, "addr": 0x104})
    await p.take(channel, strb=0x08, last=1)


async def break_address(p: Port, channel: str) -> None:
    await p.take(channel, strb=1, last=1)


async def break_outstanding(p: Port, channel: str) -> None:
    if channel == "b":
        await p.take("aw", **{**AX, "len": 1})
        await p.take("w", strb=1, last=0)
    await p.take(channel, id=0)


async def break_x(p: Port, channel: str) -> None:
    await p.write(0x100, 1, id=1)
    await p.take("ar", **{**AX, "id": 1})
    await p.take("aw", **AX)
    await p.tick()
    pin, width = {"aw": ("addr", 64), "ar": ("len", 8), "w": ("data", 64), "r": ("data", 64), "b": ("resp", 2)}[channel]
    id = {"r": {"id": 1}, "b": {"id": 1}}.get(channel, {})
    rest = {"aw": {"len": 0}, "ar": {"addr": 0}, "w": {"strb": 1, "last": 1}, "r": {"last": 1}}.get(channel, {})
    await p.take(channel, **id, **rest, **{pin: LogicArray("X" * width)})


async def break_valid(p: Port, channel: str) -> None:
    p.dut.rst_ni.value = 0
    await p.tick(2)
    p.set("aw", valid=1)
    await p.tick()
    p.set("aw", valid=0)
    await p.tick()


BREAKERS = {
    "HELD": break_held,
    "STABLE": break_stable,
    "4KIB": break_4kib,
    "SIZE": break_size,
    "BURST": break_burst,
    "LAST": break_last,
    "STRB": break_strb,
    "ADDRESS": break_address,
    "OUTSTANDING": break_outstanding,
    "X": break_x,
    "VALID": break_valid,
}


@cocotb.test(timeout_time=100, timeout_unit="us")
async def every_rule_is_noticed_when_it_is_broken(dut: Any) -> None:
    """One after the other; `violated` keeps its bits, so each rule looks at the bit that it added."""
    p = await port(dut)
    seen = p.broken()
    for rule in AXI_RULES:
        _, channel, what = rule.split("_")
        if what == "X" and "verilator" in cocotb.SIM_NAME.lower():
            continue
        await p.reset()
        before = int(dut.violations.value)
        await BREAKERS[what](p, channel.lower())
        await p.tick()
        assert p.broken() - seen == {rule}, f"{rule}: {sorted(p.broken() - seen)}"
        assert int(dut.violations.value) > before
        seen = p.broken()
