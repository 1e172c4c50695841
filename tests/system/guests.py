"""Processes that live with any strategy: boxes, transfers, forks, sync files, grabs, kernel maps, a second device.

What a strategy does not offer must be refused; what is refused while a page is broken or a buffer grabbed is counted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from models.attachment import Direction
from models.bracket import (
    EXPORT_SYNC_FILE,
    IMPORT_SYNC_FILE,
    SYNC_END,
    SYNC_READ,
    SYNC_START,
    SYNC_WRITE,
    SyncFileArgument,
)  # fmt: skip
from models.client.portable import Portable
from models.client.process import Process
from models.device import BusRange
from models.dmabuf import POLLIN, POLLOUT, Buffer
from models.driver import CopyBox, Driver, FillBox
from models.errors import BusFault, DeviceError, DriverError
from models.fence import Usage, wait_for
from models.grab import GRAB_ALLOW_SUBMISSION, GRAB_DONTBLOCK, GRAB_READ, GRAB_WRITE
from models.importer import DeviceFiles
from models.memory import PAGE
from models.oracle import PatchBox, failing
from models.page_table import Mapping
from models.promise import Promise
from models.signals import restarting
from models.steps import Acquire, Release, ScanOut, Steps
from models.surface import Box
from models.transfer_object import MapFlag
from tb.chance import box_in, chosen, upto
from tests.models.world import permit
from tests.system.driver_activity import PEER, QUEUES, Dweller, Town

__all__ = ["Guest", "guests_of"]

_READ, _WRITE, _DISCARD = MapFlag.READ, MapFlag.WRITE, MapFlag.DISCARD_RANGE
_FLAGS = tuple(
    way | block | persistent | flush
    for way in (_READ, _READ | _WRITE, _WRITE, _WRITE | _DISCARD)
    for block in (MapFlag(0), MapFlag.DONTBLOCK)
    for persistent in (MapFlag(0), MapFlag.PERSISTENT)
    for flush in ((MapFlag(0), MapFlag.FLUSH_EXPLICIT) if way & _WRITE else (MapFlag(0),))
)
"""How a transfer object is mapped on a buffer that others use too."""
_ALONE = (
    MapFlag.UNSYNCHRONIZED | _READ, MapFlag.UNSYNCHRONIZED | _READ | _WRITE, MapFlag.UNSYNCHRONIZED | _WRITE,
    _WRITE | MapFlag.DISCARD_WHOLE, _WRITE | MapFlag.DISCARD_WHOLE | MapFlag.FLUSH_EXPLICIT,
    _WRITE | MapFlag.DISCARD_WHOLE | MapFlag.UNSYNCHRONIZED,
)  # fmt: skip
"""Where the client itself sees to the order: on a buffer of its own whose device work has ended."""
_GRABS = tuple(
    way | more for way in (GRAB_READ, GRAB_WRITE, GRAB_READ | GRAB_WRITE)
    for more in (0, GRAB_DONTBLOCK, GRAB_ALLOW_SUBMISSION)
)  # fmt: skip


def guests_of(town: Town, count: int) -> list[Guest]:
    """So many processes of a town."""
    return [Guest(town, f"process {number}", number) for number in range(count)]


@contextlib.contextmanager
def _refusal(errno: str) -> Iterator[None]:
    """Around what must be refused with this error. AssertionError where it is not."""
    try:
        yield
    except DriverError as error:
        if error.errno != errno:
            raise
        return
    raise AssertionError(f"nobody said {errno}")


class Guest(Dweller):
    """A process that reads and writes boxes as the strategy wants it, uses all that a descriptor offers, and errors.

    `burst` accesses come one after another.
    """

    def __init__(self, town: Town, name: str, number: int, burst: int = 128) -> None:
        super().__init__(town, name, number)
        self.burst = burst
        self.moved = 0
        self.policy = town.policy
        self.clients = {one.buffer: Portable(name, town.driver, one, town.watch) for one in town.shared}
        town.signals += [client.signals for client in self.clients.values()]

    def _open(self) -> None:
        """Each client has a descriptor and, where there is one, a mapping."""

    def actions(self) -> dict[str, tuple[Callable[[], Steps[None]], int]]:
        """What a process may do whatever the strategy."""
        maps = self.policy.mmap and self.policy.promise is not Promise.EXPLICIT
        kernel = self.policy.promise in (Promise.COHERENT, Promise.BRACKETED) and not self.policy.uncached
        return {
            "accesses": (self._accesses, 24),
            "draw": (self._draw, 8),
            "copy between buffers": (self._copy, 2),
            "transfer": (self._transfer, 5),
            "show": (self._show, 2),
            "flush": (self._flush, 2 * int(self.policy.promise is Promise.DEFERRED)),
            "transfer error": (self._error, 2 * int(self.policy.mmap and not self.policy.uncached)),
            "bus error": (self._bus_error, 2 * int(self.town.bus is not None)),
            "signal": (self._signal, 3),
            "part": (self._part, 2 * int(maps)),
            "refusals": (self._refusals, 1),
            "sync file": (self._sync_file, 2),
            "grab": (self._grab, 1),
            "kernel map": (self._kernel, int(kernel)),
            "own buffer": (self._own, 1),
            "second device": (self._second_device, int(self.town.peer is not None and kernel)),
        }

    def live_for(self, accesses: int) -> Steps[None]:
        """Act until there have been so many accesses."""
        while self.accesses < accesses:
            yield from self.act()

    def look_at_all(self, buffer: Buffer) -> Steps[None]:
        """Read every byte."""
        yield from self.clients[buffer].read_box(buffer.surface.box)

    @property
    def accesses(self) -> int:
        """Loads and stores so far, and boxes moved by transfer objects."""
        return self.moved + sum(client.accesses for client in self.clients.values())

    def leave(self) -> Steps[None]:
        """Unmap everything and close every descriptor."""
        for client in self.clients.values():
            yield from client.exit()

    def _client(self) -> Portable:
        return chosen(self.random, list(self.clients.values()))

    def _bytes(self, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return self.random.integers(0, 256, shape, dtype=np.uint8)

    def _attempt(self, steps: Steps[None], *allowed: str) -> Steps[None]:
        """Do what may be refused: with an error of `allowed`, and for what others have broken or grabbed meanwhile."""
        town = self.town
        over = town.mended, town.released
        try:
            yield from steps
        except (BusFault, DeviceError, DriverError) as error:
            told = {BusFault: "SIGBUS", DeviceError: "a device error"}
            why = error.errno if isinstance(error, DriverError) else told[type(error)]
            if why not in allowed:
                # What refused it may be over by the time that it is told.
                broken, grabbed = town.broken or town.mended > over[0], town.grabbed or town.released > over[1]
                causes = {"EBUSY": grabbed, **dict.fromkeys((*told.values(), "EIO"), broken)}
                self._refused(why, causes.get(why))

    def _refused(self, why: str, cause: object) -> None:
        assert cause, f"an access was refused with {why}, and nothing was broken or grabbed"
        self.town.refused += 1

    # --------------------------------------------------------------------------------------- boxes and drawing

    def _accesses(self, client: Portable | None = None) -> Steps[None]:
        for _ in range(upto(self.random, self.burst)):
            one = client or self._client()
            self.moved += one.mapping is None
            box = box_in(self.random, one.buffer.surface, pixels=True, most=400)
            if self.random.integers(2):
                yield from self._attempt(self._read(one, box))
            else:
                yield from self._attempt(one.write_box(box.x, box.y, self._bytes(box.height, box.width)))

    @staticmethod
    def _read(client: Portable, box: Box) -> Steps[None]:
        yield from client.read_box(box)

    def _draw(self, buffer: Buffer | None = None) -> Steps[None]:
        client = self._client()
        yield from self._attempt(self._drawing(client))

    def _drawing(self, client: Portable) -> Steps[None]:
        fence = yield from client.draw(client.buffer, self._commands(client.buffer.surface))
        if self.random.integers(4) == 0:
            yield from self.town.driver.wait(fence)

    def _copy(self) -> Steps[None]:
        """The device copies from one buffer into another of the same pixels, if there are two."""
        one, other = self._client(), self._client()
        to, of = one.buffer.surface, other.buffer.surface
        if one.buffer is other.buffer or to.bytes_per_pixel != of.bytes_per_pixel:
            return
        box, origin = box_in(self.random, to, pixels=True), box_in(self.random, of, pixels=True)
        width, height = min(box.width, origin.width), min(box.height, origin.height)
        command = CopyBox(Box(box.x, box.y, width, height), origin.x, origin.y, other.buffer)

        def steps() -> Steps[None]:
            yield from one.draw(one.buffer, [command])

        yield from self._attempt(steps())

    def _show(self) -> Steps[None]:
        yield from self._attempt(self._looking(self._client()))

    @staticmethod
    def _looking(client: Portable) -> Steps[None]:
        yield from client.show()

    def _flush(self) -> Steps[None]:
        yield from self._attempt(self._client().flush())

    def _signal(self) -> Steps[None]:
        """Somebody gets a signal, which interrupts what it waits for or will wait for next (R10, R16)."""
        chosen(self.random, self.town.signals).send()
        yield from ()

    # --------------------------------------------------------------------------------------- transfer objects

    def _transfer(self) -> Steps[None]:
        flags = chosen(self.random, _FLAGS)
        allowed = ("EBUSY",) if flags & MapFlag.DONTBLOCK else ()
        yield from self._attempt(self._transferring(self._client(), flags), *allowed)

    def _transferring(self, client: Portable, flags: MapFlag) -> Steps[None]:
        box = box_in(self.random, client.buffer.surface, pixels=True)
        self.moved += 1
        if not flags & MapFlag.UNSYNCHRONIZED and self.random.integers(3) == 0:
            fill = FillBox(box, self.random.bytes(client.buffer.surface.bytes_per_pixel))
            yield from client.draw(client.buffer, [fill])
        transfer = yield from client.transfer_map(client.buffer, box, flags)
        try:
            for barrier in (True, False) if flags & MapFlag.PERSISTENT else (False,):
                if flags & _WRITE:
                    transfer.data[:] = self._bytes(*transfer.data.shape)
                if flags & MapFlag.FLUSH_EXPLICIT:
                    transfer.flush(Box(0, 0, box.width, upto(self.random, box.height)))
                if barrier:
                    yield from client.transfer_barrier(transfer)
                    yield from client.read_box(box)
        except Exception:
            yield from client.transfer_unmap(transfer)
            raise
        yield from client.transfer_unmap(transfer)

    # ------------------------------------------------------------------------------- descriptors and mappings

    def _part(self) -> Steps[None]:
        """Map a part through a second descriptor, perhaps to read only; use it, perhaps in a child, and let it go."""
        client = self._client()
        buffer = client.buffer
        first = int(self.random.integers(buffer.pages))
        file = client.files.duplicate(client.descriptor)
        mapping = client.map(
            file, first=first, pages=upto(self.random, buffer.pages - first), write=bool(self.random.integers(2))
        )
        early = bool(self.random.integers(2))
        if early:
            client.files.close(file)
        yield from self._attempt(self._touch(client, client.descriptor, mapping))
        if self.random.integers(2):
            self._made += 1
            child = yield from client.forking(f"{self.name}, child {self._made}")
            copy = next(one for one in child.table.mappings if one.address == mapping.address)
            yield from self._attempt(self._touch(child, client.descriptor, copy))
            self.moved += child.accesses
            yield from child.exit()
        yield from client.unmap(mapping)
        if not early:
            client.files.close(file)

    def _touch(self, process: Process, descriptor: int, mapping: Mapping) -> Steps[None]:
        """A few loads and stores, in a bracket where the promise wants one."""
        bracketed = self.policy.promise is Promise.BRACKETED
        flags = SYNC_READ | SYNC_WRITE if mapping.may_write else SYNC_READ
        if bracketed:
            yield from process.sync(descriptor, SYNC_START | flags)
        for _ in range(upto(self.random, 4)):
            address, length = self._place(mapping, 3000)
            if mapping.may_write and self.random.integers(2):
                yield from process.store(address, self._bytes(length))
            else:
                yield from process.load(address, length)
        if bracketed:
            yield from process.sync(descriptor, SYNC_END | flags)

    def _refusals(self) -> Steps[None]:
        """Private mappings, writable ones of read-only descriptors, pages past the end, and closed descriptors (R6)."""
        client = self._client()
        pages = client.buffer.pages
        reading = client.files.install(client.dmabuf.get(), writable=False)
        closed = client.files.duplicate(reading)
        client.files.close(closed)
        refused: list[tuple[str, Callable[[], object]]] = [
            ("EINVAL", lambda: self.town.driver.mmap(client.table, client.dmabuf, 0, 1, write=False, shared=False)),
            ("EACCES" if self.policy.mmap else "EINVAL", lambda: client.map(reading)),
            ("EINVAL", lambda: client.map(reading, first=pages, pages=1, write=False)),
            ("EBADF", lambda: client.map(closed)),
        ]
        for errno, call in refused:
            with _refusal(errno):
                call()
        client.files.close(reading)
        yield from ()

    # ------------------------------------------------------------------------------------- fences and grabs

    def _sync_file(self) -> Steps[None]:
        """Take a buffer's fences out and into another's, wait for them, and poll (R14, R15)."""
        one, other = self._client(), self._client()
        flags = chosen(self.random, (SYNC_READ, SYNC_WRITE, SYNC_READ | SYNC_WRITE))
        argument = SyncFileArgument(flags)
        yield from one.ioctl(one.descriptor, EXPORT_SYNC_FILE, argument)
        fences = one.files.sync_file(argument.descriptor)
        number = other.files.install(fences)
        yield from other.ioctl(other.descriptor, IMPORT_SYNC_FILE, SyncFileArgument(flags, number))
        if self.random.integers(2):
            yield from fences.wait()
            assert fences.signalled
        events = chosen(self.random, (POLLIN, POLLOUT, POLLIN | POLLOUT))
        poll = restarting(lambda: other.dmabuf.poll_until(events, other.signals), other.signals)
        assert (yield from poll) & events
        one.files.close(argument.descriptor)
        other.files.close(number)

    def _grab(self) -> Steps[None]:
        """Keep the device off a buffer for a while (R24)."""
        client, flags = self._client(), chosen(self.random, _GRABS)

        def steps() -> Steps[None]:
            signals = client.signals
            yield from restarting(lambda: client.grabs.grab(client.buffer, flags, signals), signals)
            if not flags & GRAB_ALLOW_SUBMISSION:
                yield from self._accesses(client)
                with _refusal("EBUSY"):
                    yield from client.draw(client.buffer, self._commands(client.buffer.surface))
                client.grabs.release(client.buffer)

        self.town.grabbed += 1
        yield from self._attempt(steps(), *(("EBUSY",) if flags & GRAB_DONTBLOCK else ()))
        self.town.grabbed -= 1
        self.town.released += 1

    # ----------------------------------------------------------------------------- the kernel, and other devices

    def _kernel(self) -> Steps[None]:
        """The kernel looks: mapped before a bracket, each byte is from some moment since that bracket's begin (R13)."""
        yield from self._attempt(self._kernel_read(self._client()))

    def _kernel_read(self, client: Portable) -> Steps[None]:
        oracle, size = self.town.watch[client.buffer], client.buffer.surface.linear_size
        at = int(self.random.integers(size))
        length = upto(self.random, size - at)
        token, kernel = oracle.read_begins(), client.dmabuf.vmap()
        try:
            with failing(oracle, token):
                yield from client.sync(client.descriptor, SYNC_START | SYNC_READ)
                data = kernel.load(at, length)
        finally:
            client.dmabuf.vunmap()
        if self.policy.promise is Promise.BRACKETED:
            oracle.abandon(token)
            oracle.loaded(client.name, at, data)
        else:
            oracle.read_ends_run(token, client.name, at, data)
        yield from client.sync(client.descriptor, SYNC_END | SYNC_READ)

    def _second_device(self) -> Steps[None]:
        client = self._client()
        assert self.town.peer is not None
        yield from self._attempt(self._fetch(client, self.town.peer))

    def _fetch(self, client: Portable, peer: Driver) -> Steps[None]:
        """Another device imports the buffer and fetches all of it by DMA; so the import is seen as it was since."""
        self._made += 1
        buffer, files = client.buffer, DeviceFiles(PEER)
        surface = buffer.surface
        target = yield from peer.create(
            f"{self.name}, copy {self._made}", surface.width, surface.height, surface.bytes_per_pixel, surface.layout
        )
        oracle = self.town.watch[buffer]
        token = oracle.read_begins()
        try:
            with failing(oracle, token):
                handle, same = files.import_dmabuf(client.dmabuf)
                assert not same
                foreign = files.foreign(handle, self.town.host, peer.engine)
                signals = client.signals
                yield from restarting(lambda: foreign.map(Direction.TO_DEVICE, signals), signals)
                clear = target.reservation.waits(True)
                yield from peer.wait((yield from foreign.read(target.surface_handle, surface.box, after=clear)))
                raw = yield ScanOut(target.surface.base, target.surface.size, 1)
            oracle.read_ends(token, PEER, surface.box, target.surface.detile(raw))
        finally:
            yield from files.close_all()
            yield from peer.destroy(target)

    # ------------------------------------------------------------------------------------- a buffer of its own

    def _own(self) -> Steps[None]:
        """Bind a buffer and do what needs it alone: discard, keep no order, let the kernel or a device write."""
        yield from self._attempt(self._owning())

    def _owning(self) -> Steps[None]:
        self._made += 1
        town = self.town
        dmabuf = yield from town.buffer(self.random, f"{self.name}, buffer {self._made}")
        client = Portable(f"{self.name}, owner {self._made}", town.driver, dmabuf, town.watch)
        dmabuf.put()
        town.signals.append(client.signals)
        try:
            yield from self._using(client)
        except (BusFault, DeviceError, DriverError):
            yield from self._disown(client)
            raise
        yield from self._disown(client)

    def _disown(self, client: Portable) -> Steps[None]:
        town = self.town
        town.signals.remove(client.signals)
        self.moved += client.accesses
        yield from client.exit()
        yield from town.driver.reap()
        del town.watch[client.buffer]

    def _using(self, client: Portable) -> Steps[None]:
        town, buffer = self.town, client.buffer
        box = box_in(self.random, buffer.surface, pixels=True)
        yield from client.write_box(box.x, box.y, self._bytes(box.height, box.width))
        for _ in range(upto(self.random, 3)):
            yield from town.driver.wait((yield from client.draw(buffer, self._commands(buffer.surface))))
            yield from self._transferring(client, chosen(self.random, _ALONE))
            if self.policy.promise is Promise.COHERENT and not self.policy.uncached:
                yield from chosen(self.random, (self._kernel_write, self._deliver))(client)
            yield from client.show()
        yield from client.read_box(buffer.surface.box)

    def _kernel_write(self, client: Portable) -> Steps[None]:
        """The kernel stores, mapped before the bracket."""
        size = client.buffer.surface.linear_size
        at = int(self.random.integers(size))
        data = self._bytes(upto(self.random, size - at))
        kernel = client.dmabuf.vmap()
        try:
            yield from client.sync(client.descriptor, SYNC_START | SYNC_WRITE)
            yield from kernel.store(at, data)
            self.town.watch[client.buffer].stored(at, data)
        finally:
            client.dmabuf.vunmap()
        yield from client.sync(client.descriptor, SYNC_END | SYNC_WRITE)

    def _deliver(self, client: Portable) -> Steps[None]:
        """Another device draws a picture of its own and stores it into the buffer by DMA."""
        peer = self.town.peer
        if peer is None:
            return
        self._made += 1
        buffer, files = client.buffer, DeviceFiles(PEER)
        surface, oracle = buffer.surface, self.town.watch[buffer]
        source = yield from peer.create(
            f"{self.name}, source {self._made}", surface.width, surface.height, surface.bytes_per_pixel, surface.layout
        )
        yield from peer.wait((yield from peer.draw(source, self._commands(source.surface))))
        raw = yield ScanOut(source.surface.base, source.surface.size, 1)
        token = oracle.draw_begins([PatchBox(surface.box, source.surface.detile(raw))])
        try:
            with failing(oracle, token):
                handle, _ = files.import_dmabuf(client.dmabuf)
                foreign = files.foreign(handle, self.town.host, peer.engine)
                yield from foreign.map(Direction.FROM_DEVICE)
                yield from peer.wait((yield from foreign.write(source.surface_handle, surface.box)))
                yield from files.close_all()
            oracle.draw_ends(token)
        finally:
            yield from files.close_all()
            yield from peer.destroy(source)

    # ------------------------------------------------------------------------------------------------- errors

    def _error(self) -> Steps[None]:
        """Keep the engine from a page of the host for a while: readbacks of it fail, perhaps uploads too (R16, R23)."""
        client = self._client()
        page = int(self.random.integers(client.buffer.pages))
        self.town.broken += 1
        yield from self._permit(client.buffer, page, writable=False, valid=bool(self.random.integers(2)))
        yield from self._accesses(client)
        yield from self._attempt(self._drawing(client))
        yield from self._permit(client.buffer, page)
        for one in self.clients:
            # Whose work has failed by it is told so until then.
            yield from wait_for(one.reservation.query(Usage.BOOKKEEP), cause="mended", buffer=one.name)
        self.town.broken -= 1
        self.town.mended += 1

    def _bus_error(self) -> Steps[None]:
        """Have a place of host memory answer with errors for a while: data, page tables, staging, rings (R23)."""
        town, client = self.town, self._client()
        if town.bus is None or town.hurt:
            return
        town.hurt = True
        town.broken += 1
        town.bus(self._place_on_bus(client.buffer))
        yield from self._accesses(client)
        yield from self._attempt(self._drawing(client))
        town.bus(None)
        # Who stands behind an INVALIDATE that has failed is told so too.
        yield from town.driver.wait((yield from town.driver.engine.invalidate(client.buffer.object_handle)))
        for one in self.clients:
            yield from wait_for(one.reservation.query(Usage.BOOKKEEP), cause="mended", buffer=one.name)
        town.broken -= 1
        town.mended += 1
        town.hurt = False

    def _place_on_bus(self, buffer: Buffer) -> BusRange:
        host, random = self.town.host, self.random
        owner = chosen(random, (buffer.name, "object table", "staging", *QUEUES))
        frames = [frame for frame in range(host.size // PAGE) if host.owner(frame) == owner] or buffer.frames
        write = bool(random.integers(2))
        if owner in QUEUES:
            # Descriptors are read; records and fences are written.
            frames = frames[1:3] if write else frames[:1]
        first = chosen(random, frames) * PAGE
        if random.integers(2):
            return BusRange(first, first + PAGE, write)
        at = upto(random, PAGE) - 1  # rings begin at the begin of their pages
        return BusRange(first + at, first + min(at + upto(random, 256), PAGE), write)

    def _permit(self, buffer: Buffer, page: int, *, writable: bool = True, valid: bool = True) -> Steps[None]:
        """Change the entry, until the engine knows of it: the bus may fail for that too."""
        told = False
        while not told:
            yield Acquire(buffer.reservation.lock)
            try:
                yield from permit(self.town.driver, buffer, page, writable=writable, valid=valid)
                told = True
            except DeviceError:
                assert self.town.hurt or self.town.mended, "nothing was broken"
            yield Release(buffer.reservation.lock)
