// unreset: a twin with a mistake, for the tests of what a simulation starts with: one of its registers has no reset.
//
// Latency     a register each.
// Errors      stale_o shows what was in its register before anything was written to it.
`default_nettype none

module unreset (
    input  wire        clk_i,
    input  wire        rst_ni,      // synchronous, active low
    input  wire        set_i,       // write both registers
    input  wire [31:0] data_i,      // what is written
    output wire [31:0] clean_o,     // of the register that is reset
    output wire [31:0] stale_o      // of the one that is not
);
    reg [31:0] clean_q;
    reg [31:0] stale_q;

    always @(posedge clk_i)
        if (!rst_ni)
            clean_q <= 32'd0;
        else if (set_i)
            clean_q <= data_i;

    always @(posedge clk_i)
        if (rst_ni && set_i)
            stale_q <= data_i;

    assign clean_o = clean_q;
    assign stale_o = stale_q;
endmodule

`default_nettype wire
