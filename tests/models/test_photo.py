"""The photo scenario on the Python device: every byte agrees, the protocol's figures are as the rules say, in time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable

import numpy as np
import pytest

from models.client.photo import PHASES, PIXEL, Photo, PhotoResult, photo, untranslated
from models.device import Device
from models.dmabuf import Buffer
from models.driver import Driver
from models.errors import DriverError
from models.events import Event, Import, Phase
from models.faultline_engine import FaultlineEngine
from models.fence import Fence
from models.layout import Layout
from models.memory import Bytes, HostMemory
from models.perform import run
from models.policy.page_mkwrite import PageMkwrite
from models.policy.tracking import Tracked
from models.surface import Box
from models.transfer import pages_of_box
from tests.models.broken_drivers import BROKEN, Broken, apply
from tests.models.test_twins import DoesNotReadBackForStores, ZapsNothing


def picture(width: int, height: int) -> Bytes:
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def perform(
    image: Bytes,
    *,
    layout: Layout = Layout.Y_TILED,
    eager: bool = False,
    make_driver: type[Driver] = Driver,
    policy: PageMkwrite | None = None,
) -> PhotoResult:
    """Run the scenario; an eager device has finished everything before anybody can look."""
    host = HostMemory(None)
    device = Device(host)
    driver = make_driver(host, FaultlineEngine(host), policy or PageMkwrite())
    if not eager:
        return run(photo(driver, image, layout=layout), device)
    steps, answer = photo(driver, image, layout=layout), None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            result: PhotoResult = stop.value
            return result
        device.settle()
        answer = device.perform(step)


@pytest.mark.parametrize("layout", Layout)
def test_every_view_agrees_in_every_layout(layout: Layout) -> None:
    result = perform(picture(200, 150), layout=layout)
    assert result.agree and result.differences == dict.fromkeys(("scanout", "writer", "reader", "early"), 0)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 23), (333, 41), (31, 400)])
def test_awkward_extents_agree_too(width: int, height: int) -> None:
    assert perform(picture(width, height)).agree


def test_the_figures_of_each_phase_follow_from_the_boxes() -> None:
    result = perform(picture(512, 600))
    plan, surface = Photo.of(512, 600), result.surface
    drawn = set(pages_of_box(surface, plan.copy.box)) | set(pages_of_box(surface, plan.fill.box))
    region = set(pages_of_box(surface, plan.region))
    again = {page for command in (*plan.last, plan.end) for page in pages_of_box(surface, command.box)}
    changed, touched = set(pages_of_box(surface, plan.change)), set(pages_of_box(surface, plan.touch))
    assert touched < changed and not touched & (drawn | again), "stores that no zap has made fault"
    assert again & region, "the second process has entries that the second drawing must take away"
    phases = result.phases
    assert phases["paint"].faults == 300 and phases["paint"].readback_pages == 0
    assert (phases["draw"].writeback_pages, phases["draw"].pages_zapped) == (300, len(drawn))
    assert phases["read"].faults == len(region) and phases["read"].readback_pages == len(region & drawn) > 0
    assert region - drawn and phases["read"].fence_waits == 1
    assert phases["change"].faults == len(changed)
    assert phases["change"].readback_pages == len(changed & drawn - region) > 0
    assert phases["redraw"].faults == len(touched) and phases["redraw"].readback_pages == 0
    assert phases["redraw"].writeback_pages == len(changed) + len(touched)
    assert phases["redraw"].fence_waits == 1, "a store waits for the upload of its page"
    assert phases["scan-out"].faults == phases["scan-out"].descriptors == phases["scan-out"].readback_bytes == 0
    assert phases["compare"].readback_pages == len(again | (drawn - region - changed))


def test_phases_come_in_order_and_the_compositor_gets_the_exporters_object() -> None:
    """R3."""
    result = perform(picture(64, 64))
    assert tuple(event.name for event in result.events if isinstance(event, Phase)) == PHASES
    assert [event.same for event in result.events if isinstance(event, Import)] == [True]


def test_a_photograph_takes_less_than_five_seconds() -> None:
    start = time.process_time()
    perform(picture(512, 600))
    assert time.process_time() - start < 5


def test_events_do_not_depend_on_how_fast_the_device_is() -> None:
    image = picture(100, 90)
    assert perform(image).events == perform(image, eager=True).events


def test_events_are_plain_json() -> None:
    events: tuple[Event, ...] = perform(picture(40, 40)).events
    loaded = json.loads(json.dumps([event.to_json() for event in events]))
    assert loaded[0]["event"] == "Phase" and loaded[0]["name"] == "create"
    assert len(loaded) == len(events)


def test_the_device_bytes_are_no_picture_without_the_tile_inverse() -> None:
    image = picture(160, 128)
    result = perform(image)
    seen = untranslated(result)
    assert seen.shape == image.shape
    assert np.count_nonzero(seen == result.expected.reshape(128, 160, PIXEL)[:, :, :3]) < image.size // 10


@pytest.mark.parametrize(
    "broken",
    [{"make_driver": ZapsNothing}, {"policy": DoesNotReadBackForStores()}],
)
def test_a_broken_driver_makes_the_scenario_disagree(broken: dict[str, type[Driver] | PageMkwrite]) -> None:
    result = perform(picture(200, 150), **broken)  # type: ignore[arg-type]
    assert not result.agree and any(result.differences.values()) and result.violations


SEEN = {
    "zap skipped",
    "zap in the first mapping only",
    "harvest does not protect",
    "upload overtakes drawing that reads its pages",
    "store into an upload under way",
    "no readback for stores: a whole page over newer device bytes",
    "no wait for the fence",
    "entry installed before its bytes are there",
    "device-dirty not set",
    "harvest forgets what it found",
}
"""Broken drivers that the scenario itself must see, so that the main job does not pass with them."""


def named(name: str) -> Broken:
    return next(one for one in BROKEN if one.name == name)


@pytest.mark.parametrize("name", sorted(SEEN))
def test_the_scenario_sees_a_broken_driver(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for edit in named(name).edits:
        apply(edit, monkeypatch)
    result = perform(picture(200, 150))
    assert not result.agree and result.differences["scanout"] + result.differences["reader"]


def test_a_clearing_that_an_upload_overtakes_is_not_what_shows_the_second_upload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The upload of what was touched overtakes the copy, alone among all uploads."""
    kept, uploads = Tracked.pending, list[int]()

    def pending(self: Tracked, buffer: Buffer, pages: Iterable[int]) -> tuple[Fence, ...]:
        if sys._getframe(1).f_code.co_name != "upload":
            return kept(self, buffer, pages)
        uploads.append(1)
        return () if len(uploads) == 3 else kept(self, buffer, pages)

    monkeypatch.setattr(Tracked, "pending", pending)
    result = perform(picture(200, 150))
    assert len(uploads) == 3 and result.differences["scanout"] and not result.differences["early"]


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 4), (15, 20, 3), (20, 8193, 3)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DriverError, match="EINVAL"):
        perform(np.zeros(shape, np.uint8))


def test_a_picture_that_does_not_fit_the_device_is_refused() -> None:
    with pytest.raises(DriverError, match="ENOMEM"):
        perform(np.zeros((4000, 4000, 3), np.uint8))


@pytest.mark.parametrize("extent", [16, 17, 31, 100, 512, 601])
def test_the_plan_stays_inside_any_picture_and_its_copies_do_not_overlap(extent: int) -> None:
    plan = Photo.of(extent, extent)
    inside = Box(0, 0, extent * PIXEL, extent)
    for command in (plan.copy, plan.fill, *plan.last, plan.end):
        box = command.box
        assert box.x + box.width <= inside.width and box.y + box.height <= inside.height and not box.empty
    for copy in (plan.copy, plan.last[1]):
        assert not Box(copy.source_x, copy.source_y, copy.box.width, copy.box.height).overlaps(copy.box)
