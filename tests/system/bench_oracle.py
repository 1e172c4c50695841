"""Random programs under every policy on the RTL, before the oracle.

FAULTLINE_OPERATIONS says how many loads and stores there are under each policy. What happened goes into random.json
beside the log.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import cocotb

from models.costs import Costs
from models.workload.strategies import STRATEGIES, make
from tb.bridge import Bridge
from tb.clocking import cycle_now
from tests.system.bench_random import PROCESSES, in_town, leave
from tests.system.driver_activity import NOTHING, Town
from tests.system.guests import guests_of
from tests.system.random_cases import Progress, operations, told


@cocotb.test()
@cocotb.parametrize(policy=list(STRATEGIES))
async def programs(dut: Any, policy: str) -> None:
    """Several processes load, store, draw, copy, transfer, show and meet errors; nobody sees what it must not."""
    progress = Progress()
    wanted = -(-operations() // PROCESSES)

    async def body(town: Town, bridge: Bridge) -> None:
        began = cycle_now()
        await bridge.run({"open": town.open()})
        guests = guests_of(town, PROCESSES)
        await bridge.run({one.name: one.live_for(wanted) for one in guests})
        await bridge.run({"close": town.close(guests)})
        kinds = Counter(type(note.event).__name__ for note in bridge.notes)
        leave(
            policy,
            operations=sum(one.accesses for one in guests),
            cycles=cycle_now() - began,
            judged=sum(oracle.reads for oracle in town.oracles),
            refused=town.refused,
            events=dict(sorted(kinds.items())),
        )

    with told(progress):
        await in_town(dut, body, progress, make(policy, NOTHING, Costs()))
