"""The host memory agent: no beat passes through it; active, it sets how kind the Verilog memory is.

monitor: every burst, from the trace.  image: what host memory must contain, once a test has called `begin`.
"""

from __future__ import annotations

from typing import Any

from pyuvm import uvm_agent, uvm_component, uvm_sequencer

from models.layout import Cause
from models.memory import HostMemory
from tb.agents.memory.config import MemoryConfig
from tb.agents.memory.driver import MemoryDriver
from tb.agents.memory.image import HostImage
from tb.agents.memory.monitor import MemoryMonitor
from tb.clocking import cycle_now

__all__ = ["MemoryAgent"]


class MemoryAgent(uvm_agent):  # type: ignore[misc]  # pyuvm carries no types
    """Watches the Verilog memory `entity`, and sets its knobs unless it is passive.

    config: the temper from the start; passive, it says what somebody else has set.
    history: (cycle, temper) of each that was set.
    image: what host memory must contain, once a test has called `begin`.
    """

    def __init__(
        self, name: str, parent: uvm_component, entity: Any, config: MemoryConfig, *, active: bool = True
    ) -> None:
        super().__init__(name, parent)
        self._entity = entity
        self._active = active
        self.config = config
        self.history: list[tuple[int, MemoryConfig]] = []
        self.image: HostImage | None = None

    def active(self) -> bool:
        """Whether it sets the knobs."""
        return self._active

    def build_phase(self) -> None:
        """Build the monitor, and the active half if asked for."""
        super().build_phase()
        self.monitor = MemoryMonitor("monitor", self)
        if self.active():
            self.sequencer = uvm_sequencer("sequencer", self)
            self.driver = MemoryDriver("driver", self)
            self.driver.entity = self._entity
            self.driver.performed = self._performed

    def connect_phase(self) -> None:
        """Join driver and sequencer."""
        if self.active():
            self.driver.seq_item_port.connect(self.sequencer.seq_item_export)

    def start_of_simulation_phase(self) -> None:
        """Write the first configuration."""
        if self.active():
            self.driver.apply(self.config)
        self._performed(self.config)

    def configure(self, config: MemoryConfig) -> None:
        """Set a temper at once; it holds for bursts accepted from now on.  AttributeError for a passive agent."""
        if not self.active():
            raise AttributeError(f"{self.get_full_name()} is passive: it has no driver that could set the memory")
        self.driver.apply(config)
        self._performed(config)

    def _performed(self, config: MemoryConfig) -> None:
        self.config = config
        self.history.append((cycle_now(), config))

    def begin(self, host: HostMemory) -> HostImage:
        """Start (over) to watch `host`: what it contains now is as it should be."""
        self.image = HostImage(host)
        return self.image

    def bus(self, address: int, length: int, write: bool) -> Cause:
        """How an access of the engine ends under the present configuration; past the end of RAM it is a BUS_ERROR."""
        if self.image is not None and address + length > self.image.host.size:
            return Cause.BUS_ERROR
        return self.config.bus(address, length, write)
