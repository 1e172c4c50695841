"""Drives AXI4-Lite, one access at a time, with as few Python wake-ups as the handshake allows.

All driving and sampling happens at the falling clock edge, half a cycle away from the flops, so that both simulators
see the same cycle.  An access wakes Python three times when the register file answers at once: drive, look at READY
(settled, same falling edge), look at the response (next falling edge).
"""

from __future__ import annotations

from typing import Any

from cocotb.handle import SimHandleBase
from cocotb.triggers import FallingEdge, Lock, ReadOnly
from cocotb_bus.drivers import BusDriver
from pyuvm import uvm_driver

from tb.agents.csr.item import CsrItem, Response
from tb.agents.pins import bit, unsigned

__all__ = ["CsrDriver", "CsrError", "CsrMaster"]


class CsrError(Exception):
    """A register access that the engine refused, or never answered."""


class CsrMaster(BusDriver):  # type: ignore[misc]  # cocotb-bus carries no types
    """The AXI4-Lite master on pins `s_axil_*` of the simulation's top.

    patience: clock cycles to wait for a handshake before CsrError.
    """

    _signals = [
        *("awaddr", "awprot", "awvalid", "awready", "wdata", "wstrb", "wvalid", "wready", "bresp", "bvalid", "bready"),
        *("araddr", "arprot", "arvalid", "arready", "rdata", "rresp", "rvalid", "rready"),
    ]

    def __init__(self, entity: SimHandleBase, clock: Any, patience: int = 1000) -> None:
        super().__init__(entity, "s_axil", clock, case_insensitive=False)
        self._turn = Lock()
        self._edge = FallingEdge(clock)
        self._settled = ReadOnly()
        self._patience = patience
        self._strobe = 0xF
        pins = self.bus
        for pin in (
            pins.awvalid,
            pins.wvalid,
            pins.arvalid,
            pins.awprot,
            pins.arprot,
            pins.awaddr,
            pins.wdata,
            pins.araddr,
        ):
            pin.value = 0
        pins.wstrb.value = self._strobe
        pins.bready.value = 1
        pins.rready.value = 1

    async def _driver_send(self, transaction: CsrItem, sync: bool = True) -> None:
        """cocotb-bus' entry: perform a sequence item and fill in its result."""
        if transaction.write:
            transaction.response = await self.write(transaction.address, transaction.value, transaction.strobe)
        else:
            transaction.value, transaction.response = await self.read(transaction.address)

    async def write(self, address: int, value: int, strobe: int = 0xF) -> Response:
        """Write the byte lanes of `strobe`; returns the response.  Accesses of concurrent tasks queue in order."""
        pins = self.bus
        async with self._turn:
            await self._edge
            pins.awaddr.value = address
            pins.awvalid.value = 1
            pins.wdata.value = value
            pins.wvalid.value = 1
            if strobe != self._strobe:
                pins.wstrb.value = self._strobe = strobe
            address_waits = data_waits = True
            for _ in range(self._patience):
                await self._settled
                address_taken = address_waits and bit(pins.awready)
                data_taken = data_waits and bit(pins.wready)
                await self._edge
                if address_taken:
                    pins.awvalid.value = 0
                    address_waits = False
                if data_taken:
                    pins.wvalid.value = 0
                    data_waits = False
                if not address_waits and not data_waits:
                    break
            else:
                raise CsrError(f"write {address:#06x}: not accepted in {self._patience} cycles")
            await self._answer(pins.bvalid, f"write {address:#06x}")
            return Response(unsigned(pins.bresp))

    async def read(self, address: int) -> tuple[int, Response]:
        """Read 32 bits; returns the value and the response."""
        pins = self.bus
        async with self._turn:
            await self._edge
            pins.araddr.value = address
            pins.arvalid.value = 1
            for _ in range(self._patience):
                await self._settled
                taken = bit(pins.arready)
                await self._edge
                if taken:
                    pins.arvalid.value = 0
                    break
            else:
                raise CsrError(f"read {address:#06x}: not accepted in {self._patience} cycles")
            await self._answer(pins.rvalid, f"read {address:#06x}")
            response = Response(unsigned(pins.rresp))
            return (unsigned(pins.rdata) if response is Response.OKAY else 0), response

    async def _answer(self, valid: Any, what: str) -> None:
        """Until the response is on the pins; READY stands at 1, so it is taken at the coming rising edge."""
        for _ in range(self._patience):
            if bit(valid):
                return
            await self._edge
        raise CsrError(f"{what}: no response in {self._patience} cycles")


class CsrDriver(uvm_driver):  # type: ignore[misc]  # pyuvm carries no types
    """Takes items from the sequencer and lets the master perform them."""

    master: CsrMaster

    async def run_phase(self) -> None:
        """For ever: next item, perform, done."""
        while True:
            item = await self.seq_item_port.get_next_item()
            await self.master.send(item)
            self.seq_item_port.item_done()
