"""Page coverage: replays the driver's events, and says in which state each page met each of them.

Only the events are read: a page's state is what they have told so far. The bins are those of `groups.PAGE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from models.events import (
    Event,
    Fault,
    FenceSignal,
    Fork,
    Harvest,
    Insert,
    Readback,
    Runs,
    Sigbus,
    Submit,
    Unmap,
    Writeback,
    Zap,
)
from tb.cov.groups import PAGE

__all__ = ["Told", "sample_pages"]

Told = tuple[str, Event]
"""(the task that noted it, the event)."""

_Flight = tuple[int, int]
"""(queue, fence value) of a submission that was not seen to end."""


@dataclass(slots=True)
class _Page:
    host: str = ""
    readers: set[str] = field(default_factory=set)
    writers: set[str] = field(default_factory=set)
    protected: bool = False
    orphan: bool = False
    flight: _Flight | None = None

    @property
    def state(self) -> str:
        """The bin of `groups.PAGE` that it is in."""
        if self.host and self.host != "lost":
            return self.host
        if self.writers:
            return "dirty"
        if self.host or self.orphan:
            return self.host or "orphan"
        if self.readers:
            return "protected" if self.protected else "clean"
        return "absent"


class _Replay:
    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._pages: dict[tuple[str, int], _Page] = {}
        self._asked: dict[str, tuple[str, list[_Page], _Flight | None]] = {}
        self._flights: dict[_Flight, tuple[str, list[_Page]]] = {}

    def _met(self, event: Event, runs: Runs, name: str) -> list[_Page]:
        """The event's pages, each counted in the state in which it met it."""
        numbers = [page for first, count in runs for page in range(first, first + count)]
        found = [self._pages.setdefault((event.buffer, number), _Page()) for number in numbers]
        for page in found:
            PAGE.sample(self._counts, {"state": [page.state], "event": [name]})
        return found

    def take(self, task: str, event: Event) -> None:
        """Take in one event."""
        match event:
            case Fault():
                self._met(event, event.pages, "store" if event.write else "load")
            case Insert():
                for page in self._met(event, event.pages, f"insert to {'write' if event.writable else 'read'}"):
                    page.readers.add(event.process)
                    if event.writable:
                        page.writers.add(event.process)
                        page.protected = False
            case Harvest():
                for page in self._met(event, event.pages, f"harvest to {'draw' if event.cause == 'draw' else 'show'}"):
                    page.flight = None
            case Writeback():
                self._asked[task] = ("writeback", self._met(event, event.pages, "writeback"), None)
            case Readback():
                self._asked[task] = ("readback", self._met(event, event.pages, "readback"), None)
            case Zap():
                pages = self._met(event, event.pages, "zap")
                for page in pages:
                    page.host, page.flight, page.protected = "drawing", None, False
                    page.readers.clear()
                self._asked[task] = ("draw", pages, None)
            case Submit():
                self._submitted(task, event)
            case FenceSignal():
                self._ended((event.queue, event.value), failed=event.cause != "")
            case Sigbus():
                for page in self._met(event, event.pages, "error"):
                    page.host = "refused"
            case Unmap():
                for page in self._met(event, event.pages, "unmap"):
                    page.orphan |= event.process in page.writers
                    page.writers.discard(event.process)
                    page.readers.discard(event.process)
            case Fork():
                for page in self._met(event, event.pages, "fork"):
                    if event.cause in page.readers:
                        page.readers.add(event.process)
            case _:
                pass

    def _submitted(self, task: str, event: Submit) -> None:
        """What the task announced is under way; of a submission in parts the last one counts."""
        asked, pages, before = self._asked.get(task, ("", [], None))
        if asked != event.cause:
            return
        if before is not None:
            del self._flights[before]
        key = (event.queue, event.value)
        self._asked[task] = (asked, pages, key)
        self._flights[key] = (asked, pages)
        for page in pages:
            if asked == "writeback":
                page.protected, page.orphan = bool(page.readers), False
                page.writers.clear()
            page.host = {"writeback": "uploading", "readback": "fetching", "draw": "drawing"}[asked]
            page.flight = key

    def _ended(self, key: _Flight, *, failed: bool) -> None:
        asked, pages = self._flights.pop(key, ("", []))
        for task in [task for task, (_, _, flight) in self._asked.items() if flight == key]:
            del self._asked[task]
        for page in pages:
            if asked == "writeback" and failed:
                PAGE.sample(self._counts, {"state": [page.state], "event": ["error"]})
                page.host, page.flight = "lost", None
            elif page.flight == key:
                page.flight = None
                if asked == "readback" and failed:
                    continue  # its Sigbus follows
                page.host = "device" if asked == "draw" else ""


def sample_pages(counts: Counter[str], told: Iterable[Told]) -> None:
    """Count what the pages of one run met, from the driver's events in the order of time."""
    replay = _Replay(counts)
    for task, event in told:
        replay.take(task, event)
