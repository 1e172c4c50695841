"""What a coherence strategy promises to programs: the four kinds there are."""

from __future__ import annotations

from enum import Enum

__all__ = ["Promise"]


class Promise(Enum):
    """Whose accesses see whose, and when."""

    COHERENT = "coherent"
    """A load sees the newest bytes, whoever wrote them; the device sees every store made before a submission."""
    BRACKETED = "bracketed"
    """So it is between begin and end of CPU access; end(WRITE) gives the stores to the device (R11). Where the device
    draws inside an open write bracket, either's bytes may stay."""
    EXPLICIT = "explicit"
    """Nothing moves but what the program names: transfer objects, damage rectangles."""
    DEFERRED = "deferred"
    """Loads are as coherent as above, but what the device reads may lag until the next flush."""
