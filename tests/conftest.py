"""What every test shares: nothing outside sim_build is written, one seed for all chance, and a look at what ran.

A missing simulator is loud in CI.  Tests marked `regress` are left to `make regress`.
"""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tb.regress.ran import Watch

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / "sim_build" / "hypothesis"))
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / "sim_build" / "pycache"))
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / "sim_build" / "matplotlib"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regress` takes what is marked `regress` too."""
    parser.addoption("--regress", action="store_true", help="also tests marked regress, as `make regress` does")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Watch what runs; hypothesis draws from COCOTB_RANDOM_SEED too, where that is given."""
    config.pluginmanager.register(Watch(config), "what ran")
    seed = os.environ.get("COCOTB_RANDOM_SEED", "")
    if seed.isdecimal() and getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = seed
        # Where CI is set, hypothesis draws from no seed at all by itself.
        hypothesis.settings.register_profile("seeded", derandomize=False)
        hypothesis.settings.load_profile("seeded")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for `make regress`, unless it was asked for."""
    if config.option.regress or "regress" in config.option.markexpr:
        return
    named = set(config.args)
    left_out = [item for item in items if item.get_closest_marker("regress") and item.nodeid not in named]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """A filter that matches nothing is an error, and says so, with one process or several."""
    nothing = (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR)
    if exitstatus in nothing and not config.option.collectonly:
        option = config.option
        words = [f"{flag} '{value}'" for flag, value in (("-k", option.keyword), ("-m", option.markexpr)) if value]
        asked = f"TESTS='{' '.join(config.args)}'" + (f' ARGS="{" ".join(words)}"' if words else "")
        cure = "name files or folders under tests, or file::test, and words of tests' names with -k"
        terminalreporter.write_line(f"error: nothing matches {asked}: {cure}", red=True)
