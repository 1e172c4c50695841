"""Predicts what each descriptor does and compares: by record and by memory image, never by burst.

`Ledger` knows neither UVM nor a simulator, so that the untimed device and broken copies of it can be put before it;
`Scoreboard` is the component that fails the test.  A prediction is `models.execute`, applied to the expected images in
the order in which the records say the descriptors ended.  What fails: nothing seen, an orphan record, a descriptor left
over, a record that differs, a byte of host or device memory that differs, and X in what is read back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pyuvm import uvm_component, uvm_scoreboard

from models.engine import Queue
from models.execute import Outcome, Tables, execute
from models.layout import Cause, Descriptor, Opcode, Record, Status
from models.memory import PAGE, Bytes
from tb.agents.memory.image import HostImage, runs

__all__ = ["Ledger", "Scoreboard", "Settled"]

BusCheck = Callable[[int, int, bool], Cause]

_SHOWN = 8
"""Mismatches printed for each comparison; the rest are counted."""


@dataclass(frozen=True, slots=True)
class _Expected:
    descriptor: Descriptor
    tables: Tables
    bus: BusCheck
    fence_at: int
    outcome: Outcome | None
    cut: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """A descriptor that was compared: the tables that held, its queue, and the record it got."""

    descriptor: Descriptor
    tables: Tables
    queue: Queue
    record: Record


@dataclass(frozen=True, slots=True)
class _Ended:
    expected: _Expected
    queue: Queue
    record: Record
    address: int


class Ledger:
    """Expected and observed descriptors, and the images of host and device memory they lead to.

    device: the device's contents at the start, `data_width` that of the bus in bits.
    """

    def __init__(self, image: HostImage, device: Bytes, data_width: int) -> None:
        self.image = image
        self.device = device.copy()
        self.data_width = data_width
        self.settled = 0
        self.history: list[Settled] = []
        self._waiting: dict[Queue, deque[_Expected]] = {queue: deque() for queue in Queue}
        self._ended: list[_Ended] = []
        self._problems: list[str] = []

    @property
    def open(self) -> int:
        """Descriptors expected or observed that have not been compared."""
        return len(self._ended) + sum(len(waiting) for waiting in self._waiting.values())

    def expect(
        self,
        queue: Queue,
        descriptor: Descriptor,
        tables: Tables,
        bus: BusCheck,
        *,
        fence_at: int,
        outcome: Outcome | None = None,
        cut: bool = False,
    ) -> None:
        """A descriptor has been queued; its record must come, in order.

        tables, bus: as they are while it runs.  fence_at: bus address of the queue's fence value.
        outcome: what happens where a descriptor alone does not tell (refused doorbell, fetch error, abort).
        cut: an abort may stop it anywhere: the record's bytes say how much of the prediction holds.
        """
        self._waiting[queue].append(_Expected(descriptor, tables, bus, fence_at, outcome, cut))

    def observe(self, queue: Queue, record: Record, address: int, phase: int) -> None:
        """A record was found at bus `address`; `phase` is what its lap of the ring must carry."""
        if not self._waiting[queue]:
            self._problems.append(f"{queue.name}: orphan {record}")
            return
        if record.phase != phase:
            self._problems.append(f"{queue.name}: phase {record.phase}, not {phase}, in {record}")
        self._ended.append(_Ended(self._waiting[queue].popleft(), queue, record, address))

    def settle(self, device: Bytes) -> list[str]:
        """Compare everything so far, with `device` the contents of device memory (its first bytes suffice).

        Returns what is wrong, in words.  Nothing may be under way.
        """
        for ended in sorted(self._ended, key=lambda ended: ended.record.end_cycle):
            self._apply(ended, device)
        problems, self._problems, self._ended = self._problems, [], []
        for queue, waiting in self._waiting.items():
            problems += [f"{queue.name}: no record for {expected.descriptor}" for expected in waiting]
            waiting.clear()
        problems += _listed(
            "host memory",
            [
                f"{at:#x}+{size}: {_hex(self.image.host.bytes, at, size)}, not {_hex(self.image.expected, at, size)}"
                for at, size in self.image.mismatches()
            ],
        )
        expected = self.device[: device.size]
        problems += _listed(
            "device memory",
            [
                f"{at:#x}+{size}: {_hex(device, at, size)}, not {_hex(expected, at, size)}"
                for at, size in runs(np.flatnonzero(device != expected))
            ],
        )
        return problems

    def forgive(self, frames: Sequence[int], device: Bytes) -> None:
        """After a reset: forget what was under way; take host pages `frames` and device memory as they are."""
        self._ended.clear()
        for waiting in self._waiting.values():
            waiting.clear()
        pages = self.image.expected.reshape(-1, PAGE)
        for frame in frames:
            pages[frame] = self.image.host.pages[frame]
        self.device[: device.size] = device

    def _apply(self, ended: _Ended, device: Bytes) -> None:
        expected, record = ended.expected, ended.record
        descriptor = expected.descriptor
        outcome = expected.outcome or execute(
            descriptor,
            self.image.expected,
            self.device,
            expected.tables,
            queue=ended.queue,
            data_width=self.data_width,
            bus=expected.bus,
        )
        on_the_way = outcome.cause in (Cause.BUS_ERROR, Cause.WATCHDOG)
        if expected.cut and record.status == Status.ABORTED:
            outcome = _cut(outcome, record)
            on_the_way = record.address != 0  # else it never began, and not a byte may have moved
        due = Record(
            tag=descriptor.tag,
            opcode=descriptor.opcode,
            cause=outcome.cause,
            status=outcome.status,
            queue=ended.queue,
            phase=record.phase,
            address=outcome.address,
            bytes=outcome.bytes,
            elapsed=record.elapsed,
            end_cycle=record.end_cycle,
        )
        if on_the_way and descriptor.opcode == Opcode.READBACK:
            self._allow_later_bursts(expected, outcome)
        if on_the_way and descriptor.opcode == Opcode.WRITEBACK and outcome.cause is Cause.ABORTED:
            self._allow_later_words(expected, device)
        if due != record:
            self._problems.append(f"{ended.queue.name}: {_difference(record, due)} in the record of {descriptor}")
        outcome.apply(self.image.expected, self.device)
        self._put(ended.address, due.pack())
        if descriptor.opcode == Opcode.FENCE and outcome.status is Status.OK:
            self._put(expected.fence_at, descriptor.host_offset.to_bytes(8, "little"))
        self.settled += 1
        self.history.append(Settled(descriptor, expected.tables, ended.queue, record))

    def _allow_later_bursts(self, expected: _Expected, outcome: Outcome) -> None:
        """Writes that were on their way when one failed or was cut: each byte may be the old one or the new one."""
        whole = execute(
            expected.descriptor, self.image.expected, self.device, expected.tables, data_width=self.data_width
        )  # fmt: skip
        for address, data in whole.host_writes:
            part = slice(address, address + data.size)
            arrived = self.image.host.bytes[part] == data
            self.image.expected[part][arrived] = data[arrived]

    def _allow_later_words(self, expected: _Expected, device: Bytes) -> None:
        """Words of a burst that an abort cut are in device memory, or not: each byte may be the old one or the new."""
        whole = execute(
            expected.descriptor, self.image.expected, self.device, expected.tables, data_width=self.data_width
        )  # fmt: skip
        inside = whole.device_index < device.size
        index, values = whole.device_index[inside], whole.device_values[inside]
        arrived = device[index] == values
        self.device[index[arrived]] = values[arrived]

    def _put(self, address: int, data: bytes) -> None:
        self.image.expected[address : address + len(data)] = np.frombuffer(data, np.uint8)


def _cut(outcome: Outcome, record: Record) -> Outcome:
    """As much of an outcome as an aborted record says; its address (of the burst that was cut) is the engine's word."""
    count = record.bytes
    kept: list[tuple[int, Bytes]] = []
    left = count
    for address, data in outcome.host_writes:
        if left <= 0:
            break
        kept.append((address, data[:left]))
        left -= data.size
    return replace(
        outcome,
        status=Status.ABORTED,
        cause=Cause.ABORTED,
        address=record.address,
        bytes=min(count, outcome.bytes),
        host_writes=tuple(kept),
        device_index=outcome.device_index[:count],
        device_values=outcome.device_values[:count],
    )


def _difference(got: Record, due: Record) -> str:
    names = ("tag", "opcode", "cause", "status", "queue", "address", "bytes")
    wrong = [name for name in names if getattr(got, name) != getattr(due, name)]
    return ", ".join(f"{name} {getattr(got, name)!r}, not {getattr(due, name)!r}" for name in wrong)


def _hex(data: Bytes, at: int, size: int) -> str:
    return data[at : at + min(size, 8)].tobytes().hex() + ("..." if size > 8 else "")


def _listed(where: str, found: list[str]) -> list[str]:
    shown = [f"{where} {text}" for text in found[:_SHOWN]]
    return shown + ([f"{where}: {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])


class Scoreboard(uvm_scoreboard):  # type: ignore[misc]  # pyuvm carries no types
    """Owns the ledger of a test, logs what it finds, and insists on having seen something.

    A test that gives it no ledger is not scored here (the photo scenario compares pictures instead).
    """

    def __init__(self, name: str, parent: uvm_component) -> None:
        super().__init__(name, parent)
        self.ledger: Ledger | None = None
        self.ledgers: list[Ledger] = []

    def open(self, image: HostImage, device: Bytes, data_width: int) -> Ledger:
        """Start a ledger."""
        self.ledger = Ledger(image, device, data_width)
        self.ledgers.append(self.ledger)
        return self.ledger

    def settle(self, device: Bytes) -> list[str]:
        """Compare; every problem is logged as an error and returned."""
        assert self.ledger is not None, "open() first"
        problems = self.ledger.settle(device)
        for problem in problems:
            self.logger.error("%s", problem)
        return problems

    def check_phase(self) -> None:
        """Something must have been compared, and nothing left out."""
        if self.ledger is not None and self.ledger.settled == 0:
            self.logger.error("nothing was compared")
        if self.ledger is not None and self.ledger.open:
            self.logger.error("%d descriptors were never compared", self.ledger.open)
