"""The judge's process: it starts Python, cocotb and the simulator once, then forks itself for each mutant.

A cocotb process costs most of a second before its first cycle, a fork a few milliseconds. The parent stands at time 0
and only waits; a child sets `mutsel`, has host memory, device dump and trace files of its own, runs the regression and
ends. A result goes into the results file as soon as it is there, so nothing is lost when the run is interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["FILES", "MESSAGE", "PLAN", "Plan", "serve"]

PLAN = "MUTATE_PLAN"
"""Environment variable that names the file with the plan."""
FILES = {"HOSTMEM_FILE": "hostmem.bin", "DEVICE_FILE": "device.bin", "TRACE_FILE": "trace.bin"}
MESSAGE = 300
"""Characters kept of what a check said."""


MEMORY = 4 << 30
"""Bytes; a simulation of the engine takes a fortieth of that."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the process does: mutants to judge, processes side by side, the file that gets a line for each.

    cpu_s: seconds of processor time after which a mutant counts as hung although no cycle limit ended it.
    programs: names of the programs to run; all when empty.
    memory: bytes of its own that a child may have, since some mutants never stop asking; 0: any.
    """

    mutants: tuple[int, ...]
    jobs: int
    results: Path
    cpu_s: int = 120
    programs: tuple[str, ...] = ()
    memory: int = MEMORY

    def save(self, path: Path) -> None:
        """Write the plan."""
        facts = {
            "mutants": self.mutants,
            "jobs": self.jobs,
            "results": str(self.results),
            "cpu_s": self.cpu_s,
            "programs": self.programs,
        }
        path.write_text(json.dumps(facts) + "\n", encoding="utf-8")

    @classmethod
    def load(cls) -> Plan:
        """The plan that the environment names."""
        facts = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
        return cls(
            tuple(facts["mutants"]), facts["jobs"], Path(facts["results"]), facts["cpu_s"], tuple(facts["programs"])
        )


Attempt = Callable[[int], Awaitable[dict[str, Any]]]
"""Runs the regression on a mutant and says what came of it; the process is a child, which ends afterwards."""


async def serve(plan: Plan, attempt: Attempt, mutants: Sequence[int]) -> list[dict[str, Any]]:
    """Judge mutants, `plan.jobs` children at a time; returns their results in the order in which they ended."""
    waiting, free = list(reversed(mutants)), list(range(plan.jobs))
    running: dict[int, tuple[int, int, int]] = {}
    found: list[dict[str, Any]] = []
    while waiting or running:
        while waiting and free:
            mutant, slot = waiting.pop(), free.pop()
            reader, writer = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            child = os.fork()
            if child == 0:
                os.close(reader)
                await _child(plan, attempt, mutant, slot, writer)
            os.close(writer)
            running[child] = mutant, slot, reader
        child, status, usage = os.wait4(-1, 0)
        mutant, slot, reader = running.pop(child)
        free.append(slot)
        with os.fdopen(reader, encoding="utf-8") as stream:
            said = stream.read()
        result = json.loads(said) if said else _died(status)
        result = {"id": mutant, **result, "cpu_s": round(usage.ru_utime + usage.ru_stime, 2)}
        found.append(result)
        with plan.results.open("a", encoding="utf-8") as out:
            out.write(json.dumps(result) + "\n")
    return found


def _died(status: int) -> dict[str, Any]:
    """What a child that said nothing says by its end: the simulator gave up, or never came to an end."""
    number = os.waitstatus_to_exitcode(status)
    if number == -signal.SIGKILL:  # the simulator does not do that to itself
        return {"verdict": "error", "how": "SIGKILL", "by": "", "message": "the process was killed from outside"}
    hung = number == -signal.SIGXCPU
    cause = f"ended by signal {signal.Signals(-number).name}" if number < 0 else f"ended with status {number}"
    return {"verdict": "killed", "how": "hang" if hung else "crash", "by": "", "message": f"the simulation {cause}"}


async def _child(plan: Plan, attempt: Attempt, mutant: int, slot: int, writer: int) -> NoReturn:
    """Judge one mutant and end the process, whatever happens."""
    resource.setrlimit(resource.RLIMIT_CPU, (plan.cpu_s, plan.cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (plan.memory, plan.memory))
    place = plan.results.parent / f"slot{slot}"
    place.mkdir(exist_ok=True)
    os.environ.update({name: str(place / file) for name, file in FILES.items()})
    log = os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        result = await attempt(mutant)
    except asyncio.CancelledError:  # the simulator ended by itself
        result = {"verdict": "killed", "how": "crash", "by": "", "message": "the simulation ended"}
    except MemoryError:
        result = {"verdict": "killed", "how": "crash", "by": "", "message": "the simulation took memory without end"}
    except BaseException as error:  # the child must not return into the parent's simulation
        result = {"verdict": "error", "how": type(error).__name__, "by": "", "message": str(error)}
    finally:
        sys.stdout.flush()
    result["message"] = " ".join(str(result.get("message", "")).split())[:MESSAGE]
    os.write(writer, json.dumps(result).encode())
    os._exit(0)
