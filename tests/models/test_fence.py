"""Fences: usage classes, who waits for whom, and counting modulo 2^32."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.errors import DeviceError
from models.fence import Fence, FenceState, Reservation, Usage, seqno_passed


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
@example(2**32 - 1, 1)
@example(0, 2**31 - 1)
def test_a_counter_has_passed_what_it_went_through_also_when_it_wraps(value: int, ahead: int) -> None:
    assert seqno_passed((value + ahead) % 2**32, value)
    assert not seqno_passed(value, (value + ahead + 1) % 2**32)


def test_a_query_returns_its_class_and_those_below() -> None:
    """R14."""
    reservation = Reservation("lock")
    fences = {usage: Fence(0, usage + 1) for usage in Usage}
    for usage, fence in fences.items():
        reservation.add(fence, usage)
    for usage in Usage:
        assert set(reservation.query(usage)) == {fences[other] for other in Usage if other <= usage}


def test_a_reader_waits_for_writers_and_a_writer_for_readers_too_but_nobody_for_bookkeeping() -> None:
    """R10."""
    reservation = Reservation("lock")
    write, read, book = Fence(1, 1), Fence(1, 2), Fence(1, 3)
    reservation.add(write, Usage.WRITE)
    reservation.add(read, Usage.READ)
    reservation.add(book, Usage.BOOKKEEP)
    assert reservation.waits(write=False) == (write,)
    assert reservation.waits(write=True) == (write, read)
    write.finish()
    assert reservation.poll(write=False) and not reservation.poll(write=True)
    read.finish()
    assert reservation.poll(write=True)


def test_a_fence_ends_once_and_carries_its_error() -> None:
    fence = Fence(0, 2**32)
    assert fence.value == 0 and not fence.done
    error = DeviceError("BUS_ERROR", address=0x1000, tag=3)
    fence.finish(error)
    assert fence.state is FenceState.FAILED and fence.error is error
    with pytest.raises(ValueError, match="finished already"):
        fence.finish()
