// csr_tables: the surface table and the object table, with lookup ports beside the driver's access.
//
// Why: descriptors name surfaces and objects by number; every block that needs an entry looks it up here in the same
// cycle, and the length of a row is multiplied once, when the entry is written.
//
// Latency     a write shows in the lookups the cycle after; lookups and reads are combinational.
// Throughput  one write a cycle, every lookup port every cycle.
// Ordering    none: tables.
// Errors      a surface whose pixel size is not 1 to 16 bytes is looked up as not valid.
`default_nettype none
`include "faultline.vh"

module csr_tables #(
    // surface lookup ports
    parameter LOOKUPS = 6
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,           // hardware reset, synchronous, active low

    input  wire                  write_i,          // pulse
    input  wire [15:0]           wr_address_i,     // of the register, a multiple of 4; others' addresses are ignored
    input  wire [31:0]           wr_mask_i,        // bits covered by strobes
    input  wire [31:0]           wr_set_i,         // bits covered by strobes and written as 1
    input  wire [15:0]           rd_address_i,     // inside one of the tables
    output wire [31:0]           rd_data_o,

    input  wire [LOOKUPS*4-1:0]  surface_index_i,
    // each {valid, layout[1:0], bytes_per_pixel[4:0], height[15:0], row_bytes[19:0], base_page[19:0]}
    output wire [LOOKUPS*64-1:0] surface_o,
    input  wire [3:0]            object_index_i,
    output wire [74:0]           object_o          // {valid, two_level, pages[20:0], root[63:12]}
);
    localparam SURFACE_SHIFT = $clog2(`FL_STRIDE_SURFACE);
    localparam OBJECT_SHIFT  = $clog2(`FL_STRIDE_OBJECT);

    reg  [19:0] surface_page_q   [0:`FL_COUNT_SURFACE-1];
    reg  [31:0] surface_extent_q [0:`FL_COUNT_SURFACE-1];  // {height, width}
    reg  [7:0]  surface_format_q [0:`FL_COUNT_SURFACE-1];  // {valid, layout, bytes_per_pixel}
    reg  [19:0] surface_row_q    [0:`FL_COUNT_SURFACE-1];  // width * bytes_per_pixel
    reg  [51:0] object_root_q    [0:`FL_COUNT_OBJECT-1];
    reg  [22:0] object_config_q  [0:`FL_COUNT_OBJECT-1];   // {valid, two_level, pages}

    wire        wr_surface     = write_i && wr_address_i - `FL_ADDR_SURFACE < `FL_COUNT_SURFACE * `FL_STRIDE_SURFACE;
    wire        wr_object      = write_i && wr_address_i - `FL_ADDR_OBJECT  < `FL_COUNT_OBJECT  * `FL_STRIDE_OBJECT;
    wire        rd_surface     = rd_address_i - `FL_ADDR_SURFACE < `FL_COUNT_SURFACE * `FL_STRIDE_SURFACE;

    // Both tables start at multiples of their size, so entry and offset are plain address bits.
    wire [3:0]  wr_surface_no  = wr_address_i[SURFACE_SHIFT +: 4];
    wire [3:0]  wr_object_no   = wr_address_i[OBJECT_SHIFT +: 4];
    wire [3:0]  rd_surface_no  = rd_address_i[SURFACE_SHIFT +: 4];
    wire [3:0]  rd_object_no   = rd_address_i[OBJECT_SHIFT +: 4];
    wire [15:0] wr_surface_off = wr_address_i & (`FL_STRIDE_SURFACE - 16'd1);
    wire [15:0] wr_object_off  = wr_address_i & (`FL_STRIDE_OBJECT - 16'd1);

    // The entry as it will be; the row length follows whichever factor was written.
    wire [31:0] extent_old = surface_extent_q[wr_surface_no];
    wire [7:0]  format_old = surface_format_q[wr_surface_no];
    wire [31:0] extent_d   = (wr_surface_off == `FL_OFFSET_SURFACE_EXTENT) ? (extent_old & ~wr_mask_i) | wr_set_i : extent_old;
    wire [7:0]  format_d   = (wr_surface_off != `FL_OFFSET_SURFACE_FORMAT) ? format_old
                           : (format_old & ~{wr_mask_i[31], wr_mask_i[9:8], wr_mask_i[4:0]}) | {wr_set_i[31], wr_set_i[9:8], wr_set_i[4:0]};
    wire [19:0] row_d      = {4'b0, extent_d[15:0]} * {15'b0, format_d[4:0]};  // exact up to 16 bytes a pixel

    integer n;
    always @(posedge clk_i) begin
        if (!rst_ni) begin
            for (n = 0; n < `FL_COUNT_SURFACE; n = n + 1) begin
                surface_page_q[n]   <= 20'b0;
                surface_extent_q[n] <= 32'b0;
                surface_format_q[n] <= 8'b0;
                surface_row_q[n]    <= 20'b0;
            end
        end else if (wr_surface) begin
            if (wr_surface_off == `FL_OFFSET_SURFACE_BASE)
                surface_page_q[wr_surface_no] <= (surface_page_q[wr_surface_no] & ~wr_mask_i[31:12]) | wr_set_i[31:12];
            surface_extent_q[wr_surface_no] <= extent_d;
            surface_format_q[wr_surface_no] <= format_d;
            surface_row_q[wr_surface_no]    <= row_d;
        end
    end

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            for (n = 0; n < `FL_COUNT_OBJECT; n = n + 1) begin
                object_root_q[n]   <= 52'b0;
                object_config_q[n] <= 23'b0;
            end
        end else if (wr_object) begin
            case (wr_object_off)
                `FL_OFFSET_OBJECT_ROOT_LO:
                    object_root_q[wr_object_no][19:0]  <= (object_root_q[wr_object_no][19:0] & ~wr_mask_i[31:12]) | wr_set_i[31:12];
                `FL_OFFSET_OBJECT_ROOT_HI:
                    object_root_q[wr_object_no][51:20] <= (object_root_q[wr_object_no][51:20] & ~wr_mask_i) | wr_set_i;
                `FL_OFFSET_OBJECT_CONFIG:
                    object_config_q[wr_object_no] <= (object_config_q[wr_object_no] & ~{wr_mask_i[31:30], wr_mask_i[20:0]})
                                                   | {wr_set_i[31:30], wr_set_i[20:0]};
                default: ;
            endcase
        end
    end

    genvar p;
    generate
        for (p = 0; p < LOOKUPS; p = p + 1) begin : g_lookup
            wire [3:0]  index  = surface_index_i[4*p +: 4];
            wire [7:0]  format = surface_format_q[index];
            wire [31:0] extent = surface_extent_q[index];
            wire        unused = &{1'b0, extent[15:0]};  // the width is in the row length
            wire        usable = format[7] && format[4:0] != 5'd0 && format[4:0] <= 5'd16;

            assign surface_o[64*p +: 64] = {usable, format[6:0], extent[31:16], surface_row_q[index], surface_page_q[index]};
        end
    endgenerate

    assign object_o = {object_config_q[object_index_i], object_root_q[object_index_i]};

    // ------------------------------------------------------------------------------------------ reads
    wire [19:0] rd_page   = surface_page_q[rd_surface_no];
    wire [31:0] rd_extent = surface_extent_q[rd_surface_no];
    wire [7:0]  rd_format = surface_format_q[rd_surface_no];
    wire [51:0] rd_root   = object_root_q[rd_object_no];
    wire [22:0] rd_config = object_config_q[rd_object_no];
    reg  [31:0] rd_data;

    assign rd_data_o = rd_data;

    always @* begin
        if (rd_surface)
            case (rd_address_i & (`FL_STRIDE_SURFACE - 16'd1))
                `FL_OFFSET_SURFACE_BASE:   rd_data = {rd_page, 12'b0};
                `FL_OFFSET_SURFACE_EXTENT: rd_data = rd_extent;
                `FL_OFFSET_SURFACE_FORMAT: rd_data = {rd_format[7], 21'b0, rd_format[6:5], 3'b0, rd_format[4:0]};
                default:                   rd_data = 32'b0;
            endcase
        else
            case (rd_address_i & (`FL_STRIDE_OBJECT - 16'd1))
                `FL_OFFSET_OBJECT_ROOT_LO: rd_data = {rd_root[19:0], 12'b0};
                `FL_OFFSET_OBJECT_ROOT_HI: rd_data = rd_root[51:20];
                `FL_OFFSET_OBJECT_CONFIG:  rd_data = {rd_config[22:21], 9'b0, rd_config[20:0]};
                default:                   rd_data = 32'b0;
            endcase
    end

endmodule

`default_nettype wire
