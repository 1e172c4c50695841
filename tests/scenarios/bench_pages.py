"""States of pages and events of the driver, on the real engine; each that can meet must have met."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import cocotb

from models.memory import HostMemory
from tb.agents.memory import MemoryConfig
from tb.bridge import bridge_of
from tb.cov.groups import PAGE
from tb.cov.pages import sample_pages
from tb.env import Environment, run_body
from tb.sim_top import reset
from tests.scenarios.pages import Pages

HOST_SIZE = 16 << 20


@cocotb.test()
async def every_state_meets_every_event(dut: Any) -> None:
    """A buffer with kind memory, one whose transfers fail, and a page that several want at once."""
    counts: Counter[str] = Counter()

    async def body(env: Environment) -> None:
        for name in ("healthy", "failing", "crowd"):
            host = HostMemory(os.environ["HOSTMEM_FILE"], HOST_SIZE)
            await reset(dut)
            bridge = bridge_of(env, patience=400_000)
            pages = Pages(host, env.memory.configure)
            await bridge.run({"open": pages.open(name, watched=name != "failing")})
            if name == "healthy":
                await bridge.run({name: pages.healthy()})
                await bridge.run({"together": pages.together()})
            elif name == "failing":
                await bridge.run({name: pages.failing()})
            else:
                await bridge.run({"draw": pages.draw(3, wait=True)})
                env.memory.configure(MemoryConfig(write_latency=8000))
                await bridge.run(pages.crowd(3))
                env.memory.configure(MemoryConfig())
            await bridge.run({"agree": pages.agree()})
            for oracle in pages.watch.values():
                assert oracle.reads and not oracle.violations, oracle.violations[:4]
            sample_pages(counts, [(note.task, note.event) for note in bridge.notes])

    await run_body(dut, body)
    missing = [one.key for one in PAGE.bins() if not one.reason and not counts[one.key]]
    assert not missing, missing
    impossible = [one.key for one in PAGE.bins() if one.reason and counts[one.key]]
    assert not impossible, impossible
