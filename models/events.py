"""What the driver did: frozen events, the same on every performer.

An event says what happened and why, never when: the performer stamps it. Two runs of one scenario on the Python device
and in two simulators therefore give equal lists, which a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "Attach",
    "Doorbell",
    "Event",
    "Fault",
    "FenceSignal",
    "FenceWait",
    "Fork",
    "Harvest",
    "Import",
    "Insert",
    "Interrupt",
    "Phase",
    "Readback",
    "Recover",
    "Render",
    "Runs",
    "ScanOutDone",
    "Sigbus",
    "Submit",
    "Unmap",
    "Writeback",
    "Zap",
    "page_count", "pages_of",
    "runs_of",
]

Runs: TypeAlias = tuple[tuple[int, int], ...]
"""Pages of a buffer as (first page, number of pages), ascending and not adjacent."""


def runs_of(pages: Iterable[int]) -> Runs:
    """Return ascending page runs of a set of page numbers."""
    runs: list[tuple[int, int]] = []
    for page in sorted(set(pages)):
        if runs and runs[-1][0] + runs[-1][1] == page:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page, 1))
    return tuple(runs)


def page_count(runs: Runs) -> int:
    """Return how many pages the runs hold."""
    return sum(count for _, count in runs)


def pages_of(runs: Runs) -> set[int]:
    """Return the pages that the runs hold."""
    return {page for first, count in runs for page in range(first, first + count)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has: why it happened, who was running, which buffer and which of its pages."""

    cause: str = ""
    process: str = ""
    buffer: str = ""
    pages: Runs = ()

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON-ready values, its class under "event"."""
        # Not asdict, which copies: events are recorded while time is measured.
        return {"event": type(self).__name__, **{name: getattr(self, name) for name in self.__dataclass_fields__}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Event):
    """A part of a scenario begins."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Event):
    """A load or store met no entry, or a store a read-only one."""

    write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(Event):
    """A page-table entry was installed or upgraded."""

    writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigbus(Event):
    """A fault could not be served (R16): the client gets SIGBUS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zap(Event):
    """Entries were removed from every mapping (R7); `entries` counts those that were present."""

    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmap(Event):
    """A mapping of these pages went away; what it left dirty is collected with the next submission (R20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Event):
    """A child, `process`, got copies of the entries that its parent, the cause, has of these pages (R22)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest(Event):
    """Dirty pages were collected and write-protected (R20, R21)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writeback(Event):
    """Pages were sent to the device: `bytes` bytes in `descriptors` boxes."""

    bytes: int
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readback(Event):
    """Pages were asked back from the device: `bytes` bytes in `descriptors` boxes."""

    bytes: int
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Render(Event):
    """One drawing command was handed to the renderer; x and width in bytes, y and height in rows."""

    operation: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(Event):
    """Descriptors were put into a ring; `value` is the fence that ends them.

    `tag` is that of the last, the FENCE; the others have those before it, one after the other.
    """

    queue: int
    descriptors: int
    value: int
    tag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorbell(Event):
    """The ring's tail was published, modulo 2^16; `tag` is that of the last descriptor before it."""

    queue: int
    tail: int
    tag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceWait(Event):
    """Somebody begins to wait for a fence that the driver has not seen signalled; `tag` is its FENCE's."""

    queue: int
    value: int
    tag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceSignal(Event):
    """The driver has seen a fence signalled; `tag` is its FENCE's."""

    queue: int
    value: int
    tag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(Event):
    """Completion records were taken from a ring, up to and with that of fence `value`; `tag` is its FENCE's."""

    queue: int
    records: int
    value: int
    tag: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover(Event):
    """A queue stopped with an error; the driver aborts what is left and goes on."""

    queue: int
    address: int
    tag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Event):
    """A descriptor became a handle on a device; `same` when it is the exporter's own object (R3)."""

    device: str
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach(Event):
    """Another device attached to the buffer (R4)."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOutDone(Event):
    """A compositor showed the surface; `bytes` raw device bytes were read by the scan-out hardware, none by DMA."""

    bytes: int
