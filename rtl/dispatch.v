// dispatch: one queue's descriptors, checked, handed out in order, and gathered again in order.
//
// Why: nothing unchecked reaches a mover. The order in which descriptors were handed out is kept in one FIFO; an end leaves
// towards `complete` only from its head, so records come in descriptor order however the units overlap. Halt, resume and abort
// live here, because here it is decided whether the next descriptor starts.
//
// Rows that follow each other without a gap on both sides are one long row: a transfer of whole rows of a linear surface, as
// far apart in the object as they are long. Its box is handed out as that row, so that its bursts are as long as the bus allows;
// not one of 16 MiB or more, whose rows have over 256 bytes each and need it less than the movers need narrow adders.
// A descriptor stays in its ring's queue until it starts; what the units are told comes straight from there.
//
// Latency     1 cycle from the ring to the unit, 2 with merged rows; FILL and COPY 22 (x and width are divided by the pixel
//             size).
// Throughput  a descriptor every 2 cycles.
// Ordering    units start in descriptor order and may overlap; ends leave in descriptor order.
// Errors      first of: error of the ring, ABORTED, UNKNOWN_OPCODE, MALFORMED, (empty box: good), BOX_OUTSIDE, ALIGNMENT, OVERLAP;
//             then what the unit reports. With halt_on_error_i nothing starts after an error was seen.
`default_nettype none
`include "faultline.vh"

module dispatch #(
    // 0: transfer queue (unit 0 READBACK, unit 1 WRITEBACK); 1: render queue (unit 0 FILL and COPY)
    parameter QUEUE       = 0,
    // bytes of a ring entry: 32 or 64
    parameter ENTRY_BYTES = 32,
    // log2 of the descriptors that may be under way
    parameter ORDER_LOG2  = 6
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,
    input  wire [31:0]              cycle_i,

    input  wire                     enable_i,
    input  wire                     halt_on_error_i,
    input  wire                     resume_i,          // pulse
    input  wire                     abort_i,           // pulse
    output wire                     halted_o,
    output wire                     aborting_o,        // level: units stop, everything up to the tail is dropped
    output wire                     waiting_o,         // stands at a WAIT
    output wire                     busy_o,
    input  wire                     complete_busy_i,   // records of this queue are under way
    input  wire [2*32-1:0]          fence_i,           // fence values, {render, transfer}

    input  wire                     ring_valid_i,
    output wire                     ring_ready_o,      // it has started, or ended
    input  wire [ENTRY_BYTES*8-1:0] ring_desc_i,       // stable until then
    input  wire [7:0]               ring_err_i,
    input  wire [63:0]              ring_address_i,    // of a descriptor that could not be fetched
    input  wire                     ring_empty_i,

    output wire [3:0]               surface_index_o,   // csr, combinational
    input  wire                     tables_busy_i,     // a surface that was written is not there yet: nothing is judged
    input  wire [63:0]              surface_i,
    output wire [3:0]               source_index_o,
    input  wire [63:0]              source_i,

    output wire                     invalidate_o,      // pulse to the walker

    output wire [1:0]               cmd_soon_o,        // one bit a unit: this box may be its next, units may load it
    output wire [1:0]               cmd_valid_o,       // one bit a unit; the box is the same for both
    input  wire [1:0]               cmd_ready_i,
    output wire [3:0]               cmd_surface_o,
    output wire [3:0]               cmd_object_o,
    output wire [19:0]              cmd_x_o,
    output wire [15:0]              cmd_y_o,
    output wire [23:0]              cmd_width_o,       // past 20 bits only of a single row
    output wire [15:0]              cmd_height_o,
    output wire [31:0]              cmd_offset_o,
    output wire [31:0]              cmd_stride_o,
    output wire                     cmd_copy_o,
    output wire [3:0]               cmd_source_surface_o,
    output wire [19:0]              cmd_source_x_o,
    output wire [15:0]              cmd_source_y_o,
    output wire [127:0]             cmd_pattern_o,

    input  wire [1:0]               done_valid_i,      // from the units
    output wire [1:0]               done_ready_o,
    input  wire [2*8-1:0]           done_cause_i,
    input  wire [2*64-1:0]          done_address_i,
    input  wire [2*32-1:0]          done_bytes_i,

    output wire                     end_valid_o,       // to complete
    input  wire                     end_ready_i,
    output wire [31:0]              end_tag_o,
    output wire [7:0]               end_opcode_o,
    output wire [7:0]               end_cause_o,
    output wire [63:0]              end_address_o,
    output wire [31:0]              end_bytes_o,
    output wire [31:0]              end_start_o,
    output wire                     end_interrupt_o,
    output wire                     end_fence_o,
    output wire [31:0]              end_value_o
);

    localparam ENTRY_W = ENTRY_BYTES * 8;
    localparam ORDER_W = 2 + 32 + 8 + 8 + 64 + 32 + 1 + 1 + 32;

    localparam S_CHECK  = 2'd0;                        // judge the descriptor on offer, if there is one
    localparam S_DIVIDE = 2'd1;                        // x, width and source x by the pixel size, a bit a cycle
    localparam S_GO     = 2'd2;                        // start it, or end it at once

    localparam [1:0] U_NONE = 2'd2;                    // no unit takes part
    localparam [1:0] U_LOST = 2'd3;                    // nor was there a descriptor: the address is that of its entry

    // ------------------------------------------------------------------------------------------ the descriptor
    wire [`FL_DESCRIPTOR_BITS-1:0] desc;
    generate
        if (ENTRY_W < `FL_DESCRIPTOR_BITS) begin : g_short
            assign desc = {{(`FL_DESCRIPTOR_BITS - ENTRY_W){1'b0}}, ring_desc_i};
        end else begin : g_whole
            assign desc = ring_desc_i;
        end
    endgenerate

    wire [7:0]  opcode  = desc[`FL_DESCRIPTOR_OPCODE];
    wire [31:0] value   = desc[`FL_DESCRIPTOR_HOST_OFFSET];
    wire [19:0] x       = desc[`FL_DESCRIPTOR_X];
    wire [15:0] y       = desc[`FL_DESCRIPTOR_Y];
    wire [19:0] width   = desc[`FL_DESCRIPTOR_WIDTH];
    wire [15:0] height  = desc[`FL_DESCRIPTOR_HEIGHT];
    wire [19:0] sx      = desc[`FL_DESCRIPTOR_SOURCE_X];
    wire [15:0] sy      = desc[`FL_DESCRIPTOR_SOURCE_Y];

    wire is_readback   = QUEUE == 0 && opcode == `FL_OPCODE_READBACK;
    wire is_writeback  = QUEUE == 0 && opcode == `FL_OPCODE_WRITEBACK;
    wire is_transfer   = is_readback || is_writeback;
    wire is_fill       = QUEUE == 1 && opcode == `FL_OPCODE_FILL;
    wire is_copy       = QUEUE == 1 && opcode == `FL_OPCODE_COPY;
    wire is_draw       = is_fill || is_copy;
    wire is_wait       = opcode == `FL_OPCODE_WAIT;
    wire is_fence      = opcode == `FL_OPCODE_FENCE;
    wire is_invalidate = opcode == `FL_OPCODE_INVALIDATE;
    wire has_box       = is_transfer || is_draw;
    wire known         = has_box || is_wait || is_fence || is_invalidate || opcode == `FL_OPCODE_NOP;

    // ------------------------------------------------------------------------------------------ checks
    wire reserved = |desc[`FL_DESCRIPTOR_RESERVED0] || |desc[`FL_DESCRIPTOR_RESERVED1] || |desc[`FL_DESCRIPTOR_RESERVED2] ||
                    |desc[`FL_DESCRIPTOR_RESERVED3] || |desc[`FL_DESCRIPTOR_RESERVED4] || |desc[`FL_DESCRIPTOR_RESERVED5] ||
                    |desc[`FL_DESCRIPTOR_RESERVED6];
    wire [7:0] surface_n = desc[`FL_DESCRIPTOR_SURFACE];
    wire [7:0] source_n  = desc[`FL_DESCRIPTOR_SOURCE_SURFACE];
    wire [7:0] object_n  = desc[`FL_DESCRIPTOR_OBJECT];
    wire [7:0] queue_n   = desc[`FL_DESCRIPTOR_QUEUE];
    wire malformed = reserved || (has_box && |surface_n[7:4]) || (is_copy && |source_n[7:4]) ||
                     ((is_transfer || is_invalidate) && |object_n[7:4]) || (is_wait && |queue_n[7:1]);
    wire empty     = has_box && (width == 20'd0 || height == 16'd0);

    // a surface is {valid, layout, bytes_per_pixel, height, row_bytes, base_page}, see csr
    wire [20:0] right         = {1'b0, x} + {1'b0, width};
    wire [16:0] bottom        = {1'b0, y} + {1'b0, height};
    wire [20:0] source_right  = {1'b0, sx} + {1'b0, width};
    wire [16:0] source_bottom = {1'b0, sy} + {1'b0, height};
    wire inside_target = surface_i[63] && right <= {1'b0, surface_i[39:20]} && bottom <= {1'b0, surface_i[55:40]};
    wire inside_source = source_i[63] && source_right <= {1'b0, source_i[39:20]} && source_bottom <= {1'b0, source_i[55:40]};
    wire outside   = has_box && !(inside_target && (!is_copy || inside_source));
    wire pixels_differ = is_copy && surface_i[60:56] != source_i[60:56];
    wire overlap   = is_copy && surface_n == source_n && {1'b0, x} < source_right && {1'b0, sx} < right &&
                     {1'b0, y} < source_bottom && {1'b0, sy} < bottom;

    wire [31:0] stride = desc[`FL_DESCRIPTOR_HOST_STRIDE];
    wire [29:0] total  = {16'd0, width[19:6]} * {14'd0, height};   // units, and so one multiplier
    wire whole     = is_transfer && surface_i[62:61] == `FL_LAYOUT_LINEAR && width == surface_i[39:20] && width[5:0] == 6'd0 &&
                     stride == {12'd0, width};
    reg  merge_q;                                      // with total_q, from the check on
    reg  [23:6] total_q;

    wire [7:0] cause = ring_err_i != `FL_CAUSE_NONE ? ring_err_i :
                       aborting_q              ? `FL_CAUSE_ABORTED :
                       !known                  ? `FL_CAUSE_UNKNOWN_OPCODE :
                       malformed               ? `FL_CAUSE_MALFORMED :
                       empty                   ? `FL_CAUSE_NONE :
                       outside                 ? `FL_CAUSE_BOX_OUTSIDE :
                       pixels_differ           ? `FL_CAUSE_ALIGNMENT : `FL_CAUSE_NONE;

    // ------------------------------------------------------------------------------------------ division
    // Remainders of x, width and source x, most significant bit first; only for the render queue.
    wire misaligned, divided;
    generate
        if (QUEUE == 1) begin : g_divide
            reg  [4:0]  step_q;
            reg  [59:0] dividend_q;
            reg  [14:0] remainder_q;
            wire [4:0]  pixel = surface_i[60:56];
            wire [14:0] next;
            genvar n;
            for (n = 0; n < 3; n = n + 1) begin : g_remainder
                wire [5:0] grown   = {remainder_q[5*n +: 5], dividend_q[20*n + 19]};
                wire [5:0] reduced = grown - {1'b0, pixel};
                assign next[5*n +: 5] = grown >= {1'b0, pixel} ? reduced[4:0] : grown[4:0];
                wire unused_top = &{1'b0, reduced[5]};
            end
            always @(posedge clk_i)
                if (check || state_q == S_DIVIDE) begin
                    if (check) begin
                        step_q      <= 5'd0;
                        dividend_q  <= {is_copy ? sx : 20'd0, width, x};
                        remainder_q <= 15'd0;
                    end else begin
                        step_q      <= step_q + 1'b1;
                        dividend_q  <= dividend_q << 1;
                        remainder_q <= next;
                    end
                end
            assign divided    = step_q == 5'd20;
            assign misaligned = remainder_q != 15'd0;
        end else begin : g_none
            assign divided    = 1'b1;
            assign misaligned = 1'b0;
        end
    endgenerate

    // ------------------------------------------------------------------------------------------ state
    reg [1:0] state_q;
    reg [7:0] cause_q;
    reg       halted_q, aborting_q;
    reg       skip_q;                                  // good, but nothing to do

    wire      order_fits, order_valid;
    wire [ORDER_LOG2:0] under_way;                     // descriptors started and not ended
    wire      check     = state_q == S_CHECK && ring_valid_i && !tables_busy_i && (aborting_q || (enable_i && !halted_q));
    wire      merge     = merge_q && state_q != S_CHECK;
    wire      aborted   = aborting_q && ring_err_i == `FL_CAUSE_NONE;
    wire [7:0] cause_now = aborted ? `FL_CAUSE_ABORTED : cause_q;
    wire      good      = cause_now == `FL_CAUSE_NONE;
    wire      behind    = desc[`FL_DESCRIPTOR_ORDER] && (|under_way || complete_busy_i);
    wire [31:0] reached = queue_n[0] ? fence_i[63:32] : fence_i[31:0];
    wire [31:0] ahead   = reached - value;
    wire      held      = is_wait && good && ahead[31];
    wire      may_go    = state_q == S_GO && order_fits && (aborting_q || (enable_i && !halted_q && !(good && behind) && !held));
    wire      to_unit   = good && has_box && !skip_q;
    wire      unit      = is_writeback;
    wire      unit_takes = unit ? cmd_ready_i[1] : cmd_ready_i[0];
    wire      go        = may_go && (!to_unit || unit_takes);

    assign cmd_soon_o   = {2{(check && !whole) || state_q != S_CHECK}} & {is_writeback, has_box && !is_writeback};
    assign cmd_valid_o  = {may_go && to_unit && unit, may_go && to_unit && !unit};
    assign invalidate_o = go && is_invalidate && good;
    assign ring_ready_o = go;
    assign waiting_o    = state_q == S_GO && held && !aborting_q;
    assign halted_o     = halted_q;
    assign aborting_o   = aborting_q;
    assign busy_o       = !ring_empty_i || |under_way || complete_busy_i;

    assign surface_index_o      = surface_n[3:0];
    assign source_index_o       = source_n[3:0];
    assign cmd_surface_o        = surface_n[3:0];
    assign cmd_object_o         = object_n[3:0];
    assign cmd_x_o              = x;
    assign cmd_y_o              = y;
    assign cmd_width_o          = {merge ? total_q : {4'd0, width[19:6]}, width[5:0]};
    assign cmd_height_o         = merge ? 16'd1 : height;
    assign cmd_offset_o         = value;
    assign cmd_stride_o         = stride;
    assign cmd_copy_o           = is_copy;
    assign cmd_source_surface_o = source_n[3:0];
    assign cmd_source_x_o       = sx;
    assign cmd_source_y_o       = sy;
    assign cmd_pattern_o        = {desc[`FL_DESCRIPTOR_PATTERN_HIGH], desc[`FL_DESCRIPTOR_PATTERN_LOW]};

    // ------------------------------------------------------------------------------------------ order
    wire [1:0]  order_unit;
    wire [7:0]  order_cause;
    wire [63:0] order_address;
    wire        lost     = ring_err_i != `FL_CAUSE_NONE && ring_err_i != `FL_CAUSE_RING_OVERFLOW;   // its address says more
    wire        own      = order_unit[1];
    wire        from     = order_unit[0];
    wire        end_take = end_valid_o && end_ready_i;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(ORDER_W), .DEPTH_LOG2(ORDER_LOG2)) u_order (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (go),
        .ready_o (order_fits),
        .data_i  ({to_unit ? {1'b0, unit} : lost ? U_LOST : U_NONE, desc[`FL_DESCRIPTOR_TAG], opcode, cause_now,
                   ring_address_i, cycle_i, desc[`FL_DESCRIPTOR_INTERRUPT], is_fence && good, value}),
        .valid_o (order_valid),
        .ready_i (end_take),
        .data_o  ({order_unit, end_tag_o, end_opcode_o, order_cause, order_address, end_start_o, end_interrupt_o, end_fence_o,
                   end_value_o}),
        .count_o (under_way)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    assign end_valid_o   = order_valid && (own || (from ? done_valid_i[1] : done_valid_i[0]));
    assign end_cause_o   = own ? order_cause   : from ? done_cause_i[15:8]     : done_cause_i[7:0];
    assign end_address_o = own ? (from ? order_address : 64'd0) : from ? done_address_i[127:64] : done_address_i[63:0];
    assign end_bytes_o   = own ? 32'd0         : from ? done_bytes_i[63:32]    : done_bytes_i[31:0];
    assign done_ready_o  = {order_valid && !own && from && end_ready_i, order_valid && !own && !from && end_ready_i};

    wire unused = &{1'b0, surface_i, source_i, ahead};

    wire wrong_start = go && !good && cause_now != `FL_CAUSE_ABORTED;
    wire wrong_end   = end_take && !own && end_cause_o != `FL_CAUSE_NONE && end_cause_o != `FL_CAUSE_ABORTED;

    wire wake = ring_valid_i || end_take || abort_i || resume_i || aborting_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                state_q    <= S_CHECK;
                halted_q   <= 1'b0;
                aborting_q <= 1'b0;
            end else begin
                case (state_q)
                    S_CHECK:  if (check) state_q <= (is_draw && cause == `FL_CAUSE_NONE && !empty) ? S_DIVIDE : S_GO;
                    S_DIVIDE: if (divided || aborting_q) state_q <= S_GO;
                    default:  if (go || (!aborting_q && (!enable_i || halted_q))) state_q <= S_CHECK;  // it is judged anew
                endcase

                if (abort_i)
                    aborting_q <= 1'b1;
                else if (ring_empty_i && ~|under_way && !complete_busy_i)
                    aborting_q <= 1'b0;

                if (halt_on_error_i && (wrong_start || wrong_end))
                    halted_q <= 1'b1;
                else if (resume_i || aborting_q)
                    halted_q <= 1'b0;
            end

            if (check) begin
                cause_q <= cause;
                skip_q  <= empty;
                merge_q <= whole && total[29:18] == 12'd0;
                total_q <= total[17:0];
            end
            if (state_q == S_DIVIDE && divided)
                cause_q <= misaligned ? `FL_CAUSE_ALIGNMENT : overlap ? `FL_CAUSE_OVERLAP : `FL_CAUSE_NONE;
        end

    initial begin
        if (QUEUE != 0 && QUEUE != 1)
            $fatal(1, "%m: QUEUE is %0d, must be 0 or 1", QUEUE);
    end

endmodule

`default_nettype wire
