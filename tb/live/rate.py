"""How fast a live device is: page faults and zaps a second, as a program inside of its directory.

    make live CMD="python3 -m tb.live.rate"             and the same with PLAIN=1, which answers without driver and RTL

Every page of a buffer is touched after the device has drawn on it, in order and in a random one; then the device draws
on pages that are all there and clean.
"""

from __future__ import annotations

import mmap
import os
import random
import sys
import time
from collections.abc import Sequence

from tb.live.client import Live

__all__ = ["main"]

PAGES = 1000
ROUNDS = 3


def main() -> int:
    """Measure and print."""
    with Live() as device:
        path = device.create("rate", 1024, PAGES, "rgba")
        file = os.open(path, os.O_RDWR)
        memory = mmap.mmap(file, 0)
        shuffled = list(range(PAGES))
        random.Random(1).shuffle(shuffled)
        orders: dict[str, Sequence[int]] = {"in order": range(PAGES), "at random": shuffled}
        for name, order in orders.items():
            seconds, cycles = 0.0, 0
            for turn in range(ROUNDS):
                device.fill("rate", 0, 0, 1024, PAGES, f"0{turn}020304")
                cycle = device.wait()
                seconds -= time.perf_counter()
                for page in order:
                    memory[page * mmap.PAGESIZE]
                seconds += time.perf_counter()
                cycles += device.wait() - cycle
            faults = ROUNDS * PAGES
            print(f"{name:10} {faults / seconds:8,.0f} faults a second, {cycles / faults:6.0f} cycles each")
        best = min(_zap(device, memory) for _ in range(ROUNDS))
        print(f"a zap of {PAGES:,} clean pages with the drawing that needs it: {best * 1000:.1f} ms")
    return 0


def _zap(device: Live, memory: mmap.mmap) -> float:
    """Seconds of a drawing on pages that are all mapped and clean."""
    device.wait()
    for page in range(PAGES):
        memory[page * mmap.PAGESIZE]
    began = time.perf_counter()
    device.fill("rate", 0, 0, 1024, PAGES, "01020304")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
