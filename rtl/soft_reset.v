// soft_reset: returns every block behind the bus ports to its reset state without breaking a bus rule.
//
// Why: a master may not take back an address or leave a burst unfinished. So first the ports take no more requests, finish what
// they have begun (without strobes) and only then the blocks are reset; answers still under way are dropped when they come.
//
// Latency     until the ports are drained, then 4 cycles.
// Throughput  -
// Ordering    drain, reset, done.
// Errors      a bus that never accepts an address or data beat holds the drain for ever; only rst_ni helps then.
`default_nettype none

module soft_reset (
    input  wire clk_i,
    input  wire rst_ni,

    input  wire request_i,      // level, from csr until done_o
    output wire done_o,         // pulse

    output wire drain_o,        // to the ports
    input  wire drained_i,
    output wire forget_o,       // pulse to the ports, together with the reset
    output wire core_rst_no     // reset of everything behind the ports
);

    localparam S_RUN   = 2'd0;
    localparam S_DRAIN = 2'd1;  // wait for the ports
    localparam S_RESET = 2'd2;  // the core is held in reset
    localparam S_DONE  = 2'd3;  // tell the csr, wait until it has let go

    reg [1:0] state_q;
    reg       core_rst_nq;

    assign drain_o     = state_q != S_RUN;
    assign forget_o    = state_q == S_RESET;
    assign done_o      = state_q == S_DONE && request_i;
    assign core_rst_no = core_rst_nq;

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            state_q     <= S_RUN;
            core_rst_nq <= 1'b0;
        end else begin
            case (state_q)
                S_RUN:   if (request_i) state_q <= S_DRAIN;
                S_DRAIN: if (drained_i) state_q <= S_RESET;
                S_RESET: state_q <= S_DONE;
                default: if (!request_i) state_q <= S_RUN;
            endcase
            core_rst_nq <= state_q != S_DRAIN || !drained_i;
        end
    end

endmodule

`default_nettype wire
