"""The queue against a Python list: order, counts, stalls, and one item a cycle.

Runs inside the simulator; tests/rtl/test_fifo.py starts it.
"""

from __future__ import annotations

from typing import Any

import cocotb

from tests.rtl.harness import Bench, Held

TOP = "fifo"
PARAMETERS = {"WIDTH": 8, "DEPTH_LOG2": 2}


class Queue(Bench):
    """The queue and what it must hold."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.depth = 1 << int(dut.DEPTH_LOG2.value)
        self.width = int(dut.WIDTH.value)
        self.latency = 1 if int(dut.DISTRIBUTED.value) else 3
        self.model: list[int] = []
        self.entered: list[int] = []  # cycle in which each was accepted
        self.offer: int | None = None
        self.held = Held("data_o")

    async def step(self, wish: bool, take: bool) -> tuple[bool, bool]:
        """One cycle; wish: offer an item (kept until accepted). Returns (accepted, left)."""
        dut = self.dut
        if self.offer is None and wish:
            self.offer = self.rng.getrandbits(self.width)
        dut.valid_i.value = int(self.offer is not None)
        dut.data_i.value = self.offer or 0
        dut.ready_i.value = int(take)
        await self.settle()
        assert int(dut.count_o.value) == len(self.model)
        shown = bool(self.model) and self.cycle - self.entered[0] >= self.latency
        assert bool(dut.valid_o.value) == shown
        assert bool(dut.ready_o.value) == (len(self.model) < self.depth)
        left = self.held.check(shown, take, int(dut.data_o.value) if shown else 0)
        accepted = self.offer is not None and len(self.model) < self.depth
        if left:
            assert int(dut.data_o.value) == self.model.pop(0)
            self.entered.pop(0)
        if accepted and self.offer is not None:
            self.model.append(self.offer)
            self.entered.append(self.cycle)
            self.offer = None
        await self.edge()
        return accepted, left


@cocotb.test()
async def items_come_out_in_order_whatever_the_stalls(dut: Any) -> None:
    """Random offers and takes, filling and emptying in turn."""
    queue = Queue(dut)
    await queue.start()
    moved = full = empty = 0
    turn = max(100, 4 * queue.depth)
    for n in range(30 * turn):
        eager = n // turn % 2
        _, left = await queue.step(queue.rng.random() < 0.3 + 0.5 * eager, queue.rng.random() < 0.8 - 0.5 * eager)
        moved += left
        full += len(queue.model) == queue.depth
        empty += not queue.model
    assert moved > 500 and full > 50 and empty > 50


@cocotb.test()
async def an_item_a_cycle_enters_and_leaves(dut: Any) -> None:
    """From any filling below full the queue accepts and gives in every cycle; the first item takes its latency."""
    queue = Queue(dut)
    await queue.start()
    for _ in range(queue.latency):
        assert await queue.step(True, True) == (True, False)
    for filling in range(queue.latency, queue.depth):
        for _ in range(10):
            assert await queue.step(True, True) == (True, True)
            assert len(queue.model) == filling
        await queue.step(True, False)
    assert await queue.step(True, False) == (False, False)


@cocotb.test()
async def a_reset_empties_the_queue(dut: Any) -> None:
    """What was inside is gone and does not come back."""
    queue = Queue(dut)
    await queue.start()
    for _ in range(queue.depth):
        await queue.step(True, False)
    await queue.reset()
    queue.model.clear()
    queue.entered.clear()
    queue.offer, queue.held = None, Held("data_o")
    for _ in range(20):
        await queue.step(True, True)
