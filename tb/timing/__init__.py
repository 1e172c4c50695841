"""Where every cycle went: operations out of the one trace, and their parts.

`operations` reads the trace, `figures` condenses it, `bounds` says what no engine can beat, `contract` judges by
budgets, `bench` is the cocotb side of `scenarios` and `run` starts it. docs/timing.md has the schema of what
`python -m tb.timing` writes.
"""
