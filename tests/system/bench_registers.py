"""Every register through the register model, and twins of the checks that guard every run."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any

import cocotb
import pytest

from models.engine import Queue
from models.layout import REGISTERS, Address, Opcode
from models.memory import PAGE, HostMemory
from models.surface import Box
from tb.agents.csr import CsrError
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.bridge import BridgeError
from tb.env import CheckFailed, Environment, run_body
from tb.sequences import boxed
from tb.sim_top import reset
from tests.system.rtl_bench import Stand, stand
from tests.system.workbench import DESTINATION


async def _alone(dut: Any, body: Callable[[Environment], Awaitable[None]]) -> None:
    """Reset the engine beside a small host memory and run `body` without a workbench."""

    async def after_reset(env: Environment) -> None:
        HostMemory(os.environ["HOSTMEM_FILE"], 1 << 20)
        await reset(dut)
        await body(env)

    await run_body(dut, after_reset)


async def _fails(dut: Any, body: Any, error: type[BaseException], words: str, *, bench: bool = True) -> None:
    """`body` must end with an error that says `words`."""
    with pytest.raises(error, match=re.escape(words)):
        await (stand(dut, body, patience=5000) if bench else _alone(dut, body))


@cocotb.test()
async def reset_values_and_bits(dut: Any) -> None:
    """Reset values, access types, aliases."""

    async def body(env: Environment) -> None:
        model = env.make_register_model()
        assert await model.reset_walk() == len(REGISTERS)
        assert await model.bit_bash() > 100
        assert env.csr.monitor.seen > 2000

    await _alone(dut, body)


@cocotb.test()
async def wrong_mirror_fails(dut: Any) -> None:
    """A register changed behind the model's back."""

    async def body(env: Environment) -> None:
        model = env.make_register_model()
        await model.write("irq_coalesce", 5)
        await env.csr.port.write(Address.IRQ_COALESCE, 6)
        await model.read("irq_coalesce")

    await _fails(dut, body, CheckFailed, "does not match mirrored value", bench=False)


@cocotb.test()
async def refused_access_raises(dut: Any) -> None:
    """An address where no register lies."""

    async def body(env: Environment) -> None:
        await env.csr.port.read(0xFFF0)

    await _fails(dut, body, CsrError, "SLVERR", bench=False)


@cocotb.test()
async def exception_fails_the_test(dut: Any) -> None:
    """A mistake in the testbench ends the run as itself; it becomes no bus response."""

    async def body(env: Environment) -> None:
        raise KeyError("a slip of the testbench")

    await _fails(dut, body, KeyError, "a slip of the testbench", bench=False)


@cocotb.test()
async def hang_is_noticed(dut: Any) -> None:
    """A driver that waits for an interrupt that cannot come."""

    async def body(stand: Stand) -> None:
        await stand.perform(stand.bench.open())
        await stand.perform(stand.bench.rig.collect(Queue.TRANSFER, 1))

    await _fails(dut, body, BridgeError, "case waits for WaitIrq()")


@cocotb.test()
async def nothing_compared_fails(dut: Any) -> None:
    """A ledger that has seen nothing."""

    async def body(stand: Stand) -> None:
        await stand.perform(stand.bench.open())
        assert stand.bench.rig.ledger is not None
        stand.bench.rig.ledger.settled = 0

    await _fails(dut, body, CheckFailed, "nothing was compared")


@cocotb.test()
async def stray_byte_fails(dut: Any) -> None:
    """One bit of host memory that nobody predicted."""

    async def body(stand: Stand) -> None:
        await stand.perform(stand.bench.open())
        stand.bench.host.bytes[stand.bench.host.size - 5] ^= 1
        await stand.perform(stand.bench.settle())

    await _fails(dut, body, AssertionError, "host memory 0xfffffb+1")


@cocotb.test()
async def unpredicted_error_fails(dut: Any) -> None:
    """A bus error that the prediction knows nothing of: the engine stops, record and bytes differ."""

    async def body(stand: Stand) -> None:
        bench = stand.bench
        await stand.perform(bench.open())
        kind = bench.rig.bus
        frame = bench.tables[DESTINATION].get(1).frame
        bench.temper_host(MemoryConfig(error=ErrorWindow(frame * PAGE, PAGE, write=True)))
        bench.rig.bus = kind
        work = boxed(Opcode.READBACK, Box(0, 0, 5000, 3), surface=0, object=DESTINATION, host_stride=5000)
        await stand.perform(bench.rig.perform(Queue.TRANSFER, [work]))
        bench.temper_host(MemoryConfig())
        await stand.perform(bench.settle())

    await _fails(dut, body, AssertionError, "BUS_ERROR")
