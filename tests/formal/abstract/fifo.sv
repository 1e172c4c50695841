// fifo, as its own proof has shown it to anyone who does not look at the payload: how many items are inside, and no more.
//
// Why: a proof about credit asks whether a queue ever refuses, not what is in it. The payload is free here, and so is the time
// that an item takes to become visible; whatever holds with this queue holds with the real one.
`default_nettype none

module fifo #(
    parameter WIDTH       = 8,
    parameter DEPTH_LOG2  = 2,
    parameter DISTRIBUTED = 1
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire                valid_i,
    output wire                ready_o,
    input  wire [WIDTH-1:0]    data_i,
    output wire                valid_o,
    input  wire                ready_i,
    output wire [WIDTH-1:0]    data_o,
    output wire [DEPTH_LOG2:0] count_o
);
    (* anyseq *) wire             visible;
    (* anyseq *) wire [WIDTH-1:0] payload;
    reg [DEPTH_LOG2:0]            held_q;

    assign ready_o = !held_q[DEPTH_LOG2];
    assign valid_o = held_q != 0 && visible;
    assign data_o  = payload;
    assign count_o = held_q;

    always @(posedge clk_i)
        held_q <= !rst_ni ? 0 : held_q + (valid_i && ready_o) - (valid_o && ready_i);
endmodule

`default_nettype wire
