"""A small world for model tests: host RAM, the Python device, a driver, one buffer and two processes that share it.

There is a second device beside the first, for those that want one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.client.reader import Reader
from models.client.writer import Writer
from models.costs import Costs
from models.device import Device
from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver
from models.events import Event
from models.faultline_engine import FaultlineEngine
from models.layout import Layout
from models.memory import Bytes, HostMemory
from models.oracle import Oracle
from models.page_table import Mapping
from models.perform import Machine, run
from models.policy import Policy
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Steps

__all__ = ["World", "make_world", "noise", "permit"]


@dataclass
class World:
    """What a test touches."""

    host: HostMemory
    machine: Machine
    device: Device
    engine: FaultlineEngine
    policy: Any
    driver: Driver
    buffer: Buffer
    shared: DmaBuf
    oracle: Oracle
    writer: Writer
    reader: Reader
    mine: Mapping
    """The writer's mapping of everything (where the policy allows one)."""
    theirs: Mapping
    watch: dict[Buffer, Oracle]
    start: int = field(default=0)

    def run(self, generator: Any) -> Any:
        """Run one generator to its end."""
        return run(generator, self.machine)

    @functools.cached_property
    def peer(self) -> Driver:
        """The second device's driver, ready; its device may attach to the first one's buffers."""
        peer = Driver(self.host, FaultlineEngine(self.host, ring_log2=6, slot=1), PageMkwrite(), device="other")
        self.run(peer.initialise())
        self.driver.peers.add("other")
        return peer

    def mark(self) -> None:
        """Count events from here on."""
        self.start = len(self.device.events)

    def events(self, kind: type[Event]) -> list[Any]:
        """Return the events of a kind since the mark."""
        return [event for event in self.device.events[self.start :] if isinstance(event, kind)]

    def scanout(self) -> Bytes:
        """Return the device surface as it is now, linear."""
        surface = self.buffer.surface
        return surface.detile(self.device.memory[surface.base : surface.base + surface.size])


def make_world(
    *,
    width: int = 160,
    height: int = 40,
    bytes_per_pixel: int = 4,
    layout: Layout = Layout.Y_TILED,
    ring_log2: int = 6,
    policy: Policy | None = None,
    make_driver: Callable[..., Driver] = Driver,
    two_level: bool = False,
    staging: int = 16 << 10,
) -> World:
    """Build a world with an initialised driver, a cleared buffer (10 pages of 6.4 rows by default) and two mappings."""
    host = HostMemory(None, 16 << 20)
    machine = Machine([Device(host, device_size=1 << 20) for _ in range(2)])
    device = machine.devices[0]
    costs = Costs()
    engine = FaultlineEngine(host, costs=costs, ring_log2=ring_log2)
    chosen = policy or PageMkwrite()
    driver = make_driver(host, engine, chosen, costs=costs, staging=staging)
    run(driver.initialise(), device)
    buffer = run(driver.create("canvas", width, height, bytes_per_pixel, layout, two_level=two_level), device)
    shared = driver.export(buffer)
    watch: dict[Buffer, Oracle] = {}
    oracle = watch[buffer] = Oracle(buffer.surface, chosen.promise, snapshot=chosen.snapshot, others=watch)
    writer, reader = Writer("writer", driver, watch), Reader("reader", driver, watch)
    mine: Any = None
    theirs: Any = None
    if chosen.mmap:
        mine = writer.map(writer.files.install(shared.get()))
        theirs = reader.receive(shared)
    made = host, machine, device, engine, chosen, driver, buffer, shared, oracle
    return World(*made, writer, reader, mine, theirs, watch)


def noise(seed: int, height: int, width: int) -> Bytes:
    """Return random bytes of shape (height, width)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def permit(driver: Driver, buffer: Buffer, page: int, *, writable: bool = True, valid: bool = True) -> Steps[None]:
    """Let the engine reach a page of the host, or not write it (readbacks fail), or not at all (uploads do too)."""
    buffer.table.set(page, replace(buffer.table.get(page), writable=int(writable), valid=int(valid)))
    fence = yield from driver.engine.invalidate(buffer.object_handle)
    yield from driver.engine.wait(fence, cause="invalidate", buffer=buffer.name)
