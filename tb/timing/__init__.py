"""Where every cycle went: operations out of the one trace, their parts, a contract, a timeline, a baseline.

`operations` reads the trace, `figures` condenses it, `bounds` says what no engine can beat, `contract` judges, `bench` is
the cocotb side and `run` starts it. docs/timing.md has the schema of what `python -m tb.timing` writes.
"""
