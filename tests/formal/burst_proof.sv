// burst_proof: a row of any length from any place, cut by burst until nothing is left.
//
// Why a walk: that one burst is legal and that all together cover the row exactly are both promised. The walk starts anywhere
// with any number of bytes and takes burst's own answers; what has been covered and what is left must add up to the row.
`default_nettype none

module burst_proof #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input wire        clk_i,
    input wire [11:0] first_i,      // where the row begins, inside its page
    input wire [19:0] row_i         // its bytes
);
    localparam BYTES = DATA_W / 8;
    localparam [12:0] LIMIT = (BYTES * 256 > 4096) ? 13'd4096 : BYTES * 256;

    reg         walking_q = 1'b0;
    reg         done_q    = 1'b0;
    reg  [31:0] address_q;          // bytes since the start of the first page
    reg  [19:0] left_q;
    reg  [19:0] whole_q;
    reg  [31:0] start_q;
    reg  [4:0]  bursts_q;           // bursts taken, saturates

    wire [12:0] bytes;
    wire [7:0]  len;
    wire        last;

    burst #(.DATA_W(DATA_W)) dut (
        .offset_i (address_q[11:0]),
        .left_i   (left_q),
        .bytes_o  (bytes),
        .len_o    (len),
        .last_o   (last)
    );

    wire [31:0] final_byte = address_q + bytes - 1'b1;
    wire [31:0] words      = final_byte / BYTES - address_q / BYTES + 1;    // bus words that the burst touches

    always @(posedge clk_i) begin
        if (!walking_q) begin
            walking_q <= 1'b1;
            done_q    <= 1'b0;
            address_q <= {20'd0, first_i};
            start_q   <= {20'd0, first_i};
            left_q    <= row_i;
            whole_q   <= row_i;
            bursts_q  <= 5'd0;
            assume (row_i != 20'd0);
        end else if (!done_q) begin
            at_least_one:    assert (bytes != 13'd0 && {7'd0, bytes} <= left_q);
            inside_4kib:     assert (final_byte[31:12] == address_q[31:12]);
            beats_match:     assert (words == {24'd0, len} + 32'd1);
            at_most_256:     assert (words <= 256);
            last_is_last:    assert (last == ({7'd0, bytes} == left_q));
            longest_legal:   assert (last || ((final_byte + 1) & (LIMIT - 1'b1)) == 0);   // stops only where it must
            covered_exactly: assert (address_q - start_q + {12'd0, left_q} == {12'd0, whole_q} && left_q != 20'd0);

            address_q <= address_q + bytes;
            left_q    <= left_q - bytes;
            done_q    <= last;
            if (bursts_q != 5'd31)
                bursts_q <= bursts_q + 1'b1;
            full_burst:      cover (len == (LIMIT / BYTES - 1));
            three_bursts:    cover (last && bursts_q == 5'd2);
            one_byte:        cover (last && bytes == 13'd1 && bursts_q == 5'd1);
        end else begin
            all_covered:     assert (left_q == 20'd0 && address_q == start_q + {12'd0, whole_q});
        end
    end
endmodule

`default_nettype wire
