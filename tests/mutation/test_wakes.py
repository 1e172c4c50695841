"""The modules in which a condition to wake that is true too often is no mutant: it is proved to change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.mutate.mutants import PROVEN, WAKE
from tb.mutate.wakes import stirred, unproven
from tb.toolchain import ROOT


def source(module: str) -> str:
    return (ROOT / "rtl" / f"{module}.v").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", PROVEN)
def test_a_module_that_is_always_awake_is_the_same(tmp_path: Path, module: str) -> None:
    text = stirred(source(module))
    assert "= 1'b1;" in text and text.count("\n") == source(module).count("\n")
    assert all("1'b1" in found.group("wire") for found in WAKE.finditer(text))
    assert not unproven(module, tmp_path, text)


@pytest.mark.parametrize(("module", "awake"), [("sweep", "start_i"), ("box", "load || !rst_ni")])
def test_a_module_that_sleeps_too_long_is_not(tmp_path: Path, module: str, awake: str) -> None:
    assert unproven(module, tmp_path, stirred(source(module), awake))


def test_a_module_that_changes_in_another_way_is_not(tmp_path: Path) -> None:
    text = source("sweep").replace("y_q + 16'd1", "y_q + 16'd2")
    assert text != source("sweep") and unproven("sweep", tmp_path, text)
