// axi_checker: watches one AXI4 port and counts every rule that either side breaks.
//
// Why: a wrong burst may still move the right bytes in this memory and not in the next. The checker is passive, runs in
// both simulators, and knows nothing of the engine. `violations` counts, bit n of `violated` says that rule n was broken
// at least once; tests require both to be 0. `tb/sim_top.py` has the same list of names.
//
// The prover reads the same module: there each rule is asserted, or assumed when its bit is set in ASSUME, so that one
// side of the port is under test and the other one free but honest.
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Errors      one line for each of the first 20; the run goes on.
// Rules about X hold in Icarus only: Verilator and the prover have two states. Data before their address would be legal
// AXI, but this memory never takes them, so it is reported as a broken memory (AXI_W_ADDRESS).
`default_nettype none
`ifdef VERILATOR
`define AXI_CHECKER_TWO_STATES
`endif
`ifdef FORMAL
`define AXI_CHECKER_TWO_STATES
`endif
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
    parameter ID_W   = 4,
    // outstanding bursts that can be followed, of all writes and of the reads of an ID; a power of two
    parameter DEPTH  = 512,
    // prover only: rules that are assumed, bit n for rule n
    parameter [27:0] ASSUME = 28'd0
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
    localparam PLACE_W = $clog2(DEPTH);
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
            violated[rule] = 1'b1;
`ifndef FORMAL
            violations     = violations + 1;
            if (violations <= 20)
                $display("Error: axi_checker: AXI_%0s broken at %0t", name, $time);
`endif
        end
    endtask

    // ---------------------------------------------------------------------------------------------- the past
    reg              aw_waits, w_waits, ar_waits, r_waits, b_waits;     // VALID was high and READY low
    reg [AX_W-1:0]   aw_was, ar_was;
    reg [W_W-1:0]    w_was;
    reg [R_W-1:0]    r_was;
    reg [B_W-1:0]    b_was;
    reg              was_reset;

    // ------------------------------------------------------------------------------------- bursts outstanding
    reg [63:0] w_address [0:DEPTH-1];       // addresses whose data have not all come
    reg [7:0]  w_len     [0:DEPTH-1];
    reg [2:0]  w_size    [0:DEPTH-1];
    reg [ID_W-1:0] w_id  [0:DEPTH-1];
    reg [PLACE_W-1:0] w_head, w_tail;            // equal: none
    integer    w_beat;
    integer    b_owed    [0:IDS-1];         // write bursts complete and not answered
    reg [7:0]  r_len     [0:IDS*DEPTH-1];   // reads not answered, an ID at a time
    reg [PLACE_W-1:0] r_head [0:IDS-1];
    integer    r_count   [0:IDS-1];
    integer    r_beat    [0:IDS-1];
    integer    i, lane;
    reg [PLACE_W-1:0] place;
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

    // Evaluated only when a pin changes: a channel without news costs nothing. An X in VALID is news.
    wire b_active  = axi_bvalid  !== 1'b0 || b_waits;
    wire r_active  = axi_rvalid  !== 1'b0 || r_waits;
    wire aw_active = axi_awvalid !== 1'b0 || aw_waits;
    wire w_active  = axi_wvalid  !== 1'b0 || w_waits;
    wire ar_active = axi_arvalid !== 1'b0 || ar_waits;
    wire active    = b_active || r_active || aw_active || w_active || ar_active;

    // Each channel: what was offered and not taken must still be there; then the rules of what is taken now. Payloads
    // are looked at for X when they are taken: until then they are stable.
    task b_channel;
        if (axi_bvalid) begin
            if (b_waits && {axi_bid, axi_bresp} !== b_was)
                broken(B_STABLE, "B_STABLE");
            b_waits = !axi_bready;
            if (b_waits)
                b_was = {axi_bid, axi_bresp};
            else begin
`ifndef AXI_CHECKER_TWO_STATES
                if (^{axi_bid, axi_bresp} === 1'bx)
                    broken(B_X, "B_X");
`endif
                if (b_owed[axi_bid] == 0)
                    broken(B_OUTSTANDING, "B_OUTSTANDING");
                else
                    b_owed[axi_bid] = b_owed[axi_bid] - 1;
            end
        end else begin
            if (b_waits)
                broken(B_HELD, "B_HELD");
            b_waits = 1'b0;
`ifndef AXI_CHECKER_TWO_STATES
            if (axi_bvalid === 1'bx)
                broken(B_X, "B_X");
`endif
        end
    endtask

    task r_channel;
        if (axi_rvalid) begin
            if (r_waits && {axi_rid, axi_rdata, axi_rresp, axi_rlast} !== r_was)
                broken(R_STABLE, "R_STABLE");
            r_waits = !axi_rready;
            if (r_waits)
                r_was = {axi_rid, axi_rdata, axi_rresp, axi_rlast};
            else begin
`ifndef AXI_CHECKER_TWO_STATES
                if (^axi_rdata === 1'bx || ^{axi_rid, axi_rresp, axi_rlast} === 1'bx)
                    broken(R_X, "R_X");
`endif
                if (r_count[axi_rid] == 0)
                    broken(R_OUTSTANDING, "R_OUTSTANDING");
                else begin
                    if (axi_rlast != (r_beat[axi_rid] == {24'd0, r_len[{axi_rid, r_head[axi_rid]}]}))
                        broken(R_LAST, "R_LAST");
                    r_beat[axi_rid] = r_beat[axi_rid] + 1;
                    if (axi_rlast) begin
                        r_beat[axi_rid]  = 0;
                        r_head[axi_rid]  = r_head[axi_rid] + 1'b1;
                        r_count[axi_rid] = r_count[axi_rid] - 1;
                    end
                end
            end
        end else begin
            if (r_waits)
                broken(R_HELD, "R_HELD");
            r_waits = 1'b0;
`ifndef AXI_CHECKER_TWO_STATES
            if (axi_rvalid === 1'bx)
                broken(R_X, "R_X");
`endif
        end
    endtask

    task aw_channel;
        if (axi_awvalid) begin
            if (aw_waits && {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst} !== aw_was)
                broken(AW_STABLE, "AW_STABLE");
            aw_waits = !axi_awready;
            if (aw_waits)
                aw_was = {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst};
            else begin
`ifndef AXI_CHECKER_TWO_STATES
                if (^{axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst} === 1'bx)
                    broken(AW_X, "AW_X");
`endif
                if (crosses(axi_awaddr[11:0], axi_awlen, axi_awsize)) broken(AW_4KIB, "AW_4KIB");
                if ((32'd1 << axi_awsize) > BYTES)                    broken(AW_SIZE, "AW_SIZE");
                if (axi_awburst != 2'd1)                              broken(AW_BURST, "AW_BURST");
                w_address[w_tail] = {{64-ADDR_W{1'b0}}, axi_awaddr};
                w_len[w_tail]     = axi_awlen;
                w_size[w_tail]    = axi_awsize;
                w_id[w_tail]      = axi_awid;
                w_tail            = w_tail + 1'b1;
            end
        end else begin
            if (aw_waits)
                broken(AW_HELD, "AW_HELD");
            aw_waits = 1'b0;
`ifndef AXI_CHECKER_TWO_STATES
            if (axi_awvalid === 1'bx)
                broken(AW_X, "AW_X");
`endif
        end
    endtask

    task w_channel;
        if (axi_wvalid) begin
            if (w_waits && {axi_wdata, axi_wstrb, axi_wlast} !== w_was)
                broken(W_STABLE, "W_STABLE");
            w_waits = !axi_wready;
            if (w_waits)
                w_was = {axi_wdata, axi_wstrb, axi_wlast};
            else begin
`ifndef AXI_CHECKER_TWO_STATES
                if (^{axi_wstrb, axi_wlast} === 1'bx)
                    broken(W_X, "W_X");
                else if (^axi_wdata === 1'bx)
                    for (lane = 0; lane < BYTES; lane = lane + 1)
                        if (axi_wstrb[lane] && ^axi_wdata[8*lane +: 8] === 1'bx)
                            broken(W_X, "W_X");
`endif
                if (w_head == w_tail)
                    broken(W_ADDRESS, "W_ADDRESS");
                else begin
                    // a full inner beat may write every lane
                    if (w_beat == 0 || (32'd1 << w_size[w_head]) != BYTES) begin
                        beat_address = w_address[w_head];
                        if (w_beat != 0)
                            beat_address = ((beat_address >> w_size[w_head]) + {32'd0, w_beat}) << w_size[w_head];
                        if ((axi_wstrb & ~lanes(beat_address, w_size[w_head])) != 0)
                            broken(W_STRB, "W_STRB");
                    end
                    if (axi_wlast != (w_beat == {24'd0, w_len[w_head]}))
                        broken(W_LAST, "W_LAST");
                    w_beat = w_beat + 1;
                    if (axi_wlast) begin
                        b_owed[w_id[w_head]] = b_owed[w_id[w_head]] + 1;
                        w_beat = 0;
                        w_head = w_head + 1'b1;
                    end
                end
            end
        end else begin
            if (w_waits)
                broken(W_HELD, "W_HELD");
            w_waits = 1'b0;
`ifndef AXI_CHECKER_TWO_STATES
            if (axi_wvalid === 1'bx)
                broken(W_X, "W_X");
`endif
        end
    endtask

    task ar_channel;
        if (axi_arvalid) begin
            if (ar_waits && {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst} !== ar_was)
                broken(AR_STABLE, "AR_STABLE");
            ar_waits = !axi_arready;
            if (ar_waits)
                ar_was = {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst};
            else begin
`ifndef AXI_CHECKER_TWO_STATES
                if (^{axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst} === 1'bx)
                    broken(AR_X, "AR_X");
`endif
                if (crosses(axi_araddr[11:0], axi_arlen, axi_arsize)) broken(AR_4KIB, "AR_4KIB");
                if ((32'd1 << axi_arsize) > BYTES)                    broken(AR_SIZE, "AR_SIZE");
                if (axi_arburst != 2'd1)                              broken(AR_BURST, "AR_BURST");
                place = r_head[axi_arid] + r_count[axi_arid][PLACE_W-1:0];
                r_len[{axi_arid, place}] = axi_arlen;
                r_count[axi_arid] = r_count[axi_arid] + 1;
            end
        end else begin
            if (ar_waits)
                broken(AR_HELD, "AR_HELD");
            ar_waits = 1'b0;
`ifndef AXI_CHECKER_TWO_STATES
            if (axi_arvalid === 1'bx)
                broken(AR_X, "AR_X");
`endif
        end
    endtask

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            if (was_reset && (axi_awvalid || axi_wvalid || axi_arvalid))
                broken(RESET_VALID, "RESET_VALID");
            was_reset = 1'b1;   // the first edge in reset still shows what was before it
            {aw_waits, w_waits, ar_waits, r_waits, b_waits} = 5'd0;
            w_head = 0;
            w_tail = 0;
            w_beat = 0;
            for (i = 0; i < IDS; i = i + 1) begin
                b_owed[i]  = 0;
                r_head[i]  = 0;
                r_count[i] = 0;
                r_beat[i]  = 0;
            end
        end else if (active || was_reset) begin
            was_reset = 1'b0;
            // answers first: what is accepted in this cycle cannot be answered in it
            if (b_active)
                b_channel;
            if (r_active)
                r_channel;
            if (aw_active)
                aw_channel;
            if (w_active)
                w_channel;
            if (ar_active)
                ar_channel;
        end
    end

`ifdef FORMAL
`define AXI_CHECKER_RULE(label, n) if (ASSUME[n]) assume (!violated[n]); else label: assert (!violated[n]);
    always @* begin
        `AXI_CHECKER_RULE(AXI_AW_HELD, AW_HELD)
        `AXI_CHECKER_RULE(AXI_AW_STABLE, AW_STABLE)
        `AXI_CHECKER_RULE(AXI_W_HELD, W_HELD)
        `AXI_CHECKER_RULE(AXI_W_STABLE, W_STABLE)
        `AXI_CHECKER_RULE(AXI_AR_HELD, AR_HELD)
        `AXI_CHECKER_RULE(AXI_AR_STABLE, AR_STABLE)
        `AXI_CHECKER_RULE(AXI_R_HELD, R_HELD)
        `AXI_CHECKER_RULE(AXI_R_STABLE, R_STABLE)
        `AXI_CHECKER_RULE(AXI_B_HELD, B_HELD)
        `AXI_CHECKER_RULE(AXI_B_STABLE, B_STABLE)
        `AXI_CHECKER_RULE(AXI_AW_4KIB, AW_4KIB)
        `AXI_CHECKER_RULE(AXI_AR_4KIB, AR_4KIB)
        `AXI_CHECKER_RULE(AXI_AW_SIZE, AW_SIZE)
        `AXI_CHECKER_RULE(AXI_AR_SIZE, AR_SIZE)
        `AXI_CHECKER_RULE(AXI_AW_BURST, AW_BURST)
        `AXI_CHECKER_RULE(AXI_AR_BURST, AR_BURST)
        `AXI_CHECKER_RULE(AXI_W_LAST, W_LAST)
        `AXI_CHECKER_RULE(AXI_R_LAST, R_LAST)
        `AXI_CHECKER_RULE(AXI_W_STRB, W_STRB)
        `AXI_CHECKER_RULE(AXI_W_ADDRESS, W_ADDRESS)
        `AXI_CHECKER_RULE(AXI_B_OUTSTANDING, B_OUTSTANDING)
        `AXI_CHECKER_RULE(AXI_R_OUTSTANDING, R_OUTSTANDING)
        `AXI_CHECKER_RULE(AXI_RESET_VALID, RESET_VALID)
    end
`undef AXI_CHECKER_RULE
`endif

    initial begin
        was_reset = 1'b0;
        {aw_waits, w_waits, ar_waits, r_waits, b_waits} = 5'd0;     // nothing was seen before time 0
        if (ADDR_W < 32 || ADDR_W > 64 || ID_W < 1 || ID_W > 4)
            $fatal(1, "%m: ADDR_W %0d or ID_W %0d out of range", ADDR_W, ID_W);
        if (DEPTH < 2 || DEPTH != 1 << PLACE_W)
            $fatal(1, "%m: DEPTH is %0d, must be a power of two", DEPTH);
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
`undef AXI_CHECKER_TWO_STATES
`default_nettype wire
