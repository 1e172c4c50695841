"""`python -m tb.cov`: run the regression with coverage, merge, report; status 1 when a target is not reached."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tb.cov.groups import GROUPS
from tb.cov.model import CovError
from tb.cov.page import rendered
from tb.cov.points import KINDS
from tb.cov.recorder import FUNCTIONAL
from tb.cov.summary import CODE, TARGETS, Summary, judge, merge
from tb.cov.waivers import WAIVERS, apply, waivers_of
from tb.disk import unwritable
from tb.simulation import SIM_BUILD
from tb.toolchain import ROOT

__all__ = ["REGRESSION", "main"]

REGRESSION = ("tests/rtl", "tests/system", "tests/scenarios")
"""What runs, on Verilator."""
RUNS = SIM_BUILD / "runs"
RESULTS = SIM_BUILD / "cov"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, merge, print; leave cov.json and index.html in sim_build/cov; return the exit status.

    0: every target reached; 1: one not reached, or a test failed; 2: data, waivers or declarations make no sense.
    """
    parser = argparse.ArgumentParser(prog="python -m tb.cov", description="Functional and code coverage.")
    parser.add_argument("--jobs", default="1", help="processes of the regression (JOBS)")
    parser.add_argument("--no-rerun", action="store_true", help="merge what earlier runs left (RERUN=0)")
    parser.add_argument("--data", type=Path, action="append", help="folders of runs to merge (sim_build/runs)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the report goes (sim_build/cov)")
    parser.add_argument("--waivers", type=Path, default=WAIVERS, help="the waiver file (tb/cov/waivers.toml)")
    parser.add_argument("tests", nargs="*", default=list(REGRESSION), help="what the regression runs")
    options = parser.parse_args(arguments)
    folders: list[Path] = options.data or [RUNS]
    try:
        waivers = waivers_of(options.waivers)  # wrong: say so before a long run
        failed = False
        if not options.no_rerun:
            forget(folders)
            failed = run(options.tests, options.jobs)
        fresh(folders)
        bins, code, runs = merge(folders)
        summary = Summary(GROUPS, bins, code, apply(waivers, code.counts), runs)
        publish(summary, options.results)
    except CovError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {unwritable(error, SIM_BUILD, 'use')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("error: interrupted: RERUN=0 merges what has been run", file=sys.stderr)
        return 130
    show(summary, Console())
    complaints = judge(summary) + (["a test failed: its coverage is not complete"] if failed else [])
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    print(f"{runs} runs; index.html and cov.json in {os.path.relpath(options.results, ROOT)}")
    return 1 if complaints else 0


def forget(folders: Sequence[Path]) -> None:
    """Remove the data of earlier runs, so that no test that is gone counts."""
    for folder in folders:
        for name in (CODE, FUNCTIONAL):
            for path in folder.rglob(name):
                path.unlink()


def run(tests: Sequence[str], jobs: str) -> bool:
    """Run tests on Verilator with coverage, showing pytest's progress; return whether one failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", jobs, "--dist", "worksteal", *tests]
    environment = {**os.environ, "FAULTLINE_COVERAGE": "1", "SIM": "verilator"}
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if status not in (0, 1):
        raise CovError(f"pytest ended with status {status}: see above")
    return status == 1


def fresh(folders: Sequence[Path]) -> None:
    """CovError where counts are older than a source file: their lines may not be those of today."""
    newest = max((ROOT / "rtl").glob("*.v*"), key=lambda path: path.stat().st_mtime_ns)
    for folder in folders:
        for path in folder.rglob(CODE):
            if path.stat().st_mtime_ns < newest.stat().st_mtime_ns:
                raise CovError(f"{path} is older than {newest.relative_to(ROOT)}: run without RERUN=0")


def publish(summary: Summary, results: Path) -> None:
    """cov.json and index.html."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "cov.json").write_text(json.dumps(summary.to_json(), indent=1) + "\n", encoding="utf-8")
    (results / "index.html").write_text(rendered(summary), encoding="utf-8")


def show(summary: Summary, console: Console) -> None:
    """A line a file, and the totals beside their targets."""
    data = summary.to_json()
    table = Table(title="code coverage in percent, after waivers")
    table.add_column("file")
    for kind in KINDS:
        table.add_column(kind, justify="right")
    for file, row in data["files"].items():
        table.add_row(file, *(f"{row[kind]['percent']:.2f}" for kind in KINDS))
    console.print(table)
    totals = Table(title="coverage")
    for column in ("kind", "total", "excused", "reached", "percent", "target"):
        totals.add_column(column, justify="left" if column == "kind" else "right")
    for kind, row in {"functional": data["functional"], **data["code"]}.items():
        target = f"{TARGETS[kind]:g}" if kind in TARGETS else ""
        figures = [str(row[name]) for name in ("total", "excused", "reached")]
        totals.add_row(kind, *figures, f"{row['percent']:.2f}", target)
    for name, row in data["functional"]["groups"].items():
        figures = [str(row[column]) for column in ("total", "excused", "reached")]
        totals.add_row(f"  {name}", *figures, f"{row['percent']:.2f}", "")
    console.print(totals)


if __name__ == "__main__":
    sys.exit(main())
