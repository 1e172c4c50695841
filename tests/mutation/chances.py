"""Random work for the fast regression: what constrained random draws, on host memory of any temper, a few rounds of it.

Directed cases choose what is known to hurt; rounds meet the states between two of them: full queues, stalls of any
channel, answers out of order, two directions and two queues on the same banks.
"""

from __future__ import annotations

from models.engine import Queue
from models.steps import Steps
from tb.agents.memory import MemoryConfig
from tests.system import fault_moments as moments
from tests.system.fault_ground import Ground
from tests.system.fault_site import FaultSite
from tests.system.random_cases import Progress, Rounds

__all__ = ["aborted", "queues", "storm"]

_ROUND = 8
"""Operations of a round, with which both rings have room for all that they need beside them."""


def _rounds(ground: Ground) -> Rounds:
    return Rounds(ground.site, Progress(), seed=MemoryConfig().seed)


async def queues(ground: Ground) -> None:
    """Transfers and drawing, held in order by FENCE and WAIT alone."""
    rounds = _rounds(ground)
    await ground.perform(rounds.fences())
    for _ in range(20):
        await ground.perform(rounds.run(_ROUND))


async def storm(ground: Ground) -> None:
    """A third of the operations is spoilt; pages are missing, the bus fails, queues halt."""
    rounds = _rounds(ground)
    for _ in range(20):
        await ground.perform(rounds.run(_ROUND, faults=0.35))
        ground.site.temper_host(MemoryConfig())
        for queue in Queue:
            await ground.perform(ground.site.rig.control(queue))
    await ground.perform(ground.site.good())


async def aborted(ground: Ground) -> None:
    """Aborts and soft resets at random moments."""
    rounds = _rounds(ground)
    for number in range(9):
        if number % 3:
            await ground.perform(rounds.aborted(_ROUND))
            continue
        loose = await ground.perform(rounds.loose(_ROUND))
        await ground.perform(moments.soft_reset(ground.site))
        await ground.perform(moments.judge(ground.site, loose))
        await ground.perform(moments.recover(ground.site, _softly))


def _softly(site: FaultSite) -> Steps[None]:
    return site.rig.bring_up()
