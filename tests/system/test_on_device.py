"""The cases of the engine on the untimed device, and twins that spoil what it did and see the ledger notice.

A case that fails here is wrong about the contract, before any RTL runs.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.device import BusRange, Device
from models.engine import Queue
from models.execute import Tables
from models.layout import Cause, Descriptor, Opcode, QueueOffset, Record, queue_address
from models.memory import Bytes, HostMemory
from models.perform import run
from models.steps import Steps
from tb.agents.memory import HostImage, MemoryConfig
from tb.scoreboard import Ledger
from tests.system import copies, errors
from tests.system.workbench import HOST_SIZE, Case, Workbench

CASES = (
    *(copies.copy_matrix, copies.boxes_with_strides, copies.rows_end_to_end, copies.two_level_objects),
    *(copies.every_pixel_size, copies.drawing),
    *(errors.unknown_opcodes, errors.malformed, errors.box_outside, errors.alignment, errors.overlap),
    *(errors.translation_faults, errors.read_only, errors.bus_errors, errors.walk_errors, errors.fetch_error),
    *(errors.ring_overflow, errors.aborted, errors.without_halt),
)


def on_device(*cases: Case) -> list[Record]:
    """Run cases on the untimed device and compare; returns every record."""
    host = HostMemory(None, HOST_SIZE)
    device = Device(host, device_size=1 << 22)
    ledgers: list[Ledger] = []

    def begin(image: HostImage, memory: Bytes, data_width: int) -> Ledger:
        ledgers.append(Ledger(image, memory, data_width))
        return ledgers[0]

    def configure(config: MemoryConfig) -> None:
        window = config.error
        kinds = [write for write, on in ((False, window.read), (True, window.write)) if on]
        device.bus_ranges = [BusRange(window.base, window.base + window.bytes, write) for write in kinds]

    def settle(memory: Bytes) -> list[str]:
        return ledgers[0].settle(memory)

    bench = Workbench(host, 1, configure=configure, begin=begin, settle=settle, thin=16)

    def steps() -> Steps[None]:
        yield from bench.open()
        for case in cases:
            yield from case(bench)
        yield from bench.settle()

    run(steps(), device)
    records = [record for ring in bench.rig.rings.values() for record in ring.history]
    assert ledgers[0].settled == len(records) > 0
    return records


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_untimed_device_agrees_on(case: Case) -> None:
    on_device(case)


def test_every_cause_is_reached() -> None:
    reached = {Cause(record.cause) for record in on_device(*CASES)}
    # the watchdog needs time: `late_answers` of bench_queues reaches it
    assert set(Cause) - reached == {Cause.WATCHDOG}


def spoilt_record(offset: int) -> Case:
    """A NOP, of whose record one bit is flipped before the ledger sees it."""

    def case(bench: Workbench) -> Steps[None]:
        ring = bench.rig.rings[Queue.TRANSFER]
        at = ring.record_address(ring.taken)
        yield from bench.rig.post(Queue.TRANSFER, [Descriptor(opcode=Opcode.NOP)])
        written = queue_address(Queue.TRANSFER, QueueOffset.COMPLETION_TAIL)
        yield from bench.rig.until(written, 0xFFFF, ring.tail)
        bench.host.bytes[at + offset] ^= 1
        yield from bench.rig.collect(Queue.TRANSFER, 1)

    return case


def stray_host_byte(bench: Workbench) -> Steps[None]:
    """A byte that nobody may write."""
    bench.host.bytes[12345] ^= 0x80
    yield from ()


def never_published(bench: Workbench) -> Steps[None]:
    """A descriptor whose doorbell is not rung."""
    bench.rig.put(Queue.RENDER, Descriptor(opcode=Opcode.NOP))
    yield from ()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoilt_record(0), "tag"),
        (spoilt_record(4), "opcode"),
        (spoilt_record(5), "cause"),
        (spoilt_record(6), "status"),
        (spoilt_record(9), "address"),
        (spoilt_record(16), "bytes"),
        (stray_host_byte, "host memory 0x3039"),
        (never_published, "no record for"),
    ],
    ids=["tag", "opcode", "cause", "status", "address", "bytes", "stray byte", "left over"],
)
def test_ledger_sees(spoil: Case, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        on_device(copies.two_level_objects, spoil)


def test_ledger_sees_a_stray_device_byte_and_an_orphan_record() -> None:
    host = HostMemory(None, 1 << 16)
    device = np.zeros(4096, np.uint8)
    ledger = Ledger(HostImage(host), device, 64)
    assert ledger.settle(device) == []
    device[77] = 1
    ledger.observe(Queue.RENDER, Record(), 0x1000, 0)
    problems = ledger.settle(device)
    assert any("device memory 0x4d" in problem for problem in problems)
    assert any("orphan" in problem for problem in problems)


def test_ledger_sees_a_wrong_phase() -> None:
    device = np.zeros(4096, np.uint8)
    ledger = Ledger(HostImage(HostMemory(None, 1 << 16)), device, 64)
    nothing = Tables((None,) * 16, (None,) * 16)
    ledger.expect(Queue.RENDER, Descriptor(), nothing, MemoryConfig().bus, fence_at=0)
    ledger.observe(Queue.RENDER, Record(queue=1), 0x1000, 1)
    assert any("phase 0, not 1" in problem for problem in ledger.settle(device))
