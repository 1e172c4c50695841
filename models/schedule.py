"""Runs several drivers as threads under every interleaving of their steps, up to reordering what does not matter.

A thread moves from one step to the next; the device, each queue for itself, from one fence to the next. Two moves that
touch nothing in common may be swapped without anybody noticing, so of all schedules that differ only in that, one is
run (dynamic partial-order reduction with sleep sets, Flanagan and Godefroid 2005). What a move touches is observed, not
declared: `models.footprint` watches the driver's shared objects. Past a bound of schedules the rest is sampled with
random priorities (Burckhardt et al. 2010), and the result says so.

A schedule fails when a thread raises, when everybody waits for ever, or when the scenario's own check complains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from models.engine import Queue
from models.footprint import Footprint, lock_of, touched_by_device, touched_by_step, watching
from models.layout import Opcode
from models.perform import Machine, Waited, can_go_on
from models.steps import Note, Step

__all__ = ["Failure", "Result", "Scenario", "Schedulable", "explore", "replay"]

DEPTH = 3
"""Priority changes in a random schedule: one less than the number of ordering constraints it can hit for sure."""


class Schedulable(Waited, Protocol):
    """What a schedule needs of a device: to perform steps, and to move one queue when it is told to."""

    def perform(self, step: Step) -> Any:
        """Perform one step."""
        ...

    def can_advance(self, queue: Queue) -> bool:
        """Return whether a descriptor of the queue could end now."""
        ...

    def next_opcode(self, queue: Queue) -> Opcode | None:
        """Return what the queue would carry out next; None for an error, an abort or nothing."""
        ...

    def advance_queue(self, queue: Queue) -> bool:
        """Let one descriptor of the queue end; False if none could."""
        ...


@dataclass(frozen=True, slots=True)
class Scenario:
    """Threads by name on a device, or on several of a machine, in a world made for one schedule.

    `check` is called when all have ended and returns what is wrong, or nothing.
    """

    threads: Mapping[str, Generator[Step, Any, Any]]
    device: Schedulable | Machine
    check: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule that went wrong: who moved, move by move, and why it is wrong."""

    reason: str
    moves: tuple[str, ...]


@dataclass(slots=True)
class Result:
    """What came of an exploration. `exhaustive` unless the bound was met; `pruned` runs were seen to be redundant."""

    schedules: int = 0
    pruned: int = 0
    sampled: int = 0
    exhaustive: bool = True
    failures: list[Failure] = field(default_factory=list)

    def __str__(self) -> str:
        kind = "all" if self.exhaustive else f"the first, {self.sampled} more at random"
        return f"{self.schedules} schedules ({kind}), {len(self.failures)} failed"


@dataclass(slots=True)
class _Point:
    """A state on the way: who can move, who moves, who is still to be tried first, and who need not be."""

    enabled: tuple[str, ...]
    chosen: str
    backtrack: set[str]
    sleep: dict[str, Footprint]
    done: dict[str, Footprint] = field(default_factory=dict)
    footprint: Footprint = field(default_factory=Footprint)


class _Run:
    """One execution of a scenario, move by move."""

    def __init__(self, scenario: Scenario, touched: set[str]) -> None:
        self._scenario = scenario
        self._touched = touched
        self._device = scenario.device
        self._waiting: dict[str, Step | None] = dict.fromkeys(scenario.threads)
        device = scenario.device
        devices: Sequence[Schedulable] = device.devices if isinstance(device, Machine) else [device]
        self._queues = {
            f"device{f' {slot}' if slot else ''} {queue.name.lower()}": (one, queue)
            for slot, one in enumerate(devices)
            for queue in Queue
        }
        self.failure = ""

    def enabled(self) -> tuple[str, ...]:
        """Return who can move."""
        threads = [name for name, step in self._waiting.items() if can_go_on(step, self._device)]
        return (*threads, *(name for name, (device, queue) in self._queues.items() if device.can_advance(queue)))

    def move(self, name: str) -> Footprint:
        """Let a thread go on to its next step, or a queue of the device end one descriptor."""
        if name in self._queues:
            return Footprint(self._end_submission(*self._queues[name]))
        self._touched.clear()
        step = self._waiting[name]
        try:
            answer = self._device.perform(step) if step is not None else None
            self._go_on(name, answer)
        except StopIteration:
            del self._waiting[name]
        except Exception as error:
            del self._waiting[name]
            self.failure = f"{name}: {type(error).__name__}: {error}"
        return Footprint(frozenset(self._touched) | touched_by_step(step), lock_of(step))

    @staticmethod
    def _end_submission(device: Schedulable, queue: Queue) -> frozenset[str]:
        """Let descriptors end up to the next FENCE: that the bytes are there before the fence is, helps nobody."""
        touched: frozenset[str] = frozenset()
        while device.can_advance(queue):
            opcode = device.next_opcode(queue)
            touched |= touched_by_device(queue, opcode)
            if not device.advance_queue(queue) or opcode in (Opcode.FENCE, None):
                break
        return touched

    def _go_on(self, name: str, answer: Any) -> None:
        """Resume until the next step that others could notice: a note is none."""
        steps = self._scenario.threads[name]
        step: Step = steps.send(answer)
        while isinstance(step, Note):
            step = steps.send(self._device.perform(step))
        self._waiting[name] = step

    def blocked(self) -> dict[str, Footprint]:
        """Return what the threads that have not ended would touch with their next step."""
        return {name: Footprint(touched_by_step(step), lock_of(step)) for name, step in self._waiting.items()}

    def verdict(self) -> str:
        """Return what is wrong at the end."""
        if self.failure:
            return self.failure
        if self._waiting:
            return "everybody waits: " + ", ".join(f"{name} for {step}" for name, step in self._waiting.items())
        return self._scenario.check()

    def close(self) -> None:
        """Drop what has not ended."""
        for name in self._waiting:
            self._scenario.threads[name].close()


def explore(
    make: Callable[[], Scenario], *, bound: int = 20_000, samples: int = 200, seed: int = 1, stop_at: int = 0,
    reduce: bool = True,
) -> Result:  # fmt: skip
    """Run a scenario, made anew each time, under every schedule; past `bound` of them, `samples` more at random.

    `stop_at` failures end it early (0: never). `reduce=False` runs every single interleaving, to check the reduction.
    """
    result = Result()
    stack: list[_Point] = []
    while True:
        if result.schedules >= bound:
            result.exhaustive = False
            _sample(make, samples, seed, stop_at, len(stack), result)
            return result
        _run_once(make(), stack, result, reduce)
        if (stop_at and len(result.failures) >= stop_at) or not _next_choice(stack):
            return result


def _run_once(scenario: Scenario, stack: list[_Point], result: Result, reduce: bool) -> None:
    """Follow the stack's choices, then the first that is open, to the end; add points for what is to be tried."""
    with watching() as touched:
        run, order = _Run(scenario, touched), _Order(reduce)
        if not _follow(run, order, stack, reduce):
            result.pruned += 1
            run.close()
            return
    # Who still waits would have moved next: what it races with must be tried the other way round as well.
    for name, footprint in run.blocked().items():
        order.race(stack, name, footprint)
    result.schedules += 1
    wrong = run.verdict()
    run.close()
    if wrong:
        result.failures.append(Failure(wrong, tuple(point.chosen for point in stack)))


def _follow(run: _Run, order: _Order, stack: list[_Point], reduce: bool) -> bool:
    """Move until nobody can, the device neither; False where all that could move have been tried elsewhere."""
    index = 0
    sleep: dict[str, Footprint] = {}
    last = ""
    while not run.failure and (enabled := run.enabled()):
        if index == len(stack):
            awake = [name for name in enabled if name not in sleep]
            if not awake:
                return False
            chosen = last if last in awake else awake[0]
            stack.append(_Point(enabled, chosen, {chosen} if reduce else set(enabled), sleep))
        point = stack[index]
        point.footprint = run.move(point.chosen)
        order.moved(stack, index)
        asleep = {**point.sleep, **point.done} if reduce else {}
        sleep = {name: touched for name, touched in asleep.items() if not touched.meets(point.footprint)}
        last = point.chosen
        index += 1
    return True


def _next_choice(stack: list[_Point]) -> bool:
    """Go back to the last point where something is still to be tried; False when there is none."""
    while stack:
        point = stack[-1]
        point.done[point.chosen] = point.footprint
        left = sorted(point.backtrack - point.done.keys() - point.sleep.keys())
        if left:
            point.chosen = left[0]
            return True
        stack.pop()
    return False


class _Order:
    """Who knows of which move (vector clocks), and from that which moves could have come the other way round."""

    def __init__(self, reduce: bool) -> None:
        self._reduce = reduce
        self._knows: dict[str, dict[str, int]] = {}
        self._clocks: dict[str, dict[str, int]] = {}
        self._last: dict[str, list[tuple[int, str]]] = {}

    def moved(self, stack: Sequence[_Point], index: int) -> None:
        """Enter move `index`: where it races with an earlier one, its thread is to be tried there first."""
        point = stack[index]
        name = point.chosen
        knows = self._knows.setdefault(name, {})
        self.race(stack, name, point.footprint)
        keys = point.footprint.keys()
        for key in keys:
            for other, at in self._clocks.get(key, {}).items():
                knows[other] = max(knows.get(other, -1), at)
        knows[name] = index
        for key in keys:
            self._clocks[key] = dict(knows)
        for key in point.footprint.leaves():
            kept = [(at, other) for at, other in self._last.get(key, ()) if other != name]
            self._last[key] = [*kept, (index, name)]


    def race(self, stack: Sequence[_Point], name: str, footprint: Footprint) -> None:
        """Find earlier moves that this one could have come before."""
        if not self._reduce:
            return
        knows = self._knows.get(name, {})
        for key in footprint.races():
            for at, other in self._last.get(key, ()):
                if other != name and knows.get(other, -1) < at:
                    earlier = stack[at]
                    earlier.backtrack |= {name} if name in earlier.enabled else set(earlier.enabled)


def _sample(
    make: Callable[[], Scenario], samples: int, seed: int, stop_at: int, length: int, result: Result
) -> None:
    """Run random schedules: the thread of the highest priority moves, and a few times the priorities change.

    `length` is about how many moves a schedule has: the changes come among them.
    """
    random = Random(seed)
    for _ in range(samples):
        if stop_at and len(result.failures) >= stop_at:
            return
        run = _Run(make(), set())
        priority: dict[str, float] = {}
        changes = {random.randrange(max(1, length)) for _ in range(DEPTH)}
        moves: list[str] = []
        while not run.failure and (enabled := run.enabled()):
            for name in enabled:
                priority.setdefault(name, random.random())
            name = max(enabled, key=lambda one: priority[one])
            if len(moves) in changes:
                priority[name] = -random.random()
                name = max(enabled, key=lambda one: priority[one])
            run.move(name)
            moves.append(name)
        length = max(length, len(moves))
        result.sampled += 1
        wrong = run.verdict()
        run.close()
        if wrong:
            result.failures.append(Failure(wrong, tuple(moves)))


def replay(make: Callable[[], Scenario], moves: Sequence[str]) -> str:
    """Run one schedule again and return its verdict: how a failure is looked at."""
    run = _Run(make(), set())
    for name in moves:
        run.move(name)
    wrong = run.verdict()
    run.close()
    return wrong
