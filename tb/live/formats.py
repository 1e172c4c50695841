"""Names of files: a buffer's name, its size in pixels, its stride in bytes, and its format as the ending.

The endings are those by which ImageMagick knows raw pixels, so that `convert -size 320x200 -depth 8 FILE` reads a file
as it stands. A pixel of another size is `b5`, for five bytes; one row of bytes is a plain buffer.
"""

from __future__ import annotations

import re

from models.surface import Surface

__all__ = ["FORMATS", "bytes_of", "file_name"]

FORMATS = {"gray": 1, "graya": 2, "rgb": 3, "rgba": 4}
"""Bytes a pixel of the formats that have a name."""
_NUMBERED = re.compile(r"b([1-9]|1[0-6])")


def bytes_of(form: str) -> int:
    """Bytes a pixel of a format. ValueError for one that there is not."""
    numbered = _NUMBERED.fullmatch(form)
    if numbered:
        return int(numbered[1])
    if form not in FORMATS:
        raise ValueError(f"unknown format {form}: use {', '.join(FORMATS)}, or b1 to b16 for so many bytes a pixel")
    return FORMATS[form]


def file_name(name: str, surface: Surface, form: str) -> str:
    """The file of a buffer, as in photo_320x200_stride1280.rgba."""
    return f"{name}_{surface.width}x{surface.height}_stride{surface.row_bytes}.{form}"
