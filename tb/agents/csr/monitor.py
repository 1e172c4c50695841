"""Watches the AXI4-Lite pins, drives nothing, and publishes each completed access.

It wakes when one of the four VALIDs changes, not at every clock, so a quiet bus costs nothing; they come as one vector,
because each signal that Python waits for costs the simulator time in every cycle.  Requests and responses are matched
in order: a response without a request is an orphan, a request without a response is left over, and both are errors.
The master is expected to offer address and data together, as a processor's bridge does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from cocotb.handle import SimHandleBase
from cocotb.triggers import ReadOnly
from cocotb_bus.monitors import BusMonitor
from pyuvm import uvm_analysis_port, uvm_component, uvm_monitor

from tb.agents.csr.item import CsrAccess, Response
from tb.agents.pins import bit, unsigned
from tb.clocking import cycle_now

__all__ = ["CsrMonitor", "CsrWatch"]


class CsrWatch(BusMonitor):  # type: ignore[misc]  # cocotb-bus carries no types
    """The bus, both directions; hands each CsrAccess to `callback` and each violation, in words, to `complain`."""

    _signals = [
        *("awaddr", "wdata", "wstrb", "wvalid", "bresp", "araddr", "rdata", "rresp"),
        "valid",  # AWVALID, BVALID, ARVALID, RVALID from bit 0 up
    ]

    def __init__(
        self,
        entity: SimHandleBase,
        clock: Any,
        *,
        callback: Callable[[CsrAccess], None],
        complain: Callable[[str], None],
    ) -> None:
        self._complain = complain
        self._writes: deque[tuple[int, int, int]] = deque()
        self._reads: deque[int] = deque()
        super().__init__(entity, "s_axil", clock, callback=callback, case_insensitive=False)

    @property
    def left_over(self) -> int:
        """Requests that have not been answered."""
        return len(self._writes) + len(self._reads)

    async def _monitor_recv(self) -> None:
        change, settled = self.bus.valid.value_change, ReadOnly()
        before = 0b1010  # before reset the engine's two are anything: a rise needs a low seen first
        while True:
            await change
            await settled
            now = unsigned(self.bus.valid)
            risen = now & ~before
            before = now
            if risen & 0b0001:
                self._write_request()
            if risen & 0b0010:
                self._write_response()
            if risen & 0b0100:
                self._reads.append(unsigned(self.bus.araddr))
            if risen & 0b1000:
                self._read_response()

    def _write_request(self) -> None:
        pins = self.bus
        if bit(pins.wvalid):
            self._writes.append((unsigned(pins.awaddr), unsigned(pins.wdata), unsigned(pins.wstrb)))
        else:
            self._complain(f"write address {unsigned(pins.awaddr):#06x} without data")

    def _write_response(self) -> None:
        if not self._writes:
            self._complain("write response without a request")
            return
        address, value, strobe = self._writes.popleft()
        self._recv(CsrAccess(True, address, value, strobe, Response(unsigned(self.bus.bresp)), cycle_now()))

    def _read_response(self) -> None:
        if not self._reads:
            self._complain("read response without a request")
            return
        pins = self.bus
        answer = Response(unsigned(pins.rresp))
        self._recv(CsrAccess(False, self._reads.popleft(), unsigned(pins.rdata), 0xF, answer, cycle_now()))


class CsrMonitor(uvm_monitor):  # type: ignore[misc]  # pyuvm carries no types
    """Publishes every CsrAccess on `port`; an orphan or a leftover is an error and fails the test."""

    def __init__(self, name: str, parent: uvm_component, entity: SimHandleBase, clock: Any) -> None:
        super().__init__(name, parent)
        self._entity = entity
        self._clock = clock
        self.seen = 0

    def build_phase(self) -> None:
        """Make the analysis port and start watching."""
        self.port = uvm_analysis_port("port", self)
        self._watch = CsrWatch(self._entity, self._clock, callback=self._publish, complain=self.logger.error)

    def _publish(self, access: CsrAccess) -> None:
        self.seen += 1
        self.port.write(access)

    def check_phase(self) -> None:
        """Every request must have been answered."""
        left_over = self._watch.left_over
        if left_over:
            self.logger.error("%d register accesses were never answered", left_over)

    def final_phase(self) -> None:
        """Watch no longer: another environment may follow in the same simulation."""
        self._watch.kill()
