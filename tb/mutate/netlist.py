"""One netlist of the engine with every mutant in it, and the simulation of the whole system around that netlist.

Yosys reads the RTL, flattens it, lists candidates a module at a time and applies the chosen ones behind an input
`mutsel`: mutant n is active while mutsel is n, none while it is 0. A wrapper with the engine's own name and ports holds
mutsel as a register, so tb/hdl/sim_top.sv, the memory, the checker and the trace recorder stand around it unchanged;
only the way to the device memory's arrays, which `sim_top` dumps, is rewritten for the flat names, and what the
recorder sees inside the engine is left out (FAULTLINE_NETLIST): a netlist has none of those names.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from tb.mutate.mutants import Mutant, MutationError, Wiring, parsed, shares
from tb.simulation import SIM_BUILD, Simulation
from tb.synth import yosys
from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT, closure, digest, locked

__all__ = ["BUILD", "PARAMETERS", "Netlist", "modules", "netlist_of"]

BUILD = SIM_BUILD / "mutate"
PARAMETERS = {"DATA_W": 64, "DEVICE_LOG2": 21}
"""Parameters of the engine in the netlist; what is not named has sim_top's default."""

_TOP = ROOT / "tb" / "hdl" / "sim_top.sv"
_CONTROL = ROOT / "tb" / "hdl" / "sim_top.vlt"
_SPARE = 30
"""Candidates asked for beyond a module's share, to replace those that are left out."""


@dataclass(frozen=True, slots=True)
class Netlist:
    """The netlist of a seed: its mutants, the directory that holds it, and Yosys' JSON of the design without them."""

    mutants: tuple[Mutant, ...]
    directory: Path
    design: Path

    def simulation(self, simulator: str, timeout_s: float) -> Simulation:
        """The whole system with this netlist for an engine."""
        sources = [self.directory / name for name in ("sim_top.sv", "faultline.sv", "faultline_mutants.v")]
        control = self.directory / "mutants.vlt"
        return Simulation(
            "sim_top", simulator, PARAMETERS, sources, native=True, public=control, name="mutate", timeout_s=timeout_s
        )  # fmt: skip


def modules() -> list[str]:
    """The engine's modules, by name."""
    return [path.stem for path in closure("faultline")]


def netlist_of(seed: int, count: int, blocks: Sequence[str]) -> Netlist:
    """Make the netlist with `count` mutants in `blocks`, or take it from an earlier run with the same sources.

    MutationError when the modules have fewer candidates, or when Yosys fails.
    """
    inputs = [*closure("faultline"), ROOT / "rtl" / "faultline.vh", _TOP, _CONTROL, Path(__file__)]
    inputs.append(Path(__file__).with_name("mutants.py"))
    facts = (version("pyosys"), sorted(PARAMETERS.items()))
    base = BUILD / "design" / digest(inputs, facts)
    directory = BUILD / "netlists" / digest(inputs, facts, seed, count, list(blocks))
    listed = directory / "mutants.json"
    with locked(BUILD / "netlists"):  # or another process removes what this one has just made
        if not listed.is_file():
            try:
                _flatten(base)
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir(parents=True)
                mutants = _choose(base, directory, seed, count, blocks)
                _write(base, directory, mutants)
            except SynthesisError as error:
                raise MutationError(str(error)) from None
            listed.write_text(json.dumps([asdict(mutant) for mutant in mutants], indent=0) + "\n", encoding="utf-8")
    chosen = tuple(Mutant(**row) for row in json.loads(listed.read_text(encoding="utf-8")))
    return Netlist(chosen, directory, base / "design.json")


def _texts() -> dict[str, str]:
    """The engine's sources by module."""
    return {path.stem: path.read_text(encoding="utf-8") for path in closure("faultline")}


def _cells(module: str) -> str:
    """Yosys' selection of the cells that a module's source lines became."""
    return f"a:src=rtl/{module}.v:* t:$mem* %d t:$scopeinfo %d"


def _flatten(base: Path) -> None:
    """The flat design, once for all seeds, and how many cells each module has in it."""
    if (base / "design.il").is_file():
        return
    base.mkdir(parents=True, exist_ok=True)
    chosen = " ".join(f"-set {name} {value}" for name, value in _engine_parameters().items())
    passes = ["read_verilog -Irtl rtl/*.v", f"chparam {chosen} faultline", "prep -nomem -flatten -top faultline"]
    # what no mutant could show: alternatives that are never taken, and bits that nobody reads
    passes += ["opt_expr -mux_undef -undriven -fine", "splitcells", "opt -full", "wreduce", "opt_clean -purge", "check"]
    passes += [f"tee -o {base}/{name}.count select -count {_cells(name)}" for name in modules()]
    passes += [f"write_json {base}/design.json", f"write_rtlil {base}/writing.il"]
    yosys.run(passes, base / "yosys.log", "flatten")
    (base / "writing.il").replace(base / "design.il")


def _engine_parameters() -> dict[str, int]:
    """The engine's parameters as sim_top would set them."""
    own = _parameters(ROOT / "rtl" / "faultline.v")
    return {name: value for name, value in _parameters(_TOP).items() if name in own} | PARAMETERS


def _parameters(source: Path) -> dict[str, int]:
    """The parameters of a file's module, with their defaults."""
    head = source.read_text(encoding="utf-8").split(");", 1)[0]
    return {name: int(value) for name, value in re.findall(r"parameter (\w+)\s*= (\d+)", head)}


def _choose(base: Path, directory: Path, seed: int, count: int, blocks: Sequence[str]) -> list[Mutant]:
    """`count` mutants: each block's share of what Yosys lists for it, the rest from blocks that have more."""
    cells = {name: int((base / f"{name}.count").read_text().split()[0]) for name in blocks}
    share = shares(count, cells)
    passes = [f"read_rtlil {base}/design.il"]
    for name, number in share.items():
        wanted = 2 * number + _SPARE
        passes.append(f"select -set block {_cells(name)}")
        passes.append(f"mutate -list {wanted} -seed {seed} -ctrl mutsel 16 1 -o {directory}/{name}.list @block")
    yosys.run(passes, directory / "list.log", "list of mutants")
    wiring = Wiring(json.loads((base / "design.json").read_text(encoding="utf-8"))["modules"]["faultline"], _texts())
    listed: dict[str, list[str]] = {}
    for name in share:
        lines = (directory / f"{name}.list").read_text(encoding="utf-8").splitlines()
        listed[name] = [line for line in lines if line.strip() and wiring.matters(line)]
    taken = [(name, line) for name, number in share.items() for line in listed[name][:number]]
    spare = [(name, line) for name, number in share.items() for line in listed[name][number:]]
    taken += spare[: count - len(taken)]
    if len(taken) < count:
        raise MutationError(f"COUNT={count} is too many for {', '.join(blocks)}: there are {len(taken)} mutations")
    chosen = [parsed(line, name, number, wiring.kind(line)) for number, (name, line) in enumerate(taken, start=1)]
    return [replace(mutant, code=wiring.code(mutant.command)) for mutant in chosen]


_REG = re.compile(r"^  reg (?:\[(\d+):0\] )?(\S+)\s*(?:\[(\d+):0\])?;$", re.MULTILINE)


def _with_start(text: str) -> str:
    """The netlist with a start value for every register and array where the simulator knows X.

    Gates hand an X on where the RTL's `if` does not, so the netlist would never leave its reset. Verilator starts at
    random instead. Device memory starts with noise, because the regression would fill an empty one.
    """
    lines = ["`ifndef VERILATOR", "  integer start;", "  initial begin"]
    for _, name, words in _REG.findall(text):
        if words:
            noise = "{$random, $random}" if "u_device_memory" in name else "0"
            lines.append(f"    for (start = 0; start <= {words}; start = start + 1) {name} [start] = {noise};")
        else:
            lines.append(f"    {name} = 0;")
    end = text.rindex("endmodule")
    return text[:end] + "\n".join([*lines, "  end", "`endif", ""]) + text[end:]


def _write(base: Path, directory: Path, mutants: Sequence[Mutant]) -> None:
    """The netlist and what stands around it."""
    script = directory / "apply.ys"
    lines = [each.command.replace("mutate ", f"mutate -ctrl mutsel 16 {each.id} ", 1) for each in mutants]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    passes = [f"read_rtlil {base}/design.il", f"script {script}", "rename faultline faultline_mutants", "opt_clean"]
    passes.append(f"write_verilog -noattr {directory}/faultline_mutants.v")
    yosys.run(passes, directory / "apply.log", "netlist of mutants")
    netlist = directory / "faultline_mutants.v"
    netlist.write_text(_with_start(netlist.read_text(encoding="utf-8")), encoding="utf-8")
    text = (ROOT / "rtl" / "faultline.v").read_text(encoding="utf-8")
    head = text[text.index("module faultline") : text.index("\n);") + 3]
    body = "\n    reg [15:0] mutsel = 16'd0;\n\n    faultline_mutants u_mutants (.*);\n\nendmodule\n"
    (directory / "faultline.sv").write_text(head + body, encoding="utf-8")
    top, changed = re.subn(
        r"engine\.(u_device_memory\.g_bank\[\d\]\.mem_q)\[",
        r"engine.u_mutants.\\\1 [",
        _TOP.read_text(encoding="utf-8"),
    )
    if changed != 4:
        raise MutationError(f"{_TOP.name} reaches the device memory in {changed} places, not 4: mend tb/mutate")
    (directory / "sim_top.sv").write_text(f"`define FAULTLINE_NETLIST\n{top}", encoding="utf-8")
    control = _CONTROL.read_text(encoding="utf-8") + 'public_flat_rw -module "faultline" -var "mutsel"\n'
    (directory / "mutants.vlt").write_text(
        control + 'lint_off -rule UNOPTFLAT\nlint_off -file "*faultline_mutants.v"\n', encoding="utf-8"
    )
