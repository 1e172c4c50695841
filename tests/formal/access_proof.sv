// access_proof: neither mover asks the bus for anything but a page that it has just been granted.
//
// The walker's answers are free but marked: a frame with a cause has its top bit low, a granted one has it high. An address
// that leaves without that mark was made without a translation. The queues' payload is free (abstract/fifo): an address that
// were kept in one on its way would lose the mark and fail.
`default_nettype none
`include "faultline.vh"

module access_proof (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         abort_i,
    input wire         cmd_soon_i,
    input wire         cmd_valid_i,
    input wire [131:0] cmd_i,
    input wire         req_ready_i,
    input wire         rsp_valid_i,
    input wire [38:0]  rsp_frame_i,
    input wire [8:0]   rsp_index_i,
    input wire [7:0]   rsp_cause_i,
    input wire         address_ready_i,
    input wire         r_valid_i,
    input wire [63:0]  r_data_i,
    input wire [1:0]   resp_i,
    input wire         w_ready_i,
    input wire         b_valid_i,
    input wire         rd_ready_i,
    input wire         rd_data_valid_i,
    input wire [78:0]  surface_i,
    input wire         wr_ready_i,
    input wire         done_ready_i
);
    wire        granted = rsp_valid_i && rsp_cause_i == `FL_CAUSE_NONE;
    wire [39:0] frame   = {granted, rsp_frame_i};
    wire        ar_valid, aw_valid;
    wire [63:0] ar_address, aw_address;

    read_mover #(.DATA_W(64), .BURSTS_LOG2(2), .BEATS_LOG2(9)) reads (
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
        .rsp_frame_i   (frame),
        .rsp_index_i   (rsp_index_i),
        .rsp_cause_i   (rsp_cause_i),
        .ar_valid_o    (ar_valid),
        .ar_ready_i    (address_ready_i),
        .ar_address_o  (ar_address),
        .r_valid_i     (r_valid_i),
        .r_data_i      (r_data_i),
        .r_resp_i      (resp_i),
        .surface_i     (surface_i),
        .wr_ready_i    (wr_ready_i),
        .done_ready_i  (done_ready_i)
    );

    write_mover #(.DATA_W(64), .BURSTS_LOG2(2)) writes (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .abort_i         (abort_i),
        .cmd_soon_i      (cmd_soon_i),
        .cmd_valid_i     (cmd_valid_i),
        .cmd_surface_i   (cmd_i[3:0]),
        .cmd_object_i    (cmd_i[7:4]),
        .cmd_x_i         (cmd_i[27:8]),
        .cmd_y_i         (cmd_i[43:28]),
        .cmd_width_i     ({cmd_i[131:128], cmd_i[63:44]}),
        .cmd_height_i    (cmd_i[79:64]),
        .cmd_offset_i    (cmd_i[111:80]),
        .cmd_stride_i    ({16'd0, cmd_i[127:112]}),
        .req_ready_i     (req_ready_i),
        .rsp_valid_i     (rsp_valid_i),
        .rsp_frame_i     (frame),
        .rsp_index_i     (rsp_index_i),
        .rsp_cause_i     (rsp_cause_i),
        .aw_valid_o      (aw_valid),
        .aw_ready_i      (address_ready_i),
        .aw_address_o    (aw_address),
        .w_ready_i       (w_ready_i),
        .b_valid_i       (b_valid_i),
        .b_resp_i        (resp_i),
        .surface_i       (surface_i),
        .rd_ready_i      (rd_ready_i),
        .rd_data_valid_i (rd_data_valid_i),
        .rd_data_i       (r_data_i),
        .done_ready_i    (done_ready_i)
    );

    reg started_q = 1'b0;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        if (started_q && rst_ni) begin
            reads_granted:  assert (!ar_valid || (ar_address[63:51] == 13'd1));
            writes_granted: assert (!aw_valid || (aw_address[63:51] == 13'd1));
            nothing_new_in_an_abort: assert (!abort_i || (!ar_valid && !aw_valid));
            read:           cover (ar_valid && address_ready_i);
            write:          cover (aw_valid && address_ready_i);
            refused:        cover (rsp_valid_i && !granted && !abort_i && !ar_valid && !aw_valid && started_q);
        end
    end
endmodule

`default_nettype wire
