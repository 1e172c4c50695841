// axil_checker: watches one AXI4-Lite port and notes every rule that either side breaks.
//
// Why: the CSR port is where a driver and the engine meet; who loses a response here loses a doorbell. The rules of the
// five channels are those of AXI4 (axi_channel); what is added are the answers. AXI4-Lite has no IDs, bursts, locks or
// caches: an answer belongs to the oldest access, an access is one beat, and the exclusive response does not exist.
// Addresses and data of writes may come in either order. Bit n of `violated` says that rule n was broken at least once,
// `violations` counts; tb/axi_rules.py and docs/axi-checker.md have the names.
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Errors      one line for the first breach of each rule; the run goes on.
`default_nettype none
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDSIGNAL

module axil_checker #(
    // width of the data bus in bits, 32 or 64
    parameter DATA_W = 32,
    // width of the addresses in bits
    parameter ADDR_W = 16
) (
    input wire                clk_i,
    input wire                rst_ni,   // synchronous, active low

    input wire [ADDR_W-1:0]   axil_awaddr,
    input wire [2:0]          axil_awprot,
    input wire                axil_awvalid,
    input wire                axil_awready,
    input wire [DATA_W-1:0]   axil_wdata,
    input wire [DATA_W/8-1:0] axil_wstrb,
    input wire                axil_wvalid,
    input wire                axil_wready,
    input wire [1:0]          axil_bresp,
    input wire                axil_bvalid,
    input wire                axil_bready,
    input wire [ADDR_W-1:0]   axil_araddr,
    input wire [2:0]          axil_arprot,
    input wire                axil_arvalid,
    input wire                axil_arready,
    input wire [DATA_W-1:0]   axil_rdata,
    input wire [1:0]          axil_rresp,
    input wire                axil_rvalid,
    input wire                axil_rready
);
    localparam BYTES = DATA_W / 8;
    localparam [1:0] EXOKAY = 2'd1;

    // ------------------------------------------------------------------------------------------- what may be set
    reg [31:0] ready_bound = 32'd0;     // cycles that VALID may wait for READY; 0: for ever

    // ------------------------------------------------------------------------------------- rules of the channels
    localparam [63:0] N_ADDR = "ADDR", N_PROT = "PROT", N_DATA = "DATA", N_STRB = "STRB", N_RESP = "RESP";
    wire [9:0]  aw_violated, w_violated, ar_violated, r_violated;
    wire [7:0]  b_violated;
    wire [31:0] aw_violations, w_violations, b_violations, ar_violations, r_violations;

    axi_channel #(
        .PORT("AXIL"), .CHANNEL("AW"), .W(ADDR_W + 3), .FIELDS(2), .WIDTHS({16'd3, 16'(ADDR_W)}), .NAMES({N_PROT, N_ADDR})
    ) aw_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axil_awvalid), .ready_i(axil_awready),
        .payload_i({axil_awprot, axil_awaddr}),
        .bound_i(ready_bound), .violated_o(aw_violated), .count_o(aw_violations)
    );
    axi_channel #(
        .PORT("AXIL"), .CHANNEL("W"), .W(DATA_W + BYTES), .FIELDS(2), .MASKED(BYTES),
        .WIDTHS({16'(BYTES), 16'(DATA_W)}), .NAMES({N_STRB, N_DATA})
    ) w_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axil_wvalid), .ready_i(axil_wready),
        .payload_i({axil_wstrb, axil_wdata}),
        .bound_i(ready_bound), .violated_o(w_violated), .count_o(w_violations)
    );
    axi_channel #(
        .PORT("AXIL"), .CHANNEL("B"), .W(2), .FIELDS(1), .WIDTHS(16'd2), .NAMES(N_RESP)
    ) b_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axil_bvalid), .ready_i(axil_bready),
        .payload_i(axil_bresp),
        .bound_i(ready_bound), .violated_o(b_violated), .count_o(b_violations)
    );
    axi_channel #(
        .PORT("AXIL"), .CHANNEL("AR"), .W(ADDR_W + 3), .FIELDS(2), .WIDTHS({16'd3, 16'(ADDR_W)}), .NAMES({N_PROT, N_ADDR})
    ) ar_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axil_arvalid), .ready_i(axil_arready),
        .payload_i({axil_arprot, axil_araddr}),
        .bound_i(ready_bound), .violated_o(ar_violated), .count_o(ar_violations)
    );
    axi_channel #(
        .PORT("AXIL"), .CHANNEL("R"), .W(DATA_W + 2), .FIELDS(2), .WIDTHS({16'd2, 16'(DATA_W)}), .NAMES({N_RESP, N_DATA})
    ) r_rules (
        .clk_i(clk_i), .rst_ni(rst_ni), .valid_i(axil_rvalid), .ready_i(axil_rready),
        .payload_i({axil_rresp, axil_rdata}),
        .bound_i(ready_bound), .violated_o(r_violated), .count_o(r_violations)
    );

    // ------------------------------------------------------------------------------------- rules of the answers
    localparam B_OUTSTANDING = 0, B_EARLY = 1, B_EXOKAY = 2, R_OUTSTANDING = 3, R_EXOKAY = 4;

    reg [4:0]  answer_violated   = 5'd0;
    reg [31:0] answer_violations = 32'd0;
    integer    addresses, data, reads;      // accepted and not answered
    reg        b_seen, r_seen;              // what is on offer was on offer before
    reg        fresh;                       // the first edge after reset, on which AFTER_RESET looks

    // ------------------------------------------------------------------------------------- what Python may read
    wire [52:0] violated   = {answer_violated, r_violated, ar_violated, b_violated, w_violated, aw_violated};
    wire [31:0] violations = answer_violations + r_violations + ar_violations + b_violations + w_violations + aw_violations;

    task broken;
        input integer rule;
        begin
            if (!answer_violated[rule])
                $display("Error: AXIL_%0s broken at %0t",
                         rule == B_OUTSTANDING ? "B_OUTSTANDING" : rule == B_EARLY ? "B_EARLY" :
                         rule == B_EXOKAY ? "B_EXOKAY" : rule == R_OUTSTANDING ? "R_OUTSTANDING" : "R_EXOKAY", $time);
            answer_violations     = answer_violations + 1;
            answer_violated[rule] = 1'b1;
        end
    endtask

    wire aw_taken = axil_awvalid && axil_awready, w_taken = axil_wvalid && axil_wready, ar_taken = axil_arvalid && axil_arready;
    wire news     = axil_bvalid || axil_rvalid || aw_taken || w_taken || ar_taken || fresh || !rst_ni;

`ifdef __ICARUS__
    always begin
        wait (news);                           // a process that sleeps costs less than one that wakes with the clock
        @(posedge clk_i);
`else
    always @(posedge clk_i) begin
`endif
        if (news) begin
            if (!rst_ni) begin
                addresses = 0;
                data      = 0;
                reads     = 0;
                {b_seen, r_seen} = 2'd0;
                fresh     = 1'b1;
            end else begin
                // answers first: what is accepted in this cycle cannot be answered in it
                if (axil_bvalid) begin
                    if (!b_seen && !fresh) begin
                        if (addresses == 0 && data == 0)
                            broken(B_OUTSTANDING);
                        else if (addresses == 0 || data == 0)
                            broken(B_EARLY);
                        if (axil_bresp == EXOKAY)
                            broken(B_EXOKAY);
                    end
                    b_seen = !axil_bready;
                    if (axil_bready && addresses != 0 && data != 0) begin
                        addresses = addresses - 1;
                        data      = data - 1;
                    end
                end
                if (axil_rvalid) begin
                    if (!r_seen && !fresh) begin
                        if (reads == 0)
                            broken(R_OUTSTANDING);
                        if (axil_rresp == EXOKAY)
                            broken(R_EXOKAY);
                    end
                    r_seen = !axil_rready;
                    if (axil_rready && reads != 0)
                        reads = reads - 1;
                end
                if (aw_taken)
                    addresses = addresses + 1;
                if (w_taken)
                    data = data + 1;
                if (ar_taken)
                    reads = reads + 1;
                fresh = 1'b0;
            end
        end
    end

    initial begin
        {b_seen, r_seen, fresh} = 3'd0;
        if (DATA_W != 32 && DATA_W != 64)
            $fatal(1, "%m: DATA_W is %0d, must be 32 or 64", DATA_W);
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
