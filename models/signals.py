"""Signals that interrupt a wait, and calling again what they interrupted (R10, R16).

A blocked driver cannot look at a flag, so an interruptible step carries the thread's `Signals`: the performer ends the
step with False when one is pending. The driver then undoes what it holds and fails with EINTR, and the caller, as
libraries do, calls again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from models.errors import DriverError

__all__ = ["Signals", "restarting"]

_T = TypeVar("_T")


class Signals:
    """Signals of one thread: `send` makes one pending, `deliver` runs its handler, so to speak."""

    def __init__(self) -> None:
        self.pending = False
        self.delivered = 0

    def send(self) -> None:
        """Make a signal pending; it interrupts a wait that is under way, or the next one."""
        self.pending = True

    def deliver(self) -> None:
        """The thread is back in user space: the pending signal is handled and gone."""
        self.delivered += self.pending
        self.pending = False

    def check(self, what: str) -> None:
        """DriverError EINTR if a signal is pending: what was asked for has not happened."""
        if self.pending:
            raise DriverError("EINTR", what)


def restarting(call: Callable[[], Generator[Any, Any, _T]], signals: Signals) -> Generator[Any, Any, _T]:
    """Call until it neither says EINTR nor EAGAIN, both of which mean "call again" (R10); return its result."""
    while True:
        try:
            return (yield from call())
        except DriverError as error:
            if error.errno not in ("EINTR", "EAGAIN"):
                raise
            signals.deliver()
