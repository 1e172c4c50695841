"""The trace format: what is written is read back, and a wrong line is named."""

from __future__ import annotations

import pytest

from models.layout import Layout
from models.surface import Box
from models.workload.trace import Compose, Copy, Fill, Frame, Load, Show, Store, Think, Trace, TraceError, Wait

BOX = Box(8, 1, 40, 6)
EVERY = (
    Load("viewer", BOX), Store("painter.1", BOX), Fill(BOX), Copy(Box(0, 0, 20, 2), 40, 3), Compose(BOX),
    Show("viewer", BOX, False), Show("viewer", BOX, True), Wait(), Think(5000), Frame(),
)  # fmt: skip
HEAD = "faultline-trace 1\nbuffer 16 8 4 LINEAR\n"


def test_every_action_comes_back() -> None:
    trace = Trace("t", 64, 16, 4, Layout.Y_TILED, EVERY)
    assert Trace.parse(trace.text(), "t") == trace


def test_comments_and_blank_lines_mean_nothing() -> None:
    text = "# made by hand\n\nfaultline-trace 1 # version\nbuffer 16 8 4 LINEAR\n\n  wait # for idle\n"
    assert Trace.parse(text, "f").actions == (Wait(),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1: begin with the line"),
        ("buffer 1 1 1 LINEAR\n", "f:1: begin with the line"),
        ("faultline-trace 2\n", "f:1: begin with the line"),
        ("faultline-trace 1\n\nwait\n", "f:3: the second line says"),
        ("faultline-trace 1\nbuffer 16 8 4 TILED\n", "f:2: layout 'TILED'"),
        ("faultline-trace 1\nbuffer 16 x 4 LINEAR\n", "f:2: 'x' is no number"),
        ("faultline-trace 1\nbuffer 16 0 4 LINEAR\n", "f:2: extent"),
        ("faultline-trace 1\nbuffer 16 8 17 LINEAR\n", "f:2: 17 bytes a pixel"),
        (HEAD, "f:2: no action follows"),
        (HEAD + "lod p 0 0 1 1\n", "f:3: 'lod' is no action"),
        (HEAD + "\nload p 0 0 1\n", "f:4: load takes"),
        (HEAD + "load p,q 0 0 1 1\n", "f:3: 'p,q' is no name"),
        (HEAD + "load p 0 0 -1 1\n", "f:3: '-1' is no number"),
        (HEAD + "fill 0 0 0 1\n", "f:3: an empty box"),
        (HEAD + "fill 1 0 16 1\n", "f:3: box 1 0 16 1 is not inside"),
        (HEAD + "copy 0 0 4 4 2 2\n", "f:3: source and target"),
        (HEAD + "copy 0 0 4 4 13 0\n", "f:3: box 13 0 4 4 is not inside"),
        (HEAD + "show p 0 0 1 1 near\n", "f:3: 'near'"),
        (HEAD + "wait\nthink\n", "f:4: think takes"),
        (HEAD + "frame 1\n", "f:3: frame takes nothing"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str) -> None:
    with pytest.raises(TraceError) as caught:
        Trace.parse(text, "f")
    assert str(caught.value).startswith(message)
