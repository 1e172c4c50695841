// box: walks a 2-D box row by row and cuts each row into bursts.
//
// Why: the host side of a box is rows `stride` bytes apart in an object, the device side is rows of a surface. Both
// walks happen here, in step; what leaves is one item a burst, with where it lies on either side.
//
// A box is loaded while it is still being judged, as long as `soon` says that it may be next; the command only starts it. Who
// gives `soon` holds the box on the inputs until he has given the command or taken `soon` back for a cycle.
//
// Latency     1 cycle from `soon`, 0 from the command to the first burst.
// Throughput  1 burst a cycle, also from box to box.
// Ordering    left to right, then top to bottom.
// Errors      an offset past 2^32 is marked `beyond`. A box named by `kill` ends with the burst on offer.
`default_nettype none

module box #(
    // data width in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // width of the box number
    parameter SERIAL_W = 8
) (
    input  wire                clk_i,
    input  wire                rst_ni,

    input  wire                cmd_soon_i,     // the box on offer may be next
    input  wire                cmd_valid_i,    // it is
    output wire                cmd_ready_o,    // it is loaded
    input  wire [3:0]          cmd_surface_i,
    input  wire [3:0]          cmd_object_i,
    input  wire [19:0]         cmd_x_i,        // bytes
    input  wire [15:0]         cmd_y_i,        // rows
    input  wire [23:0]         cmd_width_i,    // bytes, at least 1; past 20 bits only of a single row
    input  wire [15:0]         cmd_height_i,   // rows, at least 1
    input  wire [31:0]         cmd_offset_i,   // of the first row in the object, bytes
    input  wire [31:0]         cmd_stride_i,   // bytes from row to row in the object

    input  wire                kill_i,         // cut short the box whose number is kill_serial_i
    input  wire [SERIAL_W-1:0] kill_serial_i,

    output wire                valid_o,
    input  wire                ready_i,
    output wire [3:0]          surface_o,
    output wire [3:0]          object_o,
    output wire [31:0]         offset_o,       // in the object, bytes
    output wire                beyond_o,       // the offset does not fit 32 bits
    output wire [23:0]         x_o,
    output wire [15:0]         y_o,
    output wire [12:0]         bytes_o,
    output wire [7:0]          len_o,
    output wire                last_o,         // last burst of the box
    output wire [SERIAL_W-1:0] serial_o        // number of the box, counts up
);

    reg                loaded_q, active_q;     // the registers hold the box on offer; a box that has been started
    reg [SERIAL_W-1:0] serial_q;
    reg [3:0]          surface_q, object_q;
    reg [19:0]         left_edge_q, width_q;
    reg [23:0]         done_q, left_q;         // of the row
    reg [15:0]         y_q, rows_q;            // rows_q: rows after this one
    reg [31:0]         stride_q;
    reg [32:0]         row_q;                  // offset of the row; bit 32, once set, stays: beyond
    reg [11:0]         low_q;                  // of the offset, for the burst: there without an addition

    wire        row_last;
    wire [12:0] room;                          // bytes of a burst that is not its row's last
    wire        killed   = kill_i && kill_serial_i == serial_q;
    wire        give     = valid_o && ready_i;
    wire        start    = cmd_valid_i && cmd_ready_o;
    wire        load     = cmd_soon_i && !start && (!active_q || (give && last_o));
    wire [32:0] next_row = {1'b0, row_q[31:0]} + {1'b0, stride_q};
    wire [32:0] offset   = {1'b0, row_q[31:0]} + {9'd0, done_q};

    burst #(.DATA_W(DATA_W)) u_burst (
        .offset_i (low_q),
        .left_i   ({|left_q[23:19], left_q[18:0]}),     // more than any burst is enough
        .bytes_o  (bytes_o),
        .room_o   (room),
        .len_o    (len_o),
        .last_o   (row_last)
    );

    assign cmd_ready_o = loaded_q && !active_q;
    assign valid_o     = active_q || (cmd_valid_i && loaded_q);
    assign surface_o   = surface_q;
    assign object_o    = object_q;
    assign offset_o    = {offset[31:12], low_q};
    assign beyond_o    = row_q[32] | offset[32];
    assign x_o         = {4'd0, left_edge_q} + done_q;
    assign y_o         = y_q;
    assign last_o      = (row_last && rows_q == 16'd0) || killed;
    assign serial_o    = serial_q;

    wire unused = &{1'b0, offset[11:0]};

    wire wake = load || loaded_q || give || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                loaded_q <= 1'b0;
                active_q <= 1'b0;
                serial_q <= {SERIAL_W{1'b0}};
            end else begin
                loaded_q <= load;
                active_q <= (start || active_q) && !(give && last_o);
                serial_q <= serial_q + {{(SERIAL_W - 1){1'b0}}, give && last_o};
            end

            if (load) begin
                surface_q   <= cmd_surface_i;
                object_q    <= cmd_object_i;
                left_edge_q <= cmd_x_i;
                width_q     <= cmd_width_i[19:0];
                left_q      <= cmd_width_i;
                y_q         <= cmd_y_i;
                rows_q      <= cmd_height_i - 1'b1;
                stride_q    <= cmd_stride_i;
                row_q       <= {1'b0, cmd_offset_i};
                low_q       <= cmd_offset_i[11:0];
            end else if (give && row_last) begin
                left_q   <= {4'd0, width_q};
                y_q      <= y_q + 1'b1;
                rows_q   <= rows_q - 1'b1;
                row_q    <= {next_row[32] | row_q[32], next_row[31:0]};
                low_q    <= next_row[11:0];
            end else if (give) begin
                left_q   <= left_q - {11'd0, room};
                low_q    <= low_q + room[11:0];
            end

            if (load || (give && row_last))
                done_q <= 24'd0;
            else if (give)
                done_q <= done_q + {11'd0, room};
        end

endmodule

`default_nettype wire
