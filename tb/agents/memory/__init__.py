"""Host memory agent: sets the knobs of the Verilog memory and knows what its bytes must be; it moves no beat."""

from tb.agents.memory.agent import MemoryAgent
from tb.agents.memory.config import ErrorWindow, MemoryConfig, MuteWindow, Stall
from tb.agents.memory.image import HostImage

__all__ = ["ErrorWindow", "HostImage", "MemoryAgent", "MemoryConfig", "MuteWindow", "Stall"]
