// csr: the driver's view of the engine: AXI4-Lite slave, register file, tables, counters, interrupt line.
//
// Why: every register of faultline.rdl is kept or read back here, so that no other block knows an address. Blocks get
// plain wires; what they report comes in as levels and one-cycle pulses.
//
// Latency     a write takes effect 1 cycle after its address and data have both arrived, its response follows in
//             the same cycle; read data follows the address by 1 cycle.
// Throughput  one write every 2 cycles and one read every 2 cycles, independent of each other.
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
    output wire [1:0]            doorbell_o,          // pulse: TAIL was written whole
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
    // each {valid, layout[1:0], bytes_per_pixel[4:0], height[15:0], row_bytes[19:0], base_page[19:0]};
    // not valid while bytes_per_pixel is not 1 to 16
    output wire [LOOKUPS*64-1:0] surface_o,
    input  wire [3:0]            object_index_i,
    output wire [74:0]           object_o,            // {valid, two_level, pages[20:0], root[63:12]}

    // counters: a bit a counter in register order; a bit high counts this cycle
    input  wire [15:0]           count_i,
    input  wire [15:0]           latency_i            // at most one bit a cycle
);
    localparam OKAY   = 2'b00;
    localparam SLVERR = 2'b10;

    localparam QUEUE_SHIFT = $clog2(`FL_STRIDE_QUEUE);
    localparam COUNTERS    = 32;

    // ------------------------------------------------------------------------------------------ write channel
    // Address and data wait for each other; a write happens when both are here and the last answer has been taken.
    reg         aw_valid_q, w_valid_q, b_valid_q, b_error_q;
    reg  [15:0] aw_addr_q;
    reg  [31:0] w_data_q;
    reg  [3:0]  w_strb_q;

    assign s_axil_awready = !aw_valid_q;
    assign s_axil_wready  = !w_valid_q;
    assign s_axil_bvalid  = b_valid_q;
    assign s_axil_bresp   = b_error_q ? SLVERR : OKAY;

    wire        write      = aw_valid_q && w_valid_q && (!b_valid_q || s_axil_bready);
    wire [15:0] wr_addr    = {aw_addr_q[15:2], 2'b00};
    wire [31:0] wr_mask    = {{8{w_strb_q[3]}}, {8{w_strb_q[2]}}, {8{w_strb_q[1]}}, {8{w_strb_q[0]}}};
    wire [31:0] wr_set     = w_data_q & wr_mask;  // bits written as 1

    // ------------------------------------------------------------------------------------------ read channel
    reg         r_valid_q, r_error_q;
    reg  [31:0] r_data_q;

    wire        read       = s_axil_arvalid && s_axil_arready;
    wire [15:0] rd_addr    = {s_axil_araddr[15:2], 2'b00};

    assign s_axil_arready = !r_valid_q;
    assign s_axil_rvalid  = r_valid_q;
    assign s_axil_rdata   = r_data_q;
    assign s_axil_rresp   = r_error_q ? SLVERR : OKAY;

    wire unused = &{1'b0, aw_addr_q[1:0], s_axil_araddr[1:0]};

    // ------------------------------------------------------------------------------------------ decoding
    function mapped;  // a register lies at this address
        input [15:0] address;
        reg   [15:0] offset;
        begin
            mapped = address <= `FL_ADDR_CYCLE_HI;
            offset = address - `FL_ADDR_QUEUE;
            if (offset < (`FL_COUNT_QUEUE * `FL_STRIDE_QUEUE))
                mapped = (offset & (`FL_STRIDE_QUEUE - 16'd1)) <= `FL_OFFSET_QUEUE_OVERFLOWS;
            offset = address - `FL_ADDR_SURFACE;
            if (offset < (`FL_COUNT_SURFACE * `FL_STRIDE_SURFACE))
                mapped = (offset & (`FL_STRIDE_SURFACE - 16'd1)) <= `FL_OFFSET_SURFACE_FORMAT;
            offset = address - `FL_ADDR_OBJECT;
            if (offset < (`FL_COUNT_OBJECT * `FL_STRIDE_OBJECT))
                mapped = (offset & (`FL_STRIDE_OBJECT - 16'd1)) <= `FL_OFFSET_OBJECT_CONFIG;
            offset = address - `FL_ADDR_COUNTER;
            if (offset < COUNTERS * 4)
                mapped = 1'b1;
        end
    endfunction

    wire [15:0] wr_in_queue   = wr_addr - `FL_ADDR_QUEUE;
    wire [15:0] rd_in_queue   = rd_addr - `FL_ADDR_QUEUE;
    wire [15:0] rd_in_surface = rd_addr - `FL_ADDR_SURFACE;
    wire [15:0] rd_in_object  = rd_addr - `FL_ADDR_OBJECT;
    wire [15:0] rd_in_counter = rd_addr - `FL_ADDR_COUNTER;

    wire        rd_queue      = rd_in_queue < `FL_COUNT_QUEUE * `FL_STRIDE_QUEUE;
    wire        rd_table      = rd_in_surface < `FL_COUNT_SURFACE * `FL_STRIDE_SURFACE
                             || rd_in_object < `FL_COUNT_OBJECT * `FL_STRIDE_OBJECT;
    wire        rd_counter    = rd_in_counter < COUNTERS * 4;

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

    wire [6:0] irq_clear = (write && wr_addr == `FL_ADDR_IRQ_STATUS) ? wr_set[6:0] : 7'b0;

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
                        `FL_ADDR_CONTROL: begin
                            if (w_strb_q[0])
                                enable_q <= wr_set[0];
                            if (wr_set[1])
                                soft_reset_q <= 1'b1;
                            clear_counters_q <= wr_set[2];
                        end
                        `FL_ADDR_IRQ_ENABLE:   irq_enable_q   <= (irq_enable_q   & ~wr_mask[6:0]) | wr_set[6:0];
                        `FL_ADDR_IRQ_COALESCE: irq_coalesce_q <= (irq_coalesce_q & ~wr_mask) | wr_set;
                        `FL_ADDR_WATCHDOG:     watchdog_q     <= (watchdog_q     & ~wr_mask) | wr_set;
                        default: ;
                    endcase
                end
            end
        end

    // ------------------------------------------------------------------------------------------ queues
    wire [2*32-1:0] queue_rd_data;   // what a read at rd_in_queue's offset gives, for each queue
    wire [1:0]      done_raise;

    genvar q;
    generate
        for (q = 0; q < `FL_COUNT_QUEUE; q = q + 1) begin : g_queue
            wire [15:0] offset = wr_in_queue - q * `FL_STRIDE_QUEUE;

            csr_queue registers (
                .clk_i             (clk_i),
                .rst_ni            (rst_ni),
                .soft_reset_done_i (soft_reset_done_i),
                .write_i           (write && offset < `FL_STRIDE_QUEUE),
                .wr_offset_i       (offset),
                .wr_mask_i         (wr_mask),
                .wr_set_i          (wr_set),
                .rd_offset_i       (rd_in_queue & (`FL_STRIDE_QUEUE - 16'd1)),
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

    reg [15:0] doorbell_tail_q;

    always @(posedge clk_i)
        if (write)
            doorbell_tail_q <= wr_set[15:0];

    assign doorbell_tail_o = doorbell_tail_q;
    assign irq_set         = {device_range_i, watchdog_i, completion_error_i, record_error_i, done_raise};

    // ------------------------------------------------------------------------------------------ tables
    wire [31:0] table_rd_data;

    csr_tables #(.LOOKUPS(LOOKUPS)) tables (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .write_i         (write),
        .wr_address_i    (wr_addr),
        .wr_mask_i       (wr_mask),
        .wr_set_i        (wr_set),
        .rd_address_i    (rd_addr),
        .rd_data_o       (table_rd_data),
        .surface_index_i (surface_index_i),
        .surface_o       (surface_o),
        .object_index_i  (object_index_i),
        .object_o        (object_o)
    );

    // ------------------------------------------------------------------------------------------ counters
    // A register each, all looked at in a cycle with an event and none in a cycle without: both kinds of simulator like
    // that better than an array that many bits write.
    reg [31:0] transfer_busy_q;
    reg [31:0] render_busy_q;
    reg [31:0] read_beats_q;
    reg [31:0] write_beats_q;
    reg [31:0] read_stall_address_q;
    reg [31:0] read_stall_data_q;
    reg [31:0] read_stall_credit_q;
    reg [31:0] write_stall_address_q;
    reg [31:0] write_stall_data_q;
    reg [31:0] write_stall_device_q;
    reg [31:0] stall_translation_q;
    reg [31:0] transfer_descriptors_q;
    reg [31:0] render_descriptors_q;
    reg [31:0] tlb_hits_q;
    reg [31:0] tlb_misses_q;
    reg [31:0] bank_conflicts_q;

    wire clear = !rst_ni || clear_counters_q;

    always @(posedge clk_i)
        if (clear || |count_i) begin
            transfer_busy_q        <= clear ? 32'b0 : transfer_busy_q        + {31'b0, count_i[0]};
            render_busy_q          <= clear ? 32'b0 : render_busy_q          + {31'b0, count_i[1]};
            read_beats_q           <= clear ? 32'b0 : read_beats_q           + {31'b0, count_i[2]};
            write_beats_q          <= clear ? 32'b0 : write_beats_q          + {31'b0, count_i[3]};
            read_stall_address_q   <= clear ? 32'b0 : read_stall_address_q   + {31'b0, count_i[4]};
            read_stall_data_q      <= clear ? 32'b0 : read_stall_data_q      + {31'b0, count_i[5]};
            read_stall_credit_q    <= clear ? 32'b0 : read_stall_credit_q    + {31'b0, count_i[6]};
            write_stall_address_q  <= clear ? 32'b0 : write_stall_address_q  + {31'b0, count_i[7]};
            write_stall_data_q     <= clear ? 32'b0 : write_stall_data_q     + {31'b0, count_i[8]};
            write_stall_device_q   <= clear ? 32'b0 : write_stall_device_q   + {31'b0, count_i[9]};
            stall_translation_q    <= clear ? 32'b0 : stall_translation_q    + {31'b0, count_i[10]};
            transfer_descriptors_q <= clear ? 32'b0 : transfer_descriptors_q + {31'b0, count_i[11]};
            render_descriptors_q   <= clear ? 32'b0 : render_descriptors_q   + {31'b0, count_i[12]};
            tlb_hits_q             <= clear ? 32'b0 : tlb_hits_q             + {31'b0, count_i[13]};
            tlb_misses_q           <= clear ? 32'b0 : tlb_misses_q           + {31'b0, count_i[14]};
            bank_conflicts_q       <= clear ? 32'b0 : bank_conflicts_q       + {31'b0, count_i[15]};
        end

    // A function, so that nothing follows the counters but a read.
    function [31:0] event_count;
        input [3:0] index;
        case (index)
            4'd0:  event_count = transfer_busy_q;
            4'd1:  event_count = render_busy_q;
            4'd2:  event_count = read_beats_q;
            4'd3:  event_count = write_beats_q;
            4'd4:  event_count = read_stall_address_q;
            4'd5:  event_count = read_stall_data_q;
            4'd6:  event_count = read_stall_credit_q;
            4'd7:  event_count = write_stall_address_q;
            4'd8:  event_count = write_stall_data_q;
            4'd9:  event_count = write_stall_device_q;
            4'd10: event_count = stall_translation_q;
            4'd11: event_count = transfer_descriptors_q;
            4'd12: event_count = render_descriptors_q;
            4'd13: event_count = tlb_hits_q;
            4'd14: event_count = tlb_misses_q;
            4'd15: event_count = bank_conflicts_q;
        endcase
    endfunction

    // At most one transfer ends in a cycle. A bucket whose bit in bucket_used_q is 0 counts as 0.
    reg [31:0] bucket_q [0:15];
    reg [15:0] bucket_used_q;
    reg [3:0]  bucket;
    integer    n;
    always @* begin
        bucket = 4'd0;
        for (n = 1; n < 16; n = n + 1)
            if (latency_i[n])
                bucket = n[3:0];
    end

    always @(posedge clk_i)
        if (clear) begin
            bucket_used_q <= 16'b0;
        end else if (|latency_i) begin
            bucket_q[bucket]      <= (bucket_used_q[bucket] ? bucket_q[bucket] : 32'b0) + 32'd1;
            bucket_used_q[bucket] <= 1'b1;
        end

    wire [31:0] bucket_count = bucket_used_q[rd_in_counter[5:2]] ? bucket_q[rd_in_counter[5:2]] : 32'b0;

    // ------------------------------------------------------------------------------------------ handshakes and reads
    localparam DATA_LOG2 = $clog2(DATA_W / 8);
    localparam TLB_LOG2  = $clog2(TLB_ENTRIES);

    wire        busy = |queue_busy_i || readback_busy_i || writeback_busy_i || render_busy_i
                    || |reads_outstanding_i || |writes_outstanding_i;
    wire [31:0] parameters = {DEVICE_LOG2[7:0], WRITES[7:0], READS[7:0], TLB_LOG2[3:0], DATA_LOG2[3:0]};

    reg  [31:0] rd_data;

    always @* begin
        rd_data = 32'b0;
        if (rd_queue)
            rd_data = queue_rd_data[32 * rd_in_queue[QUEUE_SHIFT] +: 32];
        else if (rd_table)
            rd_data = table_rd_data;
        else if (rd_counter)
            rd_data = bucket_count;
        else
            case (rd_addr)
                `FL_ADDR_ID:           rd_data = `FL_RESET_ID;
                `FL_ADDR_VERSION:      rd_data = `FL_RESET_VERSION;
                `FL_ADDR_PARAMETERS:   rd_data = parameters;
                `FL_ADDR_CONTROL:      rd_data = {30'b0, soft_reset_q, enable_q};
                `FL_ADDR_STATUS:       rd_data = {8'b0, writes_outstanding_i, reads_outstanding_i, 4'b0, render_busy_i,
                                                  writeback_busy_i, readback_busy_i, busy};
                `FL_ADDR_IRQ_STATUS:   rd_data = {25'b0, irq_status_q};
                `FL_ADDR_IRQ_ENABLE:   rd_data = {25'b0, irq_enable_q};
                `FL_ADDR_IRQ_COALESCE: rd_data = irq_coalesce_q;
                `FL_ADDR_WATCHDOG:     rd_data = watchdog_q;
                `FL_ADDR_CYCLE_HI:     rd_data = cycle_hi_q;
                default:               rd_data = 32'b0;
            endcase
    end

    wire axil_wake = s_axil_awvalid || s_axil_wvalid || s_axil_arvalid || aw_valid_q || w_valid_q || b_valid_q || r_valid_q ||
                     !rst_ni;

    always @(posedge clk_i)
        if (axil_wake) begin
            if (!rst_ni) begin
                aw_valid_q <= 1'b0;
                w_valid_q  <= 1'b0;
                b_valid_q  <= 1'b0;
                r_valid_q  <= 1'b0;
            end else begin
                aw_valid_q <= write ? 1'b0 : aw_valid_q || s_axil_awvalid;
                w_valid_q  <= write ? 1'b0 : w_valid_q || s_axil_wvalid;
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
            if (s_axil_wready) begin
                w_data_q <= s_axil_wdata;
                w_strb_q <= s_axil_wstrb;
            end
            if (write)
                b_error_q <= !mapped(wr_addr);
            if (read) begin
                r_data_q  <= rd_addr == `FL_ADDR_CYCLE_LO    ? cycle_q[31:0] :
                             rd_counter && !rd_in_counter[6] ? event_count(rd_in_counter[5:2]) : rd_data;
                r_error_q <= !mapped(rd_addr);
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
