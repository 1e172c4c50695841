// dispatch_proof: each descriptor taken ends exactly once, in order, with its own tag, whatever goes wrong with it.
//
// Descriptors come as they like: any opcode, errors of the ring, empty and bad boxes, reserved bits, `order`; aborts, halts and
// resumes come at any time. A unit ends what it was given, once, in order, with any cause. What is taken is listed; the ends
// must follow the list, and nothing may be left on it when the queue says that it is idle. A unit is told of a box, loads
// it, and is then given the same.
`default_nettype none
`include "faultline.vh"

module dispatch_proof #(
    // 0: transfer queue, 1: render queue
    parameter QUEUE = 0
) (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        enable_i,
    input wire        tables_busy_i,
    input wire        halt_on_error_i,
    input wire        resume_i,
    input wire        abort_i,
    input wire        complete_busy_i,
    input wire        ring_valid_i,
    input wire        ring_empty_i,
    input wire        ring_err_i,           // the fetch failed
    input wire [2:0]  tag_i,
    input wire [7:0]  opcode_i,
    input wire [2:0]  flags_i,              // interrupt, order, a reserved bit
    input wire        width_i,
    input wire [31:0] value_i,
    input wire [63:0] surface_i,
    input wire [31:0] fence_i,
    input wire [1:0]  cmd_ready_i,
    input wire [1:0]  done_valid_i,
    input wire [1:0]  done_wrong_i,         // it ends with a bus error
    input wire        end_ready_i
);
    localparam ENTRY_BYTES = QUEUE == 0 ? 32 : 64;

    reg [511:0] desc;
    always @* begin
        desc = 512'd0;
        desc[`FL_DESCRIPTOR_TAG]         = {29'd0, tag_i};
        desc[`FL_DESCRIPTOR_OPCODE]      = opcode_i;
        desc[`FL_DESCRIPTOR_INTERRUPT]   = flags_i[0];
        desc[`FL_DESCRIPTOR_ORDER]       = flags_i[1];
        desc[`FL_DESCRIPTOR_RESERVED0]   = flags_i[2];
        desc[`FL_DESCRIPTOR_WIDTH]       = {13'd0, width_i, 6'd0};
        desc[`FL_DESCRIPTOR_HEIGHT]      = value_i[0] ? 16'd3 : 16'd1;     // 3 merge into one row, 1 has nothing to merge
        desc[`FL_DESCRIPTOR_HOST_OFFSET] = value_i;
        desc[`FL_DESCRIPTOR_HOST_STRIDE] = 32'd64;
    end

    wire        ring_ready, halted, aborting, busy, end_valid;
    wire [1:0]  cmd_soon, cmd_valid, done_ready;
    wire [23:0] cmd_width;
    wire [15:0] cmd_height;
    wire [31:0] end_tag;
    wire [7:0]  end_cause, end_opcode;

    dispatch #(.QUEUE(QUEUE), .ENTRY_BYTES(ENTRY_BYTES), .ORDER_LOG2(2)) dut (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .cycle_i         (32'd0),
        .enable_i        (enable_i),
        .halt_on_error_i (halt_on_error_i),
        .resume_i        (resume_i),
        .abort_i         (abort_i),
        .halted_o        (halted),
        .aborting_o      (aborting),
        .busy_o          (busy),
        .complete_busy_i (complete_busy_i),
        .fence_i         ({32'd0, fence_i}),
        .ring_valid_i    (ring_valid_i),
        .ring_ready_o    (ring_ready),
        .ring_desc_i     (desc[ENTRY_BYTES*8-1:0]),
        .ring_err_i      (ring_err_i ? `FL_CAUSE_FETCH_ERROR : `FL_CAUSE_NONE),
        .ring_address_i  (64'd0),
        .ring_empty_i    (ring_empty_i),
        .tables_busy_i   (tables_busy_i),
        .surface_i       (surface_i),
        .source_i        (surface_i),
        .cmd_soon_o      (cmd_soon),
        .cmd_valid_o     (cmd_valid),
        .cmd_width_o     (cmd_width),
        .cmd_height_o    (cmd_height),
        .cmd_ready_i     (cmd_ready_i),
        .done_valid_i    (done_valid_i),
        .done_ready_o    (done_ready),
        .done_cause_i    ({done_wrong_i[1] ? `FL_CAUSE_BUS_ERROR : `FL_CAUSE_NONE,
                           done_wrong_i[0] ? `FL_CAUSE_BUS_ERROR : `FL_CAUSE_NONE}),
        .done_address_i  (128'd0),
        .done_bytes_i    (64'd0),
        .end_valid_o     (end_valid),
        .end_ready_i     (end_ready_i),
        .end_tag_o       (end_tag),
        .end_opcode_o    (end_opcode),
        .end_cause_o     (end_cause)
    );

    reg         started_q = 1'b0;
    reg  [13:0] list [0:7];                 // {unit, fetch failed, opcode, tag} of what was taken
    reg  [3:0]  taken_q, ended_q;
    reg  [3:0]  owed0_q, owed1_q;           // ends that the units owe
    reg  [1:0]  offered_q, offered_wrong_q;
    reg  [1:0]  soon_q;
    reg  [39:0] box_q;
    reg         kept_q;                     // the descriptor of the last cycle was offered and not taken
    reg  [47:0] front_q;
    wire [47:0] front   = {ring_err_i, tag_i, opcode_i, flags_i, width_i, value_i};
    reg         failed_q, aborted_q;
    wire [13:0] next    = list[ended_q[2:0]];
    wire        take    = ring_valid_i && ring_ready;
    wire        ends    = end_valid && end_ready_i;
    wire [1:0]  give    = cmd_valid & cmd_ready_i;
    wire [1:0]  done    = done_valid_i & done_ready;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (rst_ni);
        // a unit ends what it was given and keeps its end on offer; the ring does not offer what it does not have
        assume (!done_valid_i[0] || owed0_q != 0);
        assume (!done_valid_i[1] || owed1_q != 0);
        assume ((offered_q & ~done_valid_i) == 2'd0);
        assume (((done_wrong_i ^ offered_wrong_q) & offered_q) == 2'd0);
        assume (!ring_valid_i || !ring_empty_i);
        assume (!kept_q || (ring_valid_i && front == front_q));
        assume ((cmd_ready_i & ~soon_q) == 2'd0);       // it has loaded the box

        if (!rst_ni) begin
            {taken_q, ended_q, owed0_q, owed1_q} <= 16'd0;
            {offered_q, failed_q, aborted_q}     <= 4'd0;
            {kept_q, soon_q}                     <= 3'd0;
        end else begin
            if (take) begin
                list[taken_q[2:0]] <= {give, ring_err_i, opcode_i, tag_i};
                taken_q            <= taken_q + 1'b1;
            end
            ended_q         <= ended_q + ends;
            owed0_q         <= owed0_q + give[0] - done[0];
            owed1_q         <= owed1_q + give[1] - done[1];
            offered_q       <= done_valid_i & ~done_ready;
            offered_wrong_q <= done_wrong_i;
            kept_q          <= ring_valid_i && !take;
            front_q         <= front;
            soon_q          <= cmd_soon;
            box_q           <= {cmd_width, cmd_height};
            failed_q        <= failed_q || (ends && end_cause == `FL_CAUSE_BUS_ERROR);
            aborted_q       <= aborted_q || (ends && end_cause == `FL_CAUSE_ABORTED);
        end

        if (started_q && rst_ni) begin
            not_invented: assert (!end_valid || ended_q != taken_q);
            if (end_valid) begin
                in_order: assert (end_tag == {29'd0, next[2:0]} && end_opcode == next[10:3]);
                told_why: assert ((end_cause == `FL_CAUSE_FETCH_ERROR) == next[11]);
            end
            its_own_end:  assert (done == 2'd0 || (done == next[13:12] && ends));
            nothing_left: assert (busy || (ended_q == taken_q && owed0_q == 0 && owed1_q == 0));
            announced:    assert ((cmd_valid & ~cmd_soon) == 2'd0);
            as_loaded:    assert (give == 2'd0 || (kept_q && {cmd_width, cmd_height} == box_q));
            at_most_one:  assert (cmd_valid != 2'd3 && done != 2'd3);
            halt_starts_nothing: assert (!halted || give == 2'd0);

            overlap:      cover (owed0_q == 1 && (owed1_q == 1 || QUEUE == 1));
            fails:        cover (failed_q && !busy);
            aborts:       cover (aborted_q && !busy && !aborting && ended_q == 2);
            goes_on:      cover (failed_q && !halted && ended_q == 2);
        end
    end
endmodule

`default_nettype wire
