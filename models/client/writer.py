"""A client that paints with ordinary stores and has the device draw."""

from __future__ import annotations

from collections.abc import Sequence

from models.client.process import Process
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.errors import DriverError
from models.fence import Fence
from models.memory import Bytes
from models.oracle import failing
from models.page_table import Mapping
from models.signals import restarting
from models.steps import Steps

__all__ = ["Writer"]


class Writer(Process):
    """A process that changes a buffer, by the CPU and by the device."""

    def paint(self, mapping: Mapping, image: Bytes, *, x: int = 0, y: int = 0) -> Steps[None]:
        """Store an image, shape (height, width in bytes), at byte x of row y."""
        yield from self.store_box(mapping, x, y, image)

    def draw(self, buffer: Buffer, commands: Sequence[FillBox | CopyBox]) -> Steps[Fence]:
        """Have the device draw; returns the fence without waiting for it. DriverError EINVAL and EBUSY."""
        oracle = self.watch.get(buffer)
        token = oracle.draw_begins(commands) if oracle else 0
        with failing(oracle, token, DriverError):
            fence = yield from restarting(
                lambda: self.driver.draw(buffer, commands, signals=self.signals), self.signals
            )
        if oracle:
            oracle.draw_ends(token, fence)
        return fence
