"""The timeline: operations, descriptors, bursts, stalls and interrupts of runs as a trace that Perfetto opens.

A run is a process; in it are a track a driver's task and kind of operation, a queue, a direction of bursts and a cause
of stalls, with slices in each other where one is part of another.  What belongs to one operation hangs together by a
flow, from the operation to its doorbells, descriptors, bursts and its interrupt.  Timestamps are nanoseconds; of equal
ones the order in the file counts, so doorbells are written before the descriptors that begin with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackDescriptor, TrackEvent
from perfetto.trace_builder.proto_builder import TraceProtoBuilder

from tb.clocking import PERIOD_NS
from tb.timing.figures import Run
from tb.timing.operations import Burst, Life, Operation
from tb.trace import Kind, Stall

__all__ = ["timeline"]

_QUEUES = ("transfer queue", "render queue")
_SEQUENCE = 1


class _Writer:
    """Packets of one trace; tracks are numbered in the order in which they are asked for."""

    def __init__(self) -> None:
        self.builder = TraceProtoBuilder()
        self._count = 0
        self._named: dict[tuple[int, str], int] = {}

    def track(self, name: str, parent: int = 0, *, counter: bool = False) -> int:
        """A new track; Perfetto shows those of one name and parent as one, in as many rows as they need."""
        self._count += 1
        packet = self.builder.add_packet()
        packet.track_descriptor.uuid = self._count
        if parent:
            packet.track_descriptor.parent_uuid = parent
            packet.track_descriptor.name = name
            packet.track_descriptor.child_ordering = TrackDescriptor.CHRONOLOGICAL
        else:
            packet.track_descriptor.process.pid = self._count
            packet.track_descriptor.process.process_name = name
        if counter:
            packet.track_descriptor.counter.SetInParent()
        return self._count

    def group(self, name: str, parent: int) -> int:
        """The one track of a name."""
        found = self._named.get((parent, name))
        if found is None:
            found = self._named[parent, name] = self.track(name, parent)
        return found

    def slices(
        self,
        track: int,
        spans: Iterable[tuple[str, int, int]],
        facts: Mapping[str, Any] | None = None,
        flows: Sequence[int] = (),
    ) -> None:
        """The first span (name, begin, end), with facts and flows, and the others inside of it, in order."""
        (name, begin, end), *inside = spans
        self._event(TrackEvent.TYPE_SLICE_BEGIN, track, begin, name, facts, flows)
        for part, first, last in inside:
            self._event(TrackEvent.TYPE_SLICE_BEGIN, track, first, part)
            self._event(TrackEvent.TYPE_SLICE_END, track, last)
        self._event(TrackEvent.TYPE_SLICE_END, track, end)

    def instant(self, track: int, at: int, name: str, facts: Mapping[str, Any], flows: Sequence[int] = ()) -> None:
        """Something that takes no time."""
        self._event(TrackEvent.TYPE_INSTANT, track, at, name, facts, flows)

    def count(self, track: int, at: int, value: int) -> None:
        """The value of a counter from a cycle on."""
        self._event(TrackEvent.TYPE_COUNTER, track, at).track_event.counter_value = value

    def _event(
        self,
        kind: int,
        track: int,
        cycle: int,
        name: str = "",
        facts: Mapping[str, Any] | None = None,
        flows: Sequence[int] = (),
    ) -> Any:
        packet = self.builder.add_packet()
        packet.timestamp = cycle * PERIOD_NS
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.track_event.type = kind
        packet.track_event.track_uuid = track
        if name:
            packet.track_event.name = name
        packet.track_event.flow_ids.extend(flows)
        for key, value in (facts or {}).items():
            note = packet.track_event.debug_annotations.add()
            note.name = key
            if isinstance(value, int):
                note.int_value = value
            else:
                note.string_value = str(value)
        return packet


def timeline(runs: Iterable[Run]) -> bytes:
    """The runs beside each other, as a Perfetto trace."""
    writer = _Writer()
    for index, run in enumerate(runs):
        _run(writer, run, (index + 1) << 32)
    return bytes(writer.builder.serialize())


def _run(writer: _Writer, run: Run, base: int) -> None:
    process = writer.track(run.title)
    flows: dict[tuple[int, int], list[int]] = {}
    bells: dict[tuple[int, int], list[int]] = {}
    rises: dict[int, list[int]] = {}
    for one in run.operations:
        if one.task and one.lives:  # whose descriptors by themselves are operations too
            flow = base + one.number
            for life in one.lives:
                flows.setdefault((life.queue, life.fetched), []).append(flow)
                mine = bells.setdefault((life.queue, life.published), [])
                mine += [flow] if flow not in mine else []
            if one.interrupt is not None:
                rises.setdefault(one.interrupt, []).append(flow)
    for one in (one for one in run.operations if one.task):
        group = writer.group(f"driver: {one.task}", process)
        writer.slices(
            writer.track(one.kind, group), [(f"{one.kind} {one.number}", one.begin, one.end), *one.spans],
            _facts(run, one), [base + one.number] if one.lives else [],
        )  # fmt: skip
    _doorbells(writer, process, run, bells)
    for one in (one for one in run.operations if not one.task):
        life = one.lives[0]
        mine = flows.get((life.queue, life.fetched), [])
        name = f"{one.kind.partition('.')[2]} {life.tag}"
        spans = [(name, one.begin, one.end), *one.spans]
        writer.slices(writer.track(_QUEUES[life.queue], process), spans, _facts(run, one), mine)
        for burst in life.bursts:
            _burst(writer, process, life, burst, mine)
    _signals(writer, process, run, rises)


def _facts(run: Run, one: Operation) -> dict[str, Any]:
    tags = ", ".join(map(str, one.tags))
    facts = {"operation": one.number, "tags": tags, "bytes": one.bytes, "cause": one.cause, "cycles": one.cycles}
    return {**facts, "parts": f"make timing {run.title} OPERATION={one.number}"}


def _burst(writer: _Writer, process: int, life: Life, burst: Burst, flows: Sequence[int]) -> None:
    if burst.first is None or burst.last is None or burst.answered is None:
        return
    end = max(burst.last + 1, burst.answered)
    spans = [("behind earlier data", burst.asked, burst.turn)] if burst.turn > burst.asked else []
    spans += [("first data", burst.turn, burst.first), ("transfer", burst.first, burst.last + 1)]
    spans += [("response", burst.last + 1, end)] if end > burst.last + 1 else []
    facts = {"tag": life.tag, "bytes": burst.bytes, "translation": "waited for" if burst.waited else "cached"}
    name = f"{'write' if burst.write else 'read'} {burst.bytes} bytes of {life.tag}"
    track = writer.track("write bursts" if burst.write else "read bursts", process)
    writer.slices(track, [(name, burst.asked, end), *spans], facts, flows)


def _doorbells(
    writer: _Writer, process: int, run: Run, bells: Mapping[tuple[int, int], Sequence[int]]
) -> None:
    track, events = writer.track("doorbells", process), run.trace.of(Kind.DOORBELL)
    names = ("cycle", "queue", "value", "tag")
    for cycle, queue, tail, tag in zip(*(events[name].tolist() for name in names), strict=True):
        facts = {"queue": queue, "tail": tail, "tag": tag}
        writer.instant(track, cycle, f"{_QUEUES[queue]}, to tag {tag}", facts, bells.get((queue, cycle), ()))


def _signals(writer: _Writer, process: int, run: Run, rises: Mapping[int, Sequence[int]]) -> None:
    """The interrupt line, stalls by cause, and data beats of each window as counters."""
    line = writer.track("interrupt", process)
    began: tuple[int, dict[str, Any]] | None = None
    names = ("cycle", "kind", "queue", "tag", "value", "cause")
    events = run.trace.of(Kind.IRQ_RISE, Kind.IRQ_FALL, Kind.STALL)
    for cycle, kind, queue, tag, value, cause in zip(*(events[name].tolist() for name in names), strict=True):
        match kind:
            case Kind.IRQ_RISE:
                began = (cycle, {"queue": queue, "tag": tag, "cause": cause})
            case Kind.IRQ_FALL if began is not None:
                rise, facts = began
                writer.slices(line, [(f"interrupt of {facts['tag']}", rise, cycle)], facts, rises.get(rise, ()))
            case Kind.STALL:
                name = Stall(cause).name.lower()
                track = writer.track(name, writer.group("stalls", process))
                facts = {"queue": queue, "tag": tag}
                writer.slices(track, [(f"{name} of {tag}", cycle - value, cycle)], facts)
    windows = run.facts["windows"]
    for name in ("read_beats", "write_beats"):
        counter = writer.track(name.replace("_", " "), process, counter=True)
        for at, value in zip(windows["edges"], [*windows[name], 0], strict=True):
            writer.count(counter, at, value)
