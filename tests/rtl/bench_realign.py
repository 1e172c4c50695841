"""Runs of bytes from every lane to every lane: bytes, strobes, stalls, and the promised number of cycles.

Runs inside the simulator; tests/rtl/test_realign.py starts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb

from tests.rtl.harness import Bench, Held

TOP = "realign"
PARAMETERS = {"DATA_W": 64}
TIMEOUT = 200_000


@dataclass(frozen=True)
class Run:
    """`data` arrives from lane `source` on and leaves from lane `target` on."""

    source: int
    target: int
    data: bytes

    def words(self, lanes: int) -> tuple[int, int]:
        """Words it arrives in and words it leaves in."""
        arrive, leave = self.source + len(self.data), self.target + len(self.data)
        return -(-arrive // lanes), -(-leave // lanes)

    def spills(self, lanes: int) -> bool:
        """One more word leaves when all have arrived."""
        arrive, leave = self.words(lanes)
        return leave == arrive + (not self.primes(lanes))

    def primes(self, lanes: int) -> bool:
        """Its first arriving word yields none."""
        return self.target < self.source and self.words(lanes)[0] > 1


class Mover(Bench):
    """Feeds runs and checks what leaves, byte for byte."""

    async def perform(self, runs: list[Run]) -> int:
        """Send the runs one after the other; returns the cycles until the last word has left."""
        dut, rng = self.dut, self.rng
        lanes = len(dut.out_strb_o)
        arriving: list[tuple[int, int, bool]] = []  # (run, word, last)
        leaving: list[tuple[bytes, int, bool]] = []  # (bytes, strobes, last)
        for number, run in enumerate(runs):
            inside, outside = run.words(lanes)
            noise = rng.randbytes(2 * lanes)
            padded = (noise[: run.source] + run.data + noise[lanes:])[: inside * lanes]
            for n in range(inside):
                word = int.from_bytes(padded[n * lanes : (n + 1) * lanes], "little")
                arriving.append((number, word, n == inside - 1))
            shifted = bytes(run.target) + run.data + bytes(lanes)
            used = ((1 << len(run.data)) - 1) << run.target
            for n in range(outside):
                strobes = used >> n * lanes & ((1 << lanes) - 1)
                leaving.append((shifted[n * lanes : (n + 1) * lanes], strobes, n == outside - 1))
        held, start = Held("out"), self.cycle
        fed = taken = current = 0
        cmd = word_valid = False
        shown: tuple[int, int] | None = None
        while taken < len(leaving):
            assert self.cycle - start < TIMEOUT
            cmd = cmd or (current < len(runs) and self.chance())
            word_valid = word_valid or (fed < len(arriving) and self.chance())
            ready = self.chance()
            dut.cmd_valid_i.value = int(cmd)
            if shown != (current, fed):
                shown = (current, fed)
                if current < len(runs):
                    run = runs[current]
                    dut.cmd_source_lane_i.value = run.source
                    dut.cmd_target_lane_i.value = run.target
                    dut.cmd_bytes_i.value = len(run.data)
                if fed < len(arriving):
                    dut.in_data_i.value = arriving[fed][1]
            dut.in_valid_i.value = int(word_valid)
            dut.out_ready_i.value = int(ready)
            await self.settle()
            valid = bool(dut.out_valid_o.value)
            strobes = int(dut.out_strb_o.value) if valid else 0
            payload = None
            if valid:
                bits = dut.out_data_o.value
                payload = (
                    bytes(
                        bits[8 * lane + 7 : 8 * lane].to_unsigned() if strobes >> lane & 1 else 0
                        for lane in range(lanes)
                    ),
                    strobes,
                    bool(dut.out_last_o.value),
                )
            if held.check(valid, ready, payload):
                assert payload == leaving[taken], f"word {taken} of {runs}"
                taken += 1
            in_taken = word_valid and bool(dut.in_ready_o.value)
            last = in_taken and arriving[fed][2]
            if in_taken:
                assert arriving[fed][0] < current, "a word before its run"
                assert bool(dut.in_last_o.value) == last
                fed, word_valid = fed + 1, False
            if cmd and int(dut.cmd_ready_o.value):
                assert fed == len(arriving) or arriving[fed][0] == current, "a run before the one before it has arrived"
                current, cmd = current + 1, False
            await self.edge()
        assert (fed, current) == (len(arriving), len(runs))
        return self.cycle - start


def cycles(runs: list[Run], lanes: int) -> int:
    """What the header promises: a cycle a word that arrives, one more a spill unless the next run primes meanwhile.

    And one in which the first run is taken.
    """
    total = 1
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        covered = following is not None and following.primes(lanes)
        total += run.words(lanes)[0] + (run.spills(lanes) and not covered)
    return total


@cocotb.test()
async def every_lane_to_every_lane(dut: Any) -> None:
    """At 64 bits all lanes and all lengths up to 3 words, without stalls and in the promised time; else a sample."""
    bench = Mover(dut)
    await bench.start()
    lanes = len(dut.out_strb_o)
    places = [(source, target) for source in range(lanes) for target in range(lanes)]
    if lanes > 8:
        places = bench.rng.sample(places, 40)
    for source, target in places:
        lengths = list(range(1, 3 * lanes + 1))
        lengths = lengths if lanes == 8 else bench.rng.sample(lengths, 6) + [1, lanes, 2 * lanes]
        runs = [Run(source, target, bench.rng.randbytes(length)) for length in lengths]
        assert await bench.perform(runs) == cycles(runs, lanes)


@cocotb.test()
async def runs_of_any_kind_follow_each_other_without_a_gap(dut: Any) -> None:
    """Random neighbours: the number of cycles is exactly the promised one."""
    bench = Mover(dut)
    await bench.start()
    lanes = len(dut.out_strb_o)
    for _ in range(30):
        runs = random_runs(bench, 12)
        assert await bench.perform(runs) == cycles(runs, lanes)


@cocotb.test()
async def stalls_change_nothing(dut: Any) -> None:
    """Every partner hesitates at random; bytes, strobes and last stay right, and stalled words stand still."""
    bench = Mover(dut)
    await bench.start()
    for _ in range(40):
        bench.stall = bench.rng.choice((0.2, 0.5, 0.8))
        await bench.perform(random_runs(bench, 10))


def random_runs(bench: Mover, count: int) -> list[Run]:
    """Runs with any lanes; short ones are as likely as long ones."""
    rng, lanes = bench.rng, len(bench.dut.out_strb_o)
    return [
        Run(rng.randrange(lanes), rng.randrange(lanes), rng.randbytes(rng.randint(1, rng.choice((lanes, 4 * lanes)))))
        for _ in range(count)
    ]
