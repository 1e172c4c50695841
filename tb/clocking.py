"""Clock cycles and simulated time: the one place that knows the period of the simulation's clock.

The clock runs in Verilog.  Python counts cycles from simulated time, which costs no wake-up, and waits for many of
them with one timer that never ends on a clock edge: there the simulators may order timer and clock differently.
"""

from __future__ import annotations

from functools import cache

import cocotb
from cocotb.simtime import convert, get_sim_time
from cocotb.triggers import Timer

__all__ = ["HALF_PERIOD_NS", "PERIOD_NS", "cycle_now", "cycles_of", "end_in", "sleep"]

PERIOD_NS = 4
"""Nanoseconds of a clock cycle in tb/hdl/sim_top.sv; it must be even."""
HALF_PERIOD_NS = PERIOD_NS // 2


@cache
def _steps_of_a_cycle() -> int:
    return convert(PERIOD_NS, "ns", to="step")


def cycle_now() -> int:
    """Whole clock cycles since the simulation began."""
    # Not in ns: it is asked with every step of a driver, and a conversion costs three times as much.
    return get_sim_time("step") // _steps_of_a_cycle()


def cycles_of(nanoseconds: int) -> int:
    """Clock cycles that cover `nanoseconds` of host time, rounded up."""
    return -(-nanoseconds // PERIOD_NS)


async def sleep(cycles: int) -> None:
    """Let `cycles` clock cycles pass, with one wake-up, ending between two clock edges."""
    if cycles <= 0:
        return
    wait = cycles * PERIOD_NS
    if (int(get_sim_time("ns")) + wait) % HALF_PERIOD_NS == 0:
        wait += 1
    await Timer(wait, "ns")


async def end_in(cycle: int) -> None:
    """End the running test as passed when the cycle has come, whatever is under way."""
    await sleep(cycle - cycle_now())
    cocotb.pass_test("nothing more is asked for")
