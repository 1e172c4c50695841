"""What a move of a thread touches: observed at the driver's shared objects while a schedule is explored.

For the time of a move, reading or setting certain attributes of certain classes is noted: dirty bits of a mapping, the
generation of an address space, a ring's counts, a fence's state, host memory. Two moves whose notes have nothing in
common are independent. Locks are told apart: taking one races with taking it, not with giving it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models.attachment import Attachment
from models.client.process import Process
from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver
from models.engine import Queue
from models.faultline_engine import FaultlineEngine
from models.fence import Fence, Reservation
from models.importer import ForeignImport
from models.layout import Address, Opcode, QueueOffset, queue_address
from models.memory import HostMemory
from models.oracle import Oracle
from models.page_table import AddressSpace, Mapping, ObjectTable, PageTable
from models.policy.tracking import Tracked
from models.recovery import Recovery
from models.ring import Ring
from models.signals import Signals
from models.staging import Slot, Staging
from models.steps import ENGINE_STRIDE, Acquire, CsrRead, CsrWrite, Release, ScanOut, Step, WaitIrq

__all__ = ["Footprint", "lock_of", "touched_by_device", "touched_by_step", "watching"]

Name = Callable[[Any, str], tuple[str, ...]]

_DATA, _MEMORY, _PAGES = "host data", "device memory", "object table"
_INTERRUPTS = frozenset(f"interrupt {queue}" for queue in Queue)
_QUEUE_STRIDE = queue_address(1, QueueOffset.RING_BASE_LO) - queue_address(0, QueueOffset.RING_BASE_LO)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Names of what a move touched, and what it did to a lock: ("take" | "try" | "give", name)."""

    touched: frozenset[str] = frozenset()
    lock: tuple[str, str] | None = None

    def keys(self) -> set[str]:
        """Everything by which one move comes to know of another."""
        return set(self.touched) | ({f"lock {self.lock[1]}"} if self.lock else set())

    def leaves(self) -> set[str]:
        """What it leaves for later moves to race with."""
        return set(self.touched) | ({f"{self.lock[0]} {self.lock[1]}"} if self.lock else set())

    def races(self) -> set[str]:
        """What earlier moves may have left that this one could have come before."""
        found = set(self.touched)
        if self.lock:
            kind, name = self.lock
            others = {"take": ("take", "try"), "try": ("take", "try", "give"), "give": ("try",)}[kind]
            found |= {f"{other} {name}" for other in others}
        return found

    def meets(self, other: Footprint) -> bool:
        """Return whether the two moves touch something in common, the same lock included."""
        return bool(self.keys() & other.keys())


def lock_of(step: Step | None) -> tuple[str, str] | None:
    """Return what a step does to a lock."""
    if isinstance(step, Acquire):
        return ("take" if step.wait else "try", step.lock)
    return ("give", step.lock) if isinstance(step, Release) else None


def touched_by_step(step: Step | None) -> frozenset[str]:
    """Return what of the device a thread's step touches: a queue's registers, the interrupt, tables, its memory."""
    if isinstance(step, WaitIrq):
        return _INTERRUPTS
    if isinstance(step, ScanOut):
        return frozenset({_MEMORY})
    if not isinstance(step, CsrRead | CsrWrite):
        return frozenset()
    address = step.address % ENGINE_STRIDE
    for queue in Queue:
        if 0 <= address - queue_address(queue, QueueOffset.RING_BASE_LO) < _QUEUE_STRIDE:
            return frozenset({f"queue {queue}"})
    if address in (Address.IRQ_STATUS, Address.IRQ_ENABLE):
        return _INTERRUPTS
    return frozenset(f"tables {queue}" for queue in Queue)


def touched_by_device(queue: Queue, opcode: Opcode | None) -> frozenset[str]:
    """Return what the end of one descriptor touches: its queue, records and interrupt, and what the opcode moves."""
    found = {f"queue {queue}", f"interrupt {queue}", f"records {queue}", f"tables {queue}"}
    if opcode in (Opcode.READBACK, Opcode.WRITEBACK):
        found |= {_DATA, _MEMORY, _PAGES}
    elif opcode in (Opcode.FILL, Opcode.COPY):
        found.add(_MEMORY)
    elif opcode is Opcode.WAIT:
        found.add(f"queue {1 - queue}")
    elif opcode is None:
        found |= {_DATA, _MEMORY, _PAGES, *(f"queue {other}" for other in Queue)}
    return frozenset(found)


def _plain(*names: str) -> Name:
    return lambda thing, attribute: names


def _of(thing: Any, attribute: str) -> Any:
    return object.__getattribute__(thing, attribute)


_RING = frozenset({"tail", "taken", "value", "flying", "failed", "misled", "dropped"})
_BUFFER = frozenset(
    {"grabs", "attachments", "frames", "vmaps", "pins", "valid", "surface", "clearing", "clearings_failed", "gone"}
)
_WATCHED: tuple[tuple[type, frozenset[str], Name], ...] = (
    (Mapping, frozenset({"present", "writable", "dirty", "accessed"}), lambda m, _: (f"entries {_of(m, 'process')}",)),
    (AddressSpace, frozenset({"mappings", "generation"}), _plain("address space")),
    (Reservation, frozenset({"_fences", "_named"}), lambda r, _: (f"fences {_of(r, 'lock')}",)),
    (Fence, frozenset({"state", "error"}), lambda f, _: (f"fence {_of(f, 'queue')} {_of(f, 'value')}",)),
    (Fence, frozenset({"value"}), lambda f, _: (f"ring {_of(f, 'queue')}",)),
    (Tracked, frozenset({"_tracking", "_learned", "_states", "_scanned"}), _plain("policy")),
    (Ring, _RING, lambda r, _: (f"ring {_of(r, 'queue')}",)),
    (Recovery, frozenset({"alarm", "lossy", "restarting"}), _plain("engine")),
    (FaultlineEngine, frozenset({"_drops", "_surfaces", "_objects"}), _plain("engine")),
    (Buffer, _BUFFER, lambda b, a: (f"buffer {a}",)),
    (Attachment, frozenset({"state", "direction"}), _plain("buffer attachments")),
    (DmaBuf, frozenset({"references", "_vmaps"}), _plain("shared buffer")),
    (ForeignImport, frozenset({"_table", "_object"}), _plain("import")),
    (Driver, frozenset({"released", "retired"}), _plain("driver")),
    (PageTable, frozenset({"mappings"}), lambda t, _: (f"map of {_of(t, 'process')}",)),
    (Process, frozenset({"_shared"}), lambda p, _: (f"map of {_of(p, 'name')}",)),
    (Signals, frozenset({"pending"}), _plain("signals")),
    (Staging, frozenset({"_slots", "_next"}), _plain("staging")),
    (Slot, frozenset({"fence"}), _plain("staging")),
    (Slot, frozenset({"memory"}), _plain(_DATA)),
    (Oracle, frozenset({"device", "host", "_watching", "_windows", "_flying"}), _plain("oracle")),
    (HostMemory, frozenset({"pages"}), _plain(_DATA)),
    (HostMemory, frozenset({"read", "read_u64"}), _plain(*(f"records {queue}" for queue in Queue))),
    (ObjectTable, frozenset({"set"}), _plain(_PAGES)),
)

_HOOKS = ("__getattribute__", "__setattr__")
_NAMES: dict[type, dict[str, Name]] = {}
for _kind, _attributes, _name in _WATCHED:
    _NAMES.setdefault(_kind, {}).update(dict.fromkeys(_attributes, _name))


@contextmanager
def watching() -> Iterator[set[str]]:
    """Note what is touched inside of the block."""
    touched: set[str] = set()
    for kind, names in _NAMES.items():
        for hook, function in _hooks(names, touched).items():
            type.__setattr__(kind, hook, function)
    try:
        yield touched
    finally:
        for kind in _NAMES:
            for hook in _HOOKS:
                type.__delattr__(kind, hook)


def _hooks(names: dict[str, Name], touched: set[str]) -> dict[str, Callable[..., Any]]:
    def read(self: Any, attribute: str) -> Any:
        if attribute in names:
            touched.update(names[attribute](self, attribute))
        return object.__getattribute__(self, attribute)

    def write(self: Any, attribute: str, value: Any) -> None:
        if attribute in names:
            touched.update(names[attribute](self, attribute))
        object.__setattr__(self, attribute, value)

    return dict(zip(_HOOKS, (read, write), strict=True))
