"""The port between the driver and a DMA engine: a transfer in, steps and a completion out.

The driver knows no register, ring or record: `models.faultline_engine` is one implementation of this Protocol, and
another engine's RTL can stand in with one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeAlias

from models.fence import Fence
from models.page_table import ObjectTable
from models.signals import Signals
from models.steps import Steps
from models.surface import Box, Surface

__all__ = ["Command", "Copy", "Engine", "Fill", "Queue", "Transfer"]


class Queue(IntEnum):
    """The engine's two queues, running concurrently."""

    TRANSFER = 0
    RENDER = 1


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move one box between a surface and a host object (both by handle).

    `readback` is device to host. `offset` is that of the box's first row in the object, `stride` from row to row.
    """

    readback: bool
    surface: int
    object: int
    box: Box
    offset: int
    stride: int


@dataclass(frozen=True, slots=True)
class Fill:
    """Repeat `pixel` (as many bytes as the surface's pixel) over a box."""

    surface: int
    box: Box
    pixel: bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy a box of the same extent from (source_x bytes, source_y rows) of a surface."""

    surface: int
    box: Box
    source_surface: int
    source_x: int
    source_y: int


Command: TypeAlias = Transfer | Fill | Copy


class Engine(Protocol):
    """What a driver needs of an engine. All methods yield steps; hardware errors are DeviceError."""

    @property
    def slot(self) -> int:
        """Which engine of the machine it is: 0, 1, ..."""
        ...

    @property
    def device_size(self) -> int:
        """Bytes of device memory; known after `initialise`."""
        ...

    def initialise(self) -> Steps[None]:
        """Bring the engine from reset to a state in which it accepts submissions."""
        ...

    def waiting(self, queue: Queue) -> int:
        """Return how many descriptors of a queue are not known to be done; it asks nobody."""
        ...

    def bind_surface(self, surface: Surface) -> Steps[int]:
        """Make a surface known and return its handle. DriverError ENOMEM when there are too many."""
        ...

    def release_surface(self, handle: int) -> Steps[None]:
        """Forget a surface that no unfinished submission names."""
        ...

    def bind_object(self, table: ObjectTable) -> Steps[int]:
        """Make a host object known and return its handle. DriverError ENOMEM when there are too many."""
        ...

    def release_object(self, handle: int) -> Steps[None]:
        """Forget a host object that no unfinished submission names."""
        ...

    def invalidate(self, handle: int) -> Steps[Fence]:
        """Drop the translations of an object whose table has changed, in order with the transfer queue."""
        ...

    def submit(
        self, queue: Queue, commands: Sequence[Command], after: Sequence[Fence] = (), *, cause: str = ""
    ) -> Steps[Fence]:
        """Queue commands behind the fences `after` (the CPU does not wait) and return the fence that ends them."""
        ...

    def wait(
        self, fence: Fence, *, cause: str = "", process: str = "", buffer: str = "", signals: Signals | None = None
    ) -> Steps[None]:
        """Wait until a fence, of this engine or another, is finished.

        DeviceError if it carries an error. With `signals` the wait is interruptible: DriverError EINTR.
        """
        ...

    def poll(self, fence: Fence) -> Steps[bool]:
        """Return whether a fence is finished, without waiting for it."""
        ...
