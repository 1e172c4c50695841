"""Interrupt agent: watches the line and lets others wait for its level; active, it serves interrupts too."""

from tb.agents.interrupt.agent import InterruptAgent
from tb.agents.interrupt.config import InterruptConfig
from tb.agents.interrupt.driver import InterruptDriver
from tb.agents.interrupt.item import InterruptEdge, InterruptItem
from tb.agents.interrupt.monitor import InterruptWatch

__all__ = ["InterruptAgent", "InterruptConfig", "InterruptDriver", "InterruptEdge", "InterruptItem", "InterruptWatch"]
