"""CSR agent: AXI4-Lite accesses to the engine's registers, driven or only watched."""

from tb.agents.csr.agent import CsrAgent, CsrPort
from tb.agents.csr.config import CsrConfig
from tb.agents.csr.driver import CsrError, CsrMaster
from tb.agents.csr.item import CsrAccess, CsrItem, Response

__all__ = ["CsrAccess", "CsrAgent", "CsrConfig", "CsrError", "CsrItem", "CsrMaster", "CsrPort", "Response"]
