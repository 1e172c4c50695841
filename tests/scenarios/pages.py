"""Every state of a page meets every event of the driver: what `tb.cov.groups.PAGE` says can happen, made to happen.

A page is a row of the surface. `healthy` goes through the states of a buffer whose memory is kind, under an oracle;
`failing` through those that bus errors lead to; `crowd` has others come while a page is being brought back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.client.writer import Writer
from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver, FillBox
from models.errors import BusFault, DeviceError
from models.events import Fork
from models.faultline_engine import FaultlineEngine
from models.layout import Layout
from models.memory import PAGE, Bytes, HostMemory
from models.oracle import Oracle
from models.page_table import Mapping
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Delay, Note, ScanOut, Steps
from models.surface import Box
from tb.agents.memory import ErrorWindow, MemoryConfig

__all__ = ["Pages"]

_PIXEL = 4
_ROWS = 24


@dataclass
class Pages:
    """A driver, a buffer of 24 pages and three processes that map it. `temper` sets how kind host memory is."""

    host: HostMemory
    temper: Callable[[MemoryConfig], None]
    watch: dict[Buffer, Oracle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.driver = Driver(self.host, FaultlineEngine(self.host), PageMkwrite())
        self.writers = {name: Writer(name, self.driver, self.watch) for name in ("one", "two", "three")}
        self.mappings: dict[str, Mapping] = {}
        self._stores = 0

    def open(self, name: str, *, watched: bool) -> Steps[None]:
        """Bring up the engine, make the buffer and map it."""
        yield from self.driver.initialise()
        self.buffer = yield from self.driver.create(name, PAGE // _PIXEL, _ROWS, _PIXEL, Layout.Y_TILED)
        if watched:
            self.watch[self.buffer] = Oracle(self.buffer.surface)
        self.shared: DmaBuf = self.driver.export(self.buffer)
        for one in self.writers:
            self.map(one)

    def map(self, name: str) -> None:
        """Map the buffer into a process, read and write."""
        process = self.writers[name]
        self.mappings[name] = process.map(process.files.install(self.shared.get()))

    # ------------------------------------------------------------------------------------------- what happens

    def load(self, name: str, page: int) -> Steps[Bytes]:
        """Load some bytes of a page."""
        return (yield from self.writers[name].load(self.mappings[name].address + page * PAGE + 100, 16))

    def store(self, name: str, page: int) -> Steps[None]:
        """Store bytes that were never stored before."""
        self._stores += 1
        data = np.arange(self._stores, self._stores + 24, dtype=np.uint8)
        yield from self.writers[name].store(self.mappings[name].address + page * PAGE + 96, data)

    def draw(self, page: int, *, width: int = 2000, wait: bool = False) -> Steps[None]:
        """Have the device draw on a page."""
        self._stores += 1
        pixel = bytes((self._stores & 0xFF, page, 7, 255))
        fence = yield from self.writers["one"].draw(self.buffer, [FillBox(Box(40, page, width, 1), pixel)])
        if wait:
            yield from self.driver.wait(fence)

    def show(self) -> Steps[None]:
        """Make the device's copy current."""
        yield from self.driver.device_read(self.buffer)

    def unmap(self, name: str) -> Steps[None]:
        """Take a process's mapping away."""
        yield from self.writers[name].unmap(self.mappings.pop(name))

    def fork(self, parent: str, child: str) -> Steps[None]:
        """Fork a process: its child has copies of its mappings."""
        self.writers[parent].fork(child)
        mapping = self.mappings[parent]
        pages = ((mapping.first, mapping.count),)
        yield Note(Fork(cause=parent, process=child, buffer=self.buffer.name, pages=pages))

    def error(self, page: int, *, read: bool) -> None:
        """From now on the bus refuses a page of the host's copy."""
        window = ErrorWindow(self.buffer.frames[page] * PAGE, PAGE, read=read, write=not read)
        self.temper(MemoryConfig(error=window))

    def agree(self) -> Steps[None]:
        """The device's copy, once it is current, holds what a process loads. AssertionError otherwise."""
        yield from self.show()
        surface = self.buffer.surface
        shown = surface.detile((yield ScanOut(surface.base, surface.size)))
        loaded = yield from self.writers["one"].load_box(self.mappings["one"], surface.box)
        assert np.array_equal(shown, loaded), np.flatnonzero((shown != loaded).any(axis=1))

    # ---------------------------------------------------------------------------------------------- the cases

    def healthy(self) -> Steps[None]:
        """Every state that kind memory allows."""
        for name in ("one", "two"):  # absent, clean
            yield from self.load(name, 0)
        for name in ("two", "one"):  # clean, dirty
            yield from self.store(name, 0)
        yield from self.load("three", 0)
        yield from self.store("one", 1)
        yield from self.show()  # protected
        yield from self.load("two", 1)
        yield from self.store("two", 1)
        yield from self.store("one", 2)
        yield from self.store("one", 3)
        yield from self.draw(3)  # zaps what is uploading; page 2 is on its way too
        yield from self.load("two", 2)
        yield from self.store("one", 2)  # waits for the upload
        yield from self.load("one", 4)
        yield from self.draw(4)  # clean
        yield from self.draw(5)  # absent
        yield from self.draw(5)  # drawing
        yield from self.load("one", 5)
        yield from self.store("one", 6)
        yield from self.show()
        yield from self.draw(6)  # protected
        yield from self.draw(7)
        yield from self.store("one", 7)  # while it is drawn
        yield from self.draw(8, wait=True)
        yield from self.load("one", 8)
        yield from self.draw(9, wait=True)
        yield from self.store("one", 9)
        yield from self.draw(11, wait=True)
        yield from self.draw(11)  # of the device
        for page, name in ((12, "load"), (13, "show"), (14, "draw")):
            yield from self.store("three", page)
            yield from self.unmap("three")  # an orphan
            self.map("three")
            if name == "load":
                yield from self.load("one", page)
                yield from self.store("one", page)
            elif name == "show":
                yield from self.show()
            else:
                yield from self.draw(10)

    def together(self) -> Steps[None]:
        """A fork and an unmapping that find a page in each state."""
        yield from self.store("one", 19)
        yield from self.show()  # 19 is protected
        yield from self.draw(20, wait=True)  # of the device
        yield from self.store("one", 22)
        yield from self.draw(23)  # drawing; 22 is uploading
        yield from self.store("three", 21)
        yield from self.unmap("three")  # 21 is an orphan
        yield from self.load("one", 17)
        yield from self.store("one", 18)
        yield from self.fork("one", "child")
        self.map("three")
        yield from self.unmap("three")
        self.map("three")

    def failing(self) -> Steps[None]:
        """Uploads and readbacks that fail."""
        for page in (0, 1, 2, 3):
            yield from self._lose(page)
            if page == 0:
                yield from self.load("two", page)
                yield from self.store("one", page)
            elif page == 1:
                yield from self.show()
            elif page == 2:
                yield from self.draw(12)
        for page in (4, 5, 6, 7):
            yield from self._refuse(page)
            if page == 4:
                yield from self.load("one", page)
            elif page == 5:
                yield from self.store("two", page)
            elif page == 6:
                yield from self.draw(page)
        yield from self._lose(8)
        yield from self.fork("one", "child")
        yield from self.unmap("three")
        self.map("three")
        yield from self.store("one", 9)
        self.error(9, read=True)
        yield from self._fails(self.draw(9, width=16, wait=True))  # done before an abort could stop it
        self.temper(MemoryConfig())
        yield from self.agree()

    def _lose(self, page: int) -> Steps[None]:
        """Store into a page and have its upload fail."""
        yield from self.store("one", page)
        self.error(page, read=True)
        yield from self._fails(self.show())
        self.temper(MemoryConfig())

    def _refuse(self, page: int) -> Steps[None]:
        """Draw on a page and have its readback fail."""
        yield from self.draw(page, wait=True)
        self.error(page, read=False)
        yield from self._fails(self.load("one", page))
        self.temper(MemoryConfig())

    @staticmethod
    def _fails(steps: Steps[object]) -> Steps[None]:
        """Whoever does this learns that the device failed."""
        try:
            yield from steps
        except (DeviceError, BusFault):
            return
        raise AssertionError("nobody learnt of the bus error")

    def crowd(self, page: int) -> dict[str, Steps[object]]:
        """Tasks that meet a page while it is being brought back, from a memory that takes its time."""

        def first() -> Steps[None]:
            yield from self.load("one", page)

        def late(steps: Steps[object]) -> Steps[None]:
            yield Delay(16_000, "a while")
            yield from steps

        return {
            "first": first(),
            "load": late(self.load("two", page)),
            "store": late(self.store("three", page)),
            "fork": late(self.fork("one", "grandchild")),
        }
