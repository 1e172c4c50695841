// tile_address: the device address of a spot that tile has found, and of the words to the right of it.
//
// Why: the second half of the rule of tile. A row of words needs the multiplier once; from word to word only the place in
// the tile and the tile change. The bank hash folds higher unit-number bits into the two that choose the bank, so that
// walking down a column does not stay on one bank.
//
// Latency     1 cycle from load_i or step_i to the address.
// Throughput  one spot or step a cycle.
// Ordering    none.
// Errors      an address past 32 bits has bit 31 set, and device_memory refuses it; it never wraps around into somebody
//             else's bytes.
`default_nettype none
`include "faultline.vh"

module tile_address #(
    // width of a word in bits: 64, 128, 256 or 512
    parameter DATA_W = 64
) (
    input  wire        clk_i,
    input  wire        load_i,     // take the spot
    input  wire [82:0] spot_i,     // see tile
    input  wire        step_i,     // go on to the next word to the right; not with load_i
    output wire [31:0] address_o   // device byte address
);
    localparam BYTES  = DATA_W / 8;
    localparam LANE_W = $clog2(BYTES);

    wire [15:0] row;
    wire [14:0] columns;
    wire [19:0] base_page;
    wire [12:0] across;
    wire [11:0] x;
    wire [4:0]  y;
    wire [1:0]  layout;
    assign {row, columns, base_page, across, x, y, layout} = spot_i;

    reg  [30:0] start_q;   // units or tiles before this row
    reg  [20:0] page_q;    // base_page and tile in its row, added
    reg  [3:0]  across_q;  // low bits of the tile in its row
    reg  [11:0] x_q;       // byte in the tile's row; may run over
    reg  [4:0]  y_q;
    reg  [1:0]  layout_q;

    // ------------------------------------------------------------------------------------------ from word to word
    reg         leaves;    // the next word is in the next tile
    reg  [5:0]  unit;      // unit in the tile
    wire [5:0]  u      = x_q[11:6];
    wire        linear = layout_q == `FL_LAYOUT_LINEAR;

    always @* begin
        case (layout_q)
            `FL_LAYOUT_X_TILED: begin
                leaves = &x_q[8:LANE_W];
                unit   = {y_q[2:0], u[2:0]};
            end
            `FL_LAYOUT_Y_TILED: begin
                leaves = &x_q[6:LANE_W];
                unit   = {u[0], y_q[4:0]};
            end
            `FL_LAYOUT_MORTON: begin
                leaves = &x_q[7:LANE_W];
                unit   = {y_q[3], y_q[2], u[1], y_q[1], u[0], y_q[0]};
            end
            default: begin  // LINEAR
                leaves = &x_q[11:LANE_W];
                unit   = u;
            end
        endcase
    end

    always @(posedge clk_i)
        if (load_i) begin
            start_q  <= row * {16'b0, columns};   // one multiplier for all layouts, exact
            page_q   <= {1'b0, base_page} + {8'b0, across};
            across_q <= across[3:0];
            x_q      <= x;
            y_q      <= y;
            layout_q <= layout;
        end else if (step_i) begin
            page_q   <= page_q + {20'b0, leaves};
            across_q <= across_q + {3'b0, leaves};
            x_q      <= x_q + BYTES[11:0];
        end

    // ------------------------------------------------------------------------------------------ the address
    // In LINEAR surfaces units are counted, in others tiles. No sum is above 2^31.
    wire [30:0] number = start_q + (linear ? {4'b0, page_q, u} : {10'b0, page_q});
    wire        beyond = linear ? |number[30:26] : |number[30:20];
    wire [19:0] page   = linear ? number[25:6] : number[19:0];

    wire [3:0]  block  = start_q[3:0] + across_q;
    wire [1:0]  hash   = unit[3:2] ^ unit[5:4] ^ block[1:0] ^ block[3:2];
    wire [5:0]  place  = linear ? number[5:0] : {unit[5:2], unit[1:0] ^ hash};

    assign address_o = {page[19] | beyond, page[18:0], place, x_q[5:0]};

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
    end

endmodule

`default_nettype wire
