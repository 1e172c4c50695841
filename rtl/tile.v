// tile: in which tile of a surface byte (x, y) lies, and where in it.
//
// Why: device memory is opaque; the one rule that says which device byte is which picture byte stands here and in
// tile_address, which makes the address of it, and nowhere else in the hardware. It is cut there, so that a FIFO may stand
// between and the multiplier begins at flops. Its twin in software is models/surface.py.
//
// A tile is 4096 bytes: 64 units of 64 bytes; the bytes inside a unit stay in order. What is 4096 bytes of a LINEAR row is
// called a tile here too.
//
// Latency     combinational.
// Throughput  -
// Ordering    none.
// Errors      none: whether (x, y) is inside is not looked at.
`default_nettype none
`include "faultline.vh"

module tile (
    // {columns, valid, layout, bytes_per_pixel, height, row_bytes, base_page}, see csr_tables
    input  wire [78:0] surface_i,
    input  wire [23:0] x_i,        // byte in the row; of a linear surface also past its end, into the rows behind
    input  wire [15:0] y_i,        // row
    // {row of units or tiles, units or tiles a row, base_page, tile in its row, byte in the tile's row, row in the tile, layout}
    output wire [82:0] spot_o
);
    wire [14:0] columns   = surface_i[78:64];
    wire [1:0]  layout    = surface_i[62:61];
    wire [19:0] base_page = surface_i[19:0];

    reg  [15:0] row;
    reg  [12:0] across;

    always @* begin
        case (layout)
            `FL_LAYOUT_X_TILED: begin
                row    = {3'b0, y_i[15:3]};
                across = {2'b0, x_i[19:9]};
            end
            `FL_LAYOUT_Y_TILED: begin
                row    = {5'b0, y_i[15:5]};
                across = x_i[19:7];
            end
            `FL_LAYOUT_MORTON: begin
                row    = {4'b0, y_i[15:4]};
                across = {1'b0, x_i[19:8]};
            end
            default: begin  // LINEAR
                row    = y_i;
                across = {1'b0, x_i[23:12]};
            end
        endcase
    end

    assign spot_o = {row, columns, base_page, across, x_i[11:0], y_i[4:0], layout};

    // Which entries may be used, and the box's limits, are dispatch's to check.
    wire unused = &{1'b0, surface_i[63], surface_i[60:20]};

endmodule

`default_nettype wire
