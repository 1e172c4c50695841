// ring_proof: every fetch is of a published descriptor and lies in the ring, for any doorbells, any memory, any size.
//
// What is published is computed here again, from the doorbells alone. The ring's base and size stand still while it runs (the
// driver's duty), the bus gives no beat that was not asked for (proved of the read port). The invariants at the end tie the
// ring's counters to what the bus has seen; with them two cycles are enough for ever.
`default_nettype none

module ring_proof #(
    // width of the bus data in bits
    parameter DATA_W        = 64,
    // bytes of a ring entry: 32 or 64
    parameter ENTRY_BYTES   = 32,
    // log2 of the descriptors fetched ahead
    parameter PREFETCH_LOG2 = 2
) (
    input wire              clk_i,
    input wire              rst_ni,
    input wire              fetch_i,
    input wire              doorbell_i,
    input wire [15:0]       doorbell_tail_i,
    input wire              ar_ready_i,
    input wire              r_valid_i,
    input wire [DATA_W-1:0] r_data_i,
    input wire [1:0]        r_resp_i,
    input wire              ready_i
);
    localparam BEATS = (ENTRY_BYTES * 8 > DATA_W) ? ENTRY_BYTES * 8 / DATA_W : 1;
    localparam DEPTH = 1 << PREFETCH_LOG2;

    (* anyconst *) wire [63:0] base;
    (* anyconst *) wire [3:0]  size_log2;

    wire [15:0] tail, head, overflows;
    wire        ar_valid;
    wire [63:0] ar_address;
    wire [7:0]  ar_len;

    ring #(.DATA_W(DATA_W), .ENTRY_BYTES(ENTRY_BYTES), .PREFETCH_LOG2(PREFETCH_LOG2)) dut (
        .clk_i           (clk_i),
        .rst_ni          (rst_ni),
        .fetch_i         (fetch_i),
        .base_i          (base),
        .size_log2_i     (size_log2),
        .doorbell_i      (doorbell_i),
        .doorbell_tail_i (doorbell_tail_i),
        .tail_o          (tail),
        .head_o          (head),
        .overflows_o     (overflows),
        .ar_valid_o      (ar_valid),
        .ar_ready_i      (ar_ready_i),
        .ar_address_o    (ar_address),
        .ar_len_o        (ar_len),
        .r_valid_i       (r_valid_i),
        .r_data_i        (r_data_i),
        .r_resp_i        (r_resp_i),
        .ready_i         (ready_i)
    );

    // joined by name when the hierarchy is flattened
    (* hierconn *) wire [15:0]              \dut.issue_q ;
    (* hierconn *) wire [3:0]               \dut.beat_q ;
    (* hierconn *) wire [PREFETCH_LOG2:0]   \dut.room_q ;
    (* hierconn *) wire [PREFETCH_LOG2:0]   \dut.u_prefetch.count_o ;
    (* hierconn *) wire                     \dut.u_prefetch.valid_i ;
    (* hierconn *) wire                     \dut.u_prefetch.ready_o ;
    wire [15:0] issue   = \dut.issue_q ;
    wire [15:0] beat    = {12'd0, \dut.beat_q };
    wire [15:0] room    = {{(15 - PREFETCH_LOG2){1'b0}}, \dut.room_q };
    wire [15:0] inside  = {{(15 - PREFETCH_LOG2){1'b0}}, \dut.u_prefetch.count_o };
    wire        enters  = \dut.u_prefetch.valid_i ;
    wire        accepts = \dut.u_prefetch.ready_o ;

    reg         started_q = 1'b0;
    reg  [15:0] published_q;            // descriptors that the doorbells so far allow to be fetched
    reg  [15:0] fetched_q;              // descriptors asked for
    reg  [15:0] owed_q;                 // beats asked for that have not come
    reg         refused_q;
    wire [16:0] size     = 17'd1 << size_log2;
    wire [15:0] claimed  = doorbell_tail_i - head;
    wire [63:0] expected = base + {48'd0, fetched_q & (size[15:0] - 16'd1)} * ENTRY_BYTES;
    wire [15:0] asked    = fetched_q - head;            // and not come: descriptors
    wire [15:0] waiting  = published_q - head;
    wire        may      = {1'b0, claimed} <= size && claimed >= waiting;

    always @(posedge clk_i) begin
        started_q <= 1'b1;
        if (!started_q)
            assume (!rst_ni);
        assume (base[5:0] == 6'd0);                     // as the register has it
        assume (!r_valid_i || (owed_q != 0 && rst_ni));

        if (!rst_ni) begin
            published_q <= 16'd0;
            fetched_q   <= 16'd0;
            owed_q      <= 16'd0;
            refused_q   <= 1'b0;
        end else begin
            if (doorbell_i && may)
                published_q <= doorbell_tail_i;
            if (ar_valid && ar_ready_i)
                fetched_q <= fetched_q + 1'b1;
            owed_q    <= owed_q + (ar_valid && ar_ready_i ? BEATS : 0) - r_valid_i;
            refused_q <= refused_q || (doorbell_i && !may);
        end

        if (started_q && rst_ni) begin
            published:       assert (tail == published_q);
            if (ar_valid) begin
                not_past_it: assert (fetch_i && (fetched_q != published_q ||
                                                 (doorbell_i && may && fetched_q != doorbell_tail_i)));
                its_place:   assert (ar_address == {expected[63:$clog2(DATA_W / 8)], {$clog2(DATA_W / 8){1'b0}}});
                in_the_ring: assert (ar_address - base < {47'd0, size} * ENTRY_BYTES);
                legal_burst: assert (ar_len == BEATS - 1 && {1'b0, ar_address[11:0]} + BEATS * DATA_W / 8 <= 13'd4096);
            end
            always_room:     assert (!enters || accepts);

            counts_fetches:  assert (issue == fetched_q);
            counts_beats:    assert (owed_q + beat == asked * BEATS && beat < BEATS);
            behind_doorbell: assert (asked <= waiting && {1'b0, waiting} <= size);
            room_adds_up:    assert (room + asked + inside == DEPTH);
            few_under_way:   assert (asked <= DEPTH && inside <= DEPTH && room <= DEPTH);

            wraps:           cover (size_log2 == 1 && ar_valid && fetched_q == 2 && ar_address == base);
            three_ahead:     cover (owed_q == 3 * BEATS);
            after_refusal:   cover (refused_q && ar_valid && fetched_q == 1);
            fetches_all:     cover (published_q == 3 && head == 3);
        end
    end
endmodule

`default_nettype wire
