"""Live mode: the RTL in Verilator behind a directory, whose files any program maps; the kernel is the page table.

`tb.live.__main__` is `make live`; docs/live.md says what it does and how.
"""
