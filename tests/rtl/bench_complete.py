"""Records, fences and interrupts: the bytes, the laps, the places, and never an announcement before its answer.

Runs inside the simulator; tests/rtl/test_complete.py starts it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cocotb

from models.layout import Cause, Opcode, Record, Status
from tests.rtl.harness import Bench, Held

TOP = "complete"
PARAMETERS = {"DATA_W": 64}
BASES = (0x11_0000_0020, 0x22_0000_1060)
FENCES = (0x33_0000_0008, 0x44_0000_0038)
CYCLE = 0xFFFF_FF00
"""The cycle counter begins below 2^32, so that its carry is seen."""


@dataclass(frozen=True)
class End:
    """What dispatch hands over."""

    tag: int
    opcode: Opcode
    cause: Cause
    address: int
    bytes: int
    start: int
    interrupt: bool
    fence: bool
    value: int


@dataclass
class Burst:
    """A write under way: where, which queue, and whether it is a fence value."""

    address: int
    data: bytes
    queue: int
    end: End
    fence: bool
    response: int = 0


class Complete(Bench):
    """Dispatchers, a memory that answers in order, and a driver that consumes records."""

    def __init__(self, dut: Any, sizes: tuple[int, int] = (2, 3)) -> None:
        super().__init__(dut)
        self.lanes = int(dut.DATA_W.value) // 8
        self.sizes = sizes
        self.ends: list[list[End]] = [[], []]
        self.offer = [False, False]
        self.accepted: list[tuple[int, End, int]] = []  # (queue, end, cycle)
        self.expected: list[Burst] = []  # in order of the bus
        self.addresses: list[int] = []
        self.words: list[tuple[bytes, int, bool]] = []
        self.unanswered: list[Burst] = []
        self.answers: list[int] = []  # cycles at which an answer may come
        self.written = [0, 0]
        self.answered = [0, 0]
        self.consumed = [0, 0]
        self.fences = [0, 0]
        self.delay = 10
        self.bad = 0.0
        self.order: list[int] = []
        self.aw_held, self.w_held = Held("AW"), Held("W")
        self.aw_at: list[int] = []
        self.sent = 0
        self.latencies: list[int] = []
        self.chosen = [False, False]
        self.elapsed: list[tuple[int, int]] = []
        self.bucket_at = -9

    async def open(self) -> None:
        """Reset and the registers."""
        await self.start()
        dut = self.dut
        dut.base_i.value = BASES[1] << 64 | BASES[0]
        dut.fence_base_i.value = FENCES[1] << 64 | FENCES[0]
        dut.size_log2_i.value = self.sizes[1] << 4 | self.sizes[0]

    def record(self, queue: int, end: End, now: int) -> Record:
        """The record of an end that is taken at cycle `now`."""
        status = {Cause.NONE: Status.OK, Cause.ABORTED: Status.ABORTED}.get(end.cause, Status.ERROR)
        return Record(
            tag=end.tag, opcode=end.opcode, cause=end.cause, status=status, queue=queue,
            phase=1 - (self.written[queue] >> self.sizes[queue] & 1), address=end.address, bytes=end.bytes,
            elapsed=(now - end.start) % (1 << 32), end_cycle=now,
        )  # fmt: skip

    async def step(self) -> None:
        """One cycle of everybody."""
        dut = self.dut
        now = CYCLE + self.cycle
        dut.cycle_i.value = now
        dut.head_i.value = self.consumed[1] % 65536 << 16 | self.consumed[0] % 65536
        for q in (0, 1):
            self.offer[q] = bool(self.ends[q]) and (self.offer[q] or self.chance())
        front = [self.ends[q][0] if self.ends[q] else None for q in (0, 1)]
        dut.end_valid_i.value = self.offer[1] << 1 | self.offer[0]
        fields: tuple[tuple[str, int, Callable[[End], int]], ...] = (
            ("tag", 32, lambda e: e.tag), ("opcode", 8, lambda e: int(e.opcode)), ("cause", 8, lambda e: int(e.cause)),
            ("address", 64, lambda e: e.address), ("bytes", 32, lambda e: e.bytes), ("start", 32, lambda e: e.start),
            ("interrupt", 1, lambda e: e.interrupt), ("fence", 1, lambda e: e.fence), ("value", 32, lambda e: e.value),
        )  # fmt: skip
        for name, width, get in fields:
            getattr(dut, f"end_{name}_i").value = sum(get(e) << width * q for q, e in enumerate(front) if e)
        aw_ready, w_ready = self.chance(), self.chance()
        dut.aw_ready_i.value, dut.w_ready_i.value = int(aw_ready), int(w_ready)
        answer = None
        if self.unanswered and self.answers and self.answers[0] <= self.cycle:
            answer = self.unanswered.pop(0)
            self.answers.pop(0)
        dut.b_valid_i.value = int(answer is not None)
        dut.b_resp_i.value = answer.response if answer else 0
        await self.settle()
        self._announcements(answer)
        self._bus(aw_ready, w_ready)
        self._choose(now)
        await self.edge()
        await self.settle()
        tails, fences = int(dut.tail_o.value), int(dut.fence_o.value)
        assert (tails & 0xFFFF, tails >> 16) == tuple(n % 65536 for n in self.answered)
        assert (fences & 0xFFFFFFFF, fences >> 32) == tuple(self.fences)
        pending = [any(b.queue == q for b in (*self.expected, *self.unanswered)) for q in (0, 1)]
        assert int(dut.busy_o.value) == pending[1] << 1 | pending[0]

    def _announcements(self, answer: Burst | None) -> None:
        dut = self.dut
        done, error, failed = (
            int(dut.record_done_o.value), int(dut.record_error_o.value), int(dut.completion_error_o.value)
        )  # fmt: skip
        if answer is None:
            assert (done, error, failed) == (0, 0, 0), "announced without an answer"
            return
        mine = 1 << answer.queue
        publishes = answer.end.fence and answer.end.cause is Cause.NONE
        last = answer.fence or not publishes
        assert done == (mine if answer.end.interrupt and last else 0)
        assert error == (mine if answer.end.cause is not Cause.NONE else 0)
        assert failed == (answer.response != 0)
        if answer.fence:
            self.fences[answer.queue] = answer.end.value
        else:
            self.answered[answer.queue] += 1

    def _bus(self, aw_ready: bool, w_ready: bool) -> None:
        dut = self.dut
        valid = bool(dut.aw_valid_o.value)
        if valid and len(self.aw_at) <= len(self.addresses) + self.sent:
            self.aw_at.append(self.cycle)
        address = (int(dut.aw_address_o.value), int(dut.aw_len_o.value)) if valid else None
        if self.aw_held.check(valid, aw_ready, address) and address:
            burst = self.expected[len(self.addresses)]
            assert address[0] == burst.address // self.lanes * self.lanes
            assert address[1] == max(1, len(burst.data) // self.lanes) - 1
            if burst.fence:
                assert not self.unanswered and len(self.addresses) == 0, "a fence value before the records' answers"
            self.addresses.append(address[0])
        valid = bool(dut.w_valid_o.value)
        word = None
        if valid:
            strobes = int(dut.w_strb_o.value)
            bits = dut.w_data_o.value
            lanes = [lane for lane in range(self.lanes) if strobes >> lane & 1]
            word = bytes(bits[8 * lane + 7 : 8 * lane].to_unsigned() for lane in lanes), strobes
        if self.w_held.check(valid, w_ready, word) and word:
            self.words.append((word[0], word[1], True))
        self._close()

    def _close(self) -> None:
        """A burst whose address and words are out is complete: check it and let it be answered."""
        if not self.expected or not self.addresses:
            return
        burst = self.expected[0]
        count = max(1, len(burst.data) // self.lanes)
        if len(self.words) < count:
            return
        words, self.words = self.words[:count], self.words[count:]
        assert b"".join(word[0] for word in words) == burst.data, (burst, words)
        first = burst.address % self.lanes
        used = min(len(burst.data), self.lanes)
        assert all(word[1] == ((1 << used) - 1) << first for word in words), "strobes"
        self.expected.pop(0)
        self.addresses.pop(0)
        self.sent += 1
        burst.response = 2 if self.rng.random() < self.bad else 0
        due = self.cycle + 1 + self.rng.randint(0, self.delay)
        self.answers.append(max(due, self.answers[-1] + 1 if self.answers else 0))
        self.unanswered.append(burst)

    def _choose(self, now: int) -> None:
        """The record is of the cycle in which the end is chosen; it is taken later, and stays on offer until then."""
        dut = self.dut
        chosen = int(dut.ended_o.value)
        assert chosen & (chosen - 1) == 0
        self._bucket(int(dut.latency_o.value))
        for q in (0, 1):
            if not chosen >> q & 1:
                continue
            assert self.offer[q] and not self.chosen[q], "an end was chosen twice"
            self.chosen[q] = True
            end = self.ends[q][0]
            assert self.written[q] - self.consumed[q] < 1 << self.sizes[q], "a record over one not consumed"
            if q == 0:
                self.elapsed.append((self.cycle, (now - end.start) % (1 << 32)))
            place = BASES[q] + self.written[q] % (1 << self.sizes[q]) * Record.SIZE
            self.expected.append(Burst(place, self.record(q, end, now).pack(), q, end, False))
            if end.fence and end.cause is Cause.NONE:
                self.expected.append(Burst(FENCES[q], end.value.to_bytes(8, "little"), q, end, True))
            self.written[q] += 1
            self.order.append(q)
            self.accepted.append((q, end, self.cycle))
        ready = int(dut.end_ready_o.value) & int(dut.end_valid_i.value)
        for q in (0, 1):
            if ready >> q & 1:
                assert self.chosen[q], "an end was taken before it was chosen"
                self.chosen[q] = self.offer[q] = False
                self.ends[q].pop(0)

    def _bucket(self, bucket: int) -> None:
        """Each transfer's bucket comes 2 cycles after its choice, 1 where a word holds a record; never two running."""
        due = self.cycle - (1 if self.lanes >= Record.SIZE else 2)
        if self.elapsed and self.elapsed[0][0] == due:
            _, elapsed = self.elapsed.pop(0)
            assert bucket == 1 << min(15, max(0, elapsed.bit_length() - 5)), elapsed
            self.latencies.append(bucket)
            assert self.bucket_at != self.cycle - 1, "two buckets running"
            self.bucket_at = self.cycle
        else:
            assert not bucket, "a bucket of no transfer"

    def random_end(self) -> End:
        """Any end, its start some power of two ago."""
        rng = self.rng
        cause = rng.choice((Cause.NONE, Cause.NONE, Cause.BUS_ERROR, Cause.ABORTED))
        start = (CYCLE + self.cycle - (1 << rng.randint(0, 24))) % (1 << 32)
        return End(
            rng.getrandbits(32), rng.choice(list(Opcode)), cause, rng.getrandbits(64), rng.getrandbits(32), start,
            rng.random() < 0.5, rng.random() < 0.3, rng.getrandbits(32),
        )  # fmt: skip

    async def finish(self, *, consume: bool = True) -> None:
        """Until every end has been announced."""
        start = self.cycle
        while any(self.ends) or self.expected or self.unanswered:
            if consume:
                self.consumed = list(self.answered)
            await self.step()
            assert self.cycle - start < 20_000


@cocotb.test()
async def records_fences_and_interrupts_come_in_order(dut: Any) -> None:
    """Both queues at once, any causes, failing answers, a slow consumer, many laps of the rings."""
    bench = Complete(dut)
    await bench.open()
    for stall, delay, bad in ((0.0, 0, 0.0), (0.4, 15, 0.2), (0.7, 3, 0.0)):
        bench.stall, bench.delay, bench.bad = stall, delay, bad
        for q in (0, 1):
            bench.ends[q] = [bench.random_end() for _ in range(60)]
        while any(bench.ends):
            if bench.rng.random() < 0.1:
                q = bench.rng.randrange(2)
                bench.consumed[q] = bench.rng.randint(bench.consumed[q], bench.answered[q])
            await bench.step()
        await bench.finish()
    assert bench.written == [180, 180] and len(set(bench.latencies)) > 10


@cocotb.test()
async def a_full_ring_holds_its_queue_alone(dut: Any) -> None:
    """Exactly as many records as the ring has places; the other queue goes on; one place frees one record."""
    bench = Complete(dut, (1, 4))
    await bench.open()
    bench.ends = [[bench.random_end() for _ in range(6)] for _ in (0, 1)]
    for _ in range(200):
        await bench.step()
    assert bench.written == [2, 6]
    bench.consumed[0] = 1
    for _ in range(100):
        await bench.step()
    assert bench.written == [3, 6]
    await bench.finish()


@cocotb.test()
async def the_queues_take_turns(dut: Any) -> None:
    """While both have ends, records alternate."""
    bench = Complete(dut, (6, 6))
    await bench.open()
    bench.ends = [[bench.random_end() for _ in range(20)] for _ in (0, 1)]
    await bench.finish()
    assert all(a != b for a, b in zip(bench.order, bench.order[1:], strict=False))


@cocotb.test()
async def records_keep_the_promised_pace(dut: Any) -> None:
    """AWVALID in the cycle after the end; a record as often as its words allow, slow answers, up to 64 under way."""
    bench = Complete(dut, (7, 7))
    await bench.open()
    bench.delay = 0
    plain = End(1, Opcode.NOP, Cause.NONE, 0, 0, 0, False, False, 0)
    bench.ends = [[plain] * 50, []]
    bench.delay = 400
    while bench.ends[0]:
        await bench.step()
    beats = max(1, Record.SIZE // bench.lanes)
    cycles = [cycle for _, _, cycle in bench.accepted]
    pace = max(beats, 2)
    assert cycles == list(range(cycles[0], cycles[0] + 50 * pace, pace))
    assert bench.aw_at[0] == cycles[0] + 1
    await bench.finish()
