"""Runs the judge over a netlist's mutants; what an earlier run judged with the same sources is not judged again.

Results lie beside the netlist, under a key of everything that decides them: the tests, the environment, the models. The
judge appends a line for each mutant, so an interrupted run goes on where it ended.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tb.mutate.forks import PLAN, Plan
from tb.mutate.models import Change, judged_models
from tb.mutate.mutants import MutationError
from tb.mutate.netlist import BUILD, Netlist
from tb.mutate.proof import SOURCES, Prover
from tb.simulation import SimulationError
from tb.toolchain import ROOT, digest

__all__ = ["JUDGE", "judged", "judged_changes", "proved"]

JUDGE = "tests.mutation.bench_mutants"
"""Bench that judges."""
TIMEOUT_S = 24 * 3600.0
MODELS_CPU_S = 900
"""Seconds of processor time after which the tests of models/ hang; beside other work they have taken more than 90."""
_LOOK_S = 0.5

Tick = Callable[[int, int, str], None]
"""Told of progress: how many are judged, of how many, and how the last one ended."""


def judged(
    netlist: Netlist, jobs: int, tick: Tick, *, simulator: str = "verilator", programs: Sequence[str] = ()
) -> dict[int, dict[str, Any]]:
    """Judge every mutant of a netlist, `jobs` at a time; returns the result of each by its number.

    programs: names of the programs to run; all when empty.
    MutationError when the engine without a mutant fails, or when a mutant could not be judged.
    """
    directory = netlist.directory / f"judged-{_judge_digest(simulator, programs)}"
    wanted = [mutant.id for mutant in netlist.mutants]

    def judge(plan: Path) -> None:
        simulation = netlist.simulation(simulator, TIMEOUT_S)
        try:
            name = f"mutate/{netlist.directory.name}-{directory.name}"
            simulation.run(JUDGE, env={PLAN: str(plan)}, run_name=name)
        except SimulationError as error:
            raise MutationError(str(error)) from None

    return _completed(directory, wanted, jobs, tick, judge, programs)


def proved(netlist: Netlist, results: Mapping[int, Mapping[str, Any]], jobs: int, tick: Tick) -> dict[int, str]:
    """Try to prove each survivor equivalent, `jobs` at a time; returns the proof of each that is, by its number."""
    alive = [mutant for mutant in netlist.mutants if results[mutant.id]["verdict"] == "survived"]
    file = netlist.directory / f"proofs-{digest(SOURCES, '')}.jsonl"
    _finish_line(file)
    found = _lines(file)
    missing = [mutant for mutant in alive if mutant.id not in found]
    if missing:
        prover = Prover(netlist.design, netlist.directory / "proofs")
        pool = ThreadPoolExecutor(jobs)
        try:
            for mutant, proof in zip(missing, pool.map(prover.proved, missing), strict=True):
                with file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"id": mutant.id, "proof": proof}) + "\n")
                found[mutant.id] = {"proof": proof}
                tick(len(alive) - len(missing) + missing.index(mutant) + 1, len(alive), f"proofs: {mutant.id}")
        finally:
            pool.shutdown(cancel_futures=True)
    return {mutant.id: found[mutant.id]["proof"] for mutant in alive if found[mutant.id]["proof"]}


def judged_changes(changes: Sequence[Change], jobs: int, tick: Tick) -> dict[int, dict[str, Any]]:
    """Judge every change of models/, `jobs` at a time; returns the result of each by its number.

    MutationError when the tests fail without a change, or when one could not be judged.
    """
    folders = ("models", "tests/models", "tb/mutate")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    rows = [asdict(change) for change in changes]
    directory = BUILD / "models" / digest(files, rows)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "changes.json").write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")
    return _completed(directory, [change.id for change in changes], jobs, tick, judged_models, cpu_s=MODELS_CPU_S)


def _completed(
    directory: Path,
    wanted: Sequence[int],
    jobs: int,
    tick: Tick,
    judge: Callable[[Path], None],
    programs: Sequence[str] = (),
    cpu_s: int = 120,
) -> dict[int, dict[str, Any]]:
    """Have `judge` complete the results in a directory, by a plan of what is missing there."""
    directory.mkdir(parents=True, exist_ok=True)
    results = directory / "results.jsonl"
    missing = [number for number in wanted if number not in _known(results)]
    if missing:
        _finish_line(results)
        plan = directory / "plan.json"
        Plan(tuple(missing), jobs, results, cpu_s, tuple(programs)).save(plan)
        with _watching(results, len(wanted), tick):
            judge(plan)
    found = _known(results)
    left = [number for number in wanted if number not in found]
    if left:
        raise MutationError(f"{len(left)} mutants were not judged, {left[0]} the first: see {results}")
    return {number: found[number] for number in wanted}


def _judge_digest(simulator: str, programs: Sequence[str]) -> str:
    """Changes with anything that decides what the judge finds."""
    folders = ("models", "tb", "tests/system", "tests/mutation")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    skipped = ("tests/mutation/test_", "tb/mutate/report", "tb/mutate/__main__", "tb/mutate/equivalent")
    kept = [path for path in files if not str(path.relative_to(ROOT)).startswith(skipped)]
    sources = [path for path in kept if path.suffix in (".py", ".sv", ".svh", ".c", ".vlt")]
    return digest(sources, simulator, list(programs))


def _known(results: Path) -> dict[int, dict[str, Any]]:
    """Results so far; what is no verdict does not count."""
    return {number: one for number, one in _lines(results).items() if number and one["verdict"] != "error"}


def _lines(file: Path) -> dict[int, dict[str, Any]]:
    """A file's lines by their number; one that an interruption has cut does not count."""
    found: dict[int, dict[str, Any]] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                result = json.loads(line)
            except ValueError:
                continue
            found[result["id"]] = result
    return found


def _finish_line(results: Path) -> None:
    """End the last line, so that what follows a cut one stands alone."""
    if results.is_file() and not results.read_bytes().endswith(b"\n"):
        with results.open("a", encoding="utf-8") as stream:
            stream.write("\n")


@contextmanager
def _watching(results: Path, total: int, tick: Tick) -> Iterator[None]:
    """Tell of progress, from the results file, while the judge runs."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            known = _known(results)
            last = list(known.values())[-1:]
            text = f"{last[0]['id']} {last[0]['verdict']} {last[0]['by']}" if last else "building, and without a mutant"
            tick(len(known), total, text.strip())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tick(len(_known(results)), total, "")
