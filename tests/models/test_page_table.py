"""Page tables: zap reaches every mapping, harvest loses nothing, the device's entries are where the walker looks."""

from __future__ import annotations

import pytest

from models.errors import BusFault, DriverError
from models.execute import HostObject, translate
from models.layout import Cause, PageTableEntry
from models.memory import PAGE, HostMemory
from models.page_table import AddressSpace, Mapping, ObjectTable, PageTable


def two_mappings() -> tuple[AddressSpace, Mapping, Mapping]:
    space = AddressSpace(10)
    whole, part = Mapping("a", space, 0x10000, 0, 10, True), Mapping("b", space, 0x20000, 4, 3, True)
    space.add(whole)
    space.add(part)
    return space, whole, part


def test_zap_reaches_every_mapping_also_partial_ones_and_forked_copies() -> None:
    """R7."""
    space, whole, part = two_mappings()
    for page in (4, 5, 6):
        whole.insert(page, False)
        part.insert(page, False)
    child = space.fork(part, "child")
    generation = space.generation
    assert space.zap([5]) == 3
    assert not any(mapping.allows(5, False) for mapping in (whole, part, child))
    assert all(mapping.allows(4, False) for mapping in (whole, part, child))
    assert space.generation != generation


def test_a_write_fault_leaves_the_entry_dirty_and_harvest_protects_it() -> None:
    """R20, R21."""
    space, whole, part = two_mappings()
    whole.insert(5, True)
    part.insert(6, True)
    assert space.harvest() == [5, 6]
    assert whole.allows(5, False) and not whole.allows(5, True)
    assert space.harvest() == []


def test_a_forked_entry_is_clean_but_writable_until_the_next_harvest() -> None:
    """R22."""
    space, whole, _ = two_mappings()
    whole.insert(3, True)
    child = space.fork(whole, "child")
    assert child.allows(3, True) and not child.dirty.any()
    space.harvest()
    assert not child.allows(3, True)


def test_zap_without_harvest_is_refused() -> None:
    """R20: it would lose writes."""
    space, whole, _ = two_mappings()
    whole.insert(2, True)
    with pytest.raises(DriverError, match="EBUSY"):
        space.zap([2])


def test_unmapping_gives_the_dirty_pages_back() -> None:
    space, _, part = two_mappings()
    part.insert(4, True)
    part.insert(5, False)
    assert space.remove(part) == [4]


def test_write_protect_counts_what_lost_the_permission() -> None:
    space, whole, part = two_mappings()
    whole.insert(5, True)
    part.insert(5, True)
    whole.insert(6, True)
    assert space.write_protect([5]) == 2
    assert whole.allows(6, True) and not whole.allows(5, True) and whole.allows(5, False)


def test_an_access_splits_at_pages_and_faults_outside() -> None:
    """R16."""
    space = AddressSpace(3)
    table = PageTable("a")
    mapping = Mapping("a", space, table.place(2), 1, 2, True)
    table.add(mapping)
    pieces = list(table.pieces(mapping.address + PAGE - 10, 30))
    assert [(piece.page, piece.offset, piece.at, piece.count) for piece in pieces] == [
        (1, PAGE - 10, 0, 10),
        (2, 0, 10, 20),
    ]
    with pytest.raises(BusFault):
        list(table.pieces(mapping.address + 2 * PAGE - 1, 2))


@pytest.mark.parametrize("two_level", [False, True])
@pytest.mark.parametrize("pages", [1, 512, 513, 1100])
def test_the_walker_finds_every_page_of_an_object(two_level: bool, pages: int) -> None:
    host = HostMemory(None, 16 << 20)
    frames = host.allocate(pages, "object")
    table = ObjectTable(host, frames, two_level=two_level)
    entry = HostObject(table.root, pages, two_level)

    def bus(address: int, length: int, write: bool) -> Cause:
        return Cause.NONE

    for page in {0, pages // 2, pages - 1}:
        found = translate(entry, page * PAGE + 17, True, host.bytes, bus)
        assert found == (Cause.NONE, frames[page] * PAGE + 17)
    assert translate(entry, pages * PAGE, False, host.bytes, bus)[0] is Cause.TRANSLATION_FAULT


def test_an_entry_can_be_changed_and_the_table_freed() -> None:
    host = HostMemory(None, 1 << 20)
    table = ObjectTable(host, host.allocate(4, "object"), two_level=True)
    table.set(2, PageTableEntry(1, 0, 77))
    assert table.get(2) == PageTableEntry(1, 0, 77)
    with pytest.raises(IndexError):
        table.get(4)
    root = table.root // PAGE
    assert host.owner(root) is not None
    table.free()
    assert host.owner(root) is None
