"""The testbench: performs the driver's steps on the RTL in a simulator. May import models, never tests."""
