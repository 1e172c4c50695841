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
    output wire [ENTRY_BYTES*8-1:0] desc_o,
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

    wire [7:0]         err   = resp == 2'd0 ? `FL_CAUSE_NONE : resp == 2'd1 ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_FETCH_ERROR;
    wire               good  = last && err == `FL_CAUSE_NONE;
    wire [31:0]        tag   = !last ? {16'd0, report_tail} : err != `FL_CAUSE_NONE ? {16'd0, head_q} : entry[`FL_DESCRIPTOR_TAG];
    wire [9:0]         does  = entry[9:0] & {10{good}};         // opcode and flags
    wire               fits;                            // always: room was promised

    assign report_take = report_valid && !last && room_q != {(PREFETCH_LOG2 + 1){1'b0}};

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(ENTRY_W + 8), .DEPTH_LOG2(PREFETCH_LOG2), .DISTRIBUTED(1)) u_prefetch (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (last || report_take),
        .ready_o (fits),
        .data_i  ({last ? err : `FL_CAUSE_RING_OVERFLOW, entry[ENTRY_W-1:64], tag, entry[31:10], does}),
        .valid_o (valid_o),
        .ready_i (ready_i),
        .data_o  ({err_o, desc_o}),
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
