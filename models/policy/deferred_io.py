"""Deferred I/O, as fb_defio: stores are noticed as with MKWRITE, and a worker sends the dirty pages after a delay.

A submission sends nothing, so what the device reads is stale by up to the delay. Two things keep a device that also
draws from losing bytes: pages that it will write are sent first, and a fault brings back what it wrote (R31).
"""

from __future__ import annotations

from collections.abc import Iterable

from models.dmabuf import Buffer
from models.policy.tracking import Tracked, mask_of
from models.promise import Promise

__all__ = ["DeferredIo"]


class DeferredIo(Tracked):
    """The policy of this file. `delay_ns` is the worker's."""

    promise = Promise.DEFERRED

    def __init__(self, *, implicit_sync: bool = False, delay_ns: int = 50_000_000) -> None:
        super().__init__(implicit_sync=implicit_sync)
        self.delay_ns = delay_ns

    @property
    def name(self) -> str:
        """What reports call it."""
        return "deferred I/O"

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        """At a flush everything; at a submission only what the device is about to write."""
        if everything:
            return super().harvest(buffer)
        wanted = list(writes)
        self.look(buffer).damage[buffer.space.record(wanted)] = True
        return self.take_damage(buffer, mask_of(buffer, wanted))
