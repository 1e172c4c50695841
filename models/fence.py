"""Fences and the reservation object: who uses a buffer, in which class, and when that ends.

A fence's value counts up per queue, modulo 2^32. The reservation object keeps a buffer's fences by usage class
KERNEL < WRITE < READ < BOOKKEEP; a query returns its class and those below (R14).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from enum import Enum, IntEnum, auto
from typing import Any, Protocol

from models.errors import DeviceError
from models.signals import Signals

__all__ = ["Fence", "FenceState", "Reservation", "Usage", "Waiter", "seqno_passed", "wait_for"]


class Usage(IntEnum):
    """Usage classes (R14): moving data for the kernel, writing, reading, keeping books."""

    KERNEL = 0
    WRITE = 1
    READ = 2
    BOOKKEEP = 3


class FenceState(Enum):
    """Life of a fence. Signalled and failed are final."""

    PENDING = auto()
    SIGNALLED = auto()
    FAILED = auto()


def seqno_passed(current: int, value: int) -> bool:
    """Return whether a counter at `current` has reached `value`, both 32 bits and wrapping."""
    return (current - value) & 0xFFFFFFFF < 0x80000000


class Waiter(Protocol):
    """Who can wait for a fence: the engine that will signal it."""

    def wait(
        self, fence: Fence, *, cause: str = "", process: str = "", buffer: str = "", signals: Signals | None = None
    ) -> Generator[Any, Any, None]:
        """Wait until the fence is finished. DeviceError if it carries an error, DriverError EINTR for a signal."""
        ...

    def poll(self, fence: Fence) -> Generator[Any, Any, bool]:
        """Return whether the fence is finished, without waiting for it."""
        ...


class Fence:
    """The end of one submission: `value` on `queue`; `after` are the fences that the engine itself waits for first.

    `engine` is who signals it: a buffer's fences may come from several devices. `tag` is that of the FENCE which ends
    the submission, once it is in its ring.
    """

    engine: Waiter | None

    def __init__(
        self, queue: int, value: int, after: tuple[Fence, ...] = (), engine: Waiter | None = None
    ) -> None:
        self.engine = engine
        self.queue = queue
        self.value = value & 0xFFFFFFFF
        self.tag = 0
        self.after = after
        self.state = FenceState.PENDING
        self.error: DeviceError | None = None

    def __repr__(self) -> str:
        return f"Fence(queue={self.queue}, value={self.value}, {self.state.name})"

    @property
    def done(self) -> bool:
        """True when nothing more will happen, well or ill."""
        return self.state is not FenceState.PENDING

    def ahead(self) -> set[Fence]:
        """Return all that this one stands behind, however far."""
        found: set[Fence] = set()
        more = [*self.after]
        while more:
            fence = more.pop()
            if fence not in found:
                found.add(fence)
                more += fence.after
        return found

    def finish(self, error: DeviceError | None = None) -> None:
        """Signal the fence, with the error it carries if there is one. ValueError for the second time."""
        if self.done:
            raise ValueError(f"{self!r} is finished already")
        self.error = error
        self.state = FenceState.FAILED if error else FenceState.SIGNALLED
        self.after = ()


def wait_for(
    fences: Iterable[Fence], *, cause: str, process: str = "", buffer: str = "", signals: Signals | None = None
) -> Generator[Any, Any, None]:
    """Wait for fences of whatever engine, well or ill: what failed is its submitter's trouble. DriverError EINTR."""
    for fence in fences:
        if not fence.done and fence.engine is not None:
            try:
                yield from fence.engine.wait(fence, cause=cause, process=process, buffer=buffer, signals=signals)
            except DeviceError as error:
                if error is not fence.error:
                    raise


class Reservation:
    """A buffer's fences and the name of its lock; finished fences drop out when the object is next looked at."""

    def __init__(self, lock: str) -> None:
        self.lock = lock
        self._fences: list[tuple[Usage, Fence]] = []
        self._named: list[tuple[Usage, Fence]] = []

    def add(self, fence: Fence, usage: Usage) -> None:
        """Add a fence; the same fence in two classes counts in the lower one."""
        self._prune()
        if not fence.done:
            self._fences.append((usage, fence))

    def name(self, fence: Fence, usage: Usage) -> None:
        """Add a fence of whatever work because a client says so: no page of the buffer is known for it (R15)."""
        self.add(fence, usage)
        if not fence.done:
            self._named.append((usage, fence))

    def query(self, usage: Usage) -> tuple[Fence, ...]:
        """Return the unfinished fences of a class and those below (R14), oldest first, each once."""
        self._prune()
        return tuple(dict.fromkeys(fence for kind, fence in self._fences if kind <= usage))

    def named(self, usage: Usage) -> tuple[Fence, ...]:
        """Return the unfinished fences that clients have named in a class and those below."""
        self._prune()
        return tuple(dict.fromkeys(fence for kind, fence in self._named if kind <= usage))

    def waits(self, write: bool) -> tuple[Fence, ...]:
        """Return what CPU access waits for: a reader for KERNEL and WRITE, a writer for READ too (R10)."""
        return self.query(Usage.READ if write else Usage.WRITE)

    def elsewhere(self, engine: Waiter, usage: Usage) -> tuple[Fence, ...]:
        """Return the unfinished fences of a class and those below that other engines than this one will signal."""
        return tuple(fence for fence in self.query(usage) if fence.engine is not engine)

    def poll(self, write: bool) -> bool:
        """Return POLLIN (POLLOUT) readiness: no writer (nor reader) is left (R14). Says nothing of coherency."""
        return not self.waits(write)

    def _prune(self) -> None:
        self._fences = [(kind, fence) for kind, fence in self._fences if not fence.done]
        if self._named:
            self._named = [(kind, fence) for kind, fence in self._named if not fence.done]
