// sim_top: the engine, its host and the observers; the top of every system simulation.
//
// Why: one design serves both simulators and every system test. A clock driven from Python would halve the speed, so it
// runs in here, or in Verilator's main program (FAULTLINE_CLOCKED). Python drives `rst_n` (0 when the simulation begins)
// and the AXI4-Lite pins, between clock edges; everything it may set or read is a variable of this module or of `memory`,
// `checker_` and `csr_checker`, listed in sim_top.vlt. `tb/sim_top.py` is the Python side.
//
// Clock       4 ns: edge n (from 0) rises at 2 + 4n ns. `cycle` counts the edges so far.
// Dump        toggle dump_request: dump_bytes bytes of device memory from dump_base (both multiples of 64) go to
//             DEVICE_FILE in no time; dump_done then equals dump_request. A toggle of flush_request writes the trace
//             out and copies itself to flush_done.
// Errors      a dump beyond device memory gives zeros for what is not there.
`timescale 1ns / 1ps
`default_nettype none
`include "faultline.vh"

module sim_top #(
    // width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_W      = 64,
    // width of the bus addresses in bits
    parameter ADDR_W      = 64,
    // width of the bus IDs in bits
    parameter ID_W        = 4,
    // bursts the engine may have outstanding
    parameter READS       = 128,
    parameter WRITES      = 128,
    // entries of the engine's translation cache
    parameter TLB_ENTRIES = 128,
    // descriptors a ring fetches ahead
    parameter PREFETCH    = 32,
    // log2 of the device memory's bytes
    parameter DEVICE_LOG2 = 25,
    // 1: the trace has what happens inside the engine too, and whose each burst is
    parameter INSIDE      = 0,
    // 0: there is no recorder, and so no trace
    parameter RECORDER    = 1
);
    `include "native.svh"

    localparam BYTES     = DATA_W / 8;
    localparam BYTE_LOG2 = $clog2(BYTES);

    // ------------------------------------------------------------------------------------ what Python drives
    reg        rst_n          = 1'b0;
    reg [15:0] s_axil_awaddr  = 16'd0;
    reg [2:0]  s_axil_awprot  = 3'd0;
    reg        s_axil_awvalid = 1'b0;
    reg [31:0] s_axil_wdata   = 32'd0;
    reg [3:0]  s_axil_wstrb   = 4'd0;
    reg        s_axil_wvalid  = 1'b0;
    reg        s_axil_bready  = 1'b0;
    reg [15:0] s_axil_araddr  = 16'd0;
    reg [2:0]  s_axil_arprot  = 3'd0;
    reg        s_axil_arvalid = 1'b0;
    reg        s_axil_rready  = 1'b0;
    reg        trace_enable   = 1'b1;
    reg [31:0] dump_base      = 32'd0;
    reg [31:0] dump_bytes     = 32'd0;
    reg        dump_request   = 1'b0;
    reg        flush_request  = 1'b0;

    // ------------------------------------------------------------------------------------- what Python reads
    reg         clk           = 1'b0;
    reg  [63:0] cycle         = 64'd0;
    reg         dump_done     = 1'b0;
    reg         flush_done    = 1'b0;
    wire        irq;
    wire        s_axil_awready, s_axil_wready, s_axil_bvalid, s_axil_arready, s_axil_rvalid;
    wire [1:0]  s_axil_bresp, s_axil_rresp;
    wire [31:0] s_axil_rdata;
    // what the register monitor waits for: one vector, because each signal waited for costs time in every cycle
    wire [3:0]  s_axil_valid = {s_axil_rvalid, arvalid, s_axil_bvalid, awvalid};

    // The edge at which all happens. On Verilator the main program beats time (tb/native/clocked.cpp): it writes `clk`, on
    // which nothing hangs, and raises `tick`, which falls by itself, so that a cycle is one evaluation and not two.
`ifdef FAULTLINE_CLOCKED
    reg         tick          = 1'b0;
    reg         access_done   = 1'b0;   // changes when it has performed a register access for Python
    always @(posedge tick) tick = 1'b0;
    wire        clock         = tick;
`else
    always #2 clk = !clk;
    wire        clock         = clk;
`endif

    // Python may write its pins at any moment, so Verilator would work out in every one what hangs on them. The design
    // hangs on copies, which follow when something was written.
    wire [37:0] access = {rst_n, s_axil_awaddr, s_axil_awvalid, s_axil_wvalid, s_axil_araddr, s_axil_arvalid,
                          s_axil_bready, s_axil_rready};
    wire [35:0] data   = {s_axil_wdata, s_axil_wstrb};
    reg         reset_n = 1'b0, awvalid = 1'b0, wvalid = 1'b0, arvalid = 1'b0, bready = 1'b0, rready = 1'b0;
    reg  [15:0] awaddr = 16'd0, araddr = 16'd0;
    reg  [31:0] wdata  = 32'd0;
    reg  [3:0]  wstrb  = 4'd0;

    always @(access)
        if ({reset_n, awaddr, awvalid, wvalid, araddr, arvalid, bready, rready} != access)
            {reset_n, awaddr, awvalid, wvalid, araddr, arvalid, bready, rready} = access;
    always @(data)
        if ({wdata, wstrb} != data)
            {wdata, wstrb} = data;

    always @(posedge clock)
        cycle <= cycle + 64'd1;

    // ------------------------------------------------------------------------------------------- the host bus
    wire [ID_W-1:0]     m_axi_awid, m_axi_bid, m_axi_arid, m_axi_rid;
    wire [ADDR_W-1:0]   m_axi_awaddr, m_axi_araddr;
    wire [7:0]          m_axi_awlen, m_axi_arlen;
    wire [2:0]          m_axi_awsize, m_axi_arsize;
    wire [1:0]          m_axi_awburst, m_axi_arburst, m_axi_bresp, m_axi_rresp;
    wire                m_axi_awvalid, m_axi_awready, m_axi_wlast, m_axi_wvalid, m_axi_wready, m_axi_bvalid, m_axi_bready;
    wire                m_axi_arvalid, m_axi_arready, m_axi_rlast, m_axi_rvalid, m_axi_rready;
    wire [DATA_W-1:0]   m_axi_wdata, m_axi_rdata;
    wire [DATA_W/8-1:0] m_axi_wstrb;
    wire                m_axi_awlock, m_axi_arlock;
    wire [3:0]          m_axi_awcache, m_axi_awqos, m_axi_arcache, m_axi_arqos;
    wire [2:0]          m_axi_awprot, m_axi_arprot;

    faultline #(
        .DATA_W(DATA_W), .ADDR_W(ADDR_W), .ID_W(ID_W), .READS(READS), .WRITES(WRITES), .TLB_ENTRIES(TLB_ENTRIES),
        .PREFETCH(PREFETCH), .DEVICE_LOG2(DEVICE_LOG2)
    ) engine (
        .clk_i(clock), .rst_ni(reset_n),
        .s_axil_awaddr(awaddr), .s_axil_awprot(s_axil_awprot), .s_axil_awvalid(awvalid),
        .s_axil_awready(s_axil_awready), .s_axil_wdata(wdata), .s_axil_wstrb(wstrb),
        .s_axil_wvalid(wvalid), .s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(bready),
        .s_axil_araddr(araddr), .s_axil_arprot(s_axil_arprot), .s_axil_arvalid(arvalid),
        .s_axil_arready(s_axil_arready), .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(rready),
        .m_axi_awid(m_axi_awid), .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen), .m_axi_awsize(m_axi_awsize),
        .m_axi_awburst(m_axi_awburst), .m_axi_awlock(m_axi_awlock), .m_axi_awcache(m_axi_awcache),
        .m_axi_awprot(m_axi_awprot), .m_axi_awqos(m_axi_awqos),
        .m_axi_awvalid(m_axi_awvalid), .m_axi_awready(m_axi_awready),
        .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb), .m_axi_wlast(m_axi_wlast),
        .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready),
        .m_axi_bid(m_axi_bid), .m_axi_bresp(m_axi_bresp), .m_axi_bvalid(m_axi_bvalid), .m_axi_bready(m_axi_bready),
        .m_axi_arid(m_axi_arid), .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen), .m_axi_arsize(m_axi_arsize),
        .m_axi_arburst(m_axi_arburst), .m_axi_arlock(m_axi_arlock), .m_axi_arcache(m_axi_arcache),
        .m_axi_arprot(m_axi_arprot), .m_axi_arqos(m_axi_arqos),
        .m_axi_arvalid(m_axi_arvalid), .m_axi_arready(m_axi_arready),
        .m_axi_rid(m_axi_rid), .m_axi_rdata(m_axi_rdata), .m_axi_rresp(m_axi_rresp), .m_axi_rlast(m_axi_rlast),
        .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready),
        .irq_o(irq)
    );

    axi_memory #(.DATA_W(DATA_W), .ADDR_W(ADDR_W), .ID_W(ID_W), .DEPTH_LOG2(8)) memory (
        .clk_i(clock), .rst_ni(reset_n),
        .s_axi_awid(m_axi_awid), .s_axi_awaddr(m_axi_awaddr), .s_axi_awlen(m_axi_awlen), .s_axi_awsize(m_axi_awsize),
        .s_axi_awvalid(m_axi_awvalid), .s_axi_awready(m_axi_awready),
        .s_axi_wdata(m_axi_wdata), .s_axi_wstrb(m_axi_wstrb), .s_axi_wlast(m_axi_wlast),
        .s_axi_wvalid(m_axi_wvalid), .s_axi_wready(m_axi_wready),
        .s_axi_bid(m_axi_bid), .s_axi_bresp(m_axi_bresp), .s_axi_bvalid(m_axi_bvalid), .s_axi_bready(m_axi_bready),
        .s_axi_arid(m_axi_arid), .s_axi_araddr(m_axi_araddr), .s_axi_arlen(m_axi_arlen), .s_axi_arsize(m_axi_arsize),
        .s_axi_arvalid(m_axi_arvalid), .s_axi_arready(m_axi_arready),
        .s_axi_rid(m_axi_rid), .s_axi_rdata(m_axi_rdata), .s_axi_rresp(m_axi_rresp), .s_axi_rlast(m_axi_rlast),
        .s_axi_rvalid(m_axi_rvalid), .s_axi_rready(m_axi_rready)
    );

    axi_checker #(.DATA_W(DATA_W), .ADDR_W(ADDR_W), .ID_W(ID_W)) checker_ (
        .clk_i(clock), .rst_ni(reset_n),
        .axi_awid(m_axi_awid), .axi_awaddr(m_axi_awaddr), .axi_awlen(m_axi_awlen), .axi_awsize(m_axi_awsize),
        .axi_awburst(m_axi_awburst), .axi_awlock(m_axi_awlock), .axi_awcache(m_axi_awcache), .axi_awprot(m_axi_awprot),
        .axi_awqos(m_axi_awqos), .axi_awregion(4'd0), .axi_awuser(1'b0), .axi_awvalid(m_axi_awvalid), .axi_awready(m_axi_awready),
        .axi_wdata(m_axi_wdata), .axi_wstrb(m_axi_wstrb), .axi_wlast(m_axi_wlast), .axi_wuser(1'b0),
        .axi_wvalid(m_axi_wvalid), .axi_wready(m_axi_wready),
        .axi_bid(m_axi_bid), .axi_bresp(m_axi_bresp), .axi_buser(1'b0), .axi_bvalid(m_axi_bvalid), .axi_bready(m_axi_bready),
        .axi_arid(m_axi_arid), .axi_araddr(m_axi_araddr), .axi_arlen(m_axi_arlen), .axi_arsize(m_axi_arsize),
        .axi_arburst(m_axi_arburst), .axi_arlock(m_axi_arlock), .axi_arcache(m_axi_arcache), .axi_arprot(m_axi_arprot),
        .axi_arqos(m_axi_arqos), .axi_arregion(4'd0), .axi_aruser(1'b0), .axi_arvalid(m_axi_arvalid), .axi_arready(m_axi_arready),
        .axi_rid(m_axi_rid), .axi_rdata(m_axi_rdata), .axi_rresp(m_axi_rresp), .axi_rlast(m_axi_rlast), .axi_ruser(1'b0),
        .axi_rvalid(m_axi_rvalid), .axi_rready(m_axi_rready)
    );

    axil_checker #(.DATA_W(32), .ADDR_W(16)) csr_checker (
        .clk_i(clock), .rst_ni(rst_n),
        .axil_awaddr(s_axil_awaddr), .axil_awprot(s_axil_awprot), .axil_awvalid(s_axil_awvalid),
        .axil_awready(s_axil_awready), .axil_wdata(s_axil_wdata), .axil_wstrb(s_axil_wstrb),
        .axil_wvalid(s_axil_wvalid), .axil_wready(s_axil_wready), .axil_bresp(s_axil_bresp),
        .axil_bvalid(s_axil_bvalid), .axil_bready(s_axil_bready),
        .axil_araddr(s_axil_araddr), .axil_arprot(s_axil_arprot), .axil_arvalid(s_axil_arvalid),
        .axil_arready(s_axil_arready), .axil_rdata(s_axil_rdata), .axil_rresp(s_axil_rresp),
        .axil_rvalid(s_axil_rvalid), .axil_rready(s_axil_rready)
    );

    // ------------------------------------------------------------------------- what the recorder sees of the engine
    // It costs 5 % of the simulation's speed. A netlist has none of these names, and Verilator looks them up even where the
    // branch is not taken: there FAULTLINE_NETLIST leaves them out.
    wire         life, walker;
    wire [1:0]   fetched, start, ended, ask, ask_last, walk, answer, join_, join_last, aw_take;
    wire [3:0]   start_unit, ar_take;
    wire [6:0]   irq_cause;
    wire [7:0]   walk_object;
    wire [12:0]  waits;
    wire [15:0]  fetched_opcode, fetched_cause, start_opcode, start_cause, end_opcode, end_cause, answer_cause;
    wire [31:0]  fetched_place;
    wire [39:0]  walk_page;
    wire [63:0]  fetched_tag, start_tag, end_tag, end_bytes;
    wire [127:0] fetched_address, end_address;

    generate
        if (INSIDE == 0) begin : g_pins
            assign {fetched, start, ended, ask, ask_last, walk, answer, join_, join_last, aw_take} = 20'd0;
            assign {walker, start_unit, ar_take, walk_object, waits} = 30'd0;
            assign {fetched_opcode, fetched_cause, start_opcode, start_cause, end_opcode, end_cause, answer_cause} = 112'd0;
            assign {fetched_place, walk_page, fetched_tag, start_tag, end_tag, end_bytes} = 328'd0;
            assign {fetched_address, end_address} = 256'd0;
            assign irq_cause = 7'd0;
            assign life = 1'b1;
        end
`ifndef FAULTLINE_NETLIST
        else begin : g_inside
            assign life            = engine.core_rst_n;
            assign irq_cause       = engine.u_csr.irq_status_q & engine.u_csr.irq_enable_q;
            assign fetched         = {engine.u_ring_render.last || engine.u_ring_render.report_take,
                                      engine.u_ring_transfer.last || engine.u_ring_transfer.report_take};
            assign fetched_tag     = {engine.u_ring_render.tag, engine.u_ring_transfer.tag};
            assign fetched_opcode  = {engine.u_ring_render.does[7:0], engine.u_ring_transfer.does[7:0]};
            assign fetched_place   = engine.head;
            assign fetched_cause   = {engine.u_ring_render.last   ? engine.u_ring_render.err   : `FL_CAUSE_RING_OVERFLOW,
                                      engine.u_ring_transfer.last ? engine.u_ring_transfer.err : `FL_CAUSE_RING_OVERFLOW};
            wire [15:0] place_1    = engine.head[31:16] & ((16'd1 << engine.ring_log2[7:4]) - 16'd1);
            wire [15:0] place_0    = engine.head[15:0]  & ((16'd1 << engine.ring_log2[3:0]) - 16'd1);
            assign fetched_address = {engine.ring_base[127:64] + {42'd0, place_1, 6'd0},
                                      engine.ring_base[63:0]   + {43'd0, place_0, 5'd0}};
            assign start           = engine.desc_ready;
            assign start_tag       = {engine.u_dispatch_render.desc[`FL_DESCRIPTOR_TAG],
                                      engine.u_dispatch_transfer.desc[`FL_DESCRIPTOR_TAG]};
            assign start_opcode    = {engine.u_dispatch_render.opcode, engine.u_dispatch_transfer.opcode};
            assign start_cause     = {engine.u_dispatch_render.cause_now, engine.u_dispatch_transfer.cause_now};
            assign start_unit      = {engine.u_dispatch_render.to_unit   ? {1'b0, engine.u_dispatch_render.unit}   : 2'd2,
                                      engine.u_dispatch_transfer.to_unit ? {1'b0, engine.u_dispatch_transfer.unit} : 2'd2};
            assign ended           = engine.ended;
            assign end_tag         = engine.end_tag;
            assign end_opcode      = engine.end_opcode;
            assign end_cause       = engine.end_cause;
            assign end_bytes       = engine.end_bytes;
            assign end_address     = engine.end_address;
            assign ask             = engine.walk_req_valid & engine.walk_req_ready;
            assign ask_last        = {engine.u_write.u_translate.b_last, engine.u_read.u_translate.b_last};
            assign walk            = engine.u_walker.want_walk;
            assign walk_object     = engine.u_walker.want_object;
            assign walk_page       = engine.u_walker.want_page;
            assign walker          = engine.u_walker.who_q;
            assign answer          = {engine.u_walker.g_look[1].answer, engine.u_walker.g_look[0].answer};
            assign answer_cause    = {engine.u_walker.g_look[1].mine ? engine.u_walker.told_cause : `FL_CAUSE_NONE,
                                      engine.u_walker.g_look[0].mine ? engine.u_walker.told_cause : `FL_CAUSE_NONE};
            assign join_           = {engine.u_write.u_translate.take, engine.u_read.u_translate.take};
            assign join_last       = {engine.u_write.u_translate.last, engine.u_read.u_translate.last};
            assign ar_take         = engine.u_read_port.take;
            assign aw_take         = engine.u_write_port.take;
            wire [1:0] to_unit     = {engine.u_dispatch_render.may_go && engine.u_dispatch_render.to_unit,
                                      engine.u_dispatch_transfer.may_go && engine.u_dispatch_transfer.to_unit};
            wire [1:0] behind      = {engine.u_dispatch_render.state_q == 2'd2 && engine.u_dispatch_render.good &&
                                      engine.u_dispatch_render.behind,
                                      engine.u_dispatch_transfer.state_q == 2'd2 && engine.u_dispatch_transfer.good &&
                                      engine.u_dispatch_transfer.behind};
            assign waits           = {engine.bank_conflict, engine.end_valid & ~engine.u_complete.free_q, to_unit & ~start,
                                      behind & ~engine.waiting, engine.waiting, engine.wait_write, engine.wait_read,
                                      engine.u_write.t_valid && engine.u_write.t_data && !engine.u_write.able,
                                      engine.wait_credit};
        end
`endif
    endgenerate

    generate if (RECORDER != 0) begin : g_recorder
    trace_recorder #(.DATA_W(DATA_W), .ADDR_W(ADDR_W), .ID_W(ID_W), .RECORD_ID(1)) recorder (
        .clk_i(clock), .rst_ni(reset_n), .cycle_i(cycle), .enable_i(trace_enable),
        .axil_awaddr(awaddr), .axil_awvalid(awvalid), .axil_awready(s_axil_awready),
        .axil_wdata(wdata), .axil_wvalid(wvalid), .axil_wready(s_axil_wready),
        .axil_bresp(s_axil_bresp), .axil_bvalid(s_axil_bvalid), .axil_bready(bready),
        .axi_awid(m_axi_awid), .axi_awaddr(m_axi_awaddr), .axi_awlen(m_axi_awlen), .axi_awsize(m_axi_awsize),
        .axi_awvalid(m_axi_awvalid), .axi_awready(m_axi_awready),
        .axi_wdata(m_axi_wdata), .axi_wstrb(m_axi_wstrb), .axi_wlast(m_axi_wlast),
        .axi_wvalid(m_axi_wvalid), .axi_wready(m_axi_wready),
        .axi_bid(m_axi_bid), .axi_bresp(m_axi_bresp), .axi_bvalid(m_axi_bvalid), .axi_bready(m_axi_bready),
        .axi_arid(m_axi_arid), .axi_araddr(m_axi_araddr), .axi_arlen(m_axi_arlen), .axi_arsize(m_axi_arsize),
        .axi_arvalid(m_axi_arvalid), .axi_arready(m_axi_arready),
        .axi_rid(m_axi_rid), .axi_rresp(m_axi_rresp), .axi_rlast(m_axi_rlast),
        .axi_rvalid(m_axi_rvalid), .axi_rready(m_axi_rready),
        .irq_i(irq), .irq_cause_i(irq_cause),
        .life_i(life), .fetched_i(fetched), .fetched_address_i(fetched_address), .fetched_tag_i(fetched_tag),
        .fetched_opcode_i(fetched_opcode), .fetched_place_i(fetched_place), .fetched_cause_i(fetched_cause),
        .start_i(start), .start_tag_i(start_tag), .start_opcode_i(start_opcode), .start_cause_i(start_cause),
        .start_unit_i(start_unit),
        .end_i(ended), .end_tag_i(end_tag), .end_opcode_i(end_opcode), .end_cause_i(end_cause),
        .end_bytes_i(end_bytes), .end_address_i(end_address),
        .ask_i(ask), .ask_last_i(ask_last), .walk_i(walk), .walk_object_i(walk_object), .walk_page_i(walk_page),
        .walker_i(walker), .answer_i(answer), .answer_cause_i(answer_cause), .join_i(join_), .join_last_i(join_last),
        .ar_take_i(ar_take), .aw_take_i(aw_take), .waits_i(waits)
    );
    end endgenerate

    // --------------------------------------------------------------------------------------------- device dump
    integer          offset;
    reg [31:0]       address;
    reg [31:0]       index;
    reg [DATA_W-1:0] word;

    always @(dump_request)
        if (dump_request != dump_done) begin
            `DEVICE_OPEN({32'd0, dump_bytes});
            for (offset = 0; offset < dump_bytes; offset = offset + BYTES) begin
                address = dump_base + offset;
                index   = (address >> 8 << (6 - BYTE_LOG2)) | ((address & 32'h3F) >> BYTE_LOG2);
                case (address[7:6])
                    2'd0: word = engine.u_device_memory.g_bank[0].mem_q[index[DEVICE_LOG2-3-BYTE_LOG2:0]];
                    2'd1: word = engine.u_device_memory.g_bank[1].mem_q[index[DEVICE_LOG2-3-BYTE_LOG2:0]];
                    2'd2: word = engine.u_device_memory.g_bank[2].mem_q[index[DEVICE_LOG2-3-BYTE_LOG2:0]];
                    2'd3: word = engine.u_device_memory.g_bank[3].mem_q[index[DEVICE_LOG2-3-BYTE_LOG2:0]];
                endcase
                if (address >> DEVICE_LOG2 != 0)
                    word = {DATA_W{1'b0}};
                `DEVICE_PUT({32'd0, offset}, BYTES, word);
            end
            `DEVICE_CLOSE;
            dump_done = dump_request;
        end

    // ------------------------------------------------------------------------------------------------- waves
    // Of some cycles only, where +waves_file= is given: from cycle +waves_begin= on, +waves_depth= levels of the design
    // (0: all). Whoever runs the simulation ends it in time. A process that waits costs speed, so only models that are
    // built to dump have it.
`ifdef FAULTLINE_DUMPS
    reg [8*1024-1:0] waves_file;
    reg [63:0]       waves_begin;
    integer          waves_depth;

    initial
        if ($value$plusargs("waves_file=%s", waves_file)) begin
            if (!$value$plusargs("waves_begin=%d", waves_begin))
                waves_begin = 64'd0;
            if (!$value$plusargs("waves_depth=%d", waves_depth))
                waves_depth = 0;
            wait (cycle >= waves_begin);
            $dumpfile(waves_file);
            $dumpvars(waves_depth, sim_top);
        end
`endif

    always @(flush_request)
        if (flush_request != flush_done) begin
            `TRACE_FLUSH;
            flush_done = flush_request;
        end

endmodule

`default_nettype wire
