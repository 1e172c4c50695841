"""Volleys of malformed descriptors: hundreds a doorbell, written, predicted and compared as numpy arrays.

Each volley must end in bounded time with exactly one record for each descriptor, in order, with the cause that
`malformed.refusals` reads out of the rules.  Those that may run are predicted one by one with `models.execute`; then
every byte of host memory and of the device is compared, and a good transfer must work.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.engine import Queue
from models.execute import ENTRY_SIZE, execute
from models.layout import QUEUE_COUNT, Cause, Opcode, QueueOffset, QueueStatus, Record, Status, queue_address
from models.memory import Bytes
from models.steps import CsrRead, CsrWrite, ScanOut, Steps
from tests.system.fault_site import FaultSite, Hang
from tests.system.malformed import Batch, descriptor_of, entries, refusals

__all__ = ["RECORD", "Volleys"]

RECORD = np.dtype(
    [
        ("tag", "<u4"),
        ("opcode", "u1"),
        ("cause", "u1"),
        ("status", "u1"),
        ("where", "u1"),
        ("address", "<u8"),
        ("bytes", "<u4"),
        ("elapsed", "<u4"),
        ("end_cycle", "<u8"),
    ]
)
"""A completion record; `where` is {phase, 6 bits of 0, queue}."""
assert RECORD.itemsize == Record.SIZE

_COMPARED = ("tag", "opcode", "cause", "status", "where", "address", "bytes")
_SHOWN = 3
_CYCLES_EACH = 2000
"""Clock cycles within which a descriptor of a volley must have ended, the mean of a volley."""


@dataclass
class Volleys:
    """Fires volleys on a site.  `causes` counts the records by cause, `moved` the descriptors that moved bytes."""

    site: FaultSite
    causes: Counter[Cause] = field(default_factory=Counter)
    fired: int = 0
    moved: int = 0
    halts: int = 0
    _fences: dict[Queue, int] = field(default_factory=lambda: dict.fromkeys(Queue, 0))

    def fire(self, queue: Queue, batch: Batch, *, halt: bool = False) -> Steps[None]:
        """One volley, at most as many as the rings hold; AssertionError with what is wrong.

        halt: the queue halts at errors, and is resumed as often as it does.
        """
        site = self.site
        ring, image = site.rig.rings[queue], site.ledger.image
        assert len(batch) <= 1 << min(ring.log2, ring.completion_log2), "more than the rings hold"
        rows = batch.copy()
        due = self._predict(queue, rows)
        places = (ring.written + np.arange(len(rows))) % (1 << ring.log2)
        for memory in (image.host.bytes, image.expected):
            _view(memory, ring.entries, ring.log2, ENTRY_SIZE[queue])[places] = entries(rows, queue)
        ring.written += len(rows)
        before = ring.taken
        yield from site.rig.control(queue, halt=halt)
        yield from site.rig.ring_doorbell(queue)
        yield from self._await(queue, len(rows), halt)
        self._compare(queue, rows, due, before)
        yield CsrWrite(queue_address(queue, QueueOffset.COMPLETION_HEAD), ring.taken & 0xFFFF)
        if halt:
            yield from self._resume(queue)
        yield from site.rig.control(queue, halt=False)
        yield from site.idle(queue)
        problems = site.ledger.settle((yield ScanOut(0, site.used)))
        assert not problems, f"after {len(rows)} descriptors: {'; '.join(problems)}"
        self.fired += len(rows)
        self.causes.update(Counter({Cause(int(why)): int(n) for why, n in zip(*_counts(due["cause"]), strict=True)}))
        site.ledger.settled += len(rows)
        yield from site.good(queue)

    def _predict(self, queue: Queue, rows: Batch) -> npt.NDArray[np.void]:
        """The records that must come; the ledger's images follow.  Changes `rows` so that none waits for ever."""
        site = self.site
        ring, ledger = site.rig.rings[queue], site.ledger
        cause, moves = refusals(rows, queue, site.rig.tables)
        rows["order"][moves] = 1  # one after the other, so that what they move is predictable
        self._fence(queue, rows, cause == Cause.NONE)
        due = np.zeros(len(rows), RECORD)
        due["tag"], due["opcode"], due["cause"] = rows["tag"], rows["opcode"], cause
        counts = ring.written + np.arange(len(rows))
        due["where"] = int(queue) | (1 ^ (counts >> ring.completion_log2 & 1)) << 7
        for index in np.flatnonzero(moves):
            outcome = execute(
                descriptor_of(rows[index]), ledger.image.expected, ledger.device, site.rig.tables,
                queue=queue, data_width=ledger.data_width,
            )  # fmt: skip
            outcome.apply(ledger.image.expected, ledger.device)
            due[index]["cause"], due[index]["address"] = outcome.cause, outcome.address
            due[index]["bytes"] = outcome.bytes
        due["status"] = np.where(due["cause"] == Cause.NONE, Status.OK, Status.ERROR)
        self.moved += int(moves.sum())
        return due

    def _fence(self, queue: Queue, rows: Batch, good: npt.NDArray[np.bool_]) -> None:
        """Carry the fence through a volley, and let each WAIT wait for a value that its queue will have reached."""
        fences = np.flatnonzero(good & (rows["opcode"] == Opcode.FENCE))
        values = np.concatenate([[np.uint64(self._fences[queue])], rows["host_offset"][fences]])
        waits = np.flatnonzero(good & (rows["opcode"] == Opcode.WAIT))
        assert (rows["queue"][waits] < QUEUE_COUNT).all()
        own = values[np.searchsorted(fences, waits)]
        other = np.uint64(self._fences[Queue(1 - queue)])
        reached = np.where(rows["queue"][waits] == queue, own, other)
        behind = rows["host_offset"][waits] & np.uint64(0x7FFFFFFF)
        rows["host_offset"][waits] = (reached - behind) & np.uint64(0xFFFFFFFF)
        self._fences[queue] = int(values[-1])
        if len(fences):
            at = self.site.rig.rings[queue].fence_at
            word = np.frombuffer(self._fences[queue].to_bytes(8, "little"), np.uint8)
            self.site.ledger.image.expected[at : at + 8] = word

    def _await(self, queue: Queue, count: int, halt: bool) -> Steps[None]:
        """Until the last record is there; a halted queue is resumed on the way."""
        ring = self.site.rig.rings[queue]
        address, last = queue_address(queue, QueueOffset.COMPLETION_TAIL), (ring.taken + count) & 0xFFFF
        if not halt:
            yield from self.site.until(address, 0xFFFF, last, "last record of a volley", cycles=_CYCLES_EACH * count)
            return
        for _ in range(count + 1):  # an error halts once
            seen = (yield CsrRead(address))
            if seen == last:
                return
            yield from self._resume(queue)
        raise Hang(f"{queue.name}: resumed {count} times, and {(last - seen) & 0xFFFF} records are missing")

    def _resume(self, queue: Queue) -> Steps[None]:
        """Wait until the queue is idle or halted; if halted, resume it."""
        status = queue_address(queue, QueueOffset.STATUS)
        for _ in range(_CYCLES_EACH):
            got = QueueStatus.from_int((yield CsrRead(status)))
            if got.halted:
                self.halts += 1
                yield from self.site.rig.control(queue, halt=True, resume=True)
                return
            if not got.busy:
                return
        raise Hang(f"{queue.name}: neither idle nor halted")

    def _compare(self, queue: Queue, rows: Batch, due: npt.NDArray[np.void], before: int) -> None:
        """Records against predictions, field by field; the expected image takes over what is as it should be."""
        site = self.site
        ring, image = site.rig.rings[queue], site.ledger.image
        log2 = ring.completion_log2
        places = (before + np.arange(len(rows))) % (1 << log2)
        raw = _view(image.host.bytes, ring.records, log2, Record.SIZE)[places]
        found = raw.view(RECORD).reshape(-1)
        wrong = np.zeros(len(rows), np.bool_)
        for name in _COMPARED:
            wrong |= found[name] != due[name]
        backwards = np.flatnonzero(found["end_cycle"][1:] < found["end_cycle"][:-1])
        shown = [
            f"{descriptor_of(rows[index])} ended with "
            + ", ".join(f"{name} {found[index][name]}, not {due[index][name]}" for name in _COMPARED
                        if found[index][name] != due[index][name])
            for index in np.flatnonzero(wrong)[:_SHOWN]
        ]  # fmt: skip
        assert not wrong.any(), f"{int(wrong.sum())} of {len(rows)} records (seed {site.seed}): {'; '.join(shown)}"
        assert not len(backwards), f"records {backwards[:_SHOWN]} end before their predecessors"
        _view(image.expected, ring.records, log2, Record.SIZE)[places] = raw
        ring.taken += len(rows)
        ring.consumed = ring.taken


def _view(memory: Bytes, base: int, log2: int, size: int) -> Bytes:
    """A ring in a memory, one row an entry."""
    return memory[base : base + (size << log2)].reshape(-1, size)


def _counts(values: npt.NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    what, number = np.unique(values, return_counts=True)
    return what.tolist(), number.tolist()
