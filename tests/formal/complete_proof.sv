// complete_proof: each end becomes one record, and nothing is announced before what it announces has been answered.
//
// Each end that is taken names the bursts that must follow: its record and, if it is a good fence, its value. The list is
// followed three times: by the addresses, by the data, by the responses. A response may come when both its address and its data are out.
`default_nettype none
`include "faultline.vh"

module complete_proof #(
    // data width in bits
    parameter DATA_W = 256
) (
    input wire         clk_i,
    input wire         rst_ni,
    input wire [31:0]  head_i,
    input wire [1:0]   end_valid_i,
    input wire [7:0]   end_tag_i,           // 4 bits a queue
    input wire [15:0]  end_cause_i,
    input wire [1:0]   end_interrupt_i,
    input wire [1:0]   end_fence_i,
    input wire [7:0]   end_value_i,         // bit 0 and bit 4: a bit a queue
    input wire         aw_ready_i,
    input wire         w_ready_i,
    input wire         b_valid_i,
    input wire [1:0]   b_resp_i
);
    localparam BEATS = DATA_W < 256 ? 256 / DATA_W : 1;
    localparam PLACES_LOG2 = 1;
    localparam [63:0] RING0 = 64'h1000, RING1 = 64'h2000, FENCE0 = 64'h3000, FENCE1 = 64'h3040;

    wire [31:0] tail;
    wire [63:0] fence;
    wire [1:0]  busy, end_ready, chosen, done, wrong;
    wire        aw_valid, w_valid, failed;
    wire [63:0] aw_address;
    wire [7:0]  aw_len;
    wire [DATA_W-1:0] w_data;

    complete #(.DATA_W(DATA_W)) dut (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .cycle_i         (64'd0),
        .base_i          ({RING1, RING0}),
        .size_log2_i     ({2{PLACES_LOG2[3:0]}}),
        .fence_base_i    ({FENCE1, FENCE0}),
        .head_i          (head_i),
        .tail_o          (tail),
        .fence_o         (fence),
        .busy_o          (busy),
        .end_valid_i     (end_valid_i),
        .end_ready_o     (end_ready),
        .end_tag_i       ({28'd0, end_tag_i[7:4], 28'd0, end_tag_i[3:0]}),
        .end_opcode_i    (16'd0),
        .end_cause_i     (end_cause_i),
        .end_address_i   (128'd0),
        .end_bytes_i     (64'd0),
        .end_start_i     (64'd0),
        .end_interrupt_i (end_interrupt_i),
        .end_fence_i     (end_fence_i),
        .end_value_i     ({31'd0, end_value_i[4], 31'd0, end_value_i[0]}),
        .aw_valid_o      (aw_valid),
        .aw_ready_i      (aw_ready_i),
        .aw_address_o    (aw_address),
        .aw_len_o        (aw_len),
        .w_valid_o       (w_valid),
        .w_ready_i       (w_ready_i),
        .w_data_o        (w_data),
        .b_valid_i       (b_valid_i),
        .b_resp_i        (b_resp_i),
        .record_done_o   (done),
        .record_error_o  (wrong),
        .completion_error_o (failed),
        .ended_o         (chosen)
    );

    // what must follow, one entry a burst: {queue, it is a fence value, interrupt with it, error with it, tag or value}
    reg [7:0]   list [0:7];
    reg [3:0]   listed_q, asked_q, sent_q, answered_q;
    reg [1:0]   beat_q;
    reg [15:0]  asked0_q, asked1_q, tail0_q, tail1_q;       // records
    reg [31:0]  fence0_q, fence1_q;
    reg [31:0]  head_q;
    reg [1:0]   offered_q;                                  // an end waits: it stays as it is
    reg [29:0]  offer_q;
    reg [3:0]   begun0_q, begun1_q, over0_q, over1_q;       // ends whose record has begun, ends handed over
    reg         started_q = 1'b0;

    wire [15:0] step0    = head_i[15:0] - head_q[15:0];     // the driver's head goes forward, up to the tail
    wire [15:0] step1    = head_i[31:16] - head_q[31:16];
    wire [15:0] left0    = tail[15:0] - head_q[15:0];
    wire [15:0] left1    = tail[31:16] - head_q[31:16];
    wire [15:0] used0    = asked0_q - head_i[15:0];         // places that hold a record
    wire [15:0] used1    = asked1_q - head_i[31:16];
    wire [1:0]  taken    = chosen;                          // its record begins; it is handed over later
    wire [29:0] offer    = {end_tag_i[7:4], end_value_i[4], end_cause_i[15:8], end_interrupt_i[1], end_fence_i[1],
                            end_tag_i[3:0], end_value_i[0], end_cause_i[7:0], end_interrupt_i[0], end_fence_i[0]};
    wire        who      = taken[1];
    wire        good     = (who ? end_cause_i[15:8] : end_cause_i[7:0]) == `FL_CAUSE_NONE;
    wire        fenced   = (who ? end_fence_i[1] : end_fence_i[0]) && good;
    wire        irq      = who ? end_interrupt_i[1] : end_interrupt_i[0];
    wire [7:0] ask_for  = list[asked_q[2:0]];
    wire [7:0] sending  = list[sent_q[2:0]];
    wire [7:0] answered = list[answered_q[2:0]];
    wire        b_queue  = answered[7];
    wire        b_fence  = answered[6];
    wire        w_last   = sending[6] || beat_q == BEATS - 1;
    wire [15:0] place    = (ask_for[7] ? asked1_q : asked0_q) & ((16'd1 << PLACES_LOG2) - 1'b1);
    wire [63:0] expected = ask_for[6] ? (ask_for[7] ? FENCE1 : FENCE0)
                                       : (ask_for[7] ? RING1 : RING0) + {43'd0, place, 5'd0};

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        else
            assume (rst_ni);
        assume ((offered_q & ~end_valid_i) == 2'd0);
        assume (!offered_q[0] || offer[14:0] == offer_q[14:0]);
        assume (!offered_q[1] || offer[29:15] == offer_q[29:15]);
        offered_q <= rst_ni ? end_valid_i & ~end_ready : 2'd0;
        offer_q   <= offer;
        // the port answers a burst whose address and data it has; the driver consumes what it has been told of
        assume (!b_valid_i || (asked_q != answered_q && sent_q != answered_q));
        assume (step0 <= left0 && step1 <= left1);
        head_q <= rst_ni ? head_i : 32'd0;

        if (!rst_ni) begin
            {listed_q, asked_q, sent_q, answered_q} <= 16'd0;
            {asked0_q, asked1_q, tail0_q, tail1_q}  <= 64'd0;
            {fence0_q, fence1_q}                    <= 64'd0;
            {begun0_q, begun1_q, over0_q, over1_q}  <= 16'd0;
            beat_q                                  <= 2'd0;
        end else begin
            begun0_q <= begun0_q + taken[0];
            begun1_q <= begun1_q + taken[1];
            over0_q  <= over0_q + (end_valid_i[0] && end_ready[0]);
            over1_q  <= over1_q + (end_valid_i[1] && end_ready[1]);
            if (|taken) begin
                list[listed_q[2:0]] <= {who, 1'b0, irq && !fenced, !good, who ? end_tag_i[7:4] : end_tag_i[3:0]};
                if (fenced)
                    list[listed_q[2:0] + 3'd1] <= {who, 1'b1, irq, 1'b0, 3'd0, who ? end_value_i[4] : end_value_i[0]};
                listed_q <= listed_q + 1'b1 + fenced;
            end
            if (aw_valid && aw_ready_i) begin
                asked_q  <= asked_q + 1'b1;
                asked0_q <= asked0_q + (!ask_for[7] && !ask_for[6]);
                asked1_q <= asked1_q + (ask_for[7] && !ask_for[6]);
            end
            if (w_valid && w_ready_i) begin
                beat_q <= w_last ? 2'd0 : beat_q + 1'b1;
                sent_q <= sent_q + w_last;
            end
            if (b_valid_i) begin
                answered_q <= answered_q + 1'b1;
                tail0_q    <= tail0_q + (!b_queue && !b_fence);
                tail1_q    <= tail1_q + (b_queue && !b_fence);
                if (b_fence && !b_queue) fence0_q <= {28'd0, answered[3:0]};
                if (b_fence && b_queue)  fence1_q <= {28'd0, answered[3:0]};
            end
        end

        if (started_q && rst_ni) begin
            one_at_a_time:    assert (taken != 2'd3);
            if (aw_valid) begin
                after_its_end: assert (asked_q != listed_q);
                its_place:     assert (aw_address == {expected[63:$clog2(DATA_W / 8)], {$clog2(DATA_W / 8){1'b0}}});
                its_length:    assert (aw_len == (ask_for[6] ? 8'd0 : BEATS - 8'd1));
                fence_last:    assert (!ask_for[6] || answered_q == asked_q);  // all before it has been answered
                legal_burst:   assert ({1'b0, aw_address[11:0]} + BEATS * DATA_W / 8 <= 13'd4096);
                room_for_it:   assert (ask_for[6] || (ask_for[7] ? used1 : used0) < 16'd1 << PLACES_LOG2);
            end
            if (w_valid) begin
                data_after:    assert (sent_q != listed_q);
                if (beat_q == 0)
                    its_words: assert (w_data[31:0] == {28'd0, sending[3:0]});
            end
            tail_after_b:      assert (tail == {tail1_q, tail0_q});
            fence_after_b:     assert (fence == {fence1_q, fence0_q});
            irq_with_b:        assert (done == (b_valid_i && answered[5] ? 2'd1 << b_queue : 2'd0));
            error_with_b:      assert (!(|wrong) || b_valid_i && answered[4] && wrong == 2'd1 << b_queue);
            bus_error_told:    assert (failed == (b_valid_i && b_resp_i != 2'd0));
            of_an_end:         assert ((taken & ~end_valid_i) == 2'd0);
            handed_over_once:  assert (busy != 2'd0 || (begun0_q == over0_q && begun1_q == over1_q));
            one_record_each:   assert (busy != 2'd0 || (listed_q == asked_q && listed_q == sent_q && listed_q == answered_q));

            two_records:       cover (tail0_q == 2 && tail1_q == 1);
            fence_published:   cover (fence1_q == 32'd1 && tail1_q == 2);
            irq_after_fence:   cover (done != 0 && b_fence);
            full_ring_holds:   cover (used0 == 2 && busy == 0 && end_valid_i == 2'd1 && end_ready == 0);
        end
    end
endmodule

`default_nettype wire
