// fifo_proof: what fifo promises, for any partners, any data and a reset at any time.
//
// Why a tracked item: that order is kept and nothing is lost follows from one item, chosen freely. It must come out after
// exactly as many items as were inside when it entered. The payload is not looked at by the queue, so one bit stands for all.
`default_nettype none

module fifo_proof #(
    // log2 of the number of items
    parameter DEPTH_LOG2  = 2,
    // 1: distributed RAM, 0: block RAM
    parameter DISTRIBUTED = 1,
    // cycles from accept to visible, at most
    parameter LATENCY     = 1
) (
    input wire clk_i,
    input wire rst_ni,
    input wire valid_i,
    input wire data_i,
    input wire ready_i,
    input wire choose_i             // this item is the one to follow
);
    localparam DEPTH = 1 << DEPTH_LOG2;

    wire                ready_o, valid_o, data_o;
    wire [DEPTH_LOG2:0] count_o;

    fifo #(.WIDTH(1), .DEPTH_LOG2(DEPTH_LOG2), .DISTRIBUTED(DISTRIBUTED)) dut (
        .clk_i   (clk_i),
        .rst_ni  (rst_ni),
        .valid_i (valid_i),
        .ready_o (ready_o),
        .data_i  (data_i),
        .valid_o (valid_o),
        .ready_i (ready_i),
        .data_o  (data_o),
        .count_o (count_o)
    );

    wire push = valid_i && ready_o;
    wire pop  = valid_o && ready_i;

    reg                started_q = 1'b0;
    reg [DEPTH_LOG2:0] held_q;      // items that entered and have not left
    reg                following_q; // the chosen item is inside
    reg [DEPTH_LOG2:0] ahead_q;     // items that leave before it
    reg                chosen_q;    // its payload
    reg [2:0]          hidden_q;    // cycles in which there was something and it was not to be seen
    reg                was_full_q, stalled_q, stalled_data_q;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);

        if (!rst_ni) begin
            held_q      <= 0;
            following_q <= 1'b0;
            hidden_q    <= 3'd0;
            was_full_q  <= 1'b0;
            stalled_q   <= 1'b0;
        end else begin
            held_q         <= held_q + push - pop;
            hidden_q       <= (held_q == 0 || valid_o) ? 3'd0 : hidden_q + 1'b1;
            was_full_q     <= was_full_q || held_q == DEPTH;
            stalled_q      <= valid_o && !ready_i;
            stalled_data_q <= data_o;
            if (!following_q && push && choose_i) begin
                following_q <= 1'b1;
                ahead_q     <= held_q - pop;
                chosen_q    <= data_i;
            end else if (following_q && pop) begin
                following_q <= ahead_q != 0;
                ahead_q     <= ahead_q - 1'b1;
            end
        end

        if (started_q && rst_ni) begin
            count_right:    assert (count_o == held_q);
            never_more:     assert (held_q <= DEPTH);
            none_invented:  assert (!valid_o || held_q != 0);
            offers:         assert (hidden_q < LATENCY);
            accepts:        assert (ready_o == (held_q != DEPTH));  // refuses only when full
            if (following_q)
                not_lost:   assert (ahead_q < held_q);
            if (following_q && valid_o && ahead_q == 0)
                in_order:   assert (data_o == chosen_q);
            if (stalled_q)
                stable:     assert (valid_o && data_o == stalled_data_q);

            fills:          cover (held_q == DEPTH);
            drains:         cover (was_full_q && held_q == 0);
            both_at_once:   cover (push && pop && held_q < DEPTH);
            followed:       cover (following_q && pop && ahead_q == 0 && was_full_q);
        end
    end
endmodule

`default_nettype wire
