"""cocotb side of test_axi_checker: plays an AXI4 port by hand, once by the rules and once against each of them.

The checker is the top, so every pin is an input: a test may break either side's duties. A twin is a legal prefix, one
`fault` and nothing else; it must set the bit of its rule alone. Bits are sticky, so a twin looks at what it added.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer
from cocotb.types import LogicArray

from tb.axi_rules import AXI_RULES, broken_rules, needs_four_states

TOP = "axi_checker"

BYTES, DEPTH = 16, 8
"""What the bench is built with: a bus of 128 bits, so that an exclusive access may be too long in bytes alone."""

FIXED, INCR, WRAP = 0, 1, 2
EXOKAY = 1
_AX = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos", "region", "user")
LEGAL: dict[str, dict[str, Any]] = {
    "aw": {**dict.fromkeys(_AX, 0), "addr": 0x100, "size": 4, "burst": INCR, "cache": 3},
    "w": {"data": 0x1234, "strb": 0xFFFF, "last": 1, "user": 0},
    "b": {"id": 0, "resp": 0, "user": 0},
    "ar": {**dict.fromkeys(_AX, 0), "addr": 0x100, "size": 4, "burst": INCR, "cache": 3},
    "r": {"id": 0, "data": 0x1234, "resp": 0, "last": 1, "user": 0},
}
"""A transfer of one full beat on each channel; tests name what differs."""
KNOBS = {
    **dict.fromkeys(("ready_bound", "interleaved", "lite", "window_base", "window_bytes"), 0),
    **dict.fromkeys(("exclusive", "incr_only"), 1),
}


class Port:
    """The pins of one AXI port, driven between clock edges; `tick` lets one edge see them."""

    prefix = "axi"
    legal = LEGAL
    rules = AXI_RULES
    settings = KNOBS

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    async def start(self) -> None:
        self.quiet()
        self.knobs()
        await Timer(1, "ns")
        cocotb.start_soon(Clock(self.dut.clk_i, 4, "ns", impl="gpi").start(start_high=False))
        await self.reset()

    def knobs(self, **other: int) -> None:
        """What a test may set, as at the start but for `other`."""
        for name, value in (self.settings | other).items():
            getattr(self.dut, name).value = value

    async def reset(self) -> None:
        """Forget what is outstanding; the bits stay."""
        self.quiet()
        self.dut.rst_ni.value = 0
        await self.tick(3)
        self.dut.rst_ni.value = 1
        await self.tick(2)

    def quiet(self) -> None:
        for channel, payload in self.legal.items():
            self.set(channel, **payload, valid=0, ready=0)

    def set(self, channel: str, **pins: Any) -> None:
        for name, value in pins.items():
            getattr(self.dut, f"{self.prefix}_{channel}{name}").value = value

    async def tick(self, cycles: int = 1) -> None:
        for _ in range(cycles):
            await FallingEdge(self.dut.clk_i)

    async def offer(self, channel: str, **pins: Any) -> None:
        """A cycle of VALID without READY."""
        self.set(channel, **{**self.legal[channel], **pins}, valid=1, ready=0)
        await self.tick()

    async def take(self, channel: str, **pins: Any) -> None:
        """One handshake: the legal payload but for these."""
        self.set(channel, **{**self.legal[channel], **pins}, valid=1, ready=1)
        await self.tick()
        self.set(channel, valid=0, ready=0)

    async def write(self, beats: int = 1, strobes: dict[int, int] | None = None, **address: Any) -> None:
        """An address and its data, without the answer."""
        await self.take("aw", **address, len=beats - 1)
        for beat in range(beats):
            await self.take("w", last=int(beat == beats - 1), strb=(strobes or {}).get(beat, 0xFFFF))

    async def read(self, beats: int = 1, resp: int = 0, **address: Any) -> None:
        await self.take("ar", **address, len=beats - 1)
        for beat in range(beats):
            await self.take("r", id=address.get("id", 0), resp=resp, last=int(beat == beats - 1))

    async def expect(self, channel: str) -> None:
        """Whatever makes a transfer on this channel legal now: a burst that is owed the beat or the answer."""
        if channel == "w":
            await self.take("aw")
        elif channel == "b":
            await self.write()
        elif channel == "r":
            await self.take("ar")

    def broken(self) -> set[str]:
        return set(broken_rules(self.rules, int(self.dut.violated.value)))


async def port(dut: Any) -> Port:
    made = Port(dut)
    await made.start()
    return made


def blind() -> bool:
    """Whether this simulator knows neither X nor Z."""
    return "verilator" in str(cocotb.SIM_NAME).lower()


def unknown(width: int) -> LogicArray:
    """An unknown value: X, and Z where there is room for both."""
    return LogicArray("X" * (width - 1) + "Z" if width > 1 else "X")


# ------------------------------------------------------------------------------------------- twins of a channel
Twin = Callable[[Any], Awaitable[None]]


async def break_each(p: Port, twins: Mapping[str, Twin], good: Callable[[], Awaitable[None]]) -> None:
    """After `good`, which must break nothing, the twin of each rule breaks it alone; X only where it is known."""
    for rule in p.rules:
        if needs_four_states(rule) and blind():
            continue
        p.knobs()
        await p.reset()
        seen, count = p.broken(), int(p.dut.violations.value)
        await good()
        assert p.broken() == seen, f"before the twin of {rule}: {sorted(p.broken() - seen)}"
        await twins[rule](p)
        await p.tick()
        assert p.broken() - seen == {rule}, f"{rule}: {sorted(p.broken() - seen)}"
        assert int(p.dut.violations.value) > count
    assert p.broken() == {rule for rule in p.rules if not (blind() and needs_four_states(rule))}


def twin_unknown(channel: str, signal: str) -> Twin:
    async def break_it(p: Any) -> None:
        await p.expect(channel)
        width = len(getattr(p.dut, f"{p.prefix}_{channel}{signal}"))
        await p.take(channel, **{signal: unknown(width)})

    return break_it


def twin_unknown_valid(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        p.set(channel, valid=LogicArray("X"))
        await p.tick()
        p.set(channel, valid=0)

    return break_it


def twin_unknown_ready(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        await p.expect(channel)
        p.set(channel, **p.legal[channel], valid=1, ready=LogicArray("Z"))
        await p.tick()
        await p.take(channel)

    return break_it


def twin_stable(channel: str, signal: str) -> Twin:
    async def break_it(p: Any) -> None:
        await p.expect(channel)
        await p.offer(channel)
        await p.offer(channel)
        p.set(channel, **{signal: p.legal[channel][signal] ^ 1})
        await p.tick()

    return break_it


def twin_held(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        await p.expect(channel)
        await p.offer(channel)
        p.set(channel, valid=0)
        await p.tick()

    return break_it


def twin_reset(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        p.dut.rst_ni.value = 0
        await p.tick(2)
        p.set(channel, valid=1)
        await p.tick()
        p.set(channel, valid=0)
        await p.tick()

    return break_it


def twin_after_reset(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        p.dut.rst_ni.value = 0
        await p.tick(2)
        p.dut.rst_ni.value = 1
        p.set(channel, valid=1)
        await p.tick()

    return break_it


def twin_ready_wait(channel: str) -> Twin:
    async def break_it(p: Any) -> None:
        p.knobs(ready_bound=5)
        await p.expect(channel)
        for _ in range(5):
            await p.offer(channel)
        await p.take(channel)
        await p.expect(channel)
        for _ in range(6):
            await p.offer(channel)

    return break_it


def channel_twins(port: str, channels: Mapping[str, Mapping[str, Any]]) -> dict[str, Twin]:
    """The twins of tb/hdl/axi_channel.sv for each channel, by rule."""
    twins: dict[str, Twin] = {}
    for channel, signals in channels.items():
        name = f"{port}_{channel.upper()}"
        for signal in signals:
            twins[f"{name}_{signal.upper()}_X"] = twin_unknown(channel, signal)
            twins[f"{name}_{signal.upper()}_STABLE"] = twin_stable(channel, signal)
        twins[f"{name}_VALID_X"] = twin_unknown_valid(channel)
        twins[f"{name}_READY_X"] = twin_unknown_ready(channel)
        twins[f"{name}_HELD"] = twin_held(channel)
        twins[f"{name}_RESET"] = twin_reset(channel)
        twins[f"{name}_AFTER_RESET"] = twin_after_reset(channel)
        twins[f"{name}_READY_WAIT"] = twin_ready_wait(channel)
    return twins


TWINS: dict[str, Twin] = channel_twins("AXI", LEGAL)
"""By rule: a stimulus that is legal but for this rule."""


# ------------------------------------------------------------------------------------------ twins of an address
ADDRESSES: dict[str, tuple[dict[str, int], dict[str, int], dict[str, int]]] = {
    "4KIB": ({}, {"addr": 0xFF0, "len": 0}, {"addr": 0xFF0, "len": 1}),
    "SIZE": ({}, {"size": 4}, {"size": 5}),
    "BURST": ({"incr_only": 0}, {"burst": WRAP, "len": 1}, {"burst": 3}),
    "WRAP_LEN": ({"incr_only": 0}, {"burst": WRAP, "len": 15}, {"burst": WRAP, "len": 4}),
    "WRAP_ALIGN": ({"incr_only": 0}, {"burst": WRAP, "len": 3, "addr": 48}, {"burst": WRAP, "len": 3, "addr": 56}),
    "FIXED_LEN": ({"incr_only": 0}, {"burst": FIXED, "len": 15}, {"burst": FIXED, "len": 16}),
    "INCR_ONLY": ({}, {"burst": INCR, "len": 3}, {"burst": WRAP, "len": 3}),
    "EXCL_LEN": ({"exclusive": 0}, {"lock": 1, "size": 0, "len": 15}, {"lock": 1, "size": 0, "len": 31}),
    "EXCL_ALIGN": ({"exclusive": 0}, {"lock": 1, "len": 3, "addr": 0x140}, {"lock": 1, "len": 3, "addr": 0x110}),
    "EXCL_POWER": ({"exclusive": 0}, {"lock": 1, "len": 1}, {"lock": 1, "len": 2}),
    "EXCL_MAX": ({"exclusive": 0}, {"lock": 1, "len": 7}, {"lock": 1, "len": 15}),
    "CACHE_RA": ({}, {"cache": 6}, {"cache": 4}),
    "CACHE_WA": ({}, {"cache": 10}, {"cache": 8}),
    "LITE_LEN": ({"lite": 1}, {}, {"len": 1}),
    "LITE_SIZE": ({"lite": 1}, {}, {"size": 2}),
    "LITE_LOCK": ({"lite": 1, "exclusive": 0}, {}, {"lock": 1}),
    "WINDOW": (
        {"window_base": 0x1000, "window_bytes": 0x1000},
        {"addr": 0x1F80, "len": 7},
        {"addr": 0x2000},
    ),
}
"""By rule: knobs, an address that keeps it, and one that breaks it alone."""


def twin_address(channel: str, rule: str) -> Twin:
    async def break_it(p: Any) -> None:
        knobs, good, bad = ADDRESSES[rule]
        p.knobs(**knobs)
        seen = p.broken()
        await p.take(channel, **good)
        assert p.broken() == seen, f"{channel} {good}: {p.broken() - seen}"
        await p.take(channel, **bad)

    return break_it


for _channel in ("aw", "ar"):
    for _rule in ADDRESSES:
        TWINS[f"AXI_{_channel.upper()}_{_rule}"] = twin_address(_channel, _rule)


# ---------------------------------------------------------------------------------------------- twins of bursts
def twin(rule: str) -> Callable[[Twin], Twin]:
    def enter(function: Twin) -> Twin:
        TWINS[rule] = function
        return function

    return enter


@twin("AXI_AW_OVERFLOW")
async def _(p: Port) -> None:
    for _ in range(DEPTH):
        await p.write()
    seen = p.broken()
    await p.take("b")
    await p.write()
    assert p.broken() == seen
    await p.take("aw")


@twin("AXI_AR_OVERFLOW")
async def _(p: Port) -> None:
    for id in (0, 1):
        for _ in range(DEPTH):
            await p.take("ar", id=id)
    await p.take("ar", id=1)


@twin("AXI_AW_EXCL_PAIR")
async def _(p: Port) -> None:
    await p.read(lock=1, id=1, resp=EXOKAY)
    await p.write(lock=1, id=1)
    seen = p.broken()
    await p.take("ar", lock=1, id=2)  # its data have not come
    assert p.broken() == seen
    await p.write(lock=1, id=2)


@twin("AXI_AW_EXCL_MATCH")
async def _(p: Port) -> None:
    await p.read(lock=1, id=1)
    await p.write(lock=1, id=1, qos=3, user=1)  # only these may differ
    await p.read(lock=1, id=1)
    await p.write(lock=1, id=1, prot=2)


@twin("AXI_W_ADDRESS")
async def _(p: Port) -> None:
    await p.write()
    await p.take("w")


@twin("AXI_W_LAST")
async def _(p: Port) -> None:
    await p.write(2)
    await p.take("aw", len=1)
    await p.take("w", last=1)


@twin("AXI_W_COUNT")
async def _(p: Port) -> None:
    await p.take("aw", len=1)
    await p.take("w", last=0)
    await p.take("w", last=0)


@twin("AXI_W_STRB")
async def _(p: Port) -> None:
    await p.write(2, {0: 0xFFF0, 1: 0xFFFF}, addr=0x104)
    await p.take("b")
    await p.take("aw", addr=0x104)
    await p.take("w", strb=0x0008)


@twin("AXI_B_OUTSTANDING")
async def _(p: Port) -> None:
    await p.write(id=1)
    await p.take("b", id=2)


@twin("AXI_B_EARLY")
async def _(p: Port) -> None:
    await p.take("aw", len=1)
    await p.take("w", last=0)
    p.set("w", **LEGAL["w"], valid=1, ready=1)
    await p.offer("b")  # beside the last beat: a cycle too soon
    p.set("w", valid=0, ready=0)
    await p.take("b")


@twin("AXI_B_EXOKAY")
async def _(p: Port) -> None:
    await p.read(lock=1, resp=EXOKAY)
    await p.write(lock=1)
    await p.write()
    seen = p.broken()
    await p.take("b", resp=EXOKAY)
    assert p.broken() == seen
    await p.take("b", resp=EXOKAY)  # the oldest of the ID is the ordinary write now


@twin("AXI_R_OUTSTANDING")
async def _(p: Port) -> None:
    await p.read(id=1)
    p.set("ar", **LEGAL["ar"], valid=1, ready=1)
    await p.offer("r")  # beside its address: a cycle too soon
    p.set("ar", valid=0, ready=0)
    await p.take("r")


@twin("AXI_R_LAST")
async def _(p: Port) -> None:
    await p.take("ar", len=1)
    await p.take("r", last=1)


@twin("AXI_R_COUNT")
async def _(p: Port) -> None:
    await p.take("ar", len=1)
    await p.take("ar", len=5)  # the oldest of the ID counts
    await p.take("r", last=0)
    await p.take("r", last=0)


@twin("AXI_R_INTERLEAVE")
async def _(p: Port) -> None:
    for id in (1, 2):
        await p.take("ar", id=id, len=1)
    p.knobs(interleaved=1)
    await p.take("r", id=1, last=0)
    seen = p.broken()
    await p.take("r", id=2, last=0)
    assert p.broken() == seen
    p.knobs()
    await p.take("r", id=1, last=1)


@twin("AXI_R_EXOKAY")
async def _(p: Port) -> None:
    await p.read(lock=1, resp=EXOKAY)
    await p.read(resp=EXOKAY)


# ---------------------------------------------------------------------------------------------------- the tests
@cocotb.test(timeout_time=200, timeout_unit="us")
async def a_port_that_keeps_the_rules_breaks_none(dut: Any) -> None:
    p = await port(dut)
    await p.write(1, addr=0x1FF0, id=2)
    await p.write(256, addr=0x1000, id=1)
    await p.take("b", id=1)
    await p.take("b", id=2)
    await p.read(16, addr=0x2F00, id=3)
    await p.write(2, {0: 0xFFF8, 1: 0x0FFF}, addr=0x1003)
    await p.write(4, {0: 0x000E, 1: 0x00F0, 2: 0x0F00, 3: 0xF000}, addr=0x1001, size=2)
    p.knobs(incr_only=0)
    await p.write(4, {0: 0x0C00, 1: 0x3000, 2: 0xC000, 3: 0x0300}, addr=0x100A, size=1, burst=WRAP)
    await p.write(2, {0: 0x0700, 1: 0x0300}, addr=0x1008, size=2, burst=FIXED)
    await p.write(16, addr=0x10F0, burst=WRAP)
    for _ in range(5):
        await p.take("b")
    p.knobs()
    for channel in LEGAL:
        await p.expect(channel)
        for _ in range(3):
            await p.offer(channel)
        await p.take(channel)
    await p.take("w")
    await p.take("b")
    await p.take("r")
    p.knobs(window_base=0x1000, window_bytes=0x1000)
    await p.read(256, addr=0x1000)
    p.knobs(ready_bound=1)
    await p.offer("ar")
    await p.take("ar")
    if not blind():
        await p.take("aw")
        await p.take("w", strb=1, data=LogicArray("X" * 120 + "0" * 8))  # unknown bytes that no strobe writes
    dut.rst_ni.value = 0
    await p.tick(3)
    assert p.broken() == set()
    assert int(dut.violations.value) == 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_rule_is_noticed_when_it_is_broken(dut: Any) -> None:
    """One after the other; a rule about X only where the simulator knows X."""
    p = await port(dut)

    async def good() -> None:
        await p.read()
        await p.write()
        await p.take("b")

    await break_each(p, TWINS, good)
