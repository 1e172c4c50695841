"""Random life of a driver: processes that share buffers, map, fault, write, fork, draw and unbind, before the oracle.

A `Town` has one driver and a few shared buffers; each `Dweller` is a process with chance of its own, so that what it
tries does not depend on how far the others are. Nothing here does I/O: the same life runs on the RTL through the bridge
and on the untimed device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.client.process import Process
from models.client.writer import Writer
from models.costs import Costs
from models.device import BusRange
from models.dmabuf import Buffer, DmaBuf
from models.driver import CopyBox, Driver, FillBox
from models.faultline_engine import FaultlineEngine
from models.layout import Layout, Record
from models.memory import PAGE, HostMemory
from models.oracle import Oracle
from models.page_table import Mapping
from models.policy import Policy
from models.policy.page_mkwrite import PageMkwrite
from models.signals import Signals
from models.steps import ScanOut, Steps
from models.surface import Surface
from models.workload.trace import Trace
from tb.agents.memory.image import runs
from tb.chance import box_in, chosen, surface_in, upto
from tests.system.random_cases import Progress

__all__ = ["HOST_SIZE", "NOTHING", "PEER", "Dweller", "Town", "differences", "take_turns"]

HOST_SIZE = 4 << 20
NOTHING = Trace("nothing", 1, 1, 1, Layout.LINEAR, ())
"""What a strategy that plans by a trace gets: no buffer in here is the one that the trace is of."""
QUEUES = ("transfer queue", "render queue")
"""Who owns the pages that a driver keeps to its end."""
_ROOM = 24 << 10
"""Device bytes of a shared buffer at most."""
_COSTS = Costs(120, 20, 9, 190, 800, 100)
"""Host time, a tenth of what it is, so that more happens in the same cycles."""
PEER = "other"
"""The name of the second device, where there is one."""


@dataclass
class Town:
    """One driver on `host`, and what its dwellers share; `open` it first.

    seed: decides everything.  policy: any, and broken ones for twins.  beside: there is a second device in slot 1, and
    `peer` is its driver.  refused: accesses that got SIGBUS or EIO while somebody had taken the engine's permission to
    write a page or had host memory answer with errors (`broken`), or EBUSY while somebody had grabbed a buffer
    (`grabbed`); `mended` and `released` count how often that ended.  bus: where memory can be made to answer so, called
    with the only range that does, or None; `hurt` while there is one.  signals: of everybody who may be interrupted.
    """

    host: HostMemory
    seed: int
    progress: Progress
    policy: Policy = field(default_factory=PageMkwrite)
    beside: bool = False
    refused: int = 0
    broken: int = 0
    grabbed: int = 0
    mended: int = 0
    released: int = 0
    bus: Callable[[BusRange | None], None] | None = None
    hurt: bool = False
    signals: list[Signals] = field(default_factory=list)
    shared: list[DmaBuf] = field(default_factory=list)
    watch: dict[Buffer, Oracle] = field(default_factory=dict)
    oracles: list[Oracle] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        noise = self.random.integers(0, 256, self.host.size - PAGE, dtype=np.uint8)
        self.host.bytes[PAGE:] = noise
        self.before = self.host.bytes.copy()
        self.engine = FaultlineEngine(self.host, costs=_COSTS, ring_log2=int(self.random.integers(3, 7)))
        staging = chosen(self.random, (2, 4, 64)) * PAGE
        self.driver = Driver(self.host, self.engine, self.policy, costs=_COSTS, staging=staging)
        self.peer: Driver | None = None
        if self.beside:
            engine = FaultlineEngine(self.host, costs=_COSTS, ring_log2=4, slot=1)
            self.peer = Driver(self.host, engine, PageMkwrite(), costs=_COSTS, device=PEER)
            self.driver.peers.add(PEER)

    def open(self, buffers: int = 2) -> Steps[None]:
        """Bring the driver up and make the shared buffers, of random shapes."""
        yield from self.driver.initialise()
        if self.peer is not None:
            yield from self.peer.initialise()
        for number in range(buffers):
            self.shared.append((yield from self.buffer(self.random, f"shared {number}")))

    def buffer(self, random: np.random.Generator, name: str) -> Steps[DmaBuf]:
        """A new buffer before an oracle of its own."""
        shape: Surface = surface_in(random, 0, _ROOM, (1, 2, 3, 4, 7, 16))
        buffer = yield from self.driver.create(
            name, shape.width, shape.height, shape.bytes_per_pixel, shape.layout, two_level=bool(random.integers(2))
        )
        oracle = self.watch[buffer] = Oracle(
            buffer.surface, self.policy.promise, snapshot=self.policy.snapshot, others=self.watch
        )
        self.oracles.append(oracle)
        return self.driver.export(buffer)

    def dwellers(self, count: int) -> list[Dweller]:
        """Processes that have mapped every shared buffer."""
        return [Dweller(self, f"process {number}", number) for number in range(count)]

    def close(self, dwellers: Sequence[Dweller]) -> Steps[None]:
        """Look at every surface as the display would, then unbind and free everything.

        AssertionError with what is left behind, or what changed that was nobody's.
        """
        self.progress.doing = "the last look"
        for dmabuf in self.shared:
            buffer = dmabuf.buffer
            surface = buffer.surface
            yield from self.driver.device_read(buffer)
            raw = yield ScanOut(surface.base, surface.size)
            self.watch[buffer].seen("scan-out", surface.detile(raw))
            for one in dwellers:
                yield from one.look_at_all(buffer)
        self.progress.doing = "freeing everything"
        for one in dwellers:
            yield from one.leave()
        for dmabuf in self.shared:
            dmabuf.put()
        yield from self.driver.reap()
        self.check()

    def check(self) -> None:
        """AssertionError unless the oracles are content and memory is as it must be when everything is freed."""
        host = self.host
        violations = [violation for oracle in self.oracles for violation in oracle.violations]
        assert not violations, f"{len(violations)} wrong reads, the first: {violations[0]}"
        assert sum(oracle.reads for oracle in self.oracles), "the oracles saw no reads"
        owners = {owner for frame in range(host.size // PAGE) if (owner := host.owner(frame)) is not None}
        kept = {"staging", "object table"} if "staging" in owners else set()
        assert owners - kept == set(QUEUES), f"pages left behind by {sorted(owners)}"
        unused = host.allocate_contiguous(1, "the first page that nobody had") + PAGE
        stray = np.flatnonzero(host.bytes[unused:] != self.before[unused:])
        assert not stray.size, f"{stray.size} bytes changed in pages that nobody had, the first {unused + stray[0]:#x}"


def take_turns(town: Town, count: int, actions: int) -> Steps[None]:
    """A whole life in one thread: processes act one at a time, so that every performer must end with the same bytes."""
    yield from town.open()
    dwellers = town.dwellers(count)
    for _ in range(actions):
        yield from chosen(town.random, dwellers).act()
    yield from town.close(dwellers)


def differences(one: HostMemory, other: HostMemory) -> list[str]:
    """Where two host memories differ after the same life, as address+bytes; cycles in records may."""
    ours, theirs = one.bytes.copy(), other.bytes.copy()
    for memory, image in ((one, ours), (other, theirs)):
        for queue in QUEUES:
            # a page each of the descriptor ring, of the completion ring and of the fence value
            frames = [frame for frame in range(memory.size // PAGE) if memory.owner(frame) == queue]
            assert len(frames) == 3, f"{queue}: pages {frames}"
            records = image[frames[1] * PAGE : (frames[1] + 1) * PAGE].reshape(-1, Record.SIZE)
            records[:, 20:] = 0  # elapsed cycles and the end
    return [f"{at:#x}+{size}" for at, size in runs(np.flatnonzero(ours != theirs))]


class Dweller:
    """A process that does one random thing after another."""

    def __init__(self, town: Town, name: str, number: int) -> None:
        self.town = town
        self.name = name
        self.random = np.random.default_rng([town.seed, number + 1])
        self.process = Writer(name, town.driver, town.watch)
        self._files: dict[Buffer, int] = {}
        self.mappings: list[tuple[Buffer, Mapping]] = []
        self._made = 0
        self._open()

    def _open(self) -> None:
        """Take a descriptor and a mapping of each shared buffer."""
        self._files = {one.buffer: self.process.files.install(one.get()) for one in self.town.shared}
        self.mappings = [(buffer, self.process.map(file)) for buffer, file in self._files.items()]

    def live(self, actions: int) -> Steps[None]:
        """So many actions."""
        for _ in range(actions):
            yield from self.act()

    def actions(self) -> dict[str, tuple[Callable[[], Steps[None]], int]]:
        """What a process may do, by name, with its weight."""
        return {
            "load": (self._load, 6),
            "store": (self._store, 6),
            "draw": (self._draw, 4),
            "map": (self._map, 1),
            "unmap": (self._unmap, 1),
            "fork": (self._fork, 1),
            "device read": (self._device_read, 1),
            "private buffer": (self._private, 1),
        }

    def act(self) -> Steps[None]:
        """One action."""
        actions = self.actions()
        names = [name for name, (_, weight) in actions.items() for _ in range(weight)]
        name = chosen(self.random, names)
        self.town.progress.doing = f"{self.name}: {name}"
        yield from actions[name][0]()
        self.town.progress.done += 1

    def look_at_all(self, buffer: Buffer) -> Steps[None]:
        """Load every byte through a mapping of the whole buffer."""
        whole = next(one for at, one in self.mappings if at is buffer and one.count == buffer.pages)
        yield from self.process.load(whole.address, buffer.surface.linear_size)

    def leave(self) -> Steps[None]:
        """Unmap everything and close every descriptor."""
        for _, mapping in self.mappings:
            yield from self.process.unmap(mapping)
        for file in self._files.values():
            self.process.files.close(file)

    # ----------------------------------------------------------------------------------------------- actions

    def _place(self, mapping: Mapping, most: int) -> tuple[int, int]:
        """(virtual address, bytes) somewhere in a mapping, often across the border of two pages."""
        size = mapping.count * PAGE
        length = min(upto(self.random, most), size)
        at = int(self.random.integers(size - length + 1))
        if mapping.count > 1 and self.random.integers(2):
            border = int(self.random.integers(1, mapping.count)) * PAGE
            at = min(max(0, border - int(self.random.integers(length + 1))), size - length)
        return mapping.address + at, length

    def _load(self, process: Process | None = None, mappings: Sequence[Mapping] = ()) -> Steps[None]:
        mapping = chosen(self.random, mappings or [one for _, one in self.mappings])
        yield from (process or self.process).load(*self._place(mapping, 6000))

    def _store(self, process: Process | None = None, mappings: Sequence[Mapping] = ()) -> Steps[None]:
        writable = [one for one in mappings or [one for _, one in self.mappings] if one.may_write]
        address, length = self._place(chosen(self.random, writable), 3000)
        yield from (process or self.process).store(address, self.random.integers(0, 256, length, dtype=np.uint8))

    def _commands(self, surface: Surface) -> list[FillBox | CopyBox]:
        commands: list[FillBox | CopyBox] = []
        for _ in range(upto(self.random, 3)):
            box = box_in(self.random, surface, pixels=True)
            origin = box_in(self.random, surface, pixels=True)
            same = origin.width >= box.width and origin.height >= box.height and not box.overlaps(
                type(box)(origin.x, origin.y, box.width, box.height)
            )  # fmt: skip
            if same:
                commands.append(CopyBox(box, origin.x, origin.y))
            else:
                commands.append(FillBox(box, self.random.bytes(surface.bytes_per_pixel)))
        return commands

    def _draw(self, buffer: Buffer | None = None) -> Steps[None]:
        target = buffer or chosen(self.random, list(self._files))
        fence = yield from self.process.draw(target, self._commands(target.surface))
        if self.random.integers(4) == 0:
            yield from self.town.driver.wait(fence)

    def _map(self) -> Steps[None]:
        """Map a part of a buffer once more, to write or only to read."""
        if len(self.mappings) < 6:
            buffer = chosen(self.random, list(self._files))
            first = int(self.random.integers(buffer.pages))
            pages = upto(self.random, buffer.pages - first)
            mapping = self.process.map(
                self._files[buffer], first=first, pages=pages, write=bool(self.random.integers(2))
            )
            self.mappings.append((buffer, mapping))
            yield from self.process.load(mapping.address, 1)

    def _unmap(self) -> Steps[None]:
        """Take one of the later mappings away, perhaps with dirty pages."""
        if len(self.mappings) > len(self._files):
            at = int(self.random.integers(len(self._files), len(self.mappings)))
            yield from self.process.unmap(self.mappings.pop(at)[1])

    def _fork(self) -> Steps[None]:
        """A child looks and writes through its copies of the mappings, and ends."""
        self._made += 1
        child = self.process.fork(f"{self.name}, child {self._made}")
        mappings = list(child.table.mappings)
        for _ in range(upto(self.random, 4)):
            yield from chosen(self.random, (self._load, self._store))(child, mappings)
        yield from child.exit()

    def _device_read(self) -> Steps[None]:
        yield from self.town.driver.device_read(chosen(self.random, list(self._files)))

    def _private(self) -> Steps[None]:
        """Bind a buffer, use it, and unbind it, while the others go on."""
        self._made += 1
        dmabuf = yield from self.town.buffer(self.random, f"{self.name}, buffer {self._made}")
        buffer = dmabuf.buffer
        file = self.process.files.install(dmabuf)
        mapping = self.process.map(file)
        yield from self._store(mappings=[mapping])
        yield from self._draw(buffer)
        yield from self.process.load(mapping.address, buffer.surface.linear_size)
        yield from self.process.unmap(mapping)
        self.process.files.close(file)
        yield from self.town.driver.reap()
        del self.town.watch[buffer]
