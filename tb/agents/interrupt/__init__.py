"""Interrupt agent: watches the line and lets others wait for its level; it never drives."""

from tb.agents.interrupt.agent import InterruptAgent
from tb.agents.interrupt.monitor import InterruptEdge, InterruptWatch

__all__ = ["InterruptAgent", "InterruptEdge", "InterruptWatch"]
