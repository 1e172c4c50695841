// axi_bursts: the rules of axi_checker that look at more than one channel: data against their address, answers against
// what was asked.
//
// Why: each channel may be without fault and the burst still be wrong: a beat too many, an answer that nobody owes, a
// strobe beside the address, an exclusive write without its read. Bit n of violated_o says that rule n was broken at
// least once; tb/axi_rules.py has the names.
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Ordering    answers are matched to the oldest burst of their ID, as AXI4 has it.
// Errors      one line for the first breach of each rule; the run goes on.
`default_nettype none
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL

module axi_bursts #(
    // as in axi_checker
    parameter DATA_W        = 64,
    parameter ADDR_W        = 64,
    parameter ID_W          = 4,
    parameter USER_W        = 1,
    parameter DEPTH         = 512,
    parameter ASSUME_MEMORY = 0,
    // bits of an address payload, {user, region, qos, prot, cache, lock, burst, size, len, addr, id}
    parameter AX_W          = ID_W + ADDR_W + 29 + USER_W
) (
    input wire                clk_i,
    input wire                rst_ni,           // synchronous, active low
    input wire                exclusive_i,      // the knobs of axi_checker
    input wire                interleaved_i,

    input wire [AX_W-1:0]     aw_i,
    input wire                aw_taken_i,       // VALID and READY
    input wire [DATA_W/8-1:0] wstrb_i,
    input wire                wlast_i,
    input wire                w_taken_i,
    input wire [ID_W-1:0]     bid_i,
    input wire [1:0]          bresp_i,
    input wire                bvalid_i,
    input wire                bready_i,
    input wire [AX_W-1:0]     ar_i,
    input wire                ar_taken_i,
    input wire [ID_W-1:0]     rid_i,
    input wire [1:0]          rresp_i,
    input wire                rlast_i,
    input wire                rvalid_i,
    input wire                rready_i,

    output reg [15:0]         violated_o,
    output reg [31:0]         count_o           // violations
);
    localparam BYTES   = DATA_W / 8;
    localparam IDS     = 1 << ID_W;
    localparam PLACE_W = $clog2(DEPTH);
    localparam [PLACE_W:0] FULL = {1'b1, {PLACE_W{1'b0}}};
    localparam SAME_W  = ID_W + ADDR_W + 21;    // bits of an address payload up to PROT
    localparam [1:0] FIXED = 2'd0, WRAP = 2'd2, EXOKAY = 2'd1;

    // --------------------------------------------------------------------------------------------- the rules
    localparam AW_OVERFLOW = 0, AR_OVERFLOW = 1, AW_EXCL_PAIR = 2, AW_EXCL_MATCH = 3, W_ADDRESS = 4, W_LAST = 5;
    localparam W_COUNT = 6, W_STRB = 7, B_OUTSTANDING = 8, B_EARLY = 9, B_EXOKAY = 10, R_OUTSTANDING = 11, R_LAST = 12;
    localparam R_COUNT = 13, R_INTERLEAVE = 14, R_EXOKAY = 15;

    // what an address payload says
    wire [ID_W-1:0]   awid = aw_i[0 +: ID_W], arid = ar_i[0 +: ID_W];
    wire [ADDR_W-1:0] awaddr = aw_i[ID_W +: ADDR_W], araddr = ar_i[ID_W +: ADDR_W];
    wire [17:0]       aw_shape = aw_i[ID_W + ADDR_W +: 18], ar_shape = ar_i[ID_W + ADDR_W +: 18];  // cache, lock .. len
    wire              awlock = aw_shape[13], arlock = ar_shape[13];

    // ------------------------------------------------------------------------------------- bursts outstanding
    reg [63:0]        w_address [0:DEPTH-1];    // addresses whose data have not all come
    reg [7:0]         w_len     [0:DEPTH-1];
    reg [2:0]         w_size    [0:DEPTH-1];
    reg [1:0]         w_burst   [0:DEPTH-1];
    reg               w_lock    [0:DEPTH-1];
    reg [ID_W-1:0]    w_id      [0:DEPTH-1];
    reg [PLACE_W-1:0] w_head, w_tail;
    reg [PLACE_W:0]   w_unsent, w_unanswered;   // bursts without all of their data, and without their answer
    integer           w_beat;
    reg [PLACE_W:0]   b_open    [0:IDS-1];      // writes of an ID that are not answered
    reg [PLACE_W:0]   b_owed    [0:IDS-1];      // those of them whose data have come
    reg               b_lock    [0:IDS*DEPTH-1];
    reg [PLACE_W-1:0] b_head    [0:IDS-1];
    reg [7:0]         r_len     [0:IDS*DEPTH-1];    // reads not answered, an ID at a time
    reg               r_lock    [0:IDS*DEPTH-1];
    reg [PLACE_W-1:0] r_head    [0:IDS-1];
    reg [PLACE_W:0]   r_count   [0:IDS-1];
    integer           r_beat    [0:IDS-1];
    reg               b_seen, r_seen;           // what is on offer was on offer before
    reg               fresh;                    // the first edge after reset, on which AFTER_RESET looks
    reg               r_mixing;                 // a read burst has begun and not ended
    reg [ID_W-1:0]    r_owner;                  // whose
    // an ID's last exclusive read: under way or done (known), complete (ready for its write)
    reg [IDS-1:0]     excl_known, excl_ready;
    reg [SAME_W+3:0]  excl_read [0:IDS-1];      // {region, what stands below QoS}: the write must have the same
    integer           i;
    reg [PLACE_W-1:0] place;
    reg [63:0]        beat_address;
    reg               ends;

    // Lanes that a beat at an address may write.
    function [BYTES-1:0] lanes;
        input [63:0] address;
        input [2:0]  size;
        integer low, high;
        begin
            low   = {26'd0, address[5:0]} % BYTES;
            high  = (low >> size << size) + (1 << size);
            lanes = ~({BYTES{1'b1}} << high) & ({BYTES{1'b1}} << low);
        end
    endfunction

`ifndef FORMAL
    function [8*16-1:0] rule_name;
        input integer rule;
        case (rule)
            AW_OVERFLOW:   rule_name = "AW_OVERFLOW";
            AR_OVERFLOW:   rule_name = "AR_OVERFLOW";
            AW_EXCL_PAIR:  rule_name = "AW_EXCL_PAIR";
            AW_EXCL_MATCH: rule_name = "AW_EXCL_MATCH";
            W_ADDRESS:     rule_name = "W_ADDRESS";
            W_LAST:        rule_name = "W_LAST";
            W_COUNT:       rule_name = "W_COUNT";
            W_STRB:        rule_name = "W_STRB";
            B_OUTSTANDING: rule_name = "B_OUTSTANDING";
            B_EARLY:       rule_name = "B_EARLY";
            B_EXOKAY:      rule_name = "B_EXOKAY";
            R_OUTSTANDING: rule_name = "R_OUTSTANDING";
            R_LAST:        rule_name = "R_LAST";
            R_COUNT:       rule_name = "R_COUNT";
            R_INTERLEAVE:  rule_name = "R_INTERLEAVE";
            default:       rule_name = "R_EXOKAY";
        endcase
    endfunction
`endif

    task broken;
        input integer rule;
        begin
`ifndef FORMAL
            if (!violated_o[rule])
                $display("Error: AXI_%0s broken at %0t", rule_name(rule), $time);
            count_o = count_o + 1;
`endif
            violated_o[rule] = 1'b1;
        end
    endtask

    task b_step;
        begin
            if (!b_seen && !fresh) begin
                if (b_open[bid_i] == 0)
                    broken(B_OUTSTANDING);
                else if (b_owed[bid_i] == 0)
                    broken(B_EARLY);
                else if (exclusive_i && bresp_i == EXOKAY && !b_lock[{bid_i, b_head[bid_i]}])
                    broken(B_EXOKAY);
            end
            b_seen = !bready_i;
            if (bready_i && b_owed[bid_i] != 0) begin
                b_owed[bid_i] = b_owed[bid_i] - 1'b1;
                b_open[bid_i] = b_open[bid_i] - 1'b1;
                b_head[bid_i] = b_head[bid_i] + 1'b1;
                w_unanswered  = w_unanswered - 1'b1;
            end
        end
    endtask

    task r_step;
        begin
            if (!r_seen && !fresh && r_count[rid_i] == 0)
                broken(R_OUTSTANDING);
            r_seen = !rready_i;
            if (rready_i && r_count[rid_i] != 0) begin
                ends = r_beat[rid_i] == {24'd0, r_len[{rid_i, r_head[rid_i]}]};
                if (rlast_i != ends) begin
                    if (ends)
                        broken(R_COUNT);
                    else
                        broken(R_LAST);
                end
                if (rresp_i == EXOKAY) begin    // no `&&`: Icarus would read the array all the same
                    if (exclusive_i && !r_lock[{rid_i, r_head[rid_i]}])
                        broken(R_EXOKAY);
                end
                if (r_mixing && rid_i != r_owner && !interleaved_i)
                    broken(R_INTERLEAVE);
                r_mixing = !rlast_i;
                r_owner  = rid_i;
                r_beat[rid_i] = r_beat[rid_i] + 1;
                if (rlast_i) begin
                    if (exclusive_i && r_lock[{rid_i, r_head[rid_i]}])
                        excl_ready[rid_i] = excl_known[rid_i];
                    r_beat[rid_i]  = 0;
                    r_head[rid_i]  = r_head[rid_i] + 1'b1;
                    r_count[rid_i] = r_count[rid_i] - 1'b1;
                end
            end
        end
    endtask

    task aw_step;
        begin
            if (exclusive_i && awlock) begin
                if (!excl_ready[awid])
                    broken(AW_EXCL_PAIR);
                else if (excl_read[awid] != {aw_i[SAME_W + 4 +: 4], aw_i[SAME_W-1:0]})
                    broken(AW_EXCL_MATCH);
                excl_ready[awid] = 1'b0;
                excl_known[awid] = 1'b0;
            end
            if (w_unanswered == FULL)
                broken(AW_OVERFLOW);
            else begin
                w_address[w_tail] = {{64-ADDR_W{1'b0}}, awaddr};
                w_len[w_tail]     = aw_shape[7:0];
                w_size[w_tail]    = aw_shape[10:8];
                w_burst[w_tail]   = aw_shape[12:11];
                w_id[w_tail]      = awid;
                if (exclusive_i)
                    w_lock[w_tail] = awlock;
                w_tail            = w_tail + 1'b1;
                w_unsent          = w_unsent + 1'b1;
                w_unanswered      = w_unanswered + 1'b1;
                b_open[awid]      = b_open[awid] + 1'b1;
            end
        end
    endtask

    task w_step;
        if (w_unsent == 0)
            broken(W_ADDRESS);
        else begin
            // a full inner beat that moves on may write every lane
            if (w_beat == 0 || w_burst[w_head] == FIXED || (32'd1 << w_size[w_head]) != BYTES) begin
                beat_address = w_address[w_head];
                if (w_beat != 0 && w_burst[w_head] != FIXED)    // WRAP wraps at a multiple of the bus or inside of its lanes
                    beat_address = ((beat_address >> w_size[w_head]) + {32'd0, w_beat}) << w_size[w_head];
                if (w_burst[w_head] == WRAP && (({24'd0, w_len[w_head]} + 32'd1) << w_size[w_head]) < BYTES)
                    beat_address = (beat_address & (({56'd0, w_len[w_head]} + 64'd1 << w_size[w_head]) - 64'd1))
                                 | (w_address[w_head] & ~(({56'd0, w_len[w_head]} + 64'd1 << w_size[w_head]) - 64'd1));
                if ((wstrb_i & ~lanes(beat_address, w_size[w_head])) != 0)
                    broken(W_STRB);
            end
            ends = w_beat == {24'd0, w_len[w_head]};
            if (wlast_i != ends) begin
                if (ends)
                    broken(W_COUNT);
                else
                    broken(W_LAST);
            end
            w_beat = w_beat + 1;
            if (wlast_i) begin
                place = b_head[w_id[w_head]] + b_owed[w_id[w_head]][PLACE_W-1:0];
                if (exclusive_i)
                    b_lock[{w_id[w_head], place}] = w_lock[w_head];
                b_owed[w_id[w_head]] = b_owed[w_id[w_head]] + 1'b1;
                w_beat   = 0;
                w_head   = w_head + 1'b1;
                w_unsent = w_unsent - 1'b1;
            end
        end
    endtask

    task ar_step;
        begin
            if (exclusive_i && arlock) begin
                excl_known[arid] = 1'b1;
                excl_ready[arid] = 1'b0;
                excl_read[arid]  = {ar_i[SAME_W + 4 +: 4], ar_i[SAME_W-1:0]};
            end
            if (r_count[arid] == FULL)
                broken(AR_OVERFLOW);
            else begin
                place = r_head[arid] + r_count[arid][PLACE_W-1:0];
                r_len[{arid, place}] = ar_shape[7:0];
                if (exclusive_i)
                    r_lock[{arid, place}] = arlock;
                r_count[arid] = r_count[arid] + 1'b1;
            end
        end
    endtask

    // Evaluated only when a pin changes.
    wire news = bvalid_i || rvalid_i || aw_taken_i || w_taken_i || ar_taken_i || fresh || !rst_ni;

`ifdef __ICARUS__
    always begin
        wait (news);                           // a process that sleeps costs less than one that wakes with the clock
        @(posedge clk_i);
`else
    always @(posedge clk_i) begin
`endif
        if (news) begin
            if (!rst_ni) begin
                w_head       = 0;
                w_tail       = 0;
                w_beat       = 0;
                w_unsent     = 0;
                w_unanswered = 0;
                {b_seen, r_seen, r_mixing} = 3'd0;
                fresh        = 1'b1;
                excl_known   = {IDS{1'b0}};
                excl_ready   = {IDS{1'b0}};
                for (i = 0; i < IDS; i = i + 1) begin
                    b_open[i]  = 0;
                    b_owed[i]  = 0;
                    b_head[i]  = 0;
                    r_head[i]  = 0;
                    r_count[i] = 0;
                    r_beat[i]  = 0;
                end
            end else begin
                // answers first: what is accepted in this cycle cannot be answered in it
                if (bvalid_i)
                    b_step;
                if (rvalid_i)
                    r_step;
                if (aw_taken_i)
                    aw_step;
                if (w_taken_i)
                    w_step;
                if (ar_taken_i)
                    ar_step;
                fresh = 1'b0;
            end
        end
    end

`ifdef FORMAL
`define AXI_BURSTS_MASTER(label, bits) label: assert (!(|bits));
`define AXI_BURSTS_MEMORY(label, bits) if (ASSUME_MEMORY != 0) assume (!(|bits)); else label: assert (!(|bits));
    always @* begin
        `AXI_BURSTS_MASTER(AXI_OVERFLOW, violated_o[AR_OVERFLOW:AW_OVERFLOW])
        `AXI_BURSTS_MASTER(AXI_EXCLUSIVE, violated_o[AW_EXCL_MATCH:AW_EXCL_PAIR])
        `AXI_BURSTS_MASTER(AXI_W_LAST, violated_o[W_COUNT:W_LAST])
        `AXI_BURSTS_MASTER(AXI_W_STRB, violated_o[W_STRB])
        `AXI_BURSTS_MEMORY(AXI_W_ADDRESS, violated_o[W_ADDRESS])
        `AXI_BURSTS_MEMORY(AXI_B_OUTSTANDING, violated_o[B_EXOKAY:B_OUTSTANDING])
        `AXI_BURSTS_MEMORY(AXI_R_OUTSTANDING, violated_o[R_OUTSTANDING])
        `AXI_BURSTS_MEMORY(AXI_R_LAST, violated_o[R_EXOKAY:R_LAST])
    end
`undef AXI_BURSTS_MASTER
`undef AXI_BURSTS_MEMORY
`endif

    initial begin
        violated_o = 16'd0;
        count_o    = 32'd0;
        {b_seen, r_seen, fresh} = 3'd0;
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
