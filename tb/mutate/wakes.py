"""Which modules may be awake in every cycle without anybody seeing it, and the proof of that.

A block that holds state is entered only in cycles with an event (`if (wake)`). A mutant that holds a term of `wake` at
1 makes the block be entered more often. In the modules of `mutants.PROVEN` that changes nothing: Yosys proves each
module equivalent to its copy with every `wake` at 1, by induction over all registers and outputs, from any state, with
memories and the modules inside it taken as equal boxes. Such mutants are not generated there; elsewhere they are.
"""

from __future__ import annotations

import re
from pathlib import Path

from tb.mutate.mutants import WAKE
from tb.synth import yosys
from tb.toolchain import ROOT, closure

__all__ = ["stirred", "unproven"]

_STATUS = re.compile(r"Unproven \$equiv \S+: (\S+)")


def stirred(text: str, value: str = "1'b1") -> str:
    """A module's text with `value` for every condition to wake; no line moves."""

    def fixed(found: re.Match[str]) -> str:
        wire = found.group("wire")
        return found.group(0).replace(wire, f"{wire.split('=')[0]}= {value};" + "\n" * wire.count("\n"))

    return WAKE.sub(fixed, text)


def unproven(module: str, directory: Path, text: str) -> list[str]:
    """Signals of a module of which Yosys cannot prove that they are the same with `text` for its source.

    SynthesisError when Yosys fails, which it also does where a proof would have to look into a memory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    other = directory / "other.v"
    other.write_text(text, encoding="utf-8")
    around = " ".join(str(path) for path in closure(module) if path.stem != module)
    passes = []
    for source, name in ((ROOT / "rtl" / f"{module}.v", "gold"), (other, "gate")):
        passes += [f"read_verilog -I{ROOT}/rtl {source} {around}", f"hierarchy -top {module}", "proc"]
        passes += ["setattr -mod -set keep_hierarchy 1 *", "setattr -mod -unset keep_hierarchy *burst*", "flatten"]
        passes += [f"cd {module}", "opt_expr", "opt_clean", "memory_collect", "opt_clean -purge", "cd .."]
        passes += [f"rename -top {name}", f"design -stash {name}"]
    passes += [f"design -copy-from {name} -as {name} {name}" for name in ("gold", "gate")]
    passes += ["equiv_make gold gate equiv", "cd equiv", "opt_clean", "equiv_simple -undef -seq 1"]
    passes += ["equiv_induct -undef -seq 2", f"tee -o {directory}/status equiv_status"]
    yosys.run(passes, directory / "log", f"proof of {module}")
    return _STATUS.findall((directory / "status").read_text(encoding="utf-8"))
