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
            Twin("swaps two items", "fifo.v", "data_o  = mem_q[head_q[", "data_o  = mem_q[count_o[1] ^ head_q["),
        ),
    ),
    Proof(
        name="fifo_block",
        claim="the same of queues that lie in block RAM, visible after 3 cycles",
        method=Method.PDR,
        depth=14,
        wrapper="fifo",
        configurations=(
            {"DEPTH_LOG2": 2, "DISTRIBUTED": 0, "LATENCY": 3},
            {"DEPTH_LOG2": 3, "DISTRIBUTED": 0, "LATENCY": 3},
        ),
        twins=(
            Twin("fetches what is not there", "fifo.v", "next_q != tail_q && (", "("),
            Twin("overwrites the word on offer", "fifo.v", "(!out_valid_q || ready_i);", "1'b1;"),
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
            Twin("ignores the offset", "burst.v", "room = LIMIT - used", "room = LIMIT", 4),
            Twin("a beat too few", "burst.v", "left_i[12:0] - 1'b1) >> LANE_W", "left_i[12:0] - 2'd2) >> LANE_W", 4),
            Twin("goes a byte too far", "burst.v", "whole == 20'd1 && exact && b ==", "whole == 20'd1 && b ==", 4),
        ),
    ),
    Proof(
        name="box",
        claim="the bursts of a box are its bytes in order, each once; then it stops",
        method=Method.INDUCTION,
        depth=2,
        configurations=({"DATA_W": 64}, {"DATA_W": 512}),
        cover_depth=14,
        twins=(
            Twin("forgets the stride", "box.v", "{1'b0, row_q[31:0]} + {1'b0, stride_q}", "{1'b0, row_q[31:0]}", 8),
            Twin("keeps a box that was taken back", "box.v", "loaded_q <= load;", "loaded_q <= load || loaded_q;", 8),
            Twin("a row too many", "box.v", "rows_q      <= cmd_height_i - 1'b1;", "rows_q      <= cmd_height_i;", 8),
        ),
    ),
    Proof(
        name="read_rules",
        claim="axi_checker's rules of a reading master, memory and requesters free",
        method=Method.PDR,
        depth=8,
        wrapper="read_port",
        configurations=({"PORTS": 4, "BEATS": 256, "COUNTED": 0},),
        cover_depth=12,
        twins=(
            Twin(
                "takes back an address",
                "axi_read_port.v",
                "else if (m_axi_arready)\n",
                "else if (m_axi_arready || drain_i)\n",
            ),
            Twin(
                "changes an address on offer",
                "axi_read_port.v",
                "!drain_i && (!arvalid_q || m_axi_arready)",
                "!drain_i",
            ),
        ),
    ),
    Proof(
        name="read_port",
        claim="no beat for a requester that is not owed one",
        method=Method.BMC,
        depth=10,
        bound="two bursts of two requesters, a watchdog that gives up and a soft reset fit; what follows repeats",
        configurations=({"PORTS": 2},),
        cover_depth=12,
        twins=(
            Twin(
                "gives stale beats to whoever asks next",
                "axi_read_port.v",
                "deliver = mine && stale_q == {COUNT_W{1'b0}}",
                "deliver = mine",
                12,
            ),
        ),
    ),
    Proof(
        name="write_port",
        claim="axi_checker's rules of a writing master; no answer that is not owed",
        method=Method.BMC,
        depth=10,
        bound="three bursts of two beats, a watchdog that gives up and a soft reset fit; what follows repeats",
        cover_depth=14,
        twins=(
            Twin(
                "ends a burst early",
                "axi_write_port.v",
                "w_last  = beat_q == order_len;",
                "w_last  = beat_q == order_len || drain_i;",
                10,
            ),
            Twin(
                "changes data on offer",
                "axi_write_port.v",
                "order_valid && (!wvalid_q || m_axi_wready)",
                "order_valid",
                10,
            ),
            Twin(
                "passes stale answers on",
                "axi_write_port.v",
                "deliver = mine && stale_q == 12'd0",
                "deliver = mine",
                14,
            ),
        ),
    ),
    Proof(
        name="credit",
        claim="read_mover never asks for a beat that it has no room for",
        method=Method.INDUCTION,
        depth=2,
        abstract=("fifo",),
        cover_depth=14,
        twins=(
            Twin(
                "promises what is not there",
                "read_mover.v",
                "|room_q[BEATS_LOG2:LONG_LOG2];",
                "|room_q[BEATS_LOG2:LONG_LOG2-1];",
                12,
            ),
            Twin(
                "gives room back too early",
                "read_mover.v",
                "{{BEATS_LOG2{1'b0}}, data_valid && data_ready}",
                "{{BEATS_LOG2{1'b0}}, data_valid}",
                12,
            ),
        ),
    ),
    Proof(
        name="ring",
        claim="a fetch never past the doorbell nor outside of the ring; always room for it",
        method=Method.INDUCTION,
        depth=2,
        abstract=("fifo",),
        configurations=(
            {"DATA_W": 64, "ENTRY_BYTES": 32},
            {"DATA_W": 64, "ENTRY_BYTES": 64},
            {"DATA_W": 512, "ENTRY_BYTES": 32},
        ),
        cover_depth=20,
        twins=(
            Twin("fetches past the doorbell", "ring.v", "fetch_i && more &&", "fetch_i &&", 5),
            Twin(
                "takes any doorbell",
                "ring.v",
                "doorbell_i && ({1'b0, claimed} > size || claimed < held)",
                "doorbell_i && claimed < held",
                5,
            ),
            Twin("forgets to wrap", "ring.v", "place = count & ((16'd1 << log2) - 16'd1);", "place = count;", 16),
        ),
    ),
    Proof(
        name="write_end",
        claim="write_mover ends no box before that box's last write response",
        method=Method.BMC,
        depth=12,
        bound="two boxes that overlap, of one burst and of more, with errors, refusals and aborts fit",
        cover_depth=10,
        twins=(
            Twin(
                "ends without the response",
                "write_mover.v",
                "track_valid && (!track_data || answer_valid)",
                "track_valid",
                14,
            ),
            Twin(
                "an abort does not wait",
                "write_mover.v",
                "track_valid && (!track_data || answer_valid)",
                "track_valid && (!track_data || answer_valid || abort_i)",
                14,
            ),
        ),
    ),
    Proof(
        name="complete",
        claim="one record an end; tail, fence and interrupt after the response they wait for",
        method=Method.BMC,
        depth=10,
        bound="records of both queues, a full ring and a fence fit; every end starts from the same idle state",
        configurations=({"DATA_W": 256}, {"DATA_W": 64}),
        cover_depth=18,
        twins=(
            Twin(
                "announces when it has sent",
                "complete.v",
                "if (b_valid_i && !b_fence && {31'd0, b_who} == q)",
                "if (sending && sent && {31'd0, who_q} == q)",
                10,
            ),
            Twin(
                "does not wait for what came before a fence",
                "complete.v",
                "publish = state_q == S_DRAIN && !under_way;",
                "publish = state_q == S_DRAIN;",
                14,
            ),
            Twin(
                "interrupts with the record of a fence",
                "complete.v",
                "interrupt_q && !(!fencing && fence_pending_q)",
                "interrupt_q",
                14,
            ),
        ),
    ),
    Proof(
        name="dispatch",
        claim="each descriptor ends once, in order, with its own tag, also with errors",
        method=Method.BMC,
        depth=14,
        bound="two descriptors in every mix of good, bad, aborted and halted; each is taken in the same idle state",
        cover_depth=18,
        twins=(
            Twin("names a box too soon", "dispatch.v", "(check && !whole)", "check", 12),
            Twin("an abort forgets the end", "dispatch.v", ".valid_i (go),", ".valid_i (go && !aborting_q),", 12),
            Twin(
                "takes the other unit's end",
                "dispatch.v",
                "from     = order_unit[0]",
                "from     = !order_unit[0]",
                12,
            ),
        ),
    ),
    Proof(
        name="walker",
        claim="a page is granted only by a valid entry, writable if written, not revoked",
        method=Method.BMC,
        depth=11,
        bound="a walk of two levels, a hit after it and a revocation fit; every lookup starts from the cache alone",
        cover_depth=18,
        twins=(
            Twin("lets the writer write anywhere", "walker.v", "(who_q && !entry[", "(1'b0 && !entry[", 12),
        ),
    ),
    Proof(
        name="access",
        claim="an address leaves a mover only with a translation that was granted",
        method=Method.PDR,
        depth=8,
        abstract=("fifo",),
        cover_depth=10,
        twins=(
            Twin("ignores the cause", "translate.v", "!abort_i && !failed_q && !refused;", "!abort_i && !failed_q;", 8),
            Twin("does not wait for the translation", "translate.v", "info_valid && rsp_valid_i;", "info_valid;", 8),
        ),
    ),
)
"""All proofs; names are what `make formal PROOF=` takes."""
