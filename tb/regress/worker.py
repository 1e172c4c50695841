"""What runs in a worker: one job, a pytest process for some tests with one seed, until each of them has a result.

The function is sent to the worker by value and uses the standard library alone, so a worker needs only Python's
version and, at the same path, the repository with its sim_build.  A job that lost its worker is handed out again; what
had ended by then is read from its journals and not run twice.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run_job"]


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job and return {"entries": a journal line for each of its tests, "host": its machine}.

    job: root and python (paths), name, tests (pytest's node ids), seed, directory (of the regression, on the shared
    file system), environment (what is set), unset (what is removed, by prefix), timeout_s (of the whole job).
    Tests that a crash or the time limit cut short get the outcome "error".  FileNotFoundError where the repository is
    not there.
    """
    import contextlib
    import json
    import os
    import signal
    import socket
    import subprocess
    import time
    import uuid
    from pathlib import Path

    host = socket.gethostname()
    directory = Path(job["directory"])
    for path in (job["root"], job["python"], str(directory)):
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} is not there on {host}: workers need the repository at the same path")
    journals = directory / "jobs" / job["name"]
    journals.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + float(job["timeout_s"])

    def entries() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(journals.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if "outcome" in entry:
                        found.setdefault(entry["node"], entry)
        return found

    def give_up(nodes: list[str], path: Path, why: str) -> None:
        facts = {"seed": job["seed"], "outcome": "error", "seconds": 0.0, "message": why, "host": host}
        with path.open("a", encoding="utf-8") as stream:
            for node in nodes:
                stream.write(json.dumps({"node": node, "where": path.stem, **facts}) + "\n")

    def last_words(log: Path) -> str:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        telling = [line for line in lines if line.startswith(("E  ", "ERROR", "error")) or "Error" in line]
        return " ".join(([line for line in telling or lines if line] or ["nothing was printed"])[-1].split())[:300]

    while remaining := [node for node in job["tests"] if node not in entries()]:
        attempt = f"{job['name']}.{uuid.uuid4().hex[:8]}"
        journal, runs = journals / f"{attempt}.jsonl", directory / "runs" / attempt
        runs.mkdir(parents=True)
        log = runs / "pytest.log"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(tuple(job["unset"]))
        } | job["environment"]
        lifeline, ours = os.pipe()
        try:
            with log.open("w") as stream:
                process = subprocess.Popen(
                    [
                        *(job["python"], "-m", "pytest", "-q", "-p", "tb.regress.journal"),
                        *("-o", f"cache_dir={runs / 'cache'}"),
                        *("--journal", str(journal), "--journal-seed", str(job["seed"]), "--journal-host", host),
                        *("--runs", str(runs), "--basetemp", str(runs / "tmp"), "--lifeline", str(lifeline)),
                        *remaining,
                    ],
                    cwd=job["root"], env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                    pass_fds=(lifeline,), start_new_session=True,
                )  # fmt: skip
            os.close(lifeline)
            lifeline = -1
            try:
                status = process.wait(max(1.0, until - time.monotonic()))
                why = f"pytest ended with status {status}"
                if status < 0:
                    why = f"pytest was ended by {signal.Signals(-status).name}"
            except subprocess.TimeoutExpired:
                why = f"ended after {job['timeout_s']:.0f} s without an answer"
                os.close(ours)
                ours = -1
                process.wait()
        finally:
            for descriptor in (lifeline, ours):
                if descriptor >= 0:
                    os.close(descriptor)
        done = entries()
        left = [node for node in remaining if node not in done]
        if left:
            text = journal.read_text(encoding="utf-8") if journal.is_file() else ""
            under_way = [node for node in left if json.dumps({"begins": node}) in text]
            late = time.monotonic() >= until
            give_up(left if late or not under_way else under_way, journal, f"{why}: {last_words(log)} (see {log})")
        if all(done.get(node, {}).get("outcome") in ("passed", "skipped") for node in remaining):
            for path in sorted(runs.rglob("*"), reverse=True):
                kept = path.suffix in (".log", ".xml") or path.name in ("coverage.dat", "functional.json")
                with contextlib.suppress(OSError):  # a directory that still holds something stays
                    if path.is_dir() and not path.is_symlink():
                        path.rmdir()
                    elif not kept:
                        path.unlink()
    return {"entries": [entries()[node] for node in job["tests"]], "host": host}
