// burst: how many of the bytes that are left fit into the next AXI burst.
//
// Why: AXI4 forbids bursts across 4 KiB and of more than 256 beats. Both rules stand here and nowhere else, as one: a
// burst never crosses a multiple of LIMIT, the smaller of 4096 bytes and 256 beats. Since 4096 is also the page
// size, a burst needs one translation.
//
// Latency     combinational.
// Throughput  -
// Ordering    -
// Errors      none.
`default_nettype none

module burst #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input  wire [11:0] offset_i,   // where the burst begins, inside its page
    input  wire [19:0] left_i,     // bytes of the row that are left, at least 1
    output wire [12:0] bytes_o,    // bytes of the burst, 1 to LIMIT
    output wire [12:0] room_o,     // the same, of a burst that does not finish the row
    output wire [7:0]  len_o,      // beats - 1, as AxLEN
    output wire        last_o      // the burst finishes the row
);

    localparam LANE_W     = $clog2(DATA_W / 8);
    localparam LIMIT_LOG2 = (LANE_W + 8 > 12) ? 12 : LANE_W + 8;
    localparam [12:0] LIMIT = 13'd1 << LIMIT_LOG2;

    wire [12:0] used = {1'b0, offset_i} & (LIMIT - 1'b1);
    wire [12:0] room = LIMIT - used;

    // Number of the last word, at most 255: where the row ends, or where the room does. Both are there before it is known which.
    wire [12:0] lanes     = {1'b0, offset_i} & ((13'd1 << LANE_W) - 1'b1);
    wire [12:0] row_ends  = (lanes + left_i[12:0] - 1'b1) >> LANE_W;
    wire [12:0] room_ends = (LIMIT - 1'b1 - used) >> LANE_W;

    // last: left_i <= room, in one short addition. What is left reaches the limit exactly where the low bits of the sum are 0,
    // and that is seen without it: a sum is 0 where each bit pair differs as the pair below carries.
    wire [LIMIT_LOG2-1:0] a     = left_i[LIMIT_LOG2-1:0];
    wire [LIMIT_LOG2-1:0] b     = used[LIMIT_LOG2-1:0];
    wire [LIMIT_LOG2:0]   sum   = {1'b0, a} + {1'b0, b};
    wire                  exact = (a ^ b) == ((a | b) << 1);
    wire [19:0]           whole = left_i >> LIMIT_LOG2;

    assign last_o  = whole == 20'd0 ? !sum[LIMIT_LOG2] || exact : whole == 20'd1 && exact && b == {LIMIT_LOG2{1'b0}};
    assign room_o  = room;
    assign bytes_o = last_o ? left_i[12:0] : room;
    assign len_o   = last_o ? row_ends[7:0] : room_ends[7:0];

    wire unused = &{1'b0, row_ends[12:8], room_ends[12:8], sum[LIMIT_LOG2-1:0]};

endmodule

`default_nettype wire
