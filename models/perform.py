"""Runs drivers on the untimed Python device: one generator alone, or several as threads in a chosen order.

A `Machine` is several devices beside one host RAM: what runs on one runs on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

from models.device import Device, Stuck
from models.events import Event
from models.steps import ENGINE_STRIDE, Acquire, CsrRead, CsrWrite, ScanOut, Step, WaitIrq

__all__ = ["Machine", "Performer", "Waited", "can_go_on", "run", "run_together"]

_T = TypeVar("_T")


class Waited(Protocol):
    """What a thread can wait for: locks and interrupt lines."""

    locks: set[str]

    def raised(self, line: int) -> bool:
        """Return whether an interrupt line is high."""
        ...


class Performer(Waited, Protocol):
    """What performs steps without time."""

    events: list[Event]

    def perform(self, step: Step) -> Any:
        """Perform one step and return what the generator is resumed with. Stuck where a wait can never end."""
        ...

    def advance(self) -> bool:
        """Let one descriptor end; False if nothing can move."""
        ...


class Machine:
    """Several devices by slot, with one set of locks and one list of events."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = list(devices)
        self.events: list[Event] = []
        self.locks: set[str] = set()
        for device in self.devices:
            device.events, device.locks = self.events, self.locks

    def perform(self, step: Step) -> Any:
        """Perform one step on the device that it is for; who waits for one interrupt lets all devices work."""
        match step:
            case CsrWrite(address, value):
                slot, low = divmod(address, ENGINE_STRIDE)
                return self.devices[slot].perform(CsrWrite(low, value) if slot else step)
            case CsrRead(address):
                slot, low = divmod(address, ENGINE_STRIDE)
                return self.devices[slot].perform(CsrRead(low) if slot else step)
            case WaitIrq(line, signals):
                while not self.raised(line):
                    if signals is not None and signals.pending:
                        return False
                    if not self.advance():
                        raise Stuck(f"no interrupt {line} can come")
                return True
            case ScanOut(_, _, slot):
                return self.devices[slot].perform(step)
        return self.devices[0].perform(step)

    def advance(self) -> bool:
        """Let one descriptor of the first device that can move end; False if none can."""
        return any(device.advance() for device in self.devices)

    def raised(self, line: int) -> bool:
        """Return whether the interrupt line of the device in slot `line` is high."""
        return self.devices[line].irq


def run(generator: Generator[Step, Any, _T], device: Performer) -> _T:
    """Run one driver generator to its end on the device and return its result."""
    result: Any = None
    try:
        while True:
            result = device.perform(generator.send(result))
    except StopIteration as stop:
        value: _T = stop.value
        return value


def can_go_on(step: Step | None, device: Waited) -> bool:
    """Return whether a thread whose next step is this one can move: not if it waits for a lock or an interrupt."""
    if isinstance(step, Acquire):
        if step.lock not in device.locks or not step.wait:
            return True
        return step.signals is not None and step.signals.pending
    if isinstance(step, WaitIrq):
        return device.raised(step.line) or (step.signals is not None and step.signals.pending)
    return True


def run_together(
    generators: Sequence[Generator[Step, Any, Any]], device: Performer, choose: Callable[[int], int]
) -> list[Any]:
    """Run several generators as threads beside the device: before each step `choose(n)` picks who moves, 0 to n - 1.

    The last choice is the device, which ends one descriptor if it can; the others are the threads that can go on. A
    thread that wants a held lock, or an interrupt that is not there, cannot. Returns the results in order. Stuck on a
    deadlock.
    """
    results: list[Any] = [None] * len(generators)
    waiting: dict[int, Step | None] = dict.fromkeys(range(len(generators)))
    while waiting:
        able = [index for index, step in waiting.items() if can_go_on(step, device)]
        pick = choose(len(able) + 1) if able else 0
        if pick == len(able):
            if device.advance():
                continue
            if not able:
                raise Stuck(f"every thread waits: {list(waiting.values())}")
            pick = choose(len(able))
        index = able[pick]
        try:
            step = waiting[index]
            waiting[index] = generators[index].send(device.perform(step) if step is not None else None)
        except StopIteration as stop:
            results[index] = stop.value
            del waiting[index]
    return results
