"""Named races of the driver, small enough to be run in every order: two pages, one buffer, two or three threads.

Each builder returns a fresh scenario. A policy, fault handler, driver or engine that is broken can be put in its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.bracket import SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE
from models.client.portable import Portable
from models.costs import Costs
from models.device import Device
from models.dmabuf import Buffer, DmaBuf
from models.drawing import FillBox
from models.driver import Driver
from models.errors import BusFault, DeviceError, DriverError
from models.fault import FaultHandler
from models.faultline_engine import FaultlineEngine
from models.importer import DeviceFiles
from models.layout import Layout, PageTableEntry
from models.memory import PAGE, Bytes, HostMemory
from models.oracle import Oracle, PatchBox
from models.perform import Machine, run
from models.policy import Policy
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.sync_bracket import SyncBracket
from models.schedule import Scenario
from models.steps import Steps
from models.surface import Box
from models.transfer_object import MapFlag

__all__ = ["RACES", "Parts", "build"]


@dataclass(frozen=True)
class Parts:
    """What a scenario is built of; the good ones by default."""

    policy: Callable[[], Policy] | None = None
    driver: type[Driver] = Driver
    handler: type[FaultHandler] = FaultHandler
    engine: type[FaultlineEngine] = FaultlineEngine


@dataclass
class Stage:
    """A world of two pages (a row each) that two clients share; what they see is judged by the oracle."""

    parts: Parts
    default: Callable[[], Policy] = PageMkwrite
    device: Machine = field(init=False)
    driver: Driver = field(init=False)
    buffer: Buffer = field(init=False)
    shared: DmaBuf = field(init=False)
    watch: dict[Buffer, Oracle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        host = HostMemory(None, 1 << 18)
        self.device = Machine([Device(host, device_size=1 << 15) for _ in range(2)])
        policy = (self.parts.policy or self.default)()
        engine = self.parts.engine(host, costs=Costs(), ring_log2=4)
        self.driver = self.parts.driver(host, engine, policy, staging=2 * PAGE)
        self.driver.faults = self.parts.handler(engine, policy, self.driver.costs)
        self.run(self.driver.initialise())
        self.buffer = self.run(self.driver.create("b", PAGE // 4, 2, 4, Layout.LINEAR))
        self.shared = self.driver.export(self.buffer)
        self.watch[self.buffer] = Oracle(self.buffer.surface, policy.promise, snapshot=policy.snapshot)
        self.one, self.two = self.client("one"), self.client("two")
        self.run(self.driver.device_read(self.buffer))

    def run(self, steps: Any) -> Any:
        return run(steps, self.device)

    def client(self, name: str) -> Portable:
        return Portable(name, self.driver, self.shared, self.watch)

    def row(self, value: int, count: int = 8) -> Bytes:
        return np.full((1, count), value, np.uint8)

    def fill(self, page: int, value: int, x: int = 0) -> FillBox:
        return FillBox(Box(x, page, 16, 1), bytes([value] * 4))

    def drawn(self, *commands: FillBox) -> None:
        """Have the device draw, and wait for it: the bytes are there, and not in host memory."""
        self.run(self.driver.wait(self.run(self.one.draw(self.buffer, commands))))

    def draw(self, client: Portable, *commands: FillBox) -> Steps[None]:
        yield from client.draw(self.buffer, commands)

    def look(self, client: Portable, page: int = 0) -> Steps[None]:
        yield from client.read_box(Box(0, page, 24, 1))

    def paint(self, client: Portable, page: int, value: int, x: int = 4) -> Steps[None]:
        yield from client.write_box(x, page, self.row(value))

    def scenario(self, **threads: Steps[Any]) -> Scenario:
        return Scenario(threads, self.device, self.check)

    def check(self) -> str:
        """After all have ended: nothing held, and every view is right."""
        if self.device.locks:
            return f"left locked: {sorted(self.device.locks)}"
        for client in (self.one, self.two):
            if client.mapping is None or client.mapping in self.buffer.space.mappings:
                self.run(client.read_box(Box(0, 0, 32, 2)))
        with contextlib.suppress(DeviceError):
            self.run(self.one.show())
        wrong = self.watch[self.buffer].violations
        return str(wrong[0]) if wrong else ""


def fault_during_zap(parts: Parts) -> Scenario:
    """A load faults while the device's drawing zaps its page."""
    stage = Stage(parts)
    stage.run(stage.look(stage.two))
    return stage.scenario(draw=stage.draw(stage.one, stage.fill(0, 1)), look=stage.look(stage.two))


def zap_during_fault(parts: Parts) -> Scenario:
    """A second drawing zaps a page while a fault brings it back after the first."""
    stage = Stage(parts)
    stage.drawn(stage.fill(0, 1))
    return stage.scenario(look=stage.look(stage.two), draw=stage.draw(stage.one, stage.fill(0, 2, 8)))


def write_between_scan_and_upload(parts: Parts) -> Scenario:
    """A store to a page that a submission has harvested and not yet sent; no fault need tell of it."""
    stage = Stage(parts, PagePagetable)
    stage.run(stage.paint(stage.two, 0, 7))
    return stage.scenario(draw=stage.draw(stage.one, stage.fill(1, 1)), paint=stage.paint(stage.two, 0, 8))


def two_processes_writing_one_page(parts: Parts) -> Scenario:
    """Both store into one page while it is harvested for a drawing on it."""
    stage = Stage(parts)
    stage.run(stage.paint(stage.one, 0, 3))

    def first() -> Steps[None]:
        yield from stage.paint(stage.one, 0, 4)
        yield from stage.draw(stage.one, stage.fill(0, 1, 32))

    return stage.scenario(first=first(), second=stage.paint(stage.two, 0, 5, 16))


def unmap_during_readback(parts: Parts) -> Scenario:
    """A process takes its mapping away while another of its threads waits for a readback through it."""
    stage = Stage(parts)
    stage.drawn(stage.fill(0, 1))

    def look() -> Steps[None]:
        with contextlib.suppress(BusFault):
            yield from stage.look(stage.two)

    def unmap() -> Steps[None]:
        assert stage.two.mapping is not None
        yield from stage.two.unmap(stage.two.mapping)

    mapping = stage.two.mapping
    scenario = stage.scenario(look=look(), unmap=unmap())

    def check() -> str:
        left = mapping is not None and bool(mapping.present.any())
        return "an entry in a mapping that is gone" if left else stage.check()

    return Scenario(scenario.threads, scenario.device, check)


def close_during_fault(parts: Parts) -> Scenario:
    """The last descriptor is closed while a fault on the mapping is served: the mapping keeps the buffer (R7)."""
    stage = Stage(parts)
    stage.drawn(stage.fill(0, 1))

    def close() -> Steps[None]:
        stage.two.files.close(stage.two.descriptor)
        stage.one.files.close(stage.one.descriptor)
        stage.shared.put()
        yield from stage.driver.reap()

    scenario = stage.scenario(look=stage.look(stage.two), close=close())

    def check() -> str:
        return "released while it is mapped" if stage.driver.released else stage.check()

    return Scenario(scenario.threads, scenario.device, check)


def fork_during_harvest(parts: Parts) -> Scenario:
    """A process forks while its pages are harvested; the child stores through its copies (R22)."""
    stage = Stage(parts)
    stage.run(stage.paint(stage.one, 0, 3))

    def fork() -> Steps[None]:
        child = yield from stage.one.forking("child")
        assert stage.one.mapping is not None
        yield from child.store(stage.one.mapping.address + 4, stage.row(6)[0])

    return stage.scenario(fork=fork(), draw=stage.draw(stage.two, stage.fill(0, 1, 16)))


def device_write_during_a_bracket(parts: Parts) -> Scenario:
    """The device draws on one page while a bracket is open to write another (R11)."""
    stage = Stage(parts, SyncBracket)

    def write() -> Steps[None]:
        yield from stage.one.sync(stage.one.descriptor, SYNC_START | SYNC_WRITE)
        assert stage.one.mapping is not None
        yield from stage.one.store_box(stage.one.mapping, 4, 0, stage.row(7))
        yield from stage.one.sync(stage.one.descriptor, SYNC_END | SYNC_WRITE)

    return stage.scenario(write=write(), draw=stage.draw(stage.two, stage.fill(1, 1)))


def two_brackets(parts: Parts) -> Scenario:
    """One client reads in a bracket what another writes in one, and the device has drawn before."""
    stage = Stage(parts, SyncBracket)
    stage.drawn(stage.fill(0, 1))

    def read() -> Steps[None]:
        yield from stage.two.sync(stage.two.descriptor, SYNC_START | SYNC_READ)
        assert stage.two.mapping is not None
        yield from stage.two.load(stage.two.mapping.address, 8)

    return stage.scenario(write=stage.paint(stage.one, 0, 7), read=read())


def two_faults_on_one_page(parts: Parts) -> Scenario:
    """A load and a store fault on a page that the device drew: neither may read it back over the other's store."""
    stage = Stage(parts)
    stage.drawn(stage.fill(0, 1))
    return stage.scenario(store=stage.paint(stage.one, 0, 9), load=stage.look(stage.two))


def transfer_map_against_submit(parts: Parts) -> Scenario:
    """A transfer object is mapped, changed and unmapped beside a drawing on the same page."""
    stage = Stage(parts)

    def transfer() -> Steps[None]:
        found = yield from stage.one.transfer_map(stage.buffer, Box(0, 0, 8, 1), MapFlag.WRITE | MapFlag.DISCARD_RANGE)
        found.data[:] = 5
        yield from stage.one.transfer_unmap(found)

    return stage.scenario(transfer=transfer(), draw=stage.draw(stage.two, stage.fill(0, 1, 16)))


def interrupt_before_wait(parts: Parts) -> Scenario:
    """The device is done before the driver begins to wait, or somebody else has taken its interrupt."""
    stage = Stage(parts)
    first, second = (stage.run(stage.one.draw(stage.buffer, [stage.fill(page, 1)])) for page in (0, 1))
    return stage.scenario(one=stage.driver.wait(first), two=stage.driver.wait(second))


def error_during_readback(parts: Parts) -> Scenario:
    """A readback fails under one fault while another fault reads a good page back: SIGBUS for the one alone."""
    stage = Stage(parts)
    stage.drawn(stage.fill(0, 1), stage.fill(1, 2))
    good = stage.buffer.table.get(0)
    stage.buffer.table.set(0, PageTableEntry(1, 0, good.frame))
    stage.run(stage.driver.wait(stage.run(stage.driver.engine.invalidate(stage.buffer.object_handle))))
    outcome: list[str] = []

    def look() -> Steps[None]:
        try:
            yield from stage.look(stage.two)
        except BusFault as fault:
            outcome.append(type(fault.error).__name__)

    scenario = stage.scenario(look=look(), other=stage.look(stage.one, 1))

    def check() -> str:
        if outcome != ["DeviceError"]:
            return f"the fault ended with {outcome or 'a page'}"
        assert stage.two.mapping is not None
        if stage.two.mapping.allows(0, False):
            return "an entry shows a page whose readback failed"
        stage.buffer.table.set(0, good)
        stage.run(stage.driver.engine.invalidate(stage.buffer.object_handle))
        return stage.check()

    return Scenario(scenario.threads, scenario.device, check)


def signal_during_a_wait(parts: Parts) -> Scenario:
    """A signal comes before, during or after the wait of a fault (R16)."""
    stage = Stage(parts)
    stage.run(stage.draw(stage.one, stage.fill(0, 1)))

    def signal() -> Steps[None]:
        stage.two.signals.send()
        yield from ()

    return stage.scenario(look=stage.look(stage.two), signal=signal())


def grab_against_submit(parts: Parts) -> Scenario:
    """A CPU grab beside a submission: whoever comes second waits or is refused (R24)."""
    stage = Stage(parts)
    seen: list[str] = []

    def grab() -> Steps[None]:
        yield from stage.two.grabs.grab(stage.buffer, 1)
        seen.append("grabbed")

    def draw() -> Steps[None]:
        refused = bool(stage.buffer.grabs)
        try:
            fence = yield from stage.driver.draw(stage.buffer, [stage.fill(0, 1)])
            seen.append("drawn" if fence.done else "drawing")
        except DriverError as error:
            seen.append(error.errno)
            refused = error.errno == "EBUSY" or refused

    scenario = stage.scenario(grab=grab(), draw=draw())

    def check() -> str:
        if "grabbed" not in seen or len(seen) != 2:
            return f"ended with {seen}"
        return "work was submitted on a grabbed buffer" if seen[0] == "grabbed" and seen[1] == "drawing" else ""

    return Scenario(scenario.threads, scenario.device, check)


def import_against_submit(parts: Parts) -> Scenario:
    """Another device writes one page by DMA while a drawing on the other page is pushed to it (R4)."""
    stage = Stage(parts)
    peer = Driver(stage.driver.host, FaultlineEngine(stage.driver.host, ring_log2=4, slot=1), PageMkwrite(), device="2")
    stage.driver.peers.add("2")
    stage.run(peer.initialise())
    target = stage.run(peer.create("t", PAGE // 4, 2, 4, Layout.LINEAR))
    stage.run(peer.wait(stage.run(peer.draw(target, [stage.fill(0, 5)]))))
    files = DeviceFiles("2")
    foreign = files.foreign(files.import_dmabuf(stage.shared)[0], stage.driver.host, peer.engine)
    stage.run(foreign.map())
    oracle, box = stage.watch[stage.buffer], Box(0, 0, 16, 1)

    def deliver() -> Steps[None]:
        token = oracle.draw_begins([PatchBox(box, np.full((1, 16), 5, np.uint8))])
        yield from peer.wait((yield from foreign.write(target.surface_handle, box)))
        oracle.draw_ends(token)

    def draw() -> Steps[None]:
        yield from stage.draw(stage.one, stage.fill(0, 1, 16))

    return stage.scenario(deliver=deliver(), draw=draw())


def scan_out_against_discard(parts: Parts) -> Scenario:
    """The display shows a busy buffer while a discard swaps its storage for one that holds others' data (R26, R30)."""
    stage = Stage(parts)
    stage.device.devices[0].memory[stage.buffer.surface.size :] = 0xEE
    stage.run(stage.draw(stage.one, stage.fill(0, 1)))
    shown: list[Bytes] = []

    def show() -> Steps[None]:
        shown.append((yield from stage.two.show()))

    def discard() -> Steps[None]:
        yield from stage.driver.transfers.map(stage.buffer, Box(0, 0, 16, 1), MapFlag.WRITE | MapFlag.DISCARD_WHOLE)
        stage.watch[stage.buffer].undefined(stage.buffer.surface.box)

    stage.watch[stage.buffer].undefined(stage.buffer.surface.box)
    scenario = stage.scenario(show=show(), discard=discard())

    def check() -> str:
        return "the display showed others' data" if (shown[0] == 0xEE).any() else stage.check()

    return Scenario(scenario.threads, scenario.device, check)


def error_beside_others(parts: Parts) -> Scenario:
    """An upload fails with drawing behind it, which aborts both queues, while another fault reads a page back (R23)."""
    stage = Stage(parts)
    stage.drawn(stage.fill(1, 2))
    stage.run(stage.paint(stage.one, 0, 7))
    good = stage.buffer.table.get(0)
    stage.buffer.table.set(0, PageTableEntry(0, 0, 0))
    stage.run(stage.driver.wait(stage.run(stage.driver.engine.invalidate(stage.buffer.object_handle))))
    told: list[str] = []

    def draw() -> Steps[None]:
        fence = yield from stage.one.draw(stage.buffer, [stage.fill(0, 1)])
        try:
            yield from stage.driver.wait(fence)
        except DeviceError as error:
            told.append(error.cause)

    scenario = stage.scenario(draw=draw(), look=stage.look(stage.two, 1))

    def check() -> str:
        if told != ["ABORTED"]:
            return f"the drawing ended with {told or 'success'}"
        stage.buffer.table.set(0, good)
        stage.run(stage.driver.engine.invalidate(stage.buffer.object_handle))
        return stage.check()

    return Scenario(scenario.threads, scenario.device, check)


RACES: dict[str, Callable[[Parts], Scenario]] = {
    race.__name__.replace("_", " "): race
    for race in (
        fault_during_zap, zap_during_fault, write_between_scan_and_upload, two_processes_writing_one_page,
        unmap_during_readback, close_during_fault, fork_during_harvest, device_write_during_a_bracket, two_brackets,
        two_faults_on_one_page, transfer_map_against_submit, interrupt_before_wait, error_during_readback,
        signal_during_a_wait, grab_against_submit, import_against_submit, scan_out_against_discard,
        error_beside_others,
    )
}  # fmt: skip


def build(name: str, parts: Parts | None = None) -> Callable[[], Scenario]:
    """Return the maker of a race's scenario."""
    return lambda: RACES[name](parts or Parts())
