"""Page-granular zap and readback with MKWRITE dirty tracking.

The CPU reaches a page only after a fault; the first store to a page after each scan faults (R21). So a page is never
newer on both sides, and writing one back as a whole can never overwrite newer device bytes (R31). All that is decided
in `models.policy.tracking`: this strategy is the plainest use of it.
"""

from __future__ import annotations

from models.policy.tracking import Tracked

__all__ = ["PageMkwrite"]


class PageMkwrite(Tracked):
    """The policy of this file. `implicit_sync`: a fault also waits for unrelated device work on the buffer (R18)."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return "page zap + readback, MKWRITE"
