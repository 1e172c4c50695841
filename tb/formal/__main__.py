"""`python -m tb.formal`: every proof, its covers and its broken twins in one table; exit status 1 unless all hold."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from rich.console import Console
from rich.table import Table

from tb.disk import unwritable
from tb.formal.catalogue import PROOFS
from tb.formal.proof import FormalError, Method, Proof
from tb.formal.prover import BUILD, TIME_LIMIT_S, Outcome, Prover
from tb.toolchain import ROOT

__all__ = ["main", "row_of", "run"]

RESULT = BUILD / "formal.json"
SIGN_OF_LIFE_S = 20.0
"""Seconds after which the tasks under way are named again."""


def chosen(name: str) -> list[Proof]:
    """The proofs that `name` asks for, comma-separated, all when empty; FormalError for a name that no proof has."""
    known = {proof.name: proof for proof in PROOFS}
    names = [each.strip() for each in name.split(",") if each.strip()]
    for each in names:
        if each not in known:
            raise FormalError(f"no proof called {each}: PROOF is one of {', '.join(known)}")
    return [known[each] for each in names] if names else list(PROOFS)


def run(proofs: Sequence[Proof], jobs: int, console: Console, limit_s: int = TIME_LIMIT_S) -> list[Outcome]:
    """Run every task of the proofs, `jobs` at a time, a line for each as it ends."""
    prover = Prover(limit_s)
    tasks = [task for proof in proofs for task in proof.tasks()]
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(jobs) as pool:
        waiting: dict[Future[Outcome], str] = {pool.submit(prover.run, task): task.title for task in tasks}
        try:
            while waiting:
                ended, _ = wait(waiting, timeout=SIGN_OF_LIFE_S, return_when=FIRST_COMPLETED)
                if not ended:
                    now = ", ".join(title for future, title in waiting.items() if future.running())
                    console.print(f"  still at it: {now}", highlight=False, markup=False, soft_wrap=True)
                for future in ended:
                    title = waiting.pop(future)
                    outcome = future.result()
                    outcomes.append(outcome)
                    line = f"[{len(outcomes)}/{len(tasks)}] {title}: {outcome.said}, {outcome.seconds:.1f} s"
                    console.print(line, highlight=False, markup=False, soft_wrap=True)
        except BaseException:
            prover.stop()
            pool.shutdown(cancel_futures=True)
            raise
    return outcomes


def row_of(proof: Proof, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What formal.json says of one proof: method, depth, verdict, covers, twins, seconds."""
    mine = [outcome for outcome in outcomes if outcome.task.proof is proof]
    proved = [outcome for outcome in mine if outcome.task.kind == "prove"]
    covers = [outcome for outcome in mine if outcome.task.kind == "cover"]
    twins = [outcome for outcome in mine if outcome.task.kind == "twin"]
    complete = len(mine) == len(proof.tasks())
    return {
        "proof": proof.name,
        "claim": proof.claim,
        "method": proof.method.value,
        "depth": None if proof.method is Method.PDR else proof.depth,
        "bound": proof.bound or None,
        "configurations": [dict(outcome.task.parameters) for outcome in proved],
        "verdict": "proved" if complete and all(outcome.good for outcome in proved) else "FAILED",
        "covers": {
            "reached": sum(outcome.reached for outcome in covers),
            "of": sum(outcome.covers for outcome in covers),
        },
        "twins": [
            {"fault": outcome.task.what, "caught": outcome.good, "by": list(outcome.failed)} for outcome in twins
        ],
        "good": complete and all(outcome.good for outcome in mine),
        "seconds": round(sum(outcome.seconds for outcome in mine), 1),
    }


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows as a table for the terminal."""
    table = Table(title="proofs", min_width=100)
    table.add_column("proof")
    table.add_column("claim", overflow="fold")
    table.add_column("method")
    for column in ("depth", "for", "verdict", "covers", "twins caught", "s"):
        table.add_column(column, justify="right")
    for row in rows:
        caught = sum(twin["caught"] for twin in row["twins"])
        table.add_row(
            row["proof"],
            row["claim"],
            row["method"],
            "-" if row["depth"] is None else str(row["depth"]),
            str(len(row["configurations"])),
            row["verdict"],
            f"{row['covers']['reached']} of {row['covers']['of']}",
            f"{caught} of {len(row['twins'])}",
            f"{row['seconds']:.0f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """Prove, print, write sim_build/formal/formal.json; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tb.formal", description="Proofs of what the hardware promises.")
    parser.add_argument("--proof", default="", help="names of proofs, comma-separated (PROOF); all unless told")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="tasks side by side (JOBS)")
    parser.add_argument("--limit", type=int, default=TIME_LIMIT_S, help="seconds a task may take")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    console = Console()
    console.width = max(console.width, 120)
    began = time.monotonic()
    try:
        if options.jobs < 1:
            raise FormalError(f"JOBS={options.jobs} is not possible: use 1 or more")
        proofs = chosen(options.proof)
        outcomes = run(proofs, options.jobs, console, options.limit)
        rows = [row_of(proof, outcomes) for proof in proofs]
        RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except FormalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {unwritable(error, BUILD)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted, nothing written: run make formal again", file=sys.stderr)
        return 130
    console.print(table_of(rows))
    for outcome in outcomes:
        if not outcome.good:
            line = f"does not hold: {outcome.task.title}: {outcome.said}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    good = sum(row["good"] for row in rows)
    took = time.monotonic() - began
    console.print(f"{good} of {len(rows)} proofs hold, {took:.0f} s; {RESULT.relative_to(ROOT)}")
    return 0 if good == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
