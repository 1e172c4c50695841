"""Every register through the register model, and twins of the checks that guard every run."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cocotb
import pytest

from models.engine import Queue
from models.layout import REGISTERS, Address, Descriptor, Opcode, QueueOffset, Register, queue_address
from models.memory import PAGE, HostMemory
from models.surface import Box
from tb.agents.csr import CsrError
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.bridge import BridgeError
from tb.env import CheckFailed, Environment, run_body
from tb.register_sequences import BitBash, HardwareReset, OneClears, TrafficWalk
from tb.registers import RegisterMismatch, RegisterModel
from tb.sequences import boxed
from tb.sim_top import reset
from tests.system.fault_ground import Ground, on_ground
from tests.system.random_cases import Progress, Rounds, told
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


async def _run(env: Environment, sequence: Any) -> int:
    """Start a sequence on the CSR agent; returns how much it has seen."""
    await sequence.start(env.csr.sequencer)
    return int(sequence.seen)


@cocotb.test()
async def reset_values_and_bits(dut: Any) -> None:
    """Every bit by its access type, then reset values again after a hardware reset of registers that are full."""

    async def body(env: Environment) -> None:
        model = env.make_register_model()
        assert await _run(env, HardwareReset(model)) == len(REGISTERS)
        assert await _run(env, BitBash(model)) == len(REGISTERS) - len(Queue)
        assert env.csr.monitor.seen > 2000
        for name in REGISTERS:
            if name.split(".")[-1] != "tail":
                await model.write(name, 0xFFFFFFFF & ~(0b010 if name == "control" else 0))
        await reset(dut)
        assert await _run(env, HardwareReset(model)) == len(REGISTERS)

    await _alone(dut, body)


@cocotb.test()
async def one_clears_each_cause(dut: Any) -> None:
    """IRQ_STATUS with causes of both queues: a 1 clears its bit and no other."""

    async def body(stand: Stand) -> None:
        bench = stand.bench
        await stand.perform(bench.open())
        await stand.perform(bench.good())
        for queue in Queue:
            await stand.perform(bench.rig.control(queue, halt=False))
            await stand.perform(bench.rig.post(queue, [Descriptor(opcode=99), Descriptor(opcode=Opcode.NOP)]))
            tail = bench.rig.rings[queue].tail & 0xFFFF
            await stand.perform(bench.rig.until(queue_address(queue, QueueOffset.COMPLETION_TAIL), 0xFFFF, tail))
            bench.rig.take(queue, 2)
            await stand.perform(bench.rig.consume(queue))
        await stand.perform(bench.settle())
        assert await _run(stand.env, OneClears(stand.env.make_register_model(), "irq_status")) == 4

    await stand(dut, body)


@cocotb.test()
async def registers_during_traffic(dut: Any) -> None:
    """Every register is read again and again while both queues work on random plans and the driver writes others."""
    progress = Progress()

    async def on(ground: Ground) -> None:
        env = ground.env
        model = env.make_register_model()
        await model.begin_to_follow()
        rounds = Rounds(ground.site, progress, seed=1)
        walk = TrafficWalk(model, int(cocotb.RANDOM_SEED))
        task = cocotb.start_soon(walk.start(env.csr.sequencer))
        for _ in range(3):
            await ground.perform(rounds.run(8))
        walk.stop()
        await task
        assert walk.laps and walk.seen >= len(REGISTERS) * walk.laps, "nothing was read"

    with told(progress):
        await on_ground(dut, on)


Change = Callable[[Register], Register]


def _field(name: str, **wrong: Any) -> Change:
    """A register of whose fields one is described wrongly."""

    def change(entry: Register) -> Register:
        fields = tuple(replace(field, **wrong) if field.name == name else field for field in entry.fields)
        return replace(entry, fields=fields, reset=sum(field.reset << field.lsb for field in fields))

    return change


@cocotb.test()
async def wrong_register_models_fail(dut: Any) -> None:
    """Twin: a wrong reset value, access type or width does not get through the sequences, nor does nothing to clear."""

    async def expect(words: str, make: Callable[[RegisterModel], Any], wrong: dict[str, Change]) -> None:
        async def body(env: Environment) -> None:
            entries = {name: change(REGISTERS[name]) for name, change in wrong.items()}
            await _run(env, make(env.make_register_model(entries)))

        await _fails(dut, body, RegisterMismatch, words, bench=False)

    for name, field, wrong, sequence, words in (
        ("irq_coalesce", "count", {"reset": 4}, HardwareReset, "0x00000000 after reset, not 0x00000004"),
        ("queue[1].control", "halt_on_error", {"reset": 0}, HardwareReset, "0x00000002 after reset, not 0x00000000"),
        ("irq_coalesce", "count", {"access": "ro"}, BitBash, "0xffffffff after 0xffffffff was written"),
        ("id", "magic", {"access": "rw"}, BitBash, "0x464c544c after 0xffffffff was written"),
        ("queue[1].control", "resume", {"access": "rw"}, BitBash, "0x00000003 after 0xffffffff was written"),
        ("surface[3].base", "page", {"lsb": 11, "width": 21}, BitBash, "0xfffff000 after 0xffffffff was written"),
    ):
        await expect(f"{name}: {words}", sequence, {name: _field(field, **wrong)})
    await expect("irq_status: no bit was set", lambda model: OneClears(model, "irq_status"), {"irq_status": _field("")})


@cocotb.test()
async def a_register_changed_in_traffic_fails(dut: Any) -> None:
    """Twin: a write that the mirror is not told of, and a register that the model takes for steady."""

    async def body(env: Environment, *, quietly: bool) -> None:
        model = env.make_register_model()
        if not quietly:
            entry = REGISTERS["cycle_lo"]
            model = env.make_register_model(REGISTERS | {"cycle_lo": _field("count", volatile=False)(entry)})
        await model.begin_to_follow()
        if quietly:
            env.predictor.model = None
            await env.csr.port.write(Address.IRQ_COALESCE, 6)
        await _run(env, TrafficWalk(model, 1))

    words = "irq_coalesce: 0x00000006 does not match"
    await _fails(dut, partial(body, quietly=True), RegisterMismatch, words, bench=False)
    await _fails(dut, partial(body, quietly=False), RegisterMismatch, "cycle_lo: ", bench=False)


@cocotb.test()
async def wrong_mirror_fails(dut: Any) -> None:
    """A register changed behind the model's back."""

    async def body(env: Environment) -> None:
        model = env.make_register_model()
        await model.write("irq_coalesce", 5)
        await env.csr.port.write(Address.IRQ_COALESCE, 6)
        await model.read("irq_coalesce")

    await _fails(dut, body, RegisterMismatch, "does not match mirrored value", bench=False)


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

    await _fails(dut, body, BridgeError, "case waits for WaitIrq(")


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
