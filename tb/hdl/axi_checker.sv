// axi_checker: watches one AXI4 port and counts every rule that either side breaks.
//
// Why: a wrong burst may still move the right bytes in this memory and not in the next. The checker is passive, runs in
// both simulators, and knows nothing of the engine. `violations` counts, bit n of `violated` says that rule n was broken
// at least once; tests require both to be 0. `tb/sim_top.py` has the same list of names.
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Errors      one line for each of the first 20; the run goes on.
// Rules about X hold in Icarus only: Verilator has two states. Data before their address would be legal AXI, but this
// memory never takes them, so it is reported as a broken memory (AXI_W_ADDRESS).
`default_nettype none
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL

module axi_checker #(
    // width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_W = 64,
    // width of the addresses in bits, at most 64
    parameter ADDR_W = 64,
    // width of the IDs in bits, at most 4
    parameter ID_W   = 4
) (
    input wire                clk_i,
    input wire                rst_ni,   // synchronous, active low

    input wire [ID_W-1:0]     axi_awid,
    input wire [ADDR_W-1:0]   axi_awaddr,
    input wire [7:0]          axi_awlen,
    input wire [2:0]          axi_awsize,
    input wire [1:0]          axi_awburst,
    input wire                axi_awvalid,
    input wire                axi_awready,
    input wire [DATA_W-1:0]   axi_wdata,
    input wire [DATA_W/8-1:0] axi_wstrb,
    input wire                axi_wlast,
    input wire                axi_wvalid,
    input wire                axi_wready,
    input wire [ID_W-1:0]     axi_bid,
    input wire [1:0]          axi_bresp,
    input wire                axi_bvalid,
    input wire                axi_bready,
    input wire [ID_W-1:0]     axi_arid,
    input wire [ADDR_W-1:0]   axi_araddr,
    input wire [7:0]          axi_arlen,
    input wire [2:0]          axi_arsize,
    input wire [1:0]          axi_arburst,
    input wire                axi_arvalid,
    input wire                axi_arready,
    input wire [ID_W-1:0]     axi_rid,
    input wire [DATA_W-1:0]   axi_rdata,
    input wire [1:0]          axi_rresp,
    input wire                axi_rlast,
    input wire                axi_rvalid,
    input wire                axi_rready
);
    localparam BYTES = DATA_W / 8;
    localparam IDS   = 1 << ID_W;
    localparam DEPTH = 512;             // outstanding bursts that can be followed, a power of two
    localparam AX_W  = ID_W + ADDR_W + 8 + 3 + 2;
    localparam W_W   = DATA_W + BYTES + 1;
    localparam R_W   = ID_W + DATA_W + 3;
    localparam B_W   = ID_W + 2;

    localparam AW_HELD = 0,  AW_STABLE = 1,  W_HELD = 2,  W_STABLE = 3,  AR_HELD = 4,  AR_STABLE = 5;
    localparam R_HELD  = 6,  R_STABLE  = 7,  B_HELD = 8,  B_STABLE = 9;
    localparam AW_4KIB = 10, AR_4KIB = 11, AW_SIZE = 12, AR_SIZE = 13, AW_BURST = 14, AR_BURST = 15;
    localparam W_LAST  = 16, R_LAST  = 17, W_STRB  = 18, W_ADDRESS = 19, B_OUTSTANDING = 20, R_OUTSTANDING = 21;
    localparam AW_X    = 22, W_X = 23, AR_X = 24, R_X = 25, B_X = 26, RESET_VALID = 27;

    // ----------------------------------------------------------------------------------- what Python may read
    reg [31:0] violations = 32'd0;
    reg [31:0] violated   = 32'd0;

    task broken;
        input integer     rule;
        input [8*17-1:0]  name;
        begin
            violations     = violations + 1;
            violated[rule] = 1'b1;
            if (violations <= 20)
                $display("Error: axi_checker: AXI_%0s broken in cycle %0d", name, cycle);
        end
    endtask

    // ---------------------------------------------------------------------------------------------- the past
    reg              aw_waits, w_waits, ar_waits, r_waits, b_waits;     // VALID was high and READY low
    reg [AX_W-1:0]   aw_was, ar_was;
    reg [W_W-1:0]    w_was;
    reg [R_W-1:0]    r_was;
    reg [B_W-1:0]    b_was;
    reg              was_reset;
    reg [63:0]       cycle;             // clock edges since the simulation began

    wire [AX_W-1:0]  aw_now = {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst};
    wire [AX_W-1:0]  ar_now = {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst};
    wire [W_W-1:0]   w_now  = {axi_wdata, axi_wstrb, axi_wlast};
    wire [R_W-1:0]   r_now  = {axi_rid, axi_rdata, axi_rresp, axi_rlast};
    wire [B_W-1:0]   b_now  = {axi_bid, axi_bresp};

    // ------------------------------------------------------------------------------------- bursts outstanding
    reg [63:0] w_address [0:DEPTH-1];       // addresses whose data have not all come
    reg [7:0]  w_len     [0:DEPTH-1];
    reg [2:0]  w_size    [0:DEPTH-1];
    reg [ID_W-1:0] w_id  [0:DEPTH-1];
    integer    w_head, w_count, w_beat;
    integer    b_owed    [0:IDS-1];         // write bursts complete and not answered
    reg [7:0]  r_len     [0:IDS*DEPTH-1];   // reads not answered, an ID at a time
    integer    r_head    [0:IDS-1];
    integer    r_count   [0:IDS-1];
    integer    r_beat    [0:IDS-1];
    integer    i, lane;
    reg [63:0] beat_address;

    // Whether a burst leaves its 4 KiB page.
    function crosses;
        input [11:0] address;
        input [7:0]  len;
        input [2:0]  size;
        crosses = ({8'd0, address} >> size << size) + ({11'd0, {1'b0, len} + 9'd1} << size) > 20'd4096;
    endfunction

    // Lanes that a beat at an address may write.
    function [BYTES-1:0] lanes;
        input [63:0] address;
        input [2:0]  size;
        integer low, high;
        begin
            low   = {26'd0, address[5:0]} % BYTES;
            high  = (low >> size << size) + (1 << size);
            lanes = ~({BYTES{1'b1}} << high) & ({BYTES{1'b1}} << low);
        end
    endfunction

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            if (was_reset && (axi_awvalid || axi_wvalid || axi_arvalid))
                broken(RESET_VALID, "RESET_VALID");
            was_reset = 1'b1;   // the first edge in reset still shows what was before it
            {aw_waits, w_waits, ar_waits, r_waits, b_waits} = 5'd0;
            w_head  = 0;
            w_count = 0;
            w_beat  = 0;
            for (i = 0; i < IDS; i = i + 1) begin
                b_owed[i]  = 0;
                r_head[i]  = 0;
                r_count[i] = 0;
                r_beat[i]  = 0;
            end
        end else begin
            was_reset = 1'b0;
            // handshake
            if (aw_waits && !axi_awvalid) broken(AW_HELD, "AW_HELD");
            if (w_waits  && !axi_wvalid)  broken(W_HELD,  "W_HELD");
            if (ar_waits && !axi_arvalid) broken(AR_HELD, "AR_HELD");
            if (r_waits  && !axi_rvalid)  broken(R_HELD,  "R_HELD");
            if (b_waits  && !axi_bvalid)  broken(B_HELD,  "B_HELD");
            if (aw_waits && axi_awvalid && aw_now !== aw_was) broken(AW_STABLE, "AW_STABLE");
            if (w_waits  && axi_wvalid  && w_now  !== w_was)  broken(W_STABLE,  "W_STABLE");
            if (ar_waits && axi_arvalid && ar_now !== ar_was) broken(AR_STABLE, "AR_STABLE");
            if (r_waits  && axi_rvalid  && r_now  !== r_was)  broken(R_STABLE,  "R_STABLE");
            if (b_waits  && axi_bvalid  && b_now  !== b_was)  broken(B_STABLE,  "B_STABLE");
            aw_waits = axi_awvalid && !axi_awready;
            w_waits  = axi_wvalid  && !axi_wready;
            ar_waits = axi_arvalid && !axi_arready;
            r_waits  = axi_rvalid  && !axi_rready;
            b_waits  = axi_bvalid  && !axi_bready;
            if (aw_waits) aw_was = aw_now;
            if (w_waits)  w_was  = w_now;
            if (ar_waits) ar_was = ar_now;
            if (r_waits)  r_was  = r_now;
            if (b_waits)  b_was  = b_now;

`ifndef VERILATOR
            if (^{axi_awvalid, axi_awvalid ? aw_now : {AX_W{1'b0}}} === 1'bx) broken(AW_X, "AW_X");
            if (^{axi_arvalid, axi_arvalid ? ar_now : {AX_W{1'b0}}} === 1'bx) broken(AR_X, "AR_X");
            if (^{axi_bvalid,  axi_bvalid  ? b_now  : {B_W{1'b0}}}  === 1'bx) broken(B_X,  "B_X");
            if (^{axi_rvalid,  axi_rvalid  ? r_now  : {R_W{1'b0}}}  === 1'bx) broken(R_X,  "R_X");
            if (^{axi_wvalid,  axi_wvalid  ? {axi_wstrb, axi_wlast} : {BYTES+1{1'b0}}} === 1'bx)
                broken(W_X, "W_X");
            else if (axi_wvalid)
                for (lane = 0; lane < BYTES; lane = lane + 1)
                    if (axi_wstrb[lane] && ^axi_wdata[8*lane +: 8] === 1'bx)
                        broken(W_X, "W_X");
`endif

            // answers first: what is accepted in this cycle cannot be answered in it
            if (axi_bvalid && axi_bready) begin
                if (b_owed[axi_bid] == 0)
                    broken(B_OUTSTANDING, "B_OUTSTANDING");
                else
                    b_owed[axi_bid] = b_owed[axi_bid] - 1;
            end
            if (axi_rvalid && axi_rready) begin
                i = {{32-ID_W{1'b0}}, axi_rid};
                if (r_count[i] == 0)
                    broken(R_OUTSTANDING, "R_OUTSTANDING");
                else begin
                    if (axi_rlast != (r_beat[i] == {24'd0, r_len[i * DEPTH + r_head[i]]}))
                        broken(R_LAST, "R_LAST");
                    r_beat[i] = r_beat[i] + 1;
                    if (axi_rlast) begin
                        r_beat[i]  = 0;
                        r_head[i]  = (r_head[i] + 1) % DEPTH;
                        r_count[i] = r_count[i] - 1;
                    end
                end
            end

            if (axi_awvalid && axi_awready) begin
                if (crosses(axi_awaddr[11:0], axi_awlen, axi_awsize)) broken(AW_4KIB, "AW_4KIB");
                if ((32'd1 << axi_awsize) > BYTES)                    broken(AW_SIZE, "AW_SIZE");
                if (axi_awburst != 2'd1)                              broken(AW_BURST, "AW_BURST");
                i = (w_head + w_count) % DEPTH;
                w_address[i] = {{64-ADDR_W{1'b0}}, axi_awaddr};
                w_len[i]     = axi_awlen;
                w_size[i]    = axi_awsize;
                w_id[i]      = axi_awid;
                w_count      = w_count + 1;
            end
            if (axi_wvalid && axi_wready) begin
                if (w_count == 0)
                    broken(W_ADDRESS, "W_ADDRESS");
                else begin
                    beat_address = w_address[w_head];
                    if (w_beat != 0)
                        beat_address = ((beat_address >> w_size[w_head]) + {32'd0, w_beat}) << w_size[w_head];
                    if ((axi_wstrb & ~lanes(beat_address, w_size[w_head])) != 0)
                        broken(W_STRB, "W_STRB");
                    if (axi_wlast != (w_beat == {24'd0, w_len[w_head]}))
                        broken(W_LAST, "W_LAST");
                    w_beat = w_beat + 1;
                    if (axi_wlast) begin
                        b_owed[w_id[w_head]] = b_owed[w_id[w_head]] + 1;
                        w_beat  = 0;
                        w_head  = (w_head + 1) % DEPTH;
                        w_count = w_count - 1;
                    end
                end
            end
            if (axi_arvalid && axi_arready) begin
                if (crosses(axi_araddr[11:0], axi_arlen, axi_arsize)) broken(AR_4KIB, "AR_4KIB");
                if ((32'd1 << axi_arsize) > BYTES)                    broken(AR_SIZE, "AR_SIZE");
                if (axi_arburst != 2'd1)                              broken(AR_BURST, "AR_BURST");
                i = {{32-ID_W{1'b0}}, axi_arid};
                r_len[i * DEPTH + (r_head[i] + r_count[i]) % DEPTH] = axi_arlen;
                r_count[i] = r_count[i] + 1;
            end
        end
        cycle = cycle + 64'd1;
    end

    initial begin
        cycle     = 64'd0;
        was_reset = 1'b0;
        if (ADDR_W < 32 || ADDR_W > 64 || ID_W < 1 || ID_W > 4)
            $fatal(1, "%m: ADDR_W %0d or ID_W %0d out of range", ADDR_W, ID_W);
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
`default_nettype wire
