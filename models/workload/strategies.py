"""Every strategy by a short name: the one place that knows them all, for whoever lets users choose.

A strategy is made for one trace with one cost table, since the clairvoyant one plans by them; the others look at
neither.
"""

from __future__ import annotations

from collections.abc import Callable

from models.costs import Costs
from models.policy import Policy
from models.policy.adaptive import Adaptive
from models.policy.aperture import AperturePolicy
from models.policy.clairvoyant import Clairvoyant
from models.policy.damage_rectangles import DamageRectangles
from models.policy.deferred_io import DeferredIo
from models.policy.no_mmap import NoMmap
from models.policy.page_mkwrite import PageMkwrite
from models.policy.page_pagetable import PagePagetable
from models.policy.region_transfer import RegionTransfer
from models.policy.sync_bracket import SyncBracket
from models.policy.vmwgfx import Vmwgfx
from models.policy.whole_surface import WholeSurface
from models.workload.trace import Trace

__all__ = ["STRATEGIES", "Make", "make"]

Make = Callable[[Trace, Costs], Policy]
"""Makes a fresh policy for one trace and one cost table."""

STRATEGIES: dict[str, Make] = {
    "no-mmap": lambda trace, costs: NoMmap(),
    "region": lambda trace, costs: RegionTransfer(),
    "bracket": lambda trace, costs: SyncBracket(),
    "damage": lambda trace, costs: DamageRectangles(),
    "deferred": lambda trace, costs: DeferredIo(),
    "aperture": lambda trace, costs: AperturePolicy(),
    "whole-surface": lambda trace, costs: WholeSurface(),
    "page-mkwrite": lambda trace, costs: PageMkwrite(),
    "page-pagetable": lambda trace, costs: PagePagetable(),
    "vmwgfx": lambda trace, costs: Vmwgfx(),
    "adaptive": lambda trace, costs: Adaptive(),
    "clairvoyant": lambda trace, costs: Clairvoyant(trace),
}
"""By short name, in the order in which tables show them."""


def make(name: str, trace: Trace, costs: Costs) -> Policy:
    """Return a fresh policy of that name. KeyError for a name that is not in `STRATEGIES`."""
    return STRATEGIES[name](trace, costs)
