"""Host RAM: one sparse shared file with owned pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import DriverError
from models.memory import PAGE, HostMemory


def test_file_and_array_are_the_same_bytes(tmp_path: Path) -> None:
    host = HostMemory(tmp_path / "ram", 1 << 20)
    host.write(5000, b"seen through the file")
    with open(tmp_path / "ram", "rb") as file:
        file.seek(5000)
        assert file.read(21) == b"seen through the file"
    assert host.pages[1, 5000 - PAGE] == ord("s")
    host.close()


def test_file_stays_sparse(tmp_path: Path) -> None:
    host = HostMemory(tmp_path / "ram")
    host.allocate(10, "somebody")
    assert (tmp_path / "ram").stat().st_size == 256 << 20
    assert (tmp_path / "ram").stat().st_blocks * 512 < 1 << 20
    host.close()


@pytest.mark.parametrize("size", [0, PAGE, 3 * PAGE, 100_000])
def test_size_must_be_a_power_of_two(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        HostMemory(None, size)


def test_page_zero_is_never_handed_out_and_pages_are_never_shared() -> None:
    host = HostMemory(None, 64 * PAGE)
    frames = host.allocate(40, "a") + host.allocate(23, "b")
    assert sorted(frames) == list(range(1, 64))
    with pytest.raises(DriverError, match="ENOMEM"):
        host.allocate(1, "c")


def test_neighbouring_pages_get_frames_that_are_no_neighbours() -> None:
    frames = np.array(HostMemory(None, 1 << 20).allocate(64, "a"))
    assert np.count_nonzero(np.diff(frames) == 1) < 8


def test_freed_pages_come_back_zeroed_and_only_from_their_owner() -> None:
    host = HostMemory(None, 8 * PAGE)
    frames = host.allocate(7, "a")
    host.pages[frames[0]] = 7
    with pytest.raises(ValueError, match="belongs to 'a'"):
        host.free(frames, "b")
    host.free(frames, "a")
    assert not host.pages[host.allocate(7, "b")].any()


def test_access_outside_of_ram_is_refused() -> None:
    host = HostMemory(None, 2 * PAGE)
    for address in (-1, 2 * PAGE - 3):
        with pytest.raises(IndexError):
            host.read(address, 8)
        with pytest.raises(IndexError):
            host.write_u64(address, 0)


def test_pages_are_owned_while_somebody_has_them(tmp_path: Path) -> None:
    host = HostMemory(tmp_path / "ram", 1 << 20)
    frames = [*host.allocate(3, "a"), host.allocate_contiguous(1, "b") // PAGE]
    shared = np.fromfile(tmp_path / "ram.pages", np.uint8)
    assert len(shared) == (1 << 20) // PAGE
    assert sorted(np.flatnonzero(shared).tolist()) == sorted(frames)
    host.free(frames[:1], "a")
    host.own([200])
    host.poison([frames[3]])
    assert sorted(np.flatnonzero(host.owned).tolist()) == sorted([frames[1], frames[2], 200])


def test_written_bytes_are_counted_once_somebody_asks(tmp_path: Path) -> None:
    host = HostMemory(tmp_path / "ram", 1 << 20)
    with pytest.raises(ValueError, match="call track first"):
        host.written(0, 1)
    host.declare(0, 9)  # nobody keeps count: nothing happens
    host.track()
    assert not host.written(0, 64).any()
    host.write(13, b"abc")
    host.declare(31, 2)
    assert np.flatnonzero(host.written(3, 61)).tolist() == [10, 11, 12, 28, 29]
    assert (tmp_path / "ram.written").stat().st_size == (1 << 20) // 8
    frame = host.allocate(1, "a")[0]
    host.write(frame * PAGE, bytes(PAGE))
    host.free([frame], "a")
    assert host.allocate(1, "b") == [frame]
    assert not host.written(frame * PAGE, PAGE).any(), "what is handed out anew was not written by its owner"
    HostMemory(tmp_path / "ram", 1 << 20)
    assert not (tmp_path / "ram.written").exists()
