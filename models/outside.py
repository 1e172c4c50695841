"""A page table that is not ours: a kernel's, whose entries come and go outside of the model.

Programs that are no model reach a buffer through it. It asks for a page that it has no entry for, for a load and for a
store alike; it does not tell of stores. Those it hands over page by page: when it is made to (`models.steps.Recall`),
or when it likes. What it handed over is *posted*: it belongs to the newest bytes at once, and moves into the host's
pages, which the device reads, when the driver is about to look at them and no upload is under way there (R20, R31).

The entries of `mapping` are pages that the kernel may have: always those that it has, and perhaps some that it dropped
by itself. A page may be read from here without a fault exactly while it has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from models.dmabuf import Buffer, DmaBuf
from models.fence import wait_for
from models.memory import PAGE, Bytes
from models.page_table import PageTable
from models.steps import Acquire, Release, Steps

if TYPE_CHECKING:
    from models.driver import Driver

__all__ = ["Outside"]

Posted: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
"""One for each byte of a page."""


class Outside:
    """The page table outside that shows one shared buffer, from its first page to its last.

    DriverError EINVAL where the policy allows no mapping (R6).
    """

    def __init__(self, driver: Driver, dmabuf: DmaBuf) -> None:
        self.driver = driver
        self.buffer: Buffer = dmabuf.buffer
        self._dmabuf = dmabuf
        self.table = PageTable(f"programs.{self.buffer.name}")
        self.mapping = driver.mmap(self.table, dmabuf, 0, self.buffer.pages, write=False)
        self._posted: dict[int, tuple[Bytes, Posted]] = {}
        """By page: the bytes, and which of them were posted."""
        self.buffer.outside = self

    def has(self, page: int) -> bool:
        """Whether the page can be read without a fault. IndexError outside of the buffer."""
        return bool(self.mapping.present[self.mapping.index(page)])

    def given(self, pages: Iterable[int]) -> tuple[int, ...]:
        """Return, ascending, those pages whose bytes it was given since their last zap: it may have them still."""
        return tuple(page for page in sorted(pages) if self.mapping.accessed[page])

    def reach(self, page: int) -> Steps[None]:
        """Serve the fault on a page, if it still is one. BusFault where its bytes cannot be had (R16)."""
        while not self.has(page):
            yield from self.driver.faults.handle(self.buffer, self.mapping, page, False)

    def load(self, page: int) -> Bytes:
        """Return the newest bytes of a page that it has, to be given to it; they are in use from now on."""
        self.mapping.accessed[page] = True
        return self.newest(page)

    def newest(self, page: int) -> Bytes:
        """Return the newest bytes of a page that it has, as an array of its own."""
        data: Bytes = self.driver.host.pages[self.buffer.frames[page]].copy()
        if page in self._posted:
            bytes_, posted = self._posted[page]
            np.copyto(data, bytes_, where=posted)
        return data

    def post(self, page: int, offset: int, data: bytes) -> None:
        """The kernel hands over bytes that were stored to a page which it has. ValueError past the end of the page."""
        if offset < 0 or offset + len(data) > PAGE:
            raise ValueError(f"{len(data)} bytes at {offset} of a page")
        if page not in self._posted:
            self._posted[page] = np.zeros(PAGE, np.uint8), np.zeros(PAGE, np.bool_)
        bytes_, posted = self._posted[page]
        bytes_[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
        posted[offset : offset + len(data)] = True

    def settle(self, pages: Iterable[int]) -> Steps[None]:
        """Move what was posted to these pages into the host's; with the reservation lock held (R31).

        An upload of a page that is under way is waited for: it reads what was there when it was submitted.
        """
        due = sorted(self._posted.keys() & set(pages))
        if not due:
            return
        policy, buffer = self.driver.policy, self.buffer
        uploads = policy.uploads(buffer, due)
        yield from wait_for(uploads, cause="settle", process=self.mapping.process, buffer=buffer.name)
        for page in due:
            frame = self.driver.host.pages[buffer.frames[page]]
            bytes_, posted = self._posted.pop(page)
            np.copyto(frame, bytes_, where=posted)
        buffer.valid[due] = True
        policy.unmapped(buffer, due)

    def close(self) -> Steps[None]:
        """The kernel has dropped every page; give the mapping up. Whoever recalls pages meanwhile finds it whole."""
        yield from self.driver.munmap(self.table, self._dmabuf, self.mapping)
        lock = self.buffer.reservation.lock
        yield Acquire(lock)
        self.buffer.outside = None
        self._posted.clear()
        yield Release(lock)
