// axi_channel: the rules of one valid/ready channel, the same for each channel of AXI4 and of AXI4-Lite.
//
// Why: ten channels are watched by axi_checker and axil_checker, and these rules know nothing of what a payload means.
// The payload is one vector of FIELDS signals, the first in the lowest bits. Bit n of violated_o says that rule n was
// broken at least once:
//
//   0 .. F-1      <field>_X       the signal is X or Z under VALID; data only in the bytes whose strobe is 1 (MASKED)
//   F, F+1        VALID_X, READY_X  VALID is X or Z out of reset; READY is X or Z under VALID
//   F+2 .. 2F+1   <field>_STABLE  the signal changes between VALID and READY
//   2F+2          HELD            VALID is taken back before READY
//   2F+3          RESET           VALID is not low in reset, from its second edge on: the first still shows what was before
//   2F+4          AFTER_RESET     VALID is not low at the first edge after reset
//   2F+5          READY_WAIT      VALID waits more than bound_i cycles for READY; 0 is for ever
//
// Latency     a violation is counted at the clock edge at which it is seen.
// Errors      one line for the first breach of each rule; the run goes on.
// Rules about X hold in Icarus only: Verilator and the prover have two states.
`default_nettype none
`ifdef VERILATOR
`define AXI_CHANNEL_TWO_STATES
`endif
`ifdef FORMAL
`define AXI_CHANNEL_TWO_STATES
`endif
// A model, not hardware: one process with blocking assignments.
// verilator lint_off BLKSEQ
// verilator lint_off PROCASSINIT
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL

module axi_channel #(
    // how the rules' names begin
    parameter        PORT    = "AXI",
    parameter        CHANNEL = "AW",
    // bits of the payload, and its signals: their number, widths (16 bits each) and names (8 letters each)
    parameter        W       = 8,
    parameter        FIELDS  = 1,
    parameter [16*FIELDS-1:0] WIDTHS = 8,
    parameter [64*FIELDS-1:0] NAMES  = "ADDR",
    // bytes of the first signal that the second one strobes, 0 for none
    parameter        MASKED  = 0
) (
    input  wire                clk_i,
    input  wire                rst_ni,      // synchronous, active low
    input  wire                valid_i,
    input  wire                ready_i,
    input  wire [W-1:0]        payload_i,
    input  wire [31:0]         bound_i,     // cycles that VALID may wait, 0 for ever
    output reg  [2*FIELDS+5:0] violated_o,
    output reg  [31:0]         count_o      // violations
);
    localparam VALID_X = FIELDS, READY_X = FIELDS + 1, STABLE = FIELDS + 2;
    localparam HELD = 2 * FIELDS + 2, RESET = HELD + 1, AFTER_RESET = HELD + 2, READY_WAIT = HELD + 3;

    reg           waits;                    // VALID was high and READY low
    reg           was_reset;
    reg [W-1:0]   was, now;                 // the payload on offer, and work variables
    reg [W-1:0]   mask, prior;
    reg [31:0]    waited;
    integer       field, lane;

    // Evaluated only when a pin changes: a channel without news costs nothing. An X in VALID is news.
    wire look = valid_i !== 1'b0 || waits || was_reset || !rst_ni;

    task broken;
        input integer rule;
        begin
`ifndef FORMAL
            if (!violated_o[rule]) begin
                if (rule < FIELDS)
                    $display("Error: %0s_%0s_%0s_X broken at %0t", PORT, CHANNEL, NAMES[64*rule +: 64], $time);
                else if (rule >= STABLE && rule < HELD)
                    $display("Error: %0s_%0s_%0s_STABLE broken at %0t", PORT, CHANNEL, NAMES[64*(rule-STABLE) +: 64], $time);
                else
                    $display("Error: %0s_%0s_%0s broken at %0t", PORT, CHANNEL,
                             rule == VALID_X ? "VALID_X" : rule == READY_X ? "READY_X" : rule == HELD ? "HELD" :
                             rule == RESET ? "RESET" : rule == AFTER_RESET ? "AFTER_RESET" : "READY_WAIT", $time);
            end
            count_o = count_o + 1;
`endif
            violated_o[rule] = 1'b1;
        end
    endtask

    // Which signals differ from what was on offer.
    task compare;
        begin
            now   = payload_i;
            prior = was;
            for (field = 0; field < FIELDS; field = field + 1) begin
                mask = ~({W{1'b1}} << WIDTHS[16*field +: 16]);
                if ((now & mask) !== (prior & mask))
                    broken(STABLE + field);
                now   = now >> WIDTHS[16*field +: 16];
                prior = prior >> WIDTHS[16*field +: 16];
            end
        end
    endtask

`ifndef AXI_CHANNEL_TWO_STATES
    // Which signals are not known.
    task unknown;
        begin
            now = payload_i;
            for (lane = 0; lane < MASKED; lane = lane + 1)
                if (payload_i[8*MASKED + lane] === 1'b0)
                    now[8*lane +: 8] = 8'd0;
            for (field = 0; field < FIELDS; field = field + 1) begin
                mask = ~({W{1'b1}} << WIDTHS[16*field +: 16]);
                if (^(now & mask) === 1'bx)
                    broken(field);
                now = now >> WIDTHS[16*field +: 16];
            end
        end
    endtask
`endif

    // A payload is looked at for X when it is first on offer: until it is taken it is stable.
`ifdef __ICARUS__
    always begin
        wait (look);        // a process that sleeps costs less than one that wakes with the clock
        @(posedge clk_i);
`else
    always @(posedge clk_i) begin
`endif
        if (look) begin
            if (!rst_ni) begin
                if (was_reset && valid_i !== 1'b0)
                    broken(RESET);
                was_reset = 1'b1;
                waits     = 1'b0;
            end else begin
                if (was_reset && valid_i !== 1'b0)
                    broken(AFTER_RESET);
                was_reset = 1'b0;
                if (valid_i) begin
                    if (!waits) begin
                        waited = 32'd0;
`ifndef AXI_CHANNEL_TWO_STATES
                        if (^payload_i === 1'bx)
                            unknown;
`endif
                    end else if (payload_i !== was)
                        compare;
`ifndef AXI_CHANNEL_TWO_STATES
                    if (ready_i === 1'bx || ready_i === 1'bz)
                        broken(READY_X);
`endif
                    waits = ready_i !== 1'b1;
                    if (waits) begin
                        was    = payload_i;
                        waited = waited + 1;
                        if (bound_i != 0 && waited == bound_i + 1)
                            broken(READY_WAIT);
                    end
                end else begin
`ifndef AXI_CHANNEL_TWO_STATES
                    if (valid_i !== 1'b0)
                        broken(VALID_X);
                    else
`endif
                    if (waits)
                        broken(HELD);
                    waits = 1'b0;
                end
            end
        end
    end

    initial begin
        violated_o = 0;
        count_o    = 0;
        was_reset  = 1'b0;
        waits      = 1'b0;                  // nothing was seen before time 0
    end

endmodule

// verilator lint_on BLKSEQ
// verilator lint_on PROCASSINIT
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
`undef AXI_CHANNEL_TWO_STATES
`default_nettype wire
