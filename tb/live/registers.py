"""Register accesses of a live device, with as few turns of Python as the simulator allows.

Where Verilator's main program beats the clock it performs an access itself (tb/native/clocked.cpp), on the same pins at
the same edges as `CsrMaster`; everywhere else that one does. A test holds both to the same cycles.
"""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

from cocotb.triggers import Event

from tb.agents.csr import CsrError, CsrMaster, CsrPort, Response
from tb.bridge import Registers

__all__ = ["registers_of"]

_NOT_ACCEPTED, _NO_RESPONSE = 4, 5


class _Native:
    """Accesses that the main program performs, one at a time, in the order in which they are asked for.

    A Lock would cost a turn of the scheduler even where nobody else is about.
    """

    def __init__(self, dut: Any, program: ctypes.CDLL) -> None:
        self._busy = False
        self._waiting: deque[Event] = deque()
        self._done = dut.access_done.value_change
        self._ask = program.register_access
        self._ask.argtypes, self._ask.restype = (ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32), None
        self._answer = program.register_answer
        self._answer.argtypes, self._answer.restype = (), ctypes.c_uint64

    async def write(self, address: int, value: int) -> None:
        """Write 32 bits. CsrError unless the response is OKAY."""
        answer = await self._access(1, address, value)
        if answer >> 32:
            raise CsrError(f"write {address:#06x} {value:#010x}: {_words(answer >> 32)}")

    async def read(self, address: int) -> int:
        """Read 32 bits. CsrError unless the response is OKAY."""
        answer = await self._access(0, address, 0)
        if answer >> 32:
            raise CsrError(f"read {address:#06x}: {_words(answer >> 32)}")
        return answer

    async def _access(self, write: int, address: int, value: int) -> int:
        """Return {response, value read}, 32 bits each."""
        if self._busy:
            turn = Event()
            self._waiting.append(turn)
            await turn.wait()
        self._busy = True
        try:
            self._ask(write, address, value)
            await self._done
            return int(self._answer())
        finally:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._busy = False


def _words(response: int) -> str:
    return {_NOT_ACCEPTED: "not accepted", _NO_RESPONSE: "no response"}.get(response) or Response(response).name


def registers_of(dut: Any) -> Registers:
    """The registers of tb/hdl/sim_top.sv; call it before reset ends."""
    port = CsrPort(CsrMaster(dut, dut.clk))
    program = ctypes.CDLL(None)
    return _Native(dut, program) if hasattr(program, "register_access") else port
