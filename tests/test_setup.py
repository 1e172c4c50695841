"""Setting up: done once, done again when the lock file changes, and each missing thing is one clear line.

The tests run .ci/setup in a tree of their own, with a PATH of chosen tools and a stand-in for the virtual environment's
Python that records what it is asked to do, so nothing is downloaded and nothing is installed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "dirname", "mkdir", "head", "rm", "cmp", "cp", "id", "grep", "tail", "g++", "perl", "make", "cat")

FAKE_PYTHON = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$*" in *"pip install"*) cat "$(dirname "$0")/said" 2>/dev/null && exit 1 ;; esac
exit 0
"""


class Machine:
    """A tree with .ci/setup, a PATH, and a virtual environment whose Python only takes notes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = root / "tree"
        self.tools = root / "tools"
        self.venv = self.tree / "sim_build" / "venv"
        (self.tree / ".ci").mkdir(parents=True)
        self.tools.mkdir()
        for name in ("Makefile", "requirements.lock", ".ci/setup"):
            shutil.copy(ROOT / name, self.tree / name)
        for name in (*TOOLS, "iverilog"):
            (self.tools / name).symlink_to(shutil.which(name) or "/bin/true")
        self.write_python("exit 0")

    def write_python(self, script: str) -> None:
        """Put a stand-in for the system's Python on the PATH."""
        python = self.tools / "python3"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)

    def add_environment(self) -> None:
        python = self.venv / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE_PYTHON)
        python.chmod(0o755)

    def calls(self) -> list[str]:
        """Return what the environment's Python was asked to install since the last look."""
        file = self.venv / "bin" / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if "pip install" in line]

    def setup(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--no-print-directory", "setup"], cwd=self.tree, env={"PATH": str(self.tools)},
            capture_output=True, text=True, timeout=60, check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def only_error(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one error line of a failed run; make adds a line of its own that names the target."""
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_a_second_setup_does_nothing_and_a_changed_lock_sets_up_again(machine: Machine) -> None:
    machine.add_environment()
    assert machine.setup().returncode == 0
    assert len(machine.calls()) == 1
    again = machine.setup()
    assert (again.returncode, again.stdout, machine.calls()) == (0, "", [])
    with (machine.tree / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert machine.setup().returncode == 0
    assert len(machine.calls()) == 1


@pytest.mark.parametrize(
    ("tool", "cure"),
    [("g++", "apt install g++"), ("perl", "apt install perl"), ("python3", "apt install python3")],
)
def test_a_missing_tool_is_named_with_its_cure(machine: Machine, tool: str, cure: str) -> None:
    machine.add_environment()
    (machine.tools / tool).unlink()
    line = only_error(machine.setup())
    assert f"{tool} is missing" in line
    assert cure in line
    assert machine.calls() == []


def test_an_old_python_is_refused(machine: Machine) -> None:
    machine.write_python('[ "$1" = --version ] && echo Python 3.9.2')
    assert "Python 3.9.2 is too old: install Python 3.10" in only_error(machine.setup())


def test_python_without_venv_is_told_what_to_install(machine: Machine) -> None:
    machine.write_python('case "$*" in *venv*) exit 1 ;; esac; exit 0')
    assert "apt install python3-venv" in only_error(machine.setup())


def test_missing_icarus_is_a_note_and_not_an_error(machine: Machine) -> None:
    machine.add_environment()
    (machine.tools / "iverilog").unlink()
    result = machine.setup()
    assert result.returncode == 0
    notes = [line for line in result.stdout.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "apt install iverilog" in notes[0]
    assert "Verilator alone" in notes[0]


def test_a_sim_build_that_cannot_be_written_is_one_line(machine: Machine) -> None:
    (machine.tree / "sim_build").write_text("in the way")
    assert "cannot write to" in only_error(machine.setup())
    assert (machine.tree / "sim_build").read_text() == "in the way"


def test_a_full_sim_build_is_one_line(machine: Machine) -> None:
    machine.add_environment()
    (machine.tree / "sim_build" / "tmp").mkdir()
    (machine.tree / "sim_build" / "tmp" / "probe").symlink_to("/dev/full")
    assert "free space" in only_error(machine.setup())
    (machine.tree / "sim_build" / "tmp" / "probe").unlink()
    (machine.venv / "bin" / "said").write_text("ERROR: Could not install: [Errno 28] No space left on device\n")
    assert "sim_build is full" in only_error(machine.setup())


def test_a_failed_installation_is_one_line_and_is_tried_again(machine: Machine) -> None:
    machine.add_environment()
    said = machine.venv / "bin" / "said"
    said.write_text("Looking\nERROR: No matching distribution found for cocotb\n")
    assert "No matching distribution found for cocotb; check the network" in only_error(machine.setup())
    said.unlink()
    machine.calls()
    assert machine.setup().returncode == 0
    assert len(machine.calls()) == 1
