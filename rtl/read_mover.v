// read_mover: host memory to device memory (WRITEBACK).
//
// Why: the reading half of the DMA. Addresses run ahead of data by as many bursts as the table of places holds; a read
// is only asked for when its data has room here, so the bus never waits for us and the two movers cannot block each other.
//
//   translate -> AR                                  R -> u_data -> realign -> tile -> device memory -> done
//            `-> u_runs (lanes, for realign)               ^                    ^
//            `-> u_places (where it goes, what ends) ------+--------------------+
//
// Latency     AR 1 cycle after the translation; device write 2 cycles after its beat.
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
    // log2 of the beats of data there is room for; at least one longest burst (256)
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
    input  wire [31:0]         cmd_width_i,
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
    input  wire [63:0]         surface_i,

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
    localparam SERIAL_W = 8;
    localparam BEATS    = 1 << BEATS_LOG2;
    localparam RUN_W    = 2 * LANE_W + 13;
    localparam PLACE_W  = 1 + 1 + 8 + 64 + 13 + 4 + 32 + 16 + SERIAL_W;

    // ------------------------------------------------------------------------------------------ issue
    wire                t_valid, t_data, t_last, t_busy;
    wire [7:0]          t_cause, t_len;
    wire [63:0]         t_address;
    wire [12:0]         t_bytes;
    wire [3:0]          t_surface;
    wire [31:0]         t_x;
    wire [15:0]         t_y;
    wire [SERIAL_W-1:0] t_serial;

    reg                 bad_q;                      // the box whose places come now has failed
    reg  [SERIAL_W-1:0] bad_serial_q;               // which box that is
    wire                place_valid;
    wire [SERIAL_W-1:0] place_serial;

    wire                runs_ready, places_ready;
    reg  [BEATS_LOG2:0] room_q;                     // beats of u_data nobody has been promised
    wire                room  = {{(24 - BEATS_LOG2){1'b0}}, room_q} > {17'd0, t_len};
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
        .surface_o     (t_surface),
        .x_o           (t_x),
        .y_o           (t_y),
        .serial_o      (t_serial),
        .busy_o        (t_busy),
        .wait_o        (wait_translation_o)
    );

    assign ar_valid_o    = t_valid && t_data && able;
    assign ar_address_o  = {t_address[63:LANE_W], {LANE_W{1'b0}}};
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

    wire        place_pop, place_data, place_last;
    wire [BURSTS_LOG2:0] places;                    // bursts and ends under way
    wire [7:0]  place_cause;
    wire [63:0] place_address;
    wire [12:0] place_bytes;
    wire [31:0] place_x;
    wire [15:0] place_y;

    fifo #(.WIDTH(PLACE_W), .DEPTH_LOG2(BURSTS_LOG2)) u_places (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (issue),
        .ready_o (places_ready),
        .data_i  ({t_data, t_last, t_cause, t_address, t_bytes, t_surface, t_x, t_y, t_serial}),
        .valid_o (place_valid),
        .ready_i (place_pop),
        .data_o  ({place_data, place_last, place_cause, place_address, place_bytes, surface_index_o, place_x, place_y,
                   place_serial}),
        .count_o (places)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    // A beat with an error waits until the words that leave are of its own burst, so that one flag is enough.
    reg                 started_q;                  // a beat of the run under way has been taken
    reg  [8:0]          word_q;                     // words of the burst already placed, at most 256
    wire                beat_error = data_resp != 2'd0;
    wire                hold_back  = beat_error && !(place_valid && place_data && (started_q || word_q == 9'd0));
    wire                in_ready, out_valid, out_last, out_ready;
    wire [DATA_W-1:0]   out_data;
    wire [DATA_W/8-1:0] out_strb;

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
        .out_valid_o       (out_valid),
        .out_ready_i       (out_ready),
        .out_data_o        (out_data),
        .out_strb_o        (out_strb),
        .out_last_o        (out_last)
    );

    // ------------------------------------------------------------------------------------------ place
    wire [31:0] x = {place_x[31:LANE_W], {LANE_W{1'b0}}} + ({23'd0, word_q} << LANE_W);
    wire        word, finish;

    tile #(.STAGED(1)) u_tile (.clk_i(clk_i), .load_i(word || finish), .surface_i(surface_i), .x_i(x), .y_i(place_y),
                               .address_o(wr_address_o));

    reg                w_valid_q, w_write_q, w_end_q;
    reg [DATA_W-1:0]   w_data_q;
    reg [DATA_W/8-1:0] w_strb_q;
    reg [7:0]          w_cause_q;
    reg [63:0]         w_fault_q;
    reg [31:0]         bytes_q, w_bytes_q;
    reg [7:0]          bad_cause_q;
    reg [63:0]         bad_address_q;

    wire ends_fit;                                  // an end waits for its turn apart, so that it holds no data up
    wire w_leave  = w_valid_q && (!w_write_q || wr_ready_i) && (!w_end_q || ends_fit);
    wire w_free   = !w_valid_q || w_leave;
    assign word   = place_valid && place_data && out_valid && w_free;   // a word moves on
    assign finish = place_valid && !place_data && w_free;               // an end without data moves on
    assign out_ready = place_valid && place_data && w_free;
    assign place_pop = (word && out_last) || finish;

    wire       error_now = data_valid && data_ready && beat_error;      // of this box, see hold_back
    wire       bad       = bad_q || error_now || (word && abort_i);
    wire [7:0] bad_cause = bad_q ? bad_cause_q : !error_now ? `FL_CAUSE_ABORTED :
                           data_resp == 2'd1 ? `FL_CAUSE_WATCHDOG : `FL_CAUSE_BUS_ERROR;
    wire [63:0] bad_address = bad_q ? bad_address_q : place_address;
    wire [31:0] bytes = bytes_q + ((place_data && out_last && !bad) ? {19'd0, place_bytes} : 32'd0);

    assign wr_valid_o     = w_valid_q && w_write_q && (!w_end_q || ends_fit);
    assign wr_data_o      = w_data_q;
    assign wr_strb_o      = w_strb_q;
    assign busy_o         = t_busy || |places || w_valid_q || done_valid_o;
    assign beat_o         = r_valid_i;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(8 + 64 + 32), .DEPTH_LOG2(4)) u_ends (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (w_leave && w_end_q),
        .ready_o (ends_fit),
        .data_i  ({w_cause_q, w_fault_q, w_bytes_q}),
        .valid_o (done_valid_o),
        .ready_i (done_ready_i),
        .data_o  ({done_cause_o, done_address_o, done_bytes_o}),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    wire unused = &{1'b0, data_fits, place_x[LANE_W-1:0]};

    wire wake = issue || place_valid || w_valid_q || (data_valid && data_ready) || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                room_q    <= BEATS[BEATS_LOG2:0];
                word_q    <= 9'd0;
                started_q <= 1'b0;
                w_valid_q <= 1'b0;
                bad_q     <= 1'b0;
                bytes_q   <= 32'd0;
            end else begin
                room_q <= room_q - ((issue && t_data) ? {{(BEATS_LOG2 - 8){1'b0}}, {1'b0, t_len} + 9'd1} : {(BEATS_LOG2 + 1){1'b0}})
                                 + {{BEATS_LOG2{1'b0}}, data_valid && data_ready};
                if (data_valid && data_ready)
                    started_q <= !run_ready;
                if (word)
                    word_q <= out_last ? 9'd0 : word_q + 1'b1;
                if (word || finish)
                    w_valid_q <= 1'b1;
                else if (w_leave)
                    w_valid_q <= 1'b0;

                bad_q   <= bad && !(place_pop && place_last);
                bytes_q <= !place_pop ? bytes_q : place_last ? 32'd0 : bytes;
            end

            if (word || finish) begin
                w_write_q   <= word && !bad;
                w_end_q     <= place_pop && place_last;
                w_data_q    <= out_data;
                w_strb_q    <= out_strb;
                w_cause_q   <= bad ? bad_cause : place_cause;
                w_fault_q   <= (bad || place_cause != `FL_CAUSE_NONE) ? (bad ? bad_address : place_address) : 64'd0;
                w_bytes_q   <= bytes;
            end
            if (bad && !bad_q) begin
                bad_cause_q   <= bad_cause;
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
