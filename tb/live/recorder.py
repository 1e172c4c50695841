"""What programs and device did to each buffer, as a workload for `make compare` (models/workload/trace.py).

The kernel tells of a load when a program touches a page that it has no entry for, and of stores when it hands pages
over; what changed in them says which bytes were stored. So a trace has each page that was used between two drawings on
it, once; stores that changed nothing are not in it, and stand where they were handed over: before the drawing that
made them due. Runs of pages that one process touches one after another are one load.

A copy from another buffer is a drawing in the trace of its target, and composed in that of its source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.memory import PAGE, Bytes
from models.surface import Box, Surface
from models.transfer import boxes_of_bytes
from models.workload.trace import HEADER

__all__ = ["Recorder"]


@dataclass(slots=True)
class _Recorded:
    surface: Surface
    lines: list[str] = field(default_factory=list)
    toucher: dict[int, str] = field(default_factory=dict)
    """Who touched a page last: its stores are taken to be theirs."""
    loading: tuple[str, int, int] | None = None
    """Process, first page, and the page behind the last one."""


class Recorder:
    """Records each buffer of a live device."""

    def __init__(self) -> None:
        self._buffers: dict[str, _Recorded] = {}
        self._names: dict[int, str] = {}

    def created(self, name: str, surface: Surface) -> None:
        """There is a buffer of this shape."""
        self._buffers[name] = _Recorded(surface)

    def loaded(self, name: str, pages: range, pid: int) -> None:
        """A process touched pages that it had no entry for."""
        one, who = self._buffers[name], self._name(pid)
        for page in pages:
            one.toucher[page] = who
        if one.loading is not None and one.loading[0] == who and one.loading[2] == pages.start:
            one.loading = (who, one.loading[1], pages.stop)
            return
        self._end_load(one)
        one.loading = (who, pages.start, pages.stop)

    def stored(self, name: str, page: int, before: Bytes, offset: int, data: bytes, pid: int) -> None:
        """Bytes were stored at an offset of a page, which held `before`; `pid` is 0 where only the page is known."""
        one = self._buffers[name]
        self._end_load(one)
        changed = np.flatnonzero(before[offset : offset + len(data)] != np.frombuffer(data, np.uint8)) + offset
        who = self._name(pid) if pid else one.toucher.get(page, "kernel")
        one.toucher[page] = who
        if not changed.size:
            return
        place = page * PAGE
        for piece in boxes_of_bytes(one.surface, place, PAGE):
            inside = changed[(changed >= piece.offset - place) & (changed < piece.offset - place + piece.box.bytes)]
            if not inside.size:
                continue
            rows, columns = np.divmod(inside + (place - piece.offset), piece.box.width)
            x, y = int(columns.min()), int(rows.min())
            width, height = int(columns.max()) - x + 1, int(rows.max()) - y + 1
            box = Box(piece.box.x + x, piece.box.y + y, width, height)
            one.lines.append(f"store {who} {_pixels(one.surface, box)}")

    def filled(self, name: str, box: Box) -> None:
        """The device drew a box."""
        self._add(name, f"fill {_pixels(self._buffers[name].surface, box)}")

    def copied(self, name: str, box: Box, source: str, x: int, y: int) -> None:
        """The device copied a box from (x bytes, y rows) of a buffer."""
        surface = self._buffers[name].surface
        if source == name:
            self._add(name, f"copy {_pixels(surface, box)} {x // surface.bytes_per_pixel} {y}")
            return
        origin = Box(x, y, box.width, box.height)
        self._add(source, f"compose {_pixels(self._buffers[source].surface, origin)}")
        self.filled(name, box)

    def waited(self) -> None:
        """Somebody waited for the device."""
        for name, one in self._buffers.items():
            if one.lines and one.lines[-1] != "wait":
                self._add(name, "wait")

    def flushed(self, name: str) -> None:
        """What was stored had to reach the device."""
        self._add(name, "frame")

    def write(self, stem: Path) -> list[Path]:
        """Write a trace for each buffer that saw an action, named STEM-BUFFER.trace; return their files."""
        files = []
        for name, one in self._buffers.items():
            self._end_load(one)
            if not one.lines:
                continue
            surface = one.surface
            shape = f"{surface.width} {surface.height} {surface.bytes_per_pixel} {surface.layout.name}"
            path = stem.with_name(f"{stem.name}-{name}.trace")
            path.write_text("\n".join([HEADER, f"buffer {shape}", *one.lines]) + "\n", encoding="utf-8")
            files.append(path)
        return files

    def _add(self, name: str, line: str) -> None:
        one = self._buffers[name]
        self._end_load(one)
        one.lines.append(line)

    def _end_load(self, one: _Recorded) -> None:
        if one.loading is None:
            return
        who, first, stop = one.loading
        one.loading = None
        for piece in boxes_of_bytes(one.surface, first * PAGE, (stop - first) * PAGE):
            one.lines.append(f"load {who} {_pixels(one.surface, piece.box)}")

    def _name(self, pid: int) -> str:
        return self._names.setdefault(pid, f"p{len(self._names) + 1}")


def _pixels(surface: Surface, box: Box) -> str:
    """A box of bytes as X Y WIDTH HEIGHT in the pixels that it touches."""
    pixel = surface.bytes_per_pixel
    first, stop = box.x // pixel, -(-(box.x + box.width) // pixel)
    return f"{first} {box.y} {stop - first} {box.height}"
