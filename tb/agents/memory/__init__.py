"""Host memory agent: sets the knobs of the Verilog memory and knows what its bytes must be; it moves no beat."""

from tb.agents.memory.agent import MemoryAgent
from tb.agents.memory.config import ErrorWindow, MemoryConfig, MuteWindow, Stall
from tb.agents.memory.driver import MemoryDriver
from tb.agents.memory.image import HostImage
from tb.agents.memory.item import Burst, TemperItem
from tb.agents.memory.monitor import MemoryMonitor

__all__ = [
    "Burst",
    "ErrorWindow",
    "HostImage",
    "MemoryAgent",
    "MemoryConfig",
    "MemoryDriver",
    "MemoryMonitor",
    "MuteWindow",
    "Stall",
    "TemperItem",
]
