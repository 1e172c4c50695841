"""The one way in which a measurement fails, apart so that every file of the room can raise it."""

from __future__ import annotations

__all__ = ["SynthesisError"]


class SynthesisError(Exception):
    """A figure could not be had.  One line: what, where, and the cure."""
