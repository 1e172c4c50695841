"""Verilator's runtime is compiled once; everything else is compiled as ever."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tb import object_cache
from tb.simulation import ROOT

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part.h").write_text("#define PART 1\n")
    (tmp_path / "package" / "part.cpp").write_text('#include "part.h"\nint part() { return PART; }\n')
    return tmp_path / "package"


def compile_(package: Path, *flags: str, source: str = "part.cpp") -> subprocess.CompletedProcess[bytes]:
    """Compile a file to out.o beside the package, through the cache."""
    cwd = package.parent
    env = {"OBJECT_CACHE": str(cwd / "kept"), "OBJECT_CACHE_PACKAGE": str(package), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(ROOT / "tb" / "object_cache.py"), "g++", *flags, "-c", "-o", "out.o"]
    return subprocess.run([*command, str(package / source)], cwd=cwd, env=env, check=False, capture_output=True)


def kept(package: Path) -> list[Path]:
    return sorted((package.parent / "kept").glob("*.o"))


def test_a_file_of_the_package_is_compiled_once(package: Path) -> None:
    assert compile_(package).returncode == 0
    (first,) = kept(package)
    first.write_bytes(b"what was kept")
    assert compile_(package).returncode == 0
    assert (package.parent / "out.o").read_bytes() == b"what was kept"


@pytest.mark.parametrize("change", ["flag", "source", "header"])
def test_whatever_decides_the_object_makes_another(package: Path, change: str) -> None:
    compile_(package)
    if change == "source":
        (package / "part.cpp").write_text('#include "part.h"\nint part() { return PART + 1; }\n')
    if change == "header":
        (package / "part.h").write_text("#define PART 17\n")
    assert compile_(package, *(["-O1"] if change == "flag" else [])).returncode == 0
    assert len(kept(package)) == 2


def test_a_file_outside_of_the_package_is_not_kept(package: Path) -> None:
    (package.parent / "own.cpp").write_text("int own() { return 2; }\n")
    assert compile_(package, source="../own.cpp").returncode == 0
    assert kept(package) == []


def test_a_failed_compilation_fails_and_is_not_kept(package: Path) -> None:
    (package / "part.cpp").write_text("not C++\n")
    assert compile_(package).returncode != 0
    assert kept(package) == []


def test_a_link_is_none_of_its_business(tmp_path: Path) -> None:
    assert object_cache.place(["g++", "a.o", "-o", "a"], tmp_path, tmp_path) is None
