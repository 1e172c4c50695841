// write_end_proof: write_mover never offers the end of a box before the last write response of that box, and is busy until each
// box that it took has ended, once.
//
// A burst's box is seen at the ports alone: boxes are numbered through the object that they name, requests carry it to the
// walker, and the walker here answers each with a frame that holds it, so that every address on the bus says whose it is.
// Everything else is free: sizes, causes, aborts, the moment of any answer, and the device's words. The bus gives a response
// only for an address that it has; the mover may not rely on more, though a port waits for the data too.
`default_nettype none
`include "faultline.vh"

module write_end_proof #(
    // log2 of the bursts that may be outstanding
    parameter BURSTS_LOG2 = 2
) (
    input wire         clk_i,
    input wire         rst_ni,
    input wire         abort_i,
    input wire         cmd_soon_i,
    input wire         cmd_valid_i,
    input wire [131:0] cmd_i,
    input wire         req_ready_i,
    input wire         rsp_ready_i,         // the walker has an answer
    input wire [35:0]  rsp_frame_i,
    input wire [8:0]   rsp_index_i,
    input wire [7:0]   rsp_cause_i,
    input wire         aw_ready_i,
    input wire         w_ready_i,
    input wire         b_valid_i,
    input wire [1:0]   b_resp_i,
    input wire         rd_ready_i,
    input wire         rd_data_valid_i,
    input wire         done_ready_i
);
    localparam BURSTS   = 1 << BURSTS_LOG2;
    localparam REQUESTS = 8;                // that may wait in translate

    wire        cmd_ready, req_valid, rsp_take, aw_valid, done_valid, busy;
    wire [3:0]  req_object;
    wire [63:0] aw_address;
    wire [7:0]  done_cause;

    reg [3:0]   boxes_q, ends_q;            // taken, ended
    reg [3:0]   asked [0:REQUESTS-1];       // the box of each request that is not answered
    reg [3:0]   requests_q, answers_q;
    reg [3:0]   sent [0:BURSTS-1];          // the box of each burst without a response
    reg [BURSTS_LOG2:0] addresses_q, responses_q;
    reg         started_q = 1'b0;

    wire        rsp_valid = rsp_ready_i && requests_q != answers_q;
    wire [3:0]  whose     = asked[answers_q[2:0]];
    wire [BURSTS_LOG2:0] owed = addresses_q - responses_q;
    wire        open      = owed != 0;
    wire [3:0]  oldest    = sent[responses_q[BURSTS_LOG2-1:0]];

    write_mover #(.DATA_W(64), .BURSTS_LOG2(BURSTS_LOG2)) dut (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .abort_i         (abort_i),
        .cmd_soon_i      (cmd_soon_i),
        .cmd_valid_i     (cmd_valid_i),
        .cmd_ready_o     (cmd_ready),
        .cmd_surface_i   (4'd0),
        .cmd_object_i    (boxes_q),
        .cmd_x_i         (cmd_i[19:0]),
        .cmd_y_i         (16'd0),
        .cmd_width_i     (cmd_i[43:20]),
        .cmd_height_i    (cmd_i[67:52]),
        .cmd_offset_i    (cmd_i[99:68]),
        .cmd_stride_i    (cmd_i[131:100]),
        .req_valid_o     (req_valid),
        .req_ready_i     (req_ready_i),
        .req_object_o    (req_object),
        .rsp_valid_i     (rsp_valid),
        .rsp_ready_o     (rsp_take),
        .rsp_frame_i     ({whose, rsp_frame_i}),
        .rsp_index_i     (rsp_index_i),
        .rsp_cause_i     (rsp_cause_i),
        .aw_valid_o      (aw_valid),
        .aw_ready_i      (aw_ready_i),
        .aw_address_o    (aw_address),
        .w_ready_i       (w_ready_i),
        .b_valid_i       (b_valid_i),
        .b_resp_i        (b_resp_i),
        .surface_i       (79'd0),
        .rd_ready_i      (rd_ready_i),
        .rd_data_valid_i (rd_data_valid_i),
        .rd_data_i       (64'd0),
        .done_valid_o    (done_valid),
        .done_ready_i    (done_ready_i),
        .done_cause_o    (done_cause),
        .busy_o          (busy)
    );

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (rst_ni);
        assume (cmd_i[43:20] != 0 && cmd_i[67:52] != 0);    // dispatch answers for empty boxes
        assume (!b_valid_i || open);

        if (!rst_ni) begin
            {boxes_q, ends_q, requests_q, answers_q} <= 16'd0;
            {addresses_q, responses_q}               <= 0;
        end else begin
            if (cmd_valid_i && cmd_ready)
                boxes_q <= boxes_q + 1'b1;
            if (req_valid && req_ready_i) begin
                asked[requests_q[2:0]] <= req_object;
                requests_q             <= requests_q + 1'b1;
            end
            if (rsp_valid && rsp_take)
                answers_q <= answers_q + 1'b1;
            if (aw_valid && aw_ready_i) begin
                sent[addresses_q[BURSTS_LOG2-1:0]] <= aw_address[51:48];
                addresses_q                        <= addresses_q + 1'b1;
            end
            if (b_valid_i)
                responses_q <= responses_q + 1'b1;
            if (done_valid && done_ready_i)
                ends_q <= ends_q + 1'b1;
        end

        if (started_q && rst_ni) begin
            of_a_box:       assert (!done_valid || ends_q != boxes_q);
            all_ended:      assert (busy || ends_q == boxes_q);
            after_its_last: assert (!(done_valid && open && oldest == ends_q));
            none_forgotten: assert (!open || oldest - ends_q < boxes_q - ends_q);   // no burst outlives its box
            counted:        assert (owed <= BURSTS);

            good_end:       cover (done_valid && done_cause == `FL_CAUSE_NONE && !open);
            of_two_bursts:  cover (done_valid && addresses_q == 2 && ends_q == 0 && boxes_q == 1);
            next_is_under_way: cover (done_valid && done_cause == `FL_CAUSE_NONE && open && oldest == ends_q + 4'd1);
            bus_error:      cover (done_valid && done_cause == `FL_CAUSE_BUS_ERROR);
            aborted:        cover (done_valid && done_cause == `FL_CAUSE_ABORTED && responses_q != 0);
            refused_behind: cover (done_valid && done_cause == `FL_CAUSE_READ_ONLY && responses_q != 0);
        end
    end
endmodule

`default_nettype wire
