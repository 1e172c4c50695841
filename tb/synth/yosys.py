"""Yosys in a process of its own: passes in, netlists and the interface of the top module out.

Yosys ends its process on an error, so it never runs in ours. `python -m tb.synth.yosys JOB` is that process; JOB is a
JSON object {"passes": [...], "interface": path or null, "boxes": [modules]}.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT

__all__ = ["TIMEOUT_S", "run"]

TIMEOUT_S = 1800.0
_ERROR = re.compile(r"^(?:(\S+:\d+): )?ERROR:\s*(.*)", re.MULTILINE)


def run(
    passes: Sequence[str], log: Path, where: str, *, interface: Path | None = None, boxes: Iterable[str] = ()
) -> None:
    """Run Yosys' passes in order, its output in `log`.

    interface: gets {"top": ports, "boxes": {module: {"parameters": names, "ports": ports}}} of the design as the passes
    leave it, a port being [name, bits, "input" or "output"]; of `boxes` those that are instantiated.
    SynthesisError with Yosys' own words when a pass fails.
    """
    job = {"passes": list(passes), "interface": str(interface) if interface else None, "boxes": list(boxes)}
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tb.synth.yosys", json.dumps(job)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        with log.open("w", encoding="utf-8") as output:
            ended = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
            )
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"{where}: Yosys ended after {TIMEOUT_S:.0f} s without a result, see {log}") from None
    if ended.returncode:
        said = [": ".join(filter(None, found)) for found in _ERROR.findall(log.read_text(errors="replace"))]
        raise SynthesisError(f"{where}: Yosys: {said[-1] if said else f'exit status {ended.returncode}'}, see {log}")


def _interface_of(design: Any, boxes: Sequence[str]) -> dict[str, Any]:
    top = design.top_module()

    def port(module: Any, name: Any, width: int) -> list[Any]:
        return [str(name).lstrip("\\"), width, "input" if module.wire(name).port_input else "output"]

    found: dict[str, Any] = {}
    for cell in top.cells_.values():
        module = str(cell.type).lstrip("\\")
        if module in boxes:
            body = design.module(cell.type)
            ports = [port(body, name, signal.size()) for name, signal in cell.connections().items()]
            described = {"parameters": sorted(str(name).lstrip("\\") for name in cell.parameters), "ports": ports}
            if found.setdefault(module, described) != described:
                raise SystemExit(f"ERROR: instances of {module} differ in the width of their ports")
    return {"top": [port(top, name, top.wire(name).width) for name in top.ports], "boxes": found}


def main(arguments: Sequence[str]) -> int:
    """The process: run a job, exit status 0 unless Yosys ended it."""
    job = json.loads(arguments[0])
    try:
        libyosys = importlib.import_module("pyosys.libyosys")
    except ImportError as error:
        print(f"ERROR: pyosys cannot be loaded ({error}): run make setup")
        return 1
    design = libyosys.Design()
    for each in job["passes"]:
        design.run_pass(each)
    if job["interface"]:
        Path(job["interface"]).write_text(json.dumps(_interface_of(design, job["boxes"])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
