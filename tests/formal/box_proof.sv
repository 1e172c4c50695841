// box_proof: the bursts of a box are its bytes, row after row, each once, and then it stops.
//
// The box is followed here byte by byte: so many of the row are covered, so many rows are done. Every burst must begin where the
// last one ended, on the surface and in the object, inside one page. Any width, height, place and stride, offered for any time
// before it is started and taken back at will; while it is started it is the one last offered. The invariants at
// the end tie what the box remembers to what is left, so that two cycles are enough for ever.
`default_nettype none

module box_proof #(
    // data width in bits
    parameter DATA_W = 64
) (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        cmd_soon_i,
    input wire        cmd_valid_i,
    input wire [19:0] x_i,
    input wire [15:0] y_i,
    input wire [23:0] width_i,
    input wire [15:0] height_i,
    input wire [31:0] offset_i,
    input wire [31:0] stride_i,
    input wire        ready_i,
    input wire        kill_i
);
    wire        cmd_ready, valid, beyond, last;
    wire [31:0] offset;
    wire [23:0] x;
    wire [15:0] y;
    wire [12:0] bytes;
    wire [7:0]  len, serial;
    wire [3:0]  surface, object;

    box #(.DATA_W(DATA_W), .SERIAL_W(8)) dut (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .cmd_soon_i    (cmd_soon_i),
        .cmd_valid_i   (cmd_valid_i),
        .cmd_ready_o   (cmd_ready),
        .cmd_surface_i (4'd3),
        .cmd_object_i  (4'd5),
        .cmd_x_i       (x_i),
        .cmd_y_i       (y_i),
        .cmd_width_i   (width_i),
        .cmd_height_i  (height_i),
        .cmd_offset_i  (offset_i),
        .cmd_stride_i  (stride_i),
        .kill_i        (kill_i),
        .kill_serial_i (serial_q),
        .valid_o       (valid),
        .ready_i       (ready_i),
        .surface_o     (surface),
        .object_o      (object),
        .offset_o      (offset),
        .beyond_o      (beyond),
        .x_o           (x),
        .y_o           (y),
        .bytes_o       (bytes),
        .len_o         (len),
        .last_o        (last),
        .serial_o      (serial)
    );

    // joined by name when the hierarchy is flattened
    (* hierconn *) wire [23:0] \dut.left_q ;
    (* hierconn *) wire [19:0] \dut.width_q ;
    (* hierconn *) wire [19:0] \dut.left_edge_q ;
    (* hierconn *) wire [15:0] \dut.rows_q ;
    (* hierconn *) wire [31:0] \dut.stride_q ;
    (* hierconn *) wire [32:0] \dut.row_q ;
    (* hierconn *) wire        \dut.loaded_q ;
    (* hierconn *) wire [23:0] \dut.done_q ;
    (* hierconn *) wire [11:0] \dut.low_q ;
    wire [23:0] left   = \dut.left_q ;
    wire [19:0] width  = \dut.width_q ;
    wire [19:0] edge_  = \dut.left_edge_q ;
    wire [15:0] rows   = \dut.rows_q ;
    wire [31:0] stride = \dut.stride_q ;
    wire [32:0] row    = \dut.row_q ;
    wire        loaded = \dut.loaded_q ;
    wire [23:0] done   = \dut.done_q ;
    wire [11:0] low    = \dut.low_q ;
    wire [32:0] so_far = {1'b0, row_offset_q[31:0]} + {9'd0, covered_q};

    reg         started_q = 1'b0;
    reg         open_q;                     // a box was started and has not ended
    reg         offered_q;                  // what stands in the registers below was on offer in the last cycle
    reg  [7:0]  serial_q;                   // its number
    reg  [19:0] x_q;
    reg  [15:0] y_q;
    reg  [23:0] width_q, covered_q;         // of the row
    reg  [15:0] rows_q, row_q;
    reg  [32:0] offset_q, row_offset_q;     // bit 32 stays: past 2^32
    reg  [31:0] stride_q;
    reg  [2:0]  boxes_q;
    reg         waited_q;
    wire        take     = cmd_valid_i && cmd_ready;
    wire        give     = valid && ready_i;
    wire        offer    = cmd_soon_i && !take && (!open_q || (give && last));
    wire [24:0] after    = {1'b0, covered_q} + bytes;
    wire [32:0] next_row = {1'b0, row_offset_q[31:0]} + {1'b0, stride_q};
    wire [32:0] next_run = {1'b0, offset_q[31:0]} + {20'd0, bytes};
    wire        row_ends = after == {1'b0, width_q};
    wire [31:0] end_byte = {20'd0, offset[11:0]} + bytes - 1'b1;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (rst_ni);
        assume (width_i != 0 && height_i != 0 && (width_i < 24'd1048576 || height_i == 16'd1));
        if (cmd_valid_i && offered_q)
            assume (x_i == x_q && y_i == y_q && width_i == width_q && height_i == rows_q && {1'b0, offset_i} == offset_q &&
                    stride_i == stride_q);

        if (!rst_ni) begin
            open_q    <= 1'b0;
            offered_q <= 1'b0;
            serial_q  <= 8'd0;
            boxes_q   <= 3'd0;
            waited_q  <= 1'b0;
        end else begin
            open_q    <= (open_q || take) && !(give && last);
            offered_q <= offer;
            serial_q  <= serial_q + (give && last);
            boxes_q   <= boxes_q + (give && last && !kill_i);
            if (offer) begin
                x_q          <= x_i;
                y_q          <= y_i;
                width_q      <= width_i;
                covered_q    <= 24'd0;
                rows_q       <= height_i;
                row_q        <= 16'd0;
                offset_q     <= {1'b0, offset_i};
                row_offset_q <= {1'b0, offset_i};
                stride_q     <= stride_i;
            end else if (give) begin
                covered_q    <= row_ends ? 24'd0 : after[23:0];
                row_q        <= row_q + row_ends;
                offset_q     <= row_ends ? {next_row[32] | row_offset_q[32], next_row[31:0]}
                                         : {next_run[32] | offset_q[32], next_run[31:0]};
                if (row_ends)
                    row_offset_q <= {next_row[32] | row_offset_q[32], next_row[31:0]};
            end
            waited_q <= waited_q || (valid && !ready_i);
        end

        if (started_q && rst_ni) begin
            then_it_stops:  assert (valid == (open_q || take));
            one_at_a_time:  assert (!take || !open_q);
            as_offered:     assert (cmd_ready == (offered_q && !open_q) && loaded == offered_q);
            if (offered_q)
                from_start: assert (covered_q == 24'd0 && row_q == 16'd0);
            if (valid) begin
                some_bytes: assert (bytes != 13'd0 && after <= {1'b0, width_q});
                on_surface: assert (x == x_q + covered_q && y == y_q + row_q && surface == 4'd3);
                in_object:  assert (offset == offset_q[31:0] && object == 4'd5);
                past_4gib:  assert (beyond == offset_q[32]);
                one_page:   assert (end_byte[31:12] == 20'd0);
                beats:      assert (end_byte / (DATA_W / 8) - {20'd0, offset[11:0]} / (DATA_W / 8) == {24'd0, len});
                last_one:   assert (last == (kill_i || (row_ends && row_q + 16'd1 == rows_q)));
                numbered:   assert (serial == serial_q);
            end
            if (open_q || offered_q) begin          // what the box remembers is what is left
                same_left:  assert (left == width_q - covered_q && covered_q < width_q);
                same_place: assert (done == covered_q && low == offset_q[11:0] &&
                                    offset_q == {so_far[32] | row_offset_q[32], so_far[31:0]});
                same_rows:  assert (rows == rows_q - 16'd1 - row_q && row_q < rows_q);
                same_box:   assert ((width == width_q || rows_q == 16'd1) && edge_ == x_q && stride == stride_q && row == row_offset_q);
            end
            same_number:    assert (serial == serial_q);
            two_rows_split: cover (give && last && !kill_i && rows_q == 2 && covered_q != 0 && waited_q);
            second_box:     cover (boxes_q == 2);
            killed:         cover (give && kill_i && !row_ends);
            runs_past:      cover (give && beyond);
        end
    end
endmodule

`default_nettype wire
