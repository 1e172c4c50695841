// render: the accelerator: FILL and COPY of boxes in device memory, beside the DMA.
//
// Why: coherence only matters because somebody else draws. The renderer shares nothing with the movers but the
// banks of device memory.
//
//             +-> stripe --------------------------------------------------------+
//   command --+-> sweep (source) -> tile, tile_address -> read, fifo -> realign -+-> write
//             +-> sweep (target) -> tile, tile_address --------------------------+
//
// Latency     FILL: first write a word's bytes + 4 cycles after the command at the latest, and so for each of the up to 14
//             words after it, see stripe; COPY: 6, or 7 when it needs two words of the source; the end follows the last
//             write by 1.
// Throughput  FILL one word a cycle after that. COPY one word a cycle along a row, and at most one cycle more a row where source
//             and target lie in different byte lanes.
// Ordering    commands one after another; rows top to bottom. A command has ended when its last word is in memory.
// Errors      abort_i: nothing more is written but a word that already waits at the memory; the command ends with cause
//             ABORTED and the bytes written so far, or with none if it had written everything.
`default_nettype none
`include "faultline.vh"

module render #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input  wire                clk_i,
    input  wire                rst_ni,                  // synchronous, active low

    // a checked box: not empty, inside its surface, not overlapping its source, whole pixels
    input  wire                cmd_valid_i,
    output wire                cmd_ready_o,
    input  wire                cmd_copy_i,              // 1 COPY, 0 FILL
    input  wire [78:0]         cmd_surface_i,           // entry as csr_tables gives it
    input  wire [19:0]         cmd_x_i,                 // bytes
    input  wire [15:0]         cmd_y_i,
    input  wire [19:0]         cmd_width_i,             // bytes
    input  wire [15:0]         cmd_height_i,
    input  wire [78:0]         cmd_source_surface_i,    // COPY
    input  wire [19:0]         cmd_source_x_i,          // COPY, bytes
    input  wire [15:0]         cmd_source_y_i,          // COPY
    input  wire [127:0]        cmd_pattern_i,           // FILL: the pixel, first byte lowest
    input  wire                abort_i,                 // level: end soon

    // device memory
    output wire                rd_valid_o,
    input  wire                rd_ready_i,
    output wire [31:0]         rd_address_o,
    input  wire                rd_data_valid_i,
    input  wire [DATA_W-1:0]   rd_data_i,
    output wire                wr_valid_o,
    input  wire                wr_ready_i,
    output wire [31:0]         wr_address_o,
    output wire [DATA_W-1:0]   wr_data_o,
    output wire [DATA_W/8-1:0] wr_strb_o,

    output wire                done_valid_o,            // held, with what follows, until ready
    input  wire                done_ready_i,
    output wire [7:0]          done_cause_o,            // NONE or ABORTED
    output wire [31:0]         done_bytes_o,            // bytes written
    output wire                busy_o                   // from the command to its end
);
    localparam BYTES      = DATA_W / 8;
    localparam LANE_W     = $clog2(BYTES);
    localparam AHEAD_LOG2 = 3;                          // words read ahead, log2: covers the memory's latency

    localparam IDLE  = 2'd0;  // take a command
    localparam SETUP = 2'd1;  // FILL: start the stripe
    localparam DRAW  = 2'd2;  // words move until both sweeps are through and nothing is under way
    localparam DONE  = 2'd3;  // report

    reg  [1:0]         state_q;
    reg                copy_q, aborted_q;
    reg  [78:0]        surface_q, source_surface_q;
    reg  [LANE_W-1:0]  lane_q, source_lane_q;
    reg  [19:0]        width_q;
    reg  [127:0]       pattern_q;
    reg  [31:0]        bytes_q;

    wire accept = cmd_valid_i && cmd_ready_o;

    assign cmd_ready_o  = state_q == IDLE;
    assign busy_o       = state_q != IDLE;
    assign done_valid_o = state_q == DONE;
    assign done_cause_o = aborted_q ? `FL_CAUSE_ABORTED : `FL_CAUSE_NONE;
    assign done_bytes_o = bytes_q;

    // ------------------------------------------------------------------------------------------ where
    wire             target_valid, target_step, target_first, target_last;
    wire [19:0]      target_x;
    wire [15:0]      target_y;
    wire [BYTES-1:0] target_strb;
    wire             source_valid, source_step, source_first;
    wire [19:0]      source_x;
    wire [15:0]      source_y;

    // Words are counted when they leave for the memory; once there is none left an abort comes too late.
    wire             stop = abort_i && target_valid;

    sweep #(.DATA_W(DATA_W)) target (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .start_i  (accept),
        .stop_i   (stop),
        .x_i      (cmd_x_i),
        .y_i      (cmd_y_i),
        .width_i  (cmd_width_i),
        .height_i (cmd_height_i),
        .valid_o  (target_valid),
        .ready_i  (target_step),
        .x_o      (target_x),
        .y_o      (target_y),
        .strb_o   (target_strb),
        .first_o  (target_first),
        .last_o   (target_last)
    );

    wire [BYTES-1:0] source_strb;
    wire             source_last;

    sweep #(.DATA_W(DATA_W)) source (
        .clk_i    (clk_i),
        .rst_ni   (rst_ni),
        .start_i  (accept && cmd_copy_i),
        .stop_i   (stop),
        .x_i      (cmd_source_x_i),
        .y_i      (cmd_source_y_i),
        .width_i  (cmd_width_i),
        .height_i (cmd_height_i),
        .valid_o  (source_valid),
        .ready_i  (source_step),
        .x_o      (source_x),
        .y_o      (source_y),
        .strb_o   (source_strb),
        .first_o  (source_first),
        .last_o   (source_last)
    );

    // The address of a word stands in the cycles in which the word waits at the memory.
    wire [82:0] target_spot, source_spot;

    tile target_tile (.surface_i(surface_q), .x_i({4'd0, target_x}), .y_i(target_y), .spot_o(target_spot));

    tile_address #(.DATA_W(DATA_W)) target_address (
        .clk_i     (clk_i),
        .load_i    (target_step && target_first),
        .spot_i    (target_spot),
        .step_i    (target_step && !target_first),
        .address_o (wr_address_o)
    );

    tile source_tile (.surface_i(source_surface_q), .x_i({4'd0, source_x}), .y_i(source_y), .spot_o(source_spot));

    tile_address #(.DATA_W(DATA_W)) source_address (
        .clk_i     (clk_i),
        .load_i    (source_step && source_first),
        .spot_i    (source_spot),
        .step_i    (source_step && !source_first),
        .address_o (rd_address_o)
    );

    // ------------------------------------------------------------------------------------------ write
    reg              wr_valid_q;
    reg [DATA_W-1:0] wr_data_q;
    reg [BYTES-1:0]  wr_strb_q;

    wire room = !wr_valid_q || wr_ready_i;

    assign wr_valid_o   = wr_valid_q;
    assign wr_data_o    = wr_data_q;
    assign wr_strb_o    = wr_strb_q;

    // ------------------------------------------------------------------------------------------ FILL
    wire              stripe_ready;
    wire [DATA_W-1:0] stripe_data;

    stripe #(.DATA_W(DATA_W)) pixels (
        .clk_i             (clk_i),
        .rst_ni            (rst_ni),
        .start_i           (state_q == SETUP),
        .pattern_i         (pattern_q),
        .bytes_per_pixel_i (surface_q[60:56]),
        .lane_i            (lane_q),
        .ready_o           (stripe_ready),
        .next_i            (target_step),
        .last_i            (target_last),
        .data_o            (stripe_data)
    );

    // ------------------------------------------------------------------------------------------ COPY
    // A read is issued only while its word has a place in the FIFO, because memory does not wait.
    reg                 rd_valid_q;
    reg  [AHEAD_LOG2:0] under_way_q;                    // issued, data not here
    wire [AHEAD_LOG2:0] waiting;
    wire [AHEAD_LOG2:0] promised = under_way_q + waiting;
    wire                fifo_ready, fifo_valid, realign_take, realign_valid, realign_last, run_taken, run_last;
    wire [DATA_W-1:0]   fifo_data, realign_data;
    wire [BYTES-1:0]    realign_strb;

    assign source_step  = source_valid && (!rd_valid_q || rd_ready_i) && !promised[AHEAD_LOG2] && !stop;
    assign rd_valid_o   = rd_valid_q;

    // Both forget what an abort left in them when the command is over.
    wire drawing_n = rst_ni && state_q != IDLE;

    fifo #(.WIDTH(DATA_W), .DEPTH_LOG2(AHEAD_LOG2)) words (
        .clk_i   (clk_i),
        .rst_ni  (drawing_n),
        .valid_i (rd_data_valid_i),
        .ready_o (fifo_ready),
        .data_i  (rd_data_i),
        .valid_o (fifo_valid),
        .ready_i (realign_take),
        .data_o  (fifo_data),
        .count_o (waiting)
    );

    realign #(.DATA_W(DATA_W), .BYTES_W(20)) shifter (
        .clk_i             (clk_i),
        .rst_ni            (drawing_n),
        .cmd_valid_i       (copy_q),
        .cmd_ready_o       (run_taken),
        .cmd_source_lane_i (source_lane_q),
        .cmd_target_lane_i (lane_q),
        .cmd_bytes_i       (width_q),
        .in_valid_i        (fifo_valid),
        .in_ready_o        (realign_take),
        .in_data_i         (fifo_data),
        .in_last_o         (run_last),
        .out_valid_o       (realign_valid),
        .out_ready_i       (room && !stop),
        .out_data_o        (realign_data),
        .out_strb_o        (realign_strb),
        .out_last_o        (realign_last)
    );

    // The target's sweep says where a word lies in its row, for FILL and COPY alike.
    wire unused = &{1'b0, source_strb, source_last, fifo_ready, run_taken, run_last, realign_strb, realign_last};

    // ------------------------------------------------------------------------------------------ the next word
    wire have = copy_q ? realign_valid : stripe_ready;

    assign target_step = target_valid && state_q == DRAW && have && room && !stop;

    // Bytes of the word that leaves.
    function [LANE_W:0] ones;
        input [BYTES-1:0] bits;
        integer           i;
        begin
            ones = {(LANE_W + 1){1'b0}};
            for (i = 0; i < BYTES; i = i + 1)
                ones = ones + {{LANE_W{1'b0}}, bits[i]};
        end
    endfunction

    // ------------------------------------------------------------------------------------------ control
    wire through = !target_valid && !source_valid && room && !rd_valid_q && under_way_q == {(AHEAD_LOG2 + 1){1'b0}};

    wire wake = accept || state_q != IDLE || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                state_q     <= IDLE;
                wr_valid_q  <= 1'b0;
                rd_valid_q  <= 1'b0;
                under_way_q <= {(AHEAD_LOG2 + 1){1'b0}};
            end else begin
                case (state_q)
                    IDLE:    if (accept) state_q <= cmd_copy_i ? DRAW : SETUP;
                    SETUP:   state_q <= DRAW;
                    DRAW:    if (through) state_q <= DONE;
                    default: if (done_ready_i) state_q <= IDLE;
                endcase
                if (room)
                    wr_valid_q <= target_step;
                if (!rd_valid_q || rd_ready_i)
                    rd_valid_q <= source_step;
                under_way_q <= under_way_q + {{AHEAD_LOG2{1'b0}}, source_step} - {{AHEAD_LOG2{1'b0}}, rd_data_valid_i};
            end

            if (accept) begin
                copy_q           <= cmd_copy_i;
                aborted_q        <= 1'b0;
                surface_q        <= cmd_surface_i;
                source_surface_q <= cmd_source_surface_i;
                lane_q           <= cmd_x_i[LANE_W-1:0];
                source_lane_q    <= cmd_source_x_i[LANE_W-1:0];
                width_q          <= cmd_width_i;
                pattern_q        <= cmd_pattern_i;
                bytes_q          <= 32'd0;
            end else if (stop) begin
                aborted_q <= 1'b1;
            end

            if (target_step) begin
                wr_data_q    <= copy_q ? realign_data : stripe_data;
                wr_strb_q    <= target_strb;
                bytes_q      <= bytes_q + (&target_strb ? BYTES : {{(31 - LANE_W){1'b0}}, ones(target_strb)});
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
