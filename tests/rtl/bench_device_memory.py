"""Device memory under random traffic against a dictionary, and what the ports promise each other.

Runs inside the simulator; tests/rtl/test_device_memory.py starts it. All four ports are driven from one coroutine
between clock edges, so that what was accepted in a cycle is known exactly.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

TOP = "device_memory"
PARAMETERS = {"DATA_W": 64, "DEVICE_LOG2": 14}
LATENCY = 2
MOVER, RENDER = 0, 1

CONTENTS: dict[int, int] = {}
"""Words of memory by address. Shared by the tests of a run, because a reset leaves the contents as they are."""


class Memory:
    """The ports as lists of two, the bytes as a dictionary, and the reads whose data is due."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.width = len(dut.rd_data_o) // 2
        self.lanes = self.width // 8
        self.size = 1 << int(dut.DEVICE_LOG2.value)
        self.words = CONTENTS
        self.cycle = 0
        self.due: list[list[tuple[int, int]]] = [[], []]
        self.read: list[int | None] = [None, None]
        self.write: list[tuple[int, int, int] | None] = [None, None]
        self.reads = [0, 0]
        self.writes = [0, 0]
        self.refused = 0
        self.conflicts = 0
        self.ranges = 0
        self.range_due = False

    async def start(self) -> None:
        """Run the clock and reset."""
        Clock(self.dut.clk_i, 2, "ns").start()
        self.dut.rst_ni.value = 0
        self.dut.rd_valid_i.value = 0
        self.dut.wr_valid_i.value = 0
        self.dut.rd_address_i.value = 0
        self.dut.wr_address_i.value = 0
        self.dut.wr_data_i.value = 0
        self.dut.wr_strb_i.value = 0
        for _ in range(3):
            await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1

    def drive(self) -> None:
        """Put the wanted accesses on the ports; a port keeps its access until it is accepted."""
        dut, width, lanes = self.dut, self.width, self.lanes
        dut.rd_valid_i.value = sum(1 << p for p in (0, 1) if self.read[p] is not None)
        dut.rd_address_i.value = sum((self.read[p] or 0) << 32 * p for p in (0, 1))
        dut.wr_valid_i.value = sum(1 << p for p in (0, 1) if self.write[p] is not None)
        access = [self.write[p] or (0, 0, 0) for p in (0, 1)]
        dut.wr_address_i.value = sum(access[p][0] << 32 * p for p in (0, 1))
        dut.wr_data_i.value = sum(access[p][1] << width * p for p in (0, 1))
        dut.wr_strb_i.value = sum(access[p][2] << lanes * p for p in (0, 1))

    def expected(self, address: int) -> int:
        """The word as the accepted writes left it."""
        return self.words.get(address, 0) if address < self.size else 0

    async def step(self) -> tuple[list[bool], list[bool]]:
        """One clock cycle: checks the data that is due; returns which reads and which writes were accepted."""
        dut = self.dut
        self.drive()
        await Timer(500, "ps")
        ready = int(dut.rd_ready_o.value), int(dut.wr_ready_o.value)
        reads = [self.read[p] is not None and bool(ready[0] >> p & 1) for p in (0, 1)]
        writes = [self.write[p] is not None and bool(ready[1] >> p & 1) for p in (0, 1)]
        waits = any(w is not None and not a for w, a in zip((*self.read, *self.write), (*reads, *writes), strict=True))
        assert bool(dut.conflict_o.value) == waits
        self.conflicts += waits
        self._check_data()
        beyond = False
        for p in (0, 1):  # a read in the cycle of a write sees the word before it
            address = self.read[p]
            if reads[p] and address is not None:
                self.due[p].append((self.cycle + LATENCY, self.expected(address)))
                self.reads[p] += 1
                beyond |= address >= self.size
                self.read[p] = None
        for p in (0, 1):
            access = self.write[p]
            if writes[p] and access is not None:
                self._apply(*access)
                self.writes[p] += 1
                beyond |= access[0] >= self.size
                self.write[p] = None
        assert bool(dut.range_o.value) == self.range_due
        self.ranges += self.range_due
        self.range_due = beyond
        await FallingEdge(dut.clk_i)
        self.cycle += 1
        return reads, writes

    def _apply(self, address: int, data: int, strobes: int) -> None:
        if address >= self.size:
            self.refused += 1
            return
        mask = sum(0xFF << 8 * lane for lane in range(self.lanes) if strobes >> lane & 1)
        self.words[address] = self.words.get(address, 0) & ~mask | data & mask

    def _check_data(self) -> None:
        valid, data = int(self.dut.rd_data_valid_o.value), self.dut.rd_data_o.value
        for p in (0, 1):
            now = bool(self.due[p]) and self.due[p][0][0] == self.cycle
            assert bool(valid >> p & 1) == now, f"port {p}: data not exactly {LATENCY} cycles after its address"
            if now:
                _, word = self.due[p].pop(0)
                got = data[self.width * p + self.width - 1 : self.width * p].to_unsigned()
                assert got == word, f"port {p}: {got:#x} instead of {word:#x}"

    async def drain(self) -> None:
        """Let what was accepted arrive."""
        for _ in range(LATENCY + 2):
            await self.step()
        assert not any(self.due)
        assert self.read == [None, None]
        assert self.write == [None, None]


def random_address(rng: random.Random, memory: Memory, words: int) -> int:
    """A word of a small working set spread over memory; now and then one beyond its end."""
    if rng.random() < 0.03:
        return memory.size + rng.randrange(1 << 10) * memory.lanes
    return (rng.randrange(words) * 0x1C8 % memory.size) // memory.lanes * memory.lanes


@cocotb.test()
async def random_traffic_reads_what_was_written(dut: Any) -> None:
    """Four busy ports on few words: every read gives the newest accepted bytes, 2 cycles after its address."""
    rng = random.Random(cocotb.RANDOM_SEED)
    memory = Memory(dut)
    await memory.start()
    for _ in range(4000):
        for p in (0, 1):
            if memory.read[p] is None and rng.random() < 0.7:
                memory.read[p] = random_address(rng, memory, 24)
            if memory.write[p] is None and rng.random() < 0.7:
                memory.write[p] = (
                    random_address(rng, memory, 24),
                    rng.getrandbits(memory.width),
                    rng.choice((rng.getrandbits(memory.lanes), (1 << memory.lanes) - 1)),
                )
        await memory.step()
    memory.read = [None, None]
    memory.write = [None, None]
    await memory.drain()
    assert min(memory.reads) > 1000
    assert min(memory.writes) > 1000
    assert memory.conflicts > 100
    assert memory.ranges > 10
    assert memory.refused > 10


@cocotb.test()
async def two_ports_on_one_bank_take_turns(dut: Any) -> None:
    """Neither the mover nor the renderer starves, and a bank is never idle while both want it."""
    memory = Memory(dut)
    await memory.start()
    turns: list[list[bool]] = []
    for _ in range(40):
        for p in (0, 1):
            memory.read[p] = 0x000 if p == MOVER else 0x400
            memory.write[p] = (0x000 if p == MOVER else 0x400, 1, 1)
        reads, writes = await memory.step()
        assert sum(reads) == 1
        assert sum(writes) == 1
        turns.append(reads)
    assert all(before != after for before, after in zip(turns, turns[1:], strict=False))
    memory.read = [None, None]
    memory.write = [None, None]
    await memory.drain()


@cocotb.test()
async def different_banks_proceed_together(dut: Any) -> None:
    """A word a cycle on each of the four ports as long as the banks differ."""
    memory = Memory(dut)
    await memory.start()
    for n in range(64):
        for p in (0, 1):
            memory.read[p] = (n * 64 + 128 * p) % 0x1000
            memory.write[p] = ((n * 64 + 64 + 128 * p) % 0x1000, n << 8 | p, (1 << memory.lanes) - 1)
        reads, writes = await memory.step()
        assert all(reads)
        assert all(writes)
    assert memory.conflicts == 0
    await memory.drain()


@cocotb.test()
async def consecutive_words_of_memory_have_places_of_their_own(dut: Any) -> None:
    """Every word of the whole memory holds its own value: no two addresses fall together."""
    memory = Memory(dut)
    await memory.start()
    for address in range(0, memory.size, memory.lanes):
        memory.write[RENDER] = (address, address ^ 0x5A5A5A, (1 << memory.lanes) - 1)
        await memory.step()
    for address in range(0, memory.size, memory.lanes):
        memory.read[MOVER] = address
        await memory.step()
    await memory.drain()
    assert memory.reads[MOVER] == memory.size // memory.lanes
