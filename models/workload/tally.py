"""What a strategy costs, counted while a workload plays: from the steps that it yields and the transfers it submits.

Nothing is asked of the driver afterwards and nothing depends on who performs the steps, so the Python device and the
RTL give the same counts wherever they take the same decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.engine import Command, Queue, Transfer
from models.events import Event, Fault, FenceWait, Harvest, Insert, Interrupt, Runs, Submit, Unmap, Zap, pages_of
from models.faultline_engine import FaultlineEngine
from models.fence import Fence
from models.steps import Delay, Note, Step, Steps

__all__ = ["OWN_WAIT", "THINK", "Figures", "MeteredEngine", "Tally"]

OWN_WAIT = "trace"
"""Cause of the waits that the trace itself asks for; they are not the strategy's."""

THINK = "think"
"""Name of the host time that passes in the programs themselves."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Figures:
    """Counts of one play, from its first action until the device is idle.

    `zapped` are entries that zaps removed. A shootdown is a zap that removed entries, or a harvest, of pages for which
    a process other than the one that acted last has an entry: its processor must be interrupted. Bytes are those of
    all transfers, by whatever means: faults, brackets, uploads, transfer objects, damage, aperture. `descriptors` are
    those put into either ring, fences and waits among them; `waits` the times that somebody began to wait for a fence,
    without those that the trace asks for. `host_ns` is the host time that the cost table charged, by its names.
    """

    faults: int = 0
    zapped: int = 0
    shootdowns: int = 0
    readback_bytes: int = 0
    writeback_bytes: int = 0
    descriptors: int = 0
    waits: int = 0
    interrupts: int = 0
    host_ns: dict[str, int] = field(default_factory=dict)


class MeteredEngine(FaultlineEngine):
    """The engine with a count of the bytes that transfers were told to move, while `meter` is set."""

    meter: Figures | None = None

    def submit(
        self, queue: Queue, commands: Sequence[Command], after: Sequence[Fence] = (), *, cause: str = ""
    ) -> Steps[Fence]:
        """Queue commands, and count them."""
        if self.meter is not None:
            for command in commands:
                if isinstance(command, Transfer) and command.readback:
                    self.meter.readback_bytes += command.box.bytes
                elif isinstance(command, Transfer):
                    self.meter.writeback_bytes += command.box.bytes
        return (yield from super().submit(queue, commands, after, cause=cause))


class Tally:
    """Counts the events and delays of one buffer's play; `actor` is the process that acts now."""

    def __init__(self, buffer: str) -> None:
        self.figures = Figures()
        self.actor = ""
        self._buffer = buffer
        self._entries: dict[str, set[int]] = {}

    def mapped(self, process: str, pages: Sequence[int]) -> None:
        """A process mapped the buffer, and these entries came with the mapping."""
        self._entries[process] = set(pages)

    def counting(self, steps: Steps[_T]) -> Steps[_T]:
        """Pass steps on, counting them."""
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                value: _T = end.value
                return value
            self._count(step)
            result = yield step

    def _count(self, step: Step) -> None:
        match step:
            case Note(event):
                self._event(event)
            case Delay(nanoseconds, why) if why != THINK:
                host = self.figures.host_ns
                host[why] = host.get(why, 0) + nanoseconds

    def _event(self, event: Event) -> None:
        figures = self.figures
        match event:
            case Fault():
                figures.faults += 1
            case Submit():
                figures.descriptors += event.descriptors
            case FenceWait():
                figures.waits += event.cause != OWN_WAIT
            case Interrupt():
                figures.interrupts += 1
            case Insert() if event.buffer == self._buffer:
                self._entries.setdefault(event.process, set()).update(pages_of(event.pages))
            case Zap() if event.buffer == self._buffer:
                figures.zapped += event.entries
                figures.shootdowns += event.entries > 0 and self._elsewhere(event.pages)
                for entries in self._entries.values():
                    entries.difference_update(pages_of(event.pages))
            case Harvest() if event.buffer == self._buffer:
                figures.shootdowns += self._elsewhere(event.pages)
            case Unmap() if event.buffer == self._buffer:
                self._entries.pop(event.process, None)

    def _elsewhere(self, runs: Runs) -> bool:
        """Return whether a process that does not act has an entry of one of these pages."""
        pages = pages_of(runs)
        return any(
            process != self.actor and not entries.isdisjoint(pages) for process, entries in self._entries.items()
        )
