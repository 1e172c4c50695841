// axi_checker: watches one AXI4 port and notes every rule that either side breaks.
//
// Why: a wrong burst may still move the right bytes in this memory and not in the next. The checker is passive, runs in
// both simulators, and knows nothing of the engine. Bit n of `violated` says that rule n was broken at least once,
// `violations` counts; tests require both to be 0. The rules, their numbers and their names are in tb/axi_rules.py and
// docs/axi-checker.md: first those of the five channels (axi_channel), then those of each address by itself
// (axi_address), then those of bursts (axi_bursts). This file is the wiring.
//
// The prover reads the same module: there each rule of the master is asserted, and each of the memory asserted, or
// assumed with ASSUME_MEMORY, so that one side of the port is under test and the other one free but honest.
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Errors      one line for the first breach of each rule; the run goes on.
// Rules about X hold in Icarus only: Verilator and the prover have two states. Data before their address would be legal
// AXI, but this memory never takes them, so it is reported as a broken memory (AXI_W_ADDRESS).
`default_nettype none
// What a test may change while it runs; the prover has constants.
`ifdef FORMAL
`define AXI_CHECKER_KNOB wire
`else
`define AXI_CHECKER_KNOB reg
`endif
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL

module axi_checker #(
    // width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // width of the addresses in bits, at most 64
    parameter ADDR_W = 64,
    // width of the IDs in bits, at most 4
    parameter ID_W   = 4,
    // width of each user signal in bits
    parameter USER_W = 1,
    // outstanding bursts that can be followed, of all writes and of the reads of an ID; a power of two
    parameter DEPTH  = 512,
    // whether exclusive accesses are followed from read to write and to EXOKAY
    parameter EXCLUSIVE = 1,
    // whether the memory may mix the data of reads of several IDs, which AXI4 allows and this memory never does
    parameter INTERLEAVED = 0,
    // prover only: the memory's rules are assumed
    parameter ASSUME_MEMORY = 0
) (
    input wire                clk_i,
    input wire                rst_ni,   // synchronous, active low

    input wire [ID_W-1:0]     axi_awid,
    input wire [ADDR_W-1:0]   axi_awaddr,
    input wire [7:0]          axi_awlen,
    input wire [2:0]          axi_awsize,
    input wire [1:0]          axi_awburst,
    input wire                axi_awlock,
    input wire [3:0]          axi_awcache,
    input wire [2:0]          axi_awprot,
    input wire [3:0]          axi_awqos,
    input wire [3:0]          axi_awregion,
    input wire [USER_W-1:0]   axi_awuser,
    input wire                axi_awvalid,
    input wire                axi_awready,
    input wire [DATA_W-1:0]   axi_wdata,
    input wire [DATA_W/8-1:0] axi_wstrb,
    input wire                axi_wlast,
    input wire [USER_W-1:0]   axi_wuser,
    input wire                axi_wvalid,
    input wire                axi_wready,
    input wire [ID_W-1:0]     axi_bid,
    input wire [1:0]          axi_bresp,
    input wire [USER_W-1:0]   axi_buser,
    input wire                axi_bvalid,
    input wire                axi_bready,
    input wire [ID_W-1:0]     axi_arid,
    input wire [ADDR_W-1:0]   axi_araddr,
    input wire [7:0]          axi_arlen,
    input wire [2:0]          axi_arsize,
    input wire [1:0]          axi_arburst,
    input wire                axi_arlock,
    input wire [3:0]          axi_arcache,
    input wire [2:0]          axi_arprot,
    input wire [3:0]          axi_arqos,
    input wire [3:0]          axi_arregion,
    input wire [USER_W-1:0]   axi_aruser,
    input wire                axi_arvalid,
    input wire                axi_arready,
    input wire [ID_W-1:0]     axi_rid,
    input wire [DATA_W-1:0]   axi_rdata,
    input wire [1:0]          axi_rresp,
    input wire                axi_rlast,
    input wire [USER_W-1:0]   axi_ruser,
    input wire                axi_rvalid,
    input wire                axi_rready
);
    localparam BYTES   = DATA_W / 8;
    localparam PLACE_W = $clog2(DEPTH);
    localparam AX_W    = ID_W + ADDR_W + 29 + USER_W;

    // ------------------------------------------------------------------------------------------- what may be set
    `AXI_CHECKER_KNOB [31:0] ready_bound  = 32'd0;         // cycles that VALID may wait for READY; 0: for ever
    `AXI_CHECKER_KNOB        incr_only    = 1'b1;          // WRAP and FIXED bursts are a fault: this memory knows neither
    `AXI_CHECKER_KNOB        exclusive    = EXCLUSIVE != 0;
    `AXI_CHECKER_KNOB        interleaved  = INTERLEAVED != 0;
    `AXI_CHECKER_KNOB        lite         = 1'b0;          // the port carries AXI4-Lite traffic
    `AXI_CHECKER_KNOB [63:0] window_base  = 64'd0;         // addresses that are granted; all if window_bytes is 0
    `AXI_CHECKER_KNOB [63:0] window_bytes = 64'd0;

    // ------------------------------------------------------------------------------------- rules of the channels
    // bits of the channels' violated_o: 2 F + 6 of F signals
    localparam AW_RULES = 28, W_RULES = 14, B_RULES = 12, R_RULES = 16, ADDRESS_RULES = 17, BURST_RULES = 16;
    localparam [63:0] N_ID = "ID", N_ADDR = "ADDR", N_LEN = "LEN", N_SIZE = "SIZE", N_BURST = "BURST", N_LOCK = "LOCK",
                      N_CACHE = "CACHE", N_PROT = "PROT", N_QOS = "QOS", N_REGION = "REGION", N_USER = "USER",
                      N_DATA = "DATA", N_STRB = "STRB", N_LAST = "LAST", N_RESP = "RESP";
    localparam [16*11-1:0] AX_WIDTHS = {16'(USER_W), 16'd4, 16'd4, 16'd3, 16'd4, 16'd1, 16'd2, 16'd3, 16'd8,
                                        16'(ADDR_W), 16'(ID_W)};
    localparam [64*11-1:0] AX_NAMES = {N_USER, N_REGION, N_QOS, N_PROT, N_CACHE, N_LOCK, N_BURST, N_SIZE, N_LEN, N_ADDR, N_ID};

    wire [AX_W-1:0]     aw = {axi_awuser, axi_awregion, axi_awqos, axi_awprot, axi_awcache, axi_awlock, axi_awburst, axi_awsize,
                              axi_awlen, axi_awaddr, axi_awid};
    wire [AX_W-1:0]     ar = {axi_aruser, axi_arregion, axi_arqos, axi_arprot, axi_arcache, axi_arlock, axi_arburst, axi_arsize,
                              axi_arlen, axi_araddr, axi_arid};
    wire [AW_RULES-1:0] aw_violated, ar_violated;
    wire [W_RULES-1:0]  w_violated;
    wire [B_RULES-1:0]  b_violated;
    wire [R_RULES-1:0]  r_violated;
    wire [ADDRESS_RULES-1:0] aw_address_violated, ar_address_violated;
    wire [BURST_RULES-1:0]   burst_violated;
    wire [31:0]         aw_violations, w_violations, b_violations, ar_violations, r_violations;
    wire [31:0]         aw_address_violations, ar_address_violations, burst_violations;

    axi_channel #(.CHANNEL("AW"), .W(AX_W), .FIELDS(11), .WIDTHS(AX_WIDTHS), .NAMES(AX_NAMES)) aw_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axi_awvalid), .ready_i(axi_awready),
        .payload_i(aw), .bound_i(ready_bound), .violated_o(aw_violated), .count_o(aw_violations)
    );
    axi_channel #(
        .CHANNEL("W"), .W(DATA_W + BYTES + 1 + USER_W), .FIELDS(4), .MASKED(BYTES),
        .WIDTHS({16'(USER_W), 16'd1, 16'(BYTES), 16'(DATA_W)}), .NAMES({N_USER, N_LAST, N_STRB, N_DATA})
    ) w_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axi_wvalid), .ready_i(axi_wready),
        .payload_i({axi_wuser, axi_wlast, axi_wstrb, axi_wdata}),
        .bound_i(ready_bound), .violated_o(w_violated), .count_o(w_violations)
    );
    axi_channel #(
        .CHANNEL("B"), .W(ID_W + 2 + USER_W), .FIELDS(3),
        .WIDTHS({16'(USER_W), 16'd2, 16'(ID_W)}), .NAMES({N_USER, N_RESP, N_ID})
    ) b_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axi_bvalid), .ready_i(axi_bready),
        .payload_i({axi_buser, axi_bresp, axi_bid}),
        .bound_i(ready_bound), .violated_o(b_violated), .count_o(b_violations)
    );
    axi_channel #(.CHANNEL("AR"), .W(AX_W), .FIELDS(11), .WIDTHS(AX_WIDTHS), .NAMES(AX_NAMES)) ar_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axi_arvalid), .ready_i(axi_arready),
        .payload_i(ar), .bound_i(ready_bound), .violated_o(ar_violated), .count_o(ar_violations)
    );
    axi_channel #(
        .CHANNEL("R"), .W(ID_W + DATA_W + 3 + USER_W), .FIELDS(5),
        .WIDTHS({16'(USER_W), 16'd1, 16'd2, 16'(DATA_W), 16'(ID_W)}), .NAMES({N_USER, N_LAST, N_RESP, N_DATA, N_ID})
    ) r_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axi_rvalid), .ready_i(axi_rready),
        .payload_i({axi_ruser, axi_rlast, axi_rresp, axi_rdata, axi_rid}),
        .bound_i(ready_bound), .violated_o(r_violated), .count_o(r_violations)
    );

    // ------------------------------------------------------------------------ rules of the addresses and the bursts
    axi_address #(.CHANNEL("AW"), .DATA_W(DATA_W), .ADDR_W(ADDR_W)) aw_address_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .taken_i(axi_awvalid && axi_awready), .address_i(axi_awaddr),
        .shape_i({axi_awcache, axi_awlock, axi_awburst, axi_awsize, axi_awlen}),
        .incr_only_i(incr_only), .lite_i(lite), .window_base_i(window_base), .window_bytes_i(window_bytes),
        .violated_o(aw_address_violated), .count_o(aw_address_violations)
    );
    axi_address #(.CHANNEL("AR"), .DATA_W(DATA_W), .ADDR_W(ADDR_W)) ar_address_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .taken_i(axi_arvalid && axi_arready), .address_i(axi_araddr),
        .shape_i({axi_arcache, axi_arlock, axi_arburst, axi_arsize, axi_arlen}),
        .incr_only_i(incr_only), .lite_i(lite), .window_base_i(window_base), .window_bytes_i(window_bytes),
        .violated_o(ar_address_violated), .count_o(ar_address_violations)
    );
    axi_bursts #(
        .DATA_W(DATA_W), .ADDR_W(ADDR_W), .ID_W(ID_W), .USER_W(USER_W), .DEPTH(DEPTH),
        .ASSUME_MEMORY(ASSUME_MEMORY)
    ) burst_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .exclusive_i(exclusive), .interleaved_i(interleaved),
        .aw_i(aw), .aw_taken_i(axi_awvalid && axi_awready),
        .wstrb_i(axi_wstrb), .wlast_i(axi_wlast), .w_taken_i(axi_wvalid && axi_wready),
        .bid_i(axi_bid), .bresp_i(axi_bresp), .bvalid_i(axi_bvalid), .bready_i(axi_bready),
        .ar_i(ar), .ar_taken_i(axi_arvalid && axi_arready),
        .rid_i(axi_rid), .rresp_i(axi_rresp), .rlast_i(axi_rlast), .rvalid_i(axi_rvalid), .rready_i(axi_rready),
        .violated_o(burst_violated), .count_o(burst_violations)
    );

    // ------------------------------------------------------------------------------------- what Python may read
    localparam RULES = 2 * AW_RULES + W_RULES + B_RULES + R_RULES + 2 * ADDRESS_RULES + BURST_RULES;
    wire [RULES-1:0] violated   = {burst_violated, ar_address_violated, aw_address_violated, r_violated, ar_violated,
                                   b_violated, w_violated, aw_violated};
    wire [31:0]      violations = burst_violations + ar_address_violations + aw_address_violations + r_violations
                                + ar_violations + b_violations + w_violations + aw_violations;

`ifdef FORMAL
`define AXI_CHECKER_MASTER(label, bits) label: assert (!(|bits));
`define AXI_CHECKER_MEMORY(label, bits) if (ASSUME_MEMORY != 0) assume (!(|bits)); else label: assert (!(|bits));
    always @* begin
        `AXI_CHECKER_MASTER(AXI_AW_STABLE, aw_violated[23:13])
        `AXI_CHECKER_MASTER(AXI_AW_HELD, aw_violated[24])
        `AXI_CHECKER_MASTER(AXI_AW_RESET, aw_violated[26:25])
        `AXI_CHECKER_MASTER(AXI_W_STABLE, w_violated[9:6])
        `AXI_CHECKER_MASTER(AXI_W_HELD, w_violated[10])
        `AXI_CHECKER_MASTER(AXI_W_RESET, w_violated[12:11])
        `AXI_CHECKER_MASTER(AXI_AR_STABLE, ar_violated[23:13])
        `AXI_CHECKER_MASTER(AXI_AR_HELD, ar_violated[24])
        `AXI_CHECKER_MASTER(AXI_AR_RESET, ar_violated[26:25])
        `AXI_CHECKER_MASTER(AXI_AW_4KIB, aw_address_violated[0])
        `AXI_CHECKER_MASTER(AXI_AW_ADDRESS, aw_address_violated[ADDRESS_RULES-1:1])
        `AXI_CHECKER_MASTER(AXI_AR_4KIB, ar_address_violated[0])
        `AXI_CHECKER_MASTER(AXI_AR_ADDRESS, ar_address_violated[ADDRESS_RULES-1:1])
        `AXI_CHECKER_MEMORY(AXI_B_CHANNEL, b_violated)
        `AXI_CHECKER_MEMORY(AXI_R_CHANNEL, r_violated)
    end
`undef AXI_CHECKER_MASTER
`undef AXI_CHECKER_MEMORY
`endif

    initial begin
        if (ADDR_W < 32 || ADDR_W > 64 || ID_W < 1 || ID_W > 4 || USER_W < 1)
            $fatal(1, "%m: ADDR_W %0d, ID_W %0d or USER_W %0d out of range", ADDR_W, ID_W, USER_W);
        if (DEPTH < 2 || DEPTH != 1 << PLACE_W)
            $fatal(1, "%m: DEPTH is %0d, must be a power of two", DEPTH);
    end

endmodule

// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
`undef AXI_CHECKER_KNOB
`default_nettype wire
