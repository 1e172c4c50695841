"""Mutation: how many small faults in the engine and in the models the tests notice, and which they do not.

`mutants` chooses the faults, `netlist` builds all of them into one netlist, `judge` runs the fast regression on each,
`models` does the same for models/, `report` says what came of it. `python -m tb.mutate` is what `make mutate` calls.
"""
