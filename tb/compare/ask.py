"""What a user asks for, read from words: workloads, strategies, costs, scales. A word that makes no sense is refused.

Everything that can be refused is refused here, before anything is built or simulated.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from models.costs import Costs
from models.workload.programs import WORKLOADS, ParameterError, Workload, trace_of
from models.workload.strategies import STRATEGIES
from models.workload.trace import Trace, TraceError
from tb.compare.rows import BOUND
from tb.compare.run import Job, Temper
from tb.timing.bounds import LATENCY_RANGE, STALL_RANGE
from tb.toolchain import SIMULATORS, WIDTHS

__all__ = ["SWEPT", "AskError", "Asked", "Item", "asked"]

TRACE_BYTES = 64 << 20
"""Longest trace file that is read; one of a million actions has about 20 MB."""
DEVICE_BYTES = 1 << 25
"""Device memory of the simulated engine."""
SWEPT = ("page-mkwrite", "vmwgfx", "adaptive", BOUND)
"""Strategies whose host costs are swept where nobody says otherwise."""
SCALES = (0.25, 1.0, 4.0)


class AskError(Exception):
    """What was asked for cannot be done. One line: what, where, the cure."""


@dataclass(frozen=True)
class Item:
    """A trace to play; `builtin` is the workload that made it with its own parameters, None for any other trace."""

    trace: Trace
    builtin: Workload | None
    title: str


@dataclass(frozen=True)
class Asked:
    """Everything that a comparison needs to know."""

    items: list[Item]
    jobs: list[Job]
    costs: Costs
    simulator: str
    width: int
    temper: Temper
    seed: int
    processes: int

    @property
    def default(self) -> bool:
        """Whether engine and host have their default parameters: only then are targets judged."""
        return self.costs == Costs() and self.width == WIDTHS[0] and self.temper == Temper()


def asked(
    *,
    workload: str,
    policy: str,
    costs: str,
    sweep: str,
    width: str,
    seed: str,
    jobs: str,
    simulator: str = "verilator",
    latency: str = "",
    stall: str = "",
) -> Asked:
    """Read the words of the command line; an empty one means the default. AskError for the first that is wrong."""
    if simulator not in SIMULATORS:
        raise AskError(f"unknown simulator SIM={simulator}: use one of {', '.join(SIMULATORS)}")
    chosen_seed = _number("SEED", seed, 1)
    items = [_item(word, chosen_seed) for word in _words(workload) or list(WORKLOADS)]
    names = [item.trace.name for item in items]
    for name in names:
        if names.count(name) > 1:
            raise AskError(f"WORKLOAD names {name} twice: leave one out")
    for item in items:
        _check_size(item.trace)
    policies = _policies(policy)
    if _number("WIDTH", width, 64) not in WIDTHS:
        raise AskError(f"unknown WIDTH={width}: use one of {', '.join(map(str, WIDTHS))}")
    processes = _number("JOBS", jobs, 1)
    if not processes:
        raise AskError("JOBS=0: give the number of simulations at a time, 1 or more")
    usual = Temper()
    temper = Temper(
        _within("LATENCY", latency, usual.latency, LATENCY_RANGE), _within("STALL", stall, usual.stall, STALL_RANGE)
    )
    plays = _jobs(policies, sweep)
    chosen_width = _number("WIDTH", width, 64)
    return Asked(items, plays, _costs(costs), simulator, chosen_width, temper, chosen_seed, processes)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(name: str, text: str, default: int) -> int:
    if not text.strip():
        return default
    if not text.strip().isascii() or not text.strip().isdigit() or len(text.strip()) > 9:
        raise AskError(f"{name}={text.strip()} is no number: give a whole one, 0 or more")
    return int(text)


def _within(name: str, text: str, default: int, limits: tuple[int, int]) -> int:
    value = _number(name, text, default)
    if not limits[0] <= value <= limits[1]:
        raise AskError(f"{name}={value}: give one from {limits[0]} to {limits[1]}")
    return value


# ------------------------------------------------------------------------------------------------- workloads


def _item(word: str, seed: int) -> Item:
    """A built-in workload, one with parameters (name:frames=24), or a file."""
    name, _, rest = word.partition(":")
    known = WORKLOADS.get(name)
    if known is None:
        if word.endswith((".trace", ".trace.gz")) or "/" in word or _is_file(word):
            return _file(Path(word))
        known_names = ', '.join(WORKLOADS)
        raise AskError(f"unknown WORKLOAD={word[:80]}: use {known_names}, or a file that ends in .trace or .trace.gz")
    if not rest:
        return Item(trace_of(known, seed=seed), known, known.title)
    values = {}
    for part in rest.split(":"):
        key, _, value = part.partition("=")
        if not value.strip():
            raise AskError(f"WORKLOAD={word}: {key or 'a parameter'} has no value: write {name}:NAME=VALUE")
        values[key] = _number(f"{name}:{key}", value, -1)
    try:
        parameters = known.parameters.changed(values)
        trace = replace(trace_of(known, seed=seed, parameters=parameters), name=word)
    except ParameterError as error:
        raise AskError(f"WORKLOAD={word}: {error}") from None
    return Item(trace, None, f"{known.title} ({rest.replace(':', ', ')})")


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False


def _file(path: Path) -> Item:
    cure = "name another with WORKLOAD=FILE"
    try:
        if path.exists() and not path.is_file():
            raise AskError(f"{path} is no file: {cure}")
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(TRACE_BYTES + 1)
        if len(content) > TRACE_BYTES:
            raise AskError(f"{path} has {len(content):,} bytes: make the trace shorter than {TRACE_BYTES:,}, or {cure}")
        trace = Trace.parse(content.decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise AskError(f"no trace {path}: check the name, or {cure}") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AskError(f"{path}:{line}: byte {error.start} is not UTF-8: a trace is a text file, {cure}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise AskError(f"{path} is no file of gzip: pack it again, or {cure}") from None
    except OSError as error:
        raise AskError(f"cannot read trace {path} ({error.strerror}): allow reading it, or {cure}") from None
    except TraceError as error:
        raise AskError(str(error)) from None
    return Item(trace, None, f"trace of {len(trace.actions):,} actions")


def _check_size(trace: Trace) -> None:
    """The buffer and a screen of its shape must fit into device memory; host RAM has room for whatever does."""
    need = 2 * trace.surface.size
    if need > DEVICE_BYTES:
        shape = f"a buffer of {trace.width} x {trace.height} pixels and a screen like it"
        room = f"{need:,} bytes of device memory, and there are {DEVICE_BYTES:,}"
        raise AskError(f"{trace.name}: {shape} need {room}: make it smaller")


# -------------------------------------------------------------------------------------- strategies and costs


def _policies(text: str) -> list[str]:
    policies = _words(text) or list(STRATEGIES)
    for name in policies:
        if name not in STRATEGIES:
            raise AskError(f"unknown POLICY={name}: use {', '.join(STRATEGIES)}")
    if BOUND in STRATEGIES and BOUND not in policies:
        policies.append(BOUND)  # everything is shown beside its time
    return list(dict.fromkeys(policies))


def _jobs(policies: Sequence[str], sweep: str) -> list[Job]:
    """Every strategy at the scale 1, then the other scales: for those that were asked for, or for a few."""
    scales = [_scale(word) for word in _words(sweep)]
    swept = policies if scales else [name for name in policies if name in SWEPT]
    jobs = [Job(policy) for policy in policies]
    for scale in dict.fromkeys(scales or SCALES):
        if scale != 1.0:
            jobs += [Job(policy, scale) for policy in swept]
    return jobs


def _scale(word: str) -> float:
    try:
        scale = float(word)
    except ValueError:
        scale = -1.0
    if not 0 <= scale <= 1000:
        raise AskError(f"SWEEP={word} is no factor: use numbers from 0 to 1000, such as 0.25,1,4")
    return scale


def _costs(text: str) -> Costs:
    known = [one.name for one in fields(Costs)]
    values = {}
    for word in _words(text):
        name, _, value = word.partition("=")
        if name not in known:
            raise AskError(f"unknown COSTS={name}: use {', '.join(known)}, each as NAME=NANOSECONDS")
        if not value:
            raise AskError(f"COSTS={name} has no value: write {name}=NANOSECONDS")
        values[name] = _number(f"COSTS={name}", value, 0)
    return replace(Costs(), **values)
