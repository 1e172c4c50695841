"""What a driver may ask of the world: the steps a sans-I/O generator yields.

A driver function is a generator. It yields one of these frozen values and is resumed with the step's result, so the
same function runs on the untimed Python device (`models.device`), on RTL through the bridge, or behind a real kernel's
page faults. Host RAM is not here: it is one shared memory (`models.memory`), touched directly.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from models.events import Event
from models.signals import Signals

__all__ = [
    "ENGINE_STRIDE",
    "Acquire",
    "CsrRead",
    "CsrWrite",
    "Delay",
    "Note",
    "Recall",
    "Release",
    "ScanOut",
    "Step",
    "Steps",
    "WaitIrq",
    "releasing",
]

ENGINE_STRIDE = 1 << 16
"""Bytes from one engine's registers to the next one's."""


@dataclass(frozen=True, slots=True)
class CsrWrite:
    """One 32-bit register write at a byte address of the register file; resumed with None.

    A second engine's registers lie 64 KiB further, and so on (`ENGINE_STRIDE`).
    """

    address: int
    value: int


@dataclass(frozen=True, slots=True)
class CsrRead:
    """One 32-bit register read; resumed with the value as int."""

    address: int


@dataclass(frozen=True, slots=True)
class WaitIrq:
    """Wait until interrupt line `line` is high (at once if it is).

    With `signals` the wait is interruptible: resumed with False if one of them is pending first, else not with False.
    """

    line: int = 0
    signals: Signals | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Host time passes: `nanoseconds` of it, charged to `why` (a name of the cost table); resumed with None."""

    nanoseconds: int
    why: str


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take a named lock, not recursive; resumed when it is held.

    With `wait=False` it is only tried, with `signals` the wait is interruptible: resumed with False if the lock was not
    taken, else not with False.
    """

    lock: str
    wait: bool = True
    signals: Signals | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Give a named lock back; resumed with None. Releasing a lock that is not held is an error of the driver."""

    lock: str


@dataclass(frozen=True, slots=True)
class Note:
    """Record a driver event; the performer stamps it with its own time; resumed with None."""

    event: Event


@dataclass(frozen=True, slots=True)
class Recall:
    """Have a page table outside (`models.outside`) drop its entries of the pages `zap` of a buffer.

    Resumed with None when it has handed over every store to those pages and to the pages `clean`, whose entries stay.
    Only a performer under a real kernel gets it.
    """

    buffer: str
    zap: tuple[int, ...] = ()
    clean: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanOut:
    """What a display controller does: read `size` raw bytes of device memory from byte address `base`.

    Resumed with a one-dimensional numpy uint8 array of `size` bytes, exactly as they lie in device memory (tiled, not
    translated). The host cannot do this; only the scan-out hardware beside the engine can.
    """

    base: int
    size: int
    device: int = 0
    """Which engine's memory, where there are several."""


Step: TypeAlias = CsrWrite | CsrRead | WaitIrq | Delay | Acquire | Release | Note | ScanOut | Recall

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Step, Any, _T]


def releasing(steps: Steps[_T], *locks: str) -> Steps[_T]:
    """Run steps with locks held, and give them back in order, also where the steps fail.

    A generator that is dropped on the way gives nothing back: nobody performs steps for it any more.
    """
    try:
        result = yield from steps
    except Exception:
        for lock in locks:
            yield Release(lock)
        raise
    for lock in locks:
        yield Release(lock)
    return result
