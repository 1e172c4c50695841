"""The engine fails as it should: every cause, then a good transfer that works."""

from __future__ import annotations

from typing import Any

import cocotb

from tests.system import errors
from tests.system.rtl_bench import score


@cocotb.test()
async def refused_descriptors(dut: Any) -> None:
    """What is wrong with a descriptor itself."""
    await score(
        dut, errors.unknown_opcodes, errors.malformed, errors.box_outside, errors.alignment, errors.overlap
    )  # fmt: skip


@cocotb.test()
async def refused_pages(dut: Any) -> None:
    """What the page tables do not grant."""
    await score(dut, errors.translation_faults, errors.read_only)


@cocotb.test()
async def bus_errors(dut: Any) -> None:
    """SLVERR and DECERR on data, tables and descriptors."""
    await score(dut, errors.bus_errors, errors.walk_errors, errors.fetch_error)


@cocotb.test()
async def refused_doorbell(dut: Any) -> None:
    """A doorbell beyond the ring."""
    await score(dut, errors.ring_overflow)


@cocotb.test()
async def aborts_and_going_on(dut: Any) -> None:
    """An abort of a halted queue, and queues that do not halt."""
    await score(dut, errors.aborted, errors.without_halt)
