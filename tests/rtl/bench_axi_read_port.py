"""Four requesters on one AXI4 master: order, arbitration, silence, late answers, drain.

Runs inside the simulator; tests/rtl/test_axi_read_port.py starts it. The memory answers word n of a burst at
address a with a + n, so that every beat says where it comes from.
"""

from __future__ import annotations

from typing import Any

import cocotb

from tests.rtl.harness import Bench, Held

TOP = "axi_read_port"
PARAMETERS = {"DATA_W": 64}
PORTS = 4
OKAY, SILENT, SLVERR = 0, 1, 2


class Port(Bench):
    """Requests by requester, and a memory that answers one ID in order and the IDs as it likes."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.wishes: list[list[tuple[int, int]]] = [[] for _ in range(PORTS)]  # (address, beats) still to ask
        self.owed: list[list[tuple[int, int]]] = [[] for _ in range(PORTS)]  # (data, response) a requester must see
        self.memory: list[list[tuple[int, int, bool]]] = [[] for _ in range(PORTS)]  # (data, response, last) to send
        self.seen: list[list[tuple[int, int]]] = [[] for _ in range(PORTS)]
        self.bad: set[int] = set()
        self.mute: set[int] = set()  # IDs that the memory does not answer
        self.deaf = False  # no address is accepted
        self.held = Held("AR")
        self.accepted: list[int] = []
        self.addresses = 0
        self.expirations = 0
        self.beat: tuple[int, tuple[int, int, bool]] | None = None
        self.drain = self.forget = 0

    async def step(self) -> None:
        """One cycle of everybody."""
        dut, rng = self.dut, self.rng
        dut.drain_i.value, dut.forget_i.value = self.drain, self.forget
        offers = [self.wishes[p][0] if self.wishes[p] else None for p in range(PORTS)]
        dut.req_valid_i.value = sum(1 << p for p in range(PORTS) if offers[p])
        dut.req_address_i.value = sum((offer[0] if offer else 0) << 64 * p for p, offer in enumerate(offers))
        dut.req_len_i.value = sum((offer[1] - 1 if offer else 0) << 8 * p for p, offer in enumerate(offers))
        ready = self.chance() and not self.deaf
        dut.m_axi_arready.value = int(ready)
        speakers = [p for p in range(PORTS) if self.memory[p] and p not in self.mute]
        if self.beat is None and speakers and self.chance():
            speaker = rng.choice(speakers)
            self.beat = speaker, self.memory[speaker][0]
        dut.m_axi_rvalid.value = int(self.beat is not None)
        if self.beat is not None:
            dut.m_axi_rid.value = self.beat[0]
            dut.m_axi_rdata.value, dut.m_axi_rresp.value, dut.m_axi_rlast.value = self.beat[1]
        await self.settle()
        granted = int(dut.req_ready_o.value) & int(dut.req_valid_i.value)
        assert granted & (granted - 1) == 0, "two granted at once"
        for p in range(PORTS):
            if granted >> p & 1:
                assert not any(self.wishes[p + 1 :]) or self.expirations, "a lower number before a higher"
                address, beats = self.wishes[p].pop(0)
                self.owed[p] += [(address + n, SLVERR if address + n in self.bad else OKAY) for n in range(beats)]
                self.accepted.append(p)
        valid = bool(dut.m_axi_arvalid.value)
        payload = None
        if valid:
            payload = int(dut.m_axi_arid.value), int(dut.m_axi_araddr.value), int(dut.m_axi_arlen.value)
        if self.held.check(valid, ready, payload) and payload:
            number, address, length = payload
            for n in range(length + 1):
                response = SLVERR if address + n in self.bad else OKAY
                self.memory[number].append((address + n, response, n == length))
            self.addresses += 1
        answers = int(dut.r_valid_o.value)
        assert answers & (answers - 1) == 0
        for p in range(PORTS):
            if answers >> p & 1:
                self.seen[p].append((int(dut.r_data_o.value), int(dut.r_resp_o.value)))
        if self.beat is not None and int(dut.m_axi_rready.value):
            self.memory[self.beat[0]].pop(0)
            self.beat = None
        self.expirations += int(dut.expired_o.value)
        await self.edge()

    def ask(self, p: int, count: int, longest: int = 8) -> None:
        """Wish for some bursts at fresh addresses."""
        for _ in range(count):
            self.wishes[p].append((self.rng.getrandbits(52) << 8, self.rng.randint(1, longest)))

    async def finish(self, limit: int = 5000) -> None:
        """Until every wish is granted and every beat owed has been seen."""
        start = self.cycle
        while any(self.wishes) or any(len(self.seen[p]) < len(self.owed[p]) for p in range(PORTS)):
            await self.step()
            assert self.cycle - start < limit, "beats are missing"
        for _ in range(4):
            await self.step()

    def forget_all(self) -> None:
        """Start a new account."""
        self.owed = [[] for _ in range(PORTS)]
        self.seen = [[] for _ in range(PORTS)]


@cocotb.test()
async def every_requester_gets_its_own_beats_in_order(dut: Any) -> None:
    """Random bursts, error responses included, IDs interleaved beat by beat, under stalls."""
    bench = Port(dut)
    await bench.start()
    for stall in (0.0, 0.3, 0.7):
        bench.stall = stall
        bench.forget_all()
        for p in range(PORTS):
            bench.ask(p, 25)
            bench.bad |= {address + 1 for address, _ in bench.wishes[p][::5]}
        await bench.finish()
        assert bench.seen == bench.owed
    assert dut.outstanding_o.value == 0 and bench.expirations == 0


@cocotb.test()
async def an_address_a_cycle_and_a_beat_a_cycle(dut: Any) -> None:
    """ARVALID one cycle after the request, then one address and one beat in each cycle."""
    bench = Port(dut)
    await bench.start()
    bench.ask(0, 40, 1)
    start = bench.cycle
    await bench.step()
    await bench.settle()
    assert dut.m_axi_arvalid.value == 1
    while bench.addresses < 40:
        await bench.step()
    assert bench.cycle - start == 41
    await bench.finish()
    assert bench.seen[0] == bench.owed[0]


@cocotb.test()
async def a_silent_memory_is_answered_for(dut: Any) -> None:
    """After the given cycles each beat owed comes with response 1; the real ones are dropped when they come late."""
    bench = Port(dut)
    await bench.start()
    for silence in (20, 45):
        dut.watchdog_i.value = silence
        bench.forget_all()
        before = bench.expirations
        bench.mute = {2}
        for p in range(PORTS):
            bench.ask(p, 3)
        while any(bench.wishes):
            await bench.step()
        fresh = bench.cycle
        while bench.expirations == before:
            await bench.step()
            assert bench.cycle - fresh < 200
        assert bench.cycle - fresh >= silence - 16
        await bench.finish()
        assert [response for _, response in bench.seen[2]] == [SILENT] * len(bench.owed[2])
        assert all(bench.seen[p] == bench.owed[p] for p in (0, 1, 3))
        bench.forget_all()
        bench.mute = set()
        bench.ask(2, 4)
        await bench.finish()
        assert bench.seen[2] == bench.owed[2], "a late answer was taken for a new one"
        assert bench.expirations == before + 1


@cocotb.test()
async def no_watchdog_waits_for_ever(dut: Any) -> None:
    """With 0 nothing is given up."""
    bench = Port(dut)
    await bench.start()
    bench.mute = set(range(PORTS))
    bench.ask(1, 2)
    for _ in range(400):
        await bench.step()
    assert not bench.seen[1] and not bench.expirations
    bench.mute = set()
    await bench.finish()
    assert bench.seen == bench.owed


@cocotb.test()
async def answering_for_one_is_not_silence_of_another(dut: Any) -> None:
    """While the port answers many beats itself it holds R; the others' watchdogs stand still meanwhile."""
    bench = Port(dut)
    await bench.start()
    dut.watchdog_i.value = 30
    bench.mute = {0}
    bench.wishes[0] = [(0x1000, 120)]
    while not bench.expirations:
        await bench.step()
    bench.ask(3, 2)
    await bench.finish()
    assert bench.seen[3] == bench.owed[3] and bench.expirations == 1


@cocotb.test()
async def a_soft_reset_drops_what_was_asked_before(dut: Any) -> None:
    """Drain takes no request and keeps ARVALID up; after `forget` old beats are dropped, new ones delivered."""
    bench = Port(dut)
    await bench.start()
    for expire in (False, False, True, True):
        bench.forget_all()
        bench.mute = set(range(PORTS)) if expire else {1, 3}
        dut.watchdog_i.value = 25 if expire else 0
        before = bench.expirations
        for p in range(PORTS):
            bench.ask(p, 4, 30)
        for _ in range(200):
            if expire and bench.expirations > before:
                break
            await bench.step()
        bench.deaf = not expire
        bench.drain = 1
        for _ in range(3):
            await bench.step()
        assert not bench.deaf or not bench.held.payload or dut.drained_o.value == 0
        bench.deaf = False
        taken = len(bench.accepted)
        while not int(dut.drained_o.value):
            await bench.step()
        assert len(bench.accepted) == taken
        bench.wishes = [[] for _ in range(PORTS)]
        bench.forget = 1
        await bench.step()
        bench.forget = 0
        await bench.step()
        bench.drain = 0
        dut.watchdog_i.value = 0
        bench.forget_all()
        bench.mute = set()
        for p in range(PORTS):
            bench.ask(p, 3)
        await bench.finish()
        assert bench.seen == bench.owed
