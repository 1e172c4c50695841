"""The driver's half of the one trace: every step and every event of a driver, as 32-byte records in TRACE_FILE.

The bridge hands over what it performs; records are kept and appended when the simulator's own are written out
(`tb.sim_top.flush_trace`) and at the end of a test.  The layout is `tb.trace.EVENT`, so that one numpy array holds both
halves:

    kind   id           tag    value             address                        queue  detail      length
    STEP   step's code  task   cycles it took    below                                 below
    NOTE   event's code task   text of the event below                          its    written     pages, at most 65535
    TEXT   bytes in it  a piece of a text: 24 bytes of it stand where cycle, address, tag, length, queue and detail
                        are, its number in value, the piece's in cause
    FACTS  how many     a text by its numbers: in those 24 bytes the number of another text, with a %d for each of up to
                        five numbers of 32 bits that follow; its own number in value

Task, lock and reason are numbers of texts; the text of an event is its JSON.  A STEP stands at the cycle of its end.
Its address is a register's, whose queue it has, or the number of the text of a lock or reason; detail is 1 unless a
lock was not taken.  The cause of a NOTE is the number of its cause's text and 1, 0 where it has none.  The address of
a NOTE is its fence value, tail, bytes or entries, whichever the event has.

The tag of a STEP or NOTE is its task.  Descriptors are named in the text of an event: `queue` and `tag` of Submit and
Doorbell (the last descriptor that they publish; those of a Submit have the `descriptors` tags up to and with it), of
FenceWait, FenceSignal and Interrupt (the FENCE that is waited for), and of Recover.

Recording may cost little of the simulation's speed, so what an event has in words is made JSON once, and its numbers
are packed.  `Texts` puts a text together when somebody asks for it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import events
from models.events import Event, page_count
from models.layout import QueueOffset, queue_address
from models.steps import Acquire, CsrRead, CsrWrite, Delay, Note, Recall, Release, ScanOut, Step, WaitIrq

__all__ = [
    "FACTS_KIND",
    "NOTES",
    "NOTE_KIND",
    "RECORD",
    "STEPS",
    "STEP_KIND",
    "TEXT_BYTES",
    "TEXT_KIND",
    "DriverTrace",
    "Texts",
    "recording",
]

STEP_KIND, NOTE_KIND, TEXT_KIND, FACTS_KIND = 32, 33, 34, 35
RECORD = struct.Struct("<QQIHBBIHBB")
"""cycle, address, tag, length, queue, detail, value, cause, kind, id."""
TEXT_BYTES = 24
"""Bytes of a text in one record."""
STEPS: tuple[type[Step], ...] = (CsrWrite, CsrRead, WaitIrq, Delay, Acquire, Release, Note, ScanOut, Recall)
"""Kinds of steps; the place is the code. New ones go to the end."""
NOTES: tuple[str, ...] = (
    *("Phase", "Fault", "Insert", "Sigbus", "Zap", "Unmap", "Fork", "Harvest", "Writeback", "Readback", "Render"),
    *("Submit", "Doorbell", "FenceWait", "FenceSignal", "Interrupt", "Recover", "Import", "Attach", "ScanOutDone"),
)
"""Kinds of events; the place is the code. New ones go to the end."""

_SPILL = 1 << 20
"""Bytes after which what is kept is written."""
_KNOWN = 1 << 16
"""Texts that are remembered, so that equal ones are written once."""
_NUMBERS = 5
"""Numbers in a FACTS record."""
_QUEUES = {queue_address(queue, offset): queue for queue in (0, 1) for offset in QueueOffset}
_TEXT = struct.Struct("<24sIHBB")
_FACTS = struct.Struct("<IIIIII")
"""What a FACTS record has in its first 24 bytes."""
_FACTS_AND_NOTE = struct.Struct("<IIIIII" "IHBB" "QQIHBBIHBB")
_ADDRESS: dict[type[Step], Callable[[Any], int]] = {
    CsrWrite: attrgetter("address"), CsrRead: attrgetter("address"), ScanOut: attrgetter("base"),
}  # fmt: skip
_NAMED: dict[type[Step], Callable[[Any], str]] = {
    Delay: attrgetter("why"), Acquire: attrgetter("lock"), Release: attrgetter("lock"),
}  # fmt: skip
"""Of a kind of step, what its address is or names."""
_STEP_CODE = {step: code for code, step in enumerate(STEPS)}


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind of event: its code, and what of it is words (all but whole numbers) and numbers.

    figure, queue: places of those that a NOTE has in its own fields, among the numbers and a 0 behind them.
    """

    code: int
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    words_of: Callable[[Any], tuple[Any, ...]]
    numbers_of: Callable[[Any], tuple[int, ...]]
    figure: int
    queue: int


def _form(code: int, kind: type[Event]) -> _Form:
    numbers = tuple(one.name for one in fields(kind) if one.type == "int")
    words = tuple(one.name for one in fields(kind) if one.name not in numbers)
    assert len(numbers) <= _NUMBERS, kind
    figure = next((numbers.index(one) for one in ("value", "tail", "bytes", "entries") if one in numbers), -1)
    queue = numbers.index("queue") if "queue" in numbers else -1
    names = tuple(one.name for one in fields(kind))
    return _Form(code, names, numbers, _all(words), _all(numbers), figure, queue)


def _all(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """A function from an event to some of its fields, always as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda event: tuple(getattr(event, name) for name in names)


_FORMS = {kind: _form(code, kind) for code, kind in enumerate(getattr(events, name) for name in NOTES)}


class DriverTrace:
    """Keeps the records of one process's drivers, and appends them to the trace that the simulator has begun.

    enabled: records are kept; what is performed meanwhile leaves none where it is False.
    """

    def __init__(self) -> None:
        self.enabled = True
        self._kept = bytearray()
        self._texts: dict[str, int] = {}
        self._words: dict[tuple[int, tuple[Any, ...]], tuple[int, int, int, int]] = {}
        self._count = 0

    def step(self, begin: int, end: int, task: str, step: Step, result: Any) -> None:
        """A step was performed in the cycles [begin, end)."""
        if not self.enabled:
            return
        kind = type(step)
        queue = address = 0
        if kind in _NAMED:
            address = self._text(_NAMED[kind](step))
        elif kind in _ADDRESS:
            address = _ADDRESS[kind](step)
            queue = _QUEUES.get(address, 0) if kind is not ScanOut else 0
        number, taken = self._text(task), result is not False
        self._kept += RECORD.pack(end, address, number, 0, queue, taken, end - begin, 0, STEP_KIND, _STEP_CODE[kind])
        if len(self._kept) >= _SPILL:
            self.flush()

    def note(self, cycle: int, task: str, event: Event) -> None:
        """A driver noted an event."""
        if not self.enabled:
            return
        form = _FORMS[type(event)]
        key = (form.code, form.words_of(event))
        text, pages, written, cause = self._words.get(key) or self._learned(key, form, event)
        numbers = form.numbers_of(event)
        row = (*numbers, 0, 0, 0, 0, 0, 0)
        number = self._text(task)
        note = (cycle, row[form.figure], number, pages, row[form.queue], written)
        if not numbers:
            self._kept += RECORD.pack(*note, text, cause, NOTE_KIND, form.code)
        else:
            facts, self._count = self._count, self._count + 1
            try:
                self._kept += _FACTS_AND_NOTE.pack(
                    text, *row[:_NUMBERS], facts, 0, FACTS_KIND, len(numbers), *note, facts, cause, NOTE_KIND, form.code
                )
            except struct.error:  # a number of more than 32 bits
                text = self._text(json.dumps(event.to_json()))
                self._kept += RECORD.pack(*note, text, cause, NOTE_KIND, form.code)
        if len(self._kept) >= _SPILL:
            self.flush()

    def flush(self) -> None:
        """Append what is kept to TRACE_FILE; without a trace of the simulator, recording is off and nothing is kept."""
        path = os.environ.get("TRACE_FILE", "")
        if self._kept and path and Path(path).exists():
            with open(path, "ab", buffering=0) as file:
                file.write(self._kept)
        self._kept.clear()

    def _learned(self, key: tuple[int, tuple[Any, ...]], form: _Form, event: Event) -> tuple[int, int, int, int]:
        """(text, pages, written, cause) of an event whose words are new: the text has a %d for each of its numbers."""
        if len(self._words) >= _KNOWN:
            self._words.clear()
        facts = event.to_json()
        told = {name: json.dumps(value) for name, value in facts.items() if name not in form.numbers}
        if form.numbers:
            told = {name: value.replace("%", "%%") for name, value in told.items()}
        text = ", ".join(f'"{name}": {told.get(name, "%d")}' for name in facts)
        cause = min(self._text(event.cause) + 1, 0xFFFF) if event.cause else 0
        written = int(facts.get("write", facts.get("writable", False)))
        found = (self._text(f"{{{text}}}"), min(page_count(event.pages), 0xFFFF), written, cause)
        self._words[key] = found
        return found

    def _text(self, text: str) -> int:
        """The number of a text, which is written first where it is new."""
        known = self._texts.get(text)
        if known is not None:
            return known
        if len(self._texts) >= _KNOWN:
            self._texts.clear()
        number = self._texts[text] = self._count
        self._count += 1
        data = text.encode()
        for piece in range(max(1, -(-len(data) // TEXT_BYTES))):
            part = data[piece * TEXT_BYTES : (piece + 1) * TEXT_BYTES]
            self._kept += _TEXT.pack(part, number, piece, TEXT_KIND, len(part))
        return number


recording = DriverTrace()
"""That of this process, as the simulator has one trace file a process."""


class Texts(Mapping[int, str]):
    """The texts of a trace by number, each put together when it is asked for."""

    def __init__(self, records: npt.NDArray[np.void]) -> None:
        """records: TEXT and FACTS of one process, in the order in which it has written them: numbers ascend."""
        self._records = records
        self._numbers = np.ascontiguousarray(records["value"])
        self._known: dict[int, str] = {}

    def __getitem__(self, number: int) -> str:
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self._read(number)
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(np.unique(self._numbers).tolist())

    def __len__(self) -> int:
        return len(np.unique(self._numbers))

    def _read(self, number: int) -> str:
        first, last = np.searchsorted(self._numbers, [number, number + 1])
        records = self._records[first:last]
        if not len(records):
            raise KeyError(number)
        if records["kind"][0] == FACTS_KIND:
            text, *numbers = _FACTS.unpack_from(records.tobytes())
            return self[text] % tuple(numbers[: int(records["id"][0])])
        pieces = zip(records, records["id"].tolist(), strict=True)
        return b"".join(piece.tobytes()[:size] for piece, size in pieces).decode()
