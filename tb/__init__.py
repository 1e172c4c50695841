"""The testbench: lets the driver of `models` meet the hardware of `rtl` in a simulator."""
