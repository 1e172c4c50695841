"""Writes what a run met beside its log: functional.json, added to by each test of the process.

`tb.env.run_body` calls `record` at the end of a test, when FAULTLINE_COVERAGE is set; without it nothing is read, kept
or written. Everything comes from what the environment has anyway: the trace, the ledgers, the tempers, the notes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tb.cov.pages import Told, sample_pages
from tb.cov.transfers import Tempers, sample_records
from tb.scoreboard import Ledger
from tb.trace import EVENT, Kind

__all__ = ["FUNCTIONAL", "position", "record"]

FUNCTIONAL = "functional.json"
"""File of a run: {bin: count}."""


def position() -> int:
    """Events in the trace of this run so far."""
    path = Path(os.environ["TRACE_FILE"])
    return path.stat().st_size // EVENT.itemsize if path.exists() else 0


def record(since: int, ledgers: Iterable[Ledger], tempers: Tempers, told: Iterable[Told]) -> None:
    """Add what one test met to the file of the run.

    since: `position` when the test began; the trace must have been flushed since.  told: the driver's events.
    """
    trace = Path(os.environ["TRACE_FILE"])
    events = np.fromfile(trace, EVENT, offset=since * EVENT.itemsize) if trace.exists() else np.zeros(0, EVENT)
    events = events[events["kind"] < Kind.STEP]
    counts: Counter[str] = Counter()
    for ledger in ledgers:
        sample_records(counts, events, ledger.history, tempers, ledger.data_width)
    sample_pages(counts, told)
    path = trace.with_name(FUNCTIONAL)
    if path.exists():
        counts.update(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(dict(sorted(counts.items()))), encoding="utf-8")
