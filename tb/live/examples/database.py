"""A database on a mapped file: SQLite's file is a buffer, which it maps and writes.

The device copies the whole of it as a backup after each change.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

from tb.live.client import Live

PAGE = 4096


def main() -> None:
    """Query, update, have the device make a backup, and query again."""
    with Live() as device, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        prepared = Path(folder) / "prepared.db"
        with sqlite3.connect(prepared) as made:
            made.execute(f"PRAGMA page_size={PAGE}")
            made.execute("CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, stock INTEGER)")
            rows = ((number, f"part {number:06}", number % 97) for number in range(12000))
            made.executemany("INSERT INTO parts VALUES (?, ?, ?)", rows)
        made.close()
        size = prepared.stat().st_size
        file = device.create("base", PAGE, size // PAGE, "gray")
        device.create("backup", PAGE, size // PAGE, "gray", "X_TILED")
        file.write_bytes(prepared.read_bytes())
        base = sqlite3.connect(file, isolation_level=None)
        base.execute("PRAGMA journal_mode=OFF")
        base.execute("PRAGMA locking_mode=EXCLUSIVE")
        base.execute(f"PRAGMA mmap_size={size}")
        total = base.execute("SELECT sum(stock) FROM parts").fetchone()[0]
        for number in range(100, 12000, 1700):
            base.execute("UPDATE parts SET stock = stock + 1 WHERE id = ?", (number,))
            found = base.execute("SELECT stock FROM parts WHERE id = ?", (number,)).fetchone()[0]
            assert found == number % 97 + 1
            device.copy("backup", 0, 0, PAGE, size // PAGE, 0, 0, "base")
        assert base.execute("SELECT sum(stock) FROM parts").fetchone()[0] == total + 7
        assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        base.close()


if __name__ == "__main__":
    main()
