"""The whole life of one operation as one chain: every event of the trace that was part of it, in the order of time.

The driver's own steps and notes, its doorbells, the fetches, starts, walks, stalls, bursts, ends, records and fence
values of its descriptors, the interrupt that told of them, and who was resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.layout import Cause, Opcode, Status
from tb.driver_trace import NOTES, STEP_KIND, STEPS
from tb.timing.operations import Life, Operation
from tb.trace import RING_READS, Kind, Stall, Trace, Translation

__all__ = ["Link", "chain_of", "events_of"]

_CHANNELS = {
    Kind.READ_ADDRESS: "AR", Kind.READ_FIRST: "R first", Kind.READ_LAST: "R last", Kind.WRITE_ADDRESS: "AW",
    Kind.WRITE_FIRST: "W first", Kind.WRITE_LAST: "W last", Kind.WRITE_RESPONSE: "B",
}  # fmt: skip
_READS = ("host data", "descriptor", "descriptor", "page table")
_WRITES = ("host data", "record or fence")
_TRANSLATED = {Translation.HIT: ", translation cached", Translation.WAITED: ", translation waited for"}


@dataclass(frozen=True, slots=True)
class Link:
    """One event in words: its cycle, what it was, the queue (-1: none) and tag (-1: none) that it was of."""

    cycle: int
    what: str
    queue: int = -1
    tag: int = -1


_BEGINS = {
    "page_fault": ("Fault",), "writeback": ("Harvest", "Writeback", "Submit"), "readback": ("Readback", "Submit"),
    "render": ("Render", "Submit"), "control": ("Submit",),
}  # fmt: skip
"""What the driver notes when an operation of a kind begins."""
_ENDS = ("Insert", "Sigbus")
"""What it notes when a page fault ends with an entry or SIGBUS."""
_OF_NOBODY = (Kind.DOORBELL, Kind.IRQ_RISE, Kind.IRQ_FALL, Kind.RESET)


def events_of(trace: Trace, operation: Operation) -> npt.NDArray[np.void]:
    """The events of an operation, in order; all of its driver's task, its descriptors and their interrupt."""
    last = max([operation.end, *(life.end or 0 for life in operation.lives)])
    events = trace.between(operation.begin, last + 1).events
    mine = _of_driver(trace, events, operation)
    mine |= (events["kind"] == Kind.IRQ_RISE) & (events["cycle"] == (operation.interrupt or 0))
    for life in operation.lives:
        mine |= _of_life(events, life, life.end or operation.end)
    return events[mine]


def _of_life(events: npt.NDArray[np.void], life: Life, until: int) -> npt.NDArray[np.bool_]:
    """Which events are a descriptor's: its doorbell, the burst that fetched it, and what then has its tag."""
    cycles, kinds, of_queue = events["cycle"], events["kind"], events["queue"] == life.queue
    rings = [who for who, queue in RING_READS.items() if queue == life.queue]
    fetch = (kinds <= Kind.READ_LAST) & np.isin(events["id"], rings)
    asked = fetch & (kinds == Kind.READ_ADDRESS) & (cycles == life.asked)
    came = fetch & (kinds == Kind.READ_LAST) & (cycles == life.fetched)
    rung = (kinds == Kind.DOORBELL) & of_queue & (cycles == life.published)
    then = (kinds < STEP_KIND) & ~np.isin(kinds, _OF_NOBODY) & ~fetch & of_queue & (events["tag"] == life.tag)
    return np.asarray(rung | asked | came | (then & (cycles >= life.fetched) & (cycles <= until)))


def _of_driver(trace: Trace, events: npt.NDArray[np.void], operation: Operation) -> npt.NDArray[np.bool_]:
    """Which are steps and notes of its task, from the note that begins it to the one that ends it."""
    drivers = events["kind"] >= STEP_KIND
    tasks = [number for number in np.unique(events["tag"][drivers]).tolist() if trace.texts[number] == operation.task]
    mine = np.asarray(drivers & np.isin(events["tag"], tasks))
    begins = _notes(events, mine & (events["cycle"] == operation.begin), _BEGINS.get(operation.kind, ()))
    if len(begins):
        mine[: begins[0]] = False
    mine &= events["cycle"] <= operation.end
    if operation.kind == "page_fault":
        ends = _notes(events, mine & (events["cycle"] == operation.end), _ENDS)
        if len(ends):
            mine[ends[-1] + 1 :] = False
    return mine


def _notes(events: npt.NDArray[np.void], which: npt.NDArray[np.bool_], names: Sequence[str]) -> npt.NDArray[np.intp]:
    """Places of some notes among some events."""
    codes = [NOTES.index(name) for name in names]
    return np.flatnonzero(which & (events["kind"] == Kind.NOTE) & np.isin(events["id"], codes))


def chain_of(trace: Trace, operation: Operation) -> Iterator[Link]:
    """The same in words."""
    for event in events_of(trace, operation):
        kind, cycle = int(event["kind"]), int(event["cycle"])
        if kind == Kind.STEP:
            yield Link(cycle, _step(event, trace))
        elif kind == Kind.NOTE:
            facts = json.loads(trace.texts[int(event["value"])])
            yield Link(cycle, _note(int(event["id"]), facts), facts.get("queue", -1), facts.get("tag", -1))
        elif kind in (Kind.IRQ_RISE, Kind.IRQ_FALL):
            what = "interrupt rises" if kind == Kind.IRQ_RISE else "interrupt falls"
            yield Link(cycle, what, int(event["queue"]), int(event["tag"]))
        elif kind == Kind.DOORBELL:
            yield Link(cycle, f"doorbell, tail {int(event['value'])}", int(event["queue"]), int(event["tag"]))
        else:
            yield Link(cycle, _hardware(event, Kind(kind)), int(event["queue"]), int(event["tag"]))


def _step(event: np.void, trace: Trace) -> str:
    step = STEPS[int(event["id"])].__name__
    taken, address = int(event["value"]), int(event["address"])
    named = trace.texts.get(address, "") if step in ("Delay", "Acquire", "Release") else f"{address:#x}"
    what = f"{step} {named}" if step != "WaitIrq" else step
    return f"driver: {what}{f', {taken} cycles' * bool(taken)}{', not taken' * (not event['detail'])}"


def _note(code: int, facts: Mapping[str, Any]) -> str:
    """What is told beside queue and tag, which have columns of their own."""
    apart = ("event", "queue", "tag")
    told = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in apart and value not in ("", []))
    return f"driver notes {NOTES[code]}{': ' * bool(told)}{told}"


def _hardware(event: np.void, kind: Kind) -> str:
    number, value, cause = int(event["id"]), int(event["value"]), int(event["cause"])
    if kind in _CHANNELS:
        names = _READS if kind <= Kind.READ_LAST else _WRITES
        whose = names[number] if number < len(names) else f"ID {number}"
        asks = kind in (Kind.READ_ADDRESS, Kind.WRITE_ADDRESS)
        how = _TRANSLATED.get(Translation(int(event["detail"])), "") * asks
        return f"{_CHANNELS[kind]}: {whose}, {int(event['length'])} bytes{how}{f', response {cause}' * bool(cause)}"
    if kind is Kind.RECORD:
        return f"record seen: {value} bytes, {Status(cause >> 8).name} {Cause(cause & 255).name}"
    if kind is Kind.FENCE:
        return f"fence value {value} seen"
    if kind is Kind.WALK:
        return f"translation waited {value} cycles{_why(cause)}"
    if kind is Kind.STALL:
        return f"waited {value} cycles for {Stall(cause).name.lower()}"
    name = Opcode(number).name if number in list(Opcode) else f"opcode {number}"
    words = {Kind.FETCHED: "fetched", Kind.START: "starts", Kind.ENDED: f"ended, {value} bytes"}
    return f"{name} {words[kind]}{_why(cause)}"


def _why(cause: int) -> str:
    return "" if not cause else f", {Cause(cause).name if cause in list(Cause) else cause}"
