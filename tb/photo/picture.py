"""The picture that the scenario paints: read with Pillow, or refused in one line that says why and what to do."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from models.client.photo import LARGEST, SMALLEST

__all__ = ["MOST_PIXELS", "PictureError", "default_picture", "load"]

MOST_PIXELS = 1 << 22
"""Pixels of the largest picture: its surface fills half of the simulation's device memory."""
_SCALE = f"scale it down to {MOST_PIXELS:,} pixels, at most {LARGEST:,} a side"


class PictureError(Exception):
    """The picture cannot be used. One line: the cause and the cure."""


def default_picture() -> Path:
    """Return the photograph that matplotlib ships as sample data."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def load(path: Path) -> npt.NDArray[np.uint8]:
    """Return the picture as an array of height x width x 3 bytes (RGB, upright).

    Raises PictureError: no such file, not readable, not a picture or damaged, too small or too large. The size is
    checked before anything is decoded.
    """
    cure = "name another with IMAGE=FILE"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check_size(path, *image.size)
                upright = ImageOps.exif_transpose(image) or image
                return np.asarray(upright.convert("RGB"), dtype=np.uint8)
    except FileNotFoundError:
        raise PictureError(f"no picture {path}: check the name, or {cure}") from None
    except IsADirectoryError:
        raise PictureError(f"picture {path} is a folder: name a file in it with IMAGE=FILE") from None
    except PermissionError as error:
        raise PictureError(f"cannot read picture {path} ({error.strerror}): allow reading it, or {cure}") from None
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture that Pillow knows: convert it to PNG or JPEG, or {cure}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"picture {path} is too large: {_SCALE}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"picture {path} is damaged ({error}): repair it, or {cure}") from None


def _check_size(path: Path, width: int, height: int) -> None:
    size = f"({width} x {height} pixels)"
    if max(width, height) > LARGEST or width * height > MOST_PIXELS:
        raise PictureError(f"picture {path} is too large {size}: {_SCALE}")
    if min(width, height) < SMALLEST:
        raise PictureError(f"picture {path} is too small {size}: use one of at least {SMALLEST} x {SMALLEST}")
