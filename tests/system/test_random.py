"""Random runs of the engine and its driver, on both simulators and at every data width, from one seed.

COCOTB_RANDOM_SEED chooses the seed, FAULTLINE_OPERATIONS how much each test does.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest

from models.engine import Queue
from models.layout import Descriptor, Layout, Opcode
from models.memory import PAGE
from models.surface import Surface
from tb.chance import box_in, offset_in, surface_in, temper, upto
from tb.random_work import Extent, Planned, Planner
from tb.sim_top import system
from tb.simulation import SimulationError, simulators

BENCH = "tests.system.bench_random"


def ran(simulator: str, *, name: str = "", tests: list[str] | None = None, **more: Any) -> dict[str, dict[str, Any]]:
    """What each test of a run left in random.json."""
    outcome = system(simulator).run(BENCH, tests, run_name=name, **more)
    found: dict[str, dict[str, Any]] = json.loads((outcome.directory / "random.json").read_text(encoding="utf-8"))
    assert set(found) == {result.name.split(".")[-1] for result in outcome.results}
    assert all(one["operations"] and one["cycles"] for one in found.values())
    return found


@pytest.mark.parametrize("simulator", simulators())
def test_random_work_has_the_one_right_result(simulator: str) -> None:
    # the slow simulator does fewer
    fewer = {"FAULTLINE_OPERATIONS": os.environ.get("FAULTLINE_OPERATIONS", "24")}
    ran(simulator, env=fewer if simulator == "icarus" else None)


@pytest.mark.parametrize("data_width", [128, 256, 512])
def test_random_work_on_wider_buses(data_width: int) -> None:
    system("verilator", data_width=data_width).run(BENCH, env={"FAULTLINE_OPERATIONS": "30"})


def test_one_seed_is_one_run_and_another_seed_another() -> None:
    """Records with all their cycles agree, even when every flop begins with other bits."""
    small = {"FAULTLINE_OPERATIONS": "12"}
    first = ran("verilator", name="random-first", env=small, seed=77)
    begun_otherwise = ["+verilator+seed+4321"]  # the last one given is the one that counts
    assert ran("verilator", name="random-flops", env=small, seed=77, plusargs=begun_otherwise) == first
    other = ran("verilator", name="random-other", env=small, seed=78)
    for name, one in first.items():
        assert one["records"] != other[name]["records"], name


@pytest.mark.parametrize("simulator", [one for one in simulators() if one.values[0] == "icarus"])
def test_one_seed_is_one_run_on_both_simulators(simulator: str) -> None:
    same: dict[str, Any] = {"env": {"FAULTLINE_OPERATIONS": "12"}, "seed": 5}
    assert ran(simulator, name="random-here", **same) == ran("verilator", name="random-there", **same)


@pytest.mark.parametrize("simulator", simulators())
def test_a_random_bench_that_is_told_wrong_fails(simulator: str) -> None:
    # the others take long to be found, and what finds them is the same Python on both simulators
    quick = ["a_stray_byte_in_a_round_fails", "a_lost_operation_fails", "a_byte_torn_by_a_reset_fails"]
    system(simulator).run("tests.system.bench_random_twins", quick if simulator == "icarus" else None)


def _planner(seed: int, **more: Any) -> Planner:
    random = np.random.default_rng(seed)
    surfaces = {n: surface_in(random, n << 16, 1 << 14, (1, 3, 4)) for n in range(4)}
    extents = [Extent(0, 0, 8 * PAGE), Extent(1, 0, 8 * PAGE)]
    return Planner(random, surfaces, extents, extents, {Queue.TRANSFER: (1 << 32) - 3, Queue.RENDER: 7}, **more)


def _plans(count: int, **more: Any) -> list[list[Planned]]:
    return [_planner(seed, **more).plan(12) for seed in range(count)]


def test_no_wait_of_a_plan_can_wait_for_ever() -> None:
    waits = 0
    for plan in _plans(100):
        fenced: set[tuple[int, int]] = set()
        for one in plan:
            if one.descriptor.opcode == Opcode.FENCE:
                fenced.add((one.queue, one.descriptor.host_offset))
            elif one.descriptor.opcode == Opcode.WAIT:
                waits += 1
                assert (one.descriptor.queue, one.descriptor.host_offset) in fenced, plan
    assert waits > 100


def _bytes_of(one: Descriptor) -> tuple[set[tuple[int, int, int]], set[tuple[int, int, int]]]:
    """(read, written) bytes of a good descriptor, each as {kind of place, its number, byte}."""
    rows = range(one.height)
    device = {(0, one.surface, (one.y + y << 20) + one.x + x) for y in rows for x in range(one.width)}
    if one.opcode == Opcode.FILL:
        return set(), device
    if one.opcode == Opcode.COPY:
        at = (one.source_y << 20) + one.source_x
        return {(0, one.source_surface, at + (y << 20) + x) for y in rows for x in range(one.width)}, device
    host = {(1, one.object, one.host_offset + y * one.host_stride + x) for y in rows for x in range(one.width)}
    return (device, host) if one.opcode == Opcode.READBACK else (host, device)


def test_operations_of_an_independent_plan_touch_nothing_that_another_writes() -> None:
    moving = {Opcode.READBACK, Opcode.WRITEBACK, Opcode.FILL, Opcode.COPY}
    pairs = 0
    for plan in _plans(30, independent=True):
        touched = [_bytes_of(one.descriptor) for one in plan if one.descriptor.opcode in moving]
        for index, (_, written) in enumerate(touched):
            for other, (read, also) in enumerate(touched):
                pairs += index != other
                assert index == other or not written & (read | also)
    assert pairs > 500


def test_chance_reaches_every_kind_of_work() -> None:
    plans = [one for plan in _plans(200) for one in plan]
    assert {Opcode(one.descriptor.opcode) for one in plans} == set(Opcode)
    transfers = [one.descriptor for one in plans if one.descriptor.opcode in (Opcode.READBACK, Opcode.WRITEBACK)]
    assert {one.host_offset % 8 for one in transfers} == set(range(8))
    assert {0, 1} <= {one.order for one in transfers}
    full = [one for one in transfers if one.width]
    assert any(one.host_stride == one.width for one in full) and any(one.host_stride < one.width for one in full)
    assert any(one.host_offset // PAGE != (one.host_offset + one.width - 1) // PAGE for one in full)


def test_chance_stays_inside() -> None:
    random = np.random.default_rng(3)
    layouts: set[Layout] = set()
    for _ in range(500):
        assert 1 <= upto(random, 37) <= 37
        surface: Surface = surface_in(random, 4096, 20_000, (1, 5, 16))
        layouts.add(surface.layout)
        assert surface.size <= 20_000
        box = box_in(random, surface, pixels=bool(random.integers(2)))
        assert surface.contains(box) and box.width and box.height
        at = offset_in(random, 100, 9000, 777, 8)
        assert 100 <= at <= 9000 - 777
        config = temper(random)
        assert min(config.read_latency, config.write_latency, config.read_limit, config.write_limit) > 0
    assert layouts == set(Layout)


def test_a_wrong_number_of_operations_is_refused() -> None:
    with pytest.raises(SimulationError, match="FAULTLINE_OPERATIONS='many': must be a positive number"):
        system("verilator").run(BENCH, "random_transfers", env={"FAULTLINE_OPERATIONS": "many"})
