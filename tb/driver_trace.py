"""The driver's half of the one trace: every step and every event of a driver, as 32-byte records in TRACE_FILE.

The bridge hands over what it performs; records are kept and appended when the simulator's own are written out
(`tb.sim_top.flush_trace`) and at the end of a test.  The layout is `tb.trace.EVENT`, so that one numpy array holds both
halves:

    kind   id           tag    value             address                        queue  detail      length
    STEP   step's code  task   cycles it took    below                                 below
    NOTE   event's code task   text of the event below                          its    written     pages, at most 65535
    TEXT   bytes in it  a piece of a text: 24 bytes of it stand where cycle, address, tag, length, queue and detail
                        are, its number in value, the piece's in cause

Task, lock and reason are numbers of texts; the text of an event is its JSON.  A STEP stands at the cycle of its end.
Its address is a register's, whose queue it has, or the number of the text of a lock or reason; detail is 1 unless a
lock was not taken.  The cause of a NOTE is the number of its cause's text and 1, 0 where it has none.  The address of
a NOTE is its fence value, tail, bytes or entries, whichever the event has.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

from models import events
from models.events import Event, page_count
from models.layout import QueueOffset, queue_address
from models.steps import Acquire, CsrRead, CsrWrite, Delay, Note, Recall, Release, ScanOut, Step, WaitIrq

__all__ = ["NOTES", "NOTE_KIND", "RECORD", "STEPS", "STEP_KIND", "TEXT_BYTES", "TEXT_KIND", "DriverTrace", "recording"]

STEP_KIND, NOTE_KIND, TEXT_KIND = 32, 33, 34
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
_QUEUES = {queue_address(queue, offset): queue for queue in (0, 1) for offset in QueueOffset}
_STEP_CODE = {step: code for code, step in enumerate(STEPS)}
_NOTE_CODE = {getattr(events, name): code for code, name in enumerate(NOTES)}
_TEXT = struct.Struct("<24sIHBB")


class DriverTrace:
    """Keeps the records of one process's drivers, and appends them to the trace that the simulator has begun.

    enabled: records are kept; what is performed meanwhile leaves none where it is False.
    """

    def __init__(self) -> None:
        self.enabled = True
        self._kept = bytearray()
        self._texts: dict[str, int] = {}
        self._count = 0

    def step(self, begin: int, end: int, task: str, step: Step, result: Any) -> None:
        """A step was performed in the cycles [begin, end)."""
        if not self.enabled:
            return
        queue = 0
        match step:
            case CsrWrite() | CsrRead():
                address = step.address
                queue = _QUEUES.get(address, 0)
            case Delay():
                address = self._text(step.why)
            case Acquire() | Release():
                address = self._text(step.lock)
            case ScanOut():
                address = step.base
            case _:
                address = 0
        taken = int(result is not False)
        number = self._text(task)
        self._add(RECORD.pack(end, address, number, 0, queue, taken, end - begin, 0, STEP_KIND, _STEP_CODE[type(step)]))

    def note(self, cycle: int, task: str, event: Event) -> None:
        """A driver noted an event."""
        if not self.enabled:
            return
        facts = event.to_json()
        figure = next((facts[name] for name in ("value", "tail", "bytes", "entries") if name in facts), 0)
        written = int(facts.get("write", facts.get("writable", False)))
        pages, text = min(page_count(event.pages), 0xFFFF), self._text(json.dumps(facts))
        number, queue, code = self._text(task), int(facts.get("queue", 0)), _NOTE_CODE[type(event)]
        cause = min(self._text(facts["cause"]) + 1, 0xFFFF) if facts.get("cause") else 0
        self._add(RECORD.pack(cycle, figure, number, pages, queue, written, text, cause, NOTE_KIND, code))

    def flush(self) -> None:
        """Append what is kept to TRACE_FILE; without a trace of the simulator, recording is off and nothing is kept."""
        path = os.environ.get("TRACE_FILE", "")
        if self._kept and path and Path(path).exists():
            with open(path, "ab", buffering=0) as file:
                file.write(self._kept)
        self._kept.clear()

    def _add(self, record: bytes) -> None:
        self._kept += record
        if len(self._kept) >= _SPILL:
            self.flush()

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
            self._add(_TEXT.pack(part, number, piece, TEXT_KIND, len(part)))
        return number


recording = DriverTrace()
"""That of this process, as the simulator has one trace file a process."""
