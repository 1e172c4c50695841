"""The register file over AXI4-Lite: every register of the .rdl, and what the pins beside it do.

Runs inside the simulator; tests/rtl/test_csr.py starts it. Pins are driven and sampled between clock edges.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from models.layout import (
    REGISTERS,
    Address,
    CounterOffset,
    IrqCoalesce,
    IrqStatus,
    ObjectOffset,
    QueueControl,
    QueueOffset,
    Register,
    SurfaceFormat,
    SurfaceOffset,
    counter_address,
    object_address,
    queue_address,
    surface_address,
)

TOP = "csr"
PARAMETERS = {"DATA_W": 64}

OKAY, SLVERR = 0, 2
CLEARING = 256
"""Cycles after a reset in which nothing is accepted."""
TLB_HITS = 13
"""The counter that counts up to two events in a cycle, on a pin of its own."""
LOOKUPS = 6
INPUTS = (
    "s_axil_awvalid",
    "s_axil_awaddr",
    "s_axil_wvalid",
    "s_axil_wdata",
    "s_axil_wstrb",
    "s_axil_bready",
    "s_axil_arvalid",
    "s_axil_araddr",
    "s_axil_rready",
    "soft_reset_done_i",
    "watchdog_i",
    "completion_error_i",
    "device_range_i",
    "tail_i",
    "head_i",
    "completion_tail_i",
    "overflows_i",
    "fence_i",
    "queue_busy_i",
    "halted_i",
    "aborting_i",
    "waiting_i",
    "record_done_i",
    "record_error_i",
    "readback_busy_i",
    "writeback_busy_i",
    "render_busy_i",
    "reads_outstanding_i",
    "writes_outstanding_i",
    "surface_index_i",
    "object_index_i",
    "count_i",
    "tlb_hits_i",
    "latency_i",
)
LIVE = {"cycle_lo", "cycle_hi", "parameters"}
"""Registers whose value does not follow from reset and writes alone."""


class Bus:
    """An AXI4-Lite master with knobs: which channel comes first, and how long responses wait."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    async def start(self) -> None:
        """Run the clock, all inputs 0, reset."""
        Clock(self.dut.clk_i, 2, "ns").start()
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        await self.reset()

    async def reset(self) -> None:
        """Hardware reset, until an access is accepted: after the 256 cycles that the header promises."""
        self.dut.rst_ni.value = 0
        await self.cycles(3)
        self.dut.rst_ni.value = 1
        for _ in range(CLEARING):
            readies = [int(getattr(self.dut, f"s_axil_{channel}ready").value) for channel in ("aw", "w", "ar")]
            assert readies == [0, 0, 0]
            await self.cycles(1)
        assert int(self.dut.s_axil_awready.value)

    async def cycles(self, count: int) -> None:
        """Let clock cycles pass."""
        for _ in range(count):
            await FallingEdge(self.dut.clk_i)

    async def pulse(self, pin: str, value: int = 1) -> None:
        """One cycle of a value on an input."""
        getattr(self.dut, pin).value = value
        await self.cycles(1)
        getattr(self.dut, pin).value = 0

    async def _send(self, channel: str) -> None:
        valid, ready = (getattr(self.dut, f"s_axil_{channel}{pin}") for pin in ("valid", "ready"))
        valid.value = 1
        for _ in range(50):
            taken = int(ready.value)
            await self.cycles(1)
            if taken:
                valid.value = 0
                return
        raise AssertionError(f"{channel} was not taken")

    async def _answer(self, channel: str, patience: int) -> tuple[int, int]:
        """Wait for B or R, leave it standing for some cycles, take it: (response, data)."""
        dut = self.dut
        valid, ready = (getattr(dut, f"s_axil_{channel}{pin}") for pin in ("valid", "ready"))
        for _ in range(50):
            if int(valid.value):
                break
            await self.cycles(1)
        assert int(valid.value), f"no answer on {channel}"

        def payload() -> tuple[int, int]:
            data = int(dut.s_axil_rdata.value) if channel == "r" else 0
            return int(getattr(dut, f"s_axil_{channel}resp").value), data

        answer = payload()
        for _ in range(patience):
            await self.cycles(1)
            assert int(valid.value), f"{channel} was withdrawn"
            assert payload() == answer, f"{channel} changed while it waited"
        ready.value = 1
        await self.cycles(1)
        ready.value = 0
        assert not int(valid.value)
        return answer

    async def write(
        self, address: int, value: int, strobes: int = 15, *, order: str = "aw w", gap: int = 0, patience: int = 0
    ) -> int:
        """Write; order: "aw w", "w aw" or "both". Returns the response."""
        dut = self.dut
        dut.s_axil_awaddr.value = address
        dut.s_axil_wdata.value = value
        dut.s_axil_wstrb.value = strobes
        if order == "both":
            assert int(dut.s_axil_awready.value)
            assert int(dut.s_axil_wready.value)
            dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 1
            await self.cycles(1)
            dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        else:
            first, second = order.split()
            await self._send(first)
            await self.cycles(gap)
            assert not int(dut.s_axil_bvalid.value), "answered before all of it was there"
            await self._send(second)
        response, _ = await self._answer("b", patience)
        return response

    async def read(self, address: int, *, patience: int = 0) -> tuple[int, int]:
        """Read: (response, data)."""
        self.dut.s_axil_araddr.value = address
        await self._send("ar")
        return await self._answer("r", patience)

    async def get(self, address: int) -> int:
        """Read a register that must answer OKAY."""
        response, data = await self.read(address)
        assert response == OKAY
        return data


def live(register: Register) -> bool:
    """Whether the hardware decides what the register reads."""
    return register.name in LIVE or register.name.endswith(".tail")


def writable(register: Register) -> int:
    """Bits that a write changes and a read gives back."""
    if live(register):
        return 0
    return sum(((1 << f.width) - 1) << f.lsb for f in register.fields if f.access == "rw")


@cocotb.test()
async def every_register_has_its_reset_value(dut: Any) -> None:
    """After reset, also after other values were there, each register reads what the .rdl says."""
    bus = Bus(dut)
    await bus.start()
    for dirty in (False, True):
        if dirty:
            for register in REGISTERS.values():
                await bus.write(register.address, 0xFFFF_FFFF)
            await bus.reset()
        for register in REGISTERS.values():
            value = await bus.get(register.address)
            if not live(register) or register.name.endswith(".tail"):
                assert value == register.reset, register
    assert len(REGISTERS) > 150


@cocotb.test()
async def every_register_keeps_just_its_writable_bits(dut: Any) -> None:
    """Random values and strobes to all registers in random order; reserved and read-only bits stay as they are."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bus = Bus(dut)
    await bus.start()
    expected = {register.name: register.reset for register in REGISTERS.values() if not live(register)}
    for _ in range(3):
        registers = list(REGISTERS.values())
        rng.shuffle(registers)
        for register in registers:
            value, strobes = rng.getrandbits(32), rng.choice((15, rng.getrandbits(4)))
            order, gap = rng.choice(("aw w", "w aw", "both")), rng.choice((0, 0, 3))
            if register.name == "control":
                value &= ~2  # soft reset has a test of its own
            response = await bus.write(
                register.address, value, strobes, order=order, gap=gap, patience=rng.choice((0, 0, 2))
            )
            assert response == OKAY, register
            if register.name in expected:
                lanes = sum(0xFF << 8 * lane for lane in range(4) if strobes >> lane & 1)
                mask = lanes & writable(register)
                expected[register.name] = expected[register.name] & ~mask | value & mask
        rng.shuffle(registers)
        for register in registers:
            response, value = await bus.read(register.address, patience=rng.choice((0, 0, 2)))
            assert response == OKAY
            if register.name in expected:
                assert value == expected[register.name], register
    assert sum(value != REGISTERS[name].reset for name, value in expected.items()) > 80


@cocotb.test()
async def addresses_without_a_register_answer_slverr(dut: Any) -> None:
    """All 64 KiB: an address answers OKAY exactly if the .rdl has a register there; the others read 0."""
    bus = Bus(dut)
    await bus.start()
    mapped = {register.address for register in REGISTERS.values()}
    refused = 0
    step = 4
    for address in [*range(0, 0x1000, step), *range(0x1000, 0x10000, 0x1FC), 0xFFFC]:
        response, value = await bus.read(address)
        assert response == (OKAY if address in mapped else SLVERR), hex(address)
        if address not in mapped:
            assert value == 0
            assert await bus.write(address, 0xFFFF_FFFF) == SLVERR
            refused += 1
    assert refused > 500
    assert await bus.get(Address.IRQ_ENABLE) == 0
    assert int(dut.enable_o.value) == 0


@cocotb.test()
async def reads_and_writes_do_not_wait_for_each_other(dut: Any) -> None:
    """A read passes while a write's answer stands untaken, and the other way round."""
    bus = Bus(dut)
    await bus.start()
    write = cocotb.start_soon(bus.write(Address.WATCHDOG, 77, patience=30))
    await bus.cycles(6)
    assert await bus.get(Address.WATCHDOG) == 77
    assert await bus.get(Address.ID) == 0x464C544C
    assert not write.done()
    await write
    read = cocotb.start_soon(bus.read(Address.ID, patience=30))
    await bus.cycles(3)
    assert await bus.write(Address.WATCHDOG, 78) == OKAY
    assert not read.done()
    assert (await read) == (OKAY, 0x464C544C)


@cocotb.test()
async def a_write_waits_for_the_answer_before_it(dut: Any) -> None:
    """With the answer of one write untaken, the next has no effect yet, and then gets an answer of its own."""
    bus = Bus(dut)
    await bus.start()
    dut.s_axil_wstrb.value = 15
    for address, value in ((0xF000, 1), (Address.WATCHDOG, 55)):
        dut.s_axil_awaddr.value = address
        dut.s_axil_wdata.value = value
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 1
        for _ in range(10):
            taken = int(dut.s_axil_awready.value) and int(dut.s_axil_wready.value)
            await bus.cycles(1)
            if taken:
                break
        assert taken
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
    await bus.cycles(5)
    assert int(dut.watchdog_o.value) == 0
    dut.s_axil_bready.value = 1
    answers = []
    for _ in range(10):
        if int(dut.s_axil_bvalid.value):
            answers.append(int(dut.s_axil_bresp.value))
        await bus.cycles(1)
    assert answers == [SLVERR, OKAY]
    assert int(dut.watchdog_o.value) == 55


@cocotb.test()
async def a_doorbell_rings_once_with_the_whole_count(dut: Any) -> None:
    """TAIL pulses its own queue's doorbell with the value, and not at all for half a count."""
    bus = Bus(dut)
    await bus.start()
    rings: list[tuple[int, int]] = []

    async def listen() -> None:
        while True:
            await bus.cycles(1)
            if int(dut.doorbell_o.value):
                rings.append((int(dut.doorbell_o.value), int(dut.doorbell_tail_o.value)))

    listener = cocotb.start_soon(listen())
    for queue in (0, 1):
        await bus.write(queue_address(queue, QueueOffset.TAIL), 0xABC0 + queue, patience=2)
        await bus.write(queue_address(queue, QueueOffset.TAIL), 0x1111, strobes=1)
        await bus.write(queue_address(queue, QueueOffset.TAIL), 0x2222, strobes=14)
        await bus.write(queue_address(queue, QueueOffset.TAIL), 0x3333_4440 + queue, strobes=3)
    await bus.cycles(3)
    listener.cancel()
    assert rings == [(1, 0xABC0), (1, 0x4440), (2, 0xABC1), (2, 0x4441)]
    dut.tail_i.value = 0x1234_5678
    assert await bus.get(queue_address(0, QueueOffset.TAIL)) == 0x5678
    assert await bus.get(queue_address(1, QueueOffset.TAIL)) == 0x1234


@cocotb.test()
async def queue_registers_reach_their_queue(dut: Any) -> None:
    """Each output and each read-back belongs to the queue that was addressed; bases are aligned whatever is written."""
    bus = Bus(dut)
    await bus.start()
    wide = {"ring_base": 0x100, "completion_base": 0x200, "fence_base": 0x300}
    aligned = {"ring_base": 64, "completion_base": 32, "fence_base": 8}
    for queue in (0, 1):
        for name, value in wide.items():
            low, high = (QueueOffset[f"{name.upper()}_{half}"] for half in ("LO", "HI"))
            await bus.write(queue_address(queue, low), value * (1 + queue) | aligned[name] - 1)
            await bus.write(queue_address(queue, high), value + 16 + queue)
        await bus.write(queue_address(queue, QueueOffset.SIZE), 0x0A05 + queue)
        await bus.write(queue_address(queue, QueueOffset.COMPLETION_HEAD), 0xBEE0 + queue)
    for name, value in wide.items():
        expected = sum(((value + 16 + q) << 32 | value * (1 + q)) << 64 * q for q in (0, 1))
        assert int(getattr(dut, f"{name}_o").value) == expected
    assert int(dut.ring_log2_o.value) == 0x65
    assert int(dut.completion_log2_o.value) == 0xAA
    assert int(dut.completion_head_o.value) == 0xBEE1_BEE0
    for pin, offset in (
        ("head_i", QueueOffset.HEAD),
        ("completion_tail_i", QueueOffset.COMPLETION_TAIL),
        ("overflows_i", QueueOffset.OVERFLOWS),
    ):
        getattr(dut, pin).value = 0x9876_1234
        assert [await bus.get(queue_address(q, offset)) for q in (0, 1)] == [0x1234, 0x9876]
    dut.fence_i.value = 0x1111_2222_3333_4444
    assert [await bus.get(queue_address(q, QueueOffset.FENCE)) for q in (0, 1)] == [0x3333_4444, 0x1111_2222]
    for bit, pin in enumerate(("queue_busy_i", "halted_i", "aborting_i", "waiting_i")):
        for queue in (0, 1):
            getattr(dut, pin).value = 1 << queue
            assert [await bus.get(queue_address(q, QueueOffset.STATUS)) for q in (0, 1)] == [
                (1 << bit) * (q == queue) for q in (0, 1)
            ]
        getattr(dut, pin).value = 0


@cocotb.test()
async def resume_and_abort_are_single_pulses(dut: Any) -> None:
    """CONTROL's write-one bits last a cycle, read 0 and leave the levels beside them alone."""
    bus = Bus(dut)
    await bus.start()
    seen: list[tuple[int, int]] = []

    async def listen() -> None:
        while True:
            await bus.cycles(1)
            if int(dut.resume_o.value) or int(dut.abort_o.value):
                seen.append((int(dut.resume_o.value), int(dut.abort_o.value)))

    listener = cocotb.start_soon(listen())
    control = queue_address(1, QueueOffset.CONTROL)
    await bus.write(control, QueueControl(enable=1, halt_on_error=0).to_int())
    assert (int(dut.queue_enable_o.value), int(dut.halt_on_error_o.value)) == (2, 1)
    await bus.write(control, 0x100, strobes=2)
    await bus.write(control, 0x200, strobes=2)
    await bus.write(control, 0x300, strobes=13)  # the byte is not covered: nothing
    await bus.cycles(2)
    listener.cancel()
    assert seen == [(2, 0), (0, 2)]
    assert (int(dut.queue_enable_o.value), int(dut.halt_on_error_o.value)) == (0, 1)


@cocotb.test()
async def soft_reset_lasts_until_done_and_keeps_the_tables(dut: Any) -> None:
    """The request stays high and reads 1; done clears it, the heads and the queue enables, nothing else."""
    bus = Bus(dut)
    await bus.start()
    await bus.write(surface_address(2, SurfaceOffset.EXTENT), 0x0010_0020)
    await bus.write(Address.IRQ_ENABLE, 0x55)
    for queue in (0, 1):
        await bus.write(queue_address(queue, QueueOffset.CONTROL), 3)
        await bus.write(queue_address(queue, QueueOffset.COMPLETION_HEAD), 9)
        await bus.write(queue_address(queue, QueueOffset.RING_BASE_LO), 0x4000)
    await bus.write(Address.CONTROL, 3)
    await bus.write(Address.CONTROL, 1)  # writing 0 does not take it back
    await bus.cycles(10)
    assert int(dut.soft_reset_o.value) == 1
    assert await bus.get(Address.CONTROL) == 3
    await bus.pulse("soft_reset_done_i")
    assert int(dut.soft_reset_o.value) == 0
    assert await bus.get(Address.CONTROL) == 1
    assert int(dut.queue_enable_o.value) == 0
    assert int(dut.halt_on_error_o.value) == 3
    assert int(dut.completion_head_o.value) == 0
    assert int(dut.ring_base_o.value) == 0x4000 << 64 | 0x4000
    assert await bus.get(surface_address(2, SurfaceOffset.EXTENT)) == 0x0010_0020
    assert await bus.get(Address.IRQ_ENABLE) == 0x55


@cocotb.test()
async def a_control_byte_that_is_not_strobed_does_nothing(dut: Any) -> None:
    """Neither enable nor soft reset, and no interrupt is enabled, when the write leaves their byte out."""
    bus = Bus(dut)
    await bus.start()
    await bus.write(Address.CONTROL, 1)
    await bus.write(Address.IRQ_ENABLE, 0x2A)
    for address in (Address.CONTROL, Address.IRQ_ENABLE):
        assert await bus.write(address, 0x0000_0057, 0b1110) == OKAY
    await bus.cycles(3)
    assert int(dut.soft_reset_o.value) == 0
    assert await bus.get(Address.CONTROL) == 1
    assert await bus.get(Address.IRQ_ENABLE) == 0x2A


@cocotb.test()
async def each_cause_raises_its_bit_and_one_clears_it(dut: Any) -> None:
    """IRQ_STATUS is sticky, write-1-clear, masked by IRQ_ENABLE; a cause that comes with its clearing survives."""
    bus = Bus(dut)
    await bus.start()
    causes = {
        IrqStatus(transfer_done=1): ("record_done_i", 1),
        IrqStatus(render_done=1): ("record_done_i", 2),
        IrqStatus(transfer_error=1): ("record_error_i", 1),
        IrqStatus(render_error=1): ("record_error_i", 2),
        IrqStatus(completion_error=1): ("completion_error_i", 1),
        IrqStatus(watchdog=1): ("watchdog_i", 1),
        IrqStatus(device_range=1): ("device_range_i", 1),
    }
    assert len(causes) == 7
    for status, (pin, value) in causes.items():
        bit = status.to_int()
        await bus.write(Address.IRQ_ENABLE, 0x7F & ~bit)
        await bus.pulse(pin, value)
        assert await bus.get(Address.IRQ_STATUS) == bit
        assert not int(dut.irq_o.value)
        await bus.write(Address.IRQ_ENABLE, bit)
        assert int(dut.irq_o.value)
        await bus.write(Address.IRQ_STATUS, 0x7F & ~bit)
        await bus.write(Address.IRQ_STATUS, bit, strobes=14)
        assert await bus.get(Address.IRQ_STATUS) == bit
        clearing = cocotb.start_soon(bus.write(Address.IRQ_STATUS, bit, order="both"))
        await bus.cycles(1)
        await bus.pulse(pin, value)  # in the very cycle in which the write clears
        await clearing
        assert await bus.get(Address.IRQ_STATUS) == bit
        await bus.write(Address.IRQ_STATUS, bit)
        assert await bus.get(Address.IRQ_STATUS) == 0
        assert not int(dut.irq_o.value)


@cocotb.test()
async def done_interrupts_are_coalesced_by_count(dut: Any) -> None:
    """One interrupt after `count` records, a queue at a time; 0 and 1 mean each."""
    bus = Bus(dut)
    await bus.start()
    for count in (0, 1, 2, 3, 255):
        await bus.reset()
        await bus.write(Address.IRQ_ENABLE, 2)
        await bus.write(Address.IRQ_COALESCE, IrqCoalesce(count=count).to_int())
        for _ in range(2):
            for n in range(1, max(count, 1) + 1):
                assert not int(dut.irq_o.value), (count, n)
                await bus.pulse("record_done_i", 2)
            assert await bus.get(Address.IRQ_STATUS) == 2
            await bus.write(Address.IRQ_STATUS, 2)
    for _ in range(254):
        await bus.pulse("record_done_i", 1)
    assert await bus.get(Address.IRQ_STATUS) == 0, "a queue counts for itself"
    await bus.pulse("record_done_i", 3)
    assert await bus.get(Address.IRQ_STATUS) == 1


@cocotb.test()
async def done_interrupts_wait_no_longer_than_told(dut: Any) -> None:
    """The first pending record raises the interrupt `cycles` later, and the time begins anew with the next."""
    bus = Bus(dut)
    await bus.start()
    await bus.write(Address.IRQ_ENABLE, 1)
    for cycles in (1, 2, 17, 300):
        await bus.write(Address.IRQ_COALESCE, IrqCoalesce(count=200, cycles=cycles).to_int())
        for _ in range(2):
            await bus.cycles(5)
            dut.record_done_i.value = 1
            for elapsed in range(cycles + 1):
                assert not int(dut.irq_o.value), (cycles, elapsed)
                await bus.cycles(1)
                dut.record_done_i.value = int(elapsed == 1)
            assert int(dut.irq_o.value), cycles
            dut.record_done_i.value = 0
            await bus.cycles(1)
            await bus.write(Address.IRQ_STATUS, 1)
            await bus.cycles(cycles + 4)
            await bus.write(Address.IRQ_STATUS, 1)
    await bus.write(Address.IRQ_COALESCE, IrqCoalesce(count=2).to_int())
    await bus.pulse("record_done_i", 1)
    await bus.cycles(500)
    assert not int(dut.irq_o.value), "no limit was asked for"


@cocotb.test()
async def cycles_count_and_the_high_half_is_held(dut: Any) -> None:
    """CYCLE_LO and CYCLE_HI together are one moment; the count is that of cycle_o."""
    bus = Bus(dut)
    await bus.start()
    before = int(dut.cycle_o.value)
    low = await bus.get(Address.CYCLE_LO)
    await bus.cycles(20)
    assert before <= low <= before + 4
    assert await bus.get(Address.CYCLE_HI) == 0
    assert int(dut.cycle_o.value) > low + 20
    dut.cycle_q.value = (7 << 32) - 1
    await bus.cycles(1)
    dut.cycle_q.value = (7 << 32) - 2
    low = await bus.get(Address.CYCLE_LO)
    await bus.cycles(10)
    high = await bus.get(Address.CYCLE_HI)
    assert (high, low) in [(6, 0xFFFF_FFFE), (6, 0xFFFF_FFFF)]
    assert int(dut.cycle_o.value) >> 32 == 7


@cocotb.test()
async def counters_count_their_pulses_and_clear_together(dut: Any) -> None:
    """Bit n of count_i and latency_i counts in the n-th register; latency_i has at most one bit a cycle."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bus = Bus(dut)
    await bus.start()
    expected = [0] * 32
    gap = 0
    first = counter_address(CounterOffset.TRANSFER_BUSY_CYCLES)

    async def pulse(bits: int, hits: int, bucket: int) -> None:
        dut.count_i.value, dut.tlb_hits_i.value = bits, hits
        dut.latency_i.value = 0 if bucket < 0 else 1 << bucket
        for n in range(16):
            expected[n] += hits if n == TLB_HITS else bits >> n & 1
        if bucket >= 0:
            expected[16 + bucket] += 1
        await bus.cycles(1)

    async def quiet() -> None:
        dut.count_i.value = dut.tlb_hits_i.value = dut.latency_i.value = 0
        await bus.cycles(2)

    for _ in range(300):
        gap = 0 if gap else rng.randrange(2)  # a bucket never counts in two cycles running
        await pulse(rng.getrandbits(16), rng.randrange(3), rng.randrange(16) if gap else -1)
    await quiet()
    assert [await bus.get(first + 4 * n) for n in range(32)] == expected
    assert await bus.get(counter_address(CounterOffset.TLB_HITS)) == expected[TLB_HITS]
    assert await bus.get(counter_address(CounterOffset.BANK_CONFLICTS)) == expected[15]
    assert await bus.get(counter_address(CounterOffset.LATENCY)) == expected[16]
    await bus.write(Address.CONTROL, 4)
    assert [await bus.get(first + 4 * n) for n in range(32)] == [0] * 32
    expected = [0] * 32
    await pulse(1, 0, 3)
    await pulse(1, 0, -1)
    await quiet()
    assert [await bus.get(first + 4 * n) for n in range(32)] == [(2 if n == 0 else 0) + (n == 19) for n in range(32)]


@cocotb.test()
async def counters_are_exact_while_everything_counts(dut: Any) -> None:
    """All sixteen count every cycle, the translation hits twice; a read at full pace gives the count of its cycle."""
    bus = Bus(dut)
    await bus.start()
    dut.s_axil_rready.value = 1
    first = counter_address(CounterOffset.TRANSFER_BUSY_CYCLES)
    dut.count_i.value, dut.tlb_hits_i.value = 0xFFFF, 2
    dut.s_axil_arvalid.value = 1
    rng = random.Random(cocotb.RANDOM_SEED)
    asked: int | None = None
    seen = counted = 0
    for turn in range(1200):
        index = 5 if 400 <= turn < 800 else rng.randrange(16)  # the turn of the others comes all the same
        if int(dut.s_axil_arready.value):
            dut.s_axil_araddr.value = first + 4 * index
            asked, due = index, counted
        elif asked is not None:
            assert int(dut.s_axil_rdata.value) == due * (2 if asked == TLB_HITS else 1), (turn, asked)
            seen += 1
        await bus.cycles(1)
        counted += 1
    dut.s_axil_arvalid.value = dut.count_i.value = dut.tlb_hits_i.value = 0
    await bus.cycles(3)
    dut.s_axil_rready.value = 0
    assert seen > 500
    got = [await bus.get(first + 4 * n) for n in range(16)]
    assert got == [counted * (2 if n == TLB_HITS else 1) for n in range(16)]


@cocotb.test()
async def a_read_goes_before_a_write_and_delays_it_by_one_cycle(dut: Any) -> None:
    """Reads at full pace: a write of the same register still gets through, and the read after it sees it."""
    bus = Bus(dut)
    await bus.start()
    dut.s_axil_rready.value = dut.s_axil_bready.value = 1
    dut.s_axil_araddr.value = dut.s_axil_awaddr.value = Address.IRQ_COALESCE
    dut.s_axil_wstrb.value, dut.s_axil_arvalid.value = 15, 1
    for value in range(1, 40):
        await bus.cycles(value % 3)
        dut.s_axil_wdata.value = value
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 1
        await bus.cycles(1)
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        waited = 0
        while not int(dut.s_axil_bvalid.value):
            await bus.cycles(1)
            waited += 1
        assert 1 <= waited <= 2, waited
        while not int(dut.s_axil_arready.value):
            await bus.cycles(1)
        await bus.cycles(1)
        assert int(dut.s_axil_rvalid.value)
        assert int(dut.s_axil_rdata.value) == value


@cocotb.test()
async def a_write_to_the_object_table_is_announced(dut: Any) -> None:
    """One pulse for each write that lands in the table, none for the others; the entry is the new one right after."""
    bus = Bus(dut)
    await bus.start()
    pulses = 0

    async def listen() -> None:
        nonlocal pulses
        while True:
            await bus.cycles(1)
            pulses += int(dut.object_written_o.value)

    cocotb.start_soon(listen())
    for register in REGISTERS.values():
        before = pulses
        await bus.write(register.address, 0)
        await bus.cycles(2)
        assert pulses - before == register.name.startswith("object"), register
    assert pulses == 48
    dut.object_index_i.value = 7
    write = cocotb.start_soon(bus.write(object_address(7, ObjectOffset.CONFIG), 0x8000_0009, order="both"))
    while not int(dut.object_written_o.value):
        await bus.cycles(1)
    await bus.cycles(1)
    assert int(dut.object_o.value) >> 52 == 1 << 22 | 9
    await write


@cocotb.test()
async def surfaces_are_looked_up_with_the_length_of_their_rows(dut: Any) -> None:
    """All ports at once; the row length follows whichever of its factors was written last."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bus = Bus(dut)
    await bus.start()
    state = [[0, 0, 0] for _ in range(16)]
    usable = 0
    for _ in range(150):
        index, word = rng.randrange(16), rng.randrange(3)
        value = rng.getrandbits(32)
        if word == 2:
            value = SurfaceFormat(
                bytes_per_pixel=rng.choice((0, 1, 16, 17, rng.randrange(32))),
                layout=rng.randrange(4),
                valid=rng.randrange(2),
            ).to_int()
        offset = (SurfaceOffset.BASE, SurfaceOffset.EXTENT, SurfaceOffset.FORMAT)[word]
        await bus.write(surface_address(index, offset), value)
        state[index][word] = value
        ports = [index, *(rng.randrange(16) for _ in range(LOOKUPS - 1))]
        dut.surface_index_i.value = sum(number << 4 * p for p, number in enumerate(ports))
        await bus.cycles(4)  # the row length is there 5 cycles after the write
        for p, number in enumerate(ports):
            base, extent, form = state[number]
            pixel = form & 31
            got = dut.surface_o.value[79 * p + 78 : 79 * p].to_unsigned()
            assert got >> 63 & 1 == (form >> 31 and 1 <= pixel <= 16)
            assert got >> 61 & 3 == form >> 8 & 3
            assert got >> 56 & 31 == pixel
            assert got >> 40 & 0xFFFF == extent >> 16
            assert got & 0xFFFFF == base >> 12
            if pixel <= 16:
                row_bytes = (extent & 0xFFFF) * pixel
                assert got >> 20 & 0xFFFFF == row_bytes
                assert got >> 64 == -(-row_bytes // (64, 512, 128, 256)[form >> 8 & 3])
            usable += got >> 63 & 1
    assert usable > 20


@cocotb.test()
async def objects_are_looked_up(dut: Any) -> None:
    """Each entry by its number: valid, levels, pages, root."""
    rng = random.Random(cocotb.RANDOM_SEED)
    bus = Bus(dut)
    await bus.start()
    words = [[rng.getrandbits(32) for _ in range(3)] for _ in range(16)]
    offsets = (ObjectOffset.ROOT_LO, ObjectOffset.ROOT_HI, ObjectOffset.CONFIG)
    for index, entry in enumerate(words):
        for offset, value in zip(offsets, entry, strict=True):
            await bus.write(object_address(index, offset), value)
    for index, (low, high, config) in enumerate(words):
        dut.object_index_i.value = index
        await bus.cycles(1)
        expected = (config >> 31) << 74 | (config >> 30 & 1) << 73 | (config & 0x1FFFFF) << 52 | high << 20 | low >> 12
        assert int(dut.object_o.value) == expected


@cocotb.test()
async def status_and_parameters_read_what_is_there(dut: Any) -> None:
    """PARAMETERS is how the instance was built; STATUS is live, busy if anything is."""
    bus = Bus(dut)
    await bus.start()
    parameters = await bus.get(Address.PARAMETERS)
    assert 8 << (parameters & 15) == int(dut.DATA_W.value)
    assert 1 << (parameters >> 4 & 15) == int(dut.TLB_ENTRIES.value)
    assert parameters >> 8 & 255 == int(dut.READS.value)
    assert parameters >> 16 & 255 == int(dut.WRITES.value)
    assert parameters >> 24 == int(dut.DEVICE_LOG2.value)
    assert await bus.get(Address.STATUS) == 0
    for pin, value, expected in (
        ("queue_busy_i", 2, 1),
        ("readback_busy_i", 1, 3),
        ("writeback_busy_i", 1, 5),
        ("render_busy_i", 1, 9),
        ("reads_outstanding_i", 5, 0x501),
        ("writes_outstanding_i", 6, 0x60001),
    ):
        getattr(dut, pin).value = value
        assert await bus.get(Address.STATUS) == expected
        getattr(dut, pin).value = 0
    await bus.write(Address.WATCHDOG, 1234)
    assert int(dut.watchdog_o.value) == 1234
