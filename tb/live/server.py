"""The live device: arrivals become the driver's faults, stores and drawings, and its zaps become the kernel's.

One thread, the simulator's. While nobody waits for the device it is in `Kernel.next`, and no simulated time passes.
While somebody does, the performer looks for arrivals between steps. A recall stops the clock: only what the kernel
needs to get on is answered then, which is every access to a page that it has; all else is kept for later.

    READ of a page that it has    the newest bytes, at once: the kernel dropped the page by itself
    READ of another page          a fault, in a task of its own
    WRITE of a dirty page         posted, at once
    WRITE by write(2)             a fault if it has not got the page, else dropping it: no page there may lack the bytes

In a recall of a page, accesses that would bring it into the kernel's hands again are kept as well. If the recall does
not end, some access that waits may hold the very page that is to be dropped (so may one that began to wait before
another fault brought its page along): all that can be answered are, and if one of them was to a page of the recall,
it is made anew.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Event as Signal

from models.dmabuf import Buffer, DmaBuf
from models.drawing import CopyBox, FillBox, plan
from models.driver import Driver
from models.engine import Queue
from models.errors import BusFault, DeviceError, DriverError, OutOfMemory
from models.events import Event, Fault, Readback, Writeback, Zap, runs_of
from models.fence import Fence, FenceState, Usage, wait_for
from models.memory import PAGE
from models.oracle import Oracle, failing
from models.outside import Outside
from models.steps import Recall, Step
from models.surface import Box
from tb.live import commands
from tb.live.arrivals import Arrival, Command, Finished, Kernel, Left, Read, Stop, Write
from tb.live.commands import CommandError
from tb.live.formats import bytes_of, file_name
from tb.live.recorder import Recorder

__all__ = ["Counts", "KernelError", "Server", "ServerError"]

PATIENCE_S, PATIENCE_MOST_S = 0.002, 0.128
"""Seconds that a recall may take before accesses that it may be waiting for are answered: the first time, and the most
after it was doubled each time anew."""

STOPPED_S, STOPPED_LOOKS = 0.5, 40
"""After a Stop, a recall that does not end is given up when so many looks of so many seconds found nothing."""

AT_ONCE = 16
"""Arrivals that are taken at most in one look."""

Perform = Callable[[Generator[Step, Any, Any], str], Coroutine[Any, Any, Any]]
"""Performs a generator of steps as a task of that name."""


class ServerError(Exception):
    """The device cannot go on."""


class KernelError(ServerError):
    """It cannot go on because of what arrived: the kernel could not do what it was asked for, or is gone."""


@dataclass(slots=True)
class Counts:
    """What has happened so far."""

    reads: int = 0
    faults: int = 0
    writes: int = 0
    zaps: int = 0
    zapped: int = 0
    read_back: int = 0
    written_back: int = 0
    orders: int = 0
    refused: int = 0
    repeated: int = 0
    """Recalls that had to be made anew."""

    def note(self, event: Event) -> None:
        """Count an event of the driver."""
        match event:
            case Fault():
                self.faults += 1
            case Zap():
                self.zaps += 1
                self.zapped += event.entries
            case Readback():
                self.read_back += event.bytes
            case Writeback():
                self.written_back += event.bytes


@dataclass(slots=True)
class _Shared:
    """A buffer as programs see it."""

    buffer: Buffer
    dmabuf: DmaBuf
    outside: Outside
    file: str
    listed: bool = True
    orders: int = 0
    """Orders and faults under way on it."""
    idle: Signal = field(default_factory=Signal)

    def __enter__(self) -> None:
        self.orders += 1

    def __exit__(self, *problem: object) -> None:
        self.orders -= 1
        if not self.orders:
            self.idle.set()


@dataclass(slots=True)
class _Fences:
    """Fences by number; those that went well are forgotten."""

    last: int = 0
    known: dict[int, Fence] = field(default_factory=dict)

    def add(self, fence: Fence) -> int:
        self.known = {number: one for number, one in self.known.items() if one.state is not FenceState.SIGNALLED}
        self.last += 1
        self.known[self.last] = fence
        return self.last

    def get(self, number: int) -> Fence | None:
        """Return a fence, None for one that went well. DriverError EINVAL for a number that was never given."""
        if not 1 <= number <= self.last:
            raise DriverError("EINVAL", f"there is no fence {number}")
        return self.known.get(number)


class Server:
    """Serves one driver's buffers to a kernel. `plain` answers accesses without the driver, to be measured beside it.

    `now` gives the clock cycle; `recorder` hears of each access and order. With `check` the oracle does too: what the
    kernel is given must be the newest of what it handed over and of what was drawn.
    """

    def __init__(
        self,
        driver: Driver,
        kernel: Kernel,
        perform: Perform,
        *,
        now: Callable[[], int],
        plain: bool = False,
        recorder: Recorder | None = None,
        check: bool = False,
    ) -> None:
        self.driver = driver
        self.counts = Counts()
        self.cycle = 0
        """The clock cycle, as of the last look."""
        self._kernel = kernel
        self._perform = perform
        self._now = now
        self._plain = plain
        self._recorder = recorder
        self._check = check
        self._watch: dict[Buffer, Oracle] = {}
        self._shared: dict[str, _Shared] = {}
        self._fences = _Fences()
        self._later: deque[Arrival] = deque()
        self._open: dict[int, Read | Write] = {}
        """Accesses that have no answer yet, by their number."""
        self._running = 0
        self._rest = Signal()
        self._tasks = 0
        self._failure: Exception | None = None
        self.stopped: Stop | None = None

    # ------------------------------------------------------------------------------------------------- loop

    async def serve(self) -> None:
        """Serve until a Stop arrives and what is under way is done. ServerError, or what a task failed with.

        After a Stop nothing new is begun: commands and accesses are refused, but for stores that are handed over.
        """
        while self.stopped is None:
            if self._running:
                self._rest.clear()
                await self._rest.wait()
            else:
                self.cycle = self._now()
                arrival = self._kept() or self._kernel.next()
                assert arrival is not None
                self._take(arrival)
            if self._failure is not None:
                raise self._failure
        while self._running:
            self._rest.clear()
            await self._rest.wait()
        if self._failure is not None:
            raise self._failure
        await self._settle()
        if self.stopped.problem:
            raise KernelError(self.stopped.problem)

    async def _settle(self) -> None:
        """Let the device come to rest: nobody looks at what it does any more."""
        for shared in self._shared.values():
            fences = shared.buffer.reservation.query(Usage.BOOKKEEP)
            await self._do(wait_for(fences, cause="stop", buffer=shared.buffer.name), "stop")

    def look(self) -> None:
        """Take what has arrived, while something is under way: for the performer to call between steps.

        Not more than AT_ONCE, so that the simulation goes on however fast answers bring new arrivals.
        """
        self.cycle = self._now()
        for _ in range(AT_ONCE):
            arrival = self._kept() or self._kernel.next(0)
            if arrival is None:
                break
            self._take(arrival)

    def _kept(self) -> Arrival | None:
        """What was kept for later and is still to be done."""
        while self._later:
            arrival = self._later.popleft()
            if not isinstance(arrival, Read | Write) or arrival.unique in self._open:
                return arrival
        return None

    def recall(self, step: Recall) -> None:
        """Have the kernel give up pages and stores (`models.steps.Recall`); no simulated time passes."""
        self._recall(step.buffer, step.zap, step.clean)

    def _recall(self, buffer: str, zap: Sequence[int], clean: Sequence[int] = ()) -> None:
        """Only pages that were given out are asked back; what is given out meanwhile makes it necessary again."""
        outside, patience = self._shared[buffer].outside, PATIENCE_S
        drop, collect = runs_of(outside.given(zap)), runs_of(outside.given(clean))
        while drop or collect:
            again = self._pump(self._kernel.recall(buffer, drop, collect), buffer, frozenset(zap), patience)
            self.counts.repeated += again
            patience = min(2 * patience, PATIENCE_MOST_S)
            drop, collect = runs_of(outside.given(zap)) if again else (), ()

    def _pump(
        self, number: int, buffer: str = "", zapped: frozenset[int] = frozenset(), patience: float = PATIENCE_S
    ) -> bool:
        """Answer what the kernel needs until it has done what it was asked for; return whether it must do it again.

        KernelError where it cannot, where it is gone, or where it does not end after a Stop.
        """
        again, looks = False, 0
        while True:
            seconds = patience if self._open else None
            arrival = self._kernel.next(STOPPED_S if self.stopped and seconds is None else seconds)
            match arrival:
                case None:
                    looks += self.stopped is not None and not self._open
                    if looks > STOPPED_LOOKS:
                        raise KernelError("the kernel does not give its pages up")
                    for access in [one for one in self._open.values() if self._harmless(one)]:
                        again |= self._meets(access, buffer, zapped)
                        self._access(access)
                case Finished():
                    if arrival.number != number:
                        continue
                    if arrival.problem:
                        raise KernelError(arrival.problem)
                    return again
                case Stop():
                    self.stopped = self.stopped or arrival
                    if arrival.problem:
                        raise KernelError(arrival.problem)
                case Read() | Write():
                    self._open[arrival.unique] = arrival
                    if self._harmless(arrival, buffer, zapped):
                        self._access(arrival)
                    else:
                        self._later.append(arrival)
                case _:
                    self._later.append(arrival)

    def _harmless(self, access: Read | Write, buffer: str = "", zapped: frozenset[int] = frozenset()) -> bool:
        """Whether an access can be answered in a recall that zaps these pages: a write(2) would need another one."""
        dirty = isinstance(access, Write) and access.dirty
        return self._at_once(access) and (dirty or isinstance(access, Read) and not self._meets(access, buffer, zapped))

    def _meets(self, access: Read | Write, buffer: str, pages: frozenset[int]) -> bool:
        """Whether an access touches one of these pages of a buffer."""
        return access.buffer == buffer and not pages.isdisjoint(self._pages(access))

    def _take(self, arrival: Arrival) -> None:
        match arrival:
            case Read() | Write() if self.stopped and not (isinstance(arrival, Write) and arrival.dirty):
                self._open.pop(arrival.unique, None)
                self._kernel.refuse(arrival.unique, errno.EIO)
            case Command() if self.stopped:
                self._kernel.answer(arrival.number, "error: the device is gone")
            case Read() | Write():
                self._open[arrival.unique] = arrival
                if self._at_once(arrival):
                    self._settled(arrival)
                else:
                    self._start(self._fault(arrival))
            case Command():
                self._start(self._order(arrival))
            case Left():
                if not self.stopped:
                    self._start(self._destroy(arrival.buffer))
            case Stop():
                self.stopped = self.stopped or arrival
            case Finished():
                pass

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._running += 1
        cocotb.start_soon(self._guard(work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failure = self._failure or error
        finally:
            self._running -= 1
            if not self._running or self._failure is not None:
                self._rest.set()

    async def _do(self, steps: Generator[Step, Any, Any], name: str) -> Any:
        self._tasks += 1
        return await self._perform(steps, f"{name} {self._tasks}")

    # ---------------------------------------------------------------------------------------------- accesses

    def _at_once(self, access: Read | Write) -> bool:
        """Whether the kernel has every page of an access, so that nothing is to be asked of the driver."""
        outside = self._shared[access.buffer].outside
        return self._plain or all(map(outside.has, self._pages(access)))

    def _pages(self, access: Read | Write) -> range:
        """The pages of the buffer that an access touches."""
        size = access.size if isinstance(access, Read) else len(access.data)
        pages = self._shared[access.buffer].buffer.pages
        return range(access.offset // PAGE, min(pages, (access.offset + size + PAGE - 1) // PAGE))

    def _past_the_end(self, access: Read | Write) -> bool:
        """Whether it is a write that reaches past the end: the size is fixed."""
        size = self._shared[access.buffer].buffer.surface.linear_size
        return isinstance(access, Write) and access.offset + len(access.data) > size

    async def _fault(self, access: Read | Write) -> None:
        """Have the driver serve the fault, and answer in the same moment, before anybody can zap the page."""
        if self._past_the_end(access):
            self._access(access)
            return
        shared = self._shared[access.buffer]
        try:
            with shared:
                while access.unique in self._open and not self._at_once(access):
                    for page in self._pages(access):
                        await self._do(shared.outside.reach(page), "fault")
        except (BusFault, OutOfMemory):
            if self._open.pop(access.unique, None) is not None:
                self.counts.refused += 1
                self._kernel.refuse(access.unique, errno.EIO)
        if access.unique in self._open:
            self._settled(access)

    def _settled(self, access: Read | Write) -> None:
        """Answer an access to pages that it may have. It drops what a write(2) goes to, with older stores, first."""
        if isinstance(access, Write) and not access.dirty:
            self._recall(access.buffer, self._pages(access))
        self._access(access)

    def _access(self, access: Read | Write) -> None:
        """Answer an access to pages that the kernel has, or is given herewith."""
        del self._open[access.unique]
        outside = self._shared[access.buffer].outside
        if isinstance(access, Read):
            self.counts.reads += 1
            if self._recorder is not None:
                self._recorder.loaded(access.buffer, self._pages(access), access.pid)
            data = b"".join(outside.load(page).tobytes() for page in self._pages(access))
            if self._check:
                self._judge(access, data)
            start, left = access.offset % PAGE, outside.buffer.surface.linear_size - access.offset
            self._kernel.give(access.unique, data[start : start + max(0, min(access.size, left))])
            return
        self.counts.writes += 1
        if self._past_the_end(access):
            self._kernel.refuse(access.unique, errno.ENOSPC)
            return
        at = 0
        for page in self._pages(access):
            offset = (access.offset + at) % PAGE
            part = access.data[at : at + PAGE - offset]
            if self._recorder is not None:
                pid = 0 if access.dirty else access.pid
                self._recorder.stored(access.buffer, page, outside.newest(page), offset, part, pid)
            if self._check:
                self._hear(outside, page, offset, part)
            outside.post(page, offset, part)
            at += len(part)
        self._kernel.took(access.unique, len(access.data))

    def _judge(self, read: Read, data: bytes) -> None:
        """Have the oracle look at the pages that a Read is answered with. ServerError for a byte that must not be."""
        outside = self._shared[read.buffer].outside
        oracle, first = self._watch[outside.buffer], self._pages(read).start * PAGE
        size = outside.buffer.surface.linear_size - first
        oracle.loaded(f"process {read.pid}", first, np.frombuffer(data, np.uint8)[:size])
        if oracle.violations:
            raise ServerError(f"{read.buffer}: {oracle.violations[0]}")

    def _hear(self, outside: Outside, page: int, offset: int, data: bytes) -> None:
        """Tell the oracle what was stored: the bytes that differ, since the kernel hands over whole pages."""
        new = np.frombuffer(data, np.uint8)
        changed = np.flatnonzero(outside.newest(page)[offset : offset + new.size] != new)
        for run in np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1):
            if run.size:
                self._watch[outside.buffer].stored(page * PAGE + offset + int(run[0]), new[run[0] : run[-1] + 1])

    # ------------------------------------------------------------------------------------------------ orders

    async def _order(self, command: Command) -> None:
        self.counts.orders += 1
        try:
            answer = await self._carry_out(commands.parse(command.line))
        except (CommandError, DriverError, DeviceError) as error:
            self.counts.refused += 1
            self._kernel.answer(command.number, f"error: {error}")
        else:
            self._kernel.answer(command.number, f"ok {answer}".rstrip())

    async def _carry_out(self, order: commands.Order) -> str:
        match order:
            case commands.Create():
                return await self._create(order)
            case commands.Destroy(name):
                shared = self._find(name)
                shared.listed = False
                self._kernel.hide(name)
                return ""
            case commands.Fill(name, box, pixel):
                shared = self._find(name)
                with shared:
                    return await self._draw(name, shared.buffer, FillBox(_box(shared, box), pixel))
            case commands.Copy(name, box, (x, y), source):
                origin, shared = self._find(source), self._find(name)
                x *= origin.buffer.surface.bytes_per_pixel
                with origin, shared:
                    return await self._draw(name, shared.buffer, CopyBox(_box(shared, box), x, y, origin.buffer))
            case commands.Wait(number):
                await self._wait(list(self._fences.known) if number is None else [number])
                if self._recorder is not None:
                    self._recorder.waited()
                return str(self._now())
            case commands.Poll(number):
                return "done" if await self._do(self._poll(number), "poll") else "pending"
            case commands.Flush(name):
                shared = self._find(name)
                with shared:
                    await self._do(self.driver.device_read(shared.buffer), "flush")
                if self._recorder is not None:
                    self._recorder.flushed(name)
                return str(self._now())
            case commands.List():
                return " ".join(shared.file for shared in self._shared.values() if shared.listed)

    async def _wait(self, numbers: Sequence[int]) -> None:
        """Wait for all of these fences, also after one that failed. CommandError that names each that did."""
        failed = []
        for number in numbers:
            fence = self._fences.get(number)
            if fence is not None:
                try:
                    await self._do(self.driver.wait(fence), "wait")
                except DeviceError as error:
                    failed.append(f"drawing {number}: {error}")
        if failed:
            raise CommandError("; ".join(failed))

    def _poll(self, number: int) -> Generator[Step, Any, bool]:
        fence = self._fences.get(number)
        return fence is None or (yield from self.driver.engine.poll(fence))

    def _find(self, name: str) -> _Shared:
        shared = self._shared.get(name)
        if shared is None or not shared.listed:
            raise CommandError(f"there is no buffer {name[:80]}")
        return shared

    def _drawn(self, buffer: Buffer, command: FillBox | CopyBox) -> Generator[Step, Any, Fence]:
        oracle = self._watch.get(buffer)
        if oracle:
            plan(buffer, [command])  # what makes no sense never reaches it
        token = oracle.draw_begins([command]) if oracle else 0
        with failing(oracle, token):
            fence = yield from self.driver.draw(buffer, [command])
        if oracle:
            oracle.draw_ends(token)
        return fence

    async def _draw(self, name: str, buffer: Buffer, command: FillBox | CopyBox) -> str:
        fence = await self._do(self._drawn(buffer, command), "draw")
        if self._recorder is not None and isinstance(command, FillBox):
            self._recorder.filled(name, command.box)
        elif self._recorder is not None and isinstance(command, CopyBox):
            assert command.source is not None
            self._recorder.copied(name, command.box, command.source.name, command.source_x, command.source_y)
        return str(self._fences.add(fence))

    async def _create(self, order: commands.Create) -> str:
        pixel = bytes_of(order.form)
        buffer = await self._do(
            self.driver.create(order.name, order.width, order.height, pixel, order.layout), "create"
        )
        if self._recorder is not None:
            self._recorder.created(order.name, buffer.surface)
        if self._check:
            self._watch[buffer] = Oracle(buffer.surface, self.driver.policy.promise, others=self._watch)
        dmabuf = self.driver.export(buffer)
        file = file_name(order.name, buffer.surface, order.form)
        self._shared[order.name] = _Shared(buffer, dmabuf, Outside(self.driver, dmabuf), file)
        try:
            self._pump(self._kernel.show(order.name, file, buffer.surface.linear_size))
        except KernelError as error:
            self._shared[order.name].listed = False
            await self._destroy(order.name)
            raise CommandError(f"{order.name} cannot be a file: {error}") from None
        return file

    async def _destroy(self, name: str) -> None:
        """Nobody has it open: the kernel drops its pages, and the buffer goes, after what is under way on it.

        Others may still ask for its pages to be recalled until its mapping is gone, so it is known until then.
        """
        shared = self._shared[name]
        while shared.orders:
            shared.idle.clear()
            await shared.idle.wait()
        self._recall(name, range(shared.buffer.pages))
        await self._do(shared.outside.close(), "close")
        self._pump(self._kernel.forget(name))
        del self._shared[name]
        self._watch.pop(shared.buffer, None)
        shared.dmabuf.put()
        await self._do(self.driver.reap(), "reap")

    # ------------------------------------------------------------------------------------------------ status

    def status(self) -> str:
        """What is going on, one fact a line; from any thread."""
        counts, engine = self.counts, self.driver.engine
        pending = sum(not fence.done for fence in list(self._fences.known.values()))
        facts = {
            "policy": self.driver.policy.name,
            "cycle": self.cycle,
            "reads": counts.reads,
            "faults": counts.faults,
            "writes": counts.writes,
            "zaps": counts.zaps,
            "zapped_pages": counts.zapped,
            "read_back_bytes": counts.read_back,
            "written_back_bytes": counts.written_back,
            "orders": counts.orders,
            "refused": counts.refused,
            "recalls_repeated": counts.repeated,
            "drawings_pending": pending,
            **{f"{queue.name.lower()}_queue": engine.waiting(queue) for queue in Queue},
            "tasks": self._running,
        }
        lines = [f"{name} {value}" for name, value in facts.items()]
        shown = [one for one in list(self._shared.values()) if one.listed]
        lines += [f"buffer {one.file} {one.buffer.surface.layout.name}" for one in shown]
        return "\n".join(lines) + "\n"


def _box(shared: _Shared, box: tuple[int, int, int, int]) -> Box:
    x, y, width, height = box
    pixel = shared.buffer.surface.bytes_per_pixel
    return Box(x * pixel, y, width * pixel, height)


