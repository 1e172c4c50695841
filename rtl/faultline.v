// faultline: a DMA engine between host memory and opaque tiled device memory. Wiring only.
//
// Why: the parts in the order in which data flows; docs/architecture.md has the picture.
//
// Latency     see the parts.
// Throughput  a data word a cycle each way, the renderer beside it.
// Ordering    descriptors of a queue start and complete in order; READBACK and WRITEBACK overlap.
// Errors      in the completion record of the descriptor, see faultline.rdl.
`default_nettype none

module faultline #(
    // data width of the host bus and of device memory in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // address width of the host bus, 64
    parameter ADDR_W      = 64,
    // width of the AXI ID, at least 2
    parameter ID_W        = 4,
    // data read bursts that may be outstanding, a power of two, 2 to 128
    parameter READS       = 128,
    // data write bursts that may be outstanding, a power of two, 2 to 128
    parameter WRITES      = 128,
    // entries of the translation cache, a power of two, 32 to 4096
    parameter TLB_ENTRIES = 128,
    // descriptors fetched ahead by each queue, a power of two, 2 to 256
    parameter PREFETCH    = 32,
    // log2 of the bytes of device memory, 12 to 31
    parameter DEVICE_LOG2 = 24
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,    // synchronous, active low

    input  wire [15:0]           s_axil_awaddr,
    input  wire [2:0]            s_axil_awprot,
    input  wire                  s_axil_awvalid,
    output wire                  s_axil_awready,
    input  wire [31:0]           s_axil_wdata,
    input  wire [3:0]            s_axil_wstrb,
    input  wire                  s_axil_wvalid,
    output wire                  s_axil_wready,
    output wire [1:0]            s_axil_bresp,
    output wire                  s_axil_bvalid,
    input  wire                  s_axil_bready,
    input  wire [15:0]           s_axil_araddr,
    input  wire [2:0]            s_axil_arprot,
    input  wire                  s_axil_arvalid,
    output wire                  s_axil_arready,
    output wire [31:0]           s_axil_rdata,
    output wire [1:0]            s_axil_rresp,
    output wire                  s_axil_rvalid,
    input  wire                  s_axil_rready,

    output wire [ID_W-1:0]       m_axi_awid,
    output wire [ADDR_W-1:0]     m_axi_awaddr,
    output wire [7:0]            m_axi_awlen,
    output wire [2:0]            m_axi_awsize,
    output wire [1:0]            m_axi_awburst,
    output wire                  m_axi_awlock,
    output wire [3:0]            m_axi_awcache,
    output wire [2:0]            m_axi_awprot,
    output wire [3:0]            m_axi_awqos,
    output wire                  m_axi_awvalid,
    input  wire                  m_axi_awready,
    output wire [DATA_W-1:0]     m_axi_wdata,
    output wire [DATA_W/8-1:0]   m_axi_wstrb,
    output wire                  m_axi_wlast,
    output wire                  m_axi_wvalid,
    input  wire                  m_axi_wready,
    input  wire [ID_W-1:0]       m_axi_bid,
    input  wire [1:0]            m_axi_bresp,
    input  wire                  m_axi_bvalid,
    output wire                  m_axi_bready,
    output wire [ID_W-1:0]       m_axi_arid,
    output wire [ADDR_W-1:0]     m_axi_araddr,
    output wire [7:0]            m_axi_arlen,
    output wire [2:0]            m_axi_arsize,
    output wire [1:0]            m_axi_arburst,
    output wire                  m_axi_arlock,
    output wire [3:0]            m_axi_arcache,
    output wire [2:0]            m_axi_arprot,
    output wire [3:0]            m_axi_arqos,
    output wire                  m_axi_arvalid,
    input  wire                  m_axi_arready,
    input  wire [ID_W-1:0]       m_axi_rid,
    input  wire [DATA_W-1:0]     m_axi_rdata,
    input  wire [1:0]            m_axi_rresp,
    input  wire                  m_axi_rlast,
    input  wire                  m_axi_rvalid,
    output wire                  m_axi_rready,

    output wire                  irq_o
);

    localparam READS_LOG2    = $clog2(READS);
    localparam BEATS_LOG2    = READS_LOG2 > 6 ? READS_LOG2 + 3 : 9;     // room for the longest burst and as many of 8 beats
    localparam WRITES_LOG2   = $clog2(WRITES);
    localparam PREFETCH_LOG2 = $clog2(PREFETCH);
    localparam RENDER_PREFETCH_LOG2 = PREFETCH_LOG2 < 4 ? PREFETCH_LOG2 : 4;    // work there is long
    localparam LOOKUPS       = 5;   // dispatch 0, dispatch 1, its source, read, write
    localparam SURFACE_W     = 79;  // bits of a surface's entry, see csr_tables; dispatch looks at 64 of them

    // Bus attributes that never change.
    localparam SIZE = $clog2(DATA_W / 8);
    assign m_axi_awsize  = SIZE[2:0];
    assign m_axi_arsize  = SIZE[2:0];
    assign m_axi_awburst = 2'b01;       // INCR
    assign m_axi_arburst = 2'b01;
    assign m_axi_awlock  = 1'b0;
    assign m_axi_arlock  = 1'b0;
    assign m_axi_awcache = 4'b0011;     // normal, not cached, bufferable
    assign m_axi_arcache = 4'b0011;
    assign m_axi_awprot  = 3'b000;
    assign m_axi_arprot  = 3'b000;
    assign m_axi_awqos   = 4'b0000;
    assign m_axi_arqos   = 4'b0000;

    // ------------------------------------------------------------------------------------------ wires
    wire                  core_rst_n, reset_request, reset_done, drain, forget, drained_read, drained_write, enable;
    wire [63:0]           cycle;
    wire [31:0]           watchdog;
    wire                  expired_read, expired_write, completion_error, device_range;
    wire [127:0]          ring_base, completion_base, fence_base;
    wire [7:0]            ring_log2, completion_log2;
    wire [1:0]            doorbell, queue_enable, halt_on_error, resume, abort, queue_busy, halted, aborting, waiting;
    wire [1:0]            record_done, record_error, invalidate, ring_empty, complete_busy, ended;
    wire [15:0]           doorbell_tail;
    wire [31:0]           tail, head, overflows, completion_head, completion_tail;
    wire [63:0]           fence;
    wire                  readback_busy, writeback_busy, render_busy;
    wire [7:0]            reads_outstanding, writes_outstanding;
    wire [4*LOOKUPS-1:0]  surface_index;
    wire [SURFACE_W*LOOKUPS-1:0] surface;
    wire [3:0]            object_index;
    wire [74:0]           object;
    wire                  object_written, tables_busy;
    wire [15:0]           count, latency;

    // read requesters: 0 read mover, 1 transfer ring, 2 render ring, 3 walker
    wire [3:0]            ar_valid, ar_ready, r_valid;
    wire [255:0]          ar_address;
    wire [31:0]           ar_len;
    wire [DATA_W-1:0]     r_data;
    wire [1:0]            r_resp;
    // write requesters: 0 write mover, 1 complete
    wire [1:0]            aw_valid, aw_ready, w_valid, w_ready, b_valid, b_resp;
    wire [127:0]          aw_address;
    wire [15:0]           aw_len;
    wire [2*DATA_W-1:0]   w_data;
    wire [DATA_W/4-1:0]   w_strb;

    wire [1:0]            desc_valid, desc_ready;
    wire [255:0]          desc_transfer;
    wire [511:0]          desc_render;
    wire [15:0]           desc_err;
    wire [63:0]           desc_address_0, desc_address_1;

    // boxes for the movers: unit 0 READBACK (write mover), unit 1 WRITEBACK (read mover)
    wire [1:0]            box_soon, box_valid, box_ready, done_valid, done_ready;
    wire [3:0]            box_surface, box_object;
    wire [19:0]           box_x;
    wire [23:0]           box_width;
    wire [15:0]           box_y, box_height;
    wire [31:0]           box_offset, box_stride;
    wire [15:0]           done_cause;
    wire [127:0]          done_address;
    wire [63:0]           done_bytes;

    // walker requesters: 0 read mover, 1 write mover
    wire [1:0]            walk_req_valid, walk_req_ready, walk_req_beyond, walk_rsp_valid, walk_rsp_ready;
    wire [7:0]            walk_req_object;
    wire [39:0]           walk_req_page;
    wire [79:0]           walk_rsp_frame;
    wire [17:0]           walk_rsp_index;
    wire [15:0]           walk_rsp_cause;

    wire                  draw_valid, draw_ready, draw_copy, draw_done, draw_done_ready;
    wire [19:0]           draw_x, draw_width, draw_source_x;
    wire [3:0]            unused_draw_width;
    wire [15:0]           draw_y, draw_height, draw_source_y;
    wire [127:0]          draw_pattern;
    wire [7:0]            draw_cause;
    wire [31:0]           draw_bytes;

    wire [1:0]            end_valid, end_ready, end_interrupt, end_fence;
    wire [63:0]           end_tag, end_bytes, end_start, end_value;
    wire [15:0]           end_opcode, end_cause;
    wire [127:0]          end_address;

    // device memory ports: 0 movers, 1 renderer
    wire [1:0]            rd_valid, rd_ready, rd_data_valid, wr_valid, wr_ready;
    wire [63:0]           rd_address, wr_address;
    wire [2*DATA_W-1:0]   rd_data, wr_data;
    wire [DATA_W/4-1:0]   wr_strb;
    wire                  bank_conflict;

    wire                  wait_read, wait_write, wait_credit, read_beat, write_beat, tlb_miss, w_open;
    wire [1:0]            tlb_hit;

    wire unused_render_valid, unused_render_ready;
    wire unused = &{1'b0, s_axil_awprot, s_axil_arprot, unused_render_valid, unused_render_ready, surface[SURFACE_W-1:64]};

    wire [1:0]            run   = {2{enable}} & queue_enable;
    wire [1:0]            fetch = run | aborting;

    // events in the order of the counter registers
    assign count = {bank_conflict, tlb_miss, |tlb_hit, ended, wait_read || wait_write, w_open, m_axi_wvalid && !m_axi_wready,
                    m_axi_awvalid && !m_axi_awready, wait_credit, reads_outstanding != 8'd0 && !m_axi_rvalid,
                    m_axi_arvalid && !m_axi_arready, write_beat, read_beat, render_busy, queue_busy[0]};

    // Vectors that several blocks drive, put together here: a net that is driven in parts costs an event-driven simulator
    // many times one that is driven whole.
    wire                       ar_valid_0, ar_valid_1, ar_valid_2, ar_valid_3, wr_valid_0, wr_valid_1;
    wire                       aw_valid_0, aw_valid_1, w_valid_0, w_valid_1, rd_valid_0, rd_valid_1;
    wire [63:0]                ar_address_0, ar_address_1, ar_address_2, ar_address_3, done_address_0, done_address_1;
    wire [63:0]                aw_address_0, aw_address_1;
    wire [7:0]                 ar_len_0, ar_len_1, ar_len_2, ar_len_3, aw_len_0, aw_len_1;
    wire [19:0]                walk_req_page_0, walk_req_page_1;
    wire [31:0]                wr_address_0, wr_address_1, done_bytes_0, done_bytes_1, rd_address_0, rd_address_1;
    wire [DATA_W-1:0]          wr_data_0, wr_data_1, w_data_0, w_data_1;
    wire [DATA_W/8-1:0]        wr_strb_0, wr_strb_1, w_strb_0, w_strb_1;

    assign ar_valid      = {ar_valid_3, ar_valid_2, ar_valid_1, ar_valid_0};
    assign ar_address    = {ar_address_3, ar_address_2, ar_address_1, ar_address_0};
    assign ar_len        = {ar_len_3, ar_len_2, ar_len_1, ar_len_0};
    assign walk_req_page = {walk_req_page_1, walk_req_page_0};
    assign wr_valid      = {wr_valid_1, wr_valid_0};
    assign wr_address    = {wr_address_1, wr_address_0};
    assign wr_data       = {wr_data_1, wr_data_0};
    assign wr_strb       = {wr_strb_1, wr_strb_0};
    assign done_address  = {done_address_1, done_address_0};
    assign done_bytes    = {done_bytes_1, done_bytes_0};
    assign aw_valid      = {aw_valid_1, aw_valid_0};
    assign aw_address    = {aw_address_1, aw_address_0};
    assign aw_len        = {aw_len_1, aw_len_0};
    assign w_valid       = {w_valid_1, w_valid_0};
    assign w_data        = {w_data_1, w_data_0};
    assign w_strb        = {w_strb_1, w_strb_0};
    assign rd_valid      = {rd_valid_1, rd_valid_0};
    assign rd_address    = {rd_address_1, rd_address_0};

    // ------------------------------------------------------------------------------------------ control
    /* verilator lint_off PINCONNECTEMPTY */
    csr #(.DATA_W(DATA_W), .TLB_ENTRIES(TLB_ENTRIES), .READS(READS), .WRITES(WRITES), .DEVICE_LOG2(DEVICE_LOG2), .LOOKUPS(LOOKUPS)) u_csr (
        .clk_i                (clk_i),
        .rst_ni               (rst_ni),
        .s_axil_awaddr        (s_axil_awaddr),
        .s_axil_awvalid       (s_axil_awvalid),
        .s_axil_awready       (s_axil_awready),
        .s_axil_wdata         (s_axil_wdata),
        .s_axil_wstrb         (s_axil_wstrb),
        .s_axil_wvalid        (s_axil_wvalid),
        .s_axil_wready        (s_axil_wready),
        .s_axil_bresp         (s_axil_bresp),
        .s_axil_bvalid        (s_axil_bvalid),
        .s_axil_bready        (s_axil_bready),
        .s_axil_araddr        (s_axil_araddr),
        .s_axil_arvalid       (s_axil_arvalid),
        .s_axil_arready       (s_axil_arready),
        .s_axil_rdata         (s_axil_rdata),
        .s_axil_rresp         (s_axil_rresp),
        .s_axil_rvalid        (s_axil_rvalid),
        .s_axil_rready        (s_axil_rready),
        .irq_o                (irq_o),
        .enable_o             (enable),
        .soft_reset_o         (reset_request),
        .soft_reset_done_i    (reset_done),
        .cycle_o              (cycle),
        .watchdog_o           (watchdog),
        .watchdog_i           (expired_read || expired_write),
        .completion_error_i   (completion_error),
        .device_range_i       (device_range),
        .ring_base_o          (ring_base),
        .completion_base_o    (completion_base),
        .fence_base_o         (fence_base),
        .ring_log2_o          (ring_log2),
        .completion_log2_o    (completion_log2),
        .doorbell_o           (doorbell),
        .doorbell_tail_o      (doorbell_tail),
        .tail_i               (tail),
        .head_i               (head),
        .completion_head_o    (completion_head),
        .completion_tail_i    (completion_tail),
        .overflows_i          (overflows),
        .fence_i              (fence),
        .queue_enable_o       (queue_enable),
        .halt_on_error_o      (halt_on_error),
        .resume_o             (resume),
        .abort_o              (abort),
        .queue_busy_i         (queue_busy),
        .halted_i             (halted),
        .aborting_i           (aborting),
        .waiting_i            (waiting),
        .record_done_i        (record_done),
        .record_error_i       (record_error),
        .readback_busy_i      (readback_busy),
        .writeback_busy_i     (writeback_busy),
        .render_busy_i        (render_busy),
        .reads_outstanding_i  (reads_outstanding),
        .writes_outstanding_i (writes_outstanding),
        .surface_index_i      (surface_index),
        .surface_o            (surface),
        .object_index_i       (object_index),
        .object_o             (object),
        .object_written_o     (object_written),
        .tables_busy_o        (tables_busy),
        .count_i              (count),
        .tlb_hits_i           ({&tlb_hit, ^tlb_hit}),
        .latency_i            (latency)
    );

    soft_reset u_soft_reset (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .request_i   (reset_request),
        .done_o      (reset_done),
        .drain_o     (drain),
        .drained_i   (drained_read && drained_write),
        .forget_o    (forget),
        .core_rst_no (core_rst_n)
    );

    // ------------------------------------------------------------------------------------------ descriptors
    ring #(.DATA_W(DATA_W), .ENTRY_BYTES(32), .PREFETCH_LOG2(PREFETCH_LOG2)) u_ring_transfer (
        .clk_i           (clk_i),
        .rst_ni          (core_rst_n),
        .fetch_i         (fetch[0]),
        .base_i          (ring_base[0 +: 64]),
        .size_log2_i     (ring_log2[0 +: 4]),
        .doorbell_i      (doorbell[0]),
        .doorbell_tail_i (doorbell_tail),
        .tail_o          (tail[0 +: 16]),
        .head_o          (head[0 +: 16]),
        .overflows_o     (overflows[0 +: 16]),
        .ar_valid_o      (ar_valid_1),
        .ar_ready_i      (ar_ready[1]),
        .ar_address_o    (ar_address_1),
        .ar_len_o        (ar_len_1),
        .r_valid_i       (r_valid[1]),
        .r_data_i        (r_data),
        .r_resp_i        (r_resp),
        .valid_o         (desc_valid[0]),
        .ready_i         (desc_ready[0]),
        .desc_o          (desc_transfer),
        .err_o           (desc_err[0 +: 8]),
        .address_o       (desc_address_0),
        .empty_o         (ring_empty[0])
    );

    ring #(.DATA_W(DATA_W), .ENTRY_BYTES(64), .PREFETCH_LOG2(RENDER_PREFETCH_LOG2)) u_ring_render (
        .clk_i           (clk_i),
        .rst_ni          (core_rst_n),
        .fetch_i         (fetch[1]),
        .base_i          (ring_base[64 +: 64]),
        .size_log2_i     (ring_log2[4 +: 4]),
        .doorbell_i      (doorbell[1]),
        .doorbell_tail_i (doorbell_tail),
        .tail_o          (tail[16 +: 16]),
        .head_o          (head[16 +: 16]),
        .overflows_o     (overflows[16 +: 16]),
        .ar_valid_o      (ar_valid_2),
        .ar_ready_i      (ar_ready[2]),
        .ar_address_o    (ar_address_2),
        .ar_len_o        (ar_len_2),
        .r_valid_i       (r_valid[2]),
        .r_data_i        (r_data),
        .r_resp_i        (r_resp),
        .valid_o         (desc_valid[1]),
        .ready_i         (desc_ready[1]),
        .desc_o          (desc_render),
        .err_o           (desc_err[8 +: 8]),
        .address_o       (desc_address_1),
        .empty_o         (ring_empty[1])
    );

    dispatch #(.QUEUE(0), .ENTRY_BYTES(32)) u_dispatch_transfer (
        .clk_i                (clk_i),
        .rst_ni               (core_rst_n),
        .cycle_i              (cycle[31:0]),
        .enable_i             (run[0]),
        .halt_on_error_i      (halt_on_error[0]),
        .resume_i             (resume[0]),
        .abort_i              (abort[0]),
        .halted_o             (halted[0]),
        .aborting_o           (aborting[0]),
        .waiting_o            (waiting[0]),
        .busy_o               (queue_busy[0]),
        .complete_busy_i      (complete_busy[0]),
        .fence_i              (fence),
        .ring_valid_i         (desc_valid[0]),
        .ring_ready_o         (desc_ready[0]),
        .ring_desc_i          (desc_transfer),
        .ring_err_i           (desc_err[0 +: 8]),
        .ring_address_i       (desc_address_0),
        .ring_empty_i         (ring_empty[0]),
        .surface_index_o      (surface_index[0 +: 4]),
        .tables_busy_i        (tables_busy),
        .surface_i            (surface[0*SURFACE_W +: 64]),
        .source_index_o       (),
        .source_i             (64'd0),
        .invalidate_o         (invalidate[0]),
        .cmd_soon_o           (box_soon),
        .cmd_valid_o          (box_valid),
        .cmd_ready_i          (box_ready),
        .cmd_surface_o        (box_surface),
        .cmd_object_o         (box_object),
        .cmd_x_o              (box_x),
        .cmd_y_o              (box_y),
        .cmd_width_o          (box_width),
        .cmd_height_o         (box_height),
        .cmd_offset_o         (box_offset),
        .cmd_stride_o         (box_stride),
        .cmd_copy_o           (),
        .cmd_source_surface_o (),
        .cmd_source_x_o       (),
        .cmd_source_y_o       (),
        .cmd_pattern_o        (),
        .done_valid_i         (done_valid),
        .done_ready_o         (done_ready),
        .done_cause_i         (done_cause),
        .done_address_i       (done_address),
        .done_bytes_i         (done_bytes),
        .end_valid_o          (end_valid[0]),
        .end_ready_i          (end_ready[0]),
        .end_tag_o            (end_tag[0 +: 32]),
        .end_opcode_o         (end_opcode[0 +: 8]),
        .end_cause_o          (end_cause[0 +: 8]),
        .end_address_o        (end_address[0 +: 64]),
        .end_bytes_o          (end_bytes[0 +: 32]),
        .end_start_o          (end_start[0 +: 32]),
        .end_interrupt_o      (end_interrupt[0]),
        .end_fence_o          (end_fence[0]),
        .end_value_o          (end_value[0 +: 32])
    );

    dispatch #(.QUEUE(1), .ENTRY_BYTES(64)) u_dispatch_render (
        .clk_i                (clk_i),
        .rst_ni               (core_rst_n),
        .cycle_i              (cycle[31:0]),
        .enable_i             (run[1]),
        .halt_on_error_i      (halt_on_error[1]),
        .resume_i             (resume[1]),
        .abort_i              (abort[1]),
        .halted_o             (halted[1]),
        .aborting_o           (aborting[1]),
        .waiting_o            (waiting[1]),
        .busy_o               (queue_busy[1]),
        .complete_busy_i      (complete_busy[1]),
        .fence_i              (fence),
        .ring_valid_i         (desc_valid[1]),
        .ring_ready_o         (desc_ready[1]),
        .ring_desc_i          (desc_render),
        .ring_err_i           (desc_err[8 +: 8]),
        .ring_address_i       (desc_address_1),
        .ring_empty_i         (ring_empty[1]),
        .surface_index_o      (surface_index[4 +: 4]),
        .tables_busy_i        (tables_busy),
        .surface_i            (surface[1*SURFACE_W +: 64]),
        .source_index_o       (surface_index[8 +: 4]),
        .source_i             (surface[2*SURFACE_W +: 64]),
        .invalidate_o         (invalidate[1]),
        .cmd_soon_o           (),
        .cmd_valid_o          ({unused_render_valid, draw_valid}),
        .cmd_ready_i          ({1'b0, draw_ready}),
        .cmd_surface_o        (),
        .cmd_object_o         (),
        .cmd_x_o              (draw_x),
        .cmd_y_o              (draw_y),
        .cmd_width_o          ({unused_draw_width, draw_width}),
        .cmd_height_o         (draw_height),
        .cmd_offset_o         (),
        .cmd_stride_o         (),
        .cmd_copy_o           (draw_copy),
        .cmd_source_surface_o (),
        .cmd_source_x_o       (draw_source_x),
        .cmd_source_y_o       (draw_source_y),
        .cmd_pattern_o        (draw_pattern),
        .done_valid_i         ({1'b0, draw_done}),
        .done_ready_o         ({unused_render_ready, draw_done_ready}),
        .done_cause_i         ({8'd0, draw_cause}),
        .done_address_i       (128'd0),
        .done_bytes_i         ({32'd0, draw_bytes}),
        .end_valid_o          (end_valid[1]),
        .end_ready_i          (end_ready[1]),
        .end_tag_o            (end_tag[32 +: 32]),
        .end_opcode_o         (end_opcode[8 +: 8]),
        .end_cause_o          (end_cause[8 +: 8]),
        .end_address_o        (end_address[64 +: 64]),
        .end_bytes_o          (end_bytes[32 +: 32]),
        .end_start_o          (end_start[32 +: 32]),
        .end_interrupt_o      (end_interrupt[1]),
        .end_fence_o          (end_fence[1]),
        .end_value_o          (end_value[32 +: 32])
    );

    // ------------------------------------------------------------------------------------------ translation
    walker #(.DATA_W(DATA_W), .TLB_LOG2($clog2(TLB_ENTRIES))) u_walker (
        .clk_i          (clk_i),
        .rst_ni         (core_rst_n),
        .invalidate_i   (|invalidate || object_written),
        .req_valid_i    (walk_req_valid),
        .req_ready_o    (walk_req_ready),
        .req_object_i   (walk_req_object),
        .req_page_i     (walk_req_page),
        .req_beyond_i   (walk_req_beyond),
        .rsp_valid_o    (walk_rsp_valid),
        .rsp_ready_i    (walk_rsp_ready),
        .rsp_frame_o    (walk_rsp_frame),
        .rsp_index_o    (walk_rsp_index),
        .rsp_cause_o    (walk_rsp_cause),
        .object_index_o (object_index),
        .object_i       (object),
        .ar_valid_o     (ar_valid_3),
        .ar_ready_i     (ar_ready[3]),
        .ar_address_o   (ar_address_3),
        .ar_len_o       (ar_len_3),
        .r_valid_i      (r_valid[3]),
        .r_data_i       (r_data),
        .r_resp_i       (r_resp),
        .hit_o          (tlb_hit),
        .miss_o         (tlb_miss)
    );

    // ------------------------------------------------------------------------------------------ movers
    read_mover #(.DATA_W(DATA_W), .BURSTS_LOG2(READS_LOG2), .BEATS_LOG2(BEATS_LOG2)) u_read (
        .clk_i              (clk_i),
        .rst_ni             (core_rst_n),
        .abort_i            (aborting[0]),
        .cmd_soon_i         (box_soon[1]),
        .cmd_valid_i        (box_valid[1]),
        .cmd_ready_o        (box_ready[1]),
        .cmd_surface_i      (box_surface),
        .cmd_object_i       (box_object),
        .cmd_x_i            (box_x),
        .cmd_y_i            (box_y),
        .cmd_width_i        (box_width),
        .cmd_height_i       (box_height),
        .cmd_offset_i       (box_offset),
        .cmd_stride_i       (box_stride),
        .req_valid_o        (walk_req_valid[0]),
        .req_ready_i        (walk_req_ready[0]),
        .req_object_o       (walk_req_object[0 +: 4]),
        .req_page_o         (walk_req_page_0),
        .req_beyond_o       (walk_req_beyond[0]),
        .rsp_valid_i        (walk_rsp_valid[0]),
        .rsp_ready_o        (walk_rsp_ready[0]),
        .rsp_frame_i        (walk_rsp_frame[0 +: 40]),
        .rsp_index_i        (walk_rsp_index[0 +: 9]),
        .rsp_cause_i        (walk_rsp_cause[0 +: 8]),
        .ar_valid_o         (ar_valid_0),
        .ar_ready_i         (ar_ready[0]),
        .ar_address_o       (ar_address_0),
        .ar_len_o           (ar_len_0),
        .r_valid_i          (r_valid[0]),
        .r_data_i           (r_data),
        .r_resp_i           (r_resp),
        .surface_index_o    (surface_index[12 +: 4]),
        .surface_i          (surface[3*SURFACE_W +: SURFACE_W]),
        .wr_valid_o         (wr_valid_0),
        .wr_ready_i         (wr_ready[0]),
        .wr_address_o       (wr_address_0),
        .wr_data_o          (wr_data_0),
        .wr_strb_o          (wr_strb_0),
        .busy_o             (writeback_busy),
        .wait_translation_o (wait_read),
        .wait_credit_o      (wait_credit),
        .beat_o             (read_beat),
        .done_valid_o       (done_valid[1]),
        .done_ready_i       (done_ready[1]),
        .done_cause_o       (done_cause[8 +: 8]),
        .done_address_o     (done_address_1),
        .done_bytes_o       (done_bytes_1)
    );

    write_mover #(.DATA_W(DATA_W), .BURSTS_LOG2(WRITES_LOG2)) u_write (
        .clk_i              (clk_i),
        .rst_ni             (core_rst_n),
        .abort_i            (aborting[0]),
        .cmd_soon_i         (box_soon[0]),
        .cmd_valid_i        (box_valid[0]),
        .cmd_ready_o        (box_ready[0]),
        .cmd_surface_i      (box_surface),
        .cmd_object_i       (box_object),
        .cmd_x_i            (box_x),
        .cmd_y_i            (box_y),
        .cmd_width_i        (box_width),
        .cmd_height_i       (box_height),
        .cmd_offset_i       (box_offset),
        .cmd_stride_i       (box_stride),
        .req_valid_o        (walk_req_valid[1]),
        .req_ready_i        (walk_req_ready[1]),
        .req_object_o       (walk_req_object[4 +: 4]),
        .req_page_o         (walk_req_page_1),
        .req_beyond_o       (walk_req_beyond[1]),
        .rsp_valid_i        (walk_rsp_valid[1]),
        .rsp_ready_o        (walk_rsp_ready[1]),
        .rsp_frame_i        (walk_rsp_frame[40 +: 40]),
        .rsp_index_i        (walk_rsp_index[9 +: 9]),
        .rsp_cause_i        (walk_rsp_cause[8 +: 8]),
        .aw_valid_o         (aw_valid_0),
        .aw_ready_i         (aw_ready[0]),
        .aw_address_o       (aw_address_0),
        .aw_len_o           (aw_len_0),
        .w_valid_o          (w_valid_0),
        .w_ready_i          (w_ready[0]),
        .w_data_o           (w_data_0),
        .w_strb_o           (w_strb_0),
        .b_valid_i          (b_valid[0]),
        .b_resp_i           (b_resp),
        .surface_index_o    (surface_index[16 +: 4]),
        .surface_i          (surface[4*SURFACE_W +: SURFACE_W]),
        .rd_valid_o         (rd_valid_0),
        .rd_ready_i         (rd_ready[0]),
        .rd_address_o       (rd_address_0),
        .rd_data_valid_i    (rd_data_valid[0]),
        .rd_data_i          (rd_data[0 +: DATA_W]),
        .busy_o             (readback_busy),
        .wait_translation_o (wait_write),
        .beat_o             (write_beat),
        .done_valid_o       (done_valid[0]),
        .done_ready_i       (done_ready[0]),
        .done_cause_o       (done_cause[0 +: 8]),
        .done_address_o     (done_address_0),
        .done_bytes_o       (done_bytes_0)
    );

    // ------------------------------------------------------------------------------------------ device
    render #(.DATA_W(DATA_W)) u_render (
        .clk_i                (clk_i),
        .rst_ni               (core_rst_n),
        .cmd_valid_i          (draw_valid),
        .cmd_ready_o          (draw_ready),
        .cmd_copy_i           (draw_copy),
        .cmd_surface_i        (surface[1*SURFACE_W +: SURFACE_W]),   // that dispatch looks at
        .cmd_x_i              (draw_x),
        .cmd_y_i              (draw_y),
        .cmd_width_i          (draw_width),
        .cmd_height_i         (draw_height),
        .cmd_source_surface_i (surface[2*SURFACE_W +: SURFACE_W]),
        .cmd_source_x_i       (draw_source_x),
        .cmd_source_y_i       (draw_source_y),
        .cmd_pattern_i        (draw_pattern),
        .abort_i              (aborting[1]),
        .rd_valid_o           (rd_valid_1),
        .rd_ready_i           (rd_ready[1]),
        .rd_address_o         (rd_address_1),
        .rd_data_valid_i      (rd_data_valid[1]),
        .rd_data_i            (rd_data[DATA_W +: DATA_W]),
        .wr_valid_o           (wr_valid_1),
        .wr_ready_i           (wr_ready[1]),
        .wr_address_o         (wr_address_1),
        .wr_data_o            (wr_data_1),
        .wr_strb_o            (wr_strb_1),
        .done_valid_o         (draw_done),
        .done_ready_i         (draw_done_ready),
        .done_cause_o         (draw_cause),
        .done_bytes_o         (draw_bytes),
        .busy_o               (render_busy)
    );

    device_memory #(.DATA_W(DATA_W), .DEVICE_LOG2(DEVICE_LOG2)) u_device_memory (
        .clk_i           (clk_i),
        .rst_ni          (core_rst_n),
        .rd_valid_i      (rd_valid),
        .rd_ready_o      (rd_ready),
        .rd_address_i    (rd_address),
        .rd_data_valid_o (rd_data_valid),
        .rd_data_o       (rd_data),
        .wr_valid_i      (wr_valid),
        .wr_ready_o      (wr_ready),
        .wr_address_i    (wr_address),
        .wr_data_i       (wr_data),
        .wr_strb_i       (wr_strb),
        .conflict_o      (bank_conflict),
        .range_o         (device_range)
    );

    // ------------------------------------------------------------------------------------------ ends
    complete #(.DATA_W(DATA_W)) u_complete (
        .clk_i              (clk_i),
        .rst_ni             (core_rst_n),
        .cycle_i            (cycle),
        .base_i             (completion_base),
        .size_log2_i        (completion_log2),
        .fence_base_i       (fence_base),
        .head_i             (completion_head),
        .tail_o             (completion_tail),
        .fence_o            (fence),
        .busy_o             (complete_busy),
        .end_valid_i        (end_valid),
        .end_ready_o        (end_ready),
        .end_tag_i          (end_tag),
        .end_opcode_i       (end_opcode),
        .end_cause_i        (end_cause),
        .end_address_i      (end_address),
        .end_bytes_i        (end_bytes),
        .end_start_i        (end_start),
        .end_interrupt_i    (end_interrupt),
        .end_fence_i        (end_fence),
        .end_value_i        (end_value),
        .aw_valid_o         (aw_valid_1),
        .aw_ready_i         (aw_ready[1]),
        .aw_address_o       (aw_address_1),
        .aw_len_o           (aw_len_1),
        .w_valid_o          (w_valid_1),
        .w_ready_i          (w_ready[1]),
        .w_data_o           (w_data_1),
        .w_strb_o           (w_strb_1),
        .b_valid_i          (b_valid[1]),
        .b_resp_i           (b_resp),
        .record_done_o      (record_done),
        .record_error_o     (record_error),
        .completion_error_o (completion_error),
        .ended_o            (ended),
        .latency_o          (latency)
    );

    // ------------------------------------------------------------------------------------------ host bus
    axi_read_port #(.DATA_W(DATA_W), .ID_W(ID_W), .PORTS(4)) u_read_port (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .forget_i      (forget),
        .drain_i       (drain),
        .drained_o     (drained_read),
        .watchdog_i    (watchdog),
        .expired_o     (expired_read),
        .req_valid_i   (ar_valid),
        .req_ready_o   (ar_ready),
        .req_address_i (ar_address),
        .req_len_i     (ar_len),
        .r_valid_o     (r_valid),
        .r_data_o      (r_data),
        .r_resp_o      (r_resp),
        .m_axi_arvalid (m_axi_arvalid),
        .m_axi_arready (m_axi_arready),
        .m_axi_arid    (m_axi_arid),
        .m_axi_araddr  (m_axi_araddr),
        .m_axi_arlen   (m_axi_arlen),
        .m_axi_rvalid  (m_axi_rvalid),
        .m_axi_rready  (m_axi_rready),
        .m_axi_rid     (m_axi_rid),
        .m_axi_rdata   (m_axi_rdata),
        .m_axi_rresp   (m_axi_rresp),
        .m_axi_rlast   (m_axi_rlast),
        .outstanding_o (reads_outstanding)
    );

    axi_write_port #(.DATA_W(DATA_W), .ID_W(ID_W)) u_write_port (
        .clk_i         (clk_i),
        .rst_ni        (rst_ni),
        .forget_i      (forget),
        .drain_i       (drain),
        .drained_o     (drained_write),
        .watchdog_i    (watchdog),
        .expired_o     (expired_write),
        .req_valid_i   (aw_valid),
        .req_ready_o   (aw_ready),
        .req_address_i (aw_address),
        .req_len_i     (aw_len),
        .w_valid_i     (w_valid),
        .w_ready_o     (w_ready),
        .w_data_i      (w_data),
        .w_strb_i      (w_strb),
        .b_valid_o     (b_valid),
        .b_resp_o      (b_resp),
        .m_axi_awvalid (m_axi_awvalid),
        .m_axi_awready (m_axi_awready),
        .m_axi_awid    (m_axi_awid),
        .m_axi_awaddr  (m_axi_awaddr),
        .m_axi_awlen   (m_axi_awlen),
        .m_axi_wvalid  (m_axi_wvalid),
        .m_axi_wready  (m_axi_wready),
        .m_axi_wdata   (m_axi_wdata),
        .m_axi_wstrb   (m_axi_wstrb),
        .m_axi_wlast   (m_axi_wlast),
        .m_axi_bvalid  (m_axi_bvalid),
        .m_axi_bready  (m_axi_bready),
        .m_axi_bid     (m_axi_bid),
        .m_axi_bresp   (m_axi_bresp),
        .w_open_o      (w_open),
        .outstanding_o (writes_outstanding)
    );
    /* verilator lint_on PINCONNECTEMPTY */

    initial begin
        if (ADDR_W != 64)
            $fatal(1, "%m: ADDR_W is %0d, must be 64", ADDR_W);
        if (ID_W < 2)
            $fatal(1, "%m: ID_W is %0d, must be at least 2", ID_W);
        if (READS != 1 << READS_LOG2 || READS < 2 || READS > 128)
            $fatal(1, "%m: READS is %0d, must be a power of two from 2 to 128", READS);
        if (WRITES != 1 << WRITES_LOG2 || WRITES < 2 || WRITES > 128)
            $fatal(1, "%m: WRITES is %0d, must be a power of two from 2 to 128", WRITES);
        if (PREFETCH != 1 << PREFETCH_LOG2 || PREFETCH < 2 || PREFETCH > 256)
            $fatal(1, "%m: PREFETCH is %0d, must be a power of two from 2 to 256", PREFETCH);
        if (TLB_ENTRIES != 1 << $clog2(TLB_ENTRIES))
            $fatal(1, "%m: TLB_ENTRIES is %0d, must be a power of two from 32 to 4096", TLB_ENTRIES);
    end

endmodule

`default_nettype wire
