"""A client that works with every strategy: it writes and reads boxes by the path that the driver's promise asks for.

It tries to map first. Where that is refused (EINVAL, R6) it falls back to transfer objects, and shows by importing.
Where a mapping alone is not enough it brackets, or names its damage.
"""

from __future__ import annotations

from models.bracket import SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE
from models.client.compositor import Compositor
from models.client.writer import Writer
from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver
from models.errors import DriverError
from models.memory import Bytes
from models.oracle import Oracle
from models.page_table import Mapping
from models.policy.damage_rectangles import DamageRectangles
from models.promise import Promise
from models.publish import bounding_box, damage, flush
from models.steps import Steps
from models.surface import Box
from models.transfer_object import MapFlag

__all__ = ["Portable"]


class Portable(Writer):
    """A process with one shared buffer of whatever driver."""

    def __init__(self, name: str, driver: Driver, dmabuf: DmaBuf, watch: dict[Buffer, Oracle] | None = None) -> None:
        super().__init__(name, driver, watch)
        self.dmabuf = dmabuf
        self.buffer = dmabuf.buffer
        self.descriptor = self.files.install(dmabuf.get())
        self.refusal = ""
        self.mapping: Mapping | None = None
        try:
            self.mapping = self.map(self.descriptor)
        except DriverError as error:
            if error.errno != "EINVAL":
                raise
            self.refusal = error.errno

    def write_box(self, x: int, y: int, data: Bytes) -> Steps[None]:
        """Change a box, shape (height, width in bytes), at byte x of row y, so that the device gets to see it."""
        box = Box(x, y, data.shape[1], data.shape[0])
        promise = self.driver.policy.promise
        if self.mapping is None:
            transfer = yield from self.transfer_map(self.buffer, box, MapFlag.WRITE | MapFlag.DISCARD_RANGE)
            transfer.data[:] = data
            yield from self.transfer_unmap(transfer)
        elif promise is Promise.BRACKETED:
            yield from self.sync(self.descriptor, SYNC_START | SYNC_WRITE)
            yield from self.store_box(self.mapping, x, y, data)
            yield from self.sync(self.descriptor, SYNC_END | SYNC_WRITE)
        else:
            yield from self.store_box(self.mapping, x, y, data)
            if promise is Promise.EXPLICIT:
                yield from self.damage([box])

    def read_box(self, box: Box) -> Steps[Bytes]:
        """Return the newest bytes of a box, shape (height, width)."""
        promise = self.driver.policy.promise
        if self.mapping is None or promise is Promise.EXPLICIT:
            transfer = yield from self.transfer_map(self.buffer, box, MapFlag.READ)
            yield from self.transfer_unmap(transfer)
            return transfer.data
        if promise is not Promise.BRACKETED:
            return (yield from self.load_box(self.mapping, box))
        yield from self.sync(self.descriptor, SYNC_START | SYNC_READ)
        data = yield from self.load_box(self.mapping, box)
        yield from self.sync(self.descriptor, SYNC_END | SYNC_READ)
        return data

    def damage(self, boxes: list[Box]) -> Steps[None]:
        """Name damage; the oracle is told."""
        oracle, policy = self.watch.get(self.buffer), self.driver.policy
        if isinstance(policy, DamageRectangles) and policy.bounding:
            boxes = [bounding_box(boxes)]
        token = oracle.publish_begins(boxes) if oracle else 0
        yield from self._published(oracle, token, damage(self.driver, self.buffer, boxes))

    def flush(self) -> Steps[None]:
        """Do the deferred worker's work now; the oracle is told."""
        oracle = self.watch.get(self.buffer)
        token = oracle.publish_begins() if oracle else 0
        yield from self._published(oracle, token, flush(self.driver, self.buffer))

    @staticmethod
    def _published(oracle: Oracle | None, token: int, steps: Steps[None]) -> Steps[None]:
        try:
            yield from steps
        except Exception:
            if oracle:
                oracle.publish_fails(token)
            raise
        if oracle:
            oracle.publish_ends(token)

    def show(self) -> Steps[Bytes]:
        """Have the device show the buffer, by importing it (R3); return the linear image that it showed."""
        compositor = Compositor(self.name, self.driver, self.watch)
        try:
            raw = yield from compositor.show(self.dmabuf)
        except Exception:
            yield from compositor.close()
            raise
        yield from compositor.close()
        return self.buffer.surface.detile(raw)
