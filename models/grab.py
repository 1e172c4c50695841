"""CPU grabs (SYNCCPU): a client waits until the device is idle on a buffer and keeps submissions out (R24)."""

from __future__ import annotations

from models.dmabuf import Buffer
from models.errors import DriverError
from models.fence import Fence, Usage, wait_for
from models.signals import Signals
from models.steps import Acquire, Steps, releasing

__all__ = ["GRAB_ALLOW_SUBMISSION", "GRAB_DONTBLOCK", "GRAB_READ", "GRAB_WRITE", "Grabs"]

GRAB_READ, GRAB_WRITE, GRAB_DONTBLOCK, GRAB_ALLOW_SUBMISSION = 1, 2, 4, 8
_ALL = GRAB_READ | GRAB_WRITE | GRAB_DONTBLOCK | GRAB_ALLOW_SUBMISSION


class Grabs:
    """One client's grabs of any buffers; they end with the client."""

    def __init__(self, client: str) -> None:
        self.client = client
        self._held: dict[Buffer, int] = {}

    def grab(self, buffer: Buffer, flags: int, signals: Signals | None = None) -> Steps[None]:
        """Wait until the device is idle on a buffer; from then on who submits work on it gets EBUSY.

        With "don't block" nobody waits: DriverError EBUSY if the device, or the lock, is busy. With "allow submission"
        it only waits. EINVAL for unknown flags or neither READ nor WRITE, EINTR for a signal, EBADF for a buffer that
        was destroyed; nothing is held then.
        """
        if flags & ~_ALL or not flags & (GRAB_READ | GRAB_WRITE):
            raise DriverError("EINVAL", f"grab flags {flags:#x}")
        block = not flags & GRAB_DONTBLOCK
        lock = buffer.reservation.lock
        if (yield Acquire(lock, wait=block, signals=signals)) is False:
            raise DriverError("EINTR" if block else "EBUSY", f"{lock} is busy")
        waits = yield from releasing(self._grab(buffer, flags, signals), lock)
        yield from wait_for(waits, cause="grab", buffer=buffer.name, signals=signals)

    def _grab(self, buffer: Buffer, flags: int, signals: Signals | None) -> Steps[tuple[Fence, ...]]:
        """With the lock held: grab, or return what is to be waited for without it."""
        buffer.expect_alive()
        fences = buffer.reservation.query(Usage.READ)
        if flags & GRAB_DONTBLOCK:
            for fence in fences:
                if not fence.done and (fence.engine is None or not (yield from fence.engine.poll(fence))):
                    raise DriverError("EBUSY", f"{buffer.name} is busy")
        elif flags & GRAB_ALLOW_SUBMISSION:
            return fences
        else:
            yield from wait_for(fences, cause="grab", buffer=buffer.name, signals=signals)
        if not flags & GRAB_ALLOW_SUBMISSION:
            self._held[buffer] = self._held.get(buffer, 0) + 1
            buffer.grabs[self.client] = buffer.grabs.get(self.client, 0) + 1
        return ()

    def release(self, buffer: Buffer) -> None:
        """Give one grab back. DriverError EINVAL if there is none."""
        if buffer not in self._held:
            raise DriverError("EINVAL", f"{self.client} has not grabbed {buffer.name}")
        # By counts, not by presence: another client may have the same name.
        self._held[buffer] -= 1
        buffer.grabs[self.client] -= 1
        if not self._held[buffer]:
            del self._held[buffer]
        if not buffer.grabs[self.client]:
            del buffer.grabs[self.client]

    def close(self) -> None:
        """Give all grabs back, as the end of the client does."""
        for buffer in list(self._held):
            while buffer in self._held:
                self.release(buffer)
