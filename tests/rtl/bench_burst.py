"""The AXI limits against a restatement in Python: every offset of a page with every telling length.

Runs inside the simulator; tests/rtl/test_burst.py starts it.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer

TOP = "burst"
PARAMETERS = {"DATA_W": 64}
PAGE = 4096
LONGEST = (1 << 20) - 1


def limit(lanes: int) -> int:
    """What a burst never crosses a multiple of."""
    return min(PAGE, 256 * lanes)


@cocotb.test()
async def every_offset_gets_the_longest_legal_burst(dut: Any) -> None:
    """As many bytes as the row has and the limit leaves; AxLEN counts the words that hold them."""
    rng = random.Random(cocotb.RANDOM_SEED)
    lanes = int(dut.DATA_W.value) // 8
    ends = 0
    for offset in range(PAGE):
        dut.offset_i.value = offset
        room = limit(lanes) - offset % limit(lanes)
        lefts = {1, lanes, lanes + 1, room - 1, room, room + 1, room + PAGE, LONGEST, rng.randint(1, 2 * PAGE)}
        for left in lefts - {0}:
            dut.left_i.value = left
            await Timer(1, "ns")
            count = int(dut.bytes_o.value)
            assert count == min(left, room), (offset, left)
            first, last = offset // lanes, (offset + count - 1) // lanes
            assert int(dut.len_o.value) == last - first <= 255, (offset, left)
            assert bool(dut.last_o.value) == (count == left), (offset, left)
            ends += count == left
    assert ends > PAGE


@cocotb.test()
async def bursts_one_after_another_cover_a_row_exactly(dut: Any) -> None:
    """Every byte once, no burst across 4 KiB, none across 256 words, for rows of up to some pages."""
    rng = random.Random(cocotb.RANDOM_SEED)
    lanes = int(dut.DATA_W.value) // 8
    for _ in range(300):
        at, left = rng.randrange(1 << 16), rng.choice((rng.randint(1, 100), rng.randint(1, 5 * PAGE)))
        last = False
        while left:
            assert not last
            dut.offset_i.value, dut.left_i.value = at % PAGE, left
            await Timer(1, "ns")
            count, last = int(dut.bytes_o.value), bool(dut.last_o.value)
            assert 1 <= count <= left
            assert at // PAGE == (at + count - 1) // PAGE
            assert (at + count - 1) // lanes - at // lanes == int(dut.len_o.value)
            at, left = at + count, left - count
        assert last
