"""New device storage is cleared before anybody sees it: it may hold others' data (R30).

The clearing is device work like any other, and nobody waits for it who does not look. One that fails is done again by
whoever comes next, and who looks stays behind that too; who waits for it is told after `ATTEMPTS`.
"""

from __future__ import annotations

from models.dmabuf import Buffer
from models.engine import Engine, Fill, Queue
from models.fence import Fence, Usage
from models.policy import Policy
from models.steps import Steps

__all__ = ["ATTEMPTS", "awaited", "clear", "cleared"]

ATTEMPTS = 3
"""Clearings of the same storage that fail one after another until who waits for them gets the error."""


def clear(engine: Engine, policy: Policy, buffer: Buffer) -> Steps[None]:
    """Have the engine fill device storage with zeros; with the reservation lock held, or before anybody has the buffer.

    The host has zeros or nothing: the device owns no page by it, but an upload must stay behind the clearing.
    """
    fill = Fill(buffer.surface_handle, buffer.surface.box, bytes(buffer.surface.bytes_per_pixel))
    buffer.clearing = fence = yield from engine.submit(Queue.RENDER, [fill], cause="clear")
    buffer.reservation.add(fence, Usage.KERNEL)
    policy.drawing(buffer, range(buffer.pages), (), fence)


def cleared(engine: Engine, policy: Policy, buffer: Buffer) -> Steps[tuple[Fence, ...]]:
    """Return the clearing that is under way, begun again where it failed; with the reservation lock held."""
    if buffer.clearing is not None and buffer.clearing.error is not None:
        buffer.clearings_failed += 1
        yield from clear(engine, policy, buffer)
    elif buffer.clearing is None or buffer.clearing.done:
        buffer.clearings_failed = 0
    return () if buffer.clearing is None or buffer.clearing.done else (buffer.clearing,)


def awaited(engine: Engine, policy: Policy, buffer: Buffer) -> Steps[tuple[Fence, ...]]:
    """Return the same for who waits for it and then looks again. DeviceError when it has failed `ATTEMPTS` times."""
    error = buffer.clearing.error if buffer.clearing is not None else None
    if error is not None and buffer.clearings_failed + 1 >= ATTEMPTS:
        buffer.clearings_failed = 0
        raise error
    return (yield from cleared(engine, policy, buffer))
