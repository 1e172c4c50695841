"""A program for a live device: several processes and the device write the pages of one buffer, and all look.

Each of WRITERS processes owns one column of pixels and counts up in it; the device owns the right half: it fills, and
copies the writers' columns there. Who has written publishes the number in memory that all share. Whoever looks reads
what was published first and the pixel then, so an older number is a stale read, and one's own number that is not the
last one is a lost write. A copy must hold numbers from between its call and its return. A second buffer, of WIDE pages,
is the device's alone: it fills all of it with a number, and every page must have that at once, whoever looks.

    python coherence.py WRITERS PAGES-TO-ZAP SEED

Prints what was done; exit status 1 with a line for what was wrong.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import sys
import time

from tb.live.client import Live

SIDE, PIXEL, HALF = 64, 4, 32
WIDE = 64
OVER, FILLED = (0, SIDE), (1, SIDE)
WORD = struct.Struct("<I")


class Pixels:
    """Numbers in shared memory by column and row, each loaded and stored as a whole (struct clears it first)."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._words = memoryview(memory).cast("I")

    def get(self, column: int, row: int) -> int:
        """The number in a pixel."""
        return int(self._words[row * SIDE + column])

    def put(self, column: int, row: int, value: int) -> None:
        """Store a number."""
        self._words[row * SIDE + column] = value


class Party:
    """One process among them: the buffer, what was published, and a way out."""

    def __init__(self, path: str, wide: str, published: Pixels, seed: int) -> None:
        self.file = os.open(path, os.O_RDWR)
        self.wide = memoryview(mmap.mmap(os.open(wide, os.O_RDWR), 0)).cast("I")
        self.memory = Pixels(mmap.mmap(self.file, 0))
        self.published = published
        self.chance = random.Random(seed)
        self.looks = 0

    def over(self) -> bool:
        """Whether somebody has ended it; the last word says so."""
        return self.published.get(*OVER) != 0

    def fail(self, what: str) -> None:
        """Tell, and end it for all."""
        self.published.put(*OVER, 1)
        print(f"error: {what}", flush=True)
        os._exit(1)

    def publish(self, column: int, row: int, value: int) -> None:
        """Say that a pixel holds at least this."""
        self.published.put(column, row, value)

    def look(self) -> None:
        """Look at any pixel, and at any page that is the device's."""
        least, page = self.published.get(*FILLED), self.chance.randrange(WIDE)
        if self.wide[page * 1024] < least:
            self.fail(f"stale: page {page} is {self.wide[page * 1024]}, and {least} was there before")
        column, row = self.chance.randrange(SIDE), self.chance.randrange(SIDE)
        least = self.published.get(column, row)
        if self.chance.random() < 0.1:
            place = (row * SIDE + column) * PIXEL
            found = WORD.unpack(os.pread(self.file, PIXEL, place))[0]
        else:
            found = self.memory.get(column, row)
        self.looks += 1
        if found < least:
            self.fail(f"stale: pixel {column}, {row} is {found}, and {least} was there before")

    def write(self, column: int, count: int) -> int:
        """Count up in a column until it is over, through the mapping and with write(2)."""
        mine = [0] * SIDE
        while not self.over():
            count += 1
            row = self.chance.randrange(SIDE)
            if self.chance.random() < 0.1:
                os.pwrite(self.file, WORD.pack(count), (row * SIDE + column) * PIXEL)
            else:
                self.memory.put(column, row, count)
            mine[row] = count
            self.publish(column, row, count)
            back = self.chance.randrange(SIDE)
            found = self.memory.get(column, back)
            if found != mine[back]:
                self.fail(f"lost: pixel {column}, {back} is {found}, not {mine[back]}")
            self.look()
        return count

    def sweep(self, device: Live, value: int) -> None:
        """Have the device fill every page of its own, and look at each."""
        device.fill("wide", 0, 0, 1024, WIDE, WORD.pack(value).hex())
        self.publish(*FILLED, value)
        for page in range(WIDE):
            if self.wide[page * 1024] != value:
                self.fail(f"stale: page {page} is {self.wide[page * 1024]}, not {value}")

    def draw(self, device: Live, writers: int, value: int) -> None:
        """Have the device fill some rows of its half, or copy the writers' columns there and look at the copy."""
        row = self.chance.randrange(SIDE)
        rows = self.chance.randint(1, min(SIDE - row, 20))
        if self.chance.random() < 0.5:
            device.fill("shared", HALF + 16, row, 16, rows, WORD.pack(value).hex())
            for one in range(row, row + rows):
                for column in range(HALF + 16, SIDE):
                    self.publish(column, one, value)
            return
        least = [[self.published.get(column, one) for column in range(writers)] for one in range(row, row + rows)]
        device.copy("shared", HALF, row, writers, rows, 0, row)
        for one in range(row, row + rows):
            for column in range(writers):
                found, most = self.memory.get(HALF + column, one), self.memory.get(column, one)
                if not least[one - row][column] <= found <= most:
                    self.fail(f"a copy of pixel {column}, {one} is {found}: {least[one - row][column]} to {most}")


def main(writers: int, zaps: int, seed: int) -> int:
    """Start the writers, draw until so many pages were zapped, and end them."""
    device = Live()
    path = str(device.create("shared", SIDE, SIDE, "rgba", "Y_TILED"))
    wide = str(device.create("wide", 1024, WIDE, "rgba"))
    published = Pixels(mmap.mmap(-1, (SIDE * SIDE + 2) * PIXEL))
    children = []
    for column in range(writers):
        child = os.fork()
        if not child:
            party = Party(path, wide, published, seed * 100 + column)
            counted = party.write(column, 0)
            print(f"writer {column}: {counted:,} stores, {party.looks:,} looks", flush=True)
            os._exit(0)
        children.append(child)
    party = Party(path, wide, published, seed * 100 + 99)
    began, value = time.monotonic(), 0
    while not party.over() and (value % 16 or int(device.status()["zapped_pages"]) < zaps):
        value += 1
        party.draw(device, writers, value)
        party.sweep(device, value)
        party.look()
    published.put(*OVER, 1)
    bad = [child for child in children if os.waitpid(child, 0)[1]]
    facts = device.status()
    seconds = time.monotonic() - began
    print(f"{value:,} drawings, {facts['zapped_pages']} pages zapped, {facts['faults']} faults, {seconds:.1f} s")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))
