"""Clock cycles and simulated time: the one place that knows the period of the simulation's clock.

The clock runs in the simulator.  Python counts cycles from simulated time, which costs no wake-up, and waits for many
of them with one timer that never ends on a clock edge: there the simulators may order timer and clock differently.
"""

from __future__ import annotations

import functools

import cocotb
from cocotb import simulator
from cocotb.simtime import get_sim_time
from cocotb.triggers import Timer
from cocotb.utils import get_sim_steps

__all__ = ["HALF_PERIOD_NS", "PERIOD_NS", "cycle_now", "cycles_of", "end_in", "sleep"]

PERIOD_NS = 4
"""Nanoseconds of a clock cycle in tb/hdl/sim_top.sv; it must be even."""
HALF_PERIOD_NS = PERIOD_NS // 2


def cycle_now() -> int:
    """Whole clock cycles since the simulation began. It is asked for at every step, so past cocotb's units of time."""
    high, low = simulator.get_sim_time()
    return (high << 32 | low) // _period()


@functools.cache
def _period() -> int:
    """Steps of the simulator's time in a cycle."""
    return get_sim_steps(PERIOD_NS, "ns")


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
