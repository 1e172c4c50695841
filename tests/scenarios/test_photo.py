"""The photo scenario on three performers: both simulators and the untimed device must tell the same story.

Between the simulators every event must also carry the same clock cycle; where Icarus is missing, its part is skipped
with that reason (and fails where CI=true).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.client.photo import PIXEL, PhotoResult, photo, untranslated
from models.device import Device
from models.driver import Driver
from models.faultline_engine import FaultlineEngine
from models.memory import HostMemory
from models.perform import run
from models.policy.page_mkwrite import PageMkwrite
from tb.photo.run import PhotoRun, simulate
from tb.simulation import simulators, widths

HEIGHT, WIDTH = 120, 160


def picture() -> npt.NDArray[np.uint8]:
    """A small picture in which no two rows or columns are alike."""
    return np.random.default_rng(2013).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@cache
def simulated(simulator: str, data_width: int = 64) -> PhotoRun:
    return simulate(picture(), simulator, data_width)


@cache
def untimed() -> PhotoResult:
    host = HostMemory()
    return run(photo(Driver(host, FaultlineEngine(host), PageMkwrite()), picture()), Device(host))


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events without their stamps."""
    return [{key: value for key, value in event.items() if key not in ("cycle", "task")} for event in events]


def as_json(result: PhotoResult) -> list[dict[str, Any]]:
    """The untimed device's events, as they look after a journey through JSON."""
    events: list[dict[str, Any]] = json.loads(json.dumps([event.to_json() for event in result.events]))
    return events


@pytest.mark.parametrize("data_width", widths())
@pytest.mark.parametrize("simulator", simulators())
def test_all_bytes_agree(simulator: str, data_width: int) -> None:
    found = simulated(simulator, data_width)
    assert found.differences == []
    assert set(found.compared) == {"scanout", "writer", "reader", "early"}
    assert min(found.compared.values()) > 0


@pytest.mark.parametrize("data_width", widths())
@pytest.mark.parametrize("simulator", simulators())
def test_the_untimed_device_tells_the_same_events_and_shows_the_same_pictures(simulator: str, data_width: int) -> None:
    found, expected = simulated(simulator, data_width), untimed()
    assert told(found.events) == as_json(expected)
    assert np.array_equal(found.scanout, expected.scanout.reshape(HEIGHT, WIDTH, PIXEL)[:, :, :3])
    assert np.array_equal(found.untranslated, untranslated(expected))


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_both_simulators_agree_to_the_cycle(simulator: str) -> None:
    one, other = simulated("verilator"), simulated(simulator)
    assert one.events == other.events
    assert one.cycles == other.cycles
    assert one.rows == other.rows
    assert np.array_equal(one.scanout, other.scanout)
    assert np.array_equal(one.untranslated, other.untranslated)


def test_the_scenario_exercises_what_it_is_about() -> None:
    phases = {row.phase: row for row in simulated("verilator").rows}
    assert phases["paint"].faults > 0
    assert phases["paint"].readback_bytes == 0, "R30: what was never valid needs no readback"
    assert phases["draw"].writeback_pages > 0
    assert phases["draw"].pages_zapped > 0
    assert phases["read"].fence_wait_cycles > 0, "the second process must meet a renderer at work"
    assert 0 < phases["read"].readback_pages < phases["paint"].faults, "only the pages touched"
    assert phases["change"].faults > 0, "zapped entries fault again"
    assert phases["change"].readback_pages > 0, "R31: a partly written page takes the device's newer bytes first"
    assert phases["redraw"].faults > 0, "R21: a store to a page that was harvested and not zapped faults"
    assert phases["scan-out"].faults == phases["scan-out"].descriptors == 0, "R3: no mapping, no DMA"
