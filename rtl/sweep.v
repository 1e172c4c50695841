// sweep: a device box, word by word: rows from top to bottom, words from left to right.
//
// Why: the renderer walks a target box to write it and a source box to read it; both walk the same way.
//
// Latency     the first word shows the cycle after start_i.
// Throughput  one word a cycle, also from row to row.
// Ordering    rows top to bottom, words left to right.
// Errors      none: the box has been checked to lie inside its surface and not to be empty.
`default_nettype none

module sweep #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input  wire                clk_i,
    input  wire                rst_ni,    // synchronous, active low

    input  wire                start_i,   // take the box
    input  wire                stop_i,    // forget the rest of it
    input  wire [19:0]         x_i,       // left edge in bytes
    input  wire [15:0]         y_i,       // top row
    input  wire [19:0]         width_i,   // bytes a row, at least 1
    input  wire [15:0]         height_i,  // rows, at least 1

    output wire                valid_o,
    input  wire                ready_i,
    output wire [19:0]         x_o,       // of the word: a multiple of DATA_W/8
    output wire [15:0]         y_o,
    output wire [DATA_W/8-1:0] strb_o,    // the word's bytes that belong to the box
    output wire                first_o,   // first word of its row
    output wire                last_o     // last word of its row
);
    localparam BYTES  = DATA_W / 8;
    localparam LANE_W = $clog2(BYTES);

    reg        valid_q;
    reg [19:0] left_q, right_q;  // first and last byte of a row
    reg [15:0] bottom_q;         // last row
    reg [19:0] x_q;
    reg [15:0] y_q;

    wire first = x_q[19:LANE_W] == left_q[19:LANE_W];
    wire last  = x_q[19:LANE_W] == right_q[19:LANE_W];

    wire [BYTES-1:0] from_left  = {BYTES{1'b1}} << left_q[LANE_W-1:0];
    wire [BYTES-1:0] past_right = ({BYTES{1'b1}} << right_q[LANE_W-1:0]) << 1;

    assign valid_o = valid_q;
    assign x_o     = x_q;
    assign y_o     = y_q;
    assign first_o = first;
    assign last_o  = last;
    assign strb_o  = (first ? from_left : {BYTES{1'b1}}) & ~(last ? past_right : {BYTES{1'b0}});

    wire wake = start_i || valid_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni)
                valid_q <= 1'b0;
            else if (start_i)
                valid_q <= 1'b1;
            else if (stop_i || (ready_i && last && y_q == bottom_q))
                valid_q <= 1'b0;

            if (start_i) begin
                left_q   <= x_i;
                right_q  <= x_i + width_i - 20'd1;
                bottom_q <= y_i + height_i - 16'd1;
                x_q      <= {x_i[19:LANE_W], {LANE_W{1'b0}}};
                y_q      <= y_i;
            end else if (valid_q && ready_i) begin
                x_q <= last ? {left_q[19:LANE_W], {LANE_W{1'b0}}} : x_q + BYTES[19:0];
                if (last)
                    y_q <= y_q + 16'd1;
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
