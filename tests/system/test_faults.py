"""The engine under faults on both simulators, and what the fault benches stand on: grants and the rules of refusal.

`make test` takes a sample; FAULTLINE_FAULTS=full, which `make faults` sets, takes everything.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from models.engine import Queue
from models.execute import Tables, check
from models.layout import Cause, Opcode
from models.memory import PAGE
from models.surface import Surface
from tb.sim_top import system
from tb.simulation import simulators, widths
from tb.trace import EVENT, Kind
from tests.system.fault_grants import Grants, Reader, Writer
from tests.system.fault_site import SHAPES
from tests.system.faults import BENCHES, module_of
from tests.system.malformed import FIELDS, batch_of, descriptor_of, entries, generate, in_entry, refusals

SURFACES = tuple(Surface(n << 20, width, height, pixel, layout) for n, (layout, pixel, width, height) in
                 enumerate(SHAPES))  # fmt: skip
TABLES = Tables((*SURFACES, *[None] * (16 - len(SURFACES))), (None,) * 16)


@pytest.mark.parametrize("bench", [name for name in BENCHES if name != "twins"])
@pytest.mark.parametrize("data_width", widths())
@pytest.mark.parametrize("simulator", simulators())
def test_the_engine_survives(simulator: str, data_width: int, bench: str) -> None:
    depth = {"FAULTLINE_FAULTS": os.environ.get("FAULTLINE_FAULTS", "sample")}
    system(simulator, data_width=data_width).run("tests.system.bench_faults", BENCHES[bench], env=depth)


def test_a_bench_that_is_told_wrong_fails() -> None:
    system("verilator").run(f"tests.system.{module_of('twins')}", BENCHES["twins"])


@pytest.mark.parametrize("queue", Queue)
def test_the_rules_of_refusal_agree_with_the_model(queue: Queue) -> None:
    batch, kinds = generate(queue, 60_000, SURFACES, np.random.default_rng(7))
    cause, moves = refusals(batch, queue, TABLES)
    assert len(batch) == 60_000 and min(kinds.values()) > 5000
    for row, why, runs in zip(batch[::8], cause[::8], moves[::8], strict=True):
        descriptor = descriptor_of(row)
        outcome = check(descriptor, queue, TABLES)
        assert why == (Cause.NONE if outcome is None else outcome.cause), descriptor
        boxed = descriptor.opcode in (Opcode.READBACK, Opcode.WRITEBACK, Opcode.FILL, Opcode.COPY)
        assert runs == (outcome is None and boxed), descriptor


@pytest.mark.parametrize("queue", Queue)
def test_every_illegal_value_and_every_pair_of_fields_is_there(queue: Queue) -> None:
    batch, kinds = generate(queue, 60_000, SURFACES, np.random.default_rng(7))
    opcodes = {Opcode.NOP, Opcode.WAIT, Opcode.FENCE, Opcode.INVALIDATE}
    opcodes |= {Opcode.READBACK, Opcode.WRITEBACK} if queue is Queue.TRANSFER else {Opcode.FILL, Opcode.COPY}
    assert set(range(256)) - opcodes <= set(batch["opcode"].tolist())
    reserved = [name for name in in_entry(queue) if name.startswith("reserved")]
    for name in reserved:
        clean = np.all([batch[other] == 0 for other in reserved if other != name], axis=0)
        alone = set(batch[name][clean & np.isin(batch["opcode"], list(opcodes))].tolist())
        assert {1 << bit for bit in range(FIELDS[name][1])} <= alone, f"{name} is not tried alone"
        for other in reserved:
            assert ((batch[name] != 0) & (batch[other] != 0)).any(), f"{name} is not tried with {other}"
    boxed = np.isin(batch["opcode"], [Opcode.WRITEBACK, Opcode.COPY])
    assert set(range(len(SURFACES), 256)) <= set(batch["surface"][boxed].tolist())
    reached = set(refusals(batch, queue, TABLES)[0].tolist())
    expected = {Cause.NONE, Cause.UNKNOWN_OPCODE, Cause.MALFORMED, Cause.BOX_OUTSIDE}
    assert reached == expected | ({Cause.ALIGNMENT, Cause.OVERLAP} if queue is Queue.RENDER else set())
    assert all(kinds.values())


@pytest.mark.parametrize("queue", Queue)
def test_a_batch_packs_like_single_descriptors(queue: Queue) -> None:
    batch, _ = generate(queue, 500, SURFACES, np.random.default_rng(3))
    for row, entry in zip(batch, entries(batch, queue), strict=True):
        assert descriptor_of(row).pack(queue) == entry.tobytes()
        assert batch_of([descriptor_of(row)])[0] == row


def _asked(kind: Kind, who: int, address: int, length: int = 64) -> np.ndarray:
    return np.array([(7, address, 0, length, 0, 0, 0, 0, kind, who)], EVENT)


def test_a_granted_page_is_granted_to_one_requester_alone() -> None:
    grants = Grants(64 * PAGE)
    grants.grant(Reader.WALKER, [3])
    grants.grant_range(Writer.RECORDS, 5 * PAGE + 32, 4096)
    assert grants.offences(_asked(Kind.READ_ADDRESS, Reader.WALKER, 3 * PAGE + 4032)) == []
    assert grants.offences(_asked(Kind.WRITE_ADDRESS, Writer.RECORDS, 6 * PAGE)) == []
    for kind, who, address, length, words in (
        (Kind.READ_ADDRESS, Reader.DATA, 3 * PAGE, 64, "read by data"),
        (Kind.READ_ADDRESS, Reader.WALKER, 4 * PAGE, 64, "read by walker"),
        (Kind.READ_ADDRESS, Reader.WALKER, 3 * PAGE + 4033, 64, "read by walker of 64 bytes"),
        (Kind.WRITE_ADDRESS, Writer.DATA, 5 * PAGE, 64, "write by data"),
        (Kind.WRITE_ADDRESS, Writer.RECORDS, 7 * PAGE, 32, "write by records"),
        (Kind.READ_ADDRESS, 9, 3 * PAGE, 64, "read by nobody"),
        (Kind.READ_ADDRESS, Reader.WALKER, 64 * PAGE, 8, "read by walker"),
        (Kind.WRITE_ADDRESS, Writer.RECORDS, (1 << 64) - 8, 8, "write by records"),
    ):
        found = grants.offences(_asked(kind, who, address, length))
        assert len(found) == 1 and found[0].startswith(words), (words, found)
    grants.revoke(Reader.WALKER, [3])
    assert grants.offences(_asked(Kind.READ_ADDRESS, Reader.WALKER, 3 * PAGE))


def test_a_trace_without_bursts_checks_nothing_and_says_so() -> None:
    with pytest.raises(ValueError, match="nothing was checked"):
        Grants(64 * PAGE).offences(_asked(Kind.DOORBELL, 0, 0))
