"""The pyuvm agents, one folder each: CSR (active or passive), host memory and interrupt line (both passive).

None of them handles a data beat: host memory is answered in Verilog, agents configure it and watch.
"""
