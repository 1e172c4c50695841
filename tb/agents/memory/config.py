"""How kind the host memory is: one frozen value a temper, written into the knobs of tb/hdl/axi_memory.sv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from models.layout import Cause

__all__ = ["ErrorWindow", "MemoryConfig", "MuteWindow", "Stall"]


@dataclass(frozen=True, slots=True)
class Stall:
    """A channel stalls the first `on` of every `period` cycles, and any cycle with probability `random` / 256."""

    on: int = 0
    period: int = 0
    random: int = 0


@dataclass(frozen=True, slots=True)
class ErrorWindow:
    """Bursts that touch [base, base + bytes) answer `response` (2 SLVERR, 3 DECERR); only the `nth` if not 0."""

    base: int = 0
    bytes: int = 0
    read: bool = False
    write: bool = False
    response: int = 2
    nth: int = 0


@dataclass(frozen=True, slots=True)
class MuteWindow:
    """Bursts that touch [base, base + bytes) are never answered."""

    base: int = 0
    bytes: int = 0
    read: bool = False
    write: bool = False


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """Latencies in cycles, bursts that may be pending, order between IDs, stalls, faults, and what must not be touched.

    How long a burst takes is drawn anew for each: constant, or uniform over 0 to `jitter` more; with `long_tail`
    geometric, where each further `jitter` + 1 cycles are half as likely; and with probability `far_random` / 256 `far`
    cycles more, which makes two peaks.
    poison: an access to a page that nobody owns (`HostMemory.owned`) fails the test.
    track: a read of a byte that nobody ever wrote fails the test; needs `HostMemory.track` before the reset.
    `seed` takes effect at the next reset only.
    """

    read_latency: int = 13
    write_latency: int = 13
    read_limit: int = 256
    write_limit: int = 256
    reorder: bool = False
    jitter: int = 0
    long_tail: bool = False
    far: int = 0
    far_random: int = 0
    poison: bool = True
    track: bool = False
    seed: int = 1
    ar: Stall = field(default_factory=Stall)
    r: Stall = field(default_factory=Stall)
    aw: Stall = field(default_factory=Stall)
    w: Stall = field(default_factory=Stall)
    b: Stall = field(default_factory=Stall)
    error: ErrorWindow = field(default_factory=ErrorWindow)
    mute: MuteWindow = field(default_factory=MuteWindow)

    def knobs(self) -> Iterator[tuple[str, int]]:
        """(name of the Verilog variable, value), in an order in which windows are switched on last."""
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Stall):
                for name in ("on", "period", "random"):
                    yield f"{part.name}_stall_{name}", int(getattr(value, name))
            elif isinstance(value, ErrorWindow | MuteWindow):
                names = ("base", "bytes", "response", "nth", "read", "write")
                for name in names if isinstance(value, ErrorWindow) else ("base", "bytes", "read", "write"):
                    yield f"{part.name}_{name}", int(getattr(value, name))
            else:
                yield part.name, int(value)

    def bus(self, address: int, length: int, write: bool) -> Cause:
        """How an access of the engine ends: NONE, BUS_ERROR or WATCHDOG; what `models.execute` asks for.

        Raises ValueError while an `nth` is set: which burst that is cannot be said without burst shapes.
        """
        mute, error = self.mute, self.error
        if (mute.write if write else mute.read) and _touches(address, length, mute.base, mute.bytes):
            return Cause.WATCHDOG
        if (error.write if write else error.read) and _touches(address, length, error.base, error.bytes):
            if error.nth:
                raise ValueError("the burst that an nth error hits cannot be predicted")
            return Cause.BUS_ERROR
        return Cause.NONE


def _touches(address: int, length: int, base: int, size: int) -> bool:
    return address < base + size and address + length > base
