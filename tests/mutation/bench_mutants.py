"""The cocotb side of `make mutate`: the engine without a mutant first, then each mutant of the plan in a fork."""

from __future__ import annotations

import json
from typing import Any

import cocotb

from tb.mutate.forks import Plan, serve
from tests.mutation.judge import attempt, chosen


@cocotb.test()
async def mutants(dut: Any) -> None:
    """Judge every mutant of the plan; the engine without one must pass, else nothing is judged."""
    plan = Plan.load()
    programs = chosen(plan.programs)
    golden_file = plan.results.with_name("golden.json")
    if not golden_file.is_file():
        good = (await serve(plan, lambda mutant: attempt(dut, mutant, programs, {}), [0]))[0]
        if good["verdict"] != "survived":
            raise AssertionError(f"the engine without a mutant fails in {good['by']}: {good['message']}")
        golden_file.write_text(json.dumps(good["seen"], indent=1) + "\n", encoding="utf-8")
    golden = json.loads(golden_file.read_text(encoding="utf-8"))

    async def judged(mutant: int) -> dict[str, Any]:
        result = await attempt(dut, mutant, programs, golden)
        result.pop("seen", None)
        return result

    await serve(plan, judged, plan.mutants)
