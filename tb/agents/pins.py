"""Reading pins without losing an X: an unknown value is an error, never a 0."""

from __future__ import annotations

from typing import Any

__all__ = ["UnknownPin", "bit", "unsigned"]


class UnknownPin(Exception):
    """A pin that must carry a value is X or Z."""


def bit(pin: Any) -> bool:
    """The value of a one-bit pin.  Raises UnknownPin for X and Z."""
    text = str(pin.value)
    if text == "1":
        return True
    if text == "0":
        return False
    raise UnknownPin(f"{pin._path} is {text}")


def unsigned(pin: Any) -> int:
    """The unsigned value of a vector.  Raises UnknownPin when any bit is X or Z."""
    text = str(pin.value)  # an array of logic objects would cost twenty times as much
    try:
        return int(text, 2)
    except ValueError:
        raise UnknownPin(f"{pin._path} is {text}") from None
