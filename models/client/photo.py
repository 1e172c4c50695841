"""The photo scenario: one page fault, end to end, with a real picture.

A client paints a picture with stores, the device draws, a second process reads while it still does, the client changes
drawn and undrawn rows, the device draws from them, the client changes some of them again at once and the device draws
once more, a compositor scans out; then every view is compared with a plain numpy rendering of the same steps. Nothing
depends on timing: the driver's events are the same on every performer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np

from models.client.compositor import Compositor
from models.client.reader import Reader
from models.client.writer import Writer
from models.dmabuf import Buffer
from models.driver import CopyBox, Driver, FillBox
from models.errors import DriverError
from models.events import Event, Fault, FenceWait, Interrupt, Phase, Readback, Submit, Writeback, Zap, page_count
from models.layout import Layout
from models.memory import Bytes
from models.oracle import Oracle, Violation
from models.steps import Note, Step, Steps
from models.surface import Box, Surface

__all__ = ["PHASES", "PhaseCounts", "Photo", "PhotoResult", "count_phases", "photo", "untranslated"]

PHASES = ("create", "paint", "draw", "read", "change", "redraw", "scan-out", "compare")
"""The scenario's phases in order, as in its `Phase` events."""

PIXEL = 4
"""Bytes a pixel of the surface: red, green, blue and 255."""

SMALLEST, LARGEST = 16, 8192
"""Limits of either extent of the picture, in pixels."""

_T = TypeVar("_T")


@dataclass(slots=True)
class PhaseCounts:
    """What the driver did in one phase.

    `pages_zapped` counts entries that went away, `descriptors` all of both rings, `fence_waits` waits for work that was
    under way already (not those for a transfer that was just started).
    """

    faults: int = 0
    pages_zapped: int = 0
    readback_pages: int = 0
    readback_bytes: int = 0
    writeback_pages: int = 0
    writeback_bytes: int = 0
    descriptors: int = 0
    fence_waits: int = 0
    interrupts: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def count_phases(events: Iterable[Event]) -> dict[str, PhaseCounts]:
    """Add up a scenario's events by phase; events before the first `Phase` count under "setup"."""
    phases: dict[str, PhaseCounts] = {}
    name = "setup"
    for event in events:
        if isinstance(event, Phase):
            name = event.name
        counts = phases.setdefault(name, PhaseCounts())
        match event:
            case Fault():
                counts.faults += 1
            case Zap():
                counts.pages_zapped += event.entries
            case Readback():
                counts.readback_pages += page_count(event.pages)
                counts.readback_bytes += event.bytes
            case Writeback():
                counts.writeback_pages += page_count(event.pages)
                counts.writeback_bytes += event.bytes
            case Submit():
                counts.descriptors += event.descriptors
            case FenceWait():
                counts.fence_waits += event.cause != "readback"
            case Interrupt():
                counts.interrupts += 1
    return phases


@dataclass(frozen=True, slots=True)
class Photo:
    """Everything that is drawn, derived from the picture's extent alone (bytes and rows of the surface)."""

    copy: CopyBox
    fill: FillBox
    region: Box
    """What the second process reads while the renderer runs: drawn and undrawn."""
    change: Box
    """What the first client then paints over: it begins in what was drawn and ends in rows that nobody drew."""
    last: tuple[FillBox, CopyBox]
    """The second drawing: it fills rows that the second process has mapped, and copies what was just painted."""
    touch: Box
    """The last rows of that copy's source, drawn by nobody, which the client paints over before the copy reads them."""
    end: FillBox
    """The third drawing; the upload of what was touched must stay behind the copy."""

    @classmethod
    def of(cls, width: int, height: int) -> Photo:
        """Lay the scenario out for a picture of width x height pixels."""

        def box(left: int, top: int, right: int, bottom: int) -> Box:
            """Sixteenths of the picture, in bytes and rows."""
            x, y = left * width // 16, top * height // 16
            return Box(x * PIXEL, y, (right * width // 16 - x) * PIXEL, bottom * height // 16 - y)

        source, drawn = box(2, 1, 7, 6), box(8, 8, 13, 13)
        painted, again = box(3, 11, 7, 15), box(9, 2, 13, 6)
        return cls(
            copy=CopyBox(Box(drawn.x, drawn.y, source.width, source.height), source.x, source.y),
            fill=FillBox(box(1, 8, 6, 12), bytes((224, 64, 32, 255))),
            region=box(5, 6, 10, 10),
            change=painted,
            last=(
                FillBox(box(7, 9, 9, 13), bytes((32, 96, 224, 255))),
                CopyBox(Box(again.x, again.y, painted.width, painted.height), painted.x, painted.y),
            ),
            touch=box(4, 14, 6, 15),
            end=FillBox(box(10, 0, 14, 1), bytes((255, 208, 64, 255))),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PhotoResult:
    """All views of the buffer at the end, each (height, width in bytes), and what happened on the way.

    `raw` are the device's bytes as they lie, `scanout` the same through the tile inverse. `early` is what the second
    process saw while the renderer ran, `early_expected` what it had to see.
    """

    surface: Surface
    raw: Bytes
    scanout: Bytes
    writer: Bytes
    reader: Bytes
    early: Bytes
    early_expected: Bytes
    expected: Bytes
    violations: tuple[Violation, ...]
    reads: int
    phases: dict[str, PhaseCounts]
    events: tuple[Event, ...] = field(repr=False)

    @property
    def differences(self) -> dict[str, int]:
        """Bytes that differ from the numpy rendering, by view."""
        views = {"scanout": self.scanout, "writer": self.writer, "reader": self.reader}
        counts = {name: int(np.count_nonzero(view != self.expected)) for name, view in views.items()}
        return counts | {"early": int(np.count_nonzero(self.early != self.early_expected))}

    @property
    def agree(self) -> bool:
        """True when every byte of every view is right and the oracle saw reads and found none wrong."""
        return not any(self.differences.values()) and not self.violations and self.reads > 0


def untranslated(result: PhotoResult) -> Bytes:
    """Return the device's bytes as the host would see them without the engine, as an image (height, width, 3)."""
    linear = result.raw[: result.surface.linear_size]
    return np.ascontiguousarray(linear.reshape(result.surface.height, result.surface.width, PIXEL)[:, :, :3])


def photo(driver: Driver, picture: Bytes, *, layout: Layout = Layout.Y_TILED) -> Steps[PhotoResult]:
    """Run the scenario with a picture of shape (height, width, 3), uint8, on a driver fresh from its making.

    DriverError EINVAL for a picture of another shape or with an extent outside SMALLEST to LARGEST.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise DriverError("EINVAL", f"a picture of shape {picture.shape} {picture.dtype}, not (height, width, 3) uint8")
    if not all(SMALLEST <= extent <= LARGEST for extent in picture.shape[:2]):
        raise DriverError("EINVAL", f"a picture of {picture.shape[1]} x {picture.shape[0]} pixels")
    events: list[Event] = []
    return (yield from _kept(_photo(driver, picture, layout, events), events))


def _kept(steps: Generator[Step, Any, _T], events: list[Event]) -> Generator[Step, Any, _T]:
    """Pass steps on, keeping the events among them."""
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            value: _T = stop.value
            return value
        if isinstance(step, Note):
            events.append(step.event)
        answer = yield step


def _photo(driver: Driver, picture: Bytes, layout: Layout, events: list[Event]) -> Steps[PhotoResult]:
    height, width = picture.shape[:2]
    plan = Photo.of(width, height)
    canvas = np.full((height, width, PIXEL), 255, np.uint8)
    canvas[:, :, :3] = picture
    image: Bytes = canvas.reshape(height, width * PIXEL)

    yield Note(Phase(name="create"))
    yield from driver.initialise()
    buffer = yield from driver.create("photo", width, height, PIXEL, layout)
    oracle = Oracle(buffer.surface)
    watch: dict[Buffer, Oracle] = {buffer: oracle}
    shared = driver.export(buffer)
    writer, reader = Writer("writer", driver, watch), Reader("reader", driver, watch)
    mine = writer.map(writer.files.install(shared.get()))
    theirs = reader.receive(shared)

    yield Note(Phase(name="paint"))
    yield from writer.paint(mine, image)

    yield Note(Phase(name="draw"))
    yield from writer.draw(buffer, [plan.copy, plan.fill])

    yield Note(Phase(name="read"))
    early = yield from reader.look(theirs, plan.region)

    yield Note(Phase(name="change"))
    patch = _patch(plan.change)
    yield from writer.paint(mine, patch, x=plan.change.x, y=plan.change.y)

    yield Note(Phase(name="redraw"))
    yield from writer.draw(buffer, plan.last)
    # Its page is on its way to the device and the copy has yet to read it: the store waits for the one (R21), and the
    # next upload stays behind the other (R19).
    touch = 255 - _patch(plan.touch)
    yield from writer.paint(mine, touch, x=plan.touch.x, y=plan.touch.y)
    yield from writer.draw(buffer, [plan.end])

    yield Note(Phase(name="scan-out"))
    raw = yield from Compositor("compositor", driver, watch).show(shared)

    # The second process first: an entry of its that a zap has missed still shows the page as it was (R7).
    yield Note(Phase(name="compare"))
    other = yield from reader.load_box(theirs, buffer.surface.box)
    seen = yield from writer.load_box(mine, buffer.surface.box)

    expected = image.copy()
    _numpy_draw(expected, [plan.copy, plan.fill])
    early_expected = _cut(expected, plan.region).copy()
    _cut(expected, plan.change)[:] = patch
    _numpy_draw(expected, plan.last)
    _cut(expected, plan.touch)[:] = touch
    _numpy_draw(expected, [plan.end])
    return PhotoResult(
        surface=buffer.surface,
        raw=raw,
        scanout=buffer.surface.detile(raw),
        writer=seen,
        reader=other,
        early=early,
        early_expected=early_expected,
        expected=expected,
        violations=tuple(oracle.violations),
        reads=oracle.reads,
        phases=count_phases(events),
        events=tuple(events),
    )


def _patch(box: Box) -> Bytes:
    """Return what the client paints in step 4: a gradient, every row different."""
    rows = np.arange(box.height, dtype=np.int64)[:, None]
    return ((rows * 7 + np.arange(box.width, dtype=np.int64)[None, :] * 3) & 0xFF).astype(np.uint8)


def _cut(image: Bytes, box: Box) -> Bytes:
    return image[box.y : box.y + box.height, box.x : box.x + box.width]


def _numpy_draw(image: Bytes, commands: Iterable[CopyBox | FillBox]) -> None:
    """Draw by plain slices: written apart from the oracle's rendering, so that neither hides a slip of the other."""
    for command in commands:
        target = _cut(image, command.box)
        if isinstance(command, FillBox):
            for byte, value in enumerate(command.pixel):
                target[:, byte :: len(command.pixel)] = value
        else:
            origin = Box(command.source_x, command.source_y, command.box.width, command.box.height)
            target[:] = _cut(image, origin).copy()
