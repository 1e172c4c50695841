// stripe: the words of a FILL: one pixel of 1 to 16 bytes repeated along a row.
//
// Why: a pixel of 3 bytes does not divide a word, so each word of a row starts at another byte of the pixel. The
// pixel is first repeated over a word and a bit, by doubling; each word is then that stripe, shifted by its phase.
//
// Latency     8 cycles from start_i to ready_o; from then on data_o is the word to write.
// Throughput  one word a cycle.
// Ordering    words of a row left to right, every row like the first.
// Errors      none: a pixel size outside 1 to 16 is not asked for.
`default_nettype none

module stripe #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // derived, do not set: bits of a byte lane number
    parameter LANE_W = $clog2(DATA_W / 8)
) (
    input  wire              clk_i,
    input  wire              rst_ni,             // synchronous, active low

    input  wire              start_i,            // the inputs below are looked at in this cycle
    input  wire [127:0]      pattern_i,          // the pixel, first byte lowest
    input  wire [4:0]        bytes_per_pixel_i,  // 1 to 16
    input  wire [LANE_W-1:0] lane_i,             // where in its word a row starts

    output wire              ready_o,            // data_o is good
    input  wire              next_i,             // go on to the next word
    input  wire              last_i,             // with next_i: which is the first of a row
    output wire [DATA_W-1:0] data_o
);
    localparam BYTES  = DATA_W / 8;
    localparam LENGTH = BYTES + 16;              // bytes in the stripe: a word at any phase

    reg  [8*LENGTH-1:0] stripe_q;
    reg  [7:0]          length_q;                // bytes of it that are done
    reg  [4:0]          pixel_q;
    reg  [2:0]          step_q;                  // 6 down to 0, then 7: ready
    reg  [10:0]         begin_q;                 // becomes the phase of a row's first word
    reg  [10:0]         advance_q;               // becomes the phase gained from word to word
    reg  [4:0]          phase_q;
    reg                 first_q;                 // the word is the first of its row

    // Remainders by trial subtraction of the pixel size times 64, 32, ... 1.
    wire [10:0] trial   = {6'b0, pixel_q} << step_q;
    wire        working = step_q != 3'd7;

    wire [4:0]  phase   = first_q ? begin_q[4:0] : phase_q;
    wire [5:0]  sum     = {1'b0, phase} + {1'b0, advance_q[4:0]};
    wire [5:0]  wrapped = (sum >= {1'b0, pixel_q}) ? sum - {1'b0, pixel_q} : sum;

    wire [8*LENGTH-1:0] shifted = stripe_q >> {phase, 3'b000};
    wire [127:0]        keep    = ~({128{1'b1}} << {bytes_per_pixel_i, 3'b000});

    assign ready_o = !working;
    assign data_o  = shifted[DATA_W-1:0];

    wire unused = &{1'b0, shifted[8*LENGTH-1:DATA_W], wrapped[5], begin_q[10:5], advance_q[10:5]};

    always @(posedge clk_i)
        if (start_i || working || next_i || !rst_ni) begin
            if (!rst_ni)
                step_q <= 3'd7;
            else if (start_i)
                step_q <= 3'd6;
            else if (working)
                step_q <= step_q - 3'd1;  // wraps to ready

            if (start_i) begin
                stripe_q  <= {{(8*LENGTH-128){1'b0}}, pattern_i & keep};
                length_q  <= {3'b0, bytes_per_pixel_i};
                pixel_q   <= bytes_per_pixel_i;
                // minus the lane, made positive by a multiple of the pixel size
                begin_q   <= {bytes_per_pixel_i, 6'b0} - {{(11-LANE_W){1'b0}}, lane_i};
                advance_q <= BYTES[10:0];
                first_q   <= 1'b1;
            end else if (working) begin
                if (length_q < LENGTH[7:0]) begin
                    stripe_q <= stripe_q | (stripe_q << {length_q, 3'b000});
                    length_q <= length_q << 1;
                end
                if (begin_q >= trial)
                    begin_q <= begin_q - trial;
                if (advance_q >= trial)
                    advance_q <= advance_q - trial;
            end else if (next_i) begin
                first_q <= last_i;
                phase_q <= wrapped[4:0];
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
