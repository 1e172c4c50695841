"""The timelines of docs/protocols.md: each protocol once, on an engine with nothing else to do, from the one trace.

Every test leaves the lines of its timeline, and the cycles that it takes, in files beside the trace;
`tests/system/waveforms.py` puts them into the page. Cycles count from the first event shown. 64-bit bus, host memory
answers after 13 cycles unless told.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from models.client.process import Process
from models.driver import Driver, FillBox
from models.engine import Queue
from models.faultline_engine import FaultlineEngine
from models.layout import Address, Cause, Control, Descriptor, Layout, Opcode, Status
from models.memory import PAGE, HostMemory
from models.page_table import ObjectTable
from models.policy.page_mkwrite import PageMkwrite
from models.steps import CsrRead, CsrWrite, Delay, Steps
from models.surface import Box, Surface
from tb.agents.memory import MemoryConfig, Stall
from tb.bridge import Stamped, bridge_of
from tb.clocking import cycle_now
from tb.env import Environment, run_body
from tb.sequences import Rig, boxed
from tb.sim_top import flush_trace, reset
from tb.trace import Kind, Moment, Trace, merge

HOST_SIZE = 1 << 20
PAGES = 8
ROW = 512
READS = ("host data", "transfer ring", "render ring", "page table")
WRITES = ("host data", "record or fence")

_SHOWN = {
    Kind.READ_ADDRESS: "AR", Kind.READ_FIRST: "R first", Kind.READ_LAST: "R last", Kind.WRITE_ADDRESS: "AW",
    Kind.WRITE_FIRST: "W first", Kind.WRITE_LAST: "W last", Kind.WRITE_RESPONSE: "B",
}  # fmt: skip


def _hardware(event: Any) -> str:
    kind, number, value = Kind(int(event["kind"])), int(event["id"]), int(event["value"])
    if kind in _SHOWN:
        whose = (READS if kind <= Kind.READ_LAST else WRITES)[number]
        answer = f", response {int(event['cause'])}" if event["cause"] else ""
        return f"{_SHOWN[kind]:<8}  {whose}, {int(event['length'])} bytes{answer}"
    if kind is Kind.DOORBELL:
        return f"doorbell  {Queue(number).name.lower()} queue, tail {value}"
    if kind is Kind.RECORD:
        status, cause = divmod(int(event["cause"]), 256)
        end = Status(status).name if not cause else f"{Status(status).name} {Cause(cause).name}"
        return f"record    {Queue(number).name.lower()} queue, {value} bytes, {end}"
    if kind is Kind.FENCE:
        return f"fence     value {value}"
    return {Kind.IRQ_RISE: "irq       rises", Kind.IRQ_FALL: "irq       falls"}[kind]


def _software(note: Stamped) -> str:
    event = note.event
    parts = [
        f"{field.name} {_value(getattr(event, field.name))}"
        for field in fields(event)
        if field.name not in ("process", "buffer") and getattr(event, field.name) not in ("", ())
    ]
    return f"driver    {type(event).__name__}" + (f": {', '.join(parts)}" if parts else "")


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{first}-{first + count - 1}" if count > 1 else str(first) for first, count in value)
    return str(value)


_LESSER = (Kind.READ_FIRST, Kind.WRITE_FIRST, Kind.WRITE_LAST, Kind.WRITE_RESPONSE)
"""Kinds that are listed for host data only; the lanes show them all."""


def _list(moments: Sequence[Moment[Stamped]], zero: int) -> list[str]:
    """One line an event, its cycle from `zero` on; of many bursts of host data the first and the last."""
    moments = [
        one for one in moments
        if one.event is None or int(one.event["id"]) == 0 or Kind(int(one.event["kind"])) not in _LESSER
    ]  # fmt: skip
    texts = [_hardware(one.event) if one.note is None else _software(one.note) for one in moments]
    total, seen, lines = Counter(texts), Counter[str](), []
    for moment, text in zip(moments, texts, strict=True):
        seen[text] += 1
        many = "host data" in text and total[text] > 1
        if not many or seen[text] in (1, total[text]):
            number = f" ({seen[text]} of {total[text]})" if many else ""
            lines.append(f"{moment.cycle - zero:6}  {text}{number}")
    return lines


class Scene:
    """An engine brought up, one linear surface, one host object, and the window of the trace that is shown."""

    def __init__(self, env: Environment, host: HostMemory) -> None:
        self.env = env
        self.host = host
        self.rig = Rig(host, bus=MemoryConfig().bus)
        self.frames = host.allocate(PAGES, "object")
        self.begin = 0

    def open(self) -> Steps[None]:
        """Bring the engine up, give the surface bytes, and leave no translation cached."""
        yield from self.rig.bring_up()
        yield from self.rig.surface(0, Surface(0, ROW, PAGES * PAGE // ROW, 1, Layout.LINEAR))
        yield from self.rig.object(0, ObjectTable(self.host, self.frames))
        whole = boxed(Opcode.WRITEBACK, Box(0, 0, ROW, PAGES * PAGE // ROW), surface=0, object=0, host_stride=ROW)
        yield from self.rig.perform(Queue.TRANSFER, [whole])
        yield from self.rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE, object=0)])
        yield Delay(400, "quiet")

    def now(self) -> None:
        """What is shown begins here."""
        self.begin = cycle_now()

    def show(self, queue: Queue, work: Sequence[Descriptor], records: int = 0) -> Steps[None]:
        """Show the work from the doorbell to the interrupt."""
        self.now()
        count = yield from self.rig.post(queue, work)
        yield from self.rig.collect(queue, records or count)


def box(opcode: Opcode, rows: int = 4, page: int = 0, stride: int = 2 * ROW, **more: int) -> Descriptor:
    """A transfer of some rows, from the first of a page on; with a gap behind each, so that each is a burst."""
    place = Box(0, page * PAGE // ROW, ROW, rows)
    return boxed(opcode, place, surface=0, object=0, host_offset=page * PAGE, host_stride=stride, **more)


def fence(value: int) -> Descriptor:
    """A FENCE."""
    return Descriptor(opcode=Opcode.FENCE, host_offset=value)


async def timeline(dut: Any, name: str, steps: Callable[[Scene], Steps[None]], *, opened: bool = True) -> None:
    """Perform the steps and leave the timeline of what they showed."""

    async def body(env: Environment) -> None:
        scene = Scene(env, HostMemory(os.environ["HOSTMEM_FILE"], HOST_SIZE))
        await reset(dut)
        bridge = bridge_of(env)
        if opened:
            await bridge.run({"open": scene.open()})
        await bridge.run({"driver": steps(scene)})
        await flush_trace(dut)
        trace = Trace.load(os.environ["TRACE_FILE"]).last_run()
        trace = Trace(trace.of(*(kind for kind in Kind if kind <= Kind.RESET)))
        shown = [one for one in merge(trace, bridge.notes) if scene.begin <= one.cycle <= cycle_now()]
        assert shown, "nothing happened"
        zero, file = shown[0].cycle, Path(os.environ["TRACE_FILE"]).with_name(f"timeline-{name}.txt")
        file.write_text("\n".join(_list(shown, zero)) + "\n", encoding="utf-8")
        window = {"begin": zero, "end": shown[-1].cycle}
        file.with_suffix(".json").write_text(json.dumps(window), encoding="utf-8")
        env.memory.configure(MemoryConfig())

    await run_body(dut, body)


@cocotb.test()
async def readback(dut: Any) -> None:
    """A READBACK and a FENCE: doorbell, fetch, walk, data, record, fence value, interrupt."""
    await timeline(dut, "readback", lambda scene: scene.show(Queue.TRANSFER, [box(Opcode.READBACK), fence(7)]))


@cocotb.test()
async def readbacks_back_to_back(dut: Any) -> None:
    """Three READBACKs of a page each with cached translations: the data bus does not rest."""

    def steps(scene: Scene) -> Steps[None]:
        pages = [box(Opcode.READBACK, 8, page, ROW) for page in range(3)]
        yield from scene.rig.perform(Queue.TRANSFER, pages)
        yield Delay(400, "quiet")
        yield from scene.show(Queue.TRANSFER, pages)

    await timeline(dut, "back-to-back", steps)


@cocotb.test()
async def readback_stalled(dut: Any) -> None:
    """A READBACK into a host that takes data every fourth cycle and answers after 60: nothing is announced before."""

    def steps(scene: Scene) -> Steps[None]:
        scene.env.memory.configure(MemoryConfig(write_latency=60, w=Stall(3, 4)))
        yield from scene.show(Queue.TRANSFER, [box(Opcode.READBACK, 1), fence(7)])

    await timeline(dut, "stalled", steps)


@cocotb.test()
async def writeback(dut: Any) -> None:
    """A WRITEBACK, then a READBACK that overlaps with it."""
    work = [box(Opcode.WRITEBACK), box(Opcode.READBACK, page=1)]
    await timeline(dut, "writeback", lambda scene: scene.show(Queue.TRANSFER, work))


@cocotb.test()
async def writeback_then_readback_in_order(dut: Any) -> None:
    """The same two with `order` on the second."""
    work = [box(Opcode.WRITEBACK), box(Opcode.READBACK, page=1, order=1)]
    await timeline(dut, "ordered", lambda scene: scene.show(Queue.TRANSFER, work))


@cocotb.test()
async def wait_for_the_other_queue(dut: Any) -> None:
    """A READBACK behind a WAIT for drawing that is queued after it."""

    def steps(scene: Scene) -> Steps[None]:
        scene.now()
        behind = Descriptor(opcode=Opcode.WAIT, queue=Queue.RENDER, host_offset=5)
        count = yield from scene.rig.post(Queue.TRANSFER, [behind, box(Opcode.READBACK, 1)])
        draw = boxed(Opcode.FILL, Box(0, 0, ROW, 2), surface=0, pattern_low=0xA5)
        yield from scene.rig.post(Queue.RENDER, [draw, fence(5)], interrupt=False)
        yield from scene.rig.collect(Queue.TRANSFER, count)

    await timeline(dut, "wait", steps)


@cocotb.test()
async def abort(dut: Any) -> None:
    """An abort with one READBACK on the bus and two behind it."""

    def steps(scene: Scene) -> Steps[None]:
        scene.now()
        count = yield from scene.rig.post(Queue.TRANSFER, [box(Opcode.READBACK, 8, page) for page in range(3)])
        yield Delay(800, "on the bus")
        yield from scene.rig.control(Queue.TRANSFER, abort=True)
        yield from scene.rig.collect(Queue.TRANSFER, count)

    await timeline(dut, "abort", steps)


@cocotb.test()
async def soft_reset(dut: Any) -> None:
    """A soft reset with a READBACK on the bus: its burst is finished, no record comes."""

    def steps(scene: Scene) -> Steps[None]:
        scene.now()
        yield from scene.rig.post(Queue.TRANSFER, [box(Opcode.READBACK, 8)])
        yield Delay(800, "on the bus")
        yield from scene.rig.soft_reset()
        assert Control.from_int((yield CsrRead(Address.CONTROL))).soft_reset == 0

    await timeline(dut, "soft-reset", steps)


@cocotb.test()
async def watchdog(dut: Any) -> None:
    """A WRITEBACK whose data come 400 cycles after they were asked for, with a watchdog of 200; then a good one."""

    def steps(scene: Scene) -> Steps[None]:
        work = box(Opcode.WRITEBACK, 1)
        yield from scene.rig.perform(Queue.TRANSFER, [work])
        yield CsrWrite(Address.WATCHDOG, 200)
        yield Delay(400, "quiet")
        scene.now()
        yield from scene.rig.post(Queue.TRANSFER, [work])
        yield Delay(40, "the descriptor is asked for")
        scene.env.memory.configure(MemoryConfig(read_latency=400))
        yield from scene.rig.collect(Queue.TRANSFER, 1)
        scene.env.memory.configure(MemoryConfig())
        yield from scene.rig.control(Queue.TRANSFER, resume=True)
        yield Delay(1000, "the late answer")
        yield from scene.rig.post(Queue.TRANSFER, [work])
        yield from scene.rig.collect(Queue.TRANSFER, 1)

    await timeline(dut, "watchdog", steps)


@cocotb.test()
async def page_fault(dut: Any) -> None:
    """A store, drawing over it, and a load: the driver of models/ and the hardware in one list."""

    def steps(scene: Scene) -> Steps[None]:
        driver = Driver(scene.host, FaultlineEngine(scene.host), PageMkwrite())
        yield from driver.initialise()
        buffer = yield from driver.create("picture", 256, 8, 4, Layout.X_TILED)
        process = Process("client", driver)
        mapping = process.map(process.files.install(driver.export(buffer)))
        yield from driver.device_read(buffer)
        yield Delay(400, "quiet")
        scene.now()
        yield from process.store(mapping.address, np.arange(16, dtype=np.uint8))
        yield from driver.draw(buffer, [FillBox(Box(256, 1, 512, 2), bytes((1, 2, 3, 4)))])
        yield from process.load(mapping.address + 1024 + 256, 4)

    await timeline(dut, "fault", steps, opened=False)
