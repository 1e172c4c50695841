"""The report of `make timing` in a real browser: no errors, filters, tooltips, links, keyboard, and how it looks.

Chromium without a window, through Selenium; skipped with the reason where there is none, or where it does not start
outside of CI. Screenshots of the page in
light, dark, narrow and print stay under sim_build.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tb.simulation import SIM_BUILD
from tb.timing.__main__ import CONTRACT
from tb.timing.baseline import changes, condensed
from tb.timing.bounds import Memory
from tb.timing.contract import Limit, contract_of, judged
from tb.timing.figures import QUANTILES, Run
from tb.timing.operations import PARTS
from tb.timing.page import rendered
from tb.timing.run import simulated

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
SHOTS = SIM_BUILD / "timing" / "screenshots"


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    wanted = (("page_readback", Memory()), ("page_readback", Memory(latency=50, stall=25)), ("render", Memory()))
    return [simulated(scenario, "verilator", memory, f"timing-page-{WORKER}")[0] for scenario, memory in wanted]


@pytest.fixture(scope="module")
def page(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's address; one budget of it is broken, and some cycles have moved."""
    budgets = [*contract_of(CONTRACT)]
    kept = next(one for one in budgets if one.name == "fault_to_resumed_client")
    budgets.append(replace(kept, name="broken_on_purpose", limits=(Limit("p99_cycles", "p99", "cycles", 9.0),)))
    base = [condensed(run) for run in runs]
    moved = [*changes(base, runs), *changes([{**base[0], "cycles": 1}], runs[:1])]
    assert len(moved) == 1
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(rendered(runs, judged(budgets, runs), moved), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no browser: apt install chromium chromium-driver")
    browser = started(binary, driver)
    yield browser
    browser.quit()


def started(binary: str, driver: str) -> webdriver.Chrome:
    """A browser; where it does not start the test is skipped, but fails in CI, which has one that does."""
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1366,768"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        return webdriver.Chrome(options, webdriver.ChromeService(driver))
    except WebDriverException as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the browser does not start: {error.msg}")


@pytest.mark.parametrize(("ci", "ends"), [("true", WebDriverException), ("", pytest.skip.Exception)])
def test_a_browser_that_does_not_start_fails_in_ci_alone(
    monkeypatch: pytest.MonkeyPatch, ci: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(ends):
        started("/bin/false", "/bin/false")


@pytest.fixture
def browser(chromium: webdriver.Chrome, page: str) -> Iterator[webdriver.Chrome]:
    """The page, freshly loaded; what it says on the console fails the test."""
    media(chromium)
    chromium.set_window_size(1366, 768)
    chromium.get("about:blank")
    chromium.get(page)
    yield chromium
    said = [one["message"] for one in chromium.get_log("browser")]
    assert not said, said


def media(browser: webdriver.Chrome, medium: str = "", scheme: str = "light") -> None:
    facts = {"media": medium, "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", facts)


def shot(browser: webdriver.Chrome, name: str) -> None:
    """The whole page as a picture."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, **whole(browser)})
    (SHOTS / f"{name}.png").write_bytes(base64.b64decode(found["data"]))
    assert (SHOTS / f"{name}.png").stat().st_size > 20_000


def whole(browser: webdriver.Chrome) -> dict[str, Any]:
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}


def text(browser: webdriver.Chrome, name: str) -> str:
    return str(browser.find_element(By.ID, name).text)


def rows(browser: webdriver.Chrome, name: str) -> list[list[str]]:
    """The cells of a table, without its heading."""
    found = browser.find_elements(By.CSS_SELECTOR, f"#{name} tr")[1:]
    return [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in found]


def shown(browser: webdriver.Chrome, place: str) -> None:
    """Wait until the page is drawn for a place (its fragment): the browser tells it of a new one in its own time."""
    now = "return location.hash === arguments[0] && document.body.dataset.shown === arguments[0]"
    WebDriverWait(browser, 30).until(lambda one: one.execute_script(now, place))


def choose(browser: webdriver.Chrome, name: str, value: str) -> None:
    """Choose from one of the lists above; the address then says so."""
    Select(browser.find_element(By.ID, name)).select_by_value(value)
    told = parse_qs(str(browser.execute_script("return location.hash")).removeprefix("#"))
    assert told[name] == [value]
    shown(browser, str(browser.execute_script("return location.hash")))


def click(browser: webdriver.Chrome, one: WebElement) -> None:
    """Follow a link, clicked where the bar at the top does not cover it."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", one)
    place = one.get_property("hash")
    one.click()
    shown(browser, str(place))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def pair(text: str) -> tuple[int, int | None]:
    """A figure and the bound behind it, None where there is none."""
    figure, _, bound = text.partition(" \u2265 ")
    return number(figure), number(bound) if bound else None


def test_the_page_shows_the_figures_of_the_runs(browser: webdriver.Chrome, runs: list[Run]) -> None:
    fault = runs[0].facts["kinds"]["page_fault"]
    assert len(rows(browser, "all")) == len(runs)
    cells = rows(browser, "kind-parts")
    total, least = fault["total"], fault["bound"]["total"]
    assert [pair(cell) for cell in cells[-1][1:]] == [(total[name], least[name]) for name in QUANTILES]
    assert [pair(cell) for cell in {row[0]: row[1:] for row in cells}["transfer"]] == [(512, 512)] * 5
    assert [pair(cell)[1] for cell in {row[0]: row[1:] for row in cells}["host"]] == [None] * 5
    slow = rows(browser, "slow")
    assert len(slow) == 20 and number(slow[0][6]) == fault["total"]["max"]
    body = browser.find_element(By.TAG_NAME, "main").text
    assert "broken_on_purpose" in body and "broken" in body and "Since the earlier run" in body
    for one in ("histogram", "windows", "fall"):
        assert len(browser.find_elements(By.CSS_SELECTOR, f"#{one} .mark")) > 1, one


def test_filters_change_run_operation_and_order(browser: webdriver.Chrome, runs: list[Run]) -> None:
    choose(browser, "run", runs[1].name)
    assert runs[1].name in text(browser, "kind-title") and runs[1].name in text(browser, "waterfall")
    choose(browser, "kind", "descriptor.readback")
    assert {row[0].split()[0] for row in rows(browser, "slow")} == {"descriptor.readback"}
    choose(browser, "part", "transfer")
    mine = [one.parts["transfer"] for one in runs[1].operations if one.kind == "descriptor.readback"]
    whole = [number(row[6]) for row in rows(browser, "slow")]
    assert whole[:3] == sorted(mine, reverse=True)[:3] and whole == sorted(whole, reverse=True)
    choose(browser, "run", runs[2].name)
    assert text(browser, "kind-title").startswith("render in")


VIEWS = ("kind-title", "kind-parts", "spread-text", "time-text", "slow", "waterfall", "fall-text")
"""Places of the page that what is chosen changes."""


def test_an_address_shows_run_operation_and_order_again(browser: webdriver.Chrome, page: str, runs: list[Run]) -> None:
    def seen() -> tuple[str, list[str]]:
        chosen = [Select(browser.find_element(By.ID, name)) for name in ("run", "kind", "part")]
        values = [str(one.first_selected_option.get_attribute("value")) for one in chosen]
        return str(browser.execute_script("return location.hash")), values + [text(browser, name) for name in VIEWS]

    choose(browser, "run", runs[1].name)
    choose(browser, "kind", "descriptor.readback")
    choose(browser, "part", "response")
    views = [seen()]
    click(browser, browser.find_element(By.CSS_SELECTOR, "#slow tr:nth-child(5) a"))
    views.append(seen())
    assert views[0][1][:3] == views[1][1][:3] == [runs[1].name, "descriptor.readback", "response"]
    click(browser, browser.find_element(By.CSS_SELECTOR, "#all tr:nth-child(2) a"))
    views.append(seen())
    assert views[2][1][:3] == [runs[0].name, "descriptor.readback", "response"], "another run, all else as it was"
    for place, view in views:
        browser.get("about:blank")
        browser.get(f"{page}{place}")
        shown(browser, place)
        assert seen() == (place, view)
    for place, view in reversed(views):
        browser.execute_script("location.hash = arguments[0]", place)
        shown(browser, place)
        assert seen() == (place, view), "what was shown before changes nothing"


@pytest.mark.parametrize("place", ["#run=nothing&kind=page_fault&part=rest&op=x", "#op=", "#&&=", "#kind=toString"])
def test_an_address_of_nothing_shows_the_first_run(browser: webdriver.Chrome, runs: list[Run], place: str) -> None:
    browser.execute_script("location.hash = arguments[0]", place)
    shown(browser, place)
    assert text(browser, "kind-title") == f"page_fault in {runs[0].name}, in cycles"
    assert number(rows(browser, "slow")[0][6]) == runs[0].facts["kinds"]["page_fault"]["total"]["max"]


def test_a_link_leads_to_the_operation_and_back(browser: webdriver.Chrome, runs: list[Run]) -> None:
    click(browser, browser.find_element(By.CSS_SELECTOR, "#slow tr:nth-child(4) a"))
    third = rows(browser, "slow")[2]
    assert text(browser, "waterfall") == f"Waterfall: {third[0]} in {runs[0].name}"
    assert f"OPERATION={third[0].split()[1]}" in text(browser, "fall-more")
    worst = browser.find_elements(By.PARTIAL_LINK_TEXT, "descriptor.readback")[0]
    name, place = worst.text, browser.execute_script("return location.hash")
    click(browser, worst)
    assert text(browser, "waterfall").startswith(f"Waterfall: {name}")
    browser.back()
    shown(browser, place)
    assert text(browser, "waterfall") == f"Waterfall: {third[0]} in {runs[0].name}"


def test_every_slow_operation_leads_into_the_timeline(browser: webdriver.Chrome, runs: list[Run]) -> None:
    links = browser.find_elements(By.CSS_SELECTOR, "#slow a[download]")
    assert len(links) == len(rows(browser, "slow")) == 20
    fault = runs[0].operations[int(str(links[0].get_attribute("download")).rpartition("-")[2].partition(".")[0])]
    kept = json.loads(unquote(str(links[0].get_attribute("href")).partition(",")[2]))["traceEvents"]
    named = {one["tid"]: one["args"]["name"] for one in kept if one["name"] == "thread_name"}
    slices: dict[str, list[tuple[str, int, int]]] = {}
    for one in (one for one in kept if one["ph"] == "X"):
        begin, long = (round(one[name] * 1000 / 4, 6) for name in ("ts", "dur"))
        assert begin == int(begin) and long == int(long)
        slices.setdefault(named[one["tid"]], []).append((one["name"], int(begin), int(begin + long)))
    whole, *parts = slices[fault.task]
    assert whole == (f"page_fault {fault.number}", fault.begin, fault.end)
    assert parts == [(part.replace("_", " "), begin, end) for part, begin, end in fault.spans]
    assert {f"READBACK {fault.tags[0]}", f"write 1 of {fault.tags[0]}", "doorbells", "interrupt"} <= set(slices)
    flow = [(one["ph"], named[one["tid"]]) for one in sorted(kept, key=lambda one: one.get("ts", 0)) if "id" in one]
    assert flow[0] == ("s", fault.task) and flow[-1] == ("f", "interrupt")
    places = [where for _, where in flow]
    assert places.index("doorbells") < places.index(f"write 1 of {fault.tags[0]}")


def test_a_descriptor_of_the_waterfall_has_the_parts_of_its_own_life(
    browser: webdriver.Chrome, runs: list[Run]
) -> None:
    fence = max((one for one in runs[2].operations if one.kind == "descriptor.fence"), key=lambda one: one.cycles)
    place = f"#run={runs[2].name}&op={fence.number}"
    browser.execute_script("location.hash = arguments[0]", place)
    shown(browser, place)
    assert f"descriptor.fence {fence.number} " in text(browser, "waterfall")
    bars = browser.find_elements(By.CSS_SELECTOR, "#fall rect")
    drawn = [str(one.get_attribute("class")).split()[-1] for one in bars]
    assert drawn == [part for part, _, _ in fence.spans] * 2 and "transfer" not in drawn


def test_the_waterfall_ends_where_the_operation_does(browser: webdriver.Chrome, runs: list[Run]) -> None:
    fault = next(one for one in runs[0].operations if one.kind == "page_fault" and one.number > 150)
    place = f"#run={runs[0].name}&op={fault.number}"
    browser.execute_script("location.hash = arguments[0]", place)
    shown(browser, place)
    found = [one.number for one in runs[0].operations if f"page_fault {one.number} " in text(browser, "waterfall")]
    lengths = [float(one.get_attribute("width")) for one in browser.find_elements(By.CSS_SELECTOR, "#fall rect")]
    assert found and abs(sum(lengths[: len(runs[0].operations[found[0]].spans)]) - 840) < 15


def test_tooltips_open_under_the_pointer_and_by_arrow_keys(browser: webdriver.Chrome) -> None:
    tip = browser.find_element(By.ID, "tip")
    assert not tip.is_displayed()
    bar = browser.find_element(By.CSS_SELECTOR, "#fall .mark")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", bar)
    webdriver.ActionChains(browser).move_to_element(bar).perform()
    assert tip.is_displayed() and "cycles" in tip.text
    browser.execute_script("document.querySelector('#fall svg').focus()")
    first = tip.text
    webdriver.ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert tip.is_displayed() and tip.text != first
    webdriver.ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not tip.is_displayed()


def test_everything_is_reached_by_the_keyboard(browser: webdriver.Chrome, runs: list[Run]) -> None:
    seen = set()
    for _ in range(60):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        one = browser.switch_to.active_element
        seen.add(one.get_attribute("id") or one.get_attribute("aria-label") or one.text)
        if one.tag_name == "a" and one.text.startswith("page_fault") and "waterfall" not in seen:
            name = one.text
            webdriver.ActionChains(browser).send_keys(Keys.ENTER).perform()
            assert text(browser, "waterfall").startswith(f"Waterfall: {name} ")
            assert browser.switch_to.active_element.get_attribute("id") == "waterfall"
            seen.add("waterfall")
            browser.execute_script("document.querySelector('#run').focus()")
    assert {"run", "kind", "part", "waterfall", "utilization and stalls over time"} <= seen
    browser.execute_script("document.querySelector('#kind').focus()")
    webdriver.ActionChains(browser).send_keys("render").perform()
    assert text(browser, "kind-title").startswith("render")


LOOKS = [
    ("light", "", "light", 1366), ("dark", "", "dark", 1366),
    ("print", "print", "light", 720), ("narrow", "", "light", 390),
]  # fmt: skip
"""Name, medium, colours and width in pixels: of a laptop, a sheet of A4, a telephone."""


@pytest.mark.parametrize(("name", "medium", "scheme", "width"), LOOKS)
def test_the_page_is_readable_everywhere(
    browser: webdriver.Chrome, name: str, medium: str, scheme: str, width: int
) -> None:
    media(browser, medium, scheme)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 1000}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        script = "const one = getComputedStyle(document.body); return [one.color, one.backgroundColor]"
        ink, paper = (sum(map(int, one[4:-1].split(","))) for one in browser.execute_script(script))
        assert (ink > 600 and paper < 120) if scheme == "dark" else (ink < 120 and paper > 700)
        assert browser.find_element(By.TAG_NAME, "nav").is_displayed() is (medium != "print")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, "wider than its place"
        shot(browser, name)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("medium", "scheme"), [("", "light"), ("", "dark"), ("print", "light")])
def test_parts_are_told_apart_without_colour(browser: webdriver.Chrome, medium: str, scheme: str) -> None:
    """In grey, and whatever its mean: a printer, or an eye, may see two colours as one."""
    media(browser, medium, scheme)
    for group, count in enumerate((len(PARTS), 2)):
        swatches = browser.find_elements(By.CLASS_NAME, "key")[group].find_elements(By.CLASS_NAME, "swatch")[:count]
        grey = [texture(browser, one) for one in swatches]
        assert len(grey) == count
        for (one, first), (other, second) in combinations(enumerate(grey), 2):
            assert np.sqrt(((first - second) ** 2).mean()) > 20, f"{one} and {other} of {group} look alike"


def texture(browser: webdriver.Chrome, one: WebElement) -> npt.NDArray[np.float64]:
    """An element in grey, less its mean."""
    place = browser.execute_script("const {x, y} = arguments[0].getBoundingClientRect(); return [x, y + scrollY]", one)
    clip = {"x": place[0] + 1, "y": place[1] + 1, "width": 16, "height": 10, "scale": 4}
    found = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["data"]))).convert("L"), np.float64)
    return np.asarray(grey - grey.mean())


@pytest.mark.parametrize(("medium", "width"), [("", 1366), ("", 1024), ("print", 720)])
def test_no_table_is_wider_than_a_laptop_or_a_sheet(browser: webdriver.Chrome, medium: str, width: int) -> None:
    choose(browser, "part", "descriptor_fetch")  # a column more in the table of the slowest
    media(browser, medium)
    size = {"width": width, "height": 768, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        script = "[...document.querySelectorAll('table')].map(one => [one.scrollWidth, one.parentNode.clientWidth])"
        found = browser.execute_script(f"return {script}")
        assert len(found) == 6 and [wide for wide, room in found if wide > room] == []
        shot(browser, f"wide-{medium or 'screen'}-{width}")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_error_on_the_console_is_noticed(chromium: webdriver.Chrome, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text("<!doctype html><link rel=icon href='data:,'><script>nothing()</script>", encoding="utf-8")
    chromium.get(broken.as_uri())
    assert any("nothing is not defined" in one["message"] for one in chromium.get_log("browser"))


def test_the_page_asks_for_nothing_over_the_network(page: str) -> None:
    whole = Path(page.removeprefix("file://")).read_text(encoding="utf-8")
    assert "default-src 'none'" in whole
    assert not [word for word in ("http://www.w3.org/2000/svg",) if word not in whole]
    assert "https://" not in whole and whole.count("http://") == 1
