"""No X leaves the engine: under VALID every pin of both ports is known from the reset on, however the flops began.

The checker's rules about X, and the monitors of the registers' bus and of the line, look wherever there is a VALID.
They can see X in Icarus alone, where every flop begins with it.
"""

from __future__ import annotations

from typing import Any

import cocotb
import pytest
from cocotb.handle import Force, Release
from cocotb.types import LogicArray

from models.engine import Queue
from models.layout import Descriptor, Opcode
from tb.axi_rules import AXI_RULES, broken_rules
from tb.clocking import sleep
from tb.env import CheckFailed
from tb.sim_top import flush_trace
from tests.system.fault_ground import Ground, on_ground
from tests.system.random_cases import Progress, Rounds, told
from tests.system.rtl_bench import Stand, on_icarus, stand

UNKNOWN = {name for name in AXI_RULES if name.endswith("_X")}


def broken(dut: Any) -> set[str]:
    """The rules about X that were broken."""
    return UNKNOWN.intersection(broken_rules(AXI_RULES, int(dut.checker_.violated.value)))


@cocotb.test()
async def nothing_unknown_under_valid(dut: Any) -> None:
    """From the first reset of the simulation on: both queues at work, then a hardware reset in between, and again."""
    progress = Progress()

    async def on(ground: Ground) -> None:
        assert len(UNKNOWN) == 44 and not broken(dut)
        rounds = Rounds(ground.site, progress, seed=1)
        for number in range(2):
            await ground.perform(rounds.run(8))
            await ground.perform(ground.site.good())
            assert not ground.env.interrupt.high or ground.env.interrupt.rises
            await flush_trace(dut)
            assert ground.env.memory.monitor.collect() > 10, "nothing was on the bus"
            assert ground.env.csr.monitor.seen > 50 and not broken(dut)
            if not number:
                await ground.reset()
                for queue in Queue:
                    ring = ground.site.rig.rings[queue]
                    ground.site.rig.store(ring.records, bytes(32 << ring.completion_log2))
                await ground.perform(ground.site.set_up())

    with told(progress):
        await on_ground(dut, on)


@cocotb.test(skip=not on_icarus())
async def something_unknown_is_noticed(dut: Any) -> None:
    """Twin: an ID of X under ARVALID breaks its rule (Icarus only).  The last test: the checker forgets nothing."""

    async def body(stand: Stand) -> None:
        await stand.perform(stand.bench.open())
        await stand.perform(stand.bench.good())
        dut.m_axi_arid.value = Force(LogicArray("0X00"))
        await stand.perform(stand.bench.rig.post(Queue.TRANSFER, [Descriptor(opcode=Opcode.NOP)]))
        await sleep(60)
        dut.m_axi_arid.value = Release()
        assert broken(dut) >= {"AXI_AR_ID_X"}, "nothing was noticed"

    with pytest.raises(CheckFailed, match="AXI_AR_ID_X"):
        await stand(dut, body)
