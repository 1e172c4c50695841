"""What is timed: each scenario is a driver's generator on the RTL, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from models.bracket import begin, end
from models.client.photo import photo
from models.client.writer import Writer
from models.dmabuf import Buffer, DmaBuf
from models.driver import CopyBox, Driver, FillBox
from models.faultline_engine import FaultlineEngine
from models.layout import Layout
from models.memory import PAGE, HostMemory
from models.page_table import Mapping as Mapped
from models.policy.page_mkwrite import PageMkwrite
from models.steps import Steps
from models.surface import Box

__all__ = ["SCENARIOS", "Reading", "Scenario"]

_PIXEL, _ROWS = 4, 64
"""Bytes a pixel and rows of the buffer of the steady scenarios: a row is a page, and there are so many."""
_RED = bytes((224, 64, 32, 255))
_SHARED_ROWS, _DRAWINGS = 8, 6
"""Pages of the buffer that several share, and how often it is drawn."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A generator on fresh host memory; it raises AssertionError where bytes are wrong.

    What it returns, if anything, are further generators by the name of their task, which then run beside each other.
    """

    title: str
    steps: Callable[[HostMemory], Steps[Mapping[str, Steps[None]] | None]]


def _photo(host: HostMemory) -> Steps[None]:
    picture = np.random.default_rng(2013).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    result = yield from photo(Driver(host, FaultlineEngine(host), PageMkwrite()), picture)
    assert result.agree, (result.differences, result.violations[:3])


class Reading:
    """Page after page of what the device drew, each read by a fault; `open` first, then any number of `round`s."""

    def __init__(self, host: HostMemory) -> None:
        self._driver, self._writer = _started(host)
        self._address = 0

    def open(self) -> Steps[None]:
        """Bring the driver up and map a buffer."""
        mapping = yield from _mapped(self._driver, self._writer)
        self._address = mapping.address

    def round(self) -> Steps[None]:
        """Draw the buffer, then read a pixel of each of its pages. AssertionError for a wrong one."""
        buffer = self._writer.buffers[0]
        fence = yield from self._writer.draw(buffer, [FillBox(buffer.surface.box, _RED)])
        yield from self._driver.wait(fence)
        for page in range(_ROWS):
            seen = yield from self._writer.load(self._address + page * PAGE, _PIXEL)
            assert seen.tobytes() == _RED, f"page {page} reads {seen.tobytes().hex()}"


def _readback(host: HostMemory) -> Steps[None]:
    reading = Reading(host)
    yield from reading.open()
    for _ in range(2):
        yield from reading.round()


def _writeback(host: HostMemory) -> Steps[None]:
    driver, writer = _started(host)
    mapping = yield from _mapped(driver, writer)
    buffer = writer.buffers[0]
    for page in range(_ROWS):
        yield from writer.store(mapping.address + page * PAGE, np.full(PAGE, page + 1, np.uint8))
        yield from driver.device_read(buffer)


def _render(host: HostMemory) -> Steps[None]:
    driver, writer = _started(host)
    yield from _mapped(driver, writer)
    buffer = writer.buffers[0]
    half = _ROWS // 2
    for number in range(8):
        fill = FillBox(Box(0, 0, PAGE, number + 1), bytes((number, 1, 2, 255)))
        copy = CopyBox(Box(0, half, PAGE, number + 1), 0, 0)
        fence = yield from writer.draw(buffer, [fill, copy])
        yield from driver.wait(fence)


def _shared(host: HostMemory) -> Steps[Mapping[str, Steps[None]]]:
    """One draws, one reads by faults, one through brackets, which read back as the kernel has the buffer mapped too."""
    driver, artist = _started(host)
    mapping = yield from _mapped(driver, artist, _SHARED_ROWS)
    yield from _drawn(driver, artist, 0)
    dmabuf = driver.export(artist.buffers[0])
    dmabuf.vmap()
    return {
        "artist": _drawing(driver, artist),
        "reader": _reading(artist, mapping),
        "bracket": _bracketing(dmabuf),
    }


def _drawn(driver: Driver, artist: _Writer, number: int) -> Steps[None]:
    buffer = artist.buffers[0]
    fence = yield from artist.draw(buffer, [FillBox(buffer.surface.box, bytes((number, 64, 32, 255)))])
    yield from driver.wait(fence)


def _drawing(driver: Driver, artist: _Writer) -> Steps[None]:
    for number in range(1, _DRAWINGS):
        yield from _drawn(driver, artist, number)


def _reading(reader: _Writer, mapping: Mapped) -> Steps[None]:
    """Whatever is seen was drawn, and nothing older comes after it."""
    newest = 0
    for page in (*range(_SHARED_ROWS), *range(_SHARED_ROWS)):
        seen = (yield from reader.load(mapping.address + page * PAGE, _PIXEL)).tobytes()
        assert seen[1:] == bytes((64, 32, 255)) and newest <= seen[0] < _DRAWINGS, f"page {page} reads {seen.hex()}"
        newest = seen[0]


def _bracketing(dmabuf: DmaBuf) -> Steps[None]:
    for _ in range(_DRAWINGS):
        yield from begin(dmabuf, write=False)
        yield from end(dmabuf, write=False)


class _Writer(Writer):
    """A writer that knows its buffers."""

    def __init__(self, driver: Driver) -> None:
        super().__init__("writer", driver)
        self.buffers: list[Buffer] = []


def _started(host: HostMemory) -> tuple[Driver, _Writer]:
    driver = Driver(host, FaultlineEngine(host), PageMkwrite())
    return driver, _Writer(driver)


def _mapped(driver: Driver, writer: _Writer, rows: int = _ROWS) -> Steps[Mapped]:
    yield from driver.initialise()
    buffer = yield from driver.create("buffer", PAGE // _PIXEL, rows, _PIXEL, Layout.Y_TILED)
    writer.buffers.append(buffer)
    return writer.map(writer.files.install(driver.export(buffer)))


SCENARIOS = {
    "photo": Scenario("the photo scenario on a picture of 160 x 120 pixels", _photo),
    "page_readback": Scenario("page after page of what the device drew, each read by a fault", _readback),
    "page_writeback": Scenario("page after page that the CPU wrote, each sent by itself", _writeback),
    "render": Scenario("fills and copies, each waited for", _render),
    "shared": Scenario("one that draws, one that reads by faults and one through brackets, on one buffer", _shared),
}
"""By the name that SCENARIO and a contract use."""
