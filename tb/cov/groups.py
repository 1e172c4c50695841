"""What is to be met: the groups of functional coverage, each with what cannot happen and why.

This file says what; `transfers` and `pages` say how it is read off the trace.
"""

from __future__ import annotations

from models.layout import Layout
from tb.cov.model import Exclusion, Group, Point

__all__ = ["COMMAND", "DRAWING", "GROUPS", "PAGE", "REFUSAL", "ROWS", "TRANSFER"]

ROWS = (
    ("1", 1),
    ("2 to 7", 7),
    ("8 to 63", 63),
    ("64", 64),
    ("65 to 511", 511),
    ("512 to 4095", 4095),
    ("4096", 4096),
    ("over 4096", 1 << 20),
)
"""(bin, its largest number of bytes) of the length of a row."""

_LAYOUTS = tuple(layout.name for layout in Layout)
_INTERACTIONS = ("alone", "beside", "behind", "ahead")
_INTERACTION = Point(
    "other queue",
    _INTERACTIONS,
    "beside: it had work under way meanwhile; behind: a WAIT for it stood before, since the last FENCE; ahead: it "
    "stood at a WAIT for this queue; alone: none of these",
)
_ROW = Point("row", tuple(name for name, _ in ROWS), "bytes of a row of the box")
_LAYOUT = Point("layout", _LAYOUTS, "layout of the surface")
_REFUSED = ("BOX_OUTSIDE", "MALFORMED")
_BEFORE = "refused, or dropped by an abort, before the place of a row plays a part: such a one is not measured"

TRANSFER = Group(
    "transfer",
    "READBACK and WRITEBACK, a sample a record",
    (
        Point("operation", ("READBACK", "WRITEBACK"), "opcode"),
        Point(
            "alignment",
            ("both", "host off", "device off", "same lane", "different lanes"),
            "byte lanes of the first row's begin in host memory and in device memory, modulo the bus width",
        ),
        _ROW,
        Point("rows", ("single", "apart", "merged"), "one row; rows with gaps; rows end to end on both sides"),
        Point("crossing", ("none", "one", "several"), "most page borders inside one row, in host memory"),
        _LAYOUT,
        Point("outstanding", ("1", "2 to 7", "8 to 31", "32 and more"), "most data bursts under way meanwhile (trace)"),
        Point(
            "stall",
            ("none", "address", "data", "response", "slow", "single", "mixed"),
            "temper of host memory meanwhile: a channel stalls; latency of 100 and more; a burst at a time; reordered",
        ),
        Point(
            "cause",
            (
                *("NONE", "BUS_ERROR", "TRANSLATION_FAULT", "READ_ONLY", "WATCHDOG", "ABORTED", "WALK_ERROR"),
                *_REFUSED,
            ),
            "cause in the record",
        ),
        _INTERACTION,
    ),
    (
        Exclusion({"operation": ("WRITEBACK",), "cause": ("READ_ONLY",)}, "only a READBACK writes to host pages"),
        Exclusion({"operation": ("WRITEBACK",), "stall": ("response",)}, "reads have no response channel"),
        Exclusion({"row": ("1",), "crossing": ("one", "several")}, "a byte lies in one page"),
        Exclusion(
            {"row": ("2 to 7", "8 to 63", "64", "65 to 511", "512 to 4095", "4096"), "crossing": ("several",)},
            "a row of at most a page crosses at most one border",
        ),
        Exclusion({"row": ("over 4096",), "crossing": ("none",)}, "a row longer than a page crosses a border"),
        Exclusion(
            {"row": ("1", "2 to 7", "8 to 63"), "rows": ("merged",)}, "rows end to end are whole units of 64 bytes"
        ),
        Exclusion(
            {"rows": ("merged",), "layout": ("X_TILED", "Y_TILED", "MORTON")}, "rows lie end to end only in LINEAR"
        ),
        Exclusion(
            {"alignment": ("device off", "same lane", "different lanes"), "rows": ("merged",)},
            "whole rows begin at byte 0 of the surface",
        ),
        Exclusion(
            {"outstanding": ("2 to 7", "8 to 31", "32 and more"), "stall": ("single",)},
            "the memory takes one burst at a time",
        ),
        *(
            Exclusion({point: bins, "cause": _REFUSED}, _BEFORE)
            for point, bins in (
                ("alignment", ("both", "host off", "device off", "same lane", "different lanes")),
                ("row", tuple(name for name, _ in ROWS)),
                ("rows", ("single", "apart", "merged")),
                ("crossing", ("none", "one", "several")),
                ("layout", _LAYOUTS),
                ("outstanding", ("1", "2 to 7", "8 to 31", "32 and more")),
                ("stall", ("none", "address", "data", "response", "slow", "single", "mixed")),
            )
        ),
    ),
)

_NO_SOURCE = "a FILL has no source"
_DRAW_REFUSED = ("BOX_OUTSIDE", "MALFORMED", "ALIGNMENT", "OVERLAP")
_DRAW_LANES = ("both", "source off", "target off", "same lane", "different lanes")
_PIXELS = ("1", "2", "3", "4", "5 to 7", "8", "9 to 15", "16")
_SOURCES = tuple(f"from {name}" for name in _LAYOUTS)

DRAWING = Group(
    "drawing",
    "FILL and COPY, a sample a record",
    (
        Point("operation", ("FILL", "COPY"), "opcode"),
        Point("alignment", _DRAW_LANES, "byte lanes of source and target, modulo the width of a device word"),
        _ROW,
        _LAYOUT,
        Point("source", _SOURCES, "layout of the source"),
        Point("pixel", _PIXELS, "bytes a pixel"),
        Point("cause", ("NONE", "ABORTED", *_DRAW_REFUSED), "cause in the record"),
        _INTERACTION,
    ),
    (
        Exclusion({"operation": ("FILL",), "source": _SOURCES}, _NO_SOURCE),
        Exclusion({"operation": ("FILL",), "alignment": ("source off", "same lane", "different lanes")}, _NO_SOURCE),
        Exclusion({"operation": ("FILL",), "cause": ("OVERLAP",)}, _NO_SOURCE),
        Exclusion({"row": ("1",), "pixel": _PIXELS[1:]}, "a row is whole pixels"),
        Exclusion({"row": ("2 to 7",), "pixel": ("8", "9 to 15", "16")}, "a row is whole pixels"),
        Exclusion({"row": ("64", "4096"), "pixel": ("3", "5 to 7", "9 to 15")}, "a row is whole pixels"),
        *(
            Exclusion({point: bins, "cause": _DRAW_REFUSED}, _BEFORE)
            for point, bins in (
                ("alignment", _DRAW_LANES),
                ("row", tuple(name for name, _ in ROWS)),
                ("layout", _LAYOUTS),
                ("source", _SOURCES),
                ("pixel", _PIXELS),
            )
        ),
    ),
)

_QUEUE = Point("queue", ("TRANSFER", "RENDER"), "whose ring it was in")

COMMAND = Group(
    "command",
    "NOP, WAIT, FENCE and INVALIDATE, a sample a record",
    (
        Point("operation", ("NOP", "WAIT", "FENCE", "INVALIDATE"), "opcode"),
        _QUEUE,
        Point("cause", ("NONE", "MALFORMED", "ABORTED"), "cause in the record"),
        Point("order", ("free", "ordered"), "bit `order`"),
        Point("fence of", ("own queue", "other queue"), "whose fence a WAIT waits for"),
        _INTERACTION,
    ),
    (
        Exclusion(
            {"operation": ("NOP", "FENCE", "INVALIDATE"), "fence of": ("own queue", "other queue")},
            "only a WAIT waits for a fence",
        ),
        Exclusion(
            {"cause": ("MALFORMED",), "fence of": ("own queue", "other queue")},
            "a malformed WAIT is not measured: it waits for nothing",
        ),
    ),
)

REFUSAL = Group(
    "refusal",
    "records of what is no operation",
    (_QUEUE, Point("cause", ("UNKNOWN_OPCODE", "RING_OVERFLOW", "FETCH_ERROR", "WATCHDOG"), "cause in the record")),
)

_STATES = (
    *("absent", "clean", "dirty", "protected", "uploading", "orphan", "lost"),
    *("drawing", "device", "fetching", "refused"),
)
_DRIVER_EVENTS = (
    *("load", "store", "insert to read", "insert to write", "harvest to draw", "harvest to show"),
    *("writeback", "readback", "zap", "unmap", "fork", "error"),
)
_NOT_DIRTY = tuple(state for state in _STATES if state not in ("dirty", "orphan", "lost"))
_HARVESTED = "everything dirty or lost is harvested and on its way before a page is zapped (R19, R20)"
_LOCKED = "a readback is waited for with the reservation lock held, so nobody else can move the page"

PAGE = Group(
    "page",
    "a page of a buffer and what the driver does, a sample a page and event",
    (
        Point(
            "state",
            _STATES,
            "absent: no entry, the host is the newest; clean; dirty; protected: harvested, on the device; uploading; "
            "orphan: unmapped while dirty; lost: an upload failed; drawing; device: drawn, not read back; fetching: "
            "being read back; refused: that failed",
        ),
        Point("event", _DRIVER_EVENTS, "what the driver noted"),
    ),
    (
        Exclusion(
            {"state": ("drawing", "device", "refused"), "event": ("insert to read", "insert to write")},
            "no entry before the newest bytes are back (R16, R17, R31)",
        ),
        Exclusion(
            {"state": ("fetching",), "event": ("insert to read", "insert to write")},
            "the readback's end is noted before the entry: the page is absent then",
        ),
        Exclusion(
            {"state": ("uploading",), "event": ("insert to write",)},
            "a store waits for the upload of its page: the DMA must not see the host's copy change",
        ),
        Exclusion(
            {"state": _NOT_DIRTY, "event": ("harvest to draw", "harvest to show", "writeback")},
            "only what is dirty or lost is collected and sent (R20, R23)",
        ),
        Exclusion(
            {
                "state": tuple(state for state in _STATES if state not in ("device", "refused")),
                "event": ("readback",),
            },
            "only what the device drew is brought back, and only once it has been drawn (R16, R30)",
        ),
        Exclusion({"state": ("dirty", "orphan", "lost"), "event": ("zap",)}, _HARVESTED),
        Exclusion({"state": ("fetching",), "event": ("zap", "unmap")}, _LOCKED),
        Exclusion(
            {
                "state": ("absent", "clean", "dirty", "protected", "orphan", "lost", "device", "refused"),
                "event": ("error",),
            },
            "an error is that of a readback under way, or of an upload, behind which there may be drawing",
        ),
    ),
)

GROUPS = (TRANSFER, DRAWING, COMMAND, REFUSAL, PAGE)
"""Every group."""
