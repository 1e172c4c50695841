"""Runs drivers on the untimed Python device: one generator alone, or several as threads in a chosen order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from models.device import Device, Stuck
from models.steps import Acquire, Step, WaitIrq

__all__ = ["run", "run_together"]

_T = TypeVar("_T")


def run(generator: Generator[Step, Any, _T], device: Device) -> _T:
    """Run one driver generator to its end on the device and return its result."""
    result: Any = None
    try:
        while True:
            result = device.perform(generator.send(result))
    except StopIteration as stop:
        value: _T = stop.value
        return value


def run_together(
    generators: Sequence[Generator[Step, Any, Any]], device: Device, choose: Callable[[int], int]
) -> list[Any]:
    """Run several generators as threads beside the device: before each step `choose(n)` picks who moves, 0 to n - 1.

    The last choice is the device, which ends one descriptor if it can; the others are the threads that can go on. A
    thread that wants a held lock, or an interrupt that is not there, cannot. Returns the results in order. Stuck on a
    deadlock.
    """
    results: list[Any] = [None] * len(generators)
    waiting: dict[int, Step | None] = dict.fromkeys(range(len(generators)))

    def ready(step: Step | None) -> bool:
        if isinstance(step, Acquire):
            return step.lock not in device.locks
        return device.irq if isinstance(step, WaitIrq) else True

    while waiting:
        able = [index for index, step in waiting.items() if ready(step)]
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
