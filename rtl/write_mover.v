// write_mover: device memory to host memory (READBACK).
//
// Why: the writing half of the DMA. Addresses go out a little ahead of their data; the device is read behind them, each
// word into room that is already there, so a stalled bus never holds a device bank.
//
//   translate -> AW         u_jobs -> tile_address -> device memory -> u_data -> realign -> W        B -> u_answers -> done
//            `-> tile -> u_jobs                                         ^                                   ^
//            `-> u_runs (lanes, for realign) ---------------------------+                                   |
//            `-> u_tracks (what ends) ----------------------------------------------------------------------+
//
// Latency     AW 1 cycle after the translation, first W 5 cycles after.
// Throughput  a word a cycle; unaligned boxes a row spill word more.
// Ordering    boxes, bursts and words in order; `done` after the write response of the last burst.
// Errors      a burst with an error response ends its box with BUS_ERROR or WATCHDOG and the bus address of the burst;
//             bursts of the box that are already on the bus are still written. abort_i: bursts on the bus are finished
//             without strobes, boxes under way end with ABORTED.
`default_nettype none
`include "faultline.vh"

module write_mover #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // log2 of the write bursts that may be outstanding
    parameter BURSTS_LOG2 = 6
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire                abort_i,

    input  wire                cmd_soon_i,          // a checked box, see box
    input  wire                cmd_valid_i,
    output wire                cmd_ready_o,
    input  wire [3:0]          cmd_surface_i,
    input  wire [3:0]          cmd_object_i,
    input  wire [19:0]         cmd_x_i,
    input  wire [15:0]         cmd_y_i,
    input  wire [23:0]         cmd_width_i,
    input  wire [15:0]         cmd_height_i,
    input  wire [31:0]         cmd_offset_i,
    input  wire [31:0]         cmd_stride_i,

    output wire                req_valid_o,         // walker
    input  wire                req_ready_i,
    output wire [3:0]          req_object_o,
    output wire [19:0]         req_page_o,
    output wire                req_beyond_o,
    input  wire                rsp_valid_i,
    output wire                rsp_ready_o,
    input  wire [39:0]         rsp_frame_i,
    input  wire [8:0]          rsp_index_i,
    input  wire [7:0]          rsp_cause_i,

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

    output wire [3:0]          surface_index_o,     // csr, combinational
    input  wire [78:0]         surface_i,

    output wire                rd_valid_o,          // device memory
    input  wire                rd_ready_i,
    output wire [31:0]         rd_address_o,
    input  wire                rd_data_valid_i,     // taken at once
    input  wire [DATA_W-1:0]   rd_data_i,

    output wire                done_valid_o,        // one a box, in order
    input  wire                done_ready_i,
    output wire [7:0]          done_cause_o,
    output wire [63:0]         done_address_o,
    output wire [31:0]         done_bytes_o,

    output wire                busy_o,
    output wire                wait_translation_o,  // events for the counters
    output wire                beat_o
);

    localparam LANE_W    = $clog2(DATA_W / 8);
    localparam SERIAL_W  = BURSTS_LOG2 <= 4 ? 5 : BURSTS_LOG2 + 1;   // no two boxes in box, u_info and u_tracks have one number
    localparam JOBS_LOG2 = 3;
    localparam DATA_LOG2 = 4;
    localparam AHEAD     = 32;                      // beats: W follows AW in order, so a record must not wait long behind us
    localparam RUN_W     = 2 * LANE_W + 13;
    localparam JOB_W     = 83 + 9;
    localparam TRACK_W   = 1 + 1 + 8 + 52 + 13 + SERIAL_W;

    // ------------------------------------------------------------------------------------------ issue
    wire                t_valid, t_data, t_last, t_busy;
    wire [7:0]          t_cause, t_len;
    wire [51:0]         t_address;
    wire [12:0]         t_bytes;
    wire [23:0]         t_x;
    wire [15:0]         t_y;
    wire [SERIAL_W-1:0] t_serial;

    reg                 bad_q;                      // the box whose answers come now has failed
    reg  [SERIAL_W-1:0] bad_serial_q;               // which box that is
    wire [SERIAL_W-1:0] track_serial;

    wire jobs_ready, runs_ready, tracks_ready;
    reg  [9:0]          ahead_q;                    // beats whose address has gone out before them
    wire near  = ahead_q < AHEAD[9:0];
    wire able  = tracks_ready && (!t_data || (jobs_ready && runs_ready && near));
    wire issue = t_valid && able && (!t_data || aw_ready_i);

    translate #(.DATA_W(DATA_W), .SERIAL_W(SERIAL_W)) u_translate (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .abort_i       (abort_i),
        .cmd_soon_i    (cmd_soon_i),
        .cmd_valid_i   (cmd_valid_i),
        .cmd_ready_o   (cmd_ready_o),
        .cmd_surface_i (cmd_surface_i),
        .cmd_object_i  (cmd_object_i),
        .cmd_x_i       (cmd_x_i),
        .cmd_y_i       (cmd_y_i),
        .cmd_width_i   (cmd_width_i),
        .cmd_height_i  (cmd_height_i),
        .cmd_offset_i  (cmd_offset_i),
        .cmd_stride_i  (cmd_stride_i),
        .req_valid_o   (req_valid_o),
        .req_ready_i   (req_ready_i),
        .req_object_o  (req_object_o),
        .req_page_o    (req_page_o),
        .req_beyond_o  (req_beyond_o),
        .rsp_valid_i   (rsp_valid_i),
        .rsp_ready_o   (rsp_ready_o),
        .rsp_frame_i   (rsp_frame_i),
        .rsp_index_i   (rsp_index_i),
        .rsp_cause_i   (rsp_cause_i),
        .fail_i        (bad_q),
        .fail_serial_i (bad_serial_q),
        .valid_o       (t_valid),
        .ready_i       (able && (!t_data || aw_ready_i)),
        .data_o        (t_data),
        .last_o        (t_last),
        .cause_o       (t_cause),
        .address_o     (t_address),
        .bytes_o       (t_bytes),
        .len_o         (t_len),
        .surface_o     (surface_index_o),
        .x_o           (t_x),
        .y_o           (t_y),
        .serial_o      (t_serial),
        .busy_o        (t_busy),
        .wait_o        (wait_translation_o)
    );

    assign aw_valid_o   = t_valid && t_data && able;
    assign aw_address_o = {12'd0, t_address[51:LANE_W], {LANE_W{1'b0}}};
    assign aw_len_o     = t_len;

    // ------------------------------------------------------------------------------------------ device reads
    wire [82:0] t_spot, job_spot;
    wire [13:0] t_span = {{(14 - LANE_W){1'b0}}, t_x[LANE_W-1:0]} + {1'b0, t_bytes} - 1'b1;
    wire [13:0] t_words = t_span >> LANE_W;
    wire        job_valid, job_take;
    wire [8:0]  job_more;                           // words of the device that the burst touches, without the first

    tile u_tile (.surface_i(surface_i), .x_i({t_x[23:LANE_W], {LANE_W{1'b0}}}), .y_i(t_y), .spot_o(t_spot));

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(JOB_W), .DEPTH_LOG2(JOBS_LOG2)) u_jobs (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue && t_data),
        .ready_o (jobs_ready),
        .data_i  ({t_spot, t_words[8:0]}),
        .valid_o (job_valid),
        .ready_i (job_take),
        .data_o  ({job_spot, job_more}),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    reg                spot_q;                      // u_tile_address has a word's place
    reg  [8:0]         more_q;                      // words of the burst after it
    reg  [DATA_LOG2:0] asked_q;                     // words asked for and not yet taken out of u_data
    wire               read = rd_valid_o && rd_ready_i;
    wire               last = more_q == 9'd0;

    tile_address #(.DATA_W(DATA_W)) u_tile_address (.clk_i(clk_i), .load_i(job_take), .spot_i(job_spot),
                                                    .step_i(read && !last), .address_o(rd_address_o));

    assign rd_valid_o = spot_q && !asked_q[DATA_LOG2];
    assign job_take   = job_valid && (!spot_q || (read && last));

    // ------------------------------------------------------------------------------------------ data
    wire              data_valid, data_ready, data_fits, run_valid, run_ready, in_last, out_last;
    wire [DATA_W-1:0] data;
    wire [LANE_W-1:0] source_lane, target_lane;
    wire [12:0]       run_bytes;
    wire [DATA_W/8-1:0] out_strb;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(DATA_W), .DEPTH_LOG2(DATA_LOG2)) u_data (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (rd_data_valid_i),
        .ready_o (data_fits),
        .data_i  (rd_data_i),
        .valid_o (data_valid),
        .ready_i (data_ready),
        .data_o  (data),
        .count_o ()
    );

    fifo #(.WIDTH(RUN_W), .DEPTH_LOG2(JOBS_LOG2 + 1)) u_runs (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue && t_data),
        .ready_o (runs_ready),
        .data_i  ({t_x[LANE_W-1:0], t_address[LANE_W-1:0], t_bytes}),
        .valid_o (run_valid),
        .ready_i (run_ready),
        .data_o  ({source_lane, target_lane, run_bytes}),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    realign #(.DATA_W(DATA_W), .BYTES_W(13)) u_realign (
        .clk_i             (clk_i),
        .rst_ni            (rst_ni),
        .cmd_valid_i       (run_valid),
        .cmd_ready_o       (run_ready),
        .cmd_source_lane_i (source_lane),
        .cmd_target_lane_i (target_lane),
        .cmd_bytes_i       (run_bytes),
        .in_valid_i        (data_valid),
        .in_ready_o        (data_ready),
        .in_data_i         (data),
        .in_last_o         (in_last),
        .out_valid_o       (w_valid_o),
        .out_ready_i       (w_ready_i),
        .out_data_o        (w_data_o),
        .out_strb_o        (out_strb),
        .out_last_o        (out_last)
    );

    assign w_strb_o = abort_i ? {(DATA_W/8){1'b0}} : out_strb;
    assign beat_o   = w_valid_o && w_ready_i;

    // ------------------------------------------------------------------------------------------ answers
    wire        answer_valid, answer_fits;
    wire [1:0]  answer_resp;
    wire        track_valid, track_data, track_last, track_pop;
    wire [BURSTS_LOG2:0] tracks;                    // bursts and ends under way
    wire [7:0]  track_cause;
    wire [51:0] track_address;
    wire [12:0] track_bytes;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(2), .DEPTH_LOG2(BURSTS_LOG2)) u_answers (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (b_valid_i),
        .ready_o (answer_fits),
        .data_i  (b_resp_i),
        .valid_o (answer_valid),
        .ready_i (track_pop && track_data),
        .data_o  (answer_resp),
        .count_o ()
    );

    fifo #(.WIDTH(TRACK_W), .DEPTH_LOG2(BURSTS_LOG2)) u_tracks (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue),
        .ready_o (tracks_ready),
        .data_i  ({t_data, t_last, t_cause, t_address, t_bytes, t_serial}),
        .valid_o (track_valid),
        .ready_i (track_pop),
        .data_o  ({track_data, track_last, track_cause, track_address, track_bytes, track_serial}),
        .count_o (tracks)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    reg         aborted_q;                          // an abort came while bursts were on the bus
    reg         offered_q;                          // an end is on offer already: an abort comes too late for it
    reg [31:0]  bytes_q;
    reg [7:0]   bad_cause_q;
    reg [51:0]  bad_address_q;

    wire        ripe        = track_valid && (!track_data || answer_valid);
    wire        error       = track_data && answer_valid && answer_resp != 2'd0;
    wire        cut         = track_data && !offered_q && (abort_i || aborted_q);
    wire        bad         = bad_q || error || cut;
    wire [7:0]  new_cause   = !error ? `FL_CAUSE_ABORTED : answer_resp == 2'd1 ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_BUS_ERROR;
    wire        named       = bad || track_cause != `FL_CAUSE_NONE;   // the end has an address
    wire [31:0] bytes       = bytes_q + ((track_data && !bad) ? {19'd0, track_bytes} : 32'd0);

    assign done_valid_o   = ripe && track_last;
    assign track_pop      = ripe && (!track_last || done_ready_i);
    assign done_cause_o   = bad_q ? bad_cause_q : bad ? new_cause : track_cause;
    assign done_address_o = {12'd0, (bad_q ? bad_address_q : track_address) & {52{named}}};
    assign done_bytes_o   = bytes;
    assign busy_o         = t_busy || |tracks;

    wire unused = &{1'b0, data_fits, answer_fits, in_last, out_last, t_words[13:9]};

    // Each part by itself, so that no clock enable waits for what happens elsewhere.
    wire send_wake = issue || beat_o || !rst_ni;

    always @(posedge clk_i)
        if (send_wake) begin
            if (!rst_ni)
                ahead_q <= 10'd0;
            else
                ahead_q <= ahead_q + ((issue && t_data) ? {2'd0, t_len} + 10'd1 : 10'd0) - {9'd0, beat_o};
        end

    wire read_wake = job_take || spot_q || (data_valid && data_ready) || !rst_ni;

    always @(posedge clk_i)
        if (read_wake) begin
            if (!rst_ni) begin
                asked_q <= {(DATA_LOG2 + 1){1'b0}};
                spot_q  <= 1'b0;
            end else begin
                asked_q <= asked_q + {{DATA_LOG2{1'b0}}, read} - {{DATA_LOG2{1'b0}}, data_valid && data_ready};
                spot_q  <= job_take || (spot_q && !(read && last));
            end

            if (job_take)
                more_q <= job_more;
            else if (read)
                more_q <= more_q - 1'b1;
        end

    wire answer_wake = track_valid || abort_i || aborted_q || !rst_ni;

    always @(posedge clk_i)
        if (answer_wake) begin
            if (!rst_ni) begin
                bad_q     <= 1'b0;
                aborted_q <= 1'b0;
                offered_q <= 1'b0;
                bytes_q   <= 32'd0;
            end else begin
                aborted_q <= (abort_i || aborted_q) && |tracks;
                offered_q <= done_valid_o && !done_ready_i;
                if (track_pop)
                    bytes_q <= track_last ? 32'd0 : bytes;
                if (track_pop && track_last)
                    bad_q <= 1'b0;
                else if (ripe && bad)
                    bad_q <= 1'b1;
            end

            if (ripe && bad && !bad_q) begin
                bad_cause_q   <= new_cause;
                bad_address_q <= track_address;
                bad_serial_q  <= track_serial;
            end
        end

endmodule

`default_nettype wire
