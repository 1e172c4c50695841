"""What the driver wanted, by its own steps and notes: page faults, readbacks, writebacks, drawings, what else it sent.

An operation begins where the driver's task announces it, at the latest where it submits.  Whatever the task waits for
from then on, locks and fences, is the operation's.  What was announced under a lock that is given back before anything
was submitted came to nothing, and is no operation.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tb.driver_trace import NOTES, STEPS
from tb.trace import Kind, Trace

__all__ = ["Submission", "Wanted", "wanted_of"]

_ACQUIRE, _RELEASE, _WAIT_IRQ = (
    [step.__name__ for step in STEPS].index(name) for name in ("Acquire", "Release", "WaitIrq")
)
_OF_SUBMISSION = {
    "readback": "readback", "writeback": "writeback", "damage": "writeback", "draw": "render", "clear": "render",
}  # fmt: skip
"""Kind of operation by the cause of its submission; `control` for any other."""
_ANNOUNCES = {"Harvest": "writeback", "Writeback": "writeback", "Readback": "readback", "Render": "render"}
_GOES_ON = {("Harvest", "Writeback"), ("Render", "Render")}
"""Notes (one, next) of which the next still announces the same operation."""
_APERTURE = "aperture"
"""Cause of the submission that serves a fault through the aperture, which ends without an entry."""
_NOT_OF_A_FAULT = ("Harvest", "Writeback", "Readback", "Render", "Submit", "Zap", "Unmap", "Fork", "Phase", "Import")
"""Notes after which a fault that has given back its locks is over: it would have taken them again first."""
_NEW = ("Fault", "Insert", "Sigbus", "Submit", "FenceWait", *_ANNOUNCES)
"""Notes that no task makes while it waits for a fence."""


@dataclass(frozen=True, slots=True)
class Submission:
    """`count` descriptors of a queue, the first of which is the queue's `at`th; `value` is the fence that ends them."""

    queue: int
    at: int
    count: int
    value: int = 0


@dataclass(slots=True)
class Wanted:
    """An operation of the driver's task `task`; end is None where nobody waits for it, cause says why or of what.

    waits, locks: [begin, end) of the waits for fences of others, and for locks.  signals: the cycles in which the
    driver saw each (queue, fence value).
    """

    kind: str
    task: str
    begin: int
    end: int | None = None
    cause: str = ""
    submissions: list[Submission] = field(default_factory=list)
    waits: list[tuple[int, int]] = field(default_factory=list)
    locks: list[tuple[int, int]] = field(default_factory=list)
    signals: Mapping[tuple[int, int], list[int]] = field(default_factory=dict, repr=False)

    def resumed(self, submission: Submission, fenced: int | None) -> int | None:
        """When the driver saw the end of a submission whose fence value was there in cycle `fenced`; None: never."""
        seen = self.signals.get((submission.queue, submission.value), [])
        place = len(seen) if fenced is None else bisect_left(seen, fenced)
        return seen[place] if place < len(seen) else None


@dataclass(slots=True)
class _Task:
    """One task while the trace is read.

    held: locks that it has.  fault: that it is in, `lock` the first that it took for it, `left` when it had none left,
    `through` whether the aperture served it.  last: cycle of its last step or note.
    announced: what it has not submitted yet, by note `by`, `under` the locks that it had then.  wait: (since, (queue,
    value)) of the fence that it waits for.
    """

    name: str
    last: int = 0
    held: set[int] = field(default_factory=set)
    fault: Wanted | None = None
    lock: int | None = None
    left: int | None = None
    through: bool = False
    announced: Wanted | None = None
    by: str = ""
    under: frozenset[int] = frozenset()
    wait: tuple[int, tuple[int, int]] | None = None

    def collecting(self) -> list[Wanted]:
        """What its waits belong to."""
        return [one for one in (self.fault, self.announced) if one is not None]

    def waited(self, cycle: int) -> None:
        """Its wait for a fence is over; that for a submission of the operation itself has parts of its own."""
        if self.wait is None:
            return
        since, fence = self.wait
        for one in self.collecting():
            if fence not in [(mine.queue, mine.value) for mine in one.submissions]:
                one.waits.append((since, cycle))
        self.wait = None

    def ended(self, cycle: int) -> Wanted | None:
        """The fault that it is in, which is over in that cycle; None where it is in none."""
        fault = self.fault
        if fault is not None:
            fault.end = max(cycle, fault.begin)
        self.fault = self.lock = self.left = None
        self.through = False
        return fault


class _Reader:
    """Reads the driver's half of a trace; `done` has operations as they are submitted, faults as they end."""

    def __init__(self) -> None:
        self.done: list[Wanted] = []
        self._tasks: dict[str, _Task] = {}
        self._counts = {0: 0, 1: 0}
        self._signals: dict[tuple[int, int], list[int]] = {}

    def step(self, name: str, cycle: int, event: np.void) -> None:
        """A step was performed: locks and the interrupt tell what a task waits for, and when its fault is over."""
        task, code, lock, taken = self._task(name), int(event["id"]), int(event["address"]), int(event["value"])
        if code == _ACQUIRE:
            if taken:
                for one in task.collecting():
                    one.locks.append((cycle - taken, cycle))
            if event["detail"]:
                task.held.add(lock)
                task.lock = lock if task.fault is not None and task.lock is None else task.lock
                task.left = None if lock == task.lock else task.left
            elif task.fault is not None and not task.held:
                task.left = cycle
        elif code == _RELEASE:
            task.held.discard(lock)
            if lock in task.under:
                task.announced = None
            if task.fault is not None and not task.held:
                task.left = cycle
                if task.through:
                    self._over(task, cycle)
        elif code == _WAIT_IRQ and task.left is not None:
            task.left = cycle
        task.last = cycle

    def note(self, name: str, cycle: int, what: str, facts: Mapping[str, Any]) -> None:
        """The driver noted something."""
        task = self._task(name)
        if what in _NEW and task.wait is not None:
            task.waited(cycle)
        # No fault asks on behalf of nobody: a bracket does, the kernel's map, another device.
        no_fault = what == "Readback" and facts.get("process") == ""
        if what == "Fault" or no_fault or (task.left is not None and what in _NOT_OF_A_FAULT):
            self._over(task, task.last if task.left is None else task.left, ", given up")
        match what:
            case "Fault":
                task.fault = Wanted("page_fault", name, cycle, cause=facts["cause"], signals=self._signals)
                task.announced = None
            case "Insert" | "Sigbus":
                self._over(task, cycle)
            case "Submit":
                self._submitted(task, cycle, facts)
            case "FenceWait":
                task.wait = (cycle, _fence(facts))
            case "FenceSignal":
                self._signals.setdefault(_fence(facts), []).append(cycle)
                for one in self._tasks.values():
                    if one.wait is not None and one.wait[1] == _fence(facts):
                        one.waited(cycle)
            case "Readback" if task.fault is not None:
                pass
            case _ if what in _ANNOUNCES:
                if task.announced is None or (task.by, what) not in _GOES_ON:
                    task.announced = Wanted(_ANNOUNCES[what], name, cycle, signals=self._signals)
                    task.under = frozenset(task.held)
                task.by = what
        task.last = cycle

    def finish(self) -> list[Wanted]:
        """Everything that was wanted, when the trace is at its end; a fault that is under way then is not among it."""
        for task in self._tasks.values():
            if task.left is not None:
                self._over(task, task.left, ", given up")
        return self.done

    def _task(self, name: str) -> _Task:
        found = self._tasks.get(name)
        if found is None:
            found = self._tasks[name] = _Task(name)
        return found

    def _over(self, task: _Task, cycle: int, told: str = "") -> None:
        fault = task.ended(cycle)
        if fault is not None:
            fault.cause += told
            self.done.append(fault)

    def _submitted(self, task: _Task, cycle: int, facts: Mapping[str, Any]) -> None:
        queue, count, cause = int(facts["queue"]), int(facts["descriptors"]), facts["cause"]
        mine = Submission(queue, self._counts[queue], count, int(facts.get("value", 0)))
        self._counts[queue] += count
        kind, announced = _OF_SUBMISSION.get(cause, "control"), task.announced
        task.announced = None
        if task.fault is not None and (cause == _APERTURE or (kind == "readback" and announced is None)):
            task.through = cause == _APERTURE
            task.fault.submissions.append(mine)
            return
        if announced is None or announced.kind != kind:
            announced = Wanted(kind, task.name, cycle, signals=self._signals)
        announced.cause = cause
        announced.submissions.append(mine)
        self.done.append(announced)


def _fence(facts: Mapping[str, Any]) -> tuple[int, int]:
    return int(facts.get("queue", 0)), int(facts.get("value", 0))


def wanted_of(trace: Trace) -> list[Wanted]:
    """What the driver wanted in the last run of a trace, in the order in which it submitted it, or its faults ended."""
    reader = _Reader()
    for event in trace.last_run().of(Kind.NOTE, Kind.STEP):
        cycle, task = int(event["cycle"]), trace.texts[int(event["tag"])]
        if event["kind"] == Kind.STEP:
            reader.step(task, cycle, event)
        else:
            reader.note(task, cycle, NOTES[int(event["id"])], json.loads(trace.texts[int(event["value"])]))
    return reader.finish()
