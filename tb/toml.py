"""Reading the TOML files that are checked in beside the code, on any Python."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["load"]


def load(path: Path) -> Mapping[str, Any]:
    """What a TOML file says. OSError when it cannot be read, ValueError when it is no TOML."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: Mapping[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return found
