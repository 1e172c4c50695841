"""Drain, then reset, then done: the order, the lengths, and that only a request starts it.

Runs inside the simulator; tests/rtl/test_soft_reset.py starts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb

from tests.rtl.harness import Bench

TOP = "soft_reset"


@dataclass(frozen=True)
class Seen:
    """The outputs of one cycle."""

    drain: bool
    forget: bool
    reset: bool
    done: bool


class Sequence(Bench):
    """A csr that asks until it is told, and ports that take their time."""

    async def look(self, *, request: bool, drained: bool) -> Seen:
        """One cycle."""
        dut = self.dut
        dut.request_i.value, dut.drained_i.value = int(request), int(drained)
        await self.settle()
        seen = Seen(
            bool(dut.drain_o.value), bool(dut.forget_o.value), not int(dut.core_rst_no.value), bool(dut.done_o.value)
        )
        await self.edge()
        return seen


@cocotb.test()
async def drain_reset_done(dut: Any) -> None:
    """Ports drain as long as they need; then a cycle of reset and forget; then done, until the csr lets go."""
    bench = Sequence(dut)
    await bench.start()
    await bench.look(request=False, drained=True)
    for wait in (0, 1, 7, 30):
        for _ in range(3):
            assert await bench.look(request=False, drained=True) == Seen(False, False, False, False)
        assert await bench.look(request=True, drained=wait == 0) == Seen(False, False, False, False)
        for _ in range(wait):
            assert await bench.look(request=True, drained=False) == Seen(True, False, False, False)
        assert await bench.look(request=True, drained=True) == Seen(True, False, False, False)
        assert await bench.look(request=True, drained=True) == Seen(True, True, True, False)
        assert await bench.look(request=True, drained=True) == Seen(True, False, False, True)
        assert await bench.look(request=False, drained=True) == Seen(True, False, False, False)


@cocotb.test()
async def the_hardware_reset_resets_the_core(dut: Any) -> None:
    """Everything behind the ports is in reset as long as the block itself, and no longer than a cycle more."""
    bench = Sequence(dut)
    await bench.start()
    await bench.look(request=False, drained=True)
    for _ in range(3):
        await bench.look(request=True, drained=False)
    dut.rst_ni.value = 0
    for _ in range(3):
        await bench.look(request=True, drained=True)
    dut.rst_ni.value = 1
    assert (await bench.look(request=False, drained=True)).reset
    assert await bench.look(request=False, drained=True) == Seen(False, False, False, False)
