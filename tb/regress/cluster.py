"""Where the jobs run: worker processes of this machine, a Dask cluster that is there, or one that Slurm or LSF starts.

SCHEDULER is empty or local, an address tcp://HOST:PORT (or tls://), slurm, or lsf.  Each wrong word and each scheduler
that does not answer ends in one line within seconds.  Whoever reaches a scheduler without TLS can run code on its
workers: listen on a network that is trusted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tb.regress.collect import RegressError

__all__ = ["KINDS", "batch_options", "check_scheduler", "connected", "parse_scheduler"]

KINDS = ("local", "slurm", "lsf")
ANSWER_S = 5.0
"""Seconds in which a scheduler must answer."""
LONGEST_GREETING = 1 << 20
"""Bytes that a scheduler's greeting stays below; text that another server says is a larger number."""
_SUBMIT = {"slurm": "sbatch", "lsf": "bsub"}
_FORMS = "use local, tcp://HOST:PORT, slurm or lsf"


def parse_scheduler(word: str) -> str:
    """SCHEDULER as one of KINDS or an address.  RegressError for anything else."""
    kind = word.strip() or "local"
    if kind in KINDS:
        return kind
    try:
        parts = urlsplit(kind)
        port = parts.port
    except ValueError:
        raise RegressError(f"SCHEDULER={kind} has no such port: {_FORMS}") from None
    if parts.scheme not in ("tcp", "tls"):
        raise RegressError(f"unknown SCHEDULER={kind}: {_FORMS}")
    if not parts.hostname or not port or parts.path not in ("", "/"):
        raise RegressError(f"SCHEDULER={kind} lacks a host or a port: {_FORMS}")
    return kind.rstrip("/")


def check_scheduler(kind: str, within_s: float = ANSWER_S) -> None:
    """RegressError unless something listens at an address, or the command that submits jobs is there.

    It comes within the time also where looking up the host's name takes longer.
    """
    if kind in _SUBMIT and shutil.which(_SUBMIT[kind]) is None:
        raise RegressError(f"SCHEDULER={kind} needs {_SUBMIT[kind]}, which is not here: run where jobs are submitted")
    if kind in KINDS:
        return
    parts = urlsplit(kind)
    failure: list[str] = [f"no Dask scheduler answers in {within_s:.0f} s"]

    def knock() -> None:
        try:
            with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=within_s) as connection:
                # A Dask scheduler speaks first, the length of its greeting; distributed waits for ever for others.
                if parts.scheme == "tcp" and not 0 < int.from_bytes(connection.recv(8), "little") < LONGEST_GREETING:
                    raise OSError("what listens there is no Dask scheduler")
            failure.clear()
        except TimeoutError:
            failure[0] = f"no Dask scheduler answers in {within_s:.0f} s"
        except socket.gaierror:
            failure[0] = f"the name {parts.hostname} is not known"
        except OSError as error:
            failure[0] = error.strerror.lower() if error.strerror else str(error)

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(within_s)
    if failure:
        cure = "start one with `dask scheduler` or correct the address"
        raise RegressError(f"no scheduler at SCHEDULER={kind}: {failure[0]}: {cure}")


def batch_options(kind: str, environment: Mapping[str, str], log_directory: Path) -> dict[str, Any]:
    """What dask-jobqueue's cluster of a kind is made with.

    QUEUE, WALLTIME and MEMORY of the environment win over Dask's configuration (jobqueue.slurm, jobqueue.lsf), which
    holds everything else that a site needs (account, interface, job_extra_directives).
    """
    given = {name.lower(): environment[name] for name in ("QUEUE", "WALLTIME", "MEMORY") if environment.get(name)}
    import dask

    configured = dask.config.get(f"jobqueue.{kind}", {})
    options: dict[str, Any] = {"python": sys.executable, "log_directory": str(log_directory), **given}
    for name, value in (("cores", 1), ("processes", 1), ("memory", "4GB"), ("local-directory", "/tmp")):
        if configured.get(name) is None:
            options.setdefault(name.replace("-", "_"), value)
    if configured.get("name") in (None, "dask-worker"):
        options["job_name"] = "faultline"
    return options


@contextlib.contextmanager
def connected(kind: str, jobs: int, directory: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Any]:
    """A distributed.Client of the chosen cluster; what was started for it ends with the block.

    kind: of `parse_scheduler`.  jobs: worker processes to start, of one thread each; an existing cluster has its own.
    directory: of the regression.
    """
    check_scheduler(kind)
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # for the processes that are started, too
    import dask
    import distributed

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    if kind.startswith("tls:") and distributed.Security().get_connection_args("client").get("ssl_context") is None:
        cure = "name them in Dask's configuration, distributed.comm.tls"
        raise RegressError(f"SCHEDULER={kind} needs certificates: {cure}")
    settings = {"distributed.scheduler.allowed-failures": 3, "distributed.comm.timeouts.connect": ANSWER_S}
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        try:
            target: Any = kind
            if kind == "local":
                target = distributed.LocalCluster(
                    n_workers=jobs, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
                    memory_limit=0, local_directory=str(directory / "dask"), silence_logs=logging.CRITICAL,
                )  # fmt: skip
            elif kind in _SUBMIT:
                import dask_jobqueue

                cluster = {"slurm": dask_jobqueue.SLURMCluster, "lsf": dask_jobqueue.LSFCluster}[kind]
                target = cluster(
                    **batch_options(kind, environment, directory / "logs"),
                    scheduler_options={"dashboard_address": None},
                )
                stack.callback(target.close, timeout=ANSWER_S)
                target.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # a job that ends at its time limit is replaced
            if kind == "local":
                stack.callback(target.close, timeout=ANSWER_S)
            client = distributed.Client(target, timeout=ANSWER_S, set_as_default=False)
            stack.callback(client.close, timeout=ANSWER_S)
        except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
            words = (" ".join(str(error).split()) or type(error).__name__)[:200]
            if kind in KINDS:
                raise RegressError(f"cannot start workers with SCHEDULER={kind}: {words}: try fewer JOBS") from None
            raise RegressError(f"no Dask scheduler answers at SCHEDULER={kind}: {words}: correct the address") from None
        yield client
