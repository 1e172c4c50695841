// realign: moves a run of bytes from one byte lane to another.
//
// Why: a box may start at any byte on the host side and at any byte on the device side. A run of `bytes`
// arrives in words whose first byte sits in lane `source_lane`; it leaves in words whose first byte sits in lane
// `target_lane`, with strobes on exactly its bytes. Each run stands by itself: nothing carries over.
//
// What follows from lanes and length is worked out when the run is taken, so that the path of the data begins at flops.
//
// Latency     a run is under way the cycle after it is taken; then 0 cycles (combinational from in to out) when a word can
//             be formed.
// Throughput  1 word a cycle, no gap between runs; a run that spills into one more word than it arrived in costs one
//             cycle, which overlaps with the first word of a following run that yields no word of its own.
// Ordering    runs and words in order; a run is taken when nothing of the one before has still to arrive.
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

    input  wire                cmd_valid_i,
    output wire                cmd_ready_o,
    input  wire [LANE_W-1:0]   cmd_source_lane_i,
    input  wire [LANE_W-1:0]   cmd_target_lane_i,
    input  wire [BYTES_W-1:0]  cmd_bytes_i,        // at least 1; with the source lane below 2^BYTES_W

    input  wire                in_valid_i,
    output wire                in_ready_o,
    input  wire [DATA_W-1:0]   in_data_i,
    output wire                in_last_o,          // what arrives next is the last word of its run

    output wire                out_valid_o,
    input  wire                out_ready_i,
    output wire [DATA_W-1:0]   out_data_o,
    output wire [DATA_W/8-1:0] out_strb_o,
    output wire                out_last_o          // last word of the run
);

    localparam LANES   = DATA_W / 8;
    localparam COUNT_W = BYTES_W - LANE_W;

    // ---- the next run
    // Its last byte, counted from lane 0 of the first word: {word, lane}
    wire [BYTES_W-1:0] source_end = cmd_bytes_i + {{(BYTES_W - LANE_W){1'b0}}, cmd_source_lane_i} - 1'b1;
    wire [LANE_W:0]    target_end = cmd_bytes_i[LANE_W:0] + {1'b0, cmd_target_lane_i} - 1'b1;
    wire [LANE_W-1:0]  shift      = cmd_target_lane_i - cmd_source_lane_i;
    wire               backward   = cmd_target_lane_i < cmd_source_lane_i;   // bytes move to lower lanes
    wire               single     = source_end[BYTES_W-1:LANE_W] == {COUNT_W{1'b0}};

    // A backward run needs two arriving words for its first leaving word, unless there is only one.
    wire               primes     = backward && !single;

    // It leaves in a word more or less than it arrives in, or in as many; with the one that primes in as many or one more.
    wire               spills     = target_end[LANE_W] ^ source_end[LANE_W] ^ primes;

    // ---- the run under way
    reg                run_q;
    reg [COUNT_W-1:0]  left_q;           // words that arrive after the next
    reg                last_q;           // there are none
    reg                priming_q;        // the next arriving word yields none
    reg                opening_q;        // the next leaving word is the first
    reg                spills_q;
    reg [LANE_W-1:0]   shift_q, start_q, end_q;
    reg [LANES-1:0]    new_q;            // lanes that come from the arriving word; others from the one before

    reg [DATA_W-1:0]   hold_q;           // the word before, rotated
    reg                flush_q;          // hold_q is a run's last word, already taken; its own last lane:
    reg [LANE_W-1:0]   flush_end_q;

    wire accept = in_valid_i && in_ready_o;
    wire take   = cmd_valid_i && cmd_ready_o;

    assign cmd_ready_o = !run_q || (accept && last_q);
    assign in_ready_o  = run_q && (flush_q ? (priming_q && out_ready_i) : (priming_q || out_ready_i));
    assign in_last_o   = last_q;
    assign out_valid_o = flush_q || (run_q && in_valid_i && !priming_q);
    assign out_last_o  = flush_q || (last_q && !spills_q);

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

    function [DATA_W-1:0] mask;              // of lanes
        input [LANES-1:0] lanes;
        integer           n;
        for (n = 0; n < LANES; n = n + 1)
            mask[8*n +: 8] = {8{lanes[n]}};
    endfunction

    wire [DATA_W-1:0] rotated    = rotate(in_data_i, shift_q);
    wire [DATA_W-1:0] new_bits   = mask(new_q);
    wire [LANES-1:0]  from_start = {LANES{1'b1}} << start_q;
    wire [LANES-1:0]  after_end  = ({LANES{1'b1}} << (flush_q ? flush_end_q : end_q)) << 1;

    assign out_data_o = flush_q ? hold_q : (rotated & new_bits) | (hold_q & ~new_bits);
    assign out_strb_o = ((opening_q && !flush_q) ? from_start : {LANES{1'b1}}) & ~(out_last_o ? after_end : {LANES{1'b0}});

    wire wake = take || accept || flush_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                run_q   <= 1'b0;
                flush_q <= 1'b0;
            end else begin
                run_q <= take || (run_q && !(accept && last_q));
                if (accept && last_q && spills_q)
                    flush_q <= 1'b1;
                else if (out_ready_i)
                    flush_q <= 1'b0;
            end

            if (take) begin
                left_q    <= source_end[BYTES_W-1:LANE_W];
                last_q    <= single;
                priming_q <= primes;
                opening_q <= 1'b1;
                spills_q  <= spills;
                shift_q   <= shift;
                start_q   <= cmd_target_lane_i;
                end_q     <= target_end[LANE_W-1:0];
                new_q     <= (backward && single) ? {LANES{1'b1}} : {LANES{1'b1}} << shift;
            end else if (accept) begin
                left_q    <= left_q - 1'b1;
                last_q    <= left_q == {{(COUNT_W - 1){1'b0}}, 1'b1};
                priming_q <= 1'b0;
                if (!priming_q)
                    opening_q <= 1'b0;
            end

            if (accept) begin
                hold_q      <= rotated;
                flush_end_q <= end_q;
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
