"""Page runs and boxes: at most three boxes a run, exactly its bytes, and a box touches exactly its pages."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.events import runs_of
from models.layout import Layout
from models.memory import PAGE
from models.surface import Box, Surface
from models.transfer import boxes_of_bytes, boxes_of_runs, pages_of_box

surfaces = st.builds(
    Surface,
    base=st.just(0),
    width=st.integers(1, 3000),
    height=st.integers(1, 30),
    bytes_per_pixel=st.integers(1, 16),
    layout=st.just(Layout.LINEAR),
)


@given(surfaces, st.data())
def test_a_run_is_partial_row_full_rows_partial_row(surface: Surface, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, surface.linear_size - 1))
    length = data.draw(st.integers(1, surface.linear_size))
    boxes = boxes_of_bytes(surface, first, length)
    assert len(boxes) <= 3
    covered = np.zeros(surface.linear_size, np.int64)
    for piece in boxes:
        assert surface.contains(piece.box)
        assert piece.offset == piece.box.y * surface.row_bytes + piece.box.x
        covered[piece.offset : piece.offset + piece.box.bytes] += 1
    wanted = np.zeros(surface.linear_size, np.int64)
    wanted[first : first + length] = 1
    assert np.array_equal(covered, wanted)


@given(surfaces, st.data())
def test_a_box_touches_exactly_its_pages(surface: Surface, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, surface.row_bytes - 1))
    y = data.draw(st.integers(0, surface.height - 1))
    box = Box(
        x, y, data.draw(st.integers(0, surface.row_bytes - x)), data.draw(st.integers(0, surface.height - y))
    )
    touched = {
        (row * surface.row_bytes + column) // PAGE
        for row in range(box.y, box.y + box.height)
        for column in {*range(box.x, box.x + box.width, PAGE), box.x + box.width - 1}
        if box.width
    }
    assert set(pages_of_box(surface, box)) == touched


def test_the_tail_of_the_last_page_is_left_out() -> None:
    surface = Surface(0, 100, 50, 1, Layout.LINEAR)
    assert sum(piece.box.bytes for piece in boxes_of_runs(surface, ((0, 2),))) == 5000


@given(st.sets(st.integers(0, 40)))
def test_runs_hold_the_same_pages_and_do_not_touch(pages: set[int]) -> None:
    runs = runs_of(pages)
    assert {page for first, count in runs for page in range(first, first + count)} == pages
    assert all(one[0] + one[1] < other[0] for one, other in zip(runs, runs[1:], strict=False))
