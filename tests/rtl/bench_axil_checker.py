"""cocotb side of test_axi_checker for the CSR port: plays an AXI4-Lite port by hand, by the rules and against each.

The rules of a channel have the twins of the AXI4 port; what is added are the answers.
"""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.types import LogicArray

from tb.axi_rules import AXIL_RULES
from tests.rtl.bench_axi_checker import Port, Twin, blind, break_each, channel_twins

TOP = "axil_checker"

LEGAL: dict[str, dict[str, Any]] = {
    "aw": {"addr": 0x10, "prot": 0},
    "w": {"data": 0x1234, "strb": 0xF},
    "b": {"resp": 0},
    "ar": {"addr": 0x10, "prot": 0},
    "r": {"data": 0x1234, "resp": 0},
}
"""An access that is OKAY."""
EXOKAY = 1


class LitePort(Port):
    """The pins of one AXI4-Lite port."""

    prefix = "axil"
    legal = LEGAL
    rules = AXIL_RULES
    settings = {"ready_bound": 0}

    async def expect(self, channel: str) -> None:
        """Whatever makes a transfer on this channel legal now."""
        if channel == "b":
            await self.take("w")  # in either order
            await self.take("aw")
        elif channel == "r":
            await self.take("ar")


async def port(dut: Any) -> LitePort:
    made = LitePort(dut)
    await made.start()
    return made


TWINS: dict[str, Twin] = channel_twins("AXIL", LEGAL)
"""By rule: a stimulus that is legal but for this rule."""


async def no_access_at_all(p: LitePort) -> None:
    await p.take("b")


async def data_without_their_address(p: LitePort) -> None:
    await p.take("w")
    p.set("aw", **LEGAL["aw"], valid=1, ready=1)
    await p.offer("b")  # beside the address: a cycle too soon
    p.set("aw", valid=0, ready=0)
    await p.take("b")


async def an_exclusive_answer_to_a_write(p: LitePort) -> None:
    await p.expect("b")
    await p.take("b", resp=EXOKAY)


async def two_beats_of_one_read(p: LitePort) -> None:
    await p.expect("r")
    await p.take("r")
    await p.take("r")


async def an_exclusive_answer_to_a_read(p: LitePort) -> None:
    await p.expect("r")
    await p.take("r", resp=EXOKAY)


TWINS |= {
    "AXIL_B_OUTSTANDING": no_access_at_all,
    "AXIL_B_EARLY": data_without_their_address,
    "AXIL_B_EXOKAY": an_exclusive_answer_to_a_write,
    "AXIL_R_OUTSTANDING": two_beats_of_one_read,
    "AXIL_R_EXOKAY": an_exclusive_answer_to_a_read,
}


@cocotb.test(timeout_time=100, timeout_unit="us")
async def a_port_that_keeps_the_rules_breaks_none(dut: Any) -> None:
    p = await port(dut)
    for _ in range(3):  # several under way
        await p.take("aw", prot=7)
    for strobe in (0xF, 0, 3):
        await p.take("w", strb=strobe)
    for response in (0, 2, 3):
        await p.take("b", resp=response)
    for channel in LEGAL:
        await p.expect(channel)
        for _ in range(3):
            await p.offer(channel)
        await p.take(channel)
    await p.take("b")
    await p.take("r")
    if not blind():
        await p.take("aw")
        await p.take("w", strb=4, data=LogicArray("X" * 8 + "1" * 8 + "Z" * 16))  # bytes that no strobe writes
        await p.take("b")
    dut.rst_ni.value = 0
    await p.tick(3)
    assert p.broken() == set()
    assert int(dut.violations.value) == 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_rule_is_noticed_when_it_is_broken(dut: Any) -> None:
    """One after the other; a rule about X only where the simulator knows X."""
    p = await port(dut)

    async def good() -> None:
        for channel in ("b", "r"):
            await p.expect(channel)
            await p.take(channel)

    await break_each(p, TWINS, good)
