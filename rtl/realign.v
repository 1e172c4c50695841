// realign: moves a run of bytes from one byte lane to another.
//
// Why: a box may start at any byte on the host side and at any byte on the device side. A run of `bytes`
// arrives in words whose first byte sits in lane `source_lane`; it leaves in words whose first byte sits in lane
// `target_lane`, with strobes on exactly its bytes. Each run stands by itself: nothing carries over.
//
// Latency     0 cycles (combinational from in to out) when a word can be formed.
// Throughput  1 word a cycle, no gap between runs; a run that spills into one more word than it arrived in costs one
//             cycle, which overlaps with the first word of a following run that yields no word of its own.
// Ordering    runs and words in order.
// Errors      none.
`default_nettype none

module realign #(
    // word width in bits: 64, 128, 256 or 512
    parameter DATA_W  = 64,
    // width of the byte count of a run
    parameter BYTES_W = 13,
    // derived, do not set: bits of a byte lane number
    parameter LANE_W  = $clog2(DATA_W / 8)
) (
    input  wire                clk_i,
    input  wire                rst_ni,

    input  wire                cmd_valid_i,        // held until ready: it is the run under way
    output wire                cmd_ready_o,        // with the last word of the run
    input  wire [LANE_W-1:0]   cmd_source_lane_i,
    input  wire [LANE_W-1:0]   cmd_target_lane_i,
    input  wire [BYTES_W-1:0]  cmd_bytes_i,        // at least 1

    input  wire                in_valid_i,
    output wire                in_ready_o,
    input  wire [DATA_W-1:0]   in_data_i,

    output wire                out_valid_o,
    input  wire                out_ready_i,
    output wire [DATA_W-1:0]   out_data_o,
    output wire [DATA_W/8-1:0] out_strb_o,
    output wire                out_last_o          // last word of the run
);

    localparam LANES = DATA_W / 8;

    reg [BYTES_W:0]   index_q;           // word of the run that arrives next
    reg [DATA_W-1:0]  hold_q;            // the word before, rotated
    reg               flush_q;           // the last bytes of a run wait in hold_q
    reg [LANE_W-1:0]  flush_end_q;       // lane of the run's last byte
    reg [LANE_W-1:0]  flush_shift_q;

    // ---- the run under way
    // position of the last byte, counted from lane 0 of the first word: {word, lane}
    wire [BYTES_W:0]   source_end   = {1'b0, cmd_bytes_i} + {{(BYTES_W + 1 - LANE_W){1'b0}}, cmd_source_lane_i} - 1'b1;
    wire [BYTES_W:0]   target_end   = {1'b0, cmd_bytes_i} + {{(BYTES_W + 1 - LANE_W){1'b0}}, cmd_target_lane_i} - 1'b1;
    wire [BYTES_W:0]   source_last  = source_end >> LANE_W;
    wire [BYTES_W:0]   target_last  = target_end >> LANE_W;
    wire [LANE_W-1:0]  shift        = cmd_target_lane_i - cmd_source_lane_i;
    wire               backward     = cmd_target_lane_i < cmd_source_lane_i;   // bytes move to lower lanes
    wire               single       = source_last == {(BYTES_W + 1){1'b0}};
    wire               first        = index_q == {(BYTES_W + 1){1'b0}};

    // A backward run needs two arriving words for its first leaving word, unless there is only one.
    wire               prime        = backward && first && !single;
    wire [BYTES_W:0]   target_index = (backward && !single) ? index_q - 1'b1 : index_q;
    wire               in_last      = index_q == source_last;
    wire               target_is_last = target_index == target_last;

    assign in_ready_o  = cmd_valid_i && (flush_q ? (prime && out_ready_i) : (prime || out_ready_i));
    assign cmd_ready_o = in_valid_i && in_ready_o && in_last;
    assign out_valid_o = flush_q || (cmd_valid_i && in_valid_i && !prime);
    assign out_last_o  = flush_q || target_is_last;

    wire accept = in_valid_i && in_ready_o;

    // ---- rotation and merge
    function [DATA_W-1:0] rotate;            // to higher lanes, one stage a bit of the distance
        input [DATA_W-1:0] word;
        input [LANE_W-1:0] lanes;
        integer            n;
        begin
            rotate = word;
            for (n = 0; n < LANE_W; n = n + 1)
                if (lanes[n])
                    rotate = (rotate << (8 << n)) | (rotate >> (DATA_W - (8 << n)));
        end
    endfunction

    wire [DATA_W-1:0] rotated = rotate(in_data_i, shift);

    wire [LANE_W-1:0] merge_shift = flush_q ? flush_shift_q : shift;
    wire [LANE_W-1:0] end_lane    = flush_q ? flush_end_q : target_end[LANE_W-1:0];
    wire              from_hold   = flush_q || !(backward && single);
    wire              starts      = !flush_q && target_index == {(BYTES_W + 1){1'b0}};

    wire [DATA_W-1:0] new_lanes   = {DATA_W{1'b1}} << {merge_shift, 3'b000};
    wire [LANES-1:0]  from_start  = {LANES{1'b1}} << cmd_target_lane_i;
    wire [LANES-1:0]  after_end   = ({LANES{1'b1}} << end_lane) << 1;

    assign out_data_o = from_hold ? (rotated & new_lanes) | (hold_q & ~new_lanes) : rotated;
    assign out_strb_o = (starts ? from_start : {LANES{1'b1}}) & ~(out_last_o ? after_end : {LANES{1'b0}});

    wire wake = accept || flush_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                index_q <= {(BYTES_W + 1){1'b0}};
                flush_q <= 1'b0;
            end else begin
                if (accept)
                    index_q <= in_last ? {(BYTES_W + 1){1'b0}} : index_q + 1'b1;
                if (accept && in_last && !target_is_last)
                    flush_q <= 1'b1;
                else if (out_ready_i)
                    flush_q <= 1'b0;
            end

            if (accept) begin
                hold_q        <= rotated;
                flush_end_q   <= target_end[LANE_W-1:0];
                flush_shift_q <= shift;
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
