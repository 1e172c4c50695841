"""How fast the simulations run: clock cycles a second of CPU time, and peak memory, on this machine.

Seconds depend on the machine, so nothing in tests/ looks at them; `make speed` prints them beside the targets.
"""
