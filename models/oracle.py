"""What a read may return: for each byte a set of values, given what the driver's strategy promises.

Programs tell the oracle of stores, draws, brackets and flushes as they make them; it never looks at how the driver
keeps its word. A draw takes effect somewhere between its call and its return, so what others store in that window may
come before or after it, and the bytes it touches have several possible values. Two views are kept: what loads see
(`host`) and what the device sees (`device`). Under the coherent promise they are one; under the others events move
bytes between them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.drawn import Drawn, PatchBox, origin, patches, pattern, render, slices
from models.fence import Fence
from models.memory import PAGE, Bytes
from models.page_table import Bits
from models.promise import Promise
from models.surface import Box, Surface
from models.value_sets import ValueSets

__all__ = ["Oracle", "PatchBox", "Violation", "failing", "patches", "render"]

_CPU, _DEVICE = 1, 2


@dataclass(frozen=True, slots=True)
class Violation:
    """A read that returned what it must not.

    `address` is the offset of the first wrong byte in the buffer's linear view, `count` how many of the read's bytes
    are wrong. `kind` is "lost write" where the newest writer was the CPU, else "stale read".
    """

    kind: str
    reader: str
    address: int
    expected: frozenset[int]
    got: int
    count: int


@dataclass(eq=False)
class _Window:
    """Something that takes effect between two moments: a draw, or (without commands) a read.

    `history` has every value that a byte of the device's view had meanwhile, by oracle; `stored` are the bytes that
    somebody else wrote in the window and `written` the values they wrote, `after` those written after its end but by
    the draws of `over`, each of which has written its bytes unless it is `void`: refused, or failed.
    `before` is what each view was at its begin, `writer` who had written last, `met` the bytes that it made contended.
    """

    owner: Oracle
    commands: tuple[Drawn, ...]
    history: dict[Oracle, ValueSets]
    target: Bits
    stored: Bits
    before: list[tuple[ValueSets, ValueSets]]
    writer: Bytes
    written: ValueSets
    met: Bits
    contended: bool = False
    ended: bool = False
    fence: Fence | None = None
    void: bool = False
    after: Bits = field(default_factory=lambda: np.zeros(0, np.bool_))
    over: list[_Window] = field(default_factory=list)

    @property
    def last(self) -> Bits:
        """The bytes of its target that nobody has surely written since its end: a draw has once it has returned."""
        last = self.target & ~self.after
        for later in self.over:
            if later.ended and not later.void:
                last &= ~later.target
        return last


@dataclass(frozen=True, slots=True, eq=False)
class _Publishing:
    """Stores on their way to the device: where, where there were newer ones since, where something was drawn."""

    where: Bits
    again: Bits
    drawn: Bits


class Oracle:
    """Watches one buffer. `violations` collects the wrong reads, `reads` counts the bytes that were looked at.

    `others` are the oracles of other buffers, from which draws copy. `snapshot`: a draw sees no store made after its
    return; else it may, until its fence has signalled.
    """

    def __init__(
        self,
        surface: Surface,
        promise: Promise = Promise.COHERENT,
        *,
        snapshot: bool = True,
        others: Mapping[Buffer, Oracle] | None = None,
    ) -> None:
        self.surface = surface
        self.promise = promise
        self.snapshot = snapshot
        self.others = others if others is not None else {}
        self.violations: list[Violation] = []
        self.reads = 0
        self._shape = (surface.height, surface.row_bytes)
        self.device = ValueSets(self._shape)
        self.host = self.device if promise is Promise.COHERENT else ValueSets(self._shape)
        self._writer: Bytes = np.zeros(self._shape, np.uint8)
        self._pending = self._none()
        self._contended = self._none()
        self._writers: dict[str, int] = {}
        self._windows: dict[int, _Window] = {}
        self._watching: list[_Window] = []
        self._flying: list[_Window] = []
        """Draws that have returned, until it is known how they ended."""
        self._publishing: dict[int, _Publishing] = {}
        self._begins: set[int] = set()
        """Brackets that are about to begin."""
        self._next = 0

    # ----------------------------------------------------------------------------------------------- writing

    def stored(self, offset: int, data: Bytes) -> None:
        """A store took effect: bytes at an offset of the linear view; what lies past its end is nobody's."""
        end = max(offset, min(offset + data.size, self.surface.linear_size))
        data = data[: end - offset]
        run = slice(offset, end)
        if self._contended.reshape(-1)[run].any():
            self.host.add_run(offset, data)
        else:
            self.host.set_run(offset, data)
        self._writer.reshape(-1)[run] = _CPU
        for window in self._flying if self.promise is Promise.COHERENT else ():
            window.after.reshape(-1)[run] = True
        if self.promise is not Promise.COHERENT:
            self._pending.reshape(-1)[run] = True
            for publishing in self._publishing.values():
                publishing.again.reshape(-1)[run] = True
            if self.promise is Promise.EXPLICIT:
                return
            self.device.add_run(offset, data)
        if self._watching:
            where = self._none()
            where.reshape(-1)[run] = True
            if self._windows:
                values = ValueSets(self._shape)
                values.set_run(offset, data)
                self._write(where, values)
            self._changed(where)

    def draw_begins(self, commands: Sequence[Drawn]) -> int:
        """A draw was called; from now on until `draw_ends` it may take effect. Returns a token."""
        self._land()
        target = self._none()
        sources: dict[Oracle, ValueSets] = {self: self.device.copy()}
        for command in commands:
            target[slices(command.box)] = True
            if isinstance(command, CopyBox) and command.source is not None and command.source in self.others:
                other = self.others[command.source]
                sources.setdefault(other, other.device.copy())
        window = self._window(commands, sources, target)
        if self._writers:
            self._contend(window)
        for watched in sources:
            watched._watching.append(window)
        for other_window in self._windows.values():
            if other_window.commands:
                self._write_in(window, other_window.target, self._result(other_window))
        for publishing in self._publishing.values():
            self._write_in(window, publishing.where, self.device)
            publishing.drawn[target] = True
        token = self._keep(window)
        self._refresh(window)
        for earlier in dict.fromkeys((*self._flying, *(one for one in self._watching if one.ended))):
            if earlier.owner is self:
                earlier.over.append(window)
        self._changed(target, but=window)
        self._writer[target] = _DEVICE
        return token

    def draw_ends(self, token: int, fence: Fence | None = None) -> None:
        """The draw has returned: it has taken effect, in device order at least. `fence` says when really, and if."""
        self._land()
        window = self._windows.pop(token)
        result = self._result(window)
        crossed = window.target & window.stored
        kept = window.target if window.contended else crossed
        for view in self._views():
            view.assign(result, window.target & ~kept)
        if kept.any():
            for view in self._views():
                view.add(result, kept)
            if not window.contended:
                # Whoever came last, it was one of those who wrote in the window: what was there before is gone.
                window.written.add(result, crossed)
                for view in self._views():
                    view.restrict(window.written, crossed)
        window.ended, window.fence, window.after = True, fence, self._none()
        if self.snapshot or fence is None:
            self._forget(window)
        if fence is not None:
            self._flying.append(window)

    def undefined(self, box: Box) -> None:
        """The contents of a box are discarded, or about to be: a read may return anything until it is written (R26)."""
        where, anything = self._none(), ValueSets(self._shape)
        where[slices(box)] = anything.anything[slices(box)] = True
        for view in self._views():
            view.anything |= where
        for publishing in self._publishing.values():
            publishing.drawn[where] = True
        self._write(where, anything)
        self._changed(where)
        for window in self._flying:
            window.after |= where

    # ---------------------------------------------------------------------- what moves between the two views

    def bracket_called(self, process: str, *, write: bool) -> int:
        """A process has called begin of CPU access; `bracket_begins` when it returns. Returns a token.

        With `write` the bracket counts as open: what the device draws from now on, or still draws, is inside of it.
        """
        if write:
            self._writers[process] = self._writers.get(process, 0) + 1
            for window in self._windows.values():
                if window.commands:
                    self._contend(window)
        if self.promise is Promise.BRACKETED:
            self.host.add(self.device, ~self._none())
            self._begins.add(self._next)
        return self.read_begins()

    def bracket_begins(self, token: int) -> None:
        """It has returned: loads see what the device had at the call or since; unsent stores stay (R11)."""
        self._land()
        window = self._windows.pop(token)
        self._forget(window)
        if self.promise is Promise.BRACKETED:
            self._begins.discard(token)
            self._host_moved()
            found = window.history[self]
            self.host.add(found, self._contended)
            self.host.assign(found, ~(self._pending | self._contended))

    def bracket_ends(self, process: str, *, write: bool) -> None:
        """A process's end of CPU access has returned (R11)."""
        if write and self._writers.get(process):
            self._writers[process] -= 1
            if not self._writers[process]:
                del self._writers[process]
        if not self._publishing:
            self._end_contention()

    def left(self, process: str) -> None:
        """A process has ended: no bracket of its is open any more."""
        self._writers.pop(process, None)
        if not self._publishing:
            self._end_contention()

    def publish_begins(self, boxes: Sequence[Box] | None = None) -> int:
        """Stores begin to go to the device: those in some boxes, or all (end of a bracket, flush, damage)."""
        where = self._pending.copy()
        if boxes is not None:
            where[:] = False
            for box in boxes:
                where[slices(box)] = True
        if self.promise is not Promise.COHERENT:
            self.device.add(self.host, where)
            self._write(where, self.host)
            self._changed(where)
        token, self._next = self._next, self._next + 1
        drawn = self._none()
        for window in self._windows.values():
            drawn |= window.target
        self._publishing[token] = _Publishing(where, self._none(), drawn)
        return token

    def publish_ends(self, token: int) -> None:
        """They are there, in device order at least; what was stored meanwhile may be or not."""
        publishing = self._publishing.pop(token)
        if self.promise is Promise.COHERENT:
            return
        where, again = publishing.where, publishing.again
        sure = where & ~again & ~publishing.drawn & ~self._contended
        self.device.add(self.host, where & ~sure)
        self.device.assign(self.host, sure)
        self._pending &= ~(where & ~again)
        self._write(where, self.host)
        self._changed(where)
        self._end_contention()

    def publish_fails(self, token: int) -> None:
        """They could not be sent: they may be there or not, and are still to be sent."""
        del self._publishing[token]
        self._end_contention()

    # ----------------------------------------------------------------------------------------------- reading

    def expected(self, offset: int) -> frozenset[int]:
        """Return the values that a load of one byte may return."""
        return self.host.at(offset)

    def loaded(self, reader: str, offset: int, data: Bytes) -> None:
        """A load returned these bytes: take note of a violation if it must not have."""
        self._judge(self.host, reader, offset, data)

    def seen(self, reader: str, image: Bytes) -> None:
        """Judge a whole image that the device showed, shape (height, row_bytes), such as a scan-out."""
        self._judge(self.device, reader, 0, image.reshape(-1))

    def read_begins(self) -> int:
        """A transfer from the device was called. Returns a token."""
        window = self._window((), {self: self.device.copy()}, self._none())
        self._watching.append(window)
        for other in self._windows.values():
            window.stored |= other.target
            self._show_halves(other)
        return self._keep(window)

    def read_ends(self, token: int, reader: str, box: Box, data: Bytes) -> None:
        """It has returned these bytes of a box: each may be from any moment since the call."""
        self._land()
        window = self._windows.pop(token)
        self._forget(window)
        for row in range(box.height):
            offset = (box.y + row) * self.surface.row_bytes + box.x
            self._judge(window.history[self], reader, offset, data[row], window)

    def read_ends_run(self, token: int, reader: str, offset: int, data: Bytes) -> None:
        """It has returned these bytes from an offset of the linear view on."""
        self._land()
        window = self._windows.pop(token)
        self._forget(window)
        self._judge(window.history[self], reader, offset, data, window)

    def cancel(self, token: int) -> None:
        """What was called was refused, and had no effect: nothing of it stays, but where others wrote meanwhile."""
        self._land()
        window = self._windows.pop(token)
        self._forget(window)
        alone = window.target & ~window.stored
        for view, before in window.before:
            view.assign(before, alone)
        np.copyto(self._writer, window.writer, where=alone)
        window.void = True
        for earlier in self._watching:
            if window in earlier.over:
                self._refresh(earlier)
        self._contended &= ~(window.met & ~self._pages(window.stored))
        self._begins.discard(token)

    def abandon(self, token: int) -> None:
        """What was called has failed on the way: it may have had its effect, or a part of it, or none."""
        self._land()
        window = self._windows.pop(token)
        window.after = self._none()
        self._failed(window)
        self._forget(window)
        self._begins.discard(token)

    # -------------------------------------------------------------------------------------- draws that failed

    def _land(self) -> None:
        """Learn how draws have ended, those of all buffers: one may have copied from another."""
        oracles = self._everybody()
        if not any(oracle._flying for oracle in oracles):
            return
        for oracle in oracles:
            for window in oracle._flying:
                if window.fence is not None and window.fence.error is not None:
                    oracle._failed(window)
        for oracle in oracles:
            oracle._flying = [one for one in oracle._flying if one.fence is not None and not one.fence.done]

    def _failed(self, window: _Window) -> None:
        """A draw has failed: it has drawn all, a part or nothing of what it was told (R23).

        What it copied may be what the device had of its source, which is known to nobody. Where it drew nothing, what
        was drawn before it and fails later counts again.
        """
        window.void = True
        for count in range(len(window.commands)):
            self._admit(window.history[self] if not count else self._result(window, count), window)
        for command in window.commands:
            if isinstance(command, CopyBox):
                anything = ValueSets(self._shape)
                anything.anything[slices(command.box)] = True
                self._admit(anything, window)

    def _admit(self, values: ValueSets, window: _Window) -> None:
        """Values may be where a draw was, and wherever later draws have copied them, and reads may have seen them."""
        news = [(values, window)]
        while news:
            values, source = news.pop()
            owner = source.owner
            where = source.last if source.ended or source is window else source.target
            for view in owner._both():
                owner._may_be(view, values, where, source)
            for oracle in self._everybody():
                for later in (*oracle._flying, *oracle._windows.values()):
                    if later is source or owner not in later.history:
                        continue
                    if later.history[owner].add(values, source.target) and later.commands:
                        news.append((oracle._result(later), later))

    def _judge(self, view: ValueSets, reader: str, offset: int, data: Bytes, read: _Window | None = None) -> None:
        """Judge bytes, which were seen at once or in the window of a read; then they are known, where nothing moves."""
        self._land()
        end = max(offset, min(offset + data.size, self.surface.linear_size))
        got = data[: end - offset]
        right = view.holds(offset, got)
        self.reads += got.size
        wrong = np.flatnonzero(~right)
        if wrong.size:
            first = offset + int(wrong[0])
            kind = "lost write" if self._writer.reshape(-1)[first] == _CPU else "stale read"
            value = int(got[wrong[0]])
            self.violations.append(Violation(kind, reader, first, view.at(first), value, int(wrong.size)))
            return
        now = view if read is None else self.device
        if not now.single and not self._begins:
            self._busy()
            still = ~self._none()
            for window in (*self._watching, *self._windows.values()):
                if window.owner is self:
                    still &= ~window.target
            for publishing in self._publishing.values():
                still &= ~publishing.where
            if read is not None:
                # A store that is not sent yet may be on its way with anything that the driver does.
                still &= ~(read.stored | self._pending)
            # What a read saw that began before a draw may be over by its end.
            now.know(got, offset, still.reshape(-1)[offset:end] & now.holds(offset, got))

    # ----------------------------------------------------------------------------------------------- windows

    def _busy(self) -> None:
        """Forget what has ended."""
        self._watching = [one for one in self._watching if not (one.ended and one.fence and one.fence.done)]

    def _window(self, commands: Sequence[Drawn], history: dict[Oracle, ValueSets], target: Bits) -> _Window:
        before: list[tuple[ValueSets, ValueSets]] = []
        if commands:
            views = self._both() if self.promise is Promise.BRACKETED else self._views()
            before = [(view, view.copy()) for view in views]
        return _Window(
            self, tuple(commands), history, target, self._none(), before, self._writer.copy(),
            ValueSets(self._shape), self._none(),
        )  # fmt: skip

    def _contend(self, window: _Window) -> None:
        """A drawing meets an open bracket: pages that it touches may go back as a whole (R11)."""
        window.contended = True
        pages = self._pages(window.target)
        window.met |= pages & ~self._contended
        self._contended |= pages

    def _end_contention(self) -> None:
        """Once nobody has a bracket open to write, the host's copy is what it was left as, or the device's."""
        if self.promise is Promise.BRACKETED and not self._writers and self._contended.any():
            self.host.add(self.device, self._contended)
            self._contended[:] = False
            self._host_moved()

    def _host_moved(self) -> None:
        """What the host's view was before a draw is no longer what it would be without it."""
        for window in self._windows.values():
            window.before = [(view, before) for view, before in window.before if view is not self.host]

    def _write(self, where: Bits, values: ValueSets, but: _Window | None = None) -> None:
        """Somebody wrote values: they count for every window that is open."""
        for window in self._windows.values():
            if window is not but:
                self._write_in(window, where, values)

    def _write_in(self, window: _Window, where: Bits, values: ValueSets) -> None:
        if window.commands:
            again = where & window.stored
            window.written.assign(values, where & ~again)
            window.written.add(values, again)
        window.stored |= where

    def _views(self) -> tuple[ValueSets, ...]:
        if self.promise is Promise.DEFERRED:
            return self.device, self.host
        return (self.device,)

    def _both(self) -> tuple[ValueSets, ...]:
        """Return the device's view and the host's, once where they are one."""
        return tuple(dict.fromkeys((self.device, self.host)))

    def _everybody(self) -> list[Oracle]:
        """Return the oracles of all buffers, this one among them."""
        return list(self.others.values()) or [self]

    def _none(self) -> Bits:
        none: Bits = np.zeros(self._shape, np.bool_)
        return none

    def _pages(self, where: Bits) -> Bits:
        """Return all bytes of the pages in which there is one of the mask."""
        flat = where.reshape(-1)
        pages = np.unique(np.flatnonzero(flat) // PAGE)
        wide = self._none()
        for page in pages:
            wide.reshape(-1)[page * PAGE : (page + 1) * PAGE] = True
        return wide

    def _keep(self, window: _Window) -> int:
        token, self._next = self._next, self._next + 1
        self._windows[token] = window
        return token

    def _forget(self, window: _Window) -> None:
        for watched in window.history:
            watched._watching = [one for one in watched._watching if one is not window]

    def _changed(self, where: Bits, but: _Window | None = None) -> None:
        """Bytes of the device's view have new values: open windows may see them, and may come after them.

        What a window may come to now, other windows may see in turn, also those of buffers that copy from this one.
        """
        self._busy()
        for window in self._watching if but is None else ():
            if window.owner is self and window.ended:
                window.after |= where
        news: list[tuple[Oracle, Bits, _Window | None]] = [(self, where, but)]
        while news:
            oracle, where, source = news.pop()
            for window in oracle._watching:
                if window is source:
                    continue
                window.history[oracle].add(oracle.device, where)
                if window.owner._refresh(window):
                    news.append((window.owner, window.target, window))

    def _refresh(self, window: _Window) -> bool:
        """Let what the window's commands may amount to now be possible. Return whether anything new is."""
        if not window.commands:
            return False
        result = self._result(window)
        self._show_halves(window)
        where = window.target
        if window.ended:
            # Those that were called since come after it on the device.
            where = window.last
            for other in self._windows.values():
                if other not in window.over:
                    self._write_in(other, where, result)
        else:
            self._write(where, result, but=window)
        grown = [self._may_be(view, result, where, window) for view in self._views()]
        if self.promise is Promise.BRACKETED:
            self.host.add(result, where)
        return any(grown)

    def _may_be(self, view: ValueSets, values: ValueSets, where: Bits, of: _Window) -> bool:
        """A view may have values of a window: now, and when a draw is refused that was called after it.

        Return whether it could not before.
        """
        for later in of.over:
            for seen, before in later.before if later in self._windows.values() else ():
                if seen is view:
                    before.add(values, where)
        return view.add(values, where)

    def _show_halves(self, window: _Window) -> None:
        """A read that does not stay behind a draw may see what it has come to between two of its commands."""
        readers = [one for one in self._watching if not one.commands]
        for count in range(1, len(window.commands) if readers else 1):
            half = self._result(window, count)
            for one in readers:
                one.history[self].add(half, window.target)

    def _result(self, window: _Window, count: int | None = None) -> ValueSets:
        """Return the image after the commands, or so many, carried out on all that the bytes were in the window."""
        image = window.history[self].copy()
        for command in window.commands[:count]:
            where = self._none()
            where[slices(command.box)] = True
            moved = ValueSets(self._shape)
            if isinstance(command, CopyBox):
                foreign = command.source is not None and command.source in self.others
                source = image
                if foreign and command.source is not None:
                    other = self.others[command.source]
                    source = image if other is self else window.history[other]
                moved = source.shifted(self._shape, command.box, origin(command))
            elif isinstance(command, FillBox):
                moved.base[slices(command.box)] = pattern(command)
            else:
                moved.base[slices(command.box)] = command.data
            image.assign(moved, where)
        return image


@contextlib.contextmanager
def failing(oracle: Oracle | None, token: int, *refusals: type[Exception]) -> Iterator[None]:
    """Around a call that the oracle was told of: with an error of `refusals` it had no effect, with others it may have.

    The token is spent when the call has failed; what was called well is for the caller to end.
    """
    try:
        yield
    except refusals:
        if oracle:
            oracle.cancel(token)
        raise
    except Exception:
        if oracle:
            oracle.abandon(token)
        raise
