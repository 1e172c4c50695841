"""The Python face of tb/hdl/sim_top.sv: reset, device dumps, and whether the observers saw anything wrong.

Everything here works between clock edges, so that both simulators see the same cycle, and wakes Python a fixed number
of times whatever the length.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.triggers import FallingEdge, ReadWrite, Timer

from tb.axi_rules import AXI_RULES, AXIL_RULES, broken_rules
from tb.clocking import sleep
from tb.driver_trace import recording
from tb.simulation import Simulation, Training

__all__ = ["ObserverError", "assert_clean", "bound_ready", "device_bytes", "flush_trace", "grant", "reset", "system"]

_TRAINING = Training(
    "tb.speed.bench", {"SPEED_REPEATS": "1", "SPEED_DIRECTION": "both", "SPEED_RESULT": os.devnull}
)

RESET_CYCLES = 8
"""Clock cycles in which `reset` holds the engine in reset."""


_COUNTED = {
    "bad_accesses": "accesses outside of host memory",
    "poisoned_accesses": "accesses to pages that nobody owns",
    "unwritten_reads": "read beats with bytes that nobody wrote",
}
"""What host memory counts and no test may cause, by variable."""


class ObserverError(AssertionError):
    """A passive observer saw a broken rule or an access outside of host memory."""


def system(simulator: str, *, data_width: int = 64, **parameters: int) -> Simulation:
    """The whole system on one simulator; further parameters are those of sim_top (READS, TLB_ENTRIES, ...)."""
    return Simulation(
        "sim_top",
        simulator,
        {"DATA_W": data_width, **parameters},
        native=True,
        public="tb/hdl/sim_top.vlt",
        clocked=True,
        training=_TRAINING,
    )


async def reset(dut: Any) -> None:
    """Hold reset for RESET_CYCLES and release it; returns between clock edges, one cycle after the release.

    Host memory (the file of HOSTMEM_FILE) must exist: the simulator maps it when reset ends.
    """
    dut.rst_n.value = 0
    await Timer(1, "step")
    await FallingEdge(dut.clk)
    await sleep(RESET_CYCLES)
    dut.rst_n.value = 1
    await sleep(2)
    if int(dut.memory.host_bytes.value) == 0:
        raise ObserverError(f"no host memory: {os.environ.get('HOSTMEM_FILE')} could not be opened")


async def device_bytes(dut: Any, base: int, size: int) -> npt.NDArray[np.uint8]:
    """`size` raw bytes of device memory from `base`, as a uint8 array of its own; no simulated time passes.

    Beyond device memory there are zeros.  ValueError for a size below 1 or an address below 0.
    """
    if base < 0 or size < 1:
        raise ValueError(f"device memory from {base} for {size} bytes")
    begin, end = base & ~63, (base + size + 63) & ~63
    dut.dump_base.value = begin
    dut.dump_bytes.value = end - begin
    await ReadWrite()
    wanted = 1 - int(dut.dump_done.value)
    dut.dump_request.value = wanted
    await Timer(1, "ps")
    if int(dut.dump_done.value) != wanted:
        raise ObserverError("the simulator did not dump device memory")
    return np.fromfile(os.environ["DEVICE_FILE"], np.uint8)[base - begin : base - begin + size]


async def flush_trace(dut: Any) -> None:
    """Write buffered trace events out, so that `tb.trace` can read what has happened so far."""
    wanted = 1 - int(dut.flush_done.value)
    dut.flush_request.value = wanted
    await Timer(1, "ps")
    if int(dut.flush_done.value) != wanted:
        raise ObserverError("the simulator did not write its trace")
    recording.flush()


def bound_ready(dut: Any, cycles: int) -> None:
    """From now on VALID may wait so many clock cycles for READY, on both ports; 0, as at the start, is for ever."""
    dut.checker_.ready_bound.value = cycles
    dut.csr_checker.ready_bound.value = cycles


def grant(dut: Any, base: int = 0, size: int = 0) -> None:
    """From now on the engine may address only [base, base + size) of host memory; a size of 0 takes the window away."""
    dut.checker_.window_base.value = base
    dut.checker_.window_bytes.value = size


def assert_clean(dut: Any) -> None:
    """Raise ObserverError unless both ports were used by their rules and host memory within its bounds.

    Where the memory's configuration says so, also when a page without an owner was touched, or a byte read that nobody
    ever wrote.
    """
    broken = broken_rules(AXI_RULES, int(dut.checker_.violated.value))
    broken += broken_rules(AXIL_RULES, int(dut.csr_checker.violated.value))
    violations = int(dut.checker_.violations.value) + int(dut.csr_checker.violations.value)
    found = [f"{violations} AXI violations ({', '.join(broken)})"] if broken else []
    for name, what in _COUNTED.items():
        count = int(getattr(dut.memory, name).value)
        found += [f"{count} {what}"] if count else []
    if found:
        raise ObserverError(f"{', '.join(found)}; the log says where")
