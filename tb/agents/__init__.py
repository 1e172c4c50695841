"""The pyuvm agents, one folder each: CSR, host memory, interrupt line; each active or passive.

A folder has item, driver, monitor, config and agent; the sequencer is pyuvm's own, which needs no file.  None of them
handles a data beat: host memory is answered in Verilog, agents configure it and watch.
"""
