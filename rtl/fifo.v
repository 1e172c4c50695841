// fifo: a queue between two stages, first word visible at once.
//
// Why: stages run at their own pace; the depth decides how far one may run ahead. The storage is an array
// that maps to RAM, so depth is cheap: distributed RAM, read as it is, or block RAM, which is slow to give its word, so that
// a register follows it.
//
// Latency     1 cycle from accept to visible in distributed RAM, 3 cycles in block RAM.
// Throughput  1 item a cycle, also when full items leave and enter in the same cycle (not when full).
// Ordering    first in, first out.
// Errors      none: the payload is not looked at.
`default_nettype none

module fifo #(
    // payload width in bits, at least 1
    parameter WIDTH      = 8,
    // log2 of the number of items, at least 1
    parameter DEPTH_LOG2 = 2,
    // 1: distributed RAM, 0: block RAM
    parameter DISTRIBUTED = DEPTH_LOG2 <= 4 || WIDTH << DEPTH_LOG2 <= 4096
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

    reg [DEPTH_LOG2:0] head_q, tail_q;     // one bit more than an index: equal means empty

    wire push = valid_i && ready_o;
    wire pop  = valid_o && ready_i;

    assign count_o = tail_q - head_q;
    assign ready_o = !count_o[DEPTH_LOG2];

    // Nothing changes without one of these; saying so keeps an idle engine cheap in an event-driven simulator.
    wire wake = push || pop || !rst_ni;

    always @(posedge clk_i)
        if (wake) begin
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

    generate
        if (DISTRIBUTED) begin : g_distributed
            (* ram_style = "distributed" *)
            reg [WIDTH-1:0] mem_q [0:DEPTH-1];

            assign valid_o = tail_q != head_q;
            assign data_o  = mem_q[head_q[DEPTH_LOG2-1:0]];

            always @(posedge clk_i)
                if (push)
                    mem_q[tail_q[DEPTH_LOG2-1:0]] <= data_i;
        end else begin : g_block
            (* ram_style = "block", no_rw_check *)  // a word is not read in the cycle in which it is written
            reg [WIDTH-1:0]    mem_q [0:DEPTH-1];
            reg [WIDTH-1:0]    word_q, out_q;
            reg [DEPTH_LOG2:0] next_q;         // of the next word to leave the array
            reg                word_valid_q, out_valid_q;

            wire move  = word_valid_q && (!out_valid_q || ready_i);
            wire fetch = next_q != tail_q && (!word_valid_q || move);

            assign valid_o = out_valid_q;
            assign data_o  = out_q;

            wire stir = push || fetch || move || pop || !rst_ni;

            always @(posedge clk_i)
                if (stir) begin
                    if (push)
                        mem_q[tail_q[DEPTH_LOG2-1:0]] <= data_i;
                    if (fetch)
                        word_q <= mem_q[next_q[DEPTH_LOG2-1:0]];
                    if (move)
                        out_q <= word_q;

                    if (!rst_ni) begin
                        next_q       <= {(DEPTH_LOG2 + 1){1'b0}};
                        word_valid_q <= 1'b0;
                        out_valid_q  <= 1'b0;
                    end else begin
                        if (fetch)
                            next_q <= next_q + 1'b1;
                        word_valid_q <= fetch || (word_valid_q && !move);
                        out_valid_q  <= move || (out_valid_q && !ready_i);
                    end
                end
        end
    endgenerate

    initial begin
        if (WIDTH < 1 || DEPTH_LOG2 < 1)
            $fatal(1, "%m: WIDTH %0d and DEPTH_LOG2 %0d must be at least 1", WIDTH, DEPTH_LOG2);
    end

endmodule

`default_nettype wire
