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
    """Run several generators as threads: before each step `choose(n)` picks one of the n that can go on.

    A thread that wants a held lock, or an interrupt that is not there, cannot; when none can, the device moves on.
    Returns the results in order. Stuck on a deadlock.
    """
    results: list[Any] = [None] * len(generators)
    waiting: dict[int, Step | None] = dict.fromkeys(range(len(generators)))

    def ready(step: Step | None) -> bool:
        if isinstance(step, Acquire):
            return step.lock not in device.locks
        return device.irq if isinstance(step, WaitIrq) else True

    while waiting:
        able = [index for index, step in waiting.items() if ready(step)]
        if not able:
            if not device.advance():
                raise Stuck(f"every thread waits: {list(waiting.values())}")
            continue
        index = able[choose(len(able))]
        try:
            step = waiting[index]
            waiting[index] = generators[index].send(device.perform(step) if step is not None else None)
        except StopIteration as stop:
            results[index] = stop.value
            del waiting[index]
    return results
