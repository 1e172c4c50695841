"""Every coherence strategy on every workload, on the RTL: what it moves, what it costs and how long it takes.

`python -m tb.compare` is what `make compare` calls. `ask` reads what the user wants, `run` simulates, `bench` is the
cocotb side, `rows` holds the figures, `targets` judges them, `report`, `bars` and `page` show them.
"""
