// stripe: the words of a FILL: one pixel of 1 to 16 bytes repeated along a row.
//
// Why: a pixel of 3 bytes does not divide a word, so each word of a row starts at another byte of the pixel; after at
// most 15 words they repeat. These words are written into a small RAM byte by byte, and read from it in turn. Drawing
// begins when the first is there.
//
// Latency     the first word is ready BYTES + 1 cycles after start_i at the latest, each new one BYTES cycles later;
//             8 cycles in all when the pixel is 1, 2, 4 or 8 bytes. From ready_o on data_o is the word to write.
// Throughput  one word a cycle once they repeat.
// Ordering    words of a row left to right, every row like the first.
// Errors      none: a pixel size outside 1 to 16 is not asked for. Bytes of a row's first word before lane_i are anything.
`default_nettype none

module stripe #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // derived, do not set: bits of a byte lane number
    parameter LANE_W = $clog2(DATA_W / 8)
) (
    input  wire              clk_i,
    input  wire              rst_ni,             // synchronous, active low

    input  wire              start_i,            // the inputs below hold from here to the last word
    input  wire [127:0]      pattern_i,          // the pixel, first byte lowest
    input  wire [4:0]        bytes_per_pixel_i,  // 1 to 16
    input  wire [LANE_W-1:0] lane_i,             // where in its word a row starts

    output wire              ready_o,            // data_o is good
    input  wire              next_i,             // go on to the next word
    input  wire              last_i,             // with next_i: which is the first of a row
    output wire [DATA_W-1:0] data_o
);
    localparam BYTES = DATA_W / 8;

    // Words until they repeat: the pixel size without the factors of 2 that it shares with the word.
    wire [4:0] pixel = bytes_per_pixel_i;
    wire [3:0] words = pixel[0] ? pixel[3:0]
                     : pixel[1] ? {1'b0, pixel[3:1]}
                     : pixel[2] ? {2'b0, pixel[3:2]}
                     : pixel[3] ? 4'd1 : (BYTES == 8 ? 4'd2 : 4'd1);
    wire       even  = words == 4'd1 && !pixel[4];  // every 8 bytes are alike: write all of a word at once

    // ------------------------------------------------------------------------------------------ writing
    // The pixel's first byte goes to lane_i of word 0, and so on, round to the byte before it.
    reg                working_q, done_q;
    reg  [3:0]         byte_q;                   // of the pixel
    reg  [LANE_W-1:0]  lane_q;
    reg  [3:0]         word_q;
    wire [LANE_W-1:0]  lane_next = lane_q + 1'b1;
    wire               past      = even ? lane_next[2:0] == 3'd0 : lane_next == {LANE_W{1'b0}};
    wire [3:0]         word_next = !past ? word_q : word_q + 4'd1 == words ? 4'd0 : word_q + 4'd1;
    wire               round     = word_next == 4'd0 && (even ? lane_next[2:0] == lane_i[2:0] : lane_next == lane_i);
    wire [7:0]         value     = pattern_i[{byte_q, 3'b000} +: 8];

    // ------------------------------------------------------------------------------------------ reading
    reg  [3:0]         read_q;

    assign ready_o = done_q || (working_q && read_q < word_q);

    wire wake = start_i || working_q || next_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                working_q <= 1'b0;
                done_q    <= 1'b0;
            end else if (start_i) begin
                working_q <= 1'b1;
                done_q    <= 1'b0;
            end else if (working_q && round) begin
                working_q <= 1'b0;
                done_q    <= 1'b1;
            end

            if (start_i) begin
                byte_q <= 4'd0;
                lane_q <= lane_i;
                word_q <= 4'd0;
            end else begin
                byte_q <= byte_q + 4'd1 == pixel[3:0] ? 4'd0 : byte_q + 4'd1;
                lane_q <= lane_next;
                word_q <= word_next;
            end

            if (start_i || (next_i && last_i))
                read_q <= 4'd0;
            else if (next_i)
                read_q <= read_q + 4'd1 == words ? 4'd0 : read_q + 4'd1;
        end

    (* ram_style = "distributed" *)
    reg     [DATA_W-1:0] word_ram [0:15];
    integer              n;

    assign data_o = word_ram[read_q];

    always @(posedge clk_i)
        if (working_q)
            for (n = 0; n < BYTES; n = n + 1)
                if (even ? lane_q[2:0] == n[2:0] : lane_q == n[LANE_W-1:0])
                    word_ram[word_q][8*n +: 8] <= value;

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
