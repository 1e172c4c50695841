"""How fast the engine is: utilization of the bus and latency in clock cycles, beside bounds, floors and other engines.

Cycles are the same in every run, so `make bench` compares them with the floors in floors.toml.
"""
