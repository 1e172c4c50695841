"""Transfer objects as the only means, with knowledge of what was ever written (Gallium, virtio-gpu).

There is no mapping. A page that the device never wrote is known to be clean, so a map of it needs neither wait nor
readback (R25, R30); all others are asked for, box by box.
"""

from __future__ import annotations

from models.policy.tracking import Tracked
from models.promise import Promise

__all__ = ["RegionTransfer"]


class RegionTransfer(Tracked):
    """The policy of this file."""

    promise = Promise.EXPLICIT
    mmap = False

    @property
    def name(self) -> str:
        """What reports call it."""
        return "region transfer"
