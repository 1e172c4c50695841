"""Area and speed in hardware: Yosys and nextpnr for ECP5, block by block, beside what peers need (`make synth`).

`catalogue` says what is measured, `part` turns one module into a netlist and its figures, `shell` surrounds netlists
with registers, `route` places and routes them, `reports` reads what the tools say, `targets` judges, `cache` keeps what
has not changed, `tables` prints, `__main__` is the face. docs/synthesis.md explains the figures.
"""
