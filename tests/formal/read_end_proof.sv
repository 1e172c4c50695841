// read_end_proof: every box that read_mover takes ends exactly once, in order, after its last beat and with its own first error.
//
// A burst's box is seen at the ports alone: boxes are numbered through the object that they name, requests carry it to the
// walker, and the walker here answers each with a frame that holds it, so that every address on the bus says whose it is.
// One box, any of them, is watched: what the walker and the bus said of it first, and whether an abort came while it was open.
//
// Everything else is free: sizes, causes, responses of any beat, aborts, resets, the moment of any answer. The bus gives a beat
// only where one is owed, and none from before a reset (proved of the read port).
`default_nettype none
`include "faultline.vh"

module read_end_proof #(
    // log2 of the bursts that may be outstanding
    parameter BURSTS_LOG2 = 2,
    // cycles in which nothing happens, though nobody is waited for, until a box counts as stuck; a beat that has come has
    // one more, since words of a failed box are dropped unseen
    parameter PATIENCE    = 5
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
    input wire         ar_ready_i,
    input wire         r_valid_i,
    input wire [1:0]   r_resp_i,
    input wire         wr_ready_i,
    input wire         done_ready_i
);
    localparam BURSTS   = 1 << BURSTS_LOG2;
    localparam REQUESTS = 8;                // that may wait in translate

    wire        cmd_ready, req_valid, rsp_take, ar_valid, wr_valid, done_valid, busy;
    wire [3:0]  req_object;
    wire [63:0] ar_address, done_address;
    wire [7:0]  ar_len, done_cause;

    (* anyconst *) reg [3:0] watched;       // number of the box that is looked at

    reg [3:0]   boxes_q, ends_q;            // taken, ended
    reg [3:0]   asked [0:REQUESTS-1];       // the box of each request that is not answered
    reg [3:0]   requests_q, answers_q;
    reg [56:0]  sent [0:BURSTS-1];          // {beats - 1, address of the word} of each burst that has beats to come
    reg [BURSTS_LOG2:0] addresses_q, bursts_q;
    reg [7:0]   beats_q;                    // of the oldest that have come
    reg         started_q = 1'b0;
    reg         again_q;                    // there has been a reset after boxes were taken
    reg [3:0]   quiet_q, came_q;            // cycles, beats

    // of the watched box
    reg         open_q, aborted_q, spared_q;    // under way; an abort has come; a cycle without one has
    reg [7:0]   refusal_q, failure_q;           // the walker's first cause and the bus's, 0: none
    reg [48:0]  where_q;                        // the burst of the bus's

    wire        rsp_valid = rsp_ready_i && requests_q != answers_q;
    wire [3:0]  whose     = asked[answers_q[2:0]];
    wire [BURSTS_LOG2:0] owed = addresses_q - bursts_q;
    wire        open      = owed != 0;
    wire [7:0]  len;
    wire [48:0] place;
    wire [3:0]  oldest    = place[48:45];
    wire        take      = cmd_valid_i && cmd_ready;
    wire        finish    = done_valid && done_ready_i;
    wire        mine      = ends_q == watched;

    assign {len, place} = sent[bursts_q[BURSTS_LOG2-1:0]];

    read_mover #(.DATA_W(64), .BURSTS_LOG2(BURSTS_LOG2), .BEATS_LOG2(9)) dut (
        .clk_i          (clk_i),
        .rst_ni         (rst_ni),
        .abort_i        (abort_i),
        .cmd_soon_i     (cmd_soon_i),
        .cmd_valid_i    (cmd_valid_i),
        .cmd_ready_o    (cmd_ready),
        .cmd_surface_i  (4'd0),
        .cmd_object_i   (boxes_q),
        .cmd_x_i        (cmd_i[19:0]),
        .cmd_y_i        (16'd0),
        .cmd_width_i    (cmd_i[43:20]),
        .cmd_height_i   (cmd_i[67:52]),
        .cmd_offset_i   (cmd_i[99:68]),
        .cmd_stride_i   (cmd_i[131:100]),
        .req_valid_o    (req_valid),
        .req_ready_i    (req_ready_i),
        .req_object_o   (req_object),
        .rsp_valid_i    (rsp_valid),
        .rsp_ready_o    (rsp_take),
        .rsp_frame_i    ({whose, rsp_frame_i}),
        .rsp_index_i    (rsp_index_i),
        .rsp_cause_i    (rsp_cause_i),
        .ar_valid_o     (ar_valid),
        .ar_ready_i     (ar_ready_i),
        .ar_address_o   (ar_address),
        .ar_len_o       (ar_len),
        .r_valid_i      (r_valid_i),
        .r_data_i       (64'd0),
        .r_resp_i       (r_resp_i),
        .surface_i      (79'd0),
        .wr_valid_o     (wr_valid),
        .wr_ready_i     (wr_ready_i),
        .done_valid_o   (done_valid),
        .done_ready_i   (done_ready_i),
        .done_cause_o   (done_cause),
        .done_address_o (done_address),
        .busy_o         (busy)
    );

    // What the box in whose turn it is must say: what the bus said of its bursts stands before a refusal, which comes behind them.
    wire [7:0] first = failure_q != `FL_CAUSE_NONE ? failure_q : refusal_q;

    // Nobody outside has anything to do, and nothing goes in or out.
    wire quiet = boxes_q != ends_q && requests_q == answers_q && !open && !req_valid && !ar_valid && !wr_valid && !done_valid &&
                 req_ready_i && ar_ready_i && wr_ready_i && done_ready_i;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        assume (cmd_i[43:20] != 0 && cmd_i[67:52] != 0);    // dispatch answers for empty boxes
        assume (!r_valid_i || (open && rst_ni));
        again_q <= started_q && !rst_ni ? again_q || boxes_q != 0 : started_q && again_q;

        if (!rst_ni) begin
            {boxes_q, ends_q, requests_q, answers_q}          <= 16'd0;
            {addresses_q, bursts_q, beats_q, open_q}          <= 0;
            {quiet_q, came_q}                                 <= 8'd0;
        end else begin
            if (take)
                boxes_q <= boxes_q + 1'b1;
            if (req_valid && req_ready_i) begin
                asked[requests_q[2:0]] <= req_object;
                requests_q             <= requests_q + 1'b1;
            end
            if (rsp_valid && rsp_take)
                answers_q <= answers_q + 1'b1;
            if (ar_valid && ar_ready_i) begin
                sent[addresses_q[BURSTS_LOG2-1:0]] <= {ar_len, ar_address[51:3]};
                addresses_q                        <= addresses_q + 1'b1;
            end
            if (r_valid_i) begin
                beats_q  <= beats_q == len ? 8'd0 : beats_q + 1'b1;
                bursts_q <= bursts_q + (beats_q == len);
                came_q   <= came_q + 1'b1;
            end
            if (finish)
                ends_q <= ends_q + 1'b1;
            quiet_q <= quiet ? quiet_q + 1'b1 : 4'd0;

            if (take && boxes_q == watched) begin
                open_q    <= 1'b1;
                aborted_q <= 1'b0;
                spared_q  <= !abort_i;
                refusal_q <= `FL_CAUSE_NONE;
                failure_q <= `FL_CAUSE_NONE;
            end else if (open_q) begin
                open_q <= !(finish && mine);
                if (abort_i)
                    aborted_q <= 1'b1;
                else
                    spared_q <= 1'b1;
                if (rsp_valid && rsp_take && whose == watched && refusal_q == `FL_CAUSE_NONE)
                    refusal_q <= rsp_cause_i;
                if (r_valid_i && r_resp_i != 2'd0 && oldest == watched && failure_q == `FL_CAUSE_NONE) begin
                    failure_q <= r_resp_i == 2'd1 ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_BUS_ERROR;
                    where_q   <= place;
                end
            end
        end

        if (started_q && rst_ni) begin
            of_a_box:       assert (!done_valid || ends_q != boxes_q);
            all_ended:      assert (busy || ends_q == boxes_q);
            never_stuck:    assert (quiet_q < PATIENCE + came_q);
            after_its_last: assert (!(done_valid && open && oldest == ends_q));
            none_forgotten: assert (!open || oldest - ends_q < boxes_q - ends_q);   // no burst outlives its box
            counted:        assert (owed <= BURSTS);
            first_error:    assert (!(done_valid && mine) || done_cause == first ||
                                    (aborted_q && done_cause == `FL_CAUSE_ABORTED));
            where_it_was:   assert (!(done_valid && mine && failure_q != 0 && done_cause == failure_q) ||
                                    done_address[51:3] == where_q);
            not_in_an_abort: assert (!(done_valid && mine && !spared_q) || done_cause != `FL_CAUSE_NONE);

            good_end:       cover (done_valid && done_cause == `FL_CAUSE_NONE && !open);
            of_two_bursts:  cover (done_valid && done_cause == `FL_CAUSE_NONE && addresses_q == 2 && boxes_q == 1);
            next_is_under_way: cover (done_valid && done_cause == `FL_CAUSE_NONE && open && oldest == ends_q + 4'd1);
            bus_error:      cover (done_valid && done_cause == `FL_CAUSE_BUS_ERROR);
            no_answer:      cover (done_valid && done_cause == `FL_CAUSE_WATCHDOG && bursts_q != 0);
            refused:        cover (done_valid && done_cause == `FL_CAUSE_TRANSLATION_FAULT);
            refused_behind: cover (done_valid && done_cause == `FL_CAUSE_TRANSLATION_FAULT && bursts_q != 0 && boxes_q == 1);
            hides_a_refusal: cover (done_valid && mine && done_cause == `FL_CAUSE_BUS_ERROR && refusal_q == `FL_CAUSE_READ_ONLY);
            aborted:        cover (done_valid && done_cause == `FL_CAUSE_ABORTED && bursts_q != 0);
            good_behind_bad: cover (done_valid && mine && done_cause == `FL_CAUSE_NONE && ends_q == 1 && failure_q == 0 && boxes_q == 2);
            after_a_reset:  cover (finish && again_q && bursts_q != 0);
        end
    end
endmodule

`default_nettype wire
