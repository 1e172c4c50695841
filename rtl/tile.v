// tile: where byte (x, y) of a surface lies in device memory.
//
// Why: device memory is opaque; the one rule that says which device byte is which picture byte stands here and
// nowhere else in the hardware. Its twin in software is models/surface.py.
//
// A device unit is 64 bytes. A tile is 64 units; the bytes inside a unit stay in order, so an access that does not
// cross a multiple of 64 in x needs one lookup. The bank hash folds higher unit-number bits into the two that
// choose the bank, so that walking down a column does not stay on one bank.
//
// Latency     combinational, or with STAGED one register between the multiplier and the rest, loaded with load_i.
// Throughput  one lookup for each (x, y) presented.
// Ordering    none.
// Errors      an address past 32 bits saturates to the last unit of the 4 GiB space, which device_memory refuses;
//             it never wraps around into somebody else's bytes. Whether (x, y) is inside is not looked at.
`default_nettype none
`include "faultline.vh"

module tile #(
    // 1: a register inside
    parameter STAGED = 0
) (
    input  wire        clk_i,
    input  wire        load_i,     // take surface, x and y into the register
    input  wire [63:0] surface_i,  // {valid, layout, bytes_per_pixel, height, row_bytes, base_page}, see csr
    input  wire [31:0] x_i,        // byte in the row; of a linear surface also past its end, into the rows behind
    input  wire [15:0] y_i,        // row
    output wire [31:0] address_o   // device byte address
);
    wire [1:0]  layout    = surface_i[62:61];
    wire [19:0] row_bytes = surface_i[39:20];
    wire [19:0] base_page = surface_i[19:0];

    // Units or tiles a row, rounded up; rows are rounded up the same way by the tile's own height.
    wire [14:0] units_64  = {1'b0, row_bytes[19:6]} + {14'b0, |row_bytes[5:0]};
    wire [14:0] tiles_512 = {4'b0, row_bytes[19:9]} + {14'b0, |row_bytes[8:0]};
    wire [14:0] tiles_128 = {2'b0, row_bytes[19:7]} + {14'b0, |row_bytes[6:0]};
    wire [14:0] tiles_256 = {3'b0, row_bytes[19:8]} + {14'b0, |row_bytes[7:0]};

    wire [25:0] u = x_i[31:6];

    reg  [14:0] columns;  // units or tiles side by side
    reg  [15:0] row;      // row of units or of tiles
    reg  [25:0] column;   // unit or tile in that row
    reg  [5:0]  unit;     // unit in the tile

    always @* begin
        case (layout)
            `FL_LAYOUT_X_TILED: begin
                columns = tiles_512;
                row     = {3'b0, y_i[15:3]};
                column  = {15'b0, x_i[19:9]};
                unit    = {y_i[2:0], u[2:0]};
            end
            `FL_LAYOUT_Y_TILED: begin
                columns = tiles_128;
                row     = {5'b0, y_i[15:5]};
                column  = {13'b0, x_i[19:7]};
                unit    = {u[0], y_i[4:0]};
            end
            `FL_LAYOUT_MORTON: begin
                columns = tiles_256;
                row     = {4'b0, y_i[15:4]};
                column  = {14'b0, x_i[19:8]};
                unit    = {y_i[3], y_i[2], u[1], y_i[1], u[0], y_i[0]};
            end
            default: begin  // LINEAR
                columns = units_64;
                row     = y_i;
                column  = u;
                unit    = 6'd0;
            end
        endcase
    end

    // One multiplier for all layouts. Inside a surface product plus column is below 2^31 and stays exact.
    wire [30:0] row_start = row * {16'b0, columns};
    wire        flat      = layout == `FL_LAYOUT_LINEAR;

    // ------------------------------------------------------------------------------------------ the register
    localparam STAGE_W = 31 + 26 + 6 + 1 + 20 + 6;
    wire [STAGE_W-1:0] stage_in = {row_start, column, unit, flat, base_page, x_i[5:0]};
    wire [STAGE_W-1:0] stage_out;
    generate
        if (STAGED) begin : g_stage
            reg [STAGE_W-1:0] stage_q;
            always @(posedge clk_i)
                if (load_i)
                    stage_q <= stage_in;
            assign stage_out = stage_q;
        end else begin : g_through
            wire unused_clock = &{1'b0, clk_i, load_i};
            assign stage_out = stage_in;
        end
    endgenerate

    wire [30:0] start;
    wire [25:0] across;
    wire [5:0]  in_tile, byte_in_unit;
    wire        linear;
    wire [19:0] page;
    assign {start, across, in_tile, linear, page, byte_in_unit} = stage_out;

    // ------------------------------------------------------------------------------------------ the address
    wire [30:0] block  = start + {5'b0, across};
    wire [36:0] number = linear ? {6'b0, block} : {block, in_tile};

    wire [1:0]  hash   = linear ? 2'b00
                       : number[3:2] ^ number[5:4] ^ number[7:6] ^ number[9:8];
    wire [36:0] place  = {number[36:2], number[1:0] ^ hash};

    // In units of 64 bytes: bits 25:0 are inside 4 GiB.
    wire [37:0] absolute = {1'b0, place} + {12'b0, page, 6'b0};
    wire        beyond   = |absolute[37:26];

    assign address_o = {beyond ? {26{1'b1}} : absolute[25:0], byte_in_unit};

    // Which entries may be used, and the box's limits, are dispatch's to check.
    wire unused = &{1'b0, surface_i[63], surface_i[60:40]};

endmodule

`default_nettype wire
