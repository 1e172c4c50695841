// tile_row: tile and tile_address as their users wire them, for their bench.
`default_nettype none

module tile_row #(
    // width of a word in bits
    parameter DATA_W = 64
) (
    input  wire        clk_i,
    input  wire        load_i,     // take surface, x and y
    input  wire        step_i,     // go on by a word
    input  wire [78:0] surface_i,
    input  wire [23:0] x_i,
    input  wire [15:0] y_i,
    output wire [31:0] address_o
);
    wire [82:0] spot;

    tile u_tile (.surface_i(surface_i), .x_i(x_i), .y_i(y_i), .spot_o(spot));

    tile_address #(.DATA_W(DATA_W)) u_tile_address (.clk_i(clk_i), .load_i(load_i), .spot_i(spot), .step_i(step_i),
                                                    .address_o(address_o));

endmodule

`default_nettype wire
