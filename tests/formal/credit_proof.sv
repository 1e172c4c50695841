// credit_proof: read_mover asks for no beat that it has no room for, so u_data never refuses one.
//
// Everything around the mover is free: boxes, translations, the moment at which anything is taken or answered. The bus gives no
// beat that was not asked for (proved of the read port). The invariant is the rule itself: room that nobody has been promised,
// beats on their way and beats inside are together as many as there are places.
`default_nettype none

module credit_proof #(
    // log2 of the beats there is room for
    parameter BEATS_LOG2 = 9
) (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         abort_i,
    input wire         cmd_soon_i,
    input wire         cmd_valid_i,
    input wire [131:0] cmd_i,
    input wire         req_ready_i,
    input wire         rsp_valid_i,
    input wire [56:0]  rsp_i,
    input wire         ar_ready_i,
    input wire         r_valid_i,
    input wire [63:0]  r_data_i,
    input wire [1:0]   r_resp_i,
    input wire [78:0]  surface_i,
    input wire         wr_ready_i,
    input wire         done_ready_i
);
    localparam BEATS = 1 << BEATS_LOG2;

    wire       ar_valid;
    wire [7:0] ar_len;

    read_mover #(.DATA_W(64), .BURSTS_LOG2(2), .BEATS_LOG2(BEATS_LOG2)) dut (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .abort_i       (abort_i),
        .cmd_soon_i    (cmd_soon_i),
        .cmd_valid_i   (cmd_valid_i),
        .cmd_surface_i (cmd_i[3:0]),
        .cmd_object_i  (cmd_i[7:4]),
        .cmd_x_i       (cmd_i[27:8]),
        .cmd_y_i       (cmd_i[43:28]),
        .cmd_width_i   ({cmd_i[131:128], cmd_i[63:44]}),
        .cmd_height_i  (cmd_i[79:64]),
        .cmd_offset_i  (cmd_i[111:80]),
        .cmd_stride_i  ({16'd0, cmd_i[127:112]}),
        .req_ready_i   (req_ready_i),
        .rsp_valid_i   (rsp_valid_i),
        .rsp_frame_i   (rsp_i[39:0]),
        .rsp_index_i   (rsp_i[48:40]),
        .rsp_cause_i   (rsp_i[56:49]),
        .ar_valid_o    (ar_valid),
        .ar_ready_i    (ar_ready_i),
        .ar_len_o      (ar_len),
        .r_valid_i     (r_valid_i),
        .r_data_i      (r_data_i),
        .r_resp_i      (r_resp_i),
        .surface_i     (surface_i),
        .wr_ready_i    (wr_ready_i),
        .done_ready_i  (done_ready_i)
    );

    // joined by name when the hierarchy is flattened
    (* hierconn *) wire [BEATS_LOG2:0] \dut.room_q ;
    (* hierconn *) wire [BEATS_LOG2:0] \dut.u_data.count_o ;
    (* hierconn *) wire                \dut.u_data.ready_o ;
    wire [BEATS_LOG2:0] room  = \dut.room_q ;
    wire [BEATS_LOG2:0] held  = \dut.u_data.count_o ;
    wire                ready = \dut.u_data.ready_o ;

    reg                 started_q = 1'b0;
    reg [BEATS_LOG2+1:0] owed_q;            // beats asked for that have not come

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        assume (!r_valid_i || (owed_q != 0 && rst_ni));

        if (!rst_ni)
            owed_q <= 0;
        else
            owed_q <= owed_q + ((ar_valid && ar_ready_i) ? {3'd0, ar_len} + 1'b1 : 0) - r_valid_i;

        if (started_q && rst_ni) begin
            never_refused: assert (!r_valid_i || ready);
            adds_up:       assert (room + owed_q + held == BEATS);
            all_promised:  cover (owed_q + held == BEATS && ar_valid == 0);
            longest_burst: cover (ar_valid && ar_ready_i && ar_len == 8'hFF);
        end
    end
endmodule

`default_nettype wire
