"""Sending what the CPU wrote without a submission: the deferred flush and damage rectangles.

A flush sends all dirty pages (fb_defio's worker does it after a delay). Damage rectangles name what to send, byte for
byte; the client waits until they are there, so that it may draw on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.dmabuf import Buffer
from models.drawing import check_box
from models.engine import Queue, Transfer
from models.errors import DriverError
from models.events import Writeback, runs_of
from models.fence import Usage, wait_for
from models.promise import Promise
from models.steps import Delay, Note, Steps, releasing
from models.surface import Box
from models.transfer import pages_of_box

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["bounding_box", "damage", "flush", "flush_later"]


def flush(driver: Driver, buffer: Buffer) -> Steps[None]:
    """Send all that is dirty; nobody waits. DriverError EBADF where the buffer was destroyed."""
    yield from driver.hold(buffer)
    yield from releasing(driver.upload(buffer, "flush", everything=True), buffer.reservation.lock)


def flush_later(driver: Driver, buffer: Buffer, delay_ns: int, times: int) -> Steps[None]:
    """The deferred worker: so many flushes, each after the delay, while there is the buffer. A thread of its own."""
    for _ in range(times):
        yield Delay(delay_ns, "deferred")
        if buffer.gone:
            return
        yield from flush(driver, buffer)


def bounding_box(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around all: what gud sends instead of them."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def damage(driver: Driver, buffer: Buffer, boxes: Sequence[Box]) -> Steps[None]:
    """Send the rectangles and wait until they are there.

    DriverError EINVAL for none or one outside of the surface, EOPNOTSUPP where stores go to the device by themselves,
    EBUSY while the CPU has grabbed the buffer (R24). DeviceError when the transfer failed.
    """
    if driver.policy.promise is not Promise.EXPLICIT or not driver.policy.mmap:
        raise DriverError("EOPNOTSUPP", f"{driver.policy.name} takes no damage")
    wanted = [box for box in boxes if not box.empty]
    if not wanted:
        raise DriverError("EINVAL", "no damage")
    for box in wanted:
        check_box(buffer, box)
    yield from driver.reserve(buffer)
    yield from releasing(_send(driver, buffer, wanted), buffer.reservation.lock)


def _send(driver: Driver, buffer: Buffer, boxes: Sequence[Box]) -> Steps[None]:
    yield from wait_for(driver.elsewhere(buffer), cause="damage", buffer=buffer.name)
    stride = buffer.surface.row_bytes
    pages = sorted({page for box in boxes for page in pages_of_box(buffer.surface, box)})
    moves = [
        Transfer(False, buffer.surface_handle, buffer.object_handle, box, box.y * stride + box.x, stride)
        for box in boxes
    ]
    size = sum(move.box.bytes for move in moves)
    yield Note(
        Writeback(cause="damage", buffer=buffer.name, pages=runs_of(pages), bytes=size, descriptors=len(moves))
    )
    after = (
        *(yield from driver.cleared(buffer)),
        *driver.policy.pending(buffer, pages),
        *buffer.reservation.named(Usage.READ),
    )
    fence = yield from driver.engine.submit(Queue.TRANSFER, moves, after, cause="damage")
    buffer.reservation.add(fence, Usage.WRITE)
    buffer.valid[list(pages)] = True
    yield from driver.engine.wait(fence, cause="damage", buffer=buffer.name)
