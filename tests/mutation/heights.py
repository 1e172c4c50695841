"""Addresses as high as registers, tables and the bus allow, far above host memory: each must come out bit for bit.

Host memory answers with an error where the address is expected, and counts an access anywhere else outside of it as
bad. So a single wrong address bit fails, although nothing lies there.
"""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

from models.engine import Queue
from models.layout import Address, Cause, Descriptor, IrqStatus, Opcode, PageTableEntry, QueueOffset, queue_address
from models.memory import PAGE
from models.steps import CsrWrite, ScanOut, Steps
from models.surface import Box
from tb.agents.memory import ErrorWindow, MemoryConfig
from tb.sequences import boxed
from tests.system import fault_moments as moments
from tests.system.fault_ground import Ground
from tests.system.fault_site import DESTINATION, FaultSite

__all__ = ["heights"]

_PATTERNS = (0xAAAA_AAAA_AAAA_A000, 0x5555_5555_5555_5000, 0xCCCC_3333_6666_9000)
"""Addresses whose bits are 0 and 1 between them, with neighbours of both kinds."""
_OBJECT = 5
_LINE = 64
_DENSE = {"surface": 0, "object": _OBJECT, "host_stride": 8}
_HEIGHTS = (1, 3)
"""Rows of a box that fails: the reason of one that has bursts behind it is kept, that of the last one is not."""
_PLAIN = {"surface": 0, "host_stride": PAGE}


async def heights(ground: Ground) -> None:
    """Frames, roots, directories, rings, records and fence values at high addresses."""
    site = ground.site
    ledger, site.rig.ledger = site.ledger, None
    for number, high in enumerate(_PATTERNS):
        for stage in (_frames, _roots, _limits, _rings, _records, _fences):
            await ground.reset()
            await ground.perform(_fresh(site))
            await ground.perform(stage(site, high + 64 * number))
            site.temper_host(MemoryConfig())
    await ground.reset()
    site.rig.ledger = ledger
    ledger.image.expected[:] = site.host.bytes
    ledger.forgive([], await ground.perform(_device(site)))
    await ground.offences()  # no such page was ever granted
    await ground.perform(moments.recover(site, lambda site: site.set_up()))


def _fresh(site: FaultSite) -> Steps[None]:
    for ring in site.rig.rings.values():
        site.host.write(ring.records, bytes(PAGE))
    yield from site.set_up()


def _device(site: FaultSite) -> Steps[Any]:
    return (yield ScanOut(0, site.used))


def _only(site: FaultSite, base: int, size: int) -> None:
    """Answer with an error there; anywhere else outside of host memory nobody may go."""
    site.temper_host(MemoryConfig(error=ErrorWindow(base, size, read=True, write=True, response=3)))


def _ends(site: FaultSite, queue: Queue, work: Descriptor, cause: Cause, address: int, near: int) -> Steps[None]:
    """A descriptor ends with a cause and an address, to within `near` bytes; then the queue goes on."""
    record = (yield from site.perform(queue, [work]))[0]
    assert record.cause == cause, f"{record} at {address:#x}, not {cause.name}"
    assert record.address // near == address // near, f"{cause.name} at {record.address:#x}, not at {address:#x}"
    yield from site.rig.control(queue, resume=True)


def _frames(site: FaultSite, high: int) -> Steps[None]:
    table, frame = site.objects[DESTINATION], high >> 12 & (1 << 40) - 1
    kept = table.get(1)
    table.set(1, PageTableEntry(1, 1, frame))
    at = frame * PAGE + 0x340
    _only(site, at, 64)
    for opcode, height in product((Opcode.READBACK, Opcode.WRITEBACK), _HEIGHTS):
        work = boxed(opcode, Box(8, 1, 48, height), object=DESTINATION, host_offset=PAGE + 0x348, **_PLAIN)
        yield from _ends(site, Queue.TRANSFER, work, Cause.BUS_ERROR, at, _LINE)
    table.set(1, kept)


def _roots(site: FaultSite, high: int) -> Steps[None]:
    root, page = high // PAGE * PAGE & (1 << 52) - 1, high >> 24 & 0xFFFFF
    flat: Any = SimpleNamespace(root=root, pages=page + 1, two_level=False)
    yield from site.rig.object(_OBJECT, flat)
    at = root + page * PageTableEntry.SIZE
    _only(site, at // _LINE * _LINE, _LINE)
    for height in _HEIGHTS:
        far = boxed(Opcode.WRITEBACK, Box(8, 1, 8, height), host_offset=page * PAGE, **_DENSE)
        yield from _ends(site, Queue.TRANSFER, far, Cause.WALK_ERROR, at, 8)
    # the same page behind a directory in host memory, whose entry leads far away
    page, frame = page & 0x3FFFF, high >> 12 & (1 << 40) - 1
    for entry in range(512):
        site.host.write(site.scratch + entry * PageTableEntry.SIZE, bytes(PageTableEntry.SIZE))
    place = site.scratch + (page >> 9) * PageTableEntry.SIZE
    site.host.write(place, PageTableEntry(1, 0, frame).pack())
    deep: Any = SimpleNamespace(root=site.scratch, pages=page + 1, two_level=True)
    yield from site.rig.object(_OBJECT, deep)
    yield from site.rig.perform(Queue.TRANSFER, [Descriptor(opcode=Opcode.INVALIDATE, object=_OBJECT)])
    at = frame * PAGE + (page & 511) * PageTableEntry.SIZE
    _only(site, at // _LINE * _LINE, _LINE)
    for height in _HEIGHTS:
        far = boxed(Opcode.READBACK, Box(8, 1, 8, height), host_offset=page * PAGE, **_DENSE)
        yield from _ends(site, Queue.TRANSFER, far, Cause.WALK_ERROR, at, 8)


def _limits(site: FaultSite, high: int) -> Steps[None]:
    """The page behind an object's last one is refused before its entry is looked for, whatever bit says so."""
    _only(site, high, 8)
    for log2 in range(20):
        table: Any = SimpleNamespace(root=high // PAGE * PAGE & (1 << 52) - 1, pages=1 << log2, two_level=False)
        yield from site.rig.object(_OBJECT, table)
        behind = boxed(Opcode.WRITEBACK, Box(8, 1, 8, 1), object=_OBJECT, host_offset=PAGE << log2, **_PLAIN)
        yield from _ends(site, Queue.TRANSFER, behind, Cause.TRANSLATION_FAULT, PAGE << log2, 1)


def _base(queue: Queue, offset: QueueOffset, value: int) -> Steps[None]:
    yield CsrWrite(queue_address(queue, offset), value & 0xFFFFFFFF)
    yield CsrWrite(queue_address(queue, offset) + 4, value >> 32)


def _rings(site: FaultSite, high: int) -> Steps[None]:
    for queue in Queue:
        base = high + 0x1000 * queue
        yield from _base(queue, QueueOffset.RING_BASE_LO, base)
        _only(site, base, 64)
        yield CsrWrite(queue_address(queue, QueueOffset.TAIL), 1)
        record = (yield from site.records(queue, 1))[0]
        assert (record.cause, record.address) == (Cause.FETCH_ERROR, base), f"{record}, not an error at {base:#x}"


def _records(site: FaultSite, high: int) -> Steps[None]:
    for queue in Queue:
        base = high + 32 + 0x1000 * queue
        yield from _base(queue, QueueOffset.COMPLETION_BASE_LO, base)
        _only(site, base, 32)
        yield from _lost(site, queue, Descriptor(opcode=Opcode.NOP))


def _fences(site: FaultSite, high: int) -> Steps[None]:
    for queue in Queue:
        base = high + 8 + 0x1000 * queue
        yield from _base(queue, QueueOffset.FENCE_BASE_LO, base)
        _only(site, base, 8)
        yield from _lost(site, queue, Descriptor(opcode=Opcode.FENCE, host_offset=5))


def _lost(site: FaultSite, queue: Queue, work: Descriptor) -> Steps[None]:
    """A record or fence value is refused where it should go, and IRQ_STATUS tells of it."""
    yield from site.rig.post(queue, [work])
    mask = IrqStatus(completion_error=1).to_int()
    yield from site.until(Address.IRQ_STATUS, mask, mask, f"refused write of {queue.name}")
    yield from site.idle(queue)
    yield CsrWrite(Address.IRQ_STATUS, 0x7F)
