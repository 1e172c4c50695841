"""The tests of models/ as judges of drivers: each broken driver must fail the test that is named beside it.

What a test is worth shows when the thing it watches is broken. The good driver passes the same tests, which pytest runs
by themselves.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from tests.models.broken_drivers import BROKEN, Broken, Edit, apply
from tests.models.world import make_world

LIMIT_S = 5.0
"""Seconds of processor time after which a broken driver hangs, which is a way of being caught."""
MOST = 8
"""Cases of a parametrised test that are tried."""

# Before anything is broken, or a test would keep the broken function that it found when it was imported.
TESTS = {file: importlib.import_module(f"tests.models.{file}") for file, _ in (b.caught_by.split(".") for b in BROKEN)}


def cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """The arguments that pytest would call a test with."""
    axes: list[list[dict[str, Any]]] = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names = [name.strip() for name in mark.args[0].split(",")]
            axes.append([dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in mark.args[1]])
    for chosen in itertools.product(*axes):
        arguments = {name: value for part in chosen for name, value in part.items()}
        if "world" in inspect.signature(test).parameters:
            arguments["world"] = make_world()
        yield arguments


def complaint(name: str) -> str:
    """What a test of tests/models, `file.function`, says of the driver as it is now; empty where it passes."""
    file, function = name.split(".")
    test = getattr(TESTS[file], function)
    try:
        for arguments in itertools.islice(cases(test), MOST):
            test(**arguments)
    except NameError:
        raise  # the edit itself is broken, not the driver
    except (Exception, pytest.fail.Exception) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _hangs(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end after {LIMIT_S:.0f} s")


@pytest.fixture
def limited() -> Iterator[None]:
    """End a driver that never comes to an end."""
    before = signal.signal(signal.SIGVTALRM, _hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_every_broken_driver_is_caught(broken: Broken, monkeypatch: pytest.MonkeyPatch, limited: None) -> None:
    for edit in broken.edits:
        apply(edit, monkeypatch)
    assert complaint(broken.caught_by), f"{broken.caught_by} passes although {broken.name} ({broken.rule})"


@pytest.mark.parametrize("name", sorted({broken.caught_by for broken in BROKEN}))
def test_the_good_driver_passes_what_catches_the_broken_ones(name: str, limited: None) -> None:
    assert complaint(name) == ""


def test_there_are_enough_broken_drivers_and_each_is_another() -> None:
    assert len(BROKEN) >= 40
    assert len({broken.name for broken in BROKEN}) == len({broken.edits for broken in BROKEN}) == len(BROKEN)


def test_an_edit_that_no_longer_fits_is_an_error_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="0 times, not once"):
        apply(Edit("driver:Driver.zap", "no such text", ""), monkeypatch)
    assert complaint("test_driver.test_a_device_read_uploads_and_zaps_nothing") == ""


def test_an_edit_of_what_a_class_inherits_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be compiled among the names of another module, and fail for a name that is missing there."""
    with pytest.raises(LookupError, match="defined elsewhere"):
        apply(Edit("policy.page_mkwrite:PageMkwrite.fault", "if write:", "if False:"), monkeypatch)


def test_an_edit_that_changes_nothing_is_not_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the twins: a driver that is as good as before passes, so what fails fails for its edit."""
    apply(Edit("driver:Driver.zap", "if pages:", "if list(pages):"), monkeypatch)
    assert complaint("test_twins.test_the_good_driver_gives_the_oracle_no_cause") == ""
