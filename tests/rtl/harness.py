"""What the benches of single blocks share: clock, reset, a cycle in two halves, chance, the rule of a stalled stage.

A cycle of a bench is: drive the inputs, `settle`, look at the outputs and decide what was accepted, `edge`. Everything
is driven from one coroutine between clock edges, so that what was accepted in a cycle is known exactly.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

__all__ = ["Bench", "Held", "known"]

PERIOD_NS = 2


def known(handle: Any, default: int = 0) -> int:
    """The value of an output that may be X while nobody looks at it."""
    value = handle.value
    return int(value) if value.is_resolvable else default


class Bench:
    """A block under a clock. `stall` is the chance that a partner is not ready in a cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.stall = 0.0
        self.cycle = 0

    async def start(self) -> None:
        """Run the clock, put every input to 0 and reset."""
        Clock(self.dut.clk_i, PERIOD_NS, "ns").start()
        await self.reset()

    async def reset(self) -> None:
        """Every input to 0, three cycles of reset."""
        for handle in self.dut:  # AXI inputs have no suffix; benches drive all of them in every cycle
            if handle._name.endswith("_i") and handle._name != "clk_i":
                handle.value = 0
        self.dut.rst_ni.value = 0
        for _ in range(3):
            await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        self.cycle = 0

    def chance(self) -> bool:
        """True when a partner is willing in this cycle."""
        return not self.stall or self.rng.random() >= self.stall

    async def settle(self) -> None:
        """Let the inputs of this cycle act."""
        await Timer(200, "ps")

    async def edge(self) -> None:
        """End the cycle."""
        await FallingEdge(self.dut.clk_i)
        self.cycle += 1


class Held:
    """A payload that is offered and not taken stays on offer, unchanged."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.payload: object = None

    def check(self, valid: bool, ready: bool, payload: object) -> bool:
        """Look at one cycle; returns whether the payload was handed over."""
        if self.payload is not None:
            assert valid, f"{self.name}: withdrawn while stalled"
            assert payload == self.payload, f"{self.name}: changed while stalled"
        self.payload = payload if valid and not ready else None
        return valid and ready
