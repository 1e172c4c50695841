// csr_tables: the surface table and the object table, as whoever executes descriptors looks them up.
//
// Why: descriptors name surfaces and objects by number; every block that needs an entry looks it up here in the same
// cycle, and what costs arithmetic (the length of a row in bytes and in tiles, whether an entry is of use) is worked out
// once, when the entry is written. The tables are small RAMs without reset, one copy a port: csr writes 0 to all entries after a reset, and
// answers the driver's reads from a memory of its own.
//
// Latency     a write shows in the lookups 2 cycles after write_i, in columns, row_bytes and a surface's valid 5 cycles
//             after; lookups are combinational.
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

    input  wire                  clear_i,          // write all of entry clear_index_i in both tables
    input  wire [3:0]            clear_index_i,
    input  wire                  write_i,          // pulse
    input  wire [15:0]           wr_address_i,     // of the register, a multiple of 4; others' addresses are ignored
    input  wire [31:0]           wr_data_i,        // of the write, the cycle after it; 0 to clear
    input  wire [3:0]            wr_strb_i,        // of the write, the cycle after it; all 1 to clear
    output wire                  object_written_o, // pulse: a write to the object table takes effect in this cycle
    output wire                  busy_o,           // a surface that was written is not in the lookups yet

    input  wire [LOOKUPS*4-1:0]  surface_index_i,
    // each {columns[14:0], valid, layout[1:0], bytes_per_pixel[4:0], height[15:0], row_bytes[19:0], base_page[19:0]};
    // columns are units (LINEAR) or tiles a row, rounded up
    output wire [LOOKUPS*79-1:0] surface_o,
    input  wire [3:0]            object_index_i,
    output wire [74:0]           object_o          // {valid, two_level, pages[20:0], root[63:12]}
);
    localparam SURFACE_SHIFT = $clog2(`FL_STRIDE_SURFACE);
    localparam OBJECT_SHIFT  = $clog2(`FL_STRIDE_OBJECT);

    // An array for each byte lane, because a RAM of this size is written whole.
    (* ram_style = "distributed" *) reg  [3:0]  page1_q   [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  page2_q   [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  page3_q   [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  width0_q  [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  width1_q  [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  height2_q [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [7:0]  height3_q [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [4:0]  pixel0_q  [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [1:0]  layout1_q [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg         valid3_q  [0:`FL_COUNT_SURFACE-1];
    (* ram_style = "distributed" *) reg  [35:0] row_q     [0:`FL_COUNT_SURFACE-1];  // {of use, columns, row_bytes}
    (* ram_style = "distributed" *) reg  [3:0]  root1_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root2_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root3_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root4_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root5_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root6_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  root7_q   [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  config0_q [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [7:0]  config1_q [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [4:0]  config2_q [0:`FL_COUNT_OBJECT-1];
    (* ram_style = "distributed" *) reg  [1:0]  config3_q [0:`FL_COUNT_OBJECT-1];

    // ------------------------------------------------------------------------------------------ writes
    // Both tables start at multiples of their size, so table, entry and offset are plain address bits. What is chosen by
    // them is kept for the cycle after, in which data and strobes still stand.
    wire        in_surface  = (wr_address_i ^ `FL_ADDR_SURFACE) < `FL_COUNT_SURFACE * `FL_STRIDE_SURFACE;
    wire        in_object   = (wr_address_i ^ `FL_ADDR_OBJECT)  < `FL_COUNT_OBJECT  * `FL_STRIDE_OBJECT;
    wire [15:0] surface_off = wr_address_i & (`FL_STRIDE_SURFACE - 16'd1);
    wire [15:0] object_off  = wr_address_i & (`FL_STRIDE_OBJECT - 16'd1);
    reg         base_q, extent_q, format_q, root_lo_q, root_hi_q, config_q, object_written_q;
    reg  [3:0]  surface_no_q, object_no_q;

    wire [3:0]  wr_base     = wr_strb_i & {4{base_q}};
    wire [3:0]  wr_extent   = wr_strb_i & {4{extent_q}};
    wire [3:0]  wr_format   = wr_strb_i & {4{format_q}};
    wire [3:0]  wr_root_lo  = wr_strb_i & {4{root_lo_q}};
    wire [3:0]  wr_root_hi  = wr_strb_i & {4{root_hi_q}};
    wire [3:0]  wr_config   = wr_strb_i & {4{config_q}};

    assign object_written_o = object_written_q;

    // The factors of a row are read back once written, multiplied, the product divided by the width of a tile, and all kept.
    reg         factors_q, product_q, row_bytes_q;  // the stage is at work
    reg  [3:0]  factors_no_q, product_no_q, row_no_q;
    reg  [15:0] width_q;
    reg  [4:0]  pixel_q;
    reg  [1:0]  layout_q, row_layout_q;
    reg         usable_q, row_usable_q;
    reg  [19:0] length_q;
    wire [4:0]  pixel = pixel0_q[factors_no_q];

    reg  [13:0] full;                               // units or tiles of a row, and whether there is one in part
    reg         part;
    always @* begin
        case (row_layout_q)
            `FL_LAYOUT_X_TILED: {full, part} = {3'b0, length_q[19:9], |length_q[8:0]};
            `FL_LAYOUT_Y_TILED: {full, part} = {1'b0, length_q[19:7], |length_q[6:0]};
            `FL_LAYOUT_MORTON:  {full, part} = {2'b0, length_q[19:8], |length_q[7:0]};
            default:            {full, part} = {length_q[19:6], |length_q[5:0]};  // LINEAR
        endcase
    end
    wire [14:0] columns = {1'b0, full} + {14'b0, part};

    assign busy_o = base_q || extent_q || format_q || factors_q || product_q || row_bytes_q;

    wire wake = clear_i || write_i || base_q || extent_q || format_q || root_lo_q || root_hi_q || config_q || object_written_q
             || factors_q || product_q || row_bytes_q;

    always @(posedge clk_i)
        if (wake) begin
            base_q           <= clear_i || (write_i && in_surface && surface_off == `FL_OFFSET_SURFACE_BASE);
            extent_q         <= clear_i || (write_i && in_surface && surface_off == `FL_OFFSET_SURFACE_EXTENT);
            format_q         <= clear_i || (write_i && in_surface && surface_off == `FL_OFFSET_SURFACE_FORMAT);
            root_lo_q        <= clear_i || (write_i && in_object && object_off == `FL_OFFSET_OBJECT_ROOT_LO);
            root_hi_q        <= clear_i || (write_i && in_object && object_off == `FL_OFFSET_OBJECT_ROOT_HI);
            config_q         <= clear_i || (write_i && in_object && object_off == `FL_OFFSET_OBJECT_CONFIG);
            object_written_q <= write_i && in_object;
            surface_no_q     <= clear_i ? clear_index_i : wr_address_i[SURFACE_SHIFT +: 4];
            object_no_q      <= clear_i ? clear_index_i : wr_address_i[OBJECT_SHIFT +: 4];

            if (wr_base[1])    page1_q[surface_no_q]   <= wr_data_i[15:12];
            if (wr_base[2])    page2_q[surface_no_q]   <= wr_data_i[23:16];
            if (wr_base[3])    page3_q[surface_no_q]   <= wr_data_i[31:24];
            if (wr_extent[0])  width0_q[surface_no_q]  <= wr_data_i[7:0];
            if (wr_extent[1])  width1_q[surface_no_q]  <= wr_data_i[15:8];
            if (wr_extent[2])  height2_q[surface_no_q] <= wr_data_i[23:16];
            if (wr_extent[3])  height3_q[surface_no_q] <= wr_data_i[31:24];
            if (wr_format[0])  pixel0_q[surface_no_q]  <= wr_data_i[4:0];
            if (wr_format[1])  layout1_q[surface_no_q] <= wr_data_i[9:8];
            if (wr_format[3])  valid3_q[surface_no_q]  <= wr_data_i[31];
            if (wr_root_lo[1]) root1_q[object_no_q]    <= wr_data_i[15:12];
            if (wr_root_lo[2]) root2_q[object_no_q]    <= wr_data_i[23:16];
            if (wr_root_lo[3]) root3_q[object_no_q]    <= wr_data_i[31:24];
            if (wr_root_hi[0]) root4_q[object_no_q]    <= wr_data_i[7:0];
            if (wr_root_hi[1]) root5_q[object_no_q]    <= wr_data_i[15:8];
            if (wr_root_hi[2]) root6_q[object_no_q]    <= wr_data_i[23:16];
            if (wr_root_hi[3]) root7_q[object_no_q]    <= wr_data_i[31:24];
            if (wr_config[0])  config0_q[object_no_q]  <= wr_data_i[7:0];
            if (wr_config[1])  config1_q[object_no_q]  <= wr_data_i[15:8];
            if (wr_config[2])  config2_q[object_no_q]  <= wr_data_i[20:16];
            if (wr_config[3])  config3_q[object_no_q]  <= wr_data_i[31:30];

            factors_q    <= base_q || extent_q || format_q;
            factors_no_q <= surface_no_q;
            product_q    <= factors_q;
            product_no_q <= factors_no_q;
            width_q      <= {width1_q[factors_no_q], width0_q[factors_no_q]};
            pixel_q      <= pixel;
            layout_q     <= layout1_q[factors_no_q];
            usable_q     <= valid3_q[factors_no_q] && pixel != 5'd0 && pixel <= 5'd16;
            row_bytes_q  <= product_q;
            row_no_q     <= product_no_q;
            row_layout_q <= layout_q;
            row_usable_q <= usable_q;
            length_q     <= {4'b0, width_q} * {15'b0, pixel_q};  // exact up to 16 bytes a pixel
            if (row_bytes_q)
                row_q[row_no_q] <= {row_usable_q, columns, length_q};
        end

    // ------------------------------------------------------------------------------------------ lookups
    genvar p;
    generate
        for (p = 0; p < LOOKUPS; p = p + 1) begin : g_lookup
            wire [3:0]  index = surface_index_i[4*p +: 4];
            wire [35:0] row   = row_q[index];

            assign surface_o[79*p +: 79] = {row[34:20], row[35], layout1_q[index], pixel0_q[index], height3_q[index], height2_q[index],
                                            row[19:0], page3_q[index], page2_q[index], page1_q[index]};
        end
    endgenerate

    assign object_o = {config3_q[object_index_i], config2_q[object_index_i], config1_q[object_index_i],
                       config0_q[object_index_i], root7_q[object_index_i], root6_q[object_index_i], root5_q[object_index_i],
                       root4_q[object_index_i], root3_q[object_index_i], root2_q[object_index_i], root1_q[object_index_i]};

    wire unused = &{1'b0, wr_data_i[29:21], wr_base[0], wr_format[2], wr_root_lo[0]};

    initial begin
        if (`FL_ADDR_SURFACE % (`FL_COUNT_SURFACE * `FL_STRIDE_SURFACE) != 0)
            $fatal(1, "%m: the surface table must start at a multiple of its size");
        if (`FL_ADDR_OBJECT % (`FL_COUNT_OBJECT * `FL_STRIDE_OBJECT) != 0)
            $fatal(1, "%m: the object table must start at a multiple of its size");
    end

endmodule

`default_nettype wire
