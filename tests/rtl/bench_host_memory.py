"""cocotb side of test_host_memory: a small AXI master in Python against tb/hdl/axi_memory.sv.

The master drives and samples between clock edges, so a handshake seen now happens at the coming edge, whose number is
`cycle`.  Only here does Python touch beats: the memory itself is what is tested.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from models.memory import HostMemory

TOP = "axi_memory"
NATIVE = True

OKAY, SLVERR, DECERR = 0, 2, 3


@dataclass
class Beat:
    cycle: int
    id: int
    resp: int
    data: bytes = b""
    last: bool = True


class Master:
    """Queues of things to send and logs of what was accepted and answered."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.width = len(dut.s_axi_rdata) // 8
        self.memory = HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        self.cycle = 0
        self.reads: list[tuple[int, int, int]] = []
        self.addresses: list[tuple[int, int, int]] = []
        self.beats: list[tuple[bytes, int, bool]] = []
        self.ar: list[int] = []
        self.aw: list[int] = []
        self.w: list[int] = []
        self.r: list[Beat] = []
        self.b: list[Beat] = []

    async def start(self) -> None:
        dut = self.dut
        for name in ("ar", "aw"):
            for field in ("id", "addr", "len", "size", "valid"):
                getattr(dut, f"s_axi_{name}{field}").value = 0
        for pin in (dut.s_axi_wdata, dut.s_axi_wstrb, dut.s_axi_wlast, dut.s_axi_wvalid, dut.rst_ni):
            pin.value = 0
        dut.s_axi_rready.value = dut.s_axi_bready.value = 1
        await Timer(1, "ns")
        cocotb.start_soon(Clock(dut.clk_i, 4, "ns", impl="gpi").start(start_high=False))
        for _ in range(3):
            await FallingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        await self.run(3)

    def read(self, address: int, beats: int = 1, id: int = 0) -> None:
        self.reads.append((id, address, beats))

    def write(self, address: int, data: bytes, id: int = 0, strobe: int | None = None) -> None:
        """One burst; `data` is a multiple of the bus width, `strobe` holds for every beat."""
        chunks = [data[i : i + self.width] for i in range(0, len(data), self.width)]
        self.addresses.append((id, address, len(chunks)))
        full = (1 << self.width) - 1 if strobe is None else strobe
        self.beats += [(chunk, full, i == len(chunks) - 1) for i, chunk in enumerate(chunks)]

    async def step(self) -> None:
        """One clock cycle."""
        dut, size = self.dut, self.width.bit_length() - 1
        for name, queue in (("ar", self.reads), ("aw", self.addresses)):
            getattr(dut, f"s_axi_{name}valid").value = int(bool(queue))
            if queue:
                id, address, beats = queue[0]
                getattr(dut, f"s_axi_{name}id").value = id
                getattr(dut, f"s_axi_{name}addr").value = address
                getattr(dut, f"s_axi_{name}len").value = beats - 1
                getattr(dut, f"s_axi_{name}size").value = size
        dut.s_axi_wvalid.value = int(bool(self.beats))
        if self.beats:
            data, strobe, last = self.beats[0]
            dut.s_axi_wdata.value = int.from_bytes(data, "little")
            dut.s_axi_wstrb.value = strobe
            dut.s_axi_wlast.value = int(last)
        # outputs are registers: what they show now is what the coming edge sees
        if self.reads and dut.s_axi_arready.value == 1:
            self.ar.append(self.cycle)
            self.reads.pop(0)
        if self.addresses and dut.s_axi_awready.value == 1:
            self.aw.append(self.cycle)
            self.addresses.pop(0)
        if self.beats and dut.s_axi_wready.value == 1:
            self.w.append(self.cycle)
            self.beats.pop(0)
        if dut.s_axi_rvalid.value == 1 and dut.s_axi_rready.value == 1:
            data = int(dut.s_axi_rdata.value).to_bytes(self.width, "little")
            last = bool(dut.s_axi_rlast.value)
            self.r.append(Beat(self.cycle, int(dut.s_axi_rid.value), int(dut.s_axi_rresp.value), data, last))
        if dut.s_axi_bvalid.value == 1 and dut.s_axi_bready.value == 1:
            self.b.append(Beat(self.cycle, int(dut.s_axi_bid.value), int(dut.s_axi_bresp.value)))
        await FallingEdge(dut.clk_i)
        self.cycle += 1

    async def run(self, cycles: int) -> None:
        for _ in range(cycles):
            await self.step()

    async def until(self, condition: Callable[[], bool], limit: int = 20_000) -> None:
        for _ in range(limit):
            if condition():
                return
            await self.step()
        raise AssertionError(f"not within {limit} cycles; {len(self.r)} beats, {len(self.b)} answers")


async def begin(dut: Any, **knobs: int) -> Master:
    master = Master(dut)
    pattern = np.arange(master.memory.size, dtype=np.uint32)
    master.memory.bytes[:] = (pattern * 7 + (pattern >> 8) * 13).astype(np.uint8)
    for name, value in (DEFAULTS | knobs).items():
        getattr(dut, name).value = value
    if knobs.get("track"):
        master.memory.track()
    await master.start()
    return master


DEFAULTS = {
    **dict.fromkeys(("read_latency", "write_latency"), 13),
    **dict.fromkeys(("read_limit", "write_limit"), 256),
    **dict.fromkeys((f"{c}_stall_{k}" for c in ("ar", "r", "aw", "w", "b") for k in ("on", "period", "random")), 0),
    **dict.fromkeys(("reorder", "jitter", "error_bytes", "error_read", "error_write", "error_nth"), 0),
    **dict.fromkeys(("long_tail", "far", "far_random", "poison", "track"), 0),
    **dict.fromkeys(("mute_bytes", "mute_read", "mute_write", "error_base", "mute_base"), 0),
    "seed": 1,
    "error_response": SLVERR,
}


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(latency=[1, 2, 13, 40])
async def a_read_begins_after_its_latency_and_goes_on_every_cycle(dut: Any, latency: int) -> None:
    m = await begin(dut, read_latency=latency)
    m.read(0x1000, 8, id=3)
    await m.until(lambda: len(m.r) == 8)
    assert [beat.cycle for beat in m.r] == [m.ar[0] + latency + i for i in range(8)]
    assert b"".join(beat.data for beat in m.r) == m.memory.read(0x1000, 8 * m.width)
    assert [beat.last for beat in m.r] == [False] * 7 + [True]
    assert {(beat.id, beat.resp) for beat in m.r} == {(3, OKAY)}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bursts_follow_each_other_without_a_gap(dut: Any) -> None:
    m = await begin(dut)
    for i in range(20):
        m.read(0x1000 * i, 16)
        m.write(0x40000 + 0x1000 * i, bytes([i]) * 16 * m.width)
    await m.until(lambda: len(m.r) == 320 and len(m.b) == 20)
    assert m.r[-1].cycle - m.r[0].cycle == 319
    assert m.w[-1] - m.w[0] == 319
    assert all(m.memory.read(0x40000 + 0x1000 * i, 16 * m.width) == bytes([i]) * 16 * m.width for i in range(20))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_write_becomes_visible_with_its_answer_and_not_before(dut: Any) -> None:
    m = await begin(dut, write_latency=20)
    old, new = m.memory.read(0x2000, 4 * m.width), bytes(range(4 * m.width % 256 or 255)) * 4
    new = new[: 4 * m.width]
    m.write(0x2000, new, id=5)
    await m.until(lambda: len(m.w) == 4)
    await m.run(18)
    assert m.memory.read(0x2000, 4 * m.width) == old
    assert not m.b
    await m.until(lambda: bool(m.b))
    assert m.b[0].cycle == m.w[-1] + 20
    assert (m.b[0].id, m.b[0].resp) == (5, OKAY)
    assert m.memory.read(0x2000, 4 * m.width) == new


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def strobes_and_unaligned_addresses_touch_only_their_bytes(dut: Any) -> None:
    m = await begin(dut)
    before = m.memory.read(0, 0x4000)
    m.write(0x2000 + 3, b"\xaa" * m.width, strobe=0b101000)
    m.read(0x2000 + 3, 2)
    await m.until(lambda: len(m.b) == 1 and len(m.r) == 2)
    expected = bytearray(before)
    expected[0x2003] = expected[0x2005] = 0xAA
    assert m.memory.read(0, 0x4000) == bytes(expected)
    assert m.r[1].data == before[0x2000 + m.width : 0x2000 + 2 * m.width]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def as_many_as_the_limit_are_accepted_and_no_more(dut: Any) -> None:
    m = await begin(dut, read_latency=600, write_latency=600)
    for i in range(260):
        m.read(0x100 * i)
        m.write(0x100 * i, bytes(m.width))
    await m.run(500)
    assert (len(m.ar), len(m.aw)) == (256, 256)
    await m.until(lambda: len(m.r) == 260 and len(m.b) == 260)
    m = await begin(dut, read_limit=4, write_limit=3, read_latency=50, write_latency=50)
    for i in range(9):
        m.read(0x100 * i)
        m.write(0x100 * i, bytes(m.width))
    await m.run(40)
    assert (len(m.ar), len(m.aw)) == (4, 3)
    await m.until(lambda: len(m.r) == 9 and len(m.b) == 9)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def ids_are_reordered_but_each_stays_in_order(dut: Any) -> None:
    m = await begin(dut, reorder=1, jitter=30)
    for i in range(120):
        m.read(m.width * i, 1, id=i % 4)
        m.write(0x8000 + m.width * i, bytes([i]) * m.width, id=i % 3)
    await m.until(lambda: len(m.r) == 120 and len(m.b) == 120)
    order = {m.memory.read(m.width * i, m.width): i for i in range(120)}
    got = [order[beat.data] for beat in m.r]
    assert sorted(got) == list(range(120))
    assert got != sorted(got)
    for id in range(4):
        assert [i for i in got if i % 4 == id] == list(range(id, 120, 4))
    assert [beat.id for beat in m.b] != [i % 3 for i in range(120)]
    assert Counter(beat.id for beat in m.b) == {0: 40, 1: 40, 2: 40}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def without_reorder_everything_is_in_order_under_jitter(dut: Any) -> None:
    m = await begin(dut, jitter=30)
    for i in range(60):
        m.read(m.width * i, 1, id=i % 4)
        m.write(0x8000, bytes(m.width), id=i % 3)
    await m.until(lambda: len(m.r) == 60 and len(m.b) == 60)
    assert [beat.id for beat in m.r] == [i % 4 for i in range(60)]
    assert [beat.id for beat in m.b] == [i % 3 for i in range(60)]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def injected_errors_hit_their_window_and_move_nothing(dut: Any) -> None:
    m = await begin(dut, error_base=0x3000, error_bytes=0x100, error_read=1, error_write=1, error_response=DECERR)
    before = m.memory.read(0, 1 << 16)
    m.read(0x2F00, 1)
    m.read(0x30F8 & -m.width, 1)
    m.read(0x3000 - 2 * m.width, 4)
    m.write(0x3000, b"\x55" * 2 * m.width)
    await m.until(lambda: len(m.r) == 6 and len(m.b) == 1)
    assert [beat.resp for beat in m.r] == [OKAY] + [DECERR] * 5
    assert m.b[0].resp == DECERR
    assert m.memory.read(0, 1 << 16) == before
    assert int(dut.errors_injected.value) == 3
    assert int(dut.bad_accesses.value) == 0
    dut.error_read.value = dut.error_write.value = 0
    await m.run(1)
    dut.error_read.value, dut.error_nth.value, dut.error_response.value = 1, 2, SLVERR
    for _ in range(3):
        m.read(0x3000)
    await m.until(lambda: len(m.r) == 9)
    assert [beat.resp for beat in m.r[6:]] == [OKAY, SLVERR, OKAY]
    assert m.r[7].data == b"\xe5" * m.width


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_mute_window_never_answers_and_holds_nobody_up(dut: Any) -> None:
    m = await begin(dut, mute_base=0x3000, mute_bytes=0x1000, mute_read=1, mute_write=1)
    before = m.memory.read(0x3000, 0x1000)
    m.read(0x3000, 4)
    m.read(0x5000, 1)
    m.write(0x3000, b"\x55" * 4 * m.width)
    m.write(0x5000, b"\x55" * m.width)
    await m.run(500)
    assert len(m.r) == 1
    assert len(m.b) == 1
    assert m.memory.read(0x3000, 0x1000) == before
    assert m.memory.read(0x5000, m.width) == b"\x55" * m.width
    assert int(dut.bursts_muted.value) == 2


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def an_access_outside_of_host_memory_is_counted_and_refused(dut: Any) -> None:
    m = await begin(dut)
    assert int(dut.host_bytes.value) == m.memory.size
    bad = int(dut.bad_accesses.value)
    m.read(m.memory.size - m.width, 1)
    m.read(m.memory.size, 1)
    m.read(m.memory.size - m.width, 2)
    m.write(1 << 63, bytes(m.width))
    await m.until(lambda: len(m.r) == 4 and len(m.b) == 1)
    assert [beat.resp for beat in m.r] == [OKAY, DECERR, DECERR, DECERR]
    assert m.b[0].resp == DECERR
    assert int(dut.bad_accesses.value) == bad + 3


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def stalls_take_their_share_of_the_cycles(dut: Any) -> None:
    m = await begin(dut, r_stall_on=3, r_stall_period=4, w_stall_on=1, w_stall_period=2)
    m.read(0, 64)
    m.write(0x8000, bytes(64 * m.width))
    await m.until(lambda: len(m.r) == 64 and len(m.b) == 1)
    assert m.r[-1].cycle - m.r[0].cycle == 63 * 4
    assert m.w[-1] - m.w[0] == 63 * 2
    m = await begin(dut, r_stall_random=128)
    m.read(0, 256)
    await m.until(lambda: len(m.r) == 256)
    assert 400 < m.r[-1].cycle - m.r[0].cycle < 640


async def latencies(m: Master, count: int) -> Counter[int]:
    """How many cycles single reads and writes took, in turns, over the shortest that is possible."""
    for i in range(count):
        reads, writes = len(m.r), len(m.b)
        m.read(0x1000)
        await m.until(lambda reads=reads: len(m.r) > reads)  # type: ignore[misc]
        m.write(0x2000, bytes(m.width), id=i % 2)
        await m.until(lambda writes=writes: len(m.b) > writes)  # type: ignore[misc]
    took = [beat.cycle - asked - 2 for asked, beat in zip(m.ar, m.r, strict=True)]
    return Counter(took + [beat.cycle - sent - 2 for sent, beat in zip(m.w, m.b, strict=True)])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latencies_are_drawn_from_the_distribution_that_was_asked_for(dut: Any) -> None:
    """Constant, uniform, geometric, bimodal; 200 draws each, so bounds are wide but a wrong shape is far outside."""
    plain = {"read_latency": 2, "write_latency": 2}
    assert await latencies(await begin(dut, **plain), 20) == {0: 40}
    uniform = await latencies(await begin(dut, jitter=7, **plain), 100)
    assert set(uniform) == set(range(8)) and max(uniform.values()) < 50
    tail = await latencies(await begin(dut, jitter=3, long_tail=1, **plain), 100)
    halves = [sum(count for cycles, count in tail.items() if cycles >= 4 * half) for half in range(4)]
    assert halves[0] == 200
    assert all(0.3 < later / earlier < 0.7 for earlier, later in zip(halves, halves[1:], strict=False)), halves
    assert max(tail) > 15
    peaks = await latencies(await begin(dut, jitter=1, far=50, far_random=64, **plain), 100)
    assert set(peaks) == {0, 1, 50, 51}
    assert 25 <= peaks[50] + peaks[51] <= 80


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_page_that_nobody_owns_is_refused_and_counted(dut: Any) -> None:
    m = await begin(dut, poison=1, write_latency=20)
    m.memory.own([2, 3])
    seen = int(dut.poisoned_accesses.value)
    before = m.memory.read(0, 0x8000)
    m.read(0x2FF8 & -m.width)
    m.write(0x3000, b"\x55" * m.width)
    await m.until(lambda: len(m.r) == 1 and len(m.b) == 1)
    assert [beat.resp for beat in m.r + m.b] == [OKAY, OKAY]
    assert int(dut.poisoned_accesses.value) == seen
    m.read(0x4000 - m.width, 2)  # its second page is nobody's
    m.read(0x1000 - m.width)
    m.write(0x4000, b"\x55" * 2 * m.width)
    await m.until(lambda: len(m.r) == 4 and len(m.b) == 2)
    assert [beat.resp for beat in m.r[1:] + m.b[1:]] == [DECERR] * 4
    assert int(dut.poisoned_accesses.value) == seen + 3
    assert m.memory.read(0x4000, 0x4000) == before[0x4000:]
    # whatever else happens to it, it counts
    dut.error_base.value, dut.error_bytes.value, dut.error_read.value = 0x5000, 0x1000, 1
    m.read(0x5000)
    await m.until(lambda: len(m.r) == 5)
    assert m.r[4].resp == SLVERR
    assert int(dut.poisoned_accesses.value) == seen + 4
    # the owner goes away between the data and the answer
    m.write(0x2000, b"\x66" * m.width)
    await m.until(lambda: len(m.w) == 4)
    m.memory.poison([2])
    await m.until(lambda: len(m.b) == 3)
    assert int(dut.poisoned_accesses.value) == seen + 5
    dut.poison.value = 0
    m.read(0x6000)
    await m.until(lambda: len(m.r) == 6)
    assert m.r[5].resp == OKAY
    assert int(dut.poisoned_accesses.value) == seen + 5


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_read_of_bytes_that_nobody_wrote_is_counted_and_told_once_a_page(dut: Any) -> None:
    """test_host_memory counts the lines: two pages are told of here."""
    m = await begin(dut, track=1)
    seen = int(dut.unwritten_reads.value)
    m.memory.declare(0x1003, 4 * m.width - 3)
    m.memory.write(0x2000, bytes(m.width))
    m.write(0x3000, bytes(m.width), strobe=(1 << m.width) - 2)  # all but the first byte
    m.read(0x1003, 4)  # unaligned: the bytes before it are not asked for
    m.read(0x2000)
    await m.until(lambda: len(m.b) == 1 and len(m.r) == 5)
    m.read(0x3001)
    await m.until(lambda: len(m.r) == 6)
    assert int(dut.unwritten_reads.value) == seen
    m.read(0x3000)
    m.read(0x1000, 8)  # the first beat asks too far down, the last four too far up
    m.read(0x3000)
    await m.until(lambda: len(m.r) == 16)
    assert int(dut.unwritten_reads.value) == seen + 7
    assert {beat.resp for beat in m.r} == {OKAY}
    assert not m.memory.written(0x3000, 1) and m.memory.written(0x3001, m.width - 1).all()
    dut.track.value = 0
    m.read(0x5000)
    await m.until(lambda: len(m.r) == 17)
    assert int(dut.unwritten_reads.value) == seen + 7


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def a_random_load_is_served_right_and_leaves_its_trace(dut: Any) -> None:
    """Everything at once; the digest of all cycles goes to a file that the pytest side compares between simulators."""
    rng = random.Random(cocotb.RANDOM_SEED)
    stalls = {f"{c}_stall_random": 60 for c in ("ar", "r", "aw", "w", "b")}
    m = await begin(dut, reorder=1, jitter=50, seed=rng.getrandbits(63) | 1, read_latency=5, write_latency=9, **stalls)
    expected = m.memory.bytes.copy()
    beats = 0
    for i in range(150):
        count = rng.choice((1, 2, 7, 16))
        m.read(rng.randrange(0, 0x40000, 0x400), count, id=rng.randrange(4))
        beats += count
        data, address = rng.randbytes(m.width * count), 0x40000 + i * 0x400
        m.write(address, data, id=rng.randrange(2))
        expected[address : address + len(data)] = np.frombuffer(data, np.uint8)
    await m.until(lambda: len(m.r) == beats and len(m.b) == 150)
    assert (m.memory.bytes == expected).all()
    log = repr((m.ar, m.aw, m.w, [(b.cycle, b.id, b.data) for b in m.r], [(b.cycle, b.id) for b in m.b]))
    Path("digest.txt").write_text(hashlib.sha256(log.encode()).hexdigest())
