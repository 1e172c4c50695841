"""How a CSR agent is built."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CsrConfig"]


@dataclass(frozen=True, slots=True)
class CsrConfig:
    """active: drive the bus, else only watch it.  patience: clock cycles that the master waits for a handshake."""

    active: bool = True
    patience: int = 1000
