"""One live device from outside: a place for it, its simulation, what is done meanwhile, and nothing left behind.

    sim_build/live/N          the directory, mounted by the simulator's process
    sim_build/live/N.sock     its control socket
    sim_build/live/N.json     how it was started
    sim_build/live/N.log      what arrived and what was answered; it stays until the place is used again
    sim_build/live/N.lock     locked by whoever belongs to it

A place whose lock nobody holds is free; what a killed device left there goes first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from models.costs import Costs
from tb.live import mount
from tb.live.client import Live, LiveError
from tb.live.control import GUARD
from tb.live.log import header_of
from tb.sim_top import system
from tb.simulation import SIM_BUILD, Outcome, Simulation
from tb.timing.run import Window

__all__ = ["FREE", "PLACES", "Config", "During", "Place", "configured", "replay", "serve"]

_FILES = {"socket": "sock", "lock": "lock", "log": "log", "found": "found"}
PLACES = SIM_BUILD / "live"
HOST_BYTES = 128 << 20
"""Host RAM: device memory is a quarter of it."""
FOREVER_S = 10.0 * 365 * 86400
READY_S = 0.02
WATCH_S = 0.25
"""Seconds of wall clock between looks at whether the simulator's process lives."""
END_S = 20.0
"""Seconds of wall clock that what was done beside the device gets to end once the device is gone."""


FREE = Costs(**dict.fromkeys(asdict(Costs()), 0))
"""What host work costs by default: the real kernel does it, in its own time."""


@dataclass(frozen=True, slots=True)
class Config:
    """How a live device is: its bus in bits, its driver's policy and host costs, and the buffers that it begins with.

    `buffers` are the words of create commands. `plain` answers without the driver, to measure what the driver and the
    RTL cost. `trace` keeps the trace of the simulation, `record` writes workload traces, `check` asks the oracle,
    `replay` is a log to be taken in the kernel's place, to the cycle `until` if that is not 0. `log` is where the log
    goes, and workload traces beside it; in the device's place unless told.
    """

    simulator: str = "verilator"
    width: int = 64
    policy: str = "adaptive"
    costs: Costs = field(default_factory=lambda: FREE)
    buffers: tuple[str, ...] = ()
    plain: bool = False
    trace: bool = False
    record: bool = False
    check: bool = False
    replay: str = ""
    log: str = ""
    until: int = 0


@dataclass(frozen=True)
class Place:
    """Where a live device is."""

    directory: Path
    number: int

    def beside(self, ending: str) -> Path:
        """A file beside the directory."""
        return self.directory.parent / f"{self.number}{ending}"


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    """The first free place, cleared. Mount and directory are gone when it ends. MountError where they cannot go."""
    PLACES.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        number += 1
        place = Place(PLACES / str(number), number)
        lock = os.open(place.beside(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            os.close(lock)
    try:
        _clear(place)
        place.directory.mkdir()
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield place
    finally:
        _clear(place)
        os.close(lock)


def _clear(place: Place) -> None:
    mount.unmount(place.directory)
    if place.directory.is_dir():
        place.directory.rmdir()
    for ending in (".sock", ".json", ".found"):
        place.beside(ending).unlink(missing_ok=True)


class During(Protocol):
    """What is done beside a device, in a thread of its own."""

    def __call__(self, directory: Path) -> int:
        """Do it and return the exit status of the whole."""
        ...

    def end(self) -> None:
        """Come to an end, from another thread: the device is over, or was interrupted. May be called often."""
        ...


def serve(config: Config, during: During) -> int:
    """Run a live device while `during` runs; return what that returns.

    A signal that the main thread turns into KeyboardInterrupt ends the device at once. MountError where nothing can be
    mounted; SimulationError where the simulation cannot be built or failed: then whoever uses the directory gets
    errors, and `during` has `END_S` seconds to see them.
    """
    simulation = _simulation(config)
    simulation.build()
    with _place() as place:
        company = _Company(place, during)
        company.start()
        try:
            _simulate(simulation, config, place)
        finally:
            company.over.set()
            with contextlib.suppress(mount.MountError):
                mount.unmount(place.directory)
            company.join(END_S)
            during.end()
            company.join(END_S)
    return company.status


def configured(log: Path, **wanted: Any) -> Config:
    """How a log is to be replayed: as the device was, with what is wanted besides. LogError for what is no log."""
    facts = header_of(log)
    facts["costs"] = Costs(**facts["costs"])
    return replace(Config(**facts), replay=str(log.resolve()), **wanted)


def replay(config: Config, name: str = "", window: Window | None = None) -> tuple[Outcome, dict[str, Any]]:
    """Run a log again, without any kernel, in a directory of that name under sim_build/runs/SIM; to the end of a window
    of waves if there is one.

    Returns the run, with its arrivals, answers and last cycle, which it has not where it ended with a window.
    SimulationError where the device goes another way than it did.
    """
    simulation = _simulation(config)
    plusargs: tuple[str, ...] = ()
    if window is not None:
        simulation = replace(simulation, dumps=True)
        plusargs = f"+waves_file={window.file}", f"+waves_begin={window.begin}"
    with _place() as place:
        outcome = _simulate(simulation, config, place, name, plusargs)
        found = place.beside(".found")
        return outcome, json.loads(found.read_text(encoding="utf-8")) if found.exists() else {}


def _simulation(config: Config) -> Simulation:
    inside = {"INSIDE": 1} if config.trace or config.until else {}
    return replace(system(config.simulator, data_width=config.width, **inside), timeout_s=FOREVER_S)


def _simulate(
    simulation: Simulation, config: Config, place: Place, name: str = "", plusargs: Sequence[str] = ()
) -> Outcome:
    files = {name: str(place.beside(f".{ending}")) for name, ending in _FILES.items()}
    if config.log:
        files["log"] = config.log
    facts = {**asdict(config), **files, "directory": str(place.directory), "host_bytes": HOST_BYTES, "pid": os.getpid()}
    place.beside(".json").write_text(json.dumps(facts), encoding="utf-8")
    env = {"LIVE_CONFIG": str(place.beside(".json"))}
    if not config.trace:
        env["TRACE_FILE"] = os.devnull
    return simulation.run("tb.live.bench", env=env, run_name=name or f"live/{place.number}", plusargs=plusargs)


def _lives(process: int) -> bool:
    """Whether a process's first thread has not ended yet."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class _Company(threading.Thread):
    """Waits for the device, runs what is to be done beside it, and tells the device to go."""

    def __init__(self, place: Place, during: During) -> None:
        super().__init__(name="beside the device", daemon=True)
        self.over = threading.Event()
        self.status = 1
        self._place = place
        self._during = during

    def run(self) -> None:
        """Do it."""
        guard = self._reach()
        if guard is None:
            return
        threading.Thread(target=self._watch, args=(guard.process(),), name="watch", daemon=True).start()
        with guard, contextlib.suppress(LiveError):
            guard.command(GUARD)
            try:
                self.status = self._during(self._place.directory)
            finally:
                guard.close()

    def _watch(self, simulator: int) -> None:
        """Unmount once the simulator is dead: it may stay unreaped for as long as a thread of it waits for its answer,
        which is in no signal's reach, and nobody else would notice.
        """
        while not self.over.wait(WATCH_S):
            if not _lives(simulator):
                with contextlib.suppress(mount.MountError):
                    mount.unmount(self._place.directory)
                return

    def _reach(self) -> Live | None:
        """A connection, once there is one; None where the device is over before."""
        while not self.over.wait(READY_S):
            if self._place.beside(".sock").exists():
                with contextlib.suppress(LiveError):
                    return Live(self._place.directory)
        return None
