// read_mover: host memory to device memory (WRITEBACK).
//
// Why: the reading half of the DMA. Addresses run ahead of data by as many bursts as the table of places holds; a read is
// only asked for when even the longest would have room here, so the bus never waits for us and the two movers cannot block
// each other.
//
//   translate -> AR                                           R -> u_data -> realign -> device memory -> done
//            `-> u_runs (lanes, for realign) --------------------------------+              ^             ^
//            `-> tile -> u_spots (where it goes) -> tile_address ----------------------------+             |
//            `-> u_places (what ends) ---------------------------------------------------------------------+
//
// Latency     AR 1 cycle after the translation; device write 3 cycles after its beat.
// Throughput  a word a cycle; unaligned boxes a row spill word more.
// Ordering    boxes, bursts and words in order; `done` after the last word is in device memory.
// Errors      a beat with an error response and everything after it of the same box is not written; the box ends with
//             BUS_ERROR or WATCHDOG and the bus address of the burst. abort_i: nothing more is written, boxes under way end
//             with ABORTED.
`default_nettype none
`include "faultline.vh"

module read_mover #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // log2 of the read bursts that may be outstanding
    parameter BURSTS_LOG2 = 6,
    // log2 of the beats of data there is room for; at least one longest burst (256), better two
    parameter BEATS_LOG2  = 9
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

    output wire                ar_valid_o,          // axi_read_port
    input  wire                ar_ready_i,
    output wire [63:0]         ar_address_o,
    output wire [7:0]          ar_len_o,
    input  wire                r_valid_i,           // taken at once
    input  wire [DATA_W-1:0]   r_data_i,
    input  wire [1:0]          r_resp_i,

    output wire [3:0]          surface_index_o,     // csr, combinational
    input  wire [78:0]         surface_i,

    output wire                wr_valid_o,          // device memory
    input  wire                wr_ready_i,
    output wire [31:0]         wr_address_o,
    output wire [DATA_W-1:0]   wr_data_o,
    output wire [DATA_W/8-1:0] wr_strb_o,

    output wire                done_valid_o,        // one a box, in order
    input  wire                done_ready_i,
    output wire [7:0]          done_cause_o,
    output wire [63:0]         done_address_o,
    output wire [31:0]         done_bytes_o,

    output wire                busy_o,
    output wire                wait_translation_o,  // events for the counters
    output wire                wait_credit_o,
    output wire                beat_o
);

    localparam LANE_W   = $clog2(DATA_W / 8);
    localparam SERIAL_W = BURSTS_LOG2 <= 4 ? 5 : BURSTS_LOG2 + 1;   // no two boxes in box, u_info and u_places have one number
    localparam BEATS    = 1 << BEATS_LOG2;
    localparam RUN_W    = 2 * LANE_W + 13;
    localparam LONG_LOG2 = (LANE_W + 8 > 12) ? 12 - LANE_W : 8;    // beats of the longest burst
    localparam SPOT_W   = 1 + 1 + 83;
    localparam PLACE_W  = 8 + 52 + 13 + SERIAL_W;
    localparam SMALL    = BURSTS_LOG2 <= 5;         // u_spots and u_places are of one kind, so that they stay in step

    // ------------------------------------------------------------------------------------------ issue
    wire                t_valid, t_data, t_last, t_busy;
    wire [7:0]          t_cause, t_len;
    wire [51:0]         t_address;
    wire [12:0]         t_bytes;
    wire [23:0]         t_x;
    wire [15:0]         t_y;
    wire [SERIAL_W-1:0] t_serial;

    reg                 bad_q;                      // the box whose places come now has failed
    reg  [SERIAL_W-1:0] bad_serial_q;               // which box that is
    wire                place_valid;
    wire [SERIAL_W-1:0] place_serial;

    wire                runs_ready, spots_ready, places_ready;
    reg  [BEATS_LOG2:0] room_q;                     // beats of u_data nobody has been promised
    wire                room  = |room_q[BEATS_LOG2:LONG_LOG2];       // for any burst, which is quicker seen than for this one
    wire                able  = places_ready && (!t_data || (runs_ready && room));
    wire                issue = t_valid && able && (!t_data || ar_ready_i);

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
        .ready_i       (able && (!t_data || ar_ready_i)),
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

    assign ar_valid_o    = t_valid && t_data && able;
    assign ar_address_o  = {12'd0, t_address[51:LANE_W], {LANE_W{1'b0}}};
    assign ar_len_o      = t_len;
    assign wait_credit_o = t_valid && t_data && !able;

    // ------------------------------------------------------------------------------------------ data
    wire              data_valid, data_ready, run_valid, run_ready;
    wire [DATA_W-1:0] data;
    wire [1:0]        data_resp;
    wire [LANE_W-1:0] source_lane, target_lane;
    wire [12:0]       run_bytes;
    wire              data_fits;                    // always: room was promised

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(DATA_W + 2), .DEPTH_LOG2(BEATS_LOG2)) u_data (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (r_valid_i),
        .ready_o (data_fits),
        .data_i  ({r_resp_i, r_data_i}),
        .valid_o (data_valid),
        .ready_i (data_ready),
        .data_o  ({data_resp, data}),
        .count_o ()
    );

    fifo #(.WIDTH(RUN_W), .DEPTH_LOG2(BURSTS_LOG2)) u_runs (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue && t_data),
        .ready_o (runs_ready),
        .data_i  ({t_address[LANE_W-1:0], t_x[LANE_W-1:0], t_bytes}),
        .valid_o (run_valid),
        .ready_i (run_ready),
        .data_o  ({source_lane, target_lane, run_bytes}),
        .count_o ()
    );

    // What leaves next is in u_places whole; where it goes and of which kind it is has come here one step ahead of it, so that
    // u_spots has room when u_places has.
    wire              spot_valid, spot_take, spot_data, spot_last;
    wire [82:0]       t_spot, spot;

    tile u_tile (.surface_i(surface_i), .x_i({t_x[23:LANE_W], {LANE_W{1'b0}}}), .y_i(t_y), .spot_o(t_spot));

    fifo #(.WIDTH(SPOT_W), .DEPTH_LOG2(BURSTS_LOG2), .DISTRIBUTED(SMALL)) u_spots (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue),
        .ready_o (spots_ready),
        .data_i  ({t_data, t_last, t_spot}),
        .valid_o (spot_valid),
        .ready_i (spot_take),
        .data_o  ({spot_data, spot_last, spot}),
        .count_o ()
    );

    wire        place_pop;
    wire [BURSTS_LOG2:0] places;                    // bursts and ends under way
    wire [7:0]  place_cause;
    wire [51:0] place_address;
    wire [12:0] place_bytes;

    fifo #(.WIDTH(PLACE_W), .DEPTH_LOG2(BURSTS_LOG2), .DISTRIBUTED(SMALL)) u_places (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue),
        .ready_o (places_ready),
        .data_i  ({t_cause, t_address, t_bytes, t_serial}),
        .valid_o (place_valid),
        .ready_i (place_pop),
        .data_o  ({place_cause, place_address, place_bytes, place_serial}),
        .count_o (places)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    reg         data_q;                             // a burst is what leaves next, its place in u_tile_address
    reg         end_q;                              // an end without data is
    reg         last_q;                             // it ends its box

    // A beat with an error waits until the words that leave are of its own burst, so that one flag is enough.
    reg                 started_q;                  // a beat of the run under way has been taken
    reg                 placed_q;                   // a word of the burst whose words leave has been placed
    wire                beat_error = data_resp != 2'd0;
    wire                hold_back  = beat_error && !(data_q && (started_q || !placed_q));
    wire                in_ready, in_last, out_valid, out_last, out_ready;

    assign data_ready = in_ready && !hold_back;

    realign #(.DATA_W(DATA_W), .BYTES_W(13)) u_realign (
        .clk_i             (clk_i),
        .rst_ni            (rst_ni),
        .cmd_valid_i       (run_valid),
        .cmd_ready_o       (run_ready),
        .cmd_source_lane_i (source_lane),
        .cmd_target_lane_i (target_lane),
        .cmd_bytes_i       (run_bytes),
        .in_valid_i        (data_valid && !hold_back),
        .in_ready_o        (in_ready),
        .in_data_i         (data),
        .in_last_o         (in_last),
        .out_valid_o       (out_valid),
        .out_ready_i       (out_ready),
        .out_data_o        (wr_data_o),
        .out_strb_o        (wr_strb_o),
        .out_last_o        (out_last)
    );

    // ------------------------------------------------------------------------------------------ place
    reg         offered_q;                          // a word is on offer already: an abort comes too late for it
    reg  [31:0] bytes_q;
    reg  [7:0]  bad_cause_q;
    reg  [51:0] bad_address_q;

    // An end waits for its turn apart, so that it holds no data up.
    reg         ends_fit_q;
    wire        ends_ready;                         // always when ends_fit_q
    wire [4:0]  ends;
    wire        may    = data_q && (!last_q || ends_fit_q);

    // A word that is formed with a bad beat never leaves: the beat is seen before it is taken.
    wire        error  = data_valid && beat_error && !hold_back;
    wire        cut    = abort_i && data_q && out_valid && !offered_q;
    wire        bad    = bad_q || error || cut;
    wire [7:0]  new_cause = !error ? `FL_CAUSE_ABORTED : data_resp == 2'd1 ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_BUS_ERROR;
    wire        named  = bad || place_cause != `FL_CAUSE_NONE;   // the end has an address

    assign out_ready   = may && wr_ready_i;
    assign wr_valid_o  = may && out_valid && !bad;
    wire        word   = out_valid && out_ready;                         // a word leaves, to the device or for good
    wire        finish = end_q && ends_fit_q;
    assign place_pop   = (word && out_last) || finish;
    assign spot_take   = spot_valid && (place_pop || !(data_q || end_q));
    wire [31:0] bytes  = bytes_q + ((data_q && !bad) ? {19'd0, place_bytes} : 32'd0);

    tile_address #(.DATA_W(DATA_W)) u_tile_address (.clk_i(clk_i), .load_i(spot_take), .spot_i(spot),
                                                    .step_i(word && !out_last), .address_o(wr_address_o));

    assign busy_o      = t_busy || |places || done_valid_o;
    assign beat_o      = r_valid_i;
    assign done_address_o[63:52] = 12'd0;

    fifo #(.WIDTH(8 + 52 + 32), .DEPTH_LOG2(4)) u_ends (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (place_pop && last_q),
        .ready_o (ends_ready),
        .data_i  ({bad_q ? bad_cause_q : bad ? new_cause : place_cause, (bad_q ? bad_address_q : place_address) & {52{named}}, bytes}),
        .valid_o (done_valid_o),
        .ready_i (done_ready_i),
        .data_o  ({done_cause_o, done_address_o[51:0], done_bytes_o}),
        .count_o (ends)
    );

    wire unused = &{1'b0, data_fits, spots_ready, ends_ready, place_valid};

    wire issue_wake = (issue && t_data) || (data_valid && data_ready) || !rst_ni;

    always @(posedge clk_i)
        if (issue_wake) begin
            if (!rst_ni)
                room_q <= BEATS[BEATS_LOG2:0];
            else
                room_q <= room_q - ((issue && t_data) ? {{(BEATS_LOG2 - 8){1'b0}}, {1'b0, t_len} + 9'd1} : {(BEATS_LOG2 + 1){1'b0}})
                                 + {{BEATS_LOG2{1'b0}}, data_valid && data_ready};
        end

    wire wake = data_q || end_q || spot_valid || (data_valid && data_ready) || done_valid_o || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                placed_q   <= 1'b0;
                started_q  <= 1'b0;
                data_q     <= 1'b0;
                end_q      <= 1'b0;
                ends_fit_q <= 1'b1;
                offered_q  <= 1'b0;
                bad_q      <= 1'b0;
                bytes_q    <= 32'd0;
            end else begin
                if (data_valid && data_ready)
                    started_q <= !in_last;
                if (word)
                    placed_q <= !out_last;
                if (spot_take || place_pop) begin
                    data_q <= spot_take && spot_data;
                    end_q  <= spot_take && !spot_data;
                end
                ends_fit_q <= ends < 5'd15;
                offered_q  <= wr_valid_o && !wr_ready_i;
                bad_q      <= bad && !(place_pop && last_q);
                if (place_pop)
                    bytes_q <= last_q ? 32'd0 : bytes;
            end

            if (spot_take)
                last_q <= spot_last;
            if (bad && !bad_q) begin
                bad_cause_q   <= new_cause;
                bad_address_q <= place_address;
                bad_serial_q  <= place_serial;
            end
        end

    initial begin
        if (BEATS_LOG2 < 8)
            $fatal(1, "%m: BEATS_LOG2 is %0d, must be at least 8 (one burst of 256 beats)", BEATS_LOG2);
    end

endmodule

`default_nettype wire
