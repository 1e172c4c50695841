"""Hypothesis walks through the states of the driver: what it finds is shrunk to a few steps that run as they are.

Two programs share a buffer of three pages under one policy; the device moves only when it is let or waited for. They
draw, map, fork, transfer, grab and get signals; the kernel and another device reach the same pages. After each step
the oracle must be content, and at the end everybody looks everywhere. What is printed of a walk that fails is a
program: saved and run in the root of the repository, it fails in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from models.attachment import Direction
from models.bracket import SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE
from models.client.portable import Portable
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.errors import BusFault, DriverError
from models.fence import Fence
from models.grab import GRAB_ALLOW_SUBMISSION, GRAB_DONTBLOCK, GRAB_READ, GRAB_WRITE
from models.importer import DeviceFiles, ForeignImport
from models.layout import Layout
from models.oracle import PatchBox, failing
from models.policy import Policy
from models.policy.adaptive import Adaptive
from models.promise import Promise
from models.steps import ScanOut, Steps
from models.surface import Box
from models.transfer_object import MapFlag, TransferObject
from tests.models.broken_drivers import ROOT, Edit, apply, broken_tree, run_in
from tests.models.test_policy_contract import POLICIES
from tests.models.world import make_world, noise, permit

WIDTH, HEIGHT, PIXEL = 64, 48, 4
WHO = st.integers(0, 1)
X, Y = st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)
FLAGS = (
    MapFlag.READ, MapFlag.READ | MapFlag.WRITE, MapFlag.WRITE, MapFlag.WRITE | MapFlag.DISCARD_RANGE,
    MapFlag.WRITE | MapFlag.DISCARD_WHOLE,
)  # fmt: skip
LASTING = tuple(
    MapFlag.PERSISTENT | way
    for way in (MapFlag.READ, MapFlag.READ | MapFlag.WRITE, MapFlag.WRITE, MapFlag.WRITE | MapFlag.DISCARD_RANGE)
)
GRABS = tuple(way | more for way in (GRAB_READ, GRAB_WRITE) for more in (0, GRAB_DONTBLOCK, GRAB_ALLOW_SUBMISSION))
EXAMPLES = settings(
    max_examples=50,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=(Phase.generate, Phase.shrink),
)


def box_at(x: int, y: int, width: int, height: int) -> Box:
    """A box of at most so many pixels from a pixel on."""
    return Box(x * PIXEL, y, min(width, WIDTH - x) * PIXEL, min(height, HEIGHT - y))


class Programs(RuleBasedStateMachine):
    """Two programs, one buffer, one device."""

    policy: Callable[[], Policy] = Adaptive

    def __init__(self) -> None:
        super().__init__()
        self.world = make_world(
            width=WIDTH, height=HEIGHT, bytes_per_pixel=PIXEL, layout=Layout.Y_TILED, policy=type(self).policy()
        )
        self.clients = [Portable(name, self.world.driver, self.world.shared, self.world.watch) for name in ("a", "b")]
        self.stores = 0
        self.refuses: int | None = None
        self.grabbed: list[int] = []
        self.lasting: list[tuple[int, TransferObject]] = []
        self.elsewhere: DeviceFiles | None = None
        self.foreign: ForeignImport | None = None
        self.writes_elsewhere = False

    @property
    def reached(self) -> bool:
        """Whether the kernel and other devices may look at the host's pages (R4, R13)."""
        policy = self.world.policy
        return policy.promise in (Promise.COHERENT, Promise.BRACKETED) and not policy.uncached

    @property
    def touched(self) -> bool:
        """Whether loads and stores through any mapping are judged."""
        return self.world.policy.mmap and self.world.policy.promise is not Promise.EXPLICIT

    def do(self, steps: Any, *allowed: str) -> Any:
        """Run steps to their end; what is refused while a page is refused or the buffer grabbed is no failure."""
        try:
            return self.world.run(steps)
        except (BusFault, DriverError) as error:
            busy = isinstance(error, DriverError) and error.errno in (*allowed, *("EBUSY",) * len(self.grabbed))
            if self.refuses is None and not busy:
                raise
            return None
        finally:
            wrong = self.world.oracle.violations
            assert not wrong, wrong[0]

    @rule(who=WHO, x=X, y=Y, width=st.integers(1, WIDTH), height=st.integers(1, 12))
    def store(self, who: int, x: int, y: int, width: int, height: int) -> None:
        box = box_at(x, y, width, height)
        self.stores += 1
        self.do(self.clients[who].write_box(box.x, box.y, noise(self.stores, box.height, box.width)))

    @rule(who=WHO, x=X, y=Y, width=st.integers(1, WIDTH), height=st.integers(1, HEIGHT))
    def load(self, who: int, x: int, y: int, width: int, height: int) -> None:
        self.do(self.clients[who].read_box(box_at(x, y, width, height)))

    @rule(who=WHO, x=X, y=Y, width=st.integers(1, WIDTH), height=st.integers(1, HEIGHT), colour=st.integers(1, 255))
    def fill(self, who: int, x: int, y: int, width: int, height: int, colour: int) -> None:
        command = FillBox(box_at(x, y, width, height), bytes([colour]) * PIXEL)
        drawn = self.do(self.clients[who].draw(self.world.buffer, [command]))
        assert drawn is None or not self.grabbed, "drawing on what is grabbed"

    @rule(who=WHO, y=st.integers(0, 15), height=st.integers(1, 8), source=st.integers(24, 40))
    def copy(self, who: int, y: int, height: int, source: int) -> None:
        self.do(self.clients[who].draw(self.world.buffer, [CopyBox(box_at(0, y, WIDTH, height), 0, source)]))

    @precondition(lambda self: not self.grabbed)
    @rule(who=WHO, x=X, y=Y, kind=st.integers(0, len(FLAGS) - 1))
    def transfer(self, who: int, x: int, y: int, kind: int) -> None:
        flags = FLAGS[kind]
        transfer = self.do(self.clients[who].transfer_map(self.world.buffer, box_at(x, y, 20, 6), flags))
        if transfer is not None:
            if flags & MapFlag.WRITE:
                self.stores += 1
                transfer.data[:] = noise(self.stores, *transfer.data.shape)
            self.do(self.clients[who].transfer_unmap(transfer))

    @precondition(lambda self: len(self.lasting) < 2)
    @rule(who=WHO, x=X, y=Y, kind=st.integers(0, len(LASTING) - 1))
    def begin_lasting_transfer(self, who: int, x: int, y: int, kind: int) -> None:
        transfer = self.do(self.clients[who].transfer_map(self.world.buffer, box_at(x, y, 20, 6), LASTING[kind]))
        if transfer is not None:
            self.lasting.append((who, transfer))

    @precondition(lambda self: self.lasting and not self.grabbed)
    @rule(x=st.integers(0, 19), y=st.integers(0, 5), barrier=st.booleans())
    def change_lasting_transfer(self, x: int, y: int, barrier: bool) -> None:
        who, transfer = self.lasting[0]
        if transfer.flags & MapFlag.WRITE:
            self.stores += 1
            part = transfer.data[y:, x * PIXEL :]
            part[:] = noise(self.stores, *part.shape)
        if barrier:
            self.do(self.clients[who].transfer_barrier(transfer))

    @precondition(lambda self: self.lasting and not self.grabbed)
    @rule()
    def end_lasting_transfer(self) -> None:
        who, transfer = self.lasting.pop(0)
        self.do(self.clients[who].transfer_unmap(transfer))

    @precondition(lambda self: self.touched)
    @rule(who=WHO, x=X, y=Y, write=st.booleans())
    def fork(self, who: int, x: int, y: int, write: bool) -> None:
        client, box = self.clients[who], box_at(x, y, WIDTH, 10)
        self.stores += 1
        self.do(self._in_a_child(client, box, noise(self.stores, box.height, box.width) if write else None))

    def _in_a_child(self, client: Portable, box: Box, data: Any) -> Steps[None]:
        child = yield from client.forking(f"child {self.stores}")
        (mapping,) = child.table.mappings
        bracketed, flags = self.world.policy.promise is Promise.BRACKETED, SYNC_READ if data is None else SYNC_WRITE
        try:
            if bracketed:
                yield from child.sync(client.descriptor, SYNC_START | flags)
            if data is None:
                yield from child.load_box(mapping, box)
            else:
                yield from child.store_box(mapping, box.x, box.y, data)
            if bracketed:
                yield from child.sync(client.descriptor, SYNC_END | flags)
        except (BusFault, DriverError):
            yield from child.exit()
            raise
        yield from child.exit()

    @rule(who=WHO)
    def signal(self, who: int) -> None:
        self.clients[who].signals.send()

    @rule(who=WHO, kind=st.integers(0, len(GRABS) - 1))
    def grab(self, who: int, kind: int) -> None:
        flags = GRABS[kind]

        def steps() -> Steps[None]:
            yield from self.clients[who].grabs.grab(self.world.buffer, flags)
            if not flags & GRAB_ALLOW_SUBMISSION:
                self.grabbed.append(who)

        self.do(steps(), *(("EBUSY",) if flags & GRAB_DONTBLOCK else ()))

    @precondition(lambda self: self.grabbed)
    @rule()
    def release(self) -> None:
        self.clients[self.grabbed.pop()].grabs.release(self.world.buffer)

    @precondition(lambda self: self.reached)
    @rule(who=WHO, x=X, y=Y, write=st.booleans())
    def kernel(self, who: int, x: int, y: int, write: bool) -> None:
        at = y * WIDTH * PIXEL + x * PIXEL
        length = min(600, self.world.buffer.surface.linear_size - at)
        self.stores += 1
        self.do(self._in_the_kernel(self.clients[who], at, length, noise(self.stores, 1, length)[0] if write else None))

    def _in_the_kernel(self, client: Portable, at: int, length: int, data: Any) -> Steps[None]:
        oracle, kernel, flags = self.world.oracle, client.dmabuf.vmap(), SYNC_READ if data is None else SYNC_WRITE
        try:
            yield from client.sync(client.descriptor, SYNC_START | flags)
            if data is None:
                oracle.loaded("kernel", at, kernel.load(at, length))
            else:
                yield from kernel.store(at, data)
                oracle.stored(at, data)
        finally:
            client.dmabuf.vunmap()
        yield from client.sync(client.descriptor, SYNC_END | flags)

    @rule(who=WHO)
    def import_here(self, who: int) -> None:
        handles = self.clients[who].handles
        handle, same = handles.import_dmabuf(self.world.shared)
        assert same and handles.buffer(handle) is self.world.buffer
        assert handles.import_dmabuf(self.world.shared) == (handle, same)
        self.do(handles.close(handle))

    @precondition(lambda self: self.reached)
    @rule(keep=st.booleans())
    def fetch_elsewhere(self, keep: bool) -> None:
        self.do(self._elsewhere(Direction.TO_DEVICE, self._fetch, keep))

    @precondition(lambda self: self.reached and self.refuses is None and (not self.foreign or self.writes_elsewhere))
    @rule(colour=st.integers(1, 255), y=Y, keep=st.booleans())
    def deliver_elsewhere(self, colour: int, y: int, keep: bool) -> None:
        """Where no readback is refused: what the other device writes there would be lost."""
        box, pixel = box_at(0, y, WIDTH, 6), bytes([colour]) * PIXEL
        self.do(self._elsewhere(Direction.BIDIRECTIONAL, lambda foreign: self._deliver(foreign, box, pixel), keep))

    def _elsewhere(
        self, direction: Direction, work: Callable[[ForeignImport], Steps[None]], keep: bool
    ) -> Steps[None]:
        """Have the other device import the buffer, unless it has, and do something; perhaps it stays mapped there."""
        if self.foreign is None:
            peer, files = self.world.peer, DeviceFiles("other")
            handle, same = files.import_dmabuf(self.world.shared)
            assert not same
            self.elsewhere, self.foreign = files, files.foreign(handle, self.world.host, peer.engine)
            self.writes_elsewhere = direction is not Direction.TO_DEVICE
        if not self.foreign.mapped:
            yield from self.foreign.map(Direction.BIDIRECTIONAL if self.writes_elsewhere else Direction.TO_DEVICE)
        yield from work(self.foreign)
        if not keep:
            yield from self._give_back()

    def _give_back(self) -> Steps[None]:
        files, self.elsewhere, self.foreign = self.elsewhere, None, None
        assert files is not None
        yield from files.close_all()

    @precondition(lambda self: self.foreign is not None)
    @rule()
    def give_back(self) -> None:
        self.do(self._give_back())

    def _copy(self) -> Steps[Buffer]:
        return self.world.peer.create("copy", WIDTH, HEIGHT, PIXEL, Layout.LINEAR)

    def _fetch(self, foreign: ForeignImport) -> Steps[None]:
        peer, oracle = self.world.peer, self.world.oracle
        copy = yield from self._copy()
        surface = copy.surface
        try:
            token = oracle.read_begins()
            with failing(oracle, token, DriverError):
                after = copy.reservation.waits(True)
                yield from peer.wait((yield from foreign.read(copy.surface_handle, surface.box, after=after)))
                raw = yield ScanOut(surface.base, surface.size, 1)
            oracle.read_ends(token, "other", surface.box, surface.detile(raw))
        except DriverError:
            yield from peer.destroy(copy)
            raise
        yield from peer.destroy(copy)

    def _deliver(self, foreign: ForeignImport, box: Box, pixel: bytes) -> Steps[None]:
        peer, oracle = self.world.peer, self.world.oracle
        copy = yield from self._copy()
        yield from peer.wait((yield from peer.draw(copy, [FillBox(box, pixel)])))
        try:
            data = np.tile(np.frombuffer(pixel, np.uint8), (box.height, box.width // PIXEL))
            token = oracle.draw_begins([PatchBox(box, data)])
            with failing(oracle, token, DriverError):
                at = box.y * WIDTH * PIXEL + box.x
                yield from peer.wait((yield from foreign.write(copy.surface_handle, box, offset=at)))
            oracle.draw_ends(token)
        except DriverError:
            yield from peer.destroy(copy)
            raise
        yield from peer.destroy(copy)

    @rule(who=WHO)
    def show(self, who: int) -> None:
        self.do(self.clients[who].show())

    @precondition(lambda self: self.world.policy.promise is Promise.DEFERRED)
    @rule(who=WHO)
    def flush(self, who: int) -> None:
        self.do(self.clients[who].flush())

    @rule(descriptors=st.integers(1, 6))
    def let_the_device(self, descriptors: int) -> None:
        for _ in range(descriptors):
            self.world.device.advance()

    @rule(who=WHO)
    def unmap_and_map_again(self, who: int) -> None:
        client = self.clients[who]
        if client.mapping is not None:
            self.do(client.unmap(client.mapping))
            client.mapping = client.map(client.descriptor)

    @precondition(
        lambda self: self.refuses is None and self.foreign is None and self.world.policy.promise is Promise.COHERENT
    )
    @rule(page=st.integers(0, 2))
    def refuse_readback(self, page: int) -> None:
        self._permit(page, False)
        self.refuses = page

    @precondition(lambda self: self.refuses is not None)
    @rule()
    def permit_readback(self) -> None:
        page, self.refuses = self.refuses, None
        assert page is not None
        self._permit(page, True)

    def _permit(self, page: int, writable: bool) -> None:
        self.world.run(permit(self.world.driver, self.world.buffer, page, writable=writable))

    def teardown(self) -> None:
        if self.refuses is not None:
            self.permit_readback()
        while self.grabbed:
            self.release()
        while self.lasting:
            self.end_lasting_transfer()
        if self.foreign is not None:
            self.give_back()
        for who in range(2):
            self.load(who, 0, 0, WIDTH, HEIGHT)
        if self.world.policy.promise is Promise.DEFERRED:
            self.flush(0)
        self.show(0)
        assert not self.world.device.locks


def programs(policy: Callable[[], Policy]) -> type[Programs]:
    """The machine under a policy."""
    return type("Programs", (Programs,), {"policy": staticmethod(policy)})


def program_of(policy: Callable[[], Policy], error: BaseException) -> str:
    """The shortest walk that failed with this error, as a program to be run in the root of the repository."""
    told = "\n".join(getattr(error, "__notes__", []))
    walked = re.search(r"^state = Programs\(\)\n(?:state\..*\n?)+", told, re.MULTILINE)
    assert walked, f"no walk in {told!r}"
    return "\n".join(
        (
            "import sys",
            "sys.path.insert(0, '')",
            f"from {policy.__module__} import {policy.__name__}",
            "from tests.models.test_stateful import programs",
            f"Programs = programs({policy.__name__})",
            walked.group().strip(),
        )
    )


def walk(policy: Callable[[], Policy], chosen: settings = EXAMPLES) -> None:
    """Walk under a policy; the program of a walk that fails is printed as it is to be saved."""
    try:
        run_state_machine_as_test(programs(policy), settings=chosen)
    except Exception as error:
        print(program_of(policy, error))
        raise


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_no_walk_loses_a_byte(policy: Callable[[], Policy]) -> None:
    """R16, R19, R20, R31: whatever two programs do in whatever order."""
    walk(policy)


class ForgetsTheDevice(Adaptive):
    """Breaks R19: what the device writes is not remembered."""

    def drawing(self, buffer: Buffer, reads: Iterable[int], writes: Iterable[int], fence: Fence) -> None:
        super().drawing(buffer, reads, (), fence)


class LeavesDirtyPages(Adaptive):
    """Breaks R19: sends what the device reads, and forgets what it writes in part."""

    def harvest(
        self,
        buffer: Buffer,
        writes: Iterable[int] = (),
        *,
        reads: Iterable[int] | None = None,
        everything: bool = False,
    ) -> list[int]:
        kept = set(writes)
        found = super().harvest(buffer, writes, reads=reads, everything=everything)
        return [page for page in found if page not in kept]


class GuessesWithoutWaiting(Adaptive):
    """Breaks R17: brings pages back that are still being drawn."""

    def fault(self, buffer: Buffer, page: int, write: bool) -> Any:
        plan = super().fault(buffer, page, write)
        return replace(plan, wait=(), readback=(page,)) if plan.wait and not write else plan


@pytest.mark.parametrize(
    "policy",
    [ForgetsTheDevice, LeavesDirtyPages, GuessesWithoutWaiting],
    ids=lambda policy: policy.__name__,
)
def test_a_broken_policy_is_shrunk_to_a_few_steps_that_run(
    policy: Callable[[], Policy], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is a scenario: executed as it is printed, it fails again, in the same way."""
    with pytest.raises(AssertionError) as caught:
        walk(policy, settings(EXAMPLES, max_examples=200, derandomize=True))
    program = capsys.readouterr().out
    assert len(program.splitlines()) <= 24, program
    with pytest.raises(AssertionError) as again:
        exec(program, {})
    assert str(again.value).splitlines()[0] == str(caught.value).splitlines()[0]


BREAKS = (
    (Adaptive, "driver:Driver.reserve", "if buffer.grabs:", "if False:"),
    (Adaptive, "exporter:KernelMap._store", "self._driver.policy.unmapped(buffer, pages)", "pass"),
    (Adaptive, "exporter:Exporter.map", "yield from self._bring_back(", "yield from () and self._bring_back("),
    (Adaptive, "exporter:Exporter._taken_back", "self.driver.policy.written_elsewhere(self.buffer)", "pass"),
    (Adaptive, "driver:Driver.push", "if not writes or", "if True or"),
    (Adaptive, "importer:DeviceFiles.import_dmabuf", "if known.dmabuf is dmabuf:", "if False:"),
    (Adaptive, "page_table:AddressSpace.fork", "self.add(copy)", "pass"),
    (Adaptive, "transfer_object:Transfers.barrier", "fence = yield from self._send(transfer)", "fence = None"),
)


@pytest.mark.parametrize(("policy", "where", "old", "new"), BREAKS, ids=[where for _, where, *_ in BREAKS])
def test_what_programs_do_shows_where_it_is_broken(
    policy: Callable[[], Policy], where: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grabs, kernel maps, imports both ways, forks, and transfers that last or discard are judged.

    Without the second look before each DMA, which hides what a map or a push leaves out.
    """
    apply(Edit("importer:ForeignImport._submit", "yield from self.dmabuf.refresh()", "pass"), monkeypatch)
    apply(Edit(where, old, new), monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011
        walk(policy, settings(EXAMPLES, max_examples=300, derandomize=True, phases=(Phase.generate,)))


def test_the_walk_that_a_broken_driver_fails_is_a_program_by_itself(tmp_path: Path) -> None:
    """Saved as pytest prints it, it shows the same violation in a process of its own, and none with the good driver."""
    tree = broken_tree(tmp_path / "tree", "zap skipped")
    test = "tests/models/test_stateful.py::test_no_walk_loses_a_byte[WholeSurface]"
    pytest_of_it = ("-m", "pytest", "-q", "--noconftest", "-c", "pyproject.toml", test)
    # Not every handful of walks comes to where it is broken.
    tries = (run_in(tree, *pytest_of_it, f"--hypothesis-seed={seed}") for seed in range(12))
    failed = next(ran for ran in tries if ran.returncode)
    printed = re.search(r"^import sys\n(?:.+\n)+?state\.teardown\(\)\n", failed.stdout, re.MULTILINE)
    assert failed.returncode == 1 and printed, failed.stdout
    (saved := tmp_path / "saved.py").write_text(printed.group(), encoding="utf-8")
    again, good = run_in(tree, saved), run_in(ROOT, saved)
    violation = again.stderr.splitlines()[-1]
    assert again.returncode == 1 and violation.startswith("AssertionError: Violation("), again.stderr
    assert violation in failed.stdout
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
