// complete: tells the driver that a descriptor has ended: record, fence value, interrupt, in this order.
//
// Why: a driver believes what it finds in host memory. So nothing is announced before what it announces has been answered by
// the bus: the data's last write response comes before the record (dispatch waits for it), the record's before the fence
// value, the fence value's before the register and the interrupt.
//
// Latency     1 cycle from the end to its address request.
// Throughput  a record every (its words) + 1 cycles, 64 records under way; a fence waits for those before it.
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
    output wire [1:0]          end_ready_o,
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
    output wire [1:0]          ended_o,             // pulses for the counters: a descriptor has ended
    output wire [15:0]         latency_o            // pulse: bucket of a transfer that has ended
);

    localparam LANE_W  = $clog2(DATA_W / 8);
    localparam LANES   = DATA_W / 8;
    localparam BEATS   = DATA_W < `FL_RECORD_BITS ? `FL_RECORD_BITS / DATA_W : 1;
    localparam [2:0] LAST = BEATS[2:0] - 3'd1;
    localparam WIDE_W  = DATA_W < `FL_RECORD_BITS ? `FL_RECORD_BITS : DATA_W;

    localparam S_IDLE   = 2'd0;                     // choose an end
    localparam S_RECORD = 2'd1;                     // its record goes out
    localparam S_DRAIN  = 2'd2;                     // a fence follows: wait for the responses
    localparam S_FENCE  = 2'd3;                     // the fence value goes out

    // ------------------------------------------------------------------------------------------ rings
    reg [15:0] place_q [0:1];                       // records ever written
    reg [15:0] tail_q  [0:1];                       // records ever answered
    reg [31:0] fence_q [0:1];

    assign tail_o  = {tail_q[1], tail_q[0]};
    assign fence_o = {fence_q[1], fence_q[0]};

    wire [15:0] used0 = place_q[0] - head_i[15:0];
    wire [15:0] used1 = place_q[1] - head_i[31:16];
    wire [1:0]  free  = {{1'b0, used1} < (17'd1 << size_log2_i[7:4]), {1'b0, used0} < (17'd1 << size_log2_i[3:0])};

    // ------------------------------------------------------------------------------------------ accept
    reg  [1:0]  state_q;
    reg         turn_q;                             // who goes first when both ask
    wire [1:0]  ask    = end_valid_i & free;
    wire        who    = ask[1] && (!ask[0] || turn_q);
    wire        idle   = state_q == S_IDLE && under_way_fits;
    wire        accept = idle && |ask;

    assign end_ready_o = {idle && who && ask[1], idle && !who && ask[0]};
    assign ended_o     = end_ready_o;

    wire [31:0] tag     = who ? end_tag_i[63:32]       : end_tag_i[31:0];
    wire [7:0]  opcode  = who ? end_opcode_i[15:8]     : end_opcode_i[7:0];
    wire [7:0]  cause   = who ? end_cause_i[15:8]      : end_cause_i[7:0];
    wire [63:0] address = who ? end_address_i[127:64]  : end_address_i[63:0];
    wire [31:0] bytes   = who ? end_bytes_i[63:32]     : end_bytes_i[31:0];
    wire [31:0] start   = who ? end_start_i[63:32]     : end_start_i[31:0];
    wire [3:0]  log2    = who ? size_log2_i[7:4]       : size_log2_i[3:0];
    wire [15:0] place   = who ? place_q[1]             : place_q[0];
    wire [15:0] index   = place & ((16'd1 << log2) - 16'd1);
    wire [15:0] lap     = place >> log2;
    wire [3:0]  status  = cause == `FL_CAUSE_NONE ? `FL_STATUS_OK : cause == `FL_CAUSE_ABORTED ? `FL_STATUS_ABORTED : `FL_STATUS_ERROR;

    reg [`FL_RECORD_BITS-1:0] record;
    always @* begin
        record                        = {`FL_RECORD_BITS{1'b0}};
        record[`FL_RECORD_TAG]        = tag;
        record[`FL_RECORD_OPCODE]     = opcode;
        record[`FL_RECORD_CAUSE]      = cause;
        record[`FL_RECORD_STATUS]     = status;
        record[`FL_RECORD_QUEUE]      = who;
        record[`FL_RECORD_PHASE]      = !lap[0];
        record[`FL_RECORD_ADDRESS]    = address;
        record[`FL_RECORD_BYTES]      = bytes;
        record[`FL_RECORD_ELAPSED]    = elapsed;
        record[`FL_RECORD_END_CYCLE]  = cycle_i;
    end

    // The bucket is the position of the leading one, five bits counting as the first.
    wire [31:0] elapsed = cycle_i[31:0] - start;
    genvar n;
    generate
        for (n = 0; n < 16; n = n + 1) begin : g_bucket
            if (n == 15) begin : g_last
                assign latency_o[n] = end_ready_o[0] && |elapsed[31:19];
            end else begin : g_inner
                assign latency_o[n] = end_ready_o[0] && elapsed[31:n+5] == 0 && (n == 0 || elapsed[n+4]);
            end
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ send
    reg                   who_q, fence_pending_q, interrupt_q, error_q;
    reg [31:0]            value_q;
    reg [63:0]            address_q;
    reg [`FL_RECORD_BITS-1:0] record_q;             // shifted out from below
    reg                   aw_q, w_q;                // still to be handed over
    reg [2:0]             beat_q;
    wire                  aw_done = !aw_q || aw_ready_i;
    wire                  w_done  = !w_q || (w_ready_i && beat_q == (state_q == S_FENCE ? 3'd0 : LAST));
    wire                  sent    = aw_done && w_done;
    wire                  sending = state_q == S_RECORD || state_q == S_FENCE;

    assign aw_valid_o   = aw_q;
    assign aw_address_o = {address_q[63:LANE_W], {LANE_W{1'b0}}};
    assign aw_len_o     = state_q == S_FENCE ? 8'd0 : {5'd0, LAST};
    assign w_valid_o    = w_q;

    // a record or value narrower than the bus word goes to its lanes
    wire [WIDE_W-1:0]   payload = {{(WIDE_W - `FL_RECORD_BITS){1'b0}}, record_q};
    wire [LANES-1:0]    lanes   = state_q == S_FENCE ? {{(LANES - 8){1'b0}}, 8'hFF}
                                : {LANES{1'b1}} >> (DATA_W > `FL_RECORD_BITS ? (DATA_W - `FL_RECORD_BITS) / 8 : 0);
    assign w_data_o = payload[DATA_W-1:0] << {address_q[LANE_W-1:0], 3'd0};
    assign w_strb_o = lanes << address_q[LANE_W-1:0];

    // ------------------------------------------------------------------------------------------ answers
    // {queue, this is a fence value, interrupt, error, fence value}
    wire        under_way_fits, under_way;
    wire        b_who, b_fence, b_interrupt, b_error;
    wire [31:0] b_value;
    wire [6:0]  b_count;

    fifo #(.WIDTH(36), .DEPTH_LOG2(6)) u_under_way (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (sending && sent),
        .ready_o (under_way_fits),
        .data_i  ({who_q, state_q == S_FENCE, interrupt_q && !(state_q == S_RECORD && fence_pending_q), error_q, value_q}),
        .valid_o (under_way),
        .ready_i (b_valid_i),
        .data_o  ({b_who, b_fence, b_interrupt, b_error, b_value}),
        .count_o (b_count)
    );

    // queue of each thing under way, for busy_o
    reg [6:0] owed_q [0:1];
    assign busy_o = {owed_q[1] != 7'd0 || (state_q != S_IDLE && who_q), owed_q[0] != 7'd0 || (state_q != S_IDLE && !who_q)};

    assign record_done_o      = {b_valid_i && b_interrupt && b_who, b_valid_i && b_interrupt && !b_who};
    assign record_error_o     = {b_valid_i && b_error && b_who, b_valid_i && b_error && !b_who};
    assign completion_error_o = b_valid_i && b_resp_i != 2'd0;

    wire unused = &{1'b0, lap[15:1], payload, b_count};

    integer q;
    wire wake = accept || state_q != S_IDLE || b_valid_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                state_q <= S_IDLE;
                turn_q  <= 1'b0;
                aw_q    <= 1'b0;
                w_q     <= 1'b0;
                beat_q  <= 3'd0;
                for (q = 0; q < 2; q = q + 1) begin
                    place_q[q] <= 16'd0;
                    tail_q[q]  <= 16'd0;
                    fence_q[q] <= 32'd0;
                    owed_q[q]  <= 7'd0;
                end
            end else begin
                case (state_q)
                    S_IDLE:   if (accept) state_q <= S_RECORD;
                    S_RECORD: if (sent)   state_q <= fence_pending_q ? S_DRAIN : S_IDLE;
                    S_DRAIN:  if (!under_way) state_q <= S_FENCE;
                    default:  if (sent)   state_q <= S_IDLE;
                endcase

                aw_q <= (accept || (state_q == S_DRAIN && !under_way)) || (aw_q && !aw_ready_i);
                if (accept || (state_q == S_DRAIN && !under_way))
                    w_q <= 1'b1;
                else if (w_done)
                    w_q <= 1'b0;
                if (w_q && w_ready_i)
                    beat_q <= w_done ? 3'd0 : beat_q + 1'b1;

                if (accept) begin
                    turn_q       <= !who;
                    place_q[who] <= place + 1'b1;
                end

                for (q = 0; q < 2; q = q + 1)
                    owed_q[q] <= owed_q[q] + {6'd0, sending && sent && {31'd0, who_q} == q} - {6'd0, b_valid_i && {31'd0, b_who} == q};

                if (b_valid_i && !b_fence)
                    tail_q[b_who] <= tail_q[b_who] + 1'b1;
                if (b_valid_i && b_fence)
                    fence_q[b_who] <= b_value;
            end

            if (accept) begin
                who_q           <= who;
                fence_pending_q <= (who ? end_fence_i[1] : end_fence_i[0]) && cause == `FL_CAUSE_NONE;
                interrupt_q     <= who ? end_interrupt_i[1] : end_interrupt_i[0];
                error_q         <= cause != `FL_CAUSE_NONE;
                value_q         <= who ? end_value_i[63:32] : end_value_i[31:0];
                address_q       <= (who ? base_i[127:64] : base_i[63:0]) + {43'd0, index, 5'd0};
                record_q        <= record;
            end else if (state_q == S_DRAIN) begin
                fence_pending_q <= 1'b0;
                address_q       <= who_q ? fence_base_i[127:64] : fence_base_i[63:0];
                record_q        <= {{(`FL_RECORD_BITS - 32){1'b0}}, value_q};
            end else if (w_q && w_ready_i) begin
                record_q        <= record_q >> (DATA_W < `FL_RECORD_BITS ? DATA_W : 0);
            end
        end

endmodule

`default_nettype wire
