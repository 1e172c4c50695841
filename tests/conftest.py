"""What every test shares: nothing outside sim_build is written, and a missing simulator is loud in CI."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / "sim_build" / "hypothesis"))
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "sim_build" / "pycache"))
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / "sim_build" / "matplotlib"))
