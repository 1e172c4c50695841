"""What other open engines reach under the same memory model, from peers.toml, to stand beside our figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tb.bench.cases import LATENCIES
from tb.bench.figures import BenchError, toml_of

__all__ = ["PEERS", "Peer", "peers_of"]

PEERS = Path(__file__).parent / "peers.toml"
_LENGTHS = {"stalls": 2, "latency": 3, "doorbell": 2}


@dataclass(frozen=True)
class Peer:
    """One engine; peers.toml says what each field means. Curves: size in bytes -> utilization at each L."""

    name: str
    version: str
    aligned: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    fetched: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    unaligned: str = ""
    stalls: tuple[float, ...] = ()
    latency: tuple[int, ...] = ()
    doorbell: tuple[int, ...] = ()
    pace: float = 0.0


def peers_of(path: Path = PEERS) -> list[Peer]:
    """The peers. BenchError for an unknown field, or a curve that has not one figure for each L."""
    content = toml_of(path)
    if set(content) != {"peer"} or not isinstance(content["peer"], list):
        raise BenchError(f"{path.name}: not a list of [[peer]]: restore it from git")
    return [_peer(path, row) for row in content["peer"]]


def _peer(path: Path, row: Mapping[str, Any]) -> Peer:
    values = dict(row)
    where = f"{path.name}: {values.get('name', 'a peer without name')}"
    for name in ("aligned", "fetched"):
        curve = {int(size): tuple(line) for size, line in values.get(name, {}).items()}
        for size, line in curve.items():
            if len(line) != len(LATENCIES) or not all(0 < value <= 1 for value in line):
                raise BenchError(f"{where}: {name} {size}: give {len(LATENCIES)} utilizations above 0, up to 1")
        values[name] = curve
    for name, length in _LENGTHS.items():
        values[name] = tuple(values.get(name, ()))
        if len(values[name]) not in (0, length):
            raise BenchError(f"{where}: {name}: give {length} figures")
    try:
        return Peer(**values)
    except TypeError as error:
        raise BenchError(f"{where}: {error}: the fields are those at the top of the file") from None
