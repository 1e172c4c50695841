"""What host work costs in time: one parameter table, charged as `Delay` steps in the clock of the RTL.

Defaults are measured figures of a 2-CPU virtual machine (minor fault, zap, bulk write-protect, write-protect of one
page, with and without a second running thread); `interrupt_ns` and `aperture_ns` are assumptions, there to
be swept, and `scan_entry_ns` is taken to be what write-protecting in bulk costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.steps import Delay, Step

__all__ = ["Costs"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Nanoseconds of host time."""

    fault_ns: int = 1200
    zap_page_ns: int = 200
    protect_bulk_page_ns: int = 90
    protect_one_ns: int = 1900
    shootdown_ns: int = 12000
    interrupt_ns: int = 1000
    scan_entry_ns: int = 90
    aperture_ns: int = 300

    def fault(self) -> Iterator[Step]:
        """Charge one minor fault."""
        yield from self._charge(self.fault_ns, "fault")

    def zap(self, pages: int) -> Iterator[Step]:
        """Charge the zap of so many pages."""
        yield from self._charge(pages * self.zap_page_ns, "zap")

    def protect(self, pages: int, *, running: int = 1) -> Iterator[Step]:
        """Charge write-protecting so many pages; one page alone costs a shootdown when other threads run."""
        if pages == 1:
            yield from self._charge(self.shootdown_ns if running > 1 else self.protect_one_ns, "write-protect")
        else:
            yield from self._charge(pages * self.protect_bulk_page_ns, "write-protect")

    def scan(self, entries: int) -> Iterator[Step]:
        """Charge looking at so many entries for their dirty bits; as dear as protecting them in bulk."""
        yield from self._charge(entries * self.scan_entry_ns, "scan")

    def aperture(self, accesses: int) -> Iterator[Step]:
        """Charge so many single accesses over the bus."""
        yield from self._charge(accesses * self.aperture_ns, "aperture")

    def interrupt(self) -> Iterator[Step]:
        """Charge one interrupt."""
        yield from self._charge(self.interrupt_ns, "interrupt")

    @staticmethod
    def _charge(nanoseconds: int, why: str) -> Iterator[Step]:
        if nanoseconds:
            yield Delay(nanoseconds, why)
