// fifo: a queue between two stages, first word visible at once.
//
// Why: stages run at their own pace; the depth decides how far one may run ahead. The storage is an array
// with one write and one asynchronous read port, so that it maps to RAM and depth is cheap.
//
// Latency     1 cycle from accept to visible.
// Throughput  1 item a cycle, also when full items leave and enter in the same cycle (not when full).
// Ordering    first in, first out.
// Errors      none: the payload is not looked at.
`default_nettype none

module fifo #(
    // payload width in bits, at least 1
    parameter WIDTH      = 8,
    // log2 of the number of items, at least 1
    parameter DEPTH_LOG2 = 2
) (
    input  wire                clk_i,
    input  wire                rst_ni,   // synchronous, active low

    input  wire                valid_i,
    output wire                ready_o,
    input  wire [WIDTH-1:0]    data_i,

    output wire                valid_o,
    input  wire                ready_i,
    output wire [WIDTH-1:0]    data_o,

    output wire [DEPTH_LOG2:0] count_o   // items held
);

    localparam DEPTH = 1 << DEPTH_LOG2;

    reg [WIDTH-1:0]      mem_q [0:DEPTH-1];
    reg [DEPTH_LOG2:0]   head_q, tail_q;   // one bit more than an index: equal means empty

    wire push = valid_i && ready_o;
    wire pop  = valid_o && ready_i;

    assign count_o = tail_q - head_q;
    assign ready_o = !count_o[DEPTH_LOG2];
    assign valid_o = tail_q != head_q;
    assign data_o  = mem_q[head_q[DEPTH_LOG2-1:0]];

    // Nothing changes without one of these; saying so keeps an idle engine cheap in an event-driven simulator.
    wire wake = push || pop || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
            if (push)
                mem_q[tail_q[DEPTH_LOG2-1:0]] <= data_i;

            if (!rst_ni) begin
                head_q <= {(DEPTH_LOG2 + 1){1'b0}};
                tail_q <= {(DEPTH_LOG2 + 1){1'b0}};
            end else begin
                if (push)
                    tail_q <= tail_q + 1'b1;
                if (pop)
                    head_q <= head_q + 1'b1;
            end
        end

    initial begin
        if (WIDTH < 1 || DEPTH_LOG2 < 1)
            $fatal(1, "%m: WIDTH %0d and DEPTH_LOG2 %0d must be at least 1", WIDTH, DEPTH_LOG2);
    end

endmodule

`default_nettype wire
