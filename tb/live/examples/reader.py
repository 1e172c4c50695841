"""A random reader: two processes look at places all over what the device goes on drawing."""

from __future__ import annotations

import mmap
import os
import random

from tb.live.client import Live

WIDTH, HEIGHT, TURNS = 256, 256, 12


def main() -> None:
    """Draw some tiles, and read places at random, half of them in what was drawn."""
    with Live() as device:
        path = device.create("map", WIDTH, HEIGHT, "rgba", "MORTON")
        file = os.open(path, os.O_RDONLY)
        memory = mmap.mmap(file, 0, prot=mmap.PROT_READ)
        for turn in range(TURNS):
            x, y = turn * 64 % WIDTH, turn * 80 % (HEIGHT - 63)
            device.wait(device.fill("map", x, y, 64, 64, f"{turn + 1:02x}000000"))
            child = os.fork()
            chance = random.Random(turn * 2 + (child == 0))
            for _ in range(24):
                column, row = chance.randrange(WIDTH), chance.randrange(HEIGHT)
                if chance.random() < 0.5:
                    column, row = x + column % 64, y + row % 64
                    assert memory[(row * WIDTH + column) * 4] == turn + 1
                else:
                    assert memory[(row * WIDTH + column) * 4] <= turn + 1
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main()
