"""A video-like writer: each frame is written through a mapping, and the device shows it by copying it to a screen."""

from __future__ import annotations

import mmap
import os

from tb.live.client import Live

WIDTH, HEIGHT, FRAMES = 320, 180, 8


def main() -> None:
    """Write and show frames, one after another; the overlay is the device's."""
    with Live() as device:
        frame = device.create("frame", WIDTH, HEIGHT, "graya", "X_TILED")
        screen = device.create("screen", WIDTH, HEIGHT, "graya", "X_TILED")
        row = WIDTH * 2
        with open(frame, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            for number in range(FRAMES):
                for y in range(0, HEIGHT, 1 if number % 4 == 0 else 3):
                    memory[y * row : (y + 1) * row] = bytes([(y + 8 * number) & 0xFF, 255]) * WIDTH
                device.fill("frame", 8 + number * 4, 8, 40, 12, "ffff")
                device.wait(device.copy("screen", 0, 0, WIDTH, HEIGHT, 0, 0, "frame"))
        shown = os.open(screen, os.O_RDONLY)
        assert os.pread(shown, 2, 10 * row + (9 + (FRAMES - 1) * 4) * 2) == b"\xff\xff"
        assert os.pread(shown, 2, 21 * row) == bytes([21 + 8 * (FRAMES - 1), 255])
        os.close(shown)


if __name__ == "__main__":
    main()
