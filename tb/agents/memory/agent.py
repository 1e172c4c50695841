"""The host memory agent: passive towards the bus; it sets the knobs and owns the expected image of host memory."""

from __future__ import annotations

from typing import Any

from pyuvm import uvm_agent, uvm_component

from models.layout import Cause
from models.memory import HostMemory
from tb.agents.memory.config import MemoryConfig
from tb.agents.memory.image import HostImage
from tb.clocking import cycle_now

__all__ = ["MemoryAgent"]


class MemoryAgent(uvm_agent):  # type: ignore[misc]  # pyuvm carries no types
    """Sets the knobs of the Verilog memory `entity`.

    image: what host memory must contain, once a test has called `begin`.  history: (cycle, configuration) of each call.
    """

    def __init__(self, name: str, parent: uvm_component, entity: Any, config: MemoryConfig) -> None:
        super().__init__(name, parent)
        self._entity = entity
        self._written: dict[str, int] = {}
        self.config = config
        self.history: list[tuple[int, MemoryConfig]] = []
        self.image: HostImage | None = None

    def start_of_simulation_phase(self) -> None:
        """Write the first configuration."""
        self.configure(self.config)

    def configure(self, config: MemoryConfig) -> None:
        """Write the knobs that differ from the last configuration; it holds for bursts accepted from now on."""
        self.config = config
        self.history.append((cycle_now(), config))
        for name, value in config.knobs():
            if self._written.get(name) != value:
                getattr(self._entity, name).value = value
                self._written[name] = value

    def begin(self, host: HostMemory) -> HostImage:
        """Start (over) to watch `host`: what it contains now is as it should be."""
        self.image = HostImage(host)
        return self.image

    def bus(self, address: int, length: int, write: bool) -> Cause:
        """How an access of the engine ends under the present configuration; past the end of RAM it is a BUS_ERROR."""
        if self.image is not None and address + length > self.image.host.size:
            return Cause.BUS_ERROR
        return self.config.bus(address, length, write)
