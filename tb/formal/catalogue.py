"""Every proof of `make formal`, in the order in which data flows, each with the faults that it must find."""

from __future__ import annotations

from tb.formal.proof import Method, Proof, Twin

__all__ = ["PROOFS"]

PROOFS = (
    Proof(
        name="fifo",
        claim="order kept, nothing lost, count right, stable while stalled",
        method=Method.PDR,
        depth=12,
        configurations=({"DEPTH_LOG2": 2}, {"DEPTH_LOG2": 1}, {"DEPTH_LOG2": 4}),
        twins=(
            Twin("accepts when full", "fifo.v", "assign ready_o = !count_o[DEPTH_LOG2];", "assign ready_o = 1'b1;"),
            Twin("loses an item", "fifo.v", "if (pop)\n", "if (pop || (push && &tail_q))\n"),
        ),
    ),
    Proof(
        name="burst",
        claim="never across 4 KiB, at most 256 beats, the row covered exactly",
        method=Method.INDUCTION,
        depth=2,
        configurations=({"DATA_W": 64}, {"DATA_W": 128}, {"DATA_W": 256}, {"DATA_W": 512}),
        cover_depth=8,
        twins=(
            Twin("ignores the offset", "burst.v", "room   = LIMIT - used", "room   = LIMIT", 4),
            Twin("counts a beat too few", "burst.v", "bytes_o - 1'b1) >> LANE_W", "bytes_o - 2'd2) >> LANE_W", 4),
            Twin("goes a byte too far", "burst.v", "left_i <= {7'd0, room}", "left_i <= {7'd0, room} + 20'd1", 4),
        ),
    ),
    Proof(
        name="read_port",
        claim="axi_checker's rules of a reading master; no beat that is not owed",
        method=Method.BMC,
        depth=10,
        bound="try",
        configurations=({"BURSTS": 2, "PORTS": 2, "BEATS": 2},),
        twins=(
            Twin("takes back an address", "axi_read_port.v", "else if (m_axi_arready)\n", "else if (m_axi_arready || drain_i)\n"),
        ),
    ),
)
"""All proofs; names are what `make formal PROOF=` takes."""
