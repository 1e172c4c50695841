// complete: tells the driver that a descriptor has ended: record, fence value, interrupt, in this order.
//
// Why: a driver believes what it finds in host memory. So nothing is announced before what it announces has been answered by
// the bus: the data's last write response comes before the record (dispatch waits for it), the record's before the fence
// value, the fence value's before the register and the interrupt.
//
// Latency     1 cycle from the end to its address request. The end is taken with the last word that it gives.
// Throughput  a record every (its words) cycles, but 2 at least, 64 records under way; a fence waits for those before it.
// Ordering    records of a queue in descriptor order; the queues take turns.
// Errors      an error response to a record or a fence value sets completion_error; the rings go on. A completion ring
//             without a free place holds its queue.
`default_nettype none
`include "faultline.vh"

module complete #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire [63:0]         cycle_i,

    // per queue, packed {render, transfer}
    input  wire [2*64-1:0]     base_i,              // bus address of the completion ring
    input  wire [2*4-1:0]      size_log2_i,
    input  wire [2*64-1:0]     fence_base_i,        // bus address of the fence value
    input  wire [2*16-1:0]     head_i,              // records the driver has consumed
    output wire [2*16-1:0]     tail_o,              // records written and answered
    output wire [2*32-1:0]     fence_o,             // last fence value published
    output wire [1:0]          busy_o,              // records or fence values are under way

    input  wire [1:0]          end_valid_i,         // from dispatch, in descriptor order
    output wire [1:0]          end_ready_o,         // some cycles after it was chosen
    input  wire [2*32-1:0]     end_tag_i,
    input  wire [2*8-1:0]      end_opcode_i,
    input  wire [2*8-1:0]      end_cause_i,
    input  wire [2*64-1:0]     end_address_i,
    input  wire [2*32-1:0]     end_bytes_i,
    input  wire [2*32-1:0]     end_start_i,         // cycle of dispatch, low half
    input  wire [1:0]          end_interrupt_i,     // the descriptor asks for an interrupt
    input  wire [1:0]          end_fence_i,         // publish the fence value
    input  wire [2*32-1:0]     end_value_i,

    output wire                aw_valid_o,          // axi_write_port
    input  wire                aw_ready_i,
    output wire [63:0]         aw_address_o,
    output wire [7:0]          aw_len_o,
    output wire                w_valid_o,
    input  wire                w_ready_i,
    output wire [DATA_W-1:0]   w_data_o,
    output wire [DATA_W/8-1:0] w_strb_o,
    input  wire                b_valid_i,           // taken at once
    input  wire [1:0]          b_resp_i,

    output wire [1:0]          record_done_o,       // pulses for the interrupt
    output wire [1:0]          record_error_o,
    output wire                completion_error_o,
    output wire [1:0]          ended_o,             // pulses for the counters: an end has been chosen
    output wire [15:0]         latency_o            // pulse: bucket of a transfer chosen 2 cycles before (or 1)
);

    localparam LANE_W  = $clog2(DATA_W / 8);
    localparam LANES   = DATA_W / 8;
    localparam BEATS   = DATA_W < `FL_RECORD_BITS ? `FL_RECORD_BITS / DATA_W : 1;
    localparam COPIES  = DATA_W > `FL_RECORD_BITS ? DATA_W / `FL_RECORD_BITS : 1;
    localparam WORD_W  = DATA_W / COPIES;           // of a record
    localparam [2:0] LAST = BEATS[2:0] - 3'd1;
    localparam QUEUED  = 4 * BEATS;                 // words that may wait for W

    localparam S_IDLE   = 2'd0;                     // choose an end
    localparam S_RECORD = 2'd1;                     // its record goes out
    localparam S_DRAIN  = 2'd2;                     // a fence follows: wait for the responses
    localparam S_FENCE  = 2'd3;                     // the fence value goes out

    // ------------------------------------------------------------------------------------------ rings
    reg [15:0] place_q [0:1];                       // records ever chosen
    reg [15:0] tail_q  [0:1];                       // records ever answered
    reg [31:0] fence_q [0:1];
    reg [1:0]  free_q;                              // the ring has a place; a cycle late, two records need longer

    assign tail_o  = {tail_q[1], tail_q[0]};
    assign fence_o = {fence_q[1], fence_q[0]};

    // ------------------------------------------------------------------------------------------ choose
    reg  [1:0]  state_q;
    reg         turn_q;                             // who goes first when both ask
    reg         who_q, fence_pending_q, interrupt_q, error_q;
    reg  [63:0] cycle_q;                            // of the choice
    wire        sent, under_way_fits;
    wire [1:0]  ask    = end_valid_i & free_q;
    wire        who    = ask[1] && (!ask[0] || turn_q);
    wire        choose = |ask && under_way_fits && (state_q == S_IDLE || (BEATS > 1 && state_q == S_RECORD && sent && !fence_pending_q));
    wire        fences = (who ? end_fence_i[1] : end_fence_i[0]) && cause == `FL_CAUSE_NONE;
    wire [7:0]  cause  = who ? end_cause_i[15:8] : end_cause_i[7:0];

    assign ended_o = {choose && who, choose && !who};

    // ------------------------------------------------------------------------------------------ what a record says
    // The time is that of the choice; where a record takes several words, it is needed in a later cycle only.
    wire        chosen  = BEATS > 1 ? who_q : who;
    wire [63:0] now     = BEATS > 1 ? cycle_q : cycle_i;
    wire [31:0] elapsed = now[31:0] - (chosen ? end_start_i[63:32] : end_start_i[31:0]);

    wire [15:0] index [0:1];                        // of the place in the ring
    wire [1:0]  phase;

    genvar n;
    generate
        for (n = 0; n < 2; n = n + 1) begin : g_queue
            wire [3:0]  log2    = size_log2_i[4*n +: 4];
            wire [15:0] beyond  = {16{1'b1}} << log2;
            wire [15:0] used    = place_q[n] - head_i[16*n +: 16];
            wire [15:0] lap     = place_q[n] >> log2;
            wire        unused  = &{1'b0, lap[15:1]};
            wire        room    = (used & beyond) == 16'd0;
            wire        news    = free_q[n] != room || !rst_ni;
            always @(posedge clk_i)
                if (news)
                    free_q[n] <= room;

            assign index[n] = place_q[n] & ~beyond;
            assign phase[n] = !lap[0];
        end
    endgenerate

    // The bucket is the position of the leading one, five bits counting as the first.
    reg         fresh_q;                            // an end was chosen in the cycle before
    wire        judge = BEATS > 1 ? fresh_q && !who_q : ended_o[0];
    wire [15:0] ones  = {|elapsed[31:19], elapsed[18:5], 1'b1};
    reg  [15:0] latency_q;

    function [15:0] leading;  // the highest bit that is set, alone
        input [15:0] bits;
        reg          above;
        integer      i;
        begin
            above = 1'b0;
            for (i = 15; i >= 0; i = i - 1) begin
                leading[i] = bits[i] && !above;
                above      = above || bits[i];
            end
        end
    endfunction

    assign latency_o = latency_q;

    wire judging = judge || |latency_q || !rst_ni;

    always @(posedge clk_i)
        if (judging)
            latency_q <= leading(ones) & {16{judge && rst_ni}};

    // ------------------------------------------------------------------------------------------ send
    // A word is made when the one before it is taken. An end stays on offer until nothing more is needed of it.
    reg                 aw_q, w_q;                  // still to be handed over
    reg [2:0]           beat_q;                     // in w_data_q
    reg [63:0]          address_q;
    reg [DATA_W-1:0]    w_data_q;
    wire                fencing = state_q == S_FENCE;
    wire                last    = fencing || beat_q == LAST;
    wire                w_room;                     // words wait here for their turn on W, so that an end need not
    wire                taken   = w_q && w_room;
    wire                more    = taken && !last;
    wire                publish = state_q == S_DRAIN && !under_way;
    wire                sending = state_q == S_RECORD || fencing;
    wire                give    = publish || (BEATS > 1 ? more && beat_q + 3'd1 == LAST && !fence_pending_q : choose && !fences);

    assign sent         = (!aw_q || aw_ready_i) && (!w_q || (w_room && last));
    assign end_ready_o  = {give && (publish ? who_q : chosen), give && !(publish ? who_q : chosen)};
    assign aw_valid_o   = aw_q;
    assign aw_address_o = {address_q[63:LANE_W], {LANE_W{1'b0}}};
    assign aw_len_o     = fencing ? 8'd0 : {5'd0, LAST};

    wire [31:0]         value = who_q ? end_value_i[63:32] : end_value_i[31:0];

    function [`FL_RECORD_BITS-1:0] said;  // by a queue's end
        input       queue;
        reg   [7:0] because;
        begin
            because                  = queue ? end_cause_i[15:8] : end_cause_i[7:0];
            said                     = {`FL_RECORD_BITS{1'b0}};
            said[`FL_RECORD_TAG]     = queue ? end_tag_i[63:32] : end_tag_i[31:0];
            said[`FL_RECORD_OPCODE]  = queue ? end_opcode_i[15:8] : end_opcode_i[7:0];
            said[`FL_RECORD_CAUSE]   = because;
            said[`FL_RECORD_STATUS]  = because == `FL_CAUSE_NONE    ? `FL_STATUS_OK :
                                       because == `FL_CAUSE_ABORTED ? `FL_STATUS_ABORTED : `FL_STATUS_ERROR;
            said[`FL_RECORD_QUEUE]   = queue;
            said[`FL_RECORD_PHASE]   = queue ? phase[1] : phase[0];
            said[`FL_RECORD_ADDRESS] = queue ? end_address_i[127:64] : end_address_i[63:0];
            said[`FL_RECORD_BYTES]   = queue ? end_bytes_i[63:32] : end_bytes_i[31:0];
        end
    endfunction

    function [`FL_RECORD_BITS-1:0] timed;  // by whichever was chosen
        input [31:0] cycles;
        input [63:0] moment;
        begin
            timed                       = {`FL_RECORD_BITS{1'b0}};
            timed[`FL_RECORD_ELAPSED]   = cycles;
            timed[`FL_RECORD_END_CYCLE] = moment;
        end
    endfunction

    // The word that comes next. A record or value narrower than the bus word stands in all lanes; the strobes choose. A
    // function, so that a simulator makes a word only when one is taken.
    function [DATA_W-1:0] next_word;
        input [31:0]                fence;
        reg   [`FL_RECORD_BITS-1:0] record;
        reg                         make;
        integer                     k;
        begin
            next_word = {(DATA_W / 64){32'b0, fence & {32{publish}}}};
            for (k = 0; k < BEATS; k = k + 1) begin
                make      = k == 0 ? choose : more && {29'd0, beat_q} == k - 1;
                record    = said(k == 0 ? who : who_q) | timed(elapsed, now);
                next_word = next_word | {COPIES{record[WORD_W*k +: WORD_W] & {WORD_W{make}}}};
            end
        end
    endfunction

    wire [LANES-1:0] strb;
    generate
        if (DATA_W == 64) begin : g_lanes_64
            assign strb = 8'hFF;
        end else begin : g_lanes
            wire [LANES-1:0] lanes = fencing ? {{(LANES - 8){1'b0}}, 8'hFF} : {LANES{1'b1}} >> (COPIES > 1 ? LANES / 2 : 0);
            assign strb = lanes << {address_q[LANE_W-1:3], 3'd0};
        end
    endgenerate

    wire [$clog2(QUEUED):0] unused_words;
    fifo #(.WIDTH(DATA_W + LANES), .DEPTH_LOG2($clog2(QUEUED))) u_words (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (w_q),
        .ready_o (w_room),
        .data_i  ({strb, w_data_q}),
        .valid_o (w_valid_o),
        .ready_i (w_ready_i),
        .data_o  ({w_strb_o, w_data_o}),
        .count_o (unused_words)
    );

    // ------------------------------------------------------------------------------------------ answers
    // {queue, this is a fence value, interrupt, error}; one fence value at most is under way
    wire        under_way, b_who, b_fence, b_interrupt, b_error, unused_ready;
    wire [6:0]  b_count;
    reg  [31:0] value_q;
    reg         fence_out_q, fence_who_q;

    assign under_way_fits = !b_count[6] && !(&b_count[5:1]);  // also for the one being sent

    fifo #(.WIDTH(4), .DEPTH_LOG2(6)) u_under_way (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (sending && sent),
        .ready_o (unused_ready),
        .data_i  ({who_q, fencing, interrupt_q && !(!fencing && fence_pending_q), error_q}),
        .valid_o (under_way),
        .ready_i (b_valid_i),
        .data_o  ({b_who, b_fence, b_interrupt, b_error}),
        .count_o (b_count)
    );

    // No more than 65 records of a queue are under way, so 7 bits tell.
    assign busy_o[0] = place_q[0][6:0] != tail_q[0][6:0] || (state_q != S_IDLE && !who_q) || (fence_out_q && !fence_who_q);
    assign busy_o[1] = place_q[1][6:0] != tail_q[1][6:0] || (state_q != S_IDLE && who_q)  || (fence_out_q && fence_who_q);

    assign record_done_o      = {b_valid_i && b_interrupt && b_who, b_valid_i && b_interrupt && !b_who};
    assign record_error_o     = {b_valid_i && b_error && b_who, b_valid_i && b_error && !b_who};
    assign completion_error_o = b_valid_i && b_resp_i != 2'd0;

    wire unused = &{1'b0, unused_ready, address_q[LANE_W-1:0], b_count[0]};

    integer q;
    wire wake = choose || state_q != S_IDLE || fresh_q || b_valid_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                state_q     <= S_IDLE;
                turn_q      <= 1'b0;
                aw_q        <= 1'b0;
                w_q         <= 1'b0;
                fresh_q     <= 1'b0;
                fence_out_q <= 1'b0;
                for (q = 0; q < 2; q = q + 1) begin
                    place_q[q] <= 16'd0;
                    tail_q[q]  <= 16'd0;
                    fence_q[q] <= 32'd0;
                end
            end else begin
                case (state_q)
                    S_IDLE:   if (choose) state_q <= S_RECORD;
                    S_RECORD: if (sent)   state_q <= fence_pending_q ? S_DRAIN : choose ? S_RECORD : S_IDLE;
                    S_DRAIN:  if (publish) state_q <= S_FENCE;
                    default:  if (sent)   state_q <= S_IDLE;
                endcase

                aw_q    <= choose || publish || (aw_q && !aw_ready_i);
                w_q     <= choose || publish || (w_q && !(taken && last));
                fresh_q <= choose;

                if (choose)
                    turn_q <= !who;
                for (q = 0; q < 2; q = q + 1) begin
                    if (ended_o[q])
                        place_q[q] <= place_q[q] + 1'b1;
                    if (b_valid_i && !b_fence && {31'd0, b_who} == q)
                        tail_q[q] <= tail_q[q] + 1'b1;
                    if (b_valid_i && b_fence && {31'd0, b_who} == q)
                        fence_q[q] <= value_q;
                end

                if (fencing && sent)
                    fence_out_q <= 1'b1;
                else if (b_valid_i && b_fence)
                    fence_out_q <= 1'b0;
            end

            if (choose) begin
                who_q           <= who;
                fence_pending_q <= fences;
                interrupt_q     <= who ? end_interrupt_i[1] : end_interrupt_i[0];
                error_q         <= cause != `FL_CAUSE_NONE;
                cycle_q         <= cycle_i;
            end else if (publish) begin
                fence_pending_q <= 1'b0;
                fence_who_q     <= who_q;
                value_q         <= value;
            end

            if (choose || publish)
                address_q <= publish ? (who_q ? fence_base_i[127:64] : fence_base_i[63:0])
                                     : (who ? base_i[127:64] : base_i[63:0]) + {43'd0, who ? index[1] : index[0], 5'd0};
            if (choose)
                beat_q <= 3'd0;
            else if (more)
                beat_q <= beat_q + 3'd1;
            if (choose || publish || more)
                w_data_q <= next_word(value);
        end

endmodule

`default_nettype wire
