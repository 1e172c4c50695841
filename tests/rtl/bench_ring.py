"""Descriptors fetched ahead: order, wrap, doorbells that lie, fetch errors, and never one past the doorbell.

Runs inside the simulator; tests/rtl/test_ring.py starts it. Entry n of the whole history is a number made from n, so
that a stale or a skipped one shows.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb

from models.layout import Cause
from tests.rtl.harness import Bench, Held

TOP = "ring"
PARAMETERS = {"DATA_W": 64, "ENTRY_BYTES": 32}
COUNTS = 1 << 16
Item = tuple[Cause, int, int, int]  # cause, whole entry, tag, address


class Ring(Bench):
    """A driver that rings, a memory that answers in order, a dispatcher that takes."""

    def __init__(self, dut: Any, size_log2: int) -> None:
        super().__init__(dut)
        self.lanes = int(dut.DATA_W.value) // 8
        self.entry_bytes = int(dut.ENTRY_BYTES.value)
        self.size = 1 << size_log2
        self.base = 0x12_3456_7000
        self.tail = self.issued = self.fetched = 0  # whole history, as the driver and the memory see them
        self.beats: list[tuple[int, int, bool]] = []  # (cycle due, address, last)
        self.bad: dict[int, int] = {}  # response by number of an entry
        self.delay = 6
        self.expected: list[Item] = []
        self.got: list[Item] = []
        self.bell: int | None = None
        self.refused = 0
        self.reports = 0
        self.held = Held("desc")
        self.fetch = True
        self.dispatch = True

    async def open(self, size_log2: int, count: int = 0, *, running: bool = False) -> None:
        """Reset; count: history that the counters have behind them; running: the clock is."""
        await (self.reset() if running else self.start())
        dut = self.dut
        dut.base_i.value, dut.size_log2_i.value = self.base, size_log2
        for counter in (dut.tail_q, dut.issue_q, dut.head_q):
            counter.value = count % COUNTS
        self.tail = self.issued = self.fetched = count
        await self.edge()

    def entry(self, number: int) -> int:
        """Descriptor `number` of the history."""
        return random.Random(number).getrandbits(8 * self.entry_bytes)

    def word(self, address: int) -> int:
        """What memory holds at a bus address: the newest published entry of each place, else noise."""
        value = 0
        for at in range(address, address + self.lanes, min(8, self.lanes)):
            place, inside = divmod(at - self.base, self.entry_bytes)
            newest = self.tail - 1 - (self.tail - 1 - place) % self.size
            word = self.entry(newest) if place < self.size and newest >= 0 else 0xDEAD << 40
            value |= (word >> 8 * inside & ((1 << 64) - 1)) << 8 * (at - address)
        return value

    async def step(self) -> None:
        """One cycle of everybody."""
        dut = self.dut
        dut.fetch_i.value = int(self.fetch)
        dut.doorbell_i.value = int(self.bell is not None)
        dut.doorbell_tail_i.value = (self.bell or 0) % COUNTS
        ar_ready, takes = self.chance(), self.chance() and self.dispatch
        dut.ar_ready_i.value, dut.ready_i.value = int(ar_ready), int(takes)
        beat = self.beats.pop(0) if self.beats and self.beats[0][0] <= self.cycle else None
        dut.r_valid_i.value = int(beat is not None)
        if beat:
            response = self.bad.get(self.fetched, 0)
            dut.r_data_i.value = self.word(beat[1])
            dut.r_resp_i.value = response if beat[2] else 0  # the last beat of several
        await self.settle()
        if self.bell is not None:
            self._ring(self.bell)
            self.bell = None
        if ar_ready and int(dut.ar_valid_o.value):
            assert self.fetch
            assert self.issued < self.tail, "fetched past the doorbell"
            at = self.base + self.issued % self.size * self.entry_bytes
            address, count = int(dut.ar_address_o.value), int(dut.ar_len_o.value) + 1
            assert address == at // self.lanes * self.lanes
            assert count == max(1, self.entry_bytes // self.lanes)
            due = max(self.cycle + 1 + self.rng.randint(0, self.delay), self.beats[-1][0] if self.beats else 0)
            self.beats += [(due, address + n * self.lanes, n == count - 1) for n in range(count)]
            self.issued += 1
        valid = bool(dut.valid_o.value)
        payload = (int(dut.err_o.value), int(dut.desc_o.value), int(dut.address_o.value)) if valid else None
        if self.held.check(valid, takes, payload) and payload:
            cause, desc = Cause(payload[0]), payload[1]
            assert not cause or desc & 0x3FF == 0
            address = payload[2] if cause and cause != Cause.RING_OVERFLOW else 0
            self.got.append((cause, 0 if cause else desc, desc >> 32 & 0xFFFFFFFF, address))
        if beat and beat[2]:
            self._arrive()
        await self.edge()
        await self.settle()
        heads = int(dut.tail_o.value), int(dut.head_o.value), int(dut.overflows_o.value)
        assert heads == (self.tail % COUNTS, self.fetched % COUNTS, self.refused % COUNTS)
        everything = self.tail == self.fetched and len(self.got) == len(self.expected) + self.reports
        assert bool(dut.empty_o.value) == everything

    def _ring(self, tail: int) -> None:
        ahead, held = (tail - self.fetched) % COUNTS, self.tail - self.fetched
        if held <= ahead <= self.size:
            self.tail = self.fetched + ahead
        else:
            self.refused += 1
            self.reports += 1

    def _arrive(self) -> None:
        number = self.fetched
        response = self.bad.get(number, 0)
        entry = self.entry(number)
        item = Cause.NONE, entry, entry >> 32 & 0xFFFFFFFF, 0
        if response:
            cause = Cause.WATCHDOG if response == 1 else Cause.FETCH_ERROR
            item = cause, 0, number % COUNTS, self.base + number % self.size * self.entry_bytes
        self.expected.append(item)
        self.fetched += 1

    async def finish(self) -> None:
        """Until everything has come out; compares all but the reports, whose number is checked."""
        start = self.cycle
        while self.tail != self.fetched or len(self.got) < len(self.expected) + self.reports:
            await self.step()
            assert self.cycle - start < 20_000
        kept = [item for item in self.got if item[0] is not Cause.RING_OVERFLOW]
        assert kept == self.expected
        assert len(self.got) - len(kept) == self.reports


@cocotb.test()
async def every_descriptor_comes_once_in_order(dut: Any) -> None:
    """Random doorbells up to a full ring, many laps, past 2^16, with stalls everywhere."""
    for size_log2, count in ((0, 0), (3, COUNTS - 30), (6, 0)):
        ring = Ring(dut, size_log2)
        await ring.open(size_log2, count, running=size_log2 > 0)
        for n in range(1500):
            ring.stall = (0.0, 0.3, 0.6)[n // 100 % 3]
            ring.delay = (0, 25)[n // 300 % 2]
            if ring.rng.random() < 0.2:
                room = ring.size - (ring.tail - ring.fetched)
                ring.bell = ring.tail + ring.rng.choice((room, ring.rng.randint(0, room)))
            await ring.step()
        await ring.finish()
        assert len(ring.got) > 100 and not ring.refused


@cocotb.test()
async def a_doorbell_beyond_the_ring_is_refused_and_reported(dut: Any) -> None:
    """Too far or backwards: counted, reported with its tail behind what was fetched, and nothing is fetched for it."""
    ring = Ring(dut, 3)
    await ring.open(3)
    for n in range(60):
        ring.stall = (0.0, 0.4)[n % 2]
        ring.bell = ring.tail + ring.rng.randint(0, ring.size - (ring.tail - ring.fetched))
        for _ in range(ring.rng.randint(1, 12)):
            await ring.step()
        wrong = ring.tail + ring.rng.choice((-1, ring.size + 1, 100, 1 << 15)) + ring.rng.randint(0, 3)
        ahead = (wrong - ring.fetched) % COUNTS
        ring.bell = wrong
        fetched, reported = ring.fetched, ring.reports
        await ring.step()
        if ring.reports > reported:
            assert not ring.tail - ring.fetched <= ahead <= ring.size
            seen = len(ring.got)
            await ring.finish()
            places = [i for i, item in enumerate(ring.got) if item[0] is Cause.RING_OVERFLOW]
            assert ring.got[places[-1]][2] == wrong % COUNTS
            assert places[-1] >= max(seen, fetched + reported), "the report overtook a descriptor"
        else:
            await ring.finish()
    assert ring.refused > 20


@cocotb.test()
async def more_reports_than_places_are_counted(dut: Any) -> None:
    """While nobody takes, four reports wait behind a full queue; the rest only count; nothing is lost or stuck."""
    ring = Ring(dut, 6)
    await ring.open(6)
    ring.dispatch = False
    ring.bell = 64
    for _ in range(300):
        await ring.step()
    for _ in range(12):
        before = ring.reports
        ring.bell = ring.tail + 2000
        await ring.step()
        if ring.refused > 5:  # the queue kept one place, u_reports has four
            ring.reports = before
    ring.dispatch = True
    await ring.finish()
    assert ring.refused == 12 and ring.reports == 5


@cocotb.test()
async def a_fetch_error_takes_the_place_of_its_descriptor(dut: Any) -> None:
    """With its index and bus address; its neighbours are whole."""
    ring = Ring(dut, 4)
    await ring.open(4, 50)
    ring.bad = {n: ring.rng.choice((1, 2, 3)) for n in range(50, 400) if ring.rng.random() < 0.3}
    while ring.tail < 350:
        ring.stall = ring.rng.choice((0.0, 0.5))
        ring.bell = ring.tail + ring.size - (ring.tail - ring.fetched)
        await ring.step()
    await ring.finish()
    assert {item[0] for item in ring.got} == {Cause.NONE, Cause.FETCH_ERROR, Cause.WATCHDOG}


@cocotb.test()
async def nothing_is_fetched_while_it_is_not_allowed(dut: Any) -> None:
    """With fetch_i low no address is asked for; what is published waits."""
    ring = Ring(dut, 4)
    await ring.open(4)
    ring.fetch = False
    ring.bell = 9
    for _ in range(30):
        await ring.step()
    assert ring.issued == 0 and dut.empty_o.value == 0
    ring.fetch = True
    await ring.finish()


@cocotb.test()
async def fetching_keeps_the_promised_pace(dut: Any) -> None:
    """An address in the cycle of the doorbell, an entry in the cycle after its last beat, no gap."""
    ring = Ring(dut, 7)
    await ring.open(7)
    ring.delay = 0
    ring.bell = 100
    start = ring.cycle
    await ring.step()
    assert ring.issued == 1
    while len(ring.got) < 100:
        await ring.step()
    beats = max(1, ring.entry_bytes // ring.lanes)
    assert ring.cycle - start <= 100 * beats + 5
