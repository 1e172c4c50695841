"""What surrounds a mover in its bench: boxes, page tables, surfaces, and the account of what each box must report.

The walker is played by `Pages`, which knows every page of an object and answers after a random while. Device memory and
host memory are numpy arrays; the bus side differs between the two movers and is theirs to play.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb.triggers import Timer

from models.layout import Cause, Layout
from models.memory import PAGE
from models.surface import Box, Surface
from tests.rtl.bench_box import Burst, HostBox, bursts
from tests.rtl.bench_tile import entry
from tests.rtl.harness import Bench, known

__all__ = ["Done", "MoverBench", "Piece"]

HOST = 1 << 20
DEVICE = 1 << 20
OBJECT_PAGES = 24
TIMEOUT = 20_000


@dataclass(frozen=True)
class Done:
    """What a mover reports of a box."""

    cause: Cause
    address: int
    bytes: int


@dataclass(frozen=True)
class Piece:
    """A burst with its bus address, or the reason why it has none."""

    burst: Burst
    address: int
    cause: Cause


class MoverBench(Bench, ABC):
    """A mover's commands, translations, surfaces and ends."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        rng = self.rng
        self.lanes = int(dut.DATA_W.value) // 8
        self.host = np.frombuffer(rng.randbytes(HOST), np.uint8).copy()
        self.device = np.frombuffer(rng.randbytes(DEVICE), np.uint8).copy()
        self.surfaces = [
            Surface(n * (DEVICE // 16), rng.randint(40, 220), rng.randint(8, 40), n % 4 + 1, Layout(n % 4))
            for n in range(16)
        ]
        self.surfaces[0] = Surface(0, 64, 40, 1, Layout.LINEAR)
        self.surfaces[4] = Surface(4 * (DEVICE // 16), 64, 40, 3, Layout.LINEAR)
        frames = rng.sample(range(HOST // PAGE), 8 * OBJECT_PAGES)
        self.frames = {(o, p): frames[o * OBJECT_PAGES + p] for o in range(8) for p in range(OBJECT_PAGES)}
        self.faults: dict[tuple[int, int], Cause] = {}
        self.slow = 6
        self.commands: list[HostBox] = []
        self.wanted: list[HostBox] = []
        self.done: list[Done] = []
        self._answers: list[tuple[int, int, int, Cause]] = []
        self._answer_valid = False
        self._cmd_valid = False
        self._surface = -1

    # ------------------------------------------------------------------------------------------ expectation
    def random_box(self, height: int = 6) -> HostBox:
        """A box inside one of the surfaces and inside an object, rows apart by at least their width."""
        rng = self.rng
        number = rng.randrange(16)
        surface = self.surfaces[number]
        width = rng.randint(1, rng.choice((2 * self.lanes, surface.row_bytes)))
        width = min(width, surface.row_bytes)
        height = rng.randint(1, min(height, surface.height))
        stride = rng.choice((width, width + rng.randint(0, 300), rng.randint(width, PAGE + width)))
        span = (height - 1) * stride + width
        offset = rng.randint(0, OBJECT_PAGES * PAGE - span)
        x, y = rng.randint(0, surface.row_bytes - width), rng.randint(0, surface.height - height)
        if surface.layout is Layout.LINEAR and not surface.row_bytes % 64 and rng.random() < 0.6:
            x, width, height = 0, surface.row_bytes * height, 1  # rows as dispatch merges them
            offset = rng.randint(0, OBJECT_PAGES * PAGE - width)
        return HostBox(x, y, width, height, offset, stride, number, rng.randrange(8))

    def pieces(self, box: HostBox) -> list[Piece]:
        """The bursts of a box up to and with the first that has no translation."""
        found = []
        for burst in bursts(box, self.lanes):
            page = (box.object, burst.offset // PAGE)
            cause = self.faults.get(page, Cause.NONE)
            address = burst.offset if cause else self.frames[page] * PAGE + burst.offset % PAGE
            if cause is Cause.WALK_ERROR:
                address = self.walk_address(*page)
            found.append(Piece(burst, address, cause))
            if cause:
                break
        return found

    @staticmethod
    def walk_address(number: int, page: int) -> int:
        """Bus address of the table entry that a WALK_ERROR names."""
        return (0x55_0000_0000 + number << 12) | page << 3

    def device_addresses(self, box: HostBox, burst: Burst) -> Any:
        """Device byte addresses of a burst's bytes, in order."""
        surface = self.surfaces[box.surface]
        if burst.x + burst.bytes <= surface.row_bytes:
            return surface.box_addresses(Box(burst.x, burst.y, burst.bytes, 1)).ravel()
        rows = surface.box_addresses(Box(0, burst.y, surface.row_bytes, surface.height - burst.y)).ravel()
        return rows[burst.x : burst.x + burst.bytes]

    # ------------------------------------------------------------------------------------------ one cycle
    def drive(self) -> None:
        """Command and translation of this cycle."""
        dut = self.dut
        if not self._cmd_valid and self.commands and self.chance():
            self._cmd_valid = True
            for name in ("surface", "object", "x", "y", "width", "height", "offset", "stride"):
                getattr(dut, f"cmd_{name}_i").value = getattr(self.commands[0], name)
        dut.cmd_soon_i.value = int(self._cmd_valid)
        dut.cmd_valid_i.value = int(self._cmd_valid)
        self.walker_ready = self.chance() and len(self._answers) < 4
        dut.req_ready_i.value = int(self.walker_ready)
        if not self._answer_valid and self._answers and self._answers[0][0] <= self.cycle:
            self._answer_valid = True
            _, number, page, cause = self._answers[0]
            on_bus = cause is Cause.WALK_ERROR
            address = self.walk_address(number, page)
            dut.rsp_frame_i.value = address >> 12 if on_bus else self.frames.get((number, page), 0x1234)
            dut.rsp_index_i.value = address >> 3 & 0x1FF if on_bus else self.rng.randrange(512)
            dut.rsp_cause_i.value = int(cause)
        dut.rsp_valid_i.value = int(self._answer_valid)
        self.done_ready = self.chance()
        dut.done_ready_i.value = int(self.done_ready)

    async def settle(self) -> None:
        """Let inputs act; the csr answers the surface that the mover names."""
        await super().settle()
        index = known(self.dut.surface_index_o)
        if index != self._surface:
            self._surface = index
            self.dut.surface_i.value = entry(self.surfaces[index])
            await Timer(200, "ps")

    def observe(self) -> None:
        """Take what was handed over in this cycle."""
        dut = self.dut
        if self._cmd_valid:
            assert dut.busy_o.value == 1, "idle with a box on offer"
            if int(dut.cmd_ready_o.value):
                self.wanted.append(self.commands.pop(0))
                self._cmd_valid = False
        if self._answer_valid and int(dut.rsp_ready_o.value):
            self._answers.pop(0)
            self._answer_valid = False
        if self.walker_ready and int(dut.req_valid_o.value):
            number, page = int(dut.req_object_o.value), int(dut.req_page_o.value)
            assert not int(dut.req_beyond_o.value)
            cause = self.faults.get((number, page), Cause.NONE)
            due = max(self.cycle + 1, self._answers[-1][0] if self._answers else 0) + self.rng.randint(0, self.slow)
            self._answers.append((due, number, page, cause))
        if len(self.done) < len(self.wanted):
            assert dut.busy_o.value == 1, "idle before the last end"
        if self.done_ready and int(dut.done_valid_o.value):
            assert len(self.done) < len(self.wanted), "an end too many"
            self.done.append(
                Done(Cause(int(dut.done_cause_o.value)), int(dut.done_address_o.value), int(dut.done_bytes_o.value))
            )

    @abstractmethod
    async def step(self) -> None:
        """One cycle; the benches of the movers add their bus."""

    async def perform(self, boxes: list[HostBox]) -> list[Done]:
        """Move the boxes, several under way; returns their ends, exactly one each."""
        self.commands, self.wanted, self.done = list(boxes), [], []
        start = self.cycle
        while len(self.done) < len(boxes):
            await self.step()
            assert self.cycle - start < TIMEOUT, f"{len(self.done)} of {len(boxes)} ended: {boxes}"
        for _ in range(12):
            await self.step()
        assert self.dut.busy_o.value == 0 and self.wanted == boxes
        return self.done
