"""Plays a trace on a driver: portable clients carry out its actions in order, watched by the oracle and counted.

Every process is a `Portable` client, which takes the path that the strategy's promise asks for, so one trace compares
them all. The device's drawing and composing is submitted by a client that maps nothing. What the CPU writes is random
by the seed, the same for every strategy. Beside the oracle, which knows what the promise allows, a plain image in the
order of the trace says which reads did not return the newest bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.client.portable import Portable
from models.client.writer import Writer
from models.costs import Costs
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.drawn import origin, render, slices
from models.driver import Driver
from models.errors import DriverError
from models.events import Import, Phase
from models.fence import Fence, Usage, wait_for
from models.importer import DeviceFiles
from models.memory import Bytes, HostMemory
from models.oracle import Oracle
from models.page_table import Bits
from models.policy import Policy
from models.promise import Promise
from models.steps import Delay, Note, ScanOut, Steps
from models.surface import Box
from models.workload.tally import OWN_WAIT, THINK, Figures, MeteredEngine, Tally
from models.workload.trace import Action, Compose, Copy, Fill, Frame, Load, Show, Store, Think, Trace, Wait

__all__ = ["IDLE", "PLAY", "Played", "Player"]

PLAY, IDLE = "play", "idle"
"""Names of the `Phase` events between which time and figures are measured."""

_FOREIGN = "another device"


@dataclass(slots=True)
class Played:
    """What a play came to.

    `stale_reads` are loads and device reads with bytes older than the newest store or drawing before them, and
    `stale_bytes` those bytes; `early_reads` are reads of bytes that are newer, because the device saw a store made
    after it was told to read, as a strategy without `snapshot` allows. All are allowed unless `violations` says
    otherwise.
    """

    figures: Figures
    stale_reads: int = 0
    stale_bytes: int = 0
    early_reads: int = 0
    judged_bytes: int = 0
    violations: list[str] = field(default_factory=list)


class Player:
    """One trace on one policy; `play` is a generator of steps for any performer that has just been reset.

    A policy with a method `at` is told the index of each action before it is carried out: the clairvoyant one needs it.
    DriverError ENOMEM where buffer and screen do not fit into host RAM or device memory.
    """

    def __init__(
        self, host: HostMemory, trace: Trace, policy: Policy, *, costs: Costs | None = None, seed: int = 1
    ) -> None:
        costs = costs or Costs()
        self.trace = trace
        self.engine = MeteredEngine(host, costs=costs)
        self.driver = Driver(host, self.engine, policy, costs=costs)
        self.tally = Tally("buffer")
        self.played = Played(self.tally.figures)
        self._random = np.random.default_rng(seed)
        self._watch: dict[Buffer, Oracle] = {}
        self._clients: dict[str, Portable] = {}
        self._foreign = DeviceFiles(_FOREIGN)
        shape = (trace.height, trace.surface.row_bytes)
        self._newest: Bytes = np.zeros(shape, np.uint8)
        self._shown: Bytes = np.zeros(shape, np.uint8)
        # Bytes of buffer and screen that may be newer than in the order of the trace.
        self._early: Bits = np.zeros(shape, np.bool_)
        self._shown_early: Bits = np.zeros(shape, np.bool_)
        self._copies: list[tuple[CopyBox, Fence]] = []
        self._composed: list[tuple[Box, Fence]] = []

    def play(self) -> Steps[Played]:
        """Make the buffer and the screen, carry out the trace until the device is idle, and look at everything."""
        yield from self._open()
        yield Note(Phase(name=PLAY))
        self.engine.meter = self.tally.figures
        yield from self.tally.counting(self._actions())
        self.engine.meter = None
        yield Note(Phase(name=IDLE))
        yield from self._close()
        return self.played

    def _open(self) -> Steps[None]:
        trace, driver = self.trace, self.driver
        yield from driver.initialise()
        shape = trace.width, trace.height, trace.bytes_per_pixel, trace.layout
        self.buffer = yield from driver.create("buffer", *shape)
        self.screen = yield from driver.create("screen", *shape)
        self._shared = driver.export(self.buffer)
        policy, watch = driver.policy, self._watch
        for buffer in (self.buffer, self.screen):
            watch[buffer] = Oracle(buffer.surface, policy.promise, snapshot=policy.snapshot, others=watch)
        self._renderer = Writer("renderer", driver, watch)
        yield from self._settle()

    def _actions(self) -> Steps[None]:
        at = getattr(self.driver.policy, "at", None)
        for index, action in enumerate(self.trace.actions):
            if at is not None:
                at(index)
            yield from self._act(action)
        yield from self._settle()

    def _act(self, action: Action) -> Steps[None]:
        match action:
            case Load(process, box):
                yield from self._load(self._client(process), box)
            case Store(process, box):
                yield from self._store(self._client(process), box)
            case Fill(box):
                pixel = self._random.integers(0, 256, self.trace.bytes_per_pixel, np.uint8).tobytes()
                yield from self._draw(FillBox(box, pixel))
            case Copy(box, x, y):
                yield from self._draw(CopyBox(box, x, y))
            case Compose(box):
                yield from self._compose(box)
            case Show(process, box, foreign):
                yield from self._show(self._client(process), box, foreign)
            case Wait():
                yield from self._settle()
                yield from self._look()
            case Think(nanoseconds):
                yield Delay(nanoseconds, THINK)
            case Frame():
                yield from self._frame()

    def _client(self, name: str) -> Portable:
        """Return a process, which maps the buffer when it first acts, where it can be mapped."""
        self.tally.actor = name
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = Portable(name, self.driver, self._shared, self._watch)
            mapping = client.mapping
            pages = [] if mapping is None else [int(i) + mapping.first for i in np.flatnonzero(mapping.present)]
            self.tally.mapped(name, pages)
        return client

    # ---------------------------------------------------------------------------------------------- actions

    def _load(self, client: Portable, box: Box) -> Steps[None]:
        data = yield from client.read_box(box)
        self._compare(data != self._newest[slices(box)], self._early[slices(box)])

    def _store(self, client: Portable, box: Box) -> Steps[None]:
        data = self._random.integers(0, 256, (box.height, box.width), np.uint8)
        self._newest[slices(box)] = data
        self._stored(box)
        yield from client.write_box(box.x, box.y, data)

    def _stored(self, box: Box) -> None:
        """Copies and compositions that are under way may see this store, and copies of those copies."""
        self._early[slices(box)] = False
        if self.driver.policy.snapshot:
            return
        self._shown_early[slices(box)] = True
        self._copies = [(copy, fence) for copy, fence in self._copies if not fence.done]
        seen: Bits = np.zeros_like(self._early)
        seen[slices(box)] = True
        for copy, _ in self._copies:
            target, moved = slices(copy.box), seen[slices(origin(copy))]
            for mask in (seen, self._early, self._shown_early):
                mask[target] |= moved

    def _draw(self, command: FillBox | CopyBox) -> Steps[None]:
        render(self._newest, [command])
        moved = self._early[slices(origin(command))].copy() if isinstance(command, CopyBox) else False
        self._early[slices(command.box)] = moved
        fence = yield from self._renderer.draw(self.buffer, [command])
        if isinstance(command, CopyBox):
            self._copies.append((command, fence))

    def _compose(self, box: Box) -> Steps[None]:
        if all(fence.done for _, fence in self._composed):
            yield from self._look()
        self._shown[slices(box)] = self._newest[slices(box)]
        self._shown_early[slices(box)] = self._early[slices(box)]
        fence = yield from self._renderer.draw(self.screen, [CopyBox(box, box.x, box.y, self.buffer)])
        self._composed.append((box, fence))

    def _show(self, client: Portable, box: Box, foreign: bool) -> Steps[None]:
        """Have a box shown by import (R3); where the importing device cannot reach the buffer, load it (R4)."""
        files = self._foreign if foreign else client.handles
        try:
            handle, same = files.import_dmabuf(self._shared)
        except DriverError as error:
            if not foreign or error.errno != "EBUSY":
                raise
            yield from self._load(client, box)
            return
        if foreign or not same or files.buffer(handle) is not self.buffer:
            raise RuntimeError(f"an import on {files.device} gave what it must not")
        yield Note(Import(process=client.name, buffer=self.buffer.name, device=files.device, same=same))
        yield from self._compose(box)

    def _frame(self) -> Steps[None]:
        """What a deferred strategy holds back is due."""
        if self.driver.policy.promise is Promise.DEFERRED and self._clients:
            yield from next(iter(self._clients.values())).flush()

    def _settle(self) -> Steps[None]:
        """Wait until the device is idle."""
        for buffer in (self.buffer, self.screen):
            fences: Iterable[Fence] = buffer.reservation.query(Usage.BOOKKEEP)
            yield from wait_for(fences, cause=OWN_WAIT, buffer=buffer.name)

    # ---------------------------------------------------------------------------------------------- looking

    def _look(self) -> Steps[None]:
        """Look at what was composed, all of which is known to be done, as a display does; no time passes."""
        if not self._composed:
            return
        surface = self.screen.surface
        image = surface.detile((yield ScanOut(surface.base, surface.size)))
        self._watch[self.screen].seen("screen", image)
        wrong = image != self._shown
        for box, _ in self._composed:
            self._compare(wrong[slices(box)], self._shown_early[slices(box)])
        self._composed.clear()

    def _compare(self, wrong: Bits, early: Bits) -> None:
        """Count a read whose bytes differ from the newest in a mask, and those that may because they are newer."""
        stale = int(np.count_nonzero(wrong & ~early))
        self.played.stale_reads += stale > 0
        self.played.stale_bytes += stale
        self.played.early_reads += bool((wrong & early).any())

    def _close(self) -> Steps[None]:
        """Not measured: look at the screen, make the device current and look at the buffer."""
        yield from self._look()
        yield from self._frame()
        client = next(iter(self._clients.values()), None) or Portable("last", self.driver, self._shared, self._watch)
        yield from client.show()
        oracles = self._watch.values()
        self.played.judged_bytes = sum(oracle.reads for oracle in oracles)
        self.played.violations = [
            f"{one.kind} by {one.reader} at byte {one.address}: {one.got}, not {sorted(one.expected)[:4]}; "
            f"{one.count} bytes"
            for oracle in oracles
            for one in oracle.violations
        ]
