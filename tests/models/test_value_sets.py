"""Sets of byte values, against plain Python sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.surface import Box
from models.value_sets import ValueSets

SHAPE = (3, 4)
SIZE = 12
values = st.lists(st.integers(0, 3), min_size=SIZE, max_size=SIZE)
masks = st.lists(st.booleans(), min_size=SIZE, max_size=SIZE)
runs = st.tuples(st.integers(0, SIZE - 1), st.lists(st.integers(0, 3), min_size=1, max_size=4))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), runs),
        st.tuples(st.just("add"), runs),
        st.tuples(st.just("know"), runs),
        st.tuples(st.just("assign"), masks),
        st.tuples(st.just("union"), masks),
        st.tuples(st.just("restrict"), masks),
    ),
    max_size=8,
)


def apply(sets: ValueSets, other: ValueSets, plain: list[set[int]], plain_other: list[set[int]], step: tuple) -> None:
    kind, argument = step
    if kind in ("assign", "union"):
        where = np.array(argument).reshape(SHAPE)
        (sets.assign if kind == "assign" else sets.add)(other, where)
        for at in np.flatnonzero(where):
            plain[at] = set(plain_other[at]) if kind == "assign" else plain[at] | plain_other[at]
        return
    if kind == "restrict":
        where = np.array(argument).reshape(SHAPE)
        sets.restrict(other, where)
        for at in np.flatnonzero(where):
            plain[at] = plain[at] & plain_other[at] or plain[at]
        return
    first, data = argument
    data = data[: SIZE - first]
    array = np.array(data, np.uint8)

    def known(at: int, given: np.ndarray) -> None:
        sets.know(given, at, np.arange(at, at + given.size) % 3 != 0)

    {"set": sets.set_run, "add": sets.add_run, "know": known}[kind](first, array)
    for at, value in enumerate(data, first):
        if kind != "know" or at % 3:
            plain[at] = plain[at] | {value} if kind == "add" else {value}


@given(steps, steps, values)
def test_sets_are_what_plain_sets_are(before: list[tuple], after: list[tuple], got: list[int]) -> None:
    other, plain_other = ValueSets(SHAPE), [{0} for _ in range(SIZE)]
    for step in before:
        apply(other, other.copy(), plain_other, [set(one) for one in plain_other], step)
    sets, plain = ValueSets(SHAPE), [{0} for _ in range(SIZE)]
    for step in after:
        apply(sets, other, plain, plain_other, step)
    assert [sets.at(offset) for offset in range(SIZE)] == plain
    assert list(sets.holds(0, np.array(got, np.uint8))) == [value in one for value, one in zip(got, plain, strict=True)]
    assert sets.single is all(len(one) == 1 for one in plain) or not sets.single
    moved = sets.shifted((2, 2), Box(0, 0, 2, 2), Box(1, 1, 2, 2))
    assert [moved.at(offset) for offset in range(4)] == [plain[offset] for offset in (5, 6, 9, 10)]


def test_what_nothing_is_known_of_may_be_anything_until_it_is_set() -> None:
    sets = ValueSets(SHAPE)
    sets.anything[1, 1] = True
    assert len(sets.at(5)) == 256 and sets.holds(5, np.array([77], np.uint8)).all()
    sets.know(np.array([77], np.uint8), 5, np.array([True]))
    assert len(sets.at(5)) == 256
    sets.set_run(5, np.array([7], np.uint8))
    assert sets.at(5) == {7}
