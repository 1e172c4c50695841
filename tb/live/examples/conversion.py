"""An image conversion: a standard program decodes a picture into a buffer, the device mirrors and frames it, and the
standard program encodes what the device made. ImageMagick where it is, else Pillow, which reads and writes likewise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from tb.live.client import Live

WIDTH, HEIGHT = 256, 192


def main() -> None:
    """Convert one picture there and back."""
    tool = shutil.which("magick") or shutil.which("convert")
    with Live() as device, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        page = device.create("page", WIDTH, HEIGHT, "rgba", "Y_TILED")
        source, result = Path(folder) / "source.png", Path(folder) / "result.png"
        Image.radial_gradient("L").resize((WIDTH, HEIGHT)).convert("RGBA").save(source)
        size = ["-size", f"{WIDTH}x{HEIGHT}", "-depth", "8"]
        if tool:
            subprocess.run([tool, str(source), "-depth", "8", str(page)], check=True)
        else:
            page.write_bytes(Image.open(source).tobytes())
        for x in range(0, WIDTH // 2, 32):
            device.copy("page", WIDTH - 32 - x, 0, 32, HEIGHT, x, 0)
        for x, y, width, height in ((0, 0, WIDTH, 4), (0, HEIGHT - 4, WIDTH, 4), (0, 0, 4, HEIGHT)):
            device.fill("page", x, y, width, height, "ff8000ff")
        if tool:
            subprocess.run([tool, *size, str(page), str(result)], check=True)
        else:
            Image.frombytes("RGBA", (WIDTH, HEIGHT), page.read_bytes()).save(result)
        picture = Image.open(result).convert("RGBA")
        assert picture.getpixel((1, 100)) == (255, 128, 0, 255), picture.getpixel((1, 100))
        assert picture.getpixel((40, 90)) == picture.getpixel((WIDTH - 32 - 32 + 8, 90))


if __name__ == "__main__":
    main()
