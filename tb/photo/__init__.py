"""The main job: a photograph through mapping, zap, readback and scan-out, on real RTL, as one command.

`python -m tb.photo` is what `make` calls. `picture` reads the input, `run` simulates and publishes, `bench` is the
cocotb side, `report` makes the table and the pictures.
"""
