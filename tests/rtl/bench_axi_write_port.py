"""Two requesters on the write channels: data in the order of addresses, answers, silence, drain without strobes.

Runs inside the simulator; tests/rtl/test_axi_write_port.py starts it. Word n of a burst at address a carries a + n, so
that every beat says where it belongs.
"""

from __future__ import annotations

from typing import Any

import cocotb

from tests.rtl.harness import Bench, Held

TOP = "axi_write_port"
PARAMETERS = {"DATA_W": 64}
PORTS = 2
OKAY, SILENT, SLVERR = 0, 1, 2


class Port(Bench):
    """Requesters that give data for what was granted, and a memory that answers one ID in order."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.width = int(dut.DATA_W.value)
        self.lanes = self.width // 8
        self.full = (1 << self.lanes) - 1
        self.wishes: list[list[tuple[int, int]]] = [[] for _ in range(PORTS)]
        self.data: list[list[int]] = [[] for _ in range(PORTS)]  # words still to give
        self.order: list[tuple[int, bool]] = []  # (word, last) that W must carry, by grant
        self.answers: list[list[int]] = [[] for _ in range(PORTS)]  # responses to send
        self.owed: list[list[int]] = [[] for _ in range(PORTS)]
        self.seen: list[list[int]] = [[] for _ in range(PORTS)]
        self.pending: list[tuple[int, int]] = []  # bursts on the bus whose data is not complete: (id, address)
        self.complete = 0  # bursts whose data came before their address
        self.bad: set[int] = set()
        self.mute: set[int] = set()
        self.w_deaf = self.aw_deaf = False
        self.hungry = False  # requesters give no data
        self.voids = False  # words without strobes are in order
        self.drain = self.forget = 0
        self.expirations = self.words = self.grants = 0
        self.aw_held, self.w_held = Held("AW"), Held("W")
        self.answer: tuple[int, int] | None = None
        self.offer = [False, False]

    async def step(self) -> None:
        """One cycle of everybody."""
        dut, rng, width, lanes = self.dut, self.rng, self.width, self.lanes
        dut.drain_i.value, dut.forget_i.value = self.drain, self.forget
        asks = [self.wishes[p][0] if self.wishes[p] else None for p in range(PORTS)]
        dut.req_valid_i.value = sum(1 << p for p in range(PORTS) if asks[p])
        dut.req_address_i.value = sum((ask[0] if ask else 0) << 64 * p for p, ask in enumerate(asks))
        dut.req_len_i.value = sum((ask[1] - 1 if ask else 0) << 8 * p for p, ask in enumerate(asks))
        for p in range(PORTS):
            self.offer[p] = bool(self.data[p]) and not self.hungry and (self.offer[p] or self.chance())
        dut.w_valid_i.value = sum(1 << p for p in range(PORTS) if self.offer[p])
        dut.w_data_i.value = sum((self.data[p][0] if self.offer[p] else 0) << width * p for p in range(PORTS))
        dut.w_strb_i.value = self.full << lanes | self.full
        aw_ready, w_ready = self.chance() and not self.aw_deaf, self.chance() and not self.w_deaf
        dut.m_axi_awready.value, dut.m_axi_wready.value = int(aw_ready), int(w_ready)
        speakers = [p for p in range(PORTS) if self.answers[p] and p not in self.mute]
        if self.answer is None and speakers and self.chance():
            speaker = rng.choice(speakers)
            self.answer = speaker, self.answers[speaker][0]
        dut.m_axi_bvalid.value = int(self.answer is not None)
        if self.answer is not None:
            dut.m_axi_bid.value, dut.m_axi_bresp.value = self.answer
        await self.settle()
        self._data(w_ready)
        self._addresses(aw_ready)
        answered = int(dut.b_valid_o.value)
        assert answered & (answered - 1) == 0
        for p in range(PORTS):
            if answered >> p & 1:
                self.seen[p].append(int(dut.b_resp_o.value))
        if self.answer is not None and int(dut.m_axi_bready.value):
            self.answers[self.answer[0]].pop(0)
            self.answer = None
        self.expirations += int(dut.expired_o.value)
        await self.edge()

    def _data(self, w_ready: bool) -> None:
        dut = self.dut
        valid = bool(dut.m_axi_wvalid.value)
        payload = None
        if valid:
            strobes = int(dut.m_axi_wstrb.value)
            payload = int(dut.m_axi_wdata.value) if strobes else None, strobes, bool(dut.m_axi_wlast.value)
        if self.w_held.check(valid, w_ready, payload) and payload:
            word, last = self.order.pop(0)
            data, strobes, got_last = payload
            assert got_last == last, "WLAST"
            assert strobes in (0, self.full) and (strobes == self.full or self.drain or self.voids)
            assert not strobes or data == word, "a word out of order"
            self.words += bool(strobes)
            if last:
                self.complete += 1
                self._answer()
        ready = int(dut.w_ready_o.value)
        for p in range(PORTS):
            if self.offer[p] and ready >> p & 1:
                self.data[p].pop(0)
                self.offer[p] = False

    def _answer(self) -> None:
        while self.complete and self.pending:
            number, address = self.pending.pop(0)
            self.complete -= 1
            self.answers[number].append(SLVERR if address in self.bad else OKAY)

    def _addresses(self, aw_ready: bool) -> None:
        dut = self.dut
        valid = bool(dut.m_axi_awvalid.value)
        payload = None
        if valid:
            payload = int(dut.m_axi_awid.value), int(dut.m_axi_awaddr.value), int(dut.m_axi_awlen.value)
        if self.aw_held.check(valid, aw_ready, payload) and payload:
            self.pending.append(payload[:2])
            self._answer()
        granted = int(dut.req_ready_o.value) & int(dut.req_valid_i.value)
        assert granted & (granted - 1) == 0, "two granted at once"
        for p in range(PORTS):
            if granted >> p & 1:
                assert p or not self.wishes[1], "the lower number before the higher"
                address, beats = self.wishes[p].pop(0)
                self.data[p] += [address + n for n in range(beats)]
                self.order += [(address + n, n == beats - 1) for n in range(beats)]
                self.owed[p].append(SLVERR if address in self.bad else OKAY)
                self.grants += 1

    def ask(self, p: int, count: int, longest: int = 6) -> None:
        """Wish for some bursts at fresh addresses."""
        for _ in range(count):
            self.wishes[p].append((self.rng.getrandbits(52) << 8, self.rng.randint(1, longest)))

    async def finish(self, limit: int = 5000) -> None:
        """Until every wish is granted, its data gone and its answer seen."""
        start = self.cycle
        while any(self.wishes) or self.order or any(len(self.seen[p]) < len(self.owed[p]) for p in range(PORTS)):
            await self.step()
            assert self.cycle - start < limit, "answers are missing"
        for _ in range(4):
            await self.step()

    def forget_all(self) -> None:
        """Start a new account."""
        self.owed = [[] for _ in range(PORTS)]
        self.seen = [[] for _ in range(PORTS)]


@cocotb.test()
async def data_follows_the_addresses(dut: Any) -> None:
    """Random bursts of both, under stalls: each word in its place, WLAST right, each answer to its requester."""
    bench = Port(dut)
    await bench.start()
    for stall in (0.0, 0.3, 0.7):
        bench.stall = stall
        bench.forget_all()
        for p in range(PORTS):
            bench.ask(p, 40)
            bench.bad |= {address for address, _ in bench.wishes[p][::5]}
        await bench.finish()
        assert bench.seen == bench.owed
    assert dut.outstanding_o.value == 0 and bench.expirations == 0


@cocotb.test()
async def an_address_a_cycle_and_a_word_a_cycle(dut: Any) -> None:
    """AWVALID one cycle after the request; words without a gap, also from burst to burst."""
    bench = Port(dut)
    await bench.start()
    bench.ask(0, 60, 1)
    start = bench.cycle
    await bench.step()
    await bench.settle()
    assert dut.m_axi_awvalid.value == 1
    while bench.words < 60:
        await bench.step()
    assert bench.cycle - start <= 63
    await bench.finish()


@cocotb.test()
async def a_silent_memory_is_answered_for(dut: Any) -> None:
    """Each burst owed ends with response 1, its data still leaves; late answers are dropped."""
    bench = Port(dut)
    await bench.start()
    for silence in (20, 45):
        dut.watchdog_i.value = silence
        bench.forget_all()
        before = bench.expirations
        bench.mute = {1}
        for p in range(PORTS):
            bench.ask(p, 5)
        await bench.finish()
        assert bench.expirations == before + 1
        assert bench.seen[1] == [SILENT] * 5 and bench.seen[0] == bench.owed[0]
        bench.forget_all()
        bench.mute = set()
        bench.ask(1, 4)
        await bench.finish()
        assert bench.seen[1] == bench.owed[1], "a late answer was taken for a new one"


@cocotb.test()
async def what_the_watchdog_gave_up_is_not_written_later(dut: Any) -> None:
    """WREADY comes back after the watchdog: words still owed go out without strobes, but for one that was on offer."""
    bench = Port(dut)
    await bench.start()
    for p in range(PORTS):
        dut.watchdog_i.value = 20
        bench.forget_all()
        bench.w_deaf = bench.voids = True
        bench.ask(p, 5)
        while len(bench.seen[p]) < 5:
            await bench.step()
        assert bench.seen[p] == [SILENT] * 5
        dut.watchdog_i.value = 0
        written = bench.words
        bench.w_deaf = False
        while bench.order or any(bench.answers) or bench.answer is not None:
            await bench.step()
        assert bench.words - written <= 1
        bench.voids = False
        bench.forget_all()
        for q in range(PORTS):
            bench.ask(q, 5)
        await bench.finish()
        assert bench.seen == bench.owed


@cocotb.test()
async def answering_for_one_is_not_silence_of_another(dut: Any) -> None:
    """While the port answers many bursts itself it holds B; the other's watchdog stands still meanwhile."""
    bench = Port(dut)
    await bench.start()
    dut.watchdog_i.value = 16
    bench.mute = {0}
    bench.ask(0, 60, 1)
    while any(bench.wishes):
        await bench.step()
    while bench.order:
        await bench.step()
    for _ in range(8):
        await bench.step()
    bench.ask(1, 2, 1)
    bench.mute = {0, 1}
    for _ in range(8):
        await bench.step()
    bench.mute = {0}
    while not bench.seen[1]:  # one answer, so that it is not yet late when the other is
        await bench.step()
    bench.mute = {0, 1}
    while not bench.expirations:
        await bench.step()
    bench.mute = {0}
    await bench.finish()
    assert bench.seen[0] == [SILENT] * 60
    assert bench.seen[1] == [OKAY] * 2 and bench.expirations == 1


@cocotb.test()
async def a_drain_finishes_bursts_without_a_strobe(dut: Any) -> None:
    """Nothing is granted, what is owed to the bus leaves empty; after `forget` only new answers are delivered."""
    bench = Port(dut)
    await bench.start()
    for expire in (False, False, True, True):
        bench.forget_all()
        bench.mute = {0, 1}
        dut.watchdog_i.value = 18 if expire else 0
        before = bench.expirations
        for p in range(PORTS):
            bench.ask(p, 12 if expire else 4, 1 if expire else 20)
        bench.hungry = not expire
        for _ in range(120):
            if expire and bench.expirations > before:
                break
            await bench.step()
        bench.drain = 1
        await bench.step()
        grants, words = bench.grants, bench.words
        bench.w_deaf = bench.aw_deaf = not expire
        for _ in range(5):
            await bench.step()
        bench.w_deaf = bench.aw_deaf = False
        while not int(dut.drained_o.value):
            await bench.step()
        assert bench.grants == grants and bench.words <= words + 1 and not bench.order
        assert expire or bench.words == words
        bench.wishes = [[], []]
        bench.data = [[], []]
        bench.offer = [False, False]
        bench.forget = 1
        await bench.step()
        bench.forget = 0
        await bench.step()
        bench.drain, bench.hungry = 0, False
        dut.watchdog_i.value = 0
        bench.forget_all()
        bench.mute = set()
        for p in range(PORTS):
            bench.ask(p, 3)
        await bench.finish()
        assert bench.seen == bench.owed
