// ring: fetches one queue's descriptors from host memory ahead of their use.
//
// Why: the round trip to host memory is long; with several fetches under way, dispatch finds the next descriptor already here.
// The ring's one rule stands here: a descriptor is fetched only after the doorbell that published it, and a doorbell that
// claims more descriptors than the ring has places is refused and reported.
//
// Latency     the doorbell asks for its first address itself; 1 cycle from last beat to dispatch.
// Throughput  a descriptor every (ENTRY_BYTES * 8 / DATA_W) cycles, at least 1.
// Ordering    ring order; the report of a refused doorbell stands behind what was fetched before it.
// Errors      in-band: err_o is FETCH_ERROR, WATCHDOG or RING_OVERFLOW; then the tag is the index or the refused tail,
//             bits 9:0 of desc_o are 0 and the others mean nothing; but for RING_OVERFLOW address_o is the bus address.
//             Refused doorbells while 4 reports wait are only counted.
`default_nettype none
`include "faultline.vh"

module ring #(
    // width of the bus data in bits: 64, 128, 256 or 512
    parameter DATA_W        = 64,
    // bytes of a ring entry: 32 or 64
    parameter ENTRY_BYTES   = 32,
    // log2 of the descriptors fetched ahead, at least 1
    parameter PREFETCH_LOG2 = 4
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,

    input  wire                     fetch_i,        // fetching is allowed
    input  wire [63:0]              base_i,         // bus address of the ring
    input  wire [3:0]               size_log2_i,    // log2 of its places
    input  wire                     doorbell_i,     // pulse
    input  wire [15:0]              doorbell_tail_i,
    output wire [15:0]              tail_o,         // descriptors published
    output wire [15:0]              head_o,         // descriptors fetched
    output wire [15:0]              overflows_o,    // doorbells refused

    output wire                     ar_valid_o,     // axi_read_port
    input  wire                     ar_ready_i,
    output wire [63:0]              ar_address_o,
    output wire [7:0]               ar_len_o,
    input  wire                     r_valid_i,      // taken at once
    input  wire [DATA_W-1:0]        r_data_i,
    input  wire [1:0]               r_resp_i,

    output wire                     valid_o,
    input  wire                     ready_i,
    output wire [ENTRY_BYTES*8-1:0] desc_o,         // bit 10 is 1 if any reserved bit is, the other reserved bits are 0
    output wire [7:0]               err_o,          // cause, or NONE
    output wire [63:0]              address_o,      // of the entry whose index is the tag
    output wire                     empty_o         // nothing published is still to come out
);

    localparam ENTRY_W    = ENTRY_BYTES * 8;
    localparam ENTRY_LOG2 = $clog2(ENTRY_BYTES);
    localparam LANE_W     = $clog2(DATA_W / 8);
    localparam BEATS      = (ENTRY_W > DATA_W) ? ENTRY_W / DATA_W : 1;
    localparam [3:0] LAST = BEATS[3:0] - 4'd1;
    localparam DEPTH      = 1 << PREFETCH_LOG2;

    localparam [1:0] E_NONE = 2'd0, E_FETCH = 2'd1, E_WATCHDOG = 2'd2, E_OVERFLOW = 2'd3;  // what stands for a cause

    // ------------------------------------------------------------------------------------------ doorbell
    reg [15:0] tail_q, issue_q, head_q, overflows_q;

    wire [15:0] claimed = doorbell_tail_i - head_q;     // descriptors between fetched and claimed
    wire [15:0] held    = tail_q - head_q;
    wire [16:0] size    = 17'd1 << size_log2_i;
    wire        refuse  = doorbell_i && ({1'b0, claimed} > size || claimed < held);
    wire        accept  = doorbell_i && !refuse;

    // ------------------------------------------------------------------------------------------ reports
    wire        report_fits, report_valid, report_take;
    wire [15:0] report_tail;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(16), .DEPTH_LOG2(2)) u_reports (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (refuse),
        .ready_o (report_fits),
        .data_i  (doorbell_tail_i),
        .valid_o (report_valid),
        .ready_i (report_take),
        .data_o  (report_tail),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    // ------------------------------------------------------------------------------------------ fetch
    reg [PREFETCH_LOG2:0] room_q;                       // places of u_prefetch nobody has been promised

    function [15:0] place;                              // ring place of a count
        input [15:0] count;
        input [3:0]  log2;
        place = count & ((16'd1 << log2) - 16'd1);
    endfunction

    wire [63:0] issue_address = base_i + ({48'd0, place(issue_q, size_log2_i)} << ENTRY_LOG2);
    wire        issue         = ar_valid_o && ar_ready_i;

    // room for this one and for the report of a refused doorbell
    wire        more          = issue_q != tail_q || (accept && issue_q != doorbell_tail_i);
    assign ar_valid_o   = fetch_i && more && room_q > {{PREFETCH_LOG2{1'b0}}, 1'b1};
    assign ar_address_o = {issue_address[63:LANE_W], {LANE_W{1'b0}}};
    assign ar_len_o     = {4'd0, LAST};

    // ------------------------------------------------------------------------------------------ assemble
    reg [3:0]          beat_q;
    reg [1:0]          resp_q;                          // worst so far
    wire               last = r_valid_i && beat_q == LAST;
    wire [1:0]         resp = resp_q != 2'd0 ? resp_q : r_resp_i;
    wire [ENTRY_W-1:0] entry;

    generate
        if (BEATS > 1) begin : g_beats
            reg [ENTRY_W-DATA_W-1:0] beats_q;
            wire [ENTRY_W-1:0]       all = {r_data_i, beats_q};
            always @(posedge clk_i)
                if (r_valid_i)
                    beats_q <= all[ENTRY_W-1:DATA_W];
            assign entry = all;
        end else if (DATA_W > ENTRY_W) begin : g_lane
            // several entries a word: the address says which
            assign entry = (size_log2_i != 4'd0 && head_q[0]) ^ base_i[ENTRY_LOG2] ? r_data_i[DATA_W-1 -: ENTRY_W] : r_data_i[ENTRY_W-1:0];
        end else begin : g_word
            assign entry = r_data_i;
        end
    endgenerate

    wire [1:0]         err   = !last ? E_OVERFLOW : resp == 2'd0 ? E_NONE : resp == 2'd1 ? E_WATCHDOG : E_FETCH;
    wire [31:0]        tag   = !last ? {16'd0, report_tail} : err != E_NONE ? {16'd0, head_q} : entry[`FL_DESCRIPTOR_TAG];
    wire [9:0]         does  = entry[9:0] & {10{last && err == E_NONE}};    // opcode and flags
    wire               fits;                            // always: room was promised

    assign report_take = report_valid && !last && room_q != {(PREFETCH_LOG2 + 1){1'b0}};

    // What waits: a descriptor without its reserved bits, but with one that says whether any of them is set.
    localparam KEPT_W = 2 + 1 + 32 + 16 + 56 + 32 + 24 + 32 + 10;
    localparam MORE_W = ENTRY_BYTES == 64 ? 128 + 36 + 8 : 0;

    wire [KEPT_W-1:0]         kept = {err, reserved, entry[`FL_DESCRIPTOR_HOST_STRIDE], entry[`FL_DESCRIPTOR_HEIGHT], entry[183:128],
                                      entry[127:96], entry[87:64], tag, does};
    wire [KEPT_W-1:0]         front;
    wire [KEPT_W+MORE_W-1:0]  arriving, waiting;
    wire                      reserved_short = |{entry[`FL_DESCRIPTOR_RESERVED0], entry[`FL_DESCRIPTOR_RESERVED1],
                                                 entry[`FL_DESCRIPTOR_RESERVED2], entry[`FL_DESCRIPTOR_RESERVED3]};
    wire                      reserved, front_reserved;
    wire [1:0]                front_err;

    assign front = waiting[KEPT_W-1:0];
    assign {front_err, front_reserved} = front[KEPT_W-1 -: 3];
    assign desc_o[255:0] = {front[KEPT_W-4 -: 32], 16'd0, front[KEPT_W-36 -: 16], 8'd0, front[KEPT_W-52 -: 56], front[KEPT_W-108 -: 32],
                            8'd0, front[KEPT_W-140 -: 24], front[41:10], 21'd0, front_reserved, front[9:0]};
    assign err_o = front_err == E_NONE     ? `FL_CAUSE_NONE     : front_err == E_FETCH ? `FL_CAUSE_FETCH_ERROR :
                   front_err == E_WATCHDOG ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_RING_OVERFLOW;

    generate
        if (ENTRY_BYTES == 64) begin : g_more
            assign reserved = reserved_short || |{entry[`FL_DESCRIPTOR_RESERVED4], entry[`FL_DESCRIPTOR_RESERVED5],
                                                  entry[`FL_DESCRIPTOR_RESERVED6]};
            assign arriving = {entry[511:384], entry[307:272], entry[`FL_DESCRIPTOR_SOURCE_SURFACE], kept};
            assign desc_o[ENTRY_W-1:256] = {waiting[KEPT_W+44 +: 128], 76'd0, waiting[KEPT_W+8 +: 36], 8'd0, waiting[KEPT_W +: 8]};
        end else begin : g_no_more
            assign reserved = reserved_short;
            assign arriving = kept;
        end
    endgenerate

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(KEPT_W + MORE_W), .DEPTH_LOG2(PREFETCH_LOG2), .DISTRIBUTED(1)) u_prefetch (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (last || report_take),
        .ready_o (fits),
        .data_i  (arriving),
        .valid_o (valid_o),
        .ready_i (ready_i),
        .data_o  (waiting),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    assign address_o   = base_i + ({48'd0, place(desc_o[47:32], size_log2_i)} << ENTRY_LOG2);
    assign tail_o      = tail_q;
    assign head_o      = head_q;
    assign overflows_o = overflows_q;
    assign empty_o     = head_q == tail_q && issue_q == head_q && !valid_o && !report_valid;

    wire unused = &{1'b0, fits, report_fits, issue_address[LANE_W-1:0]};

    wire wake = doorbell_i || issue || r_valid_i || report_take || (valid_o && ready_i) || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                tail_q      <= 16'd0;
                issue_q     <= 16'd0;
                head_q      <= 16'd0;
                overflows_q <= 16'd0;
                room_q      <= DEPTH[PREFETCH_LOG2:0];
                beat_q      <= 4'd0;
                resp_q      <= 2'd0;
            end else begin
                if (accept)
                    tail_q <= doorbell_tail_i;
                if (refuse)
                    overflows_q <= overflows_q + 1'b1;
                if (issue)
                    issue_q <= issue_q + 1'b1;
                if (last)
                    head_q <= head_q + 1'b1;
                if (r_valid_i) begin
                    beat_q <= last ? 4'd0 : beat_q + 1'b1;
                    resp_q <= last ? 2'd0 : resp;
                end
                room_q <= room_q - {{PREFETCH_LOG2{1'b0}}, issue} - {{PREFETCH_LOG2{1'b0}}, report_take}
                                 + {{PREFETCH_LOG2{1'b0}}, valid_o && ready_i};
            end
        end

    initial begin
        if (ENTRY_BYTES != 32 && ENTRY_BYTES != 64)
            $fatal(1, "%m: ENTRY_BYTES is %0d, must be 32 or 64", ENTRY_BYTES);
    end

endmodule

`default_nettype wire
