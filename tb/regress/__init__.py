"""The regression: every test on both simulators, both widths and many seeds, here or on a cluster, against the plan.

`plan` reads docs/testplan.yaml; `ran` watches a pytest session and says which of its tests did not run; `collect` turns
the tests into jobs; `worker` is what runs a job, wherever that is, and `journal` what it leaves on disk as each test
ends; `cluster` connects to the workers; `run` hands out the jobs; `results`, `junit` and `page` tell what came of them.
"""
