"""Runs the fast regression on one mutant: the programs in order, until a check of one of them fails.

A mutant is killed when a check notices it: a byte or a record that differs, a broken rule of the bus, a register, a
hang. What the checks let pass is then compared with the engine without a mutant, cycle for cycle: each event of the
trace and each register that the programs read. A difference there kills too, but is counted apart: the promise broken
is one of timing alone, as far as the programs tell that are not left out for their length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cocotb.triggers import SimTimeoutError

from tb.env import CheckFailed
from tb.sim_top import ObserverError
from tests.mutation.parts import Look, Parts, Program
from tests.mutation.programs import PROGRAMS

__all__ = ["LONG", "attempt", "chosen"]

LONG = frozenset(("counts", "piled", "run", "late"))
"""Programs that take a third of the time; a mutant that is killed by timing already is spared them."""


def chosen(names: Sequence[str]) -> list[Program]:
    """The programs of these names, all when empty; "none" is a judge that looks at nothing."""
    return [program for program in PROGRAMS if not names or program.name in names]


async def attempt(dut: Any, mutant: int, programs: Sequence[Program], golden: Mapping[str, Look]) -> dict[str, Any]:
    """Run programs with a mutant active (0 for none).

    golden: what parts look like without a mutant; empty when that is what is to be found out.
    Returns {verdict: killed, timing or survived; how and by: what noticed it; message; seen: the looks of a survivor}.
    """
    dut.engine.mutsel.value = mutant
    parts = Parts(dut, golden)
    try:
        for program in programs:
            if parts.differs and program.name in LONG:
                continue
            parts.name = program.name
            await program.run(parts)
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, SimTimeoutError):
            raise  # a full disk is no judgement
        message = f"{type(error).__name__} {error}"
        return {"verdict": "killed", "how": _kind(error), "by": parts.name, "message": message}
    if parts.differs:
        return {"verdict": "timing", "how": "timing", "by": parts.differs, "message": "the trace differs"}
    return {"verdict": "survived", "how": "", "by": "", "message": "", "seen": parts.seen}


def _kind(error: Exception) -> str:
    """Which kind of check an error comes from."""
    text = f"{type(error).__name__} {error}"
    if isinstance(error, SimTimeoutError) or text.startswith(("BridgeError no step", "Hang ")):
        return "hang"
    if isinstance(error, ObserverError) or (isinstance(error, CheckFailed) and "AXI violations" in text):
        return "protocol"
    if isinstance(error, AssertionError):
        words = (("in the record of", "record"), ("memory 0x", "data"), (": no record", "record"), ("orphan", "record"))
        return next((kind for word, kind in words if word in text), "check")
    return "exception"
