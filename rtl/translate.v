// translate: bursts in object space become bursts on the bus, or the end of their box with the reason.
//
// Why: the one place where a burst meets its translation. A burst whose page may not be touched, and every burst of the
// same box behind it, goes no further; what leaves for them is a single item without data that ends the box.
//
//   box -> u_box (rows, bursts) -+-> walker --+-> here: joined again -> mover
//                                +-> u_info --+
//
// Latency     4 cycles from command to the first burst on a hit.
// Throughput  1 burst a cycle on hits.
// Ordering    bursts in order; exactly one item with `last` a box.
// Errors      in-band: {data 0, last 1, cause, address}. `fail_i` says that the mover itself has seen box fail_serial_i
//             fail: a cycle later it is cut short with cause 0 and the mover supplies its own. `abort_i` cuts short whatever comes.
`default_nettype none
`include "faultline.vh"

module translate #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W   = 64,
    // width of the box number
    parameter SERIAL_W = 8
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire                abort_i,

    input  wire                cmd_soon_i,         // see box
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

    output wire                req_valid_o,        // to the walker
    input  wire                req_ready_i,
    output wire [3:0]          req_object_o,
    output wire [19:0]         req_page_o,
    output wire                req_beyond_o,
    input  wire                rsp_valid_i,
    output wire                rsp_ready_o,
    input  wire [39:0]         rsp_frame_i,
    input  wire [8:0]          rsp_index_i,
    input  wire [7:0]          rsp_cause_i,

    input  wire                fail_i,
    input  wire [SERIAL_W-1:0] fail_serial_i,

    output wire                valid_o,
    input  wire                ready_i,
    output wire                data_o,             // 1: a burst for the bus; 0: only the end of a box
    output wire                last_o,             // ends the box
    output wire [7:0]          cause_o,            // of a box that ends without data
    output wire [51:0]         address_o,          // bus address of the burst, or what the cause asks for
    output wire [12:0]         bytes_o,
    output wire [7:0]          len_o,
    output wire [3:0]          surface_o,
    output wire [23:0]         x_o,
    output wire [15:0]         y_o,
    output wire [SERIAL_W-1:0] serial_o,
    output wire                busy_o,             // a box is offered or some of it has not gone on
    output wire                wait_o              // a burst waits for its translation
);

    localparam INFO_W = 32 + 13 + 8 + 4 + 24 + 16 + 1 + SERIAL_W;

    // ------------------------------------------------------------------------------------------ fork
    wire                b_valid, b_ready, b_last, info_ready;
    wire [3:0]          b_surface;
    wire [31:0]         b_offset;
    wire [23:0]         b_x;
    wire [15:0]         b_y;
    wire [12:0]         b_bytes;
    wire [7:0]          b_len;
    wire [SERIAL_W-1:0] b_serial;

    reg                 dead_q;                    // the box whose bursts come now has failed
    reg [SERIAL_W-1:0]  dead_serial_q;
    reg [7:0]           cause_q;
    reg [51:0]          address_q;

    box #(.DATA_W(DATA_W), .SERIAL_W(SERIAL_W)) u_box (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
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
        .kill_i        (dead_q),
        .kill_serial_i (dead_serial_q),
        .valid_o       (b_valid),
        .ready_i       (b_ready),
        .surface_o     (b_surface),
        .object_o      (req_object_o),
        .offset_o      (b_offset),
        .beyond_o      (req_beyond_o),
        .x_o           (b_x),
        .y_o           (b_y),
        .bytes_o       (b_bytes),
        .len_o         (b_len),
        .last_o        (b_last),
        .serial_o      (b_serial)
    );

    assign req_valid_o = b_valid && info_ready;
    assign req_page_o  = b_offset[31:12];
    assign b_ready     = req_ready_i && info_ready;

    // ------------------------------------------------------------------------------------------ join
    wire        info_valid;
    wire [31:0] offset;
    wire        last;
    wire        take;

    /* verilator lint_off PINCONNECTEMPTY */
    fifo #(.WIDTH(INFO_W), .DEPTH_LOG2(3)) u_info (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (b_valid && req_ready_i),
        .ready_o (info_ready),
        .data_i  ({b_offset, b_bytes, b_len, b_surface, b_x, b_y, b_last, b_serial}),
        .valid_o (info_valid),
        .ready_i (take),
        .data_o  ({offset, bytes_o, len_o, surface_o, x_o, y_o, last, serial_o}),
        .count_o ()
    );
    /* verilator lint_on PINCONNECTEMPTY */

    wire       joined    = info_valid && rsp_valid_i;
    reg        failed_q;                           // the mover has seen the box of what is next fail
    wire       refused   = rsp_cause_i != `FL_CAUSE_NONE;
    wire       on_bus    = rsp_cause_i == `FL_CAUSE_WALK_ERROR || rsp_cause_i == `FL_CAUSE_WATCHDOG;
    wire [7:0] cause_now = abort_i ? `FL_CAUSE_ABORTED : failed_q ? `FL_CAUSE_NONE : rsp_cause_i;

    assign data_o    = !dead_q && !abort_i && !failed_q && !refused;
    assign last_o    = last;
    assign cause_o   = data_o ? `FL_CAUSE_NONE : dead_q ? cause_q : cause_now;
    assign address_o = data_o ? {rsp_frame_i, offset[11:0]} :
                       dead_q ? address_q :
                       on_bus ? {rsp_frame_i, rsp_index_i, 3'd0} : {20'd0, offset};

    assign valid_o     = joined && (data_o || last);
    assign take        = joined && (ready_i || !(data_o || last));
    assign rsp_ready_o = take;
    assign wait_o      = info_valid && !rsp_valid_i;
    assign busy_o      = cmd_valid_i || b_valid || info_valid;

    wire wake = take || fail_i || failed_q || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                dead_q   <= 1'b0;
                failed_q <= 1'b0;
            end else begin
                failed_q <= fail_i && info_valid && fail_serial_i == serial_o && !(take && last);
                if (take)
                    dead_q <= !data_o && !last;
            end

            if (take && !dead_q) begin
                dead_serial_q <= serial_o;
                cause_q       <= cause_now;
                address_q     <= address_o;
            end
        end

endmodule

`default_nettype wire
