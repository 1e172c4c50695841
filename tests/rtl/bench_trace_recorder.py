"""cocotb side of test_trace: plays one burst of each kind, a doorbell, a record, a fence and an interrupt by hand."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from models.layout import Address, Cause, Opcode, QueueOffset, Record, Status, queue_address

TOP = "trace_recorder"
NATIVE = True

PINS = (
    *("rst_ni", "cycle_i", "irq_i", "axil_awvalid", "axil_wvalid", "axil_bvalid", "axil_bresp"),
    *("axi_awvalid", "axi_wvalid", "axi_bvalid", "axi_arvalid", "axi_rvalid"),
    *("axi_rlast", "axi_wlast", "axi_rresp", "axi_bresp"),
)
ENGINE = (
    *("fetched_i", "start_i", "end_i", "ask_i", "ask_last_i", "walk_i", "walker_i", "answer_i", "answer_cause_i"),
    *("join_i", "join_last_i", "ar_take_i", "aw_take_i", "waits_i", "walk_object_i", "walk_page_i"),
    *("fetched_address_i", "irq_cause_i"),
    *("fetched_tag_i", "fetched_opcode_i", "fetched_place_i", "fetched_cause_i", "start_tag_i", "start_opcode_i"),
    *("start_cause_i", "start_unit_i", "end_tag_i", "end_opcode_i", "end_cause_i", "end_bytes_i", "end_address_i"),
)
READY = ("axil_awready", "axil_wready", "axil_bready")
BUS_READY = ("axi_awready", "axi_wready", "axi_bready", "axi_arready", "axi_rready")


@cocotb.test(timeout_time=10, timeout_unit="us")
async def play(dut: Any) -> None:
    """The pytest side knows the cycles: the n-th call of `edge` after reset is cycle n."""
    cycle = 0

    async def edge(**pins: int) -> None:
        nonlocal cycle
        for name, value in pins.items():
            getattr(dut, name).value = value
        dut.cycle_i.value = cycle
        await FallingEdge(dut.clk_i)
        cycle += 1
        for name in pins:
            if name.endswith("valid"):
                getattr(dut, name).value = 0

    for name in (*PINS, *ENGINE):
        getattr(dut, name).value = 0
    for name in (*READY, *BUS_READY, "enable_i", "life_i"):
        getattr(dut, name).value = 1
    await Timer(1, "ns")
    cocotb.start_soon(Clock(dut.clk_i, 4, "ns", impl="gpi").start(start_high=False))
    await FallingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await edge()  # 0: out of reset
    tail = queue_address(1, QueueOffset.TAIL)
    await edge(axil_awaddr=tail, axil_awvalid=1, axil_wdata=7, axil_wvalid=1)
    await edge(axil_bvalid=1)  # 2: doorbell
    await edge(axil_awaddr=int(Address.CONTROL), axil_awvalid=1, axil_wdata=1, axil_wvalid=1)
    await edge(axil_bvalid=1)
    await edge(axi_arvalid=1, axi_arid=3, axi_araddr=0x1004, axi_arlen=1, axi_arsize=3)  # 5
    await edge(axi_rvalid=1, axi_rid=3, axi_rlast=0)  # 6
    await edge(axi_rvalid=1, axi_rid=3, axi_rlast=1, axi_rresp=2)  # 7
    await edge(axi_awvalid=1, axi_awid=0, axi_awaddr=0x2000, axi_awlen=0, axi_awsize=3)  # 8
    await edge(axi_wvalid=1, axi_wlast=1, axi_wstrb=0xFF)  # 9
    await edge(axi_awvalid=1, axi_awid=1, axi_awaddr=0x3020, axi_awlen=3, axi_awsize=3)  # 10
    record = Record(
        tag=0x55, opcode=Opcode.READBACK, cause=Cause.READ_ONLY, status=Status.ERROR, queue=1, phase=1, bytes=99
    ).pack()
    for i in range(4):
        await edge(axi_wvalid=1, axi_wlast=int(i == 3), axi_wdata=int.from_bytes(record[8 * i : 8 * i + 8], "little"))
    await edge(axi_bvalid=1, axi_bid=1)  # 15: the record's answer overtakes the data's
    await edge(axi_awvalid=1, axi_awid=1, axi_awaddr=0x4000, axi_awlen=0, axi_awsize=3)  # 16
    await edge(axi_wvalid=1, axi_wlast=1, axi_wdata=1234)  # 17
    await edge(axi_bvalid=1, axi_bid=1)  # 18
    await edge(axi_bvalid=1, axi_bid=0)  # 19
    await edge(irq_i=1, irq_cause_i=5)  # 20
    await edge(irq_i=0)  # 21
    await edge(enable_i=0)
    await edge(irq_i=1)
