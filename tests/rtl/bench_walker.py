"""Page tables in Python against the walker: answers, order, the cache, invalidation at every moment, bus errors.

Runs inside the simulator; tests/rtl/test_walker.py starts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import Timer

from models.layout import Cause, PageTableEntry
from tests.rtl.harness import Bench, known

TOP = "walker"
PARAMETERS = {"DATA_W": 64, "TLB_LOG2": 7}
READER, WRITER = 0, 1
PAGE = 4096


@dataclass(frozen=True)
class Ask:
    """One request: object, page, and whether its offset is past 2^32."""

    object: int
    page: int
    beyond: bool = False


@dataclass(frozen=True)
class Answer:
    """Cause with the frame, or with the address of the entry that could not be read."""

    cause: Cause
    frame: int = 0
    entry: int = 0


class Walk(Bench):
    """Two requesters, sixteen objects whose tables are words in a dictionary, and a slow bus."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        rng = self.rng
        self.lanes = int(dut.DATA_W.value) // 8
        self.words: dict[int, int] = {}
        self.bad: dict[int, int] = {}  # response by entry address
        self.objects: list[tuple[bool, bool, int, int]] = []  # valid, two levels, pages, root
        for n in range(16):
            two_level = n % 2 == 1
            pages = rng.choice((1, 40, 511, 513, 1500)) if two_level else rng.choice((1, 40, 500))
            root = 0x100_0000 * (n + 1) | (0x2_3400_0000_0000 if n == 3 else 0)
            self.objects.append((n != 7, two_level, pages, root))
            for page in range(pages):
                valid, writable = rng.random() < 0.9, rng.random() < 0.6
                self.place(n, page, PageTableEntry(valid, writable, rng.getrandbits(40)))
        self.asks: list[list[Ask]] = [[], []]
        self.accepted: list[tuple[int, Ask]] = []
        self.wanted: list[list[Answer]] = [[], []]
        self.seen: list[list[Answer]] = [[], []]
        self.bus: list[tuple[int, int, int]] = []  # a beat: (cycle due, address, word as it was when asked for)
        self.delay = 0
        self.reads = self.hits = self.misses = 0
        self.invalidate = False
        self.offer = [False, False]
        self._object = -1
        self.answered_at: list[int] = []
        self.accepted_at: list[int] = []

    def place(self, number: int, page: int, entry: PageTableEntry) -> None:
        """Write a page's entry, and its directory entry in an object of two levels."""
        _, two_level, _, root = self.objects[number]
        table = root
        if two_level:
            table = 0x4000_0000 + number * 0x10_0000 + page // 512 * PAGE
            self.words[root + page // 512 * 8] = 1 | table
        word = int.from_bytes(entry.pack(), "little")
        self.words[table + page % (512 if two_level else 1 << 20) * 8] = word

    def path(self, number: int, page: int) -> list[int]:
        """Entry addresses that a walk reads, as far as they are valid."""
        _, two_level, _, root = self.objects[number]
        if not two_level:
            return [root + 8 * page]
        first = root + 8 * (page // 512)
        return [first, (self.words.get(first, 0) & ~0xFFF) + 8 * (page % 512)]

    def expect(self, who: int, ask: Ask) -> Answer:
        """What an uncached walk answers now."""
        valid, _, pages, _ = self.objects[ask.object]
        if not valid or ask.beyond or ask.page >= pages:
            return Answer(Cause.TRANSLATION_FAULT)
        path = self.path(ask.object, ask.page)
        for address in path:
            if address in self.bad:
                return Answer(Cause.WATCHDOG if self.bad[address] == 1 else Cause.WALK_ERROR, entry=address)
            entry = PageTableEntry.unpack(self.words.get(address, 0).to_bytes(8, "little"))
            if not entry.valid:
                return Answer(Cause.TRANSLATION_FAULT)
        if who == WRITER and not entry.writable:
            return Answer(Cause.READ_ONLY)
        return Answer(Cause.NONE, frame=int(entry.frame))

    async def step(self) -> None:
        """One cycle of requesters, csr and bus."""
        dut = self.dut
        for p in (0, 1):
            self.offer[p] = bool(self.asks[p]) and (self.offer[p] or self.chance())
        front = [self.asks[p][0] if self.asks[p] else Ask(0, 0) for p in (0, 1)]
        dut.req_valid_i.value = sum(1 << p for p in (0, 1) if self.offer[p])
        dut.req_object_i.value = sum(front[p].object << 4 * p for p in (0, 1))
        dut.req_page_i.value = sum(front[p].page << 20 * p for p in (0, 1))
        dut.req_beyond_i.value = sum(front[p].beyond << p for p in (0, 1))
        takes = [self.chance(), self.chance()]
        dut.rsp_ready_i.value = sum(takes[p] << p for p in (0, 1))
        dut.invalidate_i.value = int(self.invalidate)
        self.invalidate = False
        ar_ready = self.chance()
        dut.ar_ready_i.value = int(ar_ready)
        answer = bool(self.bus) and self.bus[0][0] <= self.cycle
        dut.r_valid_i.value = int(answer)
        if answer:
            _, address, dut.r_data_i.value = self.bus.pop(0)
            dut.r_resp_i.value = self.response(address)
        await self.settle()
        index = known(dut.object_index_o)
        if index != self._object:
            self._object = index
            valid, two_level, pages, root = self.objects[index]
            dut.object_i.value = valid << 74 | two_level << 73 | pages << 52 | root >> 12
            await Timer(200, "ps")
        if ar_ready and int(dut.ar_valid_o.value):
            address = int(dut.ar_address_o.value)
            beats = int(dut.ar_len_o.value) + 1
            assert address // PAGE == (address // self.lanes * self.lanes + beats * self.lanes - 1) // PAGE
            due = self.cycle + 1 + self.rng.randint(0, self.delay)
            for beat in range(beats):
                word = (address // self.lanes + beat) * self.lanes
                data = sum(self.words.get(word + n, 0) << 8 * n for n in range(0, self.lanes, 8))
                self.bus.append((due + beat, address if beats == 1 else word, data))
            self.reads += 1
        self.hits += bin(int(dut.hit_o.value)).count("1")
        self.misses += int(dut.miss_o.value)
        granted = int(dut.req_ready_o.value)
        for p in (0, 1):
            if self.offer[p] and granted >> p & 1:
                ask = self.asks[p].pop(0)
                self.accepted.append((p, ask))
                self.accepted_at.append(self.cycle)
                self.wanted[p].append(self.expect(p, ask))
                self.offer[p] = False
        answered = int(dut.rsp_valid_o.value)
        for p in (0, 1):
            if takes[p] and answered >> p & 1:
                cause = Cause(dut.rsp_cause_o.value[8 * p + 7 : 8 * p].to_unsigned())
                on_bus = cause in (Cause.WALK_ERROR, Cause.WATCHDOG)
                looks = cause is Cause.NONE or on_bus
                frame = dut.rsp_frame_o.value[40 * p + 39 : 40 * p].to_unsigned() if looks else 0
                place = dut.rsp_index_o.value[9 * p + 8 : 9 * p].to_unsigned() if on_bus else 0
                self.seen[p].append(Answer(cause, 0, frame << 12 | place << 3) if on_bus else Answer(cause, frame))
                self.answered_at.append(self.cycle)
        await self.edge()

    def response(self, address: int) -> int:
        """How a beat answers: as the first of its entries that is bad."""
        word = address // self.lanes * self.lanes
        entries = range(word, word + self.lanes, 8)
        return next((self.bad[entry] for entry in entries if entry in self.bad), 0)

    async def finish(self) -> None:
        """Until everything asked has been answered; compares."""
        start = self.cycle
        while any(self.asks) or any(len(self.seen[p]) < len(self.wanted[p]) for p in (0, 1)):
            await self.step()
            assert self.cycle - start < 30_000, "an answer is missing"
        for p in (0, 1):
            for seen, wanted in zip(self.seen[p], self.wanted[p], strict=True):
                assert seen == wanted, f"requester {p}"

    def inside(self) -> int:
        """Accepted requests that lie inside their object: each is a hit or a miss."""
        return sum(
            self.objects[ask.object][0] and not ask.beyond and ask.page < self.objects[ask.object][2]
            for _, ask in self.accepted
        )

    def random_ask(self, spread: int) -> Ask:
        """Some page of some object, mostly inside, from a working set of `spread` pages."""
        number = self.rng.randrange(16)
        pages = self.objects[number][2]
        page = self.rng.choice((0, pages - 1, pages, self.rng.randrange(pages), self.rng.randrange(min(pages, spread))))
        return Ask(number, page, self.rng.random() < 0.03)


@cocotb.test()
async def both_requesters_get_what_the_tables_say(dut: Any) -> None:
    """One and two levels, inside and outside, read-only upgrades, concurrently; each inside is a hit or a miss."""
    bench = Walk(dut)
    await bench.start()
    for stall, delay, spread in ((0.0, 0, 4), (0.4, 20, 4), (0.2, 3, 60)):
        bench.stall, bench.delay = stall, delay
        for p in (0, 1):
            bench.asks[p] = [bench.random_ask(spread) for _ in range(300)]
        await bench.finish()
    assert bench.hits + bench.misses == bench.inside() and min(bench.hits, bench.misses) > 100
    causes = {answer.cause for p in (0, 1) for answer in bench.seen[p]}
    assert causes == {Cause.NONE, Cause.TRANSLATION_FAULT, Cause.READ_ONLY}


def _filled(bench: Walk, number: int, pages: int, levels: int, frame: int = 0xABC000) -> None:
    """Make an object of so many pages, all valid and writable, frames counting up."""
    bench.objects[number] = (True, levels == 2, pages, bench.objects[number][3])
    for page in range(pages):
        bench.place(number, page, PageTableEntry(1, 1, frame + page))


@cocotb.test()
async def hits_take_a_cycle_and_come_one_a_cycle(dut: Any) -> None:
    """Inside the cache no bus read after the first round, which read each line of eight once, a read a level."""
    bench = Walk(dut)
    await bench.start()
    for number, levels in ((0, 1), (1, 2)):
        _filled(bench, number, 32, levels)
        for who in (READER, WRITER):
            before = bench.reads
            bench.asks[who] = [Ask(number, page) for page in range(32)]
            await bench.finish()
            assert bench.reads - before == 4 * levels, "each has a cache of its own"
            for _ in range(8):  # the look for the line behind the last
                await bench.step()
            bench.answered_at, bench.accepted_at = [], []
            bench.asks[who] = [Ask(number, page) for page in range(32)]
            await bench.finish()
            assert bench.reads - before == 4 * levels
            gaps = [b - a for a, b in zip(bench.accepted_at, bench.accepted_at[1:], strict=False)]
            assert set(gaps) <= {1, 2} and gaps.count(2) <= 4, "a look ahead takes a cycle, once a line"
            assert bench.answered_at == [cycle + 1 for cycle in bench.accepted_at]


@cocotb.test()
async def the_next_line_is_there_before_it_is_asked_for(dut: Any) -> None:
    """Who steps through an object misses once, even where a read takes long; a jump fetches nothing ahead."""
    bench = Walk(dut)
    await bench.start()
    _filled(bench, 0, 64, 1)
    for page in range(64):
        bench.asks[READER] = [Ask(0, page)]
        await bench.finish()
        for _ in range(12):
            await bench.step()
    assert (bench.misses, bench.hits, bench.reads) == (1, 63, 8)
    _filled(bench, 2, 400, 1)
    before = bench.reads
    for page in (0, 100, 200, 300):
        bench.asks[READER] = [Ask(2, page)]
        await bench.finish()
        for _ in range(12):
            await bench.step()
    assert bench.reads - before == 4 and bench.misses == 5


@cocotb.test()
async def hits_go_on_under_the_other_requesters_miss(dut: Any) -> None:
    """While one waits for its table, the other gets a translation a cycle."""
    bench = Walk(dut)
    await bench.start()
    _filled(bench, 0, 32, 1)
    _filled(bench, 2, 8, 1)
    bench.asks[WRITER] = [Ask(0, page) for page in range(32)]
    await bench.finish()
    bench.delay = 200
    bench.rng.seed(3)
    bench.answered_at, bench.accepted_at = [], []
    bench.asks = [[Ask(2, 0)], [Ask(0, page) for page in range(32)]]
    await bench.finish()
    assert len(bench.seen[READER]) == 1 and bench.answered_at[31] - bench.answered_at[0] <= 36
    assert bench.answered_at[32] > bench.answered_at[31] + 20, "the miss was over before the hits were"


@cocotb.test()
async def entries_behind_the_end_of_an_object_are_not_kept(dut: Any) -> None:
    """A line's entries past the last page look valid in memory; the object refuses them, and once grown it walks."""
    bench = Walk(dut)
    await bench.start()
    _filled(bench, 0, 8, 1)
    bench.objects[0] = (True, False, 5, bench.objects[0][3])
    bench.asks[READER] = [Ask(0, page) for page in range(8)]
    await bench.finish()
    assert [answer.cause for answer in bench.seen[READER][5:]] == [Cause.TRANSLATION_FAULT] * 3
    bench.objects[0] = (True, False, 8, bench.objects[0][3])
    bench._object = -1
    misses = bench.misses
    bench.asks[READER] = [Ask(0, 6)]
    await bench.finish()
    assert bench.seen[READER][-1] == Answer(Cause.NONE, 0xABC006) and bench.misses == misses + 1


@cocotb.test()
async def a_bus_error_at_either_level_names_its_entry(dut: Any) -> None:
    """SLVERR, DECERR and silence, in the directory and in the table; nothing of it is kept."""
    bench = Walk(dut)
    await bench.start()
    for number in (0, 1, 3):
        bench.objects[number] = (True, number != 0, 600, bench.objects[number][3])
        for page in range(600):
            bench.place(number, page, PageTableEntry(1, 1, 0x77000 + page))
        for page in (5, 300, 599):
            for address in bench.path(number, page):
                for response in (1, 2, 3):
                    bench.bad = {address: response}
                    bench.asks = [[Ask(number, page)], [Ask(number, page)]]
                    await bench.finish()
                    wanted = Cause.WATCHDOG if response == 1 else Cause.WALK_ERROR
                    assert {bench.seen[p][-1] for p in (0, 1)} == {Answer(wanted, entry=address)}
            bench.bad = {}
            bench.asks = [[Ask(number, page)], [Ask(number, page)]]
            await bench.finish()
            bench.invalidate = True
            await bench.step()


@cocotb.test()
async def granting_more_needs_no_invalidation(dut: Any) -> None:
    """A cached read-only entry is walked again for a write, so a writable bit set later is seen."""
    bench = Walk(dut)
    await bench.start()
    bench.objects[0] = (True, False, 8, bench.objects[0][3])
    bench.place(0, 3, PageTableEntry(1, 0, 0x51))
    bench.asks = [[Ask(0, 3)], []]
    await bench.finish()
    bench.asks = [[], [Ask(0, 3)]]
    await bench.finish()
    assert bench.seen[WRITER] == [Answer(Cause.READ_ONLY)]
    bench.place(0, 3, PageTableEntry(1, 1, 0x51))
    bench.asks = [[], [Ask(0, 3), Ask(0, 3)]]
    before = bench.misses
    await bench.finish()
    assert bench.seen[WRITER][1:] == [Answer(Cause.NONE, 0x51)] * 2 and bench.misses == before + 1


@cocotb.test()
async def an_invalidation_at_any_moment_is_complete(dut: Any) -> None:
    """The table changes, then INVALIDATE, at every cycle around a walk or a hit: later requests see the new table."""
    bench = Walk(dut)
    await bench.start()
    frame = 0x100
    for number in (0, 1):
        bench.objects[number] = (True, number == 1, 8, bench.objects[number][3])
        for cached in (False, True):
            for moment in range(24):
                bench.delay = 4 * (moment % 3)
                bench.place(number, 2, PageTableEntry(1, 1, frame))
                bench.invalidate = True
                await bench.step()
                ask = Ask(number, 2)
                if cached:
                    bench.asks[READER] = [ask]
                    await bench.finish()
                bench.asks = [[ask], [ask] * (moment % 2)]
                for _ in range(moment):
                    await bench.step()
                bench.place(number, 2, PageTableEntry(1, 1, frame + 1))
                bench.invalidate = True
                pending = [len(bench.seen[p]) for p in (0, 1)]
                await bench.step()
                while any(bench.asks) or any(len(bench.seen[p]) < len(bench.wanted[p]) for p in (0, 1)):
                    await bench.step()
                for p in (0, 1):  # asked before: the old frame or the new one
                    assert {answer.frame for answer in bench.seen[p][pending[p] :]} <= {frame, frame + 1}
                bench.seen, bench.wanted = [[], []], [[], []]
                bench.asks = [[ask], [ask]]
                await bench.finish()
                assert bench.seen == [[Answer(Cause.NONE, frame + 1)]] * 2, (number, cached, moment)
                bench.seen, bench.wanted = [[], []], [[], []]
                frame += 2
