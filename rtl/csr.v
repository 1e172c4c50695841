// csr: the driver's view of the engine: AXI4-Lite slave, register file, tables, counters, interrupt line.
//
// Why: every register of faultline.rdl is kept or read back here, so that no other block knows an address. Blocks get
// plain wires; what they report comes in as levels and one-cycle pulses. What only the driver changes is read back from
// an image of its writes, one RAM for all registers, instead of from the registers.
//
// Latency     a write takes effect 1 cycle after its address and data have both arrived, or 2 when a read is accepted just
//             then (in the tables 1 later, at a doorbell 1 sooner), its response follows in the same cycle; read data
//             follows the address by 1 cycle. After a reset the image is cleared: nothing is accepted for 256 cycles.
// Throughput  one write every 2 cycles and one read every 2 cycles; a read delays a write by 1 cycle at most.
// Ordering    writes in order, reads in order; a read sees every write that was answered before.
// Errors      an address where no register lies: SLVERR, nothing written, 0 read. Writes to read-only registers are
//             ignored and answered OKAY.
`default_nettype none
`include "faultline.vh"

module csr #(
    // bus width of the engine in bits: 64, 128, 256 or 512; only reported
    parameter DATA_W      = 64,
    // entries of the translation cache, a power of two; only reported
    parameter TLB_ENTRIES = 16,
    // bursts that may be outstanding; only reported
    parameter READS       = 8,
    parameter WRITES      = 8,
    // log2 of the bytes of device memory; only reported
    parameter DEVICE_LOG2 = 24,
    // surface lookup ports
    parameter LOOKUPS     = 6
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,              // hardware reset, synchronous, active low

    input  wire                  s_axil_awvalid,
    output wire                  s_axil_awready,
    input  wire [15:0]           s_axil_awaddr,
    input  wire                  s_axil_wvalid,
    output wire                  s_axil_wready,
    input  wire [31:0]           s_axil_wdata,
    input  wire [3:0]            s_axil_wstrb,
    output wire                  s_axil_bvalid,
    input  wire                  s_axil_bready,
    output wire [1:0]            s_axil_bresp,
    input  wire                  s_axil_arvalid,
    output wire                  s_axil_arready,
    input  wire [15:0]           s_axil_araddr,
    output wire                  s_axil_rvalid,
    input  wire                  s_axil_rready,
    output wire [31:0]           s_axil_rdata,
    output wire [1:0]            s_axil_rresp,
    output wire                  irq_o,               // high while an enabled cause is set

    // engine
    output wire                  enable_o,
    output wire                  soft_reset_o,        // high from the request until done
    input  wire                  soft_reset_done_i,   // pulse
    output wire [63:0]           cycle_o,             // cycles since hardware reset
    output wire [31:0]           watchdog_o,          // cycles, 0: never
    input  wire                  watchdog_i,          // pulse
    input  wire                  completion_error_i,  // pulse
    input  wire                  device_range_i,      // pulse

    // queues, packed {render, transfer}
    output wire [2*64-1:0]       ring_base_o,
    output wire [2*64-1:0]       completion_base_o,
    output wire [2*64-1:0]       fence_base_o,
    output wire [2*4-1:0]        ring_log2_o,
    output wire [2*4-1:0]        completion_log2_o,
    output wire [1:0]            doorbell_o,          // pulse: TAIL is being written whole
    output wire [15:0]           doorbell_tail_o,     // its value, with the pulse
    input  wire [2*16-1:0]       tail_i,
    input  wire [2*16-1:0]       head_i,
    output wire [2*16-1:0]       completion_head_o,
    input  wire [2*16-1:0]       completion_tail_i,
    input  wire [2*16-1:0]       overflows_i,
    input  wire [2*32-1:0]       fence_i,
    output wire [1:0]            queue_enable_o,
    output wire [1:0]            halt_on_error_o,
    output wire [1:0]            resume_o,            // pulse
    output wire [1:0]            abort_o,             // pulse
    input  wire [1:0]            queue_busy_i,
    input  wire [1:0]            halted_i,
    input  wire [1:0]            aborting_i,
    input  wire [1:0]            waiting_i,
    input  wire [1:0]            record_done_i,       // pulse: a record that asks for an interrupt is in host memory
    input  wire [1:0]            record_error_i,      // pulse: a record with an error or abort is in host memory

    // status
    input  wire                  readback_busy_i,
    input  wire                  writeback_busy_i,
    input  wire                  render_busy_i,
    input  wire [7:0]            reads_outstanding_i,
    input  wire [7:0]            writes_outstanding_i,

    // tables, combinational
    input  wire [LOOKUPS*4-1:0]  surface_index_i,
    // each {columns[14:0], valid, layout[1:0], bytes_per_pixel[4:0], height[15:0],
    // row_bytes[19:0], base_page[19:0]}, see csr_tables; not valid while bytes_per_pixel is not 1 to 16
    output wire [LOOKUPS*79-1:0] surface_o,
    input  wire [3:0]            object_index_i,
    output wire [74:0]           object_o,            // {valid, two_level, pages[20:0], root[63:12]}
    output wire                  object_written_o,    // pulse: a write to the object table takes effect in this cycle
    output wire                  tables_busy_o,       // a surface that was written is not in the lookups yet

    // counters: a bit a counter in register order; a bit high counts this cycle
    input  wire [15:0]           count_i,             // bit 13 (TLB_HITS) is not looked at
    input  wire [1:0]            tlb_hits_i,          // how many in this cycle, 0 to 2
    input  wire [15:0]           latency_i            // at most one bit a cycle, not in two cycles running
);
    localparam OKAY   = 2'b00;
    localparam SLVERR = 2'b10;

    localparam COUNTERS = 32;

    // ------------------------------------------------------------------------------------------ write channel
    // Address and data wait for each other; a write happens when both are here and the last answer has been taken.
    reg         aw_valid_q, w_valid_q, b_valid_q, b_error_q;
    reg  [15:0] aw_addr_q;
    reg  [31:0] w_data_q;
    reg  [3:0]  w_strb_q;

    assign s_axil_awready = !aw_valid_q && !clearing_q;
    assign s_axil_wready  = !w_valid_q && !clearing_q;
    assign s_axil_bvalid  = b_valid_q;
    assign s_axil_bresp   = b_error_q ? SLVERR : OKAY;

    // Never together with a read: the image need not cope with both.
    wire        write      = aw_valid_q && w_valid_q && (!b_valid_q || s_axil_bready) && !read;
    wire [15:0] wr_addr    = {aw_addr_q[15:2], 2'b00};

    // ------------------------------------------------------------------------------------------ read channel
    reg         r_valid_q, r_error_q;
    reg         r_image_q;     // the image has the answer, otherwise r_live_q
    reg  [31:0] r_live_q;

    wire        read       = s_axil_arvalid && s_axil_arready;
    wire [15:0] rd_addr    = {s_axil_araddr[15:2], 2'b00};

    assign s_axil_arready = !r_valid_q && !clearing_q;
    assign s_axil_rvalid  = r_valid_q;
    assign s_axil_rdata   = (image_data_q & {32{r_image_q}}) | r_live_q;
    assign s_axil_rresp   = r_error_q ? SLVERR : OKAY;

    wire unused = &{1'b0, aw_addr_q[1:0], s_axil_araddr[1:0], count_i[13]};

    // ------------------------------------------------------------------------------------------ decoding
    // Each block starts at a multiple of its size.
    function in_queue;
        input [15:0] address;
        in_queue = (address ^ `FL_ADDR_QUEUE) < `FL_COUNT_QUEUE * `FL_STRIDE_QUEUE;
    endfunction

    function in_surface;
        input [15:0] address;
        in_surface = (address ^ `FL_ADDR_SURFACE) < `FL_COUNT_SURFACE * `FL_STRIDE_SURFACE;
    endfunction

    function in_object;
        input [15:0] address;
        in_object = (address ^ `FL_ADDR_OBJECT) < `FL_COUNT_OBJECT * `FL_STRIDE_OBJECT;
    endfunction

    function in_counter;
        input [15:0] address;
        in_counter = (address ^ `FL_ADDR_COUNTER) < COUNTERS * 4;
    endfunction

    function mapped;  // a register lies at this address
        input [15:0] address;
        mapped = address <= `FL_ADDR_CYCLE_HI || in_counter(address)
              || (in_queue(address)   && (address & (`FL_STRIDE_QUEUE - 16'd1))   <= `FL_OFFSET_QUEUE_OVERFLOWS)
              || (in_surface(address) && (address & (`FL_STRIDE_SURFACE - 16'd1)) <= `FL_OFFSET_SURFACE_FORMAT)
              || (in_object(address)  && (address & (`FL_STRIDE_OBJECT - 16'd1))  <= `FL_OFFSET_OBJECT_CONFIG);
    endfunction

    function live;  // a register that lies here reads what the hardware made of it
        input [15:0] address;
        reg   [15:0] offset;
        begin
            offset = address & (`FL_STRIDE_QUEUE - 16'd1);
            if (in_queue(address))
                live = offset == `FL_OFFSET_QUEUE_TAIL || offset == `FL_OFFSET_QUEUE_HEAD || offset == `FL_OFFSET_QUEUE_COMPLETION_HEAD
                    || offset == `FL_OFFSET_QUEUE_COMPLETION_TAIL || offset == `FL_OFFSET_QUEUE_OVERFLOWS
                    || offset == `FL_OFFSET_QUEUE_FENCE || offset == `FL_OFFSET_QUEUE_CONTROL || offset == `FL_OFFSET_QUEUE_STATUS;
            else
                live = !(address == `FL_ADDR_IRQ_ENABLE || address == `FL_ADDR_IRQ_COALESCE || address == `FL_ADDR_WATCHDOG
                      || in_surface(address) || in_object(address));
        end
    endfunction

    wire        rd_counter  = in_counter(rd_addr);
    wire        rd_mapped   = mapped(rd_addr);
    wire        wr_mapped   = mapped(wr_addr);
    wire [15:0] wr_in_queue = wr_addr & (`FL_STRIDE_QUEUE - 16'd1);
    wire [15:0] rd_in_queue = rd_addr & (`FL_STRIDE_QUEUE - 16'd1);

    // ------------------------------------------------------------------------------------------ image
    // Every byte that was written, reserved bits as 0. Where a register is live nobody looks.
    function [31:0] kept;  // bits that the register at this address has
        input [15:0] address;
        begin
            kept = 32'hFFFF_FFFF;
            if (in_queue(address))
                case (address & (`FL_STRIDE_QUEUE - 16'd1))
                    `FL_OFFSET_QUEUE_RING_BASE_LO:       kept = ~32'd63;
                    `FL_OFFSET_QUEUE_COMPLETION_BASE_LO: kept = ~32'd31;
                    `FL_OFFSET_QUEUE_FENCE_BASE_LO:      kept = ~32'd7;
                    `FL_OFFSET_QUEUE_SIZE:               kept = 32'h0000_0F0F;
                    default: ;
                endcase
            else if (in_surface(address))
                case (address & (`FL_STRIDE_SURFACE - 16'd1))
                    `FL_OFFSET_SURFACE_BASE:             kept = 32'hFFFF_F000;
                    `FL_OFFSET_SURFACE_FORMAT:           kept = 32'h8000_031F;
                    default: ;
                endcase
            else if (in_object(address))
                case (address & (`FL_STRIDE_OBJECT - 16'd1))
                    `FL_OFFSET_OBJECT_ROOT_LO:           kept = 32'hFFFF_F000;
                    `FL_OFFSET_OBJECT_CONFIG:            kept = 32'hC01F_FFFF;
                    default: ;
                endcase
            else if (address == `FL_ADDR_IRQ_ENABLE)
                kept = 32'h0000_007F;
        end
    endfunction

    function [7:0] place;  // in the image: the four blocks one after another
        input [15:0] address;
        place = {in_surface(address) || in_object(address), in_queue(address) || in_object(address), address[7:2]};
    endfunction

    (* no_rw_check *)
    reg  [31:0] image_q [0:255];
    reg  [31:0] image_data_q;
    reg         clearing_q;    // after a reset: zeros go to the whole image and to the tables
    reg  [7:0]  clear_index_q;

    wire        image_write = clearing_q || (write && wr_mapped && !in_counter(wr_addr));
    wire [7:0]  image_place = clearing_q ? clear_index_q : place(wr_addr);
    wire [31:0] image_in    = w_data_q & kept(wr_addr);

    always @(posedge clk_i)
        if (image_write || read) begin
            if (image_write && w_strb_q[0]) image_q[image_place][7:0]   <= image_in[7:0];
            if (image_write && w_strb_q[1]) image_q[image_place][15:8]  <= image_in[15:8];
            if (image_write && w_strb_q[2]) image_q[image_place][23:16] <= image_in[23:16];
            if (image_write && w_strb_q[3]) image_q[image_place][31:24] <= image_in[31:24];
            if (read)
                image_data_q <= image_q[place(rd_addr)];
        end

    // ------------------------------------------------------------------------------------------ engine registers
    reg         enable_q, soft_reset_q, clear_counters_q;
    reg  [6:0]  irq_status_q, irq_enable_q;
    reg  [31:0] irq_coalesce_q, watchdog_q;
    reg  [63:0] cycle_q;
    reg  [31:0] cycle_hi_q;    // held by a read of CYCLE_LO
    wire [6:0]  irq_set;

    assign enable_o     = enable_q;
    assign soft_reset_o = soft_reset_q;
    assign cycle_o      = cycle_q;
    assign watchdog_o   = watchdog_q;
    assign irq_o        = |(irq_status_q & irq_enable_q);

    wire [6:0] irq_clear = w_data_q[6:0] & {7{write && wr_addr == `FL_ADDR_IRQ_STATUS && w_strb_q[0]}};

    function [31:0] merge;  // the register with the bytes of the write
        input [31:0] old;
        merge = {w_strb_q[3] ? w_data_q[31:24] : old[31:24], w_strb_q[2] ? w_data_q[23:16] : old[23:16],
                 w_strb_q[1] ? w_data_q[15:8]  : old[15:8],  w_strb_q[0] ? w_data_q[7:0]   : old[7:0]};
    endfunction

    always @(posedge clk_i)
        cycle_q <= rst_ni ? cycle_q + 64'd1 : 64'b0;

    wire wake = write || read || |irq_set || clear_counters_q || soft_reset_done_i || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (!rst_ni) begin
                enable_q         <= 1'b0;
                soft_reset_q     <= 1'b0;
                clear_counters_q <= 1'b0;
                irq_status_q     <= 7'b0;
                irq_enable_q     <= 7'b0;
                irq_coalesce_q   <= 32'b0;
                watchdog_q       <= 32'b0;
                cycle_hi_q       <= 32'b0;
            end else begin
                irq_status_q     <= (irq_status_q & ~irq_clear) | irq_set;  // a new cause outlives its clearing
                clear_counters_q <= 1'b0;
                if (read && rd_addr == `FL_ADDR_CYCLE_LO)
                    cycle_hi_q <= cycle_q[63:32];
                if (soft_reset_done_i)
                    soft_reset_q <= 1'b0;
                if (write) begin
                    case (wr_addr)
                        `FL_ADDR_CONTROL:
                            if (w_strb_q[0]) begin
                                enable_q         <= w_data_q[0];
                                clear_counters_q <= w_data_q[2];
                                if (w_data_q[1])
                                    soft_reset_q <= 1'b1;
                            end
                        `FL_ADDR_IRQ_ENABLE:
                            if (w_strb_q[0])
                                irq_enable_q <= w_data_q[6:0];
                        `FL_ADDR_IRQ_COALESCE: irq_coalesce_q <= merge(irq_coalesce_q);
                        `FL_ADDR_WATCHDOG:     watchdog_q     <= merge(watchdog_q);
                        default: ;
                    endcase
                end
            end
        end

    // ------------------------------------------------------------------------------------------ queues
    wire [2*32-1:0] queue_rd_data;
    wire [1:0]      done_raise;

    genvar q;
    generate
        for (q = 0; q < `FL_COUNT_QUEUE; q = q + 1) begin : g_queue
            localparam [15:0] PLACE = `FL_ADDR_QUEUE + q * `FL_STRIDE_QUEUE;

            csr_queue registers (
                .clk_i             (clk_i),
                .rst_ni            (rst_ni),
                .soft_reset_done_i (soft_reset_done_i),
                .write_i           (write && (wr_addr ^ PLACE) < `FL_STRIDE_QUEUE),
                .wr_offset_i       (wr_in_queue),
                .wr_data_i         (w_data_q),
                .wr_strb_i         (w_strb_q),
                .read_i            ((rd_addr ^ PLACE) < `FL_STRIDE_QUEUE),
                .rd_offset_i       (rd_in_queue),
                .rd_data_o         (queue_rd_data[32*q +: 32]),
                .ring_base_o       (ring_base_o[64*q +: 64]),
                .completion_base_o (completion_base_o[64*q +: 64]),
                .fence_base_o      (fence_base_o[64*q +: 64]),
                .ring_log2_o       (ring_log2_o[4*q +: 4]),
                .completion_log2_o (completion_log2_o[4*q +: 4]),
                .doorbell_o        (doorbell_o[q]),
                .completion_head_o (completion_head_o[16*q +: 16]),
                .queue_enable_o    (queue_enable_o[q]),
                .halt_on_error_o   (halt_on_error_o[q]),
                .resume_o          (resume_o[q]),
                .abort_o           (abort_o[q]),
                .tail_i            (tail_i[16*q +: 16]),
                .head_i            (head_i[16*q +: 16]),
                .completion_tail_i (completion_tail_i[16*q +: 16]),
                .overflows_i       (overflows_i[16*q +: 16]),
                .fence_i           (fence_i[32*q +: 32]),
                .queue_busy_i      (queue_busy_i[q]),
                .halted_i          (halted_i[q]),
                .aborting_i        (aborting_i[q]),
                .waiting_i         (waiting_i[q]),
                .coalesce_i        (irq_coalesce_q),
                .record_done_i     (record_done_i[q]),
                .done_raise_o      (done_raise[q])
            );
        end
    endgenerate

    assign doorbell_tail_o = w_data_q[15:0];
    assign irq_set         = {device_range_i, watchdog_i, completion_error_i, record_error_i, done_raise};

    // ------------------------------------------------------------------------------------------ tables
    csr_tables #(.LOOKUPS(LOOKUPS)) tables (
        .clk_i            (clk_i),
        .clear_i          (clearing_q),
        .clear_index_i    (clear_index_q[3:0]),
        .write_i          (write),
        .wr_address_i     (wr_addr),
        .wr_data_i        (w_data_q),
        .wr_strb_i        (w_strb_q),
        .object_written_o (object_written_o),
        .busy_o           (tables_busy_o),
        .surface_index_i  (surface_index_i),
        .surface_o        (surface_o),
        .object_index_i   (object_index_i),
        .object_o         (object_o)
    );

    // ------------------------------------------------------------------------------------------ counters
    wire [31:0] counter_rd_data;

    csr_counters counters (
        .clk_i      (clk_i),
        .clear_i    (!rst_ni || clear_counters_q),
        .count_i    ({count_i[15:14], |tlb_hits_i, count_i[12:0]}),
        .again_i    (tlb_hits_i[1]),
        .latency_i  (latency_i),
        .read_i     (read && rd_counter),
        .rd_index_i (rd_addr[6:2]),
        .rd_data_o  (counter_rd_data)
    );

    // ------------------------------------------------------------------------------------------ handshakes and reads
    localparam DATA_LOG2 = $clog2(DATA_W / 8);
    localparam TLB_LOG2  = $clog2(TLB_ENTRIES);

    wire        busy = |queue_busy_i || readback_busy_i || writeback_busy_i || render_busy_i
                    || |reads_outstanding_i || |writes_outstanding_i;
    wire [31:0] parameters = {DEVICE_LOG2[7:0], WRITES[7:0], READS[7:0], TLB_LOG2[3:0], DATA_LOG2[3:0]};

    reg  [31:0] engine_rd_data;

    always @* begin
        case (rd_addr)
            `FL_ADDR_ID:         engine_rd_data = `FL_RESET_ID;
            `FL_ADDR_VERSION:    engine_rd_data = `FL_RESET_VERSION;
            `FL_ADDR_PARAMETERS: engine_rd_data = parameters;
            `FL_ADDR_CONTROL:    engine_rd_data = {30'b0, soft_reset_q, enable_q};
            `FL_ADDR_STATUS:     engine_rd_data = {8'b0, writes_outstanding_i, reads_outstanding_i, 4'b0, render_busy_i,
                                                   writeback_busy_i, readback_busy_i, busy};
            `FL_ADDR_IRQ_STATUS: engine_rd_data = {25'b0, irq_status_q};
            `FL_ADDR_CYCLE_HI:   engine_rd_data = cycle_hi_q;
            default:             engine_rd_data = 32'b0;  // and CYCLE_LO, which would wake this every cycle
        endcase
    end

    wire axil_wake = s_axil_awvalid || s_axil_wvalid || s_axil_arvalid || aw_valid_q || w_valid_q || b_valid_q || r_valid_q ||
                     clearing_q || !rst_ni;

    always @(posedge clk_i)
        if (axil_wake) begin
            if (!rst_ni) begin
                aw_valid_q    <= 1'b0;
                w_valid_q     <= 1'b0;
                b_valid_q     <= 1'b0;
                r_valid_q     <= 1'b0;
                clearing_q    <= 1'b1;
                clear_index_q <= 8'd0;
                w_data_q      <= 32'b0;  // what is written while clearing
                w_strb_q      <= 4'hF;
            end else begin
                if (clearing_q)
                    clear_index_q <= clear_index_q + 8'd1;
                if (&clear_index_q)
                    clearing_q <= 1'b0;
                aw_valid_q <= write ? 1'b0 : aw_valid_q || (s_axil_awvalid && s_axil_awready);
                w_valid_q  <= write ? 1'b0 : w_valid_q || (s_axil_wvalid && s_axil_wready);
                if (write)
                    b_valid_q <= 1'b1;
                else if (s_axil_bready)
                    b_valid_q <= 1'b0;
                if (read)
                    r_valid_q <= 1'b1;
                else if (s_axil_rready)
                    r_valid_q <= 1'b0;
            end

            if (s_axil_awready)
                aw_addr_q <= s_axil_awaddr;
            if (s_axil_wready && rst_ni) begin
                w_data_q <= s_axil_wdata;
                w_strb_q <= s_axil_wstrb;
            end
            if (write)
                b_error_q <= !wr_mapped;
            if (read) begin
                r_image_q <= rd_mapped && !live(rd_addr);
                r_live_q  <= queue_rd_data[63:32] | queue_rd_data[31:0] | counter_rd_data | engine_rd_data
                           | (rd_addr == `FL_ADDR_CYCLE_LO ? cycle_q[31:0] : 32'b0);
                r_error_q <= !rd_mapped;
            end
        end

    initial begin
        if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512)
            $fatal(1, "%m: DATA_W is %0d, must be 64, 128, 256 or 512", DATA_W);
        if (TLB_ENTRIES != 1 << $clog2(TLB_ENTRIES) || TLB_ENTRIES > 32768)
            $fatal(1, "%m: TLB_ENTRIES is %0d, must be a power of two up to 32768", TLB_ENTRIES);
        if (READS < 1 || READS > 255 || WRITES < 1 || WRITES > 255)
            $fatal(1, "%m: READS is %0d and WRITES %0d, must be 1 to 255", READS, WRITES);
        if (LOOKUPS < 1)
            $fatal(1, "%m: LOOKUPS is %0d, must be at least 1", LOOKUPS);
    end

endmodule

`default_nettype wire
