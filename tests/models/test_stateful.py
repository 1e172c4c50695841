"""Hypothesis walks through the states of the driver: what it finds is shrunk to a few steps that run as they are.

Two programs share a buffer of three pages under one policy; the device moves only when it is let or waited for. After
each step the oracle must be content, and at the end everybody looks everywhere. What is printed of a walk that fails is
a program: saved and run in the root of the repository, it fails in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from models.client.portable import Portable
from models.dmabuf import Buffer
from models.drawing import CopyBox, FillBox
from models.errors import BusFault, DriverError
from models.fence import Fence
from models.layout import Layout
from models.policy import Policy
from models.policy.adaptive import Adaptive
from models.policy.page_pagetable import PagePagetable
from models.promise import Promise
from models.surface import Box
from models.transfer_object import MapFlag
from tests.models.broken_drivers import ROOT, broken_tree, run_in
from tests.models.test_policy_contract import POLICIES
from tests.models.world import make_world, noise, permit

WIDTH, HEIGHT, PIXEL = 64, 48, 4
WHO = st.integers(0, 1)
X, Y = st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)
FLAGS = (MapFlag.READ, MapFlag.READ | MapFlag.WRITE, MapFlag.WRITE, MapFlag.WRITE | MapFlag.DISCARD_RANGE)
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

    def do(self, steps: Any) -> Any:
        """Run steps to their end; what is refused while a page is refused is no failure."""
        try:
            return self.world.run(steps)
        except (BusFault, DriverError):
            if self.refuses is None:
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
        self.do(self.clients[who].draw(self.world.buffer, [command]))

    @rule(who=WHO, y=st.integers(0, 15), height=st.integers(1, 8), source=st.integers(24, 40))
    def copy(self, who: int, y: int, height: int, source: int) -> None:
        self.do(self.clients[who].draw(self.world.buffer, [CopyBox(box_at(0, y, WIDTH, height), 0, source)]))

    @rule(who=WHO, x=X, y=Y, kind=st.integers(0, len(FLAGS) - 1))
    def transfer(self, who: int, x: int, y: int, kind: int) -> None:
        flags = FLAGS[kind]
        transfer = self.do(self.clients[who].transfer_map(self.world.buffer, box_at(x, y, 20, 6), flags))
        if transfer is not None:
            if flags & MapFlag.WRITE:
                self.stores += 1
                transfer.data[:] = noise(self.stores, *transfer.data.shape)
            self.do(self.clients[who].transfer_unmap(transfer))

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

    @precondition(lambda self: self.refuses is None and self.world.policy.promise is Promise.COHERENT)
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


class ProtectsNothing(PagePagetable):
    """Breaks R20: bits are recorded, pages that will be written are zapped without being protected first."""

    def to_zap(self, buffer: Buffer, writes: Iterable[int]) -> list[int]:
        return list(writes)[1:]


@pytest.mark.parametrize(
    "policy",
    [ForgetsTheDevice, LeavesDirtyPages, GuessesWithoutWaiting, ProtectsNothing],
    ids=lambda policy: policy.__name__,
)
def test_a_broken_policy_is_shrunk_to_a_few_steps_that_run(
    policy: Callable[[], Policy], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is a scenario: executed as it is printed, it fails again, in the same way."""
    with pytest.raises(AssertionError) as caught:
        walk(policy, settings(EXAMPLES, max_examples=200, derandomize=True))
    program = capsys.readouterr().out
    assert len(program.splitlines()) <= 13, program
    with pytest.raises(AssertionError) as again:
        exec(program, {})
    assert str(again.value).splitlines()[0] == str(caught.value).splitlines()[0]


def test_the_walk_that_a_broken_driver_fails_is_a_program_by_itself(tmp_path: Path) -> None:
    """Saved as pytest prints it, it shows the same violation in a process of its own, and none with the good driver."""
    tree = broken_tree(tmp_path / "tree", "zap skipped")
    test = "tests/models/test_stateful.py::test_no_walk_loses_a_byte[WholeSurface]"
    failed = run_in(tree, "-m", "pytest", "-q", "--noconftest", "-c", "pyproject.toml", test)
    printed = re.search(r"^import sys\n(?:.+\n)+?state\.teardown\(\)\n", failed.stdout, re.MULTILINE)
    assert failed.returncode == 1 and printed, failed.stdout
    (saved := tmp_path / "saved.py").write_text(printed.group(), encoding="utf-8")
    again, good = run_in(tree, saved), run_in(ROOT, saved)
    violation = again.stderr.splitlines()[-1]
    assert again.returncode == 1 and violation.startswith("AssertionError: Violation("), again.stderr
    assert violation in failed.stdout
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
