"""Live mode on a real kernel: programs, coherence, determinism and replay, and every way in which it can end.

Skipped, with the reason, where nothing can be mounted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pywellen
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Packets

from models.workload.trace import Fill, Load, Store, Trace, Wait
from tb.live import mount
from tb.live.replayed import replayed
from tb.live.run import PLACES
from tb.sim_top import system
from tb.simulation import RUNS
from tb.timing import __main__ as timing
from tb.timing import waves
from tests.live.programs import PROGRAMS
from tests.test_timing import rises

ROOT = Path(__file__).resolve().parents[2]
OBSTACLE = mount.obstacle()
TIMEOUT_S = 120.0
ZAPS = int(os.environ.get("LIVE_ZAPS", "2000"))

pytestmark = pytest.mark.skipif(bool(OBSTACLE), reason=OBSTACLE or "it can")


STARTED: list[Live] = []


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """What takes long is done before anything waits for it."""
    system("verilator").build()


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """A test that fails leaves no device to the next one."""
    yield
    while STARTED:
        live = STARTED.pop()
        if live.process.poll() is None:
            live.process.terminate()
            live.end()


class Live:
    """`make live` as a process with an output of its own; `end` waits for it, and leaves nothing behind if it hangs."""

    def __init__(self, *options: str, command: str = "") -> None:
        words = [sys.executable, "-m", "tb.live", *options, *(["--command", command] if command else [])]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "TMPDIR": str(ROOT / "sim_build" / "tmp"), "PYTHONPATH": path}
        Path(environment["TMPDIR"]).mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        STARTED.append(self)

    def end(self, seconds: float = TIMEOUT_S) -> tuple[int, str, str]:
        """(status, output, errors) when it has ended."""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            for simulator in simulators(self.process.pid):
                os.kill(simulator, signal.SIGKILL)
            self.process.send_signal(signal.SIGTERM)
            output, errors = self.process.communicate(timeout=60)
            pytest.fail(f"it hung: {output[-2000:]} {errors[-2000:]}")
        assert not any(mount.mounted(place) for place in self.places()), "its mount is left"
        return self.process.returncode, output, errors

    def places(self) -> list[Path]:
        """Where it is, or was: as a file says that stays only where it could not clear up."""
        files = [file for file in PLACES.glob("*.json") if json.loads(file.read_text())["pid"] == self.process.pid]
        return [file.with_suffix("") for file in files]


def simulators(parent: int) -> list[int]:
    """The simulators that a process has started."""
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(one) for one in text.split() if b"sim_top" in Path(f"/proc/{one}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each program said, run once inside of one device, whose pages the oracle looks at."""
    file = tmp_path_factory.mktemp("live") / "results"
    status, _, errors = Live("--check", command=f"{sys.executable} -m tests.live.programs {file}").end()
    assert status == 0, errors
    found: dict[str, str] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_uses_the_device(name: str, results: dict[str, str]) -> None:
    assert results[name] == ""


def coherence(writers: int, zaps: int, seed: int, *options: str) -> None:
    status, output, errors = Live(
        *options, command=f"{sys.executable} {ROOT}/tests/live/coherence.py {writers} {zaps} {seed}"
    ).end(TIMEOUT_S + zaps)
    assert status == 0, output + errors
    assert int(re.search(r"([\d,]+) pages zapped", output)[1].replace(",", "")) >= zaps  # type: ignore[index]


@pytest.mark.parametrize("policy", ["adaptive", "page-mkwrite"])
def test_nothing_is_lost_or_stale_among_writers_and_device(policy: str) -> None:
    coherence(3, ZAPS, 1, "--policy", policy, "--check")


BROKEN = """
import builtins, os, sys
real = builtins.__import__
def hooked(*words, **more):
    found = real(*words, **more)
    server = sys.modules.get("tb.live.server")
    if hasattr(server, "Server"):
        server.Server.recall = lambda self, step: None
        builtins.__import__ = real
    return found
if "LIVE_CONFIG" in os.environ:
    builtins.__import__ = hooked
"""


def test_the_check_of_coherence_sees_a_kernel_that_keeps_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without the recall, which drops pages and collects stores, the same program fails."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, output, _ = Live(command=f"{sys.executable} {ROOT}/tests/live/coherence.py 2 300 1").end()
    assert status != 0 and re.search("stale|lost|a copy", output), output


PROGRAM = """
import mmap, os
from tb.live.client import Live
with Live() as device:
    path = device.create("one", 256, 64, "rgba", "Y_TILED")
    file = os.open(path, os.O_RDWR)
    memory = mmap.mmap(file, 0)
    for turn in range(6):
        device.fill("one", turn * 8, turn, 64, 20, f"0{turn}020304")
        memory[turn * 5000 : turn * 5000 + 2000] = bytes([turn]) * 2000
        os.pwrite(file, b"written", turn * 7000)
        device.copy("one", 128, 40, 64, 20, 0, 0)
        memory[:]
    device.wait()
    device.fill("one", 0, 0, 1, 1, "00000000")
"""


def answers(log: str) -> list[str]:
    """The answers of a log, without the kernel's numbers."""
    return [" ".join(line.split()[:1] + line.split()[2:]) for line in log.splitlines() if line[0].islower()][1:]


def test_a_program_takes_the_same_cycles_every_time_and_its_log_replays(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    logs = []
    for number in range(2):
        file = tmp_path / f"{number}.log"
        status, _, errors = Live(
            "--record", "--log", str(file), command=f"{sys.executable} {tmp_path}/program.py"
        ).end()
        assert status == 0, errors
        logs.append(file.read_text())
    assert answers(logs[0]) == answers(logs[1]) and len(answers(logs[0])) > 30
    trace = tmp_path / "0-one.trace"
    kinds = [type(one) for one in Trace.parse(trace.read_text(), "one").actions]
    assert {Fill, Load, Store, Wait} <= set(kinds) and kinds.count(Fill) == 7
    log = tmp_path / "log"
    log.write_text(logs[0])
    status, output, errors = Live("--replay", str(log), "--check").end()
    assert status == 0 and "as logged" in output, errors
    lines = logs[0].splitlines()
    where = max(index for index, line in enumerate(lines) if line.startswith("give"))
    words = lines[where].split()
    lines[where] = " ".join([*words[:2], str(int(words[2]) + 1), words[3]])
    log.write_text("\n".join(lines) + "\n")
    status, _, errors = Live("--replay", str(log)).end()
    assert status == 1 and f"{log}:{where + 1}:" in errors


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The log of a program's run, and the trace that the run itself kept."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "program.py").write_text(PROGRAM)
    log, copy = folder / "log", folder / "trace.bin"
    command = f"{sys.executable} {folder}/program.py"
    live = Live("--trace", "--log", str(log), command=f'{command} && echo "$LIVE"')
    status, output, errors = live.end()
    assert status == 0, errors
    trace = RUNS / "verilator" / "live" / Path(output.strip()).name / "trace.bin"
    copy.write_bytes(trace.read_bytes())
    return log, copy.read_bytes()


def test_the_replay_of_a_log_leaves_the_trace_of_the_run_and_is_timed(told: tuple[Path, bytes]) -> None:
    log, trace = told
    run = replayed(log)
    again = (RUNS / "verilator" / "timing" / "live" / "trace.bin").read_bytes()
    assert again == trace
    kinds = {one.kind for one in run.operations}
    assert kinds >= {"page_fault", "writeback", "render", "descriptor.readback", "descriptor.fill", "descriptor.copy"}
    for one in run.operations:
        assert sum(one.parts.values()) == one.cycles, one
    assert max(one.parts["interrupt"] for one in run.operations) < 50, "host work costs none of the simulated time"
    assert run.title == f"REPLAY={log}" and timing.main(["--replay", str(log)]) == 0
    packets = Packets.FromString((timing.RESULTS / "trace.perfetto").read_bytes()).packet
    named = {packet.track_event.name for packet in packets}
    fault = next(one for one in run.operations if one.kind == "page_fault" and one.tags)
    assert f"page_fault {fault.number}" in named
    assert f"REPLAY={log}" in (timing.RESULTS / "report.html").read_text(encoding="utf-8")
    file = waves.dumped(run, fault)
    line = next(one.signal for one in pywellen.Waveform(str(file)).all_vars() if one.full_name == "sim_top.irq")
    assert fault.interrupt is not None and rises(line)[-1] == fault.interrupt


def test_a_log_without_an_end_replays_to_where_it_ends(told: tuple[Path, bytes], tmp_path: Path) -> None:
    """Cut in a line, and where the kernel is about to say that it has done what it was asked for."""
    text = told[0].read_text()
    lines = text.splitlines(keepends=True)
    asked = [index for index, line in enumerate(lines) if line.startswith("F ")]
    cut = tmp_path / "cut"
    for part in (text[: len(text) // 2], "".join(lines[: asked[len(asked) // 2]]), "".join(lines[:1])):
        cut.write_text(part)
        status, output, errors = Live("--replay", str(cut)).end(60)
        assert status == 0 and "as logged" in output, errors


def test_the_commands_status_is_the_devices() -> None:
    assert Live(command="kill -9 $$").end()[0] == 137


BUSY = """
import mmap, os, sys
from tb.live.client import Live
device = Live()
path = device.create("busy", 1024, 256, "rgba")
for _ in range(3):
    os.fork()
memory = mmap.mmap(os.open(path, os.O_RDWR), 0)
device = Live()
os.write(1, b"busy\\n")
while True:
    device.fill("busy", 0, 0, 1024, 256, "01010101")
    for page in range(256):
        memory[page * 4096] = memory[page * 4096 + 1]
"""


def busy(tmp_path: Path, *options: str) -> Live:
    """A device with eight clients that do not stop."""
    (tmp_path / "busy.py").write_text(BUSY)
    live = Live(*options, command=f"{sys.executable} {tmp_path}/busy.py")
    assert live.process.stdout is not None
    for _ in range(8):
        assert "busy" in live.process.stdout.readline()
    time.sleep(0.3)
    return live


def again() -> None:
    """A second start works."""
    status, output, errors = Live(command="cat status").end()
    assert status == 0 and "cycle" in output, errors


def test_clients_of_a_simulator_that_crashes_get_an_error(tmp_path: Path) -> None:
    live = busy(tmp_path)
    for simulator in simulators(live.process.pid):
        os.kill(simulator, signal.SIGKILL)
    status, _, errors = live.end(60)
    assert status == 1 and "error:" in errors
    again()


DIES = """
import builtins, os, signal, sys
real = builtins.__import__
def hooked(*words, **more):
    found = real(*words, **more)
    server = sys.modules.get("tb.live.server")
    if hasattr(server, "Server"):
        pump, access = server.Server._pump, server.Server._access
        depth = []
        def inside(self, *words, **more):
            depth.append(1)
            try:
                return pump(self, *words, **more)
            finally:
                depth.pop()
        def dies(self, one):
            if depth and getattr(one, "dirty", False):
                os.kill(os.getpid(), signal.SIGKILL)
            access(self, one)
        server.Server._pump, server.Server._access = inside, dies
        builtins.__import__ = real
    return found
if "LIVE_CONFIG" in os.environ:
    builtins.__import__ = hooked
"""
ZAPPED = """
import mmap, os
from tb.live.client import Live
device = Live()
memory = mmap.mmap(os.open(device.create("one", 64, 64, "rgba"), os.O_RDWR), 0)
memory[0] = 1
device.fill("one", 0, 0, 64, 64, "01010101")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root aborts a connection everywhere")
def test_a_simulator_that_dies_in_a_zap_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its notifier waits in the kernel, where no signal reaches it, for the answer that it died before it gave."""
    (tmp_path / "sitecustomize.py").write_text(DIES)
    (tmp_path / "program.py").write_text(ZAPPED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    live = Live(command=f"{sys.executable} {tmp_path}/program.py")
    status, _, errors = live.end(40)
    assert status == 1 and "error:" in errors
    monkeypatch.delenv("PYTHONPATH")
    again()


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_it_ends_with_whoever_started_it(tmp_path: Path, how: str) -> None:
    live = busy(tmp_path)
    started = simulators(live.process.pid)
    live.process.send_signal(signal.Signals[f"SIG{how}"])
    live.process.wait(60)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{one}").exists() for one in started)
    live.end(60)
    if how == "KILL":
        again()


@pytest.mark.skipif(os.getuid() != 0, reason="only root unmounts what others use by force; fusermount3 does it lazily")
def test_it_is_unmounted_under_load(tmp_path: Path) -> None:
    log = tmp_path / "log"
    live = busy(tmp_path, "--log", str(log))
    for place in live.places():
        mount.unmount(place)
    assert live.end(60)[0] in (1, 128 + signal.SIGBUS)
    status, output, errors = Live("--replay", str(log)).end()
    assert status == 0 and "as logged" in output and "there the device ended: " in output, errors
