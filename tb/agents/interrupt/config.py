"""How an interrupt agent is built."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["InterruptConfig", "Registers"]


class Registers(Protocol):
    """Where causes are read and acknowledged: the CSR agent's port."""

    def write(self, address: int, value: int) -> Awaitable[None]: ...

    def read(self, address: int) -> Awaitable[int]: ...


@dataclass(frozen=True, slots=True)
class InterruptConfig:
    """active: serve interrupts that a sequence asks for, else only watch the line."""

    active: bool = False
