"""A numpy pipeline on mapped buffers: paint, have the device compose it into another buffer, filter that in place.

`--show FILE.png` has ImageMagick read the result, as the picture that the file is.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from tb.live.client import Live

SIDE = 256


def main(show: str = "") -> None:
    """Four rounds of painting, composing and filtering."""
    with Live() as device:
        shape = (SIDE, SIDE, 4)
        brush = np.memmap(device.create("brush", SIDE, SIDE, "rgba", "MORTON"), np.uint8, "r+", shape=shape)
        path = device.create("scene", SIDE, SIDE, "rgba", "Y_TILED")
        scene = np.memmap(path, np.uint8, "r+", shape=shape)
        y, x = np.mgrid[0:64, 0:64]
        device.fill("scene", 0, 0, SIDE, SIDE, "203040ff")
        for turn in range(4):
            disc = (x - 32) ** 2 + (y - 32) ** 2 < 900
            brush[:64, :64] = np.where(disc[..., None], [255 - 60 * turn, 60 * turn, 128, 255], [32, 48, 64, 255])
            device.wait(device.copy("scene", 48 * turn, 48 * turn, 64, 64, 0, 0, "brush"))
            part = scene[48 * turn : 48 * turn + 64]
            part[..., :3] = (part[..., :3].astype(np.uint16) + np.roll(part[..., :3], 1, axis=1)) // 2
        device.flush("scene")
        assert (scene[32, 34, :3] == [255, 0, 128]).all() and scene[250, 5, 2] == 0x40
        if show:
            size = ["-size", f"{SIDE}x{SIDE}", "-depth", "8"]
            subprocess.run(["convert", *size, str(path), show], check=True)


if __name__ == "__main__":
    main(sys.argv[2] if sys.argv[1:2] == ["--show"] else "")
