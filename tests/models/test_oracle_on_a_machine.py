"""The oracle beside a machine that keeps its promise: nothing that the machine may do is a wrong read.

The machine has two buffers of a few bytes and one queue of drawings. It does at random moments what a driver and a
device may do at any: carry out drawings that were submitted, a command at a time, and let them fail half way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pytest

from models.dmabuf import Buffer
from models.drawing import CopyBox
from models.drawn import Drawn
from models.errors import DeviceError
from models.fence import Fence
from models.layout import Layout
from models.memory import Bytes
from models.oracle import Oracle, PatchBox
from models.surface import Box, Surface

WIDTH = 4
"""Bytes of a buffer."""
ACTIONS = 40
LIVES = 300


@dataclass(eq=False)
class Drawing:
    """A drawing on one buffer; `carried` counts the commands that were carried out."""

    to: int
    commands: list[Drawn]
    token: int
    fence: Fence
    fails: bool
    carried: int = 0
    returned: bool = False

    def bytes_of(self, machine: Machine) -> set[tuple[int, int]]:
        """What it writes, and what it reads where that must not change any more."""
        boxes = [(self.to, one.box.x, one.box.width) for one in self.commands]
        if machine.snapshot:
            boxes += [
                (machine.source(self, one), one.source_x, one.box.width)
                for one in self.commands
                if isinstance(one, CopyBox)
            ]
        return {(buffer, x) for buffer, first, count in boxes for x in range(first, first + count)}


@dataclass
class Machine:
    """Memory, the drawings that were called and those that were submitted; each access is told to the oracles."""

    seed: int
    snapshot: bool
    called: list[Drawing] = field(default_factory=list)
    submitted: list[Drawing] = field(default_factory=list)
    unknown: list[Drawing] = field(default_factory=list)
    """Those that are over, which the driver does not know yet."""
    reads: dict[tuple[int, int], tuple[list[Drawing], Bytes | None]] = field(default_factory=dict)
    """By buffer and token: the drawings that had returned before, and what the read has taken."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.memory = [np.zeros(WIDTH, np.uint8) for _ in range(2)]
        self.names = [cast(Buffer, object()) for _ in range(2)]
        watch: dict[Buffer, Oracle] = {}
        for name in self.names:
            surface = Surface(0, WIDTH, 1, 1, Layout.LINEAR)
            watch[name] = Oracle(surface, snapshot=self.snapshot, others=watch)
        self.oracles = list(watch.values())
        self.done: list[str] = []
        self.callers = self.random.choice((1, 1, 4))
        """How often drawings are called: with many, they cross."""
        self.failing = self.random.choice((0, 0.3))
        """How many of them fail: nothing is known of what they may have copied."""

    def source(self, drawing: Drawing, command: CopyBox) -> int:
        """The buffer that a command reads."""
        return drawing.to if command.source is None else self.names.index(command.source)

    def live(self) -> str:
        """Act at random, and look at everything often; return what was wrong and what had been done, or nothing."""
        for number in range(ACTIONS):
            if number % 8 == 7:
                self.look()
            else:
                self.random.choice(self.actions())()
            for oracle in self.oracles:
                if oracle.violations:
                    return "\n".join((*self.done, str(oracle.violations[0])))
        return ""

    def actions(self) -> list[Callable[[], None]]:
        """What may happen now."""
        may = [self.load, self.store, self.store, *[self.call] * self.callers]
        if self.called:
            may += [self.submit, self.refuse, self.abandon]
        if any(not one.returned for one in self.submitted + self.unknown):
            may += [self.end, self.end]
        if self.submitted:
            may += [self.step, self.step]
        if self.unknown:
            may.append(self.learn)
        may.append(self.begin_read)
        if self.reads:
            may += [self.capture, self.end_read]
        return may

    def note(self, words: str) -> None:
        """Keep what is done, for who has to understand a failure."""
        self.done.append(f"{words}   memory {[one.tolist() for one in self.memory]}")

    def run(self) -> tuple[int, int]:
        """A run of bytes: the first, and how many."""
        first = self.random.randrange(WIDTH)
        return first, self.random.randint(1, WIDTH - first)

    def bytes(self, count: int) -> Bytes:
        """New bytes."""
        return np.frombuffer(self.random.randbytes(count), np.uint8)

    # ------------------------------------------------------------------------------------------- programs

    def load(self) -> None:
        buffer = self.random.randrange(2)
        first, count = self.run()
        self.look_at(buffer, first, count)

    def look(self) -> None:
        """Load everything once all that was called has been submitted and has returned, in whatever order."""
        while self.called:
            self.submit()
        waiting = [one for one in (*self.submitted, *self.unknown) if not one.returned]
        for drawing in self.random.sample(waiting, len(waiting)):
            self.give_back(drawing)
        for buffer in range(2):
            self.look_at(buffer, 0, WIDTH)

    def look_at(self, buffer: int, first: int, count: int) -> None:
        self.wait_for({(buffer, x) for x in range(first, first + count)}, written=True)
        data = self.memory[buffer][first : first + count].copy()
        self.note(f"load {buffer} {first} {data.tolist()}")
        self.oracles[buffer].loaded("r", first, data)

    def store(self) -> None:
        buffer = self.random.randrange(2)
        first, count = self.run()
        self.wait_for({(buffer, x) for x in range(first, first + count)})
        data = self.bytes(count)
        self.memory[buffer][first : first + count] = data
        self.note(f"store {buffer} {first} {data.tolist()}")
        self.oracles[buffer].stored(first, data)

    def call(self) -> None:
        to = self.random.randrange(2)
        commands: list[Drawn] = []
        for _ in range(self.random.randint(1, 2)):
            first, count = self.run()
            box = Box(first, 0, count, 1)
            source = self.random.randrange(WIDTH - count + 1)
            other = self.random.randrange(2)
            if self.random.randrange(2) and (other != to or not box.overlaps(Box(source, 0, count, 1))):
                commands.append(CopyBox(box, source, 0, None if other == to else self.names[other]))
            else:
                commands.append(PatchBox(box, self.bytes(count)[np.newaxis]))
        self.note(f"call {to} {commands}")
        fence = Fence(0, len(self.done))
        token = self.oracles[to].draw_begins(commands)
        self.called.append(Drawing(to, commands, token, fence, self.random.random() < self.failing))

    def submit(self) -> None:
        drawing = self.called.pop(self.random.randrange(len(self.called)))
        self.note(f"submit {drawing.fence.value}")
        self.submitted.append(drawing)

    def end(self) -> None:
        """A drawing that was submitted returns to who called it."""
        self.give_back(self.random.choice([one for one in self.submitted + self.unknown if not one.returned]))

    def give_back(self, drawing: Drawing) -> None:
        """A drawing returns."""
        self.note(f"end {drawing.fence}")
        self.oracles[drawing.to].draw_ends(drawing.token, drawing.fence)
        drawing.returned = True

    def refuse(self) -> None:
        drawing = self.called.pop(self.random.randrange(len(self.called)))
        self.note(f"refuse {drawing.fence.value}")
        self.oracles[drawing.to].cancel(drawing.token)

    def abandon(self) -> None:
        """A drawing fails while it is called, with or without effect; the driver has waited for what there is."""
        drawing = self.called.pop(self.random.randrange(len(self.called)))
        if self.random.randrange(2):
            drawing.returned = True
            self.submitted.append(drawing)
            while self.submitted:
                self.step()
            while self.unknown:
                self.learn()
        self.note(f"abandon {drawing.fence.value}")
        self.oracles[drawing.to].abandon(drawing.token)

    # -------------------------------------------------------------------------------------------- transfers

    def begin_read(self) -> None:
        buffer = self.random.randrange(2)
        self.note(f"begin read of {buffer}")
        behind = [one for one in self.submitted if one.returned]
        self.reads[buffer, self.oracles[buffer].read_begins()] = behind, None

    def capture(self) -> None:
        """The bytes of a read are taken now, whatever is under way that was not before it."""
        key = self.random.choice(list(self.reads))
        self.note(f"capture {key} {self.take(key).tolist()}")

    def take(self, key: tuple[int, int]) -> Bytes:
        behind, _ = self.reads[key]
        while any(one in self.submitted for one in behind):
            self.step()
        data: Bytes = self.memory[key[0]].copy()
        self.reads[key] = behind, data
        return data

    def end_read(self) -> None:
        key = self.random.choice(list(self.reads))
        buffer, token = key
        data = self.reads[key][1]
        if data is None:
            data = self.take(key)
        del self.reads[key]
        while self.unknown:
            self.learn()
        self.note(f"end read {key} {data.tolist()}")
        self.oracles[buffer].read_ends(token, "t", Box(0, 0, WIDTH, 1), data.reshape(1, -1))

    # ------------------------------------------------------------------------------------------- the device

    def wait_for(self, touched: set[tuple[int, int]], *, written: bool = False) -> None:
        """Let the drawings end that touch some bytes, and those before them."""
        while any(touched & self.touching(one, written) for one in self.submitted):
            self.step()
        while self.unknown:
            self.learn()

    def touching(self, drawing: Drawing, written: bool) -> set[tuple[int, int]]:
        if not written:
            return drawing.bytes_of(self)
        return {(drawing.to, x) for one in drawing.commands for x in range(one.box.x, one.box.x + one.box.width)}

    def step(self) -> None:
        """The next command of the oldest drawing: whole, or any of its bytes where it fails, once it has returned."""
        drawing = self.submitted[0]
        if drawing.fails and not drawing.returned:
            self.give_back(drawing)
        if drawing.carried == len(drawing.commands):
            self.unknown.append(self.submitted.pop(0))
            return
        command = drawing.commands[drawing.carried]
        drawing.carried += 1
        new = self.memory[drawing.to].copy()
        where = slice(command.box.x, command.box.x + command.box.width)
        if isinstance(command, CopyBox):
            source = self.memory[self.source(drawing, command)]
            new[where] = source[command.source_x : command.source_x + command.box.width].copy()
        elif isinstance(command, PatchBox):
            new[where] = command.data[0]
        for x in range(WIDTH):
            if not drawing.fails or self.random.randrange(2):
                self.memory[drawing.to][x] = new[x]
        self.note(f"step {drawing.fence.value}, {'fails' if drawing.fails else 'well'}")

    def learn(self) -> None:
        """The driver learns how the oldest drawing that is over has ended."""
        drawing = self.unknown.pop(0)
        drawing.fence.finish(DeviceError("COPY_READ_ERROR") if drawing.fails else None)
        self.note(f"learn {drawing.fence}")


class Hasty(Machine):
    """A load looks before the drawings under way have ended."""

    def wait_for(self, touched: set[tuple[int, int]], *, written: bool = False) -> None:
        if not written:
            super().wait_for(touched)


class Forgetful(Machine):
    """Now and then a store reaches nothing."""

    def store(self) -> None:
        before = [one.copy() for one in self.memory]
        super().store()
        if self.random.randrange(4) == 0:
            self.memory = before


class Lazy(Machine):
    """Now and then a drawing is said to be well that did not draw."""

    def submit(self) -> None:
        super().submit()
        drawing = self.submitted[-1]
        if self.random.randrange(2):
            drawing.carried, drawing.fails = len(drawing.commands), False


@pytest.mark.parametrize("snapshot", [True, False])
def test_nothing_that_a_good_machine_does_is_wrong(snapshot: bool) -> None:
    for seed in range(LIVES):
        assert not (wrong := Machine(seed, snapshot).live()), f"seed {seed}: {wrong}"


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize(("machine", "least"), [(Hasty, 80), (Forgetful, 70), (Lazy, 55)])
def test_a_machine_that_breaks_its_promise_is_caught(machine: type[Machine], least: int, snapshot: bool) -> None:
    """Not in every life, for there has to be somebody who looks: in so many of a hundred."""
    caught = sum(bool(machine(seed, snapshot).live()) for seed in range(100))
    assert caught >= least, f"{caught} of 100"
