"""What is done beside a live device: a command inside of the directory, or a screen that shows what happens there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from rich.console import Console
from rich.live import Live as Screen
from rich.table import Table

from tb.live.client import Live, LiveError
from tb.toolchain import ROOT

__all__ = ["Command", "Watch"]

REFRESH_S = 0.25


class Command:
    """A shell command that runs in the directory; its environment has LIVE, and finds the client.

    Where no terminal is in play it has a process group of its own, so that its children end with it.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self._alone = not sys.stdin.isatty()
        self._ended = False

    def __call__(self, directory: Path) -> int:
        """Run it and return its exit status, as a shell reports it."""
        environment = {**os.environ, "LIVE": str(directory)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            self._words, shell=True, cwd=directory, env=environment, start_new_session=self._alone
        )
        status = self._process.wait()
        if self._alone:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)  # what it left behind
        return status if status >= 0 else 128 - status

    def end(self) -> None:
        """Ask it to end, and the second time make it."""
        process, how = self._process, signal.SIGKILL if self._ended else signal.SIGTERM
        self._ended = True
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how) if self._alone else process.send_signal(how)


class Watch:
    """Says where the device is, and on a terminal what it does, until it is told to end."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def __call__(self, directory: Path) -> int:
        """Show it; the status is 0."""
        console = Console()
        print(directory, flush=True)
        if not console.is_terminal:
            self._over.wait()
            return 0
        with contextlib.suppress(LiveError), Live(directory) as device, Screen(console=console) as screen:
            before: dict[str, str] = {}
            while not self._over.wait(REFRESH_S):
                facts = device.status()
                screen.update(_table(facts, before))
                before = facts
        return 0

    def end(self) -> None:
        """Show nothing more."""
        self._over.set()


def _table(facts: dict[str, str], before: dict[str, str]) -> Table:
    """One screen: each fact, and by how much it grew in a second."""
    table = Table("", "now", "a second", box=None, show_header=True)
    for name, value in facts.items():
        if not value.isdecimal():
            table.add_row(name.replace("_", " "), value, "")
            continue
        grown = int((int(value) - int(before.get(name, value))) / REFRESH_S)
        table.add_row(name.replace("_", " "), f"{int(value):,}", f"{grown:,}" if grown > 0 else "")
    return table
