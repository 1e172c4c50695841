"""Random work for both queues that has one right result, whatever the engine overlaps and however long things take.

A `Planner` draws operations one after another, each for one queue, and knows what each reads and writes.  Where two of
them touch the same bytes it makes the hardware keep their order: with the `order` bit between the two directions of
the transfer queue, with FENCE and WAIT between the queues.  Every WAIT waits for a FENCE that was drawn before it, so
none can wait for ever, and every prediction in the order of the records is right.

independent: nothing touches what another one writes, so that any part of the work may be missing.
faults: the share of operations that are spoilt in one of the ways that `models.execute` knows a cause for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.engine import Queue
from models.layout import OBJECT_COUNT, SURFACE_COUNT, Descriptor, Opcode
from models.surface import Box, Surface
from tb.chance import box_in, chosen, offset_in, stride_of
from tb.sequences import boxed

__all__ = ["Extent", "Planned", "Planner"]

_TRIES = 24
"""Draws after which an operation that fits nowhere becomes a NOP."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes [begin, end) of a host object in which transfers may take place."""

    object: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One descriptor and the queue it goes to."""

    queue: Queue
    descriptor: Descriptor


@dataclass(frozen=True, slots=True)
class _Touch:
    """A box of a surface, or bytes of an object (as a row), that an operation reads or writes."""

    place: tuple[str, int]
    box: Box
    write: bool

    def meets(self, other: _Touch) -> bool:
        return self.place == other.place and (self.write or other.write) and self.box.overlaps(other.box)


@dataclass(frozen=True, slots=True)
class _Drawn:
    opcode: Opcode
    touches: tuple[_Touch, ...]


class Planner:
    """Draws work on `surfaces`, from the bytes `sources` of host objects and into the bytes `targets`.

    surfaces: by index; what is in them must stay put while a plan is under way.  word: bytes of a bus word.
    fences: the last fence value of each queue; `plan` counts on from there, modulo 2^32.
    """

    def __init__(
        self,
        random: np.random.Generator,
        surfaces: Mapping[int, Surface],
        sources: Sequence[Extent],
        targets: Sequence[Extent],
        fences: dict[Queue, int],
        *,
        word: int = 8,
        queues: Sequence[Queue] = tuple(Queue),
        independent: bool = False,
        faults: float = 0.0,
    ) -> None:
        self.random = random
        self.surfaces = surfaces
        self.fences = fences
        self._sources = sources
        self._targets = targets
        self._word = word
        self._queues = queues
        self._independent = independent
        self._faults = faults
        self._work: list[Planned] = []
        self._drawn: dict[Queue, list[_Drawn]] = {queue: [] for queue in Queue}
        self._ordered = 0
        self._seen: dict[Queue, int] = dict.fromkeys(Queue, 0)

    def plan(self, count: int) -> list[Planned]:
        """About `count` operations, and the FENCEs and WAITs they need, in an order in which they may be published."""
        self._work = []
        self._drawn = {queue: [] for queue in Queue}
        self._ordered = 0
        self._seen = dict.fromkeys(Queue, 0)
        for _ in range(count):
            self._operation(chosen(self.random, self._queues))
        return self._work

    # ---------------------------------------------------------------------------------------------- operations

    def _operation(self, queue: Queue) -> None:
        if self.random.random() < 0.12:
            self._control(queue)
            return
        for _ in range(_TRIES):
            descriptor = self._transfer() if queue is Queue.TRANSFER else self._drawing()
            touches = self._touches(descriptor)
            if self._independent and self._disturbs(touches):
                continue
            if self.random.random() < self._faults:
                descriptor = self._spoilt(queue, descriptor)
            self._put(queue, descriptor, touches)
            return
        self._put(queue, Descriptor(opcode=Opcode.NOP), ())

    def _control(self, queue: Queue) -> None:
        """What moves no byte: NOP, INVALIDATE, an empty box, a FENCE, a WAIT for what is drawn before it."""
        kind = int(self.random.integers(4 if self._independent else 5))
        opcode = chosen(self.random, (Opcode.READBACK, Opcode.WRITEBACK) if queue is Queue.TRANSFER else (Opcode.FILL,))
        if kind == 0:
            self._put(queue, Descriptor(opcode=Opcode.NOP, order=int(self.random.integers(2))), ())
        elif kind == 1:
            self._put(queue, Descriptor(opcode=Opcode.INVALIDATE, object=int(self.random.integers(OBJECT_COUNT))), ())
        elif kind == 2:
            self._put(queue, boxed(opcode, Box(0, 0, *chosen(self.random, ((0, 5), (7, 0))))), ())
        elif self._independent:
            self._fence(queue)
        else:
            self._wait(queue, chosen(self.random, tuple(Queue)))

    def _transfer(self) -> Descriptor:
        opcode = chosen(self.random, (Opcode.READBACK, Opcode.WRITEBACK))
        extent = chosen(self.random, self._targets if opcode is Opcode.READBACK else self._sources)
        index = chosen(self.random, tuple(self.surfaces))
        box = box_in(self.random, self.surfaces[index], most=600 if self._independent else 3000)
        plain = not self._independent and not self._faults
        stride = stride_of(self.random, box.width, overlapping=plain)
        room = extent.end - extent.begin
        width = min(box.width, room)
        height = min(box.height, 1 + (room - width) // stride) if stride else box.height
        box = Box(box.x, box.y, width, height)
        offset = offset_in(self.random, extent.begin, extent.end, (height - 1) * stride + width, self._word)
        return boxed(opcode, box, surface=index, object=extent.object, host_offset=offset, host_stride=stride)

    def _drawing(self) -> Descriptor:
        index = chosen(self.random, tuple(self.surfaces))
        surface = self.surfaces[index]
        box = box_in(self.random, surface, pixels=True, most=600 if self._independent else 3000)
        low, high = (int(value) for value in self.random.integers(1 << 63, size=2))
        same = [one for one, other in self.surfaces.items() if other.bytes_per_pixel == surface.bytes_per_pixel]
        source = chosen(self.random, same)
        origin = box_in(self.random, self.surfaces[source], pixels=True)
        width, height = min(box.width, origin.width), min(box.height, origin.height)
        box, origin = replace(box, width=width, height=height), replace(origin, width=width, height=height)
        if self.random.random() < 0.4 or (source == index and box.overlaps(origin)):
            return boxed(Opcode.FILL, box, surface=index, pattern_low=low, pattern_high=high)
        return boxed(
            Opcode.COPY, box, surface=index, source_surface=source, source_x=origin.x, source_y=origin.y
        )  # fmt: skip

    def _touches(self, one: Descriptor) -> tuple[_Touch, ...]:
        box = Box(one.x, one.y, one.width, one.height)
        if one.opcode == Opcode.FILL:
            return (_Touch(("surface", one.surface), box, True),)
        if one.opcode == Opcode.COPY:
            origin = Box(one.source_x, one.source_y, one.width, one.height)
            return (_Touch(("surface", one.surface), box, True),
                    _Touch(("surface", one.source_surface), origin, False))  # fmt: skip
        readback = one.opcode == Opcode.READBACK
        bytes_ = Box(one.host_offset, 0, (one.height - 1) * one.host_stride + one.width, 1)
        return (_Touch(("surface", one.surface), box, not readback),
                _Touch(("object", one.object), bytes_, readback))  # fmt: skip

    # ------------------------------------------------------------------------------------------------- order

    def _disturbs(self, touches: Sequence[_Touch]) -> bool:
        """Whether any operation of the plan meets these."""
        return any(self._meets(queue, 0, touches) for queue in Queue)

    def _meets(self, queue: Queue, begin: int, touches: Sequence[_Touch]) -> bool:
        return any(mine.meets(its) for one in self._drawn[queue][begin:] for its in one.touches for mine in touches)

    def _put(self, queue: Queue, descriptor: Descriptor, touches: tuple[_Touch, ...]) -> None:
        """Add an operation behind all that it must wait for."""
        other = Queue(1 - queue)
        if self._meets(other, self._seen[queue], touches):
            self._wait(queue, other)
        opcode = Opcode(descriptor.opcode) if descriptor.opcode in set(Opcode) else Opcode.NOP
        if queue is Queue.TRANSFER and self._crosses(opcode, touches):
            descriptor = replace(descriptor, order=1)
        if descriptor.order and queue is Queue.TRANSFER:
            self._ordered = len(self._drawn[queue])
        self._append(queue, descriptor, _Drawn(opcode, touches))

    def _crosses(self, opcode: Opcode, touches: Sequence[_Touch]) -> bool:
        """Whether a transfer meets one of the other direction that may still be under way; now and then, by chance."""
        mine = self._drawn[Queue.TRANSFER]
        for one in mine[self._ordered :]:
            if one.opcode != opcode and any(left.meets(right) for left in one.touches for right in touches):
                return True
        return bool(self.random.random() < 0.1)

    def _wait(self, queue: Queue, other: Queue) -> None:
        """`queue` goes on only when all that was drawn for `other` so far has ended."""
        value = self._fence(other)
        self._append(
            queue, Descriptor(opcode=Opcode.WAIT, queue=other, host_offset=value), _Drawn(Opcode.WAIT, ())
        )  # fmt: skip
        if other is not queue:
            self._seen[queue] = len(self._drawn[other])

    def _fence(self, queue: Queue) -> int:
        """Publish the next value of a queue, once a plan where each byte may change once only; returns the value."""
        fresh = all(one.opcode != Opcode.FENCE for one in self._drawn[queue])
        if fresh or not self._independent:
            value = self.fences[queue] = self.fences[queue] + 1 & 0xFFFFFFFF
            self._append(queue, Descriptor(opcode=Opcode.FENCE, host_offset=value), _Drawn(Opcode.FENCE, ()))
        return self.fences[queue]

    def _append(self, queue: Queue, descriptor: Descriptor, drawn: _Drawn) -> None:
        self._drawn[queue].append(drawn)
        interrupt = int(self.random.integers(4) == 0)
        self._work.append(Planned(queue, replace(descriptor, interrupt=interrupt)))

    # ------------------------------------------------------------------------------------------------ faults

    def _spoilt(self, queue: Queue, good: Descriptor) -> Descriptor:
        """One thing about a descriptor made wrong; what it may touch before that is found out is what it was."""
        surface = self.surfaces[good.surface]
        ways: list[Callable[[], Descriptor]] = [
            lambda: replace(good, opcode=chosen(self.random, (8, 77, 255))),
            lambda: replace(good, reserved1=1 << int(self.random.integers(8))),
            lambda: replace(good, surface=SURFACE_COUNT + int(self.random.integers(200))),
            lambda: replace(good, surface=SURFACE_COUNT - 1),
            lambda: replace(good, x=surface.row_bytes - good.width + 1),
            lambda: replace(good, y=surface.height - good.height + 1),
        ]
        if queue is Queue.TRANSFER:
            ways += [
                lambda: replace(good, object=OBJECT_COUNT - 1),
                lambda: replace(good, object=OBJECT_COUNT + int(self.random.integers(200))),
                lambda: replace(good, host_offset=0xFFFFFFFF - int(self.random.integers(good.width))),
                lambda: replace(good, opcode=Opcode.COPY),
            ]
        else:
            ways += [
                lambda: replace(good, reserved6=1 << int(self.random.integers(64))),
                lambda: replace(good, opcode=Opcode.WRITEBACK),
                lambda: replace(
                    good, opcode=Opcode.COPY, source_surface=good.surface, source_x=good.x, source_y=good.y
                ),
            ]
        return chosen(self.random, ways)()
